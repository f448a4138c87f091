package report

import (
	"context"
	"slices"
	"strings"

	"github.com/wattwerk/wattwerk/energy"
	"github.com/wattwerk/wattwerk/model"
	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/settlement/ledger"
	"github.com/wattwerk/wattwerk/window"
)

// members makes the figures of the children, and what is beside them.
func (x *builder) members(ctx context.Context) error {
	if x.point.Hierarchy == "" {
		return nil
	}
	rows, _, err := x.windows(ctx, x.point, x.base, x.period.span)
	if err != nil {
		return err
	}
	sum := figureOf(rows, 1)
	x.out.Sum = &sum
	if x.head != x.point {
		x.out.Unaccounted = new(restOf(rows, &x.out.Total, &sum))
	}
	if x.at < 0 {
		return nil
	}
	type child struct {
		Child
		point ledger.Point
		sign  int8
	}
	var all []child
	for _, s := range x.tree[x.at].Sensors {
		all = append(all, child{Child{Kind: ledger.SensorKind, ID: s.Sensor, Sign: s.Sign}, ledger.SensorPoint(record.SensorID(s.Sensor)), s.Sign})
	}
	for i := range x.tree {
		g := &x.tree[i]
		if g.Parent != x.at {
			continue
		}
		c := child{Child{Kind: ledger.GroupKind, ID: g.Name, Sign: g.Sign, ByMeter: g.Meter}, ledger.GroupPoint(x.point.Hierarchy, g.Name), g.Sign}
		if g.Meter != "" {
			c.point = ledger.SensorPoint(record.SensorID(g.Meter))
			if g.Inverse {
				c.sign = -c.sign
			}
		}
		all = append(all, c)
	}
	if len(all) > MostMembers {
		x.out.MembersMore, all = len(all)-MostMembers, all[:MostMembers]
	}
	total, _ := x.out.Total.Known()
	var rest energy.Amount
	var estimated energy.Amount
	if a, ok := sum.Known(); ok {
		rest, estimated = a, energy.Amount(*sum.Estimated)
	}
	fits := sum.Amount != nil
	for i := range all {
		c := &all[i]
		rows, _, err := x.windows(ctx, c.point, x.base, x.period.span)
		if err != nil {
			return err
		}
		c.Figure, c.Name = figureOf(rows, c.sign), x.name(c.Kind, c.ID)
		if a, ok := c.Figure.Known(); ok {
			fits = fits && add(&rest, -a) && add(&estimated, -energy.Amount(*c.Figure.Estimated))
			if total != 0 {
				c.Share = new(a.Float64() / total.Float64())
			}
		}
		x.out.Members = append(x.out.Members, c.Child)
	}
	if fits && (rest != 0 || x.out.MembersMore > 0) {
		f := Figure{Completeness: sum.Completeness, Adjusted: sum.Adjusted, Quality: sum.Quality}
		f.set(rest, max(estimated, 0))
		x.out.Rest = &f
	}
	return nil
}

func (x *builder) name(kind, id string) string {
	if kind == ledger.SensorKind {
		if sn, ok := x.m.Sensor(record.SensorID(id)); ok {
			return sn.Name
		}
	} else if g, ok := x.m.Group(model.GroupID(id)); ok {
		return g.Name
	}
	return ""
}

// compare sets the period beside the one before and that of a year ago.
func (x *builder) compare(ctx context.Context) error {
	before, err := x.comparison(ctx, x.period.Previous())
	if err != nil {
		return err
	}
	x.out.Previous = before
	if x.period.size == window.Year {
		return nil
	}
	q, ok := x.period.YearAgo()
	if !ok {
		x.out.YearAgo = &Comparison{Why: WhyNone}
		return nil
	}
	x.out.YearAgo, err = x.comparison(ctx, q)
	return err
}

func (x *builder) comparison(ctx context.Context, q Period) (*Comparison, error) {
	if q.span.From < record.MinTime {
		return &Comparison{Why: WhyNone}, nil
	}
	rows, _, err := x.windows(ctx, x.head, x.base, q.span)
	if err != nil {
		return nil, err
	}
	c := &Comparison{Period: &q, Figure: figureOf(rows, x.sign)}
	now, ok := x.out.Total.Known()
	then, known := c.Figure.Known()
	switch {
	case x.out.Open:
		c.Why = WhyOpen
	case !ok || !known:
		c.Why = WhyUnknown
	case x.out.Total.Completeness < Enough || c.Figure.Completeness < Enough:
		c.Why = WhyIncomplete
	default:
		if !add(&now, -then) {
			c.Why = WhyUnknown
			break
		}
		c.Difference = (*Amount)(&now)
		if then == 0 {
			c.Why = WhyZero
			break
		}
		c.Change = new(now.Float64() / max(then, -then).Float64())
	}
	return c, nil
}

// peak finds the quarter hour of which the most was used, the first of several.
func (x *builder) peak(ctx context.Context) error {
	rows, _, err := x.windows(ctx, x.head, window.Quarter, x.period.span)
	if err != nil {
		return err
	}
	var most energy.Amount
	for i := range rows {
		r := &rows[i]
		a := r.Amount
		if x.sign < 0 {
			a = -a
		}
		if !r.Known || x.out.Peak != nil && a <= most {
			continue
		}
		most = a
		x.out.Peak = &Peak{From: x.local(r.Start), To: x.local(r.End), Power: a.Float64() * 4, Figure: figureOf(rows[i:i+1], x.sign)}
	}
	return nil
}

func (x *builder) costs(ctx context.Context) error {
	if x.Costing == nil {
		return nil
	}
	var err error
	if x.out.Costs, err = x.Costing.Costs(ctx, x.point, x.period.span); x.out.Costs == nil && err == nil && x.head != x.point {
		x.out.Costs, err = x.Costing.Costs(ctx, x.head, x.period.span) // somebody priced its meter
	}
	return err
}

// decisions lists what people decided about readings of the period, and how odd
// readings were understood.
func (x *builder) decisions(ctx context.Context) error {
	all, err := x.Books.Interventions(ctx, "", true, mostBooked)
	if err != nil {
		return err
	}
	x.out.NotesCut = len(all) == mostBooked
	in, span := x.set(), x.period.span
	for i := range all {
		d := &all[i]
		from, to := record.MillisOf(d.From), record.MillisOf(d.From)+1
		if d.To != nil {
			to = record.MillisOf(*d.To)
		}
		if !in[string(d.Sensor)] || from >= span.To || to <= span.From {
			continue
		}
		if len(x.out.Decisions) == mostDecisions {
			x.out.NotesCut = true
			break
		}
		o := Decision{ID: d.ID, Sensor: string(d.Sensor), Kind: d.Kind, From: x.local(from), Who: d.Who, At: d.At, Why: d.Why, UndoneWho: d.UndoneWho, UndoneWhy: d.UndoneWhy, UndoneAt: d.UndoneAt}
		if d.To != nil {
			o.To = new(x.local(to))
		}
		x.out.Decisions = append(x.out.Decisions, o)
	}
	return x.notes(ctx)
}

func (x *builder) notes(ctx context.Context) error {
	var counters []record.SensorID
	for _, id := range x.below {
		if sn, ok := x.m.Sensor(record.SensorID(id)); ok && sn.Kind == model.Counter && sn.Formula == "" && !slices.Contains(counters, sn.ID) {
			counters = append(counters, sn.ID)
			if len(counters)*x.period.Quarters/96 > mostWork {
				x.out.NotesCut = true
				return nil
			}
		}
	}
	until := min(x.period.span.To, record.MillisOf(x.out.Settled))
	if until <= x.period.span.From {
		return nil
	}
	for _, id := range counters {
		notes, err := x.Settled.Annotations(ctx, id, x.period.span.From, until)
		if err != nil {
			return err
		}
		for _, n := range notes {
			x.out.Notes = append(x.out.Notes, Note{Sensor: string(id), Time: x.local(n.Time), Kind: n.Kind.String(), Sentence: n.String()})
		}
	}
	slices.SortStableFunc(x.out.Notes, func(a, b Note) int {
		if c := a.Time.Compare(b.Time); c != 0 {
			return c
		}
		return strings.Compare(a.Sensor, b.Sensor)
	})
	if len(x.out.Notes) > mostDecisions {
		x.out.NotesCut, x.out.Notes = true, x.out.Notes[:mostDecisions]
	}
	return nil
}
