package buffer

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/wattwerk/wattwerk/edge/slot"
	"github.com/wattwerk/wattwerk/survey/household"
)

// Defaults of the limits.
const (
	DefaultMaxBytes = 64 << 20
	DefaultMaxAge   = 180 * 24 * time.Hour
)

// Options of a buffer.
type Options struct {
	Dir      string           // is made, readable by its owner alone
	Interval time.Duration    // between slots; 0: a quarter of an hour
	MaxBytes int64            // of all files together; 0: [DefaultMaxBytes]
	MaxAge   time.Duration    // of a batch, by its latest slot; 0: [DefaultMaxAge]
	Now      func() time.Time // 0: time.Now

	disk disk // for tests
}

// disk is what may fail.
type disk struct {
	create   func(path string) (*os.File, error)
	write    func(*os.File, []byte) (int, error)
	sync     func(*os.File) error
	truncate func(*os.File, int64) error
	remove   func(path string) error
}

// complete fills in what is not given: the disk of this machine.
func (d *disk) complete() {
	if d.create == nil {
		d.create = func(path string) (*os.File, error) {
			return os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL|os.O_APPEND, 0o600)
		}
	}
	if d.write == nil {
		d.write = (*os.File).Write
	}
	if d.sync == nil {
		d.sync = (*os.File).Sync
	}
	if d.truncate == nil {
		d.truncate = (*os.File).Truncate
	}
	if d.remove == nil {
		d.remove = os.Remove
	}
}

// Buffer keeps measurements until they are confirmed.
type Buffer struct {
	o Options

	mu      sync.Mutex
	state   state
	damaged int      // bytes, when it was opened
	all     []*batch // in order of their numbers
	current *batch   // of all: the last one, while it may be appended to
	file    *os.File // of current
}

// batch is a file.
type batch struct {
	sequence int64
	size     int64 // that is whole
	n        int   // measurements
	first    int64 // slot, in seconds since 1970
	last     int64
	skip     []int // slots that were written before, by their places
}

const suffix = ".batch"

func (b *Buffer) path(sequence int64) string {
	return filepath.Join(b.o.Dir, fmt.Sprintf("%020d%s", sequence, suffix))
}

// Open reads what is there.
func Open(o Options) (*Buffer, error) {
	if o.Interval == 0 {
		o.Interval = household.Quarter
	}
	if o.MaxBytes == 0 {
		o.MaxBytes = DefaultMaxBytes
	}
	if o.MaxAge == 0 {
		o.MaxAge = DefaultMaxAge
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	o.disk.complete()
	b := &Buffer{o: o, state: state{covered: make(map[string]slot.Coverage)}}
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("open buffer: %w", err)
	}
	files, err := os.ReadDir(o.Dir) // in order of names
	if err != nil {
		return nil, fmt.Errorf("open buffer: %w", err)
	}
	written := make(map[string]slot.Coverage)
	for _, f := range files {
		digits, ok := strings.CutSuffix(f.Name(), suffix)
		sequence, err := strconv.ParseInt(digits, 10, 64)
		if !ok || err != nil || len(digits) != 20 || sequence < 1 {
			continue
		}
		if err := b.load(sequence, written); err != nil {
			return nil, fmt.Errorf("open buffer: %w", err)
		}
	}
	return b, nil
}

// load reads a file. written are the slots of the files before.
func (b *Buffer) load(sequence int64, written map[string]slot.Coverage) error {
	data, err := os.ReadFile(b.path(sequence))
	if err != nil {
		return err
	}
	x := &batch{sequence: sequence, size: int64(len(data))}
	place := 0
	damaged := scan(data, sequence, func(k kind, payload []byte) error {
		switch k {
		case kindState:
			s, err := decodeState(payload)
			if err == nil {
				b.state.merge(s)
			}
			return err
		case kindSlot:
			e, err := decodeEntry(payload)
			if err != nil {
				return err
			}
			if written[e.meter].Overlaps(e.span) {
				// It was thought not to be written, and was written again.
				x.skip = append(x.skip, place)
			} else {
				written[e.meter] = written[e.meter].Add(e.span)
				b.state.covered[e.meter] = b.state.covered[e.meter].Add(e.span)
				x.count(e)
			}
			place++
			return nil
		}
		return errRecord
	})
	b.damaged += damaged
	b.all = append(b.all, x)
	return nil
}

// count notes a slot that is in the batch.
func (x *batch) count(e entry) {
	if x.n == 0 {
		x.first, x.last = e.span.From, e.span.From
	}
	x.first, x.last = min(x.first, e.span.From), max(x.last, e.span.From)
	x.n += len(e.values)
}

// Covered tells which slots of a meter were measured.
func (b *Buffer) Covered(meter string) slot.Coverage {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.state.covered[meter]
}

// Append keeps slots. They are on the disk when it returns; after an error none of
// them is.
func (b *Buffer) Append(slots []slot.Slot) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	n, entries := 0, make([]entry, len(slots))
	payloads := make([][]byte, len(slots))
	for i, s := range slots {
		entries[i] = entry{s.Meter, slot.SpanOf(s.At, b.o.Interval), s.Measurements}
		n += len(s.Measurements)
		var err error
		if payloads[i], err = entries[i].encode(); err != nil {
			return fmt.Errorf("keep measurements: %w", err)
		}
	}
	if n == 0 {
		return nil
	}
	if b.current != nil && b.current.n > 0 && b.current.n+n > household.MaxBatch {
		b.seal()
	}
	if err := b.begin(); err != nil {
		return fmt.Errorf("keep measurements: %w", err)
	}
	var data []byte
	for _, p := range payloads {
		data = appendRecord(data, b.current.sequence, b.current.size, kindSlot, p)
	}
	if err := b.write(data); err != nil {
		// Nobody knows what is on the disk. What can be cut off is; the rest is
		// known by its slots when it is read.
		err = errors.Join(err, b.o.disk.truncate(b.file, b.current.size), b.o.disk.sync(b.file))
		b.seal()
		return fmt.Errorf("keep measurements: %w", err)
	}
	b.current.size += int64(len(data))
	for _, e := range entries {
		b.current.count(e)
		b.state.covered[e.meter] = b.state.covered[e.meter].Add(e.span)
	}
	return nil
}

func (b *Buffer) write(data []byte) error {
	if _, err := b.o.disk.write(b.file, data); err != nil {
		return err
	}
	return b.o.disk.sync(b.file)
}

// begin makes the file that is appended to, if there is none.
func (b *Buffer) begin() error {
	if b.current != nil {
		return nil
	}
	x := &batch{sequence: b.next()}
	s, err := b.state.encode()
	if err != nil {
		return err
	}
	data := []byte(magic)
	for range 2 {
		data = appendRecord(data, x.sequence, 0, kindState, s)
	}
	path := b.path(x.sequence)
	if b.file, err = b.o.disk.create(path); err != nil {
		return err
	}
	if err = b.write(data); err == nil {
		err = b.syncDir()
	}
	if err != nil {
		err = errors.Join(err, b.file.Close(), b.o.disk.remove(path))
		b.file = nil
		return err
	}
	x.size = int64(len(data))
	b.all, b.current = append(b.all, x), x
	return b.tidy()
}

// next is the number of the next batch.
func (b *Buffer) next() int64 {
	n := b.o.Now().UnixMilli()
	if len(b.all) > 0 {
		n = max(n, b.all[len(b.all)-1].sequence+1)
	}
	return max(n, 1)
}

// tidy removes files in which no measurements are. The current one has their state.
func (b *Buffer) tidy() error {
	for _, x := range slices.Clone(b.all) {
		if x.n == 0 && x != b.current {
			if err := b.remove(x); err != nil {
				return err
			}
		}
	}
	return nil
}

func (b *Buffer) remove(x *batch) error {
	if err := b.o.disk.remove(b.path(x.sequence)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	b.all = slices.DeleteFunc(b.all, func(y *batch) bool { return x == y })
	return nil
}

func (b *Buffer) syncDir() error {
	dir, err := os.Open(b.o.Dir)
	if err != nil {
		return err
	}
	return errors.Join(b.o.disk.sync(dir), dir.Close())
}

// seal ends the current batch.
func (b *Buffer) seal() {
	if b.current != nil {
		_ = b.file.Close() // all of it is synced
		b.current, b.file = nil, nil
	}
}

// Next gives the oldest batch, with its number and what it holds. The same comes until Done,
// Drop or Renumber is called; nothing is added to it any more.
func (b *Buffer) Next() (household.Batch, bool, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, x := range b.all {
		if x.n == 0 {
			continue
		}
		if x == b.current {
			b.seal()
		}
		m, err := b.read(x)
		if err != nil {
			return household.Batch{}, false, fmt.Errorf("read buffer: %w", err)
		}
		if len(m) == 0 { // it was damaged since
			x.n = 0
			continue
		}
		return household.Batch{Sequence: x.sequence, Measurements: m}, true, nil
	}
	return household.Batch{}, false, nil
}

// read gives what is in a file.
func (b *Buffer) read(x *batch) ([]household.Measurement, error) {
	data, err := os.ReadFile(b.path(x.sequence))
	if err != nil {
		return nil, err
	}
	var out []household.Measurement
	place := 0
	scan(data[:min(int64(len(data)), x.size)], x.sequence, func(k kind, payload []byte) error {
		if k != kindSlot {
			return nil
		}
		e, err := decodeEntry(payload)
		if err == nil {
			if !slices.Contains(x.skip, place) {
				out = append(out, e.values...)
			}
			place++
		}
		return err
	})
	return out, nil
}

// Done forgets a batch that was confirmed. One that is not there is none.
func (b *Buffer) Done(sequence int64) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.forget(sequence, false)
}

// Drop forgets a batch that will never be taken, and counts what it held.
func (b *Buffer) Drop(sequence int64) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.forget(sequence, true)
}

// Lost counts measurements that never came into the buffer, for which there was no room for too long, as dropped. The count is on the
// disk with the next file.
func (b *Buffer) Lost(measurements int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.state.dropped += uint64(measurements)
	b.seal()
}

func (b *Buffer) forget(sequence int64, dropped bool) error {
	i := slices.IndexFunc(b.all, func(x *batch) bool { return x.sequence == sequence })
	if i < 0 {
		return nil
	}
	x := b.all[i]
	if x == b.current || dropped { // a new file says what was dropped
		b.seal()
	}
	if dropped {
		b.state.dropped += uint64(x.n)
	}
	// Another file has the state before this one goes.
	if err := b.begin(); err != nil {
		if dropped { // it is not, yet
			b.state.dropped -= uint64(x.n)
		}
		return fmt.Errorf("forget batch: %w", err)
	}
	if err := errors.Join(b.remove(x), b.syncDir()); err != nil {
		return fmt.Errorf("forget batch: %w", err)
	}
	return nil
}

// Renumber gives a batch a number that was not used before.
func (b *Buffer) Renumber(sequence int64) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	i := slices.IndexFunc(b.all, func(x *batch) bool { return x.sequence == sequence })
	if i < 0 {
		return nil
	}
	x := b.all[i]
	m, err := b.read(x)
	if err != nil {
		return fmt.Errorf("number batch anew: %w", err)
	}
	b.seal()
	if err := b.begin(); err != nil {
		return fmt.Errorf("number batch anew: %w", err)
	}
	var data []byte
	var entries []entry
	for len(m) > 0 {
		n := 1
		for n < len(m) && m[n].Meter == m[0].Meter && m[n].Slot.Equal(m[0].Slot) {
			n++
		}
		e := entry{m[0].Meter, slot.SpanOf(m[0].Slot, b.o.Interval), m[:n]}
		p, err := e.encode()
		if err != nil {
			return fmt.Errorf("number batch anew: %w", err)
		}
		data = appendRecord(data, b.current.sequence, b.current.size, kindSlot, p)
		entries, m = append(entries, e), m[n:]
	}
	if err := b.write(data); err != nil {
		err = errors.Join(err, b.o.disk.truncate(b.file, b.current.size))
		b.seal()
		return fmt.Errorf("number batch anew: %w", err)
	}
	b.current.size += int64(len(data))
	for _, e := range entries {
		b.current.count(e)
	}
	if err := errors.Join(b.remove(x), b.syncDir()); err != nil {
		return fmt.Errorf("number batch anew: %w", err)
	}
	return nil
}

// Limit drops the oldest batches while all are more than they may be, or are too old, and
// gives how many measurements that were.
func (b *Buffer) Limit() (dropped int, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	oldest := b.o.Now().Add(-b.o.MaxAge).Unix()
	for _, x := range slices.Clone(b.all) {
		if x.n == 0 || b.bytes() <= b.o.MaxBytes && x.last >= oldest {
			continue
		}
		n := x.n
		if err := b.forget(x.sequence, true); err != nil {
			return dropped, err
		}
		dropped += n
	}
	return dropped, nil
}

func (b *Buffer) bytes() (n int64) {
	for _, x := range b.all {
		n += x.size
	}
	return n
}

// Pending gives what is kept of a meter, in the order in which it was measured, and at
// most so many of the latest.
func (b *Buffer) Pending(meter string, most int) ([]household.Measurement, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	var out []household.Measurement
	for _, x := range slices.Backward(b.all) {
		if x.n == 0 {
			continue
		}
		m, err := b.read(x)
		if err != nil {
			return nil, fmt.Errorf("read buffer: %w", err)
		}
		m = slices.DeleteFunc(m, func(m household.Measurement) bool { return m.Meter != meter })
		if out = append(m, out...); len(out) >= most {
			return out[len(out)-most:], nil
		}
	}
	return out, nil
}

// Stats say what a buffer holds.
type Stats struct {
	Batches      int       `json:"batches"`
	Measurements int       `json:"measurements"`
	Bytes        int64     `json:"bytes"`
	Oldest       time.Time `json:"oldest,omitzero"` // slot
	Dropped      uint64    `json:"dropped"`         // measurements that were dropped unconfirmed
	Damaged      int       `json:"damaged"`         // bytes of files that were in no whole record when they were opened
}

// Stats gives them.
func (b *Buffer) Stats() Stats {
	b.mu.Lock()
	defer b.mu.Unlock()
	s := Stats{Bytes: b.bytes(), Dropped: b.state.dropped, Damaged: b.damaged}
	for _, x := range b.all {
		if x.n == 0 {
			continue
		}
		s.Batches++
		s.Measurements += x.n
		if at := time.Unix(x.first, 0).UTC(); s.Oldest.IsZero() || at.Before(s.Oldest) {
			s.Oldest = at
		}
	}
	return s
}

// Wipe deletes everything, and what is known of slots.
func (b *Buffer) Wipe() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.seal()
	for _, x := range slices.Clone(b.all) {
		if err := b.remove(x); err != nil {
			return fmt.Errorf("wipe buffer: %w", err)
		}
	}
	maps.DeleteFunc(b.state.covered, func(string, slot.Coverage) bool { return true })
	if err := b.syncDir(); err != nil {
		return fmt.Errorf("wipe buffer: %w", err)
	}
	return nil
}

// Close closes the file that is open.
func (b *Buffer) Close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.seal()
	return nil
}
