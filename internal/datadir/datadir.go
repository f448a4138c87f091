package datadir

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/wattwerk/wattwerk/internal/durable"
)

const (
	lockFile     = "lock"
	instanceFile = "instance.json"
)

// InUseError says that another process holds the directory.
type InUseError struct {
	Dir string
	PID int // 0 when unknown
}

func (e *InUseError) Error() string {
	who := "another process"
	if e.PID > 0 {
		who = "process " + strconv.Itoa(e.PID)
	}
	return fmt.Sprintf("the data directory %s is in use by %s; stop that one first, or choose another directory with --data", e.Dir, who)
}

// Dir is a directory held by this process.
type Dir struct {
	path string
	lock *os.File
}

// Open creates the directory when missing and takes its lock. It fails with
// [*InUseError] when another process has it, and with [*NewerError] when a
// newer program wrote it. The caller closes it.
//
// It fails with [*UnfinishedError] for one that [Make] began.
func Open(path string) (*Dir, error) { return open(path, false) }

// Make opens a directory to fill it, and creates it when missing. It must be empty,
// or hold what an earlier Make left unfinished, which is removed. Until
// [Dir.Finish], also after a crash, nobody else opens it. It fails with
// [ErrNotEmpty], and as [Open] does.
func Make(path string) (*Dir, error) {
	empty, err := Empty(path)
	if err != nil {
		return nil, fmt.Errorf("make data directory: %w", err)
	}
	begun, err := Unfinished(path)
	if err != nil {
		return nil, fmt.Errorf("make data directory: %w", err)
	}
	if !empty && !begun {
		return nil, fmt.Errorf("make data directory %s: %w", path, ErrNotEmpty)
	}
	d, err := open(path, true)
	if err != nil {
		return nil, err
	}
	err = durable.Replace(d.Join(unfinishedFile), []byte("What is here was not made to its end. It is removed when it is made again.\n"))
	if err == nil && begun {
		err = d.clear(lockFile, formatFile, unfinishedFile)
	}
	if err != nil {
		d.Close()
		return nil, fmt.Errorf("make data directory: %w", err)
	}
	return d, nil
}

// Finish says that all is in it, and returns when all of that is on the disk.
func (d *Dir) Finish() error {
	unix.Sync()
	if err := errors.Join(os.Remove(d.Join(unfinishedFile)), durable.SyncDir(d.path)); err != nil {
		return fmt.Errorf("finish data directory: %w", err)
	}
	return nil
}

// Discard removes all that was put into it since [Make], and closes it.
func (d *Dir) Discard() error {
	err := d.clear(unfinishedFile)
	if err == nil {
		err = os.Remove(d.Join(unfinishedFile))
	}
	d.Close()
	if err != nil {
		return fmt.Errorf("empty data directory: %w", err)
	}
	return nil
}

// clear removes everything but these.
func (d *Dir) clear(but ...string) error {
	entries, err := os.ReadDir(d.path)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if !slices.Contains(but, e.Name()) {
			err = errors.Join(err, os.RemoveAll(d.Join(e.Name())))
		}
	}
	return err
}

// ErrNotEmpty says that there is something already.
var ErrNotEmpty = errors.New("there is something in it")

// unfinishedFile is there while a directory is being made.
const unfinishedFile = "unfinished"

// UnfinishedError says that a directory was not made to its end.
type UnfinishedError struct{ Dir string }

func (e *UnfinishedError) Error() string {
	return fmt.Sprintf("what is in the data directory %s was not restored to its end; restore the backup again, which begins anew", e.Dir)
}

// Unfinished tells whether a directory was begun by [Make] and not finished.
func Unfinished(path string) (bool, error) {
	_, err := os.Lstat(filepath.Join(path, unfinishedFile))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

func open(path string, make bool) (*Dir, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("open data directory: %w", err)
	}
	if err := os.MkdirAll(abs, 0o700); err != nil {
		return nil, fmt.Errorf("open data directory: %w", err)
	}
	// A directory made by hand is often readable by all; readings and password hashes are not for all.
	if err := os.Chmod(abs, 0o700); err != nil {
		return nil, fmt.Errorf("open data directory: %w", err)
	}
	f, err := os.OpenFile(filepath.Join(abs, lockFile), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open data directory: %w", err)
	}
	if err := take(f); err != nil {
		_ = f.Close() // nothing was written
		if errors.Is(err, unix.EWOULDBLOCK) {
			return nil, &InUseError{Dir: abs, PID: readPID(abs)}
		}
		return nil, fmt.Errorf("lock data directory %s: %w", abs, err)
	}
	d := &Dir{path: abs, lock: f}
	// Held, so that nobody writes it between looking and marking.
	if err := check(abs, make); err != nil {
		d.Close()
		return nil, fmt.Errorf("open data directory: %w", err)
	}
	if err := errors.Join(d.sign(), d.mark("")); err != nil {
		d.Close()
		return nil, fmt.Errorf("sign data directory: %w", err)
	}
	return d, nil
}

// take tries more than once, because a command that asks whether a process is
// running ([Running]) holds the lock for the moment of asking.
func take(f *os.File) error {
	var err error
	for range 10 {
		if err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); !errors.Is(err, unix.EWOULDBLOCK) {
			return err
		}
		time.Sleep(10 * time.Millisecond)
	}
	return err
}

func (d *Dir) sign() error {
	if err := d.lock.Truncate(0); err != nil {
		return err
	}
	_, err := d.lock.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	return err
}

func readPID(dir string) int {
	data, err := os.ReadFile(filepath.Join(dir, lockFile))
	if err != nil {
		return 0
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(data)))
	if err != nil {
		return 0
	}
	return pid
}

// Path is the absolute path of the directory.
func (d *Dir) Path() string { return d.path }

// Join is a path below the directory.
func (d *Dir) Join(name string) string { return filepath.Join(d.path, name) }

// Close removes what tells others about this process and gives the lock back.
// The lock file stays: removing it would let two processes each lock their own.
func (d *Dir) Close() {
	_ = os.Remove(d.Join(instanceFile))
	_ = d.lock.Truncate(0)
	_ = d.lock.Close()
}

// Instance is what a running process tells commands on the same machine.
type Instance struct {
	URL     string    `json:"url"`    // where its HTTP face is
	Secret  string    `json:"secret"` // bearer token, good for this run of the process only
	PID     int       `json:"pid"`
	Version string    `json:"version"`
	Started time.Time `json:"started"`
}

// Announce writes instance.json, readable by the owner alone, and who works on
// the directory now.
func (d *Dir) Announce(in Instance) error {
	if err := errors.Join(d.mark(in.Version), d.write(instanceFile, in)); err != nil {
		return fmt.Errorf("announce instance: %w", err)
	}
	return nil
}

// write puts a file in place as a whole, readable by the owner alone.
func (d *Dir) write(name string, v any) error {
	data, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	return durable.Replace(d.Join(name), append(data, '\n'))
}

// ErrNotRunning says that no process holds the directory.
var ErrNotRunning = errors.New("no wattwerk is running on this data directory")

// Running reads what the process that holds the directory announced. It fails
// with [ErrNotRunning] when none does, also when a crashed one left its file.
func Running(path string) (Instance, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return Instance{}, fmt.Errorf("find instance: %w", err)
	}
	held, err := held(abs)
	if err != nil {
		return Instance{}, fmt.Errorf("find instance: %w", err)
	}
	if !held {
		return Instance{}, fmt.Errorf("%w (%s)", ErrNotRunning, abs)
	}
	data, err := os.ReadFile(filepath.Join(abs, instanceFile))
	if errors.Is(err, fs.ErrNotExist) {
		return Instance{}, fmt.Errorf("process %d on %s has not finished starting", readPID(abs), abs)
	}
	if err != nil {
		return Instance{}, fmt.Errorf("find instance: %w", err)
	}
	var in Instance
	if err := json.Unmarshal(data, &in); err != nil {
		return Instance{}, fmt.Errorf("read %s: %w", filepath.Join(abs, instanceFile), err)
	}
	return in, nil
}

func held(dir string) (bool, error) {
	f, err := os.Open(filepath.Join(dir, lockFile))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer f.Close() //nolint:errcheck // only read
	// A shared lock is enough to ask, and two askers do not disturb each other.
	err = unix.Flock(int(f.Fd()), unix.LOCK_SH|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		return true, nil
	}
	return false, err
}

// Empty tells whether the directory is missing or holds nothing.
func Empty(path string) (bool, error) {
	entries, err := os.ReadDir(path)
	if errors.Is(err, fs.ErrNotExist) {
		return true, nil
	}
	return len(entries) == 0, err
}
