package e2e

import (
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/wattwerk/wattwerk/internal/natstest"
)

// servicePort is where every service of a site answers; its address is its own.
const servicePort = "18080"

// site is an installation on several machines: a cluster of NATS, and every
// service in a process of its own, at an address of its own.
type site struct {
	t        *testing.T
	bus      *natstest.Cluster
	services []*service
}

// service is a process that is started again when it was killed.
type service struct {
	name     string
	addr     string
	dir      string
	args     []string
	settings []string

	mu sync.Mutex
	p  *process
}

// modulesOf is what the processes of a site run.
var modulesOf = []struct{ name, modules string }{
	{"registry", "registry"},
	{"history", "history"},
	{"aggregate-1", "aggregate"},
	{"aggregate-2", "aggregate"},
	{"bridge-1", "bridge"},
	{"bridge-2", "bridge"},
	{"gateway", "gateway"},
}

func newSite(t *testing.T, settings ...string) *site {
	s := &site{t: t, bus: natstest.Start(t, natstest.Options{Nodes: 3})}
	hosts := natstest.Hosts(t, len(modulesOf))
	dir := t.TempDir()
	for i, m := range modulesOf {
		s.services = append(s.services, &service{
			name: m.name, addr: hosts[i] + ":" + servicePort, dir: filepath.Join(dir, m.name),
			args: []string{"--modules", m.modules, "--addr", hosts[i] + ":" + servicePort},
			settings: append([]string{
				"WATTWERK_NAME=" + m.name, "WATTWERK_BUS_NATS=" + s.bus.URL(), "WATTWERK_BUS_REPLICAS=3", "WATTWERK_BUS_PARTITIONS=4",
				"WATTWERK_HISTORY_FLUSH_EVERY=1s",
			}, settings...),
		})
	}
	for _, v := range s.services {
		v.start(t)
	}
	for _, v := range s.services {
		v.process().ready()
	}
	return s
}

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
	v.p = launch(t, v.dir, v.settings, v.args...)
}

func (v *service) process() *process {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.p
}

// url is where the service answers, when it does.
func (v *service) url() string { return "http://" + v.addr }

// called gives the services whose name begins like that.
func (s *site) called(name string) (all []*service) {
	for _, v := range s.services {
		if strings.HasPrefix(v.name, name) {
			all = append(all, v)
		}
	}
	return all
}

// urls are those of the services whose name begins like that.
func (s *site) urls(name string) (all []string) {
	for _, v := range s.called(name) {
		all = append(all, v.url())
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

func tail(log string) string { return log[max(0, len(log)-6000):] }

// says prints what the services said last when the test has failed.
func (s *site) says() {
	if !s.t.Failed() {
		return
	}
	for _, v := range s.services {
		s.t.Logf("%s said:\n%s", v.name, tail(v.process().output()))
	}
}

// settle waits until the cluster is whole.
func (s *site) settle() {
	s.t.Helper()
	for _, n := range s.bus.Nodes {
		n.Resume()
		n.Start()
	}
	s.bus.Ready()
}
