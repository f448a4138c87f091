package imports

import (
	"cmp"
	"context"
	"io"
	"math"
	"time"

	"github.com/wattwerk/wattwerk/history/transfer"
	"github.com/wattwerk/wattwerk/record"
)

// mostExamples bounds the refused and differing values that are shown.
const mostExamples = 100

// ImportExample is a value or a row that is not taken as it is.
type ImportExample struct {
	Line   uint64          `json:"line,omitempty" doc:"Of the file; absent where that is not known"`
	Row    uint64          `json:"row,omitempty" doc:"Of the data, from 1"`
	Sensor record.SensorID `json:"sensor,omitempty"`
	Time   *time.Time      `json:"time,omitempty"`
	Value  *float64        `json:"value,omitempty" doc:"In the coherent unit"`
	Stored *float64        `json:"stored,omitempty" doc:"The one that is there already, in the coherent unit"`
	Reason string          `json:"reason" doc:"In a sentence"`
}

func exampleOf(x transfer.ImportRefusal) ImportExample {
	e := ImportExample{Line: x.Line, Row: x.Row, Sensor: x.Sensor, Value: x.Value, Reason: clip(x.Reason)}
	if x.Time != 0 {
		e.Time = new(x.Time.Time())
	}
	return e
}

// ImportSeries is what a file holds of one sensor.
type ImportSeries struct {
	Sensor    record.SensorID `json:"sensor"`
	Count     uint64          `json:"count" doc:"Values"`
	From      *time.Time      `json:"from,omitempty" doc:"Of the earliest"`
	To        *time.Time      `json:"to,omitempty" doc:"Of the latest"`
	Min       *float64        `json:"min,omitempty" doc:"In the coherent unit"`
	Max       *float64        `json:"max,omitempty" doc:"In the coherent unit"`
	Step      float64         `json:"step" doc:"The most common time between two, in seconds; 0: not known"`
	Gaps      uint64          `json:"gaps" doc:"How often the next one is more than one and a half steps away"`
	Longest   float64         `json:"longest" doc:"The longest time between two, in seconds"`
	Twice     uint64          `json:"twice" doc:"How often the next one has the same time"`
	Backwards uint64          `json:"backwards" doc:"How often the next one is earlier"`
	Refused   uint64          `json:"refused" doc:"Values that cannot be read or stored"`
}

// mostSteps bounds the different times between rows that are counted.
const mostSteps = 1000

// survey sums up the values of a sensor as they come.
type survey struct {
	ImportSeries
	first, last, latest record.Millis
	min, max            float64
	steps               map[record.Millis]uint64
	others              uint64
}

func newSurvey(id record.SensorID) *survey {
	return &survey{ImportSeries: ImportSeries{Sensor: id}, min: math.Inf(1), max: math.Inf(-1), steps: make(map[record.Millis]uint64)}
}

func (s *survey) add(times []record.Millis, values []float64) {
	for i, t := range times {
		s.min, s.max = min(s.min, values[i]), max(s.max, values[i])
		if s.Count++; s.Count == 1 {
			s.first, s.last, s.latest = t, t, t
			continue
		}
		d := t - s.last
		if d < 0 {
			s.Backwards++
		}
		if d = max(d, -d); d == 0 {
			s.Twice++
		} else {
			s.Longest = max(s.Longest, float64(d)/1000)
			if _, ok := s.steps[d]; ok || len(s.steps) < mostSteps {
				s.steps[d]++
			} else {
				s.others++
			}
		}
		s.last, s.first, s.latest = t, min(s.first, t), max(s.latest, t)
	}
}

// done gives the sums.
func (s *survey) done() ImportSeries {
	out := s.ImportSeries
	if out.Count == 0 {
		return out
	}
	out.From, out.To = new(s.first.Time()), new(s.latest.Time())
	out.Min, out.Max = new(s.min), new(s.max)
	step := record.Millis(0)
	for d, n := range s.steps {
		if n > s.steps[step] || n == s.steps[step] && d < step {
			step = d
		}
	}
	out.Step = float64(step) / 1000
	for d, n := range s.steps {
		if float64(d) > 1.5*float64(step) {
			out.Gaps += n
		}
	}
	out.Gaps += s.others
	return out
}

// ImportPreview is what a file holds, read by a plan.
type ImportPreview struct {
	Rows     uint64          `json:"rows" doc:"Of the file"`
	Zone     string          `json:"zone" doc:"Of times that do not say theirs"`
	Series   []ImportSeries  `json:"series" nullable:"false" doc:"One for each sensor"`
	First    []ImportSample  `json:"first" nullable:"false" doc:"The first values, as they would be stored"`
	Refused  uint64          `json:"refused" doc:"Rows and values that cannot be read"`
	Examples []ImportExample `json:"examples" nullable:"false" doc:"The first of those, at most 100"`
	Notes    []string        `json:"notes" nullable:"false" doc:"What to look at, in sentences"`
	New      []string        `json:"new" nullable:"false" doc:"Sensors that would be made"`
}

// ImportSample is a value as it would be stored.
type ImportSample struct {
	Sensor record.SensorID `json:"sensor"`
	Time   time.Time       `json:"time"`
	Value  float64         `json:"value" doc:"In the coherent unit"`
}

// mostFirst is how many of the first values of each sensor are shown, and of
// all.
const (
	mostFirst    = 20
	mostFirstAll = 500
)

// Look reads a file and tells what it holds, without a plan: all columns when
// the options name none.
func Look(ctx context.Context, r io.Reader, o transfer.ImportOptions) (ImportPreview, error) {
	zone := "UTC"
	if o.Zone != nil {
		zone = o.Zone.String()
	}
	return preview(ctx, r, checked{options: o, zone: zone})
}

// preview reads a file by a plan that was checked.
func preview(ctx context.Context, r io.Reader, c checked) (ImportPreview, error) {
	p := ImportPreview{Zone: c.zone, Series: []ImportSeries{}, First: []ImportSample{}, Examples: []ImportExample{}, Notes: append([]string{}, c.notes...), New: []string{}}
	for _, sn := range c.make {
		p.New = append(p.New, string(sn.ID))
	}
	all := make(map[record.SensorID]*survey)
	var order []record.SensorID
	of := func(id record.SensorID) *survey {
		s := all[id]
		if s == nil {
			s = newSurvey(id)
			all[id] = s
			order = append(order, id)
		}
		return s
	}
	for _, x := range c.options.Columns {
		of(cmp.Or(x.Sensor, record.SensorID(x.Column)))
	}
	res, err := transfer.Parse(ctx, r, c.options, func(id record.SensorID, ts []record.Millis, vs []float64) error {
		s := of(id)
		for i := 0; i < len(ts) && s.Count+uint64(i) < mostFirst && len(p.First) < mostFirstAll; i++ {
			p.First = append(p.First, ImportSample{id, ts[i].Time(), vs[i]})
		}
		s.add(ts, vs)
		return nil
	}, nil, func(x transfer.ImportRefusal) {
		p.Refused++
		if x.Sensor != "" {
			of(x.Sensor).Refused++
		}
		if len(p.Examples) < mostExamples {
			p.Examples = append(p.Examples, exampleOf(x))
		}
	})
	if err != nil {
		return p, err
	}
	p.Rows = res.Rows
	for _, id := range order {
		p.Series = append(p.Series, all[id].done())
	}
	return p, nil
}
