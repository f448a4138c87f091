package execution

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/wattwerk/wattwerk/microservice"
	"github.com/wattwerk/wattwerk/microservice/plan"
	"github.com/wattwerk/wattwerk/microservice/registry"
	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/service/book"
	"github.com/wattwerk/wattwerk/service/lending"
)

// definitions are all services, templates and cut links of one epoch. They do not
// change.
type definitions struct {
	list      []microservice.Service // by sid and domain
	services  map[string]written     // by domain and sid: those that people wrote
	templates []microservice.Template
	theirs    map[string]written // by name of the document: templates that people wrote
	cuts      []plan.Cut
	cutAt     []book.Document // in the order of cuts
	faults    []string        // what was left out, and why
}

// written is what is kept of a document.
type written struct {
	version int64
	changed record.Millis
	by      string
}

// templateID names the document of a template.
func templateID(k microservice.Key) string { return k.ID + "@" + k.Version.String() }

// serviceID names the document of a service.
func serviceID(domain, sid string) string { return domain + "/" + sid }

// Define takes what people wrote down, in the place of what it took before. A
// document that is wrong is left out and told; the error is of what is built in.
func (e *Execution) Define(all []book.Document) error {
	d := &definitions{services: make(map[string]written), theirs: make(map[string]written)}
	services := make(map[string]microservice.Service)
	for _, s := range e.opts.Services {
		if faults := s.Check(); len(faults) > 0 {
			return fmt.Errorf("service %q: %s", s.SID, faults[0].Text)
		}
		services[serviceID(s.Domain, s.SID)] = s
	}
	d.templates = slices.Clone(e.opts.Templates)
	for i := range all {
		doc := &all[i]
		w := written{doc.Version, doc.Changed, doc.ChangedBy}
		var faults []microservice.Fault
		var err error
		switch doc.Kind {
		case book.Service:
			var s microservice.Service
			if err = doc.Read(&s); err == nil {
				if faults = s.Check(); len(faults) == 0 {
					services[serviceID(s.Domain, s.SID)] = s
					d.services[serviceID(s.Domain, s.SID)] = w
				}
			}
		case book.Microservice:
			var t microservice.Template
			if err = doc.Read(&t); err == nil {
				faults = t.Check()
				if len(faults) == 0 && slices.ContainsFunc(e.opts.Templates, func(x microservice.Template) bool { return x.Key() == t.Key() }) {
					faults = []microservice.Fault{{Text: "this version is built in"}}
				}
				if len(faults) == 0 {
					d.templates = append(d.templates, t)
					d.theirs[templateID(t.Key())] = w
				}
			}
		case book.Cut:
			var c plan.Cut
			if err = doc.Read(&c); err == nil {
				c.Since = doc.Changed
				d.cuts, d.cutAt = append(d.cuts, c), append(d.cutAt, *doc)
			}
		}
		if err != nil {
			faults = []microservice.Fault{{Text: err.Error()}}
		}
		if len(faults) > 0 {
			d.faults = append(d.faults, fmt.Sprintf("%s %q is left out: %s", doc.Kind, doc.ID, faults[0].Text))
		}
	}
	for _, s := range services {
		d.list = append(d.list, s)
	}
	slices.SortFunc(d.list, func(a, b microservice.Service) int {
		return cmp.Or(cmp.Compare(a.SID, b.SID), cmp.Compare(a.Domain, b.Domain))
	})
	e.mu.Lock()
	defer e.mu.Unlock()
	if err := e.register(d); err != nil {
		return err
	}
	e.defined.Store(d)
	return nil
}

// register brings the registry up to what is defined. The lock is held.
func (e *Execution) register(d *definitions) error {
	s := e.known.Load()
	now := e.opts.Clock()
	var changes []registry.Change
	is := make(map[microservice.Key]bool, len(d.templates))
	for i := range d.templates {
		t := &d.templates[i]
		is[t.Key()] = true
		if _, ok := s.Template(t.Key()); !ok {
			changes = append(changes, registry.Change{At: now, PutTemplate: t})
		}
	}
	for _, t := range s.Templates() {
		if !is[t.Key()] {
			changes = append(changes, registry.Change{At: now, RemoveTemplate: t.Key()})
		}
	}
	next, _, err := s.Apply(changes...)
	if err != nil {
		return err
	}
	e.known.Store(next)
	return e.checkInstances(d)
}

// Checked looks which processes live, and notes it: every second.
func (e *Execution) Checked() {
	e.mu.Lock()
	defer e.mu.Unlock()
	if err := e.checkInstances(e.defined.Load()); err != nil {
		e.log.Warn("instances of microservices are not up to date", "because", err)
	}
}

// forgetAfter is how many checks in a row a process may be away until its instances
// are forgotten.
const forgetAfter = 600

// checkInstances has an instance of each template that is built in at each process:
// one that is away fails its check. The lock is held.
func (e *Execution) checkInstances(d *definitions) error {
	s := e.known.Load()
	now := e.opts.Clock()
	live := make(map[string]Member)
	for _, m := range e.opts.Members() {
		live[m.ID] = m
		delete(e.absent, m.ID)
	}
	built := make(map[string]bool, len(e.opts.Templates))
	for i := range e.opts.Templates {
		built[e.opts.Templates[i].Runtime.BuiltIn] = true
	}
	var changes []registry.Change
	check := func(instance, member string) {
		_, ok := live[member]
		c := registry.Check{Instance: instance, At: now, Live: ok, Ready: ok}
		if !ok {
			c.Note = "the process does not answer"
		}
		changes = append(changes, registry.Change{Check: &c})
	}
	gone := make(map[string]bool)
	for i := range d.templates {
		t := &d.templates[i]
		if t.Runtime.BuiltIn == "" || !built[t.Runtime.BuiltIn] {
			continue // nothing of it is started
		}
		known := make(map[string]bool)
		for _, h := range s.Instances(t.Key()) {
			member := h.Instance.Location.Instance
			known[member] = true
			if _, ok := live[member]; !ok {
				gone[member] = true
				if e.absent[member] >= forgetAfter {
					changes = append(changes, registry.Change{At: now, RemoveInstance: h.Instance.ID})
					continue
				}
			}
			check(h.Instance.ID, member)
		}
		for id, m := range live {
			if known[id] {
				continue
			}
			x := registry.Instance{ID: templateID(t.Key()) + "@" + id, Of: t.Key(), Location: microservice.Location{Instance: id, URI: m.URL}}
			changes = append(changes, registry.Change{At: now, PutInstance: &x})
			check(x.ID, id)
		}
	}
	for id := range gone {
		if e.absent[id]++; e.absent[id] > forgetAfter {
			delete(e.absent, id)
		}
	}
	next, entries, err := s.Apply(changes...)
	if err != nil {
		return err
	}
	for _, x := range entries {
		if x.From == registry.Up || x.To == registry.Up && x.From != registry.Down {
			e.log.Info("an instance of a microservice is otherwise", "instance", x.Instance, "from", x.From, "to", x.To, "because", x.Why)
		}
		e.meter.instances.WithLabelValues(string(x.To)).Inc()
	}
	e.known.Store(next)
	return nil
}

// ErrNoStore says that nothing is kept here.
var ErrNoStore = lending.ErrNoStore
