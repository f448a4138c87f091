package registry

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"github.com/wattwerk/wattwerk/microservice"
	"github.com/wattwerk/wattwerk/record"
)

// Desired is how many instances of a version there are to be.
type Desired struct {
	Of        microservice.Key
	Instances int
}

// ActionKind says what is to be done.
type ActionKind string

// The actions there are.
const (
	Start   ActionKind = "start"   // one instance more
	Stop    ActionKind = "stop"    // this instance
	Restart ActionKind = "restart" // this instance, which does not come up; it is removed, and put again
	Tell    ActionKind = "tell"    // somebody: it cannot be done
)

// Action is one thing to be done.
type Action struct {
	Kind     ActionKind       `json:"kind"`
	Of       microservice.Key `json:"of"`
	Instance string           `json:"instance,omitempty"`
	Why      string           `json:"why"`
}

// Grace is how long, in ms, an instance may be down until it is restarted.
const Grace = 30_000

// Reconcile compares what is to be with what is, and gives at most so many actions:
// what is missing first, then what does not come up, then what is too much. Nothing is
// changed; the same comparison after the actions were carried out gives none. Who is in
// quarantine counts as missing, and is left alone.
func Reconcile(desired []Desired, s *Snapshot, now record.Millis, most int) []Action {
	var starts, restarts, stops []Action
	want := make(map[microservice.Key]int, len(desired))
	for _, d := range desired {
		if d.Instances > 0 {
			want[d.Of] += d.Instances
		}
	}
	for _, k := range slices.SortedFunc(maps.Keys(want), compare) {
		if _, ok := s.Template(k); !ok {
			starts = append(starts, Action{Tell, k, "", "there is no such template"})
			continue
		}
		var run []*Health
		for _, h := range s.Instances(k) {
			if h.State != Quarantined {
				run = append(run, h)
			}
		}
		for n := len(run); n < want[k]; n++ {
			starts = append(starts, Action{Start, k, "", fmt.Sprintf("%d of %d are there", n, want[k])})
		}
		slices.SortStableFunc(run, func(a, b *Health) int { return cmp.Compare(worse(a.State), worse(b.State)) })
		for _, h := range run[:min(len(run), want[k])] {
			if h.State == Down && int64(now-h.Since) > Grace {
				restarts = append(restarts, Action{Restart, k, h.Instance.ID, fmt.Sprintf("down since %v", h.Since)})
			}
		}
		for i := len(run) - 1; i >= want[k]; i-- {
			stops = append(stops, Action{Stop, k, run[i].Instance.ID, fmt.Sprintf("%d are wanted", want[k])})
		}
	}
	for _, id := range s.IDs() {
		for _, v := range s.templates[id] {
			if _, wanted := want[v.template.Key()]; wanted {
				continue
			}
			for _, h := range v.all {
				if h.State != Quarantined {
					stops = append(stops, Action{Stop, v.template.Key(), h.Instance.ID, "none is wanted"})
				}
			}
		}
	}
	all := slices.Concat(starts, restarts, stops)
	return all[:min(len(all), max(most, 0))]
}

func worse(s State) int {
	return slices.Index([]State{Up, Degraded, Stale, Down, Quarantined}, s)
}

func compare(a, b microservice.Key) int {
	return cmp.Or(cmp.Compare(a.ID, b.ID), a.Version.Compare(b.Version))
}

// Retired gives the versions that nobody has used for so long, in ms. Used says when a
// version was last used; one it does not name counts from when it was made known.
// The newest version of a microservice is never among them.
func (s *Snapshot) Retired(used map[microservice.Key]record.Millis, now record.Millis, after int64) []microservice.Key {
	var out []microservice.Key
	for _, id := range s.IDs() {
		for i, v := range s.templates[id] {
			k := v.template.Key()
			if i > 0 && int64(now-max(used[k], v.put)) > after {
				out = append(out, k)
			}
		}
	}
	return out
}
