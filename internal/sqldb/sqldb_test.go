package sqldb_test

import (
	"context"
	"errors"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/uptrace/bun"

	"github.com/wattwerk/wattwerk/internal/pgtest"
	"github.com/wattwerk/wattwerk/internal/sqldb"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Main(m)) }

var files = fstest.MapFS{
	"00001_first.sql":  {Data: []byte("-- +goose Up\nCREATE TABLE counters (name TEXT PRIMARY KEY, n BIGINT NOT NULL);\n")},
	"00002_second.sql": {Data: []byte("-- +goose Up\nINSERT INTO counters (name, n) VALUES ('x', 0);\n")},
}

func open(t *testing.T, o sqldb.Options) *sqldb.DB {
	t.Helper()
	db, err := sqldb.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

func count(t *testing.T, db *sqldb.DB) (n int) {
	t.Helper()
	if err := db.NewSelect().Table("counters").Column("n").Scan(t.Context(), &n); err != nil {
		t.Fatal(err)
	}
	return n
}

// TestStartTogether lets many processes bring the tables up to date at once.
func TestStartTogether(t *testing.T) {
	for range 5 {
		at := pgtest.Database(t)
		var dbs []*sqldb.DB
		for range 6 {
			dbs = append(dbs, open(t, sqldb.Options{URL: at, Conns: 2}))
		}
		var wg sync.WaitGroup
		for _, db := range dbs {
			wg.Go(func() {
				if err := db.Migrate(t.Context(), "migrations", files); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if n := count(t, dbs[0]); n != 0 {
			t.Error(n)
		}
	}
}

// TestNewer lets an older program, which lacks the last migration, open what a
// newer one has.
func TestNewer(t *testing.T) {
	older := fstest.MapFS{"00001_first.sql": files["00001_first.sql"]}
	for name, o := range map[string]sqldb.Options{
		"sqlite":   {File: filepath.Join(t.TempDir(), "x.db")},
		"postgres": {URL: pgtest.Database(t)},
	} {
		t.Run(name, func(t *testing.T) {
			db := open(t, o)
			for _, f := range []fstest.MapFS{older, older, files, files} {
				if err := db.Migrate(t.Context(), "migrations", f); err != nil {
					t.Fatal(err)
				}
			}
			err := db.Migrate(t.Context(), "migrations", older)
			var newer *sqldb.NewerError
			if !errors.As(err, &newer) || newer.Version != 2 || newer.Knows != 1 || sqldb.Down(err) {
				t.Fatalf("got %v", err)
			}
			if want := "the tables in " + db.Name() + " are of version 2 by migrations, and this program knows them up to version 1; nothing was changed; " +
				"run the newer wattwerk that wrote them, or restore a backup that was made before the upgrade"; err.Error() != want {
				t.Errorf("it says %v", err)
			}
			var versions []int64
			if err := db.NewSelect().Table("migrations").Column("version_id").Order("version_id").Scan(t.Context(), &versions); err != nil || !slices.Equal(versions, []int64{0, 1, 2}) {
				t.Errorf("it is now of the versions %v, %v", versions, err)
			}
			if n := count(t, db); n != 0 {
				t.Error(n)
			}
			if err := db.Migrate(t.Context(), "migrations", files); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestAlone counts from many goroutines of two processes, each by reading and
// then writing.
func TestAlone(t *testing.T) {
	for name, o := range map[string]sqldb.Options{
		"sqlite":   {File: filepath.Join(t.TempDir(), "x", "y.db")},
		"postgres": {URL: pgtest.Database(t)},
	} {
		t.Run(name, func(t *testing.T) {
			o.Timeout = time.Minute
			a, b := open(t, o), open(t, o)
			if err := a.Migrate(t.Context(), "migrations", files); err != nil {
				t.Fatal(err)
			}
			add := func(ctx context.Context, tx bun.Tx) error {
				n := 0
				if err := tx.NewSelect().Table("counters").Column("n").Where("name = ?", "x").Scan(ctx, &n); err != nil {
					return err
				}
				_, err := tx.NewUpdate().Table("counters").Set("n = ?", n+1).Where("name = ?", "x").Exec(ctx)
				return err
			}
			var wg sync.WaitGroup
			for i := range 10 {
				db := []*sqldb.DB{a, b}[i%2]
				wg.Go(func() {
					if err := db.Alone(t.Context(), "count", add); err != nil {
						t.Error(err)
					}
				})
			}
			wg.Wait()
			if n := count(t, b); n != 10 {
				t.Errorf("counted to %d", n)
			}
			no := errors.New("no")
			if err := a.Alone(t.Context(), "count", func(ctx context.Context, tx bun.Tx) error {
				return errors.Join(add(ctx, tx), no)
			}); !errors.Is(err, no) || sqldb.Down(err) {
				t.Error(err)
			}
			if n := count(t, b); n != 10 {
				t.Errorf("what failed was kept: %d", n)
			}
		})
	}
}

// TestSilentServer asks a server that takes questions and does not answer.
func TestSilentServer(t *testing.T) {
	server := pgtest.Start(t)
	db := open(t, sqldb.Options{URL: server.Database(t), Timeout: 8 * time.Second})
	server.Pause()
	_, err := db.ExecContext(t.Context(), "SELECT 1")
	again := db.Alone(t.Context(), "x", func(context.Context, bun.Tx) error { return nil })
	server.Resume()
	if !sqldb.Down(err) || !sqldb.Down(again) {
		t.Errorf("a server that is silent: %v; %v", err, again)
	}
	slow := open(t, sqldb.Options{URL: server.Database(t)})
	if err := slow.Ping(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestOpenSays(t *testing.T) {
	for _, at := range []string{
		"postgres://eva:se%cret@host/x", "http://eva:secret@host/x", "postgres://eva:secret@host:port/x",
		"postgres://eva:secret@" + "127.0.0.1:1/x?connect_timeout=5",
	} {
		_, err := sqldb.Open(t.Context(), sqldb.Options{URL: at})
		if err == nil || strings.Contains(err.Error(), "secret") || strings.Contains(err.Error(), "se%cret") {
			t.Errorf("%s: %v", at, err)
		}
		if refused := strings.Contains(at, "127.0.0.1"); sqldb.Down(err) != refused {
			t.Errorf("%s: Down(%v) = %v", at, err, !refused)
		}
	}
	if sqldb.Down(nil) || sqldb.Down(context.Canceled) || sqldb.Down(errors.New("x")) {
		t.Error("these are no reason to try again")
	}
}

// TestAwait waits for a server that is started when somebody waits for it, and
// not for one that does not let us in.
func TestAwait(t *testing.T) {
	server := pgtest.Start(t)
	at := server.Database(t)
	server.Kill(t)
	if err := sqldb.Await(t.Context(), sqldb.Options{URL: at}, 0, nil); !sqldb.Down(err) {
		t.Errorf("nobody wants to wait: %v", err)
	}
	said := 0
	if err := sqldb.Await(t.Context(), sqldb.Options{URL: at}, 2*time.Minute, func(error) {
		said++
		server.Start(t)
	}); err != nil || said != 1 {
		t.Errorf("said %d times that it waits: %v", said, err)
	}
	u, err := url.Parse(at)
	if err != nil {
		t.Fatal(err)
	}
	u.Path = "/nothing"
	if err := sqldb.Await(t.Context(), sqldb.Options{URL: u.String()}, time.Minute, func(err error) { t.Errorf("it is waited for: %v", err) }); err == nil {
		t.Errorf("a database that is not there: %v", err)
	}
}
