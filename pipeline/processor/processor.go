package processor

import (
	"math"

	"github.com/wattwerk/wattwerk/manifest"
	"github.com/wattwerk/wattwerk/observation"
	"github.com/wattwerk/wattwerk/record"
)

// Entry is one type of processor: what it is, and how one is made.
type Entry struct {
	manifest.ProcessorType
	// New makes an operator. The values are checked against Parameters and
	// complete: what was not given has its default. The error is a sentence about
	// a value that cannot be judged by its type alone.
	New func(Settings) (Operator, error)
}

// Settings are what an operator is made of.
type Settings struct {
	Values manifest.Values
	// Inputs are the names of what it reads, in the order of the manifest.
	Inputs []string
	// Units of the inputs, as their kinds state them; empty: not stated.
	Units []string
	// Table numbers the keys of all series of the graph. Operators may ask for
	// new ones.
	Table *observation.Table
}

// End is a watermark after which nothing comes any more.
const End record.Millis = math.MaxInt64

// Operator is a processor at work.
type Operator interface {
	// Take steps over items of one input. They are in the order of arrival, which
	// need not be that of their times. The slice is not kept.
	Take(input int, items []observation.Item, out *Out)
	// Advance tells that no item before the watermark is waited for any more. It
	// never goes back. What came before the first one is where everything began: what
	// a window began before is Partial. [End] closes everything that is open.
	Advance(watermark record.Millis, out *Out)
	// Save appends all that must be known to go on; Load takes it back, into a new
	// operator of the same type, whose parameters may be others. Load refuses what
	// it cannot go on from, and is then as new. Operators without state append
	// nothing. Series are saved by their numbers: the Table of the one that loads
	// numbers keys as that of the one that saved, as after [observation.NewTable].
	Save(b []byte) []byte
	Load(b []byte) error
}

// Holder is an operator whose results are older than the watermark it was told,
// such as a window that is named by its beginning: Hold says, after Advance, from
// when on results may still come, at most the watermark. Without it no result is
// expected before the watermark.
type Holder interface {
	Hold(watermark record.Millis) record.Millis
}

// Out is where results go.
type Out struct {
	Items []observation.Item
	// Dead are items that an operator could not take, with the reason. They are
	// counted by the engine and kept as dead letters.
	Dead []Refused
}

// Refused is an item that an operator could not take.
type Refused struct {
	Item   observation.Item
	Reason string // constant: what is particular is in the item
}

// Add gives one result.
func (o *Out) Add(i observation.Item) { o.Items = append(o.Items, i) }

// Refuse gives back one item that could not be taken.
func (o *Out) Refuse(i observation.Item, reason string) {
	o.Dead = append(o.Dead, Refused{i, reason})
}

// Reset empties it and keeps its room.
func (o *Out) Reset() { o.Items, o.Dead = o.Items[:0], o.Dead[:0] }
