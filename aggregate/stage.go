package aggregate

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/wattwerk/wattwerk/aggregate/tick"
	"github.com/wattwerk/wattwerk/bus"
	"github.com/wattwerk/wattwerk/model"
	"github.com/wattwerk/wattwerk/record"
)

// stage is a combiner and what stands around it.
type stage struct {
	mu        sync.Mutex
	combiner  *tick.Combiner
	previewer *tick.Previewer
	number    int
	out       []*record.Ticks
	changed   chan struct{} // closed when the revision changes
	seq       uint64        // newest message of the partials taken
	missed    uint64        // the newest message before which another one was missing

	// Held from the moment that the combiner takes a message until its ticks are
	// stored; taken before mu.
	work    sync.Mutex
	told    [][]told // of every partition: what was taken and is not trimmed, in order
	whole   bool     // all that was there has been read
	given   bool     // up: ticks were not stored
	trimmed time.Time

	// Used by the owner's goroutine alone.
	last map[string]mark // what is stored last, by hierarchy
}

// mark is the newest message of a hierarchy that is stored.
type mark struct {
	seq  uint64
	told record.Millis // [record.Ticks.Told] of it

	// Of a part that others are to follow; empty when there is none.
	until       record.Millis // its newest tick
	part, parts uint32
	groups      []string // which it tells of
	sensors     []record.SensorID
}

// markOf is the mark of a message at a position.
func markOf(t *record.Ticks, seq uint64) mark {
	m := mark{seq: seq, told: t.Told()}
	if newest := t.Ticks[len(t.Ticks)-1].Time; m.told < newest {
		m.until, m.part, m.parts, m.groups, m.sensors = newest, t.Part, t.Parts, t.Groups, t.Sensors
	}
	return m
}

// has tells whether a tick of one of the parts is stored. Parts that were cut in
// another way are told again, all of them: a reader keeps what it has.
func (m *mark) has(k record.Millis, parts []*record.Ticks, number int) bool {
	if k <= m.told {
		return true
	}
	if m.parts == 0 || k > m.until || int(m.parts) != len(parts) || number > int(m.part) {
		return false
	}
	same := parts[m.part]
	return slices.Equal(same.Groups, m.groups) && slices.Equal(same.Sensors, m.sensors)
}

func (x *stage) setRevision(r uint64) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.combiner.SetRevision(r)
	close(x.changed)
	x.changed = make(chan struct{})
}

// ownStage runs a combiner until ctx ends.
func (s *Service) ownStage(ctx context.Context, number int) error {
	x := &stage{number: number, changed: make(chan struct{}), last: make(map[string]mark), told: make([][]told, s.opts.Bus.Partitions())}
	x.combiner = tick.NewCombiner(s.opts.Timing, s.opts.Bus.Partitions(), func(t *record.Ticks) { x.out = append(x.out, t) })
	x.previewer = tick.NewPreviewer(x.combiner)
	s.mu.Lock()
	var hierarchies []model.HierarchyID
	for _, plan := range s.plans {
		if tick.CombinerOf(plan.Hierarchy) == number {
			x.combiner.SetPlan(plan)
			hierarchies = append(hierarchies, plan.Hierarchy)
		}
	}
	s.stages[number] = x
	x.combiner.SetRevision(s.applied.Load())
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		delete(s.stages, number)
		s.mu.Unlock()
		x.mu.Lock()
		s.dropped.Add(x.combiner.Dropped())
		s.waited.Add(x.combiner.Waited())
		x.mu.Unlock()
	}()
	slices.Sort(hierarchies)
	for _, h := range slices.Compact(hierarchies) {
		if !s.insist(ctx, "the ticks to go on from", func() error { return s.resume(ctx, x, string(h)) }) {
			return nil
		}
	}
	sub, err := s.opts.Bus.Conn().Subscribe(bus.PreviewPartsSubject(number), func(m *nats.Msg) { s.addPreview(x, m.Data) })
	if err != nil {
		return fmt.Errorf("aggregate: %w", err)
	}
	defer sub.Unsubscribe() //nolint:errcheck // the connection ends with it
	asked, err := s.opts.Bus.Conn().Subscribe(bus.CombiningSubject(number), func(m *nats.Msg) { s.answerNeed(ctx, x, m) })
	if err != nil {
		return fmt.Errorf("aggregate: %w", err)
	}
	defer asked.Unsubscribe() //nolint:errcheck // the connection ends with it
	s.log.Info("adds up partial results", "combiner", number)
	again(ctx, s.log.With("combiner", x.number), "partial results", func() error { return s.combine(ctx, x) })
	return nil
}

// resume has a combiner go on behind what is stored of a hierarchy. A tick of
// which parts are missing is emitted again, and put leaves out those there are.
func (s *Service) resume(ctx context.Context, x *stage, h string) error {
	data, seq, err := s.opts.Bus.LastAggregates(ctx, h)
	if err != nil {
		return err
	}
	x.last[h] = mark{seq: seq, told: unstored}
	if data == nil {
		return nil
	}
	var t record.Ticks
	if err := t.Decode(data); err != nil || len(t.Ticks) == 0 {
		s.log.Error("the newest ticks of a hierarchy cannot be read", "hierarchy", h, "position", seq, "error", err)
		return nil
	}
	x.last[h] = markOf(&t, seq)
	x.mu.Lock()
	defer x.mu.Unlock()
	x.combiner.Resume(&t)
	return nil
}

// errMissed has what the partitions told read again.
var errMissed = errors.New("a partial result is missing")

// combine adds up what the partitions tell one combiner. Where something did not
// arrive it reads once more all there is.
func (s *Service) combine(ctx context.Context, x *stage) error {
	for {
		err := s.add(ctx, x)
		if !errors.Is(err, errMissed) {
			return err
		}
		s.log.Info("reads partial results once more", "combiner", x.number, "error", err)
		x.work.Lock()
		x.mu.Lock()
		x.seq = 0
		x.mu.Unlock()
		x.told, x.whole = make([][]told, len(x.told)), false
		x.work.Unlock()
		// What is not there any more, another one may have stored the ticks of.
		for _, h := range slices.Collect(maps.Keys(x.last)) {
			if err := s.resume(ctx, x, h); err != nil {
				return err
			}
		}
	}
}

// add hands a combiner what the partitions tell it.
func (s *Service) add(ctx context.Context, x *stage) error {
	return s.hear(ctx, x.number, x.seq+1, func(m bus.Message) error {
		var r tick.Report
		if err := r.Decode(m.Data); err != nil {
			s.log.Error("a partial result cannot be read", "combiner", x.number, "position", m.Seq, "error", err)
			x.mu.Lock()
			defer x.mu.Unlock()
			x.seq = m.Seq
			return nil
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
		x.mu.Unlock()
		x.work.Lock()
		defer x.work.Unlock()
		x.mu.Lock()
		if x.combiner.Misses(&r) {
			if x.missed < m.Seq {
				x.missed = m.Seq
				x.mu.Unlock()
				return fmt.Errorf("%w: of partition %d, before %d", errMissed, r.Partition, m.Seq)
			}
			s.log.Info("partial results are not there any more", "combiner", x.number, "partition", r.Partition, "position", m.Seq, "until", r.From.String())
		}
		if err := x.combiner.Add(&r, record.MillisOf(m.Stored), m.Seq); err != nil {
			s.log.Error("a partial result was not taken", "partition", r.Partition, "error", err)
		}
		x.seq = m.Seq
		if 0 <= r.Partition && r.Partition < len(x.told) {
			x.told[r.Partition] = append(x.told[r.Partition], told{m.Seq, int64(len(m.Data)) + bus.PartialBeside})
		}
		out := x.out
		x.out = nil
		done := x.combiner.Done()
		x.mu.Unlock()
		if !s.publish(ctx, x, out) {
			x.given = true
			return nil // given up, and the next owner has what is not trimmed
		}
		if m.Pending == 0 && time.Since(x.trimmed) > min(time.Second, s.opts.Checkpoint) || m.Seq%512 == 0 {
			x.trimmed = time.Now()
			if err := s.opts.Bus.TrimPartials(ctx, x.number, done); err != nil {
				return err
			}
			x.forget(done)
		}
		return nil
	})
}

// widest bounds a message of ticks by its number of groups times ticks.
const widest = 40_000

// publish stores finished ticks, several of a hierarchy in one message; false
// when ctx ended before all of them were.
func (s *Service) publish(ctx context.Context, x *stage, out []*record.Ticks) bool {
	for len(out) > 0 {
		t := *out[0]
		rest := out[:0:0]
		blocked := false
		for _, o := range out[1:] {
			if !blocked && o.Hierarchy == t.Hierarchy && o.Revision == t.Revision && (len(t.Ticks)+1)*(len(t.Groups)+len(t.Sensors)) <= s.opts.Widest {
				t.Ticks = append(t.Ticks, o.Ticks...)
				continue
			}
			blocked = blocked || o.Hierarchy == t.Hierarchy
			rest = append(rest, o)
		}
		out = rest
		parts := split(&t, s.opts.Widest)
		for i := range parts {
			if !s.insist(ctx, "ticks", func() error { return s.put(ctx, x, parts, i) }) {
				return false
			}
		}
	}
	return true
}

// put stores one of the parts of ticks behind what is stored last, and nothing
// twice. When another combiner was faster, its ticks stay, and only what is newer
// is stored. So what is stored of a hierarchy is in order of ticks and of parts,
// and whoever goes on knows by the newest message what is missing.
func (s *Service) put(ctx context.Context, x *stage, parts []*record.Ticks, number int) error {
	t := *parts[number]
	h := t.Hierarchy
	if _, known := x.last[h]; !known {
		if err := s.resume(ctx, x, h); err != nil {
			return err
		}
	}
	for {
		last := x.last[h]
		t.Ticks = slices.DeleteFunc(slices.Clone(t.Ticks), func(k record.Tick) bool { return last.has(k.Time, parts, number) })
		if len(t.Ticks) == 0 {
			return nil
		}
		data := t.Encode(nil)
		seq, err := s.keep(ctx, h, data, last.seq)
		if err == nil {
			x.last[h] = markOf(&t, seq)
			return nil
		}
		if !errors.Is(err, bus.ErrOutrun) {
			return err
		}
		if err := s.resume(ctx, x, h); err != nil {
			return err
		}
		if x.last[h].seq == last.seq {
			return err // a copy that lags behind answered; try again
		}
	}
}

// split cuts the ticks of a very wide hierarchy into messages that fit: first
// the groups, then the virtual sensors.
func split(t *record.Ticks, widest int) []*record.Ticks {
	groups := len(t.Groups)
	n := groups + len(t.Sensors)
	if n <= widest {
		return []*record.Ticks{t}
	}
	var out []*record.Ticks
	parts := uint32((n + widest - 1) / widest)
	for from := 0; from < n; from += widest {
		to := min(n, from+widest)
		a, b := min(from, groups), min(to, groups)
		v, w := max(from, groups)-groups, max(to, groups)-groups
		part := &record.Ticks{Hierarchy: t.Hierarchy, Revision: t.Revision, Groups: t.Groups[a:b], Sensors: t.Sensors[v:w], Part: uint32(len(out)), Parts: parts}
		for _, k := range t.Ticks {
			part.Ticks = append(part.Ticks, record.Tick{
				Time: k.Time, Sum: k.Sum[a:b], Min: k.Min[a:b], Max: k.Max[a:b], Count: k.Count[a:b],
				Total: k.Total[a:b], Meter: k.Meter[a:b], Unaccounted: k.Unaccounted[a:b], Values: k.Values[v:w], Heard: k.Heard,
			})
		}
		out = append(out, part)
	}
	return out
}
