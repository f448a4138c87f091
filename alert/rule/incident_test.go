package rule

import (
	"slices"
	"testing"
	"time"

	"github.com/wattwerk/wattwerk/record"
)

// TestIncidents: each time that an alert is raised is an incident of its own,
// also when it is raised again within one batch of readings, or asks something
// else then. Whoever goes on from a checkpoint, or does it all again, names them
// the same.
func TestIncidents(t *testing.T) {
	m := built(t, "sensors: [{id: a, quantity: active_power, interval: 1m}]")
	play := func(restart bool) (changes []Change, incidents []string) {
		emit := func(t Transition) {
			changes, incidents = append(changes, t.Change), append(incidents, t.Incident)
		}
		r := Rule{ID: "r", Subject: Subject{Sensor: "a"}, Condition: Condition{Kind: Above, Limit: 100}}
		e := NewEngine(emit)
		plan := func() {
			e.SetPlan(NewPlan([]Rule{r.Complete()}, m, func(string) *time.Location { return time.UTC }))
		}
		plan()
		e.Clock(1_000_000)
		at := record.Millis(990_000)
		take := func(values ...float64) {
			for _, v := range values {
				at += 1000
				e.Reading("a", at, v)
				if !restart {
					continue
				}
				data, err := e.Checkpoint()
				if err != nil {
					t.Fatal(err)
				}
				e = NewEngine(emit)
				if err := e.Restore(data); err != nil {
					t.Fatal(err)
				}
				plan()
			}
		}
		take(150, 50, 150, 50, 150)
		r.Condition.Kind = Below
		plan()
		take(50)
		return changes, incidents
	}
	changes, incidents := play(false)
	if want := []Change{Fired, Resolved, Fired, Resolved, Fired, Resolved, Fired}; !slices.Equal(changes, want) {
		t.Fatalf("got %v", changes)
	}
	raised := make(map[string]bool)
	for i, c := range changes {
		if c == Fired && raised[incidents[i]] {
			t.Errorf("%v of %v: one was raised before", changes, incidents)
		}
		if c == Fired {
			raised[incidents[i]] = true
		}
		if c == Resolved && incidents[i] != incidents[i-1] {
			t.Errorf("%v of %v: another one is over", changes, incidents)
		}
	}
	for _, restart := range []bool{false, true} {
		if _, again := play(restart); !slices.Equal(again, incidents) {
			t.Errorf("again they are %v, not %v", again, incidents)
		}
	}
}
