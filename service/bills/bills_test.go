package bills

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/wattwerk/wattwerk/internal/pgtest"
	"github.com/wattwerk/wattwerk/internal/sqldb"
	"github.com/wattwerk/wattwerk/microservice/plan"
	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/service/book"
	"github.com/wattwerk/wattwerk/service/execution"
	"github.com/wattwerk/wattwerk/service/feed"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Main(m)) }

// till is who carries services out: the sum of a bill is what it is told.
type till struct {
	sum  int
	err  error
	runs int
}

func (*till) Computation(sid, _ string) (string, bool) {
	return map[string]string{"S1": "estimation", "S4": "sharing"}[sid], sid == "S1" || sid == "S4"
}

func (x *till) Execute(_ context.Context, r execution.Request) (*execution.Done, error) {
	x.runs++
	if x.err != nil {
		return nil, x.err
	}
	revision := 1
	type result struct {
		Sum         int   `json:"sum"`
		Revision    int   `json:"revision"`
		Differences []any `json:"differences"`
	}
	if len(r.Previous) > 0 {
		var was result
		if err := json.Unmarshal(r.Previous, &was); err != nil {
			return nil, err
		}
		revision = was.Revision + 1
	}
	return &execution.Done{Plan: new(plan.Plan), Outcome: feed.Outcome{Result: result{Sum: x.sum, Revision: revision}, Revision: revision}}, nil
}

// TestRevisions makes a bill, again, otherwise, and by itself.
func TestRevisions(t *testing.T) {
	for name, where := range map[string]sqldb.Options{
		"SQLite": {File: filepath.Join(t.TempDir(), "x.db"), NoSync: true}, "PostgreSQL": {URL: pgtest.Database(t)},
	} {
		t.Run(name, func(t *testing.T) {
			store, err := book.Open(t.Context(), where)
			if err != nil {
				t.Fatal(err)
			}
			defer store.Close()
			now := time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)
			x := &till{sum: 7}
			b, err := New(Options{Store: store, Executor: x, Clock: func() record.Millis { return record.MillisOf(now) }})
			if err != nil {
				t.Fatal(err)
			}
			may := Asked{Service: "S4", Subject: "group/hall", From: time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC), To: time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)}
			run := func(a Asked, revision int64, made bool) {
				t.Helper()
				row, is, err := b.Run(t.Context(), "eva", a)
				if err != nil || row.Revision != revision || is != made {
					t.Fatalf("revision %d, made %v, %v; want %d, %v", row.Revision, is, err, revision, made)
				}
			}
			run(may, 1, true)
			run(may, 1, false) // nothing is different
			x.sum = 8
			run(may, 2, true)
			other := may
			other.Name = "second"
			run(other, 1, true)
			all, err := store.BillOf(t.Context(), may.id())
			if err != nil || len(all) != 2 || all[0].Note == "" || all[1].Note != "" || all[0].MadeBy != "eva" {
				t.Errorf("%+v %v", all, err)
			}
			for what, a := range map[string]Asked{
				"the service makes no bills": {Service: "S1", From: may.From, To: may.To},
				"unknown":                    {Service: "S9", From: may.From, To: may.To},
				"quarter of an hour":         {Service: "S4", From: may.From.Add(time.Second), To: may.To},
				"after its begin":            {Service: "S4", From: may.To, To: may.From},
				"in 1970":                    {Service: "S4", From: time.Unix(0, 0), To: may.To},
			} {
				if _, _, err := b.Run(t.Context(), "eva", a); err == nil || !strings.Contains(err.Error(), what) && !errors.Is(err, plan.ErrUnknown) {
					t.Errorf("%s: %v", what, err)
				}
			}

			// By itself: once an hour, for a hundred days.
			x.sum = 9
			looked := make(map[string]time.Time)
			if n, err := b.Again(t.Context(), looked); n != 2 || err != nil {
				t.Error(n, err)
			}
			runs := x.runs
			if n, err := b.Again(t.Context(), looked); n != 0 || err != nil || x.runs != runs {
				t.Error(n, err, x.runs-runs)
			}
			now = now.Add(time.Hour)
			x.err = &plan.NotAvailable{}
			if n, err := b.Again(t.Context(), looked); n != 0 || err != nil || x.runs != runs+2 {
				t.Error("what is not available now is no error:", n, err)
			}
			now = now.Add(101 * 24 * time.Hour)
			x.err, runs = nil, x.runs
			if n, err := b.Again(t.Context(), looked); n != 0 || err != nil || x.runs != runs || len(looked) != 0 {
				t.Error("old bills are looked at:", n, err)
			}
		})
	}
}

// TestAlike compares results but for how often they were made.
func TestAlike(t *testing.T) {
	for _, x := range []struct {
		a, b string
		want bool
	}{
		{`{"a":1,"revision":1,"b":[{"reasons":["x"]}]}`, `{"b":[{}],"a":1}`, true},
		{`{"a":1}`, `{"a":1.0}`, false}, // a figure is written in one way
		{`{"a":12345678901234567890}`, `{"a":12345678901234567891}`, false},
		{`{"a":null}`, `{}`, false}, // null is not nothing
		{`{`, `{`, false},
	} {
		if got := alike(json.RawMessage(x.a), json.RawMessage(x.b)); got != x.want {
			t.Errorf("%s and %s: %v", x.a, x.b, got)
		}
	}
}
