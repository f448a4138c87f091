package update

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/wattwerk/wattwerk/survey/release"
)

func TestRepository(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	clock := func() time.Time { return now }
	stick, dir := t.TempDir(), filepath.Join(t.TempDir(), "updates")
	if _, err := Open(dir, clock); !errors.Is(err, ErrNone) {
		t.Error(err)
	}
	r, err := Init(stick, dir, clock)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Init(stick, dir, clock); err == nil {
		t.Error("a repository is written over")
	}
	for _, where := range []string{filepath.Join(stick, RootKey), filepath.Join(stick, TargetsKey), filepath.Join(dir, SnapshotKey), filepath.Join(dir, TimestampKey)} {
		if info, err := os.Stat(where); err != nil || info.Mode().Perm() != 0o600 {
			t.Error(where, info, err)
		}
	}
	for _, name := range []string{RootKey, TargetsKey} {
		if _, err := os.Stat(filepath.Join(dir, name)); err == nil {
			t.Errorf("%s is where the service works", name)
		}
	}
	program := filepath.Join(t.TempDir(), "program")
	text := strings.Repeat("program ", release.MaxPart/8+1)
	if err := os.WriteFile(program, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	rel := release.Release{Version: "1.1.0", Platform: "linux/arm64", Ring: release.First}
	if rel, err = r.Publish(stick, program, rel); err != nil || rel.Sequence != 2 {
		t.Fatal(rel, err)
	}
	if _, err := r.Publish(t.TempDir(), program, rel); err == nil {
		t.Error("it is published without a key")
	}
	if _, err := r.Publish(stick, program, release.Release{Version: "../x", Platform: "linux/arm64"}); !errors.Is(err, release.ErrInvalid) {
		t.Error(err)
	}
	if _, err := r.SetRing(stick, "1.1.1", "", release.All, false); err == nil {
		t.Error("a release that is none has a ring")
	}
	if changed, err := r.SetRing(stick, "1.1.0", "linux/arm64", 0, true); err != nil || len(changed) != 1 || changed[0].Ring != release.Second || changed[0].Sequence != 2 {
		t.Error(changed, err)
	}

	// What is served.
	timestamp, err := r.Metadata(timestampFile)
	if err != nil || !strings.Contains(string(timestamp), "2026-03-02T12:00:00Z") {
		t.Errorf("%s, %v", timestamp, err)
	}
	entries, err := os.ReadDir(filepath.Join(dir, programsDir))
	if err != nil || len(entries) != 1 {
		t.Fatal(entries, err)
	}
	name := entries[0].Name()
	first, err := r.Program(name, 0)
	rest, err2 := r.Program(name, int64(len(first)))
	if string(first)+string(rest) != text || len(first) != release.MaxPart || errors.Join(err, err2) != nil {
		t.Errorf("%d and %d bytes, %v, %v", len(first), len(rest), err, err2)
	}
	if end, err := r.Program(name, int64(len(text))+9); len(end) != 0 || err != nil {
		t.Errorf("%q, %v", end, err)
	}
	for _, n := range []string{"", SnapshotKey, TimestampKey, "../" + timestampFile, "lock", "0.root.json", "targets.json", "targets", "9.snapshot.json"} {
		if data, err := r.Metadata(n); !errors.Is(err, ErrNotFound) {
			t.Errorf("%s: %.20q, %v", n, data, err)
		}
		if data, err := r.Program(n, 0); !errors.Is(err, ErrNotFound) {
			t.Errorf("%s: %.20q, %v", n, data, err)
		}
	}

	// Nothing is renewed before it is time; the snapshot less often than the timestamp.
	same := func(what string, want bool) {
		t.Helper()
		if _, err := r.Renew(); err != nil {
			t.Fatal(err)
		}
		data, err := r.Metadata(timestampFile)
		if err != nil || (string(data) == string(timestamp)) != want {
			t.Errorf("%s: %s, %v", what, data, err)
		}
		timestamp = data
	}
	same("at once", true)
	now = now.Add(5 * time.Hour)
	same("after 5 hours", true)
	now = now.Add(2 * time.Hour)
	same("after 7 hours", false)
	if !strings.Contains(string(timestamp), `"version":3}}`) {
		t.Errorf("the snapshot is another one: %s", timestamp)
	}
	s, err := r.Status()
	if err != nil || len(s.Releases) != 1 || len(s.Todo) != 0 {
		t.Errorf("%+v, %v", s, err)
	}
	now = now.Add(TargetsLife - 30*24*time.Hour)
	if s, err = r.Status(); err != nil || len(s.Todo) != 2 || !strings.Contains(s.Todo[0], "update sign") || !strings.Contains(s.Todo[1], "has expired") {
		t.Errorf("%+v, %v", s, err)
	}
	same("after a year", false)
	if err := r.Sign(stick); err != nil {
		t.Fatal(err)
	}
	if s, err = r.Status(); err != nil || len(s.Todo) != 0 {
		t.Errorf("%+v, %v", s, err)
	}

	// The same version, changed, takes the place of the one before.
	if err := os.WriteFile(program, []byte("another program"), 0o600); err != nil {
		t.Fatal(err)
	}
	again, err := r.Publish(stick, program, rel)
	if err != nil || again.Sequence <= rel.Sequence {
		t.Error(again, err)
	}
	if _, err := r.Program(name, 0); !errors.Is(err, ErrNotFound) {
		t.Errorf("the program before is still there: %v", err)
	}
	if err := r.Withdraw(stick, "1.1.0", ""); err != nil {
		t.Fatal(err)
	}
	if s, err = r.Status(); err != nil || len(s.Releases) != 0 {
		t.Errorf("%+v, %v", s, err)
	}
	if entries, err = os.ReadDir(filepath.Join(dir, programsDir)); err != nil || len(entries) != 0 {
		t.Error(entries, err)
	}
	if err := r.Rotate(stick, "mirror"); err == nil {
		t.Error("there is a role that is none")
	}
}
