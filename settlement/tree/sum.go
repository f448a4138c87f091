package tree

import (
	"cmp"
	"math"
	"slices"

	"github.com/wattwerk/wattwerk/energy"
	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/settlement/ledger"
)

// Sum adds up the members of a group for one window.
type Sum struct {
	Overflow bool // an amount is larger than can be kept
	row      ledger.Row
	average  bool // some member has one
	any      bool // some member has a row
	part     bool // readings do not speak of all of the window for some member
}

func newSum(start, end record.Millis) Sum {
	return Sum{row: ledger.Row{Start: start, End: end, Value: energy.Value{Average: math.NaN(), Min: math.NaN(), Max: math.NaN()}}}
}

// add adds a member that counts by a row of its own, which is nil when there is
// none; total is how many members it stands for, of which so many were never
// heard so far: these are not missing.
func (s *Sum) add(r *ledger.Row, sign int8, total, unheard uint32) {
	s.row.Total += total
	if r == nil {
		s.part = s.part || unheard < total
		return
	}
	s.part = s.part || !s.whole(r, total-unheard)
	s.any = true
	x := &s.row
	if r.Known {
		x.Known = true
		amount := r.Amount
		if sign < 0 {
			amount = -amount
		}
		s.Overflow = !plus(&x.Amount, amount) || !plus(&x.Estimated, max(r.Estimated, -r.Estimated)) || s.Overflow
		x.Members += r.Members
	}
	if !math.IsNaN(r.Average) {
		if !s.average {
			s.average, x.Average = true, 0
		}
		x.Average += float64(sign) * r.Average
	}
	low, high := r.Min, r.Max
	if sign < 0 {
		low, high = -high, -low
	}
	if !(x.Min <= low) && !math.IsNaN(low) {
		x.Min = low
	}
	if !(x.Max >= high) && !math.IsNaN(high) {
		x.Max = high
	}
	x.Count += r.Count
	x.Covered += r.Covered
	x.Quality = max(x.Quality, r.Quality)
}

// whole tells whether readings speak of all of the window for a row that stands
// for so many members.
func (s *Sum) whole(r *ledger.Row, total uint32) bool {
	return r.Known && r.Members >= total && r.Covered >= int64(s.row.End-s.row.Start)*int64(total)
}

// plus adds to an amount; false when that is more than can be kept.
func plus(to *energy.Amount, a energy.Amount) bool {
	c, err := to.Add(a)
	if err == nil {
		*to = c
	}
	return err == nil
}

// meter sets what the group's own meter says, after all members were added.
func (s *Sum) meter(r *ledger.Row, inverse bool) {
	if r == nil {
		return
	}
	s.any = true
	if !r.Known {
		return
	}
	s.row.Metered, s.row.Meter = true, r.Amount
	if inverse {
		s.row.Meter = -r.Amount
	}
	x := ledger.Rest{Time: s.row.End - s.row.Start, Amount: s.row.Meter, Estimated: s.row.Estimated}
	if s.row.Known && !s.part && !s.Overflow && s.whole(r, 1) && plus(&x.Amount, -s.row.Amount) && plus(&x.Estimated, max(r.Estimated, -r.Estimated)) {
		s.row.Rest = x
	}
}

// Result gives the row; false when no member has one.
func (s *Sum) Result() (ledger.Row, bool) {
	if s.Overflow {
		// Larger than any real energy: better nothing than a wrong number.
		s.row.Known, s.row.Amount, s.row.Members = false, 0, 0
	}
	return s.row, s.any
}

// Column gives the row of a point for each of consecutive windows, nil where
// there is none.
type Column func(i int) *ledger.Row

// Never is when a sensor was heard first of which nothing was ever heard.
const Never = record.MaxTime

// Leaves lists the sensors that count for a group, without its meter.
func (s *Tree) Leaves(g int) (names []string) {
	for _, p := range s.Groups[g].Sensors {
		names = append(names, p.Sensor)
	}
	for _, k := range s.Groups[g].Children {
		if m := s.Groups[k].Meter; m != "" {
			names = append(names, m)
		} else {
			names = append(names, s.Leaves(k)...)
		}
	}
	return names
}

// Evaluate computes a group for n windows from the columns of its members.
// sensor and group give that of a sensor or of a child. first gives the begin of
// the first quarter of an hour that anything is known of a sensor in, or [Never]:
// in windows before it, it is not missing where a group is compared with its
// meter. It is asked of the leaves of groups with a meter; nil: 0 of all.
func (s *Tree) Evaluate(g int, n int, span func(i int) (start, end record.Millis), first func(name string) record.Millis, sensor func(name string) Column, group func(child int) Column) []Sum {
	out := make([]Sum, n)
	for i := range out {
		out[i] = newSum(span(i))
	}
	at := &s.Groups[g]
	// later gives how many of some sensors are heard only after a window.
	later := func(names ...string) func(r *ledger.Row) uint32 {
		var firsts []record.Millis
		if at.Meter != "" && first != nil && n > 0 {
			for _, name := range names {
				if f := first(name); f > out[0].row.Start {
					firsts = append(firsts, f)
				}
			}
		}
		slices.Sort(firsts)
		return func(r *ledger.Row) uint32 {
			for len(firsts) > 0 && firsts[0] <= r.Start { // windows are in order
				firsts = firsts[1:]
			}
			return uint32(len(firsts))
		}
	}
	for _, p := range at.Sensors {
		c, unheard := sensor(p.Sensor), later(p.Sensor)
		for i := range out {
			out[i].add(c(i), p.Sign, 1, unheard(&out[i].row))
		}
	}
	for _, k := range at.Children {
		child := &s.Groups[k]
		if child.Meter == "" {
			c := group(k)
			var names []string
			if at.Meter != "" {
				names = s.Leaves(k)
			}
			unheard := later(names...)
			for i := range out {
				out[i].add(c(i), child.Sign, child.Total, unheard(&out[i].row))
			}
			continue
		}
		c, sign, unheard := sensor(child.Meter), child.Sign, later(child.Meter) // it stands for the whole
		if child.Inverse {
			sign = -sign
		}
		for i := range out {
			out[i].add(c(i), sign, 1, unheard(&out[i].row))
		}
	}
	if at.Meter != "" {
		c := sensor(at.Meter)
		for i := range out {
			out[i].meter(c(i), at.Inverse)
		}
	}
	return out
}

// Merge makes one row of those of consecutive windows that lie within a longer
// one. Their number does not matter: amounts are added, averages weighted by
// what they cover, or by time where nothing says what is covered. Of time without
// a row, the members are those of the most.
func Merge(start, end record.Millis, rows []ledger.Row) ledger.Row {
	if len(rows) == 1 && rows[0].Start == start && rows[0].End == end {
		return rows[0]
	}
	s := newSum(start, end)
	out := s.row
	var weighted, weight float64
	overflow := false
	var all int64          // of the members of the rows
	var time record.Millis // of rows that have some
	for i := range rows {
		r := &rows[i]
		if r.Known {
			out.Known = true
			overflow = !plus(&out.Amount, r.Amount) || !plus(&out.Estimated, r.Estimated) || overflow
		}
		if r.Metered {
			out.Metered = true
			overflow = !plus(&out.Meter, r.Meter) || overflow
		}
		out.Rest.Time += r.Rest.Time
		overflow = !plus(&out.Rest.Amount, r.Rest.Amount) || !plus(&out.Rest.Estimated, r.Rest.Estimated) || overflow
		if !math.IsNaN(r.Average) {
			w := float64(r.Covered) / float64(max(r.Total, 1))
			if r.Whole > 0 {
				w = r.Completeness() * float64(r.End-r.Start)
			}
			if w == 0 {
				w = float64(r.End - r.Start)
			}
			weighted += r.Average * w
			weight += w
		}
		if !(out.Min <= r.Min) && !math.IsNaN(r.Min) {
			out.Min = r.Min
		}
		if !(out.Max >= r.Max) && !math.IsNaN(r.Max) {
			out.Max = r.Max
		}
		out.Count += r.Count
		out.Covered += r.Covered
		out.Members, out.Total = max(out.Members, r.Members), max(out.Total, r.Total)
		if r.Total > 0 {
			all, time = all+r.All(), time+r.End-r.Start
		}
		out.Quality = max(out.Quality, r.Quality)
	}
	if all += int64(max(0, end-start-time)) * int64(out.Total); all != out.All() {
		out.Whole = all
	}
	if weight > 0 {
		out.Average = weighted / weight
	}
	if overflow {
		out.Known, out.Amount, out.Metered, out.Meter, out.Rest = false, 0, false, 0, ledger.Rest{}
	}
	return out
}

// Between gives the rows, which are in order, that begin in a span.
func Between(rows []ledger.Row, from, to record.Millis) []ledger.Row {
	find := func(t record.Millis) int {
		i, _ := slices.BinarySearchFunc(rows, t, func(r ledger.Row, t record.Millis) int { return cmp.Compare(r.Start, t) })
		return i
	}
	return rows[find(from):find(to)]
}
