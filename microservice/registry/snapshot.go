package registry

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"github.com/wattwerk/wattwerk/internal/strict"
	"github.com/wattwerk/wattwerk/microservice"
	"github.com/wattwerk/wattwerk/record"
)

// Bounds of registries.
const (
	MaxTemplates = 10_000 // versions of microservices
	MaxInstances = 100_000
	maxNote      = 500
)

// Change is one thing that is another now; exactly one of the fields besides At is
// set.
type Change struct {
	At             record.Millis // not needed for checks
	PutTemplate    *microservice.Template
	RemoveTemplate microservice.Key // with its instances
	PutInstance    *Instance
	RemoveInstance string
	Check          *Check
	Quarantine     string // an instance; Why says why
	Release        string // an instance, from quarantine: it is thought of as before
	Why            string
}

// Snapshot is everything that is known at one moment.
type Snapshot struct {
	epoch     uint64
	templates map[string][]*version // the highest version first
	instances map[string]*Health
	count     int // of versions
}

type version struct {
	template *microservice.Template
	put      record.Millis
	all      []*Health // by identifier
	up       []*Health
}

// Empty is a registry without anything, in epoch 0.
func Empty() *Snapshot {
	return &Snapshot{templates: map[string][]*version{}, instances: map[string]*Health{}}
}

// Epoch rises with everything that discovery can see.
func (s *Snapshot) Epoch() uint64 { return s.epoch }

// Apply gives the snapshot after changes, and what became of instances. When a
// change cannot be made none is, and the error is a [*strict.Faults]; a check of an
// instance that is not known any more is left out.
func (s *Snapshot) Apply(changes ...Change) (*Snapshot, []Entry, error) {
	n := &edit{Snapshot: &Snapshot{epoch: s.epoch, templates: maps.Clone(s.templates), instances: maps.Clone(s.instances), count: s.count}, own: make(map[string]bool), touched: make(map[microservice.Key]bool)}
	for i := range changes {
		n.apply(&changes[i])
	}
	if err := n.faults.Err(); err != nil {
		return s, nil, err
	}
	n.lists()
	if n.seen {
		n.epoch++
	}
	return n.Snapshot, n.log, nil
}

type edit struct {
	*Snapshot
	faults  strict.Faults
	log     []Entry
	own     map[string]bool // instances that are copies already
	touched map[microservice.Key]bool
	seen    bool
}

func (n *edit) apply(c *Change) {
	switch {
	case c.PutTemplate != nil:
		n.putTemplate(c.PutTemplate, c.At)
	case c.RemoveTemplate.ID != "":
		n.removeTemplate(c.RemoveTemplate)
	case c.PutInstance != nil:
		n.putInstance(c.PutInstance, c.At)
	case c.RemoveInstance != "":
		if h, ok := n.instances[c.RemoveInstance]; ok {
			delete(n.instances, c.RemoveInstance)
			n.touched[h.Instance.Of], n.seen = true, true
		}
	case c.Check != nil:
		if h := n.health(c.Check.Instance); h != nil {
			h.see(*c.Check)
			n.settle(h, c.Check.At, c.Check.Note)
		}
	case c.Quarantine != "":
		n.quarantine(c.Quarantine, true, c)
	case c.Release != "":
		n.quarantine(c.Release, false, c)
	default:
		n.faults.Add("a change says nothing")
	}
}

// health gives an instance that may be changed.
func (n *edit) health(id string) *Health {
	h, ok := n.instances[id]
	if !ok {
		return nil
	}
	n.touched[h.Instance.Of] = true
	if !n.own[id] {
		copied := *h
		h = &copied
		n.instances[id], n.own[id] = h, true
	}
	return h
}

func (n *edit) settle(h *Health, at record.Millis, why string) {
	if len(why) > maxNote {
		why = why[:maxNote]
	}
	if e, changed := h.settle(at, why); changed {
		n.log, n.seen = append(n.log, e), true
	}
}

func (n *edit) quarantine(id string, in bool, c *Change) {
	h := n.health(id)
	if h == nil {
		n.faults.Add("there is no instance %.200q", id)
		return
	}
	h.quarantined = in
	n.settle(h, c.At, c.Why)
}

func (n *edit) find(k microservice.Key) (int, bool) {
	return slices.BinarySearchFunc(n.templates[k.ID], k.Version, func(v *version, w microservice.Version) int {
		return w.Compare(v.template.Release.Version)
	})
}

func (n *edit) putTemplate(t *microservice.Template, at record.Millis) {
	if f := t.Check(); len(f) > 0 {
		for _, x := range f {
			n.faults.Add("microservice %.200q: %s", t.ID, x.Text)
		}
		return
	}
	copied := *t
	copied.Instances, copied.Locations = nil, nil
	v := &version{template: &copied, put: at}
	list := slices.Clone(n.templates[t.ID])
	i, there := n.find(t.Key())
	switch {
	case there:
		v.put = list[i].put
		list[i] = v
	case n.count >= MaxTemplates:
		n.faults.Add("there are %d templates, more are not taken", n.count)
		return
	default:
		list = slices.Insert(list, i, v)
		n.count++
	}
	n.templates[t.ID] = list
	n.touched[t.Key()], n.seen = true, true
}

func (n *edit) removeTemplate(k microservice.Key) {
	i, there := n.find(k)
	if !there {
		return
	}
	for id, h := range n.instances {
		if h.Instance.Of == k {
			delete(n.instances, id)
		}
	}
	list := slices.Delete(slices.Clone(n.templates[k.ID]), i, i+1)
	if n.templates[k.ID] = list; len(list) == 0 {
		delete(n.templates, k.ID)
	}
	n.count--
	n.seen = true
}

func (n *edit) putInstance(x *Instance, at record.Millis) {
	if err := record.ValidateID("instance", x.ID); err != nil {
		n.faults.Add("%v", err)
		return
	}
	if _, there := n.find(x.Of); !there {
		n.faults.Add("instance %q: there is no microservice %.200q in version %v", x.ID, x.Of.ID, x.Of.Version)
		return
	}
	if x.Interval < 0 {
		n.faults.Add("instance %q: an interval of %d ms cannot be", x.ID, x.Interval)
		return
	}
	if was, there := n.instances[x.ID]; there {
		if was.Instance.Of == x.Of {
			h := n.health(x.ID)
			h.Instance, n.seen = *x, true
			return
		}
		n.touched[was.Instance.Of] = true
	} else if len(n.instances) >= MaxInstances {
		n.faults.Add("there are %d instances, more are not taken", len(n.instances))
		return
	}
	n.instances[x.ID], n.own[x.ID] = &Health{Instance: *x, State: Down, Since: at, Put: at}, true
	n.touched[x.Of], n.seen = true, true
}

// lists makes the lists of the versions again whose instances have changed.
func (n *edit) lists() {
	if len(n.touched) == 0 {
		return
	}
	all := make(map[microservice.Key][]*Health, len(n.touched))
	for _, h := range n.instances {
		if n.touched[h.Instance.Of] {
			all[h.Instance.Of] = append(all[h.Instance.Of], h)
		}
	}
	for k := range n.touched {
		i, there := n.find(k)
		if !there {
			continue
		}
		was := n.templates[k.ID][i]
		v := &version{template: was.template, put: was.put, all: all[k]}
		slices.SortFunc(v.all, func(a, b *Health) int { return cmp.Compare(a.Instance.ID, b.Instance.ID) })
		for _, h := range v.all {
			if h.State == Up {
				v.up = append(v.up, h)
			}
		}
		list := slices.Clone(n.templates[k.ID])
		list[i] = v
		n.templates[k.ID] = list
	}
}

// Pick gives the template and an instance of the highest healthy minor version,
// and of it the highest patch, of a major version. Spread chooses among the instances:
// whoever counts it up gives each of them the same work. Instances that skip says are
// not taken; nil skips none. False: none is healthy.
func (s *Snapshot) Pick(id string, major int, spread uint64, skip func(instance string) bool) (*microservice.Template, *Health, bool) {
	for _, v := range s.templates[id] {
		if v.template.Release.Version.Major != major {
			continue
		}
		n := uint64(len(v.up))
		for i := range n {
			h := v.up[(spread+i)%n]
			if skip == nil || !skip(h.Instance.ID) {
				return v.template, h, true
			}
		}
	}
	return nil, nil, false
}

// PickOf is [Snapshot.Pick] of exactly one version.
func (s *Snapshot) PickOf(k microservice.Key, spread uint64, skip func(instance string) bool) (*Health, bool) {
	for _, v := range s.templates[k.ID] {
		if v.template.Release.Version != k.Version {
			continue
		}
		n := uint64(len(v.up))
		for i := range n {
			if h := v.up[(spread+i)%n]; skip == nil || !skip(h.Instance.ID) {
				return h, true
			}
		}
	}
	return nil, false
}

// Newest gives the highest version of a major one, healthy or not.
func (s *Snapshot) Newest(id string, major int) (*microservice.Template, bool) {
	for _, v := range s.templates[id] {
		if v.template.Release.Version.Major == major {
			return v.template, true
		}
	}
	return nil, false
}

// Healthy tells whether any version of a major one has an instance that is up, and
// gives the template that [Snapshot.Pick] would give.
func (s *Snapshot) Healthy(id string, major int) (*microservice.Template, bool) {
	t, _, ok := s.Pick(id, major, 0, nil)
	return t, ok
}

// Template gives one version, with its instances and where they are.
func (s *Snapshot) Template(k microservice.Key) (microservice.Template, bool) {
	for _, v := range s.templates[k.ID] {
		if v.template.Release.Version == k.Version {
			return v.full(), true
		}
	}
	return microservice.Template{}, false
}

// full fills nodes 08 and 09 in.
func (v *version) full() microservice.Template {
	t := *v.template
	t.Instances = &microservice.InstanceCounts{Total: len(v.all), Healthy: len(v.up), Poor: len(v.all) - len(v.up)}
	for _, h := range v.all {
		l := h.Instance.Location
		l.Instance = h.Instance.ID
		t.Locations = append(t.Locations, l)
	}
	return t
}

// Templates gives every version of every microservice, by identifier, the highest
// version first, with instances and where they are.
func (s *Snapshot) Templates() []microservice.Template {
	out := make([]microservice.Template, 0, s.count)
	for _, id := range slices.Sorted(maps.Keys(s.templates)) {
		for _, v := range s.templates[id] {
			out = append(out, v.full())
		}
	}
	return out
}

// IDs gives the identifiers of all microservices, in order.
func (s *Snapshot) IDs() []string { return slices.Sorted(maps.Keys(s.templates)) }

// Majors gives the major versions of a microservice, the highest first.
func (s *Snapshot) Majors(id string) []int {
	var out []int
	for _, v := range s.templates[id] {
		if m := v.template.Release.Version.Major; !slices.Contains(out, m) {
			out = append(out, m)
		}
	}
	return out
}

// Instance gives what is known of an instance.
func (s *Snapshot) Instance(id string) (*Health, bool) {
	h, ok := s.instances[id]
	return h, ok
}

// Instances gives all instances of a version, by identifier; not to be changed.
func (s *Snapshot) Instances(k microservice.Key) []*Health {
	for _, v := range s.templates[k.ID] {
		if v.template.Release.Version == k.Version {
			return v.all
		}
	}
	return nil
}

// String is for people who look for faults.
func (s *Snapshot) String() string {
	return fmt.Sprintf("epoch %d: %d templates, %d instances", s.epoch, s.count, len(s.instances))
}
