package processor

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"github.com/wattwerk/wattwerk/observation"
	"github.com/wattwerk/wattwerk/record"
)

// errState says that stored bytes are none of an operator.
var errState = errors.New("state is cut short or is none of this processor")

// writer appends the stored form of an operator.
type writer struct{ b []byte }

func (w *writer) uint(v uint64)          { w.b = binary.AppendUvarint(w.b, v) }
func (w *writer) int(v int64)            { w.b = binary.AppendVarint(w.b, v) }
func (w *writer) millis(t record.Millis) { w.int(int64(t)) }
func (w *writer) float(v float64)        { w.b = binary.LittleEndian.AppendUint64(w.b, math.Float64bits(v)) }
func (w *writer) text(s string)          { w.uint(uint64(len(s))); w.b = append(w.b, s...) }
func (w *writer) item(i observation.Item) {
	w.uint(uint64(i.Series))
	w.uint(uint64(i.Marks))
	w.millis(i.Time)
	w.float(i.Value)
}
func (w *writer) flag(v bool) {
	if v {
		w.b = append(w.b, 1)
	} else {
		w.b = append(w.b, 0)
	}
}

// reader reads what a writer wrote. After an error everything is zero.
type reader struct {
	b   []byte
	err error
}

func (r *reader) fail() {
	if r.err == nil {
		r.err = errState
	}
	r.b = nil
}

func (r *reader) uint() uint64 {
	v, n := binary.Uvarint(r.b)
	if n <= 0 {
		r.fail()
		return 0
	}
	r.b = r.b[n:]
	return v
}

func (r *reader) upTo(most uint64) uint64 {
	v := r.uint()
	if v > most {
		r.fail()
		return 0
	}
	return v
}

// count is a number of things of at least one byte each.
func (r *reader) count(most uint64) uint64 {
	v := r.upTo(most)
	if v > uint64(len(r.b)) {
		r.fail()
		return 0
	}
	return v
}

func (r *reader) int() int64 {
	v, n := binary.Varint(r.b)
	if n <= 0 {
		r.fail()
		return 0
	}
	r.b = r.b[n:]
	return v
}

func (r *reader) millis() record.Millis { return record.Millis(r.int()) }

// time is one that an item may have.
func (r *reader) time() record.Millis {
	t := r.millis()
	if t < record.MinTime || t > record.MaxTime {
		r.fail()
		return 0
	}
	return t
}

// float is a value that an item may have.
func (r *reader) float() float64 {
	if len(r.b) < 8 {
		r.fail()
		return 0
	}
	v := math.Float64frombits(binary.LittleEndian.Uint64(r.b))
	r.b = r.b[8:]
	if !(math.Abs(v) <= record.MaxValue) {
		r.fail()
		return 0
	}
	return v
}

func (r *reader) flag() bool { return r.upTo(1) == 1 }

func (r *reader) text(most uint64) string {
	n := r.count(most)
	s := string(r.b[:n])
	r.b = r.b[n:]
	return s
}

func (r *reader) item(table *observation.Table) observation.Item {
	i := observation.Item{Series: observation.Series(r.upTo(uint64(table.Len()) - 1)), Marks: observation.Marks(r.upTo(math.MaxUint32)), Time: r.time()}
	i.Value = r.float()
	return i
}

// digest has a part of the state read by what wrote it.
func (r *reader) part(load func([]byte) ([]byte, error)) {
	if r.err != nil {
		return
	}
	b, err := load(r.b)
	if err != nil {
		r.b, r.err = nil, err
		return
	}
	r.b = b
}

// shape holds what a state is of against what it is to be: an operator whose
// parameters make another state of items cannot go on from it.
func (r *reader) shape(want string) {
	if got := r.text(500); r.err == nil && got != want {
		r.b, r.err = nil, fmt.Errorf("state is of %q, this is %q", got, want)
	}
}

// end is the error of all that was read, which must be all there is.
func (r *reader) end() error {
	if r.err == nil && len(r.b) > 0 {
		r.fail()
	}
	return r.err
}
