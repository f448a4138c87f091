// Package pgtest runs a real PostgreSQL for tests. It can be killed, frozen
// and started again, and keeps its address and its files meanwhile. It is for
// tests only.
//
// The server listens on a socket in a directory of its own, so that no port
// has to be found. It refuses to be run by root, so then it runs as the user
// postgres; where that user is out of reach, as in a namespace of users, in one
// more of those. The program is the one that scripts/needs.sh installs. Waiting is
// for conditions. What the server said is printed when the test fails.
package pgtest

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// Within is how long anything may take on a slow machine.
const Within = 2 * time.Minute

const (
	owner    = "wattwerk"
	password = "correct horse" // with a space, which has to survive URLs
)

// Server is one PostgreSQL: a process, or for the moment none. Its methods are
// for one goroutine.
type Server struct {
	bin, dir string
	as       *syscall.Credential
	enter    []string // what goes before the command of the server
	cmd      *exec.Cmd
	ended    chan struct{}
	made     atomic.Int64 // databases
	port     string       // of its socket; empty: the usual one
	more     []string     // arguments of the server, which then answers on a network, too
	host     string       // where it does; empty: who is told the port knows
}

// Certificate makes a certificate for 127.0.0.1 in a directory, and names the files
// in PEM of the authority, the certificate and its key.
type Certificate func(dir string) (ca, cert, key string, err error)

// StartSecure is [Start] of a server that answers at 127.0.0.1, too: with TLS, to
// those who log in by SCRAM. It gives the port and the file of the authority that
// signed its certificate.
func StartSecure(t testing.TB, issue Certificate) (s *Server, port, ca string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ = net.SplitHostPort(l.Addr().String())
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	s = start(t, func(s *Server) error {
		var cert, key string
		var err error
		if ca, cert, key, err = issue(t.TempDir()); err != nil {
			return err
		}
		s.more = []string{"-c", "listen_addresses=127.0.0.1", "-c", "port=" + port, "-c", "ssl=on"}
		for setting, file := range map[string]string{"ssl_cert_file": cert, "ssl_key_file": key} {
			text, err := os.ReadFile(file)
			if err != nil {
				return err
			}
			// It takes only a key that is its own.
			own := filepath.Join(s.dir, setting)
			if err := os.WriteFile(own, text, 0o600); err != nil {
				return err
			}
			if s.as != nil {
				if err := os.Chown(own, int(s.as.Uid), int(s.as.Gid)); err != nil {
					return err
				}
			}
			s.more = append(s.more, "-c", setting+"="+own)
		}
		s.port = port
		hba := filepath.Join(s.data(), "pg_hba.conf")
		return os.WriteFile(hba, []byte("local all all scram-sha-256\nhostssl all all 127.0.0.1/32 scram-sha-256\n"), 0o600)
	})
	return s, port, ca
}

// Start runs a server of the test's own and returns when it is ready. It ends
// with the test.
func Start(t testing.TB) *Server {
	t.Helper()
	return start(t, func(*Server) error { return nil })
}

// StartOn is [Start] of a server on a machine of a network of namespaces, which
// answers at its address, too; enter goes before a command that is to run there.
func StartOn(t testing.TB, host string, enter []string) *Server {
	t.Helper()
	return start(t, func(s *Server) error {
		s.enter, s.host = enter, host
		s.more = []string{"-c", "listen_addresses=" + host}
		hba := filepath.Join(s.data(), "pg_hba.conf")
		return os.WriteFile(hba, []byte("local all all scram-sha-256\nhost all all samenet scram-sha-256\n"), 0o600)
	})
}

func start(t testing.TB, prepare func(*Server) error) *Server {
	t.Helper()
	s, err := create()
	if err != nil {
		t.Fatal(err)
	}
	if err := prepare(s); err != nil {
		t.Fatal(errors.Join(err, s.remove()))
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("PostgreSQL said:\n%s", s.said())
		}
		if err := s.remove(); err != nil {
			t.Error(err)
		}
	})
	if err := s.run(); err != nil {
		t.Fatal(err)
	}
	return s
}

var shared struct {
	sync.Mutex
	server *Server
	main   bool
}

// Main runs the tests of a package that use [Database]. TestMain calls it.
func Main(m *testing.M) (code int) {
	shared.main = true
	code = m.Run()
	if s := shared.server; s != nil {
		if err := s.remove(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = max(code, 1)
		}
	}
	return code
}

// Database gives the URL of an empty database, on a server that the tests of
// the package share.
func Database(t testing.TB) string {
	t.Helper()
	shared.Lock()
	defer shared.Unlock()
	if !shared.main {
		t.Fatal("the package has no TestMain that calls pgtest.Main")
	}
	if shared.server == nil {
		s, err := create()
		if err != nil {
			t.Fatal(err)
		}
		shared.server = s
		if err := s.run(); err != nil {
			t.Fatalf("%v; it said:\n%s", err, s.said())
		}
	}
	return shared.server.Database(t)
}

// Database gives the URL of a new, empty database on the server.
func (s *Server) Database(t testing.TB) string {
	t.Helper()
	name := fmt.Sprintf("test_%d", s.made.Add(1))
	ctx, cancel := context.WithTimeout(context.Background(), Within)
	defer cancel()
	c, err := pgx.Connect(ctx, s.url("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.Exec(ctx, "CREATE DATABASE "+name)
	if err := errors.Join(err, c.Close(ctx)); err != nil {
		t.Fatal(err)
	}
	if s.host != "" {
		return (&url.URL{Scheme: "postgres", User: url.UserPassword(owner, password), Host: net.JoinHostPort(s.host, "5432"), Path: "/" + name}).String()
	}
	return s.url(name)
}

// url is that of the socket, which is there whatever becomes of networks.
func (s *Server) url(database string) string {
	return (&url.URL{
		Scheme: "postgres", User: url.UserPassword(owner, password), Path: "/" + database,
		RawQuery: url.Values{"host": {s.dir}, "port": {cmp.Or(s.port, "5432")}}.Encode(),
	}).String()
}

// programs is where the newest version is.
func programs() (string, error) {
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/postgres")
	if err != nil || len(found) == 0 {
		if path, perr := exec.LookPath("postgres"); perr == nil {
			return filepath.Dir(path), nil
		}
		return "", errors.New("there is no PostgreSQL: run 'make needs'")
	}
	version := func(path string) int {
		n, _ := strconv.Atoi(strings.Split(path, "/")[4])
		return n
	}
	return filepath.Dir(slices.MaxFunc(found, func(a, b string) int { return version(a) - version(b) })), nil
}

// create makes the files of a server.
func create() (s *Server, err error) {
	s = new(Server)
	if s.bin, err = programs(); err != nil {
		return nil, err
	}
	if s.dir, err = os.MkdirTemp("", "pgtest-"); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.RemoveAll(s.dir))
		}
	}()
	secret := filepath.Join(s.dir, "password")
	if err := os.WriteFile(secret, []byte(password+"\n"), 0o600); err != nil {
		return nil, err
	}
	if os.Getuid() == 0 {
		if s.as, err = unprivileged(); err != nil {
			return nil, err
		}
	}
	if s.as != nil {
		for _, path := range []string{s.dir, secret} {
			if err := os.Chown(path, int(s.as.Uid), int(s.as.Gid)); err != nil {
				return nil, err
			}
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), Within)
	defer cancel()
	args := s.command("initdb", "-D", s.data(), "-U", owner, "-A", "scram-sha-256",
		"--pwfile", secret, "-E", "UTF8", "--locale=C.UTF-8", "--no-sync")
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	s.prepare(cmd)
	if out, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("make the files of PostgreSQL: %w: %s", err, out)
	}
	return s, nil
}

// unprivileged is who runs it instead of root; nil in a namespace in which there
// is nobody else.
func unprivileged() (*syscall.Credential, error) {
	text, err := os.ReadFile("/proc/self/uid_map")
	if f := strings.Fields(string(text)); err != nil || len(f) == 3 && f[2] == "1" {
		return nil, err
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		if u, err = user.Lookup("nobody"); err != nil {
			return nil, err
		}
	}
	uid, err := strconv.ParseUint(u.Uid, 10, 32)
	if err != nil {
		return nil, err
	}
	gid, err := strconv.ParseUint(u.Gid, 10, 32)
	if err != nil {
		return nil, err
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
}

func (s *Server) data() string { return filepath.Join(s.dir, "data") }

func (s *Server) prepare(cmd *exec.Cmd) {
	cmd.Dir = s.dir
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C.UTF-8", "TZ=UTC"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
}

// command runs one of PostgreSQL's programs as somebody who is not root; the
// process is that program's own.
func (s *Server) command(program string, args ...string) []string {
	var as []string
	switch {
	case s.as != nil:
		as = []string{"setpriv", fmt.Sprintf("--reuid=%d", s.as.Uid), fmt.Sprintf("--regid=%d", s.as.Gid), "--clear-groups", "--"}
	case os.Getuid() == 0:
		as = []string{"unshare", "--user", "--map-user=1000", "--map-group=1000", "--"}
	}
	return append(append(as, filepath.Join(s.bin, program)), args...)
}

func (s *Server) run() error {
	log, err := os.OpenFile(filepath.Join(s.dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	args := append(append(slices.Clone(s.enter), s.command("postgres", "-D", s.data(), "-k", s.dir, "-c", "listen_addresses=",
		"-c", "fsync=off", "-c", "max_connections=200", "-c", "shared_buffers=16MB")...), s.more...)
	s.cmd = exec.Command(args[0], args[1:]...)
	s.prepare(s.cmd)
	s.cmd.Stdout, s.cmd.Stderr = log, log
	if err := s.cmd.Start(); err != nil {
		return fmt.Errorf("start PostgreSQL: %w", err)
	}
	s.ended = make(chan struct{})
	cmd, ended := s.cmd, s.ended
	go func() {
		_ = cmd.Wait() // how it ended does not matter
		close(ended)
	}()
	ctx, cancel := context.WithTimeout(context.Background(), Within)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		c, err := pgx.Connect(ctx, s.url("postgres"))
		if err == nil {
			return c.Close(ctx)
		}
		select {
		case <-ended:
			return fmt.Errorf("PostgreSQL ended at once: %s", s.said())
		case <-ctx.Done():
			return fmt.Errorf("PostgreSQL is not ready: %w", err)
		case <-tick.C:
		}
	}
}

// Start runs the server again after [Server.Kill].
func (s *Server) Start(t testing.TB) {
	t.Helper()
	if err := s.run(); err != nil {
		t.Fatal(err)
	}
}

// Kill ends all processes of the server, as kill -9 does, and returns when they
// are gone.
func (s *Server) Kill(t testing.TB) {
	t.Helper()
	if s.cmd == nil {
		return
	}
	all := s.processes()
	s.signal(syscall.SIGKILL)
	<-s.ended
	s.cmd = nil
	deadline := time.Now().Add(Within)
	for tick := time.NewTicker(10 * time.Millisecond); slices.ContainsFunc(all, alive); <-tick.C {
		if time.Now().After(deadline) {
			t.Fatal("PostgreSQL does not die")
		}
	}
}

// Runs tells whether the server was not killed.
func (s *Server) Runs() bool { return s.cmd != nil }

// Pause stops all processes of the server where they are.
func (s *Server) Pause() { s.signal(syscall.SIGSTOP) }

// Resume lets them go on.
func (s *Server) Resume() { s.signal(syscall.SIGCONT) }

// signal goes to the first process first, so that it starts no others.
func (s *Server) signal(sig syscall.Signal) {
	for _, pid := range s.processes() {
		_ = syscall.Kill(pid, sig) // it may have ended
	}
	// Those that were being started meanwhile.
	for _, pid := range s.processes() {
		_ = syscall.Kill(pid, sig)
	}
}

func (s *Server) processes() []int {
	first := s.cmd.Process.Pid
	all := []int{first}
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", first, first))
	if err != nil {
		return all
	}
	for f := range strings.FieldsSeq(string(text)) {
		if pid, err := strconv.Atoi(f); err == nil {
			all = append(all, pid)
		}
	}
	return all
}

func alive(pid int) bool {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false
	}
	_, after, _ := bytes.Cut(text, []byte(") "))
	return len(after) > 0 && after[0] != 'Z'
}

func (s *Server) said() string {
	text, err := os.ReadFile(filepath.Join(s.dir, "log"))
	if err != nil {
		return err.Error()
	}
	return string(text[max(0, len(text)-8000):])
}

func (s *Server) remove() error {
	if s.cmd != nil {
		s.Resume()
		_ = s.cmd.Process.Signal(syscall.SIGQUIT) // it may have ended
		select {
		case <-s.ended:
		case <-time.After(Within):
			s.signal(syscall.SIGKILL)
			<-s.ended
		}
	}
	return os.RemoveAll(s.dir)
}
