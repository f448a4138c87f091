package pulse

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/wattwerk/wattwerk/meter"
	"github.com/wattwerk/wattwerk/meter/obis"
)

const ms = time.Millisecond

func counter(t *testing.T, o Options) *Counter {
	t.Helper()
	c, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func read(c *Counter, now time.Duration) (energy, power string) {
	var m meter.Telegram
	c.Read(now, &m)
	for _, r := range m.Readings {
		text := string(r.Raw.AppendDecimal(nil, r.Scaler)) + r.Unit.Symbol()
		if r.Code.IsPower() {
			power = text
		} else {
			energy = text
		}
	}
	return energy, power
}

func TestPulses(t *testing.T) {
	c := counter(t, Options{PerKWh: 800, Total: 8})
	if energy, power := read(c, 0); energy != "10Wh" || power != "" {
		t.Errorf("before the first: %s, %q", energy, power)
	}
	for i := range time.Duration(3) { // 3.6 s apart: 1250 W
		at := time.Second + i*3600*ms
		if c.Edge(true, at) || !c.Edge(false, at+30*ms) {
			t.Errorf("pulse %d was not counted at its end", i)
		}
	}
	last := time.Second + 2*3600*ms
	if energy, power := read(c, last+time.Second); energy != "13.75Wh" || power != "1250W" {
		t.Errorf("got %s, %s", energy, power)
	}
	if _, power := read(c, last+7200*ms); power != "625W" {
		t.Errorf("after a silence: %s", power)
	}
}

func TestWhatIsNoPulse(t *testing.T) {
	c := counter(t, Options{PerKWh: 1000})
	at := time.Second
	for i, step := range []struct {
		closed bool
		after  time.Duration
		counts bool
	}{
		{true, 0, false}, {false, 2 * ms, false}, {true, 1 * ms, false}, {false, 1 * ms, false}, // bounces
		{true, 1 * ms, false}, {true, 5 * ms, false}, {false, 25 * ms, true}, // and stays, then opens
		{false, 10 * ms, false},
		{true, 500 * ms, false}, {false, 19 * ms, false}, // a disturbance
		{true, 500 * ms, false}, {false, 20 * ms, true},
	} {
		at += step.after
		if got := c.Edge(step.closed, at); got != step.counts {
			t.Errorf("edge %d: counted %v", i, got)
		}
	}
	if c.Total() != 2 {
		t.Errorf("%d pulses", c.Total())
	}
}

// TestNothingAddsUp: a constant that does not divide gives the energy of the total.
func TestNothingAddsUp(t *testing.T) {
	for _, perKWh := range []uint32{1, 375, 999, 1000, 10000, most} {
		c := counter(t, Options{PerKWh: perKWh, Total: uint64(perKWh) * 123456})
		var m meter.Telegram
		c.Read(0, &m)
		if r := m.Find(obis.Import); r == nil || r.Raw != meter.Unsigned(123456*1_000_000) || r.Scaler != -3 {
			t.Errorf("%d: got %+v", perKWh, r)
		}
	}
}

func TestOptions(t *testing.T) {
	for _, o := range []Options{{}, {PerKWh: most + 1}, {PerKWh: 1, Shortest: -1}} {
		if _, err := New(o); err == nil {
			t.Errorf("%+v is taken", o)
		}
	}
	c := counter(t, Options{PerKWh: 1000, Export: true, Total: 1})
	var m meter.Telegram
	c.Read(0, &m)
	if m.Find(obis.Export) == nil || m.Find(obis.Import) != nil {
		t.Errorf("got %+v", m.Readings)
	}
}

func FuzzCounter(f *testing.F) {
	f.Add(uint64(1), uint32(1000))
	f.Fuzz(func(t *testing.T, seed uint64, perKWh uint32) {
		c, err := New(Options{PerKWh: perKWh%most + 1})
		if err != nil {
			t.Fatal(err)
		}
		random := rand.New(rand.NewPCG(seed, 1))
		at, before := time.Duration(0), uint64(0)
		for range 1000 {
			at += time.Duration(random.Int64N(int64(time.Second)))
			c.Edge(random.IntN(2) == 0, at)
			var m meter.Telegram
			c.Read(at, &m)
			if n := m.Readings[0].Raw.Abs(); n < before {
				t.Fatalf("the counter goes back from %d to %d", before, n)
			} else {
				before = n
			}
		}
	})
}
