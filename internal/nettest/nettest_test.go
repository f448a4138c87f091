package nettest

import (
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"
)

// echo is where this program gives back what it gets, when it is told to.
const echo = "NETTEST_ECHO"

func TestMain(m *testing.M) {
	if at := os.Getenv(echo); at != "" {
		serve(at)
	}
	os.Exit(m.Run())
}

func serve(at string) {
	l, err := net.Listen("tcp", at)
	if err != nil {
		panic(err)
	}
	for {
		c, err := l.Accept()
		if err != nil {
			panic(err)
		}
		go func() { _, _ = io.Copy(c, c) }()
	}
}

func addr(m *Machine) string { return net.JoinHostPort(m.Host, "4000") }

// serve runs this program on the machine, as its server.
func (m *Machine) serve(t *testing.T) {
	enter := append(m.Enter(), os.Args[0])
	cmd := exec.Command(enter[0], enter[1:]...)
	cmd.Env = append(os.Environ(), echo+"="+addr(m))
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
}

// dial connects, as soon as there is somebody.
func dial(t *testing.T, m *Machine) net.Conn {
	for end := time.Now().Add(time.Minute); ; {
		c, err := net.DialTimeout("tcp", addr(m), 10*time.Second)
		if err == nil {
			t.Cleanup(func() { _ = c.Close() })
			return c
		}
		if time.Now().After(end) {
			t.Fatal(err)
		}
	}
}

// told sends a byte and gives what comes back of it.
func told(t *testing.T, c net.Conn, within time.Duration) error {
	if _, err := c.Write([]byte{'x'}); err != nil {
		t.Fatalf("a connection did not stand: %v", err)
	}
	return hears(c, within)
}

func hears(c net.Conn, within time.Duration) error {
	_ = c.SetReadDeadline(time.Now().Add(within))
	_, err := c.Read(make([]byte, 1))
	return err
}

func TestLinks(t *testing.T) {
	if !Alone(t) {
		return
	}
	n := New(t, 2)
	var cs []net.Conn
	for _, m := range n.Machines {
		m.serve(t)
		cs = append(cs, dial(t, m))
	}
	a, b := n.Machines[0], n.Machines[1]
	for name, cut := range map[string]func(){"unplugged": a.Unplug, "muted": a.Mute, "parted": func() { n.Part(a) }} {
		if err := errors.Join(told(t, cs[0], time.Minute), told(t, cs[1], time.Minute)); err != nil {
			t.Fatalf("before it was %s: %v", name, err)
		}
		cut()
		if err := told(t, cs[0], 300*time.Millisecond); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("%s: %v", name, err)
		}
		if err := told(t, cs[1], time.Minute); err != nil {
			t.Errorf("the other one, when one is %s: %v", name, err)
		}
		n.Heal()
		if err := hears(cs[0], time.Minute); err != nil {
			t.Errorf("after it was %s: %v", name, err)
		}
	}
	n.Part(a, b)
	ask := append(a.Enter(), "bash", "-c", "exec 3<>/dev/tcp/"+b.Host+"/4000; echo x >&3; head -c1 <&3")
	if out, err := exec.Command(ask[0], ask[1:]...).CombinedOutput(); err != nil || string(out) != "x" {
		t.Errorf("two that are parted from the others do not reach one another: %s, %v", out, err)
	}
}

func TestAlone(t *testing.T) {
	if !Alone(t, "NETTEST_MORE=so") {
		return
	}
	if os.Getenv("NETTEST_MORE") != "so" {
		t.Error("the environment has nothing more")
	}
	links, err := net.Interfaces()
	if err != nil || len(links) != 1 {
		t.Errorf("there is more than lo: %v, %v", links, err)
	}
}
