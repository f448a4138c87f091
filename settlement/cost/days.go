package cost

import (
	"context"
	"fmt"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/settlement/cost/contract"
	"github.com/wattwerk/wattwerk/settlement/cost/price"
	"github.com/wattwerk/wattwerk/tariff"
	"github.com/wattwerk/wattwerk/window"
)

// lookEvery is how often it is asked whether days have to be priced.
const lookEvery = 10 * time.Second

// daysAtOnce is how many days are stored in one transaction.
const daysAtOnce = 370

// Run keeps the costs of days up to date until ctx ends. What fails is tried
// again.
func (s *Service) Run(ctx context.Context) error {
	err := s.opts.Share(ctx, "costs", 1, func(ctx context.Context, _ int) error {
		defer s.lag.priced.Store(0) // another process goes on
		for ctx.Err() == nil {
			more, err := s.Step(ctx)
			if err != nil && ctx.Err() == nil {
				s.opts.Log.Warn("pricing days begins again", "error", err)
			}
			if more && err == nil {
				continue
			}
			timer := time.NewTimer(lookEvery)
			select {
			case <-ctx.Done():
			case <-timer.C:
			}
			timer.Stop()
		}
		return nil
	})
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// notesAtOnce is how many notes of what changed are read at once.
const notesAtOnce = 5_000

// Step prices the days that are due: those that have passed, and those that
// something has touched. It tells whether there may be more. Run calls it; it is
// for tests, too.
func (s *Service) Step(ctx context.Context) (more bool, err error) {
	b, err := s.Current(ctx)
	if err != nil {
		return false, err
	}
	progress, err := s.store.Progress(ctx)
	if err != nil {
		return false, err
	}
	// Read before anything is priced, as what is settled may change meanwhile.
	notes, err := s.opts.Ledger.Notes(ctx, progress, notesAtOnce)
	if err != nil {
		return false, err
	}
	within, err := s.Settled(ctx)
	if err != nil {
		return false, err
	}
	began := time.Now()
	s.lag.changes.Store(int64(len(notes)))
	defer func() {
		if err == nil {
			s.lag.pass.Store(int64(time.Since(began)))
			s.lag.priced.Store(int64(within.To))
			s.lag.changes.Store(0)
		}
	}()
	touched := make(map[int64][]window.Span)
	for _, n := range notes {
		touched[n.Point] = append(touched[n.Point], window.Span{From: n.Begin, To: n.End})
	}
	kept, err := s.store.States(ctx)
	if err != nil {
		return false, err
	}
	states := make(map[stateKey]contract.State, len(kept))
	for _, x := range kept {
		states[stateKey{x.Assignment, x.Basis}] = x
	}
	for k := range b.Points() {
		for _, basis := range price.Bases(k.Kind) {
			all, err := s.Stretches(b, k.Point, basis)
			if err != nil {
				return false, err
			}
			for i := range all {
				if all[i].Plan == nil {
					continue
				}
				key := stateKey{all[i].ID, string(basis)}
				var was *contract.State
				if x, ok := states[key]; ok {
					was = &x
				}
				delete(states, key)
				if err := s.days(ctx, b, &all[i], was, touched, within); err != nil {
					return false, fmt.Errorf("price days of %s: %w", price.NameOf(k.Point), err)
				}
			}
		}
	}
	for k := range states { // in force no more
		if err := s.store.DropDays(ctx, k.assignment, k.basis); err != nil {
			return false, err
		}
	}
	if len(notes) == 0 {
		return false, nil
	}
	last := notes[len(notes)-1].Number
	if err := s.store.SetProgress(ctx, last); err != nil {
		return false, err
	}
	return len(notes) == notesAtOnce, s.opts.Ledger.DropNotes(ctx, last-price.NotesKept)
}

type stateKey struct{ assignment, basis string }

// days prices the days of a stretch that are due.
func (s *Service) days(ctx context.Context, b *price.Book, x *price.Stretch, was *contract.State, touched map[int64][]window.Span, within window.Span) error {
	points, err := s.Points(ctx, x)
	if err != nil {
		return err
	}
	ids, err := s.opts.Ledger.IDs(ctx, points, true)
	if err != nil {
		return err
	}
	c := x.Plan.Calendar()
	// Whole days of what is settled.
	target := window.Span{From: x.Span.From, To: min(x.Span.To, c.Span(window.Day, within.To).From)}
	if within.From > target.From {
		target.From = c.Span(window.Day, within.From).From
	}
	if within.To == 0 || price.Empty(target) {
		return nil
	}
	state := contract.State{
		Assignment: x.ID, Basis: string(x.Basis), Revision: x.Revision, Terms: x.Shape(), From: target.From, Until: target.To, Series: make(map[string]int64),
	}
	for _, name := range x.Plan.Series() {
		state.Series[name] = b.Series[name].Number
	}
	if was != nil && was.Terms != state.Terms && was.Revision != 0 {
		if err := s.store.DropDays(ctx, x.ID, string(x.Basis)); err != nil {
			return err
		}
		was = nil
	}
	stale := []window.Span{target}
	if was != nil {
		if stale, err = s.stale(ctx, x, was, &state, touched, ids); err != nil {
			return err
		}
		if was.Until > state.Until { // another assignment follows it now
			if err := s.store.KeepDays(ctx, *was, state.Until, record.MaxTime, nil); err != nil {
				return err
			}
		}
	}
	for _, at := range stale {
		if at = price.Cut(at, target); price.Empty(at) {
			continue
		}
		var days []window.Span
		for d := range c.Spans(window.Day, at.From, at.To) {
			days = append(days, d)
		}
		for len(days) > 0 {
			some := days[:min(len(days), daysAtOnce)]
			days = days[len(some):]
			priced, err := s.Bills(ctx, x, some)
			if err != nil {
				return err
			}
			rows := make([]contract.Day, 0, len(some))
			for _, p := range priced {
				rows = append(rows, contract.Day{
					Start: p.Span.From, Until: p.Span.To, Point: ids[0], Document: x.Document, Revision: x.Revision, Currency: p.Sum.Currency,
					Known: p.Sum.Known, Cost: p.Sum.Cost, Credit: p.Sum.Credit, Total: p.Sum.Total, Estimated: p.Sum.Estimated,
					Taken: int64(p.Sum.Taken), Given: int64(p.Sum.Given), Measured: p.Sum.Measured, Unpriced: p.Sum.Unpriced,
					Completeness: p.Sum.Covered / float64(p.Span.Length()), By: x.By, Missing: int64(p.Sum.Missing),
					Date: tariff.Date(p.Span.From.Time().In(c.Zone()).Format(time.DateOnly)), Zone: c.Zone().String(),
				})
			}
			// The state that was stays until all is done.
			if err := s.store.KeepDays(ctx, before(was, state), some[0].From, some[len(some)-1].To, rows); err != nil {
				return err
			}
			s.lag.days.Add(int64(len(rows)))
		}
	}
	if was != nil && same(*was, state) {
		return nil
	}
	return s.store.KeepDays(ctx, state, 0, 0, nil)
}

// before is what is noted while days are stored: by it all of them are stored
// again if it does not come to an end.
func before(was *contract.State, state contract.State) contract.State {
	if was != nil {
		return *was
	}
	return contract.State{Assignment: state.Assignment, Basis: state.Basis, From: state.From, Until: state.From}
}

func same(a, b contract.State) bool {
	return a.Revision == b.Revision && a.Terms == b.Terms && a.From == b.From && a.Until == b.Until && maps.Equal(a.Series, b.Series)
}

// stale gives what has to be priced again of what was priced in a state, and what
// was not priced yet.
func (s *Service) stale(ctx context.Context, x *price.Stretch, was, state *contract.State, touched map[int64][]window.Span, ids []int64) ([]window.Span, error) {
	c := x.Plan.Calendar()
	from, err := s.differs(ctx, x, was, state) // all from here on
	if err != nil {
		return nil, err
	}
	out := []window.Span{{From: state.From, To: was.From}, {From: was.Until, To: state.Until}}
	for _, id := range ids {
		for _, t := range touched[id] {
			day := c.Span(window.Day, t.From).From
			if x.Plan.Since(t.To) < t.To { // it counts for days after it, too
				from = min(from, day)
				continue
			}
			out = append(out, window.Span{From: day, To: c.Span(window.Day, t.To-1).To})
		}
	}
	out = append(out, window.Span{From: from, To: state.Until})
	return merge(out), nil
}

// mostRevisions is how many revisions of a document, or puts of a series, are
// looked at; when there were more, all days are priced again.
const mostRevisions = 1_000

// differs tells from when on the prices are others than in the state.
func (s *Service) differs(ctx context.Context, x *price.Stretch, was, state *contract.State) (record.Millis, error) {
	from := record.Millis(math.MaxInt64)
	if was.Revision != state.Revision {
		all, err := s.store.Revisions(ctx, contract.Name{Kind: x.Kind, ID: x.Document}, mostRevisions)
		if err != nil {
			return 0, err
		}
		if len(all) == 0 || all[len(all)-1].Revision > was.Revision+1 {
			return 0, nil
		}
		for _, d := range all {
			if d.Revision <= was.Revision || d.Since == "" {
				continue
			}
			at, err := price.DayBegin(x.Plan.Calendar(), d.Since)
			if err != nil {
				return 0, err
			}
			from = min(from, at)
		}
	}
	for name, number := range state.Series {
		old := was.Series[name] // 0: one of a new revision
		if old == number {
			continue
		}
		all, err := s.store.Puts(ctx, name, mostRevisions)
		if err != nil {
			return 0, err
		}
		if len(all) == 0 || all[len(all)-1].Number > old+1 {
			return 0, nil
		}
		for _, p := range all {
			if p.Number > old {
				from = min(from, x.Plan.Calendar().Span(window.Day, p.Begin).From)
			}
		}
	}
	return from, nil
}

// merge joins spans that touch, and leaves out empty ones.
func merge(all []window.Span) []window.Span {
	all = slices.DeleteFunc(all, price.Empty)
	slices.SortFunc(all, func(a, b window.Span) int { return int(min(max(a.From-b.From, -1), 1)) })
	var out []window.Span
	for _, a := range all {
		if n := len(out); n > 0 && a.From <= out[n-1].To {
			out[n-1].To = max(out[n-1].To, a.To)
			continue
		}
		out = append(out, a)
	}
	return out
}
