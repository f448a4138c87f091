package book

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/uptrace/bun"

	"github.com/wattwerk/wattwerk/internal/pgtest"
	"github.com/wattwerk/wattwerk/internal/sqldb"
	"github.com/wattwerk/wattwerk/record"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Main(m)) }

// onBoth runs a test on both databases.
func onBoth(t *testing.T, f func(t *testing.T, s *Store)) {
	for name, where := range map[string]func(t *testing.T) sqldb.Options{
		"SQLite": func(t *testing.T) sqldb.Options {
			return sqldb.Options{File: filepath.Join(t.TempDir(), "books.db"), NoSync: true}
		},
		"PostgreSQL": func(t *testing.T) sqldb.Options { return sqldb.Options{URL: pgtest.Database(t)} },
	} {
		t.Run(name, func(t *testing.T) {
			s, err := Open(t.Context(), where(t))
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			f(t, s)
		})
	}
}

func TestDocuments(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		ctx := t.Context()
		before, _, err := s.Changes(ctx)
		if err != nil {
			t.Fatal(err)
		}
		type doc struct{ A int }
		rows, err := s.Put(ctx, "eva", Put{Kind: Service, ID: "S1", Doc: doc{1}, Version: 0}, Put{Kind: Spaces, ID: "all", Doc: []doc{{2}}, Version: -1})
		if err != nil || len(rows) != 2 || rows[0].Version != 1 {
			t.Fatal(rows, err)
		}
		if _, err := s.Put(ctx, "eva", Put{Kind: Service, ID: "S1", Doc: doc{2}, Version: 0}); !errors.Is(err, ErrChanged) {
			t.Error("made again:", err)
		}
		// All or none.
		if _, err := s.Put(ctx, "eva", Put{Kind: Service, ID: "S1", Doc: doc{3}, Version: 1}, Put{Kind: Service, ID: "S2", Version: -1}); !errors.Is(err, ErrNotFound) {
			t.Error("removed what is not there:", err)
		}
		d, err := s.Document(ctx, Service, "S1")
		var got doc
		if err == nil {
			err = d.Read(&got)
		}
		if err != nil || got.A != 1 || d.ChangedBy != "eva" {
			t.Error(d, err)
		}
		if _, err := s.Put(ctx, "kim", Put{Kind: Service, ID: "S1", Version: 1}); err != nil {
			t.Error(err)
		}
		if _, err := s.Document(ctx, Service, "S1"); !errors.Is(err, ErrNotFound) {
			t.Error("still there:", err)
		}
		all, err := s.Documents(ctx, Service, Spaces)
		if err != nil || len(all) != 1 || all[0].Kind != Spaces {
			t.Error(all, err)
		}
		past, err := s.Past(ctx, 0, 10)
		if err != nil || len(past) != 3 || past[0].Who != "kim" || past[0].Doc != "" {
			t.Error(past, err)
		}
		if after, _, err := s.Changes(ctx); err != nil || after != before+2 {
			t.Error(before, after, err)
		}
	})
}

func TestEvents(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		ctx := t.Context()
		old, err := s.Take(ctx)
		if err != nil {
			t.Fatal(err)
		}
		epoch, err := s.Take(ctx)
		if err != nil {
			t.Fatal(err)
		}
		events := []Event{{At: 10, Object: "sensor/a", Is: "live"}, {At: 20, Object: "sensor/b", Is: "live"}, {At: 30, Object: "sensor/a", Was: "live", Is: "stale"}}
		if err := s.Note(ctx, old, events); !errors.Is(err, ErrOutrun) {
			t.Error("noted by who works no more:", err)
		}
		if err := s.Note(ctx, epoch, events); err != nil {
			t.Fatal(err)
		}
		same := cmp.Options{cmpopts.IgnoreFields(Event{}, "Number"), cmpopts.IgnoreTypes(bun.BaseModel{})}
		standing, err := s.Standing(ctx, 25)
		if diff := cmp.Diff([]Event{events[0], events[1]}, standing, same); err != nil || diff != "" {
			t.Error(err, diff)
		}
		got, err := s.Events(ctx, "sensor/a", 10, 30, 10)
		if diff := cmp.Diff([]Event{events[2]}, got, same); err != nil || diff != "" {
			t.Error(err, diff)
		}
		// The newest of each object stays, however old.
		if err := s.Trim(ctx, epoch, 100); err != nil {
			t.Fatal(err)
		}
		got, err = s.Events(ctx, "", 0, 100, 10)
		if diff := cmp.Diff([]Event{events[1], events[2]}, got, same); err != nil || diff != "" {
			t.Error(err, diff)
		}
	})
}

func TestSubstitutions(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		ctx := t.Context()
		epoch, err := s.Take(ctx)
		if err != nil {
			t.Fatal(err)
		}
		x := Substitution{ID: "1", Object: "sensor/a", Began: 10, Doc: "{}"}
		if err := s.Substitute(ctx, epoch, []Substitution{x, {ID: "2", Object: "sensor/b", Began: 20, Doc: "{}"}}); err != nil {
			t.Fatal(err)
		}
		x.Ended, x.Seen, x.Compared = new(record.Millis(30)), new(0.5), 3
		if err := s.Substitute(ctx, epoch, []Substitution{x}); err != nil {
			t.Fatal(err)
		}
		open, err := s.Substitutions(ctx, "", true, 0, 100, 10)
		if err != nil || len(open) != 1 || open[0].ID != "2" {
			t.Error(open, err)
		}
		past, err := s.Substitutions(ctx, "sensor/a", false, 25, 100, 10)
		if err != nil || len(past) != 1 || *past[0].Seen != 0.5 || past[0].Compared != 3 {
			t.Error(past, err)
		}
		if later, err := s.Substitutions(ctx, "sensor/a", false, 30, 100, 10); err != nil || len(later) != 0 {
			t.Error(later, err)
		}
	})
}

func TestLeases(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		ctx := t.Context()
		give := func(id string) {
			t.Helper()
			if err := s.Lease(ctx, "sensor/valve", func(is *Lease) (*Lease, error) {
				next := &Lease{Object: "sensor/valve", ID: id, Holder: id, Expires: 100}
				if is != nil {
					next.Token = is.Token
				}
				next.Token++
				return next, nil
			}); err != nil {
				t.Fatal(err)
			}
		}
		give("first")
		give("second")
		all, err := s.Leases(ctx, 50, 10)
		if err != nil || len(all) != 1 || all[0].Token != 2 || all[0].ID != "second" {
			t.Error(all, err)
		}
		if _, err := s.LeaseOf(ctx, "first"); !errors.Is(err, ErrNotFound) {
			t.Error("the first is in force still:", err)
		}
		if all, err := s.Leases(ctx, 100, 10); err != nil || len(all) != 0 {
			t.Error("expired:", all, err)
		}
	})
}

func TestBills(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		ctx := t.Context()
		for _, b := range []Bill{{ID: "a", Revision: 1, Service: "S3", Made: 1}, {ID: "a", Revision: 2, Service: "S3", Made: 2, Note: "late"}, {ID: "b", Revision: 1, Service: "S4", Made: 3}} {
			if err := s.AddBill(ctx, b); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.AddBill(ctx, Bill{ID: "a", Revision: 2}); !errors.Is(err, ErrChanged) {
			t.Error("a revision was written over:", err)
		}
		all, err := s.Bills(ctx, "", 10)
		if err != nil || len(all) != 2 || all[0].ID != "b" || all[1].Note != "late" {
			t.Error(all, err)
		}
		revisions, err := s.BillOf(ctx, "a")
		if err != nil || len(revisions) != 2 || revisions[0].Revision != 2 {
			t.Error(revisions, err)
		}
		if _, err := s.BillOf(ctx, "c"); !errors.Is(err, ErrNotFound) {
			t.Error(err)
		}
	})
}

func TestWaiting(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		ctx := t.Context()
		for _, at := range []record.Millis{20, 10, 20} { // the last is there already
			if queued, err := s.Wait(ctx, Waiting{Service: "S1", Subject: "group/home", Begins: at, Ends: at + 10, Doc: "{}"}); err != nil || !queued {
				t.Fatal(queued, err)
			}
		}
		all, err := s.Backlog(ctx, 10)
		if err != nil || len(all) != 2 || all[0].Begins != 20 {
			t.Fatal(all, err)
		}
		if done, err := s.Done(ctx, all[0], 99, "done"); err != nil || !done {
			t.Error(done, err)
		}
		if done, err := s.Done(ctx, all[0], 99, "done"); err != nil || done {
			t.Error("done twice:", done, err)
		}
		if queued, err := s.Wait(ctx, all[0]); err != nil || queued {
			t.Error("what was done waits again:", queued, err)
		}
	})
}

func TestResults(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		ctx := t.Context()
		for _, doc := range []string{"1", "2"} {
			if err := s.Keep(ctx, Result{Kind: "forecast", Object: "sensor/a", Day: 7, Doc: doc}); err != nil {
				t.Fatal(err)
			}
		}
		if r, err := s.Kept(ctx, "forecast", "sensor/a", 7); err != nil || r.Doc != "2" {
			t.Error(r, err)
		}
		if _, err := s.Kept(ctx, "forecast", "sensor/a", 8); !errors.Is(err, ErrNotFound) {
			t.Error(err)
		}
	})
}

// TestForesight keeps forecasts, what was named, and anomalies.
func TestForesight(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		ctx := t.Context()
		check := func(err error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
		}
		f := Forecast{Object: "sensor/a", Day: 1000, Ends: 2000, Zone: "UTC", Made: 900, Known: 800, Ahead: 2, Model: "mean-7", Because: "root", Doc: "{}"}
		later, sooner := f, f
		later.Known, later.Model, later.Expected = 1000, "ridge", new(3.5)
		sooner.Known, sooner.Model = 700, "last-week"
		check(s.Foresee(ctx, f, Forecast{Object: "sensor/b", Day: 1000, Ends: 2000, Zone: "UTC", Doc: "{}"}))
		check(s.Foresee(ctx, later))
		check(s.Foresee(ctx, sooner)) // knows less
		got, err := s.Forecast(ctx, "sensor/a", 1000)
		check(err)
		if diff := cmp.Diff(got, later, cmpopts.IgnoreTypes(bun.BaseModel{})); diff != "" {
			t.Error(diff)
		}
		if _, err := s.Forecast(ctx, "sensor/a", 1001); !errors.Is(err, ErrNotFound) {
			t.Error(err)
		}
		due, err := s.Uncompared(ctx, 2000, 1)
		check(err)
		if len(due) != 1 || due[0].Object != "sensor/a" {
			t.Errorf("%+v", due)
		}
		due[0].Checked, due[0].Compared, due[0].Seen = 2100, 24, new(4.5)
		check(s.Compare(ctx, due...))
		later.Known, later.Model = 1001, "blend"
		check(s.Foresee(ctx, later)) // is over, and was compared
		if got, err = s.Forecast(ctx, "sensor/a", 1000); err != nil || got.Model != "ridge" || *got.Seen != 4.5 {
			t.Errorf("%+v %v", got, err)
		}
		if rows, err := s.Forecasts(ctx, "", 0, 5000, 1000, "sensor/a", 10); err != nil || len(rows) != 1 || rows[0].Object != "sensor/b" {
			t.Errorf("%+v %v", rows, err)
		}
		if rows, err := s.Foreknown(ctx, 2000); err != nil || len(rows) != 0 {
			t.Errorf("%+v %v", rows, err)
		}
		check(s.Name(ctx, Named{Object: "sensor/a", Why: "asked", At: 5}, Named{Object: "sensor/b", Why: "asked", At: 6}))
		check(s.Name(ctx, Named{Object: "sensor/a", Why: "asked", At: 7}))
		if rows, err := s.Names(ctx, 5); err != nil || len(rows) != 2 || rows[0].Object != "sensor/a" || rows[0].At != 7 {
			t.Errorf("%+v %v", rows, err)
		}

		_, stands, err := s.Changes(ctx)
		check(err)
		odd := Anomaly{Object: "sensor/a", Kind: "unusual", Began: 10, Ended: 20, Found: 30, Lasts: 1, Values: 1, Value: new(1.5)}
		check(s.Find(ctx, []Anomaly{odd}, nil, []Watched{{Object: "sensor/a", Looked: 20}}, false))
		stuck := odd
		stuck.Kind, stuck.Ended, stuck.Found, stuck.Values = "stuck", 60, 70, 6
		check(s.Find(ctx, []Anomaly{stuck}, []Anomaly{odd}, []Watched{{Object: "sensor/a", Looked: 60}}, true))
		if rows, err := s.Lasting(ctx, 10, "stuck"); err != nil || len(rows) != 1 || rows[0].Ended != 60 {
			t.Errorf("%+v %v", rows, err)
		}
		if _, now, err := s.Changes(ctx); err != nil || now != stands+1 {
			t.Error("nobody looks again:", stands, now, err)
		}
		stuck.Lasts = 0
		check(s.Find(ctx, []Anomaly{stuck, {Object: "sensor/b", Kind: "zero", Began: 10, Ended: 11}}, nil, nil, false))
		rows, err := s.Anomalies(ctx, AnomalyQuery{From: 0, To: 100, Limit: 1})
		check(err)
		if len(rows) != 1 || rows[0].Object != "sensor/a" || rows[0].Found != 30+40 {
			t.Errorf("%+v", rows)
		}
		if rows, err = s.Anomalies(ctx, AnomalyQuery{From: 0, To: 100, Limit: 9, After: &rows[0]}); err != nil || len(rows) != 1 || rows[0].Object != "sensor/b" {
			t.Errorf("%+v %v", rows, err)
		}
		if looked, err := s.Looked(ctx); err != nil || looked["sensor/a"] != 60 {
			t.Error(looked, err)
		}
		epoch, err := s.Take(ctx)
		check(err)
		check(s.Trim(ctx, epoch, 100))
		if rows, err := s.Anomalies(ctx, AnomalyQuery{From: 0, To: 100, Limit: 9}); err != nil || len(rows) != 0 {
			t.Errorf("%+v %v", rows, err)
		}
		if rows, err := s.Names(ctx, 0); err != nil || len(rows) != 0 {
			t.Errorf("%+v %v", rows, err)
		}
	})
}
