package meters

import (
	"context"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wattwerk/wattwerk/meter"
	"github.com/wattwerk/wattwerk/meter/kind"
	"github.com/wattwerk/wattwerk/meter/obis"
	"github.com/wattwerk/wattwerk/meter/sml"
	"github.com/wattwerk/wattwerk/sim/load"
	"github.com/wattwerk/wattwerk/sim/noise"
)

var begin = time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)

func make1(t *testing.T, o Options) *Meter {
	t.Helper()
	if o.Curve == nil {
		o.Curve = load.Household{Seed: 3, PV: 8000}
	}
	o.Begin, o.From = begin, load.State{Import: 12_345_678 * wattHour, Export: 1_000 * wattHour}
	m, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// check compares what was read with what the meter has counted, to the last digit that it tells.
func check(t *testing.T, name string, m *Meter, got *meter.Telegram, digit uint64) {
	t.Helper()
	s := m.State()
	for code, want := range map[obis.Code]uint64{obis.Import: s.Import, obis.Export: s.Export} {
		r := got.Find(code)
		if r == nil {
			code[4] = 1 // a tariff; the others are 0
			r = got.Find(code)
		}
		if r == nil {
			if code[2] == obis.Import[2] {
				t.Errorf("%s: there is no %s", name, code)
			}
			continue
		}
		if want := float64(want/digit*digit) / wattHour; r.Value() != want || r.Unit != obis.WattHour {
			t.Errorf("%s: %s is %v %s, want %v", name, code, r.Value(), r.Unit.Symbol(), want)
		}
	}
}

// TestModels: each model of SML says what it has counted, at any time of a day.
func TestModels(t *testing.T) {
	for _, model := range Models() {
		at := begin
		m := make1(t, Options{Kind: "sml", Model: model, Serial: 77, Now: func() time.Time { return at }})
		d := sml.NewDecoder()
		telegrams := 0
		for ; at.Before(begin.Add(24 * time.Hour)); at = at.Add(7 * time.Minute) {
			d.Feed(m.Telegram(), func(got *meter.Telegram) {
				telegrams++
				if model == "OldEHZ" {
					return // it counts from 1.8.0 as others, but says its power alone
				}
				check(t, model, m, got, tenth)
				if r := got.Find(obis.Power); r != nil && r.Raw.Sign() != 0 && (r.Raw.Sign() < 0) != (m.State().Power < 0) {
					t.Errorf("%s: %s W at %v, where it measures %d mW", model, r.Raw, at, m.State().Power)
				}
				if got.Meter[len(got.Meter)-1] != 77 {
					t.Errorf("%s: it is %x", model, got.Meter)
				}
			})
		}
		if telegrams != 206 {
			t.Errorf("%s: %d telegrams", model, telegrams)
		}
	}
}

// TestPace: a telegram takes as long as a serial line takes for it, and comes when it should.
func TestPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := make1(t, Options{Kind: "sml", Now: func() time.Time { return begin }})
		here, there := net.Pipe()
		done := make(chan error, 1)
		ctx, cancel := context.WithCancel(t.Context())
		go func() { done <- m.Serve(ctx, there, Pace{Every: 2 * time.Second}) }()
		size := len(m.Telegram())
		began := time.Now()
		buf := make([]byte, size)
		for n := range 3 {
			if _, err := io.ReadFull(here, buf); err != nil {
				t.Error(err)
			}
			want := time.Duration(n)*2*time.Second + time.Duration(size/piece*piece)*10*time.Second/9600
			if got := time.Since(began); got < want-time.Second/20 || got > want+time.Second/20 {
				t.Errorf("telegram %d of %d bytes is there after %v, want %v", n, size, got, want)
			}
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// TestNoise: what is read through noise is right, and some of it is read.
func TestNoise(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := make1(t, Options{Kind: "sml", Model: "MT681", Now: func() time.Time { return begin }})
		here, there := net.Pipe()
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Second-time.Millisecond)
		defer cancel()
		done := make(chan error, 1)
		go func() {
			done <- m.Serve(ctx, there, Pace{Noise: noise.Options{Loss: 1e-3, Flip: 1e-4, Burst: 1e-4, Seed: 1}})
		}()
		d, telegrams := sml.NewDecoder(), 0
		buf := make([]byte, 100)
		for {
			n, err := here.Read(buf)
			d.Feed(buf[:n], func(got *meter.Telegram) {
				telegrams++
				if got.Find(obis.Import) != nil {
					check(t, "noisy", m, got, tenth)
				}
			})
			if err != nil {
				break
			}
		}
		if telegrams < 180 || telegrams > 299 {
			t.Errorf("%d of 300 telegrams are read", telegrams)
		}
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// TestEveryKind is read as it would be by "wattwerk meter read", over TCP and from a pseudo terminal.
func TestEveryKind(t *testing.T) {
	for _, name := range Kinds() {
		o := Options{Kind: name, Serial: 5, Now: func() time.Time { return begin.Add(10*time.Hour + 3*time.Second) }}
		for _, place := range []string{"tcp", "terminal"} {
			m := make1(t, o)
			ctx, cancel := context.WithCancel(t.Context())
			done := make(chan error, 1)
			address := filepath.Join(t.TempDir(), "meter")
			if place == "tcp" {
				l, err := net.Listen("tcp", "127.0.0.1:0")
				if err != nil {
					t.Fatal(err)
				}
				address = "tcp://" + l.Addr().String()
				go func() { done <- m.TCP(ctx, l, Pace{Fast: true, Every: 20 * time.Millisecond}, Outage{}) }()
			} else {
				ready := make(chan struct{})
				go func() {
					done <- m.Terminal(ctx, address, Pace{Fast: true, Every: 20 * time.Millisecond}, Outage{}, func() { close(ready) })
				}()
				select {
				case <-ready:
				case err := <-done:
					t.Fatal(err)
				}
			}
			r, err := kind.NewReader(kind.Settings{Kind: name, Address: address})
			if err != nil {
				t.Fatal(err)
			}
			for range 2 {
				digit := uint64(wattHour)
				if name == "sml" {
					digit = tenth
				}
				if err := r.Read(t.Context(), func(got *meter.Telegram) {
					if name != "sunspec" || got.Find(obis.Import) != nil {
						check(t, name+" by "+place, m, got, digit)
					}
				}); err != nil {
					t.Errorf("%s by %s: %v", name, place, err)
				}
			}
			if err := r.Close(); err != nil {
				t.Error(err)
			}
			cancel()
			if err := <-done; err != nil {
				t.Errorf("%s by %s: %v", name, place, err)
			}
			if _, err := os.Lstat(address); place == "terminal" && !os.IsNotExist(err) {
				t.Errorf("the link is left: %v", err)
			}
		}
	}
}

// TestUnplugged: a meter that is unplugged is gone, and can be read again when it is back.
func TestUnplugged(t *testing.T) {
	m := make1(t, Options{Kind: "sml"})
	link := filepath.Join(t.TempDir(), "meter")
	ctx, cancel := context.WithCancel(t.Context())
	done, ready := make(chan error, 1), make(chan struct{})
	go func() {
		done <- m.Terminal(ctx, link, Pace{Fast: true, Every: 10 * time.Millisecond}, Outage{300 * time.Millisecond, 100 * time.Millisecond}, func() { close(ready) })
	}()
	select {
	case <-ready:
	case err := <-done:
		t.Fatal(err)
	}
	r, err := kind.NewReader(kind.Settings{Kind: "sml", Address: link})
	if err != nil {
		t.Fatal(err)
	}
	// It is read, until it is gone, and again: three times. However slow this is, outages do not end.
	for changes, was := 0, false; changes < 6; {
		got := r.Read(t.Context(), func(*meter.Telegram) {}) == nil
		if got != was {
			changes, was = changes+1, got
		}
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// TestLight: the button is reached through its own channel, and what it opens is told.
func TestLight(t *testing.T) {
	m := make1(t, Options{Kind: "sml", Model: "EASY", Locked: true, PIN: "4711"})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- m.Illuminate(ctx, l) }()
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	for _, c1 := range []string{"1", "0", "x1"} {
		if _, err := io.WriteString(c, c1); err != nil {
			t.Error(err)
		}
		var b [1]byte
		if _, err := io.ReadFull(c, b[:]); err != nil || b[0] != c1[len(c1)-1] {
			t.Errorf("%s is answered by %c, %v", c1, b[0], err)
		}
		if m.display.Lit() != (b[0] == '1') {
			t.Errorf("%s: lit is %v", c1, m.display.Lit())
		}
	}
	if err := c.Close(); err != nil { // takes the light along
		t.Error(err)
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if m.display.Lit() {
		t.Error("who has hung up lights it")
	}
}

// TestLocked: a locked meter tells so, and all once its PIN was entered.
func TestLocked(t *testing.T) {
	for _, model := range []string{"MT681", "MT175", "EHZ", "DD3", "EASY"} {
		synctest.Test(t, func(t *testing.T) {
			m := make1(t, Options{Kind: "sml", Model: model, Locked: true, PIN: "0210", Now: func() time.Time { return begin.Add(12 * time.Hour) }})
			lock := func() (l meter.Lock) {
				sml.NewDecoder().Feed(m.Telegram(), func(got *meter.Telegram) {
					l = got.Lock
					if r := got.Find(obis.Import); l == meter.LockShut && r.Value() != float64(m.State().Import/(1000*wattHour)*1000) {
						t.Errorf("%s: locked it tells %v", model, r.Value())
					}
				})
				return l
			}
			if got := lock(); got != meter.LockShut {
				t.Errorf("%s: at first %v", model, got)
			}
			flash := func(n int) {
				for range n {
					m.Light(true)
					time.Sleep(400 * time.Millisecond)
					m.Light(false)
					time.Sleep(300 * time.Millisecond)
				}
			}
			flash(2)
			time.Sleep(3500 * time.Millisecond)
			for _, digit := range []int{2, 1, 0} {
				flash(digit)
				time.Sleep(3 * time.Second)
			}
			if got := lock(); got != meter.LockOpen {
				t.Errorf("%s: with its PIN %v, %+v", model, got, m.View())
			}
		})
	}
}

func TestOptions(t *testing.T) {
	curve := load.Household{}
	for says, o := range map[string]Options{
		"no curve":                      {Kind: "sml"},
		"kind":                          {Kind: "morse", Curve: curve},
		"have no model":                 {Kind: "dsmr", Model: "MT681", Curve: curve},
		"are not locked":                {Kind: "dsmr", Locked: true, Curve: curve},
		"of the model":                  {Kind: "sml", Model: "XY", Curve: curve},
		"how the display of a \"DZG\"":  {Kind: "sml", Model: "DZG", Locked: true, Curve: curve},
		"a simulated meter has four di": {Kind: "sml", Model: "EHZ", Locked: true, PIN: "12345", Curve: curve},
	} {
		if _, err := New(o); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("got %v, want %q", err, says)
		}
	}
	if m := make1(t, Options{Kind: "sunspec"}); m.Telegram() != nil || m.Pushes() {
		t.Error("a meter that is asked sends on its own")
	}
}
