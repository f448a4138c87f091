package remote

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/klauspost/compress/zstd"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"

	"github.com/wattwerk/wattwerk/history"
	processes "github.com/wattwerk/wattwerk/internal/run" // run is a type here
	"github.com/wattwerk/wattwerk/record"
)

// Options say where the database is. Replicas must be set.
type Options struct {
	Replicas   []Replica     // every one gets everything
	Access     Access        // the same for all
	Zstd       bool          // compress with zstd, which VictoriaMetrics takes, instead of snappy, which all take
	Settle     time.Duration // after so long what a replica shows is on its disk; used where Storage is not given; default 20 s, negative: at once
	Timeout    time.Duration // until a request is answered; default 30 s
	Wait       time.Duration // how long Open waits for databases that do not answer yet; default 0: not at all
	Retention  time.Duration // samples this much older than the newest are refused; 0: none
	Window     time.Duration // how far behind the newest samples are taken; default 90 days
	MaxPending uint64        // samples held beyond which Append refuses until a Flush works; default 2 million
	Log        *slog.Logger
}

const (
	day = 24 * time.Hour

	// Samples this much older than Window are still taken, because what was
	// taken before must be taken again after a crash.
	slack = day

	noTime  = math.MinInt64
	endless = math.MaxInt64
)

// Store is a store in a database elsewhere. It implements [history.Store].
type Store struct {
	opts     Options
	log      *slog.Logger
	client   *client
	zstd     *zstd.Encoder
	replicas []*replica
	first    atomic.Int32 // the replica that is asked first

	mu       sync.Mutex // guards what follows, and all cells
	sensors  map[string]*cell
	groups   map[history.Series]*cell
	cells    []*cell   // by reference
	era      uint64    // what cells know from an earlier one is not true any more
	open     *parcel   // not yet on its way; nil: empty
	claims   []*parcel // see claim
	sent     []*parcel
	held     uint64        // samples of all parcels
	dirty    uint64        // cells with pending samples
	changed  chan struct{} // closed, and made anew, when a parcel or a replica changes
	newest   int64         // of all samples known; noTime: none
	oldest   int64         // the same; endless: none
	marked   [2]int64      // newest and oldest as they are in the database
	markedAt int64

	// gate is held for reading from a look-up until what it says is acted
	// upon, and exclusively to let go of what is durable.
	gate     sync.RWMutex
	flushing sync.Mutex
	stop     context.CancelFunc
	stopped  context.Context
	workers  sync.WaitGroup
	closed   atomic.Bool
}

var _ history.Store = (*Store)(nil)

// cell is what is known of a series: between last, exclusive, and horizon,
// inclusive, nothing is stored.
type cell struct {
	id      history.Ref
	series  history.Series
	wire    []byte   // the labels, encoded for remote write
	era     uint64   // in which all up to touched was learned; see know
	last    int64    // with horizon = noTime: nothing is known
	horizon int64    //
	filled  bool     // there is a sample at last, with value
	ours    bool     // and it was offered here, so that a flush sees to it
	value   float64  //
	touched int64    // when it was appended to, in Unix seconds
	day     int64    // of the sample that was taken last, since 1970
	pending []sample // not yet durable, in the order they came
}

type sample struct {
	t int64
	v float64
}

// Open makes a store. The database must answer.
func Open(ctx context.Context, o Options) (*Store, error) {
	s, err := open(ctx, o)
	if err != nil {
		return nil, fmt.Errorf("open history: %w", err)
	}
	return s, nil
}

func open(ctx context.Context, o Options) (*Store, error) {
	o.defaults()
	if len(o.Replicas) == 0 {
		return nil, errors.New("no database is named")
	}
	c, err := newClient(o.Access, o.Timeout)
	if err != nil {
		return nil, err
	}
	s := &Store{
		opts: o, log: o.Log, client: c,
		sensors: make(map[string]*cell), groups: make(map[history.Series]*cell),
		changed: make(chan struct{}),
		newest:  noTime, oldest: endless, marked: [2]int64{noTime, endless},
	}
	if s.zstd, err = zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1)); err != nil {
		return nil, err
	}
	for i, r := range o.Replicas {
		r.Query = strings.TrimSuffix(strings.TrimSuffix(r.Query, "/"), "/api/v1")
		if err := errors.Join(checkURL("the address to write to", r.Write), checkURL("the address to query", r.Query)); err != nil {
			return nil, err
		}
		if r.Read != "" {
			if err := checkURL("the address of remote read", r.Read); err != nil {
				return nil, err
			}
		}
		storage := make([]string, len(r.Storage))
		for i, u := range r.Storage {
			if err := checkURL("the address of a storage node", u); err != nil {
				return nil, err
			}
			storage[i] = strings.TrimSuffix(u, "/")
		}
		r.Storage = storage
		x := &replica{Replica: r, number: i, wake: make(chan struct{}, 1)}
		x.askAnew()
		s.replicas = append(s.replicas, x)
	}
	if err := s.begin(ctx); err != nil {
		return nil, err
	}
	s.stopped, s.stop = context.WithCancel(context.Background())
	for _, r := range s.replicas {
		s.workers.Go(func() { s.deliver(r) })
	}
	s.workers.Go(s.keepUp)
	return s, nil
}

// begin asks how far the history is, and waits for a database that is not there
// yet. One that does not let us in, or is none, is not waited for.
func (s *Store) begin(ctx context.Context) error {
	return processes.Await(ctx, s.opts.Wait, func(ctx context.Context) error { return s.recall(ctx, 0) }, func(err error) bool {
		e, ok := errors.AsType[*statusError](err)
		return !ok || !slices.Contains([]int{http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound}, e.status)
	}, func(err error) { s.log.Warn("waiting for the history database", "most", s.opts.Wait, "error", err) })
}

func (o *Options) defaults() {
	set := func(d *time.Duration, v time.Duration) {
		if *d == 0 {
			*d = v
		}
	}
	set(&o.Settle, 20*time.Second)
	set(&o.Timeout, 30*time.Second)
	set(&o.Window, 90*day)
	if o.MaxPending == 0 {
		o.MaxPending = 2_000_000
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
}

// closing is how long the last flush may take.
const closing = time.Minute

// Close flushes and ends the store. An error means that what was appended
// since the last Flush may be missing.
func (s *Store) Close() error {
	if s.closed.Swap(true) {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), closing)
	defer cancel()
	err := s.flush(ctx)
	s.stop()
	s.workers.Wait()
	s.client.http.CloseIdleConnections()
	if err != nil {
		return fmt.Errorf("close history: %w", err)
	}
	return nil
}

var errClosed = errors.New("the history is closed")

// Refs appends a reference for every series to dst.
func (s *Store) Refs(dst []history.Ref, series []history.Series) []history.Ref {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, k := range series {
		dst = append(dst, s.cell(k).id)
	}
	return dst
}

// Forget has everything looked up again that may have changed; see
// [history.Store].
func (s *Store) Forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.era++
	for _, r := range s.replicas {
		r.askAnew()
	}
}

// know gives what is known of a cell in this era. mu must be held.
func (s *Store) know(c *cell) *cell {
	if c.era != s.era {
		c.era, c.last, c.horizon, c.filled, c.ours = s.era, noTime, noTime, false, false
	}
	return c
}

func (s *Store) find(k history.Series) *cell {
	if k.Metric == history.Record {
		return s.sensors[k.Name]
	}
	return s.groups[k]
}

// cell finds a cell or makes it. mu must be held.
func (s *Store) cell(k history.Series) *cell {
	if c := s.find(k); c != nil {
		return c
	}
	c := &cell{id: history.Ref(len(s.cells)), series: k, wire: wireLabels(k.Labels()), last: noTime, horizon: noTime, day: noTime}
	s.cells = append(s.cells, c)
	if k.Metric == history.Record {
		s.sensors[k.Name] = c
	} else {
		s.groups[k] = c
	}
	return c
}

// notify wakes who waits for a change. mu must be held.
func (s *Store) notify() {
	close(s.changed)
	s.changed = make(chan struct{})
}

func (s *Store) extend(from, to int64) {
	s.newest, s.oldest = max(s.newest, to), min(s.oldest, from)
}

// Stats tells how much the store holds. What the database holds beyond that
// it does not say; Bytes and Blocks are 0.
func (s *Store) Stats() history.Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := history.Stats{Series: s.dirty, Unflushed: s.held}
	if s.newest != noTime {
		st.Newest, st.Oldest = record.Millis(s.newest), record.Millis(s.oldest)
	}
	return st
}

// The extent of all samples is kept in the database itself, as two series of
// our own: to find the newest sample among millions of series costs every
// database too much.
const (
	newestName = "wattwerk:history_newest_ms"
	oldestName = "wattwerk:history_oldest_ms"
)

const keepUpEvery = 10 * time.Second

// keepUp learns how far other stores have come.
func (s *Store) keepUp() {
	tick := time.NewTicker(keepUpEvery)
	defer tick.Stop()
	for {
		select {
		case <-s.stopped.Done():
			return
		case <-tick.C:
			if err := s.recall(s.stopped, time.Hour); err != nil && s.stopped.Err() == nil {
				s.log.Debug("history does not know how far others have come", "error", err)
			}
		}
	}
}

// recall reads the extent, in longer and longer spans back from now, or in the
// span alone.
func (s *Store) recall(ctx context.Context, span time.Duration) error {
	spans := []time.Duration{span}
	if span == 0 {
		spans = []time.Duration{time.Hour, 30 * day, 365 * day, 50 * 365 * day}
	}
	now := time.Now()
	for _, d := range spans {
		found, err := s.extent(ctx, now.Add(-d), now.Add(day))
		if err != nil || found {
			return err
		}
	}
	return nil
}

func (s *Store) extent(ctx context.Context, from, to time.Time) (found bool, err error) {
	ask := question{from: max(0, from.UnixMilli()), to: to.UnixMilli(), matchers: [][]*labels.Matcher{
		{labels.MustNewMatcher(labels.MatchRegexp, model.MetricNameLabel, newestName+"|"+oldestName)},
	}}
	err = s.ask(ctx, func(r *replica) error {
		return s.raw(ctx, r, ask, func(ls labels.Labels, _ []int64, values []float64) error {
			name := ls.Get(model.MetricNameLabel)
			s.mu.Lock()
			defer s.mu.Unlock()
			for _, v := range values {
				if math.Abs(v) > float64(record.MaxTime) {
					continue
				}
				switch name {
				case newestName:
					s.newest = max(s.newest, int64(v))
				case oldestName:
					s.oldest = min(s.oldest, int64(v))
				}
				found = true
			}
			return nil
		})
	})
	return found, err
}

// mark puts the extent, when it has changed, into the parcel that is open. mu
// must be held.
func (s *Store) mark() {
	if s.marked == [2]int64{s.newest, s.oldest} {
		return
	}
	s.parcel().marks = s.marks()
	s.marked = [2]int64{s.newest, s.oldest}
}

// marks gives the extent as series. mu must be held.
func (s *Store) marks() []byte {
	if s.newest == noTime {
		return nil
	}
	s.markedAt = max(time.Now().UnixMilli(), s.markedAt+1) // never twice at one time
	at := s.markedAt
	return appendSeries(
		appendSeries(nil, wireLabels(labels.FromStrings(model.MetricNameLabel, newestName)), []sample{{at, float64(s.newest)}}),
		wireLabels(labels.FromStrings(model.MetricNameLabel, oldestName)), []sample{{at, float64(s.oldest)}})
}
