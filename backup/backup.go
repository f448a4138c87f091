package backup

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/wattwerk/wattwerk/bus"
	"github.com/wattwerk/wattwerk/internal/datadir"
	"github.com/wattwerk/wattwerk/model"
)

// The names of entries.
const (
	format     = 1
	headEntry  = "backup.json"
	endEntry   = "end.json"
	modelEntry = "model.yaml"
	booksEntry = "wattwerk.db"
	busEntries = "bus/"
	historyDir = "history"
)

type head struct {
	Format     int       `json:"format"`
	Version    string    `json:"version"`
	Created    time.Time `json:"created"`
	Partitions int       `json:"partitions"`
}

type end struct {
	Entries int   `json:"entries"` // before this one
	Bytes   int64 `json:"bytes"`   // of their content
}

// Source is what there is to copy. Parts that are nil are left out.
type Source struct {
	Dir     string // the data directory
	Bus     *bus.Bus
	Books   func(ctx context.Context, dir string) error // makes the file booksEntry in a directory
	Model   *model.Model
	Flush   func(context.Context) error // writes the history to disk
	Version string                      // of the program, for the file
}

// archive writes entries and counts them.
type archive struct {
	tar *tar.Writer
	end end
	now time.Time
}

func (a *archive) add(name string, size int64, content io.Reader) error {
	err := a.tar.WriteHeader(&tar.Header{Name: name, Size: size, Mode: 0o600, ModTime: a.now, Format: tar.FormatPAX})
	if err != nil {
		return err
	}
	n, err := io.Copy(a.tar, content)
	a.end.Entries, a.end.Bytes = a.end.Entries+1, a.end.Bytes+n
	return err
}

func (a *archive) addBytes(name string, data []byte) error {
	return a.add(name, int64(len(data)), bytes.NewReader(data))
}

func (a *archive) addJSON(name string, v any) error {
	data, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	return a.addBytes(name, data)
}

func (a *archive) addFile(name, path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close() //nolint:errcheck // only read
	st, err := f.Stat()
	if err != nil {
		return err
	}
	return a.add(name, st.Size(), f)
}

// Write copies everything to w. No process removes anything from the bus
// meanwhile; everything else goes on.
func (s Source) Write(ctx context.Context, w io.Writer) (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("write backup: %w", err)
		}
	}()
	release, err := s.Bus.Hold(ctx)
	if err != nil {
		return err
	}
	defer release()
	// The smaller the part that is only on the bus, the smaller the backup.
	if s.Flush != nil {
		if err := s.Flush(ctx); err != nil {
			return err
		}
	}
	z, err := zstd.NewWriter(w, zstd.WithEncoderConcurrency(1))
	if err != nil {
		return err
	}
	a := &archive{tar: tar.NewWriter(z), now: time.Now().UTC().Truncate(time.Second)}
	what := head{Format: format, Version: s.Version, Created: a.now, Partitions: s.Bus.Partitions()}
	for _, step := range []func() error{
		func() error { return a.addJSON(headEntry, what) },
		func() error { return s.writeBooks(ctx, a) },
		func() error { return s.writeModel(a) },
		func() error { return s.writeBus(ctx, a) },
		func() error { return s.writeHistory(ctx, a) },
		func() error { return a.addJSON(endEntry, a.end) },
		a.tar.Close, z.Close,
	} {
		if err := errors.Join(ctx.Err(), step()); err != nil {
			return err
		}
	}
	return nil
}

func (s Source) writeBooks(ctx context.Context, a *archive) error {
	if s.Books == nil {
		return nil
	}
	tmp, err := os.MkdirTemp(s.Dir, "backup-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp) //nolint:errcheck // a leftover does no harm
	if err := s.Books(ctx, tmp); err != nil {
		return err
	}
	return a.addFile(booksEntry, filepath.Join(tmp, booksEntry))
}

func (s Source) writeModel(a *archive) error {
	if s.Model == nil {
		return nil
	}
	var b bytes.Buffer
	if err := s.Model.Document().WriteYAML(&b); err != nil {
		return err
	}
	return a.addBytes(modelEntry, b.Bytes())
}

func (s Source) writeBus(ctx context.Context, a *archive) error {
	names, err := s.Bus.Streams(ctx)
	if err != nil {
		return err
	}
	// What remembers positions in other streams comes before those streams, so
	// that no position points behind their end.
	slices.SortStableFunc(names, func(x, y string) int { return rank(x) - rank(y) })
	for _, name := range names {
		n := 0
		err := s.Bus.Snapshot(ctx, name,
			func(h bus.Snapshot) error { return a.addJSON(busEntries+name+"/snapshot.json", h) },
			func(chunk []byte) error {
				n++
				return a.addBytes(fmt.Sprintf("%s%s/%06d", busEntries, name, n), chunk)
			})
		if err != nil {
			return err
		}
	}
	return nil
}

func rank(stream string) int {
	switch {
	case strings.HasPrefix(stream, "RECORDS-"):
		return 3
	case strings.HasPrefix(stream, "KV_"), strings.HasPrefix(stream, "OBJ_"):
		return 1
	}
	return 2
}

// writeHistory copies the blocks. They never change once they are there, but
// they are merged into larger ones, so they are held by hard links first.
func (s Source) writeHistory(ctx context.Context, a *archive) error {
	from := filepath.Join(s.Dir, historyDir)
	if _, err := os.Stat(from); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	held, err := os.MkdirTemp(s.Dir, "backup-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(held) //nolint:errcheck // a leftover does no harm
	if err := holdBlocks(from, held); err != nil {
		return err
	}
	return filepath.WalkDir(held, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || ctx.Err() != nil {
			return errors.Join(err, ctx.Err())
		}
		below, err := filepath.Rel(held, path)
		if err != nil {
			return err
		}
		return a.addFile(historyDir+"/"+filepath.ToSlash(below), path)
	})
}

// holdBlocks links all blocks of one moment into another directory. When a
// block goes away while it is being linked its data is in a new one, so then
// it begins again.
func holdBlocks(from, to string) error {
	for {
		blocks, err := filepath.Glob(filepath.Join(from, "*", "meta.json"))
		if err != nil {
			return err
		}
		gone := false
		for _, meta := range blocks {
			block := filepath.Dir(meta)
			if strings.Contains(filepath.Base(block), ".") { // still being written
				continue
			}
			err := linkTree(block, filepath.Join(to, filepath.Base(block)))
			if errors.Is(err, fs.ErrNotExist) {
				gone = true
				break
			}
			if err != nil {
				return err
			}
		}
		if !gone {
			return nil
		}
		if err := os.RemoveAll(to); err != nil {
			return err
		}
	}
}

func linkTree(from, to string) error {
	return filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		below, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		if d.IsDir() {
			return os.MkdirAll(filepath.Join(to, below), 0o700)
		}
		return os.Link(path, filepath.Join(to, below))
	})
}

// ErrNotEmpty says that there is something where a backup was to be restored.
var ErrNotEmpty = errors.New("a backup is restored into an empty directory only")

// ErrUsedBus says that there is something on the bus already.
var ErrUsedBus = errors.New("a backup is restored onto a bus that nobody has used; stop all processes and delete its streams, or name another one")

// Restore makes a data directory from a backup. When it fails it leaves the
// directory as empty as it was; when it is killed, nothing is run there until it has been
// restored again. What was on the bus goes to the one that to
// names, with as many copies as it says, or into the directory when that is the
// zero value. An external bus must be one that nobody has used; when Restore
// fails, streams may be left there.
func Restore(ctx context.Context, r io.Reader, path string, to bus.Options) (err error) {
	dir, err := datadir.Make(path)
	if errors.Is(err, datadir.ErrNotEmpty) {
		return fmt.Errorf("restore: %w, and %s is not empty", ErrNotEmpty, path)
	}
	if err != nil {
		return fmt.Errorf("restore: %w", err)
	}
	defer func() {
		if err == nil {
			err = dir.Finish()
		}
		if err != nil {
			err = fmt.Errorf("restore: %w", errors.Join(err, dir.Discard()))
			return
		}
		dir.Close()
	}()
	z, err := zstd.NewReader(r)
	if err != nil {
		return err
	}
	defer z.Close()
	in := &restorer{tar: tar.NewReader(z), dir: dir.Path(), to: to}
	defer func() {
		if in.bus != nil {
			in.bus.Close()
		}
	}()
	return in.run(ctx)
}

// restorer reads a backup from front to back.
type restorer struct {
	tar  *tar.Reader
	dir  string
	head head
	to   bus.Options
	bus  *bus.Bus
	seen end
	next *tar.Header // read ahead, not used yet
}

var errCutOff = errors.New("the file ends too early; it was cut off, and nothing of it is used")

// advance moves to the next entry; nil at the end of the file.
func (r *restorer) advance() (*tar.Header, error) {
	if h := r.next; h != nil {
		r.next = nil
		return h, nil
	}
	h, err := r.tar.Next()
	switch {
	case errors.Is(err, io.EOF):
		return nil, nil
	case errors.Is(err, io.ErrUnexpectedEOF):
		return nil, errCutOff
	case err != nil:
		return nil, fmt.Errorf("this is no backup, or it is damaged: %w", err)
	case h.Typeflag != tar.TypeReg || !fs.ValidPath(h.Name):
		return nil, fmt.Errorf("entry %q does not belong into a backup", h.Name)
	}
	return h, nil
}

func (r *restorer) run(ctx context.Context) error {
	first, err := r.advance()
	if err != nil {
		return err
	}
	if first == nil || first.Name != headEntry {
		return errors.New("this is no backup of wattwerk")
	}
	if err := r.json(&r.head); err != nil {
		return err
	}
	if r.head.Format != format {
		return fmt.Errorf("the backup has format %d, this version reads %d; restore it with wattwerk %s", r.head.Format, format, r.head.Version)
	}
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		h, err := r.advance()
		if err != nil {
			return err
		}
		if h == nil {
			return errCutOff
		}
		switch {
		case h.Name == endEntry:
			want := r.seen
			var end end
			if err := r.json(&end); err != nil {
				return err
			}
			if end != want {
				return fmt.Errorf("%d entries with %d bytes were written, %d with %d are there", end.Entries, end.Bytes, want.Entries, want.Bytes)
			}
			return nil
		case h.Name == booksEntry, strings.HasPrefix(h.Name, historyDir+"/"):
			err = r.file(h.Name)
		case h.Name == modelEntry: // for people; the bus has the model
			_, err = r.bytes()
		case strings.HasPrefix(h.Name, busEntries) && strings.HasSuffix(h.Name, "/snapshot.json"):
			err = r.stream(ctx)
		default:
			err = fmt.Errorf("entry %q does not belong into a backup", h.Name)
		}
		if err != nil {
			return err
		}
	}
}

func (r *restorer) bytes() ([]byte, error) {
	data, err := io.ReadAll(r.tar)
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, errCutOff
	}
	r.seen.Entries, r.seen.Bytes = r.seen.Entries+1, r.seen.Bytes+int64(len(data))
	return data, err
}

func (r *restorer) json(v any) error {
	data, err := r.bytes()
	if err != nil {
		return err
	}
	return json.Unmarshal(data, v)
}

func (r *restorer) file(name string) error {
	path := filepath.Join(r.dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	n, err := io.Copy(f, r.tar)
	if errors.Is(err, io.ErrUnexpectedEOF) {
		err = errCutOff
	}
	r.seen.Entries, r.seen.Bytes = r.seen.Entries+1, r.seen.Bytes+n
	return errors.Join(err, f.Sync(), f.Close())
}

// stream restores one stream; the current entry is its head.
func (r *restorer) stream(ctx context.Context) error {
	var s bus.Snapshot
	if err := r.json(&s); err != nil {
		return err
	}
	if r.bus == nil {
		var err error
		r.to.Dir, r.to.Partitions = r.dir, r.head.Partitions
		if r.bus, err = bus.Open(ctx, r.to); err != nil {
			return err
		}
		if fresh, err := r.bus.Fresh(ctx); err != nil || !fresh {
			return errors.Join(err, ErrUsedBus)
		}
	}
	prefix := busEntries + s.Stream + "/"
	return r.bus.Restore(ctx, s, func() ([]byte, error) {
		h, err := r.advance()
		if err != nil || h == nil {
			return nil, errors.Join(err, errCutOff)
		}
		if !strings.HasPrefix(h.Name, prefix) {
			r.next = h
			return nil, nil
		}
		return r.bytes()
	})
}
