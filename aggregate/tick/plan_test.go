package tick

import (
	"math"
	"slices"
	"testing"
	"time"

	"github.com/wattwerk/wattwerk/model"
	"github.com/wattwerk/wattwerk/record"
)

const virtualPlant = `
sensors:
  - {id: main, quantity: active_power}
  - {id: server, quantity: active_power}
  - {id: cooling, quantity: active_power}
  - {id: grid, quantity: active_power}
  - {id: gas, quantity: volume}
  - {id: heat, quantity: energy}
  - {id: pue, quantity: ratio, formula: group("centre") / group("computers")}
  - {id: double, quantity: ratio, formula: sensor("pue") * 2}
  - {id: lost, quantity: active_power, formula: group("centre").unaccounted}
  - {id: alone, quantity: active_power, formula: sensor("grid") / 2}
  - {id: boiler, quantity: ratio, formula: sensor("heat") / (sensor("gas") * 10 kWh / 1 m³)}
  - {id: burning, quantity: active_power, formula: rate(sensor("heat"))}
  - {id: cost, quantity: active_power, formula: 'coalesce(group("computers") + sensor("lost"), 7 W)'}
groups:
  - {id: centre, members: [{sensor: main, meter: true}, {group: computers}, {sensor: cooling}]}
  - {id: computers, members: [{sensor: server}]}
  - {id: costs, members: [{sensor: cost, sign: -1}, {sensor: grid}]}
hierarchies: [{id: place, root: centre}, {id: costs, root: costs, tick: 5s}]
`

func plans(t *testing.T, text string) *Plans {
	t.Helper()
	d, err := model.ReadYAML([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	m, err := model.New(d)
	if err != nil {
		t.Fatal(err)
	}
	return NewPlans(m)
}

// TestWhereVirtualSensorsAreTold says in which hierarchy each is: where it is a
// member, else where the groups are that it uses, else in one of their own.
func TestWhereVirtualSensorsAreTold(t *testing.T) {
	p := plans(t, virtualPlant)
	for h, want := range map[model.HierarchyID][]record.SensorID{
		"place": {"double", "lost", "pue"}, "costs": {"cost"}, Loose: {"alone", "burning"}, // boiler has no value at a moment
	} {
		plan := p.Plan(h, 1, 0)
		if !slices.Equal(plan.virtual.told, want) {
			t.Errorf("%s tells %v, not %v", h, plan.virtual.told, want)
		}
		again := plans(t, virtualPlant).Plan(h, 7, 9)
		if same := plan.Same(&again); same { // formulas are others, though they read the same
			t.Errorf("%s: plans of two models are one", h)
		}
		if twice := p.Plan(h, 7, 9); !plan.Same(&twice) {
			t.Errorf("%s: two plans of one model differ", h)
		}
	}
	// What uses only the groups of its hierarchy needs none twice: of place, helpers are
	// for the meter alone.
	if plan := p.Plan("place", 1, 0); len(plan.Layout.Groups) != 3 || len(plan.Layout.Leaves) != 4 {
		t.Errorf("the plan of place has %d groups and %d leaves", len(plan.Layout.Groups), len(plan.Layout.Leaves))
	}
}

// TestVirtualValues evaluates by hand-made readings, across partitions, with a
// preview, and when everything falls silent.
func TestVirtualValues(t *testing.T) {
	const partitions = 3
	p := plans(t, virtualPlant)
	var out []*record.Ticks
	c := NewCombiner(DefaultTiming(), partitions, func(k *record.Ticks) { out = append(out, k) })
	preview := NewPreviewer(c)
	engines := make([]*Engine, partitions)
	for i := range engines {
		engines[i] = NewEngine(DefaultTiming(), i, partitions, func(r *Report) {
			if err := c.Add(r, 30_000, 0); err != nil {
				t.Error(err)
			}
		})
	}
	for _, h := range []model.HierarchyID{"place", "costs", Loose} {
		plan := p.Plan(h, 1, 0)
		c.SetPlan(plan)
		for _, e := range engines {
			e.SetPlan(plan)
		}
	}
	c.SetRevision(1)
	step := func(at record.Millis, values map[record.SensorID]float64) {
		for i, e := range engines {
			var b record.Batch
			for _, id := range []record.SensorID{"main", "server", "cooling", "grid"} {
				if v, ok := values[id]; ok && record.Partition(id, partitions) == i {
					b.Append(record.Record{Sensor: id, Time: at, Value: v})
				}
			}
			var d record.Batch
			if err := d.Decode(b.Encode(nil)); err != nil {
				t.Fatal(err)
			}
			e.Step(at, &d, always)
		}
	}
	step(20_000, map[record.SensorID]float64{"main": 110, "server": 50, "cooling": 40, "grid": 8})
	var shown []*record.Ticks
	for _, e := range engines {
		r := e.Preview(20_000)
		if r == nil {
			continue
		}
		more, err := preview.Add(r)
		if err != nil {
			t.Fatal(err)
		}
		shown = append(shown, more...)
	}
	for round := range 4 {
		for _, e := range engines {
			e.Clock(record.Millis(24_000+round*200_000), always)
			e.Idle(record.Millis(24_000+round*200_000), always)
		}
	}
	null := math.NaN()
	is := func(what string, all []*record.Ticks, h string, at record.Millis, want ...float64) *record.Tick {
		t.Helper()
		for _, k := range all {
			for i := range k.Ticks {
				if k.Hierarchy == h && k.Ticks[i].Time == at {
					if !slices.EqualFunc(k.Ticks[i].Values, want, same) {
						t.Errorf("%s: %s at %v says %v, not %v", what, h, at, k.Ticks[i].Values, want)
					}
					return &k.Ticks[i]
				}
			}
		}
		t.Errorf("%s: there is no tick of %s at %v", what, h, at)
		return nil
	}
	for what, all := range map[string][]*record.Ticks{"tick": out, "preview": append(shown, preview.Rest(20_000)...)} {
		is(what, all, "place", 20_000, 110./50*2, 20, 110./50)
		is(what, all, "/", 20_000, 4, null)
		if k := is(what, all, "costs", 20_000, 70); k != nil && (k.Sum[0] != 8-70 || k.Count[0] != 2 || k.Total[0] != 2 || k.Min[0] != -70) {
			t.Errorf("%s: the group is %+v", what, k)
		}
	}
	// Readings hold for three minutes. Then it is told once that nothing is known,
	// though a formula could fall back on a constant.
	silence := record.Millis(20_000 + 3*time.Minute.Milliseconds())
	is("silence", out, "place", silence+1000, null, null, null)
	is("silence", out, "/", silence+1000, null, null)
	if k := is("silence", out, "costs", silence+5000, null); k != nil && k.Count[0] != 0 {
		t.Errorf("the group is %+v", k)
	}
	last := make(map[string]record.Millis)
	for _, k := range out {
		last[k.Hierarchy] = k.Ticks[len(k.Ticks)-1].Time
	}
	if last["place"] != silence+1000 || last["costs"] != silence+5000 {
		t.Errorf("ticks go on up to %v", last)
	}
}
