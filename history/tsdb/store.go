package tsdb

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"
	prom "github.com/prometheus/prometheus/tsdb"
	"github.com/prometheus/prometheus/tsdb/tsdbutil"

	"github.com/wattwerk/wattwerk/history"
	"github.com/wattwerk/wattwerk/record"
)

// Options say where the store is and what it keeps. Only Dir must be set.
type Options struct {
	Dir            string        // the store's own directory; created when missing
	Retention      time.Duration // samples this much older than the newest go; 0: kept for ever
	RetentionBytes int64         // the oldest go when the blocks are larger; 0: no limit
	Window         time.Duration // how far behind the newest samples are taken; default 90 days
	MinFree        int64         // take nothing below this many free bytes; default 128 MiB
	Series         int           // how many series to be ready for; default: as many as the newest block has
	MaxUnflushed   uint64        // samples in memory beyond which Append refuses until a Flush works; default 400 million
	Log            *slog.Logger
	Registerer     prometheus.Registerer // for the TSDB's own metrics; may be nil
}

const (
	day = 24 * time.Hour

	// always is longer than the times that records may have.
	always = 200 * 365 * day

	// Samples this much older than Window are still taken, because readers of
	// different partitions catch up at different speed after a crash, and what
	// was taken before must be taken again.
	slack = day
)

// Store is the embedded store. It implements [history.Store].
type Store struct {
	opts   Options
	log    *slog.Logger
	locker *tsdbutil.DirLocker
	db     *prom.DB

	// gate is held for reading while samples are appended, and exclusively when
	// a flush sets its bound or blocks are written beside the head.
	gate sync.RWMutex
	// cut is the bound at and above which the TSDB takes samples in order, and
	// below which nothing is added to what a flush writes. Guarded by gate.
	cut int64
	// door keeps late samples out at the moments when they would get lost.
	// Locked after gate.
	door door
	// cells guards the contents of cells: appenders, who own different cells,
	// hold it for reading, those who look at other people's cells exclusively.
	// Locked after gate.
	cells sync.RWMutex

	names   sync.RWMutex // guards the two maps and the growth of pages
	sensors map[string]history.Ref
	groups  map[history.Series]history.Ref
	count   uint32
	pages   atomic.Pointer[[]*page]

	newest atomic.Int64 // of all samples taken; MinInt64: none
	floor  atomic.Int64 // of a series without a cell nothing newer is stored
	fresh  tally        // what is in memory in order; those that might be count here too
	late   tally        // what is in memory out of order; those that might be count here too
	recent recent
	room   roomGauge
	scans  sync.Pool // of *scanBuffer
	broken atomic.Pointer[error]

	flushing   sync.Mutex // one flush at a time
	writing    sync.Mutex // held while the TSDB writes or merges blocks; locked before gate
	lateFrom   int64      // the span of the late samples that are being written, both
	lateTo     int64      // inclusive; guarded by writing
	compact    chan struct{}
	stop       context.CancelFunc
	stopped    context.Context
	background sync.WaitGroup
	closed     atomic.Bool
}

var _ history.Store = (*Store)(nil)

// cell is what is known of a series. Nothing newer than last is stored; value
// is that of the sample at last, or unknown.
type cell struct {
	ref    storage.SeriesRef
	last   int64
	value  float64
	series labels.Labels
}

const (
	pageBits = 12
	pageSize = 1 << pageBits
	noTime   = math.MinInt64
)

type page [pageSize]cell

// unknown is a NaN no sample has: those of the wire are refused, Null is another.
var unknown = math.Float64frombits(0x7ff80000574154ff)

func isUnknown(v float64) bool { return math.Float64bits(v) == math.Float64bits(unknown) }

// Open opens the store, creating it when missing. A directory that another
// process has open is refused.
func Open(o Options) (*Store, error) {
	if o.Window == 0 {
		o.Window = 90 * day
	}
	if o.MinFree == 0 {
		o.MinFree = 128 << 20
	}
	if o.MaxUnflushed == 0 {
		o.MaxUnflushed = 400_000_000
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	s := &Store{
		opts: o, log: o.Log,
		sensors: make(map[string]history.Ref),
		groups:  make(map[history.Series]history.Ref),
		compact: make(chan struct{}, 1),
	}
	s.room = roomGauge{dir: o.Dir, min: o.MinFree}
	s.scans.New = newScanBuffer
	s.pages.Store(new([]*page))
	s.fresh.take()
	s.late.take()
	if err := s.open(); err != nil {
		return nil, fmt.Errorf("open history: %w", err)
	}
	s.stopped, s.stop = context.WithCancel(context.Background())
	s.background.Go(s.compactLoop)
	return s, nil
}

func (s *Store) open() error {
	if err := makeDir(s.opts.Dir); err != nil {
		return err
	}
	locker, err := tsdbutil.NewDirLocker(s.opts.Dir, "tsdb", s.log, nil)
	if err != nil {
		return err
	}
	if err := locker.Lock(); err != nil {
		return err
	}
	s.locker = locker
	// Without its log the TSDB cannot use what it had moved out of memory.
	if err := os.RemoveAll(filepath.Join(s.opts.Dir, "chunks_head")); err != nil {
		return errors.Join(err, locker.Release())
	}
	po := prom.DefaultOptions()
	po.NoLockfile = true // taken above
	po.WALSegmentSize = -1
	po.IsolationDisabled = true
	po.OutOfOrderTimeWindow = always.Milliseconds() // Append is the judge, and narrower
	// The TSDB takes samples out of order that are half of this behind the
	// newest, writes what spans more than this by itself, and does both without
	// regard for appends on their way. Flushes decide about that here.
	po.MinBlockDuration = always.Milliseconds()
	po.MaxBlockDuration = s.largestBlock().Milliseconds()
	po.RetentionDuration = s.opts.Retention.Milliseconds()
	po.MaxBytes = s.opts.RetentionBytes
	po.MaxBlockChunkSegmentSize = s.segment()
	po.EnableOverlappingCompaction = true
	po.HeadChunksWriteQueueSize = 0
	po.StripeSize = s.stripes()
	// Its timer would move chunks from memory to files, and panics on a full
	// disk. We flush instead, and that reloads the blocks.
	po.BlockReloadInterval = 10_000 * time.Hour
	po.NewCompactorFunc = s.newCompactor
	po.BlocksToDelete = s.blocksToDelete
	db, err := prom.Open(s.opts.Dir, slog.New(errorsOnly{s.log.Handler()}), s.opts.Registerer, po, prom.NewDBStats())
	if err != nil {
		return errors.Join(err, locker.Release())
	}
	db.DisableCompactions()
	s.db = db
	s.floor.Store(noTime)
	s.cut = noTime
	for _, m := range db.BlockMetas() {
		s.raiseFloor(m.MaxTime - 1)
		if !m.Compaction.FromOutOfOrder() {
			s.cut = max(s.cut, m.MaxTime)
		}
	}
	db.Head().SetMinValidTime(s.cut)
	s.newest.Store(s.floor.Load())
	return nil
}

// errorsOnly keeps to itself what the TSDB says of every block it writes, and
// its warnings of blocks that overlap, which are usual here.
type errorsOnly struct{ slog.Handler }

func (h errorsOnly) Enabled(ctx context.Context, l slog.Level) bool {
	return l >= slog.LevelError && h.Handler.Enabled(ctx, l)
}

func (h errorsOnly) WithAttrs(as []slog.Attr) slog.Handler {
	return errorsOnly{h.Handler.WithAttrs(as)}
}

func (h errorsOnly) WithGroup(g string) slog.Handler { return errorsOnly{h.Handler.WithGroup(g)} }

// stripes is the size of the TSDB's table of series: with four to a stripe a
// look-up costs half of what it does with sixty, and a hundred bytes a stripe
// are nothing to a machine that has so many series.
func (s *Store) stripes() int {
	n := s.opts.Series
	if metas, err := readMetas(s.opts.Dir); err == nil && n == 0 && len(metas) > 0 {
		n = int(metas[len(metas)-1].Stats.NumSeries)
	}
	size := prom.DefaultStripeSize
	for size < n/4 && size < 1<<18 {
		size *= 2
	}
	return size
}

// makeDir creates a directory so that a power cut does not take it away again.
func makeDir(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	parent, err := os.Open(filepath.Dir(filepath.Clean(dir)))
	if err != nil {
		return err
	}
	return errors.Join(parent.Sync(), parent.Close())
}

func (s *Store) raiseFloor(t int64) {
	for {
		old := s.floor.Load()
		if t <= old || s.floor.CompareAndSwap(old, t) {
			return
		}
	}
}

func (s *Store) raiseNewest(t int64) {
	for {
		old := s.newest.Load()
		if t <= old || s.newest.CompareAndSwap(old, t) {
			return
		}
	}
}

// Close flushes and ends the store. An error means that what was appended
// since the last Flush is not durable.
func (s *Store) Close() error {
	if s.closed.Swap(true) {
		return nil
	}
	_, ferr := s.flush(context.Background(), false)
	s.stop()
	s.background.Wait()
	s.gate.Lock()
	defer s.gate.Unlock()
	if err := errors.Join(ferr, s.db.Close(), s.locker.Release()); err != nil {
		return fmt.Errorf("close history: %w", err)
	}
	return nil
}

// Refs appends a reference for every series to dst.
func (s *Store) Refs(dst []history.Ref, series []history.Series) []history.Ref {
	start := len(dst)
	missing := false
	s.names.RLock()
	for _, k := range series {
		r, ok := s.find(k)
		missing = missing || !ok
		dst = append(dst, r)
	}
	s.names.RUnlock()
	if !missing {
		return dst
	}
	s.names.Lock()
	defer s.names.Unlock()
	for i, k := range series {
		r, ok := s.find(k)
		if !ok {
			r = s.create(k)
		}
		dst[start+i] = r
	}
	return dst
}

func (s *Store) find(k history.Series) (history.Ref, bool) {
	if k.Metric == history.Record {
		r, ok := s.sensors[k.Name]
		return r, ok
	}
	r, ok := s.groups[k]
	return r, ok
}

func (s *Store) create(k history.Series) history.Ref {
	r := history.Ref(s.count)
	s.count++
	pages := *s.pages.Load()
	if int(r)>>pageBits == len(pages) {
		grown := append(pages[:len(pages):len(pages)], new(page))
		s.pages.Store(&grown)
		pages = grown
	}
	pages[r>>pageBits][r&(pageSize-1)] = cell{last: s.floor.Load(), value: unknown, series: k.Labels()}
	if k.Metric == history.Record {
		s.sensors[k.Name] = r
	} else {
		s.groups[k] = r
	}
	return r
}

// Forget does nothing: nobody else writes to the directory.
func (*Store) Forget() {}

// Queryable is what PromQL reads from.
func (s *Store) Queryable() storage.Queryable { return s.db }

// Stats tells how much the store holds.
func (s *Store) Stats() history.Stats {
	st := history.Stats{Series: s.db.Head().NumSeries(), Unflushed: s.unflushed()}
	oldest := int64(math.MaxInt64)
	for _, b := range s.db.Blocks() {
		st.Blocks++
		st.Bytes += b.Size()
		oldest = min(oldest, b.MinTime())
	}
	if h := s.db.Head(); h.NumSeries() > 0 {
		oldest = min(oldest, h.MinTime(), h.MinOOOTime())
	}
	if n := s.newest.Load(); n != noTime {
		st.Newest = record.Millis(n)
	}
	if oldest != math.MaxInt64 {
		st.Oldest = record.Millis(oldest)
	}
	return st
}
