package runner

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/wattwerk/wattwerk/bus"
	"github.com/wattwerk/wattwerk/manifest"
	"github.com/wattwerk/wattwerk/pipeline/checkpoint"
	"github.com/wattwerk/wattwerk/pipeline/engine"
)

// finish has a manifest that was stopped while nothing ran it take what came until
// then, from its state, and write what it gives: whoever ran it before may have
// given that, and not written it.
func (r *Runner) finish(ctx context.Context, w Wanted) {
	r.mu.Lock()
	at := r.known[w.ID]
	r.mu.Unlock()
	plan, stopped, err := w.Ended(ctx)
	if errors.Is(err, ErrNotNow) {
		r.unfinishedYet(ctx, w, err)
		return
	}
	var inst *engine.Instance
	if err == nil {
		inst, _, err = engine.Open(plan, r.find, at.State)
	}
	if ctx.Err() != nil {
		return // it is finished by whoever goes on
	}
	if err != nil {
		r.unfinished(w.ID, w.Name, at, err.Error())
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.leaving[w.ID] == nil {
			r.say(w.ID, manifest.IsStopped, "")
		}
		return
	}
	j := &job{runner: r, id: w.ID, name: w.Name, plan: plan, print: Print(plan), inst: inst, seq: at.Seq, saved: at.Seq, savedAt: at.Saved, began: time.Now()}
	x, err := r.bus.ObservationsExtent(ctx)
	var until uint64
	if err == nil {
		until, err = FirstStored(ctx, r.bus, x, stopped.Add(time.Millisecond)) // it is known to the millisecond
		until--
	}
	if err == nil && until > j.seq {
		j.skip, err = r.stored(ctx, plan, w.ID, j.seq, x.Last)
	}
	if err != nil {
		r.unfinishedYet(ctx, w, err)
		return
	}
	if lost := max(j.seq+1, x.First) - j.seq - 1; lost > 0 {
		r.lost.Add(float64(lost))
		j.seq = x.First - 1
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.tried, w.ID)
	j.links = r.link(plan)
	r.adopt(j)
	l := &leaving{job: j, feeding: true}
	r.depart(l)
	r.group.Go(func() {
		r.catchUp(r.ctx, j, until)
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.ctx == nil || r.ctx.Err() != nil || r.leaving[j.id] != l {
			return
		}
		j.mu.Lock()
		j.over = true
		j.mu.Unlock()
		l.feeding, l.since = false, time.Now()
		j.last(time.Now(), checkpoint.Ended)
		r.again()
	})
}

// unfinishedYet says that a manifest that was stopped will be finished later.
func (r *Runner) unfinishedYet(ctx context.Context, w Wanted, err error) {
	if ctx.Err() != nil {
		return
	}
	r.log.Warn("a manifest that was stopped cannot be finished yet", "manifest", w.Name, "error", err)
	r.later(w.ID, err)
}

// catchUp feeds a job up to a position of the stream.
func (r *Runner) catchUp(ctx context.Context, j *job, until uint64) {
	for ctx.Err() == nil {
		j.mu.Lock()
		from, over := j.seq+1, j.over || j.failed != ""
		var room []<-chan struct{}
		if j.full {
			j.full = false
			for _, l := range j.all() {
				room = append(room, l.Queue().Roomy())
			}
		}
		j.mu.Unlock()
		if over || from > until {
			return
		}
		for _, c := range room {
			select {
			case <-ctx.Done():
				return
			case <-c:
			}
		}
		err := r.read(ctx, from, func(e *entry) error {
			if e.seq > until {
				return errJoined
			}
			if e.source != "" && !j.reads(e.source) {
				j.mu.Lock()
				j.seq = max(j.seq, e.seq)
				j.mu.Unlock()
			} else if !j.step(e) {
				return errEnough
			}
			if e.seq == until || e.pending == 0 {
				return errJoined
			}
			return nil
		})
		if err != nil && !errors.Is(err, errEnough) {
			if !errors.Is(err, errJoined) && ctx.Err() == nil {
				j.fail(err.Error())
			}
			return
		}
	}
}

// unfinished says that what a manifest gave before it ended may not be written, and
// forgets it.
func (r *Runner) unfinished(id, name string, at checkpoint.Checkpoint, why string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	reason := fmt.Sprintf("it ended while nothing ran it, and what it gave of messages behind %d may not be written: %s", at.Seq, why)
	r.log.Warn("a manifest cannot be finished", "manifest", name, "position", at.Seq, "reason", why)
	r.dead.Inc()
	r.letters.add(letterOf{id, "", reason}, func() bus.DeadLetter {
		return ofManifest(name, reason)
	}, 1)
	if r.held[id] != nil {
		r.revive(id)
		return
	}
	r.drop(id)
}

// FirstStored is the position of the first message of the stream of observations
// that was not stored before a time, or of the one that will be next.
func FirstStored(ctx context.Context, b *bus.Bus, x bus.Extent, before time.Time) (uint64, error) {
	lo, hi := max(x.First, 1), x.Last+1
	for lo < hi {
		mid := lo + (hi-lo)/2
		at, ok, err := b.ObservationStored(ctx, mid)
		if err != nil {
			return 0, err
		}
		if ok && at.Before(before) {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return lo, nil
}
