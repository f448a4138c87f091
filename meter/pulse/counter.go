package pulse

import (
	"fmt"
	"math/bits"
	"time"

	"github.com/wattwerk/wattwerk/meter"
	"github.com/wattwerk/wattwerk/meter/obis"
)

// Options of a [Counter].
type Options struct {
	PerKWh   uint32        // pulses for a kilowatt hour, as is written on the meter (imp/kWh)
	Shortest time.Duration // for which the contact is closed at least; 0: 20 ms. The standard has 30 ms
	Export   bool          // the meter counts energy that is fed in
	Total    uint64        // pulses counted before, from where they were kept
}

// most is the constant of no meter there is: more would be pulses of less than
// their shortest length at a kilowatt.
const most = 100_000

// Counter counts pulses. Make it by [New].
type Counter struct {
	o      Options
	closed bool
	since  time.Duration // when it last became so
	total  uint64
	last   time.Duration // when the last pulse began
	apart  time.Duration // what was between the last two; 0: not known
}

// New gives a counter whose contact is open.
func New(o Options) (*Counter, error) {
	if o.PerKWh < 1 || o.PerKWh > most {
		return nil, fmt.Errorf("%d pulses for a kilowatt hour: from 1 to %d are possible", o.PerKWh, most)
	}
	if o.Shortest < 0 {
		return nil, fmt.Errorf("a pulse of %v is none", o.Shortest)
	}
	if o.Shortest == 0 {
		o.Shortest = 20 * time.Millisecond
	}
	return &Counter{o: o, total: o.Total}, nil
}

// Edge tells that the contact closed or opened, and when, by any clock that only goes
// forward. It is true if that ended a pulse.
func (c *Counter) Edge(closed bool, at time.Duration) bool {
	if closed == c.closed {
		return false
	}
	began, long := c.since, at-c.since
	c.closed, c.since = closed, at
	if closed || long < c.o.Shortest {
		return false
	}
	if c.last > 0 && began > c.last {
		c.apart = began - c.last
	}
	c.last = began
	c.total++
	return true
}

// Total is how many pulses there were.
func (c *Counter) Total() uint64 { return c.total }

// Read adds the energy, in thousandths of a watt hour, and the power to a telegram. Power
// is what the time between the last two pulses says, and not more than that there was
// none since; before the second pulse it is not known.
func (c *Counter) Read(now time.Duration, t *meter.Telegram) {
	energy, power := obis.Import, obis.ImportPower
	if c.o.Export {
		energy, power = obis.Export, obis.ExportPower
	}
	high, low := bits.Mul64(c.total, 1_000_000)
	if high >= uint64(c.o.PerKWh) {
		return // 18,000 million kilowatt hours
	}
	milli, _ := bits.Div64(high, low, uint64(c.o.PerKWh))
	t.Readings = append(t.Readings, meter.Reading{Code: energy, Raw: meter.Unsigned(milli), Scaler: -3, Unit: obis.WattHour, Flags: meter.Unchecked})
	if c.apart == 0 {
		return
	}
	apart := max(c.apart, now-c.last)
	// 3,600,000 Ws for PerKWh pulses, in milliwatts.
	milli = uint64(3_600_000*1000*float64(time.Second)/(float64(c.o.PerKWh)*float64(apart)) + 0.5)
	t.Readings = append(t.Readings, meter.Reading{Code: power, Raw: meter.Unsigned(milli), Scaler: -3, Unit: obis.Watt, Flags: meter.Unchecked})
}
