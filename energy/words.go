package energy

import (
	"fmt"
	"math"

	"github.com/wattwerk/wattwerk/record"
)

// Quality is on what a value rests. Of several the worst counts, which is the
// largest. The numbers are stored and do not change.
type Quality uint8

// The qualities, the best first. A reading with None counts as Measured.
const (
	None        Quality = iota // there is no value
	Measured                   // by the sensor
	Corrected                  // by a person
	Substituted                // taken from elsewhere
	Estimated                  // spread over a gap, or interpolated
)

var qualities = [...]string{"none", "measured", "corrected", "substituted", "estimated"}

// String is the quality in a word, lower case.
func (q Quality) String() string {
	if int(q) >= len(qualities) {
		return fmt.Sprintf("quality %d", uint8(q))
	}
	return qualities[q]
}

// MarshalText is String for a valid quality.
func (q Quality) MarshalText() ([]byte, error) { return marshal(qualities[:], uint8(q), "quality") }

// UnmarshalText reads what MarshalText writes.
func (q *Quality) UnmarshalText(text []byte) error {
	return unmarshal(qualities[:], (*uint8)(q), text, "quality")
}

func marshal(names []string, n uint8, what string) ([]byte, error) {
	if int(n) >= len(names) {
		return nil, fmt.Errorf("%d is no %s", n, what)
	}
	return []byte(names[n]), nil
}

func unmarshal(names []string, n *uint8, text []byte, what string) error {
	for i, s := range names {
		if s == string(text) {
			*n = uint8(i)
			return nil
		}
	}
	return fmt.Errorf("%.40q is no %s", text, what)
}

// Reading is what a sensor showed at a time, in its coherent unit. A value that
// is not a number is null: from here on there is none.
type Reading struct {
	Time    record.Millis
	Value   float64
	Quality Quality
}

// Value is what is known of a window.
type Value struct {
	Known     bool    // whether there is an amount; if not, Amount and Estimated are 0
	Quality   Quality // the worst of what it is made of
	Count     uint32  // readings with a value in the window, without those set aside
	Covered   int64   // ms of the window for which there is a value
	Amount    Amount  // in the coherent unit times hours of gauges, the coherent unit of counters
	Estimated Amount  // the part of Amount that is estimated

	// Over the time that is covered, NaN when there is none; in the coherent unit
	// of gauges, the coherent unit by hour of counters.
	Average, Min, Max float64
}

// Rules say how the readings of a sensor are understood. The zero Rules are
// those of a gauge whose readings hold for no time.
type Rules struct {
	Counter   bool    // the values count up, instead of showing what is the case now
	Integral  bool    // of gauges: the integral over time means something, as of power, and unlike that of voltage
	Interval  int64   // ms expected between readings
	MaxAge    int64   // ms that a reading holds at most; -1: until the next
	Width     float64 // the value at which a counter begins again at zero: 100000 with five digits; 0: none known
	Tolerance float64 // fall of a counter that means nothing; at least the smallest step it shows
	MaxRate   float64 // coherent units in an hour that a counter can rise by, at most; 0: not known
	Swaps     []Swap  // of counters, in order of time
}

// Swap is a change of the device behind a counter.
type Swap struct {
	At    record.Millis // from here on the readings are the new device's
	End   *float64      // last reading of the old device; nil: not known
	Start *float64      // first reading of the new one; nil: not known
}

// Kind is how a reading, and the way to it from the one before, is understood. The
// numbers are stored and do not change.
type Kind uint8

// The kinds.
const (
	Normal   Kind = iota // the difference counts
	Reset                // the counter began anew
	Rollover             // the counter ran over its width
	Backstep             // it fell by less than means anything
	Jump                 // it rose by more than it can, or fell for no reason that is known
	Swapped              // the device was changed
	Glitch               // the reading is set aside
	Stated               // a person said by how much it rose
	TooLarge             // the reading, or the amount of the window that begins here, is too large
)

var kinds = [...]string{"normal", "reset", "rollover", "backstep", "jump", "swap", "glitch", "stated", "too large"}

// String is the kind in a word or two, lower case.
func (k Kind) String() string {
	if int(k) >= len(kinds) {
		return fmt.Sprintf("kind %d", uint8(k))
	}
	return kinds[k]
}

// MarshalText is String for a valid kind.
func (k Kind) MarshalText() ([]byte, error) { return marshal(kinds[:], uint8(k), "kind") }

// UnmarshalText reads what MarshalText writes.
func (k *Kind) UnmarshalText(text []byte) error {
	return unmarshal(kinds[:], (*uint8)(k), text, "kind")
}

// Override is how a person wants the reading of a time to be understood. It goes
// before all rules, and what it leads to is Corrected; of several for one time the last counts. For gauges Ignore
// alone has a meaning.
type Override struct {
	Time  record.Millis // of the reading
	Kind  OverrideKind
	Value *float64 // see the kinds
}

// OverrideKind is what an override says. The numbers are stored and do not
// change.
type OverrideKind uint8

// The kinds of overrides.
const (
	Ignore     OverrideKind = iota // set the reading aside
	Accept                         // the difference counts as it is, whatever it is
	ToReset                        // the counter began anew, at Value; nil: at zero
	ToRollover                     // the counter ran over Value; nil: over Rules.Width
	Rise                           // it rose by Value
)

var overrideKinds = [...]string{"ignore", "accept", "reset", "rollover", "rise"}

// String is the kind in a word, lower case.
func (k OverrideKind) String() string {
	if int(k) >= len(overrideKinds) {
		return fmt.Sprintf("override %d", uint8(k))
	}
	return overrideKinds[k]
}

// MarshalText is String for a valid kind.
func (k OverrideKind) MarshalText() ([]byte, error) {
	return marshal(overrideKinds[:], uint8(k), "kind of override")
}

// UnmarshalText reads what MarshalText writes.
func (k *OverrideKind) UnmarshalText(text []byte) error {
	return unmarshal(overrideKinds[:], (*uint8)(k), text, "kind of override")
}

// Annotation shows how a reading was understood that is not just the next.
type Annotation struct {
	Time       record.Millis // of the reading
	Kind       Kind
	Before     float64 // value of the reading before that counts; NaN: there is none
	After      float64 // value of this reading
	Rise       Amount  // what is taken to lie between both, if Known
	Known      bool
	ByOverride bool
}

// String is the annotation in a sentence.
func (a Annotation) String() string {
	s := a.what()
	if a.ByOverride {
		s += ", by override"
	}
	return a.Time.String() + ": " + s
}

func (a Annotation) what() string {
	counted := "counted as " + a.Rise.String()
	if !a.Known {
		counted = "the amount is not known"
	}
	from := fmt.Sprintf("%.15g to %.15g", a.Before, a.After)
	switch a.Kind {
	case Glitch:
		if math.IsNaN(a.Before) {
			return fmt.Sprintf("glitch, %.15g is set aside", a.After)
		}
		return fmt.Sprintf("glitch, %.15g after %.15g is set aside", a.After, a.Before)
	case TooLarge:
		if math.IsNaN(a.After) {
			return "too large an amount, it is left out"
		}
		return fmt.Sprintf("too large, %.15g is left out", a.After)
	case Swapped:
		return "swap of the device, " + from + ", " + counted
	}
	return a.Kind.String() + ", " + from + ", " + counted
}
