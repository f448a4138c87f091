package microservice

import (
	"fmt"
	"time"

	"github.com/wattwerk/wattwerk/model"
	"github.com/wattwerk/wattwerk/object"
	"github.com/wattwerk/wattwerk/record"
)

// Bounds of templates and services.
const (
	MaxList      = 100  // composites, inputs, steps and so on
	MaxObjects   = 1000 // objects that a composite names
	maxText      = 500
	maxNote      = 50
	MaxThreshold = model.Duration(time.Hour)
)

// Fault is one thing that is wrong, in a sentence.
type Fault struct {
	Node int    `json:"node,omitempty" doc:"Node of the template, 1 to 10; 0: another part"`
	Text string `json:"text" doc:"What is wrong"`
}

// Error is the sentence.
func (f Fault) Error() string { return f.Text }

type check struct{ faults []Fault }

func (c *check) add(node int, format string, args ...any) {
	if len(c.faults) < model.MaxFaults {
		c.faults = append(c.faults, Fault{node, fmt.Sprintf(format, args...)})
	}
}

func (c *check) id(node int, kind, id string) {
	if err := record.ValidateID(kind, id); err != nil {
		c.add(node, "%v", err)
	}
}

func (c *check) text(node int, what string, texts ...string) {
	for _, s := range texts {
		if len(s) > maxText {
			c.add(node, "%s: %.40q… is longer than %d bytes", what, s, maxText)
		}
	}
}

func (c *check) notes(node int, what string, notes []string) {
	if len(notes) > maxNote {
		c.add(node, "%s: there are %d, at most %d are taken", what, len(notes), maxNote)
		return
	}
	c.text(node, what, notes...)
}

func (c *check) most(node int, what string, n int) bool {
	if n > MaxList {
		c.add(node, "%s: there are %d, at most %d are taken", what, n, MaxList)
	}
	return n <= MaxList
}

func (c *check) threshold(node int, what string, d model.Duration, least model.Duration) {
	if d < least || d > MaxThreshold {
		c.add(node, "%s: threshold %v is not between %v and %v", what, d, least, MaxThreshold)
	}
}

// restriction checks one over n things; n < 0 is any number.
func (c *check) restriction(node int, what string, r object.Restriction, n int) {
	if err := r.Validate(); err != nil {
		c.add(node, "%s: %v", what, err)
	} else if n >= 0 && r.Kind == object.Min && r.K > n {
		c.add(node, "%s: needs %d of %d", what, r.K, n)
	}
}

func (c *check) properties(node int, what string, all []Property) {
	if !c.most(node, what, len(all)) {
		return
	}
	seen := make(map[string]bool, len(all))
	for _, p := range all {
		c.id(node, what, p.Name)
		if seen[p.Name] {
			c.add(node, "%s %q is there twice", what, p.Name)
		}
		seen[p.Name] = true
		if p.Class != "" && !p.Class.Known() {
			c.add(node, "%s %q: class %.100q is not known", what, p.Name, p.Class)
		}
		if p.Quantity != "" {
			if err := p.Quantity.Validate(); err != nil {
				c.add(node, "%s %q: %v", what, p.Name, err)
			}
		}
		if p.Freshness < 0 {
			c.add(node, "%s %q: freshness %v cannot be", what, p.Name, p.Freshness)
		}
	}
}

// Check says all that is wrong with a template.
func (t *Template) Check() []Fault {
	var c check
	c.id(0, "microservice", t.ID)
	c.id(0, "domain", t.Domain)
	c.text(0, "name", t.Name)
	if len(t.Services) == 0 {
		c.add(0, "services: it works for none; * is all")
	}
	if c.most(0, "services", len(t.Services)) {
		for _, s := range t.Services {
			if s != "*" {
				c.id(0, "service", s)
			}
		}
	}
	c.threshold(0, "template", t.Threshold, 0)
	c.composites(t)
	for _, d := range t.Source.Datasets {
		if d != Activity && d != Environment && d != Appliances && d != Generation {
			c.add(2, "dataset %.40q is none of activity, environment, appliances, generation", d)
		}
	}
	if len(t.Source.Datasets) > 4 {
		c.add(2, "datasets: there are four")
	}
	c.notes(2, "preprocess", t.Source.Preprocess)
	c.notes(2, "features", t.Source.Features)
	c.release(&t.Release)
	if (t.Runtime.BuiltIn == "") == (t.Runtime.Image == "") {
		c.add(4, "runtime: it is built in, or there is an image")
	}
	c.text(4, "runtime", t.Runtime.BuiltIn, t.Runtime.Image)
	c.notes(4, "libraries", t.Runtime.Libraries)
	c.text(5, "microcode", t.Runtime.Microcode)
	c.properties(6, "input", t.Inputs)
	c.properties(7, "output", t.Outputs)
	a := &t.Analysis
	c.text(10, "analysis", a.Model, a.Training, a.Validation, a.Score)
	c.notes(10, "assumptions", a.Assumptions)
	return c.faults
}

func (c *check) composites(t *Template) {
	if len(t.Composites) == 0 {
		c.add(1, "composites: it looks at nothing")
		return
	}
	if !c.most(1, "composites", len(t.Composites)) {
		return
	}
	c.restriction(1, "restriction of composites", t.Restriction, len(t.Composites))
	seen := make(map[string]bool, len(t.Composites))
	for i := range t.Composites {
		r := &t.Composites[i]
		what := fmt.Sprintf("composite %.100q", r.Tag)
		c.id(1, "composite", r.Tag)
		if seen[r.Tag] {
			c.add(1, "%s is there twice", what)
		}
		seen[r.Tag] = true
		c.text(1, what, r.URI, r.Name)
		n := -1
		switch {
		case len(r.Objects) > MaxObjects:
			c.add(1, "%s names %d objects, at most %d are taken", what, len(r.Objects), MaxObjects)
		case len(r.Objects) > 0:
			n = len(r.Objects)
			if r.Class != "" || r.Quantity != "" {
				c.add(1, "%s names its objects, and a class or a quantity too", what)
			}
			c.objects(what, r.Objects)
		case r.Class == "":
			c.add(1, "%s has neither a class nor objects", what)
		case !r.Class.Known():
			c.add(1, "%s: class %.100q is not known", what, r.Class)
		}
		if r.Quantity != "" {
			if err := r.Quantity.Validate(); err != nil {
				c.add(1, "%s: %v", what, err)
			}
		}
		c.restriction(1, what, r.Restriction, n)
		if !(r.Quality >= 0 && r.Quality <= 1) {
			c.add(1, "%s: quality %v is not between 0 and 1", what, r.Quality)
		}
		c.threshold(1, what, r.Threshold, 0)
	}
}

func (c *check) objects(what string, ids []object.ID) {
	seen := make(map[object.ID]bool, len(ids))
	for _, id := range ids {
		if err := id.Validate(); err != nil {
			c.add(1, "%s: %v", what, err)
		}
		if seen[id] {
			c.add(1, "%s names %q twice", what, id)
		}
		seen[id] = true
	}
}

func (c *check) release(r *Release) {
	v := r.Version
	for _, n := range []int{v.Major, v.Minor, v.Patch} {
		if n < 0 || n > maxNumber {
			c.add(3, "version %v has a number that is not between 0 and %d", v, maxNumber)
		}
	}
	if r.Created.IsZero() || r.Updated.IsZero() {
		c.add(3, "release: there is no date of its creation, or of this version")
	} else if r.Updated.Before(r.Created) {
		c.add(3, "release: version %v is older than the microservice", v)
	}
	if r.Kind != Major && r.Kind != Minor && r.Kind != Patch {
		c.add(3, "release: kind %.40q is none of major, minor, patch", r.Kind)
	}
}

// Check says all that is wrong with a service by itself.
func (s *Service) Check() []Fault {
	var c check
	c.id(0, "service", s.SID)
	c.id(0, "domain", s.Domain)
	c.text(0, "name", s.Name, s.Local)
	if s.Priority < 0 || s.Priority > MaxPriority {
		c.add(0, "priority %d is not between 0 and %d", s.Priority, MaxPriority)
	}
	c.threshold(0, "service", s.Threshold, model.Duration(time.Millisecond))
	c.properties(0, "need", s.Needs)
	c.restriction(0, "restriction of microservices", s.Restriction, -1)
	if s.Restriction.Kind == object.Min && len(s.Steps) > 0 && len(s.Needs) == 0 && s.Restriction.K > len(s.Steps) {
		c.add(0, "restriction of microservices: needs %d of %d", s.Restriction.K, len(s.Steps))
	}
	if !c.most(0, "steps", len(s.Steps)) || !c.most(0, "groups", len(s.Groups)) || !c.most(0, "instead", len(s.Instead)) {
		return c.faults
	}
	seen := make(map[string]bool, len(s.Steps))
	for _, p := range s.Steps {
		c.id(0, "microservice", p.Microservice)
		if seen[p.Microservice] {
			c.add(0, "step %q is there twice", p.Microservice)
		}
		seen[p.Microservice] = true
		if p.Major < 0 || p.Major > maxNumber {
			c.add(0, "step %q: major version %d cannot be", p.Microservice, p.Major)
		}
		c.threshold(0, fmt.Sprintf("step %q", p.Microservice), p.Threshold, 0)
		if !(p.Weight >= 0 && p.Weight <= 1e6) {
			c.add(0, "step %q: weight %v is not between 0 and 1e6", p.Microservice, p.Weight)
		}
	}
	groups := make(map[string]bool, len(s.Groups))
	for _, g := range s.Groups {
		c.id(0, "group", g.Name)
		if groups[g.Name] || len(g.Microservices) == 0 || len(g.Microservices) > MaxList {
			c.add(0, "group %q is there twice, empty or too large", g.Name)
		}
		groups[g.Name] = true
		if g.Restriction != (object.Restriction{}) {
			c.restriction(0, fmt.Sprintf("group %q", g.Name), g.Restriction, len(g.Microservices))
		}
		in := make(map[string]bool, len(g.Microservices))
		for _, m := range g.Microservices {
			if !seen[m] || in[m] {
				c.add(0, "group %q: %.100q is no step of the service, or is there twice", g.Name, m)
			}
			in[m] = true
		}
	}
	for _, x := range s.Instead {
		c.id(0, "service", x)
		if x == s.SID {
			c.add(0, "instead: a service cannot do for itself")
		}
	}
	return c.faults
}
