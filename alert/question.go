package alert

import (
	"context"
	"math"
	"time"

	"github.com/wattwerk/wattwerk/alert/rule"
	"github.com/wattwerk/wattwerk/record"
)

// Amounts tells what a subject has used, as energy or as money. It is what
// budgets stand on.
type Amounts interface {
	// Amount gives what a sensor or group has used in a span that begins with a
	// day of the zone. What is not settled yet may be estimated.
	Amount(ctx context.Context, subject rule.Ref, from, to record.Millis, zone *time.Location) (Used, error)
}

// Used is what was used.
type Used struct {
	Amount       float64       // in the coherent unit times hours (W·h), or in Unit; NaN when nothing is known
	Unit         string        // of money; empty for the quantity's
	Estimated    float64       // part of it, without sign, that was not measured, or is not settled yet
	Completeness float64       // part of the span that readings speak of, 0 to 1
	Settled      record.Millis // from here on it is from live readings, or missing
}

func (u *Used) figures() rule.Figures {
	f := rule.Figures{Settled: u.Settled, Completeness: record.Finite(u.Completeness)}
	if u.Estimated > 0 && u.Amount != 0 {
		f.Estimated = record.Finite(u.Estimated / math.Abs(u.Amount))
	}
	return f
}

// Profiles tells what is usual at an hour of the week.
type Profiles interface {
	// Settled tells up to when quarters of an hour are settled; 0: none is.
	Settled(ctx context.Context) (record.Millis, error)
	// Deviations compares each quarter of an hour that begins in a span, of a
	// sensor or group, with the same hour, by the clock of the zone, of so many
	// weeks before.
	Deviations(ctx context.Context, subject rule.Ref, weeks int, zone *time.Location, from, to record.Millis) ([]Deviation, error)
}

// Deviation is how far a quarter of an hour is from what is usual.
type Deviation struct {
	From, To record.Millis // the quarter
	Demand   float64       // its mean power; NaN when it is not known
	Usual    float64       // the median; NaN when too little is known to say
	Spread   float64       // the usual distance from it
	Weeks    int           // that the median stands on
	Unit     string        // of these
}

// answer says what a rule makes of it.
func (d *Deviation) answer(c *rule.Condition) rule.Answer {
	a := rule.Answer{Time: d.To, Value: math.NaN()}
	if math.IsNaN(d.Demand) || math.IsNaN(d.Usual) {
		return a
	}
	off := math.Abs(d.Demand - d.Usual)
	switch {
	case off < c.Least || off == 0:
		a.Value = 0
	default:
		a.Value = min(off/d.Spread, mostSpreads)
	}
	a.Figures = rule.Figures{
		From: d.From, To: d.To, Was: record.Finite(d.Demand), Low: record.Finite(d.Usual - c.Limit*d.Spread), High: record.Finite(d.Usual + c.Limit*d.Spread), Weeks: d.Weeks, Unit: d.Unit,
	}
	return a
}

// mostSpreads stands for a deviation of what never varied.
const mostSpreads = 1000

// able tells whether somebody answers what a rule asks.
func (s *Service) able(c *rule.Condition) error {
	switch {
	case c.Kind == rule.Budget && c.Of == rule.Cost && s.opts.Costs == nil:
		return ErrNoCosts
	case c.Kind == rule.Budget && c.Of != rule.Cost && s.opts.Amounts == nil:
		return ErrNoAmounts
	case c.Kind == rule.Deviation && s.opts.Profiles == nil:
		return ErrNoProfiles
	}
	return nil
}

// ask asks what the rules want to know of settled windows.
func (w *worker) ask() {
	w.mu.Lock()
	all := w.plan.Questions()
	w.mu.Unlock()
	now := record.MillisOf(time.Now())
	for i := range all {
		if w.ctx.Err() != nil {
			return
		}
		q := &all[i]
		if q.Condition.Kind == rule.Deviation {
			w.note(q, w.judge(q))
			continue
		}
		a, err := w.answer(q, now)
		if w.note(q, err); err != nil {
			continue // the alert stays as it is
		}
		w.mu.Lock()
		w.engine.Answer(q.Rule, q.Subject, a)
		w.mu.Unlock()
	}
}

// note tells that a question is not answered, once.
func (w *worker) note(q *rule.Question, err error) {
	if err != nil && !w.unanswered[q.Rule] {
		w.log.Warn("what a rule asks is not known", "rule", q.Rule, "error", err)
	}
	w.unanswered[q.Rule] = err != nil
}

// judge asks how the quarters of the last days deviate when one is settled that
// was not: so it costs little, and what was settled again is judged a quarter of
// an hour later at most.
func (w *worker) judge(q *rule.Question) error {
	if err := w.able(&q.Condition); err != nil {
		return err
	}
	settled, err := w.opts.Profiles.Settled(w.ctx)
	if err != nil || settled == 0 || settled == w.judged[subject{q.Rule, q.Subject}] {
		return err
	}
	all, err := w.opts.Profiles.Deviations(w.ctx, q.Subject, q.Condition.Weeks, q.Zone, settled-record.Millis(rule.Again.Milliseconds()), settled)
	if err != nil {
		return err
	}
	quarters := make([]rule.Answer, len(all))
	for i := range all {
		quarters[i] = all[i].answer(&q.Condition)
	}
	w.mu.Lock()
	w.engine.Judge(q.Rule, q.Subject, quarters)
	w.mu.Unlock()
	w.judged[subject{q.Rule, q.Subject}] = settled
	return nil
}

func (w *worker) answer(q *rule.Question, now record.Millis) (rule.Answer, error) {
	if err := w.able(&q.Condition); err != nil {
		return rule.Answer{}, err
	}
	from, _ := q.Condition.Period.Span(now, q.Zone)
	amounts := w.opts.Amounts
	if q.Condition.Of == rule.Cost {
		amounts = w.opts.Costs
	}
	used, err := amounts.Amount(w.ctx, q.Subject, from, now, q.Zone)
	return rule.Answer{Time: now, Value: used.Amount, Unit: used.Unit, Figures: used.figures()}, err
}
