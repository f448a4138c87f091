package e2e

import (
	"encoding/json"
	"errors"
	"net"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/wattwerk/wattwerk/internal/natstest"
	"github.com/wattwerk/wattwerk/internal/nettest"
	"github.com/wattwerk/wattwerk/internal/pgtest"
	"github.com/wattwerk/wattwerk/internal/vmtest"
)

// The ports of a site; every process has an address of its own.
const (
	servicePort = ":18080"
	storePort   = ":18428"
)

// site is an installation on many machines, each with one process: a cluster of
// NATS, two databases for the history that do not know of one another, a
// PostgreSQL for what is settled, the services, and an edge, which is linked to
// the cluster.
type site struct {
	t        *testing.T
	net      *nettest.Network
	bus      *natstest.Cluster
	stores   []*vmtest.Server
	books    *pgtest.Server
	office   *office
	services []*service
	machines map[*nettest.Machine]string // what runs there
}

// service is a process that is started again when it was killed.
type service struct {
	name     string
	machine  *nettest.Machine
	dir      string
	args     []string
	settings []string

	mu sync.Mutex
	p  *process
}

// modulesOf is what the processes of a site run.
var modulesOf = []struct{ name, modules string }{
	{"registry", "registry"},
	{"history-1", "history"},
	{"history-2", "history"},
	{"aggregate-1", "aggregate"},
	{"aggregate-2", "aggregate"},
	{"settlement-1", "settlement"},
	{"settlement-2", "settlement"},
	{"bridge-1", "bridge,landing"},
	{"bridge-2", "bridge,landing"},
	{"office-1", officeRuns},
	{"office-2", officeRuns},
	{"gateway", "gateway"},
}

// officeRuns is what has no readings of its own: one machine runs it, and another
// one stands by.
const officeRuns = "alert,pipeline,service,cir"

const (
	busNodes   = 3
	storeNodes = 2
)

// newSite runs a site. The test must be alone in its network.
func newSite(t *testing.T) *site {
	s := &site{t: t, net: nettest.New(t, busNodes+storeNodes+1+len(modulesOf)+1), machines: make(map[*nettest.Machine]string)}
	free := s.net.Machines
	take := func() *nettest.Machine {
		m := free[0]
		free = free[1:]
		return m
	}
	var hosts []string
	var enter [][]string
	for range busNodes {
		m := take()
		hosts, enter = append(hosts, m.Host), append(enter, m.Enter())
	}
	dir := t.TempDir()
	link := newLeafLink(t, filepath.Join(dir, "certs"), hosts[0])
	s.bus = natstest.Start(t, natstest.Options{Nodes: busNodes, Hosts: hosts, Enter: func(i int) []string { return enter[i] }, Config: link.config})
	for i, n := range s.bus.Nodes {
		s.machines[s.net.Machines[i]] = n.Name
	}
	var write, query []string
	for i := range storeNodes {
		m := take()
		v := vmtest.Start(t, vmtest.Options{Addr: m.Host + storePort, Wrap: m.Enter()})
		s.stores = append(s.stores, v)
		s.machines[m] = storeName(i)
		write, query = append(write, v.URL()+"/api/v1/write"), append(query, v.URL())
	}
	m := take()
	s.books = pgtest.StartOn(t, m.Host, m.Enter())
	s.machines[m] = booksName
	secret := filepath.Join(dir, "postgresql.url")
	if err := os.WriteFile(secret, []byte(s.books.Database(t)+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s.office = &office{t: t}
	bell := httptest.NewUnstartedServer(&s.office.bell)
	bell.Listener.Close()
	var err error
	if bell.Listener, err = net.Listen("tcp", nettest.Host+":0"); err != nil {
		t.Fatal(err)
	}
	bell.Start()
	t.Cleanup(bell.Close)
	signs := filepath.Join(dir, "bell")
	if err := os.WriteFile(signs, []byte("0123456789abcdef"), 0o600); err != nil {
		t.Fatal(err)
	}
	settings := []string{
		"WATTWERK_ALERT_PRIVATE=true", "WATTWERK_ALERT_WEBHOOK_URL=" + bell.URL, "WATTWERK_ALERT_WEBHOOK_SECRET_FILE=" + signs,
		"WATTWERK_PIPELINE_EVERY=1s",
		"WATTWERK_BUS_NATS=" + s.bus.URL(), "WATTWERK_BUS_LOGIN_FILE=" + link.plant, "WATTWERK_BUS_REPLICAS=3", "WATTWERK_BUS_PARTITIONS=4",
		"WATTWERK_HISTORY_STORE=remote", "WATTWERK_HISTORY_REMOTE_FLUSH_EVERY=2s",
		"WATTWERK_HISTORY_REMOTE_WRITE_URLS=" + strings.Join(write, ","),
		"WATTWERK_HISTORY_REMOTE_QUERY_URLS=" + strings.Join(query, ","),
		"WATTWERK_HISTORY_REMOTE_STORAGE_URLS=" + strings.Join(query, ","),
		"WATTWERK_SQL_URL_FILE=" + secret,
	}
	for _, m := range modulesOf {
		v := &service{
			name: m.name, machine: take(), dir: filepath.Join(dir, m.name),
			settings: append([]string{"WATTWERK_NAME=" + m.name}, settings...),
		}
		if strings.HasSuffix(m.modules, "landing") {
			v.settings = append(v.settings, "WATTWERK_BUS_LINK_LOGIN_FILE="+link.landing)
		}
		v.args = []string{"--modules", m.modules, "--addr", v.machine.Host + servicePort}
		s.machines[v.machine] = v.name
		s.services = append(s.services, v)
	}
	edge := &service{name: edgeName, machine: take(), dir: filepath.Join(dir, edgeName), settings: append(link.edge(), "WATTWERK_NAME="+edgeName)}
	edge.args = []string{"--config", filepath.Join("..", "deploy", "samples", "cloud", "edge.yaml"), "--addr", edge.machine.Host + servicePort}
	s.machines[edge.machine] = edge.name
	s.services = append(s.services, edge)
	for _, v := range s.services {
		v.start(t)
	}
	for _, v := range s.services {
		v.process().ready()
	}
	return s
}

const (
	booksName = "postgresql"
	edgeName  = "edge"
)

func storeName(i int) string { return []string{"store-1", "store-2"}[i] }

// start runs the service when it is not running.
func (v *service) start(t *testing.T) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.p != nil {
		select {
		case <-v.p.ended:
		default:
			return
		}
	}
	v.p = launchOn(t, v.machine.Enter(), v.dir, v.settings, v.args...)
}

func (v *service) process() *process {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.p
}

// freeze stops the service and keeps its connections, or lets it go on.
func (v *service) freeze(stop bool) {
	by := syscall.SIGCONT
	if stop {
		by = syscall.SIGSTOP
	}
	p := v.process()
	if err := p.cmd.Process.Signal(by); err != nil && !errors.Is(err, os.ErrProcessDone) {
		p.t.Errorf("signal %s: %v", v.name, err)
	}
}

// door is where the service takes readings, and what it knows the sender by.
func (v *service) door() door {
	return door{"http://" + v.machine.Host + servicePort, func() string {
		var in struct{ Secret string }
		data, err := os.ReadFile(filepath.Join(v.dir, "instance.json"))
		if err != nil || json.Unmarshal(data, &in) != nil {
			return "" // it starts
		}
		return in.Secret
	}}
}

// called gives the services whose name begins like that.
func (s *site) called(name string) (all []*service) {
	for _, v := range s.services {
		if strings.HasPrefix(v.name, name) {
			all = append(all, v)
		}
	}
	return all
}

// processes are those of the services whose name begins like that.
func (s *site) processes(name string) (all []*process) {
	for _, v := range s.called(name) {
		all = append(all, v.process())
	}
	return all
}

// doors are those of the services whose name begins like that.
func (s *site) doors(name string) (all []door) {
	for _, v := range s.called(name) {
		all = append(all, v.door())
	}
	return all
}

// well fails the test when a service has ended that nobody ended.
func (s *site) well() {
	s.t.Helper()
	for _, v := range s.services {
		p := v.process()
		select {
		case <-p.ended:
			s.t.Fatalf("%s ended by itself:\n%s", v.name, tail(p.output()))
		default:
		}
	}
}

func tail(log string) string { return log[max(0, len(log)-12000):] }

// says prints what the services said last when the test has failed, and lets
// them end.
func (s *site) says() {
	if !s.t.Failed() {
		return
	}
	s.net.Heal()
	for _, v := range s.services {
		v.freeze(false)
		s.t.Logf("%s said:\n%s", v.name, tail(v.process().output()))
	}
}

// settle undoes every fault, and waits until the cluster is whole and
// everything runs.
func (s *site) settle() {
	s.t.Helper()
	s.net.Heal()
	for _, n := range s.bus.Nodes {
		n.Resume()
		n.Start()
	}
	for _, v := range s.stores {
		if v.PID() == 0 {
			v.Again()
		} else {
			v.Signal(syscall.SIGCONT)
		}
	}
	if s.books.Runs() {
		s.books.Resume()
	} else {
		s.books.Start(s.t)
	}
	for _, v := range s.services {
		v.start(s.t)
		v.freeze(false)
	}
	s.bus.Ready()
	for _, v := range s.services {
		v.process().ready()
	}
}
