package anomaly

import (
	"math"

	"github.com/wattwerk/wattwerk/record"
)

// A Meter follows the readings of an energy counter, which never goes backwards.
type Meter struct {
	last  int64
	begun bool
}

// Add judges a reading. One that is less than the one before is [Backwards]: the
// counter was reset or exchanged, and from there on it counts anew.
func (m *Meter) Add(reading int64) Kind {
	back := m.begun && reading < m.last
	m.last, m.begun = reading, true
	if back {
		return Backwards
	}
	return ""
}

// Parts tells whether the parts are more than their whole, by more than the share that
// meters may be wrong by (0.02 is 2 %), and how much more. A part that is not known (NaN)
// counts nothing; without the whole there is no verdict.
func Parts(whole float64, parts []float64, share float64) (excess float64, kind Kind) {
	sum, size := 0.0, 0.0
	for _, p := range parts {
		if p == p {
			sum += p
			size += math.Abs(p)
		}
	}
	if excess = sum - whole; excess > share*max(size, math.Abs(whole)) {
		return excess, PartsExceed
	}
	return max(excess, 0), ""
}

// An Event is one anomaly, however many values it has.
type Event struct {
	Kind     Kind
	From, To record.Millis // To is when its last interval ends
	Values   int           // how many are wrong
	Worst    Verdict       // of the value that is farthest from what was expected
	Value    float64       // that value
}

// together is how many intervals may be between values of one event.
const together = 3

// Scan gives the anomalies of a whole series, as they would have been found one value
// after the other.
func Scan(o Options, start record.Millis, values []float64) ([]Event, error) {
	d, err := New(o)
	if err != nil {
		return nil, err
	}
	var out []Event
	for i, v := range values {
		at := start + record.Millis(int64(i)*o.Step)
		out = Join(out, at, o.Step, v, d.Add(at, v))
	}
	return out, nil
}

// Join adds a verdict to the events, to the last one if it goes on.
func Join(events []Event, at record.Millis, step int64, v float64, x Verdict) []Event {
	if x.Kind == "" {
		return events
	}
	end := at + record.Millis(step)
	if n := len(events); n > 0 {
		e := &events[n-1]
		if at-e.To <= together*record.Millis(step) && (e.Kind == x.Kind || e.Kind == Unusual) {
			e.Kind, e.To = x.Kind, end // what was unusual turns out to be stuck
			e.Values++
			if math.Abs(v-x.Expected) > math.Abs(e.Value-e.Worst.Expected) {
				e.Worst, e.Value = x, v
			}
			return events
		}
	}
	return append(events, Event{Kind: x.Kind, From: at, To: end, Values: 1, Worst: x, Value: v})
}
