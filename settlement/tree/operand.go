package tree

import (
	"math"

	"github.com/wattwerk/wattwerk/energy"
	"github.com/wattwerk/wattwerk/formula"
	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/settlement/ledger"
	"github.com/wattwerk/wattwerk/window"
)

// Operand is where the value of an operand of a formula is found while a tree
// holds. The zero Operand has no value.
type Operand struct {
	At      ledger.Point
	Inverse bool // it counts with the other sign
	Rest    bool // what is unaccounted of the group counts
}

// Operand finds an operand, whose group stands in a hierarchy, in the quarter
// hour that begins at t. A group that did not stand there then has no value.
func (a Past) Operand(o formula.Operand, hierarchy string, t record.Millis) Operand {
	if o.Group == "" {
		return Operand{At: ledger.SensorPoint(o.Sensor)}
	}
	x := a.At(hierarchy, t)
	if x == nil {
		return Operand{}
	}
	i, ok := x.Find(o.Group)
	if !ok {
		return Operand{}
	}
	g, sum := &x.Groups[i], ledger.GroupPoint(hierarchy, o.Group)
	switch {
	case o.Part == formula.Sum, o.Part == formula.Whole && g.Meter == "":
		return Operand{At: sum}
	case g.Meter == "":
		return Operand{}
	case o.Part == formula.Unaccounted:
		return Operand{At: sum, Rest: true}
	}
	return Operand{At: ledger.Point{Name: g.Meter}, Inverse: g.Inverse}
}

// Whole gives a row as that of one thing: its covered time is the mean of its
// members', and its sign the other one if it is inverse.
func Whole(r ledger.Row, inverse bool) ledger.Row {
	if r.Whole > 0 {
		r.Covered, r.Whole = int64(r.Completeness()*float64(r.End-r.Start)), 0
	} else {
		r.Covered /= int64(max(r.Total, 1))
	}
	r.Total, r.Members, r.Metered, r.Meter, r.Rest = 1, min(r.Members, 1), false, 0, ledger.Rest{}
	if inverse {
		r.Amount, r.Estimated, r.Average, r.Min, r.Max = -r.Amount, -r.Estimated, -r.Average, -r.Max, -r.Min
	}
	return r
}

// Of gives what counts of a row of At, as that of one thing. Of what is
// unaccounted, the quality is that of the members.
func (o Operand) Of(r ledger.Row) ledger.Row {
	if !o.Rest {
		return Whole(r, o.Inverse)
	}
	v := energy.Value{Average: math.NaN(), Min: math.NaN(), Max: math.NaN(), Count: r.Count}
	out := ledger.Row{Start: r.Start, End: r.End, Total: 1}
	if x := r.Rest; x.Time > 0 {
		out.Members = 1
		v.Known, v.Quality, v.Covered, v.Amount, v.Estimated = true, x.Quality(r.Quality), int64(x.Time), x.Amount, x.Estimated
		v.Average = x.Amount.Float64() / (float64(x.Time) / float64(4*quarter))
	}
	out.Value = v
	return out
}

// Value is the value of a row that [Operand.Of] gave. nil: there is none.
func Value(r *ledger.Row) energy.Value {
	if r == nil {
		return energy.Value{Average: math.NaN(), Min: math.NaN(), Max: math.NaN()}
	}
	return r.Value
}

// RowOf makes the row of a virtual sensor; false when nothing is known.
func RowOf(start, end record.Millis, v energy.Value) (ledger.Row, bool) {
	r := ledger.Row{Start: start, End: end, Value: v, Total: 1}
	if v.Known {
		r.Members = 1
	}
	return r, v.Known || !math.IsNaN(v.Average)
}

// Metering says which sensor was the meter of a group in a time.
type Metering struct {
	window.Span
	Sensor  record.SensorID // empty: it had none, or was not there
	Inverse bool            // the sensor counts with the other sign
}

// Meters gives the meters a group had in a span that begins and ends at a quarter
// of an hour, in order and without a hole.
func (a Past) Meters(hierarchy, group string, at window.Span) (out []Metering) {
	for from := at.From; from < at.To; {
		m := Metering{Span: window.Span{From: from, To: at.To}}
		for _, e := range a.Edges(hierarchy) {
			if e > from {
				m.To = min(e, at.To)
				break
			}
		}
		if x := a.At(hierarchy, from); x != nil {
			if i, ok := x.Find(group); ok {
				m.Sensor, m.Inverse = record.SensorID(x.Groups[i].Meter), x.Groups[i].Inverse
			}
		}
		if n := len(out); n > 0 && out[n-1].Sensor == m.Sensor && out[n-1].Inverse == m.Inverse {
			out[n-1].To = m.To
		} else {
			out = append(out, m)
		}
		from = m.To
	}
	return out
}
