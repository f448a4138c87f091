package service

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"golang.org/x/sync/errgroup"

	"github.com/wattwerk/wattwerk/bus"
	"github.com/wattwerk/wattwerk/internal/run"
	"github.com/wattwerk/wattwerk/object"
	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/service/book"
	"github.com/wattwerk/wattwerk/service/watch"
)

// papers are the documents of people, as they were read last. They never change.
type papers struct {
	changes     int64
	model       uint64 // revision
	spaces      []object.Space
	spacesAt    book.Document
	enrichments map[object.ID]book.Document
	faults      []object.Fault
	definitions []book.Document // services, microservices and cut links
	stands      int64           // what began and ended to stand in
}

// Where what was seen is kept between two starts.
const (
	seenBucket = "service"
	seenName   = "seen"
	mostSeen   = 1 << 30
)

// wokenApart is how long others may still come back when one object has.
const wokenApart = 20 * time.Millisecond

// ticksLane is the place of the ticks among the positions.
const ticksLane = -1

// follow keeps the moment up to date until ctx ends; began is closed once there is
// one.
func (s *Service) follow(ctx context.Context, began chan struct{}) error {
	select {
	case <-ctx.Done():
		return nil
	case <-s.opts.Catalog.Ready():
	}
	board := watch.NewBoard(s.watch)
	s.repeatUntil(ctx, "documents of objects cannot be read yet", func() error { _, err := s.reload(ctx, board); return err })
	if ctx.Err() != nil {
		return nil
	}
	positions := s.recall(ctx)
	g, ctx := errgroup.WithContext(ctx)
	lanes := make(map[int]uint64) // what is stored now
	for p := ticksLane; p < s.opts.Bus.Partitions(); p++ {
		s.repeatUntil(ctx, "the bus cannot be asked yet", func() error {
			x, err := s.extent(ctx, p)
			if err != nil {
				return err
			}
			// What was stored before anybody looked is of no interest.
			seq, ok := positions[p]
			if !ok || seq > x.Last || p == ticksLane {
				seq = x.Last
			}
			lanes[p] = x.Last
			s.read(p, seq)
			return nil
		})
		g.Go(func() error {
			s.repeat(ctx, "reading from the bus begins again", func(ctx context.Context) error { return s.lane(ctx, p) })
			return nil
		})
	}
	g.Go(func() error { return s.steps(ctx, board, lanes, began) })
	return g.Wait()
}

// repeatUntil does something again and again until it works or ctx ends.
func (s *Service) repeatUntil(ctx context.Context, message string, f func() error) {
	worked, done := context.WithCancel(ctx)
	defer done()
	s.repeat(worked, message, func(context.Context) error {
		err := f()
		if err == nil {
			done()
		}
		return err
	})
}

// steps looks every second, and at once when something happened.
func (s *Service) steps(ctx context.Context, board *watch.Board, behind map[int]uint64, began chan struct{}) error {
	tick := time.NewTicker(stepEvery)
	defer tick.Stop()
	failing, first, look, touched := false, true, true, false
	for {
		if look {
			var err error
			touched, err = s.reload(ctx, board)
			if err != nil && !failing && ctx.Err() == nil {
				s.log.Warn("documents of objects are those of before", "because", err)
			}
			failing = err != nil
		}
		s.mu.Lock()
		ins, doubts := s.standIns, s.doubts
		for p, last := range behind {
			if s.positions[p] >= last {
				delete(behind, p)
			}
		}
		s.mu.Unlock()
		board.Doubt(doubts)
		if _, changed := board.Step(clock(), ins); changed || touched || first {
			s.moment.Store(board.Now())
			s.meter.show(board.Now())
		}
		if first {
			close(began)
			first = false
		}
		if behind != nil && len(behind) == 0 {
			close(s.ready)
			behind = nil
		}
		look, touched = true, false
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		case <-s.poke:
		case <-s.watch.Woken():
			look = false
			if !run.Pause(ctx, wokenApart) { // many come back together
				return nil
			}
		}
	}
}

// reload takes the model and the documents as they are now, and tells whether they
// are others.
func (s *Service) reload(ctx context.Context, board *watch.Board) (bool, error) {
	state, was := s.opts.Catalog.State(), s.papers.Load()
	changes, stands, err := s.opts.Store.Changes(ctx)
	if err != nil {
		if was == nil || was.model == state.Revision {
			return false, err
		}
		changes, stands = was.changes, was.stands // the database is away, and the model goes on
	}
	if was != nil && was.changes == changes && was.model == state.Revision {
		if was.stands == stands {
			return false, err
		}
		next := *was
		next.stands = stands
		if err := s.readStands(ctx, board.Now().World); err != nil {
			return false, err
		}
		s.papers.Store(&next)
		return true, nil
	}
	next := &papers{changes: changes, model: state.Revision, enrichments: make(map[object.ID]book.Document)}
	if was != nil && was.changes == changes {
		*next = *was
		next.model = state.Revision
	} else if err := s.readPapers(ctx, next); err != nil {
		return false, err
	}
	more := make([]object.Enrichment, 0, len(next.enrichments))
	for _, id := range slices.Sorted(maps.Keys(next.enrichments)) {
		var e object.Enrichment
		d := next.enrichments[id]
		if err := d.Read(&e); err != nil {
			return false, err
		}
		e.Object = id
		more = append(more, e)
	}
	world, faults := object.NewWorld(state.Model, next.spaces, more)
	next.faults = faults
	board.Set(world, clock())
	var groups []record.SensorID
	for i := range world.Len() {
		if id, ok := world.At(i).ID.Group(); ok {
			groups = append(groups, record.SensorID(id))
		}
	}
	s.groups.Set(groups)
	next.stands = stands
	if e := s.readStands(ctx, world); e != nil {
		next.stands = -1 // to be read again
		s.mu.Lock()
		s.standIns, s.doubts = nil, nil // they go by the index of the world before
		s.mu.Unlock()
		err = errors.Join(err, e)
	}
	s.papers.Store(next)
	if was == nil || was.changes != changes {
		if err := s.exec.Define(next.definitions); err != nil {
			return true, err
		}
	}
	return true, err
}

func (s *Service) readPapers(ctx context.Context, p *papers) error {
	all, err := s.opts.Store.Documents(ctx)
	if err != nil {
		return err
	}
	for _, d := range all {
		switch d.Kind {
		case book.Enrichment:
			p.enrichments[object.ID(d.ID)] = d
		case book.Service, book.Microservice, book.Cut:
			p.definitions = append(p.definitions, d)
		case book.Spaces:
			p.spacesAt = d
			if err := d.Read(&p.spaces); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *Service) extent(ctx context.Context, p int) (bus.Extent, error) {
	if p == ticksLane {
		return s.opts.Bus.AggregatesExtent(ctx)
	}
	return s.opts.Bus.RecordsExtent(ctx, p)
}

// read notes how far a stream was read.
func (s *Service) read(p int, seq uint64) {
	s.mu.Lock()
	s.positions[p] = seq
	s.mu.Unlock()
}

// lane reads one stream.
func (s *Service) lane(ctx context.Context, p int) error {
	s.mu.Lock()
	from := s.positions[p] + 1
	s.mu.Unlock()
	if p == ticksLane {
		return s.ticks(ctx, from)
	}
	reader := s.watch.Reader()
	var b record.Batch
	err := s.opts.Bus.ReadRecords(ctx, p, from, func(m bus.Message) error {
		if err := b.Decode(m.Data); err != nil {
			s.log.Warn("records not understood", "error", err)
			b.Reset()
		}
		reader.Batch(&b, record.MillisOf(m.Stored))
		s.read(p, m.Seq)
		return nil
	})
	if errors.Is(err, bus.ErrLost) { // only the newest counts here
		if x, e := s.extent(ctx, p); e == nil {
			s.read(p, x.Last)
		}
	}
	return err
}

// ticks reads what groups and virtual sensors are worth.
func (s *Service) ticks(ctx context.Context, from uint64) error {
	var t record.Ticks
	err := s.opts.Bus.ReadAggregates(ctx, from, func(m bus.Message) error {
		if err := t.Decode(m.Data); err != nil {
			s.log.Warn("aggregate not understood", "error", err)
			t = record.Ticks{}
		}
		stored := record.MillisOf(m.Stored)
		if n := len(t.Ticks); n > 0 {
			k := &t.Ticks[n-1]
			for i, id := range t.Sensors {
				if !math.IsNaN(k.Values[i]) {
					s.watch.Saw(id, k.Time, k.Values[i], stored)
				}
			}
			for i, id := range t.Groups {
				s.groups.Saw(record.SensorID(id), k.Time, k.Sum[i], stored)
			}
		}
		s.read(ticksLane, m.Seq)
		return nil
	})
	if errors.Is(err, bus.ErrLost) {
		if x, e := s.extent(ctx, ticksLane); e == nil {
			s.read(ticksLane, x.Last)
		}
	}
	return err
}

// recall takes up what was seen before the last end, and gives how far each stream
// was read then.
func (s *Service) recall(ctx context.Context) map[int]uint64 {
	positions, err := func() (map[int]uint64, error) {
		o, err := s.opts.Bus.Objects(ctx, seenBucket)
		if err != nil {
			return nil, err
		}
		r, err := o.Get(ctx, seenName)
		if errors.Is(err, jetstream.ErrObjectNotFound) {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		data, err := io.ReadAll(io.LimitReader(r, mostSeen))
		if err = errors.Join(err, r.Close()); err != nil {
			return nil, err
		}
		return s.watch.Restore(data)
	}()
	if err != nil && ctx.Err() == nil {
		s.log.Warn("what was seen of objects before is not known", "because", err)
	}
	return positions
}

// keep writes down what was seen.
func (s *Service) keep(ctx context.Context) error {
	s.mu.Lock()
	positions := maps.Clone(s.positions)
	s.mu.Unlock()
	delete(positions, ticksLane)
	data, err := s.watch.Save(positions)
	if err != nil {
		return err
	}
	o, err := s.opts.Bus.Objects(ctx, seenBucket)
	if err == nil {
		_, err = o.PutBytes(ctx, seenName, data)
	}
	if err != nil {
		return fmt.Errorf("keep what was seen of objects: %w", err)
	}
	return nil
}
