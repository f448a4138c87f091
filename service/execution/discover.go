package execution

import (
	"errors"
	"maps"
	"slices"
	"strconv"
	"sync"

	"github.com/wattwerk/wattwerk/microservice"
	"github.com/wattwerk/wattwerk/microservice/plan"
	"github.com/wattwerk/wattwerk/object"
	"github.com/wattwerk/wattwerk/service/outlook"
	"github.com/wattwerk/wattwerk/service/reply"
	"github.com/wattwerk/wattwerk/service/watch"
)

// Bounds of plans that are kept. They are those of one epoch and one moment: a plan
// is never older than the states it is made of.
const (
	mostPlans  = 4096
	mostSpread = 64 // plans of the same request, which name different instances
)

// asked is a request on its way through the three functions.
type asked struct {
	moment *watch.Moment
	finder *plan.Finder
	sro    *plan.SRO
	mso    *plan.MSO
	view   *outlook.View
	ask    plan.Ask
}

// find is the first two functions.
func (e *Execution) find(r plan.Request, rule plan.Rule) (asked, error) {
	m := e.opts.Moment()
	if m == nil {
		return asked{}, ErrNotReady
	}
	f, err := e.finder(m)
	if err != nil {
		return asked{}, err
	}
	return e.findBy(m, f.by(rule), r, e.spread.Add(1))
}

func (e *Execution) findBy(m *watch.Moment, f *plan.Finder, r plan.Request, spread uint64) (asked, error) {
	a := asked{moment: m, finder: f}
	var err error
	if a.sro, err = a.finder.FindSmartService(r); err != nil {
		return a, err
	}
	if a.mso, err = a.finder.FindDataProAnalysisMicroservices(a.sro); err != nil {
		return a, err
	}
	a.ask = plan.Ask{Now: e.opts.Clock(), Spread: spread}
	a.view = &outlook.View{Moment: a.moment, Leases: e.lending.Held(), Places: e.places, Now: a.ask.Now}
	return a, nil
}

// found is what came of looking for a service: a plan, or why there is none. It does
// not change.
type found struct {
	plan    *plan.Plan
	no      *plan.NotAvailable
	service *microservice.Service
	world   *object.World
	epoch   uint64
	states  uint64

	once sync.Once
	text []byte
}

// err is that the service is not available; nil: it is.
func (x *found) err() error {
	if x.no == nil {
		return nil
	}
	no := *x.no
	return &no
}

// outcome is that in a word, for metrics.
func (x *found) outcome() string {
	if x.no != nil {
		return "unavailable"
	}
	return string(x.plan.Exec)
}

// Discover finds a service, its microservices, and whether they can work now. The
// error is one of package plan, or [ErrNotReady]; [*plan.NotAvailable] says all that is
// missing. A plan is not to be changed.
func (e *Execution) Discover(r plan.Request, rule plan.Rule) (*plan.Plan, error) {
	x, err := e.discover(r, rule, false)
	if err != nil {
		return nil, err
	}
	return x.plan, x.err()
}

// discover gives a plan that is kept, or makes one. One that depends on who has an
// object at this moment is not kept.
func (e *Execution) discover(r plan.Request, rule plan.Rule, carries bool) (*found, error) {
	m := e.opts.Moment()
	if m == nil {
		return nil, ErrNotReady
	}
	f, err := e.finder(m)
	if err != nil {
		return nil, err
	}
	spread := e.spread.Add(1)
	k := planKey(&r, rule, spread%uint64(min(max(e.roster.Live(), 1), mostSpread))) //nolint:gosec // it is a few
	now := e.opts.Clock()
	if x, fresh, ok := e.plans.Get(k, f.epoch, m.Epoch, now); ok && fresh == plan.Fresh {
		e.meter.kept.WithLabelValues("plan", "kept").Inc()
		return x, nil
	}
	a, err := e.findBy(m, f.by(rule), r, spread)
	if err != nil {
		return nil, err
	}
	a.view.Carries = carries
	for i := range a.mso.Steps {
		e.roster.Use(a.mso.Steps[i].Template().Key())
	}
	x := &found{service: a.sro.Service(), world: m.World, epoch: f.epoch, states: m.Epoch}
	if x.plan, err = a.finder.CheckAvailability(a.sro, a.mso, a.view, a.ask); err != nil && !errors.As(err, &x.no) {
		return nil, err
	}
	e.meter.kept.WithLabelValues("plan", "made").Inc()
	if !a.view.Asked {
		e.plans.Put(k, f.epoch, m.Epoch, now, x)
	}
	return x, nil
}

// planKey is what was asked for.
func planKey(r *plan.Request, rule plan.Rule, spread uint64) plan.CacheKey {
	var room [64]byte
	b := append(append(room[:0], rule...), ' ')
	b = strconv.AppendUint(b, spread, 10)
	b = strconv.AppendInt(append(b, ' '), int64(r.Threshold), 10)
	if r.Priority != nil {
		b = strconv.AppendInt(append(b, " p"...), int64(*r.Priority), 10)
	}
	for _, id := range slices.Sorted(maps.Keys(r.Majors)) {
		b = strconv.AppendQuote(append(b, ' '), id)
		b = strconv.AppendInt(b, int64(r.Majors[id]), 10)
	}
	return plan.CacheKey{SID: r.SID, Domain: r.Domain, Subject: r.Subject, More: string(b)}
}

// write gives the plan, or the problem, as it is sent: written once.
func (x *found) write() []byte {
	x.once.Do(func() {
		if x.no == nil {
			x.text = reply.Text(x.plan)
			return
		}
		no := *x.no
		no.Queued = false // nothing waits because somebody asked
		x.text = reply.Text(reply.NotAvailable(&no))
	})
	return x.text
}
