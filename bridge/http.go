package bridge

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/wattwerk/wattwerk/bus"
	"github.com/wattwerk/wattwerk/internal/problem"
	"github.com/wattwerk/wattwerk/record"
)

const (
	readTime  = 30 * time.Second // for a sender to hand its body over
	storeTime = 40 * time.Second // for the bus to store it: longer than it tries, so that it says what is wrong
	growth    = 64 << 10         // by which a body's buffer grows at least
)

var (
	errTooLarge = errors.New("the body is too large")
	errTooSlow  = fmt.Errorf("the body took longer than %v", readTime)
	errMemory   = fmt.Errorf("%w: too many bodies are under way", bus.ErrBusy)
	errEncoding = errors.New("the content encoding is not taken; gzip is, and none")
)

// Patterns are the paths that [Service.Handler] serves, as patterns of
// http.ServeMux, for whoever mounts it.
func Patterns() []string {
	return []string{
		"/api/v1/ingest/pdu", "/api/v1/ingest/json", "/api/v1/ingest/json/{mapping}",
		"/write", "/api/v2/write", "/ping", "/query", "/api/v1/write",
	}
}

// Handler serves everything that sensors and other systems send to. It expects
// to be behind whatever checks who may. Requests that a browser sends from
// another site's page are refused, because on loopback nothing else would.
func (s *Service) Handler() http.Handler {
	mux := http.NewServeMux()
	route := func(methods, path string, h http.HandlerFunc) {
		for m := range strings.SplitSeq(methods, " ") {
			mux.HandleFunc(m+" "+path, h)
		}
		mux.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Allow", strings.ReplaceAll(methods, " ", ", "))
			problem.Write(w, http.StatusMethodNotAllowed, "this address takes "+methods)
		})
	}
	route("POST", "/api/v1/ingest/pdu", func(w http.ResponseWriter, r *http.Request) { s.push(w, r, s.pdu) })
	push := func(w http.ResponseWriter, r *http.Request) {
		b, ok := s.jsons[r.PathValue("mapping")]
		if !ok {
			problem.Write(w, http.StatusNotFound, fmt.Sprintf("no json mapping is called %q", r.PathValue("mapping")))
			return
		}
		s.push(w, r, b)
	}
	route("POST", "/api/v1/ingest/json", push)
	route("POST", "/api/v1/ingest/json/{mapping}", push)
	route("POST", "/write", s.influxWrite)
	route("POST", "/api/v2/write", s.influxWrite)
	route("GET HEAD", "/ping", influxPing)
	route("GET POST", "/query", s.influxQuery)
	route("POST", "/api/v1/write", s.remoteWrite)

	guard := http.NewCrossOriginProtection()
	guard.SetDenyHandler(problem.Handler(http.StatusForbidden, "a page of another site may not send readings"))
	return guard.Handler(mux)
}

// read gives the body, unpacked, within the limits. release must be called
// when the bytes are not used any more.
func (s *Service) read(w http.ResponseWriter, r *http.Request, unpack bool) (body []byte, release func(), err error) {
	var held int64
	release = func() { s.memory.Add(-held) }
	control, until := http.NewResponseController(w), time.Now().Add(readTime)
	// Not every writer can; the server's own limits then hold alone.
	_ = control.SetReadDeadline(until)
	defer func() {
		if err == nil {
			_ = control.SetReadDeadline(time.Time{})
			return
		}
		release()
		release = func() {}
		if errors.Is(err, errTooSlow) {
			// The server reads on for a while before it answers, lest the sender
			// miss the answer. This one would keep it waiting.
			_ = control.SetReadDeadline(time.Now())
		}
	}()
	src := io.Reader(http.MaxBytesReader(w, r.Body, s.opts.MaxBody))
	limit := s.opts.MaxBody
	switch enc := strings.ToLower(r.Header.Get("Content-Encoding")); {
	case enc == "" || enc == "identity" || !unpack:
	case enc == "gzip" || enc == "x-gzip":
		z, err := gzip.NewReader(src)
		if err != nil {
			return nil, release, fmt.Errorf("not gzip: %w", err)
		}
		src, limit = z, s.opts.MaxContent
	default:
		return nil, release, errEncoding
	}
	buf := make([]byte, 0, min(max(r.ContentLength+1, 512), growth))
	for {
		if more := int64(cap(buf)) - held; more > 0 {
			if held += more; s.memory.Add(more) > s.opts.MaxMemory {
				return nil, release, errMemory
			}
		}
		n, err := src.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		switch {
		case errors.Is(err, io.EOF):
			return buf, release, nil
		case errors.Is(err, os.ErrDeadlineExceeded), err == nil && time.Now().After(until):
			return nil, release, errTooSlow
		case err != nil:
			return nil, release, err
		case int64(len(buf)) > limit:
			return nil, release, errTooLarge
		case len(buf) == cap(buf):
			grown := make([]byte, len(buf), min(max(2*int64(cap(buf)), growth), limit+1))
			copy(grown, buf)
			buf = grown
		}
	}
}

// status gives the HTTP status of an error, and after how long to try again.
func status(err error) (code int, retry string) {
	var tooLarge *http.MaxBytesError
	switch {
	case errors.Is(err, bus.ErrBusy):
		return http.StatusTooManyRequests, "1"
	case errors.Is(err, bus.ErrFull):
		return http.StatusServiceUnavailable, "10"
	case errors.Is(err, bus.ErrAway):
		return http.StatusServiceUnavailable, "1"
	case errors.As(err, &tooLarge), errors.Is(err, errTooLarge):
		return http.StatusRequestEntityTooLarge, ""
	case errors.Is(err, errEncoding):
		return http.StatusUnsupportedMediaType, ""
	case errors.Is(err, errTooSlow):
		return http.StatusRequestTimeout, ""
	}
	return http.StatusBadRequest, ""
}

// failRead answers when a body could not be had.
func failRead(w http.ResponseWriter, err error) {
	code, retry := status(err)
	if retry != "" {
		w.Header().Set("Retry-After", retry)
	}
	problem.Write(w, code, "read the body: "+err.Error())
}

// failStore answers when the bus did not take what was read.
func (s *Service) failStore(w http.ResponseWriter, err error) {
	code, retry := status(err)
	if code == http.StatusBadRequest {
		code, retry = http.StatusServiceUnavailable, "1"
	}
	w.Header().Set("Retry-After", retry)
	problem.Write(w, code, err.Error())
}

// offer reads the body and takes it. It answers itself and gives false when
// that went wrong.
func (s *Service) offer(w http.ResponseWriter, r *http.Request, b Bridge, unpack func([]byte) ([]byte, error)) (Answer, bool) {
	body, release, err := s.read(w, r, unpack == nil)
	if errors.Is(err, bus.ErrBusy) {
		s.away.WithLabelValues(b.Name, why(err)).Inc()
	}
	if err != nil {
		failRead(w, err)
		return Answer{}, false
	}
	defer release()
	if unpack != nil {
		if body, err = unpack(body); err != nil {
			failRead(w, err)
			return Answer{}, false
		}
		n := int64(len(body))
		defer s.memory.Add(-n)
		if s.memory.Add(n) > s.opts.MaxMemory {
			failRead(w, errMemory)
			return Answer{}, false
		}
	}
	ctx, cancel := context.WithTimeout(r.Context(), storeTime)
	defer cancel()
	query := r.URL.Query()
	m := &Message{Body: body, Param: query.Get, At: record.MillisOf(s.now())}
	answer, err := s.Take(ctx, b, m)
	if err != nil {
		s.failStore(w, err)
		return Answer{}, false
	}
	return answer, true
}

// push serves the bridges whose answers are our own.
func (s *Service) push(w http.ResponseWriter, r *http.Request, b Bridge) {
	answer, ok := s.offer(w, r, b, nil)
	if !ok {
		return
	}
	if answer.Accepted == 0 && answer.Refused > 0 {
		problem.Write(w, http.StatusUnprocessableEntity, refusedSentence(answer))
		return
	}
	w.Header().Set("Content-Type", "application/json")
	// The status is out; a connection that broke meanwhile needs no answer.
	_ = json.NewEncoder(w).Encode(answer)
}

func refusedSentence(a Answer) string {
	out := strings.Join(a.Reasons, "; ")
	if a.Refused > 1 {
		out = fmt.Sprintf("%d readings were refused: %s", a.Refused, out)
	}
	return out
}

// influxWrite answers as InfluxDB does, because its clients look at it: 204
// when all is stored; 400 and "partial write" when some lines were not taken,
// after which a client goes on instead of sending all again.
func (s *Service) influxWrite(w http.ResponseWriter, r *http.Request) {
	if _, err := precision(r.URL.Query().Get("precision")); err != nil {
		influxError(w, http.StatusBadRequest, err.Error())
		return
	}
	answer, ok := s.offer(w, r, s.influx.bridge(), nil)
	switch {
	case !ok:
	case answer.Refused > 0:
		influxError(w, http.StatusBadRequest, fmt.Sprintf("partial write: %s dropped=%d", strings.Join(answer.Reasons, "; "), answer.Refused))
	default:
		w.WriteHeader(http.StatusNoContent)
	}
}

// influxError is read by clients of both versions.
func influxError(w http.ResponseWriter, code int, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-Influxdb-Error", strings.Map(printable, message))
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(map[string]string{"code": "invalid", "message": message, "error": message})
}

func printable(r rune) rune {
	if r < ' ' || r > '~' {
		return '?'
	}
	return r
}

func influxPing(w http.ResponseWriter, _ *http.Request) {
	// Clients choose their dialect by this number.
	w.Header().Set("X-Influxdb-Version", "1.8.10")
	w.Header().Set("X-Influxdb-Build", "wattwerk")
	w.WriteHeader(http.StatusNoContent)
}

// influxQuery answers what clients ask before they write: which databases
// there are, and to make theirs, which needs nothing.
func (s *Service) influxQuery(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query().Get("q")
	if q == "" && r.Method == http.MethodPost {
		body, release, err := s.read(w, r, true)
		if err != nil {
			failRead(w, err)
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		q = r.FormValue("q")
		release()
	}
	words := strings.Fields(strings.ToUpper(strings.TrimRight(strings.TrimSpace(q), ";")))
	w.Header().Set("Content-Type", "application/json")
	switch {
	case len(words) == 2 && words[0] == "SHOW" && words[1] == "DATABASES":
		w.Write([]byte(`{"results":[{"statement_id":0,"series":[{"name":"databases","columns":["name"],"values":[["wattwerk"]]}]}]}` + "\n"))
	case len(words) >= 3 && words[0] == "CREATE" && words[1] == "DATABASE":
		w.Write([]byte(`{"results":[{"statement_id":0}]}` + "\n"))
	default:
		influxError(w, http.StatusBadRequest, "only SHOW DATABASES can be asked here; queries are at /prometheus")
	}
}

// remoteWrite answers as the specification wants it: 400 for what will never
// be taken, 429 and 5xx for what is worth sending again.
func (s *Service) remoteWrite(w http.ResponseWriter, r *http.Request) {
	if strings.Contains(r.Header.Get("Content-Type"), "io.prometheus.write.v2") {
		problem.Write(w, http.StatusUnsupportedMediaType, "remote write 1.0 is taken, not 2.0")
		return
	}
	if enc := r.Header.Get("Content-Encoding"); enc != "" && enc != "snappy" {
		problem.Write(w, http.StatusUnsupportedMediaType, "remote write comes in snappy")
		return
	}
	answer, ok := s.offer(w, r, s.remote.bridge(), func(packed []byte) ([]byte, error) { return unpackSnappy(packed, s.opts.MaxContent) })
	switch {
	case !ok:
	case answer.Refused > 0:
		problem.Write(w, http.StatusBadRequest, fmt.Sprintf("%d samples stored; %s", answer.Accepted, refusedSentence(answer)))
	default:
		w.WriteHeader(http.StatusNoContent)
	}
}
