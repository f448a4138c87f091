package sender

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"

	"github.com/wattwerk/wattwerk/survey/client"
	"github.com/wattwerk/wattwerk/survey/consent"
	"github.com/wattwerk/wattwerk/survey/household"
)

// Service is what is asked of the data service: client.Client.
type Service interface {
	Household(ctx context.Context) (client.Household, error)
	Send(ctx context.Context, b household.Batch) (household.Answer, error)
	Report(ctx context.Context, meter string, r household.Report) (household.Incident, error)
	Resolve(ctx context.Context, meter string, t household.IncidentType) error
}

// Buffer is where batches are until they are confirmed: buffer.Buffer.
type Buffer interface {
	Next() (household.Batch, bool, error)
	Done(sequence int64) error
	Drop(sequence int64) error
	Renumber(sequence int64) error
	Wipe() error
}

// Certificate is that of the device.
type Certificate interface {
	// Due is when it is to be renewed, Ends when it expires.
	Due() time.Time
	Ends() time.Time
	// Renew gets the next one and shows it from now on.
	Renew(ctx context.Context) error
}

// Tolerance is by how much the clock of the device may be wrong. With one that is further
// off nothing is measured.
const Tolerance = 2 * time.Minute

// Times between tries.
const (
	DefaultEvery = time.Hour
	firstRetry   = 30 * time.Second
	lastRetry    = time.Hour
	askAgain     = 15 * time.Minute // whether there is a consent by now
	wrongClock   = time.Minute
	wake         = 15 * time.Second // at most between two looks at the clock
)

// State is what a sender knows across restarts.
type State struct {
	Consent consent.State `json:"consent"`
	Asked   time.Time     `json:"asked,omitzero"` // when the service said so, by the clock of the device
	Lease   time.Duration `json:"lease"`          // for how long from then on
	Ended   string        `json:"ended"`          // why nothing is measured ever again; empty: it is not so
}

// Options of a sender. Service, Buffer and Certificate are needed.
type Options struct {
	Service     Service
	Buffer      Buffer
	Certificate Certificate
	State       State
	Save        func(State) error           // keeps the state; nil: nobody does
	Every       time.Duration               // between two times of sending; 0: [DefaultEvery]
	Look        time.Duration               // at most between two looks at the clock; 0: 15 seconds
	Version     string                      // of the program
	Condition   func() *household.Condition // how the device is; nil: it does not say
	Meter       string                      // for which incidents of the device are reported
	Now         func() time.Time
	Random      func() float64 // 0 to 1
	Log         *slog.Logger
}

// Sender sends.
type Sender struct {
	o     Options
	log   *slog.Logger
	nudge chan struct{}

	work    sync.Mutex // held by who talks to the service
	renewAt time.Time  // nothing is renewed before

	mu        sync.Mutex
	state     State
	incidents map[incident]*condition
	status    Status
	askAt     time.Time // when the service is asked again, whatever the lease says
	sendAt    time.Time
	retryAt   time.Time     // nothing is tried before
	failed    int           // tries in a row
	failing   string        // what was tried
	wrong     bool          // the clock is
	bad       map[int64]int // how often batches were refused for themselves; with work
}

// New makes a sender.
func New(o Options) *Sender {
	if o.Every == 0 {
		o.Every = DefaultEvery
	}
	if o.Look == 0 {
		o.Look = wake
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Random == nil {
		o.Random = rand.Float64
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Save == nil {
		o.Save = func(State) error { return nil }
	}
	s := &Sender{o: o, log: o.Log, nudge: make(chan struct{}, 1), state: o.State, incidents: make(map[incident]*condition), bad: make(map[int64]int)}
	if s.state.Consent == "" {
		s.state.Consent = consent.NotGranted
	}
	now := o.Now()
	s.sendAt = now.Add(time.Duration(o.Random() * float64(min(time.Minute, o.Every/10))))
	return s
}

// Status is how it stands.
type Status struct {
	Consent   consent.State `json:"consent"`
	Until     time.Time     `json:"until,omitzero"` // of the lease
	Lease     Lease         `json:"lease"`
	Measuring bool          `json:"measuring"` // it may
	Ended     string        `json:"ended,omitempty"`
	Asked     time.Time     `json:"asked,omitzero"` // when the service answered last
	Sent      time.Time     `json:"sent,omitzero"`  // when it confirmed a batch last
	Confirmed int           `json:"confirmed"`      // measurements, since the program started
	Refused   int           `json:"refused"`        // measurements, since then
	Batches   Batches       `json:"batches"`
	Skew      float64       `json:"skew"`  // by how many seconds the clock was ahead
	Heard     bool          `json:"heard"` // the service has answered since the program started, so that Skew is known
	Problem   string        `json:"problem,omitempty"`
	Incidents []Open        `json:"incidents"`
}

// Batches are how often the service answered a batch since the program started.
type Batches struct {
	Taken   int `json:"taken"`
	Refused int `json:"refused"` // for good: what was in them is dropped
	Again   int `json:"again"`   // it was not reached, or did not take it now
}

// Lease is until when the device may measure, and what comes then.
type Lease struct {
	Until time.Time `json:"until,omitzero"` // zero: there is none
	Holds bool      `json:"holds"`
	Asks  time.Time `json:"asks,omitzero"` // when the service is asked next, which moves Until on; zero: never
	Then  string    `json:"then"`          // what happens, for people
}

// What happens, for people.
const (
	thenEnded  = "the consent was revoked: nothing is measured any more, and what was measured here is deleted"
	thenNone   = "nothing is measured until the household consents"
	thenStops  = "if the data service has not answered until then, no meter is read any more; what was measured stays here and is sent when it answers, and measuring goes on by itself if the consent still holds; if it was revoked, all of it is deleted"
	thenSilent = "no meter is read until the data service says that the consent still holds; what was measured stays here until then and is sent, or deleted if the consent was revoked"
)

// lease tells how the lease stands.
func (s *Sender) lease() Lease {
	l := Lease{Holds: s.leased() && s.state.Ended == "", Asks: s.askAt}
	if s.state.Consent == consent.Granted && !s.state.Asked.IsZero() {
		l.Until = s.state.Asked.Add(s.state.Lease).UTC().Round(0)
	}
	switch {
	case s.state.Ended != "" || s.state.Consent == consent.Revoked:
		return Lease{Then: thenEnded}
	case s.state.Consent != consent.Granted:
		l.Then = thenNone
	case l.Holds:
		l.Then = thenStops
		if !s.wrong {
			l.Asks = s.state.Asked.Add(s.state.Lease / 4)
		}
	default:
		l.Then = thenSilent
	}
	for _, t := range []time.Time{s.retryAt, s.o.Now()} {
		if l.Asks.Before(t) {
			l.Asks = t
		}
	}
	l.Asks = l.Asks.UTC().Round(0)
	return l
}

// Open is an incident that is not resolved.
type Open struct {
	Meter  string                 `json:"meter"`
	Type   household.IncidentType `json:"type"`
	Detail string                 `json:"detail"`
}

// Status tells how it stands.
func (s *Sender) Status() Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := s.status
	out.Consent, out.Ended, out.Measuring = s.state.Consent, s.state.Ended, s.may()
	if !s.state.Asked.IsZero() {
		out.Asked, out.Until = s.state.Asked.UTC().Round(0), s.state.Asked.Add(s.state.Lease).UTC().Round(0)
	}
	out.Lease, out.Incidents = s.lease(), s.open()
	return out
}

// May tells whether the device may measure now.
func (s *Sender) May() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.may()
}

func (s *Sender) may() bool { return s.state.Ended == "" && !s.wrong && s.leased() }

// leased tells whether the consent was granted and its lease lasts, by the clock on the wall and by
// the one that nobody sets.
func (s *Sender) leased() bool {
	now := s.o.Now()
	wall := now.Round(0).Sub(s.state.Asked.Round(0))
	return s.state.Consent == consent.Granted && now.Sub(s.state.Asked) < s.state.Lease && wall < s.state.Lease && wall > -Tolerance
}

// Run works until ctx ends.
func (s *Sender) Run(ctx context.Context) error {
	for {
		s.Step(ctx)
		timer := time.NewTimer(s.o.Look)
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil
		case <-timer.C:
		case <-s.nudge:
			timer.Stop()
		}
	}
}

// Wake has what is due done soon.
func (s *Sender) Wake() {
	select {
	case s.nudge <- struct{}{}:
	default:
	}
}

// Flush has everything sent soon.
func (s *Sender) Flush() {
	s.mu.Lock()
	s.sendAt, s.retryAt = time.Time{}, time.Time{}
	s.mu.Unlock()
	s.Wake()
}

// Step does what is due.
func (s *Sender) Step(ctx context.Context) {
	s.work.Lock()
	defer s.work.Unlock()
	now := s.o.Now()
	s.mu.Lock()
	idle := s.state.Ended != "" || now.Before(s.retryAt)
	s.mu.Unlock()
	if idle || !s.renew(ctx, now) || !s.ask(ctx, now, false) {
		return
	}
	s.mu.Lock()
	granted, due := s.leased() && !s.wrong, !now.Before(s.sendAt)
	s.mu.Unlock()
	if !granted || !s.report(ctx) || !due {
		return
	}
	if !s.send(ctx) {
		return
	}
	s.mu.Lock()
	s.sendAt = now.Add(time.Duration(float64(s.o.Every) * (0.9 + 0.1*s.o.Random())))
	s.mu.Unlock()
}

// renew renews the certificate if it is due. False: nothing else is to be tried.
func (s *Sender) renew(ctx context.Context, now time.Time) bool {
	due, ends := s.o.Certificate.Due(), s.o.Certificate.Ends()
	if now.Before(due) {
		s.Incident("", household.CertificateExpiry, false, "")
		return true
	}
	if now.Before(s.renewAt) {
		return ends.After(now)
	}
	err := s.o.Certificate.Renew(ctx)
	if err == nil {
		s.Incident("", household.CertificateExpiry, false, "")
		s.log.Info("the certificate was renewed", "ends", s.o.Certificate.Ends())
		return true
	}
	s.Incident("", household.CertificateExpiry, true, fmt.Sprintf("the certificate ends at %s, and renewing it does not work", ends.UTC().Format(time.RFC3339)))
	if a := client.ActionOf(err); a == household.Stop || a == household.Renew || !ends.After(now) {
		s.act(ctx, renewing, err)
		return false
	}
	// It is good for some days yet, in which everything else goes on.
	s.renewAt = now.Add(time.Duration(float64(lastRetry) * (0.5 + 0.5*s.o.Random())))
	s.log.Warn("the certificate was not renewed", "ends", ends, "again", s.renewAt, "error", err)
	return true
}

// ask asks for the lease if that is due.
func (s *Sender) ask(ctx context.Context, now time.Time, must bool) bool {
	s.mu.Lock()
	age := now.Sub(s.state.Asked)
	need := must || (s.wrong || !s.leased()) && !now.Before(s.askAt) || s.leased() && age >= s.state.Lease/4 || s.status.Asked.IsZero()
	s.mu.Unlock()
	if !need {
		return true
	}
	h, err := s.o.Service.Household(ctx)
	if err != nil {
		s.act(ctx, asking, err)
		return false
	}
	s.worked(asking)
	after := s.o.Now()
	lease := h.Lease
	skew := now.Add(after.Sub(now) / 2).Sub(lease.Now)
	s.mu.Lock()
	s.wrong = skew.Abs() > Tolerance
	s.status.Skew, s.status.Asked, s.status.Heard = skew.Seconds(), now, true
	changed := s.state.Consent != lease.Consent.State
	s.state.Consent, s.state.Asked, s.state.Lease = lease.Consent.State, now, max(0, lease.Until.Sub(lease.Now))
	wrong, state := s.wrong, s.state
	s.askAt = now.Add(askAgain)
	if wrong {
		s.askAt = now.Add(wrongClock)
	}
	s.mu.Unlock()
	if changed {
		s.log.Info("the consent changed", "consent", string(state.Consent))
	}
	if state.Consent == consent.Revoked {
		s.end(ctx, "the consent was revoked")
		return false
	}
	s.save(state)
	s.Incident("", household.ClockSkew, wrong, fmt.Sprintf("the clock is wrong by %v", skew.Round(time.Second)))
	if wrong {
		s.log.Warn("the clock is wrong, and nothing is measured until it is right", "skew", skew.Round(time.Second).String())
	}
	return true
}

// Ask asks the service now how the consent stands.
func (s *Sender) Ask(ctx context.Context) {
	s.work.Lock()
	defer s.work.Unlock()
	s.ask(ctx, s.o.Now(), true)
}

// End ends everything, as when the consent was revoked at the device.
func (s *Sender) End(ctx context.Context, why string) {
	s.work.Lock()
	defer s.work.Unlock()
	s.end(ctx, why)
}

// end deletes what was measured. What cannot be deleted is tried again by the next
// step.
func (s *Sender) end(ctx context.Context, why string) {
	s.mu.Lock()
	s.state.Consent = consent.Revoked
	s.mu.Unlock()
	if err := s.o.Buffer.Wipe(); err != nil {
		s.log.Error("what was measured is not deleted, trying again", "error", err)
		s.act(ctx, sending, nil)
		return
	}
	s.mu.Lock()
	s.state.Ended = why
	state := s.state
	s.incidents = make(map[incident]*condition)
	s.mu.Unlock()
	s.save(state)
	s.log.Info("nothing is measured any more, and what was measured is deleted", "because", why)
}

// Begin begins anew, after the device was enrolled again.
func (s *Sender) Begin() {
	s.mu.Lock()
	s.state = State{Consent: consent.NotGranted}
	s.status.Asked, s.askAt, s.retryAt, s.failed = time.Time{}, time.Time{}, time.Time{}, 0
	state := s.state
	s.mu.Unlock()
	s.save(state)
	s.Wake()
}

func (s *Sender) save(state State) {
	if err := s.o.Save(state); err != nil {
		s.log.Error("the state of the consent was not kept", "error", err)
	}
}

// What is tried.
const (
	renewing  = "renew the certificate"
	asking    = "ask for the lease"
	reporting = "report an incident"
	sending   = "send measurements"
)

// worked notes that something works. What else does not is tried no sooner for that.
func (s *Sender) worked(what string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failing == "" || s.failing == what {
		s.failed, s.failing, s.retryAt, s.status.Problem = 0, "", time.Time{}, ""
	}
}

// later waits for longer after each failure in a row.
func (s *Sender) later(what string) {
	if s.failing != what {
		s.failed, s.failing = 0, what
	}
	d := firstRetry << min(s.failed, 10)
	d = min(d, lastRetry)
	s.failed++
	s.retryAt = s.o.Now().Add(time.Duration(float64(d) * (0.5 + 0.5*s.o.Random())))
}

// act does what a refusal says of what was tried. No error: something here failed, and it is
// tried again.
func (s *Sender) act(ctx context.Context, what string, err error) {
	if ctx.Err() != nil {
		return
	}
	action := household.Retry
	if err != nil {
		action = client.ActionOf(err)
	}
	s.mu.Lock()
	if err != nil {
		s.status.Problem = err.Error()
	}
	now := s.o.Now()
	switch action {
	case household.Wait, household.Ask:
		s.state.Consent = consent.NotGranted
		s.askAt, s.retryAt = now.Add(askAgain), now.Add(askAgain)
	case household.FixClock:
		s.wrong = true
		s.status.Asked = time.Time{} // so that it is asked how wrong it is
		s.retryAt = now.Add(wrongClock)
	case household.Renew, household.None:
		s.retryAt = now.Add(time.Duration(float64(lastRetry) * (0.5 + 0.5*s.o.Random())))
	case household.Stop:
	default:
		s.later(what)
	}
	state, retryAt := s.state, s.retryAt
	s.mu.Unlock()
	switch action {
	case household.Stop:
		s.end(ctx, err.Error())
	case household.Wait, household.Ask:
		s.save(state)
	case household.FixClock:
		s.Incident("", household.ClockSkew, true, err.Error())
	case household.Renew:
		s.Incident("", household.CertificateExpiry, true, err.Error())
	}
	if err != nil {
		s.log.Warn("the data service was not reached, or refuses", "tried", what, "action", string(action), "again", retryAt, "error", err)
	}
}

// mostTries is how often a batch that is refused for itself is sent.
const mostTries = 3

// send sends all batches. False: it is to be tried again.
func (s *Sender) send(ctx context.Context) bool {
	for renumbered := 0; ; {
		b, ok, err := s.o.Buffer.Next()
		switch {
		case err != nil:
			s.log.Error("the buffer cannot be read", "error", err)
			s.Incident("", household.DiskFull, true, err.Error())
			s.act(ctx, sending, nil)
			return false
		case !ok:
			return true
		}
		b.Sent, b.Version = s.o.Now().UTC(), s.o.Version
		if s.o.Condition != nil {
			b.Condition = s.o.Condition()
		}
		answer, err := s.o.Service.Send(ctx, b)
		var p *household.Problem
		errors.As(err, &p)
		switch {
		case err == nil:
			s.worked(sending)
			s.mu.Lock()
			s.status.Batches.Taken++
			s.status.Sent = s.o.Now().UTC().Round(0)
			s.status.Confirmed += answer.Accepted
			s.status.Refused += answer.Dropped
			s.mu.Unlock()
			if answer.Dropped > 0 {
				s.log.Warn("measurements were refused", "dropped", answer.Dropped, "refused", fmt.Sprintf("%.200v", answer.Refused))
			}
			err = s.o.Buffer.Done(b.Sequence)
		case client.ActionOf(err) == household.Drop:
			s.worked(sending)
			s.refused(b, err)
			err = s.o.Buffer.Drop(b.Sequence)
		case p != nil && p.Code == "sequence_used" && renumbered < mostTries:
			renumbered++
			s.log.Warn("the number of a batch was used before, and it gets another one", "sequence", b.Sequence)
			err = s.o.Buffer.Renumber(b.Sequence)
		case p != nil && p.Action == household.None && (p.Status == http.StatusBadRequest || p.Status == http.StatusRequestEntityTooLarge || p.Status == http.StatusUnprocessableEntity):
			if s.bad[b.Sequence]++; s.bad[b.Sequence] < mostTries {
				s.mu.Lock()
				s.status.Problem = err.Error()
				s.status.Batches.Again++
				s.later(sending)
				s.mu.Unlock()
				return false
			}
			s.refused(b, err)
			delete(s.bad, b.Sequence)
			err = s.o.Buffer.Drop(b.Sequence)
		default:
			s.mu.Lock()
			s.status.Batches.Again++
			s.mu.Unlock()
			s.act(ctx, sending, err)
			return false
		}
		if err != nil {
			// It is sent again, and answered the same.
			s.log.Error("a batch that is done is not forgotten", "error", err)
			s.Incident("", household.DiskFull, true, err.Error())
			s.act(ctx, sending, nil)
			return false
		}
	}
}

func (s *Sender) refused(b household.Batch, err error) {
	s.mu.Lock()
	s.status.Refused += len(b.Measurements)
	s.status.Batches.Refused++
	s.mu.Unlock()
	s.log.Error("a batch is dropped, as the data service will never take it", "sequence", b.Sequence, "measurements", len(b.Measurements), "error", err)
	s.Incident("", household.OtherIncident, true, fmt.Sprintf("a batch of %d measurements was refused for good: %.200s", len(b.Measurements), err))
}
