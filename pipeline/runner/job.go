package runner

import (
	"cmp"
	"fmt"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"github.com/wattwerk/wattwerk/manifest"
	"github.com/wattwerk/wattwerk/observation"
	"github.com/wattwerk/wattwerk/pipeline/checkpoint"
	"github.com/wattwerk/wattwerk/pipeline/connect"
	"github.com/wattwerk/wattwerk/pipeline/engine"
	"github.com/wattwerk/wattwerk/pipeline/outbox"
	"github.com/wattwerk/wattwerk/pipeline/processor"
	"github.com/wattwerk/wattwerk/record"
)

// entry is a message of the stream, read and decoded once for all.
type entry struct {
	seq     uint64
	stored  record.Millis
	source  string // empty: it tells the time only
	pending uint64 // how many are stored behind it
	data    []byte
	once    sync.Once
	batch   *observation.Batch
}

// decoded gives the batch; nil when it tells the time only, or cannot be read.
func (e *entry) decoded(r *Runner) *observation.Batch {
	if e.source == "" {
		return nil
	}
	e.once.Do(func() {
		keys, items, err := observation.Decode(e.data, nil)
		if err != nil {
			r.log.Error("a message of the stream of observations cannot be read", "position", e.seq, "error", err)
			r.unreadable.Inc()
			return
		}
		e.batch, e.data = &observation.Batch{Source: e.source, Keys: keys, Items: items}, nil
	})
	return e.batch
}

// job is one manifest at work. Its state is under mu; where it is fed from (a
// worker, or its own goroutine) is the runner's matter.
type job struct {
	runner *Runner
	id     string
	name   string

	mu      sync.Mutex
	plan    *manifest.Plan
	print   string // of the plan, to see whether it has changed
	inst    *engine.Instance
	links   []*outbox.Link // by node; nil: no sink
	former  []*outbox.Link // of plans and jobs before, with results that are not written yet
	moved   chan struct{}  // closed when its sinks are others
	stale   bool           // what waits is stored, and written since
	seq     uint64         // newest message it took
	saved   uint64         // as of its newest checkpoint
	savedAt time.Time
	dirty   bool // more than time has passed since the checkpoint
	pending *pending
	failed  string // why it takes nothing any more
	notice  string // what people should know while it runs
	lost    uint64
	anew    []string
	full    bool // a sink has too many results waiting
	skip    map[stepOf]bool
	tail    *tail
	rates   rates
	over    bool // nothing is fed any more
	began   time.Time
	fresh   bool // it has no state to go on from
	opening bool // where it began is not stored yet
	up      bool // all its sources were connected once
	state   manifest.Observed
	since   time.Time // in this state
}

// stepOf is what a node gave at a step.
type stepOf struct {
	node int
	seq  uint64
}

// pending is a checkpoint that waits for its results to be written.
type pending struct {
	checkpoint.Checkpoint
	needs []need
}

type need struct {
	link *outbox.Link
	sent uint64
}

func (p *pending) ready() bool {
	for _, n := range p.needs {
		if n.link.Done() < n.sent {
			return false
		}
	}
	return true
}

// step takes one message, unless it did already. It tells whether it may be
// fed on: false after a failure, or when a sink is full.
func (j *job) step(e *entry) (on bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.over || j.failed != "" {
		return false
	}
	if e.seq <= j.seq {
		return true
	}
	defer func() {
		if r := recover(); r != nil {
			j.failed = fmt.Sprintf("it broke at message %d: %v", e.seq, r)
			j.runner.log.Error("a manifest broke", "manifest", j.name, "position", e.seq, "panic", r, "stack", string(debug.Stack()))
			on = false
		}
	}()
	b := e.decoded(j.runner)
	j.seq = e.seq
	if b != nil {
		j.dirty = true
	}
	j.inst.Step(b, e.stored, j)
	return !j.full
}

// Results has what a node gave written to its sink.
func (j *job) Results(node int, items []observation.Item) {
	l, name := j.links[node], j.plan.Nodes[node].Processor.Name
	j.dirty = true
	if j.skip != nil && j.skip[stepOf{node, j.seq}] {
		if delete(j.skip, stepOf{node, j.seq}); len(j.skip) == 0 {
			j.skip = nil
		}
		return // it was stored before this process began
	}
	results := make([]connect.Written, len(items))
	for i, it := range items {
		results[i] = connect.Written{
			Manifest: j.id, Processor: name, Step: j.seq, Key: j.inst.Key(it.Series), Time: it.Time, Value: it.Value, Marks: it.Marks,
		}
	}
	j.full = l.Queue().Put(l, results) || j.full
}

// Given shows what a node gave to those who look.
func (j *job) Given(node int, items []observation.Item) {
	if j.tail != nil {
		j.tail.add(j, node, items)
	}
}

// Dead makes dead letters of what a node refused.
func (j *job) Dead(node int, refused []processor.Refused) {
	j.dirty = true
	j.runner.bury(j, j.plan.Nodes[node].Processor.Name, refused)
}

// snapshot makes a checkpoint of now, unless one waits already, nothing
// happened, or only time has passed and not for long. It is stored when what the
// job gave by this plan is written; what was given before goes with it.
func (j *job) snapshot(now time.Time, force bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.pending != nil || j.failed != "" || j.inst == nil || j.seq == j.saved && !force && !j.stale ||
		!force && !j.dirty && !j.stale && now.Sub(j.savedAt) < timeOnly {
		return
	}
	p := &pending{Checkpoint: checkpoint.Checkpoint{Manifest: j.id, Seq: j.seq, State: j.inst.Save(nil), Saved: now, Waiting: outbox.RestOf(j.name, j.former)}}
	for _, l := range j.links {
		if l != nil && l.Waiting() > 0 {
			p.needs = append(p.needs, need{l, l.Sent()})
		}
	}
	j.pending, j.dirty, j.stale = p, false, false
}

// unsaved tells whether there is more to store than is, or than may be left out.
func (j *job) unsaved(now time.Time) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.pending != nil || j.dirty || j.stale || j.waiting() > 0 || now.Sub(j.savedAt) >= timeOnly
}

// last makes a checkpoint of a job that takes nothing more for now: what is not
// written goes with it, and of one that has ended nothing else.
func (j *job) last(now time.Time, s checkpoint.Standing) {
	j.mu.Lock()
	defer j.mu.Unlock()
	c := checkpoint.Checkpoint{Manifest: j.id, Seq: j.seq, Saved: now, Standing: s, Waiting: outbox.RestOf(j.name, j.all())}
	if s != checkpoint.Ended {
		if j.failed != "" || j.inst == nil {
			return
		}
		c.State = j.inst.Save(nil)
	}
	j.pending, j.dirty, j.stale = &pending{Checkpoint: c}, false, false
}

// all are its links, each once. The mutex is held.
func (j *job) all() (out []*outbox.Link) {
	for i, l := range j.links {
		if l != nil && !slices.Contains(j.links[:i], l) {
			out = append(out, l)
		}
	}
	return append(out, j.former...)
}

// drained tells whether everything it gave is written.
func (j *job) drained() bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.waiting() == 0
}

func (j *job) waiting() (n int64) {
	for _, l := range j.all() {
		n += l.Waiting()
	}
	return n
}

// swap has the job go on by another plan, from the state it has. An error leaves
// it as it was.
func (j *job) swap(p *manifest.Plan, print string, links func(*manifest.Plan) []*outbox.Link) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	inst, anew, err := engine.Open(p, j.runner.find, j.inst.Save(nil))
	if err != nil {
		return err
	}
	j.former, j.pending, j.full = j.all(), nil, false // what it gave by the plan before is still to be written
	if j.moved != nil {
		close(j.moved)
		j.moved = nil
	}
	j.plan, j.print, j.inst, j.anew, j.links = p, print, inst, anew, links(p)
	j.written()
	j.notice, j.dirty = "", true
	return nil
}

// written lets former sinks go whose results are written. The mutexes are held,
// that of the runner, too.
func (j *job) written() {
	j.former = slices.DeleteFunc(j.former, func(l *outbox.Link) bool {
		if l.Waiting() > 0 {
			return false
		}
		j.runner.unlink([]*outbox.Link{l})
		j.stale = true
		return true
	})
}

// rates are how much a second each node did lately.
type rates struct {
	at  time.Time
	was []engine.Count
	now []NodeStatus
}

// status tells how it is.
func (j *job) status(now time.Time) ManifestStatus {
	j.mu.Lock()
	defer j.mu.Unlock()
	s := ManifestStatus{
		State: manifest.IsRunning, At: now.UTC(), Process: j.runner.process, Position: j.seq, Saved: j.saved, Waiting: j.waiting(), Lost: j.lost, Anew: j.anew,
		Nodes: []NodeStatus{}, Sinks: []SinkStatus{},
	}
	if j.inst == nil { // it only has results written that another process made
		return s
	}
	if at, ok := j.inst.Watermark(); ok {
		t := at.Time()
		s.Watermark = &t
	}
	counts := j.inst.Counts()
	if d := now.Sub(j.rates.at); d > time.Second {
		same := len(j.rates.was) == len(counts)
		j.rates.now = j.rates.now[:0]
		for i, c := range counts {
			n := NodeStatus{Name: j.plan.Nodes[i].Processor.Name}
			if same && !j.rates.at.IsZero() {
				n.InRate = max(0, float64(c.In-j.rates.was[i].In)/d.Seconds())
				n.OutRate = max(0, float64(c.Out-j.rates.was[i].Out)/d.Seconds())
			}
			j.rates.now = append(j.rates.now, n)
		}
		j.rates.was, j.rates.at = counts, now
	}
	for i, c := range counts {
		n := NodeStatus{Name: j.plan.Nodes[i].Processor.Name, kind: j.plan.Nodes[i].Type.Name, Count: c}
		if i < len(j.rates.now) {
			n.InRate, n.OutRate = j.rates.now[i].InRate, j.rates.now[i].OutRate
		}
		s.Nodes = append(s.Nodes, n)
	}
	seen := make(map[*outbox.Queue]bool)
	for _, l := range j.links {
		if l == nil || seen[l.Queue()] {
			continue
		}
		seen[l.Queue()] = true
		st := SinkStatus{ID: l.Queue().End.Source.ID, Name: l.Queue().End.Source.Name}
		if err := l.Queue().Trouble(); err != nil {
			st.Error = err.Error()
			s.State, s.Reason = manifest.IsDegraded, fmt.Sprintf("sink %q: %s", st.Name, st.Error)
		}
		s.Sinks = append(s.Sinks, st)
	}
	j.sources(&s, now)
	if n := j.inst.Refused(); n > 0 {
		s.State, s.Reason = manifest.IsDegraded, fmt.Sprintf("%d items had too many different keys and were refused", n)
	}
	if j.notice != "" {
		s.State, s.Reason = manifest.IsDegraded, j.notice
	}
	if j.failed != "" {
		s.State, s.Reason = manifest.IsFailed, j.failed
	}
	if j.opening && j.failed == "" {
		s.State, s.Reason = manifest.IsStarting, "where it begins is being stored"
	}
	if s.State != j.state {
		j.state, j.since = s.State, now.UTC()
	}
	s.Since = j.since
	return s
}

// sources tells in a status of those that are not connected: at first it is
// starting, then something is wrong.
func (j *job) sources(s *ManifestStatus, now time.Time) {
	if j.runner.reached == nil {
		return
	}
	for _, id := range j.inst.Sources() {
		at, ok := j.runner.reached(id)
		if !ok || at.Connected {
			continue
		}
		why := cmp.Or(at.Error, "it is not connected")
		if waited := now.Sub(j.began); !j.up && waited < j.runner.startMost {
			s.State, s.Reason = manifest.IsStarting, fmt.Sprintf("source %q is being connected: %s", at.Name, why)
		} else if !j.up {
			s.State, s.Reason = manifest.IsDegraded, fmt.Sprintf("source %q was not reached within %v, and is tried again: %s", at.Name, j.runner.startMost, why)
		} else {
			s.State, s.Reason = manifest.IsDegraded, fmt.Sprintf("source %q: %s", at.Name, why)
		}
		return
	}
	j.up = true
}

func (j *job) isOver() bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.over
}

func (j *job) broken() bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.failed != ""
}

func (j *job) printed() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.print
}

func (j *job) fail(why string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.failed = why
}

func (j *job) note(what string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.notice = what
}

// reads tells whether the job reads a source.
func (j *job) reads(source string) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return slices.Contains(j.inst.Sources(), source)
}
