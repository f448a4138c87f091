package object

import (
	"slices"
	"time"

	"github.com/wattwerk/wattwerk/model"
	"github.com/wattwerk/wattwerk/object/vocabulary"
)

func (w *World) enrich(more []Enrichment) {
	seen := make(map[ID]bool, len(more))
	for i := range more {
		e := &more[i]
		o, ok := w.Object(e.Object)
		if !ok {
			w.fault(Fault{Object: e.Object, Kind: UnknownObject, Text: sentence("enrichment of %.100q, which the model does not have", string(e.Object))})
			continue
		}
		if seen[o.ID] {
			w.fault(Fault{Object: o.ID, Kind: Repeated, Text: sentence("%s is enriched twice", o.ID)})
			continue
		}
		seen[o.ID] = true
		w.enrichOne(o, e)
	}
	for i := range w.objects {
		if s := w.objects[i].Space; s != "" {
			if _, ok := w.spaceIndex[s]; !ok { // sites are known: it was enriched so
				w.objects[i].Space = ""
			}
		}
	}
}

func (w *World) enrichOne(o *Object, e *Enrichment) {
	say := func(kind FaultKind, format string, args ...any) {
		w.fault(Fault{Object: o.ID, Kind: kind, Text: string(o.ID) + " " + sentence(format, args...)})
	}
	if e.Class != "" {
		switch c, ok := vocabulary.Lookup(string(e.Class)); {
		case !ok:
			say(UnknownClass, "has the unknown class %.60q", string(e.Class))
		case !c.Is(vocabulary.Entity):
			say(WrongClass, "has the class %s, which is none of things that measure or are measured", c)
		case !o.Composite && !c.Is(vocabulary.Point):
			say(WrongClass, "is a sensor and has the class %s; a sensor is a brick:Point", c)
		default:
			o.Class = c
		}
	}
	if e.Space != "" {
		if _, ok := w.spaceIndex[e.Space]; ok {
			o.Space = e.Space
		} else {
			say(UnknownSpace, "is in the unknown space %.60q", e.Space)
		}
	}
	if e.Device != "" {
		if len(e.Device) > model.MaxName {
			say(BadNumber, "has a device of %d bytes, at most %d are taken", len(e.Device), model.MaxName)
		} else {
			o.Device = e.Device
		}
	}
	o.Actuator = e.Actuator
	switch _, known := w.index[e.Feeds]; {
	case e.Feeds == "":
	case !known:
		say(UnknownFeeds, "feeds %.100q, which the model does not have", string(e.Feeds))
	case e.Feeds == o.ID:
		say(FeedsItself, "feeds itself")
	default:
		o.Feeds = e.Feeds
	}
	switch r, known := w.Object(e.Replica); {
	case e.Replica == "":
	case !known:
		say(BadReplica, "is a replica of %.100q, which the model does not have", string(e.Replica))
	case r == o:
		say(BadReplica, "is a replica of itself")
	case o.Composite || r.Composite:
		say(BadReplica, "is a replica of %s; sensors alone have replicas", r.ID)
	default:
		o.Replica = r.ID
	}
	if e.Capacity < 0 || e.Capacity > MaxCapacity {
		say(BadNumber, "has the capacity %d; it is between 0 and %d", e.Capacity, MaxCapacity)
	} else {
		o.Capacity = e.Capacity
	}
	if h := time.Duration(e.Horizon); h != 0 {
		if h < time.Millisecond || h > time.Duration(100*model.MaxInterval) {
			say(BadNumber, "has the horizon %v; it is at least 1ms and at most 100 years", e.Horizon)
		} else {
			o.Horizon = h.Milliseconds()
		}
	}
	w.enrichGroup(o, e, say)
}

func (w *World) enrichGroup(o *Object, e *Enrichment, say func(FaultKind, string, ...any)) {
	if !o.Composite {
		if e.Restriction != nil {
			say(NotAGroup, "is a sensor and has a restriction; groups alone have one")
		}
		if len(e.Critical) > 0 {
			say(NotAGroup, "is a sensor and has critical members; groups alone have them")
		}
		return
	}
	if e.Restriction != nil {
		if err := e.Restriction.Validate(); err != nil {
			say(BadRestriction, "has a wrong restriction: %v", err)
		} else {
			o.Restriction = *e.Restriction
		}
	}
	for i, c := range e.Critical {
		switch {
		case i == MaxCritical:
			say(TooMany, "has %d critical members, at most %d are taken", len(e.Critical), MaxCritical)
			return
		case !slices.Contains(o.Members, c):
			say(NotAMember, "has the critical member %.100q, which is none of its members", string(c))
		case !slices.Contains(o.Critical, c):
			o.Critical = append(o.Critical, c)
		}
	}
}
