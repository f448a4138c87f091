package replay

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"math"
	"slices"
	"sort"
	"time"

	"github.com/wattwerk/wattwerk/bridge"
	"github.com/wattwerk/wattwerk/record"
)

// batchRows is how many rows are sent at once when there is no need to wait.
const batchRows = 2000

// Taker stores readings; *[bridge.Service] is one.
type Taker interface {
	TakeReadings(ctx context.Context, source string, readings iter.Seq2[bridge.Reading, error]) (bridge.Answer, error)
}

// Options of a replay.
type Options struct {
	Taker   Taker
	Source  string // in counters and dead letters; default "replay"
	Mapping Mapping
	Open    func() (io.ReadCloser, error) // opens the file; it is read once

	// Speed is how fast a file passes with its own timestamps: 1 as it was
	// measured, 60 a minute in a second; 0 as fast as it can be stored.
	Speed float64

	// Live shifts the file to now by a number of whole loops: what lies up to
	// Backfill in the past is sent at once, then every row when its time comes,
	// and the file begins again where a loop ends. A loop is the longest
	// beginning of the file of whole weeks, or days or hours where it is
	// shorter, so that a Monday stays a Monday (in UTC). Speed means nothing then.
	Live     bool
	Backfill time.Duration // default 7 days

	Progress func(Progress) // called after every batch; may be nil
	Retry    time.Duration  // pause before sending again what could not be stored; default 1 s
	Now      func() time.Time
	Log      *slog.Logger
}

// Progress is how far a replay is.
type Progress struct {
	Rows     int           // sent, or refused
	Of       int           // rows that will be sent before it goes on live or ends; 0: not known
	Accepted int           // records stored
	Refused  int           // dead letters
	Missing  int           // values that the rows leave out
	At       record.Millis // time of the newest record sent
	Live     bool          // the past is sent; rows are sent when their time comes
}

// Run replays a file and returns when all of it is stored, or when ctx ends,
// which a live replay needs and which is not an error.
//
// Errors: the file cannot be read, or does not have the columns.
func Run(ctx context.Context, o Options) (Progress, error) {
	if o.Source == "" {
		o.Source = "replay"
	}
	if o.Backfill == 0 {
		o.Backfill = 7 * 24 * time.Hour
	}
	if o.Retry == 0 {
		o.Retry = time.Second
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	r := &run{Options: o}
	if err := o.Mapping.Validate(); err != nil {
		return r.progress, err
	}
	if o.Speed < 0 || math.IsNaN(o.Speed) || o.Backfill < 0 {
		return r.progress, errors.New("replay: speed and backfill are not negative")
	}
	file, err := o.Open()
	if err != nil {
		return r.progress, fmt.Errorf("replay %s: %w", o.Mapping.Name, err)
	}
	if o.Live {
		err = r.live(ctx, file)
	} else {
		err = r.once(ctx, file)
	}
	if cerr := file.Close(); err == nil {
		err = cerr
	}
	switch {
	case ctx.Err() != nil:
		return r.progress, nil
	case err != nil:
		return r.progress, fmt.Errorf("replay %s: %w", o.Mapping.Name, err)
	}
	return r.progress, nil
}

type run struct {
	Options
	progress Progress
	rows     []Row
	faults   []error
}

// send stores what is collected, however often that takes.
func (r *run) send(ctx context.Context) error {
	if len(r.rows) == 0 && len(r.faults) == 0 {
		return nil
	}
	for {
		a, err := r.Taker.TakeReadings(ctx, r.Source, r.each)
		if err == nil {
			r.progress.Accepted += a.Accepted
			r.progress.Refused += a.Refused
			break
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		r.Log.Warn("replay has to wait", "file", r.Mapping.Name, "error", err)
		if err := wait(ctx, r.Retry); err != nil {
			return err
		}
	}
	r.progress.Rows += len(r.rows) + len(r.faults)
	for i := range r.rows {
		r.progress.Missing += r.rows[i].Missing
	}
	if n := len(r.rows); n > 0 {
		r.progress.At = r.rows[n-1].At
	}
	r.rows, r.faults = r.rows[:0], r.faults[:0]
	if r.Progress != nil {
		r.Progress(r.progress)
	}
	return nil
}

func (r *run) each(yield func(bridge.Reading, error) bool) {
	for i := range r.rows {
		for _, reading := range r.rows[i].Readings {
			if !yield(reading, nil) {
				return
			}
		}
	}
	for _, err := range r.faults {
		if !yield(bridge.Reading{}, err) {
			return
		}
	}
}

// collect puts a row or a fault to what is to be sent.
func (r *run) collect(row Row, err error) error {
	var fault *bridge.Refusal
	if errors.As(err, &fault) {
		r.faults = append(r.faults, err)
		return nil
	}
	if err != nil {
		return err
	}
	r.rows = append(r.rows, row)
	return nil
}

// once sends the file with its own timestamps.
func (r *run) once(ctx context.Context, file io.Reader) error {
	began, first := r.Now(), record.Millis(math.MinInt64)
	for row, err := range Rows(file, r.Mapping) {
		if err == nil && r.Speed > 0 {
			if first == math.MinInt64 {
				first = row.At
			}
			due := began.Add(time.Duration(float64(row.At-first) * float64(time.Millisecond) / r.Speed))
			if left := due.Sub(r.Now()); left > 0 {
				if err := r.send(ctx); err != nil {
					return err
				}
				if err := wait(ctx, left); err != nil {
					return err
				}
			}
		}
		if err := r.collect(row, err); err != nil {
			return errors.Join(err, r.send(ctx))
		}
		if len(r.rows)+len(r.faults) >= batchRows {
			if err := r.send(ctx); err != nil {
				return err
			}
		}
	}
	return r.send(ctx)
}

// Loop gives the rows of a file in order of time that a live replay repeats,
// and after how long it does.
func Loop(rows []Row, interval time.Duration) ([]Row, time.Duration) {
	if len(rows) == 0 {
		return nil, 0
	}
	rows = slices.Clone(rows)
	slices.SortStableFunc(rows, func(a, b Row) int { return int(max(-1, min(1, a.At-b.At))) })
	first := rows[0].At
	period := time.Duration(rows[len(rows)-1].At-first)*time.Millisecond + interval
	for _, whole := range []time.Duration{7 * 24 * time.Hour, 24 * time.Hour, time.Hour, time.Minute} {
		if period >= whole {
			period = period.Truncate(whole)
			break
		}
	}
	n := sort.Search(len(rows), func(i int) bool { return rows[i].At-first >= record.Millis(period.Milliseconds()) })
	return rows[:n], period
}

// live sends the file shifted to now, for ever.
func (r *run) live(ctx context.Context, file io.Reader) error {
	var all []Row
	for row, err := range Rows(file, r.Mapping) {
		var fault *bridge.Refusal
		switch {
		case errors.As(err, &fault):
			r.faults = append(r.faults, err)
		case err != nil:
			return err
		default:
			all = append(all, row)
		}
	}
	rows, period := Loop(all, r.Mapping.Interval)
	if len(rows) == 0 {
		return errors.Join(errors.New("the file has no row to replay"), r.send(ctx))
	}
	next := newCursor(rows, period, record.MillisOf(r.Now().Add(-r.Backfill)))
	for probe, now := *next, record.MillisOf(r.Now()); probe.at() <= now; probe.step() {
		r.progress.Of++
	}
	r.progress.Of += len(r.faults)
	for {
		now := record.MillisOf(r.Now())
		for next.at() <= now && len(r.rows) < batchRows {
			r.rows = append(r.rows, next.row())
			next.step()
		}
		behind := next.at() <= now
		r.progress.Live = r.progress.Live || !behind
		if err := r.send(ctx); err != nil {
			return err
		}
		if behind {
			continue
		}
		if err := wait(ctx, time.Duration(next.at()-record.MillisOf(r.Now()))*time.Millisecond); err != nil {
			return err
		}
	}
}

// cursor walks over the endless repetition of rows.
type cursor struct {
	rows   []Row
	period record.Millis
	loop   record.Millis // which repetition; 0 is the file itself
	i      int
}

// newCursor stands on the first row at or after from.
func newCursor(rows []Row, period time.Duration, from record.Millis) *cursor {
	c := &cursor{rows: rows, period: record.Millis(period.Milliseconds())}
	into := from - rows[0].At
	c.loop = into / c.period
	if into%c.period < 0 {
		c.loop--
	}
	c.i = sort.Search(len(rows), func(i int) bool { return rows[i].At+c.loop*c.period >= from })
	if c.i == len(rows) {
		c.i, c.loop = 0, c.loop+1
	}
	return c
}

func (c *cursor) at() record.Millis { return c.rows[c.i].At + c.loop*c.period }

func (c *cursor) row() Row {
	row := Row{At: c.at(), Readings: slices.Clone(c.rows[c.i].Readings), Missing: c.rows[c.i].Missing}
	for i := range row.Readings {
		row.Readings[i].Time = row.At
	}
	return row
}

func (c *cursor) step() {
	if c.i++; c.i == len(c.rows) {
		c.i, c.loop = 0, c.loop+1
	}
}

// wait waits, at least a millisecond, so that a clock that stands still cannot
// make the caller spin.
func wait(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(max(d, time.Millisecond))
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
