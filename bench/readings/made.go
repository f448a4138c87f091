package readings

import (
	"context"
	"sync/atomic"

	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/settlement/reading"
	"github.com/wattwerk/wattwerk/sim"
	"github.com/wattwerk/wattwerk/window"
)

// minute is the interval of the readings that are measured with, in ms.
const minute = 60_000

// Made are readings that are made while they are asked for: the same ones
// whenever that is, one a minute for each sensor. It is safe for concurrent
// use.
type Made struct {
	from, to record.Millis // of them; to is not part of it
	week     []float64     // what a sensor shows in a week, minute by minute
	sensors  map[record.SensorID]int
	count    atomic.Int64 // readings that were handed over
}

// Make makes those of so many sensors of a generator, between two times of which
// the second is not part of them.
func Make(gen *sim.Generator, sensors int, from, to record.Millis) *Made {
	m := &Made{from: from, to: to, week: make([]float64, 7*24*60), sensors: make(map[record.SensorID]int, sensors)}
	for n := range m.week {
		m.week[n], _ = gen.Value(0, from/minute*minute+record.Millis(n)*minute)
	}
	for i := range sensors {
		m.sensors[gen.Sensor(i)] = i
	}
	return m
}

// Scan hands over those of a sensor, a few hours at once. Sensors show the same
// week, each begins elsewhere in it.
func (m *Made) Scan(ctx context.Context, id record.SensorID, from, to record.Millis, f func([]int64, []float64) error) error {
	i, ok := m.sensors[id]
	if !ok {
		return nil
	}
	var times [512]int64
	var values [512]float64
	first, last := (max(from, m.from)+minute-1)/minute, min(to, m.to-1)/minute
	for at := first; at <= last; at += record.Millis(len(times)) {
		n := int(min(last-at+1, record.Millis(len(times))))
		place := (int(at) + i*7919) % len(m.week)
		for k := range n {
			times[k], values[k] = int64(at+record.Millis(k))*minute, m.week[place]
			if place++; place == len(m.week) {
				place = 0
			}
		}
		m.count.Add(int64(n))
		if err := f(times[:n], values[:n]); err != nil {
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	return nil
}

// Extent gives their bounds.
func (m *Made) Extent() (oldest, newest record.Millis) { return m.from, m.to - minute }

// Late are readings of which those of a sensor in a span come later. It is safe for
// concurrent use.
type Late struct {
	reading.Source
	Sensor record.SensorID
	At     window.Span
	come   atomic.Bool
}

// Come has those come that are late.
func (l *Late) Come() { l.come.Store(true) }

// Scan hands over those that have come.
func (l *Late) Scan(ctx context.Context, id record.SensorID, from, to record.Millis, f func([]int64, []float64) error) error {
	if id != l.Sensor || l.come.Load() {
		return l.Source.Scan(ctx, id, from, to, f)
	}
	return l.Source.Scan(ctx, id, from, to, func(ts []int64, vs []float64) error {
		var times []int64
		var values []float64
		for i, t := range ts {
			if t < int64(l.At.From) || t >= int64(l.At.To) {
				times, values = append(times, t), append(values, vs[i])
			}
		}
		if len(times) == 0 {
			return nil
		}
		return f(times, values)
	})
}
