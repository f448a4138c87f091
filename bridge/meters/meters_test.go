package meters

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/wattwerk/wattwerk/bridge"
	"github.com/wattwerk/wattwerk/meter"
	"github.com/wattwerk/wattwerk/meter/obis"
)

// house is a telegram of everything there is to decide about.
func house() *meter.Telegram {
	return &meter.Telegram{Readings: []meter.Reading{
		{Code: obis.Import, Raw: meter.Unsigned(20431047), Scaler: -1, Unit: obis.WattHour},
		{Code: obis.Power, Raw: meter.Signed(-1250), Unit: obis.Watt},
		{Code: obis.ExportPower, Raw: meter.Unsigned(7), Unit: obis.Watt, Flags: meter.SignSuspect},
		{Code: obis.Code{0, 1, 24, 2, 1, 255}, Raw: meter.Unsigned(12785123), Scaler: -3, Unit: obis.CubicMetre},
		{Code: obis.Code{1, 0, 1, 8, 0, 3}, Raw: meter.Unsigned(1), Unit: obis.WattHour}, // of a month that is over
		{Code: obis.Code{1, 0, 96, 50, 1, 1}, Kind: meter.Text, Octets: []byte("EMH")},
		{Code: obis.Code{1, 0, 96, 5, 0, 255}, Raw: meter.Unsigned(4), Unit: obis.NoUnit},
		{Point: "101.W", Raw: meter.Unsigned(31), Scaler: 2, Unit: obis.Watt},
	}}
}

// taker runs bridges and keeps what comes out.
type taker struct {
	mu    sync.Mutex
	fails []error // for the next deliveries
	lines []string
}

func (k *taker) Take(ctx context.Context, b bridge.Bridge, messages ...*bridge.Message) (bridge.Answer, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.fails) > 0 {
		err := k.fails[0]
		k.fails = k.fails[1:]
		return bridge.Answer{}, err
	}
	for _, m := range messages {
		filtered := b.Flow.Try(m, func(r bridge.Reading, err error) {
			line := fmt.Sprintf("%d %s %s=%v %s %s", m.At, b.Name, r.Sensor, r.Value, r.Unit, r.Quantity)
			if err != nil {
				line = fmt.Sprintf("%d %s refused: %v", m.At, b.Name, err)
			}
			k.lines = append(k.lines, line)
		})
		if filtered > 0 {
			k.lines = append(k.lines, fmt.Sprintf("%d %s filtered %d", m.At, b.Name, filtered))
		}
	}
	return bridge.Answer{}, ctx.Err()
}

// read gives what came so far, and forgets it.
func (k *taker) read() []string {
	k.mu.Lock()
	defer k.mu.Unlock()
	out := k.lines
	k.lines = nil
	return out
}

// plan is a reader that does what it is told at each Read.
type plan struct {
	steps  []func(ctx context.Context, take func(*meter.Telegram)) error
	closed *int
}

func (p *plan) Read(ctx context.Context, take func(*meter.Telegram)) error {
	if len(p.steps) == 0 {
		<-ctx.Done()
		return ctx.Err()
	}
	step := p.steps[0]
	p.steps = p.steps[1:]
	return step(ctx, take)
}

func (p *plan) Close() error { *p.closed++; return nil }

func says(t *meter.Telegram) func(context.Context, func(*meter.Telegram)) error {
	return func(_ context.Context, take func(*meter.Telegram)) error { take(t); return nil }
}

func fails(err error) func(context.Context, func(*meter.Telegram)) error {
	return func(context.Context, func(*meter.Telegram)) error { return err }
}

// one is a telegram of one reading, said after a pause.
func one(after time.Duration, watts uint64) func(context.Context, func(*meter.Telegram)) error {
	return func(ctx context.Context, take func(*meter.Telegram)) error {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(after):
		}
		take(&meter.Telegram{Readings: []meter.Reading{{Code: obis.Power, Raw: meter.Unsigned(watts), Unit: obis.Watt}}})
		return nil
	}
}

type steps = []func(context.Context, func(*meter.Telegram)) error

// start runs a service of one meter in a bubble, whose clock begins at 0.
func start(t *testing.T, m Meter, k *taker, all steps) (s *Service, closed *int, end func()) {
	t.Helper()
	closed = new(int)
	p := &plan{all, closed}
	if m.Open == nil {
		m.Open = func() (meter.Reader, error) { return p, nil }
	}
	began := time.Now()
	s, err := New(Options{
		Bridge: k, Meters: []Meter{m}, Registerer: prometheus.NewRegistry(),
		Now: func() time.Time { return time.UnixMilli(1_000_000).Add(time.Since(began)) },
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	return s, closed, func() {
		t.Helper()
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

func TestReadings(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := new(taker)
		_, closed, end := start(t, Meter{Name: "Haus 1"}, k, steps{says(house())})
		synctest.Wait()
		want := []string{
			"1000000 meter-haus-1 Haus 1.1.8.0=2.0431047e+06 W.h energy",
			"1000000 meter-haus-1 Haus 1.16.7.0=-1250 W active_power",
			"1000000 meter-haus-1 refused: its sign contradicts the meter's own counters or status: whether energy is drawn or fed in is not known",
			"1000000 meter-haus-1 Haus 1.0-1:24.2.1=12785.123 m3 volume",
			"1000000 meter-haus-1 Haus 1.101.W=3100 W active_power",
			"1000000 meter-haus-1 filtered 3",
		}
		if d := cmp.Diff(want, k.read()); d != "" {
			t.Error(d)
		}
		if end(); *closed != 1 {
			t.Errorf("closed %d times", *closed)
		}
	})
}

// A meter that sends more often than its readings are wanted is thinned, and
// what is left out is counted.
func TestEveryOfOneThatSends(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := new(taker)
		_, _, end := start(t, Meter{Name: "m", Every: 10 * time.Second}, k, steps{one(4*time.Second, 1), one(4*time.Second, 2), one(4*time.Second, 3), one(4*time.Second, 4)})
		time.Sleep(time.Minute)
		want := []string{
			"1004000 meter-m m.16.7.0=1 W active_power", "1008000 meter-m filtered 1", "1012000 meter-m filtered 1", "1016000 meter-m m.16.7.0=4 W active_power",
		}
		if d := cmp.Diff(want, k.read()); d != "" {
			t.Error(d)
		}
		end()
	})
}

// One that is asked is asked at a fixed pace, however long its answers take.
func TestEveryOfOneThatIsAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := new(taker)
		_, _, end := start(t, Meter{Name: "m", Asked: true, Every: 10 * time.Second}, k, steps{one(2*time.Second, 1), one(25*time.Second, 2), one(time.Second, 3), one(0, 4)})
		time.Sleep(time.Minute)
		want := []string{
			"1002000 meter-m m.16.7.0=1 W active_power", "1035000 meter-m m.16.7.0=2 W active_power",
			"1036000 meter-m m.16.7.0=3 W active_power", "1045000 meter-m m.16.7.0=4 W active_power",
		}
		if d := cmp.Diff(want, k.read()); d != "" {
			t.Error(d)
		}
		end()
	})
}

// While the bus takes nothing, what was read waits, and nothing is read.
func TestTheBusIsAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		away := errors.New("away")
		k := &taker{fails: []error{away, away, away}}
		_, _, end := start(t, Meter{Name: "m"}, k, steps{one(0, 1), one(0, 2)})
		time.Sleep(2500 * time.Millisecond)
		if got := k.read(); len(got) > 0 {
			t.Errorf("stored while it was away: %q", got)
		}
		time.Sleep(time.Second)
		if d := cmp.Diff([]string{"1000000 meter-m m.16.7.0=1 W active_power", "1003000 meter-m m.16.7.0=2 W active_power"}, k.read()); d != "" {
			t.Error(d)
		}
		end()
	})
}

// A meter that cannot be read is tried again and again, and told.
func TestUnreadable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := new(taker)
		gone := errors.New("open /dev/ttyUSB0: no such file or directory")
		s, _, end := start(t, Meter{Name: "m", Address: "/dev/ttyUSB0"}, k, steps{fails(gone), fails(gone), fails(gone), one(0, 5), fails(gone)})
		synctest.Wait()
		since := time.UnixMilli(1_000_000)
		if d := cmp.Diff([]Broken{{Name: "m", Address: "/dev/ttyUSB0", Why: gone.Error(), Since: since}}, s.Broken()); d != "" {
			t.Error(d)
		}
		time.Sleep(6900 * time.Millisecond) // 1 + 2 + 4 s
		if got := k.read(); len(got) > 0 || testutil.ToFloat64(s.up.WithLabelValues("m")) != 0 || testutil.ToFloat64(s.failures.WithLabelValues("m")) != 3 {
			t.Errorf("read %q, failures %v", got, testutil.ToFloat64(s.failures.WithLabelValues("m")))
		}
		time.Sleep(200 * time.Millisecond)
		if d := cmp.Diff([]string{"1007000 meter-m m.16.7.0=5 W active_power"}, k.read()); d != "" {
			t.Error(d)
		}
		// The last failure began anew: the pause is short again.
		if b := s.Broken(); len(b) != 1 || !b[0].Since.Equal(since.Add(7*time.Second)) {
			t.Errorf("broken: %v", b)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		end()
		if b := s.Broken(); len(b) > 0 {
			t.Errorf("broken at the end: %v", b)
		}
	})
}

// A meter that says nothing is no meter that was read.
func TestSilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _, end := start(t, Meter{Name: "m"}, new(taker), nil)
		time.Sleep(readWithin + time.Second)
		if b := s.Broken(); len(b) != 1 || !strings.Contains(b[0].Why, "deadline") {
			t.Errorf("broken: %v", b)
		}
		end()
	})
}

// Meters of the network are read by one process; those at a port here by this one.
func TestExclusive(t *testing.T) {
	var mu sync.Mutex
	var names []string
	opened := make(chan struct{})
	open := func() (meter.Reader, error) { close(opened); return &plan{closed: new(int)}, nil }
	s, err := New(Options{
		Bridge: new(taker), Meters: []Meter{{Name: "far", Address: "tcp://x:1", Open: open}, {Name: "near", Address: "/dev/ttyUSB0", Here: true, Open: open}},
		Exclusive: func(ctx context.Context, name string, _ func(context.Context) error) error {
			mu.Lock()
			names = append(names, name)
			mu.Unlock()
			<-ctx.Done()
			return nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	<-opened
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if len(names) != 1 || strings.Trim(names[0], "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
		t.Errorf("exclusive: %q", names)
	}
}

func TestNewRefuses(t *testing.T) {
	open := func() (meter.Reader, error) { return nil, nil }
	for says, ms := range map[string][]Meter{
		"needs a name": {{Open: open}}, "nothing opens": {{Name: "a"}}, "how often": {{Name: "a", Open: open, Asked: true}},
		"two are called": {{Name: "a", Open: open}, {Name: "a", Open: open}}, "at most": slices.Repeat([]Meter{{}}, MaxMeters+1),
		`meter "\n"`: {{Name: "\n", Open: open}},
	} {
		if _, err := New(Options{Bridge: new(taker), Meters: ms}); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", says, err)
		}
	}
	if _, err := New(Options{}); err == nil {
		t.Error("without a bridge")
	}
}
