package bank

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"slices"
	"sync"
	"time"
)

// Name is that of a bank.
type Name string

// Banks. What was installed is in none: the system's package manager, or who made the image, put it
// where it is.
const (
	Installed Name = ""
	A         Name = "a"
	B         Name = "b"
)

// Files in a directory of banks.
const (
	stateFile   = "state.json"
	programFile = "wattwerk"
	partFile    = "part"
)

// MostStarts is how often a program on trial is started.
const MostStarts = 3

// Bounds of what is remembered.
const (
	mostFailures = 32
	mostTries    = 3              // of a program whose failing may have been the network's
	tryAgain     = 24 * time.Hour // after such a failure
	maxState     = 1 << 20        // bytes
)

// Program is what is in a bank.
type Program struct {
	Version  string `json:"version"`
	Sequence int64  `json:"sequence"` // of its release
	SHA256   string `json:"sha256"`   // hexadecimal
	Size     int64  `json:"size"`     // bytes
}

// Failure is a program that did not prove itself.
type Failure struct {
	Program Program   `json:"program"`
	Why     string    `json:"why"`
	At      time.Time `json:"at"`
	Tries   int       `json:"tries"`
	Again   bool      `json:"again,omitempty"` // it may not have been its fault
}

// Baseline is how things stood before a trial: what was wrong with each meter. Not what
// was wrong before is the new program's fault.
type Baseline map[string]string

// State is what is kept.
type State struct {
	Current  Name             `json:"current"`
	Trial    Name             `json:"trial,omitempty"` // Installed: there is none
	Starts   int              `json:"starts,omitempty"`
	Crashes  int              `json:"crashes,omitempty"` // starts that were seen to end; the others may have been cut
	Baseline Baseline         `json:"baseline,omitempty"`
	Programs map[Name]Program `json:"programs"`          // that are whole
	Part     *Program         `json:"part,omitempty"`    // that the idle bank has a beginning of
	Failures []Failure        `json:"failures"`          // the latest last
	Damaged  string           `json:"damaged,omitempty"` // what had to be left because it was not what it was
}

// idle is the bank that may be written.
func (s *State) idle() Name {
	if s.Current == A || s.Trial == A {
		return B
	}
	return A
}

func (s *State) clone() State {
	c := *s
	c.Programs, c.Baseline, c.Failures = maps.Clone(s.Programs), maps.Clone(s.Baseline), slices.Clone(s.Failures)
	if s.Part != nil {
		p := *s.Part
		c.Part = &p
	}
	return c
}

// Store is a directory of banks.
type Store struct {
	disk Disk

	mu    sync.Mutex
	state State
}

// Open reads what is kept. A state that cannot be read is begun anew: the installed program
// runs then. The error says that nothing can be read at all.
func Open(disk Disk) (*Store, error) {
	s := &Store{disk: disk}
	err := s.load()
	if err != nil && !errors.Is(err, errState) {
		return nil, fmt.Errorf("open banks: %w", err)
	}
	if s.state.Programs == nil {
		s.state.Programs = make(map[Name]Program)
	}
	if err != nil {
		s.state.Damaged = err.Error()
	}
	return s, nil
}

var errState = errors.New("the state of the banks is damaged")

func (s *Store) load() error {
	f, err := s.disk.Open(stateFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	data, err := io.ReadAll(io.LimitReader(f, maxState))
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	var state State
	if err := json.Unmarshal(data, &state); err != nil {
		return fmt.Errorf("%w: %w", errState, err)
	}
	for _, n := range []Name{state.Current, state.Trial} {
		if _, ok := state.Programs[n]; n != Installed && (!ok || n != A && n != B) {
			return fmt.Errorf("%w: there is no program in bank %.10q", errState, n)
		}
	}
	if state.Trial != Installed && state.Trial == state.Current {
		return fmt.Errorf("%w: the current program is on trial", errState)
	}
	s.state = state
	return nil
}

// State is what is kept.
func (s *Store) State() State {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state.clone()
}

// change changes the state, which is on the disk when it returns; else it stays as it was.
func (s *Store) change(f func(*State)) error {
	next := s.state.clone()
	f(&next)
	data, err := json.Marshal(next)
	if err != nil {
		return err
	}
	if err := Replace(s.disk, stateFile, data); err != nil {
		return err
	}
	s.state = next
	return nil
}

// Replace has data take the place of a file. Whatever is cut, the file is the one
// before or this one; when it returns nil it is this one.
func Replace(disk Disk, name string, data []byte) error {
	fresh := name + ".new"
	if err := disk.Remove(fresh); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	f, err := disk.Append(fresh)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return disk.Rename(fresh, name)
}

// ErrTrial says that a program is on trial, so that no other is taken.
var ErrTrial = errors.New("a program is on trial")

// Begin makes room for a program in the idle bank, and tells how many bytes of it are there
// already.
func (s *Store) Begin(p Program) (int64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state.Trial != Installed {
		return 0, fmt.Errorf("begin program: %w", ErrTrial)
	}
	idle := s.state.idle()
	part := string(idle) + "/" + partFile
	if s.state.Part != nil && *s.state.Part == p {
		size, err := s.disk.Size(part)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return 0, nil
		case err != nil:
			return 0, fmt.Errorf("begin program: %w", err)
		case size <= p.Size:
			return size, nil
		}
	}
	// First it is forgotten, then it goes.
	if err := s.change(func(x *State) { delete(x.Programs, idle); x.Part = nil }); err != nil {
		return 0, fmt.Errorf("begin program: %w", err)
	}
	for _, name := range []string{string(idle) + "/" + programFile, part} {
		if err := s.disk.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return 0, fmt.Errorf("begin program: %w", err)
		}
	}
	if err := s.change(func(x *State) { x.Part = &p }); err != nil {
		return 0, fmt.Errorf("begin program: %w", err)
	}
	return 0, nil
}

// ErrDigest says that a program is not the one that was announced.
var ErrDigest = errors.New("the program is not the one that was announced")

// Append adds to the program that was begun.
func (s *Store) Append(data []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state.Part == nil {
		return errors.New("append to program: none was begun")
	}
	f, err := s.disk.Append(string(s.state.idle()) + "/" + partFile)
	if err != nil {
		return fmt.Errorf("append to program: %w", err)
	}
	_, err = f.Write(data)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("append to program: %w", err)
	}
	return nil
}

// Complete checks the program that was begun, which is in the idle bank then. One that is
// not what was announced is deleted, and the error is [ErrDigest].
func (s *Store) Complete() (Name, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state.Part == nil {
		return Installed, errors.New("complete program: none was begun")
	}
	p, idle := *s.state.Part, s.state.idle()
	part := string(idle) + "/" + partFile
	if err := s.check(part, p); err != nil {
		err = fmt.Errorf("complete program: %w", err)
		if errors.Is(err, ErrDigest) {
			err = errors.Join(err, s.disk.Remove(part), s.change(func(x *State) { x.Part = nil }))
		}
		return Installed, err
	}
	err := s.disk.Rename(part, string(idle)+"/"+programFile)
	if err == nil {
		err = s.change(func(x *State) { x.Part, x.Programs[idle] = nil, p })
	}
	if err != nil {
		return Installed, fmt.Errorf("complete program: %w", err)
	}
	return idle, nil
}

// check reads a file and compares.
func (s *Store) check(name string, p Program) error {
	f, err := s.disk.Open(name)
	if err != nil {
		return err
	}
	h := sha256.New()
	n, err := io.Copy(h, io.LimitReader(f, p.Size+1))
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	if n != p.Size || hex.EncodeToString(h.Sum(nil)) != p.SHA256 {
		return ErrDigest
	}
	return nil
}

// Reload reads what another process has written, as the program that was started has.
func (s *Store) Reload() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.load(); err != nil {
		return fmt.Errorf("open banks: %w", err)
	}
	return nil
}

// Crashed notes that the program on trial has ended by itself. One that is started as often without
// that may have lost its power.
func (s *Store) Crashed() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state.Trial == Installed {
		return nil
	}
	if err := s.change(func(x *State) { x.Crashes++ }); err != nil {
		return fmt.Errorf("count crashes: %w", err)
	}
	return nil
}

// Uncount takes a start on trial back, of a program that was told to stop.
func (s *Store) Uncount() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state.Trial == Installed || s.state.Starts == 0 {
		return nil
	}
	if err := s.change(func(x *State) { x.Starts-- }); err != nil {
		return fmt.Errorf("count starts: %w", err)
	}
	return nil
}

// Path is where the program of a bank is, below the directory, with a slash.
func (n Name) Path() string { return string(n) + "/" + programFile }

// Try puts the program of the idle bank on trial, from the next start on.
func (s *Store) Try(b Baseline) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state.Trial != Installed {
		return fmt.Errorf("try program: %w", ErrTrial)
	}
	idle := s.state.idle()
	if _, ok := s.state.Programs[idle]; !ok {
		return errors.New("try program: the bank is empty")
	}
	if err := s.change(func(x *State) { x.Trial, x.Starts, x.Crashes, x.Baseline = idle, 0, 0, b }); err != nil {
		return fmt.Errorf("try program: %w", err)
	}
	return nil
}

// Prove says that the program on trial has proven itself.
func (s *Store) Prove() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state.Trial == Installed {
		return nil
	}
	if err := s.change(func(x *State) {
		p := x.Programs[x.Trial]
		x.Current, x.Trial, x.Starts, x.Crashes, x.Baseline, x.Damaged = x.Trial, Installed, 0, 0, nil, ""
		x.Failures = slices.DeleteFunc(x.Failures, func(f Failure) bool { return f.Program == p })
	}); err != nil {
		return fmt.Errorf("prove program: %w", err)
	}
	return nil
}

// Fail says that the program on trial, or if there is none the whole one in the idle bank, is not
// to be run, and why. again: that may not have been its fault.
func (s *Store) Fail(why string, again bool, now time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.change(func(x *State) { x.fail(why, again, now) }); err != nil {
		return fmt.Errorf("take program back: %w", err)
	}
	return nil
}

// Refuse says that a program that is in no bank is not to be taken, and why. again: that may not have been
// its fault.
func (s *Store) Refuse(p Program, why string, again bool, now time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.change(func(x *State) { x.note(p, why, again, now) }); err != nil {
		return fmt.Errorf("refuse program: %w", err)
	}
	return nil
}

func (s *State) fail(why string, again bool, now time.Time) {
	bad := s.Trial
	if bad == Installed {
		bad = s.idle()
	}
	p, ok := s.Programs[bad]
	s.Trial, s.Starts, s.Crashes, s.Baseline = Installed, 0, 0, nil
	if !ok {
		return
	}
	s.note(p, why, again, now)
}

func (s *State) note(p Program, why string, again bool, now time.Time) {
	f := Failure{Program: p, Why: why, At: now.UTC().Round(0), Tries: 1, Again: again}
	if i := slices.IndexFunc(s.Failures, func(f Failure) bool { return f.Program == p }); i >= 0 {
		f.Tries += s.Failures[i].Tries
		s.Failures = slices.Delete(s.Failures, i, i+1)
	}
	if s.Failures = append(s.Failures, f); len(s.Failures) > mostFailures {
		s.Failures = s.Failures[len(s.Failures)-mostFailures:]
	}
}

// Failed tells whether a program failed so that it is not to be tried, and how.
func (s *State) Failed(p Program, now time.Time) (Failure, bool) {
	for _, f := range s.Failures {
		if f.Program == p {
			return f, !f.Again || f.Tries >= mostTries || now.Sub(f.At).Abs() < tryAgain
		}
	}
	return Failure{}, false
}

// Running is the program of a bank; of the installed one nothing is known.
func (s *State) Running(n Name) Program { return s.Programs[n] }

// Boot decides which program is started now, and counts it when it is on trial. trial is false
// where the program has proven itself. It never fails: what cannot be read or counted is not started.
// why says what was not as it should be.
func (s *Store) Boot(now time.Time) (n Name, trial bool, why error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if n := s.state.Trial; n != Installed {
		err := s.check(n.Path(), s.state.Programs[n])
		switch {
		case err != nil:
			why = fmt.Errorf("start program on trial: %w", err)
			why = errors.Join(why, s.change(func(x *State) { x.fail("it could not be read: "+err.Error(), true, now) }))
		case s.state.Starts >= MostStarts:
			if err := s.change(func(x *State) {
				x.fail(fmt.Sprintf("it was started %d times and did not prove itself", MostStarts), x.Crashes < MostStarts, now)
			}); err != nil {
				why = fmt.Errorf("take program back: %w", err)
			}
		default:
			err := s.change(func(x *State) { x.Starts++ })
			if err == nil {
				return n, true, nil
			}
			why = fmt.Errorf("start program on trial: %w", err)
		}
	}
	if n := s.state.Current; n != Installed {
		err := s.check(n.Path(), s.state.Programs[n])
		if err == nil {
			return n, false, why
		}
		why = errors.Join(why, fmt.Errorf("start program of bank %s: %w", n, err))
		text := fmt.Sprintf("the program in bank %s is damaged: %v", n, err)
		if err := s.change(func(x *State) { delete(x.Programs, n); x.Current, x.Damaged = Installed, text }); err != nil {
			why = errors.Join(why, err)
		}
	}
	return Installed, false, why
}
