package history

import (
	"context"
	"fmt"
	"time"

	"github.com/danielgtaylor/huma/v2"
	promodel "github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"

	"github.com/wattwerk/wattwerk/history/curve"
	"github.com/wattwerk/wattwerk/model"
	"github.com/wattwerk/wattwerk/record"
)

// subject is what a question is about: a sensor or a group, with what the
// model knows of it.
type subject struct {
	group    bool
	series   Series
	rule     rule
	quantity record.Quantity // empty: unknown
	sensor   *model.Sensor   // nil: a group, or a sensor that is not in the model
}

// SensorSeries finds the series of a sensor and how people write its unit,
// which is empty when it is unknown. The error is one for HTTP.
func (s *Service) SensorSeries(ctx context.Context, id record.SensorID) (Series, string, error) {
	x, err := s.sensor(ctx, id)
	return x.series, x.unit(), err
}

// GroupSeries does the same for a group, and gives the series of its sums. The
// hierarchy may be empty.
func (s *Service) GroupSeries(ctx context.Context, id, hierarchy string) (Series, string, error) {
	x, err := s.groupOf(ctx, model.GroupID(id), model.HierarchyID(hierarchy), Sum)
	return x.series, x.unit(), err
}

// Curve reduces values of a sensor to at most so many points; when that is empty,
// of a group, whose hierarchy may be empty. It gives how people write their unit,
// and the width of a bucket in ms.
func (s *Service) Curve(ctx context.Context, id record.SensorID, group, hierarchy string, from, to record.Millis, points int) (p curve.Points, unit string, step int64, err error) {
	var x subject
	if id != "" {
		x, err = s.sensor(ctx, id)
	} else {
		x, err = s.groupOf(ctx, model.GroupID(group), model.HierarchyID(hierarchy), Sum)
	}
	if err == nil {
		p, step, err = s.reduce(ctx, x.series, from, to, points, x.rule)
	}
	return p, x.unit(), step, err
}

// Store is where everything is kept.
func (s *Service) Store() Store { return s.opts.Store }

func (s *Service) sensor(ctx context.Context, id record.SensorID) (subject, error) {
	x := subject{series: RecordsOf(id), rule: rule{guess: true}}
	if m := s.model(); m != nil {
		if sn, ok := m.Sensor(id); ok {
			x.sensor, x.quantity, x.rule = sn, sn.Quantity, rule{age: Holds(m, sn)}
			return x, nil
		}
	}
	newest, err := s.opts.Store.Latest(ctx, nil, []Series{x.series})
	if err != nil {
		return subject{}, err
	}
	if newest[0].Time == 0 && newest[0].Value != newest[0].Value {
		return subject{}, huma.Error404NotFound(fmt.Sprintf("there is no sensor %q, neither in the model nor in the history", id))
	}
	return x, nil
}

// Holds is how long a value of a sensor holds, in ms; -1: unlimited. One of a
// virtual sensor comes with the ticks of some hierarchy, whatever it states.
func Holds(m *model.Model, sn *model.Sensor) int64 {
	age := sn.Age()
	if sn.Formula == "" || age < 0 {
		return age
	}
	for _, id := range m.Hierarchies() {
		if h, ok := m.Hierarchy(id); ok {
			age = max(age, heldTicks*time.Duration(h.Tick).Milliseconds())
		}
	}
	return age
}

// heldTicks is how many ticks the value of a group holds; a missing one is
// not yet a gap.
const heldTicks = 3

// tickLate is how long after its time a tick may be stored in a live system:
// the usual grace of 2 s, a second more for silent partitions, and what
// computing and storing take.
const tickLate = 5 * time.Second

func (s *Service) groupOf(ctx context.Context, id model.GroupID, hierarchy model.HierarchyID, metric Metric) (subject, error) {
	x := subject{group: true, rule: rule{age: heldTicks * time.Duration(model.DefaultTick).Milliseconds()}}
	m := s.model()
	if m != nil && hierarchy == "" {
		hierarchy, _ = m.HierarchyOf(id)
	}
	if hierarchy == "" {
		// Its history stays when a group is gone.
		found, err := s.hierarchiesOf(ctx, string(id))
		if err != nil {
			return subject{}, err
		}
		if len(found) == 0 {
			return subject{}, huma.Error404NotFound(fmt.Sprintf("there is no group %q, neither in a hierarchy of the model nor in the history", id))
		}
		hierarchy = model.HierarchyID(found[0])
	}
	x.series = Series{Metric: metric, Hierarchy: string(hierarchy), Name: string(id)}
	if m == nil {
		return x, nil
	}
	l := m.Layout(hierarchy)
	if l == nil {
		return x, nil
	}
	x.rule.age = heldTicks * l.Tick.Milliseconds()
	for _, g := range l.Groups {
		if g.ID == id && g.To > g.From {
			if sn, ok := m.Sensor(l.Leaves[g.From].Sensor); ok {
				x.quantity = sn.Quantity
			}
		}
	}
	return x, nil
}

// Sensors lists the sensors that have records, whether they are in the model or
// not, in no order.
func (s *Service) Sensors(ctx context.Context) ([]string, error) {
	q, err := s.opts.Store.Queryable().Querier(int64(record.MinTime), int64(record.MaxTime))
	if err != nil {
		return nil, err
	}
	defer q.Close()
	out, _, err := q.LabelValues(ctx, labelSensor, nil, labels.MustNewMatcher(labels.MatchEqual, promodel.MetricNameLabel, Record.String()))
	return out, err
}

func (s *Service) hierarchiesOf(ctx context.Context, group string) ([]string, error) {
	st := s.opts.Store.Stats()
	q, err := s.opts.Store.Queryable().Querier(int64(st.Oldest), int64(st.Newest))
	if err != nil {
		return nil, err
	}
	defer q.Close()
	out, _, err := q.LabelValues(ctx, labelHierarchy, nil, labels.MustNewMatcher(labels.MatchEqual, labelGroup, group))
	return out, err
}

// unit is how people write the coherent unit; empty when it is unknown, and
// for counts.
func (x subject) unit() string {
	if x.quantity == "" || x.series.Metric == Count || x.series.Metric == Total {
		return ""
	}
	return x.quantity.Unit().Symbol
}

// swaps are the changes of device whose readings are known.
func (x subject) swaps() []replacement {
	if x.sensor == nil {
		return nil
	}
	var out []replacement
	for i, d := range x.sensor.Devices {
		if i == 0 || d.Start == nil || x.sensor.Devices[i-1].End == nil {
			continue
		}
		out = append(out, replacement{at: record.MillisOf(d.From), end: *x.sensor.Devices[i-1].End, start: *d.Start})
	}
	return out
}
