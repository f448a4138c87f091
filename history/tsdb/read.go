package tsdb

import (
	"context"
	"fmt"
	"math"
	"regexp"
	"strings"

	promodel "github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
	"github.com/prometheus/prometheus/tsdb/chunks"

	"github.com/wattwerk/wattwerk/history"
	"github.com/wattwerk/wattwerk/record"
)

const (
	scanPage = 1 << 17 // samples read before they are handed over
	nameSet  = 200     // series asked for at once; the TSDB's matcher takes sets up to 256 by look-up
)

// scanBuffer is room for a page. Making it anew for every scan would cost as
// much as filling it.
type scanBuffer struct {
	times  []int64
	values []float64
}

func newScanBuffer() any {
	return &scanBuffer{make([]int64, 0, scanPage), make([]float64, 0, scanPage)}
}

// Scan hands the samples of a series to f; see [history.Store].
//
// No reader is open while f works: an open one would hold up a flush.
func (s *Store) Scan(ctx context.Context, k history.Series, from, to record.Millis, f func(times []int64, values []float64) error) error {
	if from > to {
		return nil
	}
	buf := s.scans.Get().(*scanBuffer)
	defer s.scans.Put(buf)
	times, values := buf.times, buf.values
	next := int64(from)
	for {
		times, values = times[:0], values[:0]
		more, err := s.page(ctx, k, next, int64(to), &times, &values)
		if err != nil {
			return fmt.Errorf("read history of %q: %w", k.Name, err)
		}
		if len(times) > 0 {
			if err := f(times, values); err != nil {
				return err
			}
		}
		if !more {
			return nil
		}
		next = times[len(times)-1] + 1
	}
}

// page reads samples until the page is full, and tells whether there may be more.
func (s *Store) page(ctx context.Context, k history.Series, from, to int64, times *[]int64, values *[]float64) (more bool, err error) {
	if s.closed.Load() {
		return false, errClosed
	}
	// By chunks: to merge the samples of many blocks one by one costs three
	// times as much, and only chunks that overlap need it.
	q, err := s.db.ChunkQuerier(from, to)
	if err != nil {
		return false, err
	}
	defer q.Close()
	set := q.Select(ctx, false, &storage.SelectHints{Start: from, End: to, DisableTrimming: true}, exactly(k)...)
	if !set.Next() {
		return false, set.Err()
	}
	metas := set.At().Iterator(nil)
	var it chunkenc.Iterator
	for metas.Next() {
		c := metas.At()
		if c.MaxTime < from || c.MinTime > to {
			continue
		}
		it = c.Chunk.Iterator(it)
		for it.Next() == chunkenc.ValFloat {
			t, v := it.At()
			if t < from {
				continue
			}
			if t > to {
				break
			}
			*times = append(*times, t)
			*values = append(*values, v)
			if len(*times) == scanPage {
				return true, nil
			}
		}
		if err := it.Err(); err != nil {
			return false, err
		}
	}
	return false, metas.Err()
}

func exactly(k history.Series) []*labels.Matcher {
	var ms []*labels.Matcher
	k.Labels().Range(func(l labels.Label) {
		ms = append(ms, labels.MustNewMatcher(labels.MatchEqual, l.Name, l.Value))
	})
	return ms
}

// oneOf matches the series of a metric with one of the names.
func oneOf(m history.Metric, names []string) []*labels.Matcher {
	metric := labels.MustNewMatcher(labels.MatchEqual, promodel.MetricNameLabel, m.String())
	if len(names) == 1 {
		return []*labels.Matcher{labels.MustNewMatcher(labels.MatchEqual, m.NameLabel(), names[0]), metric}
	}
	quoted := make([]string, len(names))
	for i, n := range names {
		quoted[i] = regexp.QuoteMeta(n)
	}
	return []*labels.Matcher{labels.MustNewMatcher(labels.MatchRegexp, m.NameLabel(), strings.Join(quoted, "|")), metric}
}

// bySet calls f for sets of names of one metric, at most nameSet in each.
func bySet(series []history.Series, f func(m history.Metric, names []string) error) error {
	names := make(map[history.Metric][]string)
	seen := make(map[history.Series]bool)
	for _, k := range series {
		k.Hierarchy = "" // groups of two hierarchies may have one name: asked for once
		if !seen[k] {
			seen[k] = true
			names[k.Metric] = append(names[k.Metric], k.Name)
		}
	}
	for m, all := range names {
		for len(all) > 0 {
			n := min(len(all), nameSet)
			if err := f(m, all[:n]); err != nil {
				return err
			}
			all = all[n:]
		}
	}
	return nil
}

// lookUp fills the runs with what is stored in their ranges.
func (s *Store) lookUp(ctx context.Context, runs []*run) error {
	by := make(map[history.Series]*run, len(runs))
	series := make([]history.Series, 0, len(runs))
	from, to := int64(math.MaxInt64), int64(noTime)
	for _, x := range runs {
		k, _ := history.SeriesOf(x.cell.series)
		by[k] = x
		series = append(series, k)
		from, to = min(from, x.from), max(to, x.to)
	}
	return s.stored(ctx, series, from, to, func(k history.Series, it chunkenc.Iterator) error {
		x := by[k]
		if x == nil {
			return nil
		}
		for typ := it.Seek(x.from); typ == chunkenc.ValFloat; typ = it.Next() {
			t, v := it.At()
			if t > x.to {
				break
			}
			x.times = append(x.times, t)
			x.values = append(x.values, v)
		}
		return it.Err()
	})
}

// stored hands an iterator for each of the series that has samples from from
// to to, and for others that happen to have a name of them.
func (s *Store) stored(ctx context.Context, series []history.Series, from, to int64, f func(history.Series, chunkenc.Iterator) error) error {
	q, err := s.db.Querier(from, to)
	if err != nil {
		return err
	}
	defer q.Close()
	var it chunkenc.Iterator
	return bySet(series, func(m history.Metric, names []string) error {
		set := q.Select(ctx, false, nil, oneOf(m, names)...)
		for set.Next() {
			k, _ := history.SeriesOf(set.At().Labels())
			it = set.At().Iterator(it)
			if err := f(k, it); err != nil {
				return err
			}
		}
		return set.Err()
	})
}

// Latest appends the newest sample of every series; see [history.Store].
func (s *Store) Latest(ctx context.Context, dst []history.Sample, series []history.Series) ([]history.Sample, error) {
	if s.closed.Load() {
		return dst, fmt.Errorf("read newest of history: %w", errClosed)
	}
	start := len(dst)
	dst = append(dst, make([]history.Sample, len(series))...)
	out := dst[start:]
	refs := make([]history.Ref, len(series))
	has := make([]bool, len(series))
	s.names.RLock()
	for i, k := range series {
		refs[i], has[i] = s.find(k)
	}
	s.names.RUnlock()
	var ask []int
	pages := *s.pages.Load()
	s.cells.Lock()
	for i, r := range refs {
		out[i].Value = math.NaN()
		if has[i] {
			if c := &pages[r>>pageBits][r&(pageSize-1)]; !isUnknown(c.value) {
				out[i] = history.Sample{Time: record.Millis(c.last), Value: c.value}
				continue
			}
		}
		ask = append(ask, i)
	}
	s.cells.Unlock()
	if len(ask) == 0 {
		return dst, nil
	}
	if err := s.newestStored(ctx, series, ask, out); err != nil {
		return dst, fmt.Errorf("read newest of history: %w", err)
	}
	s.remember(series, ask, out)
	return dst, nil
}

// remember keeps what was found, so that it need not be looked up again.
func (s *Store) remember(series []history.Series, ask []int, out []history.Sample) {
	var keep []history.Series
	var from []int
	for _, i := range ask {
		if out[i].Time != 0 || !math.IsNaN(out[i].Value) {
			keep, from = append(keep, series[i]), append(from, i)
		}
	}
	refs := s.Refs(nil, keep)
	pages := *s.pages.Load()
	s.cells.Lock()
	defer s.cells.Unlock()
	for n, r := range refs {
		c, o := &pages[r>>pageBits][r&(pageSize-1)], &out[from[n]]
		switch {
		case !isUnknown(c.value): // appended to meanwhile
			*o = history.Sample{Time: record.Millis(c.last), Value: c.value}
		case c.last <= s.floor.Load():
			c.last, c.value = int64(o.Time), o.Value
		}
	}
}

// newestStored looks for the newest samples backwards through the blocks, over
// spans that double.
func (s *Store) newestStored(ctx context.Context, series []history.Series, ask []int, out []history.Sample) error {
	st := s.Stats()
	oldest, to := int64(st.Oldest), int64(st.Newest)
	missing := make(map[history.Series][]int, len(ask))
	for _, i := range ask {
		missing[series[i]] = append(missing[series[i]], i)
	}
	for span := int64(2 * 60 * 60 * 1000); len(missing) > 0 && to >= oldest; span *= 4 {
		from := max(oldest, to-span)
		left := make([]history.Series, 0, len(missing))
		for k := range missing {
			left = append(left, k)
		}
		if err := s.lastIn(ctx, left, from, to, func(k history.Series, x history.Sample) {
			for _, i := range missing[k] {
				out[i] = x
			}
			delete(missing, k)
		}); err != nil {
			return err
		}
		to = from - 1
	}
	return nil
}

// lastIn hands the last sample of each series from from to to.
func (s *Store) lastIn(ctx context.Context, series []history.Series, from, to int64, f func(history.Series, history.Sample)) error {
	q, err := s.db.ChunkQuerier(from, to)
	if err != nil {
		return err
	}
	defer q.Close()
	var metas chunks.Iterator
	var it chunkenc.Iterator
	return bySet(series, func(m history.Metric, names []string) error {
		set := q.Select(ctx, false, &storage.SelectHints{Start: from, End: to, DisableTrimming: true}, oneOf(m, names)...)
		for set.Next() {
			metas = set.At().Iterator(metas)
			last, value := int64(noTime), unknown
			for metas.Next() {
				c := metas.At()
				if c.MaxTime < last || c.MinTime > to || c.Chunk == nil {
					continue
				}
				it = c.Chunk.Iterator(it)
				for it.Next() == chunkenc.ValFloat {
					if t, v := it.At(); t > last && t >= from && t <= to {
						last, value = t, v
					}
				}
				if err := it.Err(); err != nil {
					return err
				}
			}
			if err := metas.Err(); err != nil {
				return err
			}
			if k, ok := history.SeriesOf(set.At().Labels()); ok && last > noTime {
				f(k, history.Sample{Time: record.Millis(last), Value: value})
			}
		}
		return set.Err()
	})
}
