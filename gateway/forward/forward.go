package forward

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httputil"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/wattwerk/wattwerk/access"
	"github.com/wattwerk/wattwerk/internal/phrase"
	"github.com/wattwerk/wattwerk/internal/problem"
)

// Limits.
const (
	DefaultWait = 3 * time.Second // for an instance to come when there is none
	leftOut     = 2 * time.Second // an instance that refused a connection
	again       = 200 * time.Millisecond
	dialTime    = 3 * time.Second
	headerTime  = 2 * time.Minute  // from the end of the request to the answer's first line
	stallTime   = 2 * time.Minute  // of an answer that is being read, or a request that is being sent
	bodyTime    = 30 * time.Second // for a sender to hand over a body that is held
	maxHeld     = 4 << 20          // bytes of a body that is held for a repetition
	maxHeldAll  = 128 << 20        // of all of them
	maxRunning  = 4096             // requests at the same time
	mostSent    = 3                // times a request is sent and not answered
)

// Instances tells where a module runs. Its methods are called at any time from
// any goroutine.
type Instances interface {
	// URLs are the base URLs of the processes that run the module and live,
	// as http://10.0.0.7:8080, in order of preference.
	URLs() []string
	// Changed is closed when URLs may give something else.
	Changed() <-chan struct{}
}

// Options say where to and as whom.
type Options struct {
	Module     string                // for people
	Instances  Instances             // needed
	Notary     *access.Notary        // needed: vouches for who asks
	Spread     bool                  // take turns; without, the first that answers gets all
	TLS        *tls.Config           // for instances at https; nil: the certificates of the system
	Wait       time.Duration         // for an instance to come when there is none; default [DefaultWait]
	Registerer prometheus.Registerer // may be nil
	Log        *slog.Logger
}

// Forwarder hands requests on. It is an [http.Handler].
type Forwarder struct {
	opts      Options
	log       *slog.Logger
	transport *http.Transport
	proxy     *httputil.ReverseProxy
	turn      atomic.Uint64
	running   atomic.Int64
	held      atomic.Int64

	mu  sync.Mutex
	out map[string]time.Time // until when an instance is left out

	repeated, unanswered prometheus.Counter
}

// New checks the options.
func New(o Options) (*Forwarder, error) {
	if o.Instances == nil || o.Notary == nil || o.Module == "" {
		return nil, errors.New("make forwarder: a module, its instances and a notary are needed")
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Wait == 0 {
		o.Wait = DefaultWait
	}
	labels := prometheus.Labels{"module": o.Module}
	f := &Forwarder{
		opts: o, log: o.Log, out: make(map[string]time.Time),
		repeated: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "wattwerk_forward_repeated_total", Help: "Requests sent to another instance of a module because the first did not answer.", ConstLabels: labels,
		}),
		unanswered: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "wattwerk_forward_unanswered_total", Help: "Requests that no instance of a module answered.", ConstLabels: labels,
		}),
	}
	if o.Registerer != nil {
		for _, c := range []prometheus.Collector{f.repeated, f.unanswered} {
			if err := o.Registerer.Register(c); err != nil {
				return nil, fmt.Errorf("make forwarder: %w", err)
			}
		}
	}
	dialer := &net.Dialer{Timeout: dialTime}
	f.transport = &http.Transport{
		DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			c, err := dialer.DialContext(ctx, network, addr)
			if err != nil {
				return nil, err
			}
			return &conn{Conn: c}, nil
		},
		TLSClientConfig: o.TLS, TLSHandshakeTimeout: 2 * dialTime,
		DisableCompression:  true, // what was asked for goes through as it is
		MaxIdleConnsPerHost: 128, IdleConnTimeout: 90 * time.Second,
		ResponseHeaderTimeout: headerTime, ExpectContinueTimeout: 5 * time.Second,
		ReadBufferSize: 32 << 10, WriteBufferSize: 32 << 10,
	}
	f.proxy = &httputil.ReverseProxy{
		Rewrite: f.rewrite, Transport: (*chooser)(f), FlushInterval: -1, ModifyResponse: merge, ErrorHandler: f.fail,
		ErrorLog: slog.NewLogLogger(o.Log.Handler(), slog.LevelDebug),
	}
	return f, nil
}

// Close gives connections back that nobody uses.
func (f *Forwarder) Close() { f.transport.CloseIdleConnections() }

// conn is a connection on which a write cannot hang for ever. Reads are
// bounded where it is known that something must come.
type conn struct{ net.Conn }

// Write pushes the deadline ahead and writes.
func (c *conn) Write(p []byte) (int, error) {
	if err := c.SetWriteDeadline(time.Now().Add(stallTime)); err != nil {
		return 0, err
	}
	return c.Conn.Write(p)
}

// ServeHTTP hands the request on.
func (f *Forwarder) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get(access.VoucherHeader) != "" {
		// It comes from another process, which took us for one that runs the module.
		f.none(w, "this process does not run the module "+f.opts.Module)
		return
	}
	if f.running.Add(1) > maxRunning {
		f.running.Add(-1)
		f.none(w, "too many requests are on their way to the module "+f.opts.Module)
		return
	}
	defer f.running.Add(-1)
	r = r.WithContext(context.WithValue(r.Context(), outerKey{}, w.Header()))
	if r.ContentLength > 0 && r.Body != nil {
		r.Body = &measured{r.Body, r.ContentLength}
	}
	f.proxy.ServeHTTP(w, r)
}

// measured is a body that ends where its length says. The server closes the
// body of a request when the answer begins; the transport, which looks for the
// end once more, would take that for a fault of the connection, and break the
// answer off.
type measured struct {
	io.ReadCloser

	left int64
}

func (m *measured) Read(p []byte) (int, error) {
	if m.left <= 0 {
		return 0, io.EOF
	}
	n, err := m.ReadCloser.Read(p)
	m.left -= int64(n)
	return n, err
}

// none answers that it is not possible at the moment.
func (f *Forwarder) none(w http.ResponseWriter, detail string) {
	f.unanswered.Inc()
	w.Header().Set("Retry-After", "2")
	problem.WriteAs(w, http.StatusServiceUnavailable, phrase.ModuleAway, detail)
}

type heldKey struct{}

// Repeatable is the forwarder for requests that may be answered twice without
// harm, whatever their method: their bodies are held, up to a size, and sent
// to another instance when the first breaks off before it answers.
func (f *Forwarder) Repeatable() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Body == nil || r.Body == http.NoBody || r.ContentLength == 0 {
			f.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), heldKey{}, []byte{})))
			return
		}
		if r.ContentLength > maxHeld {
			f.ServeHTTP(w, r)
			return
		}
		room := int64(maxHeld)
		if r.ContentLength > 0 {
			room = r.ContentLength
		}
		defer f.held.Add(-room)
		if f.held.Add(room) > maxHeldAll {
			f.ServeHTTP(w, r)
			return
		}
		control := http.NewResponseController(w)
		// Not every writer can; the gateway's own limit then holds alone.
		_ = control.SetReadDeadline(time.Now().Add(bodyTime))
		body, err := io.ReadAll(io.LimitReader(r.Body, maxHeld+1))
		if err != nil {
			failBody(w, err)
			return
		}
		_ = control.SetReadDeadline(time.Time{})
		// The sender has been told to continue, or did not ask.
		r.Header.Del("Expect")
		if len(body) > maxHeld {
			r.Body = &rest{io.MultiReader(strings.NewReader(string(body)), r.Body), r.Body}
			f.ServeHTTP(w, r)
			return
		}
		r.ContentLength = int64(len(body))
		r.TransferEncoding = nil
		r.Body = http.NoBody
		f.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), heldKey{}, body)))
	})
}

// rest is a body of which a part has been read.
type rest struct {
	io.Reader
	io.Closer
}
