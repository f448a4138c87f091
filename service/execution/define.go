package execution

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/wattwerk/wattwerk/microservice"
	"github.com/wattwerk/wattwerk/microservice/plan"
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
	if err := e.roster.Define(d.templates, e.runs); err != nil {
		return err
	}
	e.defined.Store(d)
	return nil
}

// runs tells whether a template names a computation of this program: nothing else that
// people write is started.
func (e *Execution) runs(t *microservice.Template) bool {
	return slices.ContainsFunc(e.opts.Templates, func(x microservice.Template) bool { return x.Runtime.BuiltIn == t.Runtime.BuiltIn })
}

// Checked looks which processes live, and brings the instances of microservices to
// what they are to be: every second.
func (e *Execution) Checked() {
	if err := e.roster.Check(); err != nil {
		e.log.Warn("instances of microservices are not up to date", "because", err)
	}
}

// ErrNoStore says that nothing is kept here.
var ErrNoStore = lending.ErrNoStore
