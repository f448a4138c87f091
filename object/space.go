package object

import (
	"cmp"
	"slices"

	"github.com/wattwerk/wattwerk/model"
	"github.com/wattwerk/wattwerk/object/vocabulary"
	"github.com/wattwerk/wattwerk/record"
)

// SpaceKinds lists what a space may be.
func SpaceKinds() []vocabulary.Class {
	return []vocabulary.Class{vocabulary.Site, vocabulary.Building, vocabulary.Level, vocabulary.Room, vocabulary.Zone}
}

func (w *World) addSpaces(m *model.Model, spaces []Space) {
	w.spaceIndex = make(map[string]int32, len(spaces))
	for i, s := range spaces {
		if i == MaxSpaces {
			w.fault(Fault{Kind: TooMany, Text: sentence("there are %d spaces, at most %d are taken", len(spaces), MaxSpaces)})
			break
		}
		if err := record.ValidateID("space", s.ID); err != nil {
			w.fault(Fault{Space: s.ID, Kind: BadSpace, Text: err.Error()})
			continue
		}
		if _, ok := w.spaceIndex[s.ID]; ok {
			w.fault(Fault{Space: s.ID, Kind: Repeated, Text: sentence("space %q is there twice", s.ID)})
			continue
		}
		kind, ok := vocabulary.Lookup(string(s.Kind))
		if s.Kind == "" {
			kind, ok = vocabulary.Zone, true
		}
		if !ok || !slices.Contains(SpaceKinds(), kind) {
			w.fault(Fault{Space: s.ID, Kind: BadSpace, Text: sentence("space %q has the kind %.60q, which is none of rec:Site, rec:Building, rec:Level, rec:Room, rec:Zone", s.ID, string(s.Kind))})
			kind = vocabulary.Zone
		}
		s.Kind = kind
		w.spaceIndex[s.ID] = int32(len(w.spaces))
		w.spaces = append(w.spaces, s)
	}
	for s := range m.Sites() {
		if _, ok := w.spaceIndex[string(s.ID)]; !ok {
			w.spaceIndex[string(s.ID)] = int32(len(w.spaces))
			w.spaces = append(w.spaces, Space{ID: string(s.ID), Name: s.Name, Kind: vocabulary.Site})
		}
	}
	slices.SortFunc(w.spaces, func(a, b Space) int { return cmp.Compare(a.ID, b.ID) })
	for i, s := range w.spaces {
		w.spaceIndex[s.ID] = int32(i)
	}
	w.checkParents()
	w.inside = make([][]string, len(w.spaces))
	for _, s := range w.spaces {
		if s.Parent != "" {
			at := w.spaceIndex[s.Parent]
			w.inside[at] = append(w.inside[at], s.ID)
		}
	}
}

// checkParents cuts spaces loose whose parent is unknown, and breaks cycles.
func (w *World) checkParents() {
	done := make([]bool, len(w.spaces))
	for i := range w.spaces {
		onPath := make(map[int32]bool)
		at := int32(i)
		for !done[at] {
			s := &w.spaces[at]
			onPath[at] = true
			if s.Parent == "" {
				break
			}
			up, ok := w.spaceIndex[s.Parent]
			if !ok {
				w.fault(Fault{Space: s.ID, Kind: UnknownSpace, Text: sentence("space %q lies in the unknown space %.60q", s.ID, s.Parent)})
				s.Parent = ""
				break
			}
			if onPath[up] {
				w.fault(Fault{Space: s.ID, Kind: SpaceCycle, Text: sentence("space %q lies within itself, by %q", s.ID, s.Parent)})
				s.Parent = ""
				break
			}
			at = up
		}
		for k := range onPath {
			done[k] = true
		}
	}
}

// Spaces lists every space, sorted by identifier.
func (w *World) Spaces() []Space { return w.spaces }

// Space gives a space and whether there is one.
func (w *World) Space(id string) (*Space, bool) {
	i, ok := w.spaceIndex[id]
	if !ok {
		return nil, false
	}
	return &w.spaces[i], true
}

// Inside lists the spaces directly within a space.
func (w *World) Inside(space string) []string {
	if i, ok := w.spaceIndex[space]; ok {
		return w.inside[i]
	}
	return nil
}

// Located lists the objects that are exactly in the space.
func (w *World) Located(space string) []*Object {
	if i, ok := w.spaceIndex[space]; ok {
		return w.located[i]
	}
	return nil
}

// Within lists the objects in the space and in all spaces within it.
func (w *World) Within(space string) []*Object {
	var out []*Object
	// Spaces have no cycles; a stack instead of calls, as nobody bounds their depth.
	for todo := []string{space}; len(todo) > 0; {
		at := todo[len(todo)-1]
		todo = append(todo[:len(todo)-1], w.Inside(at)...)
		out = append(out, w.Located(at)...)
	}
	return out
}

// Around gives the space of the kind that the space is, or lies in: the building
// of a room.
func (w *World) Around(space string, kind vocabulary.Class) (*Space, bool) {
	for {
		s, ok := w.Space(space)
		if !ok {
			return nil, false
		}
		if s.Kind == kind {
			return s, true
		}
		space = s.Parent
	}
}
