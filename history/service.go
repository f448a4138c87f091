package history

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"github.com/wattwerk/wattwerk/bus"
	"github.com/wattwerk/wattwerk/catalog"
	"github.com/wattwerk/wattwerk/internal/run"
	"github.com/wattwerk/wattwerk/model"
	"github.com/wattwerk/wattwerk/record"
)

// Names under which the service keeps its stream positions on the bus.
const (
	Reader           = "history"            // of the records, per partition
	AggregatesReader = "history-aggregates" // of the aggregates, partition 0
)

// sharedAs names the streams that are shared: one piece for each partition, and
// last the aggregates.
const sharedAs = "history"

// Watcher is told what was stored, so that it can compute again what is derived
// from it.
type Watcher interface {
	// Stored is told of a batch that can be read from the store now: by this
	// process, and by others at the latest after the next flush. It is called by
	// one goroutine for each partition, and must not keep the batch.
	Stored(partition int, b *record.Batch)
	// Filled is told of old readings of a sensor that were stored in bulk. They
	// lie in a span of time, both ends included. It returns when it will not
	// forget that.
	Filled(ctx context.Context, id record.SensorID, from, to record.Millis) error
	// Save returns when what Stored was told before will not be forgotten. Only
	// then it is noted that the batches need not be read again. It calls flush
	// once, after which all processes can read them; its error is that of Save.
	Save(ctx context.Context, flush func(context.Context) error) error
}

// Options are what a service needs. Bus and Store must be set.
type Options struct {
	Bus          *bus.Bus
	Catalog      *catalog.Catalog // knows max ages, units and groups; nil: nothing is known
	Store        Store            // stays open when the service ends
	Watcher      Watcher          // is told what was stored; may be nil
	Share        run.Share        // who else stores into the same store; nil: nobody, all streams are ours
	FlushEvery   time.Duration    // default 2 h
	FlushSamples uint64           // flush when so many samples are in memory; default 150 million
	MaxFuture    time.Duration    // records further ahead of their arrival are refused; default 24 h
	Log          *slog.Logger
	Registerer   prometheus.Registerer // may be nil
}

// Service reads records and ticks from the bus into a store, and answers
// questions about them.
type Service struct {
	opts      Options
	log       *slog.Logger
	model     func() *model.Model // may give nil
	now       func() time.Time
	streams   []stream // per partition, and last the aggregates
	flushing  sync.Mutex
	saved     []uint64 // per stream; guarded by flushing
	whole     bool     // the next flush leaves nothing; guarded by flushing
	appended  atomic.Uint64
	refused   *prometheus.CounterVec
	flushed   *prometheus.HistogramVec
	troubles  *prometheus.CounterVec
	flushedAt atomic.Int64 // ms
}

// New checks the options and makes a service.
func New(o Options) (*Service, error) {
	if o.Bus == nil || o.Store == nil {
		return nil, errors.New("make history: bus and store are needed")
	}
	if o.FlushEvery == 0 {
		o.FlushEvery = 2 * time.Hour
	}
	if o.FlushSamples == 0 {
		o.FlushSamples = 150_000_000
	}
	if o.MaxFuture == 0 {
		o.MaxFuture = 24 * time.Hour
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Share == nil {
		o.Share = run.Alone
	}
	s := &Service{
		opts: o, log: o.Log, now: time.Now,
		model:   func() *model.Model { return nil },
		streams: make([]stream, o.Bus.Partitions()+1),
		saved:   make([]uint64, o.Bus.Partitions()+1),
	}
	if o.Catalog != nil {
		s.model = func() *model.Model { return o.Catalog.State().Model }
	}
	if err := s.register(o.Registerer); err != nil {
		return nil, fmt.Errorf("make history: %w", err)
	}
	return s, nil
}

func (s *Service) register(r prometheus.Registerer) error {
	s.refused = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "wattwerk_history_refused_total", Help: "Records and ticks that were not stored, by reason.",
	}, []string{"reason"})
	s.flushed = prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "wattwerk_history_flush_duration_seconds", Help: "Duration of flushes of the history to disk.", Buckets: prometheus.ExponentialBuckets(.01, 4, 8),
	}, []string{"result"})
	s.troubles = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "wattwerk_history_store_errors_total", Help: "What the store of the history did not do: append, flush.",
	}, []string{"operation"})
	// What never happened is 0 and not missing, so that a first time is an increase.
	for _, operation := range []string{"append", "flush"} {
		s.troubles.WithLabelValues(operation)
	}
	for _, reason := range []string{"contradiction", "too_old", "future", "invalid", "malformed"} {
		s.refused.WithLabelValues(reason)
	}
	for _, result := range []string{"ok", "error"} {
		s.flushed.WithLabelValues(result)
	}
	s.flushedAt.Store(time.Now().UnixMilli())
	if r == nil {
		return nil
	}
	gauge := func(name, help string, f func() float64) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, f)
	}
	all := []prometheus.Collector{
		s.refused, s.flushed,
		prometheus.NewCounterFunc(prometheus.CounterOpts{Name: "wattwerk_history_appended_total", Help: "Records read from the bus and stored or refused."},
			func() float64 { return float64(s.appended.Load()) }),
		gauge("wattwerk_history_unflushed_samples", "Samples that are not yet on disk in the history; the bus holds them.",
			func() float64 { return float64(s.opts.Store.Stats().Unflushed) }),
		gauge("wattwerk_history_bytes", "Size of the history on disk.", func() float64 { return float64(s.opts.Store.Stats().Bytes) }),
		s.troubles,
		gauge("wattwerk_history_flush_timestamp_seconds", "When everything that was then in memory was last written to disk, or the process began.",
			func() float64 { return float64(s.flushedAt.Load()) / 1000 }),
		gauge("wattwerk_history_newest_timestamp_seconds", "Time of the newest sample.",
			func() float64 { return float64(s.opts.Store.Stats().Newest) / 1000 }),
	}
	for p := range s.partitions() {
		all = append(all, prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "wattwerk_history_position", Help: "Position in the records stream up to which everything is in the history.",
			ConstLabels: prometheus.Labels{"partition": fmt.Sprint(p)},
		}, func() float64 { return float64(s.streams[p].position.Load()) }))
	}
	for _, c := range all {
		if err := r.Register(c); err != nil {
			return err
		}
	}
	return nil
}

// stream is how far a stream of the bus is read.
type stream struct {
	position atomic.Uint64 // everything up to here is in the store

	mu    sync.Mutex
	peaks []peak // messages not yet durable that reach farther in event time than any before
}

type peak struct {
	seq uint64
	at  record.Millis
}

// begin forgets all and goes on behind a position.
func (x *stream) begin(at uint64) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.peaks = nil
	x.position.Store(at)
}

// done notes that the message at seq is in the store, with records up to at.
func (x *stream) done(seq uint64, at record.Millis) {
	x.mu.Lock()
	if n := len(x.peaks); n == 0 || at > x.peaks[n-1].at {
		x.peaks = append(x.peaks, peak{seq, at})
	}
	x.mu.Unlock()
	x.position.Store(seq)
}

// durable gives the position up to which everything is durable when, of what
// is read up to seq, everything up to a point in event time is.
func (x *stream) durable(seq uint64, through record.Millis) uint64 {
	x.mu.Lock()
	defer x.mu.Unlock()
	n := 0
	for n < len(x.peaks) && x.peaks[n].seq <= seq && x.peaks[n].at <= through {
		n++
	}
	if n < len(x.peaks) {
		seq = min(seq, x.peaks[n].seq-1)
	}
	x.peaks = slices.Delete(x.peaks, 0, n)
	return seq
}

func (s *Service) partitions() int { return len(s.streams) - 1 }

func (s *Service) aggregated() *stream { return &s.streams[s.partitions()] }

// Positions gives for each partition the position up to which every message is
// in the store, durable or not.
func (s *Service) Positions() []uint64 {
	out := make([]uint64, s.partitions())
	for p := range out {
		out[p] = s.streams[p].position.Load()
	}
	return out
}

// AggregatesPosition gives the same for the aggregates stream.
func (s *Service) AggregatesPosition() uint64 { return s.aggregated().position.Load() }

// Appended is how many records were read from the bus and stored, found to be
// there already, or refused, since the service was made.
func (s *Service) Appended() uint64 { return s.appended.Load() }

const (
	again     = 500 * time.Millisecond // before something is tried once more
	lookEvery = time.Second            // how often it is asked whether a flush is due
	lastFlush = 2 * time.Minute        // the flush on a clean stop may take so long
	mostSave  = 10 * time.Second       // and noting on the bus what was flushed, which may be away
)

// Run reads from the bus until ctx ends, then flushes. It returns an error only
// when the store is broken; what the bus cannot do now is tried again.
func (s *Service) Run(ctx context.Context) error {
	g, gctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		err := s.opts.Share(gctx, sharedAs, len(s.streams), s.own)
		if gctx.Err() != nil {
			return nil
		}
		return err
	})
	g.Go(func() error { return s.flushLoop(gctx) })
	err := g.Wait()
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastFlush)
	defer cancel()
	if ferr := s.Flush(last); ferr != nil {
		// Nothing is lost: the bus still has it.
		s.log.Warn("history not flushed at the end", "error", ferr)
	}
	if err != nil && ctx.Err() == nil {
		return fmt.Errorf("run history: %w", err)
	}
	return nil
}

// own reads one stream until ctx ends. What it has read and not flushed by
// then the next owner reads again, which is harmless.
func (s *Service) own(ctx context.Context, i int) error {
	read, log := s.aggregates, s.log.With("stream", "ticks")
	if i < s.partitions() {
		read, log = func(ctx context.Context) reader { return s.records(ctx, i) }, s.log.With("stream", "records", "partition", i)
	}
	for {
		err := s.recall(ctx, i)
		if err == nil {
			break
		}
		if ctx.Err() != nil {
			return nil
		}
		log.Warn("history asks again where to go on", "error", err)
		if !run.Pause(ctx, again) {
			return nil
		}
	}
	return follow(ctx, log, &s.streams[i].position, read(ctx))
}

// recall finds where to go on.
func (s *Service) recall(ctx context.Context, i int) error {
	reader, p, extent, name := Reader, i, s.opts.Bus.RecordsExtent, "records"
	if i == s.partitions() {
		reader, p, name = AggregatesReader, 0, "aggregates"
		extent = func(ctx context.Context, _ int) (bus.Extent, error) { return s.opts.Bus.AggregatesExtent(ctx) }
	}
	at, err := s.opts.Bus.Position(ctx, reader, p)
	if err != nil {
		return err
	}
	x, err := extent(ctx, p)
	if err != nil {
		return err
	}
	if !s.plausible(at, x, name, p) {
		at = 0
		if err := s.opts.Bus.ForgetPosition(ctx, reader, p); err != nil {
			return err
		}
	}
	s.flushing.Lock()
	defer s.flushing.Unlock()
	s.streams[i].begin(at)
	s.saved[i] = at
	return nil
}

// plausible guards against a stream that was made anew: reading it all is
// harmless, skipping it is not.
func (s *Service) plausible(at uint64, x bus.Extent, stream string, p int) bool {
	if at <= x.Last {
		return true
	}
	s.log.Warn("position behind the end of the stream, reading all of it", "stream", stream, "partition", p, "position", at, "last", x.Last)
	return false
}

// reader reads from a position on and hands on messages until ctx ends.
type reader func(from uint64) error

// errFatal marks what trying again does not mend.
var errFatal = errors.New("the store cannot go on")

// follow keeps reading, from behind the position.
func follow(ctx context.Context, log *slog.Logger, position *atomic.Uint64, read reader) error {
	for {
		from := position.Load() + 1
		err := read(from)
		if ctx.Err() != nil {
			return nil
		}
		if errors.Is(err, errFatal) {
			return err
		}
		log.Warn("history reads again", "from", from, "error", err)
		if !run.Pause(ctx, again) {
			return nil
		}
	}
}

// Filled tells whoever watches that old readings of a sensor were stored in
// bulk, between two times, both included.
func (s *Service) Filled(ctx context.Context, id record.SensorID, from, to record.Millis) error {
	if s.opts.Watcher == nil {
		return nil
	}
	return s.opts.Watcher.Filled(ctx, id, from, to)
}

// Flush makes everything durable that is appended, and notes on the bus up to
// where that is.
func (s *Service) Flush(ctx context.Context) error {
	s.flushing.Lock()
	defer s.flushing.Unlock()
	s.whole = true
	return s.flush(ctx)
}

// FlushSettled does the same but may leave the newest records for the next
// time, which is cheaper while much is coming in.
func (s *Service) FlushSettled(ctx context.Context) error {
	s.flushing.Lock()
	defer s.flushing.Unlock()
	return s.flush(ctx)
}

// flush flushes, then saves positions: they are never ahead of the disk.
func (s *Service) flush(ctx context.Context) (err error) {
	at := make([]uint64, len(s.streams))
	for i := range s.streams {
		at[i] = s.streams[i].position.Load()
	}
	ctx, span := s.opts.Bus.Tracer().Start(ctx, "history flush")
	defer func() { span.End(err) }()
	began, through := time.Now(), record.MaxTime
	flush := func(ctx context.Context) (err error) {
		if s.whole {
			err = s.opts.Store.Flush(ctx)
		} else {
			through, err = s.opts.Store.FlushSettled(ctx)
		}
		if err != nil {
			s.flushed.WithLabelValues("error").Observe(time.Since(began).Seconds())
			s.troubles.WithLabelValues("flush").Inc()
		}
		return err
	}
	if w := s.opts.Watcher; w != nil {
		err = w.Save(ctx, flush)
	} else {
		err = flush(ctx)
	}
	if err != nil {
		return err
	}
	s.flushed.WithLabelValues("ok").Observe(time.Since(began).Seconds())
	s.flushedAt.Store(began.UnixMilli())
	s.whole = false
	ctx, cancel := context.WithTimeout(ctx, mostSave)
	defer cancel()
	for i := range s.streams {
		seq := s.streams[i].durable(at[i], through)
		// A stream that came no further has a record that is far ahead of all
		// others: it is not to hold up the rest for ever.
		s.whole = s.whole || seq <= s.saved[i] && at[i] > s.saved[i]
		if seq <= s.saved[i] {
			continue
		}
		reader, p := Reader, i
		if i == s.partitions() {
			reader, p = AggregatesReader, 0
		}
		if err := s.opts.Bus.SavePosition(ctx, reader, p, seq); err != nil {
			return err
		}
		s.saved[i] = seq
	}
	return nil
}

// flushLoop flushes when it is time or when much is in memory.
func (s *Service) flushLoop(ctx context.Context) error {
	last := time.Now()
	for run.Pause(ctx, lookEvery) {
		if time.Since(last) < s.opts.FlushEvery && s.opts.Store.Stats().Unflushed < s.opts.FlushSamples {
			continue
		}
		if err := s.FlushSettled(ctx); err != nil {
			s.log.Warn("history not flushed, trying again", "error", err)
			if !run.Pause(ctx, 10*again) {
				return nil
			}
			continue
		}
		last = time.Now()
	}
	return nil
}
