package execution

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/wattwerk/wattwerk/microservice"
	"github.com/wattwerk/wattwerk/microservice/breaker"
	"github.com/wattwerk/wattwerk/microservice/plan"
	"github.com/wattwerk/wattwerk/microservice/registry"
	"github.com/wattwerk/wattwerk/object"
	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/service/book"
	"github.com/wattwerk/wattwerk/service/feed"
	"github.com/wattwerk/wattwerk/service/keep"
	"github.com/wattwerk/wattwerk/service/lending"
	"github.com/wattwerk/wattwerk/service/places"
	"github.com/wattwerk/wattwerk/service/roster"
	"github.com/wattwerk/wattwerk/service/watch"
)

// Member is a process that can carry services out.
type Member = roster.Member

// Options say what to work with.
type Options struct {
	Moment    func() *watch.Moment // how objects are now; nil as long as nobody knows
	Store     *book.Store          // nil: nothing is kept
	Feed      *feed.Feed           // nil: nothing is carried out
	Revisions keep.Revisions       // of what Feed reads; nil: no result is kept
	Elsewhere Elsewhere            // asks other processes; nil: all is carried out here
	Retire    time.Duration        // of versions nobody asks for; default [roster.Retire]
	Templates []microservice.Template
	Services  []microservice.Service
	Members   func() []Member // processes that live, this one among them; nil: this one alone
	Changed   func()          // told when somebody changed a document here; may be nil
	Actor     func(context.Context) string
	Clock     func() record.Millis // default that of this machine
	Log       *slog.Logger

	Registerer prometheus.Registerer // may be nil
}

// Execution finds services and carries them out.
type Execution struct {
	opts  Options
	log   *slog.Logger
	meter *meter

	defined atomic.Pointer[definitions]
	roster  *roster.Roster
	finders atomic.Pointer[finders]
	lending *lending.Desk
	places  *places.Places
	results *keep.Results
	plans   *plan.Cache[*found]
	spread  atomic.Uint64

	mu     sync.Mutex // of what follows
	epoch  uint64     // of finders
	source *breaker.Breaker
}

// ErrNotReady says that objects are not known yet.
var ErrNotReady = lending.ErrNotReady

// New checks the options. Built-in definitions are those of the options, until
// [Execution.Define] adds what people wrote down.
func New(o Options) (*Execution, error) {
	if o.Moment == nil {
		return nil, errors.New("open services: the moment is needed")
	}
	if o.Members == nil {
		o.Members = func() []Member { return []Member{{ID: "self", Name: "self"}} }
	}
	if o.Actor == nil {
		o.Actor = func(context.Context) string { return "unknown" }
	}
	if o.Clock == nil {
		o.Clock = func() record.Millis { return record.MillisOf(time.Now()) }
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Changed == nil {
		o.Changed = func() {}
	}
	e := &Execution{
		opts: o, log: o.Log, meter: newMeter(), source: breaker.New(breaker.Options{}), places: places.New(),
		lending: lending.New(o.Store, o.Moment, o.Clock), results: keep.New(keep.Options{Feed: o.Feed, Revisions: o.Revisions}),
		plans: plan.NewCache[*found](plan.CacheOptions{Most: mostPlans}),
	}
	e.roster = roster.New(roster.Options{
		Members: o.Members, Clock: o.Clock, Log: o.Log, Retire: o.Retire,
		Told: func(to registry.State) { e.meter.instances.WithLabelValues(string(to)).Inc() },
	})
	if err := e.Define(nil); err != nil {
		return nil, fmt.Errorf("open services: %w", err)
	}
	if o.Registerer != nil {
		if err := o.Registerer.Register(e.meter); err != nil {
			return nil, fmt.Errorf("open services: %w", err)
		}
	}
	return e, nil
}

// finders are what was worked out for one epoch.
type finders struct {
	epoch     uint64
	world     *object.World
	defined   *definitions
	registry  uint64
	sum, path *plan.Finder
}

// finder gives the finders of this epoch.
func (e *Execution) finder(m *watch.Moment) (*finders, error) {
	f := e.finders.Load()
	d, known := e.defined.Load(), e.roster.Known()
	if f == nil || f.world != m.World || f.defined != d || f.registry != known.Epoch() {
		e.mu.Lock()
		defer e.mu.Unlock()
		d, known = e.defined.Load(), e.roster.Known()
		if f = e.finders.Load(); f == nil || f.world != m.World || f.defined != d || f.registry != known.Epoch() {
			e.epoch++
			o := plan.Options{Epoch: e.epoch, Services: d.list, Registry: known, World: m.World, Cuts: d.cuts, Rule: plan.BySum}
			next := &finders{epoch: e.epoch, world: m.World, defined: d, registry: known.Epoch()}
			var err error
			if next.sum, err = plan.NewFinder(o); err != nil {
				return nil, err
			}
			o.Rule = plan.ByPath
			if next.path, err = plan.NewFinder(o); err != nil {
				return nil, err
			}
			e.finders.Store(next)
			f = next
		}
	}
	return f, nil
}

func (f *finders) by(rule plan.Rule) *plan.Finder {
	if rule == plan.ByPath {
		return f.path
	}
	return f.sum
}

// Serves tells whether a service is defined, and how.
func (e *Execution) serves(sid, domain string) (*microservice.Service, bool) {
	for i := range e.defined.Load().list {
		s := &e.defined.Load().list[i]
		if s.SID == sid && (domain == "" || s.Domain == domain) {
			return s, true
		}
	}
	return nil, false
}
