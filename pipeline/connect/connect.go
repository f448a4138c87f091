package connect

import (
	"context"
	"log/slog"
	"time"

	"github.com/wattwerk/wattwerk/manifest"
	"github.com/wattwerk/wattwerk/observation"
	"github.com/wattwerk/wattwerk/record"
)

// End is a source or sink as it is opened: everything that was said of it,
// references followed, values checked and completed with their defaults.
type End struct {
	ID, Name string
	Protocol string // of its interface, lower case
	Values   manifest.Values
	Kind     manifest.Kind // of its values
	Gateway  string        // the name of its gateway; empty: the centre
	Log      *slog.Logger
}

// Piece is what a message says: one value of one key at one time.
type Piece struct {
	Key   observation.Key
	Time  record.Millis // 0: it says none; the time of arrival is taken
	Value float64
	Marks observation.Marks
}

// Message is what was read at once.
type Message struct {
	Pieces []Piece
	// ID is the same whenever the same message is read again; empty when the
	// protocol cannot tell. Those that were stored already are not stored again.
	ID string
	// Bad is what of the message could not be read, with the reason; it becomes
	// a dead letter.
	Bad []Bad
}

// Bad is a part of a message that could not be read.
type Bad struct {
	Reason string
	Sample []byte // its beginning
}

// Reader reads one source until ctx ends. It connects again by itself, with
// pauses that grow to a minute, and says by status how it is. store returns when
// the message is stored, or with an error when that is not to be waited for: then
// the reader must not acknowledge it. An error of Read is for ever: the source
// as it is declared cannot work.
type Reader interface {
	Read(ctx context.Context, store func(context.Context, Message) error, status func(Status)) error
}

// Status is how an end is.
type Status struct {
	Connected bool
	// Error is a sentence about why it is not, or what was wrong last.
	Error string
	At    time.Time
}

// Written is one result on its way to a sink. Manifest, processor, key and time
// are the same when it is written again after a crash.
type Written struct {
	Manifest, Processor string
	Key                 observation.Key
	Time                record.Millis
	Value               float64
	Marks               observation.Marks
}

// Writer writes to one sink. Write returns when everything is stored on the
// other side, or with an error: then all of it is written again. It is called by
// one goroutine at a time.
type Writer interface {
	Write(ctx context.Context, results []Written) error
	Close() error
}

// Protocol makes the ends of one protocol. Either may be nil: it cannot be read
// from, or not be written to.
type Protocol struct {
	Name       string
	Summary    string               // what it reaches, in a sentence
	Parameters []manifest.Parameter // of its sources and sinks; interfaces may narrow them
	Reader     func(End) (Reader, error)
	Writer     func(context.Context, End) (Writer, error)
	// Local: it is reached in this very process or on the bus; a gateway away
	// from its centre has its own.
	Local bool
}
