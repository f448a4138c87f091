package alert

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"github.com/wattwerk/wattwerk/alert/rule"
	"github.com/wattwerk/wattwerk/bus"
	"github.com/wattwerk/wattwerk/catalog"
	"github.com/wattwerk/wattwerk/internal/run"
	"github.com/wattwerk/wattwerk/record"
)

// Options say what to work with.
type Options struct {
	Bus      *bus.Bus
	Catalog  *catalog.Catalog
	Store    *Store
	Sinks    map[string]Sink // by name
	Amounts  Amounts         // nil: there are none, and budgets are refused
	Costs    Amounts         // the same in money; nil: there are none, and budgets of money are refused
	Profiles Profiles        // nil: there are none, and rules about deviations are refused
	Share    run.Share       // nil: this process is alone
	Actor    func(context.Context) string
	Log      *slog.Logger

	Registerer prometheus.Registerer // may be nil
}

// How often the worker looks.
const (
	stepEvery   = time.Second
	saveEvery   = 15 * time.Second
	askEvery    = time.Minute
	askedAtOnce = 16 // streams asked for their end in one step
)

// Service follows the bus and delivers messages; see [Service.Register] for
// what it answers.
type Service struct {
	opts   Options
	log    *slog.Logger
	meter  *meter
	poke   chan struct{} // something was changed by people here
	queued chan struct{} // closed when messages were queued; guarded by mu

	mu sync.Mutex
}

// New checks the options.
func New(o Options) (*Service, error) {
	if o.Bus == nil || o.Catalog == nil || o.Store == nil {
		return nil, errors.New("open alerts: bus, catalog and store are needed")
	}
	if o.Share == nil {
		o.Share = run.Alone
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Actor == nil {
		o.Actor = func(context.Context) string { return "unknown" }
	}
	s := &Service{opts: o, log: o.Log, poke: make(chan struct{}, 1), queued: make(chan struct{})}
	s.meter = newMeter()
	if o.Registerer != nil {
		if err := o.Registerer.Register(s.meter); err != nil {
			return nil, fmt.Errorf("open alerts: %w", err)
		}
	}
	return s, nil
}

// Run works until ctx ends: in one process at a time.
func (s *Service) Run(ctx context.Context) error {
	return s.opts.Share(ctx, "alert", 1, func(ctx context.Context, _ int) error {
		run.Again(ctx, 2*time.Second, s.work, func(err error) {
			s.log.Warn("alerts begin again from what is stored", "because", err)
		})
		return nil
	})
}

// changed wakes the worker, if it is here.
func (s *Service) changed() {
	select {
	case s.poke <- struct{}{}:
	default:
	}
}

// worker is one stretch of work, from what is stored on.
type worker struct {
	*Service
	epoch      int64
	changes    int64
	model      uint64 // revision the plan was made for
	began      bool   // a plan was made
	saved      time.Time
	asked      time.Time                 // when settled windows were last asked
	unanswered map[string]bool           // rules whose question was not answered
	judged     map[subject]record.Millis // the newest quarter that each rule about deviations was told of
	dirty      bool                      // a save is due

	mu     sync.Mutex // what follows is shared with the readers
	engine *rule.Engine
	plan   *rule.Plan
	out    []told
	lanes  map[int]*lane // by partition; ticks are at -1
	failed error

	group *errgroup.Group
	ctx   context.Context
}

type told struct {
	rule.Transition
	says *rule.Case
}

// subject names an alert.
type subject struct {
	rule string
	of   rule.Ref
}

// lane is a stream that is read.
type lane struct {
	stop   context.CancelFunc
	seq    uint64    // read so far
	stored time.Time // when the newest that was read was stored
	behind bool      // more is stored than was read
	known  *record.Columns[record.SensorID]
}

const ticksLane = -1

// work follows the streams and saves until ctx ends or it has to begin anew.
func (s *Service) work(ctx context.Context) (err error) {
	row, err := s.opts.Store.take(ctx)
	if err != nil {
		return err
	}
	w := &worker{Service: s, epoch: row.Epoch, lanes: make(map[int]*lane), unanswered: make(map[string]bool), judged: make(map[subject]record.Millis), saved: time.Now(), plan: new(rule.Plan)}
	w.engine = rule.NewEngine(func(t rule.Transition) {
		w.out = append(w.out, told{t, t.Case(w.plan.Zone(t.Rule, t.Subject))})
	})
	positions := make(map[int]uint64)
	if row.Checkpoint != "" {
		if err := w.engine.Restore([]byte(row.Checkpoint)); err != nil {
			return err
		}
		if err := json.Unmarshal([]byte(row.Positions), &positions); err != nil {
			return fmt.Errorf("read the positions of alerts: %w", err)
		}
	}
	w.group, w.ctx = errgroup.WithContext(ctx)
	for name, sink := range s.opts.Sinks {
		w.group.Go(func() error { return s.deliver(w.ctx, name, sink) })
	}
	w.group.Go(func() error {
		tick := time.NewTicker(stepEvery)
		defer tick.Stop()
		for {
			if err := w.step(positions); err != nil {
				return err
			}
			select {
			case <-w.ctx.Done():
				// What is known is kept, so that the next one has less to read.
				last, cancel := context.WithTimeout(context.WithoutCancel(w.ctx), 5*time.Second)
				defer cancel()
				return w.save(last)
			case <-tick.C:
			case <-s.poke:
			}
		}
	})
	err = w.group.Wait()
	s.meter.active(nil)
	return err
}

// step is what is done every second.
func (w *worker) step(positions map[int]uint64) error {
	changes, err := w.opts.Store.changes(w.ctx)
	if err != nil {
		return err
	}
	state := w.opts.Catalog.State()
	if !w.began || changes != w.changes || state.Revision != w.model {
		if err := w.replan(state, positions); err != nil {
			return err
		}
		w.began, w.changes, w.model = true, changes, state.Revision
	}
	now, sure := w.clock()
	told := w.told()
	if time.Since(w.asked) >= askEvery {
		w.asked = time.Now()
		w.ask()
	}
	w.mu.Lock()
	err = w.failed
	if sure {
		w.engine.Told(min(told, now))
		w.engine.Clock(now)
	}
	due := len(w.out) > 0
	w.meter.active(w.engine.Active())
	w.mu.Unlock()
	if err != nil {
		return err
	}
	if due || w.dirty || time.Since(w.saved) >= saveEvery {
		return w.save(w.ctx)
	}
	return nil
}

// replan takes rules, silences and the model as they are now.
func (w *worker) replan(state catalog.State, positions map[int]uint64) error {
	rows, err := w.opts.Store.rules(w.ctx)
	if err != nil {
		return err
	}
	var rules []rule.Rule
	for i := range rows {
		r, err := rows[i].rule()
		if err != nil {
			return err
		}
		rules = append(rules, r.Complete())
	}
	silences, acks, err := w.opts.Store.hushes(w.ctx, time.Now().UnixMilli())
	if err != nil {
		return err
	}
	signals, err := w.opts.Store.signals(w.ctx)
	if err != nil {
		return err
	}
	plan := rule.NewPlan(rules, state.Model, zone).Hush(silences, acks)
	w.mu.Lock()
	w.engine.SetPlan(plan)
	w.plan = plan
	for _, g := range signals {
		// A rule that has become another kind takes none.
		_ = w.engine.Say(g.Rule, g.Firing != 0, g.Words, g.oddity(), record.Millis(g.At))
	}
	for _, l := range w.lanes {
		l.known.Forget()
	}
	w.mu.Unlock()
	w.dirty, w.asked = true, time.Time{}
	clear(w.judged)
	return w.follow(plan, positions)
}

// zone gives a location by its name; nil when there is none.
func zone(name string) *time.Location {
	z, err := time.LoadLocation(name)
	if err != nil {
		return nil
	}
	return z
}

// follow reads the streams that the plan needs, and no others.
func (w *worker) follow(plan *rule.Plan, positions map[int]uint64) error {
	need := make(map[int]bool)
	for _, id := range plan.Sensors() {
		need[record.Partition(id, w.opts.Bus.Partitions())] = true
	}
	if plan.Ticks() {
		need[ticksLane] = true
	}
	w.mu.Lock()
	for p, l := range w.lanes {
		if !need[p] {
			l.stop()
			delete(w.lanes, p)
		}
	}
	w.mu.Unlock()
	for _, p := range slices.Sorted(maps.Keys(need)) {
		w.mu.Lock()
		_, reads := w.lanes[p]
		w.mu.Unlock()
		if reads {
			continue
		}
		x, err := w.extent(w.ctx, p)
		if err != nil {
			return err
		}
		// What was stored before anybody asked for it is of no interest.
		seq, ok := positions[p]
		if !ok || seq > x.Last {
			seq = x.Last
		}
		delete(positions, p)
		ctx, stop := context.WithCancel(w.ctx)
		l := &lane{stop: stop, seq: seq, behind: true, known: record.NewColumns[record.SensorID](4 << 20)}
		w.mu.Lock()
		w.lanes[p] = l
		w.mu.Unlock()
		w.group.Go(func() error { return w.read(ctx, p, l) })
	}
	return nil
}

func (w *worker) extent(ctx context.Context, p int) (bus.Extent, error) {
	if p == ticksLane {
		return w.opts.Bus.AggregatesExtent(ctx)
	}
	return w.opts.Bus.RecordsExtent(ctx, p)
}

// read follows one stream. What fails makes the worker begin anew.
func (w *worker) read(ctx context.Context, p int, l *lane) error {
	if p == ticksLane {
		return w.opts.Bus.ReadAggregates(ctx, l.seq+1, func(m bus.Message) error {
			var t record.Ticks
			if err := t.Decode(m.Data); err != nil {
				w.log.Warn("aggregate not understood", "error", err)
			}
			w.mu.Lock()
			defer w.mu.Unlock()
			for i := range t.Ticks {
				w.engine.Tick(t.Groups, &t.Ticks[i], record.MillisOf(m.Stored))
				for k, id := range t.Sensors {
					w.engine.Reading(id, t.Ticks[i].Time, t.Ticks[i].Values[k])
				}
			}
			l.seq, l.stored = m.Seq, m.Stored
			return nil
		})
	}
	var b record.Batch
	return w.opts.Bus.ReadRecords(ctx, p, l.seq+1, func(m bus.Message) error {
		if err := b.Decode(m.Data); err != nil {
			w.log.Warn("records not understood", "error", err)
			b.Reset()
		}
		w.mu.Lock()
		defer w.mu.Unlock()
		w.readings(l, &b)
		l.seq, l.stored = m.Seq, m.Stored
		return nil
	})
}

// readings hands the engine the records it watches. The lock is held.
func (w *worker) readings(l *lane, b *record.Batch) {
	if b.Len() == 0 {
		return
	}
	names := l.known.Get(b.SensorColumn(), func() []record.SensorID {
		out := slices.Clone(b.Names())
		any := false
		for i, id := range out {
			if w.plan.Watches(id) {
				any = true
			} else {
				out[i] = ""
			}
		}
		if !any {
			return nil
		}
		return out
	})
	if len(names) == 0 {
		return
	}
	for i, v := range b.Values {
		at := i
		if len(b.Index) > 0 {
			at = int(b.Index[i])
		}
		if names[at] != "" {
			w.engine.Reading(names[at], b.Times[i], v)
		}
	}
}

// clock tells what time it is for those who wait: the time of this machine, or
// while something that was stored has not been read yet, when the last that was
// read was stored. It is not sure while the bus does not answer.
func (w *worker) clock() (record.Millis, bool) {
	now := time.Now()
	w.mu.Lock()
	lanes := maps.Clone(w.lanes)
	w.mu.Unlock()
	asked := 0
	for p, l := range lanes { // in any order, so that each has its turn
		if p == ticksLane {
			continue
		}
		if asked++; asked <= askedAtOnce {
			x, err := w.extent(w.ctx, p)
			if err != nil {
				return 0, false
			}
			w.mu.Lock()
			l.behind = l.seq < x.Last
			w.mu.Unlock()
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for p, l := range w.lanes {
		if p == ticksLane || !l.behind {
			continue
		}
		if l.stored.IsZero() {
			return 0, false
		}
		if l.stored.Before(now) {
			now = l.stored
		}
	}
	return record.MillisOf(now), true
}

// told is the time up to which all ticks that were stored have been read; 0: some
// have not, or there is nothing to read.
func (w *worker) told() record.Millis {
	w.mu.Lock()
	l := w.lanes[ticksLane]
	w.mu.Unlock()
	if l == nil {
		return 0
	}
	now := time.Now()
	x, err := w.extent(w.ctx, ticksLane)
	w.mu.Lock()
	defer w.mu.Unlock()
	if err != nil || l.seq < x.Last {
		return 0
	}
	return record.MillisOf(now)
}

// save stores what became of alerts since the last time.
func (w *worker) save(ctx context.Context) error {
	w.mu.Lock()
	p := progress{epoch: w.epoch}
	data, err := w.engine.Checkpoint()
	positions := make(map[int]uint64)
	for i, l := range w.lanes {
		positions[i] = l.seq
	}
	out := w.out
	w.mu.Unlock()
	if err != nil {
		return err
	}
	at, err := json.Marshal(positions)
	if err != nil {
		return err
	}
	p.checkpoint, p.positions, p.transitions = string(data), string(at), out
	now := time.Now().UnixMilli()
	for i := range out {
		if p.messages, err = w.address(p.messages, &out[i], now); err != nil {
			return err
		}
	}
	lost, err := w.opts.Store.save(ctx, &p)
	if err != nil {
		return err
	}
	if lost > 0 {
		w.meter.delivery("", "dropped", lost)
		w.log.Error("messages of alerts were dropped, as too many wait already", "dropped", lost)
	}
	w.mu.Lock()
	w.out = w.out[len(out):]
	w.mu.Unlock()
	w.saved, w.dirty = time.Now(), false
	for i := range out {
		w.log.Info("alert changed", "change", string(out[i].Change), "rule", out[i].Rule, "subject", out[i].Subject.String(), "told", out[i].Tell)
	}
	if len(p.messages) > 0 {
		w.wake()
	}
	return nil
}

// address makes the messages of a transition.
func (w *worker) address(to []queueRow, t *told, now int64) ([]queueRow, error) {
	if !t.Tell {
		return to, nil
	}
	m := messageOf(&t.Transition, t.says)
	data, err := json.Marshal(m)
	if err != nil {
		return nil, err
	}
	for _, name := range slices.Sorted(maps.Keys(w.opts.Sinks)) {
		if len(t.To) == 0 || slices.Contains(t.To, name) {
			due := max(now, int64(t.After))
			to = append(to, queueRow{
				ID: m.ID, Sink: name, Message: string(data), Created: now, Due: due, Wanted: due, About: m.Rule + " " + m.Subject.String(), incident: m.Incident, change: string(m.Change),
			})
		}
	}
	return to, nil
}
