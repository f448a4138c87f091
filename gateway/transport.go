package gateway

import (
	"io"
	"net/http"
	"runtime/debug"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// response keeps the status and pushes the write deadline ahead of every
// write: a reader that stalls is cut off, a stream may last for ever.
type response struct {
	http.ResponseWriter
	control  *http.ResponseController
	began    time.Time
	deadline time.Time // when it was last pushed
	pattern  string
	status   int
	begun    atomic.Bool // something was answered
	broken   atomic.Bool // nothing more may be
}

// breakOff lets nothing more through, when something was answered already. It
// may be called while the handler runs.
func (r *response) breakOff() { r.broken.Store(r.begun.Load()) }

func (r *response) extendWrite(now time.Time) {
	if now.Sub(r.deadline) < time.Second {
		return
	}
	r.deadline = now
	// Not every connection has deadlines (tests); then there is nothing to cut.
	_ = r.control.SetWriteDeadline(now.Add(stallTimeout))
}

// WriteHeader notes the status.
func (r *response) WriteHeader(status int) {
	if r.status == 0 && status >= 200 {
		r.status = status
		r.begun.Store(true)
	}
	r.ResponseWriter.WriteHeader(status)
}

// Write pushes the deadline and writes.
func (r *response) Write(p []byte) (int, error) {
	if r.broken.Load() {
		return 0, errOver
	}
	if r.status == 0 {
		r.status = http.StatusOK
		r.begun.Store(true)
	}
	r.extendWrite(time.Now())
	return r.ResponseWriter.Write(p)
}

// Flush sends what is buffered, as streams need it.
func (r *response) Flush() {
	r.begun.Store(true)
	r.extendWrite(time.Now())
	_ = r.control.Flush()
}

// Unwrap serves [http.ResponseController].
func (r *response) Unwrap() http.ResponseWriter { return r.ResponseWriter }

// body pushes the read deadline ahead of every read, and lifts it at the end:
// a deadline left standing would end a long answer.
type body struct {
	io.ReadCloser
	out *response
	set time.Time
}

// Read pushes the deadline and reads.
func (b *body) Read(p []byte) (int, error) {
	if now := time.Now(); now.Sub(b.set) >= time.Second {
		b.set = now
		_ = b.out.control.SetReadDeadline(now.Add(stallTimeout))
	}
	n, err := b.ReadCloser.Read(p)
	if err == io.EOF {
		_ = b.out.control.SetReadDeadline(time.Time{})
	}
	return n, err
}

// note keeps the pattern for the metrics.
func note(w http.ResponseWriter, pattern string) {
	if r, ok := w.(*response); ok {
		r.pattern = pattern
	}
}

func stack() string {
	s := debug.Stack()
	return string(s[:min(len(s), 4000)])
}

// meter counts requests.
type meter struct {
	requests *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
	running  prometheus.Gauge
}

func newMeter(reg prometheus.Registerer) (*meter, error) {
	m := &meter{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "wattwerk_http_requests_total", Help: "HTTP requests answered.",
		}, []string{"route", "code"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "wattwerk_http_request_duration_seconds", Help: "Time to answer an HTTP request; of streams, how long they lasted.",
			Buckets: []float64{.001, .005, .02, .1, .5, 2, 10, 60, 600},
		}, []string{"route"}),
		running: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "wattwerk_http_requests_running", Help: "HTTP requests being answered, streams included.",
		}),
	}
	for _, c := range []prometheus.Collector{m.requests, m.seconds, m.running} {
		if err := reg.Register(c); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// count uses the pattern, never the path: paths are without end.
func (m *meter) count(_ *http.Request, out *response) {
	route := out.pattern
	if route == "" {
		route = "none"
	}
	status := out.status
	if status == 0 {
		status = http.StatusOK
	}
	m.requests.WithLabelValues(route, strconv.Itoa(status)).Inc()
	m.seconds.WithLabelValues(route).Observe(time.Since(out.began).Seconds())
}
