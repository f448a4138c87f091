package tree

import (
	"cmp"
	"slices"

	"github.com/wattwerk/wattwerk/energy"
	"github.com/wattwerk/wattwerk/formula"
	"github.com/wattwerk/wattwerk/model"
	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/settlement/ledger"
	"github.com/wattwerk/wattwerk/window"
)

// Outline is what follows from what: the formulas of a model and the trees of
// all times. It does not change.
type Outline struct {
	Model    *model.Model
	Past     Past
	Virtuals map[record.SensorID]*Virtual
	Epochs   []Epoch         // none without virtual sensors
	Linked   map[string]bool // hierarchies whose groups stand in the epochs
}

// NewOutline makes the outline of a model with trees that do not change.
func NewOutline(m *model.Model, past Past) *Outline {
	o := &Outline{Model: m, Past: past, Virtuals: Virtuals(m)}
	o.Epochs, o.Linked = epochs(past, o.Virtuals)
	return o
}

// Anew gives a virtual sensor whose longer windows are not sums of quarters,
// nil when the point is no such.
func (o *Outline) Anew(p ledger.Point) *Virtual {
	if v := o.Virtuals[record.SensorID(p.Name)]; v != nil && p.Hierarchy == "" && v.Formula.Rule() == formula.Anew {
		return v
	}
	return nil
}

// Epoch gives the one a time is in, nil when there are none.
func (o *Outline) Epoch(t record.Millis) *Epoch {
	i, found := slices.BinarySearchFunc(o.Epochs, t, func(e Epoch, t record.Millis) int { return cmp.Compare(e.From, t) })
	if !found {
		i--
	}
	if i < 0 {
		return nil
	}
	return &o.Epochs[i]
}

// Longer computes windows, longer than a quarter, of a virtual sensor that is
// Anew, from what its operands are in the same windows, as far as they lie
// within kept. read gives the rows of quarters or days of a point in a span,
// whose bounds are those of windows, trees or kept.
func (o *Outline) Longer(v *Virtual, windows []window.Span, kept window.Span, read func(ledger.Point, window.Span) ([]ledger.Row, error)) ([]ledger.Row, error) {
	if len(windows) == 0 {
		return nil, nil
	}
	type columns struct{ at, less []ledger.Row } // by window
	done := make(map[record.SensorID][]ledger.Row)
	var rows func(v *Virtual) ([]ledger.Row, error)
	// gather reads an operand and sums its rows up by window.
	gather := func(v *Virtual, i int) (c columns, both Operand, err error) {
		operand := v.Formula.Operands()[i]
		if x := o.Anew(ledger.SensorPoint(operand.Sensor)); x != nil {
			c.at, err = rows(x)
			return c, Operand{At: ledger.SensorPoint(x.ID)}, err
		}
		var at, less []ledger.Row
		from, to := max(windows[0].From, kept.From), min(windows[len(windows)-1].To, kept.To)
		for k, e := range o.Epochs {
			in := window.Span{From: max(from, e.From), To: to}
			if k+1 < len(o.Epochs) {
				in.To = min(in.To, o.Epochs[k+1].From)
			}
			if in.To <= in.From || e.Void(v.ID) {
				continue
			}
			where := o.Past.Operand(operand, v.Hierarchies[i], in.From)
			for _, x := range []struct {
				p       ledger.Point
				to      *[]ledger.Row
				inverse bool
			}{{where.At, &at, where.Inverse}, {where.Less, &less, false}} {
				if x.p.Name == "" {
					continue
				}
				more, err := read(x.p, in)
				if err != nil {
					return c, both, err
				}
				for _, r := range more {
					*x.to = append(*x.to, Whole(r, x.inverse))
				}
			}
			if where.Less.Name != "" {
				both = where // the same in all epochs, but for the sign that is taken account of
			}
		}
		for _, w := range windows {
			for _, x := range []struct {
				from []ledger.Row
				to   *[]ledger.Row
			}{{at, &c.at}, {less, &c.less}} {
				if some := Between(x.from, w.From, w.To); len(some) > 0 {
					*x.to = append(*x.to, Merge(w.From, w.To, some))
				}
			}
		}
		return c, both, nil
	}
	rows = func(v *Virtual) ([]ledger.Row, error) {
		if out, ok := done[v.ID]; ok {
			return out, nil
		}
		out := []ledger.Row{}
		operands := make([]columns, len(v.Hierarchies))
		both := make([]Operand, len(v.Hierarchies))
		for i := range operands {
			var err error
			if operands[i], both[i], err = gather(v, i); err != nil {
				return nil, err
			}
		}
		find := func(c []ledger.Row, t record.Millis) *ledger.Row {
			if some := Between(c, t, t+1); len(some) > 0 {
				return &some[0]
			}
			return nil
		}
		for _, w := range windows {
			// What has not passed is not missing.
			end := min(w.To, kept.To)
			if end <= w.From || w.To <= kept.From {
				continue
			}
			value, err := v.Formula.Settle(int64(end-w.From), func(k int) energy.Value {
				return both[k].Value(find(operands[k].at, w.From), find(operands[k].less, w.From))
			})
			if err != nil { // it cannot be: there is no amount
				return nil, err
			}
			if r, ok := RowOf(w.From, w.To, value); ok {
				out = append(out, r)
			}
		}
		done[v.ID] = out
		return out, nil
	}
	return rows(v)
}
