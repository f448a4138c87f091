package stand

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/wattwerk/wattwerk/object"
	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/service/book"
	"github.com/wattwerk/wattwerk/service/watch"
	"github.com/wattwerk/wattwerk/substitute"
)

// Substitution is something that stands, or stood, in for an object.
type Substitution struct {
	ID         string
	Began      record.Millis
	Ended      record.Millis // 0: it stands in
	Provenance *substitute.Provenance
	Seen       *float64 // mean error seen
	Compared   int64
	Why        string
}

// kept is what is stored of a substitution.
type kept struct {
	Provenance json.RawMessage `json:"provenance"`
	Why        string          `json:"why,omitempty"`
}

// Read reads a row.
func Read(row *book.Substitution) (Substitution, error) {
	var k kept
	if err := json.Unmarshal([]byte(row.Doc), &k); err != nil {
		return Substitution{}, fmt.Errorf("read substitution %q: %w", row.ID, err)
	}
	p, err := substitute.ParseProvenance(k.Provenance)
	if err != nil {
		return Substitution{}, fmt.Errorf("read substitution %q: %w", row.ID, err)
	}
	s := Substitution{ID: row.ID, Began: row.Began, Provenance: p, Seen: row.Seen, Compared: row.Compared, Why: k.Why}
	if row.Ended != nil {
		s.Ended = *row.Ended
	}
	return s, nil
}

// Share is what values with an error are worth.
func Share(e substitute.Error) float64 { return min(max(1-e.Relative, 0.05), 1) }

// View computes the values of what stands in.
type View struct{ cache }

// NewView makes a view. live gives the value of an object that measures now.
func NewView(h History, live func(object.ID) (float64, bool)) *View {
	return &View{cache{h: h, live: live}}
}

// longest is how long an answer that computes values takes at most.
const longest = 5 * time.Second

// StandIn is a substitution as a moment knows it.
func (v *View) StandIn(s Substitution) *watch.StandIn {
	p := s.Provenance
	return &watch.StandIn{
		State: p.State(), By: slices.Clone(p.From), Share: Share(p.Expected), ID: s.ID,
		Value: func(now record.Millis) (record.Millis, float64) {
			ctx, cancel := context.WithTimeout(context.Background(), longest)
			defer cancel()
			step := p.Mapping.Step
			t := now - now%step
			if p.Method == substitute.Balanced || !p.Method.Virtual() || t > p.Known {
				if x, ok, err := v.Value(ctx, p, t); err == nil && ok {
					return t, x
				}
			}
			return 0, math.NaN()
		},
	}
}

// Value computes one value from its provenance; false: there is none.
func (v *View) Value(ctx context.Context, p *substitute.Provenance, t record.Millis) (float64, bool, error) {
	var failed error
	x, ok := p.Value(t, v.lookup(ctx, p.Mapping.Step, t-40*substitute.Day, &failed))
	return x, ok && failed == nil, failed
}

// Score compares what stood in with what the object itself measured then, as far as
// that came late; n is 0 when nothing did.
func (v *View) Score(ctx context.Context, s Substitution) (mean float64, n int, err error) {
	p := s.Provenance
	step := p.Mapping.Step
	from := p.Known + step
	own, err := v.Measured(ctx, p.Object, from, s.Ended-s.Ended%step, step)
	if err != nil {
		return 0, 0, err
	}
	for i, was := range own.Values {
		put, ok, err := v.Value(ctx, p, from+record.Millis(i)*step)
		if err != nil {
			return 0, 0, err
		}
		if ok && was == was {
			n++
			mean += (math.Abs(put-was) - mean) / float64(n)
		}
	}
	return mean, n, nil
}

// Measured gives the cells of an object in a span.
func (v *View) Measured(ctx context.Context, id object.ID, from, to, step record.Millis) (substitute.Series, error) {
	settled, err := v.frontier(ctx)
	if err != nil {
		return substitute.Series{}, err
	}
	return series(ctx, v.h, id, from, max(from, min(to, settled-settled%step)), step)
}
