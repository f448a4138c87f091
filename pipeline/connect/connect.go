package connect

import (
	"context"
	"errors"
	"fmt"
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
	House    *House        // what settings allow; never nil
	Log      *slog.Logger
}

// Bounds of what is read at once.
const (
	MaxBody   = 8 << 20 // bytes of a message
	MaxPieces = 500_000 // of a message
	MaxBad    = 100     // of a message that are told one by one; one more tells how many else
	MaxSample = 200     // bytes of a sample
	MaxBatch  = 1000    // messages that are stored at once, and that a reader has unacknowledged
)

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
	// protocol cannot tell. Those that were stored already are not stored again:
	// [Recent] knows.
	ID string
	// Fresh: the protocol promises that it is told for the first time. It is
	// stored whatever its ID, which another message may have had long ago.
	Fresh bool
	// Bad is what of the message could not be read, with the reason; it becomes
	// a dead letter.
	Bad []Bad
}

// Bad is a part of a message that could not be read.
type Bad struct {
	Reason string
	Sample []byte // its beginning
}

// Store returns when all messages are stored, or with an error when that is not
// to be waited for: then the reader must not acknowledge any of them. An error
// that wraps [ErrBusy] says that it may be tried again soon. The messages and
// their pieces are the caller's again when it returns. It is called by one
// goroutine at a time, except by readers that are called themselves (push).
type Store func(ctx context.Context, messages ...Message) error

// Reader reads one source until ctx ends. It connects again by itself, with
// pauses that grow to a minute, and says by status how it is. An error of Read is
// for ever: the source as it is declared cannot work.
type Reader interface {
	Read(ctx context.Context, store Store, status func(Status)) error
}

// ErrBusy is why something is not stored now, and may be soon.
var ErrBusy = errors.New("too much is waiting to be stored")

// Status is how an end is.
type Status struct {
	Connected bool
	// Error is a sentence about why it is not, or what was wrong last.
	Error string
	At    time.Time
}

// Written is one result on its way to a sink. Manifest, processor, step, key and
// time are the same when it is written again after a crash.
type Written struct {
	Manifest, Processor string
	Step                uint64 // position of the message that it results from, in the stream of observations
	Key                 observation.Key
	Time                record.Millis
	Value               float64
	Marks               observation.Marks
}

// Writer writes to one sink. Write returns when everything is stored on the
// other side, or with an error: then all of it is written again. Only a [Refused]
// says that some will never be taken, and that the others are stored. It is called
// by one goroutine at a time.
type Writer interface {
	Write(ctx context.Context, results []Written) error
	Close() error
}

// Refused is what the other side will never take of what was written; it
// becomes dead letters. Everything else was stored.
type Refused struct{ Results []Refusal }

// Refusal is one result that is never taken.
type Refusal struct {
	Result Written
	Reason string // a sentence
}

// Add notes one.
func (r *Refused) Add(w Written, reason string) {
	r.Results = append(r.Results, Refusal{w, reason})
}

// Err is r, or nil when nothing was refused.
func (r *Refused) Err() error {
	if r == nil || len(r.Results) == 0 {
		return nil
	}
	return r
}

func (r *Refused) Error() string {
	if len(r.Results) == 0 {
		return "nothing was refused"
	}
	return fmt.Sprintf("%d results are refused, the first because %s", len(r.Results), r.Results[0].Reason)
}

// Protocol makes the ends of one protocol. Either may be nil: it cannot be read
// from, or not be written to.
type Protocol struct {
	Name       string
	Summary    string               // what it reaches, in a sentence
	Details    string               // what must be known to use it
	Example    string               // a bundle with a source or sink of it, as YAML
	Parameters []manifest.Parameter // of its sources and sinks; interfaces may narrow them
	// Check judges complete values before anything is opened; the error is a
	// sentence. What depends on the settings of a process is not judged. nil: all are
	// good.
	Check  func(manifest.Values) error
	Reader func(End) (Reader, error)
	Writer func(context.Context, End) (Writer, error)
	// Local: it is reached in this very process or on the bus; a gateway away
	// from its centre has its own.
	Local bool
}

// Offered is what can be said of its two ends.
func (p *Protocol) Offered() manifest.Protocol {
	return manifest.Protocol{Name: p.Name, Summary: p.Summary, Read: p.Reader != nil, Write: p.Writer != nil, Parameters: p.Parameters, Check: p.Check}
}
