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
	"github.com/wattwerk/wattwerk/internal/run"
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
				if !p.try() {
					continue // the one before holds
				}
				err := p.checkpoint()
				p.unlock()
				if err != nil {
					return err
				}
			}
			s.trim(ctx)
			// A large state may take one fiftieth of the time, no more.
			take.Reset(max(s.opts.Checkpoint, 50*time.Since(begun)))
			store.Reset(0)
		case <-store.C:
			done := make(map[model.HierarchyID]record.Millis)
			more, untidy := false, false
			for _, p := range s.ownedParts() {
				if err := s.store(ctx, p, done); err != nil && ctx.Err() == nil {
					s.log.Warn("a checkpoint could not be stored", "partition", p.number, "error", err)
				}
				waits, tidied := p.unstored()
				more, untidy = more || waits, untidy || !tidied
			}
			if untidy {
				select {
				case s.untidy <- struct{}{}:
				default:
				}
			}
			if more {
				store.Reset(time.Second)
			}
		}
	}
}

// unstored tells whether a checkpoint waits for being stored, and whether no
// older one than the last may be left.
func (p *part) unstored() (waits, tidied bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.candid != nil, p.tidied
}

// checkpoint makes a candidate of the engine, whose turn is held.
func (p *part) checkpoint() error {
	p.mu.Lock()
	settled := p.candid != nil || p.seq == p.saved
	p.mu.Unlock()
	if settled || p.untold {
		return nil
	}
	data, err := p.engine.Checkpoint(p.seq)
	if err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
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
	old := p.saved
	p.saved, p.savedAt, p.savedBytes, p.candid = c.seq, time.Now(), len(c.data), nil
	p.mu.Unlock()
	if old == 0 || old == c.seq {
		return nil
	}
	if err := s.opts.Bus.RemoveObject(ctx, bucket, checkpointName(p.number, old)); err != nil {
		p.mu.Lock()
		p.tidied = false
		p.mu.Unlock()
		s.log.Info("an old checkpoint was left behind", "partition", p.number, "error", err)
	}
	return nil
}

// tidyAgain is how long to wait before tidying up is tried again.
const tidyAgain = time.Minute

// tidies removes what was left behind in the bucket of checkpoints, beside
// everything else: there may be much of it.
func (s *Service) tidies(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-s.untidy:
		}
		err := s.tidy(ctx)
		if err == nil {
			continue
		}
		if ctx.Err() == nil {
			s.log.Warn("old checkpoints could not be removed, trying again", "error", err)
		}
		if !run.Pause(ctx, tidyAgain) {
			return nil
		}
	}
}

// tidy removes checkpoints of our partitions that a newer one replaced, when
// somebody who had stored one was killed before removing it, and the marks of
// deleted ones, which versions before left.
func (s *Service) tidy(ctx context.Context) error {
	now := make(map[int]uint64)
	var parts []*part
	for _, p := range s.ownedParts() {
		p.mu.Lock()
		if !p.tidied && p.saved > 0 {
			now[p.number], p.tidied = p.saved, true
			parts = append(parts, p)
		}
		p.mu.Unlock()
	}
	if len(parts) == 0 {
		return nil
	}
	n, err := s.opts.Bus.SweepObjects(ctx, bucket, func(name string, deleted bool) bool {
		number, seq, ok := parseCheckpoint(name)
		saved, ours := now[number]
		return ok && ours && (deleted || seq < saved)
	})
	if err != nil {
		for _, p := range parts {
			p.mu.Lock()
			p.tidied = false
			p.mu.Unlock()
		}
		return err
	}
	if n > 0 {
		s.log.Info("what old checkpoints left was removed", "partitions", len(parts), "objects", n)
	}
	return nil
}

// bucket is where checkpoints are.
const bucket = "aggregate"

// oldCheckpointName is of a version before checkpoints were named by their
// position.
func oldCheckpointName(p int) string { return fmt.Sprintf("partition-%04d", p) }

func checkpointName(p int, seq uint64) string { return fmt.Sprintf("partition-%04d-%d", p, seq) }

// parseCheckpoint gives the partition and the position of a checkpoint by its
// name; 0 when that has no position.
func parseCheckpoint(name string) (number int, seq uint64, ok bool) {
	rest, ok := strings.CutPrefix(name, "partition-")
	if !ok {
		return 0, 0, false
	}
	of, at, positioned := strings.Cut(rest, "-")
	number, err := strconv.Atoi(of)
	if err == nil && positioned {
		seq, err = strconv.ParseUint(at, 10, 64)
	}
	return number, seq, err == nil
}

// readCheckpoint reads the checkpoint that the position at names, or the newest
// one after it up to last. Whoever stores one moves the position on and removes
// the one before, so that a backup, which has the positions first, may have a
// newer checkpoint only. All that it needs to go on comes later in the backup.
func (s *Service) readCheckpoint(ctx context.Context, number int, at, last uint64) ([]byte, error) {
	data, err := s.opts.Bus.ReadObject(ctx, bucket, checkpointName(number, at))
	if !errors.Is(err, jetstream.ErrObjectNotFound) {
		return data, err
	}
	names, lerr := s.opts.Bus.ObjectNames(ctx, bucket)
	if lerr != nil {
		return nil, lerr
	}
	newer := uint64(0)
	for _, name := range names {
		if n, seq, ok := parseCheckpoint(name); ok && n == number && seq > at && seq <= last {
			newer = max(newer, seq)
		}
	}
	if newer > 0 {
		return s.opts.Bus.ReadObject(ctx, bucket, checkpointName(number, newer))
	}
	return s.opts.Bus.ReadObject(ctx, bucket, oldCheckpointName(number))
}

// forgetCheckpoints removes those of a partition whose stream is another one.
func (s *Service) forgetCheckpoints(ctx context.Context, number int) error {
	_, err := s.opts.Bus.SweepObjects(ctx, bucket, func(name string, deleted bool) bool {
		n, _, ok := parseCheckpoint(name)
		return ok && n == number && !deleted
	})
	if err != nil {
		return err
	}
	return s.opts.Bus.ForgetPosition(ctx, Reader, number)
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

// keepUnread is how long ticks are kept for those who follow them live, where
// nobody stores them.
const keepUnread = time.Hour

// trim removes ticks that history has on disk, of hierarchies whose combiner is
// here; where nobody stores them, those that are old.
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
		at, err = s.opts.Bus.AggregatesBefore(ctx, time.Now().Add(-s.keepTicks))
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
