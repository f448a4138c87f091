package survey_test

import (
	"bytes"
	"crypto/ed25519"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/wattwerk/wattwerk/survey"
	"github.com/wattwerk/wattwerk/survey/client"
	"github.com/wattwerk/wattwerk/survey/household"
	"github.com/wattwerk/wattwerk/survey/register"
)

// TestTokens: an enrolment token is good for one key, and says nothing when it is not.
func TestTokens(t *testing.T) {
	w := start(t, sqlite(t))
	ctx := t.Context()
	h, err := w.store.Register(ctx, questionnaire(), "test")
	if err != nil {
		t.Fatal(err)
	}
	token, _, err := w.store.Token(ctx, h.Devices[0].ID, "test")
	if err != nil {
		t.Fatal(err)
	}
	one, err := client.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	two, err := client.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	first, err := w.client(client.Options{}).Enrol(ctx, token, one)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := w.client(client.Options{}).Enrol(ctx, token, one); err != nil || again.Chain != first.Chain {
		t.Errorf("the answer was lost: %v", err)
	}
	_, err = w.client(client.Options{}).Enrol(ctx, token, two)
	used := refused(t, err, 403, "enrolment_refused", household.None)
	_, err = w.client(client.Options{}).Enrol(ctx, "enrol_AAAAAAAAAAAAAAAAAAAAAAAAAA", two)
	if none := refused(t, err, 403, "enrolment_refused", household.None); none.Detail != used.Detail {
		t.Errorf("%q and %q tell them apart", used.Detail, none.Detail)
	}
}

// TestSources: a signed token may do what it says and what is kept of it, for its
// device; nobody can make one.
func TestSources(t *testing.T) {
	w := start(t, sqlite(t))
	ctx := t.Context()
	c, h, _ := w.device()
	if _, err := c.Grant(ctx, "2026-1"); err != nil {
		t.Fatal(err)
	}
	d, err := w.store.AddDevice(ctx, h.ID, household.Source, "inverter", "test")
	if err != nil {
		t.Fatal(err)
	}
	key, err := w.store.Key(ctx, "tokens")
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	sign := func(key ed25519.PrivateKey, device, id string, scopes []string, expires time.Time) *client.Client {
		token, err := survey.SignSource(key, device, id, scopes, now, expires)
		if err != nil {
			t.Fatal(err)
		}
		return w.client(client.Options{Token: token})
	}
	write := []string{survey.MeasurementWrite}
	if err := w.store.Keep(ctx, d.ID, write, register.Credential{ID: "j1", Expires: now.Add(time.Hour)}); err != nil {
		t.Fatal(err)
	}
	good := sign(key, d.ID, "j1", write, now.Add(time.Hour))
	if a, err := good.Send(ctx, w.batch(h, 1)); err != nil || a.Accepted != 4 {
		t.Errorf("%+v, %v", a, err)
	}
	_, err = good.Account(ctx)
	refusal(t, err, 403, "scope_missing", household.None)
	_, err = sign(key, d.ID, "j1", []string{survey.Account, survey.MeasurementWrite}, now.Add(time.Hour)).Account(ctx)
	refusal(t, err, 403, "scope_missing", household.None)
	_, err = sign(key, d.ID, "j2", write, now.Add(time.Hour)).Send(ctx, w.batch(h, 2))
	refusal(t, err, 403, "unknown_device", household.Stop)
	_, err = sign(key, d.ID, "j1", write, now.Add(-time.Hour)).Send(ctx, w.batch(h, 2))
	refusal(t, err, 401, "token_invalid", household.None)
	_, false1, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	_, err = sign(false1, d.ID, "j1", write, now.Add(time.Hour)).Send(ctx, w.batch(h, 2))
	refusal(t, err, 401, "token_invalid", household.None)
	_, err = w.client(client.Options{Token: "eyJhbGciOiJub25lIn0.e30."}).Send(ctx, w.batch(h, 2))
	refusal(t, err, 401, "token_invalid", household.None)
	if err := w.store.RevokeDevice(ctx, d.ID, "test"); err != nil {
		t.Fatal(err)
	}
	_, err = good.Send(ctx, w.batch(h, 3))
	refusal(t, err, 403, "credential_revoked", household.Stop)
}

// TestStaff: who looks after the survey sees what the scopes allow, and nothing of a
// device's.
func TestStaff(t *testing.T) {
	w := start(t, sqlite(t))
	body, err := json.Marshal(questionnaire())
	if err != nil {
		t.Fatal(err)
	}
	resp, data := w.raw(http.MethodPost, "/management/household", "researcher", "application/json", bytes.NewReader(body))
	var made survey.Registered
	if err := json.Unmarshal(data, &made); err != nil || resp.StatusCode != 201 || len(made.Tokens) != 1 || !strings.HasPrefix(made.Tokens[0].Token, "enrol_") {
		t.Fatal(resp.Status, string(data), err)
	}
	for token, sees := range map[string]bool{"researcher": true, "assistant": false} {
		resp, data := w.raw(http.MethodGet, "/management/household", token, "", nil)
		if resp.StatusCode != 200 || !strings.Contains(string(data), made.Household.ID) {
			t.Errorf("%s: %s %s", token, resp.Status, data)
		}
		for _, secret := range []string{"Quux", "Xylophon", "54.32", "99887766"} {
			if strings.Contains(string(data), secret) != sees {
				t.Errorf("%s sees %q: %v", token, secret, !sees)
			}
		}
	}
	for _, x := range []struct {
		token, method, path string
		status              int
	}{
		{"assistant", http.MethodPost, "/management/household", 403},
		{"viewer", http.MethodGet, "/management/household", 403},
		{"", http.MethodGet, "/management/household", 401},
		{"nobody", http.MethodGet, "/management/household", 401},
		{"researcher", http.MethodGet, "/household", 403},
		{"researcher", http.MethodGet, "/management/household/" + household.NewID(), 404},
		{"researcher", http.MethodGet, "/management/household/" + made.Household.ID, 200},
		{"researcher", http.MethodDelete, "/management/household/" + made.Household.ID + "/consent", 409},
		{"researcher", http.MethodPost, "/management/device/" + made.Tokens[0].Device + "/token", 201},
		{"researcher", http.MethodPost, "/management/device/" + made.Tokens[0].Device + "/revoke", 204},
		{"researcher", http.MethodGet, "/management/household/" + made.Household.ID + "/meter/" + made.Household.Meters[0].ID + "/measurement", 200},
		{"assistant", http.MethodGet, "/management/household/" + made.Household.ID + "/meter/" + made.Household.Meters[0].ID + "/measurement", 403},
		{"", http.MethodGet, "/openapi.json", 200},
	} {
		send := io.Reader(nil)
		if x.method == http.MethodPost && x.path == "/management/household" {
			send = bytes.NewReader(body)
		}
		if resp, data := w.raw(x.method, x.path, x.token, "application/json", send); resp.StatusCode != x.status {
			t.Errorf("%s %s as %q: %s %.300s", x.method, x.path, x.token, resp.Status, data)
		}
	}
}
