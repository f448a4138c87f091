package execution

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"iter"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/wattwerk/wattwerk/availability"
	"github.com/wattwerk/wattwerk/internal/etag"
	"github.com/wattwerk/wattwerk/microservice"
	"github.com/wattwerk/wattwerk/microservice/plan"
	"github.com/wattwerk/wattwerk/object"
	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/service/book"
	"github.com/wattwerk/wattwerk/service/feed"
	"github.com/wattwerk/wattwerk/service/reply"
)

// ServiceItem is a service as it is defined.
type ServiceItem struct {
	microservice.Service
	BuiltIn   bool       `json:"builtIn" doc:"Nobody wrote it down, or what somebody wrote has been removed"`
	Bills     bool       `json:"bills" doc:"It makes bills, which are kept with their revisions: see /bills"`
	Version   int64      `json:"version" doc:"Counts the changes that people made; 0: none"`
	Changed   *time.Time `json:"changed,omitempty"`
	ChangedBy string     `json:"changedBy,omitempty"`
}

// ServicePath names a service.
type ServicePath struct {
	SID string `path:"sid" maxLength:"200" example:"S1"`
}

// ServiceDomain says of which domain.
type ServiceDomain struct {
	Domain string `query:"domain" doc:"Application domain; may be left out when the service is there for one alone" maxLength:"200"`
}

func (e *Execution) registerServices(api huma.API) {
	op := func(id, method, path, summary, description string, may []map[string][]string, errs ...int) huma.Operation {
		return Op(tagServices, id, method, path, summary, description, may, errs...)
	}
	huma.Register(api, op("list-services", http.MethodGet, "/services", "Services and what they are made of", "", mayRead), e.listServices)
	huma.Register(api, op("get-service", http.MethodGet, "/services/{sid}", "One service", "", mayRead, 404, 422), e.getService)
	huma.Register(api, op("put-service", http.MethodPut, "/services/{sid}", "Define a service, or a built-in one otherwise",
		"What is wrong is refused, with all that is wrong.", mayOperate, 400, 412, 422), e.putService)
	huma.Register(api, op("delete-service", http.MethodDelete, "/services/{sid}", "Take back what was said of a service", "A built-in one is as it was then.", mayOperate, 400, 404, 412), e.deleteService)
	huma.Register(api, op("list-service-subjects", http.MethodGet, "/services/{sid}/subjects", "Which groups, sensors and spaces can run it, and what is missing to others", "By their identifiers: all groups, the sensors that it can be carried out for with themselves among what it is carried out with, and all spaces. A page may be shorter than its limit.", mayRead, 404, 422), e.listSubjects)
	huma.Register(api, reply.Says[plan.Plan](api, op("discover-service", http.MethodPost, "/services/{sid}/discover", "Find out whether a service can be carried out, and how",
		"findSmartService, findDataProAnalysisMicroservices and checkAvailability, one after another. 503 when it is not available, with all that is missing.", mayRead, 404, 422)), e.postDiscover)
	huma.Register(api, reply.Says[ServiceResult](api, op("execute-service", http.MethodPost, "/services/{sid}/execute", "Carry a service out",
		"Discovers it first. When it is not available and a span is given, the work waits until its data are back, once for a service, a subject and a span; see results.", mayRead, 404, 422)), e.postExecute)
	huma.Register(api, op("get-service-result", http.MethodGet, "/services/{sid}/result", "What came of work that waited", "404 while it waits.", mayRead, 404, 422), e.getResult)
	huma.Register(api, op("list-waiting", http.MethodGet, "/services/waiting", "Work that waits until its data are back", "The oldest first.", mayRead), e.listWaiting)
}

func (d *definitions) item(s *microservice.Service) ServiceItem {
	w, theirs := d.services[serviceID(s.Domain, s.SID)]
	return ServiceItem{Service: *s, BuiltIn: !theirs, Bills: feed.Bills(s.Local), Version: w.version, Changed: timeOf(w.changed), ChangedBy: w.by}
}

func (e *Execution) listServices(context.Context, *struct{}) (*struct {
	Body struct {
		Services []ServiceItem `json:"services"`
		Faults   []string      `json:"faults" doc:"What is wrong with what people wrote down, and left out therefore"`
	}
}, error,
) {
	d := e.defined.Load()
	out := new(struct {
		Body struct {
			Services []ServiceItem `json:"services"`
			Faults   []string      `json:"faults" doc:"What is wrong with what people wrote down, and left out therefore"`
		}
	})
	out.Body.Services, out.Body.Faults = make([]ServiceItem, len(d.list)), append([]string{}, d.faults...)
	for i := range d.list {
		out.Body.Services[i] = d.item(&d.list[i])
	}
	return out, nil
}

type serviceOut struct {
	ETag string `header:"ETag"`
	Body ServiceItem
}

func (e *Execution) getService(_ context.Context, in *struct {
	ServicePath
	ServiceDomain
},
) (*serviceOut, error) {
	d := e.defined.Load()
	var found []*microservice.Service
	for i := range d.list {
		if s := &d.list[i]; s.SID == in.SID && (in.Domain == "" || in.Domain == s.Domain) {
			found = append(found, s)
		}
	}
	switch len(found) {
	case 0:
		return nil, Refuse(plan.ErrUnknown)
	case 1:
	default:
		return nil, Refuse(plan.ErrAmbiguous)
	}
	item := d.item(found[0])
	return &serviceOut{etag.Of(item.Version), item}, nil
}

// refuseFaults makes an answer of all that is wrong.
func refuseFaults(faults []microservice.Fault) error {
	if len(faults) == 0 {
		return nil
	}
	errs := make([]error, len(faults))
	for i := range faults {
		errs[i] = faults[i]
	}
	return huma.Error422UnprocessableEntity(faults[0].Text, errs...)
}

func (e *Execution) putService(ctx context.Context, in *struct {
	ServicePath
	Match
	Body microservice.Service
},
) (*serviceOut, error) {
	if e.opts.Store == nil {
		return nil, Refuse(ErrNoStore)
	}
	version, err := in.version()
	if err != nil {
		return nil, err
	}
	s := in.Body
	s.SID = in.SID
	if err := refuseFaults(s.Check()); err != nil {
		return nil, err
	}
	if s.Local != "" && !slices.Contains(feed.Computations(), s.Local) {
		return nil, huma.Error422UnprocessableEntity("local: there is no such computation in this program")
	}
	rows, err := e.opts.Store.Put(ctx, e.opts.Actor(ctx), book.Put{Kind: book.Service, ID: serviceID(s.Domain, s.SID), Doc: s, Version: version})
	if err != nil {
		return nil, Refuse(err)
	}
	e.opts.Changed()
	return &serviceOut{etag.Of(rows[0].Version), ServiceItem{Service: s, Bills: feed.Bills(s.Local), Version: rows[0].Version, Changed: timeOf(rows[0].Changed), ChangedBy: rows[0].ChangedBy}}, nil
}

func (e *Execution) deleteService(ctx context.Context, in *struct {
	ServicePath
	ServiceDomain
	Match
},
) (*struct{}, error) {
	if e.opts.Store == nil {
		return nil, Refuse(ErrNoStore)
	}
	version, err := in.version()
	if err != nil {
		return nil, err
	}
	s, ok := e.serves(in.SID, in.Domain)
	if !ok {
		return nil, Refuse(plan.ErrUnknown)
	}
	if _, err := e.opts.Store.Put(ctx, e.opts.Actor(ctx), book.Put{Kind: book.Service, ID: serviceID(s.Domain, s.SID), Version: version}); err != nil {
		return nil, Refuse(err)
	}
	e.opts.Changed()
	return nil, nil
}

// ServiceSubject is a group that could, or could not, run a service.
type ServiceSubject struct {
	Subject object.ID         `json:"subject" example:"group/hall1"`
	Name    string            `json:"name,omitempty"`
	Exec    availability.Exec `json:"exec" enum:"full,partial,none"`
	Strict  float64           `json:"strict"`
	Mean    float64           `json:"mean"`
	Quality float64           `json:"quality"`
	Reason  plan.Reason       `json:"reason,omitempty" doc:"Why it cannot run it now"`
	Missing []plan.Missing    `json:"missing" doc:"What is missing, the first 10"`
	More    int               `json:"more" doc:"How much more is missing"`
}

const (
	mostMissing = 10
	mostLooked  = 5000 // subjects, for one page
)

// subjects are those after one: objects, then spaces, by their identifiers; of sensors
// those that are taken.
func subjects(w *object.World, after object.ID, takes func(*object.Object) bool) iter.Seq2[object.ID, string] {
	return func(yield func(object.ID, string) bool) {
		all := w.Objects()
		at, _ := slices.BinarySearchFunc(all, after, func(o object.Object, id object.ID) int { return cmp.Compare(o.ID, id) })
		for i := at; i < len(all); i++ {
			if o := &all[i]; o.ID > after && (o.Composite || takes(o)) && !yield(o.ID, o.Name) {
				return
			}
		}
		spaces := slices.SortedFunc(slices.Values(w.Spaces()), func(a, b object.Space) int { return cmp.Compare(a.ID, b.ID) })
		for i := range spaces {
			if id := plan.OfSpace(spaces[i].ID); id > after && !yield(id, spaces[i].Name) {
				return
			}
		}
	}
}

// uses tells whether a plan is carried out with an object.
func uses(p *plan.Plan, id object.ID) bool {
	if p == nil {
		return false
	}
	for i := range p.Steps {
		for _, c := range p.Steps[i].Composites {
			if slices.Contains(c.Members, id) {
				return true
			}
		}
	}
	return false
}

func (e *Execution) listSubjects(_ context.Context, in *struct {
	ServicePath
	ServiceDomain
	Limit  int    `query:"limit" minimum:"1" maximum:"1000" default:"100"`
	Cursor string `query:"cursor" doc:"The next of the page before" maxLength:"210"`
},
) (*struct {
	Body struct {
		Subjects []ServiceSubject `json:"subjects"`
		Next     string           `json:"next,omitempty" doc:"The cursor of the next page; absent: this is the last"`
	}
}, error,
) {
	out := new(struct {
		Body struct {
			Subjects []ServiceSubject `json:"subjects"`
			Next     string           `json:"next,omitempty" doc:"The cursor of the next page; absent: this is the last"`
		}
	})
	out.Body.Subjects = []ServiceSubject{}
	m := e.opts.Moment()
	if m == nil {
		return nil, Refuse(ErrNotReady)
	}
	// Most sensors are none of the service's: they are told from the others by their class.
	of, err := e.find(plan.Request{SID: in.SID, Domain: in.Domain}, plan.BySum)
	if err != nil {
		return nil, Refuse(err)
	}
	looked := 0
	for id, name := range subjects(m.World, object.ID(in.Cursor), of.mso.Takes()) {
		if len(out.Body.Subjects) == in.Limit || looked == mostLooked {
			out.Body.Next = in.Cursor
			break
		}
		looked++
		in.Cursor = string(id)
		x := ServiceSubject{Subject: id, Name: name, Exec: availability.Nothing}
		p, err := e.Discover(plan.Request{SID: in.SID, Domain: in.Domain, Subject: id}, plan.BySum)
		var no *plan.NotAvailable
		switch {
		case err == nil:
			x.Exec, x.Strict, x.Mean, x.Quality, x.Missing, x.More = p.Exec, p.Strict, p.Mean, p.Quality, p.Missing, p.More
		case errors.As(err, &no):
			x.Strict, x.Mean, x.Quality, x.Missing, x.More, x.Reason = no.Availability, no.Mean, no.Quality, no.Missing, no.More, no.Reason
		default:
			return nil, Refuse(err)
		}
		if _, ok := id.Sensor(); ok && !uses(p, id) {
			continue
		}
		if n := len(x.Missing); n > mostMissing {
			x.Missing, x.More = x.Missing[:mostMissing], x.More+n-mostMissing
		}
		if x.Missing == nil {
			x.Missing = []plan.Missing{}
		}
		out.Body.Subjects = append(out.Body.Subjects, x)
	}
	return out, nil
}

func (e *Execution) postDiscover(_ context.Context, in *struct {
	ServicePath
	Body Wanted
},
) (*reply.Sent, error) {
	r, rule := in.Body.Request(in.SID)
	x, err := e.discover(r, rule, false)
	e.discovered(x, err)
	switch {
	case err != nil:
		return nil, Refuse(err)
	case x.no == nil:
		return reply.Write(http.StatusOK, "application/json", "", x.write()), nil
	}
	retry := ""
	if x.no.RetryAfter > 0 {
		retry = strconv.Itoa(x.no.RetryAfter)
	}
	return reply.Write(http.StatusServiceUnavailable, "application/problem+json", retry, x.write()), nil
}

// ServiceRun is what is to be carried out.
type ServiceRun struct {
	Wanted
	From       *time.Time      `json:"from,omitempty" doc:"Of what; by default as the service has it"`
	To         *time.Time      `json:"to,omitempty" doc:"First moment that is not part of it; default now"`
	Parameters json.RawMessage `json:"parameters,omitempty" doc:"What else the service is told: see docs/services.md"`
}

// request is what was asked for.
func (r *ServiceRun) execution(sid string) Request {
	out := Request{Parameters: r.Parameters}
	out.Request, out.Rule = r.Wanted.Request(sid)
	if r.From != nil {
		out.From = record.MillisOf(*r.From)
		if out.From == 0 { // 0 is none given, and 1970 is a time
			out.From = 1
		}
	}
	if r.To != nil {
		out.To = record.MillisOf(*r.To)
	}
	return out
}

func (e *Execution) postExecute(ctx context.Context, in *struct {
	ServicePath
	Here string `header:"Wattwerk-Here" hidden:"true" maxLength:"200"` // set by another process of ours
	Body ServiceRun
},
) (*reply.Sent, error) {
	began := time.Now()
	r := in.Body.execution(in.SID)
	x, err := e.discover(r.Request, r.Rule, true)
	e.discovered(x, err)
	if err == nil {
		err = x.err()
	}
	instead := ""
	if err == nil && in.Here == "" {
		var out *reply.Sent
		if out, instead = e.elsewhere(ctx, x, in.SID, &in.Body); out != nil {
			return out, nil
		}
	}
	var done *Done
	if err == nil {
		done, err = e.carry(ctx, began, x, r)
	}
	if err != nil {
		return nil, Refuse(e.orQueue(ctx, r, err))
	}
	body := e.Body(done)
	body.Instead = instead
	return reply.Write(http.StatusOK, "application/json", "", body.write()), nil
}

// orQueue has work wait that is not available, and says whether it does.
func (e *Execution) orQueue(ctx context.Context, r Request, err error) error {
	var no *plan.NotAvailable
	if !errors.As(err, &no) {
		return err
	}
	waits := no.Queued
	no.Queued = false
	if !waits {
		return no
	}
	queued, failed := e.Queue(ctx, r)
	if failed != nil {
		e.log.Warn("work cannot wait", "service", r.SID, "because", failed)
	}
	no.Queued = queued
	return no
}

func (e *Execution) getResult(ctx context.Context, in *struct {
	ServicePath
	Subject string    `query:"subject" maxLength:"210"`
	From    time.Time `query:"from" required:"true" doc:"Begin of the span that was asked for"`
},
) (*struct{ Body json.RawMessage }, error) {
	if e.opts.Store == nil {
		return nil, Refuse(ErrNoStore)
	}
	r, err := e.opts.Store.Kept(ctx, resultOf, ResultID(in.SID, object.ID(in.Subject)), record.MillisOf(in.From))
	if err != nil {
		return nil, Refuse(err)
	}
	return &struct{ Body json.RawMessage }{json.RawMessage(r.Doc)}, nil
}

// WaitingWork is a piece of work that waits.
type WaitingWork struct {
	Service string    `json:"service"`
	Subject string    `json:"subject,omitempty"`
	From    time.Time `json:"from"`
	To      time.Time `json:"to"`
	Asked   time.Time `json:"asked"`
	Who     string    `json:"who"`
}

func (e *Execution) listWaiting(ctx context.Context, in *struct {
	Limit int `query:"limit" minimum:"1" maximum:"10000" default:"1000"`
},
) (*struct {
	Body struct {
		Waiting []WaitingWork `json:"waiting"`
	}
}, error,
) {
	if e.opts.Store == nil {
		return nil, Refuse(ErrNoStore)
	}
	all, err := e.opts.Store.Backlog(ctx, in.Limit)
	if err != nil {
		return nil, Refuse(err)
	}
	out := new(struct {
		Body struct {
			Waiting []WaitingWork `json:"waiting"`
		}
	})
	out.Body.Waiting = make([]WaitingWork, len(all))
	for i, w := range all {
		var doc Waiting
		_ = json.Unmarshal([]byte(w.Doc), &doc) // who asked is all that is told
		out.Body.Waiting[i] = WaitingWork{w.Service, w.Subject, w.Begins.Time(), w.Ends.Time(), w.Asked.Time(), doc.Who}
	}
	return out, nil
}
