package tick

import (
	"reflect"
	"testing"

	"github.com/wattwerk/wattwerk/exact"
	"github.com/wattwerk/wattwerk/model"
	"github.com/wattwerk/wattwerk/record"
)

func FuzzReport(f *testing.F) {
	r := Report{Partition: 1, From: 1_699_999_999_000, Closed: 1_700_000_000_000, Stored: -1, IdleAt: 7, Until: 9, Partials: []Partial{{Hierarchy: "h", Revision: 2, Begin: never, Ticks: []PartialTick{{
		Time: 1_700_000_000_000, Part: 1, Group: []uint32{0, 5}, Sum: []exact.Sum{exact.Load([]byte("123456781234567812345678")), {}}, Min: []float64{1, 2}, Max: []float64{3, 4}, Count: []uint32{1, 9},
		MeterGroup: []uint32{4}, Meter: []float64{5}, UnheardGroup: []uint32{0, 9}, Unheard: []uint32{3, 400}, UnheardMeter: []uint32{7},
	}}}}}
	f.Add(r.Encode(nil))
	f.Fuzz(func(t *testing.T, data []byte) {
		var a, b Report
		if a.Decode(data) != nil {
			return
		}
		if err := b.Decode(a.Encode(nil)); err != nil {
			t.Fatal(err)
		}
		c := NewCombiner(DefaultTiming(), 2, func(*record.Ticks) {})
		c.SetPlan(Plan{Hierarchy: "h", Layout: &model.Layout{Tick: 1}, Revision: 1})
		c.Misses(&a)
		_ = c.Add(&a, 5, 1)
		_, _ = NewPreviewer(c).Add(&a)
		if len(a.Partials) != len(b.Partials) || a.Closed != b.Closed {
			t.Fatal("a report changes on the way")
		}
	})
}

func TestReportComesBackAsItWas(t *testing.T) {
	a := Report{Partition: 3, From: 4, Closed: 5, Stored: 6, IdleAt: 7, Until: 9, Partials: []Partial{{Hierarchy: "h", Revision: 2, Begin: never, Heard: always, Ticks: []PartialTick{{
		Time: 9, Part: 1, Group: []uint32{0, 500}, Sum: []exact.Sum{exact.Load([]byte("123456781234567812345678")), {}}, Min: []float64{1, 2}, Max: []float64{3, 4}, Count: []uint32{1, 9},
		MeterGroup: []uint32{4}, Meter: []float64{5}, UnheardGroup: []uint32{0, 9}, Unheard: []uint32{3, 400}, UnheardMeter: []uint32{7},
	}}}}}
	var b Report
	if err := b.Decode(a.Encode(nil)); err != nil || !reflect.DeepEqual(a, b) {
		t.Fatalf("%+v became %+v, %v", a, b, err)
	}
}

func FuzzRestore(f *testing.F) {
	e := NewEngine(DefaultTiming(), 0, 1, func(*Report) {})
	var b, in record.Batch
	b.Append(record.Record{Sensor: "a", Time: 1000, Value: 2})
	b.Append(record.Record{Sensor: "a", Time: 9000, Value: 2})
	if err := in.Decode(b.Encode(nil)); err != nil {
		f.Fatal(err)
	}
	e.Step(9000, &in, always)
	data, err := e.Checkpoint(1)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Fuzz(func(_ *testing.T, data []byte) {
		e := NewEngine(DefaultTiming(), 0, 1, func(*Report) {})
		_, _ = e.Restore(data)
	})
}
