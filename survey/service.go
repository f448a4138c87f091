package survey

import (
	"context"
	"crypto/ed25519"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"github.com/wattwerk/wattwerk/model"
	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/survey/household"
	"github.com/wattwerk/wattwerk/survey/identity"
	"github.com/wattwerk/wattwerk/survey/register"
	"github.com/wattwerk/wattwerk/survey/visit"
)

// Defaults of the settings.
const (
	DefaultLease     = 24 * time.Hour
	DefaultTolerance = 10 * time.Minute
	DefaultSilent    = 3 * time.Hour
	DefaultForget    = 90 * 24 * time.Hour
)

// Scopes of the survey. Devices with a certificate have all of them, for their own
// household.
const (
	Account          = "account"           // contact, address, where a household is
	Household        = "household"         // what a household has, and its devices
	Consent          = "consent"           // grant and revoke consents
	MeasurementRead  = "measurement-read"  // see measurements
	MeasurementWrite = "measurement-write" // send measurements, report incidents
)

// ErrDenied says that nobody has such a token.
var ErrDenied = errors.New("the token is unknown, expired or revoked")

// Writer stores records: bus.Writer.
type Writer interface {
	// Write returns when all are stored.
	Write(ctx context.Context, records []record.Record) error
}

// Options of a service. Store, Authority, Writer and Listen are needed.
type Options struct {
	Store     *register.Store
	Authority *identity.Authority
	Writer    Writer
	Listen    string   // host and port
	Hosts     []string // names and addresses by which devices reach it, which its certificate has
	// Full tells whether the error of Writer is that there is no room.
	Full func(error) bool
	// Staff tells who has a token, with the scopes; the error is ErrDenied when nobody
	// has. Nil: staff cannot come here.
	Staff func(ctx context.Context, token string) (name string, scopes []string, err error)
	// Change changes the model: registry.Service.Change. Nil: households do not show
	// there.
	Change func(ctx context.Context, build func(*model.Model) (model.Patch, string, error)) error
	// Updates are the programs that devices take; nil: there are none.
	Updates   Updates
	Lease     time.Duration // how long a device may measure without asking; 0: as usual
	Tolerance time.Duration // by how much the clock of a device may be wrong; 0: as usual
	Silent    time.Duration // how long nothing may come from a device before that is an incident; 0: as usual
	Forget    time.Duration // how long a household that has not consented is kept after somebody has done something for it; 0: for ever
	Look      time.Duration // how often that is looked after; 0: every five minutes
	Watch     time.Duration // how often it is looked whether a tunnel to a device may stay open; 0: every two seconds
	Now       func() time.Time
	Log       *slog.Logger
	// Registerer takes the metrics; may be nil.
	Registerer prometheus.Registerer
}

// Service is the data service.
type Service struct {
	o        Options
	log      *slog.Logger
	listener net.Listener
	handler  http.Handler
	api      huma.API
	jwt      ed25519.PrivateKey
	queue    chan *entry
	places   placer
	updates  chan struct{} // holds one for each file that is read
	visitors *visitors
	looking  sync.Mutex // held by who looks
	metrics  *metrics
}

// New makes a service and takes its port.
func New(ctx context.Context, o Options) (*Service, error) {
	if o.Store == nil || o.Authority == nil || o.Writer == nil || o.Listen == "" {
		return nil, errors.New("open survey: it needs a store, an authority, a writer and an address")
	}
	if o.Lease == 0 {
		o.Lease = DefaultLease
	}
	if o.Tolerance == 0 {
		o.Tolerance = DefaultTolerance
	}
	if o.Silent == 0 {
		o.Silent = DefaultSilent
	}
	if o.Look == 0 {
		o.Look = 5 * time.Minute
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Full == nil {
		o.Full = func(error) bool { return false }
	}
	if len(o.Hosts) == 0 {
		host, _, err := net.SplitHostPort(o.Listen)
		if err != nil {
			return nil, fmt.Errorf("open survey: %w", err)
		}
		o.Hosts = []string{host}
	}
	s := &Service{o: o, log: o.Log, queue: make(chan *entry, queued), places: newPlacer(), updates: make(chan struct{}, mostUpdates)}
	s.visitors = &visitors{hall: visit.NewHall(o.Store.Visits(), o.Watch, o.Log)}
	var err error
	if s.metrics, err = newMetrics(o.Registerer, func() int { return len(s.queue) }); err != nil {
		return nil, fmt.Errorf("open survey: %w", err)
	}
	if s.jwt, err = o.Store.Key(ctx, TokenKey); err != nil {
		return nil, fmt.Errorf("open survey: %w", err)
	}
	if s.listener, err = net.Listen("tcp", o.Listen); err != nil {
		return nil, fmt.Errorf("open survey: %w", err)
	}
	mux := http.NewServeMux()
	s.api = humago.New(mux, s.config())
	s.api.UseMiddleware(s.authorise)
	s.registerDevices(s.api)
	s.registerUpdates(s.api)
	s.registerStaff(door{api: s.api})
	s.registerVisits(s.api, mux)
	s.handler = s.identify(mux)
	return s, nil
}

// Addr is where it listens.
func (s *Service) Addr() string { return s.listener.Addr().String() }

// Close frees the port of a service that was not run.
func (s *Service) Close() error { return s.listener.Close() }

// OpenAPI gives the document of the interface, as JSON.
func (s *Service) OpenAPI() ([]byte, error) { return s.api.OpenAPI().MarshalJSON() }

// config is the OpenAPI document before anything is registered.
func (s *Service) config() huma.Config {
	c := huma.DefaultConfig("Wattwerk survey", "1")
	c.Info.Description = "What measurement devices, other sources and staff say to the data service of a survey. Refusals are RFC 9457 problem details with a code, and an action for devices.\n\n" +
		"A device shows its certificate; it sees its own household. Other sources show a signed token, staff a token of the installation, as Authorization: Bearer."
	c.DocsPath, c.SchemasPath = "", ""
	c.CreateHooks = nil
	c.Transformers = append(c.Transformers, s.metrics.transform)
	c.Components.SecuritySchemes = map[string]*huma.SecurityScheme{
		scheme:        {Type: "http", Scheme: "bearer", Description: "Scopes: account, household, consent, measurement-read, measurement-write"},
		"certificate": {Type: "mutualTLS", Description: "Of a device; it has all scopes for its own household"},
	}
	return c
}

// Bounds of a connection.
const (
	headerWithin = 10 * time.Second
	readWithin   = time.Minute
	idleWithin   = 3 * time.Minute
	maxHeader    = 16 << 10
	stopWithin   = 10 * time.Second
)

// Run answers until ctx ends.
func (s *Service) Run(ctx context.Context) error {
	server := &http.Server{
		Handler: s.handler, ReadHeaderTimeout: headerWithin, ReadTimeout: readWithin, WriteTimeout: readWithin, IdleTimeout: idleWithin, MaxHeaderBytes: maxHeader,
		ErrorLog: slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
	}
	// Certificates are checked for each request, where a refusal can say why. The
	// handshake proves that who shows one has its key.
	l := tls.NewListener(s.listener, &tls.Config{
		MinVersion: tls.VersionTLS13, ClientAuth: tls.RequestClientCert, NextProtos: []string{"http/1.1"},
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return s.o.Authority.Listener(s.o.Hosts) },
	})
	g, own := errgroup.WithContext(ctx)
	work, end := context.WithCancel(context.WithoutCancel(ctx))
	defer end()
	g.Go(func() error {
		if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			return fmt.Errorf("serve survey: %w", err)
		}
		return nil
	})
	g.Go(func() error {
		<-own.Done()
		// What was begun is answered; then the rest may end.
		within, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopWithin)
		defer cancel()
		err := server.Shutdown(within)
		if err != nil {
			err = server.Close()
		}
		end()
		return err
	})
	g.Go(func() error { return s.takeAll(work) })
	g.Go(func() error { return s.placeAll(own) })
	g.Go(func() error { return s.listen(own) })
	g.Go(func() error { return s.renewUpdates(own) })
	g.Go(func() error { s.visitors.run(own); return nil })
	return g.Wait()
}

// lease says until when a device may measure.
func (s *Service) lease(c household.Consent) household.Lease {
	now := s.o.Now().UTC().Truncate(time.Millisecond)
	return household.Lease{Consent: c, Until: now.Add(s.o.Lease), Now: now}
}

// listen looks until ctx ends.
func (s *Service) listen(ctx context.Context) error {
	t := time.NewTicker(s.o.Look)
	defer t.Stop()
	for {
		s.look(ctx)
		select {
		case <-ctx.Done():
			return nil
		case <-t.C:
		}
	}
}

// look looks for devices that have fallen silent, and removes households that have never consented; one does at a time.
func (s *Service) look(ctx context.Context) {
	s.looking.Lock()
	defer s.looking.Unlock()
	if s.o.Forget > 0 {
		n, err := s.o.Store.Lapse(ctx, s.o.Now().Add(-s.o.Forget))
		s.metrics.lapsed.Add(float64(n))
		if n > 0 {
			s.log.Info("households that have never consented were removed", "households", n, "after", s.o.Forget.String())
		}
		if err != nil && ctx.Err() == nil {
			s.log.Warn("households that have never consented are not removed, or can be found in the log of the database", "error", err)
		}
	}
	missed, back, err := s.o.Store.Heartbeats(ctx, s.o.Now().Add(-s.o.Silent))
	switch {
	case ctx.Err() != nil:
		return
	case err != nil:
		s.log.Warn("silent devices were not looked for", "error", err)
	case missed > 0 || back > 0:
		s.log.Info("devices fell silent, or were heard again", "meters_silent", missed, "meters_heard", back)
	}
	if err := s.metrics.count(ctx, s.o.Store); err != nil && ctx.Err() == nil {
		s.log.Warn("the metrics of households are old", "error", err)
	}
}
