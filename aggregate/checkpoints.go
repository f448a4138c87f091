package aggregate

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/wattwerk/wattwerk/aggregate/tick"
	"github.com/wattwerk/wattwerk/bus"
	"github.com/wattwerk/wattwerk/model"
	"github.com/wattwerk/wattwerk/record"
)

// checkpoints stores the engines' states now and then. Where partials are in
// memory only, a checkpoint is stored when the ticks it has evaluated are
// combined and stored: partials would be lost with the process.
func (s *Service) checkpoints(ctx context.Context) error {
	take := time.NewTimer(s.opts.Checkpoint)
	store := time.NewTimer(time.Hour)
	store.Stop() // until there is something to store
	defer take.Stop()
	defer store.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-take.C:
			begun := time.Now()
			for _, p := range s.ownedParts() {
				if err := p.checkpoint(); err != nil {
					return err
				}
			}
			s.trim(ctx)
			// A large state may take one fiftieth of the time, no more.
			take.Reset(max(s.opts.Checkpoint, 50*time.Since(begun)))
			store.Reset(0)
		case <-store.C:
			done := make(map[model.HierarchyID]record.Millis)
			more := false
			for _, p := range s.ownedParts() {
				if err := s.store(ctx, p, done); err != nil && ctx.Err() == nil {
					s.log.Warn("a checkpoint could not be stored", "partition", p.number, "error", err)
				}
				more = more || p.unstored()
			}
			if more {
				store.Reset(time.Second)
			}
		}
	}
}

// unstored tells whether a checkpoint waits for being stored.
func (p *part) unstored() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.candid != nil
}

func (p *part) checkpoint() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.candid != nil || p.seq == p.saved || p.untold {
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
func (s *Service) store(ctx context.Context, p *part, done map[model.HierarchyID]record.Millis) error {
	p.mu.Lock()
	c := p.candid
	p.mu.Unlock()
	if c == nil {
		return nil
	}
	for h, t := range c.entries {
		if s.opts.Bus.PartialsKept() {
			break
		}
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
		if !slices.Contains(s.hierarchies(), h) {
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
	// The position says which checkpoint holds, and never goes back: an owner
	// that is late with its own stores it for nothing.
	if _, err := s.objects.PutBytes(ctx, checkpointName(p.number, c.seq), c.data); err != nil {
		return fmt.Errorf("store checkpoint: %w", err)
	}
	if err := s.opts.Bus.SavePosition(ctx, Reader, p.number, c.seq); err != nil {
		return err
	}
	p.mu.Lock()
	first := p.saved == 0 || !p.tidied
	old := p.saved
	p.saved, p.savedAt, p.savedBytes, p.candid, p.tidied = c.seq, time.Now(), len(c.data), nil, true
	p.mu.Unlock()
	return s.tidy(ctx, p.number, old, c.seq, first)
}

// tidy removes checkpoints of a partition that a newer one replaced: the one
// before, and with all those that were left behind when somebody was killed.
func (s *Service) tidy(ctx context.Context, number int, old, now uint64, all bool) error {
	names := []string{checkpointName(number, old)}
	if all {
		list, err := bus.List(ctx, s.objects)
		if err != nil && !errors.Is(err, jetstream.ErrNoObjectsFound) {
			return fmt.Errorf("list checkpoints: %w", err)
		}
		names = nil
		for _, o := range list {
			seq, ours := strings.CutPrefix(o.Name, checkpointName(number, 0)[:len("partition-0000-")])
			n, err := strconv.ParseUint(seq, 10, 64)
			if ours && err == nil && n < now || o.Name == oldCheckpointName(number) {
				names = append(names, o.Name)
			}
		}
	}
	for _, n := range names {
		if err := s.objects.Delete(ctx, n); err != nil && !errors.Is(err, jetstream.ErrObjectNotFound) {
			return fmt.Errorf("remove checkpoint %s: %w", n, err)
		}
	}
	return nil
}

// unstored is before every tick.
const unstored record.Millis = -1 << 62

// lastTick is the time up to which all ticks of a hierarchy are stored.
func (s *Service) lastTick(ctx context.Context, h model.HierarchyID) (record.Millis, error) {
	data, _, err := s.opts.Bus.LastAggregates(ctx, string(h))
	if err != nil || data == nil {
		return unstored, err
	}
	var t record.Ticks
	if err := t.Decode(data); err != nil || len(t.Ticks) == 0 {
		return unstored, err
	}
	return t.Told(), nil
}

// trim removes ticks that history has on disk, of hierarchies whose combiner is
// here.
func (s *Service) trim(ctx context.Context) {
	at, err, some := uint64(math.MaxUint64), error(nil), false
	for _, r := range []string{s.opts.HistoryReader, s.opts.OtherReader} {
		if r == "" || err != nil {
			continue
		}
		var has uint64
		has, err = s.opts.Bus.Position(ctx, r, 0)
		at, some = min(at, has), true
	}
	if !some {
		return
	}
	for _, h := range s.hierarchies() {
		s.mu.Lock()
		own := s.stages[tick.CombinerOf(h)] != nil
		s.mu.Unlock()
		if err == nil && at > 0 && own {
			err = s.opts.Bus.TrimAggregates(ctx, string(h), at)
		}
	}
	if err != nil && ctx.Err() == nil {
		s.log.Warn("old ticks could not be trimmed", "error", err)
	}
}
