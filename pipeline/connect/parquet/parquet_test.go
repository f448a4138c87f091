package parquet

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/parquet-go/parquet-go"

	"github.com/wattwerk/wattwerk/manifest"
	"github.com/wattwerk/wattwerk/observation"
	"github.com/wattwerk/wattwerk/pipeline/connect"
	"github.com/wattwerk/wattwerk/pipeline/connect/connecttest"
	"github.com/wattwerk/wattwerk/record"
)

var noon = record.MillisOf(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC))

const hour = 3600_000

func end(t *testing.T, files string, values ...string) connect.End {
	t.Helper()
	house := connecttest.House()
	house.Files = files
	return connecttest.End(t, Protocol(), house, manifest.Kind{}, append([]string{"directory", "out"}, values...)...)
}

func opened(t *testing.T, e connect.End, fault func(string) error) *writer {
	t.Helper()
	w, err := open(e, fault)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// files reads all files as somebody else does, each row once, by its file.
func files(t *testing.T, dir string) map[string][]string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "out", "*.parquet"))
	if err != nil {
		t.Fatal(err)
	}
	all := make(map[string][]string)
	for _, name := range names {
		rows, err := parquet.ReadFile[row](name)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range rows {
			v := "null"
			if r.Value != nil {
				v = fmt.Sprint(*r.Value)
			}
			all[filepath.Base(name)] = append(all[filepath.Base(name)], strings.TrimRight(fmt.Sprintf("%s %s %s %s %s %s", r.Manifest, r.Processor, r.Key, record.Millis(r.Time), v, r.Marks), " "))
		}
	}
	return all
}

func TestWrites(t *testing.T) {
	dir := t.TempDir()
	w := opened(t, end(t, dir), nil)
	results := []connect.Written{
		{Manifest: "m", Processor: "p", Key: "b", Time: noon, Value: 1},
		{Manifest: "m", Processor: "p", Key: "a", Time: noon, Value: 2, Marks: observation.Alarm},
		{Manifest: "m", Processor: "p", Key: "a", Time: noon + 12*hour, Marks: observation.Null},
		{Manifest: "m", Processor: "p", Key: "b", Time: noon, Value: 3},
	}
	if err := w.Write(t.Context(), results); err != nil {
		t.Fatal(err)
	}
	if got := files(t, dir); len(got) > 0 {
		t.Error(got)
	}
	var refused *connect.Refused
	if err := w.Write(t.Context(), []connect.Written{{Manifest: strings.Repeat("x", 3000)}}); !errors.As(err, &refused) {
		t.Error(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	want := map[string][]string{
		"2026-03-01-0001.parquet": {"m p a 2026-03-01T12:00:00.000Z 2 alarm", "m p b 2026-03-01T12:00:00.000Z 3"},
		"2026-03-02-0001.parquet": {"m p a 2026-03-02T00:00:00.000Z null"},
	}
	if d := cmp.Diff(want, files(t, dir)); d != "" {
		t.Error(d)
	}
	// The same again, and one more, after a restart.
	w = opened(t, end(t, dir), nil)
	if err := w.Write(t.Context(), append(results, connect.Written{Manifest: "m", Processor: "p", Key: "c", Time: noon, Value: 4})); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	want["2026-03-01-0001.parquet"] = append(want["2026-03-01-0001.parquet"], "m p c 2026-03-01T12:00:00.000Z 4")
	if d := cmp.Diff(want, files(t, dir)); d != "" {
		t.Error(d)
	}
}

// TestFilesAreBounded fills a file, and replaces rows in the full one.
func TestFilesAreBounded(t *testing.T) {
	dir := t.TempDir()
	w := opened(t, end(t, dir), nil)
	var all []connect.Written
	for i := range maxRows + maxPending {
		all = append(all, connect.Written{Manifest: "m", Key: fmt.Sprint("box", i%50), Time: noon + record.Millis(i), Value: float64(i)})
	}
	if err := w.Write(t.Context(), all); err != nil {
		t.Fatal(err)
	}
	if w.size > maxJournal+maxJournal/2 || len(w.pending) > maxPending {
		t.Errorf("a journal of %d bytes, %d rows", w.size, len(w.pending))
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	seen := make(map[string]bool)
	got := files(t, dir)
	for name, rows := range got {
		if len(rows) > maxRows {
			t.Errorf("%s has %d rows", name, len(rows))
		}
		for _, r := range rows {
			seen[r] = true
		}
	}
	if len(seen) != len(all) || len(got) != 2 {
		t.Errorf("%d rows in %d files", len(seen), len(got))
	}
}

// TestIsEndedAnywhere copies the directory at every step, as a power cut leaves
// it, goes on from every copy, and writes everything again.
func TestIsEndedAnywhere(t *testing.T) {
	dir := t.TempDir()
	var copies []string
	fault := func(step string) error {
		to := filepath.Join(t.TempDir(), step)
		if err := os.CopyFS(to, os.DirFS(dir)); err != nil {
			t.Fatal(err)
		}
		copies = append(copies, to)
		return nil
	}
	batch := func(i int) (all []connect.Written) {
		for j := range 10 {
			all = append(all, connect.Written{Manifest: "m", Key: fmt.Sprint(i*10 + j), Time: noon + record.Millis(j*3*hour), Value: float64(i)})
		}
		return all
	}
	const n = 6
	w := opened(t, end(t, dir), fault)
	for i := range n {
		if i == n/2 {
			w.mu.Lock()
			if err := w.flush(); err != nil {
				t.Fatal(err)
			}
			w.mu.Unlock()
		}
		if err := w.Write(t.Context(), batch(i)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	want := files(t, dir)
	if len(copies) < n+8 {
		t.Errorf("%d copies", len(copies))
	}
	for i, c := range copies {
		// Half of what was being written is there, too.
		if i%2 == 0 {
			f, err := os.OpenFile(filepath.Join(c, "out", journalName), os.O_APPEND|os.O_WRONLY, 0)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := f.Write([]byte{40, 0, 0, 0, 1, 2, 3, 4, '[', '{'}); err != nil {
				t.Fatal(err)
			}
			f.Close()
		}
		w := opened(t, end(t, c), nil)
		for i := range n {
			if err := w.Write(t.Context(), batch(i)); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want, files(t, c)); d != "" {
			t.Errorf("%s: %s", c, d)
		}
		left, err := fs.Glob(os.DirFS(filepath.Join(c, "out")), ".*")
		if err != nil || len(left) > 0 {
			t.Error(left, err)
		}
	}
}

// TestTheDiskIsFull fails every step once: an error, and nothing is lost.
func TestTheDiskIsFull(t *testing.T) {
	full := errors.New("no space left on device")
	for _, at := range []string{"sync", "sync file", "rename", "empty"} {
		dir := t.TempDir()
		fail := true
		w := opened(t, end(t, dir), func(step string) error {
			if step == at && fail {
				return full
			}
			return nil
		})
		results := []connect.Written{{Manifest: "m", Key: "a", Time: noon, Value: 1}, {Manifest: "m", Key: "b", Time: noon, Value: 2}}
		err := w.Write(t.Context(), results)
		if (at == "sync") != errors.Is(err, full) {
			t.Errorf("%s: %v", at, err)
		}
		if at != "sync" {
			w.mu.Lock()
			if err := w.flush(); !errors.Is(err, full) {
				t.Errorf("%s: %v", at, err)
			}
			w.mu.Unlock()
		}
		fail = false
		if err := w.Write(t.Context(), results); err != nil {
			t.Errorf("%s: %v", at, err)
		}
		if err := w.Close(); err != nil {
			t.Errorf("%s: %v", at, err)
		}
		if got := files(t, dir); len(got) != 1 || len(got["2026-03-01-0001.parquet"]) != 2 {
			t.Errorf("%s: %v", at, got)
		}
	}
}

// TestWaitsForOthersSoLong has a file written though nothing comes any more. The
// encoder of Parquet files has channels that outlive a test: no bubble holds it.
func TestWaitsForOthersSoLong(t *testing.T) {
	dir := t.TempDir()
	written := make(chan struct{}, 10)
	w := opened(t, end(t, dir, "every", "1ms"), func(step string) error {
		if step == "empty" {
			written <- struct{}{}
		}
		return nil
	})
	if err := w.Write(t.Context(), []connect.Written{{Time: noon, Value: 1}}); err != nil {
		t.Fatal(err)
	}
	<-written
	if got := files(t, dir); len(got) != 1 {
		t.Error(got)
	}
	if err := w.Close(); err != nil {
		t.Error(err)
	}
}

func TestStaysInItsDirectory(t *testing.T) {
	dir := t.TempDir()
	outside := t.TempDir()
	if err := os.Symlink(outside, filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	house := connecttest.House()
	house.Files = dir
	for _, name := range []string{"..", "../x", "/tmp/x", "a//b", "a/../b", ".hidden", "a b", "link", "link/x", "ü", strings.Repeat("a", 101), "a\x00"} {
		if w, err := open(connecttest.End(t, Protocol(), house, manifest.Kind{}, "directory", name), nil); err == nil {
			t.Errorf("%.20q was opened", name)
			_ = w.Close()
		}
	}
	if names, err := os.ReadDir(outside); err != nil || len(names) > 0 {
		t.Error(names, err)
	}
	if _, err := open(connecttest.End(t, Protocol(), new(connect.House), manifest.Kind{}, "directory", "a"), nil); err == nil {
		t.Error("opened without a directory")
	}
	w := connecttest.Write(t, Protocol(), connecttest.End(t, Protocol(), house, manifest.Kind{}))
	if err := w.Write(t.Context(), []connect.Written{{Time: noon}}); err != nil {
		t.Error(err)
	}
	names, err := os.ReadDir(dir)
	if err != nil || !slices.ContainsFunc(names, func(e fs.DirEntry) bool { return strings.HasPrefix(e.Name(), "5ca1ab1e") }) {
		t.Error(names, err)
	}
}

func FuzzJournal(f *testing.F) {
	f.Add([]byte{40, 0, 0, 0, 1, 2, 3, 4, '['})
	f.Add([]byte{0xff, 0xff, 0xff, 0xff})
	f.Add([]byte("no journal"))
	f.Add([]byte{2, 0, 0, 0, 0x22, 0x1a, 0xcc, 0x7a, '[', ']', 'j'})
	f.Add([]byte{2, 0, 0, 0, 0x22, 0x1a, 0xcc, 0x7a, '[', ']'})
	f.Fuzz(func(t *testing.T, data []byte) {
		// In memory where the system has such a place: thousands of files would wait
		// for the disk.
		dir, err := os.MkdirTemp("/dev/shm", "journal")
		if err != nil {
			dir = t.TempDir()
		}
		t.Cleanup(func() { os.RemoveAll(dir) })
		if err := os.MkdirAll(filepath.Join(dir, "out"), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "out", journalName), data, 0o600); err != nil {
			t.Fatal(err)
		}
		w := opened(t, end(t, dir), nil)
		if w.size > int64(len(data)) {
			t.Error(w.size)
		}
		goesOn := len(data) == 0 || data[len(data)-1]%32 == 'j'%32 // of some only: it waits for the disk
		if goesOn {
			if err := w.Write(t.Context(), []connect.Written{{Time: noon, Value: 1}}); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		if !goesOn {
			return
		}
		if got := files(t, dir); len(got["2026-03-01-0001.parquet"]) == 0 {
			t.Error(got)
		}
	})
}
