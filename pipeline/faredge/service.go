package faredge

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/wattwerk/wattwerk/manifest"
	"github.com/wattwerk/wattwerk/manifest/paper"
	"github.com/wattwerk/wattwerk/pipeline/repository"
)

// Prefix is where the routes are.
const Prefix = "/far-edge/api"

const maxBody = 100 << 10

// Value is one value of a source.
type Value struct {
	Time  time.Time
	Value float64
	Null  bool // it has none
}

// Runtime is what runs manifests.
type Runtime interface {
	// Start has a manifest run, or go on when it was paused; Stop ends it.
	Start(ctx context.Context, id, who string) error
	Stop(ctx context.Context, id, who string) error
	// State tells what a manifest does.
	State(ctx context.Context, id string) (manifest.Observed, error)
	// Last gives the last n values of a source, the oldest first.
	Last(ctx context.Context, source string, n int) ([]Value, error)
}

// Options say what the routes work on. All but Now must be given.
type Options struct {
	Store   *repository.Store
	Runtime Runtime
	// Allow tells whether who asks may read, or may change and run; 0, or the status
	// of the refusal: 401 or 403.
	Allow func(ctx context.Context, change bool) int
	Who   func(ctx context.Context) string // who asks
	// Failed tells of an error that is answered by FAILED.
	Failed func(message string, args ...any)
	Now    func() time.Time // default time.Now
}

// Service has the routes.
type Service struct {
	opts    Options
	started time.Time
	mux     *http.ServeMux
}

// New makes the routes.
func New(o Options) (*Service, error) {
	if o.Store == nil || o.Runtime == nil || o.Allow == nil || o.Who == nil || o.Failed == nil {
		return nil, errors.New("far-edge: something of the options is missing")
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	s := &Service{opts: o, started: o.Now(), mux: http.NewServeMux()}
	s.models()
	s.sources()
	s.instances()
	s.registry()
	s.get("/health-check", func(*request) (answer, error) {
		return answer{http.StatusOK, map[string]int64{"uptime": int64(s.opts.Now().Sub(s.started).Seconds())}}, nil
	})
	return s, nil
}

// ServeHTTP answers requests below [Prefix].
func (s *Service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if path := r.URL.Path; len(path) > len(Prefix)+1 && strings.HasSuffix(path, "/") { // the same there
		r = r.Clone(r.Context())
		r.URL.Path, r.URL.RawPath = strings.TrimSuffix(path, "/"), strings.TrimSuffix(r.URL.RawPath, "/")
	}
	if _, pattern := s.mux.Handler(r); pattern == "" {
		write(w, http.StatusNotFound, map[string]string{"error": fmt.Sprintf("Nothing to %s @ %s.", r.Method, r.URL.RequestURI())})
		return
	}
	s.mux.ServeHTTP(w, r)
}

// request is a request that was read.
type request struct {
	ctx  context.Context
	http *http.Request
	who  string
	body []byte // the JSON of an object
}

// answer is the status and the body; nil: none.
type answer struct {
	status int
	body   any
}

type handler func(r *request) (answer, error)

// failure is an error with its code.
type failure struct {
	status  int
	code    string
	message string // of codes that the original does not have
}

// Error is the code.
func (f *failure) Error() string { return f.code }

func bad(code string) error { return &failure{status: http.StatusBadRequest, code: code} }

func gone(code string) error { return &failure{status: http.StatusNotFound, code: code} }

func (s *Service) get(path string, h handler) { s.handle(http.MethodGet, path, false, h) }

// handle adds a route. change: it needs the right to change.
func (s *Service) handle(method, path string, change bool, h handler) {
	s.mux.HandleFunc(method+" "+Prefix+path, func(w http.ResponseWriter, r *http.Request) {
		switch s.opts.Allow(r.Context(), change) {
		case 0:
		case http.StatusUnauthorized:
			write(w, http.StatusUnauthorized, map[string]string{"error": "UNKNOWN_ACCESSOR"})
			return
		default:
			write(w, http.StatusForbidden, map[string]string{"error": "ACCESS_DENIED"})
			return
		}
		body, err := read(w, r)
		var a answer
		if err == nil {
			a, err = h(&request{ctx: r.Context(), http: r, who: s.opts.Who(r.Context()), body: body})
		}
		if err != nil {
			s.refuse(w, r, err)
			return
		}
		if a.status == http.StatusCreated {
			if id := idIn(a.body); id != "" {
				w.Header().Set("Location", r.URL.Path+"/"+id)
			}
		}
		write(w, a.status, a.body)
	})
}

func read(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	if r.Method == http.MethodGet {
		return nil, nil
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
			return nil, &failure{status: http.StatusRequestEntityTooLarge, code: "BODY_TOO_LARGE"}
		}
		return nil, bad("INVALID_BODY")
	}
	if body = bytes.TrimSpace(body); len(body) == 0 {
		body = []byte("{}")
	}
	var keys map[string]json.RawMessage
	if json.Unmarshal(body, &keys) != nil || keys == nil {
		return nil, bad("INVALID_BODY")
	}
	return body, nil
}

func idIn(body any) string {
	text, err := json.Marshal(body)
	if err != nil {
		return ""
	}
	var x struct {
		ID string `json:"id"`
	}
	if json.Unmarshal(text, &x) != nil {
		return ""
	}
	return x.ID
}

func write(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Cache-Control", "no-store")
	if body == nil {
		w.WriteHeader(status)
		return
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	_ = e.Encode(body)
}

// refuse is the one place where an error becomes an answer.
func (s *Service) refuse(w http.ResponseWriter, r *http.Request, err error) {
	f := s.failure(r, err)
	body := map[string]string{"error": f.code}
	if f.message != "" {
		body["message"] = f.message
	}
	write(w, f.status, body)
}

var nouns = map[repository.Kind]string{
	repository.Interfaces: "DATA_INTERFACE", repository.Kinds: "DATA_KIND", repository.SourceDefinitions: "DATA_SOURCE_DEFINITION",
	repository.Gateways: "EDGE_GATEWAY", repository.Sources: "DATA_SOURCE", repository.Consumers: "DATA_CONSUMER", repository.Channels: "DATA_CHANNEL",
	repository.Definitions: "ANALYTICS_PROCESSOR_DEFINITION", repository.Manifests: "ANALYTICS_INSTANCE",
}

func (s *Service) failure(r *http.Request, err error) *failure {
	if f, ok := errors.AsType[*failure](err); ok {
		return f
	}
	if m, ok := errors.AsType[*repository.Missing](err); ok {
		return &failure{http.StatusBadRequest, nouns[m.Kind] + "_NOT_FOUND", ""}
	}
	if t, ok := errors.AsType[*repository.Taken](err); ok {
		return &failure{http.StatusBadRequest, snake(t.Field) + "_TAKEN", ""}
	}
	switch {
	case errors.Is(err, repository.ErrInUse):
		return &failure{http.StatusConflict, "IN_USE", err.Error()}
	case errors.Is(err, repository.ErrInvalid):
		return &failure{http.StatusBadRequest, "INVALID_MODEL", err.Error()}
	case errors.Is(err, paper.ErrType):
		return &failure{http.StatusBadRequest, "INVALID_DATA_TYPE", err.Error()}
	case errors.Is(err, paper.ErrTime):
		return &failure{http.StatusBadRequest, "INVALID_DATE_TIME", err.Error()}
	}
	if r.Context().Err() == nil {
		s.opts.Failed("a FAR-EDGE request failed", "method", r.Method, "path", r.URL.Path, "error", err)
	}
	return &failure{http.StatusInternalServerError, "FAILED", ""}
}

// snake writes camelCase as CAMEL_CASE; capitals that follow one another are one
// word.
func snake(s string) string {
	s = strings.ReplaceAll(s, "IDs", "Ids")
	var out strings.Builder
	upper := func(i int) bool { return i >= 0 && i < len(s) && s[i] >= 'A' && s[i] <= 'Z' }
	for i := range len(s) {
		if i > 0 && upper(i) && (!upper(i-1) || i+1 < len(s) && !upper(i+1)) {
			out.WriteByte('_')
		}
		out.WriteByte(s[i])
	}
	return strings.ToUpper(out.String())
}
