package natstest

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/wattwerk/wattwerk/internal/daemon"
)

// Version is that of the server, as scripts/needs.sh installs it.
const Version = "2.15.2"

// Within is how long anything may take on a slow machine: to start, to find a
// leader, to catch up.
const Within = 2 * time.Minute

// The ports of every node; its address is its own. They are below those that
// a kernel gives to whoever asks for any.
const (
	clientPort  = 14222
	routePort   = 16222
	monitorPort = 18222
	lockPort    = 14221 // held by the test, so that no other takes the address
)

// Options say what to start. The zero value is one node.
type Options struct {
	Nodes  int                  // default 1; a cluster has 3 or 5
	Hosts  []string             // the IP address of each node; default: loopback addresses that nobody else has
	Enter  func(i int) []string // what goes before the command of node i, as "ip netns exec NAME"; nil: nothing
	Config func(n *Node) string // more settings of a node, in the words of nats-server; nil: none
}

// Cluster is the servers of a test. Its methods may be used at the same time.
type Cluster struct {
	Nodes  []*Node
	t      testing.TB
	client *http.Client
}

// Node is one server: a process, or for the moment none.
type Node struct {
	Name string
	Host string // IP address
	Dir  string // of its files

	*daemon.Daemon
	t testing.TB
}

// Start runs the servers and returns when they are ready. The test ends them.
func Start(t testing.TB, o Options) *Cluster {
	t.Helper()
	c := Prepare(t, o)
	for _, n := range c.Nodes {
		n.Start()
	}
	c.Ready()
	return c
}

// Prepare is Start without running anything.
func Prepare(t testing.TB, o Options) *Cluster {
	t.Helper()
	program := Program(t)
	if o.Nodes == 0 {
		o.Nodes = 1
	}
	if o.Hosts == nil {
		o.Hosts = Hosts(t, o.Nodes)
	}
	c := &Cluster{t: t, client: &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}}
	routes := ""
	for _, h := range o.Hosts {
		routes += fmt.Sprintf("%q,", "nats://"+net.JoinHostPort(h, strconv.Itoa(routePort)))
	}
	for i := range o.Nodes {
		n := &Node{Name: fmt.Sprintf("node-%d", i), Host: o.Hosts[i], Dir: t.TempDir(), t: t}
		config := filepath.Join(n.Dir, "nats.conf")
		command := []string{program, "-c", config}
		if o.Enter != nil {
			command = append(slices.Clone(o.Enter(i)), command...)
		}
		n.Daemon = daemon.New(t, n.Name, filepath.Join(n.Dir, "nats.log"), command, func(ctx context.Context) bool {
			_, ok := daemon.Get(ctx, n.Monitor()+"/healthz")
			return ok
		})
		text := fmt.Sprintf(`server_name: %q
listen: %q
http: %q
max_payload: 8388608
max_pending: 268435456
jetstream { store_dir: %q, sync_interval: always, max_memory_store: 1GB, max_file_store: 1TB }
`, n.Name, n.addr(clientPort), n.addr(monitorPort), n.Dir)
		if o.Nodes > 1 {
			text += fmt.Sprintf("cluster { name: test, listen: %q, routes: [%s] }\n", n.addr(routePort), strings.TrimSuffix(routes, ","))
		}
		if o.Config != nil {
			text += o.Config(n)
		}
		if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		c.Nodes = append(c.Nodes, n)
	}
	return c
}

// Program is where the server is, and fails the test when it is nowhere.
func Program(t testing.TB) string {
	t.Helper()
	at, err := daemon.Program("nats-server-"+Version, "make needs")
	if err != nil {
		t.Fatal(err)
	}
	return at
}

// Hosts gives so many loopback addresses that no other test has; they are the
// test's until it ends.
func Hosts(t testing.TB, n int) []string {
	t.Helper()
	var hosts []string
	for at := uint32(os.Getpid()) * 64; len(hosts) < n; at++ {
		host := fmt.Sprintf("127.%d.%d.%d", 64+at>>16&63, at>>8&255, at&255)
		lock, err := net.Listen("tcp", net.JoinHostPort(host, strconv.Itoa(lockPort)))
		if err != nil {
			if len(hosts) == 0 && at > uint32(os.Getpid())*64+1<<22 {
				t.Fatalf("no loopback address is free: %v", err)
			}
			continue
		}
		t.Cleanup(func() { _ = lock.Close() })
		hosts = append(hosts, host)
	}
	return hosts
}

func (n *Node) addr(port int) string { return net.JoinHostPort(n.Host, strconv.Itoa(port)) }

// Addr is where the node's clients connect, HOST:PORT.
func (n *Node) Addr() string { return n.addr(clientPort) }

// URL is where the node's clients connect.
func (n *Node) URL() string { return "nats://" + n.Addr() }

// Monitor is where the node answers over HTTP how it is.
func (n *Node) Monitor() string { return "http://" + n.addr(monitorPort) }

// URL is where clients of the cluster connect: all nodes, with commas.
func (c *Cluster) URL() string {
	var all []string
	for _, n := range c.Nodes {
		all = append(all, n.URL())
	}
	return strings.Join(all, ",")
}

// Start runs the node, and returns before it is ready. A node that runs stays
// as it is.
func (n *Node) Start() {
	n.t.Helper()
	if n.PID() != 0 {
		return
	}
	if _, err := n.Begin(); err != nil {
		n.t.Fatalf("start %s: %v", n.Name, err)
	}
}

// crashed tells whether the process ended though nobody ended it.
func (n *Node) crashed() bool { return n.PID() != 0 && !n.Running() }

// Pause freezes the node: it keeps its connections and answers nothing.
func (n *Node) Pause() { n.signal(syscall.SIGSTOP) }

// Resume lets a frozen node go on.
func (n *Node) Resume() { n.signal(syscall.SIGCONT) }

func (n *Node) signal(s syscall.Signal) {
	if n.PID() != 0 {
		n.Signal(s)
	}
}
