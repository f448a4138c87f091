package datadir

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestSecondIsRefusedWithASentence(t *testing.T) {
	path := filepath.Join(t.TempDir(), "data")
	d, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	_, err = Open(path)
	var used *InUseError
	if !errors.As(err, &used) {
		t.Fatalf("got %v", err)
	}
	if used.PID != os.Getpid() || !strings.Contains(err.Error(), path) {
		t.Errorf("got %v", err)
	}
	d.Close()
	again, err := Open(path)
	if err != nil {
		t.Fatalf("after the first one ended: %v", err)
	}
	again.Close()
}

func TestPermissions(t *testing.T) {
	path := t.TempDir()
	if err := os.Chmod(path, 0o755); err != nil {
		t.Fatal(err)
	}
	d, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if err := d.Announce(Instance{URL: "http://127.0.0.1:1", Secret: "s"}); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]os.FileMode{path: 0o700, d.Join(lockFile): 0o600, d.Join(instanceFile): 0o600} {
		st, err := os.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		if st.Mode().Perm() != want {
			t.Errorf("%s has mode %v, want %v", name, st.Mode().Perm(), want)
		}
	}
}

func TestRunning(t *testing.T) {
	path := t.TempDir()
	if _, err := Running(path); !errors.Is(err, ErrNotRunning) {
		t.Errorf("empty directory: %v", err)
	}
	d, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Running(path); err == nil || errors.Is(err, ErrNotRunning) {
		t.Errorf("while starting: %v", err)
	}
	want := Instance{URL: "http://127.0.0.1:1", Secret: "s", PID: 7}
	if err := d.Announce(want); err != nil {
		t.Fatal(err)
	}
	if got, err := Running(path); err != nil || got != want {
		t.Errorf("got %v, %v", got, err)
	}
	d.Close()
	// As a crash leaves it: the file is there, the lock is not.
	if err := os.WriteFile(filepath.Join(path, instanceFile), []byte(`{}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Running(path); !errors.Is(err, ErrNotRunning) {
		t.Errorf("after a crash: %v", err)
	}
}

func TestEmpty(t *testing.T) {
	dir := t.TempDir()
	for path, want := range map[string]bool{dir: true, filepath.Join(dir, "none"): true, ".": false} {
		if got, err := Empty(path); got != want || err != nil {
			t.Errorf("%s: %v, %v", path, got, err)
		}
	}
}
