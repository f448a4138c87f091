package anomaly

import (
	"math/rand/v2"

	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/window"
)

// An Injection is an event that was put into a series, to see whether it is found.
type Injection struct {
	Name   string
	At, To int // intervals
}

// Injections are the names of what [Inject] puts in: an hour that is half as much
// again, twelve hours of one value, three hours of nothing, and a night, from
// midnight to six, that is higher by three tenths.
func Injections() []string { return []string{"spike", "stuck", "zero", "night"} }

// Inject puts events into hourly values from one on, one after the other three to
// five days apart, beginning with the one of that number. The values are changed.
func Inject(r *rand.Rand, c window.Calendar, start record.Millis, values []float64, from, first int) []Injection {
	var out []Injection
	for at, k := from, first; at < len(values)-60; k++ {
		e := Injection{Injections()[k%4], at, at + 1}
		switch k % 4 {
		case 0:
			values[at] *= 1.5
		case 1:
			e.To = at + 12
			for i := at; i < e.To; i++ {
				values[i] = values[at]
			}
		case 2:
			e.To = at + 3
			clear(values[at:e.To])
		case 3:
			for (start + record.Millis(int64(e.At)*hour)).Time().In(c.Zone()).Hour() != 0 {
				e.At++
			}
			e.To = e.At + 6
			for i := e.At; i < e.To; i++ {
				values[i] *= 1.3
			}
		}
		out = append(out, e)
		at = e.To + 60 + r.IntN(48)
	}
	return out
}

// Raise adds to all values from one on, for that many, a constant.
func Raise(values []float64, from, n int, by float64) {
	for i := from; i < from+n; i++ {
		values[i] += by
	}
}
