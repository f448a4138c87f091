package mqtttest

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// Broker is a mosquitto of the test's own: a process, or for the moment none. It
// keeps its address and what it holds for its clients.
type Broker struct {
	Addr string // HOST:PORT
	t    testing.TB
	path string
	dir  string
	cmd  *exec.Cmd
	done chan struct{}
}

// BrokerOptions say what a broker wants. The zero value lets in everybody.
type BrokerOptions struct {
	User, Password string // of its clients
	Cert, Key, CA  string // files in PEM: it speaks TLS; with a CA it wants certificates
}

// StartBroker runs a mosquitto and returns when it takes connections. It ends
// with the test.
func StartBroker(t testing.TB, o BrokerOptions) *Broker {
	t.Helper()
	b := &Broker{t: t, dir: t.TempDir(), path: "/usr/sbin/mosquitto"}
	if found, err := exec.LookPath("mosquitto"); err == nil {
		b.path = found
	}
	if _, err := os.Stat(b.path); err != nil {
		t.Fatal("mosquitto is missing: run 'make needs'")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	b.Addr = l.Addr().String()
	_ = l.Close()
	_, port, _ := net.SplitHostPort(b.Addr)
	// Everything is on the disk before it is acknowledged, or nearly.
	text := fmt.Sprintf("user root\nlistener %s 127.0.0.1\npersistence true\npersistence_location %s/\nautosave_on_changes true\nautosave_interval 1\nmax_queued_messages 0\n", port, b.dir)
	if o.User != "" {
		file := filepath.Join(b.dir, "passwords")
		if out, err := exec.Command("mosquitto_passwd", "-b", "-c", file, o.User, o.Password).CombinedOutput(); err != nil {
			t.Fatalf("mosquitto_passwd: %v: %s", err, out)
		}
		text += "password_file " + file + "\n"
	} else {
		text += "allow_anonymous true\n"
	}
	if o.Cert != "" {
		text += fmt.Sprintf("certfile %s\nkeyfile %s\n", o.Cert, o.Key)
	}
	if o.CA != "" {
		text += fmt.Sprintf("cafile %s\nrequire_certificate true\n", o.CA)
	}
	if err := os.WriteFile(b.config(), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	b.Start()
	t.Cleanup(func() {
		b.Kill()
		if log, err := os.ReadFile(b.log()); err == nil && t.Failed() {
			t.Logf("mosquitto said:\n%s", log[max(0, len(log)-4000):])
		}
	})
	return b
}

func (b *Broker) config() string { return filepath.Join(b.dir, "mosquitto.conf") }
func (b *Broker) log() string    { return filepath.Join(b.dir, "log") }

// Start runs the broker and returns when it takes connections.
func (b *Broker) Start() {
	b.t.Helper()
	if b.cmd != nil {
		return
	}
	log, err := os.OpenFile(b.log(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		b.t.Fatal(err)
	}
	defer log.Close()
	b.cmd = exec.Command(b.path, "-c", b.config())
	b.cmd.Stdout, b.cmd.Stderr = log, log
	// A test that is killed takes its broker with it.
	b.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := b.cmd.Start(); err != nil {
		b.t.Fatal(err)
	}
	b.done = make(chan struct{})
	go func(cmd *exec.Cmd, done chan struct{}) {
		_ = cmd.Wait() // how it ended is in its log
		close(done)
	}(b.cmd, b.done)
	for deadline := time.Now().Add(Deadline); ; {
		conn, err := net.Dial("tcp", b.Addr)
		if err == nil {
			_ = conn.Close()
			return
		}
		select {
		case <-b.done:
			said, _ := os.ReadFile(b.log())
			b.t.Fatalf("mosquitto ended: %s", said)
		case <-time.After(10 * time.Millisecond): // the listener gives no other sign
		}
		if time.Now().After(deadline) {
			b.t.Fatal(err)
		}
	}
}

// Stop ends it as its operator would.
func (b *Broker) Stop() { b.end(syscall.SIGTERM) }

// Kill ends it as a power cut would.
func (b *Broker) Kill() { b.end(syscall.SIGKILL) }

func (b *Broker) end(by syscall.Signal) {
	if b.cmd == nil {
		return
	}
	_ = b.cmd.Process.Signal(by)
	select {
	case <-b.done:
	case <-time.After(Deadline):
		b.t.Error("mosquitto does not end")
		_ = b.cmd.Process.Kill()
		<-b.done
	}
	b.cmd = nil
}
