package watch

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"sync"

	"github.com/wattwerk/wattwerk/record"
)

// Sight is the newest reading of a sensor.
type Sight struct {
	Time  record.Millis // 0: there was none
	Value float64       // NaN: null, or there was none
	Same  int32         // how often it said the same in a row, this time included
	wake  bool
}

// Watch is the newest readings.
type Watch struct {
	mu         sync.RWMutex
	slots      map[record.SensorID]int32
	sights     []Sight
	names      []record.SensorID
	generation uint64
	woken      chan struct{}

	strangers, before map[record.SensorID]stranger // heard of and not watched, in this turn and the one before
	turned            record.Millis                // when the turn began, by when readings were stored
}

// stranger is what was heard last of a sensor that is not watched: the model may come to
// know it a moment after it spoke.
type stranger struct {
	at, stored record.Millis
	value      float64
}

// Bounds of strangers.
const (
	mostStrangers = 10_000 // in a turn; more are passed over
	turn          = record.Millis(30_000)
)

// New watches nothing yet.
func New() *Watch {
	return &Watch{slots: make(map[record.SensorID]int32), woken: make(chan struct{}, 1)}
}

// Set watches these sensors from now on, in this order, and no others. What is
// known of those that were watched before stays known, and so is what others said a
// moment ago. It gives those that are new.
func (w *Watch) Set(sensors []record.SensorID) (added []record.SensorID) {
	w.mu.Lock()
	defer w.mu.Unlock()
	slots, sights := make(map[record.SensorID]int32, len(sensors)), make([]Sight, len(sensors))
	for i, id := range sensors {
		slots[id] = int32(i)
		if at, ok := w.slots[id]; ok {
			sights[i] = w.sights[at]
			continue
		}
		sights[i].Value = math.NaN()
		added = append(added, id)
	}
	w.slots, w.sights, w.names = slots, sights, slices.Clone(sensors)
	w.generation++
	for _, turn := range []map[record.SensorID]stranger{w.before, w.strangers} {
		for id, s := range turn {
			if i, ok := slots[id]; ok {
				w.saw(i, s.at, s.value, s.stored)
				delete(turn, id)
			}
		}
	}
	return added
}

// Look hands f what was seen of all sensors, in the order of [Watch.Set]. It must
// not keep it.
func (w *Watch) Look(f func(sights []Sight)) {
	w.mu.RLock()
	defer w.mu.RUnlock()
	f(w.sights)
}

// Of gives what was seen of one sensor.
func (w *Watch) Of(id record.SensorID) (Sight, bool) {
	w.mu.RLock()
	defer w.mu.RUnlock()
	i, ok := w.slots[id]
	if !ok {
		return Sight{Value: math.NaN()}, false
	}
	return w.sights[i], true
}

// Wake has [Watch.Woken] say when one of the marked sensors, by their place, is
// heard of again.
func (w *Watch) Wake(marked func(i int) bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for i := range w.sights {
		w.sights[i].wake = marked(i)
	}
}

// Woken is told when a sensor was heard of that [Watch.Wake] marked.
func (w *Watch) Woken() <-chan struct{} { return w.woken }

// Saw takes one reading.
func (w *Watch) Saw(id record.SensorID, at record.Millis, v float64, stored record.Millis) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if i, ok := w.slots[id]; ok {
		w.saw(i, at, v, stored)
	}
}

func (w *Watch) saw(i int32, at record.Millis, v float64, stored record.Millis) {
	s := &w.sights[i]
	at = min(at, stored)
	if at <= s.Time {
		return
	}
	if v == s.Value {
		if s.Same < math.MaxInt32 {
			s.Same++
		}
	} else {
		s.Same = 1
	}
	s.Time, s.Value = at, v
	if s.wake {
		s.wake = false
		select {
		case w.woken <- struct{}{}:
		default:
		}
	}
}

// strange notes what was heard of a sensor that is not watched.
func (w *Watch) strange(id record.SensorID, at record.Millis, v float64, stored record.Millis) {
	if stored-w.turned >= turn || stored < w.turned-turn {
		w.before, w.strangers, w.turned = w.strangers, nil, stored
	}
	s, ok := w.strangers[id]
	switch {
	case ok && at <= s.at:
		return
	case !ok && len(w.strangers) >= mostStrangers:
		return
	case w.strangers == nil:
		w.strangers = make(map[record.SensorID]stranger)
	}
	w.strangers[id] = stranger{at, stored, v}
}

// Reader takes batches of one stream.
type Reader struct {
	w          *Watch
	known      *record.Columns[int32]
	generation uint64
	newest     []int32 // of a batch: where the newest reading of each stranger is
}

// columnsKept is how many bytes of columns a reader remembers.
const columnsKept = 1 << 20

// Reader makes a reader of a stream.
func (w *Watch) Reader() *Reader {
	return &Reader{w: w, known: record.NewColumns[int32](columnsKept)}
}

// Batch takes a batch that was stored at a time.
func (r *Reader) Batch(b *record.Batch, stored record.Millis) {
	if b.Len() == 0 {
		return
	}
	r.w.mu.Lock()
	defer r.w.mu.Unlock()
	if r.generation != r.w.generation {
		r.known.Forget()
		r.generation = r.w.generation
	}
	slots := r.known.Get(b.SensorColumn(), func() []int32 {
		names := b.Names()
		out := make([]int32, len(names))
		for i, id := range names {
			at, ok := r.w.slots[id]
			if !ok {
				at = -1
			}
			out[i] = at
		}
		return out
	})
	strange := false
	for i, v := range b.Values {
		at := i
		if len(b.Index) > 0 {
			at = int(b.Index[i])
		}
		if slots[at] >= 0 {
			r.w.saw(slots[at], b.Times[i], v, stored)
			continue
		}
		if !strange {
			strange = true
			r.newest = slices.Grow(r.newest[:0], len(slots))[:len(slots)]
			clear(r.newest)
		}
		if n := r.newest[at]; n == 0 || b.Times[i] > b.Times[n-1] {
			r.newest[at] = int32(i) + 1 //nolint:gosec // a batch is bounded
		}
	}
	if !strange {
		return
	}
	names := b.Names()
	for at, n := range r.newest {
		if n > 0 {
			r.w.strange(names[at], b.Times[n-1], b.Values[n-1], stored)
		}
	}
}

// header begins what is written down.
type header struct {
	Format    int               `json:"format"`
	Positions map[int]uint64    `json:"positions"` // by partition: read up to here
	Same      []int32           `json:"same"`
	Null      []record.SensorID `json:"null,omitempty"` // whose newest reading is null, which a record cannot say
}

const format = 1

// Bounds of what is read.
const (
	mostHeader = 64 << 20
	mostBatch  = 16 << 20
)

// Save writes down what was seen, and how far each stream was read before.
func (w *Watch) Save(positions map[int]uint64) ([]byte, error) {
	w.mu.RLock()
	defer w.mu.RUnlock()
	h := header{Format: format, Positions: positions}
	var bodies [][]byte
	var b record.Batch
	flush := func() {
		if b.Len() > 0 {
			bodies = append(bodies, b.Encode(nil))
			b.Reset()
		}
	}
	for i, s := range w.sights {
		if s.Time == 0 {
			continue
		}
		v := s.Value
		if math.IsNaN(v) {
			h.Null = append(h.Null, w.names[i])
			v = 0
		}
		b.Append(record.Record{Sensor: w.names[i], Time: s.Time, Value: v})
		h.Same = append(h.Same, s.Same)
		if b.Len() == record.MaxBatch {
			flush()
		}
	}
	flush()
	head, err := json.Marshal(h)
	if err != nil {
		return nil, err
	}
	out := binary.AppendUvarint(nil, uint64(len(head)))
	out = append(out, head...)
	for _, body := range bodies {
		out = binary.AppendUvarint(out, uint64(len(body)))
		out = append(out, body...)
	}
	return out, nil
}

// Restore takes up what [Watch.Save] wrote of the sensors that are watched, and
// gives how far each stream was read.
func (w *Watch) Restore(data []byte) (map[int]uint64, error) {
	part := func(most uint64) ([]byte, error) {
		n, k := binary.Uvarint(data)
		if k <= 0 || n > most || n > uint64(len(data)-k) {
			return nil, errors.New("read what was seen: it is broken off")
		}
		body := data[k : k+int(n)]
		data = data[k+int(n):]
		return body, nil
	}
	head, err := part(mostHeader)
	if err != nil {
		return nil, err
	}
	var h header
	if err := json.NewDecoder(bytes.NewReader(head)).Decode(&h); err != nil {
		return nil, fmt.Errorf("read what was seen: %w", err)
	}
	if h.Format != format {
		return nil, fmt.Errorf("read what was seen: the form is %d, and this program reads %d", h.Format, format)
	}
	null := make(map[record.SensorID]bool, len(h.Null))
	for _, id := range h.Null {
		null[id] = true
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	n := 0
	for len(data) > 0 {
		body, err := part(mostBatch)
		if err != nil {
			return nil, err
		}
		var b record.Batch
		if err := b.Decode(body); err != nil {
			return nil, fmt.Errorf("read what was seen: %w", err)
		}
		b.Names()
		for i := range b.Len() {
			r := b.At(i)
			at, ok := w.slots[r.Sensor]
			if ok && r.Time > w.sights[at].Time {
				if null[r.Sensor] {
					r.Value = math.NaN()
				}
				s := Sight{Time: r.Time, Value: r.Value, Same: 1, wake: w.sights[at].wake}
				if n < len(h.Same) {
					s.Same = max(1, h.Same[n])
				}
				w.sights[at] = s
			}
			n++
		}
	}
	if h.Positions == nil {
		h.Positions = make(map[int]uint64)
	}
	return h.Positions, nil
}
