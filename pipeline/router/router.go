// Package router reads data sources of manifests into the stream of
// observations.
//
// Guarantees: what a reader takes as stored is in the stream, synced to disk;
// what it is told again with the same identifier is stored once. What cannot be
// read becomes a dead letter with its reason. While the stream is full readers
// are told so, and keep what they have. A [Router] may be used by many
// goroutines; Run is called once.
package router

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/wattwerk/wattwerk/bus"
	"github.com/wattwerk/wattwerk/internal/phrase"
	"github.com/wattwerk/wattwerk/manifest"
	"github.com/wattwerk/wattwerk/observation"
	"github.com/wattwerk/wattwerk/pipeline/connect"
	"github.com/wattwerk/wattwerk/record"
)

// Options of a router.
type Options struct {
	Bus *bus.Bus
	// Open makes the reader of a source; nil without an error: it is only pushed
	// to.
	Open       func(*manifest.End) (connect.Reader, error)
	Log        *slog.Logger
	Registerer prometheus.Registerer
}

// Pushed is the group of sources that every process takes what is pushed to.
const Pushed = "pushed"

// Router reads sources.
type Router struct {
	bus  *bus.Bus
	open func(*manifest.End) (connect.Reader, error)
	log  *slog.Logger

	items, bad prometheus.Counter

	mu      sync.Mutex
	sources map[string]*source

	seen sync.Map // what is in sources, for those who must not wait until others have ended
}

type source struct {
	end    *manifest.End
	print  string
	group  string
	shared bool // other processes may be pushed the same message
	stop   context.CancelFunc
	done   chan struct{}

	mu     sync.Mutex
	status connect.Status
	took   int64
	bad    int64
	last   time.Time
}

// SourceStatus is how a source is.
type SourceStatus struct {
	Source    string     `json:"source"`
	Connected bool       `json:"connected"`
	Error     string     `json:"error,omitempty" doc:"Why it is not, or what was wrong last"`
	Since     time.Time  `json:"since"`
	Items     int64      `json:"items" doc:"Values that were stored since the process began to read it"`
	Bad       int64      `json:"bad" doc:"Messages and parts of them that could not be read; they are dead letters"`
	Last      *time.Time `json:"last" doc:"When something was stored last; null: nothing yet"`
}

// New makes a router.
func New(o Options) (*Router, error) {
	r := &Router{
		bus: o.Bus, open: o.Open, log: o.Log, sources: make(map[string]*source),
		items: prometheus.NewCounter(prometheus.CounterOpts{Name: "wattwerk_source_items_total", Help: "Values of data sources that were stored."}),
		bad:   prometheus.NewCounter(prometheus.CounterOpts{Name: "wattwerk_source_bad_total", Help: "Messages of data sources, or parts of them, that could not be read."}),
	}
	if o.Registerer != nil {
		for _, c := range []prometheus.Collector{r.items, r.bad} {
			if err := o.Registerer.Register(c); err != nil {
				return nil, err
			}
		}
	}
	return r, nil
}

// Set has exactly these sources of a group be read from now on, until ctx ends.
// One that is as it was is left alone; print tells whether it is. It returns when
// those that are not to be read any more have ended.
func (r *Router) Set(ctx context.Context, group string, ends []*manifest.End, print func(any) string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	want := make(map[string]bool, len(ends))
	var over []*source
	for _, e := range ends {
		want[e.Source.ID] = true
		if s := r.sources[e.Source.ID]; s != nil && s.print != print(e) || s != nil && s.group != group {
			s.stop()
			over = append(over, s)
		}
	}
	for id, s := range r.sources {
		if s.group == group && !want[id] {
			s.stop()
			over = append(over, s)
			delete(r.sources, id)
			r.seen.Delete(id)
		}
	}
	for _, s := range over {
		<-s.done
	}
	for _, e := range ends {
		if s := r.sources[e.Source.ID]; s == nil || slices.Contains(over, s) {
			s := r.begin(ctx, e, print(e), group)
			r.sources[e.Source.ID] = s
			r.seen.Store(e.Source.ID, s)
		}
	}
}

func (r *Router) begin(ctx context.Context, e *manifest.End, print, group string) *source {
	ctx, cancel := context.WithCancel(ctx)
	s := &source{end: e, print: print, group: group, shared: group == Pushed, stop: cancel, done: make(chan struct{})}
	s.status = connect.Status{At: time.Now()}
	reader, err := r.open(e)
	if err != nil || reader == nil {
		s.status.Connected = err == nil
		if err != nil {
			s.status.Error = err.Error()
		}
		close(s.done)
		return s
	}
	go func() {
		defer close(s.done)
		recent, err := r.recent(ctx, e.Source.ID)
		if err == nil {
			var mu sync.Mutex
			err = reader.Read(ctx, func(ctx context.Context, ms ...connect.Message) error {
				mu.Lock()
				defer mu.Unlock()
				return r.store(ctx, s, recent, ms)
			}, s.say)
		}
		if err != nil && ctx.Err() == nil {
			s.say(connect.Status{Error: err.Error(), At: time.Now()})
			r.log.Warn("a data source is not read any more", "source", e.Source.Name, "error", err)
		}
	}()
	return s
}

func (s *source) say(st connect.Status) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if st.Connected == s.status.Connected {
		st.At = s.status.At
	}
	s.status = st
}

// lookBack is how far behind the newest message of a source identifiers are
// looked for, in messages of the stream.
const lookBack = 100_000

// recent gives the identifiers of the messages that were stored last.
func (r *Router) recent(ctx context.Context, id string) (*connect.Recent, error) {
	out := new(connect.Recent)
	m, ok, err := r.bus.LastObservations(ctx, id)
	if err != nil || !ok {
		return out, err
	}
	end := m.Seq
	from := uint64(1)
	if end > lookBack {
		from = end - lookBack
	}
	err = r.bus.ReadObservationsOf(ctx, id, from, func(m bus.Message) error {
		for _, id := range m.ObservationsIDs() {
			out.Note(id)
		}
		if m.Seq >= end {
			return errDone
		}
		return nil
	})
	if errors.Is(err, errDone) {
		err = nil
	}
	return out, err
}

var errDone = errors.New("done")

// ahead is how far in the future an item may be. One that is farther would have
// everything behind it be late.
const ahead = record.Millis(time.Hour / time.Millisecond)

// longKey is why a value is not taken.
const longKey = "its key is longer than 200 bytes, or no text"

// store stores messages of a source, those that are new.
func (r *Router) store(ctx context.Context, s *source, recent *connect.Recent, ms []connect.Message) error {
	b := newBuilder(record.MillisOf(time.Now()))
	var ids []string
	id := s.end.Source.ID
	flush := func() error {
		if len(b.items) == 0 && len(ids) == 0 {
			return nil
		}
		if _, err := r.bus.PublishRead(ctx, id, observation.Append(nil, b.table.Keys(), b.items), ids, s.shared); err != nil {
			if errors.Is(err, bus.ErrFull) || errors.Is(err, bus.ErrBusy) {
				return fmt.Errorf("%w: %w", connect.ErrBusy, err)
			}
			return err
		}
		r.items.Add(float64(len(b.items)))
		s.mu.Lock()
		s.took += int64(len(b.items))
		s.last = time.Now()
		s.mu.Unlock()
		for _, id := range ids {
			recent.Note(id)
		}
		b, ids = newBuilder(b.now), nil
		return nil
	}
	for i := range ms {
		m := &ms[i]
		if recent.Stored(m) {
			continue
		}
		for n := range m.Pieces {
			if len(b.items) == observation.MaxItems || b.table.Len() == observation.MaxKeys {
				// The identifier goes with the last part: a message is stored when all of it is.
				if err := flush(); err != nil {
					return err
				}
			}
			if why := b.add(&m.Pieces[n]); why != "" {
				m.Bad = append(m.Bad, connect.Bad{Reason: why, Sample: []byte(m.Pieces[n].Key)})
			}
		}
		if m.ID != "" {
			ids = append(ids, m.ID)
		}
		for _, bad := range m.Bad {
			if err := r.bury(ctx, s.end, bad); err != nil {
				return err
			}
		}
		if n := int64(len(m.Bad)); n > 0 {
			r.bad.Add(float64(n))
			s.mu.Lock()
			s.bad += n
			s.mu.Unlock()
		}
	}
	return flush()
}

func (r *Router) bury(ctx context.Context, e *manifest.End, bad connect.Bad) error {
	sample := string(bad.Sample)
	if !utf8.ValidString(sample) {
		sample = hex.EncodeToString(bad.Sample)
	}
	return r.bus.Bury(ctx, bus.DeadLetter{
		Source: "source", Reason: fmt.Sprintf("data source %q: %s", e.Source.Name, bad.Reason), Code: phrase.SourceOdd, Params: phrase.Params{"source": e.Source.Name, "reason": bad.Reason}, Sample: sample,
	})
}

// builder makes a batch of pieces.
type builder struct {
	now   record.Millis
	table observation.Table
	items []observation.Item
}

func newBuilder(now record.Millis) *builder { return &builder{now: now} }

// add adds a piece, or says why not.
func (b *builder) add(p *connect.Piece) string {
	it := observation.Item{Time: p.Time, Value: p.Value, Marks: p.Marks}
	if it.Time == 0 {
		it.Time = b.now
	}
	if len(p.Key) > observation.MaxKey || !utf8.ValidString(p.Key) {
		return longKey
	}
	if it.Time > b.now+ahead {
		return fmt.Sprintf("its time %s is more than an hour in the future", it.Time)
	}
	if it.Marks&observation.Null == 0 {
		if err := record.ValidateSample(it.Time, it.Value); err != nil {
			return err.Error()
		}
	} else if it.Time < record.MinTime || it.Time > record.MaxTime {
		return record.ErrTimeBounds.Error()
	}
	it.Series = b.table.Number(p.Key)
	b.items = append(b.items, it)
	return ""
}

// Statuses tells how the sources that are read here are, by id.
func (r *Router) Statuses() map[string]SourceStatus {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := make(map[string]SourceStatus, len(r.sources))
	for id, s := range r.sources {
		s.mu.Lock()
		st := SourceStatus{Source: id, Connected: s.status.Connected, Error: s.status.Error, Since: s.status.At.UTC(), Items: s.took, Bad: s.bad}
		if !s.last.IsZero() {
			t := s.last.UTC()
			st.Last = &t
		}
		s.mu.Unlock()
		out[id] = st
	}
	return out
}

// Source tells how one source is, and its name, without waiting; false: it is not
// read here.
func (r *Router) Source(id string) (name string, st connect.Status, ok bool) {
	v, ok := r.seen.Load(id)
	if !ok {
		return "", st, false
	}
	s := v.(*source)
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.end.Source.Name, s.status, true
}
