package uc

import (
	"math"
	"time"

	"github.com/wattwerk/wattwerk/record"
)

const (
	day     record.Millis = 24 * 3600 * 1000
	quarter record.Millis = 15 * 60 * 1000
)

// HourOfDay says how every sensor of a partition behaves at each hour of the
// day, over windows of some days that begin anew every (UTC) day. The hour is
// that of a time zone, so in a day when clocks are changed one of its hours
// has twice as many records, or none.
//
// A record is in as many windows as a window has days. Instead of updating
// them all, it is counted once, in the bucket of its day and hour; windows are
// put together from buckets when they are told of: finally when a record of
// the partition passes their end, and before that, if wished, at every
// multiple of an interval for all buckets that changed. Not safe for
// concurrent use.
type HourOfDay struct {
	zone    *time.Location
	days    record.Millis // length of a window
	every   record.Millis // between early results; 0: none
	emit    func(Result)
	sensors sensors
	buckets map[record.Millis]*buckets // by the number of the day
	first   record.Millis              // the earliest of them
	newest  record.Millis              // of all records: the time of the stream
	closing record.Millis              // the next end of a window
	telling record.Millis              // the next early results
	changed []change                   // since the last ones
	late    uint64

	quarter record.Millis // whose hour is known
	hour    int8
}

// buckets are one day of all sensors.
type buckets struct {
	of      []*[24]Moments // by number; nil: nothing yet
	changed []uint32       // hours with records since the last early results
}

type change struct {
	slot uint32
	hour int8
	day  record.Millis
}

// NewHourOfDay makes windows of so many days. every is the time between early
// results, 0 for none.
func NewHourOfDay(zone *time.Location, days int, every record.Millis, emit func(Result)) *HourOfDay {
	w := &HourOfDay{
		zone: zone, days: record.Millis(days), every: every, emit: emit, sensors: newSensors(),
		buckets: make(map[record.Millis]*buckets), newest: math.MinInt64, closing: math.MinInt64, telling: math.MaxInt64, quarter: math.MinInt64,
	}
	return w
}

// Late is how many records came when all of their windows were passed.
func (w *HourOfDay) Late() uint64 { return w.late }

// Step takes a message of the partition.
func (w *HourOfDay) Step(b *record.Batch) {
	slots := w.sensors.of(b)
	var in *buckets
	today := record.Millis(math.MinInt64)
	for i, v := range b.Values {
		s := i
		if len(b.Index) > 0 {
			s = int(b.Index[i])
		}
		slot, t := slots[s], b.Times[i]
		if t > w.newest {
			if t >= w.closing {
				in = nil
			}
			w.advance(t)
		}
		if d := t / day; d != today || in == nil {
			if (d+w.days)*day <= w.newest {
				w.late++
				continue
			}
			today, in = d, w.of(d)
		}
		hour := w.hourOf(t)
		if in.of[slot] == nil {
			in.of[slot] = new([24]Moments)
		}
		in.of[slot][hour].Add(v)
		if w.every > 0 && in.changed[slot]>>hour&1 == 0 {
			in.changed[slot] |= 1 << hour
			w.changed = append(w.changed, change{slot, hour, today})
		}
	}
}

// hourOf is the hour of the day in the zone. Offsets are whole quarters, so
// within a quarter of an hour it is the same.
func (w *HourOfDay) hourOf(t record.Millis) int8 {
	if q := t / quarter; q != w.quarter {
		w.quarter, w.hour = q, int8(t.Time().In(w.zone).Hour())
	}
	return w.hour
}

// of gives the buckets of a day, with room for every sensor.
func (w *HourOfDay) of(d record.Millis) *buckets {
	x := w.buckets[d]
	if x == nil {
		x = new(buckets)
		w.buckets[d] = x
		if len(w.buckets) == 1 || d < w.first {
			w.first = d
		}
	}
	if missing := len(w.sensors.names) - len(x.of); missing > 0 {
		x.of = append(x.of, make([]*[24]Moments, missing)...)
		x.changed = append(x.changed, make([]uint32, missing)...)
	}
	return x
}

// advance moves the stream's time to t and tells of what is due on the way.
func (w *HourOfDay) advance(t record.Millis) {
	if w.newest == math.MinInt64 {
		w.closing = (t/day + 1) * day
		if w.every > 0 {
			w.telling = (t/w.every + 1) * w.every
		}
	}
	w.newest = t
	for w.closing <= t || w.telling <= t {
		if w.closing <= w.telling {
			w.close(w.closing / day)
			w.closing += day
			continue
		}
		w.tell()
		if w.telling += w.every; len(w.changed) == 0 && w.telling <= t {
			w.telling = (t/w.every + 1) * w.every // nothing changes on the way
		}
	}
}

// close tells of the window that ends with the day before d.
func (w *HourOfDay) close(d record.Millis) {
	var sum [24]Moments
	for slot, name := range w.sensors.names {
		sum = [24]Moments{}
		for at := d - w.days; at < d; at++ {
			x := w.buckets[at]
			if x == nil || slot >= len(x.of) || x.of[slot] == nil {
				continue
			}
			for h := range sum {
				sum[h].Merge(&x.of[slot][h])
			}
		}
		for h := range sum {
			if sum[h].Count > 0 {
				w.emit(Result{Sensor: name, Hour: int8(h), Start: (d - w.days) * day, End: d * day, At: d * day, Final: true, Moments: sum[h]})
			}
		}
	}
	for w.first <= d-w.days && len(w.buckets) > 0 { // no later window has it
		delete(w.buckets, w.first)
		w.first++
	}
}

// tell gives the early results of all that changed.
func (w *HourOfDay) tell() {
	newest := (w.telling - 1) / day
	passed := w.telling/day - w.days // a window that begins here or before has been passed
	for _, c := range w.changed {
		from := max(c.day-w.days, passed) + 1
		if x := w.buckets[c.day-1]; x != nil && int(c.slot) < len(x.changed) && x.changed[c.slot]>>c.hour&1 == 1 {
			from = max(from, c.day) // the rest is told of with yesterday's change
		}
		var sum Moments
		for start := newest; start >= from; start-- {
			if x := w.buckets[start]; x != nil && int(c.slot) < len(x.of) && x.of[c.slot] != nil {
				sum.Merge(&x.of[c.slot][c.hour])
			}
			if start <= c.day {
				w.emit(Result{Sensor: w.sensors.names[c.slot], Hour: c.hour, Start: start * day, End: (start + w.days) * day, At: w.telling, Moments: sum})
			}
		}
	}
	for _, c := range w.changed {
		if x := w.buckets[c.day]; x != nil {
			x.changed[c.slot] = 0
		}
	}
	w.changed = w.changed[:0]
}
