package sqldb_test

import (
	"errors"
	"math"
	"path/filepath"
	"reflect"
	"testing"
	"testing/fstest"

	"github.com/wattwerk/wattwerk/internal/pgtest"
	"github.com/wattwerk/wattwerk/internal/sqldb"
)

// library has every kind of column, a table that refers to one that is later in
// the alphabet, and one that is never empty.
var library = fstest.MapFS{"00001_library.sql": {Data: []byte(`-- +goose Up
CREATE TABLE readers (id TEXT PRIMARY KEY, body BYTEA, height DOUBLE PRECISION, born BIGINT);
CREATE TABLE loans (book TEXT PRIMARY KEY, reader TEXT NOT NULL REFERENCES readers (id) ON DELETE CASCADE);
CREATE TABLE state (id BIGINT PRIMARY KEY, text TEXT NOT NULL);
INSERT INTO state (id, text) VALUES (1, '');
`)}}

type reader struct {
	ID     string
	Body   []byte
	Height *float64
	Born   *int64
}

type loan struct{ Book, Reader string }

func libraryAt(t *testing.T, o sqldb.Options) *sqldb.DB {
	t.Helper()
	db := open(t, o)
	if err := db.Migrate(t.Context(), "library_migrations", library); err != nil {
		t.Fatal(err)
	}
	return db
}

// TestCopy takes rows from a file to PostgreSQL and on to another file.
func TestCopy(t *testing.T) {
	ctx := t.Context()
	first := libraryAt(t, sqldb.Options{File: filepath.Join(t.TempDir(), "first.db")})
	readers := []reader{
		{"O'Neill \\ \"x\" ? ?? ü", []byte{0, 1, 0xff, '\''}, new(0.1), new(int64(math.MinInt64))},
		{"nobody", nil, nil, nil},
		{"small", []byte{0}, new(math.SmallestNonzeroFloat64), new(int64(1<<53 + 1))},
	}
	for i := range 500 {
		readers = append(readers, reader{"n" + string(rune('a'+i%26)) + string(rune('a'+i/26)), nil, new(float64(i)), new(int64(i))})
	}
	loans := []loan{{"war", "nobody"}, {"peace", readers[0].ID}}
	for _, rows := range []any{&readers, &loans} {
		if _, err := first.NewInsert().Model(rows).Exec(ctx); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := first.NewUpdate().Table("state").Set("text = ?", "here").Where("id = 1").Exec(ctx); err != nil {
		t.Fatal(err)
	}
	second := libraryAt(t, sqldb.Options{URL: pgtest.Database(t)})
	third := libraryAt(t, sqldb.Options{File: filepath.Join(t.TempDir(), "third.db")})
	if err := sqldb.Copy(ctx, first, second); !errors.Is(err, sqldb.ErrNotEmpty) {
		t.Errorf("a table with rows: %v", err)
	}
	for _, to := range []struct{ from, to *sqldb.DB }{{first, second}, {second, third}} {
		if err := sqldb.Copy(ctx, to.from, to.to, "state"); err != nil {
			t.Fatal(err)
		}
		if err := sqldb.Copy(ctx, to.from, to.to, "state"); !errors.Is(err, sqldb.ErrNotEmpty) {
			t.Errorf("twice: %v", err)
		}
		var got []reader
		var lent []loan
		var text string
		for _, err := range []error{
			to.to.NewSelect().Model(&got).Scan(ctx), to.to.NewSelect().Model(&lent).Order("book DESC").Scan(ctx),
			to.to.NewSelect().Table("state").Column("text").Scan(ctx, &text),
		} {
			if err != nil {
				t.Fatal(err)
			}
		}
		if !reflect.DeepEqual(lent, loans) || text != "here" {
			t.Errorf("%v, %q", lent, text)
		}
		if len(got) != len(readers) || !reflect.DeepEqual(got[:3], readers[:3]) {
			t.Errorf("%d readers: %+v", len(got), got[:3])
		}
	}
	if err := sqldb.Copy(ctx, first, third, "state"); err == nil {
		t.Error("between two files")
	}
}

func TestCopyFile(t *testing.T) {
	dir := t.TempDir()
	db := libraryAt(t, sqldb.Options{File: filepath.Join(dir, "a.db")})
	to := filepath.Join(dir, "b.db")
	if err := db.CopyFile(t.Context(), to); err != nil {
		t.Fatal(err)
	}
	if err := db.CopyFile(t.Context(), to); err == nil {
		t.Error("a file was overwritten")
	}
	var n int
	if err := open(t, sqldb.Options{File: to}).NewSelect().Table("state").ColumnExpr("count(*)").Scan(t.Context(), &n); err != nil || n != 1 {
		t.Error(n, err)
	}
}
