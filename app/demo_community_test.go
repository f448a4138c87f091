package app

import (
	"testing"
	"time"

	"github.com/wattwerk/wattwerk/demo"
	"github.com/wattwerk/wattwerk/record"
)

// TestCommunity holds the made-up readings to the model: all of its sensors and no others say
// something, counters never go back, what is silent is silent and what is stuck is stuck, and
// another start says the same of the same times.
func TestCommunity(t *testing.T) {
	now := record.MillisOf(time.Date(2026, 11, 29, 14, 7, 0, 0, time.UTC))
	c, later := newCommunity(now), newCommunity(now+record.Millis((26*time.Hour).Milliseconds()))
	d, err := demo.Model()
	if err != nil {
		t.Fatal(err)
	}
	want := make(map[string]record.Quantity)
	for _, s := range d.Sensors {
		if s.Site == "community" {
			want[string(s.ID)] = s.Quantity
		}
	}
	for i := range c.sensors {
		s := &c.sensors[i]
		if want[s.id] != s.quantity {
			t.Errorf("%s measures %q, by the model %q", s.id, s.quantity, want[s.id])
		}
		delete(want, s.id)
		prev := -1.0
		for at := now/communityStep*communityStep - 40*24*4*communityStep; at <= now; at += communityStep {
			v := c.value(s, at)
			if s.counted != nil && v < prev {
				t.Fatalf("%s goes back from %v to %v", s.id, prev, v)
			}
			if s.id != fanStuck && v != later.value(&later.sensors[i], at) {
				t.Fatalf("%s at %v is another after another start", s.id, at.Time())
			}
			if s.id == fanStuck && at >= c.stuck && v != c.value(s, c.stuck) {
				t.Fatalf("%s is not stuck at %v", s.id, at.Time())
			}
			prev = v
		}
	}
	if len(want) > 0 {
		t.Errorf("of the model, %v say nothing", want)
	}
	if c.since != later.since || now-c.since < 14*24*4*communityStep {
		t.Errorf("the measure is in force since %v, or %v", c.since.Time(), later.since.Time())
	}
	for _, r := range c.readings(now-20*communityStep, now) {
		if r.Sensor == roofSilent {
			t.Errorf("the silent roof said %v at %v", r.Value, r.Time.Time())
		}
	}
	if last := c.last(); last.Sensor != roofSilent || now-last.Time < record.Millis(communitySilent.Milliseconds()) {
		t.Errorf("its last reading is %+v", last)
	}
}
