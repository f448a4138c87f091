package runner

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/wattwerk/wattwerk/bus"
	"github.com/wattwerk/wattwerk/manifest"
	"github.com/wattwerk/wattwerk/pipeline/checkpoint"
)

// commit stores states, each when everything it stands for is written.
func (r *Runner) commit(ctx context.Context) error {
	t := time.NewTicker(commitWait)
	defer t.Stop()
	next := time.Now().Add(r.every)
	for {
		select {
		case <-ctx.Done():
			return nil
		case now := <-t.C:
			if !now.Before(next) {
				next = now.Add(r.every)
				for _, j := range r.all() {
					j.snapshot(now, false)
				}
			}
		}
		if err := r.store(ctx); errors.Is(err, checkpoint.ErrOutrun) {
			return err
		} else if err != nil && ctx.Err() == nil {
			r.log.Warn("states are not stored", "error", err)
		}
	}
}

func (r *Runner) all() []*job {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := make([]*job, 0, len(r.jobs))
	for _, j := range r.jobs {
		out = append(out, j)
	}
	return out
}

// withState are all jobs that have something to store. The mutex is held.
func (r *Runner) withState() []*job {
	out := slices.AppendSeq(make([]*job, 0, len(r.jobs)+len(r.held)+len(r.leaving)), maps.Values(r.jobs))
	out = slices.AppendSeq(out, maps.Values(r.held))
	for _, l := range r.leaving {
		out = append(out, l.job)
	}
	return out
}

// store stores the states that are ready.
func (r *Runner) store(ctx context.Context) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.storeLocked(ctx)
}

func (r *Runner) storeLocked(ctx context.Context) error {
	var ready []*job
	var save []checkpoint.Checkpoint
	for _, j := range r.withState() {
		j.mu.Lock()
		j.written()
		if j.pending != nil && j.pending.ready() {
			ready, save = append(ready, j), append(save, j.pending.Checkpoint)
		}
		j.mu.Unlock()
	}
	if len(save) == 0 && len(r.forget) == 0 {
		return nil
	}
	// What was refused is not in what is given again: it is a dead letter before.
	if err := r.letters.write(ctx); err != nil {
		return fmt.Errorf("store dead letters: %w", err)
	}
	began := time.Now()
	if err := r.checkpoints.Save(ctx, r.epoch, save, r.forget); err != nil {
		return err
	}
	r.saving.Observe(time.Since(began).Seconds())
	r.forget = nil
	for _, j := range ready {
		j.mu.Lock()
		c := j.pending.Checkpoint
		c.Waiting = nil // the job has it
		r.known[j.id] = c
		j.saved, j.savedAt, j.pending = j.pending.Seq, j.pending.Saved, nil
		j.mu.Unlock()
	}
	return nil
}

// tick tells the time to manifests of whose sources nothing comes.
func (r *Runner) tick(ctx context.Context) {
	t := time.NewTicker(r.clock)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
		if len(r.all()) == 0 {
			continue
		}
		if _, err := r.bus.PublishClock(ctx); err != nil && ctx.Err() == nil {
			r.log.Warn("the time is not stored", "error", err)
		}
	}
}

// retold is after how long a status is told again of which only the time has
// changed, and how far it is.
const retold = time.Minute

// telling is a status that was told.
type telling struct {
	what string // without what changes by itself
	at   time.Time
}

// lasting is what of a status is worth telling at once.
func lasting(v any) any {
	if s, ok := v.(ManifestStatus); ok {
		s.At, s.Position, s.Saved, s.Watermark = time.Time{}, 0, 0, nil
		return s
	}
	return v
}

// tell stores what is observed, for other processes to read.
func (r *Runner) tell(ctx context.Context) {
	t := time.NewTicker(statusWait)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
		all := make(map[string]any)
		if r.also != nil {
			all = r.also()
		}
		for id, s := range r.Statuses() {
			all[id] = s
		}
		r.mu.Lock()
		epoch, told := r.epoch, r.told
		r.mu.Unlock()
		now, next, changed := time.Now(), make(map[string]telling, len(all)), make(map[string]string)
		for id, s := range all {
			what := Print(lasting(s))
			if was, ok := told[id]; ok && was.what == what && now.Sub(was.at) < retold {
				next[id] = was
				continue
			}
			doc, err := json.Marshal(s)
			if err != nil {
				r.log.Warn("a status is not told", "manifest", id, "error", err)
				continue
			}
			changed[id], next[id] = string(doc), telling{what, now}
		}
		for id := range told {
			if _, ok := all[id]; !ok {
				changed[id] = ""
			}
		}
		if len(changed) == 0 {
			continue
		}
		if err := r.checkpoints.SaveStatuses(ctx, epoch, changed); err != nil {
			if ctx.Err() == nil && !errors.Is(err, checkpoint.ErrOutrun) {
				r.log.Warn("statuses are not told", "error", err)
			}
			continue
		}
		r.mu.Lock()
		r.told = next
		r.mu.Unlock()
	}
}

// Statuses tells how all manifests are.
func (r *Runner) Statuses() map[string]ManifestStatus {
	now := time.Now()
	out := make(map[string]ManifestStatus)
	r.mu.Lock()
	for id, s := range r.states {
		out[id] = r.waited(id, s, now)
	}
	r.mu.Unlock()
	for _, j := range r.all() {
		out[j.id] = j.status(now)
	}
	return out
}

// waited says in the status of what is not at work how many of its results wait.
// The mutex is held.
func (r *Runner) waited(id string, s ManifestStatus, now time.Time) ManifestStatus {
	if l := r.leaving[id]; l != nil {
		s.Waiting = l.job.status(now).Waiting
	} else if j := r.held[id]; j != nil {
		s.Waiting = j.status(now).Waiting
	}
	return s
}

// Positions are the least position that is needed to go on, and whether there
// is one: what is stored before it no manifest needs any more.
func (r *Runner) Positions() (least uint64, any bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range r.known {
		if c.Standing == checkpoint.Ended {
			continue
		}
		if !any || c.Seq < least {
			least, any = c.Seq, true
		}
	}
	return least, any
}

// ResultID is what a batch of results is stored with in the stream itself.
func ResultID(manifest, processor string, step uint64) string {
	return "m/" + manifest + "/" + strconv.FormatUint(step, 10) + "/" + processor
}

// stored finds which results a manifest has in the stream already, in what its
// state does not know: they all stand behind the position of the state.
func (r *Runner) stored(ctx context.Context, p *manifest.Plan, id string, after, last uint64) (map[stepOf]bool, error) {
	var out map[stepOf]bool
	prefix := "m/" + id + "/"
	for i, n := range p.Nodes {
		if n.To == nil || n.To.Protocol() != manifest.Internal {
			continue
		}
		m, ok, err := r.bus.LastObservations(ctx, n.To.Source.ID)
		if err != nil {
			return nil, err
		}
		if !ok || m.Seq <= after {
			continue
		}
		end := min(m.Seq, last)
		err = r.bus.ReadObservationsOf(ctx, n.To.Source.ID, after+1, func(m bus.Message) error {
			if step, name, ok := strings.Cut(strings.TrimPrefix(m.ObservationsID(), prefix), "/"); ok && name == n.Processor.Name && strings.HasPrefix(m.ObservationsID(), prefix) {
				if seq, err := strconv.ParseUint(step, 10, 64); err == nil {
					if out == nil {
						out = make(map[stepOf]bool)
					}
					out[stepOf{i, seq}] = true
				}
			}
			if m.Seq >= end || m.Pending == 0 {
				return errEnough
			}
			return nil
		})
		if err != nil && !errors.Is(err, errEnough) {
			return nil, fmt.Errorf("look for results that are stored: %w", err)
		}
	}
	return out, nil
}
