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
	"github.com/wattwerk/wattwerk/microservice/lease"
	"github.com/wattwerk/wattwerk/microservice/plan"
	"github.com/wattwerk/wattwerk/microservice/registry"
	"github.com/wattwerk/wattwerk/object"
	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/service/book"
	"github.com/wattwerk/wattwerk/service/feed"
	"github.com/wattwerk/wattwerk/service/lending"
	"github.com/wattwerk/wattwerk/service/watch"
)

// Member is a process that can carry services out.
type Member struct {
	ID   string
	Name string
	URL  string // where it is reached; empty: it is not
}

// Options say what to work with.
type Options struct {
	Moment    func() *watch.Moment // how objects are now; nil as long as nobody knows
	Store     *book.Store          // nil: nothing is kept
	Feed      *feed.Feed           // nil: nothing is carried out
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
	known   atomic.Pointer[registry.Snapshot]
	finders atomic.Pointer[finders]
	lending *lending.Desk
	spread  atomic.Uint64

	mu      sync.Mutex // of what follows
	epoch   uint64     // of finders
	absent  map[string]int
	source  *breaker.Breaker
	sharing *lease.Table // of sensors with a capacity
}

// ErrNotReady says that objects are not known yet.
var ErrNotReady = lending.ErrNotReady

// inUse tells how many use an object with a capacity here.
func (e *Execution) inUse(id object.ID) int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.sharing.Sharing(e.opts.Clock(), id)
}

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
		opts: o, log: o.Log, meter: newMeter(), absent: make(map[string]int), source: breaker.New(breaker.Options{}),
		sharing: lease.New(lease.Options{}, 0), lending: lending.New(o.Store, o.Moment, o.Clock),
	}
	e.known.Store(registry.Empty())
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
	world     *object.World
	defined   *definitions
	registry  uint64
	sum, path *plan.Finder
}

// finder gives the finder of this epoch for a rule.
func (e *Execution) finder(m *watch.Moment, rule plan.Rule) (*plan.Finder, error) {
	f := e.finders.Load()
	d, known := e.defined.Load(), e.known.Load()
	if f == nil || f.world != m.World || f.defined != d || f.registry != known.Epoch() {
		e.mu.Lock()
		defer e.mu.Unlock()
		d, known = e.defined.Load(), e.known.Load()
		if f = e.finders.Load(); f == nil || f.world != m.World || f.defined != d || f.registry != known.Epoch() {
			e.epoch++
			o := plan.Options{Epoch: e.epoch, Services: d.list, Registry: known, World: m.World, Cuts: d.cuts, Rule: plan.BySum}
			next := &finders{world: m.World, defined: d, registry: known.Epoch()}
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
	if rule == plan.ByPath {
		return f.path, nil
	}
	return f.sum, nil
}

// asked is a request on its way through the three functions.
type asked struct {
	moment *watch.Moment
	finder *plan.Finder
	sro    *plan.SRO
	mso    *plan.MSO
	view   *view
	ask    plan.Ask
}

// find is the first two functions.
func (e *Execution) find(r plan.Request, rule plan.Rule) (asked, error) {
	a := asked{moment: e.opts.Moment()}
	if a.moment == nil {
		return a, ErrNotReady
	}
	var err error
	if a.finder, err = e.finder(a.moment, rule); err != nil {
		return a, err
	}
	if a.sro, err = a.finder.FindSmartService(r); err != nil {
		return a, err
	}
	if a.mso, err = a.finder.FindDataProAnalysisMicroservices(a.sro); err != nil {
		return a, err
	}
	a.ask = plan.Ask{Now: e.opts.Clock(), Spread: e.spread.Add(1)}
	a.view = &view{moment: a.moment, held: e.lending.Held(), sharing: e.inUse, now: a.ask.Now}
	return a, nil
}

// Discover finds a service, its microservices, and whether they can work now. The
// error is one of package plan, or [ErrNotReady]; [*plan.NotAvailable] says all that is
// missing.
func (e *Execution) Discover(r plan.Request, rule plan.Rule) (*plan.Plan, error) {
	p, _, err := e.discover(r, rule)
	return p, err
}

func (e *Execution) discover(r plan.Request, rule plan.Rule) (*plan.Plan, asked, error) {
	a, err := e.find(r, rule)
	if err != nil {
		return nil, a, err
	}
	p, err := a.finder.CheckAvailability(a.sro, a.mso, a.view, a.ask)
	return p, a, err
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
