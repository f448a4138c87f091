package bank

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"strings"
	"testing"
	"time"
)

// errCut says that there is no power.
var errCut = errors.New("the power is cut")

// faulty is a disk whose power is cut at an operation. What was not synced may be lost, or be
// there as zeros.
type faulty struct {
	now     map[string][]byte // as programs see it
	durable map[string][]byte // as it is after a cut
	left    int               // operations until the power is cut; negative: it is not
}

func newFaulty() *faulty {
	return &faulty{now: make(map[string][]byte), durable: make(map[string][]byte), left: -1}
}

// step is an operation; after: the power is cut right behind it.
func (d *faulty) step() error {
	if d.left == 0 {
		return errCut
	}
	if d.left > 0 {
		d.left--
	}
	return nil
}

// restart is what is there after a cut.
func (d *faulty) restart(kind string) *faulty {
	n := newFaulty()
	maps.Copy(n.now, d.durable)
	if kind == "garbage" { // lengths came to the disk, contents did not
		for name, data := range d.now {
			if !bytes.Equal(data, d.durable[name]) {
				whole := min(len(data), len(d.durable[name]))
				if !bytes.HasPrefix(data, d.durable[name][:whole]) {
					whole = 0
				}
				n.now[name] = append(bytes.Clone(data[:whole]), make([]byte, len(data)-whole)...)
			}
		}
	}
	maps.Copy(n.durable, n.now)
	return n
}

func (d *faulty) Open(name string) (io.ReadCloser, error) {
	if data, ok := d.now[name]; ok {
		return io.NopCloser(bytes.NewReader(data)), nil
	}
	return nil, fs.ErrNotExist
}

func (d *faulty) Size(name string) (int64, error) {
	if data, ok := d.now[name]; ok {
		return int64(len(data)), nil
	}
	return 0, fs.ErrNotExist
}

func (d *faulty) Rename(from, to string) error {
	if err := d.step(); err != nil {
		return err
	}
	data, ok := d.now[from]
	if !ok {
		return fs.ErrNotExist
	}
	d.now[to] = data
	delete(d.now, from)
	// Renamed is what is durable of it.
	if d.durable[to], ok = d.durable[from]; !ok {
		d.durable[to] = nil
	}
	delete(d.durable, from)
	return nil
}

func (d *faulty) Remove(name string) error {
	if _, ok := d.now[name]; !ok {
		return fs.ErrNotExist
	}
	if err := d.step(); err != nil {
		return err
	}
	delete(d.now, name)
	delete(d.durable, name)
	return nil
}

type faultyFile struct {
	d    *faulty
	name string
}

func (d *faulty) Append(name string) (File, error) {
	if err := d.step(); err != nil {
		return nil, err
	}
	if _, ok := d.now[name]; !ok {
		d.now[name] = []byte{}
	}
	return &faultyFile{d, name}, nil
}

func (f *faultyFile) Write(p []byte) (int, error) {
	if f.d.left == 1 { // half of it came through
		f.d.now[f.name] = append(bytes.Clone(f.d.now[f.name]), p[:len(p)/2]...)
		f.d.durable[f.name] = f.d.now[f.name]
	}
	if err := f.d.step(); err != nil {
		return 0, err
	}
	f.d.now[f.name] = append(bytes.Clone(f.d.now[f.name]), p...)
	return len(p), nil
}

func (f *faultyFile) Sync() error {
	if err := f.d.step(); err != nil {
		return err
	}
	f.d.durable[f.name] = f.d.now[f.name]
	return nil
}

func (f *faultyFile) Close() error { return nil }

var when = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func program(sequence int64, text string) Program {
	sum := sha256.Sum256([]byte(text))
	return Program{Version: fmt.Sprintf("1.%d.0", sequence), Sequence: sequence, SHA256: hex.EncodeToString(sum[:]), Size: int64(len(text))}
}

func open(t *testing.T, d Disk) *Store {
	t.Helper()
	s, err := Open(d)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// fetch puts a program into the idle bank, in parts.
func fetch(s *Store, p Program, text string) error {
	at, err := s.Begin(p)
	if err != nil {
		return err
	}
	for at < p.Size {
		n := min(at+7, p.Size)
		if err := s.Append([]byte(text[at:n])); err != nil {
			return err
		}
		at = n
	}
	_, err = s.Complete()
	return err
}

// update has a program become the current one, or whatever the power lets it.
func update(s *Store, p Program, text string) error {
	if s.State().Trial == Installed {
		if err := fetch(s, p, text); err != nil {
			return err
		}
		if err := s.Try(Baseline{"m": ""}); err != nil {
			return err
		}
	}
	n, trial, err := s.Boot(when)
	if err != nil {
		return err
	}
	if !trial {
		return fmt.Errorf("bank %q was started and nothing is on trial", n)
	}
	return s.Prove()
}

const (
	first  = "the first program, of some length"
	second = "the second program, which is another one"
	third  = "the third program, and the last"
)

// TestPowerCut: the power is cut at each operation of two updates, one after the other, and
// again at each of the first operations afterwards. Whatever is on the disk then, there is a program to start that is
// whole, and the update succeeds in the end.
func TestPowerCut(t *testing.T) {
	texts := map[int64]string{1: first, 2: second, 3: third}
	runs := 0
	for _, kind := range []string{"lost", "garbage"} {
		for cut := 0; ; cut++ {
			d := newFaulty()
			s := open(t, d)
			if err := update(s, program(1, first), first); err != nil {
				t.Fatal(err)
			}
			d.left = cut
			err := update(s, program(2, second), second)
			if err == nil {
				err = update(s, program(3, third), third)
			}
			if err == nil && cut > 50 {
				break // the power stayed
			}
			if d.left != 0 || !errors.Is(err, errCut) {
				t.Fatalf("cut %d: %d operations are left: %v", cut, d.left, err)
			}
			for again := -1; again < 8; again++ { // three starts at the most
				runs++
				d := d.restart(kind)
				s := open(t, d)
				if state := s.State(); state.Damaged != "" || state.Current == Installed {
					t.Fatalf("%s, cut %d: what had proven itself is forgotten: %+v", kind, cut, state)
				}
				if d.left = again; again >= 0 {
					_ = update(s, program(3, third), third)
					d = d.restart(kind)
					s = open(t, d)
				}
				boot(t, s, d, texts, fmt.Sprintf("%s, cut %d, again %d", kind, cut, again))
				// It was started on trial, perhaps, and proves itself; then the other one comes.
				if err := s.Prove(); err != nil {
					t.Fatal(err)
				}
				for range 2 {
					if state := s.State(); state.Running(state.Current).Sequence < 3 {
						_ = update(s, program(3, third), third)
					}
				}
				if got := s.State(); got.Running(got.Current).Sequence < 2 || len(got.Failures) > 0 {
					t.Fatalf("%s, cut %d, again %d: it does not end with the update: %+v", kind, cut, again, got)
				}
				boot(t, s, d, texts, fmt.Sprintf("%s, cut %d, again %d, in the end", kind, cut, again))
			}
		}
	}
	if runs < 500 {
		t.Errorf("only %d cuts were tried", runs)
	}
}

// boot starts, and looks at what is started.
func boot(t *testing.T, s *Store, d *faulty, texts map[int64]string, what string) {
	t.Helper()
	n, trial, why := s.Boot(when)
	state := s.State()
	if why != nil || n == Installed || trial != (state.Trial == n) {
		t.Fatalf("%s: bank %q, trial %v, %v: %+v", what, n, trial, why, state)
	}
	if got := string(d.now[n.Path()]); got != texts[state.Programs[n].Sequence] {
		t.Fatalf("%s: bank %q holds %q: %+v", what, n, got, state)
	}
}

// TestCrashLoop: a program that never proves itself is started three times, and then the one
// before is, for ever.
func TestCrashLoop(t *testing.T) {
	s := open(t, newFaulty())
	if err := update(s, program(1, first), first); err != nil {
		t.Fatal(err)
	}
	if err := fetch(s, program(2, second), second); err != nil {
		t.Fatal(err)
	}
	if err := s.Try(nil); err != nil {
		t.Fatal(err)
	}
	if err := fetch(s, program(3, third), third); !errors.Is(err, ErrTrial) {
		t.Error(err)
	}
	var got []string
	for range 5 {
		n, trial, why := s.Boot(when)
		if err := s.Crashed(); err != nil {
			t.Fatal(err)
		}
		got = append(got, fmt.Sprintf("%s %v %v", n, trial, why))
	}
	if want := "b true <nil>, b true <nil>, b true <nil>, a false <nil>, a false <nil>"; strings.Join(got, ", ") != want {
		t.Errorf("%q", got)
	}
	state := s.State()
	f, bad := state.Failed(program(2, second), when.AddDate(1, 0, 0))
	if !bad || !strings.Contains(f.Why, "3 times") {
		t.Errorf("%+v, %v", f, bad)
	}
	if _, bad := state.Failed(program(3, third), when); bad {
		t.Error("another program failed too")
	}
	if err := update(s, program(3, third), third); err != nil || s.State().Current != B {
		t.Error(err)
	}
}

// TestLightsOut: what was started three times, and did not end by itself, may be tried again.
func TestLightsOut(t *testing.T) {
	s := open(t, newFaulty())
	if err := errors.Join(fetch(s, program(1, first), first), s.Try(nil)); err != nil {
		t.Fatal(err)
	}
	for i := range 4 {
		if n, trial, why := s.Boot(when); trial != (i < 3) || why != nil {
			t.Fatal(n, trial, why)
		}
	}
	state := s.State()
	if _, bad := state.Failed(program(1, first), when.Add(time.Hour)); !bad {
		t.Error("it is tried again at once")
	}
	if f, bad := state.Failed(program(1, first), when.Add(25*time.Hour)); bad {
		t.Errorf("%+v", f)
	}
}

// TestNotItsFault: what may have been the fault of the network is tried again after a day,
// three times in all.
func TestNotItsFault(t *testing.T) {
	s := open(t, newFaulty())
	p, now := program(1, first), when
	for try := 1; try <= 3; try++ {
		state := s.State()
		if _, bad := state.Failed(p, now); bad {
			t.Fatalf("try %d: it is not tried", try)
		}
		if err := errors.Join(fetch(s, p, first), s.Try(nil)); err != nil {
			t.Fatal(err)
		}
		if n, trial, why := s.Boot(now); n != A || !trial || why != nil {
			t.Fatal(n, trial, why)
		}
		if err := s.Fail("the data service was not reached", true, now); err != nil {
			t.Fatal(err)
		}
		state = s.State()
		if _, bad := state.Failed(p, now.Add(time.Hour)); !bad {
			t.Errorf("try %d: it is tried again at once", try)
		}
		now = now.Add(25 * time.Hour)
	}
	state := s.State()
	if f, bad := state.Failed(p, now); !bad || f.Tries != 3 {
		t.Errorf("%+v, %v", f, bad)
	}
}

// TestDamaged: a program that is not on the disk any more as it was is not started.
func TestDamaged(t *testing.T) {
	d := newFaulty()
	s := open(t, d)
	if err := update(s, program(1, first), first); err != nil {
		t.Fatal(err)
	}
	if err := fetch(s, program(2, second), second); err != nil {
		t.Fatal(err)
	}
	if err := s.Try(nil); err != nil {
		t.Fatal(err)
	}
	d.now["b/wattwerk"] = []byte("bits that fell over")
	if n, trial, why := s.Boot(when); n != A || trial || !errors.Is(why, ErrDigest) {
		t.Error(n, trial, why)
	}
	if n, trial, why := s.Boot(when); n != A || trial || why != nil {
		t.Error(n, trial, why)
	}
	delete(d.now, "a/wattwerk")
	if n, trial, why := s.Boot(when); n != Installed || trial || !errors.Is(why, fs.ErrNotExist) {
		t.Error(n, trial, why)
	}
	if state := s.State(); !strings.Contains(state.Damaged, "bank a") {
		t.Errorf("%+v", state)
	}
	for _, text := range []string{"", "{", `{"current":"a"}`, `{"trial":"c","programs":{"c":{}}}`, `{"current":"a","trial":"a","programs":{"a":{}}}`, `{"current":"../x","programs":{"../x":{}}}`} {
		d.now[stateFile] = []byte(text)
		s := open(t, d)
		if n, trial, why := s.Boot(when); n != Installed || trial || why != nil || s.State().Damaged == "" {
			t.Errorf("%q: %v, %v, %v", text, n, trial, why)
		}
		// Life goes on.
		if err := update(s, program(3, third), third); err != nil || s.State().Damaged != "" {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// TestNotCounted: where a start cannot be counted there is no trial.
func TestNotCounted(t *testing.T) {
	d := newFaulty()
	s := open(t, d)
	if err := errors.Join(fetch(s, program(1, first), first), s.Try(nil)); err != nil {
		t.Fatal(err)
	}
	d.left = 0
	if n, trial, why := s.Boot(when); n != Installed || trial || !errors.Is(why, errCut) {
		t.Error(n, trial, why)
	}
}

func TestWrongProgram(t *testing.T) {
	s := open(t, newFaulty())
	p := program(1, first)
	if err := fetch(s, p, strings.ToUpper(first)); !errors.Is(err, ErrDigest) {
		t.Error(err)
	}
	if err := s.Try(nil); err == nil {
		t.Error("a program that is not what it was to be is tried")
	}
	if at, err := s.Begin(p); at != 0 || err != nil {
		t.Error(at, err)
	}
	if err := s.Append([]byte(first + "and more")); err != nil {
		t.Fatal(err)
	}
	if at, err := s.Begin(p); at != 0 || err != nil { // more is there than there can be
		t.Error(at, err)
	}
	if err := errors.Join(fetch(s, p, first), s.Try(nil)); err != nil {
		t.Error(err)
	}
}
