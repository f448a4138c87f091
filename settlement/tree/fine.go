package tree

import (
	"cmp"
	"slices"

	"github.com/wattwerk/wattwerk/energy"
	"github.com/wattwerk/wattwerk/formula"
	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/settlement/ledger"
	"github.com/wattwerk/wattwerk/window"
)

// Fine computes windows of 5 minutes, in order and without a hole, up to a time
// that is the end of a quarter hour, by the trees in force. sensor gives the rows
// of a sensor that has readings, and firsts the begin of the first quarter of an
// hour that is settled of sensors, of which those are left out that have none.
func (o *Outline) Fine(p ledger.Point, all []window.Span, until record.Millis, sensor func(record.SensorID, []window.Span) ([]ledger.Row, error), firsts func(sensors []string) (map[string]record.Millis, error)) ([]ledger.Row, error) {
	// Whole quarters, so that what is rounded in them can be shared out.
	all = slices.Clone(all)
	for from := all[0].From; from%quarter != 0; from = all[0].From {
		all = slices.Insert(all, 0, window.Span{From: from - quarter/3, To: from})
	}
	for to := all[len(all)-1].To; to%quarter != 0; to = all[len(all)-1].To {
		all = append(all, window.Span{From: to, To: to + quarter/3})
	}
	i, _ := slices.BinarySearchFunc(all, until, func(w window.Span, t record.Millis) int { return cmp.Compare(w.To, t) })
	if all = all[:min(len(all), i+1)]; len(all) > 0 && all[len(all)-1].To > until {
		all = all[:len(all)-1]
	}
	hierarchies := []string{p.Hierarchy}
	for h := range o.Linked {
		hierarchies = append(hierarchies, h)
	}
	edges := o.Past.Edges(hierarchies...)
	var out []ledger.Row
	for len(all) > 0 {
		n := len(all)
		if k, found := slices.BinarySearch(edges, all[0].From); k < len(edges) {
			if found {
				k++
			}
			if k < len(edges) {
				n, _ = slices.BinarySearchFunc(all, edges[k], func(w window.Span, t record.Millis) int { return cmp.Compare(w.From, t) })
			}
		}
		f := &finely{outline: o, all: all[:n], sensor: sensor, firsts: firsts, done: make(map[ledger.Point][]ledger.Row), epoch: o.Epoch(all[0].From)}
		rows, err := f.rows(p)
		if err != nil {
			return nil, err
		}
		out, all = append(out, rows...), all[n:]
	}
	return out, nil
}

// finely computes windows of whole quarters in which one tree of each hierarchy
// holds.
type finely struct {
	outline *Outline
	epoch   *Epoch // nil when there are no virtual sensors
	all     []window.Span
	sensor  func(record.SensorID, []window.Span) ([]ledger.Row, error)
	firsts  func([]string) (map[string]record.Millis, error)
	done    map[ledger.Point][]ledger.Row
}

// rows gives what is known of a point.
func (f *finely) rows(p ledger.Point) ([]ledger.Row, error) {
	if rows, ok := f.done[p]; ok {
		return rows, nil
	}
	var rows []ledger.Row
	var err error
	v := f.outline.Virtuals[record.SensorID(p.Name)]
	switch {
	case p.Hierarchy != "":
		rows, err = f.group(p)
	case v != nil:
		rows, err = f.virtual(v)
	default:
		rows, err = f.sensor(record.SensorID(p.Name), f.all)
	}
	f.done[p] = rows
	return rows, err
}

// group evaluates a group and what is below it.
func (f *finely) group(p ledger.Point) ([]ledger.Row, error) {
	x := f.outline.Past.At(p.Hierarchy, f.all[0].From)
	if x == nil {
		return nil, nil
	}
	g, ok := x.Find(p.Name)
	if !ok {
		return nil, nil
	}
	var failed error
	column := func(p ledger.Point) Column {
		c := make([]*ledger.Row, len(f.all))
		var rows []ledger.Row
		if failed == nil {
			rows, failed = f.rows(p)
		}
		for i := range rows {
			if k, ok := slices.BinarySearchFunc(f.all, rows[i].Start, func(w window.Span, t record.Millis) int { return cmp.Compare(w.From, t) }); ok {
				c[k] = &rows[i]
			}
		}
		return func(i int) *ledger.Row { return c[i] }
	}
	var known map[string]record.Millis
	if x.Groups[g].Meter != "" {
		if known, failed = f.firsts(x.Leaves(g)); failed != nil {
			return nil, failed
		}
	}
	first := func(name string) record.Millis {
		at, ok := known[name]
		if !ok {
			at = Never
		}
		var rows []ledger.Row
		if failed == nil {
			rows, failed = f.rows(ledger.Point{Name: name})
		}
		if len(rows) > 0 { // not settled yet
			at = min(at, rows[0].Start/quarter*quarter)
		}
		return at
	}
	sums := x.Evaluate(g, len(f.all), func(i int) (record.Millis, record.Millis) { return f.all[i].From, f.all[i].To }, first,
		func(name string) Column { return column(ledger.Point{Name: name}) },
		func(k int) Column { return column(ledger.GroupPoint(p.Hierarchy, x.Groups[k].Name)) })
	if failed != nil {
		return nil, failed
	}
	out := make([]ledger.Row, 0, len(sums))
	for i := range sums {
		if r, ok := sums[i].Result(); ok {
			out = append(out, r)
		}
	}
	return out, nil
}

// virtual evaluates a formula. What a linear one rounds is shared out so that
// the windows of a quarter sum up to it.
func (f *finely) virtual(v *Virtual) ([]ledger.Row, error) {
	if f.epoch == nil || f.epoch.Void(v.ID) {
		return nil, nil
	}
	operands := make([]Operand, len(v.Hierarchies))
	at := make([][]ledger.Row, len(operands))
	for i, o := range v.Formula.Operands() {
		operands[i] = f.outline.Past.Operand(o, v.Hierarchies[i], f.all[0].From)
		if operands[i].At.Name == "" {
			continue
		}
		rows, err := f.rows(operands[i].At)
		if err != nil {
			return nil, err
		}
		for _, r := range rows {
			at[i] = append(at[i], operands[i].Of(r))
		}
	}
	// Of the windows of a quarter that are known.
	some := func(rows []ledger.Row, windows []window.Span) *ledger.Row {
		var have []ledger.Row
		for _, w := range windows {
			have = append(have, Between(rows, w.From, w.To)...)
		}
		if len(have) == 0 {
			return nil
		}
		return new(Merge(windows[0].From, windows[len(windows)-1].To, have))
	}
	value := func(windows []window.Span) (energy.Value, error) {
		length := int64(0)
		for _, w := range windows {
			length += w.Length()
		}
		return v.Formula.Settle(length, func(k int) energy.Value {
			return Value(some(at[k], windows))
		})
	}
	var out []ledger.Row
	var known []window.Span // of the quarter under way
	var amount, estimated energy.Amount
	for _, w := range f.all {
		if w.From%quarter == 0 {
			known, amount, estimated = known[:0], 0, 0
		}
		x, err := value([]window.Span{w})
		if err == nil && x.Known && v.Formula.Rule() == formula.Linear && !v.Formula.Exact() {
			known = append(known, w)
			var so energy.Value
			if so, err = value(known); err == nil {
				x.Amount, x.Estimated = so.Amount-amount, so.Estimated-estimated
				amount, estimated = so.Amount, so.Estimated
			}
		}
		if r, ok := RowOf(w.From, w.To, x); ok && err == nil {
			out = append(out, r)
		}
	}
	return out, nil
}
