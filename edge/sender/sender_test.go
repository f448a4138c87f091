package sender

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/wattwerk/wattwerk/survey/client"
	"github.com/wattwerk/wattwerk/survey/consent"
	"github.com/wattwerk/wattwerk/survey/household"
)

// world is a service, a buffer, a certificate and a clock.
type world struct {
	t      *testing.T
	now    time.Time
	ahead  time.Duration // by which the clock of the device is
	said   []string
	consen consent.State
	fail   map[string]error // by what is asked

	batches []household.Batch
	stored  map[int64]bool
	lost    bool // the answer to the next batch is
	next    int64
	due     time.Time
	wiped   bool
	saved   State
}

func start(t *testing.T) (*world, *Sender) {
	w := &world{t: t, now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC), consen: consent.Granted, fail: make(map[string]error), stored: make(map[int64]bool), next: 10}
	w.due = w.now.Add(20 * 24 * time.Hour)
	return w, w.sender(State{})
}

func (w *world) sender(state State) *Sender {
	return New(Options{
		Service: w, Buffer: w, Certificate: w, State: state, Meter: "m", Version: "1",
		Save:   func(s State) error { w.saved = s; return nil },
		Now:    func() time.Time { return w.now.Add(w.ahead) },
		Random: func() float64 { return 1 },
	})
}

func (w *world) say(format string, a ...any) error {
	s := fmt.Sprintf(format, a...)
	w.said = append(w.said, s)
	for k, err := range w.fail {
		if len(s) >= len(k) && s[:len(k)] == k {
			return err
		}
	}
	return nil
}

func (w *world) Household(context.Context) (client.Household, error) {
	err := w.say("ask")
	return client.Household{Lease: household.Lease{Consent: household.Consent{State: w.consen}, Now: w.now, Until: w.now.Add(24 * time.Hour)}}, err
}

func (w *world) Send(_ context.Context, b household.Batch) (household.Answer, error) {
	if b.Version != "1" || !b.Sent.Equal(w.now.Add(w.ahead)) {
		w.t.Errorf("%+v", b)
	}
	if err := w.say("send %d", b.Sequence); err != nil {
		return household.Answer{}, err
	}
	w.stored[b.Sequence] = true
	if w.lost {
		w.lost = false
		return household.Answer{}, errors.New("connection reset")
	}
	return household.Answer{Sequence: b.Sequence, Accepted: len(b.Measurements)}, nil
}

func (w *world) Report(_ context.Context, meter string, r household.Report) (household.Incident, error) {
	return household.Incident{}, w.say("report %s %s", meter, r.Type)
}

func (w *world) Resolve(_ context.Context, meter string, t household.IncidentType) error {
	return w.say("resolve %s %s", meter, t)
}

func (w *world) Next() (household.Batch, bool, error) {
	if len(w.batches) == 0 {
		return household.Batch{}, false, nil
	}
	return w.batches[0], true, nil
}

func (w *world) Done(sequence int64) error {
	w.batches = slices.DeleteFunc(w.batches, func(b household.Batch) bool { return b.Sequence == sequence })
	return w.say("done %d", sequence)
}

func (w *world) Drop(sequence int64) error {
	w.batches = slices.DeleteFunc(w.batches, func(b household.Batch) bool { return b.Sequence == sequence })
	return w.say("drop %d", sequence)
}

func (w *world) Renumber(int64) error {
	w.next++
	w.batches[0].Sequence = w.next
	return nil
}

func (w *world) Wipe() error {
	err := w.say("wipe")
	if err == nil {
		w.batches, w.wiped = nil, true
	}
	return err
}

func (w *world) Due() time.Time  { return w.due }
func (w *world) Ends() time.Time { return w.due.Add(10 * 24 * time.Hour) }

func (w *world) Renew(context.Context) error {
	err := w.say("renew")
	if err == nil {
		w.due = w.now.Add(20 * 24 * time.Hour)
	}
	return err
}

func (w *world) measure(n int) {
	w.next++
	w.batches = append(w.batches, household.Batch{Sequence: w.next, Measurements: make([]household.Measurement, n)})
}

// steps lets time pass, and says what was said.
func (w *world) steps(s *Sender, d time.Duration) []string {
	w.said = nil
	for end := w.now.Add(d); ; w.now = w.now.Add(wake) {
		s.Step(w.t.Context())
		if !w.now.Before(end) {
			break
		}
	}
	return slices.DeleteFunc(w.said, func(s string) bool { return s == "resolve m certificate_expiry" || s == "resolve m clock_skew" })
}

func (w *world) want(got []string, want ...string) {
	w.t.Helper()
	if d := cmp.Diff(want, got, cmp.Transformer("nil", func(s []string) []string { return append([]string{}, s...) })); d != "" {
		w.t.Error(d)
	}
}

func refusal(code string, status int, action household.Action) error {
	return fmt.Errorf("send: %w", household.Refuse(status, code, action, code))
}

func TestHourly(t *testing.T) {
	w, s := start(t)
	if s.May() {
		t.Error("it measures before it has asked")
	}
	w.measure(4)
	w.want(w.steps(s, 2*time.Minute), "ask", "send 11", "done 11")
	if !s.May() || w.saved.Consent != consent.Granted {
		t.Errorf("%+v", w.saved)
	}
	w.measure(4)
	w.measure(4)
	w.want(w.steps(s, 50*time.Minute))
	w.want(w.steps(s, 15*time.Minute), "send 12", "done 12", "send 13", "done 13")
	if st := s.Status(); st.Confirmed != 12 || !st.Measuring || st.Problem != "" || !st.Until.Equal(st.Asked.Add(24*time.Hour)) {
		t.Errorf("%+v", st)
	}
	// The lease is renewed after a quarter of it.
	w.want(w.steps(s, 5*time.Hour), "ask")
}

// TestLostAnswers: the same batch is sent again under its number.
func TestLostAnswers(t *testing.T) {
	w, s := start(t)
	w.measure(4)
	w.lost = true
	w.want(w.steps(s, 3*time.Minute), "ask", "send 11", "send 11", "done 11")
	if len(w.stored) != 1 {
		t.Error(w.stored)
	}
}

// TestBackoff: the times between tries grow, to an hour.
func TestBackoff(t *testing.T) {
	w, s := start(t)
	w.steps(s, time.Minute)
	w.measure(1)
	w.fail["send"] = errors.New("no route to host")
	w.steps(s, time.Hour)
	var times []time.Duration
	last := w.now
	for end := w.now.Add(10 * time.Hour); w.now.Before(end); w.now = w.now.Add(wake) {
		w.said = nil
		if s.Step(t.Context()); slices.Contains(w.said, "send 11") {
			times = append(times, w.now.Sub(last))
			last = w.now
		}
	}
	if len(times) < 9 || len(times) > 16 || slices.Max(times) > lastRetry+wake {
		t.Error(times)
	}
	if st := s.Status(); st.Problem != "no route to host" {
		t.Errorf("%+v", st)
	}
	delete(w.fail, "send")
	w.steps(s, time.Hour)
	if !w.stored[11] || s.Status().Problem != "" {
		t.Error("it was not sent when it could be")
	}
}

// TestLease: a device that cannot ask stops when its lease ends, also after a restart and
// whatever its clock is set to.
func TestLease(t *testing.T) {
	w, s := start(t)
	w.steps(s, time.Minute)
	w.fail["ask"] = errors.New("no route to host")
	w.steps(s, 23*time.Hour)
	if !s.May() {
		t.Error("the lease ended early")
	}
	w.steps(s, time.Hour)
	if s.May() {
		t.Error("it measures beyond the lease")
	}
	if s = w.sender(w.saved); s.May() {
		t.Error("it does so after a restart")
	}
	w.ahead = -30 * 24 * time.Hour
	if s.May() {
		t.Error("it does so with the clock set back")
	}
	w.ahead = 0
	w.fail = map[string]error{}
	w.steps(s, time.Hour)
	if !s.May() {
		t.Error("it does not measure with a new lease")
	}
	if s = w.sender(w.saved); !s.May() {
		t.Error("the lease is forgotten by a restart")
	}
}

func TestStop(t *testing.T) {
	for _, what := range []string{"send", "ask", "renew", "report"} {
		w, s := start(t)
		w.steps(s, time.Minute)
		w.measure(4)
		w.fail[what] = refusal("consent_revoked", 410, household.Stop)
		w.fail["wipe"] = errors.New("read-only file system")
		w.due = w.now
		s.Incident("m", household.MeterLocked, true, "")
		w.steps(s, 7*time.Hour)
		if w.wiped || s.May() {
			t.Errorf("%s: it goes on", what)
		}
		delete(w.fail, "wipe")
		w.steps(s, 3*time.Hour)
		if !w.wiped || w.saved.Ended == "" || s.Status().Ended == "" {
			t.Errorf("%s: %+v", what, w.saved)
		}
		w.want(w.steps(s, 48*time.Hour))
		if s = w.sender(w.saved); s.May() {
			t.Error("it measures again")
		}
		w.want(w.steps(s, 48*time.Hour))
		w.fail = map[string]error{}
		s.Begin()
		if w.steps(s, time.Minute); !s.May() {
			t.Error("it does not begin anew")
		}
	}
}

// TestRevokedElsewhere: the lease says so.
func TestRevokedElsewhere(t *testing.T) {
	w, s := start(t)
	w.steps(s, time.Minute)
	w.consen = consent.Revoked
	w.steps(s, 7*time.Hour)
	if !w.wiped || s.May() || w.saved.Ended == "" {
		t.Errorf("%+v", w.saved)
	}
}

func TestWait(t *testing.T) {
	w, s := start(t)
	w.consen = consent.NotGranted
	w.want(w.steps(s, 31*time.Minute), "ask", "ask", "ask")
	if s.May() {
		t.Error("it measures without a consent")
	}
	w.consen = consent.Granted
	s.Ask(t.Context())
	if !s.May() {
		t.Error("it does not measure with one")
	}
	w.measure(1)
	w.fail["send"] = refusal("consent_missing", 403, household.Wait)
	w.steps(s, time.Hour)
	if s.May() || len(w.batches) != 1 {
		t.Error("it measures though there is no consent")
	}
}

func TestClock(t *testing.T) {
	w, s := start(t)
	w.ahead = -26 * time.Hour
	w.measure(1)
	w.steps(s, 10*time.Minute)
	if st := s.Status(); s.May() || len(st.Incidents) != 1 || st.Incidents[0].Type != household.ClockSkew || len(w.stored) > 0 {
		t.Errorf("%+v", st)
	}
	w.ahead = 0
	w.steps(s, 3*time.Minute)
	if st := s.Status(); !s.May() || len(st.Incidents) != 0 || len(w.stored) != 1 {
		t.Errorf("%+v", st)
	}
	w.measure(1)
	w.fail["send"] = refusal("clock_wrong", 422, household.FixClock)
	w.steps(s, time.Hour)
	if len(w.batches) != 1 || len(w.stored) != 1 {
		t.Error("the batch is lost")
	}
	delete(w.fail, "send")
	if w.steps(s, 2*time.Hour); len(w.stored) != 2 {
		t.Error("the batch is not sent")
	}
}

func TestDropAndNone(t *testing.T) {
	w, s := start(t)
	w.measure(1)
	w.measure(2)
	w.fail["send 11"] = refusal("nothing_taken", 422, household.Drop)
	w.want(w.steps(s, 2*time.Minute), "ask", "send 11", "drop 11", "send 12", "done 12", "report m other")
	w.measure(1)
	w.fail["send 13"] = refusal("sequence_used", 409, household.None)
	w.want(w.steps(s, time.Hour), "send 13", "send 14", "done 14")
	// One that is wrong in itself is not sent for ever, and lets the others pass.
	w.measure(1)
	w.measure(1)
	w.fail["send 15"] = refusal("invalid", 422, household.None)
	w.want(w.steps(s, 3*time.Hour), "send 15", "send 15", "send 15", "drop 15", "send 16", "done 16")
	// One that nobody may send stays.
	w.measure(1)
	w.fail["send 17"] = refusal("wrong_authority", 401, household.None)
	if w.steps(s, 5*time.Hour); len(w.batches) != 1 {
		t.Error("the batch is lost")
	}
}

func TestRenew(t *testing.T) {
	w, s := start(t)
	w.steps(s, time.Minute)
	w.due = w.now
	w.fail["renew"] = errors.New("no route to host")
	w.steps(s, 30*time.Minute)
	if st := s.Status(); len(st.Incidents) != 1 || st.Incidents[0].Type != household.CertificateExpiry || !s.May() {
		t.Errorf("%+v", st)
	}
	delete(w.fail, "renew")
	w.steps(s, 2*time.Hour)
	if !w.due.After(w.now) || len(s.Status().Incidents) != 0 {
		t.Error("it is not renewed")
	}
	w.fail["ask"] = refusal("certificate_expired", 401, household.Renew)
	w.steps(s, 25*time.Hour)
	if st := s.Status(); s.May() || st.Ended != "" || len(st.Incidents) != 1 {
		t.Errorf("%+v", st)
	}
}

// TestIncidents: what changes is told once; what is not so is told once after a start.
func TestIncidents(t *testing.T) {
	w, s := start(t)
	s.Incident("a", household.SerialPortUnavailable, false, "")
	w.want(w.steps(s, time.Minute), "ask", "resolve a serial_port_unavailable")
	for range 3 {
		s.Incident("a", household.SerialPortUnavailable, true, "no such file")
	}
	w.want(w.steps(s, time.Minute), "report a serial_port_unavailable")
	w.want(w.steps(s, time.Minute))
	s.Incident("a", household.SerialPortUnavailable, false, "")
	w.fail["resolve a"] = errors.New("no route to host")
	w.steps(s, time.Minute)
	delete(w.fail, "resolve a")
	w.want(w.steps(s, time.Minute), "resolve a serial_port_unavailable")
	w.fail["report x"] = refusal("not_found", 404, household.None)
	s.Incident("x", household.MeterLocked, true, "")
	w.want(w.steps(s, 5*time.Minute), "report x meter_locked")
}

// TestIncidentsWaitForTheMeter: what happens to a device before it knows its meter is reported when it does, and once.
func TestIncidentsWaitForTheMeter(t *testing.T) {
	w, _ := start(t)
	s := New(Options{Service: w, Buffer: w, Certificate: w, Version: "1", Now: func() time.Time { return w.now }, Random: func() float64 { return 1 }})
	s.Incident("", household.DiskFull, true, "no space left")
	s.Incident("", household.UpdateFailed, true, "held back")
	s.Incident("", household.UpdateFailed, false, "")
	w.now = w.now.Add(time.Hour)
	s.Step(t.Context())
	if diff := cmp.Diff([]string{"ask"}, w.said); diff != "" {
		t.Error(diff)
	}
	if open := s.Status().Incidents; len(open) != 1 || open[0].Type != household.DiskFull {
		t.Errorf("%+v", open)
	}
	s.SetMeter("m")
	s.Incident("", household.DiskFull, true, "no space left") // it is known
	for range 2 {
		w.now = w.now.Add(time.Minute)
		s.Step(t.Context())
	}
	var told []string
	for _, x := range w.said {
		if strings.HasPrefix(x, "re") {
			told = append(told, x)
		}
	}
	if diff := cmp.Diff([]string{"resolve m certificate_expiry", "resolve m clock_skew", "report m disk_full", "resolve m update_failed"}, told); diff != "" {
		t.Error(diff)
	}
}

// TestLeaseIsTold: until when, when it is asked next, and what comes then.
func TestLeaseIsTold(t *testing.T) {
	w, s := start(t)
	ctx, begin := t.Context(), w.now
	want := func(until, asks time.Time, holds bool, then string) {
		t.Helper()
		if diff := cmp.Diff(Lease{until, holds, asks, then}, s.Status().Lease); diff != "" {
			t.Error(diff)
		}
	}
	want(time.Time{}, begin, false, thenNone)
	w.consen = consent.NotGranted
	s.Step(ctx)
	want(time.Time{}, begin.Add(askAgain), false, thenNone)
	w.consen = consent.Granted
	s.Ask(ctx)
	day := begin.Add(24 * time.Hour)
	want(day, begin.Add(6*time.Hour), true, thenStops)
	w.fail["ask"] = errors.New("no route")
	w.now = begin.Add(7 * time.Hour)
	s.Step(ctx)
	want(day, w.now.Add(firstRetry), true, thenStops)
	w.now = begin.Add(25 * time.Hour)
	want(day, w.now, false, thenSilent)
	if s.May() {
		t.Error("it measures without a lease")
	}
	delete(w.fail, "ask")
	s.Step(ctx)
	want(w.now.Add(24*time.Hour), w.now.Add(6*time.Hour), true, thenStops)
	s.End(ctx, "revoked")
	want(time.Time{}, time.Time{}, false, thenEnded)
}
