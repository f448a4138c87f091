package edge_test

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/wattwerk/wattwerk/edge"
	"github.com/wattwerk/wattwerk/edge/slot"
	"github.com/wattwerk/wattwerk/internal/linktest"
	"github.com/wattwerk/wattwerk/internal/smltest"
	"github.com/wattwerk/wattwerk/meter"
	"github.com/wattwerk/wattwerk/meter/kind"
	"github.com/wattwerk/wattwerk/survey/household"
	"github.com/wattwerk/wattwerk/survey/target"
)

// loss is the share of bytes that get lost between a meter and its device.
const loss = 0.002

// gauge is a meter and the way to its device. It sends once in each turn of the field, as often as it takes.
type gauge struct {
	f      *field
	number int
	model  smltest.Model
	r      *rand.Rand
	d      meter.Decoder
	turn   int
}

// telegram is what the meter shows in a quarter of an hour: its import is the number of the quarter.
func (g *gauge) telegram(quarter int64) []byte {
	out := g.model.Telegram(smltest.State{Import: uint64(quarter), Export: uint64(g.number), Power: 12_300, Seconds: uint32(quarter), Number: uint32(quarter)}, false)
	return slices.DeleteFunc(out, func(byte) bool { return g.r.Float64() < loss })
}

// Read waits for the next turn.
func (g *gauge) Read(ctx context.Context, take func(*meter.Telegram)) error {
	if err := g.f.wait(ctx, g.turn); err != nil {
		return err
	}
	g.f.mu.Lock() // the clock stands while a telegram arrives
	defer g.f.mu.Unlock()
	g.turn = g.f.turn
	g.d.Flush(func(*meter.Telegram) {}) // as after any pause
	for taken := 0; taken < 2; {        // the second is not measured: the first stands for the slot
		g.d.Feed(g.telegram(g.f.now().Unix()/900), func(t *meter.Telegram) {
			taken++
			take(t)
		})
	}
	return nil
}

func (*gauge) Close() error { return nil }

// field is a field test: households with their devices, and a clock that goes from quarter to quarter.
type field struct {
	*world
	r     *rand.Rand
	homes []*home

	mu   sync.Mutex
	turn int
	next chan struct{} // closed when the next turn begins
}

// home is a household of the field test.
type home struct {
	household.Household

	link   *linktest.Link
	cut    int // quarters for which its link is still cut
	dir    string
	device *edge.Service
	stop   func()
}

// wait waits until another turn than one has begun.
func (f *field) wait(ctx context.Context, turn int) error {
	for {
		f.mu.Lock()
		begun, next := f.turn != turn, f.next
		f.mu.Unlock()
		if begun {
			return nil
		}
		select {
		case <-next:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// begin lets some time pass, and has the meters send.
func (f *field) begin(passes time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.ahead.Add(int64(passes))
	f.turn++
	close(f.next)
	f.next = make(chan struct{})
}

// run starts the device of a household.
func (f *field) run(h *home) {
	f.t.Helper()
	o := edge.Options{Dir: h.dir, URL: "https://" + h.link.Addr(), Roots: f.roots, Slots: slot.Settings{Collect: time.Millisecond}, Version: "field", Now: f.now, Tick: 5 * time.Millisecond}
	for i, m := range h.Meters {
		model, ok := smltest.Find(m.Model)
		if !ok {
			f.t.Fatal(m.Model)
		}
		seed := f.r.Uint64()
		o.Meters = append(o.Meters, edge.Meter{ID: m.ID, Open: func() (meter.Reader, error) {
			d, err := kind.NewDecoder("sml")
			return &gauge{f: f, number: i, model: model, r: rand.New(rand.NewPCG(seed, 1)), d: d}, err
		}})
	}
	s, err := edge.New(o)
	if err != nil {
		f.t.Fatal(err)
	}
	h.device, h.stop = s, f.background(s.Run)
}

// quarter lets the clock go to the next quarter of an hour, and waits until each device has measured.
func (f *field) quarter() {
	f.t.Helper()
	at := f.now().Truncate(household.Quarter).Add(household.Quarter)
	f.begin(at.Add(5 * time.Second).Sub(f.now()))
	polls := 0
	f.soon("measurements at "+at.Format(time.RFC3339), func() bool {
		polls++
		done, passes := true, time.Duration(0)
		for _, h := range f.homes {
			st := h.device.Status()
			if st.Enrolled && !st.Sender.Measuring && polls%50 == 0 {
				// The clock was changed while it was compared with that of the service; it is compared again in a minute.
				passes = time.Minute
				h.device.Flush()
			}
			done = done && st.Sender.Measuring && st.Pending == 0 && !slices.ContainsFunc(st.Meters, func(m edge.MeterStatus) bool { return !m.Slot.After(at) })
		}
		if !done && polls%50 == 0 {
			f.begin(passes) // the meters go on sending
		}
		return done
	})
	if f.now().Sub(at) > household.Quarter {
		f.t.Fatalf("%v has passed before all have measured", at)
	}
}

// soon waits for something that comes within milliseconds.
func (f *field) soon(what string, done func() bool) {
	f.t.Helper()
	for deadline := time.Now().Add(2 * time.Minute); !done(); <-time.After(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			f.t.Fatalf("%s did not come to be", what)
		}
	}
}

// send has the devices send what they have.
func (f *field) send() {
	f.t.Helper()
	f.soon("sending", func() bool {
		done := true
		for _, h := range f.homes {
			if h.cut == 0 && h.device.Status().Buffer.Measurements > 0 {
				h.device.Flush()
				done = false
			}
		}
		return done
	})
}

// TestField is the field test of the thesis with its clock turned fast: 8 devices with 10 meters, three weeks, devices that are
// restarted, links that are cut for hours, bytes that get lost. Every quarter of an hour of every meter is measured, once, and with
// what the meter showed then; every hour of every device is reported.
func TestField(t *testing.T) {
	const days = fieldDays
	w := start(t, "MT175")
	w.ahead.Store(int64(-(days + 1) * 24 * time.Hour)) // certificates are good in all of it
	f := &field{world: w, r: rand.New(rand.NewPCG(uint64(len(t.Name())), 2)), next: make(chan struct{})}
	// Its files are where writing is quick, if there is such a place: it writes as a year of a device does.
	dir, err := os.MkdirTemp(memory(), "field")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	for i := range 8 {
		reg := household.Registration{Meters: []household.Meter{{Model: []string{"MT175", "EASY", "EHZ", "DD3"}[i%4]}}}
		if i >= 6 {
			reg.Meters = append(reg.Meters, household.Meter{Model: "MT681"})
		}
		hh, err := w.store.Register(t.Context(), reg, "test")
		if err != nil {
			t.Fatal(err)
		}
		h := &home{Household: hh, link: linktest.New(t, w.addr), dir: filepath.Join(dir, fmt.Sprint(i))}
		token, _, err := w.store.Token(t.Context(), hh.Devices[0].ID, "test")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := edge.Enrol(t.Context(), edge.Enrolment{Dir: h.dir, URL: "https://" + w.addr, Roots: w.roots, Token: token}); err != nil {
			t.Fatal(err)
		}
		f.run(h)
		f.homes = append(f.homes, h)
		w.until("the consent", func() bool { _, err := h.device.Grant(t.Context(), "2026-1"); return err == nil })
	}
	restarts, cuts := 0, 0
	for q := range days * 96 {
		for _, h := range f.homes {
			if h.cut > 0 {
				if h.cut--; h.cut == 0 {
					h.link.Heal()
				}
			}
			switch f.r.IntN(400) {
			case 0:
				h.stop()
				f.run(h)
				restarts++
			case 1:
				if h.cut == 0 {
					h.link.Cut()
					h.cut = 4 + f.r.IntN(40)
					cuts++
				}
			}
		}
		f.quarter()
		if q%4 == 3 {
			f.send()
		}
	}
	for _, h := range f.homes {
		h.cut = 0
		h.link.Heal()
	}
	f.send()
	for _, h := range f.homes {
		h.stop()
	}
	t.Logf("%d restarts, %d links cut", restarts, cuts)
	if restarts < 2 || cuts < 2 {
		t.Error("little has happened")
	}
	to := f.now().Truncate(time.Hour)
	report, err := target.New(context.WithoutCancel(t.Context()), w.store, target.Options{To: to, Every: "week", Now: to.Add(target.Settling)})
	if err != nil {
		t.Fatal(err)
	}
	if len(report.Meters) != 10 || len(report.Devices) != 8 {
		t.Errorf("%d meters, %d devices", len(report.Meters), len(report.Devices))
	}
	for what, x := range map[string]target.Target{"measured": report.Measured, "reported": report.Reported} {
		if x.Reached != x.Expected || x.Expected < map[string]int{"measured": 10 * (days*96 - 8), "reported": 8 * (days*24 - 2)}[what] {
			t.Errorf("%s: %d of %d", what, x.Reached, x.Expected)
		}
	}
	for _, m := range report.Meters {
		if m.Measured.Reached != m.Measured.Expected {
			t.Errorf("meter %s (%s): %d of %d, %+v", m.Meter, m.Model, m.Measured.Reached, m.Measured.Expected, m.Parts)
		}
	}
	for _, h := range f.homes {
		for _, m := range h.Meters {
			all, err := w.store.Measurements(context.WithoutCancel(t.Context()), h.ID, m.ID, time.Unix(0, 0), to.Add(time.Hour), 1_000_000)
			if err != nil {
				t.Fatal(err)
			}
			have := make(map[int64]bool)
			for _, x := range all {
				have[x.Slot.Unix()] = true
				if want := float64(x.Slot.Unix()/900) / 10; x.OBIS == "0100010800ff" && math.Abs(x.Value()-want) > 0.001 {
					t.Fatalf("%s at %v: %v, and the meter showed %v", m.Model, x.Slot, x.Value(), want)
				}
			}
			for at := all[0].Slot; at.Before(to); at = at.Add(household.Quarter) {
				if !have[at.Unix()] {
					t.Errorf("%s has nothing at %v; the first is at %v", m.Model, at, all[0].Slot)
				}
			}
		}
	}
	w.once()
}

// memory is a directory whose files are in memory; empty: that for temporary files.
func memory() string {
	if s, err := os.Stat("/dev/shm"); err == nil && s.IsDir() {
		return "/dev/shm"
	}
	return ""
}
