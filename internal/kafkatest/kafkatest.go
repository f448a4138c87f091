// Package kafkatest runs a real broker of Apache Kafka for tests: one process in
// KRaft mode, with a small heap. It can be killed, frozen and started again, and
// keeps its addresses and its files meanwhile. It is for tests only.
//
// One broker serves all tests of a package, for it takes some seconds to start;
// each test has topics of its own. The jars are those that scripts/needs.sh
// fetches. Waiting is for conditions. What the broker said is printed when a test
// fails.
package kafkatest

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/wattwerk/wattwerk/internal/daemon"
)

// Version is that of the broker.
const Version = "4.3.1"

// Within is how long anything may take on a slow machine.
const Within = 2 * time.Minute

// Who may log in at the address that wants it.
const (
	User     = "plant"
	Password = "correct horse"
)

// Broker is one broker: a process, or for the moment none. Its methods are for one
// goroutine.
type Broker struct {
	Addr   string // HOST:PORT; it lets in everybody
	Secure string // HOST:PORT; with TLS, and a login by SASL, plain or SCRAM
	CA     string // file of the authority that signed its certificate
	dir    string
	cmd    *exec.Cmd
	ended  chan struct{}
	topics atomic.Int64
}

// Certificate makes the certificate of the broker for 127.0.0.1 in a directory,
// and names the files in PEM of the authority, the certificate and its key.
type Certificate func(dir string) (ca, cert, key string, err error)

var shared struct {
	sync.Mutex
	broker *Broker
	issue  Certificate
}

// Main runs the tests of a package that use [Start]. TestMain calls it.
func Main(m *testing.M, issue Certificate) (code int) {
	shared.issue = issue
	code = m.Run()
	if b := shared.broker; b != nil {
		b.kill()
		if err := os.RemoveAll(b.dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = max(code, 1)
		}
	}
	return code
}

// Start gives the broker that all tests of the package share, running.
func Start(t testing.TB) *Broker {
	t.Helper()
	shared.Lock()
	defer shared.Unlock()
	if shared.issue == nil {
		t.Fatal("the package has no TestMain that calls kafkatest.Main")
	}
	if shared.broker == nil {
		b, err := create(shared.issue)
		if err != nil {
			t.Fatal(err)
		}
		shared.broker = b
	}
	b := shared.broker
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("Kafka said:\n%s", b.said())
		}
	})
	b.Start(t)
	return b
}

// Topic gives a name that no other test has.
func (b *Broker) Topic() string { return fmt.Sprintf("test-%d", b.topics.Add(1)) }

func free() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

// java makes a command of a class of the broker.
func (b *Broker) java(class string, args ...string) (*exec.Cmd, error) {
	at, err := daemon.Program("kafka-"+Version, "make needs")
	if err != nil {
		return nil, err
	}
	cmd := exec.Command("java", append([]string{"-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto",
		"-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-cp", filepath.Join(at, "*"), class}, args...)...)
	cmd.Dir = b.dir
	// A test that is killed takes its broker with it.
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	return cmd, nil
}

func (b *Broker) config() string { return filepath.Join(b.dir, "server.properties") }
func (b *Broker) log() string    { return filepath.Join(b.dir, "log") }

func create(issue Certificate) (b *Broker, err error) {
	b = new(Broker)
	if b.dir, err = os.MkdirTemp("", "kafkatest-"); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.RemoveAll(b.dir))
		}
	}()
	var control string
	for _, a := range []*string{&b.Addr, &b.Secure, &control} {
		if *a, err = free(); err != nil {
			return nil, err
		}
	}
	ca, cert, key, err := issue(b.dir)
	if err != nil {
		return nil, err
	}
	b.CA = ca
	store := filepath.Join(b.dir, "server.pem")
	var both []byte
	for _, f := range []string{key, cert} {
		text, err := os.ReadFile(f)
		if err != nil {
			return nil, err
		}
		both = append(both, text...)
	}
	if err := os.WriteFile(store, both, 0o600); err != nil {
		return nil, err
	}
	text := fmt.Sprintf(`process.roles=broker,controller
node.id=1
controller.quorum.voters=1@%[3]s
listeners=PLAINTEXT://%[1]s,SASL_SSL://%[2]s,CONTROLLER://%[3]s
advertised.listeners=PLAINTEXT://%[1]s,SASL_SSL://%[2]s
controller.listener.names=CONTROLLER
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SASL_SSL:SASL_SSL
sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512
listener.name.sasl_ssl.scram-sha-256.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
listener.name.sasl_ssl.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required user_%[4]s="%[5]s";
listener.name.sasl_ssl.ssl.keystore.type=PEM
listener.name.sasl_ssl.ssl.keystore.location=%[6]s
log.dirs=%[7]s
num.partitions=1
auto.create.topics.enable=false
offsets.topic.replication.factor=1
offsets.topic.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=1
share.coordinator.state.topic.replication.factor=1
message.max.bytes=1048588
`, b.Addr, b.Secure, control, User, Password, store, filepath.Join(b.dir, "data"))
	if err := os.WriteFile(b.config(), []byte(text), 0o600); err != nil {
		return nil, err
	}
	cmd, err := b.java("kafka.tools.StorageTool", "format", "-t", "MkU3OEVBNTcwNTJENDM2Qk", "-c", b.config(),
		"--add-scram", fmt.Sprintf(`SCRAM-SHA-256=[name=%s,password=%q]`, User, Password), "--add-scram", fmt.Sprintf(`SCRAM-SHA-512=[name=%s,password=%q]`, User, Password))
	if err != nil {
		return nil, err
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("make the files of Kafka: %w: %s", err, out)
	}
	return b, nil
}

// Start runs the broker, and returns when it takes connections. One that runs
// stays as it is.
func (b *Broker) Start(t testing.TB) {
	t.Helper()
	if b.cmd != nil {
		return
	}
	log, err := os.OpenFile(b.log(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	cmd, err := b.java("kafka.Kafka", b.config())
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdout, cmd.Stderr = log, log
	// The thread that starts it has to live as long as it does, for Pdeathsig.
	ended, started := make(chan struct{}), make(chan error)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait() // how it ended is in its log
		}
		close(ended)
	}()
	if err := <-started; err != nil {
		t.Fatalf("start Kafka: %v", err)
	}
	b.cmd, b.ended = cmd, ended
	for deadline := time.Now().Add(Within); ; {
		conn, err := net.Dial("tcp", b.Addr)
		if err == nil {
			_ = conn.Close()
			return
		}
		select {
		case <-ended:
			t.Fatalf("Kafka ended at once: %s", b.said())
		case <-time.After(20 * time.Millisecond): // the listener gives no other sign
		}
		if time.Now().After(deadline) {
			t.Fatalf("Kafka is not ready: %v; it said: %s", err, b.said())
		}
	}
}

// Kill ends the broker as a power cut would.
func (b *Broker) Kill() { b.kill() }

func (b *Broker) kill() {
	if b.cmd == nil {
		return
	}
	_ = b.cmd.Process.Kill() // it may have ended
	<-b.ended
	b.cmd = nil
}

func (b *Broker) said() string {
	text, err := os.ReadFile(b.log())
	if err != nil {
		return err.Error()
	}
	return string(text[max(0, len(text)-4000):])
}
