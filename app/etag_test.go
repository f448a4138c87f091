package app

import (
	"io"
	"net/http"
	"strings"
	"testing"
)

// TestVersionsHaveOneHabit changes one thing of every kind that has versions:
// If-Match is asked in the same way of all of them.
func TestVersionsHaveOneHabit(t *testing.T) {
	c := DefaultConfig()
	c.Data, c.Addr, c.Bus.MQTT, c.Bus.Partitions = t.TempDir(), "127.0.0.1:0", "off", 1
	in := runProcess(t, c)
	do := func(method, path, body, match string) (*http.Response, string) {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), method, in.URL+"/api/v1/"+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+in.Secret)
		req.Header.Set("Content-Type", "application/json")
		if match != "" {
			req.Header.Set("If-Match", match)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		text, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp, string(text)
	}
	ask(t, in, "PUT", "/api/v1/sensors/main", `{"id":"main","quantity":"active_power"}`, nil)
	for _, x := range []struct {
		path, body, other string
		fresh             string // what "there is none yet" is
	}{
		{"tariffs/home", `{"currency":"EUR","versions":[{"from":"2026-01-01","components":[{"id":"a","kind":"energy","price":"1"}]}]}`, `{"currency":"EUR","versions":[{"from":"2026-01-01","components":[{"id":"a","kind":"energy","price":"2"}]}]}`, `"0"`},
		{"factors/grid", `{"versions":[{"from":"2026-01-01","location":{"value":"400"}}]}`, `{"versions":[{"from":"2026-01-01","location":{"value":"300"}}]}`, `"0"`},
		{"alerts/rules/high", `{"subject":{"sensor":"main"},"condition":{"kind":"above","limit":1}}`, `{"subject":{"sensor":"main"},"condition":{"kind":"above","limit":2}}`, `"0"`},
		{"alerts/rules/spent", `{"subject":{"sensor":"main"},"condition":{"kind":"budget","period":"month","limit":100000}}`, `{"subject":{"sensor":"main"},"condition":{"kind":"budget","period":"month","limit":200000}}`, `"0"`},
		{"reports/definitions/plant", `{"sensor":"main","size":"1M"}`, `{"sensor":"main","size":"1w"}`, `"0"`},
		{"sites/kiel", `{"id":"kiel","zone":"Europe/Berlin"}`, `{"id":"kiel","zone":"Europe/Paris"}`, ""}, // its versions are those of the model
	} {
		expect := func(what string, code int, method, body, match string) *http.Response {
			t.Helper()
			resp, text := do(method, x.path, body, match)
			if resp.StatusCode != code && (code != 200 || resp.StatusCode/100 != 2) {
				t.Errorf("%s: %s: %d, want %d: %s", x.path, what, resp.StatusCode, code, text)
			}
			return resp
		}
		expect("a version without quotes", 400, "PUT", x.body, "3")
		first := expect("make it", 200, "PUT", x.body, x.fresh).Header.Get("ETag")
		if x.fresh != "" {
			expect("make it once more", 412, "PUT", x.body, x.fresh)
		}
		second := expect("change it", 200, "PUT", x.other, first).Header.Get("ETag")
		if first == "" || second == "" || first == second {
			t.Errorf("%s: versions %s and %s", x.path, first, second)
		}
		expect("change what somebody else has changed", 412, "PUT", x.body, first)
		expect("remove what somebody else has changed", 412, "DELETE", "", first)
		expect("change it whatever it is", 200, "PUT", x.body, "*")
		expect("change it without asking", 200, "PUT", x.other, "")
		last, _ := do("GET", x.path, "", "")
		expect("remove it", 200, "DELETE", "", last.Header.Get("ETag"))
	}
	if resp, text := do("PUT", "model", `{}`, ""); resp.StatusCode != http.StatusPreconditionRequired {
		t.Errorf("the whole model is replaced without a version: %d %s", resp.StatusCode, text)
	}
}
