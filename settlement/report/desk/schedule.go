package desk

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/settlement/ledger"
	"github.com/wattwerk/wattwerk/settlement/report"
	"github.com/wattwerk/wattwerk/window"
)

// How reports are made by themselves.
const (
	stepEvery  = 20 * time.Second
	patience   = 6 * time.Hour        // how long ranges that are to be settled again are waited for
	waitFor    = time.Minute          // before it is asked again whether it is settled
	retryAfter = 10 * time.Minute     // when a report could not be made
	checkEvery = 10 * time.Minute     // whether a kept report still says the same
	checkFor   = 800 * 24 * time.Hour // after the end of its period
	checkNow   = 20                   // at once
)

// catchUp is how many periods back are made after a time in which nobody could.
var catchUp = map[window.Size]int{window.Day: 35, window.Week: 12, window.Month: 13, window.Year: 2}

// Step makes the reports that are due, checks kept ones, and sends what waits.
// Run calls it; it is exported for tests. One that fails is tried again later,
// and holds up no other.
func (s *Service) Step(ctx context.Context) error {
	now := s.opts.Now()
	return errors.Join(s.makeDue(ctx, now), s.recheck(ctx, now), s.deliver(ctx))
}

// makeDue makes the reports of periods that are settled and have none.
func (s *Service) makeDue(ctx context.Context, now time.Time) error {
	rows, err := s.opts.Store.definitions(ctx)
	if err != nil {
		return err
	}
	frontier, err := s.opts.Books.Progress(ctx, ledger.Frontier)
	if err != nil {
		return err
	}
	for i := range rows {
		d, err := rows[i].definition()
		if err != nil {
			return err
		}
		if !d.Scheduled || now.Before(s.notBefore[d.ID]) {
			continue
		}
		waits, err := s.makeOf(ctx, &d, &rows[i], frontier, now)
		if ctx.Err() != nil {
			return nil
		}
		delete(s.notBefore, d.ID)
		why := ""
		if waits {
			s.notBefore[d.ID] = now.Add(waitFor)
		}
		if err != nil {
			s.notBefore[d.ID] = now.Add(retryAfter)
			s.opts.Log.Warn("report not made, it is tried again", "report", d.ID, "error", err)
			why = err.Error()
		}
		if err := s.opts.Store.problem(ctx, &rows[i], why); err != nil {
			return err
		}
	}
	return nil
}

// makeOf makes the reports of a definition, the oldest first, and tells whether
// one waits until all of its period is settled.
func (s *Service) makeOf(ctx context.Context, d *Definition, row *definitionRow, frontier record.Millis, now time.Time) (waits bool, err error) {
	spec := d.spec("")
	point, err := s.builder.Point(spec.Kind, spec.ID, spec.Hierarchy)
	if err != nil {
		return waits, err
	}
	m, _ := s.builder.Model()
	until := min(frontier, record.MillisOf(now.Add(-s.opts.Delay)))
	if until < record.MinTime+1 {
		return false, nil
	}
	p := report.PeriodOf(report.CalendarOf(m, point), d.size(), until)
	var missing []report.Period
	for range catchUp[d.size()] {
		if p = p.Previous(); p.Span().To <= record.Millis(row.Since) || p.Span().From < record.MinTime {
			break
		}
		missing = append(missing, p)
	}
	if len(missing) == 0 {
		return false, nil
	}
	there, err := s.opts.Store.periods(ctx, d.ID, int64(missing[len(missing)-1].Span().From))
	if err != nil {
		return waits, err
	}
	for i := len(missing) - 1; i >= 0; i-- {
		p := missing[i]
		if there[p.Text] {
			continue
		}
		r, err := s.build(ctx, d.spec(p.Text))
		if err != nil {
			return waits, err
		}
		if r.Open || r.Waiting > 0 && now.Before(p.To.Add(s.opts.Delay+patience)) {
			waits = true
			continue
		}
		if _, err := s.issue(ctx, d, r, p.Span(), 1, "", now); err != nil {
			return waits, err
		}
	}
	return waits, nil
}

// issue keeps a report and has it sent; false when there is one already.
func (s *Service) issue(ctx context.Context, d *Definition, r *report.Report, at window.Span, version int64, who string, now time.Time) (*issueRow, error) {
	digest, err := r.Digest()
	if err != nil {
		return nil, err
	}
	doc, err := json.Marshal(d)
	if err != nil {
		return nil, err
	}
	summary, err := json.Marshal(Summary{Title: r.Title, Unit: r.Unit, Total: r.Total})
	if err != nil {
		return nil, err
	}
	body, err := pack(r)
	if err != nil {
		return nil, err
	}
	ms := now.UnixMilli()
	x := &issueRow{
		ID: newID(), Definition: d.ID, Doc: string(doc), Period: r.Period.Text, Version: version, Begins: int64(at.From), Ends: int64(at.To),
		Made: ms, MadeBy: who, Digest: digest, Checked: ms, Summary: string(summary), Body: body,
	}
	send, err := d.deliveries(x.ID, ms)
	if err != nil {
		return nil, err
	}
	kept, err := s.opts.Store.keep(ctx, x, send)
	if err != nil {
		return nil, err
	}
	if !kept {
		return nil, nil
	}
	if version > 1 {
		s.meter.revised.Inc()
	} else {
		s.meter.made.Inc()
	}
	s.opts.Log.Info("report made", "report", d.ID, "period", x.Period, "version", version)
	return x, nil
}

// deliveries are what is to be sent of an issue.
func (d *Definition) deliveries(issue string, now int64) ([]deliveryRow, error) {
	var out []deliveryRow
	add := func(sink string, to []string) error {
		text, err := json.Marshal(to)
		out = append(out, deliveryRow{Issue: issue, Sink: sink, Recipients: string(text), State: waiting, Created: now, Due: now})
		return err
	}
	var err error
	if len(d.To) > 0 {
		err = add(MailSink, d.To)
	}
	if d.Webhook {
		err = errors.Join(err, add(WebhookSink, []string{}))
	}
	return out, err
}

// recheck finds kept reports that late readings, corrections or prices have
// changed. What says something else at two checks in a row, with nothing
// waiting to be settled again, is made anew: so a delivery that is still coming
// in gives one revision, and not one for each reading.
func (s *Service) recheck(ctx context.Context, now time.Time) error {
	rows, err := s.opts.Store.unchecked(ctx, now.Add(-checkEvery).UnixMilli(), now.Add(-checkFor).UnixMilli(), checkNow)
	if err != nil {
		return err
	}
	for i := range rows {
		if err := s.check(ctx, &rows[i], now); err != nil {
			return err
		}
	}
	return nil
}

func (s *Service) check(ctx context.Context, x *issueRow, now time.Time) error {
	var d Definition
	if err := json.Unmarshal([]byte(x.Doc), &d); err != nil {
		return fmt.Errorf("read report %s: %w", x.ID, err)
	}
	x.Checked = now.UnixMilli()
	r, err := s.build(ctx, d.spec(x.Period))
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if errors.Is(err, report.ErrNotFound) || errors.Is(err, report.ErrInvalid) {
		return s.opts.Store.checked(ctx, x) // its subject is gone: it stays what it was
	}
	if err != nil {
		return err
	}
	digest, err := r.Digest()
	if err != nil {
		return err
	}
	switch {
	case digest == x.Digest:
		x.Candidate = ""
	case digest != x.Candidate || r.Waiting > 0 || r.Open:
		x.Candidate = digest
	default:
		// Where it is sent is what its definition says now.
		row, err := s.opts.Store.definition(ctx, x.Definition)
		if errors.Is(err, report.ErrNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		latest, err := row.definition()
		if err != nil {
			return err
		}
		d.To, d.Webhook, d.Formats = latest.To, latest.Webhook, latest.Formats
		_, err = s.issue(ctx, &d, r, window.Span{From: record.Millis(x.Begins), To: record.Millis(x.Ends)}, x.Version+1, "", now)
		return err
	}
	return s.opts.Store.checked(ctx, x)
}
