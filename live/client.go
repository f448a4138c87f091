package live

import (
	"math"
	"slices"
	"sync"

	"github.com/wattwerk/wattwerk/record"
)

// client is one reader: what it wants and what waits for it.
type client struct {
	hierarchies []string // empty: all
	groups      []string // empty: the first limit
	limit       int
	sensors     []record.SensorID
	preview     bool // also ticks that are not final

	wake chan struct{} // has room for one: something waits

	mu     sync.Mutex
	ticks  map[course][]*tick
	order  []course // with ticks waiting, the longest waiting first
	values map[record.SensorID]*series
	asked  []record.SensorID // sensors with values waiting, the longest waiting first
}

type series struct {
	times  []record.Millis
	values []float64
}

func newClient(hierarchies, groups []string, sensors []record.SensorID, limit int) *client {
	return &client{
		hierarchies: hierarchies, groups: groups, limit: limit, sensors: sensors, wake: make(chan struct{}, 1),
		ticks: make(map[course][]*tick), values: make(map[record.SensorID]*series),
	}
}

func (c *client) ring() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// offer never blocks.
func (c *client) offer(t *tick) {
	h := t.layout.hierarchy
	if t.preview && !c.preview {
		return
	}
	if len(c.hierarchies) > 0 && !slices.Contains(c.hierarchies, h) {
		return
	}
	way := course{h, t.preview, t.layout.part}
	c.mu.Lock()
	waiting := c.ticks[way]
	if len(waiting) == 0 {
		c.order = append(c.order, way)
	}
	if len(waiting) >= waitingTicks {
		waiting = waiting[:0]
	}
	c.ticks[way] = append(waiting, t)
	c.mu.Unlock()
	c.ring()
}

// offerValue never blocks.
func (c *client) offerValue(id record.SensorID, t record.Millis, v float64) {
	c.mu.Lock()
	s := c.values[id]
	if s == nil {
		s = new(series)
		c.values[id] = s
	}
	if len(s.times) == 0 {
		c.asked = append(c.asked, id)
	}
	if len(s.times) >= waitingValues {
		s.times, s.values = slices.Delete(s.times, 0, 1), slices.Delete(s.values, 0, 1)
	}
	s.times, s.values = append(s.times, t), append(s.values, v)
	c.mu.Unlock()
	c.ring()
}

// takeTicks gives the ticks that wait, and forgets them.
func (c *client) takeTicks() []*tick {
	c.mu.Lock()
	defer c.mu.Unlock()
	var out []*tick
	for _, h := range c.order {
		out = append(out, c.ticks[h]...)
		delete(c.ticks, h)
	}
	c.order = c.order[:0]
	return out
}

// takeValues gives the records that wait, and forgets them.
func (c *client) takeValues() Records {
	c.mu.Lock()
	defer c.mu.Unlock()
	var out Records
	for _, id := range c.asked {
		s := c.values[id]
		for i := range s.times {
			out.Sensor = append(out.Sensor, id)
			out.T = append(out.T, s.times[i])
			v := &s.values[i]
			if math.IsNaN(*v) {
				v = nil
			}
			out.Value = append(out.Value, v)
		}
		s.times, s.values = s.times[:0], nil // the values are given away
	}
	c.asked = c.asked[:0]
	return out
}
