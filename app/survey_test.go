package app

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/wattwerk/wattwerk/internal/datadir"
	"github.com/wattwerk/wattwerk/internal/natstest"
)

// tokenOf makes a token of a role.
func tokenOf(t *testing.T, in datadir.Instance, role string) string {
	t.Helper()
	code, body := post(t, in, in.Secret, "/api/v1/tokens", `{"name":"`+role+`","role":"`+role+`"}`)
	var made struct{ Secret string }
	if err := json.Unmarshal([]byte(body), &made); err != nil || code != http.StatusCreated {
		t.Fatalf("%d %s, %v", code, body, err)
	}
	return made.Secret
}

// post sends JSON, or asks when there is none.
func post(t *testing.T, in datadir.Instance, token, path, body string) (int, string) {
	t.Helper()
	method := http.MethodPost
	if body == "" {
		method = http.MethodGet
	}
	req, err := http.NewRequestWithContext(t.Context(), method, in.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var b bytes.Buffer
	if _, err := b.ReadFrom(resp.Body); err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, b.String()
}

// TestSurveyElsewhere looks after a survey at a gateway that does not run it: before
// there is one, and then.
func TestSurveyElsewhere(t *testing.T) {
	url := natstest.Start(t, natstest.Options{}).URL()
	begin := func(module string) datadir.Instance {
		c := smallConfig(t, module)
		c.Bus.NATS = url
		linked(t, &c, module)
		return runProcess(t, c)
	}
	head := begin("gateway")
	if code, body := get(t, head, "/api/v1/survey/household"); code != http.StatusNotFound || !strings.Contains(body, "wattwerk survey ca init") {
		t.Errorf("without a survey: %d %s", code, body)
	}
	if code, body := get(t, head, "/readyz"); code != http.StatusOK || strings.Contains(body, surveyModule) {
		t.Errorf("a survey is missed: %d %s", code, body)
	}
	begin(surveyModule)
	code, body := 0, ""
	for deadline := time.Now().Add(natstest.Within); code != http.StatusOK; {
		if code, body = get(t, head, "/api/v1/survey/household"); time.Now().After(deadline) {
			t.Fatalf("%d %s", code, body)
		}
	}
	const anna = `{"participant":{"name":"Anna"},"address":{},"metadata":{},"meters":[{"model":"MT175"}]}`
	for role, want := range map[string][2]int{"viewer": {403, 403}, "operator": {403, 403}, "researcher": {200, 201}, "administrator": {200, 201}} {
		token := tokenOf(t, head, role)
		if code, body := post(t, head, token, "/api/v1/survey/household", ""); code != want[0] {
			t.Errorf("%s asks: %d %s", role, code, body)
		}
		if code, body := post(t, head, token, "/api/v1/survey/household", anna); code != want[1] || code == 403 && !strings.Contains(body, "the scope ") {
			t.Errorf("%s registers: %d %s", role, code, body)
		}
	}
	// What the survey refuses comes through as it is.
	if code, body := post(t, head, tokenOf(t, head, "researcher"), "/api/v1/survey/household", strings.Replace(anna, "{}", `{"country":"Germany"}`, 1)); code != 422 || !strings.Contains(body, "country") {
		t.Errorf("%d %s", code, body)
	}
}
