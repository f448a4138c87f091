package uc

import (
	"math"

	"github.com/wattwerk/wattwerk/record"
)

// columnsLimit bounds the memory for remembered sensor columns, in bytes per
// partition.
const columnsLimit = 64 << 20

// Result is what a window says of a sensor.
type Result struct {
	Sensor     record.SensorID
	Hour       int8          // of the day; -1: the window is of all hours
	Start, End record.Millis // the window: Start <= t < End
	At         record.Millis // everything before this time is in
	Final      bool          // the window was passed, and nothing more will come in
	Moments
}

// sensors numbers the sensors of a partition.
type sensors struct {
	slots   map[record.SensorID]uint32
	names   []record.SensorID
	columns *record.Columns[uint32]
}

func newSensors() sensors {
	return sensors{slots: make(map[record.SensorID]uint32), columns: record.NewColumns[uint32](columnsLimit)}
}

// of gives the numbers of the sensors a batch names.
func (s *sensors) of(b *record.Batch) []uint32 {
	return s.columns.Get(b.SensorColumn(), func() []uint32 {
		refs := make([]uint32, 0, b.SensorCount())
		for _, id := range b.Names() {
			n, ok := s.slots[id]
			if !ok {
				n = uint32(len(s.names))
				s.slots[id] = n
				s.names = append(s.names, id)
			}
			refs = append(refs, n)
		}
		return refs
	})
}

// Tumbling divides the time of every sensor of a partition into windows of
// equal length, aligned to 1970, and tells of each window once: when a record
// of the partition is as far past its end as the grace says. Not safe for
// concurrent use.
type Tumbling struct {
	size, grace record.Millis
	emit        func(Result)
	sensors     sensors
	open        []*tumble     // by start
	spare       *tumble       // to be used again
	newest      record.Millis // of all records: the time of the stream
	closing     record.Millis // when the first of open is passed
	late        uint64
}

// tumble is one window of all sensors.
type tumble struct {
	start record.Millis
	of    []Moments // by number
}

// NewTumbling makes windows of so many milliseconds.
func NewTumbling(size, grace record.Millis, emit func(Result)) *Tumbling {
	return &Tumbling{size: size, grace: grace, emit: emit, sensors: newSensors(), newest: math.MinInt64, closing: math.MaxInt64}
}

// Late is how many records came when their window was passed.
func (w *Tumbling) Late() uint64 { return w.late }

// Step takes a message of the partition.
func (w *Tumbling) Step(b *record.Batch) {
	slots := w.sensors.of(b)
	var in *tumble
	for i, v := range b.Values {
		s := i
		if len(b.Index) > 0 {
			s = int(b.Index[i])
		}
		t := b.Times[i]
		if t > w.newest {
			w.newest = t
			if t >= w.closing {
				w.close(t - w.grace)
				in = nil
			}
		}
		if in == nil || t < in.start || t >= in.start+w.size {
			start := t - t%w.size
			if start+w.size <= w.newest-w.grace {
				w.late++
				continue
			}
			in = w.window(start)
		}
		in.of[slots[s]].Add(v)
	}
}

// window finds or opens a window, with room for every sensor.
func (w *Tumbling) window(start record.Millis) *tumble {
	at := len(w.open)
	for at > 0 && w.open[at-1].start > start {
		at--
	}
	if at == 0 || w.open[at-1].start != start {
		x := w.spare
		if w.spare = nil; x == nil {
			x = new(tumble)
		}
		x.start = start
		w.open = append(w.open, nil)
		copy(w.open[at+1:], w.open[at:])
		w.open[at] = x
		at++
	}
	x := w.open[at-1]
	if missing := len(w.sensors.names) - len(x.of); missing > 0 {
		x.of = append(x.of, make([]Moments, missing)...)
	}
	w.closing = w.open[0].start + w.size + w.grace
	return x
}

// close tells of all windows that end at or before a time.
func (w *Tumbling) close(until record.Millis) {
	for len(w.open) > 0 && w.open[0].start+w.size <= until {
		w.tell(w.open[0], true)
		w.spare = w.open[0]
		clear(w.spare.of)
		w.open = w.open[1:]
	}
	w.closing = math.MaxInt64
	if len(w.open) > 0 {
		w.closing = w.open[0].start + w.size + w.grace
	}
}

func (w *Tumbling) tell(x *tumble, final bool) {
	for i := range x.of {
		if x.of[i].Count > 0 {
			w.emit(Result{Sensor: w.sensors.names[i], Hour: -1, Start: x.start, End: x.start + w.size, At: min(w.newest, x.start+w.size), Final: final, Moments: x.of[i]})
		}
	}
}

// Finish tells of all windows that are open, because the stream has ended.
func (w *Tumbling) Finish() {
	for _, x := range w.open {
		w.tell(x, false)
	}
	w.open, w.closing = nil, math.MaxInt64
}
