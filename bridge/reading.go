package bridge

import (
	"fmt"
	"math"

	"github.com/wattwerk/wattwerk/record"
)

// Arrival as the time of a [Reading] stands for the time its message arrived:
// for sources that state none.
const Arrival record.Millis = math.MinInt64

// Reading is what a meter said, before it is anybody's record. Nothing in it
// is checked yet.
type Reading struct {
	Sensor   string          // the identifier the sensor gets
	Time     record.Millis   // or [Arrival]
	Value    float64         // in Unit
	Unit     string          // any common spelling, "kW"; empty: the coherent unit of the quantity
	Quantity record.Quantity // a hint for sensors nobody knows yet; empty: as the unit says
	Part     []byte          // what it was read from, for the dead letter if it is refused; may be nil
}

// Message is one delivery of a source, with everything that is known before
// its body has been looked into.
type Message struct {
	Body  []byte              // valid until Take returns
	Topic string              // where it was published, for sources that have topics
	Param func(string) string // what the sender said beside the body (HTTP: the query); may be nil
	At    record.Millis       // when it arrived; 0: now
}

// param looks a parameter up.
func (m *Message) param(name string) string {
	if m.Param == nil {
		return ""
	}
	return m.Param(name)
}

// Refusal is an error that says which part of a message it is about, so that
// the dead letter shows that part instead of the beginning of the message.
type Refusal struct {
	Reason error
	Sample []byte // the part as it came; nil: the beginning of the message
	Sensor record.SensorID
	Time   record.Millis
	Value  *float64 // finite, or nil

	unit    string // of the value
	decoded bool   // sensor, time, value and unit are all there is to say
}

// Refuse gives a refusal of the part.
func Refuse(part []byte, format string, args ...any) *Refusal {
	return &Refusal{Reason: fmt.Errorf(format, args...), Sample: part}
}

// Error is the reason.
func (r *Refusal) Error() string { return r.Reason.Error() }

// Unwrap gives the reason.
func (r *Refusal) Unwrap() error { return r.Reason }
