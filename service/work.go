package service

import (
	"context"
	"sync"
	"time"

	"github.com/wattwerk/wattwerk/object"
	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/service/book"
	"github.com/wattwerk/wattwerk/service/stand"
	"github.com/wattwerk/wattwerk/service/watch"
)

// worker is one stretch of work, of one process at a time.
type worker struct {
	*Service
	epoch int64
	noted map[object.ID]object.State // as events say
	last  *watch.Moment

	desk   *stand.Desk // nil: there is no history
	scored time.Time
	fits   sync.WaitGroup
}

// work writes down what happens until ctx ends, or it has to begin anew.
func (s *Service) work(ctx context.Context) error {
	epoch, err := s.opts.Store.Take(ctx)
	if err != nil {
		return err
	}
	w := &worker{Service: s, epoch: epoch, noted: make(map[object.ID]object.State)}
	standing, err := s.opts.Store.Standing(ctx, record.MaxTime)
	if err != nil {
		return err
	}
	for _, e := range standing {
		w.noted[object.ID(e.Object)] = object.State(e.Is)
	}
	if err := w.sit(ctx); err != nil {
		return err
	}
	defer w.fits.Wait()
	tick := time.NewTicker(noteEvery)
	defer tick.Stop()
	saved, trimmed := time.Now(), time.Time{}
	for {
		if err := w.note(ctx); err != nil {
			return err
		}
		if err := w.stands(ctx); err != nil {
			return err
		}
		if time.Since(saved) >= saveEvery {
			if err := s.keep(ctx); err != nil {
				return err
			}
			saved = time.Now()
		}
		if time.Since(trimmed) >= trimEvery {
			if err := s.opts.Store.Trim(ctx, w.epoch, record.MillisOf(time.Now().Add(-s.opts.Keep))); err != nil {
				return err
			}
			trimmed = time.Now()
		}
		select {
		case <-ctx.Done():
			// What is known is kept, so that the next one has less to read.
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
			defer cancel()
			return s.keep(last)
		case <-tick.C:
		}
	}
}

// note stores the states that are others than those that were noted last. Objects
// that are in the model no more are down.
func (w *worker) note(ctx context.Context) error {
	m := w.moment.Load()
	if m == w.last {
		return nil
	}
	var events []book.Event
	for i := range m.World.Len() {
		id := m.World.At(i).ID
		is, since := m.State(i)
		was, known := w.noted[id]
		if was == is || !known && is == object.Down { // down from the beginning
			continue
		}
		if since == 0 {
			since = m.At
		}
		events = append(events, book.Event{At: since, Object: string(id), Was: string(was), Is: string(is)})
	}
	if w.last == nil || w.last.World != m.World {
		for id, was := range w.noted {
			if _, ok := m.World.Object(id); !ok && was != object.Down {
				events = append(events, book.Event{At: m.At, Object: string(id), Was: string(was), Is: string(object.Down)})
			}
		}
	}
	if err := w.opts.Store.Note(ctx, w.epoch, events); err != nil {
		return err
	}
	for _, e := range events {
		w.noted[object.ID(e.Object)] = object.State(e.Is)
		w.meter.flips.WithLabelValues(e.Is).Inc()
	}
	w.last = m
	return nil
}
