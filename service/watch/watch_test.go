package watch

import (
	"fmt"
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/wattwerk/wattwerk/record"
)

// stored decodes what a stream would carry.
func stored(t testing.TB, all ...record.Record) *record.Batch {
	t.Helper()
	var b, out record.Batch
	for _, r := range all {
		b.Append(r)
	}
	if err := out.Decode(b.Encode(nil)); err != nil {
		t.Fatal(err)
	}
	return &out
}

func TestReadings(t *testing.T) {
	w := New()
	if got := w.Set([]record.SensorID{"a", "b"}); len(got) != 2 {
		t.Error(got)
	}
	r := w.Reader()
	r.Batch(stored(t, record.Record{Sensor: "a", Time: 10, Value: 1}, record.Record{Sensor: "x", Time: 10, Value: 7}), 100)
	r.Batch(stored(t, record.Record{Sensor: "a", Time: 20, Value: 1}, record.Record{Sensor: "b", Time: 500, Value: 2}), 100)
	r.Batch(stored(t, record.Record{Sensor: "a", Time: 15, Value: 9}), 100)
	for id, want := range map[record.SensorID]Sight{"a": {Time: 20, Value: 1, Same: 2}, "b": {Time: 100, Value: 2, Same: 1}} {
		if got, ok := w.Of(id); !ok || got != want {
			t.Errorf("%s: %+v, want %+v", id, got, want)
		}
	}
	if s, ok := w.Of("x"); ok || s.Time != 0 || !math.IsNaN(s.Value) {
		t.Error("x is watched:", s)
	}
	// The columns a reader knows are those of the sensors that are watched now.
	w.Set([]record.SensorID{"x", "a"})
	r.Batch(stored(t, record.Record{Sensor: "a", Time: 30, Value: 3}, record.Record{Sensor: "x", Time: 10, Value: 7}), 100)
	r.Batch(stored(t, record.Record{Sensor: "a", Time: 40, Value: 4}, record.Record{Sensor: "x", Time: 40, Value: 8}), 100)
	w.Look(func(all []Sight) {
		if diff := cmp.Diff([]Sight{{Time: 40, Value: 8, Same: 1}, {Time: 40, Value: 4, Same: 1}}, all, cmp.AllowUnexported(Sight{})); diff != "" {
			t.Error(diff)
		}
	})
}

// TestSpokeBefore: a sensor that spoke just before it was watched has been heard, one
// that spoke long before has not, and what is kept of others is bounded.
func TestSpokeBefore(t *testing.T) {
	w := New()
	w.Set([]record.SensorID{"a"})
	r := w.Reader()
	r.Batch(stored(t, record.Record{Sensor: "new", Time: 990, Value: 4}, record.Record{Sensor: "a", Time: 990, Value: 1}, record.Record{Sensor: "new", Time: 980, Value: 3}), 1000)
	r.Batch(stored(t, record.Record{Sensor: "null", Time: 5000, Value: math.NaN()}), 1000)
	w.Set([]record.SensorID{"a", "new", "null"})
	if got, ok := w.Of("new"); !ok || got != (Sight{Time: 990, Value: 4, Same: 1}) {
		t.Errorf("%+v", got)
	}
	if got, _ := w.Of("null"); got.Time != 1000 || !math.IsNaN(got.Value) { // not of the future
		t.Errorf("%+v", got)
	}
	r.Batch(stored(t, record.Record{Sensor: "new", Time: 995, Value: 5}), 1005)
	if got, _ := w.Of("new"); got.Value != 5 {
		t.Errorf("%+v", got)
	}
	// A turn later it is known still, two turns later it is not.
	r.Batch(stored(t, record.Record{Sensor: "early", Time: 1, Value: 1}), 10_000)
	r.Batch(stored(t, record.Record{Sensor: "x", Time: 1, Value: 1}), 10_000+turn)
	w.Set([]record.SensorID{"early"})
	if got, _ := w.Of("early"); got.Time != 1 {
		t.Errorf("a turn later: %+v", got)
	}
	w.Set(nil)
	r.Batch(stored(t, record.Record{Sensor: "early", Time: 9, Value: 1}), 10_000+turn)
	for i := range record.Millis(2) {
		r.Batch(stored(t, record.Record{Sensor: "x", Time: 2 + i, Value: 1}), 10_000+(2+i)*turn)
	}
	w.Set([]record.SensorID{"early"})
	if got, _ := w.Of("early"); got.Time != 0 {
		t.Errorf("two turns later: %+v", got)
	}
	many := make([]record.Record, 2*mostStrangers)
	for i := range many {
		many[i] = record.Record{Sensor: record.SensorID(fmt.Sprint("many", i)), Time: 1, Value: 1}
	}
	r.Batch(stored(t, many...), 200_000)
	if n := len(w.strangers); n != mostStrangers {
		t.Errorf("%d strangers are kept", n)
	}
}

func TestWoken(t *testing.T) {
	w := New()
	w.Set([]record.SensorID{"a", "b"})
	w.Wake(func(i int) bool { return i == 1 })
	w.Saw("a", 10, 1, 10)
	select {
	case <-w.Woken():
		t.Fatal("a was not marked")
	default:
	}
	w.Saw("b", 10, 1, 10)
	w.Saw("b", 20, 1, 20)
	<-w.Woken()
	select {
	case <-w.Woken():
		t.Fatal("told twice")
	default:
	}
}

func TestSave(t *testing.T) {
	w := New()
	var ids []record.SensorID
	for i := range record.MaxBatch + 10 {
		ids = append(ids, record.SensorID(fmt.Sprintf("s%d", i)))
	}
	w.Set(ids)
	for i, id := range ids[1:] {
		w.Saw(id, record.Millis(1000+i), float64(i), record.MaxTime)
	}
	w.Saw(ids[5], 5000, math.NaN(), record.MaxTime)
	w.Saw(ids[6], 5000, 5, record.MaxTime)
	data, err := w.Save(map[int]uint64{0: 7, 3: 9})
	if err != nil {
		t.Fatal(err)
	}
	again := New()
	again.Set(ids[:20])
	at, err := again.Restore(data)
	if err != nil || at[3] != 9 {
		t.Fatal(at, err)
	}
	for _, id := range ids[:20] {
		is, _ := again.Of(id)
		was, _ := w.Of(id)
		if is.Time != was.Time || is.Same != was.Same || is.Value != was.Value && !math.IsNaN(was.Value) {
			t.Errorf("%s: %+v, was %+v", id, is, was)
		}
	}
	if _, err := again.Restore(data[:len(data)-1]); err == nil {
		t.Error("what is broken off was taken")
	}
}

func FuzzRestore(f *testing.F) {
	w := New()
	w.Set([]record.SensorID{"a", "b"})
	w.Saw("a", 10, 1, 10)
	w.Saw("b", 10, math.NaN(), 10)
	data, err := w.Save(map[int]uint64{1: 2})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, data []byte) {
		x := New()
		x.Set([]record.SensorID{"a", "b"})
		if _, err := x.Restore(data); err != nil {
			return
		}
		again, err := x.Save(nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := x.Restore(again); err != nil {
			t.Error(err)
		}
	})
}

func BenchmarkBatch(b *testing.B) {
	w := New()
	var ids []record.SensorID
	var all []record.Record
	for i := range 1000 {
		id := record.SensorID(fmt.Sprintf("s%d", i))
		ids, all = append(ids, id), append(all, record.Record{Sensor: id, Time: 10, Value: 1})
	}
	w.Set(ids)
	r := w.Reader()
	batch := stored(b, all...)
	for b.Loop() {
		r.Batch(batch, 100)
	}
}
