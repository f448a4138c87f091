package buffer

import (
	"errors"
	"fmt"
	"maps"
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

// errKilled is what a process sees of the disk after its end: nothing.
var errKilled = errors.New("killed")

// step is something that a buffer does to the disk.
type step struct {
	what string // create, write, sync, truncate or remove
	path string
	size int64  // of the file before, for write
	data []byte // for write
}

// killer ends a process at a step: it is not done, and nothing is done after it.
type killer struct {
	at    int
	steps []step
}

func (k *killer) do(s step, f func() error) error {
	if k.at >= 0 && len(k.steps) > k.at {
		return errKilled
	}
	k.steps = append(k.steps, s)
	if k.at >= 0 && len(k.steps) > k.at {
		return errKilled
	}
	return f()
}

func (k *killer) disk() disk {
	return disk{
		create: func(path string) (f *os.File, err error) {
			err = k.do(step{what: "create", path: path}, func() error {
				f, err = os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL|os.O_APPEND, 0o600)
				return err
			})
			return f, err
		},
		write: func(f *os.File, data []byte) (n int, err error) {
			info, err := f.Stat()
			if err != nil {
				return 0, err
			}
			err = k.do(step{"write", f.Name(), info.Size(), slices.Clone(data)}, func() error { n, err = f.Write(data); return err })
			return n, err
		},
		sync: func(f *os.File) error { return k.do(step{what: "sync", path: f.Name()}, func() error { return nil }) },
		truncate: func(f *os.File, n int64) error {
			return k.do(step{what: "truncate", path: f.Name()}, func() error { return f.Truncate(n) })
		},
		remove: func(path string) error {
			return k.do(step{what: "remove", path: path}, func() error { return os.Remove(path) })
		},
	}
}

// ledger is what a data service has, and what the device was told that it has itself.
type ledger struct {
	batches      map[int64][]household.Measurement
	stored       map[string]int // how often a measurement came in batches of different numbers
	acknowledged []slot.Slot
	begun        []slot.Slot // that were appended, or were about to be
}

func newLedger() *ledger {
	return &ledger{batches: make(map[int64][]household.Measurement), stored: make(map[string]int)}
}

func (l *ledger) clone() *ledger {
	return &ledger{maps.Clone(l.batches), maps.Clone(l.stored), slices.Clone(l.acknowledged), slices.Clone(l.begun)}
}

func name(m household.Measurement) string {
	return fmt.Sprint(m.Meter[:1], " ", m.Slot.Unix(), " ", m.OBIS, " ", m.Raw)
}

// take confirms a batch. The same number with another content is what no device may send.
func (l *ledger) take(b household.Batch) error {
	if known, ok := l.batches[b.Sequence]; ok {
		if diff := cmp.Diff(known, b.Measurements); diff != "" {
			return fmt.Errorf("batch %d changed: %s", b.Sequence, diff)
		}
		return nil
	}
	l.batches[b.Sequence] = b.Measurements
	for _, m := range b.Measurements {
		l.stored[name(m)]++
	}
	return nil
}

// drain sends everything.
func (l *ledger) drain(b *Buffer) error {
	for {
		x, ok, err := b.Next()
		if err != nil || !ok {
			return err
		}
		if err := errors.Join(l.take(x), b.Done(x.Sequence)); err != nil {
			return err
		}
	}
}

func (l *ledger) append(b *Buffer, slots ...slot.Slot) error {
	l.begun = append(l.begun, slots...)
	err := b.Append(slots)
	if err == nil {
		l.acknowledged = append(l.acknowledged, slots...)
	}
	return err
}

// life is what a device does with a buffer, until it is done or killed.
func (l *ledger) life(b *Buffer) error {
	for _, f := range []func() error{
		func() error { return l.append(b, measured(0, 0), measured(1, 0)) },
		func() error { return l.append(b, measured(0, 1)) },
		func() error { return l.drain(b) },
		func() error { return l.append(b, measured(0, 2)) },
		func() error { return l.append(b, measured(0, 3), measured(1, 3)) },
		func() error {
			x, _, err := b.Next()
			if err == nil {
				err = b.Renumber(x.Sequence)
			}
			return err
		},
		func() error { return l.append(b, measured(1, 4)) },
		func() error { return l.drain(b) },
		func() error { return l.append(b, measured(0, 5)) },
	} {
		if err := f(); err != nil {
			return err
		}
	}
	return nil
}

// finish is what the program does that is started next: what is not known to be measured is measured again, and all is
// sent. Then everything that was begun is at the service, once.
func (l *ledger) finish(dir string) error {
	b, err := Open(Options{Dir: dir, Now: afterwards, disk: lazy})
	if err != nil {
		return err
	}
	defer b.Close()
	for _, s := range l.acknowledged {
		if !b.Covered(s.Meter).Overlaps(slot.SpanOf(s.At, household.Quarter)) {
			return fmt.Errorf("what was measured at %v does not count as measured", s.At)
		}
	}
	if err := l.drain(b); err != nil {
		return err
	}
	for _, m := range all(l.acknowledged...) {
		if n := l.stored[name(m)]; n != 1 {
			return fmt.Errorf("%s was acknowledged, and is at the service %d times", name(m), n)
		}
	}
	for _, s := range l.begun {
		if !b.Covered(s.Meter).Overlaps(slot.SpanOf(s.At, household.Quarter)) {
			if err := b.Append([]slot.Slot{s}); err != nil {
				return err
			}
		}
	}
	if err := l.drain(b); err != nil {
		return err
	}
	want := make(map[string]int)
	for _, m := range all(l.begun...) {
		want[name(m)] = 1
	}
	if diff := cmp.Diff(want, l.stored); diff != "" {
		return errors.New(diff)
	}
	return nil
}

// afterwards is when the next program is started.
func afterwards() time.Time { return day.Add(24 * time.Hour) }

// torn are the states in which a disk may leave what was being written behind a part of so many bytes that it has: what follows is missing, empty, garbage, the end of
// the file once more, or there while the part is not.
func torn(old, data []byte, n int, r *rand.Rand) map[string][]byte {
	rest := len(data) - n
	written := slices.Concat(old, data[:n])
	out := map[string][]byte{
		"cut off":                 written,
		"zero":                    slices.Concat(written, make([]byte, rest)),
		"last first":              slices.Concat(old, make([]byte, n), data[n:]),
		"the last 32 bytes twice": slices.Concat(written, written[max(0, len(written)-32):]),
	}
	if n%8 == 0 {
		garbage := make([]byte, rest)
		for i := range garbage {
			garbage[i] = byte(r.Uint32())
		}
		out["garbage"] = slices.Concat(written, garbage)
		out["the last page twice"] = slices.Concat(written, written[max(0, len(written)-512):])
	}
	return out
}

// TestKilled ends a device at every step of its work, and within each write at every byte. Whatever the disk makes of that, the
// program that is started next loses nothing that was acknowledged and doubles nothing.
func TestKilled(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	dir := t.TempDir()
	empty := func() {
		t.Helper()
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
	read := func() map[string][]byte {
		t.Helper()
		paths, err := filepath.Glob(filepath.Join(dir, "*"))
		out := make(map[string][]byte)
		for _, path := range paths {
			var rerr error
			out[path], rerr = os.ReadFile(path)
			err = errors.Join(err, rerr)
		}
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	// live has a device live until a step, in an empty directory.
	live := func(at int) (*ledger, *killer) {
		t.Helper()
		empty()
		k, l := &killer{at: at}, newLedger()
		b, err := Open(Options{Dir: dir, Now: func() time.Time { return day }, disk: k.disk()})
		if err != nil {
			t.Fatal(err)
		}
		err = l.life(b)
		if b.file != nil {
			_ = b.file.Close() // as the system does
		}
		if (err != nil) != (at >= 0) || err != nil && !errors.Is(err, errKilled) {
			t.Fatal(err)
		}
		return l, k
	}
	_, whole := live(-1)
	if n := len(whole.steps); n < 30 {
		t.Fatalf("%d steps", n)
	}
	tried := 0
	for at, s := range whole.steps {
		// after is how the disk may be; nil: as the step found it.
		states := map[string]func() error{"not done": nil}
		switch s.what {
		case "create":
			states["done"] = func() error { return os.WriteFile(s.path, nil, 0o600) }
		case "remove":
			states["done"] = func() error { return os.Remove(s.path) }
		case "sync":
			if s.path != dir {
				break
			}
			// Files that were made since the directory was written last may not be in it yet, and those that were removed still.
			states["as it was"] = func() (err error) {
				for i := at - 1; i >= 0 && (whole.steps[i].what != "sync" || whole.steps[i].path != dir); i-- {
					switch x := whole.steps[i]; x.what {
					case "create":
						err = errors.Join(err, os.Remove(x.path))
					case "remove":
						err = errors.Join(err, os.WriteFile(x.path, prefix(whole, i), 0o600))
					}
				}
				return err
			}
		case "write":
			old := slices.Clip(prefix(whole, at))
			for n := range len(s.data) + 1 {
				for how, content := range torn(old, s.data, n, r) {
					states[fmt.Sprintf("%d of %d bytes, %s", n, len(s.data), how)] = func() error { return os.WriteFile(s.path, content, 0o600) }
				}
			}
		}
		l, _ := live(at)
		image := read()
		for how, make := range states {
			empty()
			for path, content := range image {
				if err := os.WriteFile(path, content, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			l := l.clone()
			if make != nil {
				if err := make(); err != nil {
					t.Fatal(err)
				}
			}
			tried++
			if err := l.finish(dir); err != nil {
				t.Fatalf("killed at step %d, %s of %s, %s: %v", at, s.what, filepath.Base(s.path), how, err)
			}
		}
	}
	t.Logf("%d steps, %d kills", len(whole.steps), tried)
}

// prefix is what a file held before a step.
func prefix(k *killer, at int) (out []byte) {
	for _, s := range k.steps[:at] {
		if s.what == "write" && s.path == k.steps[at].path {
			out = append(out, s.data...)
		}
	}
	return out
}

// TestKilledWhileRecovering ends a device at any step, then the next one too, and then some more.
func TestKilledWhileRecovering(t *testing.T) {
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 3))
		dir, l := t.TempDir(), newLedger()
		now := day
		for i := range 1 + r.IntN(5) {
			now = now.Add(household.Quarter)
			k := &killer{at: r.IntN(25)}
			b, err := Open(Options{Dir: dir, Now: func() time.Time { return now }, disk: k.disk()})
			if err != nil {
				t.Fatal(err)
			}
			for j := 0; err == nil; j++ {
				switch r.IntN(4) {
				case 0:
					err = l.drain(b)
				case 1:
					// Only what the service does not know gets another number.
					if x, ok, nerr := b.Next(); nerr == nil && ok && l.batches[x.Sequence] == nil {
						err = b.Renumber(x.Sequence)
					}
				default:
					err = l.append(b, measured(r.IntN(2), 100*i+j))
				}
			}
			if b.file != nil {
				_ = b.file.Close() // as the system does
			}
			if !errors.Is(err, errKilled) {
				t.Fatal(err)
			}
			if s := k.steps[k.at]; s.what == "write" && s.size > 0 { // torn anywhere
				f, err := os.OpenFile(s.path, os.O_WRONLY|os.O_APPEND, 0)
				if err == nil {
					_, err = f.Write(s.data[:r.IntN(len(s.data)+1)])
				}
				if err = errors.Join(err, f.Close()); err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := l.finish(dir); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
	}
}
