package datadir

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestNewerDataIsRefused(t *testing.T) {
	dir := t.TempDir()
	d, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Announce(Instance{Version: "v1.2.0"}); err != nil {
		t.Fatal(err)
	}
	d.Close()
	if m, ok, err := ReadMark(dir); err != nil || !ok || m != (Mark{Format: Format, Program: "v1.2.0"}) {
		t.Fatalf("the mark is %+v, %v, %v", m, ok, err)
	}
	// Who does not say which version it is leaves the mark as it is.
	if d, err = Open(dir); err != nil {
		t.Fatal(err)
	}
	d.Close()
	if m, _, _ := ReadMark(dir); m.Program != "v1.2.0" {
		t.Errorf("the mark is %+v", m)
	}
	if err := os.WriteFile(filepath.Join(dir, formatFile), []byte(`{"format":2,"program":"v2.0.0"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = Open(dir)
	var newer *NewerError
	if !errors.As(err, &newer) || newer.Mark != (Mark{2, "v2.0.0"}) {
		t.Fatalf("got %v", err)
	}
	for _, part := range []string{dir, "wattwerk v2.0.0", "format 2", "up to 1", "backup"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%q does not say %q", err, part)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, formatFile), []byte(`{"for`), 0o600); err != nil {
		t.Fatal(err)
	}
	if d, err := Open(dir); err == nil {
		d.Close()
		t.Error("a mark that cannot be read is taken for an old one")
	}
}
