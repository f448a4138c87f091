package tsdb

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/oklog/ulid/v2"
	"github.com/prometheus/client_golang/prometheus"
	prom "github.com/prometheus/prometheus/tsdb"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
	"github.com/prometheus/prometheus/tsdb/chunks"

	"github.com/wattwerk/wattwerk/history"
	"github.com/wattwerk/wattwerk/record"
)

// ladder is the spans blocks are merged into, in whole multiples.
var ladder = []time.Duration{2 * time.Hour, 8 * time.Hour, day, 3 * day, 9 * day, 27 * day}

// largestBlock is what blocks are merged up to: data goes by whole blocks, so
// a short retention needs short ones.
func (s *Store) largestBlock() time.Duration {
	for _, d := range slices.Backward(ladder[2:]) {
		if s.opts.Retention == 0 || d <= s.opts.Retention/10 {
			return d
		}
	}
	return ladder[2]
}

// segment is the size of the files that chunks are written to, in bytes. Each
// takes all of it from the disk while it is written, so it must be there when
// the disk is nearly full: otherwise nothing could be flushed, and the bus,
// which waits for that, could not be trimmed.
func (s *Store) segment() int64 {
	return min(max(s.opts.MinFree/2, 4<<20), chunks.DefaultChunkSegmentSize)
}

// Flush makes everything durable that was appended before it began.
func (s *Store) Flush(ctx context.Context) error {
	if s.closed.Load() {
		return fmt.Errorf("flush history: %w", errClosed)
	}
	_, err := s.flush(ctx, false)
	return err
}

// FlushSettled makes durable what is not later than the time it returns.
func (s *Store) FlushSettled(ctx context.Context) (record.Millis, error) {
	if s.closed.Load() {
		return 0, fmt.Errorf("flush history: %w", errClosed)
	}
	return s.flush(ctx, true)
}

func (s *Store) flush(ctx context.Context, settled bool) (through record.Millis, err error) {
	s.flushing.Lock()
	defer s.flushing.Unlock()
	defer s.catch(&err)
	if err := s.broken.Load(); err != nil {
		return 0, fmt.Errorf("flush history: %w", *err)
	}
	unflushed := s.unflushed()
	if unflushed == 0 {
		return record.MaxTime, nil
	}
	// The TSDB panics when it runs out of room here.
	if need := int64(unflushed)*4 + int64(s.db.Head().NumSeries())*600 + s.segment() + 1<<20; s.room.free() < need {
		return 0, fmt.Errorf("flush history: %w: %d bytes are needed", history.ErrNoRoom, need)
	}
	began := time.Now()
	written, through, err := s.writeHead(ctx, settled)
	if err != nil {
		return 0, fmt.Errorf("flush history: %w", err)
	}
	s.log.Debug("history flushed", "samples", written, "took", time.Since(began))
	s.requestCompaction()
	return through, nil
}

// writeHead writes what is in the head at this moment into blocks, while more
// is appended. Late samples come first: should the rest fail, what is read
// from the bus again is no later than it was then. The bound is set after that
// because the TSDB, when it lets go of late samples, may set it back to where
// the head begins.
func (s *Store) writeHead(ctx context.Context, settled bool) (written uint64, through record.Millis, err error) {
	s.writing.Lock()
	defer s.writing.Unlock()
	late := uint64(0)
	if s.late.count.Load() > 0 {
		if late, err = s.writeLate(ctx); err != nil {
			return 0, 0, err
		}
	}
	// Nobody appends at this moment. From here on the TSDB takes only newer
	// samples in order, others as late ones, so that what is written stays as
	// it is and can be let go of afterwards.
	s.gate.Lock()
	written, from, to := s.fresh.take()
	through = record.MaxTime
	if at := s.recent.settled(to); settled && from <= at && at < to {
		left := written - uint64(float64(written)*float64(at-from+1)/float64(to-from+1))
		s.fresh.add(left, at+1, to)
		written -= left
		to, through = at, record.Millis(at)
	}
	if from <= to {
		s.cut = max(s.cut, to+1)
		s.db.Head().SetMinValidTime(s.cut)
	}
	s.gate.Unlock()
	if from <= to {
		if err := s.writeFresh(from, to); err != nil {
			s.fresh.add(written, from, to)
			return 0, 0, err
		}
	}
	return written + late, through, nil
}

func (s *Store) writeFresh(from, to int64) (err error) {
	defer s.door.open()
	defer s.catch(&err)
	s.door.truncates = true
	return s.db.CompactHead(prom.NewRangeHead(s.db.Head(), from, to))
}

// writeLate writes the late samples into blocks and loads all blocks. Held by
// the caller: writing.
func (s *Store) writeLate(ctx context.Context) (written uint64, err error) {
	s.door.shut()
	defer s.door.open()
	defer s.catch(&err)
	s.door.truncates = true
	n, from, to := s.late.take()
	s.lateFrom, s.lateTo = from, to
	if err = s.db.CompactOOOHead(ctx); err != nil {
		s.late.add(n, from, to)
	}
	return n, err
}

// door keeps late samples out while the TSDB lists those it has and while it
// lets go of what is written. It does both series by series and would not see
// what a series gets that it has passed already: those samples would be let go
// of unwritten, or the file with them be removed. And when it has no such file
// it would begin to number them anew while one is made.
type door struct {
	sync.RWMutex // held for reading while samples are appended out of order

	closed    bool // whether it is held for writing; this and the next guarded by writing
	truncates bool // whether the next reload of the blocks is followed by letting go
}

func (d *door) shut() {
	if !d.closed {
		d.Lock()
		d.closed = true
	}
}

func (d *door) open() {
	d.truncates = false
	d.ajar()
}

// ajar opens the door until the blocks are reloaded.
func (d *door) ajar() {
	if d.closed {
		d.closed = false
		d.Unlock()
	}
}

// blocksToDelete is asked when blocks are reloaded, which is the last that the
// TSDB does before it lets go of what they hold.
func (s *Store) blocksToDelete(blocks []*prom.Block) map[ulid.ULID]struct{} {
	if s.db == nil {
		return nil // it is about to be opened
	}
	if s.door.truncates {
		s.door.shut()
	}
	return prom.DefaultBlocksToDelete(s.db)(blocks)
}

// tally counts samples in memory and knows a span that all their times are in.
type tally struct {
	count    atomic.Uint64
	from, to atomic.Int64
}

func (y *tally) add(n uint64, from, to int64) {
	for old := y.from.Load(); from < old && !y.from.CompareAndSwap(old, from); old = y.from.Load() {
	}
	for old := y.to.Load(); to > old && !y.to.CompareAndSwap(old, to); old = y.to.Load() {
	}
	y.count.Add(n)
}

// take begins anew. Nobody may add meanwhile. An empty span is (MaxInt64, MinInt64).
func (y *tally) take() (n uint64, from, to int64) {
	return y.count.Swap(0), y.from.Swap(math.MaxInt64), y.to.Swap(noTime)
}

// unflushed is how many samples are in memory at the most.
func (s *Store) unflushed() uint64 { return s.fresh.count.Load() + s.late.count.Load() }

// recent remembers how far the last calls of Append had come in event time.
// Partitions are read side by side and one is always a bit behind another:
// what it brings next would be late once everything is flushed, and late
// samples cost the TSDB a multiple.
type recent struct {
	at    [512]atomic.Int64
	calls atomic.Uint64
}

func (r *recent) note(t int64) { r.at[r.calls.Add(1)%uint64(len(r.at))].Store(t) }

// mostBehind is how far behind a partition may be and still be waited for.
const mostBehind = 10 * time.Minute

// settled gives the time behind which hardly anybody is, less a second.
func (r *recent) settled(newest int64) int64 {
	n := min(r.calls.Load(), uint64(len(r.at)))
	if n == 0 {
		return newest
	}
	all := make([]int64, 0, n)
	for i := range r.at {
		if t := r.at[i].Load(); t != 0 {
			all = append(all, t)
		}
	}
	if len(all) == 0 {
		return newest
	}
	slices.Sort(all)
	return max(all[len(all)/20]-1000, newest-mostBehind.Milliseconds())
}

func (s *Store) requestCompaction() {
	select {
	case s.compact <- struct{}{}:
	default:
	}
}

// compactLoop merges blocks and lets go of what is past the retention, after
// each flush.
func (s *Store) compactLoop() {
	for {
		select {
		case <-s.stopped.Done():
			return
		case <-s.compact:
			if s.room.scarce() {
				continue // a merge needs room before it gives some back
			}
			s.writing.Lock()
			err := s.db.Compact(s.stopped)
			s.writing.Unlock()
			if err != nil && s.stopped.Err() == nil {
				s.log.Warn("history blocks not merged", "error", err)
			}
		}
	}
}

// compactor is the TSDB's own with two differences: a head that spans days is
// written as several blocks on the ladder, and blocks of one day are merged
// before the day is over when there are many.
type compactor struct {
	*prom.LeveledCompactor
	store *Store
}

func (s *Store) newCompactor(ctx context.Context, r prometheus.Registerer, l *slog.Logger, _ []int64, pool chunkenc.Pool, o *prom.Options) (prom.Compactor, error) {
	var ranges []int64
	for _, d := range ladder {
		if d <= s.largestBlock() {
			ranges = append(ranges, d.Milliseconds())
		}
	}
	c, err := prom.NewLeveledCompactorWithOptions(ctx, r, l, ranges, pool, prom.LeveledCompactorOptions{
		MaxBlockChunkSegmentSize:    o.MaxBlockChunkSegmentSize,
		EnableOverlappingCompaction: true,
		FloatChunkEncoding:          func() chunkenc.Encoding { return o.FloatChunkEncoding },
	})
	if err != nil {
		return nil, err
	}
	return &compactor{LeveledCompactor: c, store: s}, nil
}

const mostSlices = 32

// Write writes a block reader as one block, the head and its late samples as
// one block for each span of a size that gives no more than mostSlices.
func (c *compactor) Write(dest string, b prom.BlockReader, from, to int64, base *prom.BlockMeta) ([]ulid.ULID, error) {
	part := func(from, to int64) prom.BlockReader {
		return prom.NewRangeHeadWithIsolationDisabled(c.store.db.Head(), from, to)
	}
	switch b := b.(type) {
	case *prom.RangeHead:
	case *prom.OOOCompactionHead:
		c.store.door.ajar() // the list is made
		from, to = max(from, c.store.lateFrom), min(to, c.store.lateTo+1)
		part = func(from, to int64) prom.BlockReader { return b.CloneForTimeRange(from, to) }
	default:
		return c.LeveledCompactor.Write(dest, b, from, to, base)
	}
	var ids []ulid.ULID
	for _, span := range slicing(from, to) {
		more, err := c.LeveledCompactor.Write(dest, part(span[0], span[1]-1), span[0], span[1], base)
		ids = append(ids, more...)
		if err != nil {
			for _, id := range ids {
				err = errors.Join(err, os.RemoveAll(filepath.Join(dest, id.String())))
			}
			return nil, err
		}
	}
	return ids, nil
}

// slicing cuts the half-open span on a rung of the ladder from a day up.
func slicing(from, to int64) [][2]int64 {
	step := ladder[2].Milliseconds()
	for _, d := range ladder[2:] {
		if step = d.Milliseconds(); (to-from)/step < mostSlices {
			break
		}
	}
	for (to-from)/step >= mostSlices {
		step *= 3
	}
	var out [][2]int64
	for from < to {
		end := min(to, floorTo(from, step)+step)
		out = append(out, [2]int64{from, end})
		from = end
	}
	return out
}

func floorTo(t, step int64) int64 {
	r := t % step
	if r < 0 {
		r += step
	}
	return t - r
}

const manyBlocks = 8

// Plan is the TSDB's plan, and when it has none, blocks of equal level within
// one day when there are many.
func (c *compactor) Plan(dir string) ([]string, error) {
	if dirs, err := c.LeveledCompactor.Plan(dir); err != nil || len(dirs) > 0 {
		return dirs, err
	}
	metas, err := readMetas(dir)
	if err != nil {
		return nil, err
	}
	type bin struct {
		day   int64
		level int
	}
	bins := make(map[bin][]string)
	for _, m := range metas {
		d := floorTo(m.MinTime, day.Milliseconds())
		if m.MaxTime > d+day.Milliseconds() {
			continue
		}
		k := bin{d, m.Compaction.Level}
		if bins[k] = append(bins[k], filepath.Join(dir, m.ULID.String())); len(bins[k]) == manyBlocks {
			return bins[k], nil
		}
	}
	return nil, nil
}

// readMetas reads what blocks there are, by their begin.
func readMetas(dir string) ([]prom.BlockMeta, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var out []prom.BlockMeta
	for _, e := range entries {
		if _, err := ulid.ParseStrict(e.Name()); err != nil || !e.IsDir() {
			continue
		}
		data, err := os.ReadFile(filepath.Join(dir, e.Name(), "meta.json"))
		if err != nil {
			return nil, err
		}
		var m prom.BlockMeta
		if err := json.Unmarshal(data, &m); err != nil {
			return nil, fmt.Errorf("block %s: %w", e.Name(), err)
		}
		out = append(out, m)
	}
	slices.SortFunc(out, func(a, b prom.BlockMeta) int { return int(min(max(a.MinTime-b.MinTime, -1), 1)) })
	return out, nil
}
