package rule

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/wattwerk/wattwerk/model"
	"github.com/wattwerk/wattwerk/record"
)

func TestValidate(t *testing.T) {
	one := 1.0
	for want, r := range map[string]Rule{
		"rule identifier is empty":                     {Subject: Subject{Sensor: "a"}, Condition: Condition{Kind: Above}},
		"exactly one of sensor, group and below":       {ID: "x", Condition: Condition{Kind: Above}},
		"kind \"odd\" is unknown":                      {ID: "x", Subject: Subject{Sensor: "a"}, Condition: Condition{Kind: "odd"}},
		"only a group has meter":                       {ID: "x", Subject: Subject{Sensor: "a"}, Condition: Condition{Kind: Above, Of: Meter}},
		"only a group has coverage":                    {ID: "x", Subject: Subject{Sensor: "a"}, Condition: Condition{Kind: Coverage, Limit: 0.5}},
		"above 0 and at most 1":                        {ID: "x", Subject: Subject{Group: "a"}, Condition: Condition{Kind: Coverage, Limit: 50}},
		"must not be above the limit":                  {ID: "x", Subject: Subject{Group: "a"}, Condition: Condition{Kind: Above, Clear: &one}},
		"must not be below the limit":                  {ID: "x", Subject: Subject{Group: "a"}, Condition: Condition{Kind: Below, Limit: 2, Clear: &one}},
		"it must divide an hour":                       {ID: "x", Subject: Subject{Group: "a"}, Condition: Condition{Kind: Demand, Window: model.Duration(7 * time.Minute)}},
		"condition.period is none of day, week, month": {ID: "x", Subject: Subject{Group: "a"}, Condition: Condition{Kind: Budget}},
		"is not a time of the day":                     {ID: "x", Subject: Subject{Group: "a"}, Condition: Condition{Kind: Above}, Quiet: []Quiet{{From: "6", To: "07:00"}}},
		"is none of info, warning, critical":           {ID: "x", Severity: "bad", Subject: Subject{Group: "a"}, Condition: Condition{Kind: Above}},
		"repeat is 1s":                                 {ID: "x", Repeat: model.Duration(time.Second), Subject: Subject{Group: "a"}, Condition: Condition{Kind: Above}},
		"goes with the power factor of one sensor":     {ID: "x", Subject: Subject{Group: "a"}, Condition: Condition{Kind: Above, With: "b"}},
		"condition.clear says nothing for missing":     {ID: "x", Subject: Subject{Group: "a"}, Condition: Condition{Kind: Missing, Clear: &one}},
		"for is 768h; between 0 and 31 days":           {ID: "x", For: model.Duration(32 * 24 * time.Hour), Subject: Subject{Group: "a"}, Condition: Condition{Kind: Above}},
		"is about one sensor or group, or nothing":     {ID: "x", Subject: Subject{Below: "a"}, Condition: Condition{Kind: External}},
		"condition.limit is not a number that can be":  {ID: "x", Subject: Subject{Group: "a"}, Condition: Condition{Kind: Above, Limit: math.Inf(1)}},
	} {
		r = r.Complete()
		if err := r.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v is not %q", err, want)
		}
	}
}

// TestAnyOrder gives random events to an engine, and to one that is restarted
// after each of them and gets everything twice: both say the same.
func TestAnyOrder(t *testing.T) {
	m := built(t, `
sensors:
  - {id: a, quantity: active_power, interval: 10s}
  - {id: b, quantity: active_power, interval: 20s}
  - {id: c, quantity: active_power, interval: 10s}
groups:
  - {id: plant, members: [{group: hall}, {sensor: c}]}
  - {id: hall, members: [{sensor: a}, {sensor: b}]}
hierarchies: [{id: h, root: plant}]
`)
	second := model.Duration(time.Second)
	rules := []Rule{
		{ID: "above", Subject: Subject{Below: "plant"}, Condition: Condition{Kind: Above, Limit: 50}, For: 10 * second, ClearFor: 5 * second, Repeat: 60 * second},
		{ID: "sum", Subject: Subject{Group: "hall"}, Condition: Condition{Kind: Below, Limit: 50}, Quiet: []Quiet{{From: "00:01", To: "00:04"}}},
		{ID: "gone", Subject: Subject{Below: "plant"}, Condition: Condition{Kind: Missing}},
		{ID: "hall", Subject: Subject{Group: "hall"}, Condition: Condition{Kind: Missing, Intervals: 2}},
		{ID: "plant", Subject: Subject{Group: "plant"}, Condition: Condition{Kind: Missing, Intervals: 2}, For: 10 * second},
		{ID: "share", Subject: Subject{Group: "hall"}, Condition: Condition{Kind: Coverage, Limit: 1}},
		{ID: "demand", Subject: Subject{Group: "plant"}, Condition: Condition{Kind: Demand, Limit: 60, Window: 60 * second}},
		{ID: "hook", Condition: Condition{Kind: External}},
	}
	for i := range rules {
		rules[i] = rules[i].Complete()
		if err := rules[i].Validate(); err != nil {
			t.Fatal(err)
		}
	}
	plan := NewPlan(rules, m, func(string) *time.Location { return time.UTC })
	total := 0
	for seed := range uint64(20) {
		var one, other []string
		note := func(to *[]string) func(Transition) {
			return func(t Transition) { *to = append(*to, fmt.Sprintf("%d %s %v", t.Time, t.Sentence(time.UTC), t.Tell)) }
		}
		a, b := NewEngine(note(&one)), NewEngine(note(&other))
		a.SetPlan(plan)
		b.SetPlan(plan)
		rnd := rand.New(rand.NewPCG(seed, 7))
		now := record.Millis(1)
		for range 400 {
			now += record.Millis(rnd.IntN(8000))
			v := float64(rnd.IntN(100))
			if rnd.IntN(8) == 0 {
				v = math.NaN()
			}
			at, sensor, group := now-record.Millis(rnd.IntN(3000)), record.SensorID("abc"[rnd.IntN(3):][:1]), []string{"hall", "plant"}[rnd.IntN(2)]
			what, quiet := rnd.IntN(12), (now/100_000)%2 == 1
			event := func(e *Engine) {
				switch {
				case what < 4 && !math.IsNaN(v) && (!quiet || sensor == "c"):
					e.Reading(sensor, at, v)
				case what < 6:
					k := record.Tick{Time: at, Sum: []float64{v}, Min: []float64{v}, Max: []float64{v}, Count: []uint32{uint32(v) % 3}, Total: []uint32{2}, Meter: []float64{v}, Unaccounted: []float64{v}}
					e.Tick([]string{group}, &k, k.Time)
				case what == 6:
					if err := e.Say("hook", v > 50, "", nil, now); err != nil {
						t.Error(err)
					}
				default:
					e.Clock(now)
				}
			}
			event(a)
			event(b)
			if what != 6 {
				event(b)
			}
			data, err := b.Checkpoint()
			if err != nil {
				t.Fatal(err)
			}
			b = NewEngine(note(&other))
			if err := b.Restore(data); err != nil {
				t.Fatal(err)
			}
			b.SetPlan(plan)
		}
		if !slices.Equal(one, other) {
			t.Fatalf("seed %d:\n%s\n\nwith restarts:\n%s", seed, strings.Join(one, "\n"), strings.Join(other, "\n"))
		}
		total += len(one)
	}
	if total < 500 {
		t.Errorf("only %d transitions", total)
	}
}
