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
	done := make(map[record.SensorID][]ledger.Row)
	var rows func(v *Virtual) ([]ledger.Row, error)
	// gather reads an operand and sums its rows up by window.
	gather := func(v *Virtual, i int) (out []ledger.Row, err error) {
		operand := v.Formula.Operands()[i]
		if x := o.Anew(ledger.SensorPoint(operand.Sensor)); x != nil {
			return rows(x)
		}
		var at []ledger.Row
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
			if where.At.Name == "" {
				continue
			}
			more, err := read(where.At, in)
			if err != nil {
				return nil, err
			}
			for _, r := range more {
				at = append(at, where.Of(r))
			}
		}
		for _, w := range windows {
			if some := Between(at, w.From, w.To); len(some) > 0 {
				out = append(out, Merge(w.From, w.To, some))
			}
		}
		return out, nil
	}
	rows = func(v *Virtual) ([]ledger.Row, error) {
		if out, ok := done[v.ID]; ok {
			return out, nil
		}
		out := []ledger.Row{}
		operands := make([][]ledger.Row, len(v.Hierarchies))
		for i := range operands {
			var err error
			if operands[i], err = gather(v, i); err != nil {
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
				return Value(find(operands[k], w.From))
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
