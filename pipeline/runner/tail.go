package runner

import (
	"context"
	"encoding/json"
	"math"
	"strings"
	"sync"
	"time"

	"github.com/wattwerk/wattwerk/observation"
	"github.com/wattwerk/wattwerk/record"
)

// How what a manifest gives is shown to those who look, whichever process they
// ask: not stored, at most so often, so many results of each processor.
const (
	tailEvery = 200 * time.Millisecond
	tailMost  = 20
	watchFor  = 10 * time.Second
)

// WatchSubject is where somebody says that he looks at a manifest, every few
// seconds; TailSubject is where it is shown then.
func WatchSubject(manifest string) string { return "pipeline.watch." + manifest }

// TailSubject is where results of a manifest are shown while somebody looks.
func TailSubject(manifest string) string { return "pipeline.tail." + manifest }

// Tail is what a processor gave lately.
type Tail struct {
	Processor string        `json:"processor"`
	Results   []ShownResult `json:"results" doc:"The newest, at most 20"`
	More      int           `json:"more" doc:"How many others it gave in the same fifth of a second"`
}

// ShownResult is one of them, as it is shown.
type ShownResult struct {
	Key   string        `json:"key"`
	Time  record.Millis `json:"time" doc:"ms since 1970 UTC"`
	Value *float64      `json:"value" doc:"Null: it has none"`
	Marks []string      `json:"marks,omitempty" doc:"estimated, partial, alarm, suspect"`
}

// MakeResult shows an item.
func MakeResult(key string, at record.Millis, value float64, marks observation.Marks) ShownResult {
	r := ShownResult{Key: key, Time: at}
	if marks&observation.Null == 0 && !math.IsNaN(value) && !math.IsInf(value, 0) {
		r.Value = &value
	}
	for _, m := range []struct {
		is   observation.Marks
		name string
	}{{observation.Estimated, "estimated"}, {observation.Partial, "partial"}, {observation.Alarm, "alarm"}, {observation.Suspect, "suspect"}} {
		if marks&m.is != 0 {
			r.Marks = append(r.Marks, m.name)
		}
	}
	return r
}

// tail collects what a job gives. It is under the job's mutex.
type tail struct {
	nodes []Tail
}

func (t *tail) add(j *job, node int, items []observation.Item) {
	for len(t.nodes) <= node {
		t.nodes = append(t.nodes, Tail{Processor: j.plan.Nodes[len(t.nodes)].Processor.Name})
	}
	n := &t.nodes[node]
	if over := len(items) - tailMost; over > 0 {
		n.More += over
		items = items[over:]
	}
	for _, it := range items {
		n.Results = append(n.Results, MakeResult(j.inst.Key(it.Series), it.Time, it.Value, it.Marks))
	}
	if over := len(n.Results) - tailMost; over > 0 {
		n.More += over
		n.Results = append(n.Results[:0], n.Results[over:]...)
	}
}

// tails knows who is looked at.
type tails struct {
	mu      sync.Mutex
	watched map[string]time.Time
}

func (t *tails) run(ctx context.Context, r *Runner) {
	sub, err := r.bus.Watch(WatchSubject("*"), func(subject string) {
		t.mu.Lock()
		defer t.mu.Unlock()
		if t.watched == nil {
			t.watched = make(map[string]time.Time)
		}
		if len(t.watched) < 1000 {
			t.watched[strings.TrimPrefix(subject, WatchSubject(""))] = time.Now()
		}
	})
	if err != nil {
		r.log.Warn("nobody can look at what manifests give", "error", err)
		return
	}
	defer sub()
	tick := time.NewTicker(tailEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			t.show(now, r)
		}
	}
}

func (t *tails) show(now time.Time, r *Runner) {
	t.mu.Lock()
	var ids []string
	for id, at := range t.watched {
		if now.Sub(at) > watchFor {
			delete(t.watched, id)
		}
		ids = append(ids, id)
	}
	t.mu.Unlock()
	for _, id := range ids {
		r.mu.Lock()
		j := r.jobs[id]
		r.mu.Unlock()
		if j == nil {
			continue
		}
		t.mu.Lock()
		_, on := t.watched[id]
		t.mu.Unlock()
		j.mu.Lock()
		var out []Tail
		switch {
		case !on:
			j.tail = nil
		case j.tail == nil:
			j.tail = new(tail)
		default:
			for _, n := range j.tail.nodes {
				if len(n.Results) > 0 {
					out = append(out, n)
				}
			}
			j.tail.nodes = nil
		}
		j.mu.Unlock()
		if len(out) == 0 {
			continue
		}
		if data, err := json.Marshal(out); err == nil {
			r.bus.Show(TailSubject(id), data)
		}
	}
}
