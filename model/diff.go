package model

import (
	"cmp"
	"slices"
)

// Diff gives the patch that turns one document into the other; it is empty
// when both say the same. Defaults that one spells out and the other leaves
// out make no difference.
func Diff(from, to Document) Patch {
	var p Patch
	c := change{zones: make(map[string]bool), interned: make(map[string]string)}
	p.Sites, p.RemoveSites = diff(from.Sites, to.Sites, func(s *Site) SiteID { return s.ID },
		c.checkSite, func(a, b *Site) bool { return *a == *b })
	p.Sensors, p.RemoveSensors = diff(from.Sensors, to.Sensors, sensorID, c.checkSensor, sameSensor)
	p.Groups, p.RemoveGroups = diff(from.Groups, to.Groups, func(g *Group) GroupID { return g.ID },
		c.checkGroup, func(a, b *Group) bool { return a.Name == b.Name && slices.Equal(a.Members, b.Members) })
	p.Hierarchies, p.RemoveHierarchies = diff(from.Hierarchies, to.Hierarchies, func(h *Hierarchy) HierarchyID { return h.ID },
		c.checkHierarchy, func(a, b *Hierarchy) bool { return *a == *b })
	return p
}

func diff[T any, K cmp.Ordered](from, to []T, id func(*T) K, fill func(*T), same func(a, b *T) bool) (put []T, remove []K) {
	was := make(map[K]*T, len(from))
	for i := range from {
		was[id(&from[i])] = &from[i]
	}
	named := make(map[K]bool, len(to))
	for i := range to {
		k := id(&to[i])
		before, known := was[k]
		twice := named[k]
		named[k] = true
		if known && !twice {
			a, b := *before, to[i]
			fill(&a)
			fill(&b)
			if same(&a, &b) {
				continue
			}
		}
		put = append(put, to[i])
	}
	for i := range from {
		if k := id(&from[i]); !named[k] {
			remove = append(remove, k)
		}
	}
	slices.SortStableFunc(put, func(a, b T) int { return cmp.Compare(id(&a), id(&b)) })
	slices.Sort(remove)
	return put, remove
}
