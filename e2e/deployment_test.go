package e2e

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/wattwerk/wattwerk/internal/natstest"
)

// Kinds of deployments. What is tested must not know which one it is.
const (
	oneProcess    = "inprocess" // everything in one
	manyProcesses = "processes" // every module in a process of its own, some in two
)

// everywhere runs a scenario as subtests, one for each kind of deployment.
func everywhere(t *testing.T, scenario func(t *testing.T, kind string)) {
	for _, kind := range []string{oneProcess, manyProcesses} {
		t.Run(kind, func(t *testing.T) { scenario(t, kind) })
	}
}

// deployment is a wattwerk of one process or of several.
type deployment struct {
	t     *testing.T
	parts []*part // every process there is; the one with the bus is the first
}

// apart is which processes there are when every module has one of its own. The
// registry has the bus. The history keeps its blocks itself, so there is one.
var apart = []struct{ name, modules string }{
	{"registry", "registry"},
	{"history", "history,settlement"}, // which reads those blocks
	{"alert", "alert,pipeline,cir,service"},
	{"aggregate-1", "aggregate"},
	{"aggregate-2", "aggregate"},
	{"bridge-1", "bridge"},
	{"bridge-2", "bridge"},
	{"gateway-1", "gateway"},
	{"gateway-2", "gateway"},
}

// The ports of a deployment; every process has a loopback address of its own,
// which it keeps.
const (
	partPort = "18080"
	busPort  = "18222" // of the embedded bus of several processes
)

// part is a process of a deployment that may be killed and started again.
type part struct {
	name     string
	addr     string
	dir      string
	args     []string
	settings []string

	mu sync.Mutex
	p  *process
}

// start runs the part when it is not running, and does not wait for it.
func (x *part) start(t *testing.T) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.p != nil {
		select {
		case <-x.p.ended:
		default:
			return
		}
	}
	x.p = launch(t, x.dir, x.settings, x.args...)
}

// process is the one that runs, or ran last.
func (x *part) process() *process {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.p
}

// url is where the part answers, when it does.
func (x *part) url() string { return "http://" + x.addr }

// deploy starts a deployment and returns when it answers and misses nothing.
// The settings are environment variables, and those of every process. The test
// ends what runs.
func deploy(t *testing.T, kind string, settings ...string) *deployment {
	t.Helper()
	return options{kind: kind, settings: settings}.deploy(t)
}

// options say what a deployment is like.
type options struct {
	kind     string
	dir      string   // of all data directories; default: one of the test
	bus      string   // the URL of a NATS for several processes; default: the registry has an embedded one
	settings []string // environment variables of every process
}

func (o options) deploy(t *testing.T) *deployment {
	t.Helper()
	if o.dir == "" {
		o.dir = t.TempDir()
	}
	d := &deployment{t: t}
	add := func(name, host string, settings []string, args ...string) {
		addr := host + ":" + partPort
		d.parts = append(d.parts, &part{name: name, addr: addr, dir: filepath.Join(o.dir, name), settings: settings, args: append(args, "--addr", addr)})
	}
	if o.kind == oneProcess {
		add("wattwerk", natstest.Hosts(t, 1)[0], o.settings)
		d.start()
		return d
	}
	hosts := natstest.Hosts(t, len(apart))
	for i, m := range apart {
		own := []string{"WATTWERK_NAME=" + m.name}
		bus := hosts[0] + ":" + busPort
		switch {
		case o.bus != "":
			own = append(own, "WATTWERK_BUS_NATS="+o.bus)
		case i == 0:
			own = append(own, "WATTWERK_BUS_LISTEN="+bus, "WATTWERK_BUS_LOGIN_FILE="+loginFile(t))
		default:
			own = append(own, "WATTWERK_BUS_NATS=nats://"+bus, "WATTWERK_BUS_LOGIN_FILE="+loginFile(t))
		}
		add(m.name, hosts[i], append(own, o.settings...), "--modules", m.modules)
	}
	d.start()
	return d
}

func loginFile(t *testing.T) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "login")
	if err := os.WriteFile(name, []byte("plant:s3cret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// start starts what is not running, and returns when everything is there.
func (d *deployment) start() {
	d.t.Helper()
	for _, s := range d.parts {
		s.start(d.t)
	}
	d.ready()
}

// ready returns when every process answers and no gateway misses a module.
func (d *deployment) ready() {
	d.t.Helper()
	for _, s := range d.parts {
		s.process().ready()
	}
	for _, s := range d.faces() {
		complete(d.t, s.process())
	}
}

// stop ends all processes as an operator would, the bus last.
func (d *deployment) stop() {
	d.t.Helper()
	for _, s := range slices.Backward(d.parts) {
		s.process().stop()
	}
}

// faces are the parts that answer for all.
func (d *deployment) faces() []*part {
	if len(d.parts) == 1 {
		return d.parts
	}
	return d.called("gateway")
}

// called gives the parts whose name begins like that; of one process, that.
func (d *deployment) called(name string) []*part {
	if len(d.parts) == 1 {
		return d.parts
	}
	return slices.DeleteFunc(slices.Clone(d.parts), func(s *part) bool { return !strings.HasPrefix(s.name, name) })
}

// face is where things are asked.
func (d *deployment) face() *process { return d.faces()[0].process() }

// other is another face, where there are several: what is said to one must
// hold at all.
func (d *deployment) other() *process {
	all := d.faces()
	return all[len(all)-1].process()
}

// urls are those of all faces.
func (d *deployment) urls() (all []string) {
	for _, s := range d.faces() {
		all = append(all, s.url())
	}
	return all
}

// any gives a part at random.
func (d *deployment) any(random *rand.Rand) *part { return d.parts[random.IntN(len(d.parts))] }

// output is what all processes said.
func (d *deployment) output() string {
	var all strings.Builder
	for _, s := range d.parts {
		fmt.Fprintf(&all, "%s said:\n%s\n", s.name, tail(s.process().output()))
	}
	return all.String()
}

// says prints what the processes said last when the test has failed.
func (d *deployment) says() {
	if d.t.Failed() {
		d.t.Log(d.output())
	}
}

// complete waits until a process is ready and misses no module.
func complete(t *testing.T, p *process) {
	t.Helper()
	eventually(t, 2*time.Minute, func() error {
		a, err := p.send("GET", "/readyz", nil, nil)
		if err != nil {
			return err
		}
		if a.status != http.StatusOK || bytes.Contains(a.body, []byte("no process runs it")) {
			return fmt.Errorf("%d %s", a.status, a.body)
		}
		return nil
	})
}
