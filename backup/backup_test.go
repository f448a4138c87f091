package backup

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/wattwerk/wattwerk/access"
	"github.com/wattwerk/wattwerk/bus"
	"github.com/wattwerk/wattwerk/internal/datadir"
	"github.com/wattwerk/wattwerk/internal/sqldb"
	"github.com/wattwerk/wattwerk/record"
)

// made gives the bytes of a backup of a small deployment.
func made(t *testing.T) []byte {
	t.Helper()
	dir := t.TempDir()
	b, err := bus.Open(t.Context(), bus.Options{Dir: dir, Partitions: 2, MinFree: 1, NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	if err := b.NewWriter().Write(t.Context(), []record.Record{{Sensor: "kettle", Time: 1, Value: 2}}); err != nil {
		t.Fatal(err)
	}
	users, err := access.Open(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	defer users.Close()
	if _, _, err := users.FirstStart(t.Context()); err != nil {
		t.Fatal(err)
	}
	block := filepath.Join(dir, historyDir, "01BLOCK")
	for name, content := range map[string]string{
		"meta.json": "{}", "chunks/000001": "chunk", "../01BLOCK.tmp-for-creation/meta.json": "not yet",
	} {
		path := filepath.Join(block, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	flushed := false
	var out bytes.Buffer
	err = Source{Dir: dir, Bus: b, Books: func(ctx context.Context, to string) (err error) {
		db, err := sqldb.Open(ctx, sqldb.Options{File: filepath.Join(dir, access.FileName)})
		if err != nil {
			return err
		}
		return errors.Join(db.CopyFile(ctx, filepath.Join(to, access.FileName)), db.Close())
	}, Version: "test", Flush: func(context.Context) error { flushed = true; return nil }}.Write(t.Context(), &out)
	if err != nil || !flushed {
		t.Fatal(err, flushed)
	}
	if left, err := filepath.Glob(filepath.Join(dir, "backup-*")); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v %v", left, err)
	}
	return out.Bytes()
}

func TestThereAndBack(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new")
	if err := Restore(t.Context(), bytes.NewReader(made(t)), dir, bus.Options{NoSync: true}); err != nil {
		t.Fatal(err)
	}
	if data, err := os.ReadFile(filepath.Join(dir, historyDir, "01BLOCK", "chunks", "000001")); err != nil || string(data) != "chunk" {
		t.Errorf("the block has %q, %v", data, err)
	}
	if _, err := os.Stat(filepath.Join(dir, historyDir, "01BLOCK.tmp-for-creation")); err == nil {
		t.Error("a block that was still being written is in the backup")
	}
	b, err := bus.Open(t.Context(), bus.Options{Dir: dir, MinFree: 1, NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	total := uint64(0)
	for p := range b.Partitions() {
		x, err := b.RecordsExtent(t.Context(), p)
		if err != nil {
			t.Fatal(err)
		}
		total += x.Last
	}
	if b.Partitions() != 2 || total != 1 {
		t.Errorf("%d partitions with %d messages", b.Partitions(), total)
	}
	users, err := access.Open(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	defer users.Close()
	if _, err := users.UserByName(t.Context(), access.FirstUser); err != nil {
		t.Error(err)
	}
}

func TestDamageIsRecognisedAndLeavesNothing(t *testing.T) {
	whole := made(t)
	for name, data := range map[string][]byte{
		"empty":        nil,
		"something":    []byte("this is something else altogether, and long enough to be looked at"),
		"first half":   whole[:len(whole)/2],
		"all but one":  whole[:len(whole)-1],
		"a third more": append(bytes.Clone(whole[:len(whole)/3]), whole...),
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if err := Restore(t.Context(), bytes.NewReader(data), dir, bus.Options{NoSync: true}); err == nil {
				t.Fatal("it was taken")
			}
			if empty, err := datadir.Empty(dir); !empty || err != nil {
				t.Errorf("something was left behind, %v", err)
			}
		})
	}
}

// TestKilledWhileRestoring finds what a restore left that was killed: nothing
// starts on it, and it is restored again.
func TestKilledWhileRestoring(t *testing.T) {
	path := filepath.Join(t.TempDir(), "data")
	killed, err := datadir.Make(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(killed.Join("history/01HALF"), 0o700); err != nil {
		t.Fatal(err)
	}
	killed.Close()
	var unfinished *datadir.UnfinishedError
	if d, err := datadir.Open(path); !errors.As(err, &unfinished) {
		t.Fatal(d, err)
	}
	// Of a file that is cut off nothing stays either.
	if err := Restore(t.Context(), bytes.NewReader(made(t)[:1000]), path, bus.Options{}); err == nil {
		t.Fatal("it was taken")
	}
	if empty, err := datadir.Empty(path); !empty || err != nil {
		t.Error("something was left behind", err)
	}
	if killed, err = datadir.Make(path); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(killed.Join("history/01HALF"), 0o700); err != nil {
		t.Fatal(err)
	}
	killed.Close()
	if err := Restore(t.Context(), bytes.NewReader(made(t)), path, bus.Options{}); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(path, "history", "01HALF")); !os.IsNotExist(err) {
		t.Error("what was there before is there still", err)
	}
	d, err := datadir.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	d.Close()
}

func TestNothingIsOverwritten(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "mine"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	err := Restore(t.Context(), bytes.NewReader(made(t)), dir, bus.Options{NoSync: true})
	if err == nil || !strings.Contains(err.Error(), "not empty") {
		t.Errorf("got %v", err)
	}
}
