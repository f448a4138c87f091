package titan

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/wattwerk/wattwerk/model"
	"github.com/wattwerk/wattwerk/record"
)

// Readings is what is kept of sensors and groups. It is the history.
type Readings interface {
	// Values hands the records of a sensor, or the sums of a group at its ticks,
	// from from to to, both inclusive, to f in order of time, many at once. NaN is
	// null. What is handed is valid until f returns; an error of f ends it.
	Values(ctx context.Context, s Series, from, to record.Millis, f func(times []int64, values []float64) error) error
	// Counts hands in the same way how many members of a group had a value.
	Counts(ctx context.Context, s Series, from, to record.Millis, f func(times []int64, values []float64) error) error
}

// HistoryOptions are what the history needs. All but Now must be set.
type HistoryOptions struct {
	Plant
	Readings Readings
	// Sensors lists those that have records, in no order.
	Sensors func(context.Context) ([]string, error)
	Now     func() time.Time // the clock; nil: the real one
}

// History answers what is below [HistoryPath].
func History(o HistoryOptions) http.Handler { return &history{o} }

type history struct{ o HistoryOptions }

// Defaults and bounds of parameters.
const (
	defaultBuckets, mostBuckets = 4, 10_000
	defaultSmooth, mostSmooth   = 10, 100_000
	mostLatest                  = 100_000
)

// ServeHTTP finds out what is asked for.
func (h *history) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !reading(r, w) {
		return
	}
	kind, rest, _ := strings.Cut(below(r, HistoryPath), "/")
	if kind == "windowed" {
		if kind, rest, _ = strings.Cut(rest, "/"); kind == "" {
			answer(w, r, resolutions(), nil)
			return
		}
	} else if kind != "raw" && kind != "aggregated" {
		kind = ""
	}
	m := h.o.Model()
	var body []byte
	var err error
	source, ids := h.source(m, kind)
	switch {
	case source == nil:
		err = nothing(r)
	case rest == "":
		var all []string
		if all, err = ids(r.Context()); err == nil {
			body = names(all)
		}
	default:
		body, err = h.about(r.Context(), source, strings.TrimRight(rest, "/"), behind(r), r.URL.Query())
	}
	answer(w, r, body, err)
}

// behind is what stands behind the last slash of a path. One that is written %2F
// belongs to an identifier.
func behind(r *http.Request) string {
	path := strings.TrimRight(r.URL.EscapedPath(), "/")
	last, _ := url.PathUnescape(path[strings.LastIndexByte(path, '/')+1:]) // it was escaped well before
	return last
}

// about answers what is asked about an identifier, which may have slashes and is
// followed by the question, if that is last.
func (h *history) about(ctx context.Context, source func(id string) table, id, last string, q url.Values) ([]byte, error) {
	question := ""
	switch last {
	case "latest", "distribution", "trend", "count":
		if at := len(id) - len("/"+last); at > 0 {
			id, question = id[:at], last
		}
	}
	at, err := restriction(q)
	if err != nil {
		return nil, err
	}
	t := source(id)
	switch question {
	case "latest":
		n, err := number(q, "count", 1, mostLatest)
		if err != nil {
			return nil, err
		}
		return h.latest(ctx, t, at, n)
	case "distribution":
		n, err := number(q, "buckets", defaultBuckets, mostBuckets)
		if err != nil {
			return nil, err
		}
		return distribution(ctx, t.scan, at, n)
	case "trend":
		n, err := number(q, "pointsToSmooth", defaultSmooth, mostSmooth)
		if err != nil {
			return nil, err
		}
		return h.trend(ctx, t.scan, at, n)
	case "count":
		n := int64(0)
		err := present(t.scan)(ctx, at, func(ts []int64, _ []float64) error { n += int64(len(ts)); return nil })
		return strconv.AppendInt(nil, n, 10), err
	}
	l := newList()
	n := 0
	err = t.rows(ctx, at, func(write func(*list)) error {
		if n++; n > most {
			return refuse(http.StatusBadRequest, "more than %d records; ask for a shorter time, or for windows", most)
		}
		write(l)
		return nil
	})
	return l.done(), err
}

// table is what one of Titan's tables holds of an identifier: its values, and its
// rows, both in order of time.
type table struct {
	scan scan
	rows func(ctx context.Context, at during, f func(write func(*list)) error) error
}

// source gives the tables of one kind, and the identifiers it has; nil when there
// is no such kind.
func (h *history) source(m *model.Model, kind string) (func(id string) table, func(context.Context) ([]string, error)) {
	switch kind {
	case "":
		return nil, nil
	case "raw":
		return func(id string) table { return h.raw(m, id) }, func(ctx context.Context) ([]string, error) { return h.sensors(ctx, m) }
	case "aggregated":
		return func(id string) table { return h.aggregated(m, id) }, func(context.Context) ([]string, error) { return groups(m), nil }
	}
	res, ok := resolutionOf(kind)
	if !ok {
		return nil, nil
	}
	return func(id string) table { return h.windowed(m, id, res) }, func(ctx context.Context) ([]string, error) {
		all, err := h.sensors(ctx, m)
		all = append(all, groups(m)...)
		slices.Sort(all)
		return slices.Compact(all), err
	}
}

// sensors are those with records of power, and those of which nothing is known
// but that they send.
func (h *history) sensors(ctx context.Context, m *model.Model) ([]string, error) {
	all, err := h.o.Sensors(ctx)
	out := make([]string, 0, len(all))
	for _, id := range all {
		if _, ok := h.o.sensor(m, id); ok {
			out = append(out, id)
		}
	}
	slices.Sort(out)
	return out, err
}

func groups(m *model.Model) []string {
	var out []string
	for g := range m.Groups() {
		if _, ok := m.HierarchyOf(g.ID); ok && watts(m.QuantityOf(g.ID)) {
			out = append(out, string(g.ID))
		}
	}
	slices.Sort(out)
	return out
}

// empty has nothing, as Titan's tables have of identifiers that nobody knows.
var empty = table{
	func(context.Context, during, func([]int64, []float64) error) error { return nil },
	func(context.Context, during, func(func(*list)) error) error { return nil },
}

func (h *history) values(s Series) scan {
	return func(ctx context.Context, at during, f func([]int64, []float64) error) error {
		if at.from > at.to {
			return nil
		}
		return h.o.Readings.Values(ctx, s, at.from, at.to, f)
	}
}

func (h *history) raw(m *model.Model, id string) table {
	s, ok := h.o.sensor(m, id)
	if !ok {
		return empty
	}
	all := h.values(s)
	return table{all, func(ctx context.Context, at during, f func(func(*list)) error) error {
		return present(all)(ctx, at, func(ts []int64, vs []float64) error {
			for i, t := range ts {
				if err := f(func(l *list) {
					l.object(id)
					l.integer("timestamp", t)
					l.double("valueInW", vs[i])
					l.end()
				}); err != nil {
					return err
				}
			}
			return nil
		})
	}}
}

// held is how many sums are kept until their counts are read.
const held = 1 << 15

func (h *history) aggregated(m *model.Model, id string) table {
	s, ok := h.o.group(m, id)
	if !ok {
		return empty
	}
	all := h.values(s)
	return table{all, func(ctx context.Context, at during, f func(func(*list)) error) error {
		var times []int64
		var sums []float64
		write := func() error {
			if len(times) == 0 {
				return nil
			}
			i := 0
			err := h.o.Readings.Counts(ctx, s, record.Millis(times[0]), record.Millis(times[len(times)-1]), func(ts []int64, vs []float64) error {
				for k, t := range ts {
					for i < len(times) && times[i] < t {
						i++
					}
					if i == len(times) || times[i] != t || !known(vs[k]) || vs[k] < 1 {
						continue
					}
					sum := sums[i]
					if err := f(func(l *list) {
						l.object(id)
						l.integer("timestamp", t)
						l.integer("count", int64(vs[k]))
						l.double("sumInW", sum)
						l.double("averageInW", sum/vs[k])
						l.end()
					}); err != nil {
						return err
					}
				}
				return nil
			})
			times, sums = times[:0], sums[:0]
			return err
		}
		err := present(all)(ctx, at, func(ts []int64, vs []float64) error {
			times, sums = append(times, ts...), append(sums, vs...)
			if len(times) < held {
				return nil
			}
			return write()
		})
		if err != nil {
			return err
		}
		return write()
	}}
}

// present leaves out what is null.
func present(all scan) scan {
	return func(ctx context.Context, at during, f func([]int64, []float64) error) error {
		var times []int64
		var values []float64
		return all(ctx, at, func(ts []int64, vs []float64) error {
			times, values = times[:0], values[:0]
			for i, v := range vs {
				if known(v) {
					times, values = append(times, ts[i]), append(values, v)
				}
			}
			if len(times) == 0 {
				return nil
			}
			return f(times, values)
		})
	}
}

// names writes identifiers; none are [].
func names(ids []string) []byte {
	b := []byte{'['}
	for i, id := range ids {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendString(b, id)
	}
	return append(b, ']')
}
