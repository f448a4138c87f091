package settlement

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/wattwerk/wattwerk/aggregate/tick"
	"github.com/wattwerk/wattwerk/model"
	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/window"
)

// TestVirtualAlike: what a virtual sensor shows at every tick of a quarter in which its operands stay the same is what is settled of it
// for that quarter, of every kind of formula, also where operands are silent.
func TestVirtualAlike(t *testing.T) {
	const quarters = 8
	begin := time.Date(2026, 3, 2, 8, 0, 0, 0, time.UTC)
	w := newWorld(t, sqlite, begin.Add(12*time.Hour))
	d := meters("Europe/Berlin", time.Minute, "a", "b", "c")
	virtual := map[record.SensorID]bool{ // of each, whether it is a power
		"difference": true, "share": false, "total": true, "lost": true, "weighed": true, "lack": true, "fixed": true, "other": false,
	}
	for id, formula := range map[record.SensorID]string{
		"difference": `sensor("a") - sensor("b")`, "total": `group("all")`, "weighed": `sensor("a") / 3 + sensor("b") / 7`, "lack": `-negative(sensor("a") - sensor("b"))`,
		"fixed": `sensor("b") + 1 kW`, "lost": `group("all") - sensor("a")`, "share": `sensor("a") / group("all")`, "other": `1 - sensor("share")`,
	} {
		s := model.Sensor{ID: id, Site: "site", Quantity: record.ActivePower, Formula: formula}
		if !virtual[id] {
			s.Quantity = record.Ratio
		}
		d.Sensors = append(d.Sensors, s)
	}
	w.put(d)

	// Live values by the quarter, and how many ticks had each. Of its first moment none: what was sent before holds yet where nothing comes any more.
	live := make(map[record.SensorID][]map[float64]int)
	for id := range virtual {
		for range quarters {
			live[id] = append(live[id], make(map[float64]int))
		}
	}
	combiner := tick.NewCombiner(tick.DefaultTiming(), 1, func(k *record.Ticks) {
		for i := range k.Ticks {
			since := k.Ticks[i].Time - record.MillisOf(begin)
			q := int(since / (15 * 60_000))
			for j, id := range k.Sensors {
				if v := k.Ticks[i].Values[j]; since%(15*60_000) > 0 && q >= 0 && q < quarters && !math.IsNaN(v) {
					live[id][q][v]++
				}
			}
		}
	})
	engine := tick.NewEngine(tick.DefaultTiming(), 0, 1, func(r *tick.Report) {
		if err := combiner.Add(r, 30_000, 0); err != nil {
			t.Error(err)
		}
	})
	plans := tick.NewPlans(w.catalog.State().Model)
	for _, h := range []model.HierarchyID{"site", tick.Loose} {
		plan := plans.Plan(h, 1, 0)
		combiner.SetPlan(plan)
		engine.SetPlan(plan)
	}
	combiner.SetRevision(1)

	random := rand.New(rand.NewPCG(4, 9))
	values := make(map[record.SensorID]float64)
	var all []record.Record
	for m := range quarters*15 + 5 {
		at := record.MillisOf(begin.Add(time.Duration(m) * time.Minute))
		var batch, came record.Batch
		for _, id := range []record.SensorID{"a", "b", "c"} {
			if m%15 == 0 {
				values[id] = math.Round(random.Float64()*2000) / 4
			}
			q := m / 15
			if q == 3 && id == "b" || q == 5 || q == 6 && m%15 >= 7 && id == "a" { // silent
				continue
			}
			r := record.Record{Sensor: id, Time: at, Value: values[id]}
			all = append(all, r)
			batch.Append(r)
		}
		if err := came.Decode(batch.Encode(nil)); err != nil {
			t.Fatal(err)
		}
		engine.Step(at, &came, record.MaxTime)
		engine.Clock(at+30_000, record.MaxTime)
	}
	w.send(all...)
	w.settle()

	for id, isPower := range virtual {
		rows := w.windows(id, window.Quarter, begin, begin.Add(quarters*15*time.Minute))
		if len(rows) != quarters {
			t.Fatalf("%s has %d quarters", id, len(rows))
		}
		for q, row := range rows {
			if len(live[id][q]) > 1 || len(live[id][q]) > 0 && q == 6 && !isPower {
				// Of a quarter that a member is silent for a part of, a group has energies of unlike times: docs/virtual-sensors.md.
				if q != 6 {
					t.Errorf("%s shows several values in quarter %d: %v", id, q, live[id][q])
				}
				continue
			}
			ticks := 0
			for v, n := range live[id][q] {
				ticks = n
				if math.Abs(v-row.Average) > 1e-6 {
					t.Errorf("%s shows %v in quarter %d, and %v is settled of it", id, v, q, row.Average)
				}
				if isPower && q < 3 && (!row.Known || math.Abs(v/4-row.Amount.Float64()) > 1e-6) {
					t.Errorf("%s shows %v W in quarter %d, and %v Wh are settled of it", id, v, q, row.Amount)
				}
			}
			if q < 3 && ticks != 899 || (ticks == 0) != math.IsNaN(row.Average) {
				t.Errorf("%s shows something at %d ticks of quarter %d, and of it is settled %+v", id, ticks, q, row)
			}
		}
	}
}
