package app

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"sync/atomic"

	"github.com/danielgtaylor/huma/v2"

	"github.com/wattwerk/wattwerk/access"
	"github.com/wattwerk/wattwerk/bridge"
	"github.com/wattwerk/wattwerk/bridge/letter"
	"github.com/wattwerk/wattwerk/fleet"
	"github.com/wattwerk/wattwerk/gateway"
	"github.com/wattwerk/wattwerk/gateway/forward"
	"github.com/wattwerk/wattwerk/gateway/titan"
	"github.com/wattwerk/wattwerk/history/coverage"
	"github.com/wattwerk/wattwerk/history/promapi"
	"github.com/wattwerk/wattwerk/history/transfer"
	"github.com/wattwerk/wattwerk/internal/problem"
)

// face is where a module says what it answers by HTTP. It is said twice in the
// same words: where the module runs, and in a process with the gateway and
// without the module. There nothing of what is registered is ever called, so
// the module's service is nil.
type face struct {
	api huma.API
	// plain adds a handler that is not of the typed API, under a pattern of
	// [http.ServeMux], for those who have the scope. To ask it twice for the
	// same must do no harm. It is made only where the module runs.
	plain func(pattern string, scope access.Scope, h func() http.Handler)
	// titan does so for what is answered as Titan's services did, for who may
	// read, if that is asked for.
	titan func(pattern string, h func() http.Handler)
}

// here is the face of a module of this process.
func (p *process) faceHere() face {
	return face{p.gateway.API(), func(pattern string, scope access.Scope, h func() http.Handler) {
		p.gateway.Handle(pattern, gateway.Require(scope, h()))
	}, p.titan(func(h func() http.Handler) http.Handler { return h() })}
}

// faceElsewhere leads to a module in other processes.
func (p *process) faceElsewhere(f *forward.Forwarder) face {
	twice := f.Repeatable()
	return face{p.gateway.Elsewhere(f), func(pattern string, scope access.Scope, _ func() http.Handler) {
		p.gateway.Handle(pattern, gateway.Require(scope, twice))
	}, p.titan(func(func() http.Handler) http.Handler { return f })}
}

func faceRegistry(p *process, f face) {
	p.registry.Register(f.api)
	f.titan(titan.HierarchyPath, p.titanHierarchy)
	f.titan(titan.HierarchyPath+"/", p.titanHierarchy)
}

func faceHistory(p *process, f face) {
	log := p.logger("history")
	p.history.Register(f.api)
	transfer.Register(f.api, p.history, log)
	f.titan(titan.HistoryPath+"/", p.titanHistory)
	coverage.Register(f.api, p.history, p.catalog, nil)
	f.plain("/prometheus/", access.Read, func() http.Handler { return promapi.Handler(promapi.Options{Store: p.store, Log: log}) })
}

func faceAggregate(p *process, f face) { p.aggregate.Register(f.api) }

func faceBridge(p *process, f face) {
	p.bridge.Register(f.api)
	letter.Register(f.api, letter.Options{Bus: p.bus, Again: p.bridge.Again, Actor: actor})
	for _, pattern := range bridge.Patterns() {
		f.plain(pattern, access.Ingest, func() http.Handler { return p.bridge.Handler() })
	}
}

func faceGateway(p *process, f face) { p.live.Register(f.api) }

// elsewhere are the modules that this process answers for and does not run:
// none, unless it is a gateway.
func (c *Config) elsewhere() []module {
	var out []module
	for _, m := range modules {
		if m.face != nil && c.has("gateway") && !c.has(m.name) {
			out = append(out, m)
		}
	}
	return out
}

// forward leads to all modules that are elsewhere. What it opens is closed by
// the function it gives.
func (p *process) forward() (closeAll func(), err error) {
	var all []*forward.Forwarder
	closeAll = func() {
		for _, f := range all {
			f.Close()
		}
	}
	trust, err := p.config.Gateway.innerTLS()
	if err != nil {
		return closeAll, err
	}
	for _, m := range p.elsewhere {
		f, err := forward.New(forward.Options{
			Module: m.name, Instances: instances{p.fleet, m.name}, Notary: p.notary, Spread: !m.one, TLS: trust,
			Registerer: p.metrics, Log: p.logger("http"),
		})
		if err != nil {
			return closeAll, err
		}
		all = append(all, f)
		elsewhere := p.faceElsewhere(f)
		if m.absent != "" {
			elsewhere.api = p.gateway.Elsewhere(p.whenThere(m, f))
		}
		m.face(&process{log: p.log}, elsewhere)
	}
	return closeAll, nil
}

// whenThere hands requests on to a module that no installation has to have, once a
// process was seen that runs it; until then it says how to begin.
func (p *process) whenThere(m module, next http.Handler) http.Handler {
	var seen atomic.Bool
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !seen.Load() {
			if len((instances{p.fleet, m.name}).URLs()) == 0 {
				problem.Write(w, http.StatusNotFound, m.absent)
				return
			}
			seen.Store(true)
		}
		next.ServeHTTP(w, r)
	})
}

// instances are the processes that run a module.
type instances struct {
	fleet  *fleet.Fleet
	module string
}

// URLs gives the oldest first, in the same order everywhere.
func (i instances) URLs() []string {
	var urls []string
	for _, m := range i.fleet.With(i.module) {
		if m.URL != "" {
			urls = append(urls, m.URL)
		}
	}
	return urls
}

// Changed is closed when the answer may be another.
func (i instances) Changed() <-chan struct{} { return i.fleet.Changed() }

// missing are checks that tell which modules nobody runs.
func (p *process) missing() []gateway.Check {
	var checks []gateway.Check
	for _, m := range p.elsewhere {
		if m.absent != "" {
			continue // nobody misses it
		}
		checks = append(checks, gateway.Check{Name: m.name, Elsewhere: true, Ask: func(context.Context) error {
			if len((instances{p.fleet, m.name}).URLs()) == 0 {
				return errors.New("no process runs it")
			}
			return nil
		}})
	}
	return checks
}

// newNotary takes the key of the installation, by which its processes believe
// one another who asks.
func (p *process) newNotary(ctx context.Context) (*access.Notary, error) {
	key, err := p.bus.Secret(ctx, "voucher", access.NotaryKey)
	if err != nil {
		return nil, err
	}
	return access.NewNotary(key)
}

// innerTLS is how a gateway checks the certificates of other processes.
func (c *GatewayConfig) innerTLS() (*tls.Config, error) {
	if c.InnerCAFile == "" {
		return nil, nil
	}
	data, err := os.ReadFile(c.InnerCAFile)
	if err != nil {
		return nil, fmt.Errorf("read gateway.inner_ca_file: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(data) {
		return nil, fmt.Errorf("read gateway.inner_ca_file: there is no certificate in %s", c.InnerCAFile)
	}
	return &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}, nil
}

// advertised is where other processes reach this one, which listens on addr.
func (c *GatewayConfig) advertised(addr string) (string, error) {
	if c.Advertise != "" {
		return c.Advertise, nil
	}
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return "", err
	}
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		if host, err = outside(); err != nil {
			return "", err
		}
	}
	scheme := "http"
	if c.TLSCertFile != "" {
		scheme = "https"
	}
	return scheme + "://" + net.JoinHostPort(host, port), nil
}

// outside is the address of this machine by which others probably reach it:
// the first that is not its own alone, an IPv4 one if there is any. Addresses
// need no name server, as the name of a machine does.
func outside() (string, error) {
	all, err := net.InterfaceAddrs()
	if err != nil {
		return "", fmt.Errorf("find the address of this machine: %w", err)
	}
	found := ""
	for _, a := range all {
		n, ok := a.(*net.IPNet)
		if !ok || !n.IP.IsGlobalUnicast() {
			continue
		}
		if n.IP.To4() != nil {
			return n.IP.String(), nil
		}
		if found == "" {
			found = n.IP.String()
		}
	}
	if found == "" {
		return "", errors.New("find the address of this machine: it has none that others could reach; set gateway.advertise, or --addr to a loopback address")
	}
	return found, nil
}
