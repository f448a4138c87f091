package service

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/wattwerk/wattwerk/model"
	"github.com/wattwerk/wattwerk/object"
	"github.com/wattwerk/wattwerk/object/graph"
	"github.com/wattwerk/wattwerk/object/notation"
	"github.com/wattwerk/wattwerk/object/query"
	"github.com/wattwerk/wattwerk/object/shape"
	"github.com/wattwerk/wattwerk/object/thing"
	"github.com/wattwerk/wattwerk/service/book"
	"github.com/wattwerk/wattwerk/service/watch"
)

// Bounds of questions and documents.
const (
	longestQuery = 10 * time.Second
	mostImport   = 32 << 20
	mostAsking   = 4 // questions at the same time in this process
)

func (s *Service) registerMeaning(api huma.API) {
	for _, x := range []struct {
		id, path, media, what string
		write                 func(io.Writer, *graph.Live, notation.Options) error
	}{
		{"export-objects-jsonld", "/objects.jsonld", "application/ld+json", "JSON-LD", notation.JSONLD},
		{"export-objects-turtle", "/objects.ttl", "text/turtle", "Turtle", notation.Turtle},
	} {
		o := op(x.id, http.MethodGet, x.path, "All objects as "+x.what, "With spaces, what they are at this moment, and what stands in for what: in the words of Brick, REC and QUDT.", mayRead)
		o.Responses = map[string]*huma.Response{"200": {Description: "A document", Content: map[string]*huma.MediaType{x.media: {Schema: &huma.Schema{Type: huma.TypeString}}}}}
		huma.Register(api, o, func(_ context.Context, in *struct {
			Classes bool `query:"classes" doc:"The classes of the vocabulary too, with what contains them"`
		},
		) (*huma.StreamResponse, error) {
			m, _, err := s.now()
			if err != nil {
				return nil, err
			}
			g := s.graphAt(m)
			return &huma.StreamResponse{Body: func(c huma.Context) {
				c.SetHeader("Content-Type", x.media)
				if err := x.write(c.BodyWriter(), g, notation.Options{Classes: in.Classes}); err != nil {
					s.log.Warn("objects broken off", "error", err)
					// The status is out: only a broken connection tells the client.
					panic(http.ErrAbortHandler)
				}
			}}, nil
		})
	}
	ask := op("query-objects", http.MethodPost, "/objects/query", "Ask about objects in SPARQL", "A part of SPARQL 1.1: select with basic graph patterns, optional, filter, count, grouping, paths over subclasses. docs/objects.md says which.", mayRead, 422)
	huma.Register(api, ask, s.queryObjects)
	in := op("import-objects", http.MethodPost, "/objects/import", "Take spaces and enrichments from JSON-LD", "Without apply it is only said what would be done. What it says wrongly is told, with and without.", mayOperate, 409, 422)
	in.MaxBodyBytes, in.SkipValidateBody, in.BodyReadTimeout = mostImport, true, time.Minute
	in.RequestBody = &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{"application/ld+json": {Schema: &huma.Schema{Type: huma.TypeObject}}}}
	huma.Register(api, in, s.importObjects)
	huma.Register(api, op("list-object-findings", http.MethodGet, "/objects/findings", "What is missing or contradicts itself among objects", "", mayRead), s.listFindings)
	known := op("get-thing-directory", http.MethodGet, "", "The directory of things (W3C WoT Discovery)", "Its Thing Description: where Thing Descriptions of devices and objects are, and what is needed to read them. It says nothing of these, so everybody may read it.", nil)
	known.Path, known.Errors = "/.well-known/wot", nil
	huma.Register(api, known, s.getThingDirectory)
	huma.Register(api, op("list-things", http.MethodGet, "/things", "Thing Descriptions (W3C WoT TD 1.1)", "Of objects, then of devices.", mayRead), s.listThings)
	huma.Register(api, op("get-thing", http.MethodGet, "/things/{kind}/{id}", "One Thing Description", "Of a sensor, a group, or a device by its serial number.", mayRead, 404), s.getThing)
}

// graphAt is the objects as triples, at a moment. What does not change by the
// second is kept.
func (s *Service) graphAt(m *watch.Moment) *graph.Live {
	g := s.graph.Load()
	if g == nil || g.World() != m.World {
		g = graph.New(m.World)
		s.graph.Store(g)
	}
	var subs []graph.Substitution
	for i := range m.World.Len() {
		if in := m.StandIn(i); in != nil {
			x := graph.Substitution{For: m.World.At(i).ID, Method: string(in.State), Error: new(1 - in.Share)}
			if len(in.By) > 0 {
				x.By = in.By[0]
			}
			subs = append(subs, x)
		}
	}
	return g.At(func(o *object.Object) graph.Now {
		state, _ := m.State(o.Index)
		x := s.sight(o)
		now := graph.Now{State: state, Seen: x.Time}
		if !math.IsNaN(x.Value) && x.Time > 0 {
			now.Value = &x.Value
		}
		return now
	}, subs)
}

func (s *Service) queryObjects(ctx context.Context, in *struct {
	Body struct {
		Query string `json:"query" minLength:"1" maxLength:"20000" example:"select ?s where { ?s a brick:Active_Power_Sensor }"`
	}
},
) (*struct{ Body query.Answer }, error) {
	m, _, err := s.now()
	if err != nil {
		return nil, err
	}
	q, err := query.Parse(in.Body.Query)
	if err != nil {
		return nil, huma.Error422UnprocessableEntity(err.Error())
	}
	ctx, cancel := context.WithTimeout(ctx, longestQuery)
	defer cancel()
	select {
	case s.asking <- struct{}{}:
		defer func() { <-s.asking }()
	case <-ctx.Done():
		return nil, refuse(fmt.Errorf("%w: too many questions are being answered", errNotReady))
	}
	r, err := q.Run(ctx, s.graphAt(m), query.Budget{})
	var wrong *query.Error
	switch {
	case errors.As(err, &wrong):
		return nil, huma.Error422UnprocessableEntity(err.Error())
	case errors.Is(err, context.DeadlineExceeded):
		return nil, huma.Error422UnprocessableEntity(fmt.Sprintf("the question takes longer than %v", longestQuery))
	case err != nil:
		return nil, refuse(err)
	}
	return &struct{ Body query.Answer }{r.JSON()}, nil
}

// ObjectsImported is what came of an import.
type ObjectsImported struct {
	Applied     bool     `json:"applied" doc:"False: it is only what would be done"`
	Spaces      int      `json:"spaces" doc:"Spaces it says something of; they take the place of those with the same identifiers"`
	Enrichments int      `json:"enrichments" doc:"Objects it says something of; it takes the place of what was said"`
	Statements  int      `json:"statements"`
	Ignored     int      `json:"ignored" doc:"Statements that say nothing of spaces and objects"`
	Faults      []string `json:"faults" doc:"What it says wrongly: it is left out, or, where it is of what the model does not have, kept and not in force until it has; at most 100"`
	More        int      `json:"moreFaults"`
}

// mostImported is how many documents one import changes.
const mostImported = 20_000

// mostFaults is how many an import tells of.
const mostFaults = 100

func (s *Service) importObjects(ctx context.Context, in *struct {
	Apply   bool `query:"apply" doc:"Do it; else it is only said what would be done"`
	RawBody []byte
},
) (*struct{ Body ObjectsImported }, error) {
	_, p, err := s.now()
	if err != nil {
		return nil, err
	}
	x, err := notation.Read(in.RawBody, s.opts.Catalog.State().Model)
	if err != nil {
		return nil, huma.Error422UnprocessableEntity(err.Error())
	}
	out := ObjectsImported{Spaces: len(x.Spaces), Enrichments: len(x.Enrichments), Statements: x.Statements, Ignored: x.Ignored, Faults: append([]string{}, x.Faults...), More: x.More}
	if len(x.Enrichments) > mostImported {
		return nil, huma.Error422UnprocessableEntity(fmt.Sprintf("it says something of %d objects; at most %d are taken at once", len(x.Enrichments), mostImported))
	}
	spaces := slices.Clone(p.spaces)
	at := make(map[string]int, len(spaces))
	for i := range spaces {
		at[spaces[i].ID] = i
	}
	for _, n := range x.Spaces {
		if i, ok := at[n.ID]; ok {
			spaces[i] = n
		} else {
			spaces = append(spaces, n)
		}
	}
	out.tell(s.opts.Catalog.State().Model, p.spaces, spaces, x.Enrichments)
	if !in.Apply {
		return &struct{ Body ObjectsImported }{out}, nil
	}
	var puts []book.Put
	if len(x.Spaces) > 0 {
		// For the version that was read: nobody's change is lost.
		puts = append(puts, book.Put{Kind: book.Spaces, ID: spacesID, Doc: spaces, Version: p.spacesAt.Version})
	}
	for _, e := range x.Enrichments {
		puts = append(puts, book.Put{Kind: book.Enrichment, ID: string(e.Object), Doc: e, Version: -1})
	}
	if len(puts) > 0 {
		if _, err := s.opts.Store.Put(ctx, s.opts.Actor(ctx), puts...); err != nil {
			return nil, refuse(err)
		}
		s.changed()
	}
	out.Applied = true
	return &struct{ Body ObjectsImported }{out}, nil
}

// tell adds what does not fit the model, which was no better without the import.
func (o *ObjectsImported) tell(m *model.Model, was, spaces []object.Space, more []object.Enrichment) {
	_, before := object.NewWorld(m, was, nil)
	_, all := object.NewWorld(m, spaces, more)
	for _, f := range all {
		switch {
		case slices.Contains(before, f):
		case len(o.Faults) >= mostFaults:
			o.More++
		default:
			o.Faults = append(o.Faults, f.Text)
		}
	}
	slices.Sort(o.Faults)
}

// ObjectFinding is something that is missing or contradicts itself.
type ObjectFinding struct {
	Check    string    `json:"check" doc:"What found it" example:"empty-group"`
	Severity string    `json:"severity" enum:"wrong,suspect,hint"`
	Object   object.ID `json:"object,omitempty"`
	Space    string    `json:"space,omitempty"`
	Text     string    `json:"text" doc:"What is wrong"`
	Advice   string    `json:"advice" doc:"What to do"`
}

func (s *Service) listFindings(_ context.Context, in *struct {
	Limit int `query:"limit" minimum:"1" maximum:"5000" default:"500"`
},
) (*struct {
	Body struct {
		Findings []ObjectFinding `json:"findings"`
		Total    int             `json:"total"`
	}
}, error,
) {
	m, _, err := s.now()
	if err != nil {
		return nil, err
	}
	all, total := shape.Look(m.World, in.Limit)
	out := new(struct {
		Body struct {
			Findings []ObjectFinding `json:"findings"`
			Total    int             `json:"total"`
		}
	})
	out.Body.Findings, out.Body.Total = []ObjectFinding{}, total
	for _, f := range all {
		out.Body.Findings = append(out.Body.Findings, ObjectFinding{f.Check, string(f.Severity), f.Object, f.Space, f.Text, f.Advice})
	}
	return out, nil
}

// RequestOrigin is where the API was reached.
type RequestOrigin struct{ base string }

// Resolve takes it from the request.
func (o *RequestOrigin) Resolve(c huma.Context) []error {
	scheme := "http"
	if c.TLS() != nil || c.Header("X-Forwarded-Proto") == "https" {
		scheme = "https"
	}
	o.base = scheme + "://" + c.Host() + "/api/v1/"
	return nil
}

func (s *Service) getThingDirectory(_ context.Context, in *struct{ RequestOrigin }) (*struct{ Body thing.ThingDirectory }, error) {
	return &struct{ Body thing.ThingDirectory }{thing.OfDirectory(in.base)}, nil
}

func (s *Service) listThings(_ context.Context, in *struct {
	RequestOrigin
	Offset int `query:"offset" minimum:"0" maximum:"10000000"`
	Limit  int `query:"limit" minimum:"1" maximum:"1000" default:"100"`
},
) (*struct {
	Total string `header:"X-Total-Count" doc:"How many there are"`
	Body  []thing.ThingDescription
}, error,
) {
	m, _, err := s.now()
	if err != nil {
		return nil, err
	}
	all, total := thing.Directory(m.World, in.base, in.Offset, in.Limit)
	if all == nil {
		all = []thing.ThingDescription{}
	}
	return &struct {
		Total string `header:"X-Total-Count" doc:"How many there are"`
		Body  []thing.ThingDescription
	}{strconv.Itoa(total), all}, nil
}

func (s *Service) getThing(_ context.Context, in *struct {
	RequestOrigin
	Kind string `path:"kind" enum:"sensor,group,device"`
	ID   string `path:"id" maxLength:"500"`
},
) (*struct{ Body thing.ThingDescription }, error) {
	m, _, err := s.now()
	if err != nil {
		return nil, err
	}
	var d thing.ThingDescription
	ok := false
	if in.Kind == "device" {
		d, ok = thing.OfDevice(m.World, in.ID, in.base)
	} else {
		d, ok = thing.OfObject(m.World, object.ID(in.Kind+"/"+in.ID), in.base)
	}
	if !ok {
		return nil, refuse(fmt.Errorf("%w: there is no %s %q", errNotFound, in.Kind, in.ID))
	}
	return &struct{ Body thing.ThingDescription }{d}, nil
}
