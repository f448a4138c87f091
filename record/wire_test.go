package record

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/bufbuild/protocompile"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"
)

// messages compiles wire.proto, so that the declaration itself is held to the
// hand-written codec.
func messages(t testing.TB) protoreflect.MessageDescriptors {
	t.Helper()
	c := protocompile.Compiler{Resolver: &protocompile.SourceResolver{}}
	files, err := c.Compile(t.Context(), "wire.proto")
	if err != nil {
		t.Fatal(err)
	}
	return files[0].Messages()
}

func randomBatch(rnd *rand.Rand) *Batch {
	b := new(Batch)
	sensors := rnd.IntN(6)
	for range sensors {
		b.Sensors = append(b.Sensors, SensorID(fmt.Sprintf("sénsor %d", rnd.Uint64()>>uint(rnd.IntN(64)))))
	}
	if sensors == 0 {
		return b
	}
	n := rnd.IntN(12)
	base := Millis(rnd.Int64N(int64(MaxTime)))
	if rnd.IntN(4) == 0 {
		base = 0
	}
	for i := range n {
		at := i
		if rnd.IntN(3) > 0 || i >= sensors {
			at = rnd.IntN(sensors)
		}
		b.Index = append(b.Index, uint32(at))
		if rnd.IntN(2) == 0 {
			base += Millis(rnd.IntN(2000) - 1000)
		}
		b.Times = append(b.Times, base)
		b.Values = append(b.Values, rnd.NormFloat64()*1000)
	}
	return b
}

// records spells a batch out, whatever its columns look like.
func records(b *Batch) (out []Record) {
	b.Names()
	for i := range b.Len() {
		out = append(out, b.At(i))
	}
	return out
}

func TestBatchConformsToItsDeclaration(t *testing.T) {
	d := messages(t).ByName("Batch")
	for seed := range uint64(500) {
		b := randomBatch(rand.New(rand.NewPCG(seed, 3)))
		wire := b.Encode(nil)
		m := dynamicpb.NewMessage(d)
		if err := proto.Unmarshal(wire, m); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		if len(m.GetUnknown()) > 0 {
			t.Fatalf("seed %d: undeclared fields %x", seed, m.GetUnknown())
		}
		// What the declaration says is in there.
		get := func(name protoreflect.Name) protoreflect.Value { return m.Get(d.Fields().ByName(name)) }
		sensors, index, steps, values := get("sensor").List(), get("index").List(), get("step").List(), get("value").List()
		var spelled []Record
		at := Millis(get("time").Int())
		for i := range values.Len() {
			if i > 0 && steps.Len() > 0 {
				at += Millis(steps.Get(i - 1).Int())
			}
			s := i
			if index.Len() > 0 {
				s = int(index.Get(i).Uint())
			}
			spelled = append(spelled, Record{SensorID(sensors.Get(s).String()), at, values.Get(i).Float()})
		}
		if diff := cmp.Diff(records(b), spelled); diff != "" {
			t.Fatalf("seed %d: %s", seed, diff)
		}
		// And back: what others write by the declaration is read.
		theirs, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		var back Batch
		if err := back.Decode(theirs); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		if diff := cmp.Diff(records(b), records(&back)); diff != "" {
			t.Fatalf("seed %d: %s", seed, diff)
		}
		if !bytes.Equal(theirs, wire) {
			t.Fatalf("seed %d: written as\n%x, others write\n%x", seed, wire, theirs)
		}
	}
}

func randomTicks(rnd *rand.Rand) *Ticks {
	k := &Ticks{Hierarchy: "höhe", Revision: rnd.Uint64N(1000)}
	groups := rnd.IntN(5)
	for i := range groups {
		k.Groups = append(k.Groups, fmt.Sprintf("group %d", i))
	}
	sensors := rnd.IntN(3)
	for i := range sensors {
		k.Sensors = append(k.Sensors, SensorID(fmt.Sprintf("virtual %d", i)))
	}
	several := func(n int) (out []float64) {
		for range n {
			v := rnd.NormFloat64()
			if rnd.IntN(4) == 0 {
				v = math.NaN()
			}
			out = append(out, v)
		}
		return out
	}
	column := func() []float64 { return several(groups) }
	numbers := func() (out []uint32) {
		for range groups {
			out = append(out, rnd.Uint32()>>uint(rnd.IntN(32)))
		}
		return out
	}
	for i := range rnd.IntN(4) {
		k.Ticks = append(k.Ticks, Tick{
			Time: Millis(i * 1000), Sum: column(), Min: column(), Max: column(),
			Count: numbers(), Total: numbers(), Meter: column(), Unaccounted: column(), Values: several(sensors), Heard: rnd.IntN(2) == 0,
		})
	}
	return k
}

var sameTicks = cmp.Options{cmpopts.IgnoreUnexported(Ticks{}), cmpopts.EquateEmpty(), cmpopts.EquateNaNs()}

func TestTicksConformToTheirDeclaration(t *testing.T) {
	d := messages(t).ByName("Ticks")
	for seed := range uint64(300) {
		k := randomTicks(rand.New(rand.NewPCG(seed, 4)))
		wire := k.Encode(nil)
		m := dynamicpb.NewMessage(d)
		if err := proto.Unmarshal(wire, m); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		theirs, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(theirs, wire) || len(m.GetUnknown()) > 0 {
			t.Fatalf("seed %d: written as\n%x, others write\n%x", seed, wire, theirs)
		}
		var back Ticks
		if err := back.Decode(theirs); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		if diff := cmp.Diff(k, &back, sameTicks); diff != "" {
			t.Fatalf("seed %d: %s", seed, diff)
		}
		list := m.Get(d.Fields().ByName("tick")).List()
		for i := range list.Len() {
			sums := list.Get(i).Message().Get(d.Fields().ByName("tick").Message().Fields().ByName("sum")).List()
			for g := range sums.Len() {
				if is, want := sums.Get(g).Float(), k.Ticks[i].Sum[g]; is != want && !(math.IsNaN(is) && math.IsNaN(want)) {
					t.Fatalf("seed %d: sum %v, want %v", seed, is, want)
				}
			}
		}
	}
}

func TestBatchRefuses(t *testing.T) {
	for name, data := range map[string]string{
		"a cut tag":                  "\x80",
		"a name that is cut":         "\x0a\x05ab",
		"a name that is too long":    "\x0a\xa1\x06" + string(make([]byte, 4*MaxIDBytes+1)),
		"values without sensors":     "\x2a\x08\x00\x00\x00\x00\x00\x00\x00\x00",
		"half a value":               "\x0a\x01a\x2a\x04\x00\x00\x00\x00",
		"an index out of bounds":     "\x0a\x01a\x12\x01\x01\x2a\x08\x00\x00\x00\x00\x00\x00\x00\x00",
		"more index entries":         "\x0a\x01a\x12\x02\x00\x00\x2a\x08\x00\x00\x00\x00\x00\x00\x00\x00",
		"more times":                 "\x0a\x01a\x22\x01\x00\x2a\x08\x00\x00\x00\x00\x00\x00\x00\x00",
		"an index that is unpacked":  "\x0a\x01a\x0a\x01b\x10\x01\x10\x00\x2a\x10\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00",
		"values in parts":            "\x0a\x01a\x0a\x01b\x2a\x08\x00\x00\x00\x00\x00\x00\x00\x00\x2a\x08\x00\x00\x00\x00\x00\x00\x00\x00",
		"an index in parts":          "\x0a\x01a\x12\x01\x00\x12\x01\x00\x2a\x08\x00\x00\x00\x00\x00\x00\x00\x00",
		"a value that is not packed": "\x0a\x01a\x29\x00\x00\x00\x00\x00\x00\x00\x00",
	} {
		var b Batch
		if err := b.Decode([]byte(data)); !errors.Is(err, ErrWire) {
			t.Errorf("%s gives %v and %d records", name, err, b.Len())
		}
	}
}

func TestBatchTakesNamesInAnyPlace(t *testing.T) {
	// By the declaration names may stand anywhere, and unknown fields too.
	data := "\x0a\x01a\x18\x04\x0a\x01b\x32\x01x\x0a\x01c\x12\x03\x02\x01\x00\x2a\x18" + string(make([]byte, 24))
	var b Batch
	if err := b.Decode([]byte(data)); err != nil {
		t.Fatal(err)
	}
	want := []Record{{"c", 2, 0}, {"b", 2, 0}, {"a", 2, 0}}
	if diff := cmp.Diff(want, records(&b)); diff != "" {
		t.Error(diff)
	}
	if string(b.SensorColumn()) != "\x0a\x01a\x0a\x01b\x0a\x01c" || b.SensorCount() != 3 {
		t.Errorf("column %q of %d", b.SensorColumn(), b.SensorCount())
	}
}

func TestBatchIsUsedAgain(t *testing.T) {
	var a, b Batch
	for i := range 10 {
		a.Reset()
		for k := range i {
			a.Append(Record{SensorID(fmt.Sprint("s", k%3)), Millis(k), float64(k)})
		}
		if err := b.Decode(a.Encode(nil)); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(records(&a), records(&b)); diff != "" || a.SensorCount() != b.SensorCount() {
			t.Fatal(i, diff)
		}
	}
	// More sensors than records, in the order that would need no index.
	c := Batch{Sensors: []SensorID{"a", "b", "c"}, Index: []uint32{0, 1}, Times: []Millis{1, 2}, Values: []float64{1, 2}}
	if err := b.Decode(c.Encode(nil)); err != nil || b.Len() != 2 {
		t.Fatal(err)
	}
	if diff := cmp.Diff(records(&c), records(&b)); diff != "" {
		t.Fatal(diff)
	}
	d := Batch{Sensors: []SensorID{"a"}}
	if err := b.Decode(d.Encode(nil)); err != nil || b.Len() != 0 || b.SensorCount() != 1 {
		t.Fatal(err)
	}
}

func FuzzBatchDecode(f *testing.F) {
	for seed := range uint64(5) {
		f.Add(randomBatch(rand.New(rand.NewPCG(seed, 3))).Encode(nil))
	}
	f.Add([]byte("\x0a\x01a\x18\x04\x0a\x01b\x32\x01x"))
	f.Fuzz(func(t *testing.T, data []byte) {
		var b Batch
		if err := b.Decode(data); err != nil {
			if !errors.Is(err, ErrWire) {
				t.Fatal(err)
			}
			return
		}
		want := records(&b)
		var again Batch
		if err := again.Decode(b.Encode(nil)); err != nil {
			t.Fatal(err)
		}
		got := records(&again)
		if len(got) != len(want) {
			t.Fatalf("%d records come back as %d", len(want), len(got))
		}
		for i := range want {
			if got[i].Sensor != want[i].Sensor || got[i].Time != want[i].Time || math.Float64bits(got[i].Value) != math.Float64bits(want[i].Value) {
				t.Fatalf("%v comes back as %v", want[i], got[i])
			}
		}
		// A batch built record by record says the same.
		var built Batch
		for _, r := range want {
			built.Append(r)
		}
		if err := again.Decode(built.Encode(nil)); err != nil || again.Len() != len(want) {
			t.Fatal(err)
		}
	})
}

func FuzzTicksDecode(f *testing.F) {
	for seed := range uint64(5) {
		f.Add(randomTicks(rand.New(rand.NewPCG(seed, 4))).Encode(nil))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var k Ticks
		if err := k.Decode(data); err != nil {
			if !errors.Is(err, ErrWire) {
				t.Fatal(err)
			}
			return
		}
		var again Ticks
		if err := again.Decode(k.Encode(nil)); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(&k, &again, sameTicks); diff != "" {
			t.Fatal(diff)
		}
	})
}

// benchBatch is what a sender of n sensors sends again and again.
func benchBatch(n int) *Batch {
	b := new(Batch)
	for i := range n {
		b.Append(Record{SensorID(fmt.Sprintf("plant/hall%d/machine%d", i%7, i)), 1700000000000, float64(i) * 1.5})
	}
	return b
}

func BenchmarkBatch(b *testing.B) {
	for _, n := range []int{1000, 5000} {
		batch := benchBatch(n)
		wire := batch.Encode(nil)
		b.Run(fmt.Sprintf("encode/%d", n), func(b *testing.B) {
			b.SetBytes(int64(len(wire)))
			buf := make([]byte, 0, len(wire))
			for b.Loop() {
				buf = batch.Encode(buf[:0])
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/record")
		})
		b.Run(fmt.Sprintf("append/%d", n), func(b *testing.B) {
			var to Batch
			for b.Loop() {
				to.Reset()
				for i := range n {
					to.Append(batch.At(i))
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/record")
		})
		b.Run(fmt.Sprintf("decode/%d", n), func(b *testing.B) {
			b.SetBytes(int64(len(wire)))
			var to Batch
			for b.Loop() {
				if err := to.Decode(wire); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/record")
		})
		b.Run(fmt.Sprintf("decode_and_look_up/%d", n), func(b *testing.B) {
			var to Batch
			known := make(map[SensorID]int)
			for i, s := range batch.Sensors {
				known[s] = i
			}
			cols := NewColumns[int](1 << 20)
			sum := 0
			for b.Loop() {
				if err := to.Decode(wire); err != nil {
					b.Fatal(err)
				}
				refs := cols.Get(to.SensorColumn(), func() (out []int) {
					for _, s := range to.Names() {
						out = append(out, known[s])
					}
					return out
				})
				for i := range to.Len() {
					sum += refs[i]
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/record")
		})
	}
}
