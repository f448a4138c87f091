package runner

import (
	"context"
	"errors"
	"slices"
	"sync"
)

// worker feeds jobs from what is read once for all.
type worker struct {
	mu       sync.Mutex
	at       uint64 // newest message that its jobs took
	jobs     []*job
	bySource map[string][]*job
	in       chan *entry
}

func newWorker() *worker {
	return &worker{bySource: make(map[string][]*job), in: make(chan *entry, 64)}
}

// run feeds its jobs; those that cannot be fed on are handed to leave.
func (w *worker) run(ctx context.Context, leave func(*job)) {
	var left []*job
	for {
		select {
		case <-ctx.Done():
			return
		case e := <-w.in:
			w.mu.Lock()
			jobs := w.jobs
			if e.source != "" {
				jobs = w.bySource[e.source]
			}
			for _, j := range jobs {
				if !j.step(e) {
					left = append(left, j)
				}
			}
			w.at = e.seq
			for _, j := range left {
				w.drop(j)
			}
			w.mu.Unlock()
			for _, j := range left {
				leave(j)
			}
			left = left[:0]
		}
	}
}

// join takes a job in when it is as far as the others, or farther.
func (w *worker) join(j *job) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.seq < w.at {
		return false
	}
	w.jobs = append(w.jobs, j)
	for _, s := range j.inst.Sources() {
		w.bySource[s] = append(w.bySource[s], j)
	}
	return true
}

// leave lets a job go; nothing is fed to it when it returns.
func (w *worker) leave(j *job) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.drop(j)
}

func (w *worker) drop(j *job) {
	w.jobs = slices.DeleteFunc(w.jobs, func(o *job) bool { return o == j })
	for s, jobs := range w.bySource {
		if i := slices.Index(jobs, j); i >= 0 {
			if jobs = slices.Delete(jobs, i, i+1); len(jobs) == 0 {
				delete(w.bySource, s)
			} else {
				w.bySource[s] = jobs
			}
		}
	}
}

// alone feeds a job from a reader of its own, from where it is, until it is as
// far as the others: after a pause, and when its sink was full. It ends without
// that when ctx ends or the job breaks.
func (r *Runner) alone(ctx context.Context, j *job) {
	for ctx.Err() == nil {
		j.mu.Lock()
		from, full := j.seq+1, j.full
		over := j.over || j.failed != ""
		var room []<-chan struct{}
		var moved chan struct{}
		if full {
			if j.moved == nil {
				j.moved = make(chan struct{})
			}
			moved = j.moved
			for _, l := range j.links {
				if l != nil {
					room = append(room, l.Queue().Roomy())
				}
			}
		}
		j.mu.Unlock()
		if over {
			return
		}
		for _, c := range room {
			select {
			case <-ctx.Done():
				return
			case <-moved:
			case <-c:
			}
		}
		if full {
			j.mu.Lock()
			j.full = false
			j.mu.Unlock()
		}
		if r.worker(j).join(j) {
			return
		}
		err := r.read(ctx, from, func(e *entry) error {
			if e.source != "" && !j.reads(e.source) {
				j.mu.Lock()
				j.seq = max(j.seq, e.seq)
				j.mu.Unlock()
			} else if !j.step(e) {
				return errEnough
			}
			if e.pending == 0 && r.worker(j).join(j) {
				return errJoined
			}
			return nil
		})
		switch {
		case errors.Is(err, errJoined):
			return
		case err != nil && !errors.Is(err, errEnough):
			j.fail(err.Error())
			return
		}
	}
}
