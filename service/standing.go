package service

import (
	"context"
	"math"
	"time"

	"github.com/wattwerk/wattwerk/forecast/anomaly"
	"github.com/wattwerk/wattwerk/object"
	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/service/book"
	"github.com/wattwerk/wattwerk/service/stand"
	"github.com/wattwerk/wattwerk/service/watch"
)

// live gives the value of an object that measures now, itself.
func (s *Service) live(id object.ID) (float64, bool) {
	m := s.moment.Load()
	if m == nil {
		return 0, false
	}
	o, ok := m.World.Object(id)
	if !ok || o.Kind == "counter" { // whose value is a reading, and no mean
		return 0, false
	}
	if state, _ := m.State(o.Index); !state.Own() {
		return 0, false
	}
	v := s.sight(o).Value
	return v, !math.IsNaN(v)
}

// mostStanding bounds what stands in at the same time.
const mostStanding = 2 * stand.MostAgents

// readStands reads what stands in now.
func (s *Service) readStands(ctx context.Context, w *object.World) error {
	if s.view == nil {
		return nil
	}
	rows, err := s.opts.Store.Substitutions(ctx, "", true, 0, record.MaxTime, mostStanding)
	if err != nil {
		return err
	}
	stuck, err := s.opts.Store.Lasting(ctx, mostStanding, string(anomaly.Stuck))
	if err != nil {
		return err
	}
	doubts := make(map[int]watch.Doubt, len(stuck))
	for _, a := range stuck {
		if o, ok := w.Object(object.ID(a.Object)); ok && a.Value != nil && !o.Composite && !o.Virtual && o.Kind != "counter" {
			doubts[o.Index] = watch.Doubt{Since: a.Began, Value: *a.Value}
		}
	}
	ins := make(map[int]*watch.StandIn, len(rows))
	for i := range rows {
		x, err := stand.Read(&rows[i])
		if err != nil {
			s.log.Warn("what stands in is not understood", "error", err)
			continue
		}
		if o, ok := w.Object(x.Provenance.Object); ok {
			ins[o.Index] = s.view.StandIn(x)
		}
	}
	s.mu.Lock()
	s.standIns, s.doubts = ins, doubts
	s.mu.Unlock()
	return nil
}

// scoring is how long after they ended substitutions are compared with what came
// late, and how often.
const (
	scoring    = 48 * time.Hour
	scoreEvery = 15 * time.Minute
	scoreOnce  = 100
)

// stands looks for what stands in, as part of the work of one process.
func (w *worker) stands(ctx context.Context) error {
	if w.desk == nil {
		return nil
	}
	all := w.desk.Step(ctx, w.moment.Load(), w.opts.Catalog.State().Model, w.watch, clock(), w.fits.Go)
	w.meter.waiting.Set(float64(w.desk.Waiting() + w.desk.Left))
	if time.Since(w.scored) >= scoreEvery {
		w.scored = time.Now()
		rows, err := w.opts.Store.Unscored(ctx, record.MillisOf(time.Now().Add(-scoring)), scoreOnce)
		if err != nil {
			return err
		}
		for i := range rows {
			x, err := stand.Read(&rows[i])
			if err != nil {
				continue // it was told when it was read first
			}
			mean, n, err := w.view.Score(ctx, x)
			if err != nil {
				return err
			}
			if n > 0 {
				rows[i].Seen, rows[i].Compared = &mean, int64(n)
				all = append(all, rows[i])
			}
		}
	}
	if err := w.opts.Store.Substitute(ctx, w.epoch, all); err != nil {
		return err
	}
	if len(all) > 0 {
		for _, x := range all {
			w.log.Info("what stands in changed", "object", x.Object, "id", x.ID, "ended", x.Ended != nil)
		}
		w.changed()
	}
	return nil
}

// sit begins with what stands in, as it is stored.
func (w *worker) sit(ctx context.Context) error {
	if w.view == nil {
		return nil
	}
	rows, err := w.opts.Store.Substitutions(ctx, "", true, 0, record.MaxTime, mostStanding)
	if err != nil {
		return err
	}
	var standing []stand.Substitution
	var lost []book.Substitution
	for i := range rows {
		x, err := stand.Read(&rows[i])
		if err != nil {
			rows[i].Ended = new(clock()) // nobody can go on with it
			lost = append(lost, rows[i])
			continue
		}
		standing = append(standing, x)
	}
	w.desk = stand.NewDesk(w.opts.History, w.log, standing)
	return w.opts.Store.Substitute(ctx, w.epoch, lost)
}

// stoodIn tells energy services what stood in for objects.
type stoodIn struct{ *Service }

// StoodIn gives a mean for each quarter of an hour of a span; NaN where nothing
// stood in. What was fitted by hours has the value of the hour.
func (s stoodIn) StoodIn(ctx context.Context, id object.ID, from, to record.Millis) ([]float64, error) {
	out := make([]float64, max(0, (to-from)/stand.Quarter))
	for i := range out {
		out[i] = math.NaN()
	}
	rows, err := s.opts.Store.Substitutions(ctx, string(id), false, from, to, mostStood)
	if err != nil {
		return nil, err
	}
	all := make([]stand.Substitution, 0, len(rows))
	for i := range rows {
		x, err := stand.Read(&rows[i])
		if err != nil {
			return nil, err
		}
		all = append(all, x)
	}
	for i := range out {
		var v ObjectValue
		if err := s.put(ctx, &v, all, from+record.Millis(i)*stand.Quarter, stand.Quarter); err != nil {
			return nil, err
		}
		if v.Value != nil {
			out[i] = *v.Value
		}
	}
	return out, nil
}

// mostStood bounds what stood in for an object in a span.
const mostStood = 1000
