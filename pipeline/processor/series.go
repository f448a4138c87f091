package processor

import (
	"math"
	"slices"

	"github.com/wattwerk/wattwerk/manifest"
	"github.com/wattwerk/wattwerk/observation"
	"github.com/wattwerk/wattwerk/record"
)

// Bounds of what an operator keeps. Items beyond are refused.
const (
	// MaxSeries is how many series one operator knows.
	MaxSeries = 100_000
	// MaxWaiting is how many items wait in one operator, to be put in order or in
	// a sliding window.
	MaxWaiting = 1 << 20
	// MaxCells is how many windows of series are open in one operator.
	MaxCells = 1 << 21
)

// maxNumber bounds the numbers of series, as room is kept for all below.
const maxNumber = 1 << 22

// Reasons to refuse an item.
const (
	isLate        = "late: its window is closed"
	isBefore      = "late: it is before the watermark"
	isNoNumber    = "value is no finite number of at most 1e18"
	isNoTime      = "time is outside 1970 to 2100"
	isNoResult    = "result is no finite number of at most 1e18"
	isTooManyKeys = "too many series: one processor knows 100,000"
	isTooMany     = "too many items wait for the watermark"
	isTooManyOpen = "too many windows are open"
	isNoKey       = "key is too long with the name of the input before it"
)

// check says why an item can be taken by none, or nothing.
func check(i observation.Item) string {
	switch {
	case i.Marks&observation.Null == 0 && !(math.Abs(i.Value) <= record.MaxValue):
		return isNoNumber
	case i.Time < record.MinTime || i.Time > record.MaxTime:
		return isNoTime
	}
	return ""
}

// give adds a result, or refuses one that is no number.
func (o *Out) give(i observation.Item) {
	if i.Marks&observation.Null != 0 {
		i.Value = 0
	} else if !(math.Abs(i.Value) <= record.MaxValue) {
		o.Refuse(i, isNoResult)
		return
	}
	o.Add(i)
}

// kept are the marks that say something of results, too.
const kept = observation.Estimated | observation.Suspect

// slots number the series that an operator knows, from 0 on in the order in
// which they come.
type slots struct {
	at     []int32 // by number of series; the slot and 1
	series []observation.Series
}

// find gives the slot of a series, a new one where it has none; false when there
// are too many.
func (s *slots) find(n observation.Series) (int, bool) {
	if int(n) < len(s.at) {
		if at := s.at[n]; at > 0 {
			return int(at) - 1, true
		}
	}
	if n >= maxNumber || len(s.series) >= MaxSeries {
		return 0, false
	}
	if int(n) >= len(s.at) {
		s.at = slices.Grow(s.at, int(n)+1-len(s.at))[:int(n)+1]
	}
	s.series = append(s.series, n)
	s.at[n] = int32(len(s.series))
	return len(s.series) - 1, true
}

func (s *slots) many() int { return len(s.series) }

func (s *slots) save(w *writer) {
	w.uint(uint64(len(s.series)))
	for _, n := range s.series {
		w.uint(uint64(n))
	}
}

func (s *slots) load(r *reader, table *observation.Table) {
	for range r.count(MaxSeries) {
		n := observation.Series(r.UpTo(uint64(table.Len()) - 1))
		before := len(s.series)
		if at, ok := s.find(n); !r.Failed() && (!ok || at != before) {
			r.Fail()
		}
		if r.Failed() {
			return
		}
	}
}

// states are what an operator knows of each series.
type states[T any] struct {
	slots
	each []T
}

// of is what is known of the series of an item, which is refused when there are
// too many.
func (s *states[T]) of(i observation.Item, out *Out) *T {
	at, ok := s.find(i.Series)
	if !ok {
		out.Refuse(i, isTooManyKeys)
		return nil
	}
	if at == len(s.each) {
		var none T
		s.each = append(s.each, none)
	}
	return &s.each[at]
}

func (s *states[T]) save(w *writer, each func(*writer, *T)) {
	s.slots.save(w)
	for at := range s.each {
		each(w, &s.each[at])
	}
}

func (s *states[T]) load(r *reader, table *observation.Table, each func(*reader, *T)) {
	s.slots.load(r, table)
	for range s.series {
		if r.Failed() {
			return
		}
		var e T
		each(r, &e)
		s.each = append(s.each, e)
	}
}

// byParameter declares how inputs are made series.
func byParameter() manifest.Parameter {
	return choices("group", byKey, "What is one series: key – all items of one key, whichever input they are from; source – all items of one input, and the result's key is the input's name; both – one key of one input, and the result's key is INPUT/KEY; all – everything.",
		byKey, bySource, byBoth, byNone)
}

const (
	byKey    = "key"
	bySource = "source"
	byBoth   = "both"
	byNone   = "all"
)

// grouping says of which series of the result an item is.
type grouping struct {
	by     string
	inputs []string
	table  *observation.Table
	known  [][]observation.Series // by input, and of both by series; the series and 1
}

func (g *given) grouping(s Settings) grouping {
	table := s.Table
	if table == nil {
		table = new(observation.Table)
	}
	return grouping{by: g.choice("group", byKey, bySource, byBoth, byNone), inputs: s.Inputs, table: table}
}

// of is the series of the result; false when its key is too long or it is of no
// input.
func (g *grouping) of(input int, n observation.Series) (observation.Series, bool) {
	switch g.by {
	case byKey:
		return n, true
	case byNone:
		return 0, true
	case bySource:
		n = 0
	}
	if n >= maxNumber || input < 0 || input >= len(g.inputs) {
		return 0, false
	}
	if g.known == nil {
		g.known = make([][]observation.Series, len(g.inputs))
	}
	if k := g.known[input]; int(n) < len(k) && k[n] > 0 {
		return k[n] - 1, true
	}
	key := g.inputs[input]
	if k := g.table.Key(n); k != "" {
		key += "/" + k
	}
	if len(key) > observation.MaxKey {
		return 0, false
	}
	k := g.known[input]
	if int(n) >= len(k) {
		k = slices.Grow(k, int(n)+1-len(k))[:int(n)+1]
	}
	to := g.table.Number(key)
	k[n], g.known[input] = to+1, k
	return to, true
}
