package observation

import "github.com/wattwerk/wattwerk/record"

// Key tells the series of one source apart: the machine, the phase, the sensor.
// Of a source with one series it is empty. At most [MaxKey] bytes of UTF-8.
type Key = string

// MaxKey bounds the bytes of a key.
const MaxKey = 200

// Series is the number of a key in a [Table]. The empty key is always 0.
type Series uint32

// Marks say what is to be known of an item beside its value.
type Marks uint32

// Marks of items. They are stored: numbers never change their meaning.
const (
	Null      Marks = 1 << iota // it has no value
	Estimated                   // it was made up to fill a gap
	Partial                     // its window was not seen whole
	Alarm                       // a condition holds: of thresholds and anomalies
	Suspect                     // the source itself doubts it
)

// Item is one value of one series at one time.
type Item struct {
	Series Series
	Marks  Marks
	Time   record.Millis // of the event; of a window its beginning
	Value  float64
}

// Table numbers keys from 0 on, in the order in which they come. The zero
// Table is ready and has the empty key.
type Table struct {
	keys []Key
	at   map[Key]Series
}

// NewTable numbers keys as another table did, whose Keys they are.
func NewTable(keys []Key) *Table {
	t := new(Table)
	for _, k := range keys {
		t.Number(k)
	}
	return t
}

// Number gives the number of a key, a new one where it has none.
func (t *Table) Number(k Key) Series {
	if t.at == nil {
		t.at, t.keys = map[Key]Series{"": 0}, []Key{""}
	}
	n, ok := t.at[k]
	if !ok {
		n = Series(len(t.keys))
		t.keys, t.at[k] = append(t.keys, k), n
	}
	return n
}

// Has tells whether a key has a number.
func (t *Table) Has(k Key) bool {
	_, ok := t.at[k]
	return ok || k == ""
}

// Key gives the key that a number stands for.
func (t *Table) Key(n Series) Key {
	if int(n) >= len(t.keys) {
		return ""
	}
	return t.keys[n]
}

// Len is how many keys have a number.
func (t *Table) Len() int { return max(1, len(t.keys)) }

// Keys are all keys by their numbers. It is not to be written to.
func (t *Table) Keys() []Key {
	if t.keys == nil {
		return []Key{""}
	}
	return t.keys
}

// Batch is what one source told at once. Series of its items are numbers in
// Keys.
type Batch struct {
	Source string // the id of the data source
	Keys   []Key  // at least the empty key
	Items  []Item
}
