package gateway

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"reflect"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/wattwerk/wattwerk/access"
	"github.com/wattwerk/wattwerk/internal/phrase"
	"github.com/wattwerk/wattwerk/internal/problem"
	"github.com/wattwerk/wattwerk/internal/trace"
)

// Who may send readings without a token.
const (
	AnonymousLoopback = "loopback" // programs on the same machine, when the port is open to nobody else
	AnonymousNever    = "never"
)

// Limits of requests.
const (
	DefaultMaxBody = 64 << 20         // bytes of a body; handlers set tighter ones
	headerTimeout  = 10 * time.Second // for the request line and headers
	stallTimeout   = 60 * time.Second // without a byte read or written
	idleTimeout    = 2 * time.Minute  // between requests on one connection
	shutdownWait   = 5 * time.Second  // for what changes something, when the program ends
	cancelWait     = 2 * time.Second  // for what had to be broken off then
)

// Options say how to listen and whom to let in.
type Options struct {
	Addr            string        // HOST:PORT; port 0 takes a free one
	Access          *access.Store // nil with NoSignIn only
	NoSignIn        bool          // everybody may do everything; on loopback only
	AnonymousIngest string        // default [AnonymousLoopback]
	NoPasswords     bool          // people sign in at the OpenID provider only
	OIDC            *OIDC         // nil: no OpenID provider
	BasePath        string        // "/wattwerk" when a reverse proxy serves it there; default the path of PublicURL
	PublicURL       string        // as browsers see it, "https://power.example.org"; needed for OIDC
	TLSCert, TLSKey string        // files in PEM; empty: plain HTTP
	MaxBody         int64         // default [DefaultMaxBody]
	Version         string        // of the program, for the OpenAPI document; default "dev"
	Web             http.Handler  // the pages; gets every GET nothing else takes; nil: none
	Ready           []Check       // asked by /readyz
	// Notary knows which identities other processes vouch for; nil, or giving
	// nil: none, and requests that bring a voucher are refused.
	Notary  func() *access.Notary
	Metrics *prometheus.Registry
	Tracer  *trace.Tracer // nil: off
	Log     *slog.Logger
}

// Check is one thing that has to be well for the program to be ready.
type Check struct {
	Name string
	Ask  func(ctx context.Context) error // safe for concurrent use
	// Elsewhere is set for what is not in this process: that it is not well is
	// told, and the program is ready all the same, for the rest of it works.
	Elsewhere bool
}

// Service is the gateway.
type Service struct {
	opts     Options
	base     string // "" or "/wattwerk"
	public   *url.URL
	loopback bool // only this machine can reach the port
	mux      *http.ServeMux
	api      huma.API
	meter    *meter
	provider *provider
	listener net.Listener
	handler  http.Handler
}

// New checks the options and listens on the port, so that the address is
// known; nothing is answered before Run.
func New(o Options) (*Service, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Metrics == nil {
		o.Metrics = prometheus.NewRegistry()
	}
	if o.MaxBody == 0 {
		o.MaxBody = DefaultMaxBody
	}
	if o.Version == "" {
		o.Version = "dev"
	}
	if o.AnonymousIngest == "" {
		o.AnonymousIngest = AnonymousLoopback
	}
	s := &Service{opts: o, mux: http.NewServeMux()}
	if err := s.check(); err != nil {
		return nil, fmt.Errorf("open gateway: %w", err)
	}
	m, err := newMeter(o.Metrics)
	if err != nil {
		return nil, fmt.Errorf("open gateway: %w", err)
	}
	s.meter = m
	s.api = humago.New(s.mux, s.config())
	s.api.UseMiddleware(s.authorise)
	s.registerAccess()
	s.registerPlain()
	s.listener, err = net.Listen("tcp", o.Addr)
	if err != nil {
		return nil, fmt.Errorf("open gateway: %w", err)
	}
	return s, nil
}

func (s *Service) check() error {
	o := &s.opts
	host, _, err := net.SplitHostPort(o.Addr)
	if err != nil {
		return fmt.Errorf("the address %q is not HOST:PORT: %w", o.Addr, err)
	}
	s.loopback = isLoopback(host)
	if !s.loopback && o.NoSignIn {
		return fmt.Errorf("listen on %s: other machines could reach that, and sign-in is switched off; listen on a loopback address such as 127.0.0.1:8080, or switch sign-in on", o.Addr)
	}
	if o.Access == nil && !o.NoSignIn {
		return errors.New("sign-in is on, but there is no store of users")
	}
	switch o.AnonymousIngest {
	case AnonymousLoopback, AnonymousNever:
	default:
		return fmt.Errorf("anonymous ingest is %q; it can be %q or %q", o.AnonymousIngest, AnonymousLoopback, AnonymousNever)
	}
	if (o.TLSCert == "") != (o.TLSKey == "") {
		return errors.New("TLS needs both a certificate and a key")
	}
	s.base = strings.TrimSuffix(o.BasePath, "/")
	if s.base != "" && (!strings.HasPrefix(s.base, "/") || strings.ContainsAny(s.base, "?#;\\ ") || strings.Contains(s.base, "//")) {
		return fmt.Errorf("the base path %q is not a path such as /wattwerk", o.BasePath)
	}
	if o.PublicURL != "" {
		u, err := url.Parse(o.PublicURL)
		if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.RawQuery != "" || u.Fragment != "" || u.User != nil {
			return fmt.Errorf("the public URL %q is not like https://power.example.org", o.PublicURL)
		}
		u.Path = strings.TrimSuffix(u.Path, "/")
		if u.Path == "" {
			u.Path = s.base
		}
		if s.base == "" { // a proxy may leave the path in
			s.base = u.Path
		}
		s.public = u
	}
	if o.OIDC != nil {
		if s.public == nil {
			return errors.New("signing in at an OpenID provider needs the public URL, which the provider sends people back to")
		}
		if o.NoSignIn {
			return errors.New("there is an OpenID provider, but sign-in is switched off")
		}
		if s.provider, err = newProvider(*o.OIDC); err != nil {
			return err
		}
	} else if o.NoPasswords {
		return errors.New("without passwords there has to be an OpenID provider")
	}
	return nil
}

// isLoopback tells whether only this machine reaches a listener on host.
func isLoopback(host string) bool {
	if host == "localhost" {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

// Addr is the address that is listened on.
func (s *Service) Addr() string { return s.listener.Addr().String() }

// URL is where a browser finds the program, without a slash at the end: the
// public URL if there is one.
func (s *Service) URL() string {
	if s.public != nil {
		return s.public.String()
	}
	scheme := "http"
	if s.opts.TLSCert != "" {
		scheme = "https"
	}
	host, port, err := net.SplitHostPort(s.Addr())
	if err != nil {
		return scheme + "://" + s.Addr() + s.base
	}
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		host = "localhost"
	}
	return scheme + "://" + net.JoinHostPort(host, port) + s.base
}

// SignInURL makes a link that signs the user in once, within
// [access.LinkLife].
func (s *Service) SignInURL(ctx context.Context, userID string) (string, error) {
	once, err := s.opts.Access.NewLink(ctx, userID)
	if err != nil {
		return "", err
	}
	return s.URL() + "/login?once=" + url.QueryEscape(once), nil
}

// API is where typed operations are registered. What an operation may be
// called by stands in its Security under the scheme "wattwerk"; an operation
// without Security is open to everybody.
func (s *Service) API() huma.API { return s.api }

// Elsewhere is an API like [Service.API], for operations that h answers
// instead of the functions they are registered with, which are never called:
// h leads to where they are. Who may call an operation is checked here all
// the same, and it stands in the OpenAPI document.
func (s *Service) Elsewhere(h http.Handler) huma.API { return elsewhere{s.api, h} }

type elsewhere struct {
	huma.API

	h http.Handler
}

func (e elsewhere) Adapter() huma.Adapter { return elsewhereAdapter{e.API.Adapter(), e} }

type elsewhereAdapter struct {
	huma.Adapter

	api elsewhere
}

// Handle puts h in the place of what reads the input and calls the function.
func (a elsewhereAdapter) Handle(op *huma.Operation, _ func(huma.Context)) {
	a.Adapter.Handle(op, a.api.Middlewares().Handler(func(ctx huma.Context) {
		r, w := humago.Unwrap(ctx)
		a.api.h.ServeHTTP(w, r)
	}))
}

// Handle adds a plain handler under a pattern of [http.ServeMux]. It checks
// nothing; wrap it with [Require].
func (s *Service) Handle(pattern string, h http.Handler) { s.mux.Handle(pattern, h) }

// Run answers requests until the context ends. Requests that only read end with
// it, streams among them; those that change something are answered first, unless
// that takes too long.
func (s *Service) Run(ctx context.Context) error {
	base, cancel := context.WithCancel(context.Background())
	defer cancel()
	srv := &http.Server{
		Handler:           endReads(ctx, s.Handler()),
		BaseContext:       func(net.Listener) context.Context { return base },
		ReadHeaderTimeout: headerTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    64 << 10,
		ErrorLog:          slog.NewLogLogger(s.opts.Log.Handler(), slog.LevelDebug),
		TLSConfig:         &tls.Config{MinVersion: tls.VersionTLS12},
	}
	done := make(chan error, 1)
	go func() {
		if s.opts.TLSCert != "" {
			done <- srv.ServeTLS(s.listener, s.opts.TLSCert, s.opts.TLSKey)
			return
		}
		done <- srv.Serve(s.listener)
	}()
	select {
	case err := <-done:
		return fmt.Errorf("answer requests: %w", err)
	case <-ctx.Done():
	}
	if shutdown(srv, shutdownWait) != nil {
		cancel()
		if shutdown(srv, cancelWait) != nil {
			_ = srv.Close()
		}
	}
	if err := <-done; !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("answer requests: %w", err)
	}
	return nil
}

// shutdown waits for what is being answered, and takes nothing new.
func shutdown(srv *http.Server, within time.Duration) error {
	ctx, cancel := context.WithTimeout(context.Background(), within)
	defer cancel()
	return srv.Shutdown(ctx)
}

// endReads cancels requests that change nothing when ending is over.
func endReads(ending context.Context, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			next.ServeHTTP(w, r)
			return
		}
		ctx, cancel := context.WithCancel(r.Context())
		defer cancel()
		defer context.AfterFunc(ending, cancel)()
		next.ServeHTTP(w, r.WithContext(ctx))
	})
}

// Close frees the port of a gateway that was not run.
func (s *Service) Close() error { return s.listener.Close() }

// Handler is everything Run answers with, for tests and for mounting.
func (s *Service) Handler() http.Handler {
	if s.handler != nil {
		return s.handler
	}
	cross := http.NewCrossOriginProtection()
	if s.public != nil {
		// The URL was checked; a scheme and a host are an origin.
		_ = cross.AddTrustedOrigin(s.public.Scheme + "://" + s.public.Host)
	}
	cross.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		problem.WriteAs(w, http.StatusForbidden, phrase.ForeignPage, "another web site's page asked for this, so it was refused")
	}))
	h := http.Handler(http.HandlerFunc(s.route))
	h = s.identify(h)
	h = cross.Handler(h)
	h = s.strip(h)
	h = s.guard(h)
	s.handler = h
	return h
}

// strip takes the base path off. Requests without it are answered too, because
// some reverse proxies strip it themselves.
func (s *Service) strip(next http.Handler) http.Handler {
	if s.base == "" {
		return next
	}
	below := http.StripPrefix(s.base, next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path == s.base:
			http.Redirect(w, r, s.base+"/", http.StatusPermanentRedirect)
		case strings.HasPrefix(r.URL.Path, s.base+"/"):
			below.ServeHTTP(w, r)
		default:
			next.ServeHTTP(w, r)
		}
	})
}

// methods are tried to tell a wrong method from a wrong path.
var methods = []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete}

// route calls the handler of the path, or the pages, or says what is wrong.
func (s *Service) route(w http.ResponseWriter, r *http.Request) {
	r = single(r)
	_, pattern := s.mux.Handler(r)
	note(w, pattern)
	if pattern != "" {
		s.mux.ServeHTTP(w, r)
		return
	}
	var allowed []string
	for _, m := range methods {
		try := &http.Request{Method: m, URL: r.URL, Host: r.Host}
		if _, p := s.mux.Handler(try); p != "" {
			allowed = append(allowed, m)
		}
	}
	switch {
	case len(allowed) > 0:
		w.Header().Set("Allow", strings.Join(allowed, ", "))
		problem.Write(w, http.StatusMethodNotAllowed, r.Method+" is not possible here; "+strings.Join(allowed, ", ")+" is")
	case s.opts.Web == nil || isAPI(r.URL.Path):
		problem.Write(w, http.StatusNotFound, "there is nothing at "+r.URL.Path)
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		w.Header().Set("Allow", "GET, HEAD")
		problem.Write(w, http.StatusMethodNotAllowed, r.Method+" is not possible here; GET, HEAD is")
	default:
		note(w, "web")
		s.opts.Web.ServeHTTP(w, r)
	}
}

func isAPI(path string) bool {
	return strings.HasPrefix(path, "/api/") || strings.HasPrefix(path, "/prometheus/") || strings.HasPrefix(path, "/auth/")
}

// guard is the outermost layer: headers, limits, counting, and an answer when
// a handler panics.
func (s *Service) guard(next http.Handler) http.Handler {
	hsts := s.public != nil && s.public.Scheme == "https" || s.opts.TLSCert != ""
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", contentPolicy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Referrer-Policy", "same-origin")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=()")
		if hsts {
			h.Set("Strict-Transport-Security", "max-age=31536000")
		}
		out := &response{ResponseWriter: w, control: http.NewResponseController(w), began: time.Now()}
		out.extendWrite(out.began)
		if t := s.opts.Tracer; t != nil {
			var from http.Header // whoever names a trace decides what is kept of it, so not everybody may
			if s.fromHere(r) {
				from = r.Header
			}
			ctx, span := t.Serve(r.Context(), r.Method, from)
			r = r.WithContext(ctx)
			defer func() {
				span.Name(r.Method + " " + out.pattern)
				span.Int("http.response.status_code", out.status)
				span.End(nil)
			}()
		}
		if r.Body != nil && r.Body != http.NoBody {
			if r.ContentLength > s.opts.MaxBody {
				problem.Write(out, http.StatusRequestEntityTooLarge, fmt.Sprintf("the body has %d bytes, at most %d are taken", r.ContentLength, s.opts.MaxBody))
				s.meter.count(r, out)
				return
			}
			// A copy: the server looks at the body of its own request to see that
			// an answer was given early, and then waits until the sender has it.
			limited := http.MaxBytesReader(w, r.Body, s.opts.MaxBody)
			r = r.WithContext(r.Context())
			r.Body = &body{ReadCloser: limited, out: out}
		}
		defer func() {
			if p := recover(); p != nil {
				if err, ok := p.(error); ok && errors.Is(err, http.ErrAbortHandler) {
					panic(p)
				}
				s.opts.Log.Error("request handler panicked", "method", r.Method, "path", r.URL.Path, "panic", fmt.Sprint(p), "stack", stack())
				if out.status != 0 {
					panic(http.ErrAbortHandler)
				}
				problem.WriteAs(out, http.StatusInternalServerError, phrase.ProgramFault, "this is a fault of the program; its log says more")
			}
			s.meter.count(r, out)
		}()
		s.meter.running.Inc()
		defer s.meter.running.Dec()
		next.ServeHTTP(out, r)
	})
}

// contentPolicy allows nothing from elsewhere and no script in the page. The
// component library sets style attributes, so styles may stand in the page.
const contentPolicy = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self'; " +
	"connect-src 'self'; manifest-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// config is the OpenAPI document before anything is registered.
func (s *Service) config() huma.Config {
	c := huma.DefaultConfig("Wattwerk", s.opts.Version)
	c.Info.Description = "Measures electrical power and energy: takes readings, sums them up a tree, keeps every one, shows what it knows.\n\n" +
		"Times in columns are milliseconds since 1970 UTC, single times are RFC 3339 in UTC. Null is never zero. Errors are RFC 9457 problem details."
	c.Info.License = &huma.License{Name: "Apache-2.0", Identifier: "Apache-2.0"}
	if s.base != "" {
		c.Servers = []*huma.Server{{URL: s.base}}
	}
	c.DocsPath, c.SchemasPath = "", ""
	// The hooks would put a $schema field into every answer.
	c.CreateHooks = nil
	c.Transformers = append(c.Transformers, shorten)
	c.OnAddOperation = append(c.OnAddOperation, complete)
	c.Components.Schemas = huma.NewMapRegistry("#/components/schemas/", schemaName)
	c.Components.SecuritySchemes = map[string]*huma.SecurityScheme{
		Scheme: {
			Type: "http", Scheme: "bearer",
			Description: "A token (wattwerk token create), as Authorization: Bearer. People's browsers send the session cookie instead. Scopes: read, ingest, operate, admin; of a field survey account, household, consent, measurement-read, measurement-write.",
		},
	}
	return c
}

// Bounds of what an error tells of a request that is wrong.
const (
	mostEchoed = 500 // bytes of a value, as JSON
	mostFaults = 100 // sentences
)

// shorten keeps an error from sending back what was sent: of a value that is long
// only its sentence and its place stay, of very many faults the first.
func shorten(_ huma.Context, _ string, v any) (any, error) {
	e, ok := v.(*huma.ErrorModel)
	if !ok {
		return v, nil
	}
	if n := len(e.Errors); n > mostFaults {
		e.Errors = append(e.Errors[:mostFaults:mostFaults], &huma.ErrorDetail{Message: fmt.Sprintf("and %d more", n-mostFaults)})
	}
	for _, d := range e.Errors {
		if text, ok := d.Value.(string); ok && len(text) <= mostEchoed {
			continue
		}
		if b, err := json.Marshal(d.Value); err != nil || len(b) > mostEchoed {
			d.Value = nil
		}
	}
	return e, nil
}

// schemaName names the schema of a type. A survey and manifests have words of
// their own that others have too, as devices and definitions, which are something
// else there.
func schemaName(t reflect.Type, hint string) string {
	name := huma.DefaultSchemaNamer(t, hint)
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice {
		t = t.Elem()
	}
	if strings.Contains(t.PkgPath(), "/survey") && !strings.HasPrefix(name, "Survey") {
		return "Survey" + name
	}
	if strings.HasSuffix(t.PkgPath(), "/manifest") && !strings.HasPrefix(name, "Manifest") {
		return "Model" + name
	}
	if strings.Contains(t.PkgPath(), "/pipeline") && !strings.HasPrefix(name, "Pipeline") {
		return "Pipeline" + name
	}
	return name
}

// OpenAPI gives the document of everything registered so far, as JSON with
// indentation, in a stable order.
func (s *Service) OpenAPI() ([]byte, error) { return Document(s.api) }
