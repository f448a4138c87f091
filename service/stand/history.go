package stand

import (
	"context"
	"fmt"
	"math"
	"sync"
	"time"

	"github.com/wattwerk/wattwerk/model"
	"github.com/wattwerk/wattwerk/object"
	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/substitute"
)

// History is what was measured: app reads it from settled windows.
type History interface {
	// Means gives the mean of each quarter of an hour of a span, which begins and
	// ends with one: of a gauge that of its values, of a counter how fast it rose.
	// NaN where it is not known.
	Means(ctx context.Context, id object.ID, from, to record.Millis) ([]float64, error)
	// Settled tells up to when quarters are settled.
	Settled(ctx context.Context) (record.Millis, error)
}

// Steps of the grids that are fitted on.
const (
	Quarter = record.Millis(15 * 60 * 1000)
	Hour    = 4 * Quarter
)

// How much history is fitted on.
const (
	fitOver   = 35 * substitute.Day
	fewValues = 4 * 24 // with fewer hours quarters are fitted
)

// Hours puts quarters together: an hour is known when half of it is.
func Hours(quarters []float64) []float64 {
	out := make([]float64, len(quarters)/4)
	for i := range out {
		sum, n := 0.0, 0
		for _, v := range quarters[4*i : 4*i+4] {
			if v == v {
				sum += v
				n++
			}
		}
		out[i] = math.NaN()
		if n >= 2 {
			out[i] = sum / float64(n)
		}
	}
	return out
}

// series reads the cells of an object in a span of whole cells.
func series(ctx context.Context, h History, id object.ID, from, to, step record.Millis) (substitute.Series, error) {
	if to <= from {
		return substitute.Series{From: from, Step: step}, nil
	}
	values, err := h.Means(ctx, id, from, to)
	if err != nil {
		return substitute.Series{}, err
	}
	if len(values) != int((to-from)/Quarter) {
		return substitute.Series{}, fmt.Errorf("read %s: %d quarters of an hour instead of %d", id, len(values), int((to-from)/Quarter))
	}
	if step == Hour {
		values = Hours(values)
	}
	return substitute.Series{From: from, Step: step, Values: values}, nil
}

// Rank fits everything that could stand in for an object on its history up to
// now.
func Rank(ctx context.Context, h History, w *object.World, m *model.Model, id object.ID, now record.Millis) (substitute.Ranking, error) {
	o, ok := w.Object(id)
	if !ok {
		return substitute.Ranking{}, fmt.Errorf("there is no object %q", id)
	}
	settled, err := h.Settled(ctx)
	if err != nil {
		return substitute.Ranking{}, err
	}
	to := min(settled, now)
	to -= to % Hour
	from, step := to-fitOver, Hour
	from -= from % substitute.Day
	target, err := series(ctx, h, id, from, to, Hour)
	if err != nil {
		return substitute.Ranking{}, err
	}
	known := 0
	for _, v := range target.Values {
		if v == v {
			known++
		}
	}
	if known < fewValues {
		step, from = Quarter, to-7*substitute.Day
		if target, err = series(ctx, h, id, from, to, step); err != nil {
			return substitute.Ranking{}, err
		}
	}
	read := make(map[object.ID]substitute.Series)
	candidate := func(o *object.Object, place substitute.Place) (substitute.Candidate, error) {
		s, ok := read[o.ID]
		if !ok {
			var err error
			if s, err = series(ctx, h, o.ID, from, to, step); err != nil {
				return substitute.Candidate{}, err
			}
			read[o.ID] = s
		}
		return substitute.Candidate{Object: o.ID, Place: place, Quantity: o.Quantity, Series: s}, nil
	}
	found, refused := substitute.Candidates(w, id, 0)
	candidates := make([]substitute.Candidate, 0, len(found))
	for _, f := range found {
		c, err := candidate(f.Object, f.Place)
		if err != nil {
			return substitute.Ranking{}, err
		}
		candidates = append(candidates, c)
	}
	ways, more := substitute.Balances(w, m, id)
	refused = append(refused, more...)
	balances := make([]substitute.Balance, 0, len(ways))
	for _, way := range ways {
		b := substitute.Balance{Group: way.Group}
		for _, p := range way.Members {
			c, err := candidate(p.Object, substitute.Together)
			if err != nil {
				return substitute.Ranking{}, err
			}
			b.Members = append(b.Members, substitute.Signed{Candidate: c, Sign: p.Sign})
		}
		balances = append(balances, b)
	}
	r := substitute.Fit(substitute.Target{Object: id, Quantity: o.Quantity, Series: target}, candidates, balances, substitute.Options{Horizon: record.Millis(o.Horizon)})
	r.Refused = append(r.Refused, refused...)
	return r, nil
}

// cache keeps cells of objects that values are computed from, read when they are
// asked for.
type cache struct {
	h    History
	live func(id object.ID) (float64, bool) // the value of an object that measures now

	mu      sync.Mutex
	series  map[key]cached
	settled record.Millis
	at      time.Time // when settled was asked
}

type key struct {
	id   object.ID
	step record.Millis
}

type cached struct {
	substitute.Series
	until record.Millis // settled when it was read
	from  record.Millis
}

const (
	mostCached = 4096
	askEvery   = 10 * time.Second
)

// lookup gives a function that looks values up as they are measured, for cells from
// from on; what fails is noted in *failed.
func (c *cache) lookup(ctx context.Context, step, from record.Millis, failed *error) substitute.Lookup {
	settled, err := c.frontier(ctx)
	if err != nil {
		*failed = err
	}
	return func(id object.ID, t record.Millis) (float64, bool) {
		if *failed != nil {
			return 0, false
		}
		if t+step > settled {
			// Not settled yet: what it measures at this moment is all that is known.
			if now := record.MillisOf(time.Now()); t+step > now-Hour && c.live != nil {
				return c.live(id)
			}
			return 0, false
		}
		s, err := c.of(ctx, id, step, min(from, t), settled)
		if err != nil {
			*failed = err
			return 0, false
		}
		return s.At(t)
	}
}

func (c *cache) frontier(ctx context.Context) (record.Millis, error) {
	c.mu.Lock()
	settled, at := c.settled, c.at
	c.mu.Unlock()
	if time.Since(at) < askEvery {
		return settled, nil
	}
	settled, err := c.h.Settled(ctx)
	if err != nil {
		return 0, err
	}
	c.mu.Lock()
	c.settled, c.at = settled, time.Now()
	c.mu.Unlock()
	return settled, nil
}

// of gives the cells of an object from a time on, up to what is settled.
func (c *cache) of(ctx context.Context, id object.ID, step, from, settled record.Millis) (substitute.Series, error) {
	k := key{id, step}
	from -= from % substitute.Day
	to := settled - settled%step
	c.mu.Lock()
	s, ok := c.series[k]
	c.mu.Unlock()
	if ok && s.from <= from && s.until >= to {
		return s.Series, nil
	}
	if ok {
		from = min(from, s.from)
	}
	from = max(from, to-400*substitute.Day)
	got, err := series(ctx, c.h, id, from, to, step)
	if err != nil {
		return substitute.Series{}, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.series) >= mostCached || c.series == nil {
		c.series = make(map[key]cached)
	}
	c.series[k] = cached{got, to, from}
	return got, nil
}
