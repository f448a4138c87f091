package dayahead

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"

	"github.com/wattwerk/wattwerk/internal/strict"
	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/regression"
	"github.com/wattwerk/wattwerk/window"
)

// numbers are values in JSON, where what is not known is null.
type numbers []float64

// MarshalJSON writes null for NaN.
func (v numbers) MarshalJSON() ([]byte, error) {
	out := make([]*float64, len(v))
	for i := range v {
		if v[i]-v[i] == 0 {
			out[i] = &v[i]
		}
	}
	return json.Marshal(out)
}

// UnmarshalJSON reads null as NaN.
func (v *numbers) UnmarshalJSON(data []byte) error {
	var in []*float64
	if err := json.Unmarshal(data, &in); err != nil {
		return err
	}
	*v = nans(len(in))
	for i, x := range in {
		if x != nil {
			(*v)[i] = *x
		}
	}
	return nil
}

// saved is a model as JSON.
type saved struct {
	Version int                `json:"version"`
	Kind    Kind               `json:"kind"`
	Zone    string             `json:"zone"`
	Step    int64              `json:"step"`
	Phase   int64              `json:"phase"`
	Known   record.Millis      `json:"known"`
	Fitted  record.Millis      `json:"fitted"`
	First   record.Millis      `json:"first"` // when the first day begins
	Days    []numbers          `json:"days"`
	Partial numbers            `json:"partial,omitempty"`
	Low     float64            `json:"low"`
	Winters *savedWinters      `json:"winters,omitempty"`
	Ridge   *regression.Linear `json:"ridge,omitempty"`
	Weights map[Kind]float64   `json:"weights,omitempty"`
	Bands   []band             `json:"bands,omitempty"`
	Scores  []savedScore       `json:"scores,omitempty"`
}

type savedWinters struct {
	winters
	Day int `json:"day"`
}

type savedScore struct {
	Kind   Kind    `json:"kind"`
	Values numbers `json:"values"` // MAE, MASE, WAPE, NRMSE
}

const version = 1

// MarshalJSON saves the model; [Read] reads it.
func (m *Model) MarshalJSON() ([]byte, error) {
	s := saved{
		Version: version, Kind: m.kind, Zone: m.d.calendar.Zone().String(), Step: m.d.step, Phase: m.phase, Known: m.known, Fitted: m.fitted,
		First: m.d.spans[0].From, Partial: m.partial, Low: m.d.low, Weights: m.weights,
	}
	for _, row := range m.d.full {
		s.Days = append(s.Days, row)
	}
	if m.winters != nil {
		s.Winters = &savedWinters{*m.winters, m.winters.day}
	}
	if m.ridge != nil && m.ridge.linear.Weights != nil {
		s.Ridge = &m.ridge.linear
	}
	for _, b := range m.bands {
		if b != nil {
			s.Bands = append(s.Bands, *b)
		}
	}
	for _, x := range m.scores {
		s.Scores = append(s.Scores, savedScore{x.Kind, numbers{x.MAE, x.MASE, x.WAPE, x.NRMSE}})
	}
	return json.Marshal(s)
}

// maxSaved is the size of the largest model: 36 days of 5 minutes, and what fits
// them.
const maxSaved = 1 << 20

// Read reads a model that was saved, for the calendar that it was fitted with.
func Read(data []byte, c window.Calendar) (*Model, error) {
	var s saved
	if len(data) > maxSaved {
		return nil, fmt.Errorf("read model: more than %d bytes", maxSaved)
	}
	if err := strict.JSON(data, &s); err != nil {
		return nil, fmt.Errorf("read model: %w", err)
	}
	m, err := s.model(c)
	if err != nil {
		return nil, fmt.Errorf("read model: %w", err)
	}
	return m, nil
}

func (s *saved) model(c window.Calendar) (*Model, error) {
	if s.Version != version {
		return nil, fmt.Errorf("version %d: want %d", s.Version, version)
	}
	if err := (Series{Start: s.First, Step: s.Step}).Check(); err != nil {
		return nil, err
	}
	if z := c.Zone().String(); s.Zone != z {
		return nil, fmt.Errorf("the zone is %.60q, not %q", s.Zone, z)
	}
	if len(s.Days) == 0 || len(s.Days) > keep || s.Phase <= -s.Step || s.Phase >= s.Step {
		return nil, fmt.Errorf("%d days, of intervals %d ms off", len(s.Days), s.Phase)
	}
	d := newDays(c, s.Step)
	n := d.n
	span := c.Span(window.Day, s.First)
	for _, row := range s.Days {
		if len(row) != n {
			return nil, fmt.Errorf("a day of %d values: want %d", len(row), n)
		}
		d.add(span, row)
		span = c.Next(window.Day, span)
	}
	d.low = s.Low
	m := &Model{kind: s.Kind, d: d, phase: s.Phase, known: s.Known, fitted: s.Fitted}
	if over := d.spans[len(d.spans)-1].To; s.Known < over || int64(s.Known-over) > 2*day {
		return nil, errors.New("what is known is not of the days")
	}
	if s.Partial != nil {
		if m.partial = s.Partial; len(m.partial) != n {
			return nil, fmt.Errorf("a day of %d values: want %d", len(m.partial), n)
		}
	}
	if err := s.parts(m, n); err != nil {
		return nil, err
	}
	for _, x := range s.Scores {
		if len(x.Values) != 4 || !slices.Contains(Kinds(), x.Kind) || len(m.scores) > len(Kinds()) {
			return nil, errors.New("the scores are not those of models")
		}
		m.scores = append(m.scores, Score{x.Kind, x.Values[0], x.Values[1], x.Values[2], x.Values[3]})
	}
	return m, nil
}

// parts reads what the kind of model needs.
func (s *saved) parts(m *Model, n int) error {
	need := map[Kind]bool{s.Kind: true}
	if s.Kind == Blend {
		m.weights = maps.Clone(s.Weights)
		for k, w := range m.weights {
			if !slices.Contains(blended, k) || !(w >= 0 && w <= 1) {
				return errors.New("the weights are not those of a blend")
			}
			need[k] = w > 0
		}
		if len(m.weights) == 0 {
			return errors.New("a blend of nothing")
		}
	} else if !slices.Contains(Kinds(), s.Kind) {
		return fmt.Errorf("no model %.30q", s.Kind)
	}
	if need[Winters] {
		w := s.Winters
		if w == nil || len(w.Daily) != n || len(w.Weekly) != 7*n || w.Day != len(s.Days)-1 {
			return errors.New("the state of the seasons is not that of the days")
		}
		m.winters = &w.winters
		m.winters.day = w.Day
	}
	if need[Ridge] {
		m.ridge = newRidge()
		if s.Ridge != nil {
			if len(s.Ridge.Weights) != features {
				return fmt.Errorf("%d weights: want %d", len(s.Ridge.Weights), features)
			}
			m.ridge.linear = *s.Ridge
		}
	}
	if len(s.Bands) > ahead {
		return errors.New("too many bands")
	}
	for i, b := range s.Bands {
		if len(b.Lower) != n || len(b.Upper) != n {
			return fmt.Errorf("a band of %d and %d values: want %d", len(b.Lower), len(b.Upper), n)
		}
		for k := range b.Lower {
			if math.IsNaN(b.Lower[k]) || math.IsNaN(b.Upper[k]) {
				return errors.New("a band without bounds")
			}
		}
		m.bands[i] = &b
	}
	return nil
}
