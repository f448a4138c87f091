package plan

import (
	"github.com/wattwerk/wattwerk/availability"
	"github.com/wattwerk/wattwerk/object"
)

// Examined is a service over the objects of a subject at one moment: what hangs on
// what, how it is, and what that comes to. There is one service in the structure.
type Examined struct {
	Structure *availability.Structure
	Condition *availability.Condition // not to be changed
	Result    *availability.Result
	Missing   []Missing // at most 100
	More      int       // how much more is missing
	StandIns  []Substitution
	MoreIns   int // how many more stand in

	bound *bound
}

// Examine looks at a service without asking whether it can be carried out.
func (f *Finder) Examine(sro *SRO, mso *MSO, v View, a Ask) (*Examined, error) {
	b, err := f.bind(sro, mso)
	if err != nil {
		return nil, err
	}
	w := b.pool.New().(*work)
	w.reset(b)
	w.look(b, v, Want{SID: sro.SID, Subject: sro.Subject, Priority: sro.SPI})
	for i := range mso.Steps {
		if _, ok := f.opts.Registry.PickOf(mso.Steps[i].template.Key(), a.Spread, a.Skip); !ok {
			w.condition.Down[i] = availability.Missed(0)
		}
	}
	b.s.EvaluateInto(&w.condition, &w.result)
	x := &Examined{Structure: b.s, Condition: &w.condition, Result: &w.result, bound: b}
	x.Missing, x.More = b.missing(w)
	x.StandIns, x.MoreIns = b.standIns(w)
	return x, nil
}

// Object gives an object by the structure's index; false: it is not there, and the
// name is the one that a template has for it.
func (x *Examined) Object(i int) (o *object.Object, name string, ok bool) {
	o = x.bound.objects[i]
	return o, x.bound.names[i], o != nil
}

// Tag gives the tag of a composite of the structure.
func (x *Examined) Tag(composite string) string { return x.bound.tag(composite) }

// ExaminedComposite is a composite of a microservice, with its members.
type ExaminedComposite struct {
	Index   int // in the structure
	Tag     string
	Members []ExaminedMember
}

// ExaminedMember is an object of a composite, or a group.
type ExaminedMember struct {
	Object object.ID // "": nobody knows one
	Value  availability.Value
	Cut    bool // the link is cut
}

// Composites gives those of a microservice, by its place in the MSO.
func (x *Examined) Composites(step int) []ExaminedComposite {
	out := make([]ExaminedComposite, 0, len(x.bound.steps[step]))
	for p, c := range x.bound.steps[step] {
		of := ExaminedComposite{Index: c.index, Tag: c.tag}
		_, unreached := x.Condition.Cut[availability.Use{Microservice: step, Position: p}]
		for _, id := range c.members {
			of.Members = append(of.Members, x.member(c.index, id, unreached))
		}
		out = append(out, of)
	}
	return out
}

// member looks at one member of a composite.
func (x *Examined) member(composite int, id object.ID, cut bool) ExaminedMember {
	out := ExaminedMember{Object: id, Cut: cut, Value: availability.Missed(0)}
	name := x.Structure.CompositeName(composite)
	if i, ok := x.Structure.Object(id); ok {
		out.Value = x.Condition.Objects[i]
		if l, ok := x.Structure.Link(name, availability.Member{Object: id}); ok {
			if v, ok := x.Condition.Links[l]; ok {
				out.Value, out.Cut = v, cut || v.Share == 0
			}
		}
		return out
	}
	nested := name + "|" + string(id)
	at, ok := x.Structure.Composite(nested)
	if !ok {
		return out // there is no such object
	}
	if l, ok := x.Structure.Link(name, availability.Member{Composite: nested}); ok {
		if v, ok := x.Condition.Links[l]; ok {
			out.Value, out.Cut = v, true
			return out
		}
	}
	if r := &x.Result.Composites[at]; r.Usable {
		out.Value = availability.Value{Share: r.Quality, Source: availability.Live}
		if r.Quality < 1 {
			out.Value.Source = availability.Substituted
		}
	}
	return out
}
