package vigil

import (
	"context"

	"github.com/wattwerk/wattwerk/forecast/anomaly"
	"github.com/wattwerk/wattwerk/model"
	"github.com/wattwerk/wattwerk/object"
	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/service/foresight"
	"github.com/wattwerk/wattwerk/service/stand"
	"github.com/wattwerk/wattwerk/window"
)

// hours is what was read of an object: the means of hours, NaN where they are not known.
type hours struct {
	from  record.Millis
	whole []float64   // nil: there is none
	parts [][]float64 // of a group, by member, with their signs
	known int         // how many of all are known
}

func (x *hours) at(i int) record.Millis { return x.from + record.Millis(i)*stand.Hour }

// read reads what an object is judged by.
func (r *Round) read(ctx context.Context, m *model.Model, k key, from, to record.Millis) (hours, error) {
	x := hours{from: from}
	means := func(id object.ID) ([]float64, error) {
		all, err := r.o.History.Means(ctx, id, from, to)
		values := stand.Hours(all)
		for _, v := range values {
			if v == v {
				x.known++
			}
		}
		return values, err
	}
	if !k.parts {
		var err error
		x.whole, err = means(k.object)
		return x, err
	}
	id, _ := k.object.Group()
	g, ok := m.Group(id)
	o, known := r.world.Object(k.object)
	if !ok || !known {
		return x, nil
	}
	for _, member := range g.Members {
		id := object.OfSensor(member.Sensor)
		if member.Group != "" {
			id = object.OfGroup(member.Group)
		}
		part, ok := r.world.Object(id)
		if !ok || foresight.RateUnit(part) != foresight.RateUnit(o) {
			continue
		}
		values, err := means(id)
		if err != nil {
			return x, err
		}
		if member.Meter {
			x.whole = values
			continue
		}
		if member.Sign < 0 {
			for i := range values {
				values[i] = -values[i]
			}
		}
		x.parts = append(x.parts, values)
	}
	return x, nil
}

// detector makes one for an object that knows nothing yet.
func (r *Round) detector(m *model.Model, id object.ID) (*anomaly.Detector, error) {
	c, err := window.Load(foresight.Zone(m, id))
	if err != nil {
		return nil, err
	}
	return anomaly.New(anomaly.Options{Calendar: c, Step: int64(stand.Hour)})
}

// judge shows hours to the detector.
func judge(s *series, events []anomaly.Event, x *hours) []anomaly.Event {
	for i, v := range x.whole {
		verdict := s.detector.Add(x.at(i), v)
		if verdict.Kind == anomaly.Stuck && believable(s.object) {
			continue
		}
		events = anomaly.Join(events, x.at(i), int64(stand.Hour), v, verdict)
		if verdict.Kind == anomaly.Stuck { // what was unusual before is not what it is stuck at
			e := &events[len(events)-1]
			e.Value, e.Worst = v, verdict
		}
	}
	return events
}

// parts compares the meter of a group with the sum of its other members.
func parts(events []anomaly.Event, x *hours) []anomaly.Event {
	for i, whole := range x.whole {
		if whole != whole || len(x.parts) == 0 {
			continue
		}
		now := make([]float64, len(x.parts))
		for k := range x.parts {
			now[k] = x.parts[k][i]
		}
		excess, kind := anomaly.Parts(whole, now, meters)
		if kind != "" {
			events = anomaly.Join(events, x.at(i), int64(stand.Hour), whole+excess, anomaly.Verdict{Kind: kind, Expected: whole})
		}
	}
	return events
}
