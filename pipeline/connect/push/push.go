package push

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"golang.org/x/sync/semaphore"

	"github.com/wattwerk/wattwerk/internal/problem"
	"github.com/wattwerk/wattwerk/observation"
	"github.com/wattwerk/wattwerk/pipeline/connect"
	"github.com/wattwerk/wattwerk/pipeline/connect/format"
	"github.com/wattwerk/wattwerk/record"
)

const (
	memory    = 64 << 20 // bytes of bodies that are worked on at a time
	reserved  = 256 << 10
	patience  = time.Minute // for a body to come
	maxID     = 200         // bytes of an Idempotency-Key
	maxTold   = 10          // reasons in an answer
	retryBusy = "1"
	retryFull = "10"
)

// Doors are the sources that are open at the moment, by their identifiers.
type Doors struct {
	mu     sync.RWMutex
	open   map[string]*door
	memory *semaphore.Weighted
}

// New makes doors, all closed.
func New() *Doors {
	return &Doors{open: make(map[string]*door), memory: semaphore.NewWeighted(memory)}
}

// Protocol opens doors for sources.
func (d *Doors) Protocol() connect.Protocol {
	return connect.Protocol{
		Name:    "http",
		Summary: "Values are posted to this program.",
		Details: "`POST /api/v1/models/sources/{id}/push` takes a body in the format of the kind, perhaps packed with gzip; `?key=` is the key of values that have none. " +
			"200 means that it is stored, and says how many values were accepted and how many parts refused; 400 that nothing of it can be read. " +
			"With 429 and 503 it is to be sent again after `Retry-After` seconds. A message with the same `Idempotency-Key` is stored once.",
		Example: `interfaces:
  - name: Posted
    protocol: http
kinds:
  - name: Power as JSON
    quantityKind: TotalRealPower
    format: json
    unit: W
sourceDefinitions:
  - {name: Posted power, interface: Posted, kinds: [Power as JSON]}
sources:
  - name: Line 4
    definition: Posted power
    parameters: {value: /power/active, time: at}
`,
		Parameters: format.Parameters(),
		Local:      true,
		Reader: func(e connect.End) (connect.Reader, error) {
			if _, err := format.New(&e); err != nil {
				return nil, fmt.Errorf("open source %s: %w", e.Name, err)
			}
			return &door{doors: d, end: e}, nil
		},
	}
}

type door struct {
	doors   *Doors
	end     connect.End
	store   connect.Store
	formats sync.Pool
	closed  <-chan struct{}
	busy    sync.WaitGroup
}

// Read takes what is posted until ctx ends, and waits then for requests that are
// being answered.
func (d *door) Read(ctx context.Context, store connect.Store, status func(connect.Status)) error {
	d.store, d.closed = store, ctx.Done()
	d.doors.mu.Lock()
	d.doors.open[d.end.ID] = d
	d.doors.mu.Unlock()
	status(connect.Status{Connected: true, At: d.end.House.Time()})
	<-ctx.Done()
	d.doors.mu.Lock()
	if d.doors.open[d.end.ID] == d {
		delete(d.doors.open, d.end.ID)
	}
	d.doors.mu.Unlock()
	d.busy.Wait()
	return nil
}

// enter finds the door of a source; leave must be called.
func (d *Doors) enter(id string) *door {
	d.mu.RLock()
	defer d.mu.RUnlock()
	found := d.open[id]
	if found != nil {
		found.busy.Add(1)
	}
	return found
}

// Answer is what became of a message.
type Answer struct {
	Accepted int      `json:"accepted" doc:"Values stored"`
	Refused  int      `json:"refused" doc:"Parts that cannot be read, and became dead letters"`
	Reasons  []string `json:"reasons,omitempty" doc:"Why, of the first ten"`
}

// ServeHTTP takes a message for the source that the path names as id.
func (d *Doors) ServeHTTP(w http.ResponseWriter, r *http.Request) { d.Push(w, r, r.PathValue("id")) }

// Push takes a message for a source.
func (d *Doors) Push(w http.ResponseWriter, r *http.Request, id string) {
	at := d.enter(id)
	if at == nil {
		problem.Write(w, http.StatusNotFound, "this source takes nothing here: it is not there, disabled, or of another protocol")
		return
	}
	defer at.busy.Done()
	later := func(code int, retry, why string) {
		w.Header().Set("Retry-After", retry)
		problem.Write(w, code, why)
	}
	// What a request holds is not known before it is read.
	weight := int64(connect.MaxBody)
	if r.ContentLength >= 0 && r.Header.Get("Content-Encoding") == "" {
		weight = max(min(r.ContentLength, connect.MaxBody), reserved)
	}
	if !d.memory.TryAcquire(weight) {
		later(http.StatusTooManyRequests, retryBusy, "more comes in than can be stored")
		return
	}
	defer d.memory.Release(weight)
	key, message := r.URL.Query().Get("key"), r.Header.Get("Idempotency-Key")
	switch {
	case len(key) > observation.MaxKey || !utf8.ValidString(key):
		problem.Write(w, http.StatusBadRequest, "the key is not UTF-8 of at most 200 bytes")
		return
	case len(message) > maxID:
		problem.Write(w, http.StatusBadRequest, "the Idempotency-Key is longer than 200 bytes")
		return
	}
	body, code, why := body(w, r)
	if code != 0 {
		problem.Write(w, code, why)
		return
	}
	m, err := at.read(body, key)
	if err != nil {
		problem.Write(w, http.StatusInternalServerError, "the source cannot be read any more")
		return
	}
	m.ID = message
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	go func() {
		select {
		case <-at.closed:
			cancel()
		case <-ctx.Done():
		}
	}()
	if err := at.store(ctx, m); err != nil {
		select {
		case <-at.closed:
			later(http.StatusServiceUnavailable, retryBusy, "the source is being closed or changed")
			return
		default:
		}
		if errors.Is(err, connect.ErrBusy) {
			later(http.StatusTooManyRequests, retryBusy, "more comes in than can be stored")
			return
		}
		if r.Context().Err() == nil {
			at.end.Log.Warn("what was pushed is not stored", "end", at.end.ID, "error", err)
		}
		later(http.StatusServiceUnavailable, retryFull, "it cannot be stored at the moment")
		return
	}
	a := Answer{Accepted: len(m.Pieces), Refused: len(m.Bad)}
	for _, b := range m.Bad[:min(len(m.Bad), maxTold)] {
		a.Reasons = append(a.Reasons, b.Reason)
	}
	if a.Accepted == 0 && a.Refused > 0 {
		problem.Write(w, http.StatusBadRequest, "nothing of it can be read: "+strings.Join(a.Reasons, "; "))
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(a) // a connection that broke meanwhile needs no answer
}

// read reads a body by a format that nobody else uses meanwhile.
func (d *door) read(body []byte, key observation.Key) (m connect.Message, err error) {
	f, ok := d.formats.Get().(*format.Format)
	if !ok {
		if f, err = format.New(&d.end); err != nil {
			return m, err
		}
	}
	f.Read(&m, body, key, record.MillisOf(d.end.House.Time()))
	d.formats.Put(f)
	return m, nil
}

// body reads a body whole. A code other than 0 is the answer.
func body(w http.ResponseWriter, r *http.Request) (b []byte, code int, why string) {
	// Not everything that is written to can do so; servers can.
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(patience))
	if r.ContentLength > connect.MaxBody {
		return nil, http.StatusRequestEntityTooLarge, "the body is larger than 8 MiB"
	}
	var from io.Reader = http.MaxBytesReader(w, r.Body, connect.MaxBody)
	switch strings.ToLower(r.Header.Get("Content-Encoding")) {
	case "", "identity":
	case "gzip":
		z, err := gzip.NewReader(from)
		if err != nil {
			return nil, http.StatusBadRequest, "the body is not packed with gzip"
		}
		from = io.LimitReader(z, connect.MaxBody+1)
	default:
		return nil, http.StatusUnsupportedMediaType, "the body may be packed with gzip, and with nothing else"
	}
	var buf bytes.Buffer
	if r.ContentLength > 0 && r.Header.Get("Content-Encoding") == "" {
		buf.Grow(int(r.ContentLength) + bytes.MinRead)
	}
	_, err := buf.ReadFrom(from)
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large) || buf.Len() > connect.MaxBody:
		return nil, http.StatusRequestEntityTooLarge, "the body is larger than 8 MiB"
	case err != nil:
		return nil, http.StatusBadRequest, "the body broke off or is not what it says"
	}
	return buf.Bytes(), 0, ""
}
