package service

import (
	"context"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/wattwerk/wattwerk/microservice/builtin"
	"github.com/wattwerk/wattwerk/model"
	"github.com/wattwerk/wattwerk/object"
	"github.com/wattwerk/wattwerk/service/bills"
	"github.com/wattwerk/wattwerk/service/book"
	"github.com/wattwerk/wattwerk/service/execution"
	"github.com/wattwerk/wattwerk/service/foresight"
	"github.com/wattwerk/wattwerk/service/vigil"
)

// open makes what carries services out.
func (s *Service) open() (err error) {
	built := builtin.Services()
	s.exec, err = execution.New(execution.Options{
		Moment: s.moment.Load, Store: s.opts.Store, Feed: s.opts.Feed, Templates: built.Microservices, Services: built.Services,
		Members: s.opts.Members, Changed: s.redefined, Actor: s.opts.Actor, Log: s.log, Registerer: s.opts.Registerer,
		Revisions: s.opts.Revisions, Elsewhere: s.opts.Elsewhere,
	})
	if err != nil {
		return err
	}
	if s.bills, err = bills.New(bills.Options{Store: s.opts.Store, Executor: s.exec, Actor: s.opts.Actor, Log: s.log}); err != nil {
		return err
	}
	s.ahead, err = foresight.New(foresight.Options{
		Store: s.opts.Store, History: s.opts.History, World: s.world, Model: s.model, Actor: s.opts.Actor, Log: s.log, Registerer: s.opts.Registerer,
	})
	if err != nil {
		return err
	}
	if s.opts.Feed != nil && s.opts.Feed.Forecasts == nil && s.opts.History != nil {
		s.opts.Feed.Forecasts = s.ahead
	}
	s.vigil, err = vigil.New(vigil.Options{
		Store: s.opts.Store, History: s.opts.History, World: s.world, Model: s.model, First: s.ahead.Named, Counters: s.counters,
		Tell: s.opts.Tell, Changed: s.changed, Log: s.log, Registerer: s.opts.Registerer,
	})
	return err
}

// world is the newest one; nil while nobody knows.
func (s *Service) world() *object.World {
	if m := s.moment.Load(); m != nil {
		return m.World
	}
	return nil
}

func (s *Service) model() *model.Model { return s.opts.Catalog.State().Model }

// counters gives the newest readings of counters.
func (s *Service) counters(yield func(vigil.Reading)) {
	w := s.world()
	if w == nil {
		return
	}
	for i := range w.Len() {
		o := w.At(i)
		if sensor, ok := o.ID.Sensor(); ok && o.Kind == "counter" && !o.Virtual {
			sight, _ := s.watch.Of(sensor)
			yield(vigil.Reading{Object: o.ID, Time: sight.Time, Value: sight.Value})
		}
	}
}

// alone is the work of one process at a time, until ctx ends.
func (s *Service) alone(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { s.repeat(ctx, "noting what objects do begins again", s.work); return nil })
	g.Go(func() error { s.repeat(ctx, "taking up what waits begins again", s.exec.Work); return nil })
	g.Go(func() error { s.repeat(ctx, "looking at bills again begins anew", s.bills.Work); return nil })
	g.Go(func() error { s.repeat(ctx, "forecasting by itself begins again", s.ahead.Work); return nil })
	g.Go(func() error { s.repeat(ctx, "watching for anomalies begins again", s.vigil.Work); return nil })
	return g.Wait()
}

// Broken gives the services that cannot be carried out because something that they
// have does not work.
func (s *Service) Broken() []execution.BrokenService { return s.exec.Broken() }

// redefined has what somebody wrote here be in the next answer of this process; others
// see it within a second.
func (s *Service) redefined() {
	defer s.changed()
	ctx, cancel := context.WithTimeout(context.Background(), redefineWithin)
	defer cancel()
	all, err := s.opts.Store.Documents(ctx, book.Service, book.Microservice, book.Cut)
	if err == nil {
		err = s.exec.Define(all)
	}
	if err != nil {
		s.log.Warn("what was written down is not in use yet", "because", err)
	}
}

// redefineWithin bounds how long who wrote something waits until it is in use.
const redefineWithin = 5 * time.Second
