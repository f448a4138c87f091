package runner

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"log/slog"
	"maps"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/wattwerk/wattwerk/bus"
	"github.com/wattwerk/wattwerk/manifest"
	"github.com/wattwerk/wattwerk/pipeline/checkpoint"
	"github.com/wattwerk/wattwerk/pipeline/connect"
	"github.com/wattwerk/wattwerk/pipeline/engine"
	"github.com/wattwerk/wattwerk/pipeline/outbox"
	"github.com/wattwerk/wattwerk/pipeline/processor"
	"github.com/wattwerk/wattwerk/record"
)

const (
	timeOnly   = 5 * time.Minute       // after how long a state is stored that only time has changed
	drainWait  = 50 * time.Millisecond // how long a pause waits for results that are being written
	commitWait = 200 * time.Millisecond
	statusWait = 2 * time.Second
	startMost  = 30 * time.Second // how long a manifest may be starting
	stopMost   = 10 * time.Second // how long one that has ended is said to be stopping
	endMost    = time.Second      // how long a write may go on when Run ends
)

var (
	errEnough = errors.New("enough")
	errJoined = errors.New("joined")
)

// Options of a runner.
type Options struct {
	Bus         *bus.Bus
	Checkpoints *checkpoint.Store
	Find        func(string) (processor.Entry, bool)
	// Open makes the writer of a sink.
	Open func(context.Context, *manifest.End) (connect.Writer, error)
	// Every is how often states are stored; zero: 5 s.
	Every time.Duration
	// Clock is how often time is told to manifests of whose sources nothing
	// comes; zero: 2 s.
	Clock   time.Duration
	Process string // who runs it, for people
	// Reached tells how a source is that is read here; ok is false for others.
	// nil: there are no others.
	Reached func(id string) (s Reach, ok bool)
	// StartMost is how long a manifest may be starting before that is said to be
	// wrong; zero: 30 s. StopMost is how long one that is stopped is said to be
	// stopping while it writes what it gave before, and how long one that is removed
	// may; zero: 10 s.
	StartMost, StopMost time.Duration
	// Also gives statuses to tell beside those of manifests, by other names.
	Also       func() map[string]any
	Log        *slog.Logger
	Registerer prometheus.Registerer
}

// Runner runs manifests. Its methods may be called by many goroutines while Run
// works.
type Runner struct {
	bus         *bus.Bus
	checkpoints *checkpoint.Store
	find        func(string) (processor.Entry, bool)
	open        func(context.Context, *manifest.End) (connect.Writer, error)
	every       time.Duration
	clock       time.Duration
	process     string
	reached     func(string) (Reach, bool)
	startMost   time.Duration
	stopMost    time.Duration
	also        func() map[string]any
	log         *slog.Logger
	metrics
	letters letters
	tails   tails

	mu      sync.Mutex // of what follows; before those of workers and jobs
	epoch   int64
	ctx     context.Context // of Run; nil: it does not work
	group   sync.WaitGroup  // of goroutines that end with it
	workers []*worker
	jobs    map[string]*job
	known   map[string]checkpoint.Checkpoint // newest stored, by manifest
	states  map[string]ManifestStatus        // of those that are not at work
	queues  map[string]*outbox.Queue
	cancels map[*job]context.CancelFunc // of those that are fed alone
	forget  []string
	told    map[string]telling   // statuses as they were told
	held    map[string]*job      // of those that are paused, with results that wait
	leaving map[string]*leaving  // of those that write their last results
	wake    chan struct{}        // one of leaving has left
	tried   map[string]time.Time // since when one cannot be started for a reason that may pass
}

// Reach is how a source is reached.
type Reach struct {
	Name      string
	Connected bool
	Error     string // why it is not
}

// New makes a runner.
func New(o Options) (*Runner, error) {
	r := &Runner{
		bus: o.Bus, checkpoints: o.Checkpoints, find: o.Find, open: o.Open, every: o.Every, clock: o.Clock, process: o.Process, also: o.Also, log: o.Log,
		reached: o.Reached, startMost: cmp.Or(o.StartMost, startMost), stopMost: cmp.Or(o.StopMost, stopMost),
		metrics: newMetrics(), wake: make(chan struct{}, 1),
	}
	if r.every <= 0 {
		r.every = 5 * time.Second
	}
	if r.clock <= 0 {
		r.clock = 2 * time.Second
	}
	r.letters.bury = r.bus.Bury
	if o.Registerer != nil {
		if err := r.register(o.Registerer, r); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// ErrNotNow is part of errors of what cannot be said now, and will be later.
var ErrNotNow = errors.New("it cannot be said now")

// Wanted is what a manifest shall do.
type Wanted struct {
	ID, Name string
	State    manifest.State
	Plan     *manifest.Plan // checked; nil when it cannot be run
	Error    error          // why it cannot be run
	// Ended says of one that is stopped what it was, and when it was stopped. It is
	// asked when it was at work when it was seen last; nil: that cannot be said.
	// After an error that is [ErrNotNow] it is asked again.
	Ended func(context.Context) (*manifest.Plan, time.Time, error)
}

// Wants is what all manifests shall do, as of a revision of the models.
type Wants struct {
	Revision int64
	All      []Wanted
}

// Print is what an end or a plan consists of, to see whether it has changed.
func Print(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	h := fnv.New128a()
	h.Write(b)
	return fmt.Sprintf("%x", h.Sum(nil))
}

// Run works until ctx ends. wanted gives what shall be done; changed tells that
// it may be something else now. The error is [checkpoint.ErrOutrun] when another
// runner has taken over, or what the store or the stream says.
func (r *Runner) Run(ctx context.Context, wanted func(context.Context) (Wants, error), changed <-chan struct{}) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	want, err := r.prepare(ctx, wanted)
	if err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return err
	}
	defer r.end(cancel)
	from, err := r.first(ctx, want.All)
	if err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return err
	}
	for _, w := range r.workers {
		w.at = from - 1
	}
	r.reconcile(ctx, want.All)

	fail := make(chan error, 3)
	for _, w := range r.workers {
		r.group.Go(func() { w.run(ctx, r.separate) })
	}
	r.group.Go(func() {
		fail <- r.read(ctx, from, func(e *entry) error {
			for _, w := range r.workers {
				select {
				case w.in <- e:
				case <-ctx.Done():
					return ctx.Err()
				}
			}
			return nil
		})
	})
	r.group.Go(func() { fail <- r.commit(ctx) })
	r.group.Go(func() { r.tick(ctx) })
	r.group.Go(func() { r.tell(ctx) })
	r.group.Go(func() { r.letters.run(ctx) })
	r.group.Go(func() { r.tails.run(ctx, r) })
	for left := false; ; {
		select {
		case <-ctx.Done():
			return nil
		case err := <-fail:
			if ctx.Err() != nil {
				return nil
			}
			return err
		case <-r.wake:
			left = true
		case <-changed:
		case <-time.After(statusWait): // another process may have changed something
		}
		now, err := wanted(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			r.log.Warn("what manifests shall do cannot be read", "error", err)
			continue
		}
		if now.Revision != want.Revision || left || r.unsettled() {
			want, left = now, false
			r.reconcile(ctx, want.All)
		}
	}
}

// prepare takes over from whoever ran the manifests before.
func (r *Runner) prepare(ctx context.Context, wanted func(context.Context) (Wants, error)) (none Wants, err error) {
	if err := r.bus.MakeObservations(ctx); err != nil {
		return none, err
	}
	epoch, err := r.checkpoints.Begin(ctx)
	if err != nil {
		return none, err
	}
	known, err := r.checkpoints.All(ctx)
	if err != nil {
		return none, err
	}
	want, err := wanted(ctx)
	if err != nil {
		return none, err
	}
	r.begin(ctx, epoch, known)
	return want, nil
}

func (r *Runner) begin(ctx context.Context, epoch int64, known map[string]checkpoint.Checkpoint) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ctx, r.epoch, r.known = ctx, epoch, known
	r.jobs, r.states, r.queues = make(map[string]*job), make(map[string]ManifestStatus), make(map[string]*outbox.Queue)
	r.cancels, r.told, r.workers = make(map[*job]context.CancelFunc), make(map[string]telling), nil
	r.held, r.leaving, r.tried = make(map[string]*job), make(map[string]*leaving), make(map[string]time.Time)
	for range runtime.GOMAXPROCS(0) {
		r.workers = append(r.workers, newWorker())
	}
	r.recall()
}

// end waits for all goroutines. What is written by then is stored as written,
// and what is not is kept with the states, for whoever goes on.
func (r *Runner) end(cancel context.CancelFunc) {
	r.mu.Lock()
	jobs := slices.Collect(maps.Values(r.jobs))
	r.mu.Unlock()
	for _, j := range jobs {
		j.mu.Lock()
		j.over = true
		j.mu.Unlock()
	}
	drain(jobs)
	r.mu.Lock()
	queues := slices.Collect(maps.Values(r.queues))
	for _, q := range queues {
		q.Quit()
	}
	r.mu.Unlock()
	late := time.AfterFunc(endMost, func() {
		for _, q := range queues {
			go q.Stop()
		}
	})
	for _, q := range queues {
		<-q.Done()
	}
	late.Stop()
	now := time.Now()
	for _, j := range jobs {
		if j.unsaved(now) {
			j.last(now, checkpoint.AtWork)
		}
	}
	r.mu.Lock()
	for _, l := range r.leaving {
		if !l.feeding { // it is fed again by whoever goes on
			l.job.last(now, checkpoint.Ended)
		}
	}
	r.mu.Unlock()
	ctx, stop := context.WithTimeout(context.WithoutCancel(r.ctx), 2*time.Second)
	defer stop()
	if err := r.store(ctx); err != nil && !errors.Is(err, checkpoint.ErrOutrun) {
		r.log.Warn("the last states are not stored", "error", err)
	}
	cancel()
	r.group.Wait()
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, q := range r.queues {
		q.Stop()
	}
	r.ctx, r.jobs, r.held, r.leaving = nil, make(map[string]*job), make(map[string]*job), make(map[string]*leaving)
}

// first is where reading begins: behind the oldest state of what shall run.
func (r *Runner) first(ctx context.Context, want []Wanted) (uint64, error) {
	x, err := r.bus.ObservationsExtent(ctx)
	if err != nil {
		return 0, err
	}
	from := x.Last + 1
	for _, w := range want {
		if c, ok := r.known[w.ID]; ok && c.Standing != checkpoint.Ended && w.State == manifest.Running && w.Plan != nil {
			from = min(from, c.Seq+1)
		}
	}
	return max(from, x.First, 1), nil
}

// read hands entries from a position on to handle.
func (r *Runner) read(ctx context.Context, from uint64, handle func(*entry) error) error {
	return r.bus.ReadObservations(ctx, from, func(m bus.Message) error {
		return handle(&entry{
			seq: m.Seq, stored: record.MillisOf(m.Stored), source: m.ObservationsOf(), pending: m.Pending, data: slices.Clone(m.Data),
		})
	})
}

func (r *Runner) worker(j *job) *worker {
	h := fnv.New32a()
	h.Write([]byte(j.id))
	return r.workers[h.Sum32()%uint32(len(r.workers))]
}

// reconcile has manifests do what they shall. It is for the goroutine of Run
// alone; those that begin are seen to be starting meanwhile.
func (r *Runner) reconcile(ctx context.Context, want []Wanted) {
	begun := make([]*job, 0)
	begin, finish, gone := r.settle(want)
	for _, w := range finish {
		r.finish(ctx, w)
	}
	for id, at := range gone {
		r.unfinished(id, id, at, "it is removed")
		r.mu.Lock()
		if l := r.leaving[id]; l != nil {
			l.gone = true
		}
		r.mu.Unlock()
	}
	for _, w := range begin {
		if j := r.prepared(ctx, w); j != nil {
			r.install(j)
			begun = append(begun, j)
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	// Where a manifest began is stored before anybody sees that it has begun.
	if err := r.storeLocked(ctx); err != nil && ctx.Err() == nil {
		r.log.Warn("states are not stored", "error", err)
	}
	for _, j := range begun {
		j.mu.Lock()
		j.opening = false
		j.mu.Unlock()
	}
}

// settle ends and changes what is to be, and gives those that are to begin, those
// that were stopped or removed while nothing ran them, and these with what is
// stored of them.
func (r *Runner) settle(want []Wanted) (begin, finish []Wanted, gone map[string]checkpoint.Checkpoint) {
	r.mu.Lock()
	defer r.mu.Unlock()
	there := make(map[string]bool, len(want))
	var leave []leaving
	for _, w := range want {
		there[w.ID] = true
		j := r.jobs[w.ID]
		switch {
		case j != nil && w.State == manifest.Paused:
			leave = append(leave, leaving{job: j, keep: true})
		case j != nil && w.State != manifest.Running:
			leave = append(leave, leaving{job: j})
		case j != nil && w.Plan != nil && j.broken() && j.printed() != Print(w.Plan):
			leave = append(leave, leaving{job: j, keep: true}) // a change may mend it: it begins from its last good state
		}
	}
	for id, j := range r.jobs {
		if !there[id] {
			leave = append(leave, leaving{job: j})
		}
	}
	r.detach(leave)
	stays := make(map[string]bool, len(want)) // what is kept for when it goes on, or is finished
	for _, w := range want {
		at, ok := r.known[w.ID]
		open := w.State == manifest.Stopped && ok && at.Standing == checkpoint.AtWork && w.Ended != nil && r.leaving[w.ID] == nil
		if open {
			finish = append(finish, w)
		}
		stays[w.ID] = open || w.State == manifest.Running || w.State == manifest.Paused && at.Standing != checkpoint.Ended
	}
	for id, at := range r.known {
		if !there[id] && at.Standing == checkpoint.AtWork && r.leaving[id] == nil {
			if gone == nil {
				gone = make(map[string]checkpoint.Checkpoint)
			}
			gone[id], stays[id] = at, true
		}
	}
	for id := range r.held {
		if !stays[id] {
			r.revive(id)
		}
	}
	for _, w := range want {
		j, last := r.jobs[w.ID], r.leaving[w.ID]
		if w.State != manifest.Running {
			delete(r.tried, w.ID)
		}
		switch {
		case last != nil && (last.feeding || !last.late && (w.State != manifest.Running || w.Plan == nil)):
			// It is stopping; what comes next comes when it has stopped.
		case w.State == manifest.Running && w.Plan == nil && j != nil:
			j.note(fmt.Sprintf("it goes on as it was before a change: %v", w.Error))
		case w.State == manifest.Running && w.Plan == nil:
			r.say(w.ID, manifest.IsFailed, fmt.Sprint(w.Error))
		case w.State == manifest.Running && j == nil:
			if _, again := r.tried[w.ID]; !again {
				r.say(w.ID, manifest.IsStarting, "its state is being restored")
			}
			begin = append(begin, w)
		case w.State == manifest.Running:
			r.update(j, w)
		case w.State == manifest.Paused:
			r.say(w.ID, manifest.IsPaused, "")
		case r.states[w.ID].State == "" && r.known[w.ID].Manifest == "":
			r.say(w.ID, manifest.IsCreated, "")
		case r.states[w.ID].State != manifest.IsCreated && r.states[w.ID].State != manifest.IsStopped:
			r.say(w.ID, manifest.IsStopped, "")
		}
		if !stays[w.ID] && w.State != manifest.Paused && r.leaving[w.ID] == nil {
			r.drop(w.ID)
		}
	}
	for id := range r.known {
		if !there[id] && !stays[id] && r.leaving[id] == nil {
			r.drop(id)
		}
	}
	for id, l := range r.leaving {
		if !there[id] && !l.gone {
			l.gone, l.since = true, time.Now()
			if l.late {
				r.say(id, manifest.IsStopping, "its last results are being written, for it is removed")
			}
		}
	}
	for id := range r.states {
		if !there[id] && r.leaving[id] == nil {
			delete(r.states, id)
			delete(r.tried, id)
		}
	}
	return begin, finish, gone
}

// unsettled tells whether a manifest could not be started for a reason that
// passes.
func (r *Runner) unsettled() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.tried) > 0
}

// drop forgets the state of a manifest.
func (r *Runner) drop(id string) {
	if _, ok := r.known[id]; ok {
		delete(r.known, id)
		r.forget = append(r.forget, id)
	}
}

// say notes the state of what is not at work.
func (r *Runner) say(id string, s manifest.Observed, why string) {
	was := r.states[id]
	if was.State == s && was.Reason == why {
		return
	}
	now := time.Now().UTC()
	was.State, was.Reason, was.Since, was.At, was.Process = s, why, now, now, r.process
	if was.Nodes == nil {
		was.Nodes, was.Sinks = []NodeStatus{}, []SinkStatus{}
	}
	was.Waiting = 0
	r.states[id] = was
}

// prepared makes the job of a manifest that begins or resumes; nil: it cannot,
// and that is said.
func (r *Runner) prepared(ctx context.Context, w Wanted) *job {
	j := &job{runner: r, id: w.ID, name: w.Name, plan: w.Plan, print: Print(w.Plan), opening: true, began: time.Now()}
	r.mu.Lock()
	at, resumed := r.known[w.ID]
	if h := r.held[w.ID]; h != nil && h.pending != nil {
		at = h.pending.Checkpoint // it could not be stored
	}
	if at.Standing == checkpoint.Ended {
		at, resumed = checkpoint.Checkpoint{}, false
	}
	r.mu.Unlock()
	var err error
	if j.inst, j.anew, err = engine.Open(w.Plan, r.find, at.State); err != nil {
		r.mu.Lock()
		defer r.mu.Unlock()
		delete(r.tried, w.ID)
		r.say(w.ID, manifest.IsFailed, err.Error())
		return nil
	}
	x, err := r.bus.ObservationsExtent(ctx)
	if err != nil {
		r.later(w.ID, err)
		return nil
	}
	if resumed {
		j.seq, j.saved, j.savedAt = at.Seq, at.Seq, at.Saved
		if j.seq > x.Last {
			j.notice = fmt.Sprintf("the stream of observations ends at %d, before the %d that its state stands for: it was restored, or made anew", x.Last, j.seq)
			j.seq, j.dirty = x.Last, true
		}
		if j.seq+1 < x.First {
			j.lost = x.First - j.seq - 1
			j.notice = fmt.Sprintf("%d messages of the stream were removed before it took them", j.lost)
			j.seq = x.First - 1
			r.lost.Add(float64(j.lost))
		}
		if j.skip, err = r.stored(ctx, w.Plan, w.ID, j.seq, x.Last); err != nil {
			r.later(w.ID, err)
			return nil
		}
	} else {
		j.seq, j.savedAt = x.Last, time.Now()
	}
	j.fresh = !resumed
	return j
}

// later says that a manifest cannot be started now, and will be tried again. What
// takes too long has failed until it comes right.
func (r *Runner) later(id string, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	since, again := r.tried[id]
	if !again {
		since = time.Now()
		r.tried[id] = since
	}
	if time.Since(since) < r.startMost {
		r.say(id, manifest.IsStarting, err.Error())
		return
	}
	r.say(id, manifest.IsFailed, fmt.Sprintf("it could not be started within %v, and is tried again: %v", r.startMost, err))
}

// install has a job fed.
func (r *Runner) install(j *job) {
	r.mu.Lock()
	defer r.mu.Unlock()
	j.links = r.link(j.plan)
	r.adopt(j)
	r.jobs[j.id] = j
	delete(r.states, j.id)
	delete(r.tried, j.id)
	r.starts.Inc()
	j.snapshot(time.Now(), j.fresh) // so that a crash does not move where it began
	if !r.worker(j).join(j) {
		r.apart(j)
	}
}

// separate feeds alone what a worker could not feed on.
func (r *Runner) separate(j *job) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.jobs[j.id] == j && !j.isOver() {
		r.apart(j)
	}
}

// apart feeds a job from a reader of its own. The mutex is held.
func (r *Runner) apart(j *job) {
	if r.ctx == nil || r.ctx.Err() != nil {
		return
	}
	ctx, cancel := context.WithCancel(r.ctx)
	r.cancels[j] = cancel
	r.group.Go(func() {
		r.alone(ctx, j)
		cancel() // it stays in cancels until the job goes; to cancel it again does nothing
	})
}

// update has a job go on by another plan, when it is another one.
func (r *Runner) update(j *job, w Wanted) {
	print := Print(w.Plan)
	j.mu.Lock()
	same := j.print == print
	j.name = w.Name
	if same && j.lost == 0 {
		j.notice = ""
	}
	j.mu.Unlock()
	if same {
		return
	}
	wk := r.worker(j)
	wk.mu.Lock()
	inside := slices.Contains(wk.jobs, j)
	err := j.swap(w.Plan, print, r.link)
	if err == nil && inside {
		wk.drop(j)
		wk.jobs = append(wk.jobs, j)
		for _, s := range j.inst.Sources() {
			wk.bySource[s] = append(wk.bySource[s], j)
		}
	}
	wk.mu.Unlock()
	if err != nil {
		j.note(fmt.Sprintf("it goes on as it was before a change: %v", err))
		return
	}
	r.updates.Inc()
	j.snapshot(time.Now(), true)
}

// Status tells how a manifest is, as far as this runner knows.
func (r *Runner) Status(id string) (ManifestStatus, bool) {
	r.mu.Lock()
	j, s := r.jobs[id], r.waited(id, r.states[id], time.Now())
	r.mu.Unlock()
	if j != nil {
		return j.status(time.Now()), true
	}
	return s, s.State != ""
}
