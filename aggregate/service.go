package aggregate

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"github.com/wattwerk/wattwerk/aggregate/tick"
	"github.com/wattwerk/wattwerk/bus"
	"github.com/wattwerk/wattwerk/catalog"
	"github.com/wattwerk/wattwerk/internal/run"
	"github.com/wattwerk/wattwerk/model"
	"github.com/wattwerk/wattwerk/record"
)

// Reader is the name under which the service keeps its positions on the bus.
const Reader = "aggregate"

// Names of what is shared.
const (
	partitionsShare = "partitions"
	combinersShare  = "combiners"
)

// Options of the service. Bus and Catalog are needed, the rest has defaults.
type Options struct {
	Bus        *bus.Bus
	Catalog    *catalog.Catalog // running
	Share      run.Share        // who else works; nil: nobody, all partitions are ours
	Log        *slog.Logger
	Registerer prometheus.Registerer
	Timing     tick.Timing   // zero: tick.DefaultTiming
	Checkpoint time.Duration // between checkpoints; default 15 s
	// HistoryReader is the reader whose position in the aggregates stream
	// allows its ticks to be trimmed; empty: it stores none. Ticks that nobody
	// stores are kept for an hour.
	HistoryReader string
	OtherReader   string // another one that must have them too, or alone; empty: none
	// Widest is how many groups and virtual sensors a message of ticks tells of at
	// most, and how many of them times ticks; a wider hierarchy is told in parts.
	// Default 40,000, so that messages fit.
	Widest int
}

// Service runs the engines and combiners that are this process's share.
type Service struct {
	opts    Options
	log     *slog.Logger
	objects jetstream.ObjectStore

	mu     sync.Mutex // guards what follows; taken before the lock of a part or a stage
	parts  map[int]*part
	stages map[int]*stage
	plans  []tick.Plan                     // all that may still be asked for, in order of revision
	linked map[model.HierarchyID]tick.Plan // the newest of those with virtual sensors

	keepTicks time.Duration // [keepUnread]

	// What the bus does for stages; tests break it.
	keep func(ctx context.Context, hierarchy string, ticks []byte, after uint64) (uint64, error)    // [bus.Bus.PublishAggregates]
	hear func(ctx context.Context, combiner int, from uint64, handle func(bus.Message) error) error // [bus.Bus.ReadPartials]

	untidy  chan struct{} // old checkpoints may be left
	applied atomic.Uint64 // the model revision that engines and combiners have
	fence   atomic.Int64  // what known last gave

	// What stages that were given up have counted.
	dropped, waited atomic.Uint64
}

// New makes the service; it does nothing before Run.
func New(o Options) (*Service, error) {
	if o.Bus == nil || o.Catalog == nil {
		return nil, errors.New("aggregate: needs a bus and a catalog")
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Share == nil {
		o.Share = run.Alone
	}
	if o.Timing == (tick.Timing{}) {
		o.Timing = tick.DefaultTiming()
	}
	if t := o.Timing; t.Base < 1 || t.Grace < 0 || t.Idle < 1 || t.Patience < 1 || t.Live < 1 || 86_400_000%t.Base != 0 {
		return nil, fmt.Errorf("aggregate: timing %+v: the base tick must divide a day, the rest must be positive", t)
	}
	if o.Checkpoint == 0 {
		o.Checkpoint = 15 * time.Second
	}
	if o.Widest == 0 {
		o.Widest = widest
	}
	if o.Widest < 1 {
		return nil, fmt.Errorf("aggregate: %d groups in a message; at least one is possible", o.Widest)
	}
	s := &Service{opts: o, log: o.Log, parts: make(map[int]*part), stages: make(map[int]*stage), linked: make(map[model.HierarchyID]tick.Plan), keepTicks: keepUnread, keep: o.Bus.PublishAggregates, hear: o.Bus.ReadPartials, untidy: make(chan struct{}, 1)}
	if o.Registerer != nil {
		if err := o.Registerer.Register(collector{s}); err != nil {
			return nil, fmt.Errorf("aggregate: %w", err)
		}
	}
	return s, nil
}

// Run aggregates until ctx ends or something is fatal.
func (s *Service) Run(ctx context.Context) error {
	select {
	case <-s.opts.Catalog.Ready():
	case <-ctx.Done():
		return nil
	}
	var err error
	if s.objects, err = s.opts.Bus.Objects(ctx, bucket); err != nil {
		return fmt.Errorf("aggregate: %w", err)
	}
	caughtUp := make(chan struct{})
	first := s.opts.Catalog.State().Revision
	// The loops over everything go on while parts are given up at the end.
	loops, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	g, loops := errgroup.WithContext(loops)
	g.Go(func() error {
		begun, done := false, false
		err := s.opts.Catalog.Watch(loops, func(st catalog.State) error {
			s.setPlans(st, !begun)
			begun = true
			if st.Revision >= first && !done {
				done = true
				close(caughtUp)
			}
			return nil
		})
		return ended(loops, err)
	})
	select {
	case <-caughtUp:
	case <-loops.Done():
		return g.Wait()
	case <-ctx.Done():
		stop()
		return g.Wait()
	}
	g.Go(func() error { return ended(loops, s.previews(loops)) })
	g.Go(func() error { return ended(loops, s.checkpoints(loops)) })
	g.Go(func() error { return s.tidies(loops) })
	g.Go(func() error { return ended(loops, s.answerStatus(loops)) })
	shared, give := context.WithCancel(ctx)
	defer give()
	context.AfterFunc(loops, give) // a loop failed
	w := new(errgroup.Group)
	for _, share := range []struct {
		name   string
		pieces int
		work   func(context.Context, int) error
	}{{partitionsShare, s.opts.Bus.Partitions(), s.ownPart}, {combinersShare, tick.Combiners, s.ownStage}} {
		w.Go(func() error {
			defer give()
			return ended(ctx, s.opts.Share(shared, share.name, share.pieces, share.work))
		})
	}
	err = w.Wait()
	stop()
	return errors.Join(err, g.Wait())
}

// ended makes the end of ctx no error.
func ended(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// keepPlans is how long a plan that is not in force any more may be asked for:
// as long as the catalog keeps states.
const keepPlans = time.Hour

// setPlans gives engines and combiners what a revision changed.
func (s *Service) setPlans(st catalog.State, all bool) {
	changed := st.Changed
	if all {
		changed = st.Model.Hierarchies()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, plan := range s.changedPlans(st, changed) {
		h := plan.Hierarchy
		s.plans = append(s.plans, plan)
		if x := s.stages[tick.CombinerOf(h)]; x != nil {
			x.mu.Lock()
			x.combiner.SetPlan(plan)
			x.mu.Unlock()
		}
		for _, p := range s.parts {
			p.addPlan(plan)
		}
	}
	s.forgetPlans()
	s.applied.Store(st.Revision)
	for _, p := range s.parts {
		p.stirClock()
	}
	for _, x := range s.stages {
		x.setRevision(st.Revision)
	}
}

// changedPlans gives the plans of hierarchies that have changed, and of those
// that have others because formulas, or what those use, have changed.
func (s *Service) changedPlans(st catalog.State, changed []model.HierarchyID) []tick.Plan {
	plans := tick.NewPlans(st.Model)
	virtual := plans.Virtual()
	look := slices.Concat(slices.Collect(maps.Keys(s.linked)), virtual, changed)
	slices.Sort(look)
	var out []tick.Plan
	for _, h := range slices.Compact(look) {
		plan := plans.Plan(h, st.Revision, st.Effective)
		if was, linked := s.linked[h]; linked && was.Same(&plan) && !slices.Contains(changed, h) {
			continue
		}
		if delete(s.linked, h); slices.Contains(virtual, h) {
			s.linked[h] = plan
		}
		out = append(out, plan)
	}
	return out
}

// hierarchies lists those that have ticks.
func (s *Service) hierarchies() []model.HierarchyID {
	all := s.opts.Catalog.State().Model.Hierarchies()
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.linked[tick.Loose]; ok {
		all = append(all, tick.Loose)
	}
	return all
}

// forgetPlans drops plans that another one replaced long ago.
func (s *Service) forgetPlans() {
	before := record.MillisOf(time.Now().Add(-keepPlans))
	replaced := make(map[model.HierarchyID]bool)
	for i, p := range slices.Backward(s.plans) {
		if replaced[p.Hierarchy] {
			s.plans[i].Hierarchy = "" // marks it
		} else if p.Effective <= before {
			replaced[p.Hierarchy] = true
		}
	}
	s.plans = slices.DeleteFunc(s.plans, func(p tick.Plan) bool { return p.Hierarchy == "" })
}

// ownedParts and ownedStages are those of this process now, by number.
func (s *Service) ownedParts() []*part {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.SortedFunc(maps.Values(s.parts), func(a, b *part) int { return a.number - b.number })
}

func (s *Service) ownedStages() []*stage {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.SortedFunc(maps.Values(s.stages), func(a, b *stage) int { return a.number - b.number })
}

// known is the time up to which every revision of the model is in the engines.
func (s *Service) known() record.Millis {
	k := record.MillisOf(s.opts.Catalog.Known())
	if s.applied.Load() >= s.opts.Catalog.State().Revision {
		s.fence.Store(int64(k))
		return k
	}
	return record.Millis(s.fence.Load()) // a revision is on its way to the engines
}

// awaitModel waits, for readings of the past, until the model is known as it
// was when they were stored: they close ticks at once, and whoever places
// sensors and then sends a backlog wants to find all of it. Live ticks wait for
// the model anyway before they are closed.
func (s *Service) awaitModel(ctx context.Context, stored record.Millis, b *record.Batch) (record.Millis, error) {
	known := s.known()
	if known >= stored {
		return known, nil
	}
	for _, t := range b.Times {
		if t >= stored-record.Millis(s.opts.Timing.Grace) {
			return known, nil
		}
	}
	for known < stored {
		moved := s.opts.Catalog.Moved()
		if known = s.known(); known >= stored {
			break
		}
		var applied <-chan time.Time
		if !s.opts.Catalog.Known().Before(stored.Time()) {
			applied = time.After(5 * time.Millisecond) // it is known, and on its way to the engines
		}
		s.opts.Catalog.Want(stored.Time())
		select {
		case <-ctx.Done():
			return 0, ctx.Err()
		case <-moved:
		case <-applied:
		}
	}
	return known, nil
}

// insist repeats what only fails while the bus is away or full; false: ctx
// ended before it was done.
func (s *Service) insist(ctx context.Context, what string, do func() error) bool {
	wait := 10 * time.Millisecond
	for {
		err := do()
		if err == nil {
			return true
		}
		if wait > time.Second {
			s.log.Warn("the bus does not take it yet", "what", what, "error", err)
		}
		if !run.Pause(ctx, wait) {
			return false
		}
		wait = min(2*wait, 5*time.Second)
	}
}

// again repeats what reads from the bus until ctx ends.
func again(ctx context.Context, log *slog.Logger, what string, read func() error) {
	for {
		err := read()
		if ctx.Err() != nil {
			return
		}
		log.Warn("reading again", "what", what, "error", err)
		if !run.Pause(ctx, readAgain) {
			return
		}
	}
}

// readAgain is how long to wait before reading from the bus is tried again.
const readAgain = 250 * time.Millisecond
