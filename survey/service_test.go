package survey_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/wattwerk/wattwerk/internal/pgtest"
	"github.com/wattwerk/wattwerk/internal/sqldb"
	"github.com/wattwerk/wattwerk/model"
	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/survey"
	"github.com/wattwerk/wattwerk/survey/anonymise"
	"github.com/wattwerk/wattwerk/survey/client"
	"github.com/wattwerk/wattwerk/survey/consent"
	"github.com/wattwerk/wattwerk/survey/household"
	"github.com/wattwerk/wattwerk/survey/identity"
	"github.com/wattwerk/wattwerk/survey/register"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Main(m)) }

// world is a survey that runs.
type world struct {
	t         *testing.T
	url       string
	store     *register.Store
	authority *identity.Authority
	roots     []byte
	log       *lines
	service   *survey.Service
	metrics   *prometheus.Registry
	ahead     atomic.Int64 // of the clock

	mu      sync.Mutex
	records []record.Record
	fails   error
	holds   func() // before anything is written
	model   *model.Model
	changed chan struct{} // closed when the model changes
}

// Write is the bus.
func (w *world) Write(_ context.Context, records []record.Record) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.holds != nil {
		w.holds()
	}
	if w.fails != nil {
		return w.fails
	}
	for _, r := range records {
		if err := r.Validate(); err != nil {
			return err
		}
	}
	w.records = append(w.records, records...)
	return nil
}

func (w *world) change(_ context.Context, build func(*model.Model) (model.Patch, string, error)) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	p, _, err := build(w.model)
	if err != nil || p.Empty() {
		return err
	}
	next, _, err := w.model.Apply(p)
	if err != nil {
		return err
	}
	w.model = next
	close(w.changed)
	w.changed = make(chan struct{})
	return nil
}

// until waits for the model to be so.
func (w *world) until(what string, f func(*model.Model) bool) {
	w.t.Helper()
	deadline := time.After(2 * time.Minute)
	for {
		w.mu.Lock()
		m, changed := w.model, w.changed
		w.mu.Unlock()
		if f(m) {
			return
		}
		select {
		case <-changed:
		case <-deadline:
			w.t.Fatalf("%s did not come to be", what)
		}
	}
}

// lines is a log.
type lines struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(b)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

var staff = map[string][]string{
	"researcher": {survey.Account, survey.Household, survey.Consent, survey.MeasurementRead},
	"assistant":  {survey.Household},
	"viewer":     {"read"},
}

func start(t *testing.T, where sqldb.Options) *world {
	t.Helper()
	ctx := t.Context()
	offline, online := filepath.Join(t.TempDir(), "offline"), filepath.Join(t.TempDir(), "online")
	if err := identity.Init(offline, online); err != nil {
		t.Fatal(err)
	}
	a, err := identity.Open(online)
	if err != nil {
		t.Fatal(err)
	}
	m, err := model.New(model.Document{})
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, roots: a.Roots(), log: new(lines), model: m, changed: make(chan struct{}), metrics: prometheus.NewRegistry()}
	w.authority = a
	if w.store, err = register.Open(ctx, where); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.store.Close() })
	w.store.SetClock(w.now)
	if err := w.store.AddText(ctx, consent.Text{Version: "2026-1", Body: "We measure."}, "test"); err != nil {
		t.Fatal(err)
	}
	s, err := survey.New(ctx, survey.Options{
		Store: w.store, Authority: w.authority, Writer: w, Listen: "127.0.0.1:0", Change: w.change, Updates: releases{}, Watch: 20 * time.Millisecond,
		Full: func(err error) bool { return strings.Contains(err.Error(), "full") },
		Staff: func(_ context.Context, token string) (string, []string, error) {
			if scopes, ok := staff[token]; ok {
				return token, scopes, nil
			}
			return "", nil, survey.ErrDenied
		},
		Look: time.Second, Forget: survey.DefaultForget, Now: w.now, Log: slog.New(slog.NewTextHandler(w.log, nil)), Registerer: w.metrics,
	})
	if err != nil {
		t.Fatal(err)
	}
	run, stop := context.WithCancel(context.WithoutCancel(ctx))
	done := make(chan error, 1)
	go func() { done <- s.Run(run) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	w.url, w.service = "https://"+s.Addr(), s
	return w
}

func questionnaire() household.Registration {
	return household.Registration{
		Participant: household.Participant{Name: "Zacharias Quux", Email: "zq@example.org"}, Address: household.Address{Street: "Xylophonweg 77", City: "Kiel"},
		Location:  &anonymise.Place{Latitude: 54.32331, Longitude: 10.13942},
		PVSystems: []household.PVSystem{{Name: "roof", NominalPower: new(9.86), Installed: "2019-05-17"}},
		Meters:    []household.Meter{{Model: "MT175", Serial: "1ISK0099887766", PVSystem: "roof"}},
	}
}

// device registers a household and enrols its device.
func (w *world) device() (*client.Client, household.Household, []byte) {
	w.t.Helper()
	ctx := w.t.Context()
	h, err := w.store.Register(ctx, questionnaire(), "test")
	if err != nil {
		w.t.Fatal(err)
	}
	token, _, err := w.store.Token(ctx, h.Devices[0].ID, "test")
	if err != nil {
		w.t.Fatal(err)
	}
	key, err := client.NewKey()
	if err != nil {
		w.t.Fatal(err)
	}
	c := w.client(client.Options{})
	cert, err := c.Enrol(ctx, token, key)
	if err != nil || cert.Device != h.Devices[0].ID || cert.Roots != string(w.roots) {
		w.t.Fatal(cert, err)
	}
	return c, h, key
}

func (w *world) client(o client.Options) *client.Client {
	w.t.Helper()
	o.URL, o.Roots = w.url, w.roots
	c, err := client.New(o)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(c.Close)
	return c
}

func (w *world) batch(h household.Household, sequence int64) household.Batch {
	slot := time.Now().UTC().Truncate(household.Quarter)
	m := func(obis, unit string, raw int64) household.Measurement {
		return household.Measurement{Meter: h.Meters[0].ID, Slot: slot, OBIS: obis, Raw: raw, Scaler: -1, Unit: unit}
	}
	return household.Batch{Sequence: sequence, Sent: time.Now(), Measurements: []household.Measurement{
		m("0100010800ff", "Wh", 54301577), m("0100020800ff", "Wh", 1000), m("0100100700ff", "W", -2991), m("0100010700ff", "W", 5),
	}}
}

// refused checks that an error is a refusal, with a sentence, and gives it.
func refused(t *testing.T, err error, status int, code string, action household.Action) *household.Problem {
	t.Helper()
	var p *household.Problem
	if !errors.As(err, &p) {
		t.Errorf("%v is no refusal; want %d %s", err, status, code)
		return new(household.Problem)
	}
	if p.Status != status || p.Code != code || client.ActionOf(err) != action || p.Detail == "" {
		t.Errorf("%d %s %s %q, want %d %s %s", p.Status, p.Code, p.Action, p.Detail, status, code, action)
	}
	return p
}

// refusal is refused for those who need no more of it.
func refusal(t *testing.T, err error, status int, code string, action household.Action) {
	t.Helper()
	_ = refused(t, err, status, code, action)
}

// TestLife goes from the enrolment of a device to the end of a consent.
func TestLife(t *testing.T) {
	for name, where := range map[string]func(*testing.T) sqldb.Options{
		"sqlite": sqlite, "postgresql": func(t *testing.T) sqldb.Options { return sqldb.Options{URL: pgtest.Database(t)} },
	} {
		t.Run(name, func(t *testing.T) { testLife(t, start(t, where(t))) })
	}
}

func testLife(t *testing.T, w *world) {
	ctx := t.Context()
	c, h, _ := w.device()
	meter := h.Meters[0].ID
	home, err := c.Household(ctx)
	if err != nil || home.ID != h.ID || home.Lease.Consent.State != consent.NotGranted || !home.Lease.Until.Equal(home.Lease.Now.Add(survey.DefaultLease)) {
		t.Fatalf("%+v, %v", home, err)
	}
	account, err := c.Account(ctx)
	if err != nil || account.Participant.Name != "Zacharias Quux" || account.Location.Latitude != 54.32331 {
		t.Errorf("%+v, %v", account, err)
	}
	_, err = c.Send(ctx, w.batch(h, 1))
	refusal(t, err, 403, "consent_missing", household.Wait)
	text, err := c.Text(ctx)
	if err != nil || text.Body != "We measure." {
		t.Fatal(text, err)
	}
	_, err = c.Grant(ctx, "2025-1")
	refusal(t, err, 409, "text_changed", household.Ask)
	receipt, err := c.Grant(ctx, text.Version)
	if err != nil {
		t.Fatal(err)
	}
	key, err := w.store.Key(ctx, register.ReceiptKey)
	if err != nil || receipt.Verify(key.Public().(ed25519.PublicKey)) != nil {
		t.Errorf("%+v, %v", receipt, err)
	}
	answer, err := c.Send(ctx, w.batch(h, 1))
	if err != nil || answer.Accepted != 4 {
		t.Fatalf("%+v, %v", answer, err)
	}
	w.mu.Lock()
	values := make(map[string]float64)
	for _, r := range w.records {
		s := string(r.Sensor)
		values[s[len(s)-12:]] = r.Value
	}
	if diff := cmp.Diff(map[string]float64{"0100010800ff": 5430157.7, "0100020800ff": 100, "0100100700ff": -299.1, "0100010700ff": 0.5}, values); diff != "" || len(w.records) != 4 {
		t.Error(diff)
	}
	sensor := w.records[0].Sensor
	w.mu.Unlock()
	// The household shows in the model: its net power, and its energies.
	w.until("the household in the model", func(m *model.Model) bool {
		power, energy := m.Layout(survey.PowerHierarchy), m.Layout(survey.EnergyHierarchy)
		return power != nil && energy != nil && len(power.Leaves) == 1 && len(energy.Leaves) == 2
	})
	list, err := c.Measurements(ctx, meter, time.Now().Add(-time.Hour), time.Now().Add(time.Hour), 4)
	if err != nil || len(list) != 4 || list[0].Raw != 5 {
		t.Errorf("%+v, %v", list, err)
	}
	if meters, err := c.Meters(ctx); err != nil || len(meters) != 1 || meters[0].ID != meter {
		t.Errorf("%+v, %v", meters, err)
	}
	if pvs, err := c.PVSystems(ctx); err != nil || len(pvs) != 1 || *pvs[0].NominalPower != 9.86 {
		t.Errorf("%+v, %v", pvs, err)
	}
	if devices, err := c.Devices(ctx); err != nil || len(devices) != 1 || !devices[0].Enrolled || devices[0].LastSeen == nil {
		t.Errorf("%+v, %v", devices, err)
	}
	first, err := c.Report(ctx, meter, household.Report{Type: household.MeterLocked, Detail: "no power"})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Resolve(ctx, meter, household.MeterLocked); err != nil {
		t.Error(err)
	}
	if all, err := c.Incidents(ctx, meter); err != nil || len(all) != 1 || all[0].ID != first.ID || all[0].Resolved == nil {
		t.Errorf("%+v, %v", all, err)
	}
	// Another key, and the old certificate stays good.
	next, err := client.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	cert, err := c.Renew(ctx, next)
	if err != nil || cert.Renew.After(cert.Ends) || cert.Renew.Before(time.Now().Add(19*24*time.Hour)) {
		t.Errorf("%v, %v", cert.Renew, err)
	}
	if _, err := c.Household(ctx); err != nil {
		t.Error(err)
	}
	revoked, err := c.Revoke(ctx)
	if err != nil || revoked.Verify(key.Public().(ed25519.PublicKey)) != nil || revoked.State != consent.Revoked {
		t.Fatalf("%+v, %v", revoked, err)
	}
	if again, err := c.Revoke(ctx); err != nil || again != revoked {
		t.Errorf("%+v, %v", again, err)
	}
	_, err = c.Send(ctx, w.batch(h, 2))
	refusal(t, err, 410, "consent_revoked", household.Stop)
	_, err = c.Household(ctx)
	refusal(t, err, 410, "consent_revoked", household.Stop)
	_, err = c.Renew(ctx, next)
	refusal(t, err, 410, "consent_revoked", household.Stop)
	w.until("the household out of the model", func(m *model.Model) bool {
		_, there := m.Sensor(sensor)
		_, sensors, groups, _ := m.Counts()
		return !there && sensors == 0 && groups == 2
	})
	for _, secret := range []string{"Quux", "zq@example.org", "Xylophon", "54.32", "99887766"} {
		if strings.Contains(w.log.String(), secret) {
			t.Errorf("%q is in the log", secret)
		}
	}
}

// raw sends a request as it is.
func (w *world) raw(method, path, token, contentType string, body io.Reader, certs ...tls.Certificate) (*http.Response, []byte) {
	w.t.Helper()
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(w.roots)
	tr := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, Certificates: certs}}
	defer tr.CloseIdleConnections()
	r, err := http.NewRequestWithContext(w.t.Context(), method, w.url+path, body)
	if err != nil {
		w.t.Fatal(err)
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	resp, err := (&http.Client{Transport: tr, Timeout: time.Minute}).Do(r)
	if err != nil {
		w.t.Fatal(err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	return resp, data
}

// TestHostile: what should not come in does not, is told why, is logged, and learns
// nothing.
func TestHostile(t *testing.T) {
	w := start(t, sqlite(t))
	ctx := t.Context()
	c, h, key := w.device()
	victim, other, _ := w.device()
	for _, x := range []*client.Client{c, victim} {
		if _, err := x.Grant(ctx, "2026-1"); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := victim.Send(ctx, w.batch(other, 1)); err != nil {
		t.Fatal(err)
	}
	logged := func(code string) {
		t.Helper()
		if !strings.Contains(w.log.String(), "code="+code) {
			t.Errorf("%s is not logged", code)
		}
	}

	// Nobody, and somebody with a certificate of another authority for the same device.
	_, err := w.client(client.Options{}).Household(ctx)
	refusal(t, err, 401, "no_identity", household.None)
	logged("no_identity")
	elsewhere := start(t, sqlite(t))
	r, err := identity.ParseRequest(requestOf(t, key))
	if err != nil {
		t.Fatal(err)
	}
	foreign, err := elsewhere.authority.Device(h.Devices[0].ID, r)
	if err != nil {
		t.Fatal(err)
	}
	_, err = w.client(client.Options{Chain: foreign.Chain, Key: key}).Household(ctx)
	refusal(t, err, 401, "wrong_authority", household.None)
	logged("wrong_authority")

	// One of the right authority that nobody knows, as from a stolen issuer.
	unknown, err := w.authority.Device(h.Devices[0].ID, r)
	if err != nil {
		t.Fatal(err)
	}
	_, err = w.client(client.Options{Chain: unknown.Chain, Key: key}).Household(ctx)
	refusal(t, err, 403, "unknown_device", household.Stop)
	logged("unknown_device")

	// The meter of another household is as unknown as one that does not exist.
	var said []string
	for _, id := range []string{other.Meters[0].ID, household.NewID(), "..%2f..%2fx"} {
		_, err := c.Measurements(ctx, id, time.Now().Add(-time.Hour), time.Now(), 0)
		said = append(said, refused(t, err, 404, "not_found", household.None).Detail)
		_, err = c.Incidents(ctx, id)
		refusal(t, err, 404, "not_found", household.None)
		_, err = c.Report(ctx, id, household.Report{Type: household.OtherIncident})
		refusal(t, err, 404, "not_found", household.None)
		refusal(t, c.Resolve(ctx, id, household.OtherIncident), 404, "not_found", household.None)
	}
	if said[0] != said[1] || said[1] != said[2] {
		t.Errorf("%q tell them apart", said)
	}
	stolen := w.batch(other, 1)
	_, err = c.Send(ctx, stolen)
	if p := refused(t, err, 422, "nothing_taken", household.Drop); len(p.Refused) != 4 || p.Refused[0].Code != household.UnknownMeter {
		t.Errorf("%+v", p)
	}
	logged("unknown_meter")
	if list, err := victim.Measurements(ctx, other.Meters[0].ID, time.Now().Add(-time.Hour), time.Now().Add(time.Hour), 0); err != nil || len(list) != 4 {
		t.Errorf("the victim has %d, %v", len(list), err)
	}

	// A clock that is off by a day, either way.
	for _, off := range []time.Duration{24 * time.Hour, -24 * time.Hour} {
		b := w.batch(h, 7)
		b.Sent = b.Sent.Add(off)
		_, err := c.Send(ctx, b)
		refusal(t, err, 422, "clock_wrong", household.FixClock)
	}
	if all, err := c.Incidents(ctx, h.Meters[0].ID); err != nil || len(all) != 1 || all[0].Type != household.ClockSkew {
		t.Errorf("%+v, %v", all, err)
	}
	if !strings.Contains(w.log.String(), "the clock of a device is wrong") {
		t.Error("the clock is not logged")
	}

	// Bodies that are too large, no JSON, not of the right shape.
	mine, err := w.authority.Device(h.Devices[0].ID, r)
	if err == nil {
		err = w.store.Keep(ctx, h.Devices[0].ID, nil, register.Credential{ID: mine.Serial, Expires: mine.NotAfter})
	}
	if err != nil {
		t.Fatal(err)
	}
	pair, err := tls.X509KeyPair(mine.Chain, key)
	if err != nil {
		t.Fatal(err)
	}
	many := w.batch(h, 8)
	for len(many.Measurements) <= household.MaxBatch {
		many.Measurements = append(many.Measurements, many.Measurements[:4]...)
	}
	tooMany, err := json.Marshal(many)
	if err != nil {
		t.Fatal(err)
	}
	for name, x := range map[string]struct {
		path   string
		body   string
		status int
	}{
		"large":       {"/household/meter/measurement", `{"sequence":1,"version":"` + strings.Repeat("x", 3<<20) + `"}`, 413},
		"large grant": {"/household/consent", `{"version":"` + strings.Repeat("x", 100<<10) + `"}`, 413},
		"many":        {"/household/meter/measurement", string(tooMany), 422},
		"no JSON":     {"/household/meter/measurement", "\x00\xff{", 400},
		"deep":        {"/household/meter/measurement", strings.Repeat("[", 100_000), 400},
		"empty":       {"/household/meter/measurement", "", 400},
		"zero":        {"/household/meter/measurement", `{"sequence":0,"sent":"2026-01-01T00:00:00Z","measurements":[]}`, 422},
		"more":        {"/household/meter/measurement", `{"sequence":1,"sent":"2026-01-01T00:00:00Z","measurements":[],"household":"` + other.ID + `"}`, 422},
		"type":        {"/household/meter/" + h.Meters[0].ID + "/incident/report", `{"type":"fire"}`, 422},
		"detail":      {"/household/meter/" + h.Meters[0].ID + "/incident/report", `{"type":"other","detail":"` + strings.Repeat("x", 501) + `"}`, 422},
	} {
		resp, data := w.raw(http.MethodPost, x.path, "", "application/json", strings.NewReader(x.body), pair)
		if resp.StatusCode != x.status || !strings.HasPrefix(resp.Header.Get("Content-Type"), "application/problem+json") {
			t.Errorf("%s: %s, %s, %.200s", name, resp.Status, resp.Header.Get("Content-Type"), data)
		}
	}

	// Revoked: from the next request on, on a connection that is open.
	if err := w.store.RevokeDevice(ctx, h.Devices[0].ID, "test"); err != nil {
		t.Fatal(err)
	}
	_, err = c.Household(ctx)
	refusal(t, err, 403, "credential_revoked", household.Stop)
	logged("credential_revoked")

	// Expired, ten minutes ago.
	past := w.authority.WithClock(func() time.Time { return time.Now().Add(-identity.Life - 10*time.Minute) })
	old, err := past.Device(h.Devices[0].ID, r)
	if err != nil {
		t.Fatal(err)
	}
	_, err = w.client(client.Options{Chain: old.Chain, Key: key}).Household(ctx)
	refusal(t, err, 401, "certificate_expired", household.Renew)
	logged("certificate_expired")
	for _, secret := range []string{"Quux", "zq@example.org", "Xylophon", "54.32", "99887766", "enrol_"} {
		if strings.Contains(w.log.String(), secret) {
			t.Errorf("%q is in the log", secret)
		}
	}
}

// requestOf asks for a certificate by a key in PEM.
func requestOf(t *testing.T, key []byte) []byte {
	t.Helper()
	pair, _ := pem.Decode(key)
	k, err := x509.ParsePKCS8PrivateKey(pair.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.CreateCertificateRequest(rand.Reader, new(x509.CertificateRequest), k)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der})
}

// TestTargetsAndHealth: staff see how far the targets are reached, and how the
// devices are; nobody else does, and no contact is in it.
func TestTargetsAndHealth(t *testing.T) {
	w := start(t, sqlite(t))
	c, h, _ := w.device()
	if _, err := c.Grant(t.Context(), "2026-1"); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Send(t.Context(), w.batch(h, 1)); err != nil {
		t.Fatal(err)
	}
	var report struct {
		Measured struct{ Expected int }
		Meters   []struct{ Meter string }
	}
	resp, body := w.raw("GET", "/management/report?every=day", "assistant", "", nil)
	if err := json.Unmarshal(body, &report); err != nil || resp.StatusCode != 200 || report.Measured.Expected != 0 || len(report.Meters) != 1 || report.Meters[0].Meter != h.Meters[0].ID {
		t.Errorf("%d %s, %v", resp.StatusCode, body, err)
	}
	var health struct {
		Items []struct {
			Well     bool
			Findings []string
			Device   household.Device
		}
	}
	resp, body = w.raw("GET", "/management/device", "assistant", "", nil)
	if err := json.Unmarshal(body, &health); err != nil || resp.StatusCode != 200 || len(health.Items) != 1 || !health.Items[0].Well || health.Items[0].Device.ID != h.Devices[0].ID {
		t.Errorf("%d %s, %v", resp.StatusCode, body, err)
	}
	if bytes.Contains(body, []byte("Quux")) {
		t.Errorf("%s names who takes part", body)
	}
	for _, path := range []string{"/management/report", "/management/device"} {
		for token, status := range map[string]int{"viewer": 403, "": 401, "unknown": 401} {
			if resp, body := w.raw("GET", path, token, "", nil); resp.StatusCode != status {
				t.Errorf("%s as %q: %d %s", path, token, resp.StatusCode, body)
			}
		}
	}
	for _, query := range []string{"every=month", "from=yesterday", "from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z", "from=1900-01-01T00:00:00Z"} {
		if resp, body := w.raw("GET", "/management/report?"+query, "assistant", "", nil); resp.StatusCode != 422 && resp.StatusCode != 400 || !bytes.Contains(body, []byte(`"detail"`)) {
			t.Errorf("%s: %d %s", query, resp.StatusCode, body)
		}
	}
}
