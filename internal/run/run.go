package run

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"
)

// Service is something with a life of its own. Every function may be nil.
type Service struct {
	Name  string
	Needs []string // names of services that must be running first

	Start func(context.Context) error // returns when others may rely on the service
	Run   func(context.Context) error // works until its context ends; to end sooner is a failure
	Stop  func(context.Context) error // releases what Start took; its context has the deadline
}

// State is where in its life a service stands.
type State string

// The states, in the order in which they come.
const (
	Waiting  State = "waiting"
	Starting State = "starting"
	Running  State = "running"
	Stopping State = "stopping"
	Ended    State = "ended"
)

// DefaultDeadline is how long each service may take to stop. Each has its own,
// so that one that hangs does not cut short those that keep data.
const DefaultDeadline = 15 * time.Second

// Group is a set of services that live and die together. Run may be called
// once; State may be called at any time from any goroutine.
type Group struct {
	log      *slog.Logger
	deadline time.Duration
	services []Service // in the order of starting

	mu     sync.Mutex
	states map[string]State
	first  error
}

// New orders the services by their needs; among those that are free to start
// the given order is kept. It fails on needs that are unknown or circular and
// on names used twice. A deadline of 0 is [DefaultDeadline].
func New(log *slog.Logger, deadline time.Duration, services ...Service) (*Group, error) {
	if deadline <= 0 {
		deadline = DefaultDeadline
	}
	g := &Group{log: log, deadline: deadline, states: make(map[string]State)}
	for _, s := range services {
		if _, twice := g.states[s.Name]; twice || s.Name == "" {
			return nil, fmt.Errorf("order services: the name %q is empty or used twice", s.Name)
		}
		g.states[s.Name] = Waiting
	}
	placed := make(map[string]bool)
	for len(g.services) < len(services) {
		before := len(g.services)
		for _, s := range services {
			missing := slices.ContainsFunc(s.Needs, func(n string) bool { return !placed[n] })
			if !placed[s.Name] && !missing {
				placed[s.Name] = true
				g.services = append(g.services, s)
			}
		}
		if len(g.services) == before {
			return nil, unplaced(services, placed, g.states)
		}
	}
	return g, nil
}

func unplaced(services []Service, placed map[string]bool, known map[string]State) error {
	var circle []string
	for _, s := range services {
		for _, n := range s.Needs {
			if _, ok := known[n]; !ok {
				return fmt.Errorf("order services: %s needs %s, which is not there", s.Name, n)
			}
		}
		if !placed[s.Name] {
			circle = append(circle, s.Name)
		}
	}
	return fmt.Errorf("order services: %s wait for one another", strings.Join(circle, ", "))
}

// Order gives the names in the order of starting.
func (g *Group) Order() []string {
	var names []string
	for _, s := range g.services {
		names = append(names, s.Name)
	}
	return names
}

// State tells where a service stands; empty when there is none of that name.
func (g *Group) State(name string) State {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.states[name]
}

// Ready is nil when every service is running, else says which is not.
func (g *Group) Ready() error {
	for _, s := range g.services {
		if st := g.State(s.Name); st != Running {
			return fmt.Errorf("%s is %s", s.Name, st)
		}
	}
	return nil
}

func (g *Group) set(name string, s State) {
	g.mu.Lock()
	g.states[name] = s
	g.mu.Unlock()
	g.log.Debug("service changed", "service", name, "state", string(s))
}

func (g *Group) fail(name string, err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.first == nil {
		g.first = fmt.Errorf("%s: %w", name, err)
		return
	}
	g.log.Error("service failed after another", "service", name, "error", err)
}

// alive is a service that has been started.
type alive struct {
	Service
	cancel context.CancelFunc
	done   chan struct{} // closed when Run has returned
}

// Run starts all services and returns when all have ended: because ctx ended
// (then the error is nil unless something fails while stopping) or because
// one of them failed.
func (g *Group) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var started []alive
	for _, s := range g.services {
		if ctx.Err() != nil {
			break
		}
		g.set(s.Name, Starting)
		if s.Start != nil {
			if err := s.Start(ctx); err != nil {
				// A start that was interrupted by the end of the context did not
				// fail, in whatever words it says so: drivers have their own.
				if ctx.Err() == nil {
					g.fail(s.Name, err)
				} else {
					g.log.Debug("start interrupted", "service", s.Name, "error", err)
				}
				g.set(s.Name, Ended)
				cancel()
				break
			}
		}
		started = append(started, g.launch(s, cancel))
	}
	<-ctx.Done()
	g.stop(started)
	for _, s := range g.services {
		if g.State(s.Name) == Waiting {
			g.set(s.Name, Ended)
		}
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.first
}

func (g *Group) launch(s Service, failed context.CancelFunc) alive {
	// Not a child of the group's context: each service is told separately, in reverse order.
	own, cancel := context.WithCancel(context.Background())
	a := alive{Service: s, cancel: cancel, done: make(chan struct{})}
	g.set(s.Name, Running)
	go func() {
		defer close(a.done)
		if s.Run == nil {
			<-own.Done()
			return
		}
		err := s.Run(own)
		switch {
		case err != nil && (own.Err() == nil || !errors.Is(err, context.Canceled)):
			g.fail(s.Name, err)
		case own.Err() == nil:
			g.fail(s.Name, errors.New("ended without being told to"))
		}
		failed()
	}()
	return a
}

func (g *Group) stop(started []alive) {
	for _, a := range slices.Backward(started) {
		g.set(a.Name, Stopping)
		a.cancel()
		if err := a.end(g.deadline); err != nil {
			g.fail(a.Name, err)
		}
		g.set(a.Name, Ended)
	}
}

func (a alive) end(deadline time.Duration) error {
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	defer cancel()
	select {
	case <-a.done:
	case <-ctx.Done():
		return fmt.Errorf("did not stop within %v", deadline)
	}
	if a.Stop == nil {
		return nil
	}
	return a.Stop(ctx)
}
