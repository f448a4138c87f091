package aggregate

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"github.com/wattwerk/wattwerk/bus"
	"github.com/wattwerk/wattwerk/catalog"
	"github.com/wattwerk/wattwerk/model"
	"github.com/wattwerk/wattwerk/record"
)

// Reader is the name under which the service keeps its positions on the bus.
const Reader = "aggregate"

// Options of the service. Bus and Catalog are needed, the rest has defaults.
type Options struct {
	Bus        *bus.Bus
	Catalog    *catalog.Catalog // running
	Log        *slog.Logger
	Registerer prometheus.Registerer
	Timing     Timing        // zero: DefaultTiming
	Checkpoint time.Duration // between checkpoints; default 15 s
	// HistoryReader is the reader whose position in the aggregates stream
	// allows its ticks to be trimmed; empty: they are kept.
	HistoryReader string
}

// combiners is the number of combiner streams; a hierarchy belongs to one.
const combiners = 4

func combinerOf(h model.HierarchyID) int {
	f := fnv.New32a()
	f.Write([]byte(h))
	return int(f.Sum32() % combiners)
}

// Service runs the engines of all partitions and the combiners.
type Service struct {
	opts  Options
	log   *slog.Logger
	parts []*part
	comb  []*stage

	applied atomic.Uint64 // the model revision that engines and combiners have
	fence   atomic.Int64  // what known last gave
}

// part is one partition's engine and what stands around it.
type part struct {
	mu         sync.Mutex
	engine     *Engine
	number     int
	ctx        context.Context // of Run, for what the engine emits
	seq        uint64          // newest message taken
	heard      time.Time       // when, by our clock
	idle       time.Time       // when the last idle report was made
	saved      uint64          // position of the last checkpoint that is stored
	savedAt    time.Time       // when it was stored, or this process restored it
	savedBytes int             // its size
	candid     *candidate
	buf        []byte
}

// candidate is a checkpoint that may be stored once the ticks it has evaluated
// are combined.
type candidate struct {
	data    []byte
	seq     uint64
	entries map[model.HierarchyID]record.Millis
	since   time.Time
}

// stage is a combiner and what stands around it.
type stage struct {
	mu        sync.Mutex
	combiner  *Combiner
	previewer *Previewer
	number    int
	out       []*record.Ticks
	changed   chan struct{} // closed when the revision changes
}

// New makes the service; it does nothing before Run.
func New(o Options) (*Service, error) {
	if o.Bus == nil || o.Catalog == nil {
		return nil, errors.New("aggregate: needs a bus and a catalog")
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Timing == (Timing{}) {
		o.Timing = DefaultTiming()
	}
	if t := o.Timing; t.Base < 1 || t.Grace < 0 || t.Idle < 1 || t.Patience < 1 || t.Live < 1 || 86_400_000%t.Base != 0 {
		return nil, fmt.Errorf("aggregate: timing %+v: the base tick must divide a day, the rest must be positive", t)
	}
	if o.Checkpoint == 0 {
		o.Checkpoint = 15 * time.Second
	}
	s := &Service{opts: o, log: o.Log}
	for p := range o.Bus.Partitions() {
		x := &part{number: p}
		x.engine = NewEngine(o.Timing, p, o.Bus.Partitions(), func(r *Report) { s.tell(x, r) })
		s.parts = append(s.parts, x)
	}
	for q := range combiners {
		x := &stage{number: q, changed: make(chan struct{})}
		x.combiner = NewCombiner(o.Timing, o.Bus.Partitions(), func(t *record.Ticks) { x.out = append(x.out, t) })
		x.previewer = NewPreviewer(x.combiner)
		s.comb = append(s.comb, x)
	}
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
	objects, err := s.opts.Bus.Objects(ctx, "aggregate")
	if err != nil {
		return fmt.Errorf("aggregate: %w", err)
	}
	g, ctx := errgroup.WithContext(ctx)
	for _, p := range s.parts {
		p.ctx = ctx
		if err := s.restore(ctx, objects, p); err != nil {
			return fmt.Errorf("aggregate: partition %d: %w", p.number, err)
		}
	}
	caughtUp := make(chan struct{})
	first := s.opts.Catalog.State().Revision
	g.Go(func() error {
		begun, done := false, false
		err := s.opts.Catalog.Watch(ctx, func(st catalog.State) error {
			if err := s.setPlans(ctx, st, !begun); err != nil {
				return err
			}
			begun = true
			if st.Revision >= first && !done {
				done = true
				close(caughtUp)
			}
			return nil
		})
		return ended(ctx, err)
	})
	select {
	case <-caughtUp:
	case <-ctx.Done():
		return g.Wait()
	}
	for _, x := range s.comb {
		g.Go(func() error { return ended(ctx, s.combine(ctx, x)) })
	}
	for _, p := range s.parts {
		g.Go(func() error { return ended(ctx, s.read(ctx, p)) })
	}
	g.Go(func() error { return ended(ctx, s.clock(ctx)) })
	g.Go(func() error { return ended(ctx, s.previews(ctx)) })
	g.Go(func() error { return ended(ctx, s.checkpoints(ctx, objects)) })
	return g.Wait()
}

// ended makes the end of ctx no error.
func ended(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// restore fills a partition's engine from its last checkpoint.
func (s *Service) restore(ctx context.Context, objects jetstream.ObjectStore, p *part) error {
	data, err := objects.GetBytes(ctx, checkpointName(p.number))
	if errors.Is(err, jetstream.ErrObjectNotFound) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read checkpoint: %w", err)
	}
	seq, err := p.engine.Restore(data)
	if err != nil {
		return err
	}
	p.seq, p.saved, p.savedAt, p.savedBytes = seq, seq, time.Now(), len(data)
	return nil
}

func checkpointName(p int) string { return fmt.Sprintf("partition-%04d", p) }

// setPlans gives engines and combiners what a revision changed.
func (s *Service) setPlans(ctx context.Context, st catalog.State, all bool) error {
	changed := st.Changed
	if all {
		changed = st.Model.Hierarchies()
	}
	for _, h := range changed {
		plan := Plan{Hierarchy: h, Revision: st.Revision, Effective: st.Effective, Layout: st.Model.Layout(h)}
		x := s.comb[combinerOf(h)]
		x.mu.Lock()
		_, resumed := x.combiner.Emitted(h)
		if !resumed {
			data, _, err := s.opts.Bus.LastAggregates(ctx, string(h))
			if err != nil {
				x.mu.Unlock()
				return fmt.Errorf("aggregate: %w", err)
			}
			var t record.Ticks
			if data != nil && t.Decode(data) == nil && len(t.Ticks) > 0 {
				last := t.Ticks[len(t.Ticks)-1]
				x.combiner.Resume(h, last.Time, hasValue(&last))
			}
		}
		x.combiner.SetPlan(plan)
		x.mu.Unlock()
		for _, p := range s.parts {
			p.mu.Lock()
			p.engine.SetPlan(plan)
			p.mu.Unlock()
		}
	}
	s.applied.Store(st.Revision)
	for _, x := range s.comb {
		x.mu.Lock()
		x.combiner.SetRevision(st.Revision)
		close(x.changed)
		x.changed = make(chan struct{})
		x.mu.Unlock()
	}
	return nil
}

func hasValue(t *record.Tick) bool {
	for i := range t.Count {
		if t.Count[i] > 0 || t.Meter[i] == t.Meter[i] {
			return true
		}
	}
	return false
}

// read feeds a partition's engine from its stream.
func (s *Service) read(ctx context.Context, p *part) error {
	var batch record.Batch
	return s.opts.Bus.FollowRecords(ctx, Reader, p.number, p.seq+1, func(m bus.Message) error {
		if err := batch.Decode(m.Data); err != nil {
			// It can be no record of ours; keep it where it can be looked at.
			batch.Reset()
			if err := s.opts.Bus.Bury(ctx, bus.DeadLetter{Source: Reader, Reason: err.Error()}); err != nil {
				return err
			}
		}
		known, err := s.awaitModel(ctx, record.MillisOf(m.Stored), &batch)
		if err != nil {
			return err
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.seq != 0 && m.Seq != p.seq+1 && m.Seq > p.seq {
			s.log.Warn("records are missing in the stream", "partition", p.number, "after", p.seq, "next", m.Seq)
		}
		p.engine.Step(record.MillisOf(m.Stored), &batch, known)
		p.seq, p.heard = m.Seq, time.Now()
		return nil
	})
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
		select {
		case <-ctx.Done():
			return 0, ctx.Err()
		case <-time.After(5 * time.Millisecond):
		}
		known = s.known()
	}
	return known, nil
}

// tell hands a report to the combiners it concerns. The engine's lock is held,
// so a slow bus slows the partition down.
func (s *Service) tell(p *part, r *Report) {
	if p.ctx == nil {
		return // plans are being set before Run has begun
	}
	r.divide(func(q int, part *Report) {
		p.buf = part.Encode(p.buf[:0])
		s.insist(p.ctx, "partials", func() error { return s.opts.Bus.PublishPartials(p.ctx, q, p.buf) })
	})
}

// divide gives every combiner that has hierarchies in the report its part.
func (r *Report) divide(give func(q int, part *Report)) {
	var split [combiners][]Partial
	for _, x := range r.Partials {
		q := combinerOf(x.Hierarchy)
		split[q] = append(split[q], x)
	}
	for q, partials := range split {
		if partials != nil {
			part := *r
			part.Partials = partials
			give(q, &part)
		}
	}
}

// insist repeats what only fails while the bus is away or full.
func (s *Service) insist(ctx context.Context, what string, do func() error) {
	wait := 10 * time.Millisecond
	for {
		err := do()
		if err == nil || ctx.Err() != nil {
			return
		}
		if wait > time.Second {
			s.log.Warn("the bus does not take it yet", "what", what, "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
		wait = min(2*wait, 5*time.Second)
	}
}

// combine adds up what the partitions tell one combiner.
func (s *Service) combine(ctx context.Context, x *stage) error {
	trimmed := time.Now()
	return s.opts.Bus.ReadPartials(ctx, x.number, 0, func(m bus.Message) error {
		var r Report
		if err := r.Decode(m.Data); err != nil {
			return fmt.Errorf("aggregate: %w", err)
		}
		x.mu.Lock()
		for !x.combiner.Knows(&r) {
			changed := x.changed
			x.mu.Unlock()
			select {
			case <-changed:
			case <-ctx.Done():
				return nil
			}
			x.mu.Lock()
		}
		if err := x.combiner.Add(&r, record.MillisOf(m.Stored)); err != nil {
			s.log.Error("a partial result was not taken", "partition", r.Partition, "error", err)
		}
		out := x.out
		x.out = nil
		x.mu.Unlock()
		s.publish(ctx, out)
		if m.Pending == 0 && time.Since(trimmed) > time.Second || m.Seq%512 == 0 {
			trimmed = time.Now()
			if err := s.opts.Bus.TrimPartials(ctx, x.number, m.Seq); err != nil {
				return err
			}
		}
		return nil
	})
}

// maxTicks bounds a message of ticks by its number of values.
const maxTicks = 40_000

// publish stores finished ticks, several of a hierarchy in one message.
func (s *Service) publish(ctx context.Context, out []*record.Ticks) {
	var buf []byte
	for len(out) > 0 {
		t := *out[0]
		rest := out[:0:0]
		blocked := false
		for _, o := range out[1:] {
			if !blocked && o.Hierarchy == t.Hierarchy && o.Revision == t.Revision && (len(t.Ticks)+1)*len(t.Groups) <= maxTicks {
				t.Ticks = append(t.Ticks, o.Ticks...)
				continue
			}
			blocked = blocked || o.Hierarchy == t.Hierarchy
			rest = append(rest, o)
		}
		out = rest
		for _, part := range split(&t) {
			buf = part.Encode(buf[:0])
			s.insist(ctx, "aggregates", func() error { return s.opts.Bus.PublishAggregates(ctx, t.Hierarchy, buf) })
		}
	}
}

// split cuts the ticks of a very wide hierarchy into messages that fit.
func split(t *record.Ticks) []*record.Ticks {
	n := len(t.Groups)
	if n <= maxTicks {
		return []*record.Ticks{t}
	}
	var out []*record.Ticks
	for from := 0; from < n; from += maxTicks {
		to := min(n, from+maxTicks)
		part := &record.Ticks{Hierarchy: t.Hierarchy, Revision: t.Revision, Groups: t.Groups[from:to]}
		for _, k := range t.Ticks {
			part.Ticks = append(part.Ticks, record.Tick{
				Time: k.Time, Sum: k.Sum[from:to], Min: k.Min[from:to], Max: k.Max[from:to], Count: k.Count[from:to],
				Total: k.Total[from:to], Meter: k.Meter[from:to], Unaccounted: k.Unaccounted[from:to],
			})
		}
		out = append(out, part)
	}
	return out
}

// clock advances partitions that are silent, as often as somebody may notice.
func (s *Service) clock(ctx context.Context) error {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	idle := time.Duration(s.opts.Timing.Idle) * time.Millisecond
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		known := s.known()
		for _, p := range s.parts {
			p.mu.Lock()
			silent := time.Since(p.heard) >= idle && time.Since(p.idle) >= idle/2 && p.engine.Leaves()
			if !silent {
				p.engine.Advance(known)
			}
			p.mu.Unlock()
			if !silent {
				continue
			}
			x, err := s.opts.Bus.RecordsExtent(ctx, p.number)
			if err != nil {
				s.log.Warn("a silent partition cannot be asked", "partition", p.number, "error", err)
				continue
			}
			p.mu.Lock()
			p.idle = time.Now()
			if x.Last <= p.seq {
				p.engine.Clock(record.MillisOf(x.At), known)
				p.engine.Idle(record.MillisOf(x.At), known)
			}
			p.mu.Unlock()
		}
	}
}

// checkpoints stores the engines' states now and then. A checkpoint is stored
// only when the ticks it has evaluated are combined and stored: partials are
// kept in memory, and would be lost with the process.
func (s *Service) checkpoints(ctx context.Context, objects jetstream.ObjectStore) error {
	take := time.NewTimer(s.opts.Checkpoint)
	store := time.NewTicker(time.Second)
	defer take.Stop()
	defer store.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-take.C:
			begun := time.Now()
			for _, p := range s.parts {
				if err := p.checkpoint(); err != nil {
					return err
				}
			}
			s.trim(ctx)
			// A large state may take one fiftieth of the time, no more.
			take.Reset(max(s.opts.Checkpoint, 50*time.Since(begun)))
		case <-store.C:
			done := make(map[model.HierarchyID]record.Millis)
			for _, p := range s.parts {
				if err := s.store(ctx, objects, p, done); err != nil && ctx.Err() == nil {
					s.log.Warn("a checkpoint could not be stored", "partition", p.number, "error", err)
				}
			}
		}
	}
}

func (p *part) checkpoint() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.candid != nil || p.seq == p.saved {
		return nil
	}
	data, err := p.engine.Checkpoint(p.seq)
	if err != nil {
		return err
	}
	p.candid = &candidate{data: data, seq: p.seq, entries: p.engine.Entries(), since: time.Now()}
	return nil
}

// store writes a partition's candidate if all of its ticks are combined.
func (s *Service) store(ctx context.Context, objects jetstream.ObjectStore, p *part, done map[model.HierarchyID]record.Millis) error {
	p.mu.Lock()
	c := p.candid
	p.mu.Unlock()
	if c == nil {
		return nil
	}
	for h, t := range c.entries {
		if _, ok := done[h]; !ok {
			last, err := s.lastTick(ctx, h)
			if err != nil {
				return err
			}
			done[h] = last
		}
		if done[h] >= t {
			continue
		}
		if _, there := s.opts.Catalog.State().Model.Hierarchy(h); !there {
			continue
		}
		if time.Since(c.since) > 5*time.Minute {
			s.log.Warn("ticks are not combined for minutes", "partition", p.number, "hierarchy", h, "tick", t.String(), "combined", done[h].String())
			p.mu.Lock()
			p.candid = nil // take a fresh one
			p.mu.Unlock()
		}
		return nil
	}
	if _, err := objects.Put(ctx, jetstream.ObjectMeta{Name: checkpointName(p.number)}, io.Reader(bytes.NewReader(c.data))); err != nil {
		return fmt.Errorf("store checkpoint: %w", err)
	}
	if err := s.opts.Bus.SavePosition(ctx, Reader, p.number, c.seq); err != nil {
		return err
	}
	p.mu.Lock()
	p.saved, p.savedAt, p.savedBytes, p.candid = c.seq, time.Now(), len(c.data), nil
	p.mu.Unlock()
	return nil
}

// lastTick is the newest tick of a hierarchy that is stored.
func (s *Service) lastTick(ctx context.Context, h model.HierarchyID) (record.Millis, error) {
	data, _, err := s.opts.Bus.LastAggregates(ctx, string(h))
	if err != nil || data == nil {
		return never, err
	}
	var t record.Ticks
	if err := t.Decode(data); err != nil || len(t.Ticks) == 0 {
		return never, err
	}
	return t.Ticks[len(t.Ticks)-1].Time, nil
}

// trim removes ticks that history has on disk.
func (s *Service) trim(ctx context.Context) {
	if s.opts.HistoryReader == "" {
		return
	}
	at, err := s.opts.Bus.Position(ctx, s.opts.HistoryReader, 0)
	for _, h := range s.opts.Catalog.State().Model.Hierarchies() {
		if err == nil && at > 0 {
			err = s.opts.Bus.TrimAggregates(ctx, string(h), at)
		}
	}
	if err != nil && ctx.Err() == nil {
		s.log.Warn("old ticks could not be trimmed", "error", err)
	}
}
