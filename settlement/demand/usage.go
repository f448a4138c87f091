package demand

import (
	"context"
	"math"
	"time"

	"github.com/wattwerk/wattwerk/catalog"
	"github.com/wattwerk/wattwerk/model"
	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/settlement/ledger"
	"github.com/wattwerk/wattwerk/window"
)

// mostOpen is how much time that is not settled yet is filled from live
// readings.
const mostOpen = 2 * 60 * 60_000

// Usage tells what was used since a day, week, month or year began. It needs no
// settlement in its process, only its database.
type Usage struct {
	Store   *ledger.Store
	Catalog *catalog.Catalog
	Live    Live // nil: what is not settled yet is not known
}

// Used is what was used.
type Used struct {
	Amount       float64       // signed, in the coherent unit times hours (W·h); NaN when nothing is known
	Estimated    float64       // part of it, without sign, that was not measured in its quarter, or is not settled
	Completeness float64       // part of the span, and of the members, that readings speak of
	Settled      record.Millis // from here on it is from live readings, or missing: never within a quarter, but where the span begins
}

// Used adds up a span that begins with a day of the calendar: whole days that
// have passed, then quarters, and what is not settled yet, or of the quarter the
// span ends in, from live readings.
func (u *Usage) Used(ctx context.Context, p ledger.Point, c window.Calendar, from, to record.Millis) (Used, error) {
	out := Used{Amount: math.NaN()}
	settled, err := u.Store.Progress(ctx, ledger.Frontier)
	if err != nil {
		return out, err
	}
	ids, err := u.Store.IDs(ctx, []ledger.Point{p}, false)
	if err != nil {
		return out, err
	}
	settled = max(min(settled, to/quarter*quarter), from)
	out.Settled = settled
	var all ledger.Totals
	if ids[0] != 0 {
		today := max(c.Span(window.Day, settled).From, from)
		if all, err = u.Store.Totals(ctx, ledger.Days, ledger.Net, ids[0], from, today); err != nil {
			return out, err
		}
		quarters, err := u.Store.Totals(ctx, ledger.Quarters, ledger.Net, ids[0], today, settled)
		if err != nil {
			return out, err
		}
		if err := all.Add(quarters); err != nil {
			return out, err
		}
	}
	if all.Known > 0 {
		out.Amount, out.Estimated = all.Amount.Float64(), all.Estimated.Float64()
	}
	open, known, err := u.open(ctx, p, settled, to)
	if err != nil {
		return out, err
	}
	if known > 0 {
		if all.Known == 0 {
			out.Amount = 0
		}
		out.Amount += open
		out.Estimated += math.Abs(open)
	}
	if to > from {
		out.Completeness = (all.Completeness(from, settled)*float64(settled-from) + float64(known)) / float64(to-from)
	}
	return out, nil
}

// open is what live readings say of a span that is not settled, and for how
// many ms of it.
func (u *Usage) open(ctx context.Context, p ledger.Point, from, to record.Millis) (amount float64, known record.Millis, err error) {
	if u.Live == nil || to <= from || to-from > mostOpen {
		return 0, 0, nil
	}
	x := subject{Point: p}
	if p.Hierarchy == "" {
		sn, ok := u.Catalog.State().Model.Sensor(record.SensorID(p.Name))
		if !ok {
			return 0, 0, nil
		}
		x.sensor = sn
	}
	age := record.Millis(x.age(u.Catalog.State().Model))
	reach := record.Millis(time.Hour.Milliseconds())
	if age > 0 {
		reach = min(age, reach)
	}
	var at record.Millis
	value := math.NaN()
	until := func(t record.Millis) {
		end := min(t, to)
		if age > 0 {
			end = min(end, at+age)
		}
		if begin := max(at, from); end > begin && !math.IsNaN(value) {
			amount += value * float64(end-begin)
			known += end - begin
		}
	}
	add, finish := func(t record.Millis, v float64) {
		until(t)
		at, value = t, v
	}, func() {}
	if x.sensor != nil && x.sensor.Kind == model.Counter {
		add, finish = rises(add)
		reach *= 2
	}
	n := 0
	err = u.Live.Scan(ctx, p, from-reach, to, func(ts []int64, vs []float64) error {
		if n += len(ts); n > mostSamples {
			return errMany
		}
		for i, t := range ts {
			add(record.Millis(t), vs[i])
		}
		return nil
	})
	finish()
	until(to)
	return amount / float64(time.Hour.Milliseconds()), known, err
}
