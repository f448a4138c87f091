package execution

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"github.com/wattwerk/wattwerk/availability"
	"github.com/wattwerk/wattwerk/microservice/breaker"
	"github.com/wattwerk/wattwerk/microservice/lease"
	"github.com/wattwerk/wattwerk/microservice/plan"
	"github.com/wattwerk/wattwerk/object"
	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/service/book"
	"github.com/wattwerk/wattwerk/service/feed"
	"github.com/wattwerk/wattwerk/service/keep"
	"github.com/wattwerk/wattwerk/service/lending"
	"github.com/wattwerk/wattwerk/service/outlook"
	"github.com/wattwerk/wattwerk/service/reply"
)

// Request asks for a service to be carried out.
type Request struct {
	plan.Request
	Rule       plan.Rule
	From, To   record.Millis // 0: as the computation has it by default
	Parameters json.RawMessage
	Previous   json.RawMessage // of a bill: the revision before
	Patience   time.Duration   // how long it may take, if longer than the service's threshold
}

// Done is a service that was carried out.
type Done struct {
	Plan    *plan.Plan
	Outcome feed.Outcome
	Took    time.Duration
	Limit   time.Duration // how long it might have taken
	At      record.Millis // when it was computed
	How     string        // made, shared, kept or stale
}

// ErrNothing says that a service computes nothing in this program.
var ErrNothing = reply.ErrNothing

// leastPatience is what a service may take in any case: its threshold is a promise to
// whoever asks, and a slow disk is no reason to answer nothing at all.
const leastPatience = 10 * time.Second

// Execute discovers a service and carries it out. The error is that of
// [Execution.Discover], or wraps [feed.ErrAsked]; a [*plan.NotAvailable] too when data
// cannot be read, or not in time.
func (e *Execution) Execute(ctx context.Context, r Request) (*Done, error) {
	began := time.Now()
	x, err := e.discover(r.Request, r.Rule, true)
	e.discovered(x, err)
	if err != nil {
		return nil, err
	}
	if err := x.err(); err != nil {
		return nil, err
	}
	return e.carry(ctx, began, x, r)
}

// carry carries out what was found.
func (e *Execution) carry(ctx context.Context, began time.Time, x *found, r Request) (*Done, error) {
	p, local := x.plan, x.service.Local
	if local == "" || e.opts.Feed == nil {
		return nil, ErrNothing
	}
	leases, err := e.exclusive(ctx, p)
	if err != nil {
		return nil, e.conflict(p, err)
	}
	defer e.giveBack(leases)
	shares, err := e.places.Take(e.opts.Clock(), outlook.Holder(p.SID, p.Subject), p.Priority, limited(x.world, p))
	if err != nil {
		return nil, e.conflict(p, err)
	}
	defer func() { e.places.GiveBack(e.opts.Clock(), shares) }()
	limit := max(time.Duration(p.Threshold.Limit*float64(time.Millisecond)), leastPatience, r.Patience)
	within, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	q := keep.Request{
		Request: feed.Request{
			Computation: local, World: x.world, Subject: p.Subject, Roles: roles(p), From: r.From, To: r.To,
			Now: e.opts.Clock(), Parameters: r.Parameters, Previous: r.Previous,
		},
		SID: p.SID, Domain: p.Domain, Epoch: x.epoch, States: x.states, Anew: r.Patience > 0,
	}
	if !e.allowed() {
		if out, ok := e.results.Stale(q); ok {
			return e.done(p, out, began, limit), nil
		}
		return nil, e.away(p, plan.NoneIsUp)
	}
	out, err := e.results.Run(within, q)
	refused := errors.Is(err, feed.ErrAsked)
	gaveUp := ctx.Err() != nil // whoever asked went away
	e.told(err == nil || refused || gaveUp)
	if err != nil && !refused && !gaveUp {
		if stale, ok := e.results.Stale(q); ok {
			e.log.Warn("a service is answered with what was kept", "service", p.SID, "subject", p.Subject, "because", err)
			out, err = stale, nil
		}
	}
	took := time.Since(began)
	outcome := "done"
	switch {
	case refused:
		outcome = "refused"
	case err != nil:
		outcome = "failed"
	}
	e.meter.executed.WithLabelValues(local, outcome).Inc()
	e.meter.took.WithLabelValues(local).Observe(took.Seconds())
	switch {
	case err == nil:
		return e.done(p, out, began, limit), nil
	case refused || gaveUp:
		return nil, err
	case errors.Is(err, context.DeadlineExceeded):
		no := e.away(p, plan.Threshold)
		no.Threshold.Limit, no.Threshold.Estimated = float64(limit)/1e6, float64(took)/1e6
		return nil, no
	}
	e.log.Warn("a service could not be carried out", "service", p.SID, "subject", p.Subject, "because", err)
	return nil, e.away(p, plan.NoneIsUp)
}

func (e *Execution) done(p *plan.Plan, x keep.Result, began time.Time, limit time.Duration) *Done {
	e.meter.kept.WithLabelValues("result", x.How).Inc()
	return &Done{p, x.Outcome, time.Since(began), limit, x.At, x.How}
}

// discovered counts what came of looking for a service.
func (e *Execution) discovered(x *found, err error) {
	outcome := "refused"
	if err == nil {
		outcome = x.outcome()
	}
	e.meter.discovered.WithLabelValues(outcome).Inc()
}

// roles are the objects of a plan by the tags of their composites, those that are
// missing too: what stood in for them is asked for by whoever reads them.
func roles(p *plan.Plan) map[string][]object.ID {
	out := make(map[string][]object.ID)
	for i := range p.Steps {
		for _, c := range p.Steps[i].Composites {
			if _, ok := out[c.Tag]; !ok && len(c.Members) > 0 {
				out[c.Tag] = c.Members
			}
		}
	}
	return out
}

// away is a service that could be planned, and not carried out.
func (e *Execution) away(p *plan.Plan, why plan.Reason) *plan.NotAvailable {
	usable := 0
	for i := range p.Steps {
		if p.Steps[i].Usable {
			usable++
		}
	}
	no := &plan.NotAvailable{
		SID: p.SID, Priority: p.Priority, Domain: p.Domain, Subject: p.Subject, Reason: why, Usable: usable,
		Missing: p.Missing, More: p.More, Threshold: p.Threshold, Availability: p.Strict, Mean: p.Mean, Quality: p.Quality,
		RetryAfter: 10, Queued: true, Queue: p.Queue, Alternatives: []plan.Alternative{}, Required: plan.Required{Of: len(p.Steps)},
	}
	if s, ok := e.serves(p.SID, p.Domain); ok {
		no.Required.Microservices = s.Restriction.String()
	}
	if no.Missing == nil {
		no.Missing = []plan.Missing{}
	}
	return no
}

// conflict makes the answer of a lease that somebody else has.
func (e *Execution) conflict(p *plan.Plan, err error) error {
	var c *lease.Conflict
	if !errors.As(err, &c) {
		return err
	}
	no := e.away(p, plan.InConflict)
	no.Missing = append(slices.Clip(no.Missing), plan.Missing{VO: c.Object, Cause: plan.Held, Holder: &plan.Holder{Priority: c.Priority, Until: c.Until}})
	no.RetryAfter = int(max(1, min(3600, (int64(c.Until-e.opts.Clock())+999)/1000)))
	return no
}

// exclusive takes leases of the actuators of a plan, as long as it may take.
func (e *Execution) exclusive(ctx context.Context, p *plan.Plan) ([]book.Lease, error) {
	var out []book.Lease
	for _, id := range p.Exclusive {
		l, err := e.lending.Acquire(ctx, lease.Request{SID: outlook.Holder(p.SID, p.Subject), Object: id, Priority: p.Priority, For: max(lending.LeastLease, 2*leastPatience).Milliseconds()})
		if err != nil {
			e.giveBack(out)
			return nil, err
		}
		out = append(out, l)
	}
	return out, nil
}

func (e *Execution) giveBack(all []book.Lease) {
	if len(all) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), leastPatience)
	defer cancel()
	for _, l := range all {
		if err := e.lending.Release(ctx, l.ID); err != nil && !errors.Is(err, lease.ErrOld) && !errors.Is(err, book.ErrNotFound) {
			e.log.Warn("a lease ends by itself only", "object", l.Object, "because", err)
		}
	}
}

// limited are the objects of a plan that only so many may use at once.
func limited(w *object.World, p *plan.Plan) (out []*object.Object) {
	for i := range p.Steps {
		for _, c := range p.Steps[i].Composites {
			for _, id := range c.Members {
				if o, ok := w.Object(id); ok && o.Capacity > 0 && !o.Actuator && !slices.Contains(out, o) {
					out = append(out, o)
				}
			}
		}
	}
	return out
}

// allowed asks the breaker of the source.
func (e *Execution) allowed() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.source.Allow(e.opts.Clock())
}

func (e *Execution) told(ok bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if state, changed := e.source.Done(e.opts.Clock(), ok); changed {
		open := 0.0
		if state == breaker.Open {
			open = 1
		}
		e.meter.open.Set(open)
		e.log.Warn("reading settled windows for services is otherwise", "breaker", state)
	}
}

// Waiting is work that waits, or was done.
type Waiting struct {
	Domain     string          `json:"domain,omitempty"`
	Priority   *int            `json:"priority,omitempty"`
	Rule       plan.Rule       `json:"rule,omitempty"`
	Majors     map[string]int  `json:"majors,omitempty"`
	Parameters json.RawMessage `json:"parameters,omitempty"`
	Who        string          `json:"who"`
}

// Queue has work wait that cannot be done now, and tells whether it does. Without a
// span there is nothing to name it by, and it does not.
func (e *Execution) Queue(ctx context.Context, r Request) (bool, error) {
	if e.opts.Store == nil || r.From == 0 || r.To == 0 {
		return false, nil
	}
	doc, err := json.Marshal(Waiting{r.Domain, r.Priority, r.Rule, r.Majors, r.Parameters, e.opts.Actor(ctx)})
	if err != nil {
		return false, err
	}
	queued, err := e.opts.Store.Wait(ctx, book.Waiting{Service: r.SID, Subject: string(r.Subject), Begins: r.From, Ends: r.To, Asked: e.opts.Clock(), Doc: string(doc)})
	if errors.Is(err, book.ErrFull) {
		return false, nil
	}
	return queued, err
}

// How waiting work is taken up.
const (
	mostTaken = 200
	resultOf  = "execution" // kind of stored results
	patience  = time.Minute // of work that nobody waits for
)

// ResultID names the result of a service for a subject, as it is kept.
func ResultID(sid string, subject object.ID) string { return sid + "\n" + string(subject) }

// TakeUp does the work that waits and can be done now, the oldest of each service and
// subject first. It is for one process at a time.
func (e *Execution) TakeUp(ctx context.Context) error {
	if e.opts.Store == nil || e.opts.Feed == nil {
		return nil
	}
	all, err := e.opts.Store.Backlog(ctx, mostTaken)
	if err != nil {
		return err
	}
	e.meter.waiting.Set(float64(len(all)))
	stuck := make(map[string]bool)
	for _, w := range all {
		if ctx.Err() != nil {
			return nil
		}
		key := ResultID(w.Service, object.ID(w.Subject))
		if stuck[key] {
			continue
		}
		outcome, ok := e.takeUp(ctx, w)
		if !ok {
			stuck[key] = true
			continue
		}
		if was, err := e.opts.Store.Done(ctx, w, e.opts.Clock(), outcome); err != nil {
			return err
		} else if was {
			e.log.Info("work that waited is done", "service", w.Service, "subject", w.Subject, "outcome", outcome)
		}
	}
	return nil
}

// takeUp does one piece of work; false: it has to wait.
func (e *Execution) takeUp(ctx context.Context, w book.Waiting) (outcome string, ok bool) {
	var doc Waiting
	if err := json.Unmarshal([]byte(w.Doc), &doc); err != nil {
		return "not understood", true
	}
	done, err := e.Execute(ctx, Request{
		Request: plan.Request{SID: w.Service, Domain: doc.Domain, Subject: object.ID(w.Subject), Priority: doc.Priority, Majors: doc.Majors},
		Rule:    doc.Rule, From: w.Begins, To: w.Ends, Parameters: doc.Parameters, Patience: patience,
	})
	var no *plan.NotAvailable
	switch {
	case errors.As(err, &no) || errors.Is(err, ErrNotReady) || ctx.Err() != nil:
		return "", false
	case err != nil:
		return "refused: " + err.Error(), true
	}
	text, err := json.Marshal(e.Body(done))
	if err != nil {
		return "refused: " + err.Error(), true
	}
	if err := e.opts.Store.Keep(ctx, book.Result{Kind: resultOf, Object: ResultID(w.Service, object.ID(w.Subject)), Day: w.Begins, Made: e.opts.Clock(), Doc: string(text)}); err != nil {
		return "", false
	}
	if done.Plan.Exec == availability.Partial {
		return "done in part", true
	}
	return "done", true
}

// ServiceResult is what came of a service.
type ServiceResult struct {
	SID       string              `json:"sid" doc:"The service"`
	Domain    string              `json:"domain"`
	Subject   object.ID           `json:"subject,omitempty"`
	From      *time.Time          `json:"from" doc:"Of what was read; null: nothing by a span"`
	To        *time.Time          `json:"to"`
	Exec      availability.Exec   `json:"exec" enum:"full,partial" doc:"How much of it could be carried out"`
	Strict    float64             `json:"strict"`
	Mean      float64             `json:"mean"`
	Quality   float64             `json:"quality"`
	Rests     []feed.Rested       `json:"rests" doc:"On what it stands: each series that was read, and what of it is measured, substituted or missing"`
	StandIns  []plan.Substitution `json:"substitutions" doc:"What stood in for what when it was planned"`
	Missing   []plan.Missing      `json:"missing" doc:"What was missing when it was planned"`
	Threshold plan.Estimate       `json:"threshold"`
	Took      float64             `json:"took_ms" doc:"How long it took, discovery included"`
	Limit     float64             `json:"limit_ms" doc:"How long it might have taken before it was given up"`
	Made      time.Time           `json:"made" doc:"When it was computed"`
	How       string              `json:"how" enum:"made,shared,kept,stale" doc:"Made for this request; shared with another one of the same time; kept from before, and nothing it rests on has changed; or stale: kept, and nothing better can be had at the moment"`
	Process   string              `json:"process,omitempty" doc:"Which process of the installation carried it out"`
	Instead   string              `json:"instead,omitempty" doc:"Why it was not the one that the plan names; absent: it was"`
	Result    any                 `json:"result" doc:"In the words of the service"`
}

// Body is a service that was carried out, as it is told.
func (e *Execution) Body(d *Done) ServiceResult {
	p := d.Plan
	out := ServiceResult{
		SID: p.SID, Domain: p.Domain, Subject: p.Subject, Exec: p.Exec, Strict: p.Strict, Mean: p.Mean, Quality: p.Quality,
		Rests: d.Outcome.Rests, StandIns: p.StandIns, Missing: p.Missing, Threshold: p.Threshold,
		Took: float64(d.Took) / 1e6, Limit: float64(d.Limit) / 1e6,
		Made: d.At.Time(), How: d.How, Process: e.roster.Self().Name, Result: d.Outcome.Result,
	}
	if d.Outcome.To > 0 {
		from, to := d.Outcome.From.Time(), d.Outcome.To.Time()
		out.From, out.To = &from, &to
	}
	if out.Rests == nil {
		out.Rests = []feed.Rested{}
	}
	if out.StandIns == nil {
		out.StandIns = []plan.Substitution{}
	}
	if out.Missing == nil {
		out.Missing = []plan.Missing{}
	}
	return out
}
