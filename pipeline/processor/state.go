package processor

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"github.com/wattwerk/wattwerk/internal/packed"
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
	packed.Reader
	err error // of whom a part is; none: errState
}

func readerOf(b []byte) *reader { return &reader{Reader: packed.Read(b)} }

// count is a number of things of at least one byte each.
func (r *reader) count(most int) int {
	n := r.Count(1)
	if n > most {
		r.Fail()
		return 0
	}
	return n
}

func (r *reader) millis() record.Millis { return record.Millis(r.Int()) }

// time is one that an item may have.
func (r *reader) time() record.Millis {
	t := r.millis()
	if t < record.MinTime || t > record.MaxTime {
		r.Fail()
		return 0
	}
	return t
}

// float is a value that an item may have.
func (r *reader) float() float64 {
	v := r.Float()
	if !(math.Abs(v) <= record.MaxValue) {
		r.Fail()
		return 0
	}
	return v
}

func (r *reader) flag() bool { return r.UpTo(1) == 1 }

func (r *reader) text(most int) string { return string(r.Take(r.count(most))) }

func (r *reader) item(table *observation.Table) observation.Item {
	i := observation.Item{Series: observation.Series(r.UpTo(uint64(table.Len()) - 1)), Marks: observation.Marks(r.UpTo(math.MaxUint32)), Time: r.time()}
	i.Value = r.float()
	return i
}

// part has a part of the state read by what wrote it.
func (r *reader) part(load func([]byte) ([]byte, error)) {
	if err := r.Part(load); err != nil {
		r.err = err
	}
}

// shape holds what a state is of against what it is to be: an operator whose
// parameters make another state of items cannot go on from it.
func (r *reader) shape(want string) {
	if got := r.text(500); !r.Failed() && got != want {
		r.Fail()
		r.err = fmt.Errorf("state is of %q, this is %q", got, want)
	}
}

// end is the error of all that was read, which must be all there is.
func (r *reader) end() error {
	if r.err == nil && !r.Whole() {
		return errState
	}
	return r.err
}
