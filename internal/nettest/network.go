package nettest

import (
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// Host is the address of the test itself.
const Host = "10.99.0.1"

// The switch, and the one that machines are at that Part has taken away.
const (
	here  = "lan"
	apart = "apart"
)

// Network is machines at a switch. Its methods may be used at the same time.
type Network struct {
	Machines []*Machine

	t  testing.TB
	mu sync.Mutex
}

// Machine is a network namespace with one address.
type Machine struct {
	Host string // its IP address

	net   *Network
	port  string // at the switch
	space string // a file that is its network namespace

	// Guarded by net.mu.
	unplugged, muted, parted bool
}

// New joins so many machines, of 200 at most. The test must be [Alone] and has
// one network; it ends with it.
func New(t testing.TB, machines int) *Network {
	t.Helper()
	n := &Network{t: t}
	for _, name := range []string{here, apart} {
		run(t, nil, "ip", "link", "add", name, "type", "bridge")
		t.Cleanup(func() { run(t, nil, "ip", "link", "del", name) })
		run(t, nil, "ip", "link", "set", name, "up")
	}
	run(t, nil, "ip", "addr", "add", Host+"/24", "dev", here)
	for i := range machines {
		pid := hold(t)
		m := &Machine{net: n, Host: fmt.Sprintf("10.99.0.%d", 10+i), port: fmt.Sprintf("port%d", i), space: filepath.Join("/proc", pid, "ns", "net")}
		run(t, nil, "ip", "link", "add", m.port, "type", "veth", "peer", "name", "eth0", "netns", pid)
		run(t, nil, "ip", "link", "set", m.port, "master", here, "up")
		run(t, m, "ip", "addr", "add", m.Host+"/24", "dev", "eth0")
		run(t, m, "ip", "link", "set", "lo", "up")
		run(t, m, "ip", "link", "set", "eth0", "up")
		n.Machines = append(n.Machines, m)
	}
	return n
}

// hold gives a process that does nothing in a network namespace of its own.
// It ends when the test ends, because nobody has the other end of its input.
func hold(t testing.TB) (pid string) {
	t.Helper()
	cmd := exec.Command("cat")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET}
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatalf("make a network namespace: %v", err)
	}
	t.Cleanup(func() { end(t, in, cmd) })
	return strconv.Itoa(cmd.Process.Pid)
}

func end(t testing.TB, in io.Closer, cmd *exec.Cmd) {
	if err := in.Close(); err != nil {
		t.Error(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("the process of a network namespace: %v", err)
	}
}

// Enter is what goes before a command that is to run on the machine. The
// process is the command's own.
func (m *Machine) Enter() []string {
	return []string{find("nsenter"), "--net=" + m.space, "--"}
}

// Unplug takes the cable away: the machine knows that it has no link.
func (m *Machine) Unplug() {
	m.net.t.Helper()
	m.net.mu.Lock()
	defer m.net.mu.Unlock()
	m.unplugged = true
	run(m.net.t, nil, "ip", "link", "set", m.port, "down")
}

// Mute has all packets from and to the machine vanish: nobody is told, and all
// connections stand.
func (m *Machine) Mute() {
	m.net.t.Helper()
	m.net.mu.Lock()
	defer m.net.mu.Unlock()
	m.muted = true
	run(m.net.t, nil, "bridge", "link", "set", "dev", m.port, "state", "disabled")
}

// Part takes machines to a switch of their own: they reach one another, and
// neither the others nor the test. Nobody is told.
func (n *Network) Part(machines ...*Machine) {
	n.t.Helper()
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, m := range machines {
		m.parted = true
		run(n.t, nil, "ip", "link", "set", m.port, "master", apart)
	}
}

// Heal undoes all that was done to links.
func (n *Network) Heal() {
	n.t.Helper()
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, m := range n.Machines {
		if m.parted {
			run(n.t, nil, "ip", "link", "set", m.port, "master", here)
		}
		if m.unplugged {
			run(n.t, nil, "ip", "link", "set", m.port, "up")
		}
		if m.muted {
			run(n.t, nil, "bridge", "link", "set", "dev", m.port, "state", "forwarding")
		}
		m.parted, m.unplugged, m.muted = false, false, false
	}
}

// run runs a command, on a machine or, when that is nil, where the test is.
func run(t testing.TB, m *Machine, args ...string) {
	t.Helper()
	args[0] = find(args[0])
	if m != nil {
		args = append(m.Enter(), args...)
	}
	if out, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v: %s (is it missing? run 'make needs')", strings.Join(args, " "), err, out)
	}
}

// find finds a program, in the directories of the administrator too, which are
// not in everybody's PATH.
func find(name string) string {
	for _, dir := range []string{"", "/usr/sbin/", "/sbin/"} {
		if at, err := exec.LookPath(dir + name); err == nil {
			return at
		}
	}
	return name
}
