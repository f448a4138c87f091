package remote

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/wattwerk/wattwerk/history"
	"github.com/wattwerk/wattwerk/record"
)

func unquote(quoted []byte) (s string, ok bool) { return s, json.Unmarshal(quoted, &s) == nil }

// Of a scan.
const (
	scanPage  = 1 << 17 // samples asked for at once, about
	firstSpan = day
	blindSpan = 32 * day // longer ones are asked for only when it is known how much is in them
)

// Scan hands the samples of a series to f; see [history.Store].
//
// No answer is open while f works.
func (s *Store) Scan(ctx context.Context, k history.Series, from, to record.Millis, f func(times []int64, values []float64) error) error {
	at, span := int64(from), firstSpan.Milliseconds()
	for at <= int64(to) {
		if s.closed.Load() {
			return fmt.Errorf("read history of %q: %w", k.Name, errClosed)
		}
		end := min(int64(to), at+span-1)
		if end-at >= blindSpan.Milliseconds() {
			n, err := s.count(ctx, k, at, end)
			if err != nil {
				return fmt.Errorf("read history of %q: %w", k.Name, away(err))
			}
			if n > scanPage {
				span = max(blindSpan.Milliseconds(), span/int64(1+n/scanPage))
				continue
			}
		}
		page, err := s.page(ctx, k, at, end)
		if err != nil {
			return fmt.Errorf("read history of %q: %w", k.Name, away(err))
		}
		times, values := make([]int64, 0, min(len(page), scanPage)), make([]float64, 0, min(len(page), scanPage))
		for chunk := range slices.Chunk(page, scanPage) {
			times, values = times[:0], values[:0]
			for _, x := range chunk {
				times, values = append(times, x.t), append(values, x.v)
			}
			if err := f(times, values); err != nil {
				return err
			}
		}
		switch n := len(page); {
		case n < scanPage/8:
			span *= 4
		case n > scanPage:
			span = max(1000, span/int64(1+n/scanPage))
		}
		at = end + 1
	}
	return nil
}

// page reads the samples of a series.
func (s *Store) page(ctx context.Context, k history.Series, from, to int64) ([]sample, error) {
	// What is on its way first: what is let go of meanwhile is in the database
	// by then.
	pending := s.pendingOf(k)
	var got []sample
	q := question{matchers: [][]*labels.Matcher{exactly(k)}, from: from, to: to}
	err := s.ask(ctx, func(r *replica) error {
		got = got[:0]
		return s.raw(ctx, r, q, func(ls labels.Labels, times []int64, values []float64) error {
			if have, ok := history.SeriesOf(ls); !ok || have != k {
				return nil
			}
			for i, t := range times {
				got = append(got, sample{t, values[i]})
			}
			return nil
		})
	})
	return merge(got, pending, from, to), err
}

func exactly(k history.Series) []*labels.Matcher {
	var ms []*labels.Matcher
	k.Labels().Range(func(l labels.Label) {
		ms = append(ms, labels.MustNewMatcher(labels.MatchEqual, l.Name, l.Value))
	})
	return ms
}

func (s *Store) pendingOf(k history.Series) []sample {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c := s.find(k); c != nil {
		return slices.Clone(c.pending)
	}
	return nil
}

// count tells how many samples a series has in the database, nulls aside.
func (s *Store) count(ctx context.Context, k history.Series, from, to int64) (int, error) {
	n := 0
	err := s.ask(ctx, func(r *replica) error {
		n = 0
		return s.steps(ctx, r, exactly(k), from-1, to, to-from+1, func(_ labels.Labels, _ int64, count float64) { n += int(count) })
	})
	return n, err
}

// steps hands out how many samples series have in each step from from,
// exclusive, on: the end of the step and the count. Steps without are left out.
func (s *Store) steps(ctx context.Context, r *replica, ms []*labels.Matcher, from, to, step int64, f func(ls labels.Labels, end int64, count float64)) error {
	var data struct {
		Result []struct {
			Metric labels.Labels        `json:"metric"`
			Values [][2]json.RawMessage `json:"values"`
		} `json:"result"`
	}
	apart := step
	if from+2*step > to {
		apart = 1000 // there is one point, and a step of decades is refused
	}
	err := s.client.api(ctx, r.Query+"/api/v1/query_range", url.Values{
		"query": {fmt.Sprintf("count_over_time(%s[%dms])", r.selector(ms), step)},
		"start": {stamp(from + step)}, "end": {stamp(from + step + (to-from-step)/step*step)}, "step": {stamp(apart)},
		"nocache": {"1"}, "latency_offset": {"1ms"}, "deny_partial_response": {"1"},
	}, &data)
	if err != nil {
		return fmt.Errorf("ask %s: %w", r.Query, err)
	}
	for _, x := range data.Result {
		for _, p := range x.Values {
			at, err1 := strconv.ParseFloat(string(p[0]), 64)
			var text string
			err2 := json.Unmarshal(p[1], &text)
			n, err3 := strconv.ParseFloat(text, 64)
			if err := errors.Join(err1, err2, err3); err != nil {
				return fmt.Errorf("ask %s: not an answer of a Prometheus API: %w", r.Query, err)
			}
			if n > 0 {
				f(x.Metric, int64(math.Round(at*1000)), n)
			}
		}
	}
	return nil
}

// fresh is how long it is believed that nobody else has written a series that
// was appended to here.
const fresh = 5 // seconds

// Latest appends the newest sample of every series; see [history.Store].
func (s *Store) Latest(ctx context.Context, dst []history.Sample, series []history.Series) ([]history.Sample, error) {
	start := len(dst)
	if s.closed.Load() {
		return dst, fmt.Errorf("read newest of history: %w", errClosed)
	}
	for range series {
		dst = append(dst, history.Sample{Value: math.NaN()})
	}
	best := make(map[history.Series]sample, len(series))
	unknown := make(map[history.Series]bool)
	now := time.Now().Unix()
	s.mu.Lock()
	anchor := time.Now().UnixMilli()
	if s.newest != noTime {
		anchor = min(anchor, s.newest)
	}
	for _, k := range series {
		c := s.find(k)
		if c != nil && c.era == s.era && c.filled && c.horizon == endless && now-c.touched < fresh {
			best[k] = sample{c.last, c.value}
			continue
		}
		unknown[k] = true
		if c != nil {
			for _, p := range c.pending {
				if b, ok := best[k]; !ok || p.t > b.t {
					best[k] = p
				}
			}
		}
	}
	s.mu.Unlock()
	if err := s.newestStored(ctx, unknown, anchor, func(k history.Series, x sample) {
		if b, ok := best[k]; !ok || x.t > b.t {
			best[k] = x
		}
	}); err != nil {
		return dst[:start], fmt.Errorf("read newest of history: %w", away(err))
	}
	for i, k := range series {
		if b, ok := best[k]; ok {
			dst[start+i] = history.Sample{Time: record.Millis(b.t), Value: b.v}
		}
	}
	return dst, nil
}

// Spans back from the newest sample of all in which the newest of a series is
// looked for. Up to the last of them, raw samples are read; beyond, the
// database counts, in steps that then are divided.
var (
	rawSpans  = []time.Duration{15 * time.Second, 2 * time.Minute, 15 * time.Minute, 2 * time.Hour}
	stepSpans = []time.Duration{3 * day, 100 * day, 50 * 365 * day}
)

const steps = 40

// newestStored hands the newest sample of each series in the database to f.
func (s *Store) newestStored(ctx context.Context, series map[history.Series]bool, anchor int64, f func(history.Series, sample)) error {
	left := make(map[history.Series]bool, len(series))
	for k := range series {
		left[k] = true
	}
	found := func(runs []*run) {
		for _, x := range runs {
			if n := len(x.got); n > 0 {
				f(x.cell.series, x.got[n-1])
				delete(left, x.cell.series)
			}
		}
	}
	to := int64(endless)
	for _, d := range rawSpans {
		if len(left) == 0 {
			return nil
		}
		from := max(0, anchor-d.Milliseconds())
		runs := make([]*run, 0, len(left))
		for k := range left {
			runs = append(runs, &run{cell: &cell{series: k}, from: from, to: to})
		}
		if err := s.lookUp(ctx, runs); err != nil {
			return err
		}
		found(runs)
		to = from - 1
	}
	for _, d := range stepSpans {
		if len(left) == 0 || to < 0 {
			return nil
		}
		from := max(-1, anchor-d.Milliseconds())
		if err := s.newestBySteps(ctx, left, from, to, found); err != nil {
			return err
		}
		to = from
	}
	return nil
}

// newestBySteps finds the newest samples from from, exclusive, to to by counting.
func (s *Store) newestBySteps(ctx context.Context, left map[history.Series]bool, from, to int64, found func([]*run)) error {
	step := max((to-from+steps-1)/steps, 1)
	last := make(map[history.Series]int64)
	runs := make([]*run, 0, len(left))
	for k := range left {
		runs = append(runs, &run{cell: &cell{series: k}, from: from, to: to})
	}
	for _, q := range questions(runs) {
		for _, ms := range q.matchers {
			if err := s.ask(ctx, func(r *replica) error {
				return s.steps(ctx, r, ms, from, from+steps*step, step, func(ls labels.Labels, end int64, _ float64) {
					// A count is not the metric any more.
					if k, _ := history.SeriesOf(labels.NewBuilder(ls).Set(ms[0].Name, ms[0].Value).Labels()); left[k] {
						last[k] = max(last[k], end)
					}
				})
			}); err != nil {
				return err
			}
		}
	}
	// By the step, which is then divided or, when it is short, read; with what
	// is null after it.
	in := make(map[int64]map[history.Series]bool)
	for k, end := range last {
		if in[end] == nil {
			in[end] = make(map[history.Series]bool)
		}
		in[end][k] = true
	}
	for end, set := range in {
		if step > (2 * time.Hour).Milliseconds() {
			if err := s.newestBySteps(ctx, set, end-step, end, found); err != nil {
				return err
			}
			continue
		}
		var runs []*run
		for k := range set {
			runs = append(runs, &run{cell: &cell{series: k}, from: end - step + 1, to: endless})
		}
		if err := s.lookUp(ctx, runs); err != nil {
			return err
		}
		found(runs)
	}
	return nil
}
