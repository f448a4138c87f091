package history

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/wattwerk/wattwerk/model"
	"github.com/wattwerk/wattwerk/record"
)

// SensorLatest is the newest reading of a sensor.
type SensorLatest struct {
	Sensor record.SensorID `json:"sensor"`
	Unit   string          `json:"unit" doc:"Unit of the value; empty when unknown"`
	Time   *time.Time      `json:"time" doc:"Time of the reading; null when there is none"`
	Value  *float64        `json:"value" doc:"Null when there is none"`
	Age    *float64        `json:"age" doc:"Seconds since the reading"`
	Stale  bool            `json:"stale" doc:"Older than the sensor's max age, so it no longer counts"`

	Virtual bool `json:"virtual,omitempty" doc:"It is no reading: the value follows from the formula of the sensor"`
}

// GroupLatest is the newest tick of a group.
type GroupLatest struct {
	Group       model.GroupID     `json:"group"`
	Hierarchy   model.HierarchyID `json:"hierarchy"`
	Unit        string            `json:"unit" doc:"Unit of the values; empty when unknown"`
	Time        *time.Time        `json:"time" doc:"The tick; null when there is none"`
	Sum         *float64          `json:"sum" doc:"Sum of the members; null when none has a value"`
	Min         *float64          `json:"min"`
	Max         *float64          `json:"max"`
	Count       uint32            `json:"count" doc:"Members that have a value"`
	Total       uint32            `json:"total" doc:"Members"`
	Meter       *float64          `json:"meter" doc:"The group's own meter"`
	Unaccounted *float64          `json:"unaccounted" doc:"Meter less sum; null unless the meter has a value, and every member that was ever heard"`
	Age         *float64          `json:"age" doc:"Seconds since the tick"`
	Stale       bool              `json:"stale" doc:"The newest tick is older than three ticks and 5 s, by which ticks may be late"`
}

type latestOutput struct {
	Body struct {
		Sensors []SensorLatest `json:"sensors"`
		Groups  []GroupLatest  `json:"groups"`
	}
}

func (s *Service) getLatest(ctx context.Context, in *struct {
	Sensors []record.SensorID `query:"sensor,explode" doc:"Sensor; may be repeated"`
	Groups  []model.GroupID   `query:"group,explode" doc:"Group; may be repeated"`
}) (*latestOutput, error) {
	if n := len(in.Sensors) + len(in.Groups); n > mostLatest {
		return nil, huma.Error422UnprocessableEntity(fmt.Sprintf("%d are asked for, at most %d are possible", n, mostLatest))
	}
	out := &latestOutput{}
	var err error
	if out.Body.Sensors, err = s.Latest(ctx, in.Sensors); err != nil {
		return nil, err
	}
	out.Body.Groups, err = s.latestOfGroups(ctx, in.Groups, "")
	return out, err
}

// Latest gives the newest readings of sensors, in their order.
func (s *Service) Latest(ctx context.Context, ids []record.SensorID) ([]SensorLatest, error) {
	out := make([]SensorLatest, len(ids))
	series := make([]Series, len(ids))
	for i, id := range ids {
		series[i] = RecordsOf(id)
	}
	newest, err := s.opts.Store.Latest(ctx, nil, series)
	if err != nil {
		return nil, err
	}
	m, now := s.model(), s.now()
	for i, id := range ids {
		o := &out[i]
		o.Sensor, o.Value, o.Stale = id, record.Finite(newest[i].Value), true
		age := int64(forever)
		if m != nil {
			if sn, ok := m.Sensor(id); ok {
				o.Unit = sn.Quantity.Unit().Symbol
				o.Virtual = sn.Formula != ""
				if a := Holds(m, sn); a >= 0 {
					age = a
				}
			}
		}
		if o.Value != nil {
			o.Time, o.Age = stamp(newest[i].Time, now)
			o.Stale = now.UnixMilli()-int64(newest[i].Time) > age
		}
	}
	return out, nil
}

func stamp(t record.Millis, now time.Time) (*time.Time, *float64) {
	at, age := t.Time(), math.Max(0, float64(now.UnixMilli()-int64(t))/1000)
	return &at, &age
}

func (s *Service) latestOfGroups(ctx context.Context, ids []model.GroupID, hierarchy model.HierarchyID) ([]GroupLatest, error) {
	out := make([]GroupLatest, len(ids))
	series := make([]Series, 0, len(ids)*len(tickColumns))
	m, now := s.model(), s.now()
	for i, id := range ids {
		h := hierarchy
		if h == "" && m != nil {
			h, _ = m.HierarchyOf(id)
		}
		if h == "" {
			x, err := s.groupOf(ctx, id, "", Sum)
			if err == nil {
				h = model.HierarchyID(x.series.Hierarchy)
			}
		}
		out[i].Group, out[i].Hierarchy, out[i].Stale = id, h, true
		for _, c := range tickColumns {
			series = append(series, Series{Metric: c, Hierarchy: string(h), Name: string(id)})
		}
	}
	newest, err := s.opts.Store.Latest(ctx, nil, series)
	if err != nil {
		return nil, err
	}
	known := make(map[model.HierarchyID]rule)
	for i := range out {
		o := &out[i]
		row := newest[i*len(tickColumns) : (i+1)*len(tickColumns)]
		at := row[4].Time // total is never null
		if math.IsNaN(row[4].Value) {
			continue
		}
		r, ok := known[o.Hierarchy]
		if !ok {
			r = rule{age: heldTicks * time.Duration(model.DefaultTick).Milliseconds()}
			if m != nil {
				if l := m.Layout(o.Hierarchy); l != nil {
					r.age = heldTicks * l.Tick.Milliseconds()
				}
			}
			known[o.Hierarchy] = r
		}
		o.Unit = s.groupUnit(m, o.Hierarchy)
		o.Time, o.Age = stamp(at, now)
		o.Stale = now.UnixMilli()-int64(at) > r.age+tickLate.Milliseconds()
		col := func(c int) *float64 {
			if row[c].Time != at {
				return nil
			}
			return record.Finite(row[c].Value)
		}
		o.Sum, o.Min, o.Max, o.Meter, o.Unaccounted = col(0), col(1), col(2), col(5), col(6)
		o.Total = uint32(row[4].Value)
		if row[3].Time == at {
			o.Count = uint32(row[3].Value)
		}
	}
	return out, nil
}

// groupUnit is the unit of a hierarchy's first sensor: one hierarchy adds up
// one quantity.
func (s *Service) groupUnit(m *model.Model, h model.HierarchyID) string {
	if m == nil {
		return ""
	}
	if l := m.Layout(h); l != nil && len(l.Leaves) > 0 {
		if sn, ok := m.Sensor(l.Leaves[0].Sensor); ok {
			return sn.Quantity.Unit().Symbol
		}
	}
	return ""
}

type sensorLatestOutput struct{ Body SensorLatest }

func (s *Service) getSensorLatest(ctx context.Context, in *SensorPath) (*sensorLatestOutput, error) {
	if _, err := s.sensor(ctx, in.ID); err != nil {
		return nil, err
	}
	all, err := s.Latest(ctx, []record.SensorID{in.ID})
	if err != nil {
		return nil, err
	}
	return &sensorLatestOutput{all[0]}, nil
}

type groupLatestOutput struct{ Body GroupLatest }

func (s *Service) getGroupLatest(ctx context.Context, in *GroupPath) (*groupLatestOutput, error) {
	x, err := s.groupOf(ctx, in.ID, in.Hierarchy, Sum)
	if err != nil {
		return nil, err
	}
	all, err := s.latestOfGroups(ctx, []model.GroupID{in.ID}, model.HierarchyID(x.series.Hierarchy))
	if err != nil {
		return nil, err
	}
	return &groupLatestOutput{all[0]}, nil
}

// Newest gives the times of the newest records of sensors, the zero time for
// one that has none, or whose newest says that there is no value.
func (s *Service) Newest(ctx context.Context, ids []record.SensorID) ([]time.Time, error) {
	all, err := s.Latest(ctx, ids)
	if err != nil {
		return nil, err
	}
	out := make([]time.Time, len(all))
	for i := range all {
		if all[i].Time != nil {
			out[i] = *all[i].Time
		}
	}
	return out, nil
}
