package report

import (
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/wattwerk/wattwerk/energy"
	"github.com/wattwerk/wattwerk/model"
	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/settlement/ledger"
	"github.com/wattwerk/wattwerk/settlement/tree"
	"github.com/wattwerk/wattwerk/window"
)

// Settled is what a report is made from; a settlement service is one.
type Settled interface {
	// Windows gives the windows of a point that touch a span, in order and
	// without a hole, and up to when they are settled.
	Windows(ctx context.Context, p ledger.Point, size window.Size, from, to record.Millis) ([]ledger.Row, record.Millis, error)
	// Annotations tells how odd readings of a counter were understood.
	Annotations(ctx context.Context, id record.SensorID, from, to record.Millis) ([]energy.Annotation, error)
}

// Books are what people decided and the past of the trees; a ledger is one.
type Books interface {
	Interventions(ctx context.Context, id record.SensorID, all bool, limit int) ([]ledger.Intervention, error)
	StructureAt(ctx context.Context, hierarchy string, at record.Millis) (ledger.Structure, bool, error)
	Marks(ctx context.Context, n int) ([]ledger.Mark, error)
	Progress(ctx context.Context, name string) (record.Millis, error)
}

// Costing prices what a point used in a span. Nil costs: there is no tariff for
// it.
type Costing interface {
	Costs(ctx context.Context, p ledger.Point, at window.Span) (*Costs, error)
}

// Sections of a report, beside its total.
const (
	Comparisons = "comparison"
	Members     = "members"
	Parts       = "parts"
	PeakSection = "peak"
	Decisions   = "decisions"
	Indicators  = "indicators"
	CostSection = "costs"
)

// Sections lists all of them, in the order in which they are shown.
func Sections() []string {
	return []string{Comparisons, Members, Parts, PeakSection, CostSection, Indicators, Decisions}
}

// Bounds of a report.
const (
	MostMembers   = 500    // shown one by one
	mostDecisions = 200    // and as many notes
	mostBooked    = 10_000 // decisions that are looked through
	mostMarks     = 10_000
	mostWork      = 3_200 // counters times days whose odd readings are looked for
)

// Spec says which report is wanted.
type Spec struct {
	Kind       string // ledger.SensorKind or ledger.GroupKind
	ID         string
	Hierarchy  string // of a group; empty: where the model has it
	Period     string
	Title      string
	Sections   []string // empty: all
	Indicators []IndicatorSpec
}

func (s *Spec) has(section string) bool {
	return len(s.Sections) == 0 || slices.Contains(s.Sections, section)
}

// Builder makes reports.
type Builder struct {
	Settled Settled
	Books   Books
	Costing Costing // nil: nobody prices anything
	Model   func() (*model.Model, uint64)
	Now     func() time.Time // nil: the clock
}

// CalendarOf is the calendar of a sensor's, or of a hierarchy's site.
func CalendarOf(m *model.Model, p ledger.Point) window.Calendar {
	var site model.SiteID
	if p.Hierarchy == "" {
		if sn, ok := m.Sensor(record.SensorID(p.Name)); ok {
			site = sn.Site
		}
	} else if h, ok := m.Hierarchy(model.HierarchyID(p.Hierarchy)); ok {
		site = h.Site
	}
	zone := ""
	if x, ok := m.Site(site); ok {
		zone = x.Zone
	}
	c, err := window.Load(zone)
	if err != nil {
		return window.In(time.UTC) // as settling does
	}
	return c
}

// Point finds what a report is of.
func (b *Builder) Point(kind, id, hierarchy string) (ledger.Point, error) {
	m, _ := b.Model()
	if kind == ledger.SensorKind {
		if _, ok := m.Sensor(record.SensorID(id)); !ok {
			return ledger.Point{}, fmt.Errorf("%w: there is no sensor %q in the model", ErrNotFound, id)
		}
		return ledger.SensorPoint(record.SensorID(id)), nil
	}
	if hierarchy == "" {
		h, ok := m.HierarchyOf(model.GroupID(id))
		if !ok {
			return ledger.Point{}, fmt.Errorf("%w: there is no group %q in a hierarchy of the model; name the hierarchy it was in", ErrNotFound, id)
		}
		hierarchy = string(h)
	}
	if _, ok := m.Hierarchy(model.HierarchyID(hierarchy)); !ok {
		return ledger.Point{}, fmt.Errorf("%w: there is no hierarchy %q in the model", ErrNotFound, hierarchy)
	}
	return ledger.GroupPoint(hierarchy, id), nil
}

// builder is the making of one report.
type builder struct {
	*Builder
	spec   *Spec
	m      *model.Model
	cal    window.Calendar
	period Period
	out    *Report

	point ledger.Point // what the report is of
	tree  []tree.Node
	at    int          // the group in it; -1: none
	head  ledger.Point // by which it counts: itself, or its meter
	sign  int8
	below []string // sensors

	rows, base window.Size
}

// Build makes a report.
func (b *Builder) Build(ctx context.Context, spec Spec) (*Report, error) {
	now := time.Now
	if b.Now != nil {
		now = b.Now
	}
	m, revision := b.Model()
	p, err := b.Point(spec.Kind, spec.ID, spec.Hierarchy)
	if err != nil {
		return nil, err
	}
	x := &builder{Builder: b, spec: &spec, m: m, cal: CalendarOf(m, p), point: p, head: p, sign: 1, at: -1}
	if x.period, err = ParsePeriod(spec.Period, x.cal); err != nil {
		return nil, err
	}
	x.rows, x.base = x.period.parts()
	x.out = &Report{Title: spec.Title, Period: x.period, Made: now().UTC().Truncate(time.Millisecond), Revision: revision}
	if err := x.subject(ctx); err != nil {
		return nil, err
	}
	rows, settled, err := x.windows(ctx, x.head, x.base, x.period.span)
	if err != nil {
		return nil, err
	}
	if err := x.settled(ctx, settled); err != nil {
		return nil, err
	}
	x.out.Total = figureOf(rows, x.sign)
	if err := x.waiting(ctx); err != nil {
		return nil, err
	}
	for _, section := range []struct {
		name string
		make func(context.Context) error
	}{
		{Members, x.members}, {Comparisons, x.compare}, {PeakSection, x.peak}, {CostSection, x.costs}, {Indicators, x.indicators}, {Decisions, x.decisions},
	} {
		if !spec.has(section.name) {
			continue
		}
		if err := section.make(ctx); err != nil {
			return nil, err
		}
	}
	if spec.has(Parts) {
		x.parts(rows)
	}
	return x.out, nil
}

// settled tells which time is settled. Older time is settled from the newest to
// the oldest, as far as there are readings.
func (x *builder) settled(ctx context.Context, to record.Millis) error {
	floor, err := x.Books.Progress(ctx, ledger.Floor)
	if err != nil {
		return err
	}
	first, err := x.Books.Progress(ctx, ledger.First)
	if err != nil {
		return err
	}
	below := first > 0 && first/window.QuarterLength*window.QuarterLength < floor
	x.out.Settled, x.out.Since = to.Time(), floor.Time()
	x.out.Open = to < x.period.span.To || below && floor > x.period.span.From
	return nil
}

// subject finds out what the report is of, and how it counts.
func (x *builder) subject(ctx context.Context) error {
	s := &x.out.Subject
	s.Kind, s.ID = x.spec.Kind, x.spec.ID
	var q record.Quantity
	var first *model.Sensor
	if x.point.Hierarchy == "" {
		first, _ = x.m.Sensor(record.SensorID(s.ID))
		s.Name, q, x.below = first.Name, first.Quantity, []string{s.ID}
	} else {
		s.Hierarchy = x.point.Hierarchy
		if g, ok := x.m.Group(model.GroupID(s.ID)); ok {
			s.Name = g.Name
		}
		var err error
		if x.tree, err = x.treeAt(ctx, s.Hierarchy, x.period.span.From); err != nil {
			return err
		}
		x.at = slices.IndexFunc(x.tree, func(g tree.Node) bool { return g.Name == s.ID })
		q = x.m.QuantityOf(model.GroupID(s.ID))
		if x.at >= 0 {
			x.below = sensorsBelow(x.tree, x.at)
			if g := &x.tree[x.at]; g.Meter != "" {
				s.Meter, x.head = g.Meter, ledger.SensorPoint(record.SensorID(g.Meter))
				if g.Inverse {
					x.sign = -1
				}
			}
		}
		for _, id := range x.below {
			if sn, ok := x.m.Sensor(record.SensorID(id)); ok {
				first = sn
				break
			}
		}
		if q == "" && first != nil {
			q = first.Quantity
		}
	}
	unit, power, ok := unitsOf(q, first != nil && first.Kind == model.Counter)
	if !ok {
		return fmt.Errorf("%w: what %q measures adds up to nothing over time, so there is no report of it", ErrInvalid, s.ID)
	}
	s.Quantity, x.out.Unit, x.out.PowerUnit = string(q), unit, power
	return nil
}

// unitsOf gives the coherent units of amounts and of how fast they add up;
// false when nothing adds up.
func unitsOf(q record.Quantity, counter bool) (unit, power string, ok bool) {
	whole, ok := q.Integral()
	if !ok {
		whole = q
	}
	unit = whole.Unit().Symbol
	if !ok && !counter || unit == "" {
		return "", "", false
	}
	if whole != q {
		return unit, q.Unit().Symbol, true
	}
	for _, p := range []record.Quantity{record.ActivePower, record.ReactivePower, record.ApparentPower, record.Current} {
		if of, _ := p.Integral(); of == q {
			return unit, p.Unit().Symbol, true
		}
	}
	return unit, unit + "/h", true
}

// windows gives windows of the report's calendar of a point, which may be of a
// site with another.
func (x *builder) windows(ctx context.Context, p ledger.Point, size window.Size, at window.Span) ([]ledger.Row, record.Millis, error) {
	if size <= window.Quarter || CalendarOf(x.m, p).Zone().String() == x.cal.Zone().String() {
		return x.Settled.Windows(ctx, p, size, at.From, at.To)
	}
	quarters, settled, err := x.Settled.Windows(ctx, p, window.Quarter, at.From, at.To)
	if err != nil {
		return nil, settled, err
	}
	var out []ledger.Row
	for w := range x.cal.Spans(size, at.From, at.To) {
		n := 0
		for n < len(quarters) && quarters[n].Start < w.To {
			n++
		}
		out = append(out, tree.Merge(w.From, w.To, quarters[:n]))
		quarters = quarters[n:]
	}
	return out, settled, nil
}

func add(to *energy.Amount, a energy.Amount) bool {
	c, err := to.Add(a)
	if err == nil {
		*to = c
	}
	return err == nil
}

// figureOf sums up windows that follow one another.
func figureOf(rows []ledger.Row, sign int8) Figure {
	var f Figure
	var amount, estimated energy.Amount
	var known, overflow bool
	var covered, all, adjusted, length float64
	total := uint32(0)
	for i := range rows {
		total = max(total, rows[i].Total)
	}
	for i := range rows {
		r := &rows[i]
		if r.Known {
			known = true
			v := r.Amount
			if sign < 0 {
				v = -v
			}
			overflow = !add(&amount, v) || !add(&estimated, max(r.Estimated, -r.Estimated)) || overflow
		}
		long := float64(r.End - r.Start)
		of := float64(r.All())
		if r.Total == 0 { // nothing is known of it: it had as many members as others
			of = long * float64(total)
		}
		length += long
		covered, all = covered+float64(r.Covered), all+of
		if r.Quality > energy.Measured {
			adjusted += long
		}
		f.Quality = max(f.Quality, r.Quality)
	}
	if all > 0 {
		f.Completeness = covered / all
	}
	if length > 0 {
		f.Adjusted = adjusted / length
	}
	if known && !overflow {
		f.set(amount, estimated)
	}
	return f
}

// set gives it an amount.
func (f *Figure) set(amount, estimated energy.Amount) {
	f.Amount, f.Estimated = (*Amount)(&amount), (*Amount)(&estimated)
	if amount != 0 {
		f.EstimatedShare = new(min(1, estimated.Float64()/math.Abs(amount.Float64())))
	}
}

// restOf is what is unaccounted of the windows of a group: of the time in which
// its meter and its members can be compared, which is what it is complete to. It
// stands on the figures of both.
func restOf(rows []ledger.Row, meter, members *Figure) Figure {
	f := Figure{Adjusted: max(meter.Adjusted, members.Adjusted)}
	var x ledger.Rest
	var length record.Millis
	fits := true
	for i := range rows {
		r := &rows[i]
		length, x.Time = length+r.End-r.Start, x.Time+r.Rest.Time
		fits = add(&x.Amount, r.Rest.Amount) && add(&x.Estimated, r.Rest.Estimated) && fits
	}
	if length > 0 {
		f.Completeness = float64(x.Time) / float64(length)
	}
	f.Quality = x.Quality(max(meter.Quality, members.Quality))
	if x.Time > 0 && fits {
		f.set(x.Amount, x.Estimated)
	}
	return f
}

// waiting counts the ranges that are to be settled again.
func (x *builder) waiting(ctx context.Context) error {
	marks, err := x.Books.Marks(ctx, mostMarks)
	if err != nil {
		return err
	}
	in := x.set()
	for _, k := range marks {
		if k.Begin >= x.period.span.To || k.End <= x.period.span.From {
			continue
		}
		if k.Kind == ledger.SensorKind && in[k.Name] || k.Kind == ledger.HierarchyKind && k.Name == x.point.Hierarchy {
			x.out.Waiting++
		}
	}
	return nil
}

func (x *builder) set() map[string]bool {
	in := make(map[string]bool, len(x.below))
	for _, id := range x.below {
		in[id] = true
	}
	return in
}

// parts makes the rows of the table.
func (x *builder) parts(rows []ledger.Row) {
	x.out.PartSize, x.out.Parts = x.rows.String(), []Stretch{}
	for w := range x.cal.Spans(x.rows, x.period.span.From, x.period.span.To) {
		n := 0
		for n < len(rows) && rows[n].Start < w.To {
			n++
		}
		x.out.Parts = append(x.out.Parts, Stretch{From: x.local(w.From), To: x.local(w.To), Figure: figureOf(rows[:n], x.sign)})
		rows = rows[n:]
	}
}

func (x *builder) local(t record.Millis) time.Time { return t.Time().In(x.cal.Zone()) }
