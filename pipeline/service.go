package pipeline

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"github.com/wattwerk/wattwerk/bus"
	"github.com/wattwerk/wattwerk/internal/run"
	"github.com/wattwerk/wattwerk/manifest"
	"github.com/wattwerk/wattwerk/pipeline/checkpoint"
	"github.com/wattwerk/wattwerk/pipeline/connect"
	"github.com/wattwerk/wattwerk/pipeline/processor"
	"github.com/wattwerk/wattwerk/pipeline/repository"
	"github.com/wattwerk/wattwerk/pipeline/router"
	"github.com/wattwerk/wattwerk/pipeline/runner"
)

// Options of the service.
type Options struct {
	Bus         *bus.Bus // with the stream of observations, see [bus.Bus.MakeObservations]
	Models      *repository.Store
	Checkpoints *checkpoint.Store
	Protocols   []connect.Protocol
	House       *connect.House
	// Gateway is the name of the edge gateway this installation is; empty: the
	// centre.
	Gateway string
	// Centre is where a gateway is told what it shall run; nil: its models are its
	// own.
	Centre *Centre
	// Keep is how long observations are kept for people and late manifests; zero:
	// a day.
	Keep time.Duration
	// Every is how often states are stored; zero: 5 s.
	Every time.Duration
	// Share says whether this process runs the manifests; nil: alone.
	Share      run.Share
	Process    string
	Actor      func(context.Context) string // who makes a request
	Log        *slog.Logger
	Registerer prometheus.Registerer
}

// Service runs manifests.
type Service struct {
	opts      Options
	offer     manifest.Offer
	protocols map[string]connect.Protocol
	router    *router.Router
	runner    *runner.Runner
	changed   chan struct{}

	mu   sync.Mutex
	seen int64 // revision of what follows
	set  *manifest.Set
	want runner.Wants
	runs bool // this process runs the manifests now
}

// New makes the service.
func New(o Options) (*Service, error) {
	if o.Share == nil {
		o.Share = run.Alone
	}
	if o.Keep <= 0 {
		o.Keep = 24 * time.Hour
	}
	if o.House == nil {
		o.House = new(connect.House)
	}
	if o.Actor == nil {
		o.Actor = func(context.Context) string { return "unknown" }
	}
	s := &Service{opts: o, protocols: make(map[string]connect.Protocol), changed: make(chan struct{}, 1), seen: -1}
	for _, p := range o.Protocols {
		s.protocols[p.Name] = p
	}
	s.offer = Offer(o.Protocols)
	var err error
	if s.router, err = router.New(router.Options{Bus: o.Bus, Open: s.reader, Log: o.Log, Registerer: o.Registerer}); err != nil {
		return nil, err
	}
	s.runner, err = runner.New(runner.Options{
		Bus: o.Bus, Checkpoints: o.Checkpoints, Find: processor.Find, Open: s.writer, Every: o.Every, Process: o.Process, Also: s.told, Reached: s.reached,
		Log: o.Log, Registerer: o.Registerer,
	})
	return s, err
}

// Offer is what manifests may ask for: all processors, and these protocols.
func Offer(protocols []connect.Protocol) manifest.Offer {
	byName := make(map[string]manifest.Protocol, len(protocols))
	for _, p := range protocols {
		byName[p.Name] = p.Offered()
	}
	return manifest.Offer{
		Processor: func(name string) (manifest.ProcessorType, bool) {
			e, ok := processor.Find(name)
			return e.ProcessorType, ok
		},
		Protocol: func(name string) (manifest.Protocol, bool) {
			p, ok := byName[strings.ToLower(name)]
			return p, ok
		},
	}
}

// reached tells how a source is that is read here.
func (s *Service) reached(id string) (runner.Reach, bool) {
	name, st, ok := s.router.Source(id)
	return runner.Reach{Name: name, Connected: st.Connected, Error: st.Error}, ok
}

// end is what a driver is told of a source or sink.
func (s *Service) end(e *manifest.End) connect.End {
	return connect.End{
		ID: e.Source.ID, Name: e.Source.Name, Protocol: e.Protocol(), Values: e.Values, Kind: *e.Kind, Gateway: e.Gateway, House: s.opts.House,
		Log: s.opts.Log.With("end", e.Source.Name),
	}
}

func (s *Service) reader(e *manifest.End) (connect.Reader, error) {
	p, ok := s.protocols[e.Protocol()]
	if !ok || p.Reader == nil {
		return nil, nil
	}
	return p.Reader(s.end(e))
}

func (s *Service) writer(ctx context.Context, e *manifest.End) (connect.Writer, error) {
	p, ok := s.protocols[e.Protocol()]
	if !ok || p.Writer == nil {
		return nil, fmt.Errorf("nothing can be written by protocol %q", e.Interface.Protocol)
	}
	return p.Writer(ctx, s.end(e))
}

// pushed tells whether a source takes what is pushed by HTTP.
func pushed(e *manifest.End) bool {
	return e.Protocol() == manifest.Internal || e.Protocol() == "http"
}

// Run works until ctx ends.
func (s *Service) Run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return s.opts.Models.Run(ctx) })
	g.Go(func() error { return s.follow(ctx) })
	if s.opts.Centre != nil {
		g.Go(func() error { return s.obey(ctx) })
	}
	g.Go(func() error {
		err := s.opts.Share(ctx, "pipeline", 1, func(ctx context.Context, _ int) error { return s.work(ctx) })
		if ctx.Err() != nil {
			return nil
		}
		return err
	})
	return g.Wait()
}

// follow has sources read as the models say, and tells the runner of changes.
func (s *Service) follow(ctx context.Context) error {
	defer s.router.Set(context.WithoutCancel(ctx), router.Pushed, nil, nil)
	defer s.router.Set(context.WithoutCancel(ctx), "", nil, nil)
	for {
		_, next := s.opts.Models.Changed()
		if err := s.read(ctx); err != nil && ctx.Err() == nil {
			s.opts.Log.Warn("the models cannot be read", "error", err)
		}
		select {
		case s.changed <- struct{}{}:
		default:
		}
		select {
		case <-ctx.Done():
			return nil
		case <-next:
		}
	}
}

// read has the sources read that are to be read here.
func (s *Service) read(ctx context.Context) error {
	set, _, err := s.models(ctx)
	if err != nil {
		return err
	}
	s.mu.Lock()
	runs := s.runs
	s.mu.Unlock()
	var here, open []*manifest.End
	for i := range set.Bundle().Sources {
		src := &set.Bundle().Sources[i]
		if src.Disabled {
			continue
		}
		e, err := s.offer.Resolve(set, src.ID)
		if err != nil || e.Gateway != s.opts.Gateway {
			continue // the repository refuses what cannot be resolved; a protocol may be gone since
		}
		if pushed(e) {
			open = append(open, e)
		} else if p, ok := s.protocols[e.Protocol()]; ok && p.Reader != nil && runs {
			here = append(here, e)
		}
	}
	s.router.Set(ctx, router.Pushed, open, runner.Print)
	s.router.Set(ctx, "", here, runner.Print)
	return nil
}

// models gives all models at one revision.
func (s *Service) models(ctx context.Context) (*manifest.Set, int64, error) {
	b, revision, err := s.opts.Models.Bundle(ctx)
	if err != nil {
		return nil, 0, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.set == nil || s.seen != revision {
		set, err := manifest.NewSet(b)
		if err != nil {
			return nil, 0, err
		}
		s.set, s.seen = set, revision
	}
	return s.set, s.seen, nil
}

// wanted is what manifests shall do here.
func (s *Service) wanted(ctx context.Context) (runner.Wants, error) {
	set, revision, err := s.models(ctx)
	if err != nil {
		return runner.Wants{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.want.All != nil && s.want.Revision == revision {
		return s.want, nil
	}
	w := runner.Wants{Revision: revision, All: []runner.Wanted{}}
	for i := range set.Bundle().Manifests {
		m := &set.Bundle().Manifests[i]
		gateway := ""
		if g, err := set.Gateway(m.Gateway); m.Gateway != "" && err == nil {
			gateway = g.Name
		}
		if gateway != s.opts.Gateway {
			continue
		}
		x := runner.Wanted{ID: m.ID, Name: m.Name, State: m.State}
		if m.State == manifest.Running || m.State == manifest.Paused {
			if x.Plan, x.Error = s.offer.Check(set, m); x.Error != nil {
				x.Plan = nil
			}
		} else {
			x.Ended = func(ctx context.Context) (*manifest.Plan, time.Time, error) { return s.ended(ctx, set, m) }
		}
		w.All = append(w.All, x)
	}
	s.want = w
	return w, nil
}

// ended gives what a manifest that is stopped was, and when it was stopped.
func (s *Service) ended(ctx context.Context, set *manifest.Set, m *manifest.Manifest) (*manifest.Plan, time.Time, error) {
	at, err := s.opts.Models.LastChange(ctx, repository.Manifests, m.ID)
	if err != nil && !errors.Is(err, repository.ErrNotFound) {
		err = fmt.Errorf("%w: %w", runner.ErrNotNow, err)
	}
	if err != nil {
		return nil, at, err
	}
	p, err := s.offer.Check(set, m)
	return p, at, err
}

// workAgain is how long what failed rests before it is tried again.
const workAgain = 2 * time.Second

// work runs the manifests, as long as this process shall. Where another one runs
// them as well, as one that stood still and goes on, it takes over anew: only one
// of them is to, and the other one is told so soon.
func (s *Service) work(ctx context.Context) error {
	run.Again(ctx, workAgain, s.workOnce, func(err error) {
		s.opts.Log.Warn("the manifests begin again from what is stored", "error", err)
	})
	return nil
}

func (s *Service) workOnce(ctx context.Context) error {
	set := func(on bool) {
		s.mu.Lock()
		s.runs = on
		s.mu.Unlock()
	}
	set(true)
	defer set(false)
	defer s.router.Set(context.WithoutCancel(ctx), "", nil, nil)
	if err := s.read(ctx); err != nil {
		return err
	}
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return s.runner.Run(ctx, s.wanted, s.changed) })
	g.Go(func() error { return s.trim(ctx) })
	return g.Wait()
}

// Runs tells whether this process runs the manifests now.
func (s *Service) Runs() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.runs
}

const trimEvery = time.Minute

// trim removes observations that no manifest needs to go on, and that are older
// than they are kept for people.
func (s *Service) trim(ctx context.Context) error {
	t := time.NewTicker(trimEvery)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-t.C:
		}
		if err := s.trimOnce(ctx, time.Now().Add(-s.opts.Keep)); err != nil && ctx.Err() == nil {
			s.opts.Log.Warn("old observations are not removed", "error", err)
		}
	}
}

func (s *Service) trimOnce(ctx context.Context, before time.Time) error {
	x, err := s.opts.Bus.ObservationsExtent(ctx)
	if err != nil || x.First > x.Last || !x.FirstStored.Before(before) {
		return err
	}
	most := x.Last + 1
	if least, any := s.runner.Positions(); any {
		most = min(most, least+1)
	}
	first, err := runner.FirstStored(ctx, s.opts.Bus, x, before)
	if err != nil {
		return err
	}
	return s.opts.Bus.TrimObservations(ctx, min(first, x.Last, most)) // the newest ones are always told
}

// told gives the statuses of sources, for other processes to read.
func (s *Service) told() map[string]any {
	out := make(map[string]any)
	for id, st := range s.router.Statuses() {
		out["source "+id] = st
	}
	return out
}

// Status tells what is observed of a manifest, whichever process runs it.
func (s *Service) Status(ctx context.Context, id string) (runner.ManifestStatus, error) {
	all, err := s.statuses(ctx, id)
	if err != nil {
		return runner.ManifestStatus{}, err
	}
	st, ok := all[id]
	if !ok {
		return runner.ManifestStatus{State: manifest.IsCreated, At: time.Now().UTC(), Nodes: []runner.NodeStatus{}, Sinks: []runner.SinkStatus{}}, nil
	}
	return st, nil
}

// Start has a manifest run, from now on or from where it was paused.
func (s *Service) Start(ctx context.Context, id, who string) (runner.ManifestStatus, error) {
	return s.bring(ctx, id, manifest.Running, who, manifest.IsRunning, manifest.IsDegraded, manifest.IsFailed)
}

// Stop has it stop. Its windows are forgotten, and what it gave is written.
func (s *Service) Stop(ctx context.Context, id, who string) (runner.ManifestStatus, error) {
	return s.bring(ctx, id, manifest.Stopped, who, manifest.IsStopped, manifest.IsCreated)
}

// Pause has it wait, with what it has in hand.
func (s *Service) Pause(ctx context.Context, id, who string) (runner.ManifestStatus, error) {
	return s.bring(ctx, id, manifest.Paused, who, manifest.IsPaused)
}

// settleWithin is how long a request waits for a manifest to do what it shall.
const settleWithin = 5 * time.Second

func (s *Service) bring(ctx context.Context, ref string, to manifest.State, who string, until ...manifest.Observed) (runner.ManifestStatus, error) {
	m, err := repository.Get[manifest.Manifest](ctx, s.opts.Models, ref)
	if err != nil {
		return runner.ManifestStatus{}, err
	}
	id := m.Model.ID
	if to == manifest.Running {
		set, _, err := s.models(ctx)
		if err != nil {
			return runner.ManifestStatus{}, err
		}
		here, err := set.Manifest(id)
		if err != nil {
			return runner.ManifestStatus{}, err
		}
		if _, err := s.offer.Check(set, here); err != nil {
			return runner.ManifestStatus{}, err
		}
	}
	if err := s.opts.Models.SetState(ctx, id, to, who); err != nil {
		return runner.ManifestStatus{}, err
	}
	select {
	case s.changed <- struct{}{}:
	default:
	}
	limit := time.NewTimer(settleWithin)
	defer limit.Stop()
	look := time.NewTicker(5 * time.Millisecond)
	defer look.Stop()
	for {
		st, err := s.Status(ctx, id)
		if err != nil || slices.Contains(until, st.State) {
			return st, err
		}
		select {
		case <-ctx.Done():
			return st, ctx.Err()
		case <-limit.C:
			return st, nil
		case <-look.C:
		}
	}
}
