package pipeline

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/wattwerk/wattwerk/bus"
	"github.com/wattwerk/wattwerk/internal/phrase"
	"github.com/wattwerk/wattwerk/internal/problem"
	"github.com/wattwerk/wattwerk/internal/sqldb"
	"github.com/wattwerk/wattwerk/manifest"
	"github.com/wattwerk/wattwerk/observation"
	"github.com/wattwerk/wattwerk/pipeline/processor"
	"github.com/wattwerk/wattwerk/pipeline/repository"
	"github.com/wattwerk/wattwerk/pipeline/router"
	"github.com/wattwerk/wattwerk/pipeline/runner"
)

var (
	mayRead    = []map[string][]string{{"wattwerk": {"read"}}}
	mayOperate = []map[string][]string{{"wattwerk": {"operate"}}}
)

const (
	keepAlive = 15 * time.Second
	watchEach = 4 * time.Second
)

// refuse is the one place where an error becomes a status.
func refuse(err error) error {
	var status huma.StatusError
	var found manifest.Findings
	switch {
	case err == nil:
		return nil
	case errors.As(err, &status):
		return err
	case errors.As(err, &found):
		var details []error
		for _, f := range found {
			at := f.Processor
			if f.Field != "" {
				at = strings.TrimPrefix(at+"."+f.Field, ".")
			}
			details = append(details, &huma.ErrorDetail{Message: f.Sentence, Location: at})
		}
		return huma.Error422UnprocessableEntity("the manifest cannot run: "+err.Error(), details...)
	case errors.Is(err, repository.ErrNotFound):
		return huma.Error404NotFound(err.Error())
	case errors.Is(err, repository.ErrInvalid), errors.Is(err, manifest.ErrUnknown):
		return huma.Error422UnprocessableEntity(err.Error())
	case sqldb.Down(err), errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded), errors.Is(err, bus.ErrAway):
		return problem.Later(2, phrase.DatabaseAway, "the database or the bus does not answer, try again in a moment")
	}
	return huma.Error500InternalServerError("it was not done", err)
}

// PipelineRef names a model.
type PipelineRef struct {
	ID string `path:"id" maxLength:"200" doc:"Its id or name, percent-encoded"`
}

type statusOutput struct{ Body runner.ManifestStatus }

// StatusOf is a manifest's status, with its id.
type StatusOf struct {
	ID string `json:"id"`
	runner.ManifestStatus
}

// Register adds the routes, of the models, too.
func (s *Service) Register(api huma.API) {
	var models *repository.Store // of another process: only what there is to ask is said here
	if s != nil {
		models = s.opts.Models
	}
	models.Register(api)
	s.registerGateways(api)
	op := func(id, method, path, summary, description string, errs ...int) huma.Operation {
		may := mayOperate
		if method == http.MethodGet {
			may = mayRead
		}
		return huma.Operation{OperationID: id, Method: method, Path: path, Summary: summary, Description: description, Tags: []string{"Manifests"}, Security: may, Errors: append(errs, 503)}
	}
	huma.Register(api, op("list-processors", http.MethodGet, "/api/v1/processors", "Types of processors", "What a manifest's processors can be, with their parameters."), func(context.Context, *struct{}) (*struct{ Body []manifest.ProcessorType }, error) {
		out := &struct{ Body []manifest.ProcessorType }{}
		for _, e := range processor.Entries() {
			out.Body = append(out.Body, e.ProcessorType)
		}
		return out, nil
	})
	huma.Register(api, op("list-protocols", http.MethodGet, "/api/v1/protocols", "Protocols of data interfaces", "What sources are read by and sinks written by, with their parameters."), func(context.Context, *struct{}) (*struct{ Body []manifest.Protocol }, error) {
		out := &struct{ Body []manifest.Protocol }{}
		for _, p := range s.opts.Protocols {
			m, _ := s.offer.Protocol(p.Name)
			out.Body = append(out.Body, m)
		}
		return out, nil
	})
	huma.Register(api, op("list-manifest-statuses", http.MethodGet, "/api/v1/manifest-statuses", "What all manifests do", ""), s.getStatuses)
	huma.Register(api, op("list-source-statuses", http.MethodGet, "/api/v1/source-statuses", "How all data sources are", "Those that are read by a running process."), s.getSources)
	huma.Register(api, op("list-gateway-statuses", http.MethodGet, "/api/v1/gateway-statuses", "When edge gateways were heard", "Those that told at least once what they do."), s.getGateways)
	huma.Register(api, op("get-manifest-status", http.MethodGet, "/api/v1/manifests/{id}/status", "What a manifest does", "", 404), func(ctx context.Context, in *PipelineRef) (*statusOutput, error) {
		m, err := repository.Get[manifest.Manifest](ctx, s.opts.Models, in.ID)
		if err != nil {
			return nil, refuse(err)
		}
		st, err := s.Status(ctx, m.Model.ID)
		return &statusOutput{st}, refuse(err)
	})
	for _, x := range []struct {
		verb, does, more string
		do               func(context.Context, string, string) (runner.ManifestStatus, error)
	}{
		{"start", "Have a manifest run", "From now on; from where it was, when it is paused. It answers when it runs, after five seconds at the latest with what it does by then.", s.Start},
		{"resume", "Have a paused manifest go on", "As start.", s.Start},
		{"pause", "Have a manifest wait", "It keeps what it has in hand, results that its sinks have not taken, too, and goes on where it was: nothing is lost and nothing is told twice. Within a tenth of a second nothing more is written, but for a write that its sink is at. It answers when it is paused, after five seconds at the latest with what it does by then.", s.Pause},
		{"stop", "Have a manifest stop", "It takes nothing any more, and the windows that it had in hand are forgotten. The results that it gave before are written all the same, however long its sinks do not take them and whoever is killed meanwhile: it is STOPPING while they are, and STOPPED after ten seconds at the latest, with `waiting` saying how many there still are. It answers when it has stopped, after five seconds at the latest with what it does by then. A start does not wait for them.", s.Stop},
	} {
		huma.Register(api, op(x.verb+"-manifest", http.MethodPost, "/api/v1/manifests/{id}/"+x.verb, x.does, x.more, 404, 422), func(ctx context.Context, in *PipelineRef) (*statusOutput, error) {
			st, err := x.do(ctx, in.ID, s.opts.Actor(ctx))
			return &statusOutput{st}, refuse(err)
		})
	}
	huma.Register(api, op("explain-manifest", http.MethodGet, "/api/v1/manifests/{id}/explain", "The graph of a manifest", "Checked, with all defaults.", 404, 422), s.explain)
	huma.Register(api, op("validate-manifest", http.MethodPost, "/api/v1/manifests/validate", "Would this manifest run?", "Held against the models as they are; nothing is stored."), s.validate)
	huma.Register(api, op("test-manifest", http.MethodPost, "/api/v1/manifests/test", "What would this manifest give?", "It is run on samples; nothing is stored or written to sinks.", 422), s.test)
	huma.Register(api, op("get-source-data", http.MethodGet, "/api/v1/models/sources/{id}/data", "The newest values of a data source", "As long as they are kept: a day, unless set otherwise.", 404), s.data)
	huma.Register(api, op("get-channel-data", http.MethodGet, "/api/v1/models/channels/{id}/data", "The newest values that a channel gives its consumer", "While the channel is valid: 403 before and after.", 403, 404), s.channel)
	reg := api.OpenAPI().Components.Schemas
	stream := func(o huma.Operation, of *huma.Schema) huma.Operation {
		o.Responses = map[string]*huma.Response{"200": {Description: "A stream without end, of server-sent events", Content: map[string]*huma.MediaType{"text/event-stream": {Schema: of}}}}
		return o
	}
	huma.Register(api, stream(op("tail-manifest", http.MethodGet, "/api/v1/manifests/{id}/live", "What a manifest gives, while it does",
		"Event results: of each processor the newest, a few times a second. Event status: its status, every two seconds.", 404), huma.SchemaFromType(reg, reflect.TypeFor[[]runner.Tail]())), s.tail)
	huma.Register(api, stream(op("tail-source", http.MethodGet, "/api/v1/models/sources/{id}/live", "What a data source tells, while it does",
		"Event values: the values of one message, at most 200 of them.", 404), huma.SchemaFromType(reg, reflect.TypeFor[[]runner.ShownResult]())), s.tailSource)
}

func (s *Service) getStatuses(ctx context.Context, _ *struct{}) (*struct{ Body []StatusOf }, error) {
	all, err := s.statuses(ctx)
	if err != nil {
		return nil, refuse(err)
	}
	out := &struct{ Body []StatusOf }{Body: []StatusOf{}}
	for id, st := range all {
		out.Body = append(out.Body, StatusOf{id, st})
	}
	slices.SortFunc(out.Body, func(a, b StatusOf) int { return strings.Compare(a.ID, b.ID) })
	return out, nil
}

func (s *Service) getSources(ctx context.Context, _ *struct{}) (*struct{ Body []router.SourceStatus }, error) {
	all, err := s.sources(ctx)
	if err != nil {
		return nil, refuse(err)
	}
	out := &struct{ Body []router.SourceStatus }{Body: []router.SourceStatus{}}
	for _, st := range all {
		out.Body = append(out.Body, st)
	}
	slices.SortFunc(out.Body, func(a, b router.SourceStatus) int { return strings.Compare(a.Source, b.Source) })
	return out, nil
}

// plan checks a stored manifest.
func (s *Service) plan(ctx context.Context, ref string) (*manifest.Set, *manifest.Plan, error) {
	m, err := repository.Get[manifest.Manifest](ctx, s.opts.Models, ref)
	if err != nil {
		return nil, nil, err
	}
	set, _, err := s.models(ctx)
	if err != nil {
		return nil, nil, err
	}
	here, err := set.Manifest(m.Model.ID)
	if err != nil {
		return nil, nil, err
	}
	p, err := s.offer.Check(set, here)
	return set, p, err
}

func (s *Service) explain(ctx context.Context, in *PipelineRef) (*struct{ Body Graph }, error) {
	_, p, err := s.plan(ctx, in.ID)
	if err != nil {
		return nil, refuse(err)
	}
	return &struct{ Body Graph }{Explain(p)}, nil
}

// Verdict is what was found in a manifest.
type Verdict struct {
	Valid    bool               `json:"valid"`
	Findings []manifest.Finding `json:"findings"`
	Graph    *Graph             `json:"graph,omitempty" doc:"When it is valid"`
}

func (s *Service) validate(ctx context.Context, in *struct{ Body manifest.Manifest }) (*struct{ Body Verdict }, error) {
	set, _, err := s.models(ctx)
	if err != nil {
		return nil, refuse(err)
	}
	out := &struct{ Body Verdict }{Verdict{Findings: []manifest.Finding{}}}
	p, err := Judge(s.offer, set, &in.Body)
	if err != nil {
		out.Body.Findings = manifest.AsFindings(err)
		return out, nil
	}
	g := Explain(p)
	out.Body.Valid, out.Body.Graph = true, &g
	return out, nil
}

func (s *Service) test(ctx context.Context, in *struct {
	Body struct {
		Manifest manifest.Manifest `json:"manifest"`
		Samples  []Sample          `json:"samples" maxItems:"10000"`
	}
}) (*struct{ Body Trial }, error) {
	set, _, err := s.models(ctx)
	if err != nil {
		return nil, refuse(err)
	}
	p, err := s.offer.Check(set, &in.Body.Manifest)
	if err != nil {
		return nil, refuse(err)
	}
	t, err := Try(set, p, in.Body.Samples)
	if err != nil {
		return nil, huma.Error422UnprocessableEntity(err.Error())
	}
	return &struct{ Body Trial }{*t}, nil
}

type dataInput struct {
	ID    string `path:"id" maxLength:"200" doc:"Its id or name, percent-encoded"`
	Limit int    `query:"limit" minimum:"1" maximum:"10000" default:"100" doc:"How many at most"`
}

type dataOutput struct {
	Body struct {
		Data []runner.ShownResult `json:"data" doc:"The oldest first"`
	}
}

func (s *Service) data(ctx context.Context, in *dataInput) (*dataOutput, error) {
	m, err := repository.Get[manifest.Source](ctx, s.opts.Models, in.ID)
	if err != nil {
		return nil, refuse(err)
	}
	return s.last(ctx, m.Model.ID, in.Limit)
}

func (s *Service) last(ctx context.Context, id string, limit int) (*dataOutput, error) {
	last, err := s.Last(ctx, id, limit)
	if err != nil {
		return nil, refuse(err)
	}
	out := new(dataOutput)
	out.Body.Data = append([]runner.ShownResult{}, last...)
	return out, nil
}

// channel reads a source for a consumer, while it may.
func (s *Service) channel(ctx context.Context, in *dataInput) (*dataOutput, error) {
	c, err := repository.Get[manifest.Channel](ctx, s.opts.Models, in.ID)
	if err != nil {
		return nil, refuse(err)
	}
	if !c.Model.Valid(time.Now()) {
		return nil, huma.Error403Forbidden("the channel is not valid now")
	}
	m, err := repository.Get[manifest.Source](ctx, s.opts.Models, c.Model.Source)
	if err != nil {
		return nil, refuse(err)
	}
	return s.last(ctx, m.Model.ID, in.Limit)
}

// events writes server-sent events until the reader goes away.
type events struct {
	w    io.Writer
	tell func()
}

func open(hc huma.Context) events {
	hc.SetHeader("Content-Type", "text/event-stream")
	hc.SetHeader("Cache-Control", "no-store")
	hc.SetHeader("X-Accel-Buffering", "no") // or nginx would collect it
	hc.SetStatus(http.StatusOK)
	e := events{w: hc.BodyWriter(), tell: func() {}}
	if f, ok := e.w.(http.Flusher); ok {
		e.tell = f.Flush
	}
	e.tell()
	return e
}

func (e events) send(name string, data any) error {
	b, ok := data.([]byte)
	if !ok {
		var err error
		if b, err = json.Marshal(data); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintf(e.w, "event: %s\ndata: %s\n\n", name, b)
	e.tell()
	return err
}

func (e events) alive() error {
	_, err := io.WriteString(e.w, ": \n\n")
	e.tell()
	return err
}

func (s *Service) tail(ctx context.Context, in *PipelineRef) (*huma.StreamResponse, error) {
	m, err := repository.Get[manifest.Manifest](ctx, s.opts.Models, in.ID)
	if err != nil {
		return nil, refuse(err)
	}
	id := m.Model.ID
	return &huma.StreamResponse{Body: func(hc huma.Context) {
		ctx := hc.Context()
		shown := make(chan []byte, 16)
		stop, err := s.opts.Bus.Look(runner.TailSubject(id), func(data []byte) {
			select {
			case shown <- data:
			default: // who looks too slowly misses some
			}
		})
		if err != nil {
			return
		}
		defer stop()
		e := open(hc)
		s.opts.Bus.Show(runner.WatchSubject(id), nil)
		watch, status, alive := time.NewTicker(watchEach), time.NewTicker(2*time.Second), time.NewTicker(keepAlive)
		defer watch.Stop()
		defer status.Stop()
		defer alive.Stop()
		tell := func() error {
			st, err := s.Status(ctx, id)
			if err != nil {
				return nil //nolint:nilerr // it is told the next time
			}
			return e.send("status", st)
		}
		for err := tell(); err == nil; {
			select {
			case <-ctx.Done():
				return
			case data := <-shown:
				err = e.send("results", data)
			case <-watch.C:
				s.opts.Bus.Show(runner.WatchSubject(id), nil)
			case <-status.C:
				err = tell()
			case <-alive.C:
				err = e.alive()
			}
		}
	}}, nil
}

// shownOf is how many values of a message are shown.
const shownOf = 200

func (s *Service) tailSource(ctx context.Context, in *PipelineRef) (*huma.StreamResponse, error) {
	m, err := repository.Get[manifest.Source](ctx, s.opts.Models, in.ID)
	if err != nil {
		return nil, refuse(err)
	}
	x, err := s.opts.Bus.ObservationsExtent(ctx)
	if err != nil {
		return nil, refuse(err)
	}
	return &huma.StreamResponse{Body: func(hc huma.Context) {
		ctx, cancel := context.WithCancel(hc.Context())
		defer cancel()
		e := open(hc)
		shown := make(chan []runner.ShownResult, 16)
		go func() {
			defer cancel()
			// The reader's end is the ordinary end of the stream.
			_ = s.opts.Bus.ReadObservationsOf(ctx, m.Model.ID, x.Last+1, func(at bus.Message) error {
				keys, items, err := observation.Decode(at.Data, nil)
				if err != nil {
					return nil //nolint:nilerr // the runner tells of it
				}
				var out []runner.ShownResult
				for _, it := range items[max(0, len(items)-shownOf):] {
					out = append(out, runner.MakeResult(keys[it.Series], it.Time, it.Value, it.Marks))
				}
				select {
				case shown <- out:
				default:
				}
				return nil
			})
		}()
		alive := time.NewTicker(keepAlive)
		defer alive.Stop()
		for err := error(nil); err == nil; {
			select {
			case <-ctx.Done():
				return
			case out := <-shown:
				err = e.send("values", out)
			case <-alive.C:
				err = e.alive()
			}
		}
	}}, nil
}
