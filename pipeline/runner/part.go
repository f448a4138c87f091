package runner

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/wattwerk/wattwerk/bus"
	"github.com/wattwerk/wattwerk/manifest"
	"github.com/wattwerk/wattwerk/pipeline/checkpoint"
	"github.com/wattwerk/wattwerk/pipeline/connect"
	"github.com/wattwerk/wattwerk/pipeline/outbox"
)

// leaving is a job that is not to be fed any more; keep: it will go on.
type leaving struct {
	job  *job
	keep bool
	// The following are of one that has ended, guarded by the runner's mutex.
	since time.Time
	gone  bool // it is removed
	// feeding: it takes yet what came before it was stopped.
	feeding bool
	late    bool // it is said to have stopped, and still has results to be written
}

// detach ends the feeding of jobs. What they gave and is not written soon is kept
// with their states: those that are stopped go on writing it, see [Runner.part];
// of those that will go on it waits for that. The mutex is held.
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
	jobs := make([]*job, len(all))
	for i, l := range all {
		jobs[i] = l.job
	}
	drain(jobs)
	for _, l := range all {
		j := l.job
		switch {
		case !l.keep && j.drained():
			j.mu.Lock()
			j.pending = nil
			j.mu.Unlock()
			r.drop(j.id)
		case !l.keep:
			j.last(time.Now(), checkpoint.Ended)
		case !j.broken(): // one that is goes on from its last good state, and gives again what it gave since
			for _, x := range j.unwritten() {
				x.Queue().Hold(x)
			}
			j.last(time.Now(), checkpoint.Whole)
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
		switch {
		case l.keep && !j.broken() && !j.drained():
			r.held[j.id] = j
		case !l.keep && !j.drained():
			r.depart(&l)
		default:
			r.release(j)
		}
	}
}

// drain waits a little for what jobs gave to be written.
func drain(all []*job) {
	until := time.NewTimer(drainWait)
	defer until.Stop()
	look := time.NewTicker(time.Millisecond)
	defer look.Stop()
	for slices.ContainsFunc(all, func(j *job) bool { return !j.drained() }) {
		select {
		case <-until.C:
			return
		case <-look.C:
		}
	}
}

// depart has a job that has ended write what it gave. When the runner ends, too, it
// is kept for whoever goes on. The mutex is held.
func (r *Runner) depart(l *leaving) {
	l.since = time.Now()
	r.leaving[l.job.id] = l
	r.say(l.job.id, manifest.IsStopping, "its last results are being written")
	r.group.Go(func() { r.part(r.ctx, l) })
}

// revive has what waits of a manifest that was paused, or that ended in another
// process, written, for it does not go on. The mutex is held.
func (r *Runner) revive(id string) {
	j := r.held[id]
	delete(r.held, id)
	j.last(time.Now(), checkpoint.Ended)
	j.letGo()
	r.depart(&leaving{job: j})
}

// adopt has a job write what the one before it gave. The mutex is held.
func (r *Runner) adopt(j *job) {
	old := r.held[j.id]
	if l := r.leaving[j.id]; l != nil {
		old = l.job
	}
	delete(r.held, j.id)
	delete(r.leaving, j.id)
	if old == nil {
		return
	}
	old.mu.Lock()
	all := old.all()
	old.links, old.former, old.pending = nil, nil, nil
	old.mu.Unlock()
	j.mu.Lock()
	j.former = append(j.former, all...)
	j.mu.Unlock()
	j.letGo()
}

// letGo has what a job gave written again.
func (j *job) letGo() {
	for _, l := range j.unwritten() {
		l.Queue().LetGo(l)
	}
}

// recall makes held jobs of what waits as it is stored. The mutex is held.
func (r *Runner) recall() {
	for id, c := range r.known {
		if len(c.Waiting) == 0 {
			continue
		}
		j := &job{runner: r, id: id, over: true, seq: c.Seq, saved: c.Seq, savedAt: c.Saved}
		if err := r.restore(j, c.Waiting); err != nil {
			r.unreadableRest(j, err)
		}
		r.held[id] = j
		c.Waiting = nil
		r.known[id] = c
	}
}

// restore gives a job what is stored as waiting, and holds it. The mutex is held.
func (r *Runner) restore(j *job, waiting []byte) error {
	all, err := outbox.ReadRest(waiting)
	if err != nil {
		return err
	}
	j.name = all.Name
	for _, s := range all.Sinks {
		q := r.queue(s.To)
		l := q.Link(true)
		j.former = append(j.former, l)
		var of []connect.Written
		for i, g := range s.Given {
			results, err := g.Results(j.id)
			if err != nil {
				return err
			}
			of = append(of, results...)
			if next := i + 1; next < len(s.Given) && s.Given[next].Processor == g.Processor && s.Given[next].Step == g.Step {
				continue // a part of the same
			}
			q.Put(l, of)
			of = nil
		}
	}
	return nil
}

// unreadableRest says that what waited of a manifest cannot be read.
func (r *Runner) unreadableRest(j *job, err error) {
	r.log.Error("results that waited cannot be read", "manifest", cmp.Or(j.name, j.id), "error", err)
	r.dead.Inc()
	r.letters.add(letterOf{j.id, "", err.Error()}, func() bus.DeadLetter {
		return ofManifest(cmp.Or(j.name, j.id), err.Error())
	}, 1)
}

// unwritten are the links of a job that have something to write.
func (j *job) unwritten() []*outbox.Link {
	j.mu.Lock()
	defer j.mu.Unlock()
	return slices.DeleteFunc(j.all(), func(l *outbox.Link) bool { return l.Waiting() == 0 })
}

// part waits until a manifest that has ended has written what it gave. It is said
// to have stopped when that takes long, and is waited for all the same; when it is
// removed, what is not written then becomes a dead letter that counts it.
func (r *Runner) part(ctx context.Context, l *leaving) {
	every := 5 * time.Millisecond
	for {
		look := time.NewTimer(every)
		select {
		case <-ctx.Done():
			look.Stop()
			return
		case <-look.C:
		}
		over, late := r.partNow(ctx, l)
		if over {
			return
		}
		if late {
			every = commitWait
		}
	}
}

func (r *Runner) partNow(ctx context.Context, l *leaving) (over, late bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ctx == nil || ctx.Err() != nil || r.leaving[l.job.id] != l {
		return true, false
	}
	long := time.Since(l.since) >= r.stopMost
	switch {
	case !l.feeding && l.job.drained():
		r.say(l.job.id, manifest.IsStopped, "")
	case l.gone && long:
		l.job.mu.Lock()
		l.job.over = true
		l.job.mu.Unlock()
		r.giveUp(l.job)
	default:
		if long && !l.late && !l.feeding {
			l.late = true
			r.say(l.job.id, manifest.IsStopped, "some of its last results wait for a sink, and are written as soon as it takes them")
		}
		return false, l.late && !l.gone
	}
	r.release(l.job)
	delete(r.leaving, l.job.id)
	r.drop(l.job.id)
	r.again()
	return true, false
}

// again has it looked at once more what manifests shall do.
func (r *Runner) again() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// giveUp makes a dead letter of what a manifest that is removed has not written.
func (r *Runner) giveUp(j *job) {
	s := j.status(time.Now())
	why := fmt.Sprintf("%d results were not written within %v of its end, and are given up, for it is removed", s.Waiting, r.stopMost)
	if s.Reason != "" {
		why += ": " + s.Reason
	}
	r.log.Warn("results of a manifest that is removed are given up", "manifest", j.name, "results", s.Waiting)
	r.dead.Add(float64(s.Waiting))
	r.letters.add(letterOf{j.id, "", why}, func() bus.DeadLetter {
		return ofManifest(j.name, why)
	}, 1)
}

// release calls off what a job gave and is not written. The mutex is held.
func (r *Runner) release(j *job) {
	j.mu.Lock()
	defer j.mu.Unlock()
	all := j.all()
	for _, l := range all {
		l.Queue().CallOff(l)
	}
	r.unlink(all)
	j.links, j.former, j.pending = nil, nil, nil
}

// link gives the queues of a plan's sinks, made where they are not there. The
// mutex is held.
func (r *Runner) link(p *manifest.Plan) []*outbox.Link {
	links := make([]*outbox.Link, len(p.Nodes))
	at := make(map[*outbox.Queue]*outbox.Link)
	for i, n := range p.Nodes {
		if n.To == nil {
			continue
		}
		q := r.queue(n.To)
		if at[q] == nil {
			at[q] = q.Link(false)
		}
		links[i] = at[q]
	}
	return links
}

// queue gives the queue of a sink, made where it is not there. The mutex is held.
func (r *Runner) queue(to *manifest.End) *outbox.Queue {
	print := Print(to)
	if q := r.queues[print]; q != nil {
		return q
	}
	// A write that is under way may end when Run does.
	q := outbox.New(context.WithoutCancel(r.ctx), outbox.Options{
		End: to, Log: r.log,
		Open: func(ctx context.Context) (connect.Writer, error) { return r.open(ctx, to) },
		Bury: func(f connect.Refusal) { r.buryWritten(to, f) },
	})
	r.queues[print] = q
	return q
}

// unlink ends queues that nobody uses any more.
func (r *Runner) unlink(links []*outbox.Link) {
	seen := make(map[*outbox.Link]bool)
	for _, l := range links {
		if l == nil || seen[l] {
			continue
		}
		seen[l] = true
		if q := l.Queue(); q.Unlink() {
			delete(r.queues, Print(q.End))
			go q.Stop()
		}
	}
}
