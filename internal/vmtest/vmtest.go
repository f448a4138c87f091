// Package vmtest starts VictoriaMetrics for tests: on a free address of this
// machine, in a directory that outlives it, so that it can be killed and
// started again. It is for tests only.
//
// The program is .tools/victoria-metrics-VERSION in the repository, which
// 'make needs' installs. A test without it fails and says so.
package vmtest

import (
	"bytes"
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

// Version is the one that is tested with; scripts/needs.sh installs it.
const Version = "1.151.0"

// Deadline is how long a start or a stop may take, on a slow machine.
const Deadline = 2 * time.Minute

// Flags are those that a server for wattwerk has, besides where it listens and
// where its data is. docs/scaling.md asks for the same.
var Flags = []string{
	"-retentionPeriod=100y",        // the default is a month
	"-dedup.minScrapeInterval=1ms", // one sample at one time
	"-search.latencyOffset=0s",     // what is stored is seen
}

// Options say how a server is started; the zero value will do.
type Options struct {
	Dir  string   // its data; default: a directory that goes with the test
	Addr string   // host and port; default: a free one on the loopback interface
	Args []string // more flags, after [Flags]; the last of two equal ones counts
	Wrap []string // a command that runs the server, as ip netns exec NAME
}

// Server is a VictoriaMetrics. It may be used by several goroutines.
type Server struct {
	t   testing.TB
	o   Options
	log string

	mu    sync.Mutex
	cmd   *exec.Cmd     // nil: does not run
	ended chan struct{} // closed when cmd has ended
}

// Start starts a server and waits until it answers. It is killed at the end of
// the test at the latest.
func Start(t testing.TB, o Options) *Server {
	t.Helper()
	if o.Dir == "" {
		o.Dir = t.TempDir()
	}
	s := &Server{t: t, o: o, log: filepath.Join(o.Dir, "log")}
	t.Cleanup(s.Kill)
	for try := 0; ; try++ {
		if o.Addr == "" {
			s.o.Addr = free(t)
		}
		err := s.start()
		if err == nil {
			return s
		}
		// Somebody else may have taken the address meanwhile.
		if o.Addr != "" || try == 3 {
			t.Fatalf("start VictoriaMetrics: %v", err)
		}
		s.Kill()
	}
}

// free gives an address nobody listens on. The port is not one that the system
// gives to outgoing connections, because a server that was killed wants the
// same port again.
func free(t testing.TB) string {
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

// URL is the address of the server, as http://127.0.0.1:8428.
func (s *Server) URL() string { return "http://" + s.o.Addr }

// Addr is its host and port.
func (s *Server) Addr() string { return s.o.Addr }

// PID is the number of its process, 0 when it does not run.
func (s *Server) PID() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cmd == nil {
		return 0
	}
	return s.cmd.Process.Pid
}

// Kill ends the server with SIGKILL, and waits until it is gone. It does
// nothing when it does not run.
func (s *Server) Kill() { s.end(syscall.SIGKILL) }

// Stop ends the server as an operator does, with SIGTERM: it writes everything
// to its disk.
func (s *Server) Stop() { s.end(syscall.SIGTERM) }

func (s *Server) end(sig syscall.Signal) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cmd == nil {
		return
	}
	// One that was stopped by SIGSTOP hears nothing else but SIGKILL.
	_ = s.cmd.Process.Signal(sig)
	select {
	case <-s.ended:
	case <-time.After(Deadline):
		s.t.Errorf("VictoriaMetrics does not end by %v", sig)
		_ = s.cmd.Process.Kill()
		<-s.ended
	}
	s.cmd = nil
}

// Signal sends it a signal, as SIGSTOP: a server that hangs.
func (s *Server) Signal(sig syscall.Signal) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cmd == nil {
		s.t.Error("VictoriaMetrics does not run")
	} else if err := s.cmd.Process.Signal(sig); err != nil {
		s.t.Error(err)
	}
}

// Again starts the server again, on the same address and data, and waits until
// it answers. It kills it first when it runs.
func (s *Server) Again() {
	s.t.Helper()
	s.Kill()
	if err := s.start(); err != nil {
		s.t.Errorf("start VictoriaMetrics again: %v", err)
	}
}

func (s *Server) start() error {
	program, err := Program()
	if err != nil {
		return err
	}
	args := append([]string{program, "-storageDataPath=" + filepath.Join(s.o.Dir, "data"), "-httpListenAddr=" + s.o.Addr}, Flags...)
	// Tests run beside one another: it is not to plan with the whole machine.
	args = append(args, "-memory.allowedBytes=256MiB", "-loggerLevel=WARN")
	args = append(append(s.o.Wrap[:len(s.o.Wrap):len(s.o.Wrap)], args...), s.o.Args...)
	log, err := os.OpenFile(s.log, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }() // the process has its own copy
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		return err
	}
	ended := make(chan struct{})
	s.mu.Lock()
	s.cmd, s.ended = cmd, ended
	s.mu.Unlock()
	go func() {
		_ = cmd.Wait() // killed, mostly
		close(ended)
	}()
	return s.await(ended)
}

// await waits until the server answers.
func (s *Server) await(ended chan struct{}) error {
	ctx, cancel := context.WithTimeout(context.Background(), Deadline)
	defer cancel()
	look := time.NewTicker(20 * time.Millisecond)
	defer look.Stop()
	for {
		if s.answers(ctx) {
			return nil
		}
		select {
		case <-ended:
			return fmt.Errorf("it ended: %s", s.tail())
		case <-ctx.Done():
			return fmt.Errorf("it does not answer: %s", s.tail())
		case <-look.C: // there is no other sign
		}
	}
}

// answers tells whether this server, and no other on the same address, does.
func (s *Server) answers(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.URL()+"/flags", nil)
	if err != nil {
		return false
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return false
	}
	flags, err := io.ReadAll(res.Body)
	return res.Body.Close() == nil && err == nil && res.StatusCode == http.StatusOK && bytes.Contains(flags, []byte(s.o.Dir))
}

// tail is the end of what it wrote.
func (s *Server) tail() string {
	data, err := os.ReadFile(s.log)
	if err != nil {
		return err.Error()
	}
	return string(data[max(0, len(data)-2000):])
}

// Program finds the program.
func Program() (string, error) {
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
	program := filepath.Join(dir, ".tools", "victoria-metrics-"+Version)
	if _, err := os.Stat(program); err != nil {
		return "", fmt.Errorf("%s is missing; run 'make needs'", strings.TrimPrefix(program, dir+"/"))
	}
	return program, nil
}
