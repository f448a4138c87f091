package remote

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"

	"github.com/klauspost/compress/snappy"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/prompb"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/util/annotations"

	"github.com/wattwerk/wattwerk/history"
	"github.com/wattwerk/wattwerk/history/historytest"
	"github.com/wattwerk/wattwerk/history/promapi"
	"github.com/wattwerk/wattwerk/record"
)

// database speaks remote write, remote read and PromQL, as Prometheus and Mimir
// do, over samples in memory.
type database struct {
	history.Store // nil; for promapi

	mu    sync.Mutex
	all   map[string]*selection
	taken map[string]int // samples that were sent, twice if they were sent twice
}

func newDatabase() *database {
	return &database{all: make(map[string]*selection), taken: make(map[string]int)}
}

func (d *database) write(r *http.Request) error {
	var req prompb.WriteRequest
	if err := unpack(r, req.Unmarshal); err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, s := range req.Timeseries {
		var b labels.ScratchBuilder
		for _, l := range s.Labels {
			b.Add(l.Name, l.Value)
		}
		ls := b.Labels()
		x := d.all[ls.String()]
		if x == nil {
			x = &selection{labels: ls}
			d.all[ls.String()] = x
		}
		got := make([]sample, 0, len(s.Samples))
		for _, p := range s.Samples {
			got = append(got, sample{p.Timestamp, p.Value})
		}
		x.samples = merge(got, x.samples, 0, endless)
		d.taken[ls.String()] += len(got)
	}
	return nil
}

func (d *database) Queryable() storage.Queryable {
	return storage.QueryableFunc(func(from, to int64) (storage.Querier, error) { return &inMemory{d, from, to}, nil })
}

type inMemory struct {
	*database
	from, to int64
}

func (*inMemory) Close() error { return nil }

func (q *inMemory) selected(from, to int64, ms []*labels.Matcher) (out []*selection) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, x := range q.all {
		if slices.ContainsFunc(ms, func(m *labels.Matcher) bool { return !m.Matches(x.labels.Get(m.Name)) }) {
			continue
		}
		if got := merge(nil, x.samples, from, to); len(got) > 0 {
			out = append(out, &selection{x.labels, got})
		}
	}
	slices.SortFunc(out, func(a, b *selection) int { return labels.Compare(a.labels, b.labels) })
	return out
}

func (q *inMemory) Select(_ context.Context, _ bool, h *storage.SelectHints, ms ...*labels.Matcher) storage.SeriesSet {
	if h != nil {
		return &seriesSet{all: q.selected(h.Start, h.End, ms), at: -1}
	}
	return &seriesSet{all: q.selected(q.from, q.to, ms), at: -1}
}

func (q *inMemory) LabelValues(_ context.Context, name string, _ *storage.LabelHints, ms ...*labels.Matcher) (out []string, _ annotations.Annotations, _ error) {
	for _, x := range q.selected(q.from, q.to, ms) {
		out = append(out, x.labels.Get(name))
	}
	return out, nil, nil
}

func (*inMemory) LabelNames(context.Context, *storage.LabelHints, ...*labels.Matcher) ([]string, annotations.Annotations, error) {
	return nil, nil, nil
}

func (d *database) read(w http.ResponseWriter, r *http.Request) error {
	var req prompb.ReadRequest
	if err := unpack(r, req.Unmarshal); err != nil {
		return err
	}
	var out prompb.ReadResponse
	for _, query := range req.Queries {
		var ms []*labels.Matcher
		for _, m := range query.Matchers {
			ms = append(ms, labels.MustNewMatcher(map[prompb.LabelMatcher_Type]labels.MatchType{
				prompb.LabelMatcher_EQ: labels.MatchEqual, prompb.LabelMatcher_NEQ: labels.MatchNotEqual,
				prompb.LabelMatcher_RE: labels.MatchRegexp, prompb.LabelMatcher_NRE: labels.MatchNotRegexp,
			}[m.Type], m.Name, m.Value))
		}
		result := &prompb.QueryResult{}
		for _, x := range (&inMemory{database: d}).selected(query.StartTimestampMs, query.EndTimestampMs, ms) {
			s := &prompb.TimeSeries{}
			x.labels.Range(func(l labels.Label) { s.Labels = append(s.Labels, prompb.Label{Name: l.Name, Value: l.Value}) })
			for _, p := range x.samples {
				s.Samples = append(s.Samples, prompb.Sample{Timestamp: p.t, Value: p.v})
			}
			result.Timeseries = append(result.Timeseries, s)
		}
		out.Results = append(out.Results, result)
	}
	message, err := out.Marshal()
	if err != nil {
		return err
	}
	_, err = w.Write(snappy.Encode(nil, message))
	return err
}

func unpack(r *http.Request, into func([]byte) error) error {
	packed, err := io.ReadAll(r.Body)
	if err != nil {
		return err
	}
	plain, err := snappy.Decode(nil, packed)
	if err != nil {
		return err
	}
	return into(plain)
}

// serve serves a database, and names it as the one replica.
func serve(t testing.TB, d *database) Options {
	mux := http.NewServeMux()
	handle := func(path string, f func(w http.ResponseWriter, r *http.Request) error) {
		mux.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) {
			if err := f(w, r); err != nil {
				http.Error(w, fmt.Sprint(err), http.StatusInternalServerError)
			}
		})
	}
	handle("/api/v1/push", func(_ http.ResponseWriter, r *http.Request) error { return d.write(r) })
	handle("/prometheus/api/v1/read", d.read)
	mux.Handle("/prometheus/", promapi.Handler(promapi.Options{Store: d}))
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return Options{Settle: -1, Replicas: []Replica{{
		Write: server.URL + "/api/v1/push", Query: server.URL + "/prometheus", Read: server.URL + "/prometheus/api/v1/read",
	}}}
}

// TestConformanceOverRemoteRead runs the suite over the routes that VictoriaMetrics
// has not, and Prometheus and Mimir have.
func TestConformanceOverRemoteRead(t *testing.T) {
	servers := make(map[string]Options)
	historytest.Run(t, func(t testing.TB, dir string) history.Store {
		o, ok := servers[dir]
		if !ok {
			o = serve(t, newDatabase())
			servers[dir] = o
		}
		s, err := Open(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		return s
	})
}

// TestFoundIsSentAgain has a store find what another one sent. One node of a
// cluster may be all that has it, so it is sent again, and no more than once.
func TestFoundIsSentAgain(t *testing.T) {
	d := newDatabase()
	o := serve(t, d)
	sent := func(s *Store) int {
		t.Helper()
		for n := range 3 {
			put(t, s, t0+record.Millis(n), float64(n))
		}
		for range 2 {
			if err := s.Flush(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		d.mu.Lock()
		defer d.mu.Unlock()
		return d.taken[history.RecordsOf("a").Labels().String()]
	}
	for want := 3; want <= 6; want += 3 {
		s := mustOpen(t, o)
		if n := sent(s); n != want {
			t.Errorf("%d samples were sent, want %d", n, want)
		}
		if got := values(t, s); !slices.Equal(got, []float64{0, 1, 2}) {
			t.Errorf("got %v", got)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
