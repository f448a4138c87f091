package bank

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/wattwerk/wattwerk/internal/run"
)

// Env names the variable by which a program knows in which bank it is: a, b or [EnvInstalled].
// Who does not have it was not started by a launcher.
const (
	Env          = "BANK_OF_WATTWERK"
	EnvInstalled = "installed"
)

// EnvLauncher names the variable by which a program knows the version of its launcher.
const EnvLauncher = "LAUNCHER_OF_WATTWERK"

// FromEnv tells in which bank a program is. ok: a launcher has started it.
func FromEnv(value string) (n Name, ok bool) {
	switch value {
	case EnvInstalled:
		return Installed, true
	case string(A), string(B):
		return Name(value), true
	}
	return Installed, false
}

// Launcher starts the program that is to run. It is what the system starts, from the installed
// program, and does as little as it can, since it is never exchanged.
type Launcher struct {
	Store  *Store
	Path   func(Name) string // of the programs
	Args   []string          // what they are started with
	Within time.Duration     // in which a program on trial must have proven itself, or else it hangs
	Pause  time.Duration     // between two starts on trial
	Stop   time.Duration     // for a program on trial that is told to stop; 0: 20 seconds
	Exec   func(path string, args, env []string) error
	Now    func() time.Time
	Log    *slog.Logger

	Version string // of the launcher, which the program tells on; empty: it is not told
}

// Run starts programs. One that has proven itself takes the place of this process, so it
// returns with an error, or after a program on trial has ended because ctx has.
func (l *Launcher) Run(ctx context.Context) error {
	for ctx.Err() == nil {
		n, trial, why := l.Store.Boot(l.Now())
		if why != nil {
			l.Log.Error("not everything is as it should be with the programs of this device", "error", why)
		}
		if !trial {
			err := l.replace(n)
			if n == Installed {
				return err
			}
			l.Log.Error("the current program could not be started, and the installed one is", "bank", string(n), "error", err)
			return l.replace(Installed)
		}
		l.try(ctx, n)
		if ctx.Err() != nil {
			return l.Store.Uncount()
		}
		if l.Store.State().Trial == n {
			if err := l.Store.Crashed(); err != nil {
				l.Log.Error("a crash was not counted", "error", err)
			}
			run.Pause(ctx, l.Pause)
		}
	}
	return nil
}

func (l *Launcher) env(n Name) []string {
	value := string(n)
	if n == Installed {
		value = EnvInstalled
	}
	env := slices.DeleteFunc(os.Environ(), func(s string) bool { return strings.HasPrefix(s, Env+"=") || strings.HasPrefix(s, EnvLauncher+"=") })
	if env = append(env, Env+"="+value); l.Version != "" {
		env = append(env, EnvLauncher+"="+l.Version)
	}
	return env
}

// replace has a program take the place of this process.
func (l *Launcher) replace(n Name) error {
	path := l.Path(n)
	if err := l.Exec(path, append([]string{path}, l.Args...), l.env(n)); err != nil {
		return fmt.Errorf("start %s: %w", path, err)
	}
	return nil
}

// try starts a program on trial, and waits for its end.
func (l *Launcher) try(ctx context.Context, n Name) {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	cmd := exec.CommandContext(ctx, l.Path(n), l.Args...)
	cmd.Env, cmd.Stdout, cmd.Stderr = l.env(n), os.Stdout, os.Stderr
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	if cmd.WaitDelay = l.Stop; l.Stop == 0 {
		cmd.WaitDelay = 20 * time.Second
	}
	l.Log.Info("a program is started on trial", "bank", string(n), "start", l.Store.State().Starts)
	var hung atomic.Bool
	watch := time.AfterFunc(l.Within, func() {
		// Only it may have written meanwhile.
		other, err := Open(l.Store.disk)
		if err != nil || other.State().Trial == n {
			hung.Store(true)
			stop()
		}
	})
	err := cmd.Run()
	watch.Stop()
	if e := l.Store.Reload(); e != nil {
		l.Log.Error("what the program on trial has written cannot be read", "error", e)
		return
	}
	switch {
	case l.Store.State().Trial != n:
		l.Log.Info("a program that was on trial has ended", "bank", string(n))
	case hung.Load():
		if e := l.Store.Fail(fmt.Sprintf("it neither proved itself nor gave up within %v", l.Within), false, l.Now()); e != nil {
			l.Log.Error("a program was not taken back", "error", e)
		}
	default:
		if err == nil {
			err = errors.New("it ended")
		}
		l.Log.Warn("a program on trial has ended before it has proven itself", "bank", string(n), "error", err)
	}
}
