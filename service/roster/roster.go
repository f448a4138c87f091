package roster

import (
	"log/slog"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/wattwerk/wattwerk/microservice"
	"github.com/wattwerk/wattwerk/microservice/registry"
	"github.com/wattwerk/wattwerk/record"
)

// Member is a process that can carry services out.
type Member struct {
	ID   string
	Name string
	URL  string // where it is reached; empty: it is not
}

// Options say what to work with.
type Options struct {
	Members func() []Member // processes that live, this one first
	Clock   func() record.Millis
	Log     *slog.Logger
	Told    func(to registry.State) // of every instance that is otherwise; may be nil
	Retire  time.Duration           // default [Retire]
}

// Retire is how long nobody has asked for a version that is retired.
const Retire = 30 * 24 * time.Hour

// forgetAfter is how many checks in a row a process may be away until its instances
// are forgotten.
const forgetAfter = 600

// mostActions bounds what one pass does; the next one goes on.
const mostActions = 10_000

// Roster is which process runs what.
type Roster struct {
	opts  Options
	known atomic.Pointer[registry.Snapshot]
	live  atomic.Pointer[map[string]Member]
	self  atomic.Pointer[Member]

	mu        sync.Mutex
	templates []microservice.Template
	runs      func(*microservice.Template) bool
	absent    map[string]int // checks in a row, by process
	used      map[microservice.Key]record.Millis
	retired   map[microservice.Key]bool
}

// New knows nothing yet.
func New(o Options) *Roster {
	if o.Retire == 0 {
		o.Retire = Retire
	}
	if o.Told == nil {
		o.Told = func(registry.State) {}
	}
	r := &Roster{opts: o, absent: make(map[string]int), used: make(map[microservice.Key]record.Millis), runs: func(*microservice.Template) bool { return false }}
	r.known.Store(registry.Empty())
	r.look()
	return r
}

// Known is what there is.
func (r *Roster) Known() *registry.Snapshot { return r.known.Load() }

// Live is how many processes there are.
func (r *Roster) Live() int { return len(*r.live.Load()) }

// Self is this process.
func (r *Roster) Self() Member { return *r.self.Load() }

// Member gives the process of an instance, if it lives.
func (r *Roster) Member(instance string) (Member, bool) {
	h, ok := r.Known().Instance(instance)
	if !ok {
		return Member{}, false
	}
	m, ok := (*r.live.Load())[h.Instance.Location.Instance]
	return m, ok
}

// Use notes that somebody asked for a version.
func (r *Roster) Use(k microservice.Key) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.used[k] = r.opts.Clock()
}

// Retired tells whether a version is, and when it was asked for last as this process
// knows.
func (r *Roster) Retired(k microservice.Key) (retired bool, used record.Millis) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.retired[k], r.used[k]
}

// look reads which processes live.
func (r *Roster) look() map[string]Member {
	all := r.opts.Members()
	live := make(map[string]Member, len(all))
	for _, m := range all {
		live[m.ID] = m
	}
	self := Member{}
	if len(all) > 0 {
		self = all[0]
	}
	r.self.Store(&self)
	r.live.Store(&live)
	return live
}

// Define has these be the versions there are. Runs tells which of them this program
// can run.
func (r *Roster) Define(templates []microservice.Template, runs func(*microservice.Template) bool) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	s, now := r.known.Load(), r.opts.Clock()
	var changes []registry.Change
	is := make(map[microservice.Key]bool, len(templates))
	for i := range templates {
		t := &templates[i]
		is[t.Key()] = true
		if _, ok := s.Template(t.Key()); !ok {
			changes = append(changes, registry.Change{At: now, PutTemplate: t})
		}
	}
	for _, t := range s.Templates() {
		if !is[t.Key()] {
			changes = append(changes, registry.Change{At: now, RemoveTemplate: t.Key()})
			delete(r.used, t.Key())
		}
	}
	next, _, err := s.Apply(changes...)
	if err != nil {
		return err
	}
	r.known.Store(next)
	r.templates, r.runs = templates, runs
	return r.reconcile()
}

// Check looks which processes live and brings what is to what is to be: every second.
func (r *Roster) Check() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.reconcile()
}

// reconcile holds the lock.
func (r *Roster) reconcile() error {
	live, now := r.look(), r.opts.Clock()
	s := r.known.Load()
	expected := r.expected(live, s)
	r.retire(s, now)
	var desired []registry.Desired
	for i := range r.templates {
		if t := &r.templates[i]; t.Runtime.BuiltIn != "" && r.runs(t) && !r.retired[t.Key()] {
			desired = append(desired, registry.Desired{Of: t.Key(), Instances: len(expected)})
		}
	}
	var changes []registry.Change
	begun := make(map[string]bool) // instances
	for _, a := range registry.Reconcile(desired, s, now, mostActions) {
		switch a.Kind {
		case registry.Start:
			if x, ok := r.missing(a.Of, live, begun); ok {
				begun[x.ID] = true
				changes = append(changes, registry.Change{At: now, PutInstance: x})
			}
		case registry.Restart:
			h, _ := s.Instance(a.Instance)
			if _, ok := live[h.Instance.Location.Instance]; ok { // what is away comes up by itself
				x := h.Instance
				changes = append(changes, registry.Change{At: now, RemoveInstance: x.ID}, registry.Change{At: now, PutInstance: &x})
				r.opts.Log.Info("an instance of a microservice is started again", "instance", x.ID, "because", a.Why)
			}
		case registry.Stop:
			id := superfluous(s, a, expected, begun)
			begun[id] = true
			changes = append(changes, registry.Change{At: now, RemoveInstance: id})
			r.opts.Log.Info("an instance of a microservice is no more", "instance", id, "because", a.Why)
		case registry.Tell:
			r.opts.Log.Warn("a microservice cannot be started", "microservice", a.Of.ID, "version", a.Of.Version, "because", a.Why)
		}
	}
	s, _, err := s.Apply(changes...)
	if err != nil {
		return err
	}
	next, entries, err := s.Apply(r.checks(s, live, now)...)
	if err != nil {
		return err
	}
	for _, x := range entries {
		if x.From == registry.Up || x.To == registry.Up && x.From != registry.Down {
			r.opts.Log.Info("an instance of a microservice is otherwise", "instance", x.Instance, "from", x.From, "to", x.To, "because", x.Why)
		}
		r.opts.Told(x.To)
	}
	r.known.Store(next)
	return nil
}

// expected are the processes that live, and those that are away and not forgotten.
func (r *Roster) expected(live map[string]Member, s *registry.Snapshot) map[string]bool {
	out := make(map[string]bool, len(live))
	for id := range live {
		out[id] = true
		delete(r.absent, id)
	}
	away := make(map[string]bool)
	for i := range r.templates {
		for _, h := range s.Instances(r.templates[i].Key()) {
			if id := h.Instance.Location.Instance; !out[id] {
				away[id] = true
			}
		}
	}
	for id := range away {
		if r.absent[id]++; r.absent[id] <= forgetAfter {
			out[id] = true
		} else {
			delete(r.absent, id)
		}
	}
	return out
}

// retire finds versions that nobody asks for.
func (r *Roster) retire(s *registry.Snapshot, now record.Millis) {
	was := r.retired
	r.retired = make(map[microservice.Key]bool)
	for _, k := range s.Retired(r.used, now, r.opts.Retire.Milliseconds()) {
		if r.retired[k] = true; !was[k] {
			r.opts.Log.Info("a version of a microservice is retired", "microservice", k.ID, "version", k.Version)
		}
	}
}

// InstanceID names the instance of a version at a process.
func InstanceID(k microservice.Key, member string) string {
	return k.ID + "@" + k.Version.String() + "@" + member
}

// missing is an instance at the first process that has none of a version.
func (r *Roster) missing(k microservice.Key, live map[string]Member, begun map[string]bool) (*registry.Instance, bool) {
	for _, id := range slices.Sorted(maps.Keys(live)) {
		x := registry.Instance{ID: InstanceID(k, id), Of: k, Location: microservice.Location{Instance: id, URI: live[id].URL}}
		if _, there := r.Known().Instance(x.ID); !there && !begun[x.ID] {
			return &x, true
		}
	}
	return nil, false
}

// superfluous is the instance to stop: one whose process is forgotten, before the one
// that was chosen by its health.
func superfluous(s *registry.Snapshot, a registry.Action, expected, stopped map[string]bool) string {
	for _, h := range s.Instances(a.Of) {
		if !expected[h.Instance.Location.Instance] && !stopped[h.Instance.ID] {
			return h.Instance.ID
		}
	}
	return a.Instance
}

// checks of all instances: one whose process is away fails.
func (r *Roster) checks(s *registry.Snapshot, live map[string]Member, now record.Millis) (out []registry.Change) {
	for i := range r.templates {
		for _, h := range s.Instances(r.templates[i].Key()) {
			_, ok := live[h.Instance.Location.Instance]
			c := registry.Check{Instance: h.Instance.ID, At: now, Live: ok, Ready: ok}
			if !ok {
				c.Note = "the process does not answer"
			}
			out = append(out, registry.Change{Check: &c})
		}
	}
	return out
}
