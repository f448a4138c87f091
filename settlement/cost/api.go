package cost

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"reflect"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/goccy/go-yaml"

	"github.com/wattwerk/wattwerk/internal/etag"
	"github.com/wattwerk/wattwerk/internal/problem"
	"github.com/wattwerk/wattwerk/internal/strict"
	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/settlement/cost/contract"
	"github.com/wattwerk/wattwerk/settlement/cost/price"
	"github.com/wattwerk/wattwerk/tariff"
	"github.com/wattwerk/wattwerk/window"
)

const yamlType = "application/yaml"

// mostListed is how many revisions or assignments a list has.
const mostListed = 1_000

var (
	mayRead    = []map[string][]string{{"wattwerk": {"read"}}}
	mayOperate = []map[string][]string{{"wattwerk": {"operate"}}}
)

func op(id, method, path, summary, text string) huma.Operation {
	o := huma.Operation{
		OperationID: id, Method: method, Path: "/api/v1/" + path, Summary: summary, Description: text, Tags: []string{"costs"}, Security: mayRead,
		MaxBodyBytes: tariff.MaxText + 1024, BodyReadTimeout: 30 * time.Second,
	}
	if method != http.MethodGet {
		o.Security = mayOperate
	}
	return o
}

// answer is the one place where an error becomes a status.
func answer(err error) error {
	if no, ok := errors.AsType[*price.Refusal](err); ok {
		details := make([]error, 0, len(no.Faults))
		for _, f := range no.Faults {
			details = append(details, &huma.ErrorDetail{Message: f})
		}
		return huma.NewError(no.Status, no.Text, details...)
	}
	if errors.Is(err, etag.ErrMatch) {
		return huma.Error400BadRequest(err.Error())
	}
	if errors.Is(err, contract.ErrChanged) {
		return problem.Later(1, "", contract.ErrChanged.Error())
	}
	return err
}

// schemaOf describes a type of documents. The names of their parts are common
// words, so they are told from others of the description by a word before them.
func schemaOf(api huma.API, t reflect.Type) *huma.Schema {
	apart := huma.NewMapRegistry("#/components/schemas/", func(t reflect.Type, hint string) string {
		name := huma.DefaultSchemaNamer(t, hint)
		if !strings.HasPrefix(name, "Tariff") {
			name = "Tariff" + name
		}
		return name
	})
	out := apart.Schema(t, true, t.Name())
	maps.Copy(api.OpenAPI().Components.Schemas.Map(), apart.Map())
	return out
}

// Register adds the routes.
func (s *Service) Register(api huma.API) {
	registerDocuments[tariff.Tariff](s, api, contract.Tariff, "tariffs")
	registerDocuments[tariff.Factors](s, api, contract.Factors, "factors")
	s.registerSeries(api)
	s.registerAssignments(api)
	s.registerCosts(api)
}

// DocumentRevisionBody tells of a revision of a document.
type DocumentRevisionBody struct {
	ID         tariff.ID   `json:"id" doc:"Identifier of the document"`
	Revision   int64       `json:"revision" doc:"From 1; the newest is in force"`
	Removed    bool        `json:"removed,omitempty" doc:"The document was removed with it"`
	Since      tariff.Date `json:"since,omitempty" doc:"First day that it prices otherwise than the revision before it"`
	Who        string      `json:"who" doc:"Who put it"`
	Correction string      `json:"correction,omitempty" doc:"Why something that was priced already was changed"`
	At         time.Time   `json:"at" doc:"When"`
}

func revisionBody(d contract.Document) DocumentRevisionBody {
	return DocumentRevisionBody{ID: d.ID, Revision: d.Revision, Removed: d.Gone, Since: d.Since, Who: d.Who, Correction: d.Why, At: d.At}
}

type documentRevisionsBody struct {
	Items []DocumentRevisionBody `json:"items"`
}

type changedOutput struct {
	ETag string `header:"ETag"`
	Body DocumentRevisionBody
}

// isYAML tells in what a body is.
func isYAML(kind string) (bool, error) {
	switch kind, _, _ := strings.Cut(strings.ToLower(kind), ";"); strings.TrimSpace(kind) {
	case yamlType, "application/x-yaml", "text/yaml", "text/x-yaml":
		return true, nil
	case "application/json", "":
		return false, nil
	}
	return false, price.Refuse(http.StatusUnsupportedMediaType, "documents come as application/json or application/yaml")
}

// DocumentPath is what a route of documents is about.
type DocumentPath struct {
	ID string `path:"id" maxLength:"200" doc:"Identifier"`
}

// Changing says what is changed.
type Changing struct {
	IfMatch    string `header:"If-Match" doc:"The revision the change was made for, in quotes, as the ETag; \"0\": there must be none yet. 412 when it is another" example:"\"3\""`
	Correction string `query:"correction" maxLength:"2000" doc:"Why something that was priced already is changed; needed for that alone"`
}

func registerDocuments[T tariff.Tariff | tariff.Factors](s *Service, api huma.API, k contract.Kind, path string) {
	one := strings.TrimSuffix(path, "s")
	what := map[contract.Kind]string{contract.Tariff: "tariff", contract.Factors: "set of emission factors"}[k]
	var t T
	doc := schemaOf(api, reflect.TypeOf(t))
	both := map[string]*huma.MediaType{"application/json": {Schema: doc}, yamlType: {Schema: doc}}
	huma.Register(api, op("list-"+path, http.MethodGet, path, "All "+what+"s", "The newest revision of each."), func(ctx context.Context, _ *struct{}) (*struct{ Body documentRevisionsBody }, error) {
		b, err := s.Current(ctx)
		if err != nil {
			return nil, err
		}
		out := &struct{ Body documentRevisionsBody }{documentRevisionsBody{[]DocumentRevisionBody{}}}
		for n, d := range b.Documents {
			if n.Kind == k {
				out.Body.Items = append(out.Body.Items, revisionBody(d))
			}
		}
		sortByID(out.Body.Items)
		return out, nil
	})
	get := op("get-"+one, http.MethodGet, path+"/{id}", "One "+what, "The newest revision, or an earlier one, as JSON or YAML.")
	get.Responses = map[string]*huma.Response{"200": {Description: "The document", Content: both, Headers: map[string]*huma.Param{
		"ETag": {Schema: &huma.Schema{Type: huma.TypeString}, Description: "The revision, in quotes"},
	}}}
	huma.Register(api, get, func(ctx context.Context, in *struct {
		DocumentPath
		Revision int64  `query:"revision" minimum:"1" doc:"An earlier one; default: the newest"`
		Format   string `query:"format" enum:"json,yaml" doc:"default: what Accept says, else json"`
		Accept   string `header:"Accept"`
	},
	) (*huma.StreamResponse, error) {
		b, err := s.Current(ctx)
		if err != nil {
			return nil, err
		}
		n := contract.Name{Kind: k, ID: tariff.ID(in.ID)}
		d, there := b.Documents[n]
		if in.Revision > 0 && in.Revision != d.Revision {
			d, err = s.store.Revision(ctx, n, in.Revision)
			there = err == nil
			if err != nil && !errors.Is(err, contract.ErrNotFound) {
				return nil, err
			}
		}
		if !there {
			return nil, huma.Error404NotFound("there is no such " + what + ", or it has no such revision")
		}
		kind, body := "application/json", []byte(d.Body)
		if in.Format == "yaml" || in.Format == "" && strings.Contains(in.Accept, "yaml") {
			var doc T
			if err := json.Unmarshal(body, &doc); err != nil {
				return nil, err
			}
			if body, err = yaml.Marshal(doc); err != nil {
				return nil, err
			}
			kind = yamlType
		}
		return &huma.StreamResponse{Body: func(c huma.Context) {
			c.SetHeader("ETag", etag.Of(d.Revision))
			c.SetHeader("Content-Type", kind)
			_, _ = c.BodyWriter().Write(body) // who hung up is not told
		}}, nil
	})
	put := op("put-"+one, http.MethodPut, path+"/{id}", "Put a "+what, "As JSON or YAML; docs/tariffs.md shows each kind. It becomes the next revision; all that is wrong with it is said at once. What was priced already changes only with a correction, which is kept with who made it and why.")
	put.SkipValidateBody = true // the document says itself what is wrong with it
	put.RequestBody = &huma.RequestBody{Required: true, Content: both}
	put.Errors = []int{400, 409, 412, 413, 415, 422}
	huma.Register(api, put, func(ctx context.Context, in *struct {
		DocumentPath
		Changing
		ContentType string `header:"Content-Type" doc:"application/json or application/yaml"`
		RawBody     []byte
	},
	) (*changedOutput, error) {
		match, err := etag.Match(in.IfMatch)
		if err != nil {
			return nil, answer(err)
		}
		why, err := reason(in.Correction)
		if err != nil {
			return nil, answer(err)
		}
		asYAML, err := isYAML(in.ContentType)
		if err != nil {
			return nil, answer(err)
		}
		p, err := check(k, tariff.ID(in.ID), in.RawBody, asYAML)
		if err != nil {
			return nil, answer(err)
		}
		d, err := s.putDocument(ctx, p, match, why)
		if err != nil {
			return nil, answer(err)
		}
		return &changedOutput{etag.Of(d.Revision), revisionBody(d)}, nil
	})
	remove := op("delete-"+one, http.MethodDelete, path+"/{id}", "Remove a "+what, "Only when no assignment names it. Its revisions stay to be seen.")
	remove.Errors = []int{400, 404, 409, 412}
	huma.Register(api, remove, func(ctx context.Context, in *struct {
		DocumentPath
		Changing
	},
	) (*struct{}, error) {
		match, err := etag.Match(in.IfMatch)
		if err == nil {
			err = s.removeDocument(ctx, contract.Name{Kind: k, ID: tariff.ID(in.ID)}, match, in.Correction)
		}
		if err != nil {
			return nil, answer(err)
		}
		return nil, nil
	})
	huma.Register(api, op("list-"+one+"-revisions", http.MethodGet, path+"/{id}/revisions", "Revisions of a "+what, "Who put which, when, and why; the newest first, a thousand at most."), func(ctx context.Context, in *DocumentPath) (*struct{ Body documentRevisionsBody }, error) {
		all, err := s.store.Revisions(ctx, contract.Name{Kind: k, ID: tariff.ID(in.ID)}, mostListed)
		if err != nil {
			return nil, err
		}
		if len(all) == 0 {
			return nil, huma.Error404NotFound("there is no such " + what)
		}
		out := &struct{ Body documentRevisionsBody }{}
		for _, d := range all {
			out.Body.Items = append(out.Body.Items, revisionBody(d))
		}
		return out, nil
	})
}

// PricesBody is a list of prices of a series: each for itself, or values that
// follow one another.
type PricesBody struct {
	Unit   string           `json:"unit,omitempty" yaml:"unit,omitempty" doc:"What the values are in, for people" example:"EUR/MWh"`
	Quotes []PriceBody      `json:"quotes,omitempty" yaml:"quotes,omitempty" maxItems:"40000" doc:"Prices in order of time"`
	From   time.Time        `json:"from,omitzero" yaml:"from,omitempty" doc:"With step and values: when the first begins"`
	Step   string           `json:"step,omitempty" yaml:"step,omitempty" enum:"15m,30m,1h" doc:"How long each is for"`
	Values []tariff.Decimal `json:"values,omitempty" yaml:"values,omitempty" maxItems:"40000" doc:"Values that follow one another; an empty one is none" example:"[\"84.21\", \"79.9\"]"`
}

// PriceBody is one price.
type PriceBody struct {
	From  time.Time      `json:"from" yaml:"from" doc:"Begin"`
	To    time.Time      `json:"to" yaml:"to" doc:"End, not part of it"`
	Value tariff.Decimal `json:"value,omitempty" yaml:"value,omitempty" doc:"The price; absent: there is none" example:"84.21"`
}

// SeriesPutBody tells what was said of a series.
type SeriesPutBody struct {
	Series     string    `json:"series"`
	Number     int64     `json:"number" doc:"Counts what was said of the series; 0: it changed nothing"`
	Unit       string    `json:"unit,omitempty"`
	From       time.Time `json:"from" doc:"Begin of what it was about"`
	To         time.Time `json:"to"`
	Quotes     int       `json:"quotes" doc:"How many prices were given"`
	Replaced   int       `json:"replaced" doc:"How many others, that had another value, they replaced"`
	Who        string    `json:"who"`
	Correction string    `json:"correction,omitempty"`
	At         time.Time `json:"at"`
}

func putBody(p contract.Put) SeriesPutBody {
	return SeriesPutBody{Series: p.Series, Number: p.Number, Unit: p.Unit, From: p.Begin.Time(), To: p.End.Time(), Quotes: p.Quotes, Replaced: p.Replaced, Who: p.Who, Correction: p.Why, At: p.At}
}

type seriesPutsBody struct {
	Items []SeriesPutBody `json:"items"`
}

// readQuotes reads prices, and says all that is wrong with them.
func readQuotes(data []byte, asYAML bool) (PricesBody, []tariff.Quote, error) {
	var body PricesBody
	read := strict.JSON
	if asYAML {
		read = strict.YAML
	}
	if err := read(data, &body); err != nil {
		return body, nil, faulty(err)
	}
	var f strict.Faults
	var out []tariff.Quote
	add := func(i int, from, to record.Millis, value tariff.Decimal) {
		q := tariff.Quote{Known: value != ""}
		q.Span.From, q.Span.To = from, to
		if q.Known {
			var err error
			if q.Price, err = value.Price(); err != nil {
				f.Add("price %d: %v", i+1, err)
			}
		}
		out = append(out, q)
	}
	for i, q := range body.Quotes {
		add(i, record.MillisOf(q.From), record.MillisOf(q.To), q.Value)
	}
	if len(body.Values) > 0 {
		step, err := time.ParseDuration(body.Step)
		switch {
		case len(body.Quotes) > 0:
			f.Add("there are quotes and values; give one of both")
		case err != nil || step != 15*time.Minute && step != 30*time.Minute && step != time.Hour:
			f.Add("the step is %.20q; it is 15m, 30m or 1h", body.Step)
		case body.From.IsZero():
			f.Add("from is missing: when the first of the values begins")
		default:
			at := record.MillisOf(body.From)
			for i, v := range body.Values {
				next := at + record.Millis(step.Milliseconds())
				add(i, at, next, v)
				at = next
			}
		}
	}
	if err := f.Err(); err != nil {
		return body, nil, faulty(err)
	}
	return body, out, nil
}

// SeriesPath is what a route of series is about.
type SeriesPath struct {
	Name string `path:"name" maxLength:"200" doc:"Name of the series, as tariffs and factors refer to it"`
}

func (s *Service) registerSeries(api huma.API) {
	huma.Register(api, op("list-price-series", http.MethodGet, "prices", "All series of prices", "What was said of each last; from and to are of all of its prices. A series holds the prices of a market, or the CO2 intensity of a grid."), func(ctx context.Context, _ *struct{}) (*struct{ Body seriesPutsBody }, error) {
		b, err := s.Current(ctx)
		if err != nil {
			return nil, err
		}
		out := &struct{ Body seriesPutsBody }{seriesPutsBody{[]SeriesPutBody{}}}
		for _, p := range b.Series {
			out.Body.Items = append(out.Body.Items, putBody(p))
		}
		sortBySeries(out.Body.Items)
		return out, nil
	})
	huma.Register(api, op("get-price-series", http.MethodGet, "prices/{name}", "Prices of a series", "Those that hold. 40,000 at most."), func(ctx context.Context, in *struct {
		SeriesPath
		From string `query:"from" doc:"Begin: RFC 3339, a date in UTC, or ms since 1970 UTC. Default: a day before the end"`
		To   string `query:"to" doc:"End, not part of it. Default: two days from now"`
	},
	) (*struct{ Body PricesBody }, error) {
		b, err := s.Current(ctx)
		if err != nil {
			return nil, err
		}
		last, ok := b.Series[in.Name]
		if !ok {
			return nil, huma.Error404NotFound("there is no such series of prices")
		}
		at, err := s.asked(in.From, in.To, window.In(time.UTC), 2*24*time.Hour, 24*time.Hour)
		if err != nil {
			return nil, answer(err)
		}
		all, err := s.store.Quotes(ctx, in.Name, at.From, at.To)
		if err != nil {
			return nil, err
		}
		if len(all) > contract.MostQuotes {
			return nil, huma.Error422UnprocessableEntity("these are more than 40000 prices; ask for a shorter time")
		}
		out := &struct{ Body PricesBody }{PricesBody{Unit: last.Unit, Quotes: []PriceBody{}}}
		for _, q := range all {
			x := PriceBody{From: q.Span.From.Time(), To: q.Span.To.Time()}
			if q.Known {
				x.Value = tariff.Decimal(q.Price.String())
			}
			out.Body.Quotes = append(out.Body.Quotes, x)
		}
		return out, nil
	})
	put := op("put-prices", http.MethodPost, "prices/{name}", "Say prices of a series", "As JSON or YAML. They replace what was said for the same time; where that was priced by already, only with a correction. A series begins with its first prices.")
	body := schemaOf(api, reflect.TypeFor[PricesBody]())
	put.MaxBodyBytes, put.SkipValidateBody = 8<<20, true
	put.RequestBody = &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{"application/json": {Schema: body}, yamlType: {Schema: body}}}
	put.Errors = []int{409, 413, 415, 422}
	huma.Register(api, put, func(ctx context.Context, in *struct {
		SeriesPath
		Correction  string `query:"correction" maxLength:"2000" doc:"Why prices that were priced by already are changed; needed for that alone"`
		ContentType string `header:"Content-Type" doc:"application/json or application/yaml"`
		RawBody     []byte
	},
	) (*struct{ Body SeriesPutBody }, error) {
		why, err := reason(in.Correction)
		if err != nil {
			return nil, answer(err)
		}
		asYAML, err := isYAML(in.ContentType)
		if err != nil {
			return nil, answer(err)
		}
		said, all, err := readQuotes(in.RawBody, asYAML)
		if err != nil {
			return nil, answer(err)
		}
		p, err := s.putQuotes(ctx, in.Name, said.Unit, why, all)
		if err != nil {
			return nil, answer(err)
		}
		return &struct{ Body SeriesPutBody }{putBody(p)}, nil
	})
	huma.Register(api, op("list-price-puts", http.MethodGet, "prices/{name}/revisions", "What was said of a series", "The newest first, a thousand at most."), func(ctx context.Context, in *SeriesPath) (*struct{ Body seriesPutsBody }, error) {
		all, err := s.store.Puts(ctx, in.Name, mostListed)
		if err != nil {
			return nil, err
		}
		if len(all) == 0 {
			return nil, huma.Error404NotFound("there is no such series of prices")
		}
		out := &struct{ Body seriesPutsBody }{}
		for _, p := range all {
			out.Body.Items = append(out.Body.Items, putBody(p))
		}
		return out, nil
	})
}
