// Package daemon runs a foreign server for a test: a process that can be
// killed, frozen and started again, on the same address and with the same
// files, and that is killed when the test ends at the latest. Packages such as
// vmtest and promtest say which one. It is for tests only.
package daemon

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Deadline is how long a start or a stop may take, on a slow machine.
const Deadline = 2 * time.Minute

// Daemon is a server. Its methods may be used by several goroutines.
type Daemon struct {
	t       testing.TB
	name    string
	log     string
	command []string
	ready   func(ctx context.Context) bool

	mu    sync.Mutex
	cmd   *exec.Cmd     // nil: does not run
	ended chan struct{} // closed when cmd has ended
}

// New makes one that does not run yet. The name is for people, the log a file
// for what it writes, and ready tells whether it, and no other on the same
// address, answers.
func New(t testing.TB, name, log string, command []string, ready func(ctx context.Context) bool) *Daemon {
	d := &Daemon{t: t, name: name, log: log, command: command, ready: ready}
	t.Cleanup(func() {
		d.Kill()
		if t.Failed() {
			t.Logf("%s said: %s", name, d.tail())
		}
	})
	return d
}

// PID is the number of its process, 0 when it does not run.
func (d *Daemon) PID() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.cmd == nil {
		return 0
	}
	return d.cmd.Process.Pid
}

// Running tells whether there is a process, frozen or not.
func (d *Daemon) Running() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.cmd == nil {
		return false
	}
	select {
	case <-d.ended:
		return false
	default:
		return true
	}
}

// Kill ends the server with SIGKILL, and waits until it is gone. It does
// nothing when it does not run.
func (d *Daemon) Kill() { d.end(syscall.SIGKILL) }

// Stop ends the server as an operator does, with SIGTERM: it writes everything
// to its disk.
func (d *Daemon) Stop() { d.end(syscall.SIGTERM) }

func (d *Daemon) end(sig syscall.Signal) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.cmd == nil {
		return
	}
	_ = d.cmd.Process.Signal(sig)
	_ = d.cmd.Process.Signal(syscall.SIGCONT) // one that was frozen hears nothing else before it
	select {
	case <-d.ended:
	case <-time.After(Deadline):
		d.t.Errorf("%s does not end by %v", d.name, sig)
		_ = d.cmd.Process.Kill()
		<-d.ended
	}
	d.cmd = nil
}

// Signal sends it a signal, as SIGSTOP: a server that hangs.
func (d *Daemon) Signal(sig syscall.Signal) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.cmd == nil {
		d.t.Errorf("%s does not run", d.name)
	} else if err := d.cmd.Process.Signal(sig); err != nil {
		d.t.Error(err)
	}
}

// Again starts the server again, on the same address and data, and waits until
// it answers. It kills it first when it runs.
func (d *Daemon) Again() {
	d.t.Helper()
	d.Kill()
	if err := d.Start(); err != nil {
		d.t.Errorf("start %s again: %v", d.name, err)
	}
}

// Start starts the server and waits until it answers.
func (d *Daemon) Start() error {
	ended, err := d.Begin()
	if err != nil {
		return err
	}
	return d.await(ended)
}

// Begin starts the server and does not wait; what it gives is closed when the
// server has ended.
func (d *Daemon) Begin() (ended chan struct{}, err error) {
	log, err := os.OpenFile(d.log, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer func() { _ = log.Close() }() // the process has its own copy
	cmd := exec.Command(d.command[0], d.command[1:]...)
	cmd.Stdout, cmd.Stderr = log, log
	// A test that is killed takes its servers with it.
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	ended = make(chan struct{})
	d.mu.Lock()
	d.cmd, d.ended = cmd, ended
	d.mu.Unlock()
	go func() {
		_ = cmd.Wait() // killed, mostly
		close(ended)
	}()
	return ended, nil
}

// Ready waits until the server, which was begun, answers.
func (d *Daemon) Ready() error {
	d.mu.Lock()
	ended := d.ended
	d.mu.Unlock()
	return d.await(ended)
}

func (d *Daemon) await(ended chan struct{}) error {
	ctx, cancel := context.WithTimeout(context.Background(), Deadline)
	defer cancel()
	look := time.NewTicker(20 * time.Millisecond)
	defer look.Stop()
	for {
		if d.answers(ctx) {
			return nil
		}
		select {
		case <-ended:
			return fmt.Errorf("it ended: %s", d.tail())
		case <-ctx.Done():
			return fmt.Errorf("it does not answer: %s", d.tail())
		case <-look.C: // there is no other sign
		}
	}
}

func (d *Daemon) answers(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	return d.ready(ctx)
}

// tail is the end of what it wrote.
func (d *Daemon) tail() string {
	data, err := os.ReadFile(d.log)
	if err != nil {
		return err.Error()
	}
	return string(data[max(0, len(data)-2000):])
}

// Get gives the body of a page, and whether it was answered with 200.
func Get(ctx context.Context, url string) (string, bool) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return "", false
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", false
	}
	body, err := io.ReadAll(res.Body)
	return string(body), res.Body.Close() == nil && err == nil && res.StatusCode == http.StatusOK
}

// Free gives an address nobody listens on. The port is not one that the system
// gives to outgoing connections, because a server that was killed wants the
// same port again.
func Free(t testing.TB) string {
	t.Helper()
	for range 100 {
		addr := fmt.Sprintf("127.0.0.1:%d", 12_000+rand.IntN(20_000))
		l, err := net.Listen("tcp", addr)
		if err != nil {
			continue
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		return addr
	}
	t.Fatal("no port is free")
	return ""
}

// Program finds a program in .tools of the repository, where the command that
// is named last installs it.
func Program(name, installs string) (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			break
		}
		up := filepath.Dir(dir)
		if up == dir {
			return "", errors.New("the working directory is not in the repository")
		}
		dir = up
	}
	program := filepath.Join(dir, ".tools", name)
	if _, err := os.Stat(program); err != nil {
		return "", fmt.Errorf("%s is missing; run '%s'", strings.TrimPrefix(program, dir+"/"), installs)
	}
	return program, nil
}
