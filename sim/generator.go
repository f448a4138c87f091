package sim

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"time"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/wattwerk/wattwerk/record"
)

// Options of a [Generator].
type Options struct {
	Sensors    int           // how many; with Depth set, what Depth says
	Groups     int           // they are spread over evenly, below one root; default 1
	Depth      int           // instead of Groups: nested groups of this many levels, 0 to 10
	Arity      int           // members of each nested group; default 4. Sensors are Arity^Depth
	Interval   time.Duration // between two readings of a sensor; default 1 s, whole milliseconds
	Seed       uint64
	Constant   float64 // if not 0: the value of every reading, for checking sums
	Outage     float64 // share of the time a sensor is silent, 0 to 1, in stretches of 10 minutes
	Prefix     string  // of the identifiers of sensors and groups; default "sim."
	BatchSize  int     // records in one message; default 1000
	Partitions int     // of the bus; default 1
}

const outageSpan = 10 * 60 * 1000 // ms

// Generator makes the readings of many sensors.
type Generator struct {
	opts  Options
	noise [4096]float64
	lanes []lane
}

// lane is what does not change of one partition.
type lane struct {
	sensors []int32  // numbers of the sensors, in the order of the batches
	columns [][]byte // the encoded names of each batch
}

// New makes a generator. It holds about 50 bytes a sensor, and the names.
func New(o Options) (*Generator, error) {
	if o.Arity == 0 {
		o.Arity = 4
	}
	if o.Interval == 0 {
		o.Interval = time.Second
	}
	if o.Prefix == "" {
		o.Prefix = "sim."
	}
	if o.BatchSize == 0 {
		o.BatchSize = 1000
	}
	if o.Partitions == 0 {
		o.Partitions = 1
	}
	if o.Depth > 0 {
		o.Sensors, o.Groups = 1, 0
		for range o.Depth {
			o.Sensors *= o.Arity
		}
	} else if o.Groups == 0 {
		o.Groups = 1
	}
	switch {
	case o.Depth < 0 || o.Depth > 10 || o.Arity < 1 || o.Arity > 1000:
		return nil, errors.New("simulate: groups are nested 0 to 10 levels deep, with 1 to 1000 members each")
	case o.Sensors < 1 || o.Sensors > 50_000_000:
		return nil, fmt.Errorf("simulate: %d sensors, between 1 and 50 million are possible", o.Sensors)
	case o.Groups < 0 || o.Groups > o.Sensors:
		return nil, fmt.Errorf("simulate: %d groups for %d sensors", o.Groups, o.Sensors)
	case o.Interval < time.Millisecond || o.Interval%time.Millisecond != 0:
		return nil, fmt.Errorf("simulate: interval %s is not of whole milliseconds", o.Interval)
	case o.BatchSize < 1 || o.BatchSize > record.MaxBatch:
		return nil, fmt.Errorf("simulate: batches of %d, between 1 and %d are possible", o.BatchSize, record.MaxBatch)
	case o.Partitions < 1 || !(o.Outage >= 0 && o.Outage <= 1):
		return nil, errors.New("simulate: partitions are at least 1, outages a share from 0 to 1")
	}
	g := &Generator{opts: o, lanes: make([]lane, o.Partitions)}
	for i := range g.noise {
		// The sum of four even draws is near enough to a bell; ±20 % at most.
		sum := 0.0
		for k := range 4 {
			sum += float64(mix(o.Seed^uint64(i*4+k))>>11)/(1<<53) - 0.5
		}
		g.noise[i] = sum * 0.1
	}
	for i := range o.Sensors {
		l := &g.lanes[record.Partition(g.Sensor(i), o.Partitions)]
		l.sensors = append(l.sensors, int32(i))
	}
	var buf []byte
	for p := range g.lanes {
		l := &g.lanes[p]
		for at := 0; at < len(l.sensors); at += o.BatchSize {
			buf = buf[:0]
			for _, i := range l.sensors[at:min(at+o.BatchSize, len(l.sensors))] {
				buf = protowire.AppendTag(buf, 1, protowire.BytesType)
				buf = protowire.AppendString(buf, string(g.Sensor(int(i))))
			}
			l.columns = append(l.columns, append([]byte(nil), buf...))
		}
	}
	return g, nil
}

// Options gives the options with defaults filled in.
func (g *Generator) Options() Options { return g.opts }

// Sensor is the identifier of sensor i, from 0.
func (g *Generator) Sensor(i int) record.SensorID {
	return record.SensorID(g.opts.Prefix + "s" + strconv.Itoa(i))
}

// mix turns a number into an unrelated one (SplitMix64).
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// classes of sensors differ in when they work: offices by day, bakeries by
// night, servers always.
const classes = 8

// shape gives for every class which part of its power is drawn at a time: a
// daily curve and, on weekends, less.
func shape(t record.Millis) [classes]float64 {
	const day = 24 * 3600 * 1000
	const monday = 4 * day // 1970-01-05
	of := float64(t%day) / day
	weekend := (t-monday)/day%7 >= 5
	var out [classes]float64
	for c := range out {
		swing := float64(c%4) * 0.15
		f := 1 + swing*math.Cos(2*math.Pi*(of-0.55-float64(c)/classes*0.25))
		if weekend && c >= 2 {
			f *= 0.6
		}
		out[c] = f
	}
	return out
}

// draw computes the value of sensor i at tick n.
func (g *Generator) draw(i int, n uint64, shape *[classes]float64) float64 {
	h := (uint64(i) + g.opts.Seed) * 0x9e3779b97f4a7c15
	base := 40 + float64(h>>52)*0.125 // 40 to 552 W
	v := base * (shape[h>>40%classes] + g.noise[(h>>20+n*2654435761>>7)%4096])
	return math.Floor(v*8) * 0.125
}

// out tells whether sensor i is silent in a stretch of time.
func (g *Generator) out(i int, stretch int64) bool {
	return float64(mix(uint64(i)^g.opts.Seed^uint64(stretch)*0x94d049bb133111eb)>>11)/(1<<53) < g.opts.Outage
}

// Value gives the reading of sensor i at time t, a multiple of the interval,
// and false when it is silent.
func (g *Generator) Value(i int, t record.Millis) (float64, bool) {
	if g.opts.Outage > 0 && g.out(i, int64(t)/outageSpan) {
		return 0, false
	}
	if g.opts.Constant != 0 {
		return g.opts.Constant, true
	}
	s := shape(t)
	return g.draw(i, uint64(int64(t)/g.opts.Interval.Milliseconds()), &s), true
}

// Lane gives the readings of one partition. Lanes of a generator may be used
// side by side, one lane by one goroutine.
func (g *Generator) Lane(partition int) *Lane {
	return &Lane{
		g: g, lane: &g.lanes[partition], stretch: -1,
		times: make([]record.Millis, g.opts.BatchSize), values: make([]float64, g.opts.BatchSize),
	}
}

// Lane makes the messages of one partition.
type Lane struct {
	g       *Generator
	lane    *lane
	times   []record.Millis
	values  []float64
	filled  bool // values are the constant
	stretch int64
	silent  []bool // per sensor of the lane, in the stretch
	index   []uint32
	buf     []byte
}

// Sensors is how many sensors the partition has.
func (l *Lane) Sensors() int { return len(l.lane.sensors) }

// Fill encodes the readings of all sensors of the partition at time t, a
// multiple of the interval, and hands over message after message, ready to
// publish. The bytes are valid until the next one. An error of publish ends it
// and is returned.
func (l *Lane) Fill(t record.Millis, publish func(batch []byte, records int) error) error {
	g, size := l.g, l.g.opts.BatchSize
	for i := range l.times {
		l.times[i] = t
	}
	curve := shape(t)
	tick := uint64(int64(t) / g.opts.Interval.Milliseconds())
	l.outages(t)
	for b, column := range l.lane.columns {
		from := b * size
		sensors := l.lane.sensors[from:min(from+size, len(l.lane.sensors))]
		values := l.values[:len(sensors)]
		switch {
		case g.opts.Constant == 0:
			for k, i := range sensors {
				values[k] = g.draw(int(i), tick, &curve)
			}
		case !l.filled:
			for k := range l.values {
				l.values[k] = g.opts.Constant
			}
			l.filled = true
		}
		var index []uint32
		n := len(values)
		if l.silent != nil {
			l.index, n = l.index[:0], 0
			for k, v := range values {
				if !l.silent[from+k] {
					l.index = append(l.index, uint32(k))
					values[n] = v
					n++
				}
			}
			// Without an index the names would have to be as many as the records.
			if n < len(values) {
				index = l.index
			}
			if n == 0 {
				continue
			}
		}
		l.buf = append(l.buf[:0], column...)
		l.buf = appendColumns(l.buf, index, l.times[:n], values[:n])
		if err := publish(l.buf, n); err != nil {
			return err
		}
	}
	return nil
}

// appendColumns is record.EncodeColumns, which leaves an index out that merely
// counts up; here it must stay when fewer records follow than names.
func appendColumns(dst []byte, index []uint32, times []record.Millis, values []float64) []byte {
	counts := true
	for i, x := range index {
		counts = counts && int(x) == i
	}
	if index != nil && counts {
		dst = protowire.AppendTag(dst, 2, protowire.BytesType)
		n := 0
		for _, x := range index {
			n += protowire.SizeVarint(uint64(x))
		}
		dst = protowire.AppendVarint(dst, uint64(n))
		for _, x := range index {
			dst = protowire.AppendVarint(dst, uint64(x))
		}
		index = nil
	}
	return record.EncodeColumns(dst, index, times, values)
}

// outages notes who is silent at t.
func (l *Lane) outages(t record.Millis) {
	stretch := int64(t) / outageSpan
	if l.g.opts.Outage == 0 || stretch == l.stretch {
		return
	}
	l.stretch = stretch
	l.silent = make([]bool, len(l.lane.sensors))
	for k, i := range l.lane.sensors {
		l.silent[k] = l.g.out(int(i), stretch)
	}
}
