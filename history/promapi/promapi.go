package promapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net/http"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/util/annotations"

	"github.com/wattwerk/wattwerk/history"
	"github.com/wattwerk/wattwerk/record"
)

// Bounds of the query API.
const (
	maxPoints    = 11_000  // of one series in a range query, as in Prometheus
	maxListed    = 100_000 // label values and series when no limit is asked for
	maxQueryBody = 1 << 20 // of a query sent by POST
	maxQueries   = 20      // at the same time; more wait
	lookback     = 5 * time.Minute
)

// Options say what is asked and how much a query may take. Store must be set.
type Options struct {
	Store   history.Store
	Timeout time.Duration // of one query; default 30 s
	Samples int           // one query may hold in memory; default 20 million
	Log     *slog.Logger
	Now     func() time.Time // default time.Now
}

// Handler answers the query part of the Prometheus HTTP API under
// /prometheus/api/v1, enough for Grafana's data source. Responses have
// Prometheus' own format, errors included.
func Handler(o Options) http.Handler {
	if o.Timeout == 0 {
		o.Timeout = 30 * time.Second
	}
	if o.Samples == 0 {
		o.Samples = 20_000_000
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	p := parser.NewParser(parser.Options{})
	a := &promAPI{
		opts: o, parser: p, slots: make(chan struct{}, maxQueries),
		engine: promql.NewEngine(promql.EngineOpts{
			Logger: o.Log, MaxSamples: o.Samples, Timeout: o.Timeout, LookbackDelta: lookback,
			NoStepSubqueryIntervalFn: func(int64) int64 { return time.Minute.Milliseconds() },
			EnableAtModifier:         true, EnableNegativeOffset: true, Parser: p,
		}),
	}
	nothing := func(data any) answer {
		return func(*http.Request) (any, annotations.Annotations, error) { return data, nil, nil }
	}
	mux := http.NewServeMux()
	for path, f := range map[string]answer{
		"query":               a.query,
		"query_range":         a.queryRange,
		"format_query":        a.formatQuery,
		"labels":              a.labelNames,
		"label/{name}/values": a.labelValues,
		"series":              a.series,
		"metadata":            a.metadata,
		"status/buildinfo":    a.buildInfo,
		// Grafana asks for them; there are none.
		"query_exemplars": nothing([]string{}),
		"rules":           nothing(map[string][]string{"groups": {}}),
		"alerts":          nothing(map[string][]string{"alerts": {}}),
	} {
		mux.HandleFunc("/prometheus/api/v1/"+path, a.handle(f))
	}
	mux.HandleFunc("/prometheus/", func(w http.ResponseWriter, _ *http.Request) {
		respondError(w, promError{http.StatusNotFound, "not_found", errors.New("there is no such endpoint")})
	})
	return mux
}

// answer gives the data of a response.
type answer func(*http.Request) (any, annotations.Annotations, error)

type promAPI struct {
	opts   Options
	parser parser.Parser
	engine *promql.Engine
	slots  chan struct{}
}

// promError is an error with its kind in Prometheus' words.
type promError struct {
	status int
	kind   string
	err    error
}

func (e promError) Error() string { return e.err.Error() }

func badData(name string, err error) error {
	return promError{http.StatusBadRequest, "bad_data", fmt.Errorf("invalid parameter %q: %w", name, err)}
}

// classify gives errors of the engine and the storage their kind.
func classify(err error) promError {
	var own promError
	var canceled promql.ErrQueryCanceled
	var timeout promql.ErrQueryTimeout
	var broken promql.ErrStorage
	switch {
	case errors.As(err, &own):
		return own
	case errors.As(err, &canceled) || errors.Is(err, context.Canceled):
		return promError{499, "canceled", err}
	case errors.As(err, &timeout) || errors.Is(err, context.DeadlineExceeded):
		return promError{http.StatusServiceUnavailable, "timeout", err}
	case errors.As(err, &broken):
		return promError{http.StatusInternalServerError, "internal", err}
	}
	return promError{http.StatusUnprocessableEntity, "execution", err}
}

func (a *promAPI) handle(f answer) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodPost {
			w.Header().Set("Allow", "GET, POST")
			respondError(w, promError{http.StatusMethodNotAllowed, "bad_data", errors.New("only GET and POST are possible")})
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, maxQueryBody)
		if err := r.ParseForm(); err != nil {
			respondError(w, promError{http.StatusBadRequest, "bad_data", fmt.Errorf("error parsing form values: %w", err)})
			return
		}
		ctx, cancel := context.WithTimeout(r.Context(), a.opts.Timeout)
		defer cancel()
		if to := r.FormValue("timeout"); to != "" {
			d, err := promDuration(to)
			if err != nil {
				respondError(w, classify(badData("timeout", err)))
				return
			}
			var stop context.CancelFunc
			ctx, stop = context.WithTimeout(ctx, d)
			defer stop()
		}
		select {
		case a.slots <- struct{}{}:
			defer func() { <-a.slots }()
		case <-ctx.Done():
			respondError(w, classify(ctx.Err()))
			return
		}
		data, warnings, err := f(r.WithContext(ctx))
		if err != nil {
			respondError(w, classify(err))
			return
		}
		respond(w, data, warnings, r.FormValue("query"))
	}
}

func respond(w http.ResponseWriter, data any, notes annotations.Annotations, query string) {
	out := []byte(`{"status":"success","data":`)
	if raw, ok := data.([]byte); ok {
		out = append(out, raw...)
	} else {
		b, err := json.Marshal(data)
		if err != nil {
			respondError(w, promError{http.StatusInternalServerError, "internal", err})
			return
		}
		out = append(out, b...)
	}
	warnings, infos := notes.AsStrings(query, 10, 10)
	for name, list := range map[string][]string{"warnings": warnings, "infos": infos} {
		if len(list) > 0 {
			b, _ := json.Marshal(list) // strings always can
			out = append(append(out, `,"`+name+`":`...), b...)
		}
	}
	w.Header().Set("Content-Type", "application/json")
	// A client that went away needs no answer.
	_, _ = w.Write(append(out, '}'))
}

func respondError(w http.ResponseWriter, e promError) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(e.status)
	_ = json.NewEncoder(w).Encode(map[string]string{"status": "error", "errorType": e.kind, "error": e.err.Error()})
}

func (a *promAPI) queryOpts(r *http.Request) (promql.QueryOpts, error) {
	var d time.Duration
	if v := r.FormValue("lookback_delta"); v != "" {
		var err error
		if d, err = promDuration(v); err != nil {
			return nil, badData("lookback_delta", err)
		}
	}
	return promql.NewPrometheusQueryOpts(false, d), nil
}

func (a *promAPI) query(r *http.Request) (any, annotations.Annotations, error) {
	at, err := promTime(r, "time", a.opts.Now())
	if err != nil {
		return nil, nil, err
	}
	opts, err := a.queryOpts(r)
	if err != nil {
		return nil, nil, err
	}
	q, err := a.engine.NewInstantQuery(r.Context(), a.opts.Store.Queryable(), opts, r.FormValue("query"), at)
	if err != nil {
		return nil, nil, badData("query", err)
	}
	return a.exec(r, q)
}

func (a *promAPI) queryRange(r *http.Request) (any, annotations.Annotations, error) {
	start, err := promTime(r, "start", time.Time{})
	if err != nil {
		return nil, nil, err
	}
	end, err := promTime(r, "end", time.Time{})
	if err != nil {
		return nil, nil, err
	}
	step, err := promDuration(r.FormValue("step"))
	switch {
	case start.IsZero():
		return nil, nil, badData("start", errors.New("it is missing"))
	case end.IsZero() || end.Before(start):
		return nil, nil, badData("end", errors.New("end timestamp must not be before start time"))
	case err != nil:
		return nil, nil, badData("step", err)
	case step <= 0:
		return nil, nil, badData("step", errors.New("zero or negative query resolution step widths are not accepted. Try a positive integer"))
	case end.Sub(start)/step > maxPoints:
		return nil, nil, badData("step", errors.New("exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query resolution (?step=XX)"))
	}
	opts, err := a.queryOpts(r)
	if err != nil {
		return nil, nil, err
	}
	q, err := a.engine.NewRangeQuery(r.Context(), a.opts.Store.Queryable(), opts, r.FormValue("query"), start, end, step)
	if err != nil {
		return nil, nil, badData("query", err)
	}
	return a.exec(r, q)
}

func (a *promAPI) exec(r *http.Request, q promql.Query) (any, annotations.Annotations, error) {
	defer q.Close() // the result is encoded before: its memory goes back to the engine
	res := q.Exec(r.Context())
	if res.Err != nil {
		return nil, res.Warnings, res.Err
	}
	notes := res.Warnings
	if limit, err := promLimit(r, 0); err != nil {
		return nil, nil, err
	} else if limit > 0 && truncate(res, limit) {
		notes = notes.Add(errors.New("results truncated due to limit"))
	}
	return appendResult(nil, res.Value), notes, nil
}

func truncate(res *promql.Result, limit int) bool {
	switch v := res.Value.(type) {
	case promql.Vector:
		if len(v) > limit {
			res.Value = v[:limit]
			return true
		}
	case promql.Matrix:
		if len(v) > limit {
			res.Value = v[:limit]
			return true
		}
	}
	return false
}

// appendResult writes a result as Prometheus does.
func appendResult(b []byte, v parser.Value) []byte {
	b = fmt.Appendf(b, `{"resultType":%q,"result":`, v.Type())
	switch v := v.(type) {
	case promql.Scalar:
		b = appendPoint(b, v.T, v.V)
	case promql.String:
		b = append(appendStamp(append(b, '['), v.T), ',')
		b = append(appendText(b, v.V), ']')
	case promql.Vector:
		b = append(b, '[')
		for i, x := range v {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendLabels(append(b, `{"metric":`...), x.Metric)
			b = append(appendPoint(append(b, `,"value":`...), x.T, x.F), '}')
		}
		b = append(b, ']')
	case promql.Matrix:
		b = append(b, '[')
		for i, x := range v {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendLabels(append(b, `{"metric":`...), x.Metric)
			b = append(b, `,"values":[`...)
			for j, p := range x.Floats {
				if j > 0 {
					b = append(b, ',')
				}
				b = appendPoint(b, p.T, p.F)
			}
			b = append(b, `]}`...)
		}
		b = append(b, ']')
	}
	return append(b, '}')
}

func appendPoint(b []byte, t int64, v float64) []byte {
	b = append(appendStamp(append(b, '['), t), `,"`...)
	format := byte('f')
	if abs := math.Abs(v); abs != 0 && (abs < 1e-6 || abs >= 1e21) {
		format = 'e'
	}
	return append(strconv.AppendFloat(b, v, format, -1, 64), `"]`...)
}

// appendStamp writes milliseconds as seconds with as many digits as needed.
func appendStamp(b []byte, t int64) []byte {
	if t < 0 {
		b, t = append(b, '-'), -t
	}
	b = strconv.AppendInt(b, t/1000, 10)
	if ms := t % 1000; ms != 0 {
		b = append(b, strings.TrimRight(fmt.Sprintf(".%03d", ms), "0")...)
	}
	return b
}

func appendText(b []byte, s string) []byte {
	text, _ := json.Marshal(s) // a string always can
	return append(b, text...)
}

func appendLabels(b []byte, ls labels.Labels) []byte {
	b = append(b, '{')
	first := true
	ls.Range(func(l labels.Label) {
		if !first {
			b = append(b, ',')
		}
		first = false
		b = appendText(append(appendText(b, l.Name), ':'), l.Value)
	})
	return append(b, '}')
}

func (a *promAPI) formatQuery(r *http.Request) (any, annotations.Annotations, error) {
	e, err := a.parser.ParseExpr(r.FormValue("query"))
	if err != nil {
		return nil, nil, badData("query", err)
	}
	return e.Pretty(0), nil, nil
}

// selection is what labels, label values and series have in common.
type selection struct {
	storage.Querier
	from, to time.Time
	sets     [][]*labels.Matcher
	limit    int
}

func (a *promAPI) selection(r *http.Request) (s selection, err error) {
	if s.limit, err = promLimit(r, maxListed); err != nil {
		return s, err
	}
	if s.from, err = promTime(r, "start", record.MinTime.Time()); err != nil {
		return s, err
	}
	if s.to, err = promTime(r, "end", record.MaxTime.Time()); err != nil {
		return s, err
	}
	if s.sets, err = a.parser.ParseMetricSelectors(r.Form["match[]"]); err != nil {
		return s, badData("match[]", err)
	}
	s.Querier, err = a.opts.Store.Queryable().Querier(s.from.UnixMilli(), s.to.UnixMilli())
	return s, err
}

// listed collects strings of several selections, sorted and without doubles.
func (a *promAPI) listed(r *http.Request, get func(storage.Querier, *storage.LabelHints, ...*labels.Matcher) ([]string, annotations.Annotations, error)) (any, annotations.Annotations, error) {
	q, err := a.selection(r)
	if err != nil {
		return nil, nil, err
	}
	defer q.Close()
	if len(q.sets) == 0 {
		q.sets = [][]*labels.Matcher{nil}
	}
	all := []string{}
	var notes annotations.Annotations
	for _, ms := range q.sets {
		vs, more, err := get(q, &storage.LabelHints{Limit: q.limit + 1}, ms...)
		notes.Merge(more)
		if err != nil {
			return nil, notes, err
		}
		for _, v := range vs {
			all = append(all, strings.Clone(v)) // what the querier gave is gone when it is closed
		}
	}
	slices.Sort(all)
	all = slices.Compact(all)
	if len(all) > q.limit {
		all = all[:q.limit]
		notes = notes.Add(errors.New("results truncated due to limit"))
	}
	return all, notes, nil
}

func (a *promAPI) labelNames(r *http.Request) (any, annotations.Annotations, error) {
	return a.listed(r, func(q storage.Querier, h *storage.LabelHints, ms ...*labels.Matcher) ([]string, annotations.Annotations, error) {
		return q.LabelNames(r.Context(), h, ms...)
	})
}

func (a *promAPI) labelValues(r *http.Request) (any, annotations.Annotations, error) {
	name := r.PathValue("name")
	if strings.HasPrefix(name, "U__") {
		name = model.UnescapeName(name, model.ValueEncodingEscaping)
	}
	if !model.UTF8Validation.IsValidLabelName(name) {
		return nil, nil, badData("name", fmt.Errorf("invalid label name: %q", name))
	}
	return a.listed(r, func(q storage.Querier, h *storage.LabelHints, ms ...*labels.Matcher) ([]string, annotations.Annotations, error) {
		return q.LabelValues(r.Context(), name, h, ms...)
	})
}

func (a *promAPI) series(r *http.Request) (any, annotations.Annotations, error) {
	if len(r.Form["match[]"]) == 0 {
		return nil, nil, promError{http.StatusBadRequest, "bad_data", errors.New("no match[] parameter provided")}
	}
	q, err := a.selection(r)
	if err != nil {
		return nil, nil, err
	}
	defer q.Close()
	var all []storage.SeriesSet
	for _, ms := range q.sets {
		all = append(all, q.Select(r.Context(), true, &storage.SelectHints{
			Start: q.from.UnixMilli(), End: q.to.UnixMilli(), Func: "series", Limit: q.limit + 1,
		}, ms...))
	}
	set := storage.NewMergeSeriesSet(all, 0, storage.ChainedSeriesMerge)
	out := []byte("[")
	notes := set.Warnings()
	for n := 0; set.Next(); n++ {
		if n == q.limit {
			notes = notes.Add(errors.New("results truncated due to limit"))
			break
		}
		if n > 0 {
			out = append(out, ',')
		}
		out = appendLabels(out, set.At().Labels())
	}
	return append(out, ']'), notes, set.Err()
}

// metadata describes the metrics in words.
func (a *promAPI) metadata(r *http.Request) (any, annotations.Annotations, error) {
	type entry struct {
		Type string `json:"type"`
		Help string `json:"help"`
		Unit string `json:"unit"`
	}
	help := map[history.Metric]string{
		history.Record: "Readings of a sensor, in the coherent unit of its quantity.",
		history.Sum:    "Sum of a group's members.", history.Min: "Least value in a group.", history.Max: "Greatest value in a group.",
		history.Count: "Members of a group that had a value.", history.Total: "Members of a group.",
		history.Meter: "A group's own meter.", history.Unaccounted: "A group's meter less the sum of its members, while all that were ever heard have a value.",
	}
	out := make(map[string][]entry)
	for m, h := range help {
		if name := m.String(); r.FormValue("metric") == "" || r.FormValue("metric") == name {
			out[name] = []entry{{Type: "gauge", Help: h}}
		}
	}
	return out, nil, nil
}

// buildInfo says which Prometheus' API this is: Grafana decides by it what it
// may ask for.
func (a *promAPI) buildInfo(*http.Request) (any, annotations.Annotations, error) {
	return map[string]string{
		"version": "3.5.0", "revision": "", "branch": "", "buildUser": "", "buildDate": "", "goVersion": runtime.Version(),
	}, nil, nil
}

func promLimit(r *http.Request, otherwise int) (int, error) {
	v := r.FormValue("limit")
	if v == "" || v == "0" {
		return otherwise, nil
	}
	n, err := strconv.Atoi(v)
	if err != nil || n < 0 {
		return 0, badData("limit", errors.New("it must be a number that is not negative"))
	}
	if otherwise > 0 {
		n = min(n, otherwise)
	}
	return n, nil
}

func promTime(r *http.Request, name string, otherwise time.Time) (time.Time, error) {
	v := r.FormValue(name)
	if v == "" {
		return otherwise, nil
	}
	if f, err := strconv.ParseFloat(v, 64); err == nil && math.Abs(f) < 1e14 {
		return time.UnixMilli(int64(math.Round(f * 1000))).UTC(), nil
	}
	t, err := time.Parse(time.RFC3339Nano, v)
	if err != nil {
		return time.Time{}, badData(name, fmt.Errorf("cannot parse %q to a valid timestamp", v))
	}
	return t, nil
}

func promDuration(v string) (time.Duration, error) {
	if f, err := strconv.ParseFloat(v, 64); err == nil && math.Abs(f) < 1e9 {
		return time.Duration(f * float64(time.Second)), nil
	}
	if d, err := model.ParseDuration(v); err == nil {
		return time.Duration(d), nil
	}
	return 0, fmt.Errorf("cannot parse %q to a valid duration", v)
}
