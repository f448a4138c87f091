package parquet

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/parquet-go/parquet-go"
)

// file is one that is there.
type file struct {
	day  string
	part int
}

func (f file) name() string { return fmt.Sprintf("%s-%04d.parquet", f.day, f.part) }

// maxPart bounds the files of a day.
const maxPart = 9999

// last finds the last file of each day; part 0 where there is none.
func (w *writer) last(days map[string][]row) (map[string]file, error) {
	all := make(map[string]file, len(days))
	names, err := fs.Glob(w.root.FS(), "*.parquet")
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		stem := strings.TrimSuffix(name, ".parquet")
		if len(stem) != len("2006-01-02-0001") {
			continue // somebody else's
		}
		day := stem[:10]
		part, err := strconv.Atoi(stem[11:])
		if _, wanted := days[day]; !wanted || err != nil || stem[10] != '-' {
			continue
		}
		if part > all[day].part {
			all[day] = file{day, part}
		}
	}
	return all, nil
}

// flush writes what waits into files, and then empties the journal. Ended at any
// moment in between, it does the same again later, and nothing is there twice.
func (w *writer) flush() error {
	if len(w.pending) == 0 {
		return nil
	}
	days := make(map[string][]row)
	for _, r := range w.pending {
		day := time.UnixMilli(r.Time).UTC().Format(time.DateOnly)
		days[day] = append(days[day], r)
	}
	last, err := w.last(days)
	if err != nil {
		return err
	}
	for day, rows := range days {
		at := last[day]
		if err := w.merge(file{day, at.part}, rows); err != nil {
			return fmt.Errorf("write the file of %s: %w", day, err)
		}
	}
	if err := w.step("empty"); err != nil {
		return err
	}
	w.size = 0
	if err := w.cut(); err != nil {
		return err
	}
	if err := w.journal.Sync(); err != nil {
		return err
	}
	clear(w.pending)
	if w.timer != nil {
		w.timer.Stop()
		w.timer = nil
	}
	return nil
}

// merge puts rows into the last file of their day, and where they are too many
// those that are not there yet into a new one.
func (w *writer) merge(at file, rows []row) error {
	var old []row
	if at.part > 0 {
		var err error
		if old, err = w.read(at.name()); err != nil {
			return err
		}
	}
	known := make(map[identity]int, len(old))
	for i := range old {
		known[old[i].id()] = i
	}
	var more []row
	changed := false
	for _, r := range rows {
		i, ok := known[r.id()]
		if !ok {
			more = append(more, r)
			continue
		}
		if !same(old[i], r) {
			old[i], changed = r, true
		}
	}
	if len(old)+len(more) <= maxRows {
		if len(more) == 0 && !changed {
			return nil
		}
		at.part = max(at.part, 1)
		return w.write(at.name(), append(old, more...))
	}
	if changed {
		if err := w.write(at.name(), old); err != nil {
			return err
		}
	}
	// There are at most maxPending: they fit.
	if at.part++; at.part > maxPart {
		return errors.New("there are too many files of this day")
	}
	return w.write(at.name(), more)
}

func same(a, b row) bool {
	return a.Marks == b.Marks && (a.Value == nil) == (b.Value == nil) && (a.Value == nil || *a.Value == *b.Value)
}

func (w *writer) read(name string) (rows []row, err error) {
	f, err := w.root.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	p, err := parquet.OpenFile(f, info.Size())
	if err != nil {
		return nil, fmt.Errorf("%s is not readable: %w", name, err)
	}
	if p.NumRows() > 2*maxRows {
		return nil, fmt.Errorf("%s has %d rows, more than we ever write", name, p.NumRows())
	}
	rows = make([]row, p.NumRows())
	r := parquet.NewGenericReader[row](p)
	defer func() { err = errors.Join(err, r.Close()) }()
	for n := 0; n < len(rows); {
		got, err := r.Read(rows[n:])
		n += got
		if got == 0 {
			return nil, fmt.Errorf("%s ends after %d of %d rows: %w", name, n, len(rows), err)
		}
	}
	return rows, nil
}

// write makes a file whole: under another name, on the disk, and renamed.
func (w *writer) write(name string, rows []row) (err error) {
	slices.SortFunc(rows, func(a, b row) int {
		return cmp.Or(cmp.Compare(a.Manifest, b.Manifest), cmp.Compare(a.Processor, b.Processor), cmp.Compare(a.Key, b.Key), cmp.Compare(a.Time, b.Time))
	})
	hidden := ".new-" + name
	f, err := w.root.OpenFile(hidden, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o640)
	if err != nil {
		return err
	}
	p := parquet.NewGenericWriter[row](f, parquet.Compression(&parquet.Zstd), parquet.MaxRowsPerRowGroup(50_000))
	_, err = p.Write(rows)
	if err == nil {
		err = p.Close()
	}
	if err == nil {
		err = w.step("sync file")
	}
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = w.step("rename")
	}
	if err == nil {
		err = w.root.Rename(hidden, name)
	}
	if err != nil {
		_ = w.root.Remove(hidden) // recover does, else
		return err
	}
	return w.syncDir()
}

func (w *writer) syncDir() error {
	d, err := w.root.Open(".")
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
