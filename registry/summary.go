package registry

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/wattwerk/wattwerk/model"
	"github.com/wattwerk/wattwerk/record"
)

// conflictPause bounds the wait for another writer's revision.
const conflictPause = 2 * time.Second

// summary says in a sentence what a patch does to a model.
func summary(m *model.Model, p model.Patch) string {
	var parts []string
	say := func(verb, kind string, ids []string) {
		switch n := len(ids); {
		case n == 0:
		case n <= 3:
			parts = append(parts, fmt.Sprintf("%s %s %s", verb, kind, strings.Join(ids, ", ")))
		default:
			parts = append(parts, fmt.Sprintf("%s %d %s", verb, n, plurals[kind]))
		}
	}
	tell := func(kind string, added, changed, removed []string) {
		say("added", kind, added)
		say("changed", kind, changed)
		say("removed", kind, removed)
	}
	a, c := split(p.Sites, func(s model.Site) (string, bool) { _, ok := m.Site(s.ID); return string(s.ID), ok })
	tell("site", a, c, quoted(p.RemoveSites))
	a, c = split(p.Sensors, func(s model.Sensor) (string, bool) { _, ok := m.Sensor(s.ID); return string(s.ID), ok })
	tell("sensor", a, c, quoted(p.RemoveSensors))
	a, c = split(p.Groups, func(g model.Group) (string, bool) { _, ok := m.Group(g.ID); return string(g.ID), ok })
	tell("group", a, c, quoted(p.RemoveGroups))
	a, c = split(p.Hierarchies, func(h model.Hierarchy) (string, bool) { _, ok := m.Hierarchy(h.ID); return string(h.ID), ok })
	tell("hierarchy", a, c, quoted(p.RemoveHierarchies))
	return strings.Join(parts, "; ")
}

var plurals = map[string]string{"site": "sites", "sensor": "sensors", "group": "groups", "hierarchy": "hierarchies"}

func split[T any](put []T, known func(T) (string, bool)) (added, changed []string) {
	for _, x := range put {
		id, old := known(x)
		if old {
			changed = append(changed, fmt.Sprintf("%q", id))
		} else {
			added = append(added, fmt.Sprintf("%q", id))
		}
	}
	return added, changed
}

func quoted[K ~string](ids []K) []string {
	out := make([]string, len(ids))
	for i, id := range ids {
		out[i] = fmt.Sprintf("%q", string(id))
	}
	return out
}

// later names what is not any more as a revision left it, in sentences.
func later(m *model.Model, p model.Patch) []string {
	var now, then model.Document
	for _, x := range p.Sites {
		if s, ok := m.Site(x.ID); ok {
			now.Sites = append(now.Sites, *s)
		}
	}
	for _, x := range p.Sensors {
		if s, ok := m.Sensor(x.ID); ok {
			now.Sensors = append(now.Sensors, *s)
		}
	}
	for _, x := range p.Groups {
		if g, ok := m.Group(x.ID); ok {
			now.Groups = append(now.Groups, *g)
		}
	}
	for _, x := range p.Hierarchies {
		if h, ok := m.Hierarchy(x.ID); ok {
			now.Hierarchies = append(now.Hierarchies, *h)
		}
	}
	then.Sites, then.Sensors, then.Groups, then.Hierarchies = p.Sites, p.Sensors, p.Groups, p.Hierarchies
	d := model.Diff(now, then)
	for _, id := range p.RemoveSites {
		if s, ok := m.Site(id); ok {
			d.Sites = append(d.Sites, *s)
		}
	}
	for _, id := range p.RemoveSensors {
		if s, ok := m.Sensor(id); ok {
			d.Sensors = append(d.Sensors, *s)
		}
	}
	for _, id := range p.RemoveGroups {
		if g, ok := m.Group(id); ok {
			d.Groups = append(d.Groups, *g)
		}
	}
	for _, id := range p.RemoveHierarchies {
		if h, ok := m.Hierarchy(id); ok {
			d.Hierarchies = append(d.Hierarchies, *h)
		}
	}
	var out []string
	add := func(kind, id string) {
		if len(out) < model.MaxFaults {
			out = append(out, fmt.Sprintf("%s %q was changed again by a later revision; undo that one first", kind, id))
		}
	}
	for _, x := range d.Sites {
		add("site", string(x.ID))
	}
	for _, x := range d.Sensors {
		add("sensor", string(x.ID))
	}
	for _, x := range d.Groups {
		add("group", string(x.ID))
	}
	for _, x := range d.Hierarchies {
		add("hierarchy", string(x.ID))
	}
	return out
}

// without gives the members of a group less one, and that one, which is empty when
// the group has no such member.
func without(g *model.Group, sensor record.SensorID, group model.GroupID) ([]model.Member, model.Member) {
	i := slices.IndexFunc(g.Members, func(e model.Member) bool { return e.Sensor == sensor && e.Group == group })
	if i < 0 {
		return g.Members, model.Member{}
	}
	return slices.Delete(slices.Clone(g.Members), i, i+1), g.Members[i]
}
