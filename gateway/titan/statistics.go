package titan

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/wattwerk/wattwerk/model"
	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/window"
)

// By says of what the cells of statistics are.
type By uint8

// The cells there are, in their order: 24 hours, 7 days from Monday, 168 hours
// from Monday at 0.
const (
	HourOfDay By = iota
	DayOfWeek
	HourOfWeek
)

var byNames = map[string]By{"hour-of-day": HourOfDay, "day-of-week": DayOfWeek, "hour-of-week": HourOfWeek}

// Cell is what is known of an hour or day.
type Cell struct {
	Count                    int     // values it is computed of; 0: nothing is known
	Mean, Variance, Min, Max float64 // W, W²
}

// Profiles computes statistics of what is settled.
type Profiles interface {
	// Cells are all of a kind, by the clock of the site, of a span of time of
	// which to is not part.
	Cells(ctx context.Context, s Series, by By, from, to record.Millis) ([]Cell, error)
}

// StatisticsOptions are what statistics need. All but Now must be set.
type StatisticsOptions struct {
	Plant
	Profiles Profiles
	Now      func() time.Time // the clock; nil: the real one
}

// Statistics answers what is below [StatisticsPath].
func Statistics(o StatisticsOptions) http.Handler { return &statistics{o} }

type statistics struct{ o StatisticsOptions }

// What intervals are offered: four weeks that end with today, so that every
// hour of the week is in them, and those before; and a year.
const (
	intervalDays  = 28
	intervalsBack = 13
	yearDays      = 364 // 52 weeks
	longest       = 20 * 366 * 24 * time.Hour
)

// ServeHTTP finds out what is asked for.
func (s *statistics) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !reading(r, w) {
		return
	}
	kind, rest, _ := strings.Cut(below(r, StatisticsPath), "/")
	var body []byte
	err := nothing(r)
	switch id, name, _ := cutLast(rest); {
	case kind == "interval" && id == "":
		if _, ok := byNames[name]; ok {
			body, err = intervals(s.intervals()), nil
		}
	case kind == "sensor" && id != "":
		if by, ok := byNames[name]; ok {
			body, err = s.cells(r.Context(), id, by, r.URL.Query())
		}
	}
	answer(w, r, body, err)
}

// cutLast cuts at the last slash.
func cutLast(path string) (before, last string, found bool) {
	path = strings.TrimRight(path, "/")
	at := strings.LastIndexByte(path, '/')
	if at < 0 {
		return "", path, false
	}
	return path[:at], path[at+1:], true
}

// intervals gives those on offer, in order of their ends. Titan's page shows the
// first that has not ended, and none would have it wait for ever.
func (s *statistics) intervals() []window.Span {
	c := window.In(time.UTC)
	m := s.o.Model()
	if top, ok := s.o.top(m, root); ok {
		if x, err := window.Load(zone(m, Series{Hierarchy: top.ID, Group: top.Root})); err == nil {
			c = x
		}
	}
	end := c.Span(window.Day, clock(s.o.Now).now()).To
	back := func(days int) record.Millis { // where a day begins, be it at 1:00 when the clock is changed at midnight
		y, mo, d := end.Time().In(c.Zone()).Date()
		return c.Span(window.Day, record.MillisOf(time.Date(y, mo, d-days, 12, 0, 0, 0, c.Zone()))).From
	}
	var out []window.Span
	for k := intervalsBack - 1; k >= 0; k-- {
		out = append(out, window.Span{From: back((k + 1) * intervalDays), To: back(k * intervalDays)})
	}
	return append(out, window.Span{From: back(yearDays), To: back(0)})
}

func intervals(all []window.Span) []byte {
	b := []byte{'['}
	for i, x := range all {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(append(append(b, `{"intervalStart":"`...), instant(x.From)...), `","intervalEnd":"`...)
		b = append(append(b, instant(x.To)...), `"}`...)
	}
	return append(b, ']')
}

func instant(t record.Millis) string { return t.Time().UTC().Format("2006-01-02T15:04:05.999Z07:00") }

func (s *statistics) cells(ctx context.Context, id string, by By, q url.Values) ([]byte, error) {
	at, err := s.interval(q)
	if err != nil {
		return nil, err
	}
	m := s.o.Model()
	x, ok := s.o.either(m, id)
	if !ok || at.From >= at.To {
		return newList().done(), nil
	}
	cells, err := s.o.Profiles.Cells(ctx, x, by, at.From, at.To)
	if err != nil {
		return nil, err
	}
	l := newList()
	for i, k := range cells {
		if k.Count == 0 || !known(k.Mean, k.Variance, k.Min, k.Max) {
			continue
		}
		l.object(id)
		switch by {
		case HourOfDay:
			l.integer("hourOfDay", int64(i))
		case DayOfWeek:
			l.integer("dayOfWeek", int64(i+1))
		default:
			l.integer("dayOfWeek", int64(i/24+1))
			l.integer("hourOfDay", int64(i%24))
		}
		l.integer("periodStart", int64(at.From))
		l.integer("periodEnd", int64(at.To))
		l.integer("count", int64(k.Count))
		l.double("mean", k.Mean)
		l.double("populationVariance", k.Variance)
		l.double("min", k.Min)
		l.double("max", k.Max)
		l.end()
	}
	return l.done(), nil
}

// interval reads both ends; when one is missing it is the one that runs.
func (s *statistics) interval(q url.Values) (window.Span, error) {
	begin, end := q.Get("intervalStart"), q.Get("intervalEnd")
	if begin == "" || end == "" {
		all := s.intervals()
		return all[intervalsBack-1], nil
	}
	var at window.Span
	for name, text := range map[string]string{"intervalStart": begin, "intervalEnd": end} {
		t, err := time.Parse(time.RFC3339Nano, text)
		ms := record.MillisOf(t)
		if err != nil || ms < record.MinTime || ms > record.MaxTime {
			return at, refuse(http.StatusBadRequest, "%s is %.40q, not an instant like 2026-11-01T00:00:00Z", name, text)
		}
		if name == "intervalStart" {
			at.From = ms
		} else {
			at.To = ms
		}
	}
	if at.To-at.From > record.Millis(longest.Milliseconds()) {
		return at, refuse(http.StatusBadRequest, "the interval is longer than 20 years")
	}
	return at, nil
}

// Deviation is how a measurement compares with what is usual.
type Deviation struct {
	Time  record.Millis
	Value float64 // W; NaN: not known
	Score float64 // standard deviations that it is above what is usual, or below; NaN: not known
}

// Deviations compares with what is usual.
type Deviations interface {
	// Deviations are those of what begins in a span, both ends included, in order
	// of time.
	Deviations(ctx context.Context, s Series, from, to record.Millis) ([]Deviation, error)
}

// AnomaliesOptions are what anomalies need. All but Now must be set.
type AnomaliesOptions struct {
	Plant
	Deviations Deviations
	Now        func() time.Time // the clock; nil: the real one
}

// Anomalies answers what is below [AnomaliesPath].
func Anomalies(o AnomaliesOptions) http.Handler { return &anomalies{o} }

type anomalies struct{ o AnomaliesOptions }

const (
	defaultAnomalies record.Millis = 31 * 24 * 3_600_000      // that are told when no begin is named
	mostAnomalies    record.Millis = 5 * 366 * 24 * 3_600_000 // at once
	anomaliesStep    record.Millis = 31 * 24 * 3_600_000
)

// ServeHTTP finds out what is asked for.
func (a *anomalies) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !reading(r, w) {
		return
	}
	id := strings.TrimRight(below(r, AnomaliesPath), "/")
	if id == "" {
		fail(w, r, nothing(r))
		return
	}
	body, err := a.about(r.Context(), a.o.Model(), id, r.URL.Query())
	answer(w, r, body, err)
}

func (a *anomalies) about(ctx context.Context, m *model.Model, id string, q url.Values) ([]byte, error) {
	at, err := restriction(q)
	if err != nil {
		return nil, err
	}
	at.to = min(at.to, clock(a.o.Now).now())
	if q.Get("from") == "" && q.Get("after") == "" {
		at.from = max(at.from, at.to-defaultAnomalies)
	}
	if at.to-at.from > mostAnomalies {
		return nil, refuse(http.StatusBadRequest, "more than 5 years; ask for a shorter time")
	}
	l := newList()
	s, ok := a.o.either(m, id)
	for from := at.from; ok && from <= at.to; from += anomaliesStep {
		all, err := a.o.Deviations.Deviations(ctx, s, from, min(at.to, from+anomaliesStep-1))
		if err != nil {
			return nil, err
		}
		for _, d := range all {
			if !known(d.Value, d.Score) {
				continue
			}
			l.object(id)
			l.integer("timestamp", int64(d.Time))
			l.double("valueInW", d.Value)
			l.double("anomalyScore", d.Score)
			l.end()
		}
	}
	return l.done(), nil
}
