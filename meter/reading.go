package meter

import (
	"slices"
	"strings"

	"github.com/wattwerk/wattwerk/meter/obis"
)

// Kind says what a reading's value is.
type Kind uint8

// The kinds of values.
const (
	Number Kind = iota // Raw, Scaler, Unit
	Text               // Octets: an identification, a key, a name
	Truth              // Raw is 0 or 1
)

// Reading is one value that a meter stated.
type Reading struct {
	Code      obis.Code // what it is of; zero where the protocol does not know OBIS
	Point     string    // what it is of, where Code is zero: "inverter.power"
	Kind      Kind
	Raw       Int       // the integer as the meter sent it; see SignCorrected for the one exception
	Scaler    int8      // the value is Raw times ten to this power
	Unit      obis.Unit // of the value; 0: none stated
	Status    uint64    // the meter's status word; means something if HasStatus
	HasStatus bool
	Time      Time   // of the value; that of the telegram where the value states none
	Octets    []byte // of a Text; valid as long as the telegram
	Flags     Flags
}

// Value gives the number in Unit as the nearest float64.
func (r *Reading) Value() float64 { return r.Raw.Float(r.Scaler) }

// Flags say what has to be known about a reading beside its value.
type Flags uint8

// The flags.
const (
	// Salvaged readings are from a message whose own checksum is right, in a
	// frame that came broken.
	Salvaged Flags = 1 << iota
	// Locked readings are from a meter that tells whole kilowatt hours and no power
	// until its PIN is entered.
	Locked
	// SignCorrected readings were sent negative by a meter that is known to
	// send unsigned numbers with the wrong type; Raw is the right number.
	SignCorrected
	// SignSuspect readings of power contradict the meter's own counters or its
	// status as to the direction. The value is as it came.
	SignSuspect
	// Absolute readings are amounts of power, whatever the direction.
	Absolute
	// Exporting is set beside Absolute where the status says that energy is fed in.
	Exporting
	// Unchecked readings came by a protocol that has no checksum.
	Unchecked
)

var flagNames = []string{"salvaged", "locked", "sign_corrected", "sign_suspect", "absolute", "exporting", "unchecked"}

// Names lists the flags that are set.
func (f Flags) Names() []string {
	names := make([]string, 0, len(flagNames))
	for i, name := range flagNames {
		if f&(1<<i) != 0 {
			names = append(names, name)
		}
	}
	return names
}

// String gives the names, separated by commas.
func (f Flags) String() string { return strings.Join(f.Names(), ",") }

// ParseFlags reads what String gives.
func ParseFlags(text string) (Flags, bool) {
	var f Flags
	if text == "" {
		return 0, true
	}
	for name := range strings.SplitSeq(text, ",") {
		i := slices.Index(flagNames, name)
		if i < 0 {
			return 0, false
		}
		f |= 1 << i
	}
	return f, true
}

// Clock says what a meter's time counts from.
type Clock uint8

// The clocks of meters.
const (
	NoClock Clock = iota // no time stated
	Index                // seconds for which the meter has run
	Wall                 // seconds since 1970, UTC, by the meter's own clock
)

// Time is when a meter says something was so.
type Time struct {
	Clock   Clock
	Seconds int64
}

// Lock tells what a telegram shows of a meter's PIN.
type Lock uint8

// What a telegram shows.
const (
	LockUnknown Lock = iota
	LockShut         // whole kilowatt hours, and no power: the PIN has to be entered
	LockOpen         // counters to a fraction of a watt hour, and power
)

// Telegram is what a meter said at once.
type Telegram struct {
	Meter    []byte // the identification of the meter (the server ID of SML); empty where none was sent
	Time     Time
	Lock     Lock
	Readings []Reading
}

// Find gives the reading of a code, or nil.
func (t *Telegram) Find(c obis.Code) *Reading {
	for i := range t.Readings {
		if t.Readings[i].Code == c {
			return &t.Readings[i]
		}
	}
	return nil
}

// Mark sets flags on all readings.
func (t *Telegram) Mark(f Flags) {
	for i := range t.Readings {
		t.Readings[i].Flags |= f
	}
}

// Stats count what a decoder has met since it was made.
type Stats struct {
	Bytes     uint64 // fed
	Telegrams uint64 // handed out, those salvaged among them
	Salvaged  uint64 // of Telegrams: from broken frames
	Frames    uint64 // whole, with a right checksum
	Broken    uint64 // begun, and not whole
	Refused   uint64 // messages in whole frames that are not right in themselves
}

// Decoder makes telegrams of bytes that come in pieces of any size. It keeps a
// bounded amount of them, does no I/O, and never panics.
type Decoder interface {
	// Feed takes bytes as they came, and hands out every telegram that is whole
	// with them. A telegram is valid until take returns.
	Feed(p []byte, take func(*Telegram))
	// Flush hands out what is left when no more bytes come.
	Flush(take func(*Telegram))
	// Stats gives the counts.
	Stats() Stats
}
