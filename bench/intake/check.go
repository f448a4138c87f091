package intake

import (
	"context"
	"errors"
	"math"
	"time"

	"github.com/wattwerk/wattwerk/bench"
	"github.com/wattwerk/wattwerk/bus"
	"github.com/wattwerk/wattwerk/exact"
	"github.com/wattwerk/wattwerk/model"
	"github.com/wattwerk/wattwerk/record"
)

// check computes groups of some ticks from what the sensors said.
func (r *load) check(ctx context.Context, first int) (right, all int, err error) {
	want := make(map[record.Millis][]float64) // per group of the document
	doc := r.gen.Document()
	if r.opts.Rate > 0 {
		return 0, 0, nil // the clock decides which readings there are
	}
	for _, round := range []int{first, (first + r.next) / 2, r.next - 4} {
		if round < 0 {
			continue
		}
		at := r.start + record.Millis(round)*1000
		of := make(map[record.SensorID]float64, r.opts.Sensors)
		for i := range r.opts.Sensors {
			if v, ok := r.gen.Value(i, at); ok {
				of[r.gen.Sensor(i)] = v
			}
		}
		sums := make(map[model.GroupID]*exact.Sum)
		var total exact.Sum
		for _, g := range doc.Groups {
			sums[g.ID] = new(exact.Sum)
			for _, m := range g.Members {
				if m.Sensor != "" {
					sums[g.ID].Add(of[m.Sensor])
				}
			}
			total.AddSum(*sums[g.ID], 1)
		}
		want[at] = nil
		root := doc.Hierarchies[0].Root
		*sums[root] = total
		for _, g := range doc.Groups {
			want[at] = append(want[at], sums[g.ID].Float64())
		}
	}
	at := make(map[string]int)
	for i, g := range doc.Groups {
		at[string(g.ID)] = i
	}
	all = len(want) * len(doc.Groups)
	var parts bench.Parts
	told := 0
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	stop := errors.New("all seen")
	err = r.room.bus.ReadAggregates(ctx, 0, func(m bus.Message) error {
		var t record.Ticks
		if err := t.Decode(m.Data); err != nil {
			return err
		}
		for i := range t.Ticks {
			k := &t.Ticks[i]
			sums, ok := want[k.Time]
			if !ok || parts.Came(k.Time, t.Part) {
				continue
			}
			told += len(t.Groups)
			for g, id := range t.Groups {
				if math.Float64bits(k.Sum[g]) == math.Float64bits(sums[at[id]]) && k.Count[g] == k.Total[g] {
					right++
				}
			}
		}
		if told >= all {
			return stop
		}
		return nil
	})
	if err != nil && !errors.Is(err, stop) {
		return right, all, err
	}
	return right, all, nil
}
