package survey_test

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/wattwerk/wattwerk/internal/pgtest"
	"github.com/wattwerk/wattwerk/internal/sqldb"
	"github.com/wattwerk/wattwerk/survey/client"
	"github.com/wattwerk/wattwerk/survey/household"
	"github.com/wattwerk/wattwerk/survey/register"
	"github.com/wattwerk/wattwerk/survey/visit"
)

// grant keeps a grant for a device, and gives it.
func (w *world) grant(device string, from, until time.Duration) visit.Grant {
	w.t.Helper()
	now := time.Now().UTC()
	g := visit.Grant{ID: household.NewID(), Device: device, From: now.Add(from), Until: now.Add(until), Who: "anna", Why: "it is silent", Key: publicKey(w.t)}
	signed, err := visit.Sign(g, w.authority.Sign)
	if err == nil {
		err = w.store.Visits().Add(w.t.Context(), g, signed)
	}
	if err != nil {
		w.t.Fatal(err)
	}
	return g
}

func publicKey(t *testing.T) string {
	t.Helper()
	public, _, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	k, err := ssh.NewPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(ssh.MarshalAuthorizedKey(k)))
}

// ended waits until the other end of a connection is closed.
func ended(t *testing.T, conn io.Reader) {
	t.Helper()
	done := make(chan struct{})
	go func() {
		_, _ = io.Copy(io.Discard, conn) // however it ends
		close(done)
	}()
	select {
	case <-done:
	case <-time.After(time.Minute):
		t.Fatal("the tunnel stays open")
	}
}

// TestVisits: a tunnel is opened once, by the device of the grant, while the grant is good, and ends when that does.
func TestVisits(t *testing.T) {
	for name, where := range map[string]func(*testing.T) sqldb.Options{
		"sqlite": sqlite, "postgresql": func(t *testing.T) sqldb.Options { return sqldb.Options{URL: pgtest.Database(t)} },
	} {
		t.Run(name, func(t *testing.T) { testVisits(t, start(t, where(t))) })
	}
}

func testVisits(t *testing.T, w *world) {
	ctx := t.Context()
	c, h, _ := w.device()
	other, _, _ := w.device()
	if _, err := c.Grant(ctx, "2026-1"); err != nil {
		t.Fatal(err)
	}
	device, key := h.Devices[0].ID, publicKey(t)
	open := func(c *client.Client, g visit.Grant) error {
		t.Helper()
		conn, err := c.Tunnel(ctx, g.ID, key)
		if err == nil {
			t.Error("a tunnel was opened")
			conn.Close()
		}
		return err
	}
	if all, err := c.Visits(ctx); err != nil || len(all) != 0 {
		t.Errorf("%v, %v", all, err)
	}
	refusal(t, open(c, visit.Grant{ID: household.NewID()}), 409, "grant_refused", household.None)
	early, late := w.grant(device, time.Hour, 2*time.Hour), w.grant(device, -2*time.Hour, -time.Hour)
	refusal(t, open(c, early), 409, "grant_refused", household.None)
	refusal(t, open(c, late), 409, "grant_refused", household.None)
	g := w.grant(device, -time.Minute, time.Hour)
	all, err := c.Visits(ctx)
	if err != nil || len(all) != 1 || !strings.Contains(all[0].Document, g.ID) {
		t.Fatalf("%v, %v", all, err)
	}
	if all, err := other.Visits(ctx); err != nil || len(all) != 0 {
		t.Errorf("another device sees %v, %v", all, err)
	}
	refusal(t, open(other, g), 409, "grant_refused", household.None)
	refusal(t, open(w.client(client.Options{}), g), 401, "no_identity", household.None)
	if _, err := c.Tunnel(ctx, g.ID, "no key"); err == nil {
		t.Error("a device without a key is let in")
	}
	staff, assistant := w.client(client.Options{Token: "researcher"}), w.client(client.Options{Token: "assistant"})
	_, err = staff.Enter(ctx, g.ID)
	refusal(t, err, 409, "not_open", household.Retry)
	_, err = assistant.Enter(ctx, g.ID)
	refusal(t, err, 403, "scope_missing", household.None)
	_, err = c.Enter(ctx, g.ID)
	refusal(t, err, 403, "staff_only", household.None)
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(w.roots)
	plain := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}, DisableKeepAlives: true}}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, w.url+"/management/visit/"+g.ID+"/enter", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer researcher")
	resp, err := plain.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusUpgradeRequired {
		t.Errorf("without asking for an upgrade: %d", resp.StatusCode)
	}

	conn, err := c.Tunnel(ctx, g.ID, key)
	if err != nil {
		t.Fatal(err)
	}
	refusal(t, open(c, g), 409, "grant_refused", household.None) // once
	if all, err := c.Visits(ctx); err != nil || len(all) != 0 {
		t.Errorf("a grant that was used is offered: %v, %v", all, err)
	}
	v, err := w.store.Visits().Read(ctx, g.ID)
	if err != nil || v.Opened == nil || v.HostKey != key {
		t.Errorf("%+v, %v", v, err)
	}
	// Revoked in the middle.
	if err := w.store.Visits().End(ctx, g.ID, "berta"); err != nil {
		t.Fatal(err)
	}
	ended(t, conn)
	conn.Close()
	if err := w.store.Visits().End(ctx, g.ID, "berta"); !errors.Is(err, register.ErrNotFound) {
		t.Error(err)
	}
	list, err := w.store.Visits().List(ctx, device)
	if err != nil || len(list) != 3 {
		t.Fatalf("%+v, %v", list, err)
	}
	for _, v := range list {
		if v.ID == g.ID && (v.Outcome != "ended by berta" || len(v.Events) != 3 || v.Events[0].What != "granted by anna: it is silent" || v.Events[2].What != "over: ended by berta") {
			t.Errorf("%+v", v)
		}
	}
	// It expires while it is open.
	short := w.grant(device, -time.Minute, 700*time.Millisecond)
	if conn, err := c.Tunnel(ctx, short.ID, key); err == nil { // or it had expired already
		ended(t, conn)
		conn.Close()
	}
	// A consent that is revoked ends the visit, and nothing is left of it.
	last := w.grant(device, -time.Minute, time.Hour)
	if conn, err = c.Tunnel(ctx, last.ID, key); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Revoke(ctx); err != nil {
		t.Fatal(err)
	}
	ended(t, conn)
	conn.Close()
	if all, err := w.store.Visits().List(ctx, ""); err != nil || len(all) != 0 {
		t.Errorf("after the consent was revoked: %+v, %v", all, err)
	}
	_, err = c.Visits(ctx)
	refusal(t, err, 410, "consent_revoked", household.Stop)
	_, err = c.Tunnel(ctx, last.ID, key)
	refusal(t, err, 410, "consent_revoked", household.Stop)
}

// TestVisitOfRevokedDevice: a device that is revoked is not looked at any more.
func TestVisitOfRevokedDevice(t *testing.T) {
	w := start(t, sqlite(t))
	c, h, _ := w.device()
	g := w.grant(h.Devices[0].ID, -time.Minute, time.Hour)
	conn, err := c.Tunnel(t.Context(), g.ID, publicKey(t))
	if err != nil {
		t.Fatal(err)
	}
	if err := w.store.RevokeDevice(t.Context(), h.Devices[0].ID, "test"); err != nil {
		t.Fatal(err)
	}
	ended(t, conn)
	conn.Close()
	source, err := w.store.AddDevice(t.Context(), h.ID, household.Source, "inverter", "test")
	if err != nil {
		t.Fatal(err)
	}
	for device, want := range map[string]error{source.ID: register.ErrInvalid, household.NewID(): register.ErrNotFound} {
		g.ID, g.Device = household.NewID(), device
		if err := w.store.Visits().Add(t.Context(), g, visit.Signed{}); !errors.Is(err, want) {
			t.Errorf("%v, want %v", err, want)
		}
	}
}
