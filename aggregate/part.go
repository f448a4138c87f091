package aggregate

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/wattwerk/wattwerk/aggregate/tick"
	"github.com/wattwerk/wattwerk/bus"
	"github.com/wattwerk/wattwerk/internal/run"
	"github.com/wattwerk/wattwerk/model"
	"github.com/wattwerk/wattwerk/record"
)

// part is one partition's engine and what stands around it.
type part struct {
	number int
	ctx    context.Context // for what the engine emits: it outlives the owner's a little
	own    context.Context // the owner's
	stir   chan struct{}   // the clock has something new to look at

	turn     *turn // guards what follows, up to mu
	engine   *tick.Engine
	seq      uint64 // newest message taken
	accounts accounts
	bufs     [tick.Combiners][]byte
	untold   bool // a report was lost: what the engine knows is ahead of what it told

	heard time.Time     // when, by our clock
	idle  time.Time     // when the last idle report was made, or tried
	ahead time.Duration // the clock of the bus against ours, when it was asked last
	waits bool          // the clock is to look after ticks that wait for the model

	mu     sync.Mutex // guards what follows; taken after the turn
	seen   view
	plans  []tick.Plan // that the engine is to be given
	saved  uint64      // position of the last checkpoint that is stored
	tidied bool        // what others left behind was removed, or is being removed

	savedAt    time.Time // when it was stored, or this process restored it
	savedBytes int       // its size

	candid *candidate
}

// view is how far an engine is, for whoever only looks.
type view struct {
	seq           uint64
	closed        record.Millis
	live          bool
	late, refused uint64
}

func (p *part) look() view {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.seen
}

// show lets others see how far the engine is; its turn is held.
func (p *part) show() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.seen = view{seq: p.seq, closed: p.engine.Closed(), live: p.engine.Live(), late: p.engine.Late(), refused: p.engine.Refused()}
}

// lock takes the engine's turn, and gives the engine what plans there are.
func (p *part) lock() {
	p.turn.lock()
	p.mu.Lock()
	plans := p.plans
	p.plans = nil
	p.mu.Unlock()
	for _, plan := range plans {
		p.engine.SetPlan(plan)
	}
}

// try is lock for whoever must not wait for the bus, which not even the engine
// may ask for then: false when the turn is another one's who waits, or when
// there are plans that the engine is to be given first.
func (p *part) try() bool {
	if !p.turn.try() {
		return false
	}
	p.mu.Lock()
	first := len(p.plans) > 0
	p.mu.Unlock()
	if first {
		p.turn.unlock()
	}
	return !first
}

func (p *part) unlock() {
	p.show()
	p.turn.unlock()
}

// addPlan has the engine given a plan before it does anything else.
func (p *part) addPlan(plan tick.Plan) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.plans = append(p.plans, plan)
}

func (p *part) stirClock() {
	select {
	case p.stir <- struct{}{}:
	default:
	}
}

// candidate is a checkpoint that may be stored once the ticks it has evaluated
// are safe.
type candidate struct {
	data    []byte
	seq     uint64
	entries map[model.HierarchyID]record.Millis
	since   time.Time
}

// ownPart works on a partition until ctx ends.
func (s *Service) ownPart(ctx context.Context, number int) error {
	// What is being told when the partition is given up is told to the end.
	telling, end := context.WithCancel(context.WithoutCancel(ctx))
	defer end()
	context.AfterFunc(ctx, func() { time.AfterFunc(s.lastWords(), end) })
	p := &part{number: number, ctx: telling, own: ctx, turn: newTurn(), stir: make(chan struct{}, 1)}
	if !s.insist(ctx, "a checkpoint to begin from", func() error { return s.restore(ctx, p) }) {
		return nil
	}
	p.show()
	s.mu.Lock()
	p.plans = slices.Clone(s.plans)
	s.parts[number] = p
	s.mu.Unlock()
	s.log.Info("works on a partition", "partition", number, "from", p.seq+1)
	var clock sync.WaitGroup
	clock.Go(func() { s.clock(ctx, p) })
	again(ctx, s.log.With("partition", p.number), "records", func() error { return s.read(ctx, p) })
	clock.Wait()
	s.mu.Lock()
	delete(s.parts, number)
	s.mu.Unlock()
	s.giveUp(p)
	return nil
}

// How long giving up a partition may take. The next owner starts from an older
// checkpoint when it does not suffice, so where one may be waiting it is short;
// where nobody else can be on the bus, there is no next owner until this process
// has ended. It is less than what a process may take to stop.
const (
	lastWords      = 500 * time.Millisecond
	lastWordsAlone = 10 * time.Second
)

func (s *Service) lastWords() time.Duration {
	if s.opts.Bus.Shared() {
		return lastWords
	}
	return lastWordsAlone
}

// giveUp leaves the next owner as little to read as may be.
func (s *Service) giveUp(p *part) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(p.ctx), s.lastWords())
	defer cancel()
	p.mu.Lock()
	p.candid = nil
	p.mu.Unlock()
	p.lock()
	err := p.checkpoint()
	p.unlock()
	if err == nil {
		err = s.store(ctx, p, make(map[model.HierarchyID]record.Millis))
	}
	switch {
	case err == nil:
	case errors.Is(err, context.DeadlineExceeded):
		s.log.Info("a partition was given up before its checkpoint was stored; its next owner reads on from an older one", "partition", p.number)
	default:
		s.log.Warn("a partition was given up without a checkpoint", "partition", p.number, "error", err)
	}
}

// restore makes a partition's engine, from its last checkpoint if there is one.
func (s *Service) restore(ctx context.Context, p *part) error {
	p.engine = tick.NewEngine(s.opts.Timing, p.number, s.opts.Bus.Partitions(), func(r *tick.Report) { s.tell(p, r) })
	at, err := s.opts.Bus.Position(ctx, Reader, p.number)
	if err != nil || at == 0 {
		return err
	}
	x, err := s.opts.Bus.RecordsExtent(ctx, p.number)
	if err != nil {
		return err
	}
	if x.Last < at {
		s.log.Error("the stream was made anew, beginning with it", "partition", p.number, "position", at, "last", x.Last)
		return s.forgetCheckpoints(ctx, p.number)
	}
	data, err := s.readCheckpoint(ctx, p.number, at, x.Last)
	if errors.Is(err, jetstream.ErrObjectNotFound) {
		now, perr := s.opts.Bus.Position(ctx, Reader, p.number)
		if perr != nil || now != at {
			return errors.Join(perr, fmt.Errorf("partition %d: the checkpoint was replaced just now", p.number))
		}
		s.log.Error("there is no checkpoint, sensors have no value until their next reading", "partition", p.number, "position", at)
		return nil
	}
	if err != nil {
		return fmt.Errorf("partition %d: read checkpoint: %w", p.number, err)
	}
	seq, err := p.engine.Restore(data)
	if err != nil {
		return fmt.Errorf("partition %d: %w", p.number, err)
	}
	p.seq, p.saved, p.savedAt, p.savedBytes = seq, seq, time.Now(), len(data)
	return nil
}

// read feeds a partition's engine from its stream.
func (s *Service) read(ctx context.Context, p *part) error {
	var batch record.Batch
	return s.opts.Bus.FollowRecords(ctx, Reader, p.number, p.seq+1, func(m bus.Message) error {
		if err := batch.Decode(m.Data); err != nil {
			// It can be no record of ours; keep it where it can be looked at.
			batch.Reset()
			if err := s.opts.Bus.Bury(ctx, bus.DeadLetter{Source: Reader}.Because(err)); err != nil {
				return err
			}
		}
		known, err := s.awaitModel(ctx, record.MillisOf(m.Stored), &batch)
		if err != nil {
			return err
		}
		p.lock()
		defer p.unlock()
		if p.seq != 0 && m.Seq != p.seq+1 && m.Seq > p.seq {
			s.log.Warn("records are missing in the stream", "partition", p.number, "after", p.seq, "next", m.Seq)
		}
		p.engine.Step(record.MillisOf(m.Stored), &batch, known)
		p.seq, p.heard = m.Seq, time.Now()
		if until, waits := p.engine.Waits(); waits && !p.waits {
			p.waits = true
			s.opts.Catalog.Want(until.Time())
			p.stirClock()
		}
		return nil
	})
}

// stuckAfter is when telling is said to wait for the bus.
const stuckAfter = 250 * time.Millisecond

// tell hands a report to the combiners it concerns. The engine's turn is held,
// so a slow bus, or others who are behind, slow the partition down.
func (s *Service) tell(p *part, r *tick.Report) {
	if p.untold {
		return
	}
	stuck := time.AfterFunc(stuckAfter, func() { p.turn.wait(true) })
	defer p.turn.wait(false)
	defer stuck.Stop()
	size := int64(0)
	for q := range p.bufs {
		p.bufs[q] = p.bufs[q][:0]
	}
	r.Divide(func(q int, part *tick.Report) {
		p.bufs[q] = part.Encode(p.bufs[q])
		size += int64(len(p.bufs[q])) + bus.PartialBeside
	})
	// A tick that is told in part is told to the end, or nobody can complete it.
	if !r.Continues() && !s.room(p.own, p, size) {
		p.untold = true
		return
	}
	for q, data := range p.bufs {
		if len(data) == 0 {
			continue
		}
		var seq uint64
		if p.untold = !s.insist(p.ctx, "partials", func() (err error) {
			seq, err = s.opts.Bus.PublishPartials(p.ctx, q, data)
			return err
		}); p.untold {
			return
		}
		p.accounts.of[q].add(told{seq, int64(len(data)) + bus.PartialBeside})
	}
	p.show()
}

// clock advances a partition that is silent, when it has been so for long enough,
// and one whose ticks wait for the model, when it is known. Every partition has
// its own: one that waits for others must not keep those from going on.
func (s *Service) clock(ctx context.Context, p *part) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		moved := s.opts.Catalog.Moved()
		due, waits := s.look(ctx, p, s.known())
		if !waits {
			moved = nil
		}
		timer.Reset(min(max(time.Until(due), clockLeast), clockMost))
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		case <-moved:
		case <-p.stir:
		}
	}
}

// How long the clock waits for partitions to fall silent.
const (
	clockLeast = 10 * time.Millisecond
	clockMost  = 5 * time.Second
)

// look sees whether a partition is silent or waits for the model, and gives when
// it may be silent next.
func (s *Service) look(ctx context.Context, p *part, known record.Millis) (due time.Time, waits bool) {
	due, waits = s.silent(p, known)
	if time.Until(due) > clockLeast {
		return due, waits
	}
	x, err := s.opts.Bus.RecordsExtent(ctx, p.number)
	if err != nil && ctx.Err() == nil {
		s.log.Warn("a silent partition cannot be asked", "partition", p.number, "error", err)
	}
	p.lock()
	p.idle = time.Now()
	if err == nil {
		p.ahead = x.At.Sub(p.idle)
	}
	if err == nil && x.Last <= p.seq {
		// What is closed by the clock is older than this.
		s.opts.Catalog.Want(x.At.Add(-time.Duration(s.opts.Timing.Grace+s.opts.Timing.Idle) * time.Millisecond))
		p.engine.Clock(record.MillisOf(x.At), known)
		p.engine.Idle(record.MillisOf(x.At), known)
	}
	p.unlock()
	return s.silent(p, known)
}

// silent closes what waited for the model, and gives when the partition will
// have been silent for long enough to be looked after.
func (s *Service) silent(p *part, known record.Millis) (due time.Time, waits bool) {
	idle := time.Duration(s.opts.Timing.Idle) * time.Millisecond
	p.lock()
	defer p.unlock()
	if p.waits {
		p.engine.Advance(known)
		var until record.Millis
		if until, p.waits = p.engine.Waits(); p.waits {
			s.opts.Catalog.Want(until.Time())
		}
	}
	if !p.engine.Leaves() {
		return time.Now().Add(clockMost), p.waits
	}
	due = p.heard.Add(idle)
	if due.Before(p.idle) {
		due = p.idle
	}
	return s.stroke(due, p.ahead), p.waits
}

// stroke is when a silent partition is looked after next: when a tick can be
// closed by the clock, and not in between.
func (s *Service) stroke(after time.Time, ahead time.Duration) time.Time {
	t := s.opts.Timing
	off := time.Duration(t.Grace+t.Idle) * time.Millisecond
	if ahead.Abs() > run.Strike/2 { // else all clocks of this process strike together
		off -= ahead
	}
	return run.Next(after.Add(-off), time.Duration(t.Base)*time.Millisecond).Add(off)
}
