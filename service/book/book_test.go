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
