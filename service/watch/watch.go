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
}

// New watches nothing yet.
func New() *Watch {
	return &Watch{slots: make(map[record.SensorID]int32), woken: make(chan struct{}, 1)}
}

// Set watches these sensors from now on, in this order, and no others. What is
// known of those that were watched before stays known. It gives those that are
// new.
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

// Reader takes batches of one stream.
type Reader struct {
	w          *Watch
	known      *record.Columns[int32]
	generation uint64
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
		watched := false
		for i, id := range names {
			at, ok := r.w.slots[id]
			if !ok {
				at = -1
			}
			out[i], watched = at, watched || ok
		}
		if !watched {
			return nil
		}
		return out
	})
	if len(slots) == 0 {
		return
	}
	for i, v := range b.Values {
		at := i
		if len(b.Index) > 0 {
			at = int(b.Index[i])
		}
		if slots[at] >= 0 {
			r.w.saw(slots[at], b.Times[i], v, stored)
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
