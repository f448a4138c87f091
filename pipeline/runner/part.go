package runner

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/wattwerk/wattwerk/bus"
	"github.com/wattwerk/wattwerk/manifest"
	"github.com/wattwerk/wattwerk/pipeline/connect"
	"github.com/wattwerk/wattwerk/record"
)

// leaving is a job that is not to be fed any more; keep: it will go on.
type leaving struct {
	job   *job
	keep  bool
	since time.Time
}

// detach ends the feeding of jobs. Those that are stopped go on writing what they
// gave, see [Runner.part]. What others gave and is not written soon is called off,
// and made again when they go on. The mutex is held.
func (r *Runner) detach(all []leaving) {
	if len(all) == 0 {
		return
	}
	for _, l := range all {
		j := l.job
		j.mu.Lock()
		j.over = true
		j.mu.Unlock()
		r.worker(j).leave(j)
		if cancel := r.cancels[j]; cancel != nil {
			cancel()
			delete(r.cancels, j)
		}
	}
	until := time.NewTimer(drainWait)
	defer until.Stop()
	look := time.NewTicker(time.Millisecond)
	defer look.Stop()
	for late := false; !late && slices.ContainsFunc(all, func(l leaving) bool { return !l.job.drained() }); {
		select {
		case <-until.C:
			late = true
		case <-look.C:
		}
	}
	for _, l := range all {
		if l.keep {
			l.job.snapshot(time.Now(), true)
		}
	}
	if err := r.storeLocked(r.ctx); err != nil && r.ctx.Err() == nil {
		r.log.Warn("states are not stored", "error", err)
	}
	for _, l := range all {
		j := l.job
		s := j.status(time.Now())
		s.Position = s.Saved
		r.states[j.id] = s
		delete(r.jobs, j.id)
		if !l.keep && !j.drained() && r.ctx.Err() == nil {
			l.since = time.Now()
			r.leaving[j.id] = &l
			r.say(j.id, manifest.IsStopping, "its last results are being written")
			r.group.Go(func() { r.part(r.ctx, &l) })
			continue
		}
		r.release(j)
	}
}

// part waits until a manifest that is stopped has written what it gave, as long
// as it may. What is not written then becomes a dead letter that counts it.
func (r *Runner) part(ctx context.Context, l *leaving) {
	look := time.NewTicker(5 * time.Millisecond)
	defer look.Stop()
	for !l.job.drained() && time.Since(l.since) < r.stopMost {
		select {
		case <-ctx.Done():
			return
		case <-look.C:
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ctx == nil || ctx.Err() != nil {
		return
	}
	why := r.giveUp(l.job, fmt.Sprintf("within %v of its stop", r.stopMost))
	r.release(l.job)
	delete(r.leaving, l.job.id)
	r.say(l.job.id, manifest.IsStopped, why)
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// giveUp makes a dead letter of what a manifest that is stopped has not written,
// and says so; empty: there is nothing.
func (r *Runner) giveUp(j *job, when string) (why string) {
	s := j.status(time.Now())
	if s.Waiting == 0 {
		return ""
	}
	why = fmt.Sprintf("%d results were not written %s, and are given up", s.Waiting, when)
	if s.Reason != "" {
		why += ": " + s.Reason
	}
	r.dead.Add(float64(s.Waiting))
	r.letters.add(letterOf{j.id, "", why}, func() bus.DeadLetter {
		return bus.DeadLetter{Source: "manifest", Reason: fmt.Sprintf("manifest %q: %s", j.name, why), At: record.MillisOf(time.Now())}
	}, 1)
	return why
}

// release calls off what a job gave and is not written. The mutex is held.
func (r *Runner) release(j *job) {
	j.epoch.Add(1)
	j.mu.Lock()
	defer j.mu.Unlock()
	all := slices.Concat(j.links, j.former)
	for _, l := range all {
		if l != nil {
			l.queue.poke()
		}
	}
	r.unlink(all)
	j.former = nil
}

// link gives the queues of a plan's sinks, made where they are not there. The
// mutex is held.
func (r *Runner) link(p *manifest.Plan) []*link {
	links := make([]*link, len(p.Nodes))
	at := make(map[*queue]*link)
	for i, n := range p.Nodes {
		if n.To == nil {
			continue
		}
		print := Print(n.To)
		q := r.queues[print]
		if q == nil {
			q = &queue{
				end: n.To, print: print, log: r.log, wake: make(chan struct{}, 1), done: make(chan struct{}),
				open: func(ctx context.Context) (connect.Writer, error) { return r.open(ctx, n.To) },
				bury: func(f connect.Refusal) { r.buryWritten(n.To, f) },
			}
			ctx, cancel := context.WithCancel(context.WithoutCancel(r.ctx)) // it writes on while the last states are stored
			q.stop = cancel
			r.queues[print] = q
			go q.run(ctx)
		}
		if at[q] == nil {
			at[q] = &link{queue: q}
			q.users++
		}
		links[i] = at[q]
	}
	return links
}

// unlink ends queues that nobody uses any more.
func (r *Runner) unlink(links []*link) {
	seen := make(map[*link]bool)
	for _, l := range links {
		if l == nil || seen[l] {
			continue
		}
		seen[l] = true
		if l.queue.users--; l.queue.users == 0 {
			q := l.queue
			delete(r.queues, q.print)
			go q.finish()
		}
	}
}
