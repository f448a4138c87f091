package remote

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"

	promodel "github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
	"github.com/prometheus/prometheus/tsdb/chunks"
	"github.com/prometheus/prometheus/util/annotations"
)

// mostSelected is how many samples one selection of PromQL may hold in memory.
const mostSelected = 50_000_000

var errTooMany = errors.New("the query needs more than 50 million samples; ask for less at a time, or ask the database itself")

// Queryable is what PromQL reads from. Expressions are computed here, by
// Prometheus' own engine, from raw samples: null and what is still on its way
// count as they do with the embedded store.
func (s *Store) Queryable() storage.Queryable {
	return storage.QueryableFunc(func(from, to int64) (storage.Querier, error) {
		if s.closed.Load() {
			return nil, errClosed
		}
		return &querier{s, max(0, from), to}, nil
	})
}

type querier struct {
	s        *Store
	from, to int64
}

func (*querier) Close() error { return nil }

// Select gives the series that match, by labels.
func (q *querier) Select(ctx context.Context, _ bool, hints *storage.SelectHints, ms ...*labels.Matcher) storage.SeriesSet {
	from, to := q.from, q.to
	if hints != nil {
		from, to = max(0, hints.Start), hints.End
	}
	var all []*selection
	var err error
	if hints != nil && hints.Func == "series" { // nobody will look at the samples
		all, err = q.s.listed(ctx, from, to, hints.Limit, ms)
	} else {
		all, err = q.s.selected(ctx, from, to, ms)
	}
	if err != nil {
		return storage.ErrSeriesSet(fmt.Errorf("select from history: %w", away(err)))
	}
	slices.SortFunc(all, func(a, b *selection) int { return labels.Compare(a.labels, b.labels) })
	return &seriesSet{all: all, at: -1}
}

// selection is a series and what was selected of it.
type selection struct {
	labels  labels.Labels
	samples []sample
}

func (s *Store) selected(ctx context.Context, from, to int64, ms []*labels.Matcher) ([]*selection, error) {
	waiting := s.waiting(ms)
	by := make(map[string]*selection)
	number := 0
	err := s.ask(ctx, func(r *replica) error {
		clear(by)
		number = 0
		q := question{matchers: [][]*labels.Matcher{ms}, from: from, to: to}
		return s.raw(ctx, r, q, func(ls labels.Labels, times []int64, values []float64) error {
			if number += len(times); number > mostSelected {
				return errors.Join(errTooMany, errStop)
			}
			k := ls.String()
			x := by[k]
			if x == nil {
				x = &selection{labels: ls.Copy()}
				by[k] = x
			}
			for i, t := range times {
				x.samples = append(x.samples, sample{t, values[i]})
			}
			return nil
		})
	})
	if err != nil {
		return nil, err
	}
	for _, w := range waiting {
		k := w.labels.String()
		if by[k] == nil {
			by[k] = &selection{labels: w.labels}
		}
		by[k].samples = merge(by[k].samples, w.samples, from, to)
	}
	out := make([]*selection, 0, len(by))
	for _, x := range by {
		x.samples = slices.CompactFunc(x.samples, func(a, b sample) bool { return a.t == b.t })
		if len(x.samples) > 0 {
			out = append(out, x)
		}
	}
	return out, nil
}

// listed gives series without samples.
func (s *Store) listed(ctx context.Context, from, to int64, limit int, ms []*labels.Matcher) (out []*selection, err error) {
	var found []labels.Labels
	err = s.ask(ctx, func(r *replica) error {
		return s.client.api(ctx, r.Query+"/api/v1/series", r.about(from, to, limit, ms), &found)
	})
	if err != nil {
		return nil, err
	}
	for _, w := range s.waiting(ms) {
		found = append(found, w.labels)
	}
	slices.SortFunc(found, labels.Compare)
	for _, ls := range slices.CompactFunc(found, labels.Equal) {
		out = append(out, &selection{labels: ls})
	}
	return out, nil
}

// about are the parameters of a question about labels. Whoever names no series
// means ours: others may keep theirs in the same database.
func (r *replica) about(from, to int64, limit int, ms []*labels.Matcher) url.Values {
	if len(ms) == 0 {
		ms = []*labels.Matcher{labels.MustNewMatcher(labels.MatchRegexp, promodel.MetricNameLabel, "wattwerk_.+")}
	}
	v := url.Values{"match[]": {r.selector(ms)}, "start": {stamp(from)}, "end": {stamp(min(to, farFuture))}}
	if limit > 0 {
		v.Set("limit", strconv.Itoa(limit))
	}
	return v
}

func limitOf(h *storage.LabelHints) int {
	if h == nil {
		return 0
	}
	return h.Limit
}

// strings asks a path that lists strings, adds to them what is on its way, and
// sorts them.
func (q *querier) strings(ctx context.Context, path string, h *storage.LabelHints, ms []*labels.Matcher, more func(labels.Labels, func(string))) ([]string, annotations.Annotations, error) {
	var out []string
	err := q.s.ask(ctx, func(r *replica) error {
		out = nil
		return q.s.client.api(ctx, r.Query+path, r.about(q.from, q.to, limitOf(h), ms), &out)
	})
	if err != nil {
		return nil, nil, fmt.Errorf("ask history for labels: %w", away(err))
	}
	for _, w := range q.s.waiting(ms) {
		more(w.labels, func(v string) { out = append(out, v) })
	}
	slices.Sort(out)
	return slices.Compact(out), nil, nil
}

// LabelValues gives the values of a label.
func (q *querier) LabelValues(ctx context.Context, name string, h *storage.LabelHints, ms ...*labels.Matcher) ([]string, annotations.Annotations, error) {
	return q.strings(ctx, "/api/v1/label/"+url.PathEscape(name)+"/values", h, ms, func(ls labels.Labels, add func(string)) {
		if v := ls.Get(name); v != "" {
			add(v)
		}
	})
}

// LabelNames gives the names of labels.
func (q *querier) LabelNames(ctx context.Context, h *storage.LabelHints, ms ...*labels.Matcher) ([]string, annotations.Annotations, error) {
	return q.strings(ctx, "/api/v1/labels", h, ms, func(ls labels.Labels, add func(string)) {
		ls.Range(func(l labels.Label) { add(l.Name) })
	})
}

// waiting gives the series that match and have samples on their way.
func (s *Store) waiting(ms []*labels.Matcher) (out []*selection) {
	s.mu.Lock()
	defer s.mu.Unlock()
	seen := make(map[*cell]bool, s.dirty)
	look := func(p *parcel) {
		for _, e := range p.entries {
			if seen[e.cell] {
				continue
			}
			seen[e.cell] = true
			ls := e.cell.series.Labels()
			if !slices.ContainsFunc(ms, func(m *labels.Matcher) bool { return !m.Matches(ls.Get(m.Name)) }) {
				out = append(out, &selection{labels: ls, samples: slices.Clone(e.cell.pending)})
			}
		}
	}
	for _, p := range s.sent {
		look(p)
	}
	if s.open != nil {
		look(s.open)
	}
	return out
}

// seriesSet hands out selections.
type seriesSet struct {
	all []*selection
	at  int
}

func (s *seriesSet) Next() bool                      { s.at++; return s.at < len(s.all) }
func (s *seriesSet) At() storage.Series              { return s.all[s.at] }
func (*seriesSet) Err() error                        { return nil }
func (*seriesSet) Warnings() annotations.Annotations { return nil }
func (x *selection) Labels() labels.Labels           { return x.labels }
func (x *selection) Iterator(chunkenc.Iterator) chunkenc.Iterator {
	return storage.NewListSeriesIterator(column(x.samples))
}

// column is samples as the iterator wants them.
type column []sample

func (c column) Len() int                { return len(c) }
func (c column) Get(i int) chunks.Sample { return &c[i] }

func (x *sample) T() int64                      { return x.t }
func (x *sample) ST() int64                     { return 0 }
func (x *sample) F() float64                    { return x.v }
func (x *sample) H() *histogram.Histogram       { return nil }
func (x *sample) FH() *histogram.FloatHistogram { return nil }
func (x *sample) Type() chunkenc.ValueType      { return chunkenc.ValFloat }
func (x *sample) Copy() chunks.Sample           { c := *x; return &c }
