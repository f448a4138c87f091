package availability

import (
	"github.com/wattwerk/wattwerk/object"
	"github.com/wattwerk/wattwerk/record"
)

// Source says where a value comes from.
type Source string

// The sources there are.
const (
	None        Source = "none" // there is no value
	Live        Source = "live"
	Substituted Source = "substituted" // another object stands in
	Virtual     Source = "virtual"     // made of earlier values
)

// Value is what an object, or a link to one, is good for.
type Value struct {
	Share  float64 // 0: there is no value; 1: measured and fresh; between: what a stand-in is worth
	Source Source
	By     object.ID     // who stands in, of substituted values
	Since  record.Millis // since when it is so, 0: not known
}

// Measured is the value of an object that is there and fresh.
func Measured(since record.Millis) Value { return Value{Share: 1, Source: Live, Since: since} }

// Missed is the value of an object without any.
func Missed(since record.Millis) Value { return Value{Source: None, Since: since} }

// Condition is what is known of a structure at one moment. [Structure.Evaluate]
// believes it: whoever makes it sees to it that what stands in is there itself.
type Condition struct {
	Objects []Value        // of every object, by its index
	Links   map[Link]Value // what a composite sees of a member, where it is not the member's own value: cut if the share is 0, else mended by what stands in for this link
	Cut     map[Use]Value  // composites that a microservice cannot reach
	Down    map[int]Value  // microservices without an instance that works; only Since of the values counts
}

// AllLive is the condition in which every object is measured and fresh.
func (s *Structure) AllLive() *Condition {
	c := &Condition{Objects: make([]Value, len(s.objects))}
	for i := range c.Objects {
		c.Objects[i] = Measured(0)
	}
	return c
}

// Sight is what is known of one object.
type Sight struct {
	State   object.State
	Share   float64       // what a substituted or virtual value is worth
	By      object.ID     // who stands in
	Last    record.Millis // the newest measured value a virtual one is made of; 0: there is none
	Horizon int64         // how old that may be, in ms
	Since   record.Millis // since when the state is what it is
}

// ValueOf gives the value of an object at a moment. Live and late ones are
// measured; stale ones are not there any more; what stands in for them is worth
// its share, and a virtual value nothing once what it is made of is older than the
// horizon.
func ValueOf(s Sight, now record.Millis) Value {
	switch s.State {
	case object.Live, object.Late:
		return Measured(s.Since)
	case object.Substituted:
		if s.Share > 0 {
			return Value{Share: min(s.Share, 1), Source: Substituted, By: s.By, Since: s.Since}
		}
	case object.Virtual:
		if s.Last == 0 || s.Horizon < 0 {
			break
		}
		if int64(now-s.Last) > s.Horizon {
			return Missed(s.Last + record.Millis(s.Horizon))
		}
		if s.Share > 0 {
			return Value{Share: min(s.Share, 1), Source: Virtual, Since: s.Since}
		}
	}
	return Missed(s.Since)
}
