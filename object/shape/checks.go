package shape

import (
	"slices"

	"github.com/wattwerk/wattwerk/object"
	"github.com/wattwerk/wattwerk/object/vocabulary"
)

// faults makes a check of what the world left out, which is wrong therefore.
func faults(name, looks, advice string, kinds ...object.FaultKind) Check {
	return Check{name, Wrong, looks, advice, func(f *finder) {
		for _, x := range f.world.Faults() {
			if slices.Contains(kinds, x.Kind) {
				f.add(Finding{Object: x.Object, Space: x.Space, Text: x.Text})
			}
		}
	}}
}

// of makes a check that looks at one object at a time.
func of(name string, severity Severity, looks, advice string, find func(*finder, *object.Object)) Check {
	return Check{name, severity, looks, advice, func(f *finder) {
		f.each(func(o *object.Object) { find(f, o) })
	}}
}

var checks = []Check{
	faults("unknown-object", "something is said of an object that the model does not have", "Take it back, or correct the identifier.", object.UnknownObject, object.UnknownFeeds, object.BadReplica),
	faults("unknown-class", "a class that is not known, or not one of sensors or groups", "Take a class of the vocabulary; sensors are points.", object.UnknownClass, object.WrongClass),
	faults("unknown-space", "a space that is not known", "Add the space, or correct the identifier.", object.UnknownSpace),
	faults("space-cycle", "a space that lies within itself", "Say of one of the spaces in the circle where it really lies.", object.SpaceCycle),
	faults("not-a-member", "a critical member that is no member, or members of what is no group", "Take it from the critical members, or make it a member of the group.", object.NotAMember, object.NotAGroup),
	faults("said-wrongly", "anything else that spaces and enrichments say wrongly", "Correct what the sentence names.", object.TooMany, object.Repeated, object.BadSpace, object.BadRestriction, object.BadNumber),
	of("no-unit", Suspect, "values without a unit: a group with members, below which no sensor lies", "Give the groups within it sensors, or remove it.", noUnit),
	of("wrong-quantity", Wrong, "a class that measures something else than the quantity", "Take the class of what is measured, or correct the sensor's quantity.", wrongQuantity),
	of("empty-group", Suspect, "a group without members", "Give it members, or remove it.", emptyGroup),
	of("never-met", Wrong, "a restriction that needs more members than there are", "Lower the number, or add members.", neverMet),
	{"feeds-itself", Wrong, "what feeds itself, at once or in a circle", "Say of one of them what it really feeds.", feedsItself},
	{"shared-device", Hint, "a device that serves two sensors of the same quantity and class at once", "End the device at the sensor it left; a meter with two registers of a kind is as it should be.", sharedDevice},
	of("alone", Hint, "a sensor in no group", "Make it a member of a group, so that it is seen and summed up.", alone),
	of("short-horizon", Wrong, "a horizon that is shorter than the interval", "Have the horizon last for several intervals.", shortHorizon),
	of("short-age", Suspect, "a max age that is shorter than the interval", "Have the last reading count for at least two intervals.", shortAge),
	of("actuator", Suspect, "an actuator's class without the actuator's mark, or the mark on what is only read", "Set the mark on commands and setpoints, and on nothing else.", actuator),
	of("shared-actuator", Suspect, "an actuator that several services may use at once", "Leave the capacity away: one service at a time uses an actuator.", sharedActuator),
	of("same-name", Suspect, "members of one group with the same name", "Give each its own name.", sameName),
	of("foreign-meter", Suspect, "a group's own meter that measures something else than the members, or counts while they do not", "Take a meter of the quantity and kind of the members.", foreignMeter),
	of("virtual-replica", Suspect, "a virtual sensor that is taken for a replica", "Take a sensor that measures by itself; a formula is silent when what it is made of is.", virtualReplica),
	of("foreign-replica", Wrong, "a replica that measures something else", "Take a sensor of the same quantity and kind.", foreignReplica),
	of("nowhere", Hint, "a sensor in no space, while others are", "Say where it is; substitutes are sought nearby.", nowhere),
}

func noUnit(f *finder, o *object.Object) {
	switch {
	case o.Quantity != "":
	case !o.Composite:
		f.say(o, "has no unit")
	case len(o.Members) > 0:
		f.say(o, "has members and no unit, as no sensor lies below it")
	}
}

func wrongQuantity(f *finder, o *object.Object) {
	if o.Quantity != "" && o.Class.Is(vocabulary.Point) && !o.Class.Agrees(o.Quantity) {
		f.say(o, "measures %s and has the class %s, which is of %s", o.Quantity, o.Class, list(o.Class.Measures()))
	}
}

func emptyGroup(f *finder, o *object.Object) {
	if o.Composite && len(o.Members) == 0 {
		f.say(o, "is a group without members")
	}
}

func neverMet(f *finder, o *object.Object) {
	if o.Composite && o.Restriction.Kind == object.Min && o.Restriction.K > len(o.Members) {
		f.say(o, "needs %d members and has %d", o.Restriction.K, len(o.Members))
	}
}

func feedsItself(f *finder) {
	for _, x := range f.world.Faults() {
		if x.Kind == object.FeedsItself {
			f.add(Finding{Object: x.Object, Text: x.Text})
		}
	}
	// Each object feeds one other at most: walks that meet their own beginning are circles.
	const (
		fresh = iota
		walked
		done
	)
	state := make([]uint8, f.world.Len())
	f.each(func(o *object.Object) {
		var path []*object.Object
		at := o
		for at != nil && state[at.Index] == fresh {
			state[at.Index] = walked
			path = append(path, at)
			at, _ = f.world.Object(at.Feeds)
		}
		if at != nil && state[at.Index] == walked {
			i := slices.Index(path, at)
			round := path[i:]
			first := slices.MinFunc(round, func(a, b *object.Object) int { return a.Index - b.Index })
			f.say(first, "feeds itself, over %d objects", len(round))
		}
		for _, p := range path {
			state[p.Index] = done
		}
	})
}

func sharedDevice(f *finder) {
	for _, serial := range f.world.Devices() {
		var seen []*object.Object
		for _, o := range f.world.OfDevice(serial) {
			if o.Composite {
				continue
			}
			if i := slices.IndexFunc(seen, func(s *object.Object) bool { return s.Quantity == o.Quantity && s.Class == o.Class }); i >= 0 {
				f.say(o, "is served by the device %q, as %s is, which measures the same", serial, seen[i].ID)
			} else {
				seen = append(seen, o)
			}
		}
	}
}

func alone(f *finder, o *object.Object) {
	if !o.Composite && len(f.world.Parents(o.ID)) == 0 {
		f.say(o, "is in no group")
	}
}

func shortHorizon(f *finder, o *object.Object) {
	if o.Horizon > 0 && o.Horizon < o.Interval {
		f.say(o, "has the horizon %d ms, which is shorter than its interval of %d ms", o.Horizon, o.Interval)
	}
}

func shortAge(f *finder, o *object.Object) {
	if !o.Composite && o.MaxAge >= 0 && o.MaxAge < o.Interval {
		f.say(o, "has the max age %d ms, which is shorter than its interval of %d ms: it is never known for long", o.MaxAge, o.Interval)
	}
}

func actuator(f *finder, o *object.Object) {
	switch {
	case o.Class.Actuator() && !o.Actuator:
		f.say(o, "has the class %s and is not marked as an actuator", o.Class)
	case o.Actuator && o.Class.Is(vocabulary.Point) && !o.Class.Actuator():
		f.say(o, "is marked as an actuator and has the class %s, which is only read", o.Class)
	}
}

func sharedActuator(f *finder, o *object.Object) {
	if o.Actuator && o.Capacity > 1 {
		f.say(o, "is an actuator and may be used by %d services at once", o.Capacity)
	}
}

func sameName(f *finder, o *object.Object) {
	if !o.Composite {
		return
	}
	seen := make(map[string]object.ID)
	for _, id := range o.Members {
		m, ok := f.world.Object(id)
		if !ok || m.Name == "" {
			continue
		}
		if first, ok := seen[m.Name]; ok {
			f.say(o, "has two members called %q, %s and %s", m.Name, first, m.ID)
			continue
		}
		seen[m.Name] = m.ID
	}
}

// foreignMeter: a model refuses other quantities itself, and takes other kinds.
func foreignMeter(f *finder, o *object.Object) {
	m, ok := f.world.Object(o.Meter)
	if !ok {
		return
	}
	for _, id := range o.Members {
		e, ok := f.world.Object(id)
		if ok && !e.Composite && (e.Quantity != m.Quantity || e.Kind != m.Kind) {
			f.say(o, "has the meter %s, a %s of %s, and the member %s, a %s of %s", m.ID, m.Kind, m.Quantity, e.ID, e.Kind, e.Quantity)
			return
		}
	}
}

func virtualReplica(f *finder, o *object.Object) {
	r, ok := f.world.Object(o.Replica)
	switch {
	case !ok:
	case o.Virtual:
		f.say(o, "is virtual and a replica of %s", r.ID)
	case r.Virtual:
		f.say(o, "is a replica of %s, which is virtual", r.ID)
	}
}

func foreignReplica(f *finder, o *object.Object) {
	if r, ok := f.world.Object(o.Replica); ok && (r.Quantity != o.Quantity || r.Kind != o.Kind) {
		f.say(o, "is a %s of %s and a replica of %s, a %s of %s", o.Kind, o.Quantity, r.ID, r.Kind, r.Quantity)
	}
}

func nowhere(f *finder, o *object.Object) {
	if !o.Composite && !o.Virtual && o.Space == "" && len(f.world.Spaces()) > 0 {
		f.say(o, "is in no space")
	}
}

// list writes words as "a, b or c".
func list[T ~string](words []T) string {
	s := ""
	for i, w := range words {
		switch {
		case i == 0:
		case i == len(words)-1:
			s += " or "
		default:
			s += ", "
		}
		s += string(w)
	}
	return s
}
