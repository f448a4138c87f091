package app

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/wattwerk/wattwerk/access"
	"github.com/wattwerk/wattwerk/aggregate"
	"github.com/wattwerk/wattwerk/alert"
	"github.com/wattwerk/wattwerk/bridge"
	"github.com/wattwerk/wattwerk/bridge/meters"
	"github.com/wattwerk/wattwerk/bus"
	"github.com/wattwerk/wattwerk/catalog"
	"github.com/wattwerk/wattwerk/cir"
	"github.com/wattwerk/wattwerk/doctor"
	"github.com/wattwerk/wattwerk/fleet"
	"github.com/wattwerk/wattwerk/gateway"
	"github.com/wattwerk/wattwerk/history"
	"github.com/wattwerk/wattwerk/history/imports"
	"github.com/wattwerk/wattwerk/internal/datadir"
	"github.com/wattwerk/wattwerk/internal/run"
	"github.com/wattwerk/wattwerk/internal/trace"
	"github.com/wattwerk/wattwerk/live"
	"github.com/wattwerk/wattwerk/pipeline"
	"github.com/wattwerk/wattwerk/pipeline/connect/push"
	"github.com/wattwerk/wattwerk/pipeline/repository"
	"github.com/wattwerk/wattwerk/registry"
	"github.com/wattwerk/wattwerk/service"
	"github.com/wattwerk/wattwerk/settlement"
	"github.com/wattwerk/wattwerk/settlement/cost"
	"github.com/wattwerk/wattwerk/settlement/demand"
	"github.com/wattwerk/wattwerk/settlement/figure"
	"github.com/wattwerk/wattwerk/settlement/flow"
	"github.com/wattwerk/wattwerk/settlement/ledger"
	"github.com/wattwerk/wattwerk/settlement/profile"
	"github.com/wattwerk/wattwerk/settlement/report/desk"
	"github.com/wattwerk/wattwerk/web"
)

// process is what the modules of one process share. Fields are filled by the
// start functions in the order of their needs.
type process struct {
	config    Config
	here      []string // the modules of this process that can be chosen
	elsewhere []module // those it answers for and does not run
	log       *slog.Logger
	out       io.Writer // for people
	began     time.Time
	dir       *datadir.Dir
	users     *access.Store
	gateway   *gateway.Service
	secret    string // the token of commands on this machine
	metrics   *prometheus.Registry
	tracer    *trace.Tracer // nil: off
	group     *run.Group
	again     bool     // the modules were started before
	extra     []module // that a command adds to those of the table

	bus     *bus.Bus
	bridges bool   // this process takes readings in
	settles bool   // what this process stores is settled, here or elsewhere
	mqtt    string // where MQTT is spoken; empty: nowhere
	noMQTT  string // why it is not, when it was meant to
	catalog *catalog.Catalog
	fleet   *fleet.Fleet
	notary  *access.Notary // who other processes say is asking

	// Those of modules that are not in this process are nil.
	seen       *registry.Seen
	registry   *registry.Service
	history    *history.Service
	store      history.Store
	settled    *ledger.Store
	imports    *imports.Service
	settlement *settlement.Service
	reports    *desk.Service
	demand     *demand.Service
	cost       *cost.Service
	profile    *profile.Service
	flow       *flow.Service
	figures    *figure.Service
	aggregate  *aggregate.Service
	bridge     *bridge.Service
	meters     *meters.Service
	alert      *alert.Service
	pipeline   *pipeline.Service
	models     *repository.Store // of manifests
	doors      *push.Doors
	faredge    http.Handler // as the services of FAR-EDGE answered
	cir        *cir.Service
	service    *service.Service
	live       *live.Service
	survey     *surveyed

	visible     func() doctor.Facts  // what can be seen without asking anybody
	historyTurn chan context.Context // this process keeps the history in its data directory until the context ends
	trimming    sync.Mutex           // held while nothing may be removed from the bus
}

// maxBody is the largest body of a request, in bytes: that of an import, which
// is read as it comes. All others have limits of their own.
const maxBody = 64 << 30

// stopDeadline is how long each module may take to stop. The history writes
// out what it has in memory; if it cannot, the bus still holds it.
const stopDeadline = 150 * time.Second

// leastLife is how long modules must have worked for a new start to be worth it.
const leastLife = 2 * time.Second

// localToken names the token with which commands on this machine talk to the
// process; each start makes a new one.
const localToken = "commands on this machine"

// Run runs a process until ctx ends or a module fails. What people should
// read goes to out, everything else to log.
func Run(ctx context.Context, c Config, log *slog.Logger, out io.Writer) error {
	if c.isDevice() {
		return runDevice(ctx, c, log, out)
	}
	return runModules(ctx, c, log, out)
}

// runModules runs the modules of the settings, and further ones.
func runModules(ctx context.Context, c Config, log *slog.Logger, out io.Writer, extra ...module) (err error) {
	p := &process{config: c, log: log, out: out, began: time.Now(), bridges: c.has("bridge"), settles: c.settles(), historyTurn: make(chan context.Context), extra: extra}
	p.visible = func() doctor.Facts { return visible(&c) }
	p.elsewhere = c.elsewhere()
	p.here = slices.DeleteFunc(append(moduleNames(), importsModule), func(n string) bool { return !c.has(n) })
	if p.dir, err = datadir.Open(c.Data); err != nil {
		return err
	}
	defer p.dir.Close()
	if err := c.SQL.await(ctx, log); err != nil {
		return unlessEnded(ctx, err)
	}
	if p.users, err = c.openUsers(ctx); err != nil {
		return unlessEnded(ctx, err)
	}
	defer func() { err = errors.Join(err, p.users.Close()) }()
	if err := p.leftBehind(ctx); err != nil {
		return unlessEnded(ctx, err)
	}
	if p.secret, err = p.newLocalToken(ctx); err != nil {
		return unlessEnded(ctx, err)
	}
	if p.tracer, err = trace.New(ctx, trace.Options{
		Endpoint: c.Trace.Endpoint, Ratio: c.Trace.Ratio, Instance: c.Name, Version: Version(), Log: p.logger("trace"),
	}); err != nil {
		return err
	}
	defer func() {
		if err := p.tracer.Close(ctx); err != nil {
			p.logger("trace").Warn("the last spans were not delivered", "error", err)
		}
	}()
	for {
		began := time.Now()
		err := p.modules(ctx)
		err = errors.Join(err, p.closeSettled())
		if ctx.Err() != nil || !mends(err) || time.Since(began) < leastLife {
			return err
		}
		p.again = true
		// What was accepted is safe on the disk; it only has to be read anew.
		p.logger("process").Error("starting all modules again when there is room on the disk", "because", err)
		if err := p.awaitRoom(ctx); err != nil {
			return err
		}
	}
}

// unlessEnded gives the error of a step of starting, nil when the process was
// told to end meanwhile: then it did what it was told.
func unlessEnded(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// modules starts all modules and returns when all have ended.
func (p *process) modules(ctx context.Context) (err error) {
	p.metrics = prometheus.NewRegistry()
	p.metrics.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	if err := p.open(); err != nil {
		return err
	}
	if p.group, err = run.New(p.logger("process"), stopDeadline, p.services()...); err != nil {
		return errors.Join(err, p.gateway.Close())
	}
	// Run has freed the port already if it came to that; then this does nothing.
	defer p.gateway.Close() //nolint:errcheck // see above
	// Should they start again, it is at the same address.
	p.config.Addr = p.gateway.Addr()
	return p.group.Run(ctx)
}

// awaitRoom returns when as much is free on the disk as must be.
func (p *process) awaitRoom(ctx context.Context) error {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		free, err := bus.FreeBytes(p.dir.Path())
		if err != nil {
			return fmt.Errorf("ask for room on the disk: %w", err)
		}
		if free >= int64(p.config.Bus.MinFree) {
			return nil
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// open takes the port, before anything is started that would have to stop
// again when it is taken already.
func (p *process) open() error {
	c := p.config.Gateway
	oidc, err := c.OIDC.provider()
	if err != nil {
		return err
	}
	pages, err := p.pages()
	if err != nil {
		return err
	}
	o := gateway.Options{
		Addr: p.config.Addr, Access: p.users, NoSignIn: !c.SignIn, NoPasswords: !c.Passwords, AnonymousIngest: c.AnonymousIngest,
		OIDC: oidc, BasePath: c.BasePath, PublicURL: c.PublicURL, TLSCert: c.TLSCertFile, TLSKey: c.TLSKeyFile,
		Version: Version(), Metrics: p.metrics, Tracer: p.tracer, Log: p.logger("http"), Web: pages, MaxBody: maxBody,
		Notary: func() *access.Notary { return p.notary },
		Ready: append([]gateway.Check{
			{Name: "modules", Ask: func(context.Context) error { return p.group.Ready() }},
			{Name: "disk", Ask: func(context.Context) error {
				if b := p.bus; b != nil && b.Full() {
					return bus.ErrFull
				}
				return nil
			}},
		}, p.missing()...),
	}
	if p.users.Shared() {
		o.Ready = append(o.Ready, gateway.Check{Name: "users", Ask: p.users.Ping})
	}
	if p.gateway, err = gateway.New(o); err != nil {
		return explainAddr(p.config.Addr, err)
	}
	return nil
}

// announce makes the process findable for commands on this machine and tells
// people where to go.
func (p *process) announce(ctx context.Context) error {
	in := datadir.Instance{URL: p.localURL(), Secret: p.secret, PID: os.Getpid(), Version: Version(), Started: p.began}
	if err := p.dir.Announce(in); err != nil {
		return err
	}
	say := func(format string, a ...any) { fmt.Fprintf(p.out, format+"\n", a...) } //nolint:errcheck // nobody listens, then
	if p.again {
		say("All modules work again at %s", p.gateway.URL())
		return nil
	}
	say("Wattwerk %s, data in %s", Version(), p.dir.Path())
	say("  page and API  %s", p.gateway.URL())
	switch {
	case p.mqtt != "":
		say("  MQTT          %s", p.mqtt)
	case p.noMQTT != "":
		say("  MQTT          none: %s", p.noMQTT)
	}
	// Nobody signs in at a process behind a gateway.
	if !p.config.Gateway.SignIn || !slices.Contains(p.here, "gateway") {
		return nil
	}
	// Made here and not sooner: a start that fails must not use up the one time it is shown.
	user, password, err := p.users.FirstStart(ctx)
	if err != nil {
		return err
	}
	if password != "" {
		say("\nThis is the first start. Keep this, it is shown only now:\n  user      %s\n  password  %s", user.Name, password)
	}
	if !p.config.Gateway.Passwords {
		return nil
	}
	link, err := p.link(ctx)
	if err != nil {
		return err
	}
	say("\nThis link signs you in, once, within %d minutes:\n  %s\n", int(access.LinkLife.Minutes()), link)
	return nil
}

// localURL is where programs on this machine find the process.
func (p *process) localURL() string {
	host, port, err := net.SplitHostPort(p.gateway.Addr())
	if err != nil {
		return p.gateway.URL()
	}
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	scheme := "http"
	if p.config.Gateway.TLSCertFile != "" {
		scheme = "https"
	}
	return scheme + "://" + net.JoinHostPort(host, port)
}

// leftBehind refuses to begin with no users in a shared database while there
// are some in the data directory: whoever set the database meant to keep them.
func (p *process) leftBehind(ctx context.Context) error {
	if !p.users.Shared() || !hasUsersFile(p.dir.Path()) {
		return nil
	}
	here, err := p.users.Users(ctx)
	if err != nil || len(here) > 0 {
		return err
	}
	file, err := access.Open(ctx, p.dir.Path())
	if err != nil {
		return err
	}
	left, err := file.Users(ctx)
	if err = errors.Join(err, file.Close()); err != nil || len(left) == 0 {
		return err
	}
	return fmt.Errorf("%s has no users, and %s has %d: take them along with 'wattwerk user move', or move the file away",
		p.users.Name(), filepath.Join(p.dir.Path(), access.FileName), len(left))
}

// localTokenName tells the processes apart that share their users.
func (p *process) localTokenName() string {
	host, _ := os.Hostname() // without a name the directory has to do
	path, err := filepath.Abs(p.dir.Path())
	if err != nil {
		path = p.dir.Path()
	}
	sum := sha256.Sum256([]byte(host + " " + path))
	return fmt.Sprintf("%s (%s, %x)", localToken, host[:min(len(host), 40)], sum[:4])
}

func (p *process) newLocalToken(ctx context.Context) (string, error) {
	name := p.localTokenName()
	old, err := p.users.Tokens(ctx)
	if err != nil {
		return "", err
	}
	for _, t := range old { // of a run that was killed
		if t.Name == name || t.Name == localToken && !p.users.Shared() {
			if err := p.users.RevokeToken(ctx, t.ID); err != nil && !errors.Is(err, access.ErrNotFound) {
				return "", err
			}
		}
	}
	secret, _, err := p.users.CreateToken(ctx, access.TokenSpec{Name: name, Role: access.Administrator, By: "wattwerk"})
	return secret, err
}

// link signs an administrator in.
func (p *process) link(ctx context.Context) (string, error) {
	users, err := p.users.Users(ctx)
	if err != nil {
		return "", err
	}
	for _, u := range users {
		if u.Role == access.Administrator {
			return p.gateway.SignInURL(ctx, u.ID)
		}
	}
	return "", errors.New("there is no administrator; 'wattwerk user password' cannot help, restore a backup")
}

// pages are the web pages, when this process serves any.
func (p *process) pages() (http.Handler, error) {
	if !p.config.has("gateway") {
		return nil, nil
	}
	return web.New(web.Options{Dev: p.config.Gateway.Vite})
}

// explainAddr adds what to do.
func explainAddr(addr string, err error) error {
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return fmt.Errorf("%w: another program listens on %s; stop it, or choose another address with --addr", err, addr)
	case errors.Is(err, syscall.EACCES):
		return fmt.Errorf("%w: ports below 1024 need a privilege; choose another with --addr", err)
	}
	return err
}

func (p *process) logger(module string) *slog.Logger { return p.log.With("component", module) }
