package remote

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	promodel "github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"golang.org/x/sync/errgroup"

	"github.com/wattwerk/wattwerk/history"
)

// question is for raw samples, from from to to, both inclusive, of the series
// that one of the sets of matchers matches.
type question struct {
	matchers [][]*labels.Matcher
	from, to int64
}

// farFuture is the end of time for the databases, which have their own bounds.
const farFuture = 4102444800000 // record.MaxTime

// ask puts a question to one replica after the other until one answers,
// beginning with the one that did last.
func (s *Store) ask(ctx context.Context, f func(r *replica) error) error {
	var errs []error
	begin := int(s.first.Load())
	for i := range s.replicas {
		n := (begin + i) % len(s.replicas)
		err := f(s.replicas[n])
		if err == nil {
			s.first.Store(int32(n))
			return nil
		}
		errs = append(errs, err)
		if ctx.Err() != nil || errors.Is(err, errStop) {
			break
		}
	}
	return errors.Join(errs...)
}

var errHangs = errors.New("it does not go on with its answer")

// errStop marks errors that another replica would not mend.
var errStop = errors.New("no use to ask another")

// nobodys is a label that no series has.
const nobodys = "wattwerk_asked"

// askAnew has what is asked from now on found as it is now. VictoriaMetrics
// remembers for up to ten seconds which series it found for the same matchers and
// days, none above all (indexdb/tagFiltersToMetricIDs), whatever it shows by now. So
// a matcher goes along that every series matches, and that nobody has asked with before.
func (r *replica) askAnew() { r.asked.Store(time.Now().UnixNano()) }

// selector writes matchers in PromQL.
func (r *replica) selector(ms []*labels.Matcher) string {
	all := make([]string, len(ms), len(ms)+1)
	for i, m := range ms {
		all[i] = m.String()
	}
	if r.Read == "" {
		all = append(all, fmt.Sprintf(`%s!="%x"`, nobodys, r.asked.Load()))
	}
	return "{" + strings.Join(all, ",") + "}"
}

// A question names at most so many series.
const (
	nameSet   = 100    // in one set of matchers: VictoriaMetrics looks each of so many up, and compares more with every series it has
	nameSets  = 20     // sets in one question
	wholeFrom = 20_000 // so many series are asked for as all that there are
	abreast   = 4      // questions at one time
)

// oneOf matches the series of a metric with one of the names.
func oneOf(m history.Metric, names []string) []*labels.Matcher {
	metric := labels.MustNewMatcher(labels.MatchEqual, promodel.MetricNameLabel, m.String())
	if len(names) == 1 {
		return []*labels.Matcher{metric, labels.MustNewMatcher(labels.MatchEqual, m.NameLabel(), names[0])}
	}
	quoted := make([]string, len(names))
	for i, n := range names {
		quoted[i] = regexp.QuoteMeta(n)
	}
	return []*labels.Matcher{metric, labels.MustNewMatcher(labels.MatchRegexp, m.NameLabel(), strings.Join(quoted, "|"))}
}

// lookUpIn fills the runs with what a replica has stored.
func (s *Store) lookUpIn(ctx context.Context, r *replica, runs []*run) error {
	by := make(map[history.Series][]*run, len(runs))
	for _, x := range runs {
		by[x.cell.series] = append(by[x.cell.series], x)
	}
	var mu sync.Mutex
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(abreast)
	for _, q := range questions(runs) {
		g.Go(func() error {
			return s.raw(ctx, r, q, func(ls labels.Labels, times []int64, values []float64) error {
				k, _ := history.SeriesOf(ls)
				mu.Lock()
				defer mu.Unlock()
				for _, x := range by[k] {
					if x.to < q.from || x.from > q.to {
						continue
					}
					for i, t := range times {
						if t >= x.from && t <= x.to {
							x.got = append(x.got, sample{t, values[i]})
						}
					}
				}
				return nil
			})
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	for _, x := range runs {
		if !slices.IsSortedFunc(x.got, byTime) {
			slices.SortStableFunc(x.got, byTime)
		}
	}
	return nil
}

// questions puts runs of about the same time into questions.
func questions(runs []*run) []question {
	type span struct{ from, to int64 }
	type names map[history.Metric]map[string]bool
	const about = 60 * 60 * 1000
	groups := make(map[span]names)
	exact := make(map[span]span)
	for _, x := range runs {
		k := span{x.from / about, min(x.to, farFuture) / about}
		g := groups[k]
		if g == nil {
			g = make(names)
			groups[k], exact[k] = g, span{x.from, x.to}
		}
		exact[k] = span{min(exact[k].from, x.from), max(exact[k].to, x.to)}
		m := x.cell.series.Metric
		if g[m] == nil {
			g[m] = make(map[string]bool)
		}
		g[m][x.cell.series.Name] = true
	}
	var out []question
	for k, g := range groups {
		q := question{from: exact[k].from, to: exact[k].to}
		put := func(ms []*labels.Matcher) {
			if q.matchers = append(q.matchers, ms); len(q.matchers) == nameSets {
				out = append(out, q)
				q.matchers = nil
			}
		}
		for m, set := range g {
			if len(set) >= wholeFrom {
				put([]*labels.Matcher{labels.MustNewMatcher(labels.MatchEqual, promodel.MetricNameLabel, m.String())})
				continue
			}
			all := make([]string, 0, len(set))
			for n := range set {
				all = append(all, n)
			}
			slices.Sort(all)
			for chunk := range slices.Chunk(all, nameSet) {
				put(oneOf(m, chunk))
			}
		}
		if len(q.matchers) > 0 {
			out = append(out, q)
		}
	}
	return out
}

// exportLine bounds the samples in one line of an export.
const exportLine = 20_000

// export asks by the export of VictoriaMetrics.
func (s *Store) export(ctx context.Context, r *replica, q question, f func(ls labels.Labels, times []int64, values []float64) error) error {
	v := url.Values{
		"start":             {stamp(q.from)},
		"end":               {stamp(min(q.to, farFuture))},
		"max_rows_per_line": {strconv.Itoa(exportLine)},
	}
	for _, ms := range q.matchers {
		v.Add("match[]", r.selector(ms))
	}
	address := r.Query + "/api/v1/export"
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	// An answer may take long as long as it goes on.
	hangs := time.AfterFunc(s.opts.Timeout, func() { cancel(errHangs) })
	defer hangs.Stop()
	body, err := s.client.form(ctx, address, v)
	if cause := context.Cause(ctx); err != nil && cause != nil {
		return fmt.Errorf("ask %s: %w", address, cause)
	}
	if err != nil {
		return fmt.Errorf("ask %s: %w", address, err)
	}
	defer func() { _ = body.Close() }() // it was read, or is given up
	lines := bufio.NewReaderSize(body, 1<<16)
	var l exported
	for {
		line, err := readLine(lines, &l.buf)
		if errors.Is(err, io.EOF) && len(line) == 0 {
			return nil
		}
		if cause := context.Cause(ctx); err != nil && cause != nil {
			return fmt.Errorf("ask %s: %w", address, cause)
		}
		if err != nil {
			return fmt.Errorf("ask %s: the answer broke off: %w", address, err)
		}
		hangs.Reset(s.opts.Timeout)
		if err := l.parse(line); err != nil {
			return fmt.Errorf("ask %s: the answer is not an export: %w", address, err)
		}
		if err := f(l.labels, l.times, l.values); err != nil {
			return err
		}
	}
}

// stamp writes milliseconds as seconds.
func stamp(t int64) string { return fmt.Sprintf("%d.%03d", t/1000, t%1000) }

// mostLine bounds a line of an export.
const mostLine = 64 << 20

func readLine(r *bufio.Reader, buf *[]byte) ([]byte, error) {
	*buf = (*buf)[:0]
	for {
		part, err := r.ReadSlice('\n')
		*buf = append(*buf, part...)
		switch {
		case err == nil:
			return (*buf)[:len(*buf)-1], nil
		case errors.Is(err, io.EOF) && len(*buf) > 0:
			return *buf, io.ErrUnexpectedEOF // every line ends with a newline
		case !errors.Is(err, bufio.ErrBufferFull):
			return *buf, err
		case len(*buf) > mostLine:
			return nil, fmt.Errorf("a line of more than %d bytes", mostLine)
		}
	}
}

// exported is one line of an export.
type exported struct {
	buf    []byte
	rest   []byte
	names  labels.ScratchBuilder
	labels labels.Labels
	times  []int64
	values []float64
}

var errExport = errors.New("syntax")

// parse reads {"metric":{"name":"value"},"values":[1,null],"timestamps":[1,2]},
// which is all that an export writes, without the cost of reading any JSON.
func (x *exported) parse(line []byte) error {
	x.rest, x.times, x.values = line, x.times[:0], x.values[:0]
	if !x.skip(`{"metric":{`) {
		return x.broken()
	}
	x.names.Reset()
	for !x.skip("}") {
		name, ok := x.text()
		if !ok || !x.skip(":") {
			return x.broken()
		}
		value, ok := x.text()
		if !ok {
			return x.broken()
		}
		x.names.Add(name, value)
		x.skip(",")
	}
	x.names.Sort()
	x.labels = x.names.Labels()
	if !x.skip(`,"values":[`) {
		return x.broken()
	}
	for !x.skip("]") {
		v, ok := x.number()
		if !ok {
			return x.broken()
		}
		x.values = append(x.values, v)
	}
	if !x.skip(`,"timestamps":[`) {
		return x.broken()
	}
	for !x.skip("]") {
		n := 0
		for n < len(x.rest) && (x.rest[n] >= '0' && x.rest[n] <= '9' || x.rest[n] == '-') {
			n++
		}
		t, err := strconv.ParseInt(string(x.rest[:n]), 10, 64)
		if err != nil {
			return x.broken()
		}
		x.times = append(x.times, t)
		x.rest = x.rest[n:]
		x.skip(",")
	}
	if len(x.times) != len(x.values) || string(x.rest) != "}" {
		return x.broken()
	}
	return nil
}

func (x *exported) broken() error { return fmt.Errorf("%w at %.100q", errExport, x.rest) }

func (x *exported) skip(s string) bool {
	if len(x.rest) < len(s) || string(x.rest[:len(s)]) != s {
		return false
	}
	x.rest = x.rest[len(s):]
	return true
}

// text reads a JSON string.
func (x *exported) text() (string, bool) {
	if len(x.rest) == 0 || x.rest[0] != '"' {
		return "", false
	}
	plain := true
	for i := 1; i < len(x.rest); i++ {
		switch x.rest[i] {
		case '\\':
			plain = false
			i++
		case '"':
			quoted := x.rest[:i+1]
			x.rest = x.rest[i+1:]
			if plain {
				return string(quoted[1 : len(quoted)-1]), true
			}
			return unquote(quoted)
		}
	}
	return "", false
}

// number reads a value; null and what is not finite give NaN.
func (x *exported) number() (float64, bool) {
	n := 0
	for n < len(x.rest) && x.rest[n] != ',' && x.rest[n] != ']' {
		n++
	}
	word := x.rest[:n]
	x.rest = x.rest[n:]
	x.skip(",")
	switch string(word) {
	case "null", `"Infinity"`, `"-Infinity"`:
		return history.Null, true
	}
	v, err := strconv.ParseFloat(string(word), 64)
	return v, err == nil
}
