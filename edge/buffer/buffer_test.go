package buffer

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/wattwerk/wattwerk/edge/slot"
	"github.com/wattwerk/wattwerk/survey/household"
)

var (
	day    = time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	meters = []string{"6f1d2c9a-0b6e-4c53-9f57-2f4f0c3e8a11", "00000000-0000-4000-8000-000000000001"}
)

// lazy is a disk that is not waited for: what is tested is what stands in files.
var lazy = disk{sync: func(*os.File) error { return nil }}

func open(t testing.TB, o Options) *Buffer {
	t.Helper()
	if o.Now == nil {
		o.Now = func() time.Time { return day }
	}
	if o.disk.sync == nil {
		o.disk.sync = lazy.sync
	}
	b, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	return b
}

// measured is a slot with a counter and a power that tell which it is.
func measured(meter, i int) slot.Slot {
	at := day.Add(time.Duration(i) * household.Quarter)
	s := slot.Slot{Meter: meters[meter], At: at, Measurements: []household.Measurement{
		{Meter: meters[meter], Slot: at, OBIS: "0100010800ff", Raw: int64(i) << 20, Scaler: -1, Unit: "Wh", Status: new(int64(i))},
		{Meter: meters[meter], Slot: at, OBIS: "0100100700ff", Raw: -int64(i), Scaler: 0, Unit: "W"},
	}}
	return s
}

func keep(t testing.TB, b *Buffer, slots ...slot.Slot) {
	t.Helper()
	if err := b.Append(slots); err != nil {
		t.Fatal(err)
	}
}

// everything takes all batches out.
func everything(t testing.TB, b *Buffer) (out []household.Measurement, numbers []int64) {
	t.Helper()
	for {
		x, ok, err := b.Next()
		if err != nil {
			t.Fatal(err)
		}
		if !ok {
			return out, numbers
		}
		out, numbers = append(out, x.Measurements...), append(numbers, x.Sequence)
		if err := b.Done(x.Sequence); err != nil {
			t.Fatal(err)
		}
	}
}

func all(slots ...slot.Slot) (out []household.Measurement) {
	for _, s := range slots {
		out = append(out, s.Measurements...)
	}
	return out
}

func TestKept(t *testing.T) {
	dir := t.TempDir()
	b := open(t, Options{Dir: dir, disk: disk{sync: (*os.File).Sync}})
	if _, ok, err := b.Next(); ok || err != nil {
		t.Fatal(ok, err)
	}
	keep(t, b, measured(0, 0), measured(1, 0))
	keep(t, b, measured(0, 1))
	first, ok, err := b.Next()
	if !ok || err != nil {
		t.Fatal(ok, err)
	}
	keep(t, b, measured(0, 2)) // not of the batch that was handed out
	if d := cmp.Diff(all(measured(0, 0), measured(1, 0), measured(0, 1)), first.Measurements); d != "" || first.Sequence != day.UnixMilli() {
		t.Error(first.Sequence, d)
	}
	again := open(t, Options{Dir: dir})
	if second, ok, err := again.Next(); !ok || err != nil || cmp.Diff(first, second) != "" {
		t.Error(second, ok, err)
	}
	if s := again.Stats(); s.Batches != 2 || s.Measurements != 8 || !s.Oldest.Equal(day) || s.Damaged != 0 {
		t.Errorf("%+v", s)
	}
	if p, err := again.Pending(meters[0], 3); err != nil || cmp.Diff(all(measured(0, 1), measured(0, 2))[1:], p) != "" {
		t.Errorf("%v, %v", p, err)
	}
	got, numbers := everything(t, again)
	if d := cmp.Diff(all(measured(0, 0), measured(1, 0), measured(0, 1), measured(0, 2)), got); d != "" || len(numbers) != 2 || numbers[1] <= numbers[0] {
		t.Error(numbers, d)
	}
	// The slots stay known, and numbers go on, when all batches are gone.
	last := open(t, Options{Dir: dir})
	if c := last.Covered(meters[0]); len(c) != 1 || c.End() != day.Add(45*time.Minute) || len(last.Covered(meters[1])) != 1 {
		t.Error(c)
	}
	keep(t, last, measured(0, 3))
	if x, _, err := last.Next(); err != nil || x.Sequence <= numbers[1] {
		t.Error(x.Sequence, err)
	}
	files, err := os.ReadDir(dir)
	if err != nil || len(files) != 1 {
		t.Error(files, err)
	}
	for _, f := range files {
		if i, err := f.Info(); err != nil || i.Mode().Perm() != 0o600 {
			t.Error(i, err)
		}
	}
}

// written makes a file of so many appends, and gives its content with how long it was after
// each.
func written(t *testing.T, appends int) (name string, data []byte, ends []int) {
	t.Helper()
	dir := t.TempDir()
	b := open(t, Options{Dir: dir})
	// What was measured before is in the state.
	keep(t, b, measured(1, 90))
	everything(t, b)
	for i := range appends {
		keep(t, b, measured(0, i))
		ends = append(ends, int(b.current.size))
	}
	name = filepath.Base(b.path(b.current.sequence))
	data, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return name, data, ends
}

// check opens a file that was spoilt: the slots that want names are there, and no others, and
// appending goes on.
func check(t *testing.T, dir, name string, data []byte, what string, want []slot.Slot) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
		t.Fatal(err)
	}
	b := open(t, Options{Dir: dir})
	keep(t, b, measured(0, 50))
	b.Close()
	b = open(t, Options{Dir: dir})
	for _, s := range append(want, measured(0, 50)) {
		if !b.Covered(s.Meter).Overlaps(slot.SpanOf(s.At, household.Quarter)) {
			t.Errorf("%s: %v does not count as measured", what, s.At)
		}
	}
	got, numbers := everything(t, b)
	if d := cmp.Diff(all(append(want, measured(0, 50))...), got); d != "" {
		t.Errorf("%s: %s", what, d)
	}
	if !slices.IsSorted(numbers) {
		t.Errorf("%s: %v", what, numbers)
	}
	b.Close()
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if err := os.Remove(filepath.Join(dir, f.Name())); err != nil {
			t.Fatal(err)
		}
	}
}

// TestPowerLoss cuts the file at every length: what was synced by then is there, and
// nothing else.
func TestPowerLoss(t *testing.T) {
	name, data, ends := written(t, 4)
	dir := t.TempDir()
	for n := range len(data) + 1 {
		var want []slot.Slot
		for i, end := range ends {
			if end <= n {
				want = append(want, measured(0, i))
			}
		}
		check(t, dir, name, data[:n], fmt.Sprintf("cut at %d of %d", n, len(data)), want)
		// A power cut can also leave zeros, or what stood there before.
		if n%4 != 0 {
			continue
		}
		rest := make([]byte, len(data)-n)
		if n%8 == 0 {
			for i := range rest {
				rest[i] = byte(rand.Uint32())
			}
		}
		check(t, dir, name, slices.Concat(data[:n], rest), fmt.Sprintf("torn at %d of %d", n, len(data)), wantOf(want, data, n, ends, rest))
	}
}

// wantOf adds a slot whose last bytes happen to be what is left.
func wantOf(want []slot.Slot, data []byte, n int, ends []int, rest []byte) []slot.Slot {
	for i, end := range ends {
		if end > n && slices.Equal(data[n:end], rest[:end-n]) {
			want = append(want, measured(0, i))
		}
	}
	return want
}

// TestFlippedBits spoils every byte: what it was in is lost, the rest is there.
func TestFlippedBits(t *testing.T) {
	name, data, ends := written(t, 4)
	dir := t.TempDir()
	begin := len(data) - (ends[len(ends)-1] - ends[0]) - (ends[1] - ends[0])
	for at := range data {
		spoilt := slices.Clone(data)
		spoilt[at] ^= 1 << (at % 8)
		var want []slot.Slot
		from := begin
		for i, end := range ends {
			if at < from || at >= end {
				want = append(want, measured(0, i))
			}
			from = end
		}
		if at >= ends[0] || at < begin-30 {
			check(t, dir, name, spoilt, fmt.Sprintf("byte %d of %d", at, len(data)), want)
		}
	}
}

// TestStateIsKeptTwice: one damage never makes a slot count as not measured.
func TestStateIsKeptTwice(t *testing.T) {
	name, data, _ := written(t, 1)
	for at := range data {
		spoilt := slices.Clone(data)
		spoilt[at] ^= 0x10
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, name), spoilt, 0o600); err != nil {
			t.Fatal(err)
		}
		if b := open(t, Options{Dir: dir}); !b.Covered(meters[1]).Overlaps(slot.SpanOf(measured(1, 90).At, household.Quarter)) {
			t.Errorf("byte %d: what was measured before is forgotten", at)
		}
	}
}

// TestForeignFiles: a file under another name is another batch, whose records are none.
func TestForeignFiles(t *testing.T) {
	name, data, _ := written(t, 3)
	dir := t.TempDir()
	for _, n := range []string{"00000000000000000007.batch", "7.batch", "x.batch", "-0000000000000000007.batch", name + "~"} {
		if err := os.WriteFile(filepath.Join(dir, n), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	b := open(t, Options{Dir: dir})
	if got, _ := everything(t, b); len(got) != 0 || b.Stats().Damaged == 0 {
		t.Error(got)
	}
}

// TestDisk: writing or syncing fails at every step, and what Append took is there once.
func TestDisk(t *testing.T) {
	for fail := range 40 {
		dir := t.TempDir()
		n := 0
		step := func() error {
			if n++; n == fail || n == fail+1 && fail%3 == 0 {
				return errors.New("no space left")
			}
			return nil
		}
		o := Options{Dir: dir, disk: disk{
			write: func(f *os.File, p []byte) (int, error) {
				if err := step(); err != nil {
					_, _ = f.Write(p[:len(p)/2])
					return len(p) / 2, err
				}
				return f.Write(p)
			},
			sync: func(*os.File) error { return step() },
		}}
		b := open(t, o)
		var want []household.Measurement
		for i := range 8 {
			if err := b.Append([]slot.Slot{measured(0, i)}); err != nil {
				err = b.Append([]slot.Slot{measured(0, i)})
				if err != nil {
					continue
				}
			}
			want = append(want, measured(0, i).Measurements...)
			if i == 3 {
				x, _, err := b.Next()
				if err != nil {
					t.Fatal(err)
				}
				for b.Done(x.Sequence) != nil { // it fails twice at the most
				}
				want = want[len(x.Measurements):]
			}
		}
		b.Close()
		b = open(t, Options{Dir: dir})
		got, _ := everything(t, b)
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("failing at %d: %s", fail, d)
		}
	}
}

// TestWrittenTwice: a slot that is in two files, because nobody knew that the first had it, is
// handed out once.
func TestWrittenTwice(t *testing.T) {
	dir := t.TempDir()
	for range 2 {
		b := open(t, Options{Dir: dir})
		b.state.covered = make(map[string]slot.Coverage)
		keep(t, b, measured(0, 1))
		b.Close()
	}
	b := open(t, Options{Dir: dir})
	if got, _ := everything(t, b); len(got) != 2 {
		t.Error(got)
	}
}

func TestLimits(t *testing.T) {
	now := day
	o := Options{Dir: t.TempDir(), MaxBytes: 1500, Now: func() time.Time { return now }}
	b := open(t, o)
	for i := range 40 {
		keep(t, b, measured(0, i))
		if i%5 == 4 {
			b.Close()
		}
	}
	n, err := b.Limit()
	s := b.Stats()
	if err != nil || n == 0 || n%10 != 0 || s.Measurements != 80-n || s.Bytes > 1500 || int(s.Dropped) != n {
		t.Errorf("%d, %v, %+v", n, err, s)
	}
	if got, err := b.Pending(meters[0], 1000); err != nil || cmp.Diff(measured(0, 39).Measurements, got[len(got)-2:]) != "" {
		t.Error(got, err)
	}
	now = day.Add(DefaultMaxAge + 40*household.Quarter)
	if n, err = b.Limit(); err != nil || n != s.Measurements || b.Stats().Measurements != 0 {
		t.Error(n, err)
	}
	b.Close()
	b = open(t, o)
	if b.Stats().Dropped != 80 || len(b.Covered(meters[0])) != 1 {
		t.Errorf("%+v", b.Stats())
	}
}

// TestLost: what found no room is counted with what was dropped, also after a restart.
func TestLost(t *testing.T) {
	o := Options{Dir: t.TempDir()}
	b := open(t, o)
	keep(t, b, measured(0, 0))
	b.Lost(14)
	keep(t, b, measured(0, 8))
	if s := b.Stats(); s.Dropped != 14 || s.Measurements != 4 {
		t.Errorf("%+v", s)
	}
	b.Close()
	if s := open(t, o).Stats(); s.Dropped != 14 || s.Measurements != 4 {
		t.Errorf("%+v", s)
	}
}

func TestRenumberAndDrop(t *testing.T) {
	dir := t.TempDir()
	b := open(t, Options{Dir: dir})
	keep(t, b, measured(0, 0), measured(1, 0), measured(0, 1))
	x, _, err := b.Next()
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Renumber(x.Sequence); err != nil {
		t.Fatal(err)
	}
	b.Close()
	b = open(t, Options{Dir: dir})
	y, _, err := b.Next()
	if err != nil || y.Sequence <= x.Sequence || cmp.Diff(x.Measurements, y.Measurements) != "" {
		t.Error(y, err)
	}
	if err := b.Drop(y.Sequence); err != nil || b.Stats().Dropped != 6 || b.Stats().Measurements != 0 {
		t.Errorf("%v, %+v", err, b.Stats())
	}
	if err := errors.Join(b.Drop(99), b.Done(99), b.Renumber(99)); err != nil {
		t.Error(err)
	}
}

func TestWipe(t *testing.T) {
	dir := t.TempDir()
	b := open(t, Options{Dir: dir})
	keep(t, b, measured(0, 0))
	b.Close()
	keep(t, b, measured(0, 1))
	if err := b.Wipe(); err != nil {
		t.Fatal(err)
	}
	if files, err := os.ReadDir(dir); err != nil || len(files) != 0 || len(b.Covered(meters[0])) != 0 {
		t.Error(files, err)
	}
	keep(t, b, measured(0, 2))
	if got, _ := everything(t, b); len(got) != 2 {
		t.Error(got)
	}
}

// TestBatchesHaveABound: the service takes so many measurements at once.
func TestBatchesHaveABound(t *testing.T) {
	b := open(t, Options{Dir: t.TempDir()})
	for i := range 2600 {
		keep(t, b, measured(0, i))
	}
	x, _, err := b.Next()
	if err != nil || len(x.Measurements) != household.MaxBatch {
		t.Error(len(x.Measurements), err)
	}
	got, _ := everything(t, b)
	if len(got) != 5200 {
		t.Error(len(got))
	}
}

func TestWhatCannotBeKept(t *testing.T) {
	b := open(t, Options{Dir: t.TempDir()})
	for _, spoil := range []func(*slot.Slot){
		func(s *slot.Slot) { s.Meter = "x" },
		func(s *slot.Slot) { s.Measurements[0].Unit = "kWh" },
		func(s *slot.Slot) { s.Measurements[0].OBIS = "1.8.0" },
		func(s *slot.Slot) { s.Measurements[0].OBIS = "zzzzzzzzzzzz" },
		func(s *slot.Slot) { s.Measurements[0].Scaler = 200 },
	} {
		s := measured(0, 0)
		spoil(&s)
		if b.Append([]slot.Slot{s}) == nil {
			t.Errorf("%+v is kept", s)
		}
	}
	if _, err := os.Stat(b.path(day.UnixMilli())); err == nil {
		t.Error("a file was made for nothing")
	}
}

// FuzzRead reads files that somebody spoilt: what is read can be written again, and is the
// same then.
func FuzzRead(f *testing.F) {
	e, err := entry{meters[0], slot.SpanOf(day, household.Quarter), measured(0, 3).Measurements}.encode()
	if err != nil {
		f.Fatal(err)
	}
	s, err := (&state{covered: map[string]slot.Coverage{meters[0]: {{From: 1, To: 2}, {From: 5, To: 9}}}, dropped: 7}).encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(e)
	f.Add(s)
	f.Add([]byte("\a\x01oBBBB\x1d_x\xc1\f,\x9a\vnL\x00\x01\x00\x00")) // a span of no length
	f.Add(appendRecord(appendRecord([]byte(magic), 7, 0, kindState, s), 7, 0, kindSlot, e))
	f.Fuzz(func(t *testing.T, data []byte) {
		n := 0
		damaged := scan(data, 7, func(_ kind, payload []byte) error {
			n += headBytes + len(payload)
			return nil
		})
		if whole := len(data) - damaged - n; whole != 0 && whole != len(magic) {
			t.Errorf("%d bytes: %d damaged, %d in records", len(data), damaged, n)
		}
		if e, err := decodeEntry(data); err == nil {
			b, err := e.encode()
			if err != nil {
				t.Fatal(err)
			}
			if f, err := decodeEntry(b); err != nil || cmp.Diff(e.values, f.values) != "" || e.span != f.span || e.meter != f.meter {
				t.Errorf("%+v becomes %+v, %v", e, f, err)
			}
		}
		if s, err := decodeState(data); err == nil {
			b, err := s.encode()
			if err != nil && len(data) < mostBytes/2 {
				t.Fatal(err)
			}
			if r, err2 := decodeState(b); err == nil && (err2 != nil || cmp.Diff(s.covered, r.covered) != "" || s.dropped != r.dropped) {
				t.Errorf("%+v becomes %+v, %v", s, r, err2)
			}
		}
	})
}
