package desk

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/danielgtaylor/huma/v2/humatest"

	"github.com/wattwerk/wattwerk/energy"
	"github.com/wattwerk/wattwerk/internal/pgtest"
	"github.com/wattwerk/wattwerk/internal/recipients"
	"github.com/wattwerk/wattwerk/internal/sqldb"
	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/settlement/ledger"
	"github.com/wattwerk/wattwerk/settlement/report"
	"github.com/wattwerk/wattwerk/settlement/report/reporttest"
	"github.com/wattwerk/wattwerk/window"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Main(m)) }

// everywhere runs a test on both databases.
func everywhere(t *testing.T, f func(t *testing.T, db *sqldb.DB)) {
	open := func(t *testing.T, o sqldb.Options) *sqldb.DB {
		db, err := sqldb.Open(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { db.Close() })
		return db
	}
	t.Run("sqlite", func(t *testing.T) {
		f(t, open(t, sqldb.Options{File: filepath.Join(t.TempDir(), "books.db"), NoSync: true}))
	})
	t.Run("postgres", func(t *testing.T) { f(t, open(t, sqldb.Options{URL: pgtest.Database(t)})) })
}

// post takes parcels, or says why not.
type post struct {
	mu   sync.Mutex
	got  []Parcel
	fail error
}

func (p *post) Send(_ context.Context, x Parcel) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.fail != nil {
		return p.fail
	}
	p.got = append(p.got, x)
	return nil
}

// bench is a service with everything it needs.
type bench struct {
	*Service
	t          *testing.T
	plant      *reporttest.Plant
	store      *Store
	mail, hook *post
	api        humatest.TestAPI
}

func newBench(t *testing.T, db *sqldb.DB) *bench {
	t.Helper()
	store, err := Open(t.Context(), db)
	if err != nil {
		t.Fatal(err)
	}
	b := &bench{t: t, plant: reporttest.New(), store: store, mail: new(post), hook: new(post)}
	b.again()
	return b
}

// again is a new start of the service over what is stored.
func (b *bench) again() {
	b.t.Helper()
	s, err := New(Options{
		Settled: b.plant, Books: b.plant, Store: b.store, Model: b.plant.Model, Now: func() time.Time { return b.plant.Clock },
		Senders: map[string]Sender{MailSink: b.mail, WebhookSink: b.hook}, Actor: func(context.Context) string { return "ada" },
	})
	if err != nil {
		b.t.Fatal(err)
	}
	_, b.api = humatest.New(b.t)
	b.Service = s
	s.Register(b.api)
}

// at is what is settled at a time, and the clock then.
func (b *bench) at(text string) {
	b.t.Helper()
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		b.t.Fatal(err)
	}
	b.plant.Clock = t
	b.plant.Frontier = record.MillisOf(t.Add(-2*time.Minute)) / window.QuarterLength * window.QuarterLength
}

func (b *bench) later(d time.Duration) { b.at(b.plant.Clock.Add(d).Format(time.RFC3339)) }

func (b *bench) step() {
	b.t.Helper()
	if err := b.Step(b.t.Context()); err != nil {
		b.t.Fatal(err)
	}
}

// do sends a request, wants a status, and reads the answer.
func (b *bench) do(status int, method, path string, body any, out any, headers ...any) string {
	b.t.Helper()
	args := headers
	if body != nil {
		text, ok := body.(string)
		if !ok {
			data, err := json.Marshal(body)
			if err != nil {
				b.t.Fatal(err)
			}
			text = string(data)
		}
		args = append(args, "Content-Type: application/json", strings.NewReader(text))
	}
	w := b.api.Do(method, "/api/v1/reports/"+path, args...)
	if w.Code != status {
		b.t.Fatalf("%s %s: %d, not %d: %.500s", method, path, w.Code, status, w.Body)
	}
	if out != nil {
		if err := json.Unmarshal(w.Body.Bytes(), out); err != nil {
			b.t.Fatal(err)
		}
	}
	return w.Body.String()
}

func (b *bench) issues(query string) []KeptReport {
	b.t.Helper()
	var out struct{ Items []KeptReport }
	b.do(http.StatusOK, "GET", "issues"+query, nil, &out)
	return out.Items
}

// told lists issues as period and version, oldest first.
func told(all []KeptReport) string {
	var out []string
	for i := len(all) - 1; i >= 0; i-- {
		x := all[i]
		text := fmt.Sprintf("%s/%d", x.Period, x.Version)
		if x.Superseded {
			text += " superseded"
		}
		if x.Outdated {
			text += " outdated"
		}
		out = append(out, text)
	}
	return strings.Join(out, ", ")
}

const daily = `{"name":"Press","sensor":"press","size":"1d","scheduled":true,"to":["eva@example.org"],"webhook":true,"formats":["html","xlsx"],"language":"de"}`

// TestSchedule makes each report once, when its period is settled and the delay
// has passed, and those of a time in which nothing ran, as far back as said.
func TestSchedule(t *testing.T) {
	everywhere(t, func(t *testing.T, db *sqldb.DB) {
		b := newBench(t, db)
		b.at("2026-11-02T09:00:00Z")
		b.do(http.StatusOK, "PUT", "definitions/press", daily, nil)
		b.do(http.StatusOK, "PUT", "definitions/works", `{"group":"plant","size":"1M","scheduled":true}`, nil)
		b.step()
		if got := told(b.issues("")); got != "" {
			t.Errorf("made of the past: %s", got)
		}
		b.at("2026-11-02T23:20:00Z") // 20 minutes past midnight
		b.step()
		if got := told(b.issues("")); got != "" {
			t.Errorf("made too early: %s", got)
		}
		b.at("2026-11-02T23:31:00Z")
		b.step()
		b.step()
		b.again()
		b.step()
		if got := told(b.issues("")); got != "2026-11-02/1" {
			t.Errorf("%s", got)
		}
		if len(b.mail.got) != 1 || len(b.hook.got) != 1 {
			t.Fatalf("%d mails, %d posts", len(b.mail.got), len(b.hook.got))
		}
		m := b.mail.got[0]
		if m.To[0] != "eva@example.org" || m.Subject != "Tagesbericht Montag, 2. November 2026: Press" || len(m.Files) != 2 ||
			m.Files[0].Name != "report-press-2026-11-02.html" || !strings.Contains(string(m.Files[0].Data), "<html lang=\"de\">") || !strings.HasPrefix(string(m.Files[1].Data), "PK") {
			t.Errorf("%+v", m)
		}
		var posted struct {
			ID, Kind string
			Report   report.Report
		}
		if err := json.Unmarshal(b.hook.got[0].Body, &posted); err != nil || posted.Kind != "report" || posted.ID != b.hook.got[0].ID || posted.Report.Period.Text != "2026-11-02" {
			t.Errorf("%s, %v", b.hook.got[0].Body, err)
		}
		// What is settled lags behind: nothing is made of a day whose end is not there.
		b.plant.Clock = b.plant.Clock.Add(36 * time.Hour)
		b.step()
		if got := told(b.issues("")); got != "2026-11-02/1" {
			t.Errorf("made before it was settled: %s", got)
		}
		// Something waits to be settled again: it is waited for, and not for ever.
		b.later(0)
		b.plant.Marked = []ledger.Mark{{Kind: ledger.SensorKind, Name: "press", Begin: record.MillisOf(b.plant.Clock.Add(-30 * time.Hour)), End: record.MillisOf(b.plant.Clock.Add(-29 * time.Hour))}}
		b.at("2026-11-04T00:00:00Z")
		b.step()
		if got := told(b.issues("")); got != "2026-11-02/1" {
			t.Errorf("made while a range waits: %s", got)
		}
		b.at("2026-11-04T06:00:00Z")
		b.step()
		if got := told(b.issues("?definition=press")); got != "2026-11-02/1, 2026-11-03/1" {
			t.Errorf("%s", got)
		}
		b.plant.Marked = nil
		// Nothing ran for two months.
		b.at("2027-01-10T12:00:00Z")
		b.step()
		all := b.issues("?definition=press&limit=1000")
		if len(all) != 2+35 {
			t.Errorf("%d daily reports: %s", len(all), told(all))
		}
		if got := told(b.issues("?definition=works")); got != "2026-11/1, 2026-12/1" {
			t.Errorf("%s", got)
		}
	})
}

// TestOnceOfSeveral has two processes make the same reports at the same time.
func TestOnceOfSeveral(t *testing.T) {
	everywhere(t, func(t *testing.T, db *sqldb.DB) {
		b := newBench(t, db)
		b.at("2026-11-01T09:00:00Z")
		b.do(http.StatusOK, "PUT", "definitions/press", daily, nil)
		b.at("2026-11-08T09:00:00Z")
		other := newBench(t, db)
		other.at("2026-11-08T09:00:00Z")
		var wait sync.WaitGroup
		for _, x := range []*bench{b, other} {
			wait.Go(func() {
				if err := x.makeDue(t.Context(), x.plant.Clock); err != nil {
					t.Error(err)
				}
			})
		}
		wait.Wait()
		if got := told(b.issues("")); strings.Count(got, "/1") != 7 || strings.Contains(got, "/2") {
			t.Errorf("%s", got)
		}
	})
}

// TestRevised changes what is settled of a period that was reported.
func TestRevised(t *testing.T) {
	everywhere(t, func(t *testing.T, db *sqldb.DB) {
		b := newBench(t, db)
		b.at("2026-11-02T09:00:00Z")
		b.do(http.StatusOK, "PUT", "definitions/press", daily, nil)
		b.at("2026-11-03T09:00:00Z")
		b.step()
		before := b.issues("")[0]

		usual := b.plant.Quarter
		late := energy.Amount(0)
		b.plant.Quarter = func(s string, q int32) (ledger.Row, bool) {
			r, ok := usual(s, q)
			if q == window.QuarterOf(record.MillisOf(time.Date(2026, 11, 2, 12, 0, 0, 0, time.UTC))) {
				r.Amount += late
			}
			return r, ok
		}
		b.later(11 * time.Minute)
		b.step()
		if got := told(b.issues("")); got != "2026-11-02/1" {
			t.Errorf("nothing changed, and there is %s", got)
		}
		// Late readings are coming in: it is flagged, and not made anew for each.
		for range 3 {
			late += 1_000_000 * energy.PerUnit
			b.later(11 * time.Minute)
			b.step()
			if got := told(b.issues("")); got != "2026-11-02/1 outdated" {
				t.Errorf("%s", got)
			}
		}
		b.later(11 * time.Minute)
		b.step()
		if got := told(b.issues("")); got != "2026-11-02/1 superseded, 2026-11-02/2" {
			t.Errorf("%s", got)
		}
		if len(b.mail.got) != 2 || !strings.HasPrefix(b.mail.got[1].Subject, "Berichtigt: ") || b.mail.got[1].ID == b.mail.got[0].ID {
			t.Errorf("%+v", b.mail.got)
		}
		// The earlier one is kept as it was, and says that it is superseded.
		var old, now report.Report
		b.do(http.StatusOK, "GET", "issues/"+before.ID, nil, &old)
		after := b.issues("?superseded=false")[0]
		b.do(http.StatusOK, "GET", "issues/"+after.ID, nil, &now)
		a, _ := old.Total.Known()
		c, _ := now.Total.Known()
		if c-a != 3_000_000*energy.PerUnit || !old.Issue.Superseded || now.Issue.Superseded || now.Issue.Version != 2 || *before.Summary.Total.Amount != report.Amount(a) {
			t.Errorf("%v and %v: %+v %+v", a, c, old.Issue, now.Issue)
		}
		if page := b.do(http.StatusOK, "GET", "issues/"+before.ID+".html?language=de", nil, nil); !strings.Contains(page, "Überholt") {
			t.Error("the page of the earlier one does not say that it is superseded")
		}
		// A correction that is undone leaves nothing.
		late += 5
		b.later(11 * time.Minute)
		b.step()
		late -= 5
		b.later(11 * time.Minute)
		b.step()
		if got := told(b.issues("")); got != "2026-11-02/1 superseded, 2026-11-02/2" {
			t.Errorf("%s", got)
		}
		// The names of today change nothing.
		b.plant.Document.Sensors[1].Name = "Press B"
		b.plant.Revision++
		for range 2 {
			b.later(11 * time.Minute)
			b.step()
		}
		if got := told(b.issues("")); got != "2026-11-02/1 superseded, 2026-11-02/2" {
			t.Errorf("%s", got)
		}
	})
}

// TestSending tries again what fails, and gives up what is in vain.
func TestSending(t *testing.T) {
	everywhere(t, func(t *testing.T, db *sqldb.DB) {
		b := newBench(t, db)
		b.at("2026-11-02T09:00:00Z")
		b.do(http.StatusOK, "PUT", "definitions/press", daily, nil)
		b.mail.fail, b.hook.fail = errors.New("the server is away"), fmt.Errorf("%w: 404", ErrRefused)
		b.at("2026-11-03T09:00:00Z")
		b.step()
		b.step() // not due yet
		d := b.issues("")[0].Deliveries
		if len(d) != 2 || d[0].Sink != "mail" || d[0].State != "waiting" || d[0].Attempts != 1 || d[0].Error != "the server is away" || d[0].Next.Sub(b.plant.Clock) != 30*time.Second {
			t.Errorf("%+v", d)
		}
		if d[1].State != "given_up" || !strings.Contains(d[1].Error, "404") || d[1].Next != nil {
			t.Errorf("%+v", d[1])
		}
		b.later(time.Minute)
		b.step()
		if d := b.issues("")[0].Deliveries[0]; d.Attempts != 2 || d.Next.Sub(b.plant.Clock) != time.Minute {
			t.Errorf("%+v", d)
		}
		b.mail.fail = nil
		b.later(time.Hour)
		b.step()
		if d := b.issues("")[0].Deliveries[0]; d.State != "sent" || d.Attempts != 3 || d.Error != "" || d.Sent == nil || len(b.mail.got) != 1 {
			t.Errorf("%+v", d)
		}
		// By hand, to whom the definition names now.
		b.hook.fail = nil
		b.do(http.StatusOK, "PUT", "definitions/press", strings.Replace(daily, "eva@", "max@", 1), nil)
		var k KeptReport
		b.do(http.StatusOK, "POST", "issues/"+b.issues("")[0].ID+"/send", nil, &k)
		if k.Deliveries[0].State != "waiting" || k.Deliveries[0].To[0] != "max@example.org" {
			t.Errorf("%+v", k)
		}
		b.step()
		if len(b.mail.got) != 2 || b.mail.got[1].To[0] != "max@example.org" || b.mail.got[1].ID != b.mail.got[0].ID || len(b.hook.got) != 1 {
			t.Errorf("%d mails, %d posts", len(b.mail.got), len(b.hook.got))
		}
		// For two days, and no longer.
		b.mail.fail = errors.New("the server is away")
		b.do(http.StatusOK, "POST", "issues/"+k.ID+"/send", nil, nil)
		for range 60 {
			b.later(time.Hour)
			if err := b.deliver(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if d := b.issues("?period=2026-11-02")[0].Deliveries[0]; d.State != "given_up" || d.Attempts < 40 || d.Attempts > 60 {
			t.Errorf("%+v", d)
		}
		// No mail server is set.
		delete(b.opts.Senders, MailSink)
		b.do(http.StatusOK, "POST", "issues/"+k.ID+"/send", nil, nil)
		b.step()
		if d := b.issues("?period=2026-11-02")[0].Deliveries[0]; d.State != "waiting" || d.Error != "the settings name no mail" {
			t.Errorf("%+v", d)
		}
	})
}

// senderFunc takes parcels.
type senderFunc func(x Parcel) error

func (f senderFunc) Send(_ context.Context, x Parcel) error { return f(x) }

// TestSomeRecipients sends again to those alone who have not got it, and says who
// does not get it at all.
func TestSomeRecipients(t *testing.T) {
	everywhere(t, func(t *testing.T, db *sqldb.DB) {
		b := newBench(t, db)
		var left []string
		answers := []error{
			&recipients.Partly{Left: []string{"eva"}, Why: errors.New("eva: 451"), Refused: []string{"tom: 550"}}, errors.New("no route to host"), nil,
			&recipients.Partly{Left: []string{"eva"}, Why: errors.New("eva: 451")}, fmt.Errorf("%w: eva: 550", ErrRefused),
		}
		b.opts.Senders[MailSink] = senderFunc(func(x Parcel) error {
			left = append(left, fmt.Sprint(x.Left))
			err := answers[0]
			answers = answers[1:]
			return err
		})
		b.at("2026-11-02T09:00:00Z")
		b.do(http.StatusOK, "PUT", "definitions/press", daily, nil)
		b.at("2026-11-03T09:00:00Z")
		b.step()
		id := b.issues("")[0].ID
		for i, want := range []string{
			"waiting: tom: 550; eva: 451", "waiting: tom: 550; no route to host", "sent: tom: 550", "waiting: eva: 451", "sent: the receiver refuses it: eva: 550",
		} {
			if i == 3 {
				b.do(http.StatusOK, "POST", "issues/"+id+"/send", nil, nil)
				b.step()
			}
			if d := b.issues("")[0].Deliveries[0]; d.State+": "+d.Error != want || (d.Sent != nil) != (d.State == sent || i == 3) || d.To[0] != "eva@example.org" {
				t.Errorf("%+v, not %s", d, want)
			}
			b.later(time.Minute)
			b.step()
		}
		if got := strings.Join(left, " "); got != "[] [eva] [eva] [] [eva]" {
			t.Errorf("sent to %s", got)
		}
	})
}

// TestEndOfSending notes what was sent also when the process is told to end
// meanwhile, and nothing of what was not.
func TestEndOfSending(t *testing.T) {
	everywhere(t, func(t *testing.T, db *sqldb.DB) {
		b := newBench(t, db)
		b.at("2026-11-02T09:00:00Z")
		b.do(http.StatusOK, "PUT", "definitions/press", strings.Replace(daily, `"webhook":true,`, "", 1), nil)
		b.at("2026-11-03T09:00:00Z")
		if err := b.makeDue(t.Context(), b.plant.Clock); err != nil {
			t.Fatal(err)
		}
		for i, x := range []struct {
			answer error
			state  string
		}{{errors.New("canceled"), waiting}, {nil, sent}} {
			ctx, end := context.WithCancel(t.Context())
			b.opts.Senders[MailSink] = senderFunc(func(Parcel) error { end(); return x.answer })
			_ = b.deliver(ctx) // the process ends
			if d := b.issues("")[0].Deliveries[0]; d.State != x.state || d.Attempts != int64(i) {
				t.Errorf("%+v, not %s", d, x.state)
			}
		}
	})
}

// TestDefinitions makes, changes and removes them.
func TestDefinitions(t *testing.T) {
	everywhere(t, func(t *testing.T, db *sqldb.DB) {
		b := newBench(t, db)
		put := func(status int, body string, headers ...any) string {
			t.Helper()
			return b.do(status, "PUT", "definitions/x", body, nil, headers...)
		}
		for body, want := range map[string]string{
			`{"size":"1d"}`: "either a group or a sensor",
			`{"sensor":"press","group":"plant","size":"1d"}`:            "either a group or a sensor",
			`{"sensor":"nobody","size":"1d"}`:                           "no sensor",
			`{"group":"plant","hierarchy":"none","size":"1d"}`:          "no hierarchy",
			`{"id":"y","sensor":"press","size":"1d"}`:                   "and the address",
			`{"sensor":"press","size":"1d","to":["Eva <eva@x.org>"]}`:   "is not an address",
			`{"sensor":"press","size":"1d","to":["a@b.c\r\nBcc: d@e"]}`: "is not an address",
			`{"sensor":"press","size":"1h"}`:                            "size",
			`{"sensor":"press","size":"1d","sections":["all"]}`:         "sections",
			`{"sensor":"press","size":"1d","indicators":[{"production":"none","baselineFrom":"2025-01-01","baselineTo":"2026-01-01"}]}`: "counts production",
		} {
			if said := put(http.StatusUnprocessableEntity, body); !strings.Contains(said, want) {
				t.Errorf("%s: %s, without %q", body, said, want)
			}
		}
		put(http.StatusOK, `{"sensor":"press","size":"1d"}`, `If-Match: "0"`)
		put(http.StatusPreconditionFailed, `{"sensor":"press","size":"1d"}`, `If-Match: "0"`)
		put(http.StatusBadRequest, `{"sensor":"press","size":"1d"}`, `If-Match: one`)
		put(http.StatusOK, `{"sensor":"press","size":"1M","name":"=Press","sections":["parts"]}`, `If-Match: "1"`)
		var got StoredDefinition
		b.do(http.StatusOK, "GET", "definitions/x", nil, &got)
		if got.Version != 2 || got.CreatedBy != "ada" || got.ChangedBy != "ada" || got.Definition.Size != "1M" || got.Definition.ID != "x" {
			t.Errorf("%+v", got)
		}
		var list struct{ Items []StoredDefinition }
		if b.do(http.StatusOK, "GET", "definitions", nil, &list); len(list.Items) != 1 {
			t.Errorf("%+v", list)
		}
		var r report.Report
		b.do(http.StatusOK, "GET", "definitions/x/preview/2026-10", nil, &r)
		if r.Title != "=Press" || len(r.Parts) != 31 || r.Previous != nil || r.Peak != nil || len(b.issues("")) != 0 {
			t.Errorf("%+v", r)
		}
		// By hand, once.
		var k, again KeptReport
		b.do(http.StatusOK, "POST", "definitions/x/issues", `{"period":"2026-10"}`, &k)
		b.do(http.StatusOK, "POST", "definitions/x/issues", `{"period":"2026-10"}`, &again)
		if k.ID != again.ID || k.MadeBy != "ada" || len(b.issues("")) != 1 || len(k.Deliveries) != 0 {
			t.Errorf("%+v, %+v", k, again)
		}
		b.do(http.StatusConflict, "POST", "definitions/x/issues", `{"period":"2026-11"}`, nil)
		b.do(http.StatusUnprocessableEntity, "POST", "definitions/x/issues", `{"period":"2026-10-01"}`, nil)
		b.do(http.StatusUnprocessableEntity, "POST", "definitions/x/issues", `{"period":"soon"}`, nil)
		b.do(http.StatusUnprocessableEntity, "POST", "issues/"+k.ID+"/send", nil, nil)
		b.do(http.StatusNotFound, "GET", "issues/none.html", nil, nil)
		if csv := b.do(http.StatusOK, "GET", "issues/"+k.ID+".csv", nil, nil); !strings.Contains(csv, "'=Press") {
			t.Errorf("%s", csv)
		}
		b.do(http.StatusPreconditionFailed, "DELETE", "definitions/x", nil, nil, `If-Match: "1"`)
		b.do(http.StatusNoContent, "DELETE", "definitions/x", nil, nil, `If-Match: "2"`)
		b.do(http.StatusNotFound, "DELETE", "definitions/x", nil, nil)
		b.do(http.StatusNotFound, "GET", "definitions/x", nil, nil)
		if len(b.issues("")) != 1 {
			t.Error("a report is gone with its definition")
		}
		b.later(time.Hour)
		b.step()
	})
}

// TestProblem says why a report could not be made, and that it was later.
func TestProblem(t *testing.T) {
	everywhere(t, func(t *testing.T, db *sqldb.DB) {
		b := newBench(t, db)
		b.at("2026-11-02T09:00:00Z")
		b.do(http.StatusOK, "PUT", "definitions/press", daily, nil)
		b.do(http.StatusOK, "PUT", "definitions/light", `{"sensor":"light","size":"1d","scheduled":true}`, nil)
		sensors := b.plant.Document.Sensors
		b.plant.Document.Sensors = sensors[:1:1] // nothing else is measured any more
		b.plant.Document.Sensors = append(b.plant.Document.Sensors, sensors[2:]...)
		groups := b.plant.Document.Groups
		b.plant.Document.Groups, b.plant.Document.Hierarchies = nil, nil
		b.plant.Revision++
		b.at("2026-11-03T09:00:00Z")
		b.step()
		problem := func() string {
			var d StoredDefinition
			b.do(http.StatusOK, "GET", "definitions/press", nil, &d)
			return d.Problem
		}
		if got := problem(); !strings.Contains(got, "no sensor \"press\"") {
			t.Errorf("%q", got)
		}
		if got := told(b.issues("")); got != "2026-11-02/1" {
			t.Errorf("one that fails holds up the other: %s", got)
		}
		b.plant.Document.Sensors, b.plant.Document.Groups = sensors, groups
		b.plant.Revision++
		b.later(11 * time.Minute)
		b.step()
		if got := problem(); got != "" || len(b.issues("")) != 2 {
			t.Errorf("%q", got)
		}
	})
}

func TestAsked(t *testing.T) {
	db, err := sqldb.Open(t.Context(), sqldb.Options{File: filepath.Join(t.TempDir(), "books.db"), NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	b := newBench(t, db)
	for path, status := range map[string]int{
		"groups/plant/2026-10": 200, "groups/plant/2026-10.html?language=de": 200, "sensors/press/2026.csv": 200, "sensors/press/2026-W44.xlsx": 200,
		"groups/none/2026-10": 404, "sensors/none/2026-10": 404, "groups/plant/soon": 422, "groups/plant/2026-10.pdf": 422, "sensors/outside/2026-10": 422,
		"groups/plant/2026-10?language=fr": 422,
		"indicators/plant/2026-10?production=steel&unit=t&baselineFrom=2025-01-01&baselineTo=2026-01-01":              200,
		"indicators/plant/2026-10?production=steel&unit=kWh&baselineFrom=2025-01-01&baselineTo=2026-01-01":            422,
		"indicators/press/2026-10?kind=sensor&production=steel&step=1d&baselineFrom=2025-01-01&baselineTo=2025-03-01": 200,
	} {
		if w := b.api.Get("/api/v1/reports/" + path); w.Code != status {
			t.Errorf("%s: %d, not %d: %.300s", path, w.Code, status, w.Body)
		}
	}
	w := b.api.Get("/api/v1/reports/groups/plant/2026-10", "Accept: text/html")
	if !strings.HasPrefix(w.Body.String(), "<!DOCTYPE html>") || w.Header().Get("Content-Security-Policy") != policy || w.Header().Get("Vary") != "Accept" {
		t.Errorf("%v", w.Header())
	}
}

// TestPage holds that the definition on the page about reports can be made.
func TestPage(t *testing.T) {
	page, err := os.ReadFile("../../../docs/reports.md")
	if err != nil {
		t.Fatal(err)
	}
	_, text, ok := strings.Cut(string(page), "PUT /api/v1/reports/definitions/works\n")
	text, _, ended := strings.Cut(text, "\n```")
	if !ok || !ended {
		t.Fatal("the page has lost its definition")
	}
	db, err := sqldb.Open(t.Context(), sqldb.Options{File: filepath.Join(t.TempDir(), "books.db"), NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	b := newBench(t, db)
	b.do(http.StatusOK, "PUT", "definitions/works", text, nil)
	b.do(http.StatusOK, "POST", "definitions/works/issues", `{"period":"2026-09"}`, nil)
	if m := b.issues("")[0]; m.Summary.Title != "Works" || m.Deliveries[0].To[0] != "energy@example.org" {
		t.Errorf("%+v", m)
	}
}
