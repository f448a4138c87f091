package page

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"embed"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/wattwerk/wattwerk/edge"
	"github.com/wattwerk/wattwerk/edge/visit"
	"github.com/wattwerk/wattwerk/survey/consent"
	"github.com/wattwerk/wattwerk/survey/household"
)

//go:embed files
var files embed.FS

// Device is what the page shows: edge.Service.
type Device interface {
	Status() edge.Status
	Receipts() []consent.Receipt
	Text(ctx context.Context) (consent.Text, error)
	Grant(ctx context.Context, version string) (consent.Receipt, error)
	Revoke(ctx context.Context) (consent.Receipt, error)
	// Visits gives who looked at the device from afar, and whether anybody can.
	Visits() ([]visit.Visit, bool)
	EndVisit()
	Registration(ctx context.Context) (edge.Registration, error)
	// Measurements gives what there is of a meter, and beside it why the data service
	// could not be asked.
	Measurements(ctx context.Context, meter string, from, to time.Time) ([]household.Measurement, error)
}

// Options of a server. Device and Addr are needed.
type Options struct {
	Device   Device
	Addr     string         // host and port
	Hosts    []string       // names by which it is reached, beside localhost and IP addresses
	Password string         // that is asked for, whatever the user; empty: none
	Zone     *time.Location // of days; nil: that of the device
	Metrics  http.Handler   // answers at /metrics; nil: nothing does
	Anybody  bool           // metrics are told to who reaches the page; else to programs of this machine alone
	Log      *slog.Logger
}

// Server serves the page.
type Server struct {
	o        Options
	listener net.Listener
	handler  http.Handler
	pages    *template.Template
	key      [32]byte // of tokens, until the program ends

	mu   sync.Mutex
	once map[string]time.Time // second forms of revoking that were handed out
	slow sync.Mutex           // held while a wrong password is answered
}

// Bounds.
const (
	maxForm      = 8 << 10
	maxHeader    = 16 << 10
	onceLife     = 10 * time.Minute
	mostOnce     = 20
	askWithin    = 40 * time.Second
	wrongAnswers = time.Second // between two answers to wrong passwords
)

// New makes a server and takes its port.
func New(o Options) (*Server, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Zone == nil {
		o.Zone = time.Local
	}
	s := &Server{o: o, once: make(map[string]time.Time)}
	_, _ = rand.Read(s.key[:]) // it never fails
	var err error
	if s.pages, err = template.New("").Funcs(funcs("en", o.Zone)).ParseFS(files, "files/*.html"); err != nil {
		return nil, fmt.Errorf("open page: %w", err)
	}
	if s.listener, err = net.Listen("tcp", o.Addr); err != nil {
		return nil, fmt.Errorf("open page: %w", err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", s.overview)
	mux.HandleFunc("GET /consent", s.consent)
	mux.HandleFunc("POST /consent/grant", s.grant)
	mux.HandleFunc("POST /consent/revoke", s.revoke)
	mux.HandleFunc("POST /consent/revoke/confirm", s.confirm)
	mux.HandleFunc("POST /visit/end", s.endVisit)
	mux.HandleFunc("GET /registration", s.registration)
	mux.HandleFunc("GET /measurements", s.measurements)
	mux.HandleFunc("GET /download", s.download)
	mux.HandleFunc("GET /status.json", s.status)
	if o.Metrics != nil {
		mux.HandleFunc("GET /metrics", s.metrics)
	}
	mux.HandleFunc("GET /style.css", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "max-age=3600")
		http.ServeFileFS(w, r, files, "files/style.css")
	})
	s.handler = s.guard(mux)
	return s, nil
}

// Addr is where it listens.
func (s *Server) Addr() string { return s.listener.Addr().String() }

// Close frees the port of a server that was not run.
func (s *Server) Close() error { return s.listener.Close() }

// Run answers until ctx ends.
func (s *Server) Run(ctx context.Context) error {
	server := &http.Server{
		Handler: s.handler, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 30 * time.Second, WriteTimeout: 10 * time.Minute, IdleTimeout: time.Minute,
		MaxHeaderBytes: maxHeader, ErrorLog: slog.NewLogLogger(s.o.Log.Handler(), slog.LevelDebug),
	}
	stop := context.AfterFunc(ctx, func() {
		within, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		if server.Shutdown(within) != nil {
			_ = server.Close() // who still reads has had the time
		}
	})
	defer stop()
	if err := server.Serve(s.listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve page: %w", err)
	}
	return nil
}

// guard lets through what is from the household.
func (s *Server) guard(next http.Handler) http.Handler {
	origin := http.NewCrossOriginProtection()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Cache-Control", "no-store")
		switch {
		case !s.ours(r.Host):
			http.Error(w, "The device is not reached by this name. Use its IP address, or add the name to edge.page_hosts.", http.StatusMisdirectedRequest)
			return
		case s.o.Password != "" && !s.knows(r):
			h.Set("WWW-Authenticate", `Basic realm="wattwerk", charset="UTF-8"`)
			http.Error(w, "The password of this device is needed.", http.StatusUnauthorized)
			return
		}
		if err := origin.Check(r); err != nil {
			http.Error(w, "This was not sent by the page of the device.", http.StatusForbidden)
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, maxForm)
		next.ServeHTTP(w, r)
	})
}

// ours tells whether the host of a request is the device: an IP address, localhost, or one of its
// names. A name of somebody else may lead here too.
func (s *Server) ours(host string) bool {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	host = strings.TrimSuffix(strings.ToLower(strings.Trim(host, "[]")), ".")
	return host == "localhost" || net.ParseIP(host) != nil || slices.ContainsFunc(s.o.Hosts, func(n string) bool { return strings.EqualFold(n, host) })
}

// knows tells whether a request has the password. Wrong ones are answered one after
// another, slowly.
func (s *Server) knows(r *http.Request) bool {
	_, password, ok := r.BasicAuth()
	a, b := sha256.Sum256([]byte(password)), sha256.Sum256([]byte(s.o.Password))
	if ok && subtle.ConstantTimeCompare(a[:], b[:]) == 1 {
		return true
	}
	if ok {
		s.slow.Lock()
		defer s.slow.Unlock()
		select {
		case <-r.Context().Done():
		case <-time.After(wrongAnswers):
		}
	}
	return false
}

// cookie is the name of the one that forms belong to.
const cookie = "wattwerk_device"

// token is what forms of a browser hold.
func (s *Server) token(w http.ResponseWriter, r *http.Request) string {
	value := ""
	if c, err := r.Cookie(cookie); err == nil && len(c.Value) == 32 {
		value = c.Value
	} else {
		var b [16]byte
		_, _ = rand.Read(b[:]) // it never fails
		value = hex.EncodeToString(b[:])
		http.SetCookie(w, &http.Cookie{Name: cookie, Value: value, Path: "/", HttpOnly: true, SameSite: http.SameSiteStrictMode})
	}
	return s.sign(value)
}

func (s *Server) sign(value string) string {
	m := hmac.New(sha256.New, s.key[:])
	m.Write([]byte(value))
	return hex.EncodeToString(m.Sum(nil))
}

// form reads a form of this page. False: it was answered.
func (s *Server) form(w http.ResponseWriter, r *http.Request) bool {
	c, err := r.Cookie(cookie)
	if r.ParseForm() != nil || err != nil || !hmac.Equal([]byte(r.PostForm.Get("token")), []byte(s.sign(c.Value))) {
		s.fail(w, r, http.StatusForbidden, "form_old", nil)
		return false
	}
	return true
}

// view is what every page has.
type view struct {
	Lang   string
	Page   string
	Title  string
	Token  string
	Status edge.Status
	Error  string // why the service could not be asked
	Data   any
}

func (s *Server) view(w http.ResponseWriter, r *http.Request, page string) view {
	lang := language(r)
	return view{Lang: lang, Page: page, Title: text(lang, page), Token: s.token(w, r), Status: s.o.Device.Status()}
}

// problem says in words of the reader why something could not be asked.
func (v *view) problem(err error) {
	var p *household.Problem
	switch {
	case err == nil:
	case errors.Is(err, edge.ErrNotEnrolled):
		v.Error = text(v.Lang, "not_enrolled")
	case errors.As(err, &p):
		v.Error = text(v.Lang, "service_says", p.Detail)
	default:
		v.Error = text(v.Lang, "unreachable")
	}
}

func (s *Server) show(w http.ResponseWriter, status int, v view) {
	var b bytes.Buffer
	pages, err := s.pages.Clone()
	if err == nil {
		err = pages.Funcs(funcs(v.Lang, s.o.Zone)).ExecuteTemplate(&b, "page", v)
	}
	if err != nil {
		s.o.Log.Error("a page was not made", "page", v.Page, "error", err)
		http.Error(w, "This page cannot be shown.", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Language", v.Lang)
	w.WriteHeader(status)
	_, _ = b.WriteTo(w) // the connection is all that can fail
}

// fail shows a page that says what is wrong.
func (s *Server) fail(w http.ResponseWriter, r *http.Request, status int, key string, err error) {
	v := s.view(w, r, "failed")
	v.Data = text(v.Lang, key)
	v.problem(err)
	s.show(w, status, v)
}

func (s *Server) status(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	_ = e.Encode(s.o.Device.Status()) // the connection is all that can fail
}

// metrics answers programs that may ask.
func (s *Server) metrics(w http.ResponseWriter, r *http.Request) {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if from := net.ParseIP(host); !s.o.Anybody && (err != nil || from == nil || !from.IsLoopback()) {
		http.Error(w, "Metrics are told to programs of this device alone; edge.metrics: page tells them to others.", http.StatusForbidden)
		return
	}
	s.o.Metrics.ServeHTTP(w, r)
}
