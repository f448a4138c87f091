package price

import (
	"context"
	"net/http"

	"github.com/wattwerk/wattwerk/energy"
	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/settlement/cost/contract"
	"github.com/wattwerk/wattwerk/settlement/ledger"
	"github.com/wattwerk/wattwerk/settlement/tree"
	"github.com/wattwerk/wattwerk/tariff"
	"github.com/wattwerk/wattwerk/window"
)

// MostDays is how many days are priced at once, and MostWindows into how many
// windows they are divided.
const (
	MostDays    = 1_150
	MostWindows = 40_000
)

// Quarter is a quarter of an hour.
const Quarter record.Millis = window.QuarterLength

// quartersAtOnce is how many quarters of an hour are in memory.
const quartersAtOnce = 10_000

// measure is what was measured in a quarter of an hour.
type measure struct {
	tariff.Window
	completeness float64
}

// join makes of the rows of a point, and of the sensor that counts what is given
// back, what is priced. A quarter is known when both are; without a row of the
// second one it is taken for not known.
func join(r, export *ledger.Row) measure {
	m := measure{completeness: r.Completeness()}
	m.Span = window.Span{From: r.Start, To: r.End}
	m.Known, m.Amount = r.Known, r.Amount
	m.Estimated = min(magnitude(r.Estimated), magnitude(r.Amount))
	if r.Amount < 0 {
		m.Estimated = -m.Estimated
	}
	if export != nil {
		m.Known = m.Known && export.Known && export.Amount >= 0
		m.Export, m.ExportEstimated = export.Amount, min(export.Estimated, export.Amount)
		m.completeness = min(m.completeness, export.Completeness())
	}
	return m
}

func magnitude(a energy.Amount) energy.Amount {
	if a < 0 {
		return -a
	}
	return a
}

// feed hands what was measured in a span of a stretch, or of those before it
// that count, to f, in order and without a hole.
func (s *Service) feed(ctx context.Context, x *Stretch, at window.Span, f func(measure) error) error {
	for _, p := range x.pieces() {
		part := Cut(p.span, at)
		for from := part.From; from < part.To; from += quartersAtOnce * Quarter {
			some := window.Span{From: from, To: min(from+quartersAtOnce*Quarter, part.To)}
			rows, err := s.rows(ctx, x.Point, p.by, some)
			if err != nil {
				return err
			}
			if x.compared && p.span == x.Span {
				if err := s.leave(ctx, x.Point, rows, some); err != nil {
					return err
				}
			}
			var exports []ledger.Row
			if p.export != "" {
				if exports, _, err = s.opts.Windows.Windows(ctx, ledger.SensorPoint(p.export), window.Quarter, some.From, some.To); err != nil {
					return err
				}
			}
			for i := range rows {
				var export *ledger.Row
				if p.export != "" {
					export = &exports[i]
				}
				if err := f(join(&rows[i], export)); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// leave takes the quarters of an hour in which the meter of a group and its members
// cannot be compared for not known.
func (s *Service) leave(ctx context.Context, p ledger.Point, rows []ledger.Row, at window.Span) error {
	of, _, err := s.opts.Windows.Windows(ctx, p, window.Quarter, at.From, at.To)
	if err != nil {
		return err
	}
	for i := range rows {
		rows[i].Known = rows[i].Known && of[i].Rest.Time > 0
	}
	return nil
}

// rows gives the quarters of an hour of a span by which a point is priced, without
// a hole. While a group has no meter, nothing is known of what it says.
func (s *Service) rows(ctx context.Context, p ledger.Point, by contract.By, at window.Span) ([]ledger.Row, error) {
	if by != contract.ByMeter {
		rows, _, err := s.opts.Windows.Windows(ctx, p, window.Quarter, at.From, at.To)
		return rows, err
	}
	meters, err := s.opts.Windows.Meters(ctx, p, at)
	if err != nil {
		return nil, err
	}
	var out []ledger.Row
	for _, m := range meters {
		if m.Sensor == "" {
			for t := m.From; t < m.To; t += Quarter {
				out = append(out, ledger.Row{Start: t, End: t + Quarter, Total: 1})
			}
			continue
		}
		rows, _, err := s.opts.Windows.Windows(ctx, ledger.SensorPoint(m.Sensor), window.Quarter, m.From, m.To)
		if err != nil {
			return nil, err
		}
		for _, r := range rows {
			out = append(out, tree.Whole(r, m.Inverse))
		}
	}
	return out, nil
}

// since is from when on windows count for what is priced from a moment on.
func (x *Stretch) since(from record.Millis) record.Millis {
	first := x.Span.From
	if len(x.earlier) > 0 {
		first = x.earlier[0].span.From
	}
	return max(x.Plan.Since(from), min(first, from))
}

// quotes reads the series that the plan of a stretch names.
func (s *Service) quotes(ctx context.Context, x *Stretch, at window.Span) (map[string][]tariff.Quote, error) {
	out := make(map[string][]tariff.Quote)
	for _, name := range x.Plan.Series() {
		var err error
		if out[name], err = s.store.Quotes(ctx, name, at.From, at.To); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// Part is the bill of the time in which one assignment held.
type Part struct {
	Assignment contract.Assignment
	Revision   int64         // of the document
	PerUnit    energy.Amount // see tariff.Plan
	tariff.Bill
	Completeness float64 // part of the time, and of the members, that readings speak of
}

// Sum adds up bills. Known is false when nothing was measured or had a price: then
// the money has no meaning.
type Sum struct {
	Known                          bool
	Currency                       string
	Cost, Credit, Total, Estimated tariff.Money
	Taken, TakenEstimated          energy.Amount
	Given, GivenEstimated          energy.Amount
	Measured, Unpriced             int64         // ms; see tariff.Bill
	Missing                        energy.Amount // taken and given back without a price, both without sign
	Covered                        float64       // ms that readings speak of, of all members
}

// Add adds a bill; the error says that it is in another currency.
func (x *Sum) Add(b *tariff.Bill, covered float64) error {
	return x.merge(&Sum{
		// Of what has no price at all, standing charges alone are not the costs.
		Known: b.Known && b.Measured > b.Unpriced, Currency: b.Currency, Cost: b.Cost, Credit: b.Credit, Total: b.Total, Estimated: b.Estimated,
		Taken: b.Taken, TakenEstimated: b.TakenEstimated, Given: b.Given, GivenEstimated: b.GivenEstimated,
		Measured: b.Measured, Unpriced: b.Unpriced, Missing: b.UnpricedTaken + b.UnpricedGiven, Covered: covered,
	})
}

// merge adds another sum; the error says that it is in another currency.
func (x *Sum) merge(b *Sum) error {
	if x.Currency != "" && b.Currency != x.Currency {
		return Refuse(http.StatusUnprocessableEntity, "the tariffs of this time are in %s and in %s, which cannot be added up; ask for the time of each alone", x.Currency, b.Currency)
	}
	x.Currency = b.Currency
	if b.Known {
		x.Known = true
		x.Cost, x.Credit, x.Total, x.Estimated = x.Cost+b.Cost, x.Credit+b.Credit, x.Total+b.Total, x.Estimated+b.Estimated
	}
	x.Taken, x.TakenEstimated = x.Taken+b.Taken, x.TakenEstimated+b.TakenEstimated
	x.Given, x.GivenEstimated = x.Given+b.Given, x.GivenEstimated+b.GivenEstimated
	x.Measured, x.Unpriced, x.Missing, x.Covered = x.Measured+b.Measured, x.Unpriced+b.Unpriced, x.Missing+b.Missing, x.Covered+b.Covered
	return nil
}

// EstimatedShare is the part of the amounts that is estimated, from 0 to 1; 0 when
// there are none.
func (x *Sum) EstimatedShare() float64 {
	if all := float64(x.Taken) + float64(x.Given); all > 0 {
		return (float64(x.TakenEstimated) + float64(x.GivenEstimated)) / all
	}
	return 0
}

// Rest is what the meter of a group says and the sum of its members does not, and
// what that costs: the costs by the meter less those by the members. It speaks of
// the time that is priced by the meter and in which both can be compared.
type Rest struct {
	Known      bool  // there is such time
	Time       int64 // ms of it
	Of         int64 // ms that are priced by the meter
	Amount     energy.Amount
	MoneyKnown bool
	Money      tariff.Money
}

// Compared is the part of the time that is priced by the meter in which it can be
// compared with the members.
func (x *Rest) Compared() float64 {
	if x.Of == 0 {
		return 0
	}
	return float64(x.Time) / float64(x.Of)
}

// rest compares the sums of what was priced by a meter and by members.
func rest(meter, members *Sum) Rest {
	var out Rest
	if out.Known = meter.Measured > 0 && members.Measured > 0; out.Known {
		out.Time = min(meter.Measured, members.Measured)
		out.Amount = meter.Taken - meter.Given - members.Taken + members.Given
	}
	if out.MoneyKnown = meter.Known && members.Known; out.MoneyKnown {
		out.Money = meter.Total - members.Total
	}
	return out
}

// Bill is what a span costs: the bill of each assignment that held in it.
type Bill struct {
	Span        window.Span
	Parts       []Part
	Sum         Sum
	Unaccounted Rest          // of the parts that are priced by a meter
	Settled     record.Millis // up to when windows are settled
}

// Bill prices a span, which begins and ends at a quarter of an hour.
func (s *Service) Bill(ctx context.Context, p ledger.Point, basis Basis, at window.Span) (*Bill, error) {
	if err := bounded(at); err != nil {
		return nil, err
	}
	done, err := s.slot(ctx)
	if err != nil {
		return nil, err
	}
	defer done()
	b, err := s.Current(ctx)
	if err != nil {
		return nil, err
	}
	all, err := s.Stretches(b, p, basis)
	if err != nil {
		return nil, err
	}
	settled, err := s.Settled(ctx)
	if err != nil {
		return nil, err
	}
	out := &Bill{Span: at, Settled: settled.To}
	var sides [2]Sum // of the parts by a meter
	long := int64(0)
	for i := range all {
		x := &all[i]
		period := Cut(x.Span, at)
		if x.Plan == nil || Empty(period) {
			continue
		}
		bill, covered, err := s.bill(ctx, x, period)
		if err != nil {
			return nil, err
		}
		if err := out.Sum.Add(&bill, covered); err != nil {
			return nil, err
		}
		out.Parts = append(out.Parts, Part{Assignment: x.Assignment, Revision: x.Revision, PerUnit: x.Plan.PerUnit(), Bill: bill, Completeness: covered / float64(period.Length())})
		if x.By != contract.ByMeter {
			continue
		}
		long += period.Length()
		for k, side := range x.sides() {
			sum, covered, err := s.bill(ctx, side, period)
			if err != nil {
				return nil, err
			}
			if err := sides[k].Add(&sum, covered); err != nil {
				return nil, err
			}
		}
	}
	out.Unaccounted = rest(&sides[0], &sides[1])
	out.Unaccounted.Of = long
	return out, nil
}

// bill prices a part of a stretch, and tells the time that readings speak of.
func (s *Service) bill(ctx context.Context, x *Stretch, period window.Span) (tariff.Bill, float64, error) {
	r, err := s.walker(ctx, x, period, period)
	if err != nil {
		return tariff.Bill{}, 0, err
	}
	covered := 0.0
	err = s.feed(ctx, x, period, func(m measure) error {
		covered += m.completeness * float64(m.Span.Length())
		_, err := r.Add(m.Window)
		return err
	})
	if err != nil {
		return tariff.Bill{}, 0, err
	}
	bill, err := r.Bill()
	if err != nil {
		return tariff.Bill{}, 0, Refuse(http.StatusUnprocessableEntity, "%v", err)
	}
	return bill, covered, nil
}

func bounded(at window.Span) error {
	switch {
	case at.From >= at.To:
		return Refuse(http.StatusUnprocessableEntity, "from (%s) is not before to (%s)", at.From, at.To)
	case at.Length() > MostDays*86_400_000:
		return Refuse(http.StatusUnprocessableEntity, "at most %d days are priced at once; ask for a shorter time", MostDays)
	case at.From%Quarter != 0 || at.To%Quarter != 0:
		return Refuse(http.StatusUnprocessableEntity, "costs begin and end at a quarter of an hour; %s or %s is none", at.From, at.To)
	}
	return nil
}

// Priced is what a window costs. Used is what the amounts of it cost, and the
// taxes on that, each quarter of an hour rounded; Known is false when there is
// no such amount with a price. Sum, of windows of a day and longer, is the bill of
// the window alone.
type Priced struct {
	Span                window.Span
	Known               bool
	Used, UsedEstimated tariff.Money
	Sum                 Sum
	Unaccounted         Rest // its money is of used
}

// Windows prices the windows of a span, by the calendar of the site. It tells by
// what a group is priced, which is the meter if it is that at any time; and up to
// when windows are settled.
func (s *Service) Windows(ctx context.Context, p ledger.Point, basis Basis, size window.Size, at window.Span) (out []Priced, by contract.By, settled record.Millis, err error) {
	done, err := s.slot(ctx)
	if err != nil {
		return nil, "", 0, err
	}
	defer done()
	b, err := s.Current(ctx)
	if err != nil {
		return nil, "", 0, err
	}
	for w := range s.Site(p).Calendar.Spans(size, at.From, at.To) {
		if len(out) == MostWindows {
			return nil, "", 0, Refuse(http.StatusUnprocessableEntity, "more than %d windows; ask for a shorter time or longer windows", MostWindows)
		}
		out = append(out, Priced{Span: w})
	}
	if len(out) == 0 || size < window.Quarter {
		return nil, "", 0, Refuse(http.StatusUnprocessableEntity, "from is not before to, or the windows are shorter than those that are kept")
	}
	if err := bounded(window.Span{From: out[0].Span.From, To: out[len(out)-1].Span.To}); err != nil {
		return nil, "", 0, err
	}
	all, err := s.Stretches(b, p, basis)
	if err != nil {
		return nil, "", 0, err
	}
	within, err := s.Settled(ctx)
	if err != nil {
		return nil, "", 0, err
	}
	for i := range all {
		x := &all[i]
		if x.Plan == nil {
			continue
		}
		var spans []window.Span
		var into []*Priced
		for k := range out {
			if part := Cut(out[k].Span, x.Span); !Empty(part) {
				spans, into = append(spans, part), append(into, &out[k])
			}
		}
		if len(spans) > 0 && by != contract.ByMeter {
			by = x.By
		}
		if x.By != contract.ByMeter {
			if err := s.walk(ctx, x, spans, into, size >= window.Day); err != nil {
				return nil, "", 0, err
			}
			continue
		}
		if err := s.compare(ctx, x, spans, into, size >= window.Day); err != nil {
			return nil, "", 0, err
		}
	}
	return out, by, within.To, nil
}

// compare is walk for what is priced by a meter: it tells what is unaccounted,
// too.
func (s *Service) compare(ctx context.Context, x *Stretch, spans []window.Span, into []*Priced, bills bool) error {
	if err := s.walk(ctx, x, spans, into, bills); err != nil {
		return err
	}
	var both [2][]Priced // by the meter, by the members
	for i, x := range x.sides() {
		both[i] = make([]Priced, len(spans))
		to := make([]*Priced, len(spans))
		for k := range to {
			to[k] = &both[i][k]
		}
		if err := s.walk(ctx, x, spans, to, bills); err != nil {
			return err
		}
	}
	for k, to := range into {
		meter, members := &both[0][k], &both[1][k]
		r := rest(&meter.Sum, &members.Sum)
		if r.Money, r.MoneyKnown = 0, meter.Known && members.Known; r.MoneyKnown {
			r.Money = meter.Used - members.Used
		}
		was := &to.Unaccounted
		was.Time, was.Of = was.Time+r.Time, was.Of+spans[k].Length()
		was.Known, was.Amount = was.Known || r.Known, was.Amount+r.Amount
		was.MoneyKnown, was.Money = was.MoneyKnown || r.MoneyKnown, was.Money+r.Money
	}
	return nil
}

// Bills prices spans of a stretch, which follow one another, each for itself.
func (s *Service) Bills(ctx context.Context, x *Stretch, spans []window.Span) ([]Priced, error) {
	out := make([]Priced, len(spans))
	into := make([]*Priced, len(spans))
	for i := range spans {
		out[i].Span, into[i] = spans[i], &out[i]
	}
	return out, s.walk(ctx, x, spans, into, true)
}

// walk prices spans that follow one another, and adds to what is known of each.
// With bills each is priced for itself.
func (s *Service) walk(ctx context.Context, x *Stretch, spans []window.Span, into []*Priced, bills bool) error {
	if len(spans) == 0 {
		return nil
	}
	whole := window.Span{From: spans[0].From, To: spans[len(spans)-1].To}
	period := whole
	if bills { // to the one that goes on all windows are before its period
		period.From = period.To
	}
	on, err := s.walker(ctx, x, whole, period)
	if err != nil {
		return err
	}
	i, r := 0, on
	if bills {
		if r, err = on.Next(spans[0]); err != nil {
			return err
		}
	}
	covered := 0.0
	finish := func() error {
		sum := &into[i].Sum
		if !bills {
			sum.Covered += covered
			sum.Currency = x.Plan.Currency()
			return nil
		}
		bill, err := r.Bill()
		if err != nil {
			return err
		}
		return sum.Add(&bill, covered)
	}
	err = s.feed(ctx, x, whole, func(m measure) error {
		for m.Span.From >= spans[i].To {
			if err := finish(); err != nil {
				return err
			}
			i, covered = i+1, 0
			if bills {
				if r, err = on.Next(spans[i]); err != nil {
					return err
				}
			}
		}
		covered += m.completeness * float64(m.Span.Length())
		c, err := r.Add(m.Window)
		if err != nil {
			return err
		}
		if bills {
			if _, err := on.Add(m.Window); err != nil {
				return err
			}
		} else if m.Known {
			into[i].Sum.measured(m, c.Known)
		}
		if c.Known {
			into[i].Known = true
			into[i].Used += c.Money
			into[i].UsedEstimated += c.Estimated
		}
		return nil
	})
	if err != nil {
		return err
	}
	return finish()
}

// measured adds what was measured in a quarter of an hour, without its money.
func (x *Sum) measured(m measure, priced bool) {
	x.Measured += m.Span.Length()
	if !priced {
		x.Unpriced += m.Span.Length()
		x.Missing += magnitude(m.Amount) + m.Export
	}
	if m.Amount >= 0 {
		x.Taken, x.TakenEstimated = x.Taken+m.Amount, x.TakenEstimated+m.Estimated
	} else {
		x.Given, x.GivenEstimated = x.Given-m.Amount, x.GivenEstimated-m.Estimated
	}
	x.Given, x.GivenEstimated = x.Given+m.Export, x.GivenEstimated+m.ExportEstimated
}

// walker makes a pricer of a period at the end of, or as long as, a span, and
// tells it what was before the span.
func (s *Service) walker(ctx context.Context, x *Stretch, whole, period window.Span) (*tariff.Pricer, error) {
	before := window.Span{From: x.since(whole.From), To: whole.From}
	series, err := s.quotes(ctx, x, window.Span{From: before.From, To: whole.To})
	if err != nil {
		return nil, err
	}
	r, err := x.Plan.Price(period, series)
	if err != nil {
		return nil, err
	}
	return r, s.feed(ctx, x, before, func(m measure) error {
		_, err := r.Add(m.Window)
		return err
	})
}
