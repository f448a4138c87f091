package page

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/wattwerk/wattwerk/edge"
	"github.com/wattwerk/wattwerk/edge/sender"
	"github.com/wattwerk/wattwerk/edge/visit"
	"github.com/wattwerk/wattwerk/survey/consent"
	"github.com/wattwerk/wattwerk/survey/household"
)

const id = "6f1d2c9a-0b6e-4c53-9f57-2f4f0c3e8a11"

var day = time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)

// device is one that does what it is told.
type device struct {
	visits   []visit.Visit
	state    consent.State
	lease    sender.Lease
	fails    error
	receipts []consent.Receipt
	granted  string
	revoked  int
}

func (d *device) Status() edge.Status {
	s := edge.Status{Version: "1", Enrolled: true, Now: day.Add(13 * time.Hour), Meters: []edge.MeterStatus{{ID: id, Name: "<cellar>"}}}
	s.Sender.Consent = d.state
	s.Sender.Measuring = d.state == consent.Granted
	s.Sender.Lease = d.lease
	if d.state == consent.Revoked {
		s.Sender.Ended = "revoked"
	}
	return s
}

func (d *device) Visits() ([]visit.Visit, bool) { return d.visits, true }

func (d *device) EndVisit() {
	d.visits[0].End, d.visits[0].Ended = d.visits[0].Begin, "it was ended at the device"
}

func (d *device) Receipts() []consent.Receipt { return d.receipts }

func (d *device) Text(context.Context) (consent.Text, error) {
	if d.fails != nil {
		return consent.Text{}, d.fails
	}
	return consent.Text{Version: "2026-1", Body: "We measure.\n<script>alert(1)</script>"}, nil
}

func (d *device) Grant(_ context.Context, version string) (consent.Receipt, error) {
	if d.fails == nil {
		d.granted, d.state = version, consent.Granted
		d.receipts = append(d.receipts, consent.Receipt{Household: "h", State: consent.Granted, Version: version, At: day, Signature: "sig-granted"})
	}
	return consent.Receipt{}, d.fails
}

func (d *device) Revoke(context.Context) (consent.Receipt, error) {
	if d.fails == nil {
		d.revoked++
		d.state = consent.Revoked
		d.receipts = append(d.receipts, consent.Receipt{Household: "h", State: consent.Revoked, At: day, Signature: "sig-revoked"})
	}
	return consent.Receipt{}, d.fails
}

func (d *device) Registration(context.Context) (r edge.Registration, err error) {
	r.Household.ID, r.Household.Registered = "h-1", day
	r.Household.Metadata = household.Metadata{Adults: new(2), HeatPump: new(true)}
	r.Account.Participant = &household.Participant{Name: "A. <Miller>"}
	r.Meters = []household.Meter{{ID: id, Model: "MT175", Serial: "1ISK"}}
	r.PVSystems = []household.PVSystem{{Name: "roof", NominalPower: new(9.86)}}
	r.Devices = []household.Device{{ID: "d-1", Name: "edge"}}
	return r, d.fails
}

func (d *device) Measurements(_ context.Context, _ string, from, to time.Time) (out []household.Measurement, err error) {
	for i := range 52 {
		at := day.Add(time.Duration(i) * household.Quarter)
		if i == 20 || at.Before(from) || !at.Before(to) {
			continue
		}
		out = append(out,
			household.Measurement{Meter: id, Slot: at, OBIS: "0100010800ff", Raw: 10_000_000 + int64(i)*i2(i)*10, Scaler: -1, Unit: "Wh"},
			household.Measurement{Meter: id, Slot: at, OBIS: "0100100700ff", Raw: int64(i*10 - 200), Unit: "W", Status: new(int64(4))})
	}
	return out, d.fails
}

func i2(i int) int64 { return int64(i) }

type browser struct {
	t    *testing.T
	url  string
	http *http.Client
}

func start(t *testing.T, d *device, o Options) *browser {
	t.Helper()
	o.Device, o.Addr, o.Zone = d, "127.0.0.1:0", time.UTC
	s, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	tr := new(http.Transport)
	t.Cleanup(func() {
		tr.CloseIdleConnections()
		if stop(); <-done != nil {
			t.Error("the server ended with an error")
		}
	})
	return &browser{t, "http://" + s.Addr(), &http.Client{Jar: jar, Transport: tr}}
}

func (b *browser) do(r *http.Request, status int) string {
	b.t.Helper()
	resp, err := b.http.Do(r)
	if err != nil {
		b.t.Fatal(err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != status {
		b.t.Errorf("%s %s: %s, want %d; %v\n%s", r.Method, r.URL, resp.Status, status, err, data)
	}
	if csp := resp.Header.Get("Content-Security-Policy"); !strings.HasPrefix(csp, "default-src 'none'") {
		b.t.Errorf("%s: %s", r.URL, csp)
	}
	if strings.HasPrefix(resp.Header.Get("Content-Type"), "text/html") {
		b.whole(r.URL.String(), data)
	}
	return string(data)
}

// whole checks that a page is well-formed, that nothing of a household is taken for HTML, and
// that what it shows has words in the language.
func (b *browser) whole(url string, data []byte) {
	b.t.Helper()
	d := xml.NewDecoder(bytes.NewReader(bytes.ReplaceAll(data, []byte("&nbsp;"), []byte(" "))))
	d.Strict, d.AutoClose, d.Entity = false, xml.HTMLAutoClose, xml.HTMLEntity
	ids := make(map[string]bool)
	for {
		x, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			b.t.Errorf("%s: %v\n%s", url, err, data)
			return
		}
		e, ok := x.(xml.StartElement)
		if ok && e.Name.Local == "script" {
			b.t.Errorf("%s has a script", url)
		}
		for _, a := range e.Attr {
			if a.Name.Local == "id" && ids[a.Value] {
				b.t.Errorf("%s: two elements are called %s", url, a.Value)
			}
			ids[a.Value] = ids[a.Value] || a.Name.Local == "id"
		}
	}
	if i := bytes.Index(data, []byte("%!")); i >= 0 {
		b.t.Errorf("%s: %s", url, data[i:min(len(data), i+40)])
	}
}

func (b *browser) get(path string, status int) string {
	b.t.Helper()
	r, err := http.NewRequestWithContext(b.t.Context(), http.MethodGet, b.url+path, nil)
	if err != nil {
		b.t.Fatal(err)
	}
	return b.do(r, status)
}

func (b *browser) post(path string, form url.Values, status int) string {
	b.t.Helper()
	r, err := http.NewRequestWithContext(b.t.Context(), http.MethodPost, b.url+path, strings.NewReader(form.Encode()))
	if err != nil {
		b.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Origin", b.url)
	return b.do(r, status)
}

// hidden gives a hidden field.
func (b *browser) hidden(page, name string) string {
	b.t.Helper()
	m := regexp.MustCompile(`name="` + name + `" value="([^"]*)"`).FindStringSubmatch(page)
	if m == nil {
		b.t.Fatalf("there is no %s in\n%s", name, page)
	}
	return m[1]
}

func (b *browser) has(page string, all ...string) {
	b.t.Helper()
	for _, s := range all {
		if !strings.Contains(page, s) {
			b.t.Errorf("there is no %q in\n%s", s, page)
		}
	}
}

func TestConsent(t *testing.T) {
	d := &device{state: consent.NotGranted}
	b := start(t, d, Options{})
	page := b.get("/consent", 200)
	b.has(page, "We measure.\n&lt;script&gt;", "not granted")
	f := url.Values{"token": {b.hidden(page, "token")}, "version": {b.hidden(page, "version")}}
	b.has(b.post("/consent/grant", f, 422), "Please tick")
	f.Set("agree", "yes")
	b.has(b.post("/consent/grant", f, 200), "sig-granted", "Revoke …") // after the redirect
	if d.granted != "2026-1" {
		t.Error(d.granted)
	}
	// To revoke takes two forms, the second of which is good once.
	page = b.post("/consent/revoke", f, 200)
	b.has(page, "cannot be undone")
	f.Set("once", b.hidden(page, "once"))
	b.has(b.post("/consent/revoke/confirm", f, 422), "Please tick")
	f.Set("sure", "yes")
	f.Set("once", "AAAA")
	b.post("/consent/revoke/confirm", f, 403)
	if d.revoked != 0 {
		t.Error("it is revoked without a second form")
	}
	f.Set("once", b.hidden(b.post("/consent/revoke", f, 200), "once"))
	b.has(b.post("/consent/revoke/confirm", f, 200), "sig-revoked", "revoked")
	b.post("/consent/revoke/confirm", f, 403)
	if d.revoked != 1 {
		t.Error(d.revoked)
	}
}

func TestStrangers(t *testing.T) {
	d := &device{state: consent.Granted}
	b := start(t, d, Options{Hosts: []string{"Device.Example"}})
	page := b.get("/consent", 200)
	token := b.hidden(page, "token")
	try := func(what string, status int, change func(*http.Request)) {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, b.url+"/consent/revoke", strings.NewReader(url.Values{"token": {token}}.Encode()))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		if change(r); strings.Contains(b.do(r, status), "cannot be undone") != (status == 200) {
			t.Error(what)
		}
	}
	try("the page itself", 200, func(*http.Request) {})
	try("a name of the device, and no cookie for it", 403, func(r *http.Request) { r.Host = "device.example:8081" })
	try("another name", 421, func(r *http.Request) { r.Host = "rebound.example" })
	try("another page", 403, func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site") })
	try("another origin", 403, func(r *http.Request) { r.Header.Set("Origin", "http://evil.example") })
	try("a long form", 403, func(r *http.Request) {
		r.Body = io.NopCloser(strings.NewReader("token=" + token + "&x=" + strings.Repeat("x", maxForm)))
		r.ContentLength = -1
	})
	token = strings.Repeat("0", len(token))
	try("another token", 403, func(*http.Request) {})
	b.http.Jar = nil
	try("no cookie", 403, func(*http.Request) {})
	if d.revoked != 0 {
		t.Error("it was revoked")
	}
	b.get("/nothing", 404)
}

func TestPassword(t *testing.T) {
	b := start(t, &device{}, Options{Password: "open sesame"})
	b.get("/", 401)
	b.url = strings.Replace(b.url, "http://", "http://me:wrong@", 1)
	b.get("/status.json", 401)
	b.url = strings.Replace(b.url, "me:wrong", "me:open%20sesame", 1)
	b.has(b.get("/status.json", 200), `"version": "1"`)
}

func TestPages(t *testing.T) {
	d := &device{state: consent.Granted}
	b := start(t, d, Options{})
	b.has(b.get("/", 200), "This device is measuring.", "&lt;cellar&gt;")
	b.has(b.get("/?lang=de", 200), "Dieses Gerät misst.", `lang="de"`)
	b.has(b.get("/registration", 200), "A. &lt;Miller&gt;", "9.86", "Heat pump", "1ISK")
	page := b.get("/measurements?lang=de&day=2026-03-01", 200)
	// A slot that is not there leaves two unknown energies, and is no zero.
	b.has(page, `role="img"`, "in 49 von 96 Viertelstunden", "in 51 von 96 Viertelstunden", `<th scope="row">05:00</th><td>–</td><td>–</td><td>–</td>`, `<th scope="row">01:00</th><td>0,009</td><td>–</td><td>-0,160</td>`)
	if n := strings.Count(page, "<rect"); n != 49 {
		t.Errorf("%d bars", n)
	}
	b.has(b.get("/measurements?day=2026-03-02", 200), "Nothing was measured")
	b.get("/measurements?day=x&meter=../x", 200)
	b.has(b.get("/style.css", 200), "color-scheme")
	// What the service cannot be asked is said, and the rest is shown.
	d.fails = errors.New("connection refused")
	for _, path := range []string{"/consent", "/registration", "/measurements"} {
		b.has(b.get(path, 200), "cannot be reached")
	}
	b.has(b.get("/measurements", 200), "in 49 of 96")
	d.fails = household.Refuse(409, "text_changed", household.Ask, "another text is in force")
	page = b.get("/consent", 200)
	b.has(page, "another text is in force")
	f := url.Values{"token": {b.hidden(page, "token")}, "version": {"2025"}, "agree": {"yes"}}
	b.has(b.post("/consent/grant", f, 409), "not granted", "another text is in force")
}

func TestDownload(t *testing.T) {
	d := &device{state: consent.Granted, receipts: []consent.Receipt{{Signature: "sig"}}}
	b := start(t, d, Options{})
	files := func() map[string]string {
		data := b.get("/download", 200)
		z, err := zip.NewReader(strings.NewReader(data), int64(len(data)))
		if err != nil {
			t.Fatal(err)
		}
		out := make(map[string]string)
		for _, f := range z.File {
			r, err := f.Open()
			if err != nil {
				t.Fatal(err)
			}
			text, err := io.ReadAll(r)
			if err != nil {
				t.Fatal(err)
			}
			r.Close()
			out[f.Name] = string(text)
		}
		return out
	}
	all := files()
	if n := strings.Count(all["measurements.csv"], "\n"); n != 103 {
		t.Errorf("%d lines", n)
	}
	b.has(all["measurements.csv"], id+",2026-03-01T00:15:00Z,0100100700ff,-190,0,W,4\n")
	b.has(all["registration.json"], "Miller")
	b.has(all["consent.json"], "sig")
	d.fails = errors.New("connection refused")
	all = files()
	b.has(all["README.txt"], "NOT EVERYTHING")
	if n := strings.Count(all["measurements.csv"], "\n"); n != 103 || all["registration.json"] != "" {
		t.Errorf("%d lines", n)
	}
}

// TestTexts: all that pages say is there in both languages.
func TestTexts(t *testing.T) {
	used := make(map[string]bool)
	data, err := files.ReadFile("files/page.html")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile(`\{\{t "([a-z_0-9]+)"`).FindAllSubmatch(data, -1) {
		used[string(m[1])] = true
		if _, ok := texts[string(m[1])]; !ok {
			t.Errorf("%s has no text", m[1])
		}
	}
	for key, both := range texts {
		if both[0] == "" || both[1] == "" || strings.Count(both[0], "%") != strings.Count(both[1], "%") {
			t.Errorf("%s: %q", key, both)
		}
	}
	for accept, want := range map[string]string{"": "en", "de-AT,en;q=0.5": "de", "fr, en": "en", "fr;q=1,de;q=0.1": "de"} {
		if got := language(&http.Request{URL: new(url.URL), Header: http.Header{"Accept-Language": {accept}}}); got != want {
			t.Errorf("%q: %s", accept, got)
		}
	}
}

func TestScales(t *testing.T) {
	for v, want := range map[float64]float64{0: 0.1, 0.03: 0.05, 1: 1, 1.1: 2, 7: 10} {
		if got := nice(v); got < want*0.999 || got > want*1.001 {
			t.Errorf("nice(%g) = %g", v, got)
		}
	}
}

// TestVisits: the household sees who looked at its device from afar, and ends it.
func TestVisits(t *testing.T) {
	d := &device{visits: []visit.Visit{{ID: "g1", Who: "anna <b>", Why: "it is silent", Begin: day, Until: day.Add(time.Hour), Done: []visit.Done{{At: day, What: "status"}}}}}
	b := start(t, d, Options{})
	for lang, says := range map[string]string{"en": "now, at most until", "de": "jetzt, höchstens bis"} {
		b.has(b.get("/?lang="+lang, 200), "anna &lt;b&gt;", "it is silent", "<code>status</code>", says)
	}
	b.post("/visit/end", url.Values{"token": {"forged"}}, 403)
	if !d.visits[0].End.IsZero() {
		t.Error("who is not from the household has ended it")
	}
	b.post("/visit/end", url.Values{"token": {b.hidden(b.get("/?lang=en", 200), "token")}}, 200)
	b.has(b.get("/?lang=en", 200), "it was ended at the device")
}

// TestLease shows until when the device may measure, and what comes then.
func TestLease(t *testing.T) {
	d := &device{state: consent.Granted, lease: sender.Lease{Until: day.Add(30 * time.Hour), Holds: true, Asks: day.Add(14 * time.Hour)}}
	b := start(t, d, Options{})
	b.has(b.get("/?lang=en", 200), "may measure until 2026-03-02 06:00 without asking again", "next at about 2026-03-01 14:00", "reads no meter any more")
	b.has(b.get("/?lang=de", 200), "darf bis 02.03.2026 06:00 messen", "wieder gegen 01.03.2026 14:00", "liest es keinen Zähler mehr")
	b.has(b.get("/status.json", 200), `"until": "2026-03-02T06:00:00Z"`, `"holds": true`, `"asks": "2026-03-01T14:00:00Z"`)
	d.lease.Holds = false
	b.has(b.get("/?lang=en", 200), "might measure until 2026-03-02 06:00", "has not confirmed your consent since")
	d.state = consent.NotGranted
	b.has(b.get("/?lang=en", 200), "Nothing is measured until the household consents.")
	d.state = consent.Revoked
	b.has(b.get("/?lang=en", 200), "Nothing is measured any more, for ever.")
}

// TestMetrics are told to programs of this machine, to others if that is meant, and to nobody without a handler.
func TestMetrics(t *testing.T) {
	start(t, &device{}, Options{}).get("/metrics", 404)
	h := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "up 1") }) //nolint:errcheck // of a recorder
	b := start(t, &device{}, Options{Metrics: h, Password: "open sesame"})
	b.get("/metrics", 401)
	b.url = strings.Replace(b.url, "http://", "http://me:open%20sesame@", 1)
	b.has(b.get("/metrics", 200), "up 1")
	for from, want := range map[string][2]int{"127.0.0.1:5": {200, 200}, "[::1]:5": {200, 200}, "192.0.2.7:5": {403, 200}, "nonsense": {403, 200}} {
		for i, anybody := range []bool{false, true} {
			s, err := New(Options{Device: &device{}, Addr: "127.0.0.1:0", Metrics: h, Anybody: anybody})
			if err != nil {
				t.Fatal(err)
			}
			r, w := httptest.NewRequest(http.MethodGet, "http://127.0.0.1/metrics", nil), httptest.NewRecorder()
			r.RemoteAddr = from
			if s.handler.ServeHTTP(w, r); w.Code != want[i] {
				t.Errorf("%s, anybody %v: %d", from, anybody, w.Code)
			}
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		}
	}
}
