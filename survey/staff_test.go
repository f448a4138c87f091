package survey_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/wattwerk/wattwerk/internal/pgtest"
	"github.com/wattwerk/wattwerk/internal/sqldb"
	"github.com/wattwerk/wattwerk/survey"
	"github.com/wattwerk/wattwerk/survey/consent"
	"github.com/wattwerk/wattwerk/survey/household"
)

// desk is the gateway of an installation, for one who is signed in.
type desk struct {
	t   *testing.T
	mux *http.ServeMux
	api huma.API
}

func (w *world) desk(scopes ...string) desk {
	mux := http.NewServeMux()
	api := humago.New(mux, huma.DefaultConfig("gateway", "1"))
	w.service.Register(api, func(context.Context) (string, []string) { return "eva", scopes })
	return desk{w.t, mux, api}
}

// ask asks, and gives the answer in out.
func (d desk) ask(method, path string, in, out any) int {
	d.t.Helper()
	var body io.Reader
	if in != nil {
		data, err := json.Marshal(in)
		if err != nil {
			d.t.Fatal(err)
		}
		body = bytes.NewReader(data)
	}
	r := httptest.NewRequestWithContext(d.t.Context(), method, "/api/v1/survey"+path, body)
	r.Header.Set("Content-Type", "application/json")
	got := httptest.NewRecorder()
	d.mux.ServeHTTP(got, r)
	if out != nil {
		if err := json.Unmarshal(got.Body.Bytes(), out); err != nil {
			d.t.Fatalf("%s %s: %v in %s", method, path, err, got.Body)
		}
	}
	return got.Code
}

type listed[T any] struct {
	Items []T
	Next  string
	Total int
}

// TestDesk does at the gateway what those who look after a survey do.
func TestDesk(t *testing.T) {
	for name, where := range map[string]func(*testing.T) sqldb.Options{
		"sqlite": sqlite, "postgresql": func(t *testing.T) sqldb.Options { return sqldb.Options{URL: pgtest.Database(t)} },
	} {
		t.Run(name, func(t *testing.T) { testDesk(t, start(t, where(t))) })
	}
}

func testDesk(t *testing.T, w *world) {
	d := w.desk(staff["researcher"]...)
	var made survey.Registered
	if code := d.ask("POST", "/household", questionnaire(), &made); code != 201 || len(made.Tokens) != 1 || made.Tokens[0].Device != made.Household.Devices[0].ID {
		t.Fatalf("%d %+v", code, made)
	}
	h := made.Household
	other := questionnaire()
	other.Participant.Name, other.Meters[0].Model, other.Meters[0].Serial = "Müller 100%", "EASY", ""
	if code := d.ask("POST", "/household", other, nil); code != 201 {
		t.Fatal(code)
	}

	assistant := w.desk(survey.Household)
	for q, want := range map[string][2]int{ // what a researcher finds, and one who may not see people
		"": {2, 2}, "zacharias": {1, 0}, "XYLOPHON": {2, 0}, "0099887766": {1, 0}, "100%25": {1, 0}, "1%25": {0, 0}, "mt175": {1, 1},
		strings.ToUpper(h.ID[:18]): {1, 1}, h.Devices[0].ID: {1, 1}, h.Meters[0].ID: {1, 1}, "nothing_such": {0, 0},
	} {
		for i, who := range []desk{d, assistant} {
			var all listed[household.Household]
			if code := who.ask("GET", "/household?q="+q, nil, &all); code != 200 || len(all.Items) != want[i] || all.Total != want[i] {
				t.Errorf("%q finds %d %+v, want %d", q, code, all, want[i])
			}
		}
	}
	var seen household.Household
	if code := assistant.ask("GET", "/household/"+h.ID, nil, &seen); code != 200 || seen.Participant != nil || seen.Address != nil || seen.Location != nil || seen.Meters[0].Serial != "" {
		t.Errorf("%d %+v", code, seen)
	}
	var none listed[household.Household]
	if code := d.ask("GET", "/household?state=granted", nil, &none); code != 200 || none.Total != 0 {
		t.Errorf("%d %+v", code, none)
	}

	var text consent.Text
	if code := d.ask("GET", "/consent_text", nil, &text); code != 200 || text.Version != "2026-1" {
		t.Errorf("%d %+v", code, text)
	}
	var receipts listed[consent.Receipt]
	if code := d.ask("GET", "/household/"+h.ID+"/consent", nil, &receipts); code != 200 || len(receipts.Items) != 0 {
		t.Errorf("%d %+v", code, receipts)
	}
	given, err := w.store.Grant(t.Context(), h.ID, "2026-1", "device")
	if err != nil {
		t.Fatal(err)
	}
	if code := d.ask("GET", "/household/"+h.ID+"/consent", nil, &receipts); code != 200 || len(receipts.Items) != 1 || receipts.Items[0] != given {
		t.Errorf("%d %+v", code, receipts)
	}

	testIncidents(t, w, d, h)

	var token survey.Token
	if code := d.ask("POST", "/device/"+h.Devices[0].ID+"/token", nil, &token); code != 201 || token.Token == made.Tokens[0].Token {
		t.Errorf("%d %+v", code, token)
	}
	if code := d.ask("POST", "/device/"+h.Devices[0].ID+"/revoke", nil, nil); code != 204 {
		t.Error(code)
	}
	var receipt consent.Receipt
	if code := d.ask("DELETE", "/household/"+h.ID+"/consent", nil, &receipt); code != 200 || receipt.State != consent.Revoked {
		t.Errorf("%d %+v", code, receipt)
	}
	var gone household.Problem
	for _, path := range []string{"/household/" + h.ID, "/household/" + h.ID + "/consent"} {
		if code := d.ask("GET", path, nil, &gone); code != 404 || gone.Detail == "" || gone.Code != "not_found" {
			t.Errorf("%d %+v", code, gone)
		}
	}
	if log := w.log.String(); !strings.Contains(log, "staff=eva") || strings.Contains(log, "Quux") {
		t.Error(log)
	}
}

// testIncidents reads the history of incidents in parts.
func testIncidents(t *testing.T, w *world, d desk, h household.Household) {
	meter := h.Meters[0].ID
	for _, x := range []household.IncidentType{household.MeterLocked, household.CRCRate, household.DiskFull} {
		if _, err := w.store.Report(t.Context(), h.ID, meter, household.Report{Type: x, Detail: "as " + string(x)}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := w.store.Resolve(t.Context(), h.ID, meter, household.CRCRate); err != nil {
		t.Fatal(err)
	}
	type happened struct {
		household.Incident
		Household, Model string
	}
	for query, want := range map[string]int{"": 3, "?state=open": 2, "?state=resolved": 1, "?household=" + h.ID: 3, "?household=none": 0} {
		var all listed[happened]
		if code := d.ask("GET", "/incident"+query, nil, &all); code != 200 || all.Total != want || len(all.Items) != want {
			t.Errorf("%s gives %d %+v", query, code, all)
		}
	}
	types := make(map[household.IncidentType]bool)
	after := ""
	for range 3 {
		var one listed[happened]
		if code := d.ask("GET", "/incident?limit=1&after="+after, nil, &one); code != 200 || len(one.Items) != 1 || one.Items[0].Household != h.ID || one.Items[0].Model != "MT175" {
			t.Fatalf("%d %+v", code, one)
		}
		types[one.Items[0].Type], after = true, one.Next
	}
	var last listed[happened]
	if code := d.ask("GET", "/incident?limit=1&after="+after, nil, &last); code != 200 || len(last.Items) != 0 || last.Next != "" || len(types) != 3 {
		t.Errorf("%d %+v, %v", code, last, types)
	}
}

// TestDeskRefuses what is wrong, in sentences.
func TestDeskRefuses(t *testing.T) {
	w := start(t, sqlite(t))
	d := w.desk(staff["researcher"]...)
	wrong := questionnaire()
	wrong.Participant.Email, wrong.Meters[0].PVSystem = "nobody", "barn"
	for _, x := range []struct {
		method, path string
		in           any
		code         int
		says         string
	}{
		{"POST", "/household", wrong, 422, `participant.email \"nobody\" is no address`},
		{"POST", "/household", map[string]any{"meters": []any{}}, 422, "meters"},
		{"GET", "/household?limit=501", nil, 422, "limit"},
		{"GET", "/household?state=maybe", nil, 422, "state"},
		{"GET", "/household/" + household.NewID(), nil, 404, "no such household"},
		{"GET", "/incident?state=maybe", nil, 422, "state"},
		{"POST", "/device/" + household.NewID() + "/token", nil, 404, "no such device"},
		{"DELETE", "/household/" + household.NewID() + "/consent", nil, 404, "no such household"},
		{"GET", "/report?every=month", nil, 422, "every"},
	} {
		var p struct {
			Detail string
			Errors []struct{ Message, Location string }
		}
		if code := d.ask(x.method, x.path, x.in, &p); code != x.code || !strings.Contains(encode(t, p), x.says) {
			t.Errorf("%s %s: %d %+v, want %d %s", x.method, x.path, code, p, x.code, x.says)
		}
	}
}

func encode(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestDeskDescribed: a gateway whose survey is in another process says the same.
func TestDeskDescribed(t *testing.T) {
	w := start(t, sqlite(t))
	here := w.desk().api
	there := humago.New(http.NewServeMux(), huma.DefaultConfig("gateway", "1"))
	(*survey.Service)(nil).Register(there, nil)
	a, err := here.OpenAPI().MarshalJSON()
	b, err2 := there.OpenAPI().MarshalJSON()
	if err != nil || err2 != nil || !bytes.Equal(a, b) {
		t.Errorf("%v, %v, the documents differ:\n%s\n%s", err, err2, a, b)
	}
	for path, item := range here.OpenAPI().Paths {
		for _, o := range []*huma.Operation{item.Get, item.Post, item.Delete} {
			if o != nil && (len(o.Security) != 1 || len(o.Security[0]["wattwerk"]) == 0) {
				t.Errorf("%s %s needs no scope: %v", o.Method, path, o.Security)
			}
		}
	}
}
