package execution

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"math"
	"net/http"
	"slices"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/wattwerk/wattwerk/availability"
	"github.com/wattwerk/wattwerk/microservice"
	"github.com/wattwerk/wattwerk/microservice/plan"
	"github.com/wattwerk/wattwerk/object"
	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/service/book"
)

// AvailabilityFigures are the availability of a service, or of some of its
// microservices.
type AvailabilityFigures struct {
	Exec    availability.Exec `json:"exec" enum:"full,partial,none" doc:"How much can be carried out"`
	Strict  float64           `json:"strict" doc:"Share of microservices all of whose composites are usable; what stands in counts"`
	Mean    float64           `json:"mean" doc:"Mean share of usable composites"`
	Quality float64           `json:"quality" doc:"Like strict, by what the values are worth; never mixed with it"`
	Coupled float64           `json:"coupled" doc:"What a monolith of the same parts would have: the share of places of objects in microservices without any failure"`
	Series  float64           `json:"series" doc:"1 when nothing at all has failed, else 0"`
	Usable  int               `json:"usable" doc:"Microservices that can work"`
	Full    int               `json:"full" doc:"Microservices that can work fully"`
	Of      int               `json:"of" doc:"Microservices"`
}

func figuresOf(f *availability.Figures) AvailabilityFigures {
	return AvailabilityFigures{f.Exec, f.Strict, f.Mean, f.Quality, f.Coupled, f.Series, f.Usable, f.Full, f.Of}
}

// AvailabilityGroup is some microservices of a service.
type AvailabilityGroup struct {
	Name string `json:"name"`
	AvailabilityFigures
}

// AvailabilityComposite is a composite of a microservice.
type AvailabilityComposite struct {
	Tag     string               `json:"tag"`
	Usable  bool                 `json:"usable"`
	Present int                  `json:"present" doc:"Members with a value"`
	Of      int                  `json:"of" doc:"Members"`
	Quality float64              `json:"quality"`
	Objects []AvailabilityObject `json:"objects" doc:"Its members, the first 1,000: objects, and groups by what they come to"`
}

// AvailabilityObject is a member of a composite.
type AvailabilityObject struct {
	Object object.ID           `json:"object,omitempty" doc:"Absent: a place for which there is no object"`
	Share  float64             `json:"share" doc:"0: it has no value; 1: it measures; between: what a stand-in is worth"`
	Source availability.Source `json:"source" enum:"none,live,substituted,virtual"`
	By     object.ID           `json:"by,omitempty" doc:"Who stands in"`
	Since  *time.Time          `json:"since,omitempty" doc:"Since when it is so; absent: not known"`
	Cut    bool                `json:"cut,omitempty" doc:"The link from this composite is cut: the object may be there"`
}

// AvailabilityMicroservice is a microservice of a service.
type AvailabilityMicroservice struct {
	ID         string                  `json:"id"`
	Version    string                  `json:"version"`
	Up         bool                    `json:"up" doc:"It has an instance that works"`
	Usable     bool                    `json:"usable"`
	Full       bool                    `json:"full"`
	Fraction   float64                 `json:"fraction" doc:"Share of usable composites"`
	Quality    float64                 `json:"quality"`
	Composites []AvailabilityComposite `json:"composites"`
}

// AvailabilityService is a service for a subject at one moment.
type AvailabilityService struct {
	SID     string    `json:"sid"`
	Name    string    `json:"name,omitempty"`
	Domain  string    `json:"domain"`
	Subject object.ID `json:"subject,omitempty"`
	AvailabilityFigures
	Required      string                     `json:"required" doc:"How many microservices it needs" example:"min 4"`
	Groups        []AvailabilityGroup        `json:"groups"`
	Microservices []AvailabilityMicroservice `json:"microservices" doc:"Left out when a short answer is asked for"`
	Missing       []plan.Missing             `json:"missing" doc:"What is missing and why, at most 100: link and object failures apart"`
	More          int                        `json:"more" doc:"How much more is missing"`
	Links         int                        `json:"linkFailures" doc:"Of what is listed as missing: links that are cut"`
	Objects       int                        `json:"objectFailures" doc:"Of what is listed as missing: objects without a value"`
	StandIns      []plan.Substitution        `json:"substitutions"`
	Why           string                     `json:"why,omitempty" doc:"Why nothing can be said of it"`
}

// OfService is which service is asked about.
type OfService struct {
	SID     string `query:"sid" required:"true" doc:"Which service" maxLength:"200" example:"S1"`
	Domain  string `query:"domain" doc:"Application domain; may be left out when the service is there for one alone" maxLength:"200"`
	Subject string `query:"subject" doc:"Below what: group/hall1, space/hall; default everything" maxLength:"210"`
}

func (e *Execution) registerAvailability(api huma.API) {
	op := func(id, method, path, summary, description string, may []map[string][]string, errs ...int) huma.Operation {
		return Op(tagAvailability, id, method, path, summary, description, may, errs...)
	}
	huma.Register(api, op("get-availability", http.MethodGet, "/availability", "How available services are now",
		"Services, their microservices, composites and objects, for a subject. Strict and by quality, link and object failures apart, and what a monolith would have.", mayRead, 404, 422), e.getAvailability)
	huma.Register(api, op("get-importance", http.MethodGet, "/availability/importance", "Which object to repair first",
		"Birnbaum importance: the availability with the object there less that without it, the largest mean first.", mayRead, 404, 422), e.getImportance)
	huma.Register(api, op("get-availability-history", http.MethodGet, "/availability/history", "How available a service was over a time",
		"From when objects changed their state, with the microservices, links and objects of today. What stood in counts as there.", mayRead, 404, 422), e.getHistory)
	huma.Register(api, op("simulate-availability", http.MethodPost, "/availability/simulate", "How available a service is when objects fail at random",
		"Many moments in which every object is there or not, independently: a curve over the probability of an outage. The same seed gives the same answer.", mayRead, 404, 422), e.postSimulate)
	huma.Register(api, op("list-links", http.MethodGet, "/links", "Links that are cut", "", mayRead), e.listLinks)
	cut := op("cut-link", http.MethodPost, "/links", "Cut a link from a composite to an object, or from microservices to a composite",
		"Requests from then on do not use it. The object itself has not failed.", mayOperate, 409, 422)
	cut.DefaultStatus = http.StatusCreated
	huma.Register(api, cut, e.cutLink)
	huma.Register(api, op("mend-link", http.MethodDelete, "/links/{id}", "Mend a link", "", mayOperate, 404), e.mendLink)
}

// examine looks at a service for a subject.
func (e *Execution) examine(sid, domain, subject string) (asked, *plan.Examined, error) {
	a, err := e.find(plan.Request{SID: sid, Domain: domain, Subject: object.ID(subject)}, plan.BySum)
	if err != nil {
		return a, nil, err
	}
	x, err := a.finder.Examine(a.sro, a.mso, a.view, a.ask)
	return a, x, err
}

func (e *Execution) getAvailability(_ context.Context, in *struct {
	SID     string `query:"sid" doc:"Only this service" maxLength:"200"`
	Domain  string `query:"domain" doc:"Only services of this domain" maxLength:"200"`
	Subject string `query:"subject" doc:"Below what: group/hall1, space/hall; default everything" maxLength:"210"`
	Short   bool   `query:"short" doc:"Without microservices, composites and objects"`
},
) (*struct {
	Body struct {
		At       time.Time             `json:"at"`
		Epoch    uint64                `json:"epoch" doc:"Of the objects' states, at the process that answers"`
		Services []AvailabilityService `json:"services"`
	}
}, error,
) {
	out := new(struct {
		Body struct {
			At       time.Time             `json:"at"`
			Epoch    uint64                `json:"epoch" doc:"Of the objects' states, at the process that answers"`
			Services []AvailabilityService `json:"services"`
		}
	})
	m := e.opts.Moment()
	if m == nil {
		return nil, Refuse(ErrNotReady)
	}
	out.Body.At, out.Body.Epoch, out.Body.Services = e.opts.Clock().Time(), m.Epoch, []AvailabilityService{}
	d := e.defined.Load()
	for i := range d.list {
		s := &d.list[i]
		if in.SID != "" && in.SID != s.SID || in.Domain != "" && in.Domain != s.Domain {
			continue
		}
		a, x, err := e.examine(s.SID, s.Domain, in.Subject)
		var none *plan.NoMicroservice
		switch {
		case errors.As(err, &none) || errors.Is(err, plan.ErrRequest):
			out.Body.Services = append(out.Body.Services, AvailabilityService{
				SID: s.SID, Name: s.Name, Domain: s.Domain, Subject: object.ID(in.Subject), AvailabilityFigures: AvailabilityFigures{Exec: availability.Nothing},
				Required: s.Restriction.String(), Groups: []AvailabilityGroup{}, Microservices: []AvailabilityMicroservice{}, Missing: []plan.Missing{}, StandIns: []plan.Substitution{}, Why: err.Error(),
			})
			continue
		case err != nil:
			return nil, Refuse(err)
		}
		out.Body.Services = append(out.Body.Services, availabilityOf(a, x, in.Short))
	}
	if in.SID != "" && len(out.Body.Services) == 0 {
		return nil, Refuse(plan.ErrUnknown)
	}
	return out, nil
}

func availabilityOf(a asked, x *plan.Examined, short bool) AvailabilityService {
	s := a.sro.Service()
	r := &x.Result.Services[0]
	out := AvailabilityService{
		SID: s.SID, Name: s.Name, Domain: s.Domain, Subject: a.sro.Subject, AvailabilityFigures: figuresOf(&r.Figures), Required: s.Restriction.String(),
		Groups: []AvailabilityGroup{}, Microservices: []AvailabilityMicroservice{}, Missing: x.Missing, More: x.More, StandIns: x.StandIns,
	}
	if out.Missing == nil {
		out.Missing = []plan.Missing{}
	}
	if out.StandIns == nil {
		out.StandIns = []plan.Substitution{}
	}
	for i, name := range x.Structure.GroupNames(0) {
		out.Groups = append(out.Groups, AvailabilityGroup{name, figuresOf(&r.Groups[i])})
	}
	for _, m := range out.Missing {
		if m.Cause == plan.LinkCut {
			out.Links++
		} else {
			out.Objects++
		}
	}
	if short {
		return out
	}
	for i := range a.mso.Steps {
		step := &a.mso.Steps[i]
		m := &x.Result.Microservices[i]
		ms := AvailabilityMicroservice{
			ID: step.MS, Version: step.Version.String(), Up: m.Up, Usable: m.Usable, Full: m.Full, Fraction: m.Fraction(), Quality: m.Quality, Composites: []AvailabilityComposite{},
		}
		for _, c := range x.Composites(i) {
			ms.Composites = append(ms.Composites, compositeOf(x, c))
		}
		out.Microservices = append(out.Microservices, ms)
	}
	return out
}

const mostMembers = 1000

func compositeOf(x *plan.Examined, c plan.ExaminedComposite) AvailabilityComposite {
	r := &x.Result.Composites[c.Index]
	out := AvailabilityComposite{Tag: c.Tag, Usable: r.Usable, Present: r.Present, Of: r.Of, Quality: r.Quality, Objects: []AvailabilityObject{}}
	for i, m := range c.Members {
		if i == mostMembers {
			break
		}
		v := m.Value
		out.Objects = append(out.Objects, AvailabilityObject{Object: m.Object, Share: v.Share, Source: v.Source, By: v.By, Since: timeOf(v.Since), Cut: m.Cut})
	}
	return out
}

// ObjectImportance is how much of a service hangs on an object.
type ObjectImportance struct {
	Object  object.ID    `json:"object"`
	Name    string       `json:"name,omitempty"`
	State   object.State `json:"state" enum:"live,late,stale,substituted,virtual,down"`
	Strict  float64      `json:"strict" doc:"Strict availability with it there, less that without it"`
	Mean    float64      `json:"mean" doc:"Mean availability with it there, less that without it"`
	Quality float64      `json:"quality"`
}

func (e *Execution) getImportance(_ context.Context, in *struct {
	OfService
	All   bool `query:"all" doc:"As if every object were there now, not as things are"`
	Limit int  `query:"limit" minimum:"1" maximum:"1000" default:"50"`
},
) (*struct {
	Body struct {
		SID     string             `json:"sid"`
		Subject object.ID          `json:"subject,omitempty"`
		Objects []ObjectImportance `json:"objects" doc:"The most important first"`
		Of      int                `json:"of" doc:"How many objects there are below the service"`
	}
}, error,
) {
	a, x, err := e.examine(in.SID, in.Domain, in.Subject)
	if err != nil {
		return nil, Refuse(err)
	}
	out := new(struct {
		Body struct {
			SID     string             `json:"sid"`
			Subject object.ID          `json:"subject,omitempty"`
			Objects []ObjectImportance `json:"objects" doc:"The most important first"`
			Of      int                `json:"of" doc:"How many objects there are below the service"`
		}
	})
	out.Body.SID, out.Body.Subject, out.Body.Objects = in.SID, object.ID(in.Subject), []ObjectImportance{}
	condition := x.Condition
	if in.All {
		condition = x.Structure.AllLive()
	}
	for _, i := range x.Structure.Importance(condition, 0) {
		o, _, ok := x.Object(i.Object)
		if !ok {
			continue
		}
		if out.Body.Of++; len(out.Body.Objects) == in.Limit {
			continue
		}
		state, _ := a.moment.State(o.Index)
		out.Body.Objects = append(out.Body.Objects, ObjectImportance{o.ID, o.Name, state, i.Strict, i.Mean, i.Quality})
	}
	return out, nil
}

// AvailabilityPoint is from when on a service was so available.
type AvailabilityPoint struct {
	At     time.Time         `json:"at"`
	Exec   availability.Exec `json:"exec" enum:"full,partial,none"`
	Strict float64           `json:"strict"`
	Mean   float64           `json:"mean"`
}

// AvailabilityShare is an availability over a time.
type AvailabilityShare struct {
	Share   *float64 `json:"share" doc:"Over the time in which it is known; null: it never is"`
	Known   float64  `json:"known_s" doc:"Of how many s it is known"`
	Unknown float64  `json:"unknown_s"`
}

func shareOf(s availability.Spell) AvailabilityShare {
	out := AvailabilityShare{Known: float64(s.Known) / 1000, Unknown: float64(s.Unknown) / 1000}
	if share, ok := s.Share(); ok {
		out.Share = &share
	}
	return out
}

// AvailabilityPast is the availability of a service over a time.
type AvailabilityPast struct {
	SID     string              `json:"sid"`
	Subject object.ID           `json:"subject,omitempty"`
	From    time.Time           `json:"from"`
	To      time.Time           `json:"to"`
	Strict  AvailabilityShare   `json:"strict"`
	Mean    AvailabilityShare   `json:"mean"`
	Any     AvailabilityShare   `json:"any" doc:"Share of the time in which it could be carried out, fully or partially"`
	Points  []AvailabilityPoint `json:"points" doc:"The oldest first; each holds until the next"`
	Events  int                 `json:"events" doc:"Changes of objects below the service"`
	Whole   bool                `json:"whole" doc:"False: there were more changes than are looked at, and the end is not known"`
}

// Bounds of looks back.
const (
	mostEvents = 50_000
	mostPoints = 5_000
)

func (e *Execution) getHistory(ctx context.Context, in *struct {
	OfService
	From time.Time `query:"from" required:"true"`
	To   time.Time `query:"to" doc:"Default: now"`
},
) (*struct{ Body AvailabilityPast }, error) {
	if e.opts.Store == nil {
		return nil, Refuse(ErrNoStore)
	}
	a, x, err := e.examine(in.SID, in.Domain, in.Subject)
	if err != nil {
		return nil, Refuse(err)
	}
	from, to := record.MillisOf(in.From), a.ask.Now
	if !in.To.IsZero() {
		to = min(to, record.MillisOf(in.To))
	}
	if from < 0 || to <= from {
		return nil, huma.Error422UnprocessableEntity("from has to be before to and before now")
	}
	standing, err := e.opts.Store.Standing(ctx, from)
	if err != nil {
		return nil, Refuse(err)
	}
	events, err := e.opts.Store.Events(ctx, "", from, to, mostEvents)
	if err != nil {
		return nil, Refuse(err)
	}
	return &struct{ Body AvailabilityPast }{past(a, x, from, to, standing, events)}, nil
}

// past works out how available a service was.
func past(a asked, x *plan.Examined, from, to record.Millis, standing, events []book.Event) AvailabilityPast {
	out := AvailabilityPast{SID: a.sro.SID, Subject: a.sro.Subject, From: from.Time(), To: to.Time(), Points: []AvailabilityPoint{}, Whole: len(events) < mostEvents}
	if !out.Whole {
		to = events[len(events)-1].At
	}
	n, _, _, _ := x.Structure.Counts()
	// Cut links and processes are those of today: only objects are looked back at.
	c := &availability.Condition{Objects: make([]availability.Value, n), Links: x.Condition.Links, Cut: x.Condition.Cut, Down: x.Condition.Down}
	known := make([]bool, n)
	unknown := 0
	index := make(map[object.ID]int, n)
	for i := range n {
		o, _, ok := x.Object(i)
		if !ok {
			c.Objects[i], known[i] = availability.Missed(0), true
			continue
		}
		index[o.ID] = i
		// Whoever changed nothing that is kept is as now, or nobody knows.
		if _, since := a.moment.State(o.Index); since <= from {
			c.Objects[i], known[i] = x.Condition.Objects[i], since > 0
		}
	}
	set := func(e *book.Event) {
		i, ok := index[object.ID(e.Object)]
		if !ok {
			return
		}
		c.Objects[i], known[i] = availability.Missed(e.At), true
		if object.State(e.Is).Usable() {
			c.Objects[i] = availability.Measured(e.At)
		}
	}
	for i := range standing {
		set(&standing[i])
	}
	for i := range events { // before its first event an object was as that one says
		e := &events[i]
		if at, ok := index[object.ID(e.Object)]; ok && !known[at] && e.Was != "" {
			known[at], c.Objects[at] = true, availability.Missed(0)
			if object.State(e.Was).Usable() {
				c.Objects[at] = availability.Measured(0)
			}
		}
	}
	for _, k := range known {
		if !k {
			unknown++
		}
	}
	var strict, mean, any availability.Integral
	var r availability.Result
	strict.Begin(from)
	mean.Begin(from)
	any.Begin(from)
	note := func(at record.Millis) {
		x.Structure.EvaluateInto(c, &r)
		s := &r.Services[0]
		runs := 1.0
		if s.Exec == availability.Nothing {
			runs = 0
		}
		strict.Add(availability.Event{At: at, Share: s.Strict, Known: unknown == 0})
		mean.Add(availability.Event{At: at, Share: s.Mean, Known: unknown == 0})
		any.Add(availability.Event{At: at, Share: runs, Known: unknown == 0})
		if p := (AvailabilityPoint{at.Time(), s.Exec, s.Strict, s.Mean}); unknown == 0 && (len(out.Points) == 0 || !same(out.Points[len(out.Points)-1], p)) && len(out.Points) < mostPoints {
			out.Points = append(out.Points, p)
		}
	}
	note(from)
	for i := range events {
		e := &events[i]
		at, ok := index[object.ID(e.Object)]
		if !ok {
			continue
		}
		if !known[at] {
			unknown--
		}
		set(e)
		out.Events++
		if i+1 < len(events) && events[i+1].At == e.At {
			continue // they are one change
		}
		note(e.At)
	}
	out.To = to.Time()
	out.Strict, out.Mean, out.Any = shareOf(strict.Until(to)), shareOf(mean.Until(to)), shareOf(any.Until(to))
	return out
}

func same(a, b AvailabilityPoint) bool {
	return a.Exec == b.Exec && a.Strict == b.Strict && a.Mean == b.Mean
}

// AvailabilityTrial is a simulation.
type AvailabilityTrial struct {
	SID      string    `json:"sid" maxLength:"200"`
	Domain   string    `json:"domain,omitempty" maxLength:"200"`
	Subject  string    `json:"subject,omitempty" maxLength:"210"`
	Outages  []float64 `json:"outages" doc:"Probabilities that one object is not there" minItems:"1" maxItems:"50" example:"[0.05,0.1,0.2]"`
	Draws    int       `json:"draws,omitempty" doc:"Moments for each; default 20,000" minimum:"0" maximum:"200000"`
	Seed     uint64    `json:"seed,omitempty"`
	Replicas int       `json:"replicas,omitempty" doc:"Of each object, besides itself" minimum:"0" maximum:"8"`
	Virtual  float64   `json:"virtual,omitempty" doc:"Probability that a failed object is stood in for" minimum:"0" maximum:"1"`
}

// AvailabilityEstimate is a mean over all moments.
type AvailabilityEstimate struct {
	Mean  float64 `json:"mean"`
	Error float64 `json:"error" doc:"Its standard error"`
}

// AvailabilityOutcome is what a simulation came to.
type AvailabilityOutcome struct {
	Outage   float64              `json:"outage"`
	Strict   AvailabilityEstimate `json:"strict"`
	Mean     AvailabilityEstimate `json:"mean"`
	Monolith AvailabilityEstimate `json:"monolith" doc:"Share of moments in which nothing has failed"`
	Full     AvailabilityEstimate `json:"full" doc:"Share of moments in which everything can be carried out"`
	Runs     AvailabilityEstimate `json:"runs" doc:"Share of moments in which as much can be carried out as is asked for"`
}

// mostDraws bounds what one request may draw: moments times objects below the service.
const mostDraws = 40_000_000

func (e *Execution) postSimulate(_ context.Context, in *struct{ Body AvailabilityTrial }) (*struct {
	Body struct {
		Draws   int                   `json:"draws" doc:"Moments for each; fewer than asked for where there are many objects"`
		Objects int                   `json:"objects" doc:"Below the service"`
		Curve   []AvailabilityOutcome `json:"curve"`
	}
}, error,
) {
	b := &in.Body
	_, x, err := e.examine(b.SID, b.Domain, b.Subject)
	if err != nil {
		return nil, Refuse(err)
	}
	n, _, _, _ := x.Structure.Counts()
	if b.Draws == 0 {
		b.Draws = 20_000
	}
	out := new(struct {
		Body struct {
			Draws   int                   `json:"draws" doc:"Moments for each; fewer than asked for where there are many objects"`
			Objects int                   `json:"objects" doc:"Below the service"`
			Curve   []AvailabilityOutcome `json:"curve"`
		}
	})
	out.Body.Objects = n
	out.Body.Draws = max(1, min(b.Draws, mostDraws/max(1, n*len(b.Outages))))
	curve, err := x.Structure.Curve(availability.Trial{Draws: out.Body.Draws, Seed: b.Seed, Replicas: b.Replicas, Virtual: b.Virtual}, b.Outages)
	if err != nil {
		return nil, huma.Error422UnprocessableEntity(err.Error())
	}
	of := func(x availability.Estimate) AvailabilityEstimate {
		if math.IsNaN(x.Error) {
			x.Error = 0
		}
		return AvailabilityEstimate{x.Mean, x.Error}
	}
	for _, o := range curve {
		out.Body.Curve = append(out.Body.Curve, AvailabilityOutcome{o.Outage, of(o.Strict), of(o.Mean), of(o.Series), of(o.Full), of(o.Runs)})
	}
	return out, nil
}

// CutLink is a link that somebody cut.
type CutLink struct {
	ID string `json:"id"`
	plan.Cut
	Who string     `json:"who"`
	At  *time.Time `json:"at"`
}

func (e *Execution) listLinks(context.Context, *struct{}) (*struct {
	Body struct {
		Links []CutLink `json:"links"`
	}
}, error,
) {
	out := new(struct {
		Body struct {
			Links []CutLink `json:"links"`
		}
	})
	d := e.defined.Load()
	out.Body.Links = make([]CutLink, len(d.cuts))
	for i, c := range d.cuts {
		out.Body.Links[i] = CutLink{d.cutAt[i].ID, c, d.cutAt[i].ChangedBy, timeOf(d.cutAt[i].Changed)}
	}
	return out, nil
}

// linkID names a link by what it is from and to: it is cut once.
func linkID(c plan.Cut) string {
	c.Since, c.Why = 0, ""
	text, _ := json.Marshal(c) // it is made of strings
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:10])
}

func (e *Execution) cutLink(ctx context.Context, in *struct{ Body plan.Cut }) (*struct{ Body CutLink }, error) {
	if e.opts.Store == nil {
		return nil, Refuse(ErrNoStore)
	}
	c := in.Body
	c.Since = 0
	d := e.defined.Load()
	known := slices.ContainsFunc(d.templates, func(t microservice.Template) bool {
		for i := range t.Composites {
			if t.Composites[i].Tag == c.Composite && (c.MS == "" || c.MS == t.ID) {
				return true
			}
		}
		return false
	})
	if !known {
		return nil, huma.Error422UnprocessableEntity("no template of a microservice names this composite")
	}
	if c.Object != "" {
		if err := c.Object.Validate(); err != nil {
			return nil, huma.Error422UnprocessableEntity(err.Error())
		}
	}
	if len(d.cuts) >= plan.MaxCuts {
		return nil, huma.Error409Conflict("there are too many cut links")
	}
	rows, err := e.opts.Store.Put(ctx, e.opts.Actor(ctx), book.Put{Kind: book.Cut, ID: linkID(c), Doc: c, Version: -1})
	if err != nil {
		return nil, Refuse(err)
	}
	e.opts.Changed()
	c.Since = rows[0].Changed
	return &struct{ Body CutLink }{CutLink{rows[0].ID, c, rows[0].ChangedBy, timeOf(rows[0].Changed)}}, nil
}

func (e *Execution) mendLink(ctx context.Context, in *struct {
	ID string `path:"id" maxLength:"64"`
},
) (*struct{}, error) {
	if e.opts.Store == nil {
		return nil, Refuse(ErrNoStore)
	}
	if _, err := e.opts.Store.Put(ctx, e.opts.Actor(ctx), book.Put{Kind: book.Cut, ID: in.ID, Version: -1}); err != nil {
		return nil, Refuse(err)
	}
	e.opts.Changed()
	return nil, nil
}
