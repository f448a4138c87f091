package price

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/wattwerk/wattwerk/energy"
	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/settlement"
	"github.com/wattwerk/wattwerk/settlement/cost/contract"
	"github.com/wattwerk/wattwerk/settlement/ledger"
	"github.com/wattwerk/wattwerk/settlement/tree"
	"github.com/wattwerk/wattwerk/tariff"
	"github.com/wattwerk/wattwerk/window"
)

// mostEntries bounds how many periods are kept priced in memory. A price series
// of a year takes a megabyte in each that uses one.
const mostEntries = 300

// NotesKept is how many notes of what changed stay, so that everybody who keeps
// something sees them.
const NotesKept = 10_000

// openFor is for how long what is known of the open time is taken for new.
const openFor = 5 * time.Second

type entryKey struct {
	assignment string
	basis      Basis
	period     window.Span
}

// entry is a period that is priced up to what is settled, and goes on from there.
type entry struct {
	used int64 // under the lock of the service

	mu      sync.Mutex
	pricer  *tariff.Pricer
	terms   string        // by which it is priced
	note    int64         // it knows of all that was noted up to this
	fed     record.Millis // up to here
	covered float64
}

type openRows struct {
	at   time.Time
	rows []ledger.Row
}

// entry gives the entry of a key, and forgets the one that was not used for
// longest when there are too many.
func (s *Service) entry(k entryKey) *entry {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.used++
	e := s.entries[k]
	if e == nil {
		if len(s.entries) >= mostEntries {
			var oldest entryKey
			least := int64(math.MaxInt64)
			for k, e := range s.entries {
				if e.used < least {
					oldest, least = k, e.used
				}
			}
			delete(s.entries, oldest)
		}
		e = &entry{}
		s.entries[k] = e
	}
	e.used = s.used
	return e
}

// Shape is what the assignments say of it, but for its end.
func (x *Stretch) Shape() string {
	var t strings.Builder
	fmt.Fprintf(&t, "%s %s %v %s", x.Document, x.Plan.Calendar().Zone(), x.Span.From, x.Export)
	for _, p := range x.earlier {
		fmt.Fprintf(&t, " %v %s", p.span, p.export)
	}
	for _, p := range x.pieces() { // so that what was kept before there were others is right
		if p.by == contract.ByMeter {
			fmt.Fprintf(&t, " meter %v", p.span.From)
		}
	}
	return t.String()
}

// terms is all that pricing depends on besides what is measured.
func (x *Stretch) terms(b *Book) string {
	var t strings.Builder
	fmt.Fprintf(&t, "%s %v %d", x.Shape(), x.Span.To, x.Revision)
	for _, name := range x.Plan.Series() {
		fmt.Fprintf(&t, " %s %d", name, b.Series[name].Number)
	}
	return t.String()
}

// Points are those whose windows a stretch prices, the one that costs first;
// changes of all of them are noted from here on.
func (s *Service) Points(ctx context.Context, x *Stretch) ([]ledger.Point, error) {
	out := []ledger.Point{x.Point}
	for _, p := range x.pieces() {
		if p.export != "" {
			out = append(out, ledger.SensorPoint(p.export))
		}
		if p.by != contract.ByMeter {
			continue
		}
		meters, err := s.opts.Windows.Meters(ctx, x.Point, p.span)
		if err != nil {
			return nil, err
		}
		for _, m := range meters {
			if m.Sensor != "" {
				out = append(out, ledger.SensorPoint(m.Sensor))
			}
		}
	}
	return out, s.watch(ctx, out)
}

// running gives a pricer of a period within a stretch that has been told all
// that is settled, and the time that readings speak of. It is the caller's own.
// Only what is new since the last time is priced, unless something of the past
// has changed.
func (s *Service) running(ctx context.Context, b *Book, x *Stretch, period window.Span, settled record.Millis) (*tariff.Pricer, float64, error) {
	points, err := s.Points(ctx, x)
	if err != nil {
		return nil, 0, err
	}
	ids, err := s.opts.Ledger.IDs(ctx, points, false)
	if err != nil {
		return nil, 0, err
	}
	e := s.entry(entryKey{x.ID, x.Basis, period})
	e.mu.Lock()
	defer e.mu.Unlock()
	terms, stale, newest := x.terms(b), false, int64(0)
	for _, id := range ids {
		n, touched, err := s.opts.Ledger.LastNote(ctx, e.note, id, e.fed)
		if err != nil {
			return nil, 0, err
		}
		if newest == 0 {
			newest = n // before anything is read
		}
		stale = stale || touched
	}
	if e.pricer == nil || e.terms != terms || stale || newest-e.note > NotesKept/2 {
		e.pricer = nil
		r, err := s.walker(ctx, x, period, period)
		if err != nil {
			return nil, 0, err
		}
		e.pricer, e.terms, e.fed, e.covered = r, terms, period.From, 0
	}
	e.note = newest
	if to := min(settled, period.To); to > e.fed {
		err := s.feed(ctx, x, window.Span{From: e.fed, To: to}, func(m measure) error {
			e.covered += m.completeness * float64(m.Span.Length())
			_, err := e.pricer.Add(m.Window)
			return err
		})
		if err != nil {
			e.pricer = nil
			return nil, 0, err
		}
		e.fed = to
	}
	return e.pricer.Clone(), e.covered, nil
}

// openOf gives what is known of a point after what is settled. Where that would
// take too long it is taken to go on as in the last hour that is settled.
func (s *Service) openOf(ctx context.Context, p ledger.Point, settled, now record.Millis) ([]ledger.Row, error) {
	clock := s.opts.Now()
	s.mu.Lock()
	was, ok := s.open[p]
	s.mu.Unlock()
	if ok && clock.Sub(was.at) < openFor && clock.Sub(was.at) >= 0 {
		return was.rows, nil
	}
	rows, err := s.opts.Windows.Open(ctx, p, now)
	if settlement.TooMuch(err) {
		rows, err = s.onAsBefore(ctx, p, settled, now)
	}
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.open) >= 1000 {
		clear(s.open)
	}
	s.open[p] = openRows{clock, rows}
	return rows, nil
}

// openBy gives what is known, after what is settled, of what a stretch is priced
// by.
func (s *Service) openBy(ctx context.Context, x *Stretch, settled, now record.Millis) ([]ledger.Row, error) {
	if x.By != contract.ByMeter {
		return s.openOf(ctx, x.Point, settled, now)
	}
	meters, err := s.opts.Windows.Meters(ctx, x.Point, window.Span{From: settled, To: max(settled, (now+Quarter-1)/Quarter*Quarter)})
	if err != nil {
		return nil, err
	}
	var out []ledger.Row
	for _, m := range meters {
		if m.Sensor == "" {
			continue
		}
		rows, err := s.openOf(ctx, ledger.SensorPoint(m.Sensor), settled, now)
		if err != nil {
			return nil, err
		}
		for _, r := range tree.Between(rows, m.From, m.To) {
			out = append(out, tree.Whole(r, m.Inverse))
		}
	}
	return out, nil
}

func (s *Service) onAsBefore(ctx context.Context, p ledger.Point, settled, now record.Millis) ([]ledger.Row, error) {
	last, _, err := s.opts.Windows.Windows(ctx, p, window.Quarter, settled-4*Quarter, settled)
	if err != nil {
		return nil, err
	}
	i := len(last) - 1
	for i >= 0 && !last[i].Known {
		i--
	}
	if i < 0 {
		return nil, nil
	}
	var out []ledger.Row
	for at := settled; at < now && len(out) < 96; at += Quarter {
		r := last[i]
		r.Start, r.End = at, at+Quarter
		part := float64(min(r.End, now)-at) / float64(Quarter)
		if r.Amount, err = energy.Of(r.Amount.Float64() * part); err != nil {
			return nil, err
		}
		r.Covered = int64(float64(r.Covered) * part)
		out = append(out, r)
	}
	return out, nil
}

// guesses makes of the rows after what is settled what is priced: whole quarters
// of an hour, of which everything is estimated.
func guesses(rows, exports []ledger.Row, exporting bool, at window.Span) []measure {
	var out []measure
	for i := range rows {
		r := rows[i]
		if r.Start < at.From || r.Start >= at.To {
			continue
		}
		var export *ledger.Row
		if exporting {
			k := slices.IndexFunc(exports, func(e ledger.Row) bool { return e.Start == r.Start })
			if k < 0 {
				continue
			}
			export = &exports[k]
		}
		m := join(&r, export)
		m.Span.To = m.Span.From + Quarter
		m.Estimated, m.ExportEstimated = m.Amount, m.Export
		out = append(out, m)
	}
	return out
}

// UpToNow is what a running period costs so far.
type UpToNow struct {
	Span window.Span // of the period; what it costs is up to now
	Sum  Sum
	// Completeness is the part of the time up to now, and of the members, that
	// readings speak of.
	Completeness float64
}

// upToNow prices a period up to now.
func (s *Service) upToNow(ctx context.Context, b *Book, all []Stretch, period window.Span, settled, now record.Millis) (out UpToNow, last *tariff.Pricer, err error) {
	out.Span = period
	// The clock of who settles may be ahead.
	until := min(max((now+Quarter-1)/Quarter*Quarter, settled), period.To)
	for i := range all {
		x := &all[i]
		of := Cut(x.Span, period)
		if x.Plan == nil || Empty(of) || of.From >= until {
			continue
		}
		r, covered, err := s.running(ctx, b, x, of, settled)
		if err != nil {
			return out, nil, err
		}
		if of.To > now {
			last = r.Clone()
		}
		if ahead := Cut(of, window.Span{From: settled, To: until}); !Empty(ahead) {
			rows, err := s.openBy(ctx, x, settled, now)
			if err != nil {
				return out, nil, err
			}
			var exports []ledger.Row
			if x.Export != "" {
				if exports, err = s.openOf(ctx, ledger.SensorPoint(x.Export), settled, now); err != nil {
					return out, nil, err
				}
			}
			for _, m := range guesses(rows, exports, x.Export != "", ahead) {
				covered += m.completeness * float64(m.Span.Length())
				if _, err := r.Add(m.Window); err != nil {
					return out, nil, err
				}
			}
		}
		bill, err := r.Until(min(of.To, until))
		if err != nil {
			return out, nil, err
		}
		if err := out.Sum.Add(&bill, covered); err != nil {
			return out, nil, err
		}
	}
	if length := float64(min(now, period.To) - period.From); length > 0 {
		out.Completeness = min(out.Sum.Covered/length, 1)
	}
	return out, last, nil
}

// Now is what a point costs at the moment.
type Now struct {
	At       record.Millis
	Settled  record.Millis // up to when windows are settled; all after it is estimated
	Plan     *tariff.Plan
	Revision int64
	Rates    tariff.Rates
	// Flow is what is taken in an hour as things are, in millionths of the coherent
	// unit (of power: of W); below zero it is given back. PerHour is what it costs.
	FlowKnown, PerHourKnown bool
	Flow                    energy.Amount
	PerHour                 tariff.Money
	Day, Month, Year        UpToNow
}

// Now tells what a point costs at the moment, and has cost today, this month and
// this year. It is the calendar of the tariff's zone. The error is a refusal when
// nothing prices it now.
func (s *Service) Now(ctx context.Context, p ledger.Point, basis Basis) (*Now, error) {
	done, err := s.slot(ctx)
	if err != nil {
		return nil, err
	}
	defer done()
	b, all, within, err := s.look(ctx, p, basis)
	if err != nil {
		return nil, err
	}
	now := record.MillisOf(s.opts.Now())
	i := slices.IndexFunc(all, func(x Stretch) bool { return x.Span.Holds(now) })
	if i < 0 || all[i].Plan == nil {
		return nil, Refuse(http.StatusNotFound, "nothing prices %s now; assign a document to it with POST /api/v1/costs/assignments", NameOf(p))
	}
	x := &all[i]
	out := &Now{At: now, Settled: within.To, Plan: x.Plan, Revision: x.Revision}
	var pricer *tariff.Pricer
	for _, of := range []struct {
		size window.Size
		to   *UpToNow
	}{{window.Year, &out.Year}, {window.Month, &out.Month}, {window.Day, &out.Day}} {
		if *of.to, pricer, err = s.upToNow(ctx, b, all, x.Plan.Calendar().Span(of.size, now), within.To, now); err != nil {
			return nil, err
		}
	}
	if pricer != nil && within.To <= now {
		if out.Rates, err = pricer.Rates(now); err != nil {
			return nil, err
		}
	}
	return out, s.flow(ctx, x, out)
}

// flow sets what is taken at the moment: the average of the newest quarter of an
// hour that has one.
func (s *Service) flow(ctx context.Context, x *Stretch, n *Now) error {
	average := func(rows []ledger.Row, err error) (energy.Amount, bool, error) {
		if err != nil {
			return 0, false, err
		}
		for i := len(rows) - 1; i >= max(0, len(rows)-2); i-- {
			if v := rows[i].Average; rows[i].Known && !math.IsNaN(v) {
				a, err := energy.Of(v)
				return a, err == nil, nil
			}
		}
		return 0, false, nil
	}
	var err error
	if n.Flow, n.FlowKnown, err = average(s.openBy(ctx, x, n.Settled, n.At)); err != nil || !n.FlowKnown {
		return err
	}
	n.PerHour, n.PerHourKnown = n.Rates.PerHour(n.Flow)
	if x.Export == "" {
		return nil
	}
	given, known, err := average(s.openOf(ctx, ledger.SensorPoint(x.Export), n.Settled, n.At))
	if err != nil || !known {
		n.PerHourKnown = false
		return err
	}
	credit, ok := n.Rates.PerHour(-given)
	n.Flow, n.PerHour, n.PerHourKnown = n.Flow-given, n.PerHour+credit, n.PerHourKnown && ok
	return nil
}

// look reads what prices a point, and what is settled.
func (s *Service) look(ctx context.Context, p ledger.Point, basis Basis) (*Book, []Stretch, window.Span, error) {
	b, err := s.Current(ctx)
	if err != nil {
		return nil, nil, window.Span{}, err
	}
	all, err := s.Stretches(b, p, basis)
	if err != nil {
		return nil, nil, window.Span{}, err
	}
	within, err := s.Settled(ctx)
	return b, all, within, err
}

// Used is what a point has used since its calendar day, week, month or year
// began: what budgets are about.
type Used struct {
	Span         window.Span   // of the period
	Known        bool          // something was measured
	Amount       energy.Amount // net; with what is not settled yet
	Estimated    energy.Amount // the part of it, without sign, that is estimated
	MoneyKnown   bool          // a tariff prices it
	Money        tariff.Money  // in Currency; the total of the bill up to now
	Currency     string
	Completeness float64 // part of the time up to now, and of the members, that readings speak of
}

// Used tells what a point has used in the running day, week, month or year of
// its site's calendar, up to now. It may be asked often: what is settled is
// kept.
func (s *Service) Used(ctx context.Context, p ledger.Point, size window.Size) (Used, error) {
	if size < window.Day || !size.Valid() {
		return Used{}, Refuse(http.StatusUnprocessableEntity, "budgets are of a day, week, month or year")
	}
	now := record.MillisOf(s.opts.Now())
	out := Used{Span: s.Site(p).Calendar.Span(size, now)}
	rows, settled, err := s.opts.Windows.Windows(ctx, p, size, now, now+1)
	if err != nil {
		return out, err
	}
	open, err := s.openOf(ctx, p, settled, now)
	if err != nil {
		return out, err
	}
	covered := 0.0
	for _, r := range append(slices.Clone(rows), open...) {
		if r.Start < out.Span.From || !r.Known {
			continue
		}
		if r.Start >= settled {
			r.Estimated = magnitude(r.Amount)
		}
		out.Known = true
		out.Amount, out.Estimated = out.Amount+r.Amount, out.Estimated+r.Estimated
		covered += r.Completeness() * float64(r.End-r.Start)
	}
	out.Completeness = min(covered/float64(cmp.Or(max(now-out.Span.From, 1), 1)), 1)
	spent, _, err := s.Spent(ctx, p, out.Span.From)
	if err != nil {
		return out, err
	}
	out.MoneyKnown, out.Money, out.Currency = spent.Sum.Known, spent.Sum.Total, spent.Sum.Currency
	return out, nil
}

// Spent tells what a point costs from a time on, which is a quarter of an hour,
// up to now, and up to when that is settled. It may be asked often: what is
// settled is kept. Without a tariff the sum is not known.
func (s *Service) Spent(ctx context.Context, p ledger.Point, from record.Millis) (UpToNow, record.Millis, error) {
	now := record.MillisOf(s.opts.Now())
	if err := bounded(window.Span{From: from, To: (now + Quarter - 1) / Quarter * Quarter}); err != nil {
		return UpToNow{}, 0, err
	}
	done, err := s.slot(ctx)
	if err != nil {
		return UpToNow{}, 0, err
	}
	defer done()
	b, all, within, err := s.look(ctx, p, Cost)
	if err != nil {
		return UpToNow{}, 0, err
	}
	// The end does not matter, and is the same whenever it is asked.
	period := window.Span{From: from, To: min(from+(MostDays+1)*86_400_000, record.MaxTime)}
	out, _, err := s.upToNow(ctx, b, all, period, within.To, now)
	return out, within.To, err
}
