package bank

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// proves names the variable by which the test binary is a program that proves itself.
const proves = "WATTWERK_TEST_PROVES"

func TestMain(m *testing.M) {
	if dir := os.Getenv(proves); dir != "" {
		s, err := Open(Dir(dir))
		if err == nil {
			err = s.Prove()
		}
		if n, ok := FromEnv(os.Getenv(Env)); err != nil || !ok || s.State().Current != n {
			fmt.Fprintln(os.Stderr, err, n, ok)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

var errReplaced = errors.New("replaced")

// launched launches programs, scripts, one after the other, on trial, and gives those that took
// the place of the launcher.
func launched(t *testing.T, l *Launcher, dir Dir, text string) string {
	t.Helper()
	sum := sha256.Sum256([]byte(text))
	p := Program{Version: text, SHA256: hex.EncodeToString(sum[:]), Size: int64(len(text))}
	s := open(t, dir)
	if err := errors.Join(fetch(s, p, text), s.Try(nil)); err != nil {
		t.Fatal(err)
	}
	l.Store = open(t, dir)
	var got string
	l.Exec = func(path string, args, env []string) error {
		i := slices.IndexFunc(env, func(s string) bool { return strings.HasPrefix(s, Env+"=") })
		if got != "" { // the first one; then the installed program is tried
			return errReplaced
		}
		if !slices.Contains(env, EnvLauncher+"=1.2.3") {
			t.Errorf("the program is not told the version of its launcher: %q", env)
		}
		got = fmt.Sprintf("%s %v %s", strings.TrimPrefix(path, string(dir)), args[1:], env[i])
		return errReplaced
	}
	if err := l.Run(t.Context()); !errors.Is(err, errReplaced) {
		t.Errorf("%v, %q", err, got)
	}
	return got
}

// TestLaunch: programs of the system that prove themselves, crash, hang, end, and cannot be
// started at all.
func TestLaunch(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := Dir(t.TempDir())
	l := &Launcher{
		Version: "1.2.3",
		Path: func(n Name) string {
			if n == Installed {
				return "/usr/bin/wattwerk"
			}
			return dir.Path(n.Path())
		},
		Args: []string{"run"}, Within: time.Hour, Now: func() time.Time { return when }, Log: slog.New(slog.DiscardHandler),
	}
	starts := filepath.Join(t.TempDir(), "starts")
	counted := func() int {
		data, err := os.ReadFile(starts)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Remove(starts); err != nil {
			t.Fatal(err)
		}
		return strings.Count(string(data), "run\n")
	}
	begin := "#!/bin/sh\necho $1 >> " + starts + "\n"

	if got := launched(t, l, dir, begin+"exit 3\n"); got != "/usr/bin/wattwerk [run] BANK_OF_WATTWERK=installed" || counted() != 3 {
		t.Errorf("crash: %q", got)
	}
	if got := launched(t, l, dir, begin+"exec env "+proves+"="+string(dir)+" "+self+"\n"); got != "/a/wattwerk [run] BANK_OF_WATTWERK=a" || counted() != 1 {
		t.Errorf("prove: %q", got)
	}
	if got := launched(t, l, dir, begin+"exit 0\n"); got != "/a/wattwerk [run] BANK_OF_WATTWERK=a" || counted() != 3 {
		t.Errorf("end: %q", got)
	}
	if got := launched(t, l, dir, "no program at all"); got != "/a/wattwerk [run] BANK_OF_WATTWERK=a" {
		t.Errorf("none: %q", got)
	}
	l.Within = time.Millisecond
	if got := launched(t, l, dir, begin+"exec sleep 3600\n"); got != "/a/wattwerk [run] BANK_OF_WATTWERK=a" {
		t.Errorf("hang: %q", got)
	}
	state := l.Store.State()
	if n := len(state.Failures); n != 4 || !strings.Contains(state.Failures[3].Why, "within 1ms") || !strings.Contains(state.Failures[2].Why, "3 times") {
		t.Errorf("%+v", state.Failures)
	}

	// Being told to stop is no failure.
	ctx, stop := context.WithCancel(t.Context())
	text := begin + "echo $$ > " + starts + ".pid.new; mv " + starts + ".pid.new " + starts + ".pid; exec sleep 3600\n"
	l.Within = time.Hour
	sum := sha256.Sum256([]byte(text))
	s := open(t, dir)
	if err := errors.Join(fetch(s, Program{SHA256: hex.EncodeToString(sum[:]), Size: int64(len(text))}, text), s.Try(nil)); err != nil {
		t.Fatal(err)
	}
	l.Store = open(t, dir)
	done := make(chan error, 1)
	go func() { done <- l.Run(ctx) }()
	for deadline := time.Now().Add(time.Minute); ; <-time.After(5 * time.Millisecond) {
		if _, err := os.Stat(starts + ".pid"); err == nil {
			break
		}
		if time.Now().After(deadline) {
			t.Error("it was not started")
			break
		}
	}
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if state := open(t, dir).State(); state.Trial != B || state.Starts != 0 {
		t.Errorf("%+v", state)
	}
}

func TestFromEnv(t *testing.T) {
	for text, want := range map[string]string{"a": "a true", "b": "b true", EnvInstalled: " true", "": " false", "c": " false"} {
		if n, ok := FromEnv(text); fmt.Sprintf("%s %v", n, ok) != want {
			t.Errorf("%q: %q %v", text, n, ok)
		}
	}
}
