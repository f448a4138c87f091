package sml

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/wattwerk/wattwerk/internal/smltest"
	"github.com/wattwerk/wattwerk/meter"
)

// stream is many telegrams of every model, one after the other in any order, and
// what is in them.
func stream(seed uint64, telegrams int) (data []byte, truth map[string]int, entries int) {
	random := rand.New(rand.NewPCG(seed, 1))
	truth = make(map[string]int)
	for n := range telegrams {
		m := smltest.Models[random.IntN(len(smltest.Models))]
		s := smltest.State{
			Import: random.Uint64N(300_000_000), Export: random.Uint64N(300_000_000), Power: random.Int64N(4_000_000) - 1_000_000,
			Seconds: random.Uint32(), Number: uint32(n),
		}
		frame := m.Telegram(s, random.IntN(10) == 0)
		all, _ := decode(frame, len(frame))
		for _, k := range all {
			for _, r := range k.readings {
				if r.Kind == meter.Number {
					truth[word(k, r)]++
					entries++
				}
			}
		}
		data = append(data, frame...)
	}
	return data, truth, entries
}

// word is a reading as a text; the time and the meter make it one of a kind.
func word(k kept, r meter.Reading) string {
	return fmt.Sprintf("%s %s %s %d %d %d %v", k.meter, r.Code, r.Raw, r.Scaler, r.Unit, r.Status, r.Time)
}

func drop(data []byte, p float64, random *rand.Rand) []byte {
	out := make([]byte, 0, len(data))
	for _, b := range data {
		if random.Float64() >= p {
			out = append(out, b)
		}
	}
	return out
}

func insert(data []byte, p float64, random *rand.Rand) []byte {
	out := make([]byte, 0, len(data)+len(data)/100)
	for _, b := range data {
		if random.Float64() < p {
			out = append(out, byte(random.IntN(256)))
		}
		out = append(out, b)
	}
	return out
}

func flip(data []byte, p float64, random *rand.Rand) []byte {
	out := bytes.Clone(data)
	for i := range out {
		if random.Float64() < p {
			out[i] ^= 1 << random.IntN(8)
		}
	}
	return out
}

func burst(data []byte, p float64, random *rand.Rand) []byte {
	out := make([]byte, 0, len(data))
	for i := 0; i < len(data); i++ {
		if random.Float64() < p {
			i += 20 + random.IntN(180)
			continue
		}
		out = append(out, data[i])
	}
	return out
}

// TestNoise: what comes through a noisy line is right, and most of it comes
// through.
func TestNoise(t *testing.T) {
	data, truth, entries := stream(1, 3000)
	for _, c := range []struct {
		name  string
		noise func([]byte, float64, *rand.Rand) []byte
		p     float64
		least float64 // share of the entries
	}{
		{"clean", drop, 0, 1},
		{"drop", drop, 1e-4, 0.96}, {"drop", drop, 1e-3, 0.75},
		{"insert", insert, 1e-4, 0.96}, {"insert", insert, 1e-3, 0.75},
		{"flip", flip, 1e-4, 0.96}, {"flip", flip, 1e-3, 0.75},
		{"burst", burst, 1e-4, 0.95}, {"burst", burst, 1e-3, 0.55},
	} {
		noisy := c.noise(data, c.p, rand.New(rand.NewPCG(2, 2)))
		all, stats := decode(noisy, 62)
		left := make(map[string]int, len(truth))
		for k, n := range truth {
			left[k] = n
		}
		right := 0
		for _, k := range all {
			for _, r := range k.readings {
				if r.Kind != meter.Number {
					continue
				}
				w := word(k, r)
				if left[w] == 0 {
					t.Errorf("%s %g: %s was never sent", c.name, c.p, w)
					continue
				}
				left[w]--
				right++
			}
		}
		share := float64(right) / float64(entries)
		t.Logf("%s %g: %.1f %% of %d, %+v", c.name, c.p, 100*share, entries, stats)
		if share < c.least {
			t.Errorf("%s %g: %.1f %%, want %.0f %%", c.name, c.p, 100*share, 100*c.least)
		}
	}
}

// TestPieces: it does not matter in which pieces the bytes come.
func TestPieces(t *testing.T) {
	data, _, _ := stream(3, 150)
	data = drop(data, 1e-3, rand.New(rand.NewPCG(3, 3)))
	want, stats := decode(data, len(data))
	for _, size := range []int{1, 7, 62, MaxFrame, 3 * MaxFrame} {
		got, s := decode(data, size)
		if s != stats {
			t.Errorf("pieces of %d: %+v, want %+v", size, s, stats)
		}
		if diff := same(got, want); diff != "" {
			t.Errorf("pieces of %d: %s", size, diff)
		}
	}
}

// TestNothingIsAllocated once the largest telegram is known.
func TestNothingIsAllocated(t *testing.T) {
	data, _, _ := stream(4, 100)
	data = drop(data, 1e-3, rand.New(rand.NewPCG(4, 4)))
	d := NewDecoder()
	take := func(*meter.Telegram) {}
	d.Feed(data, take)
	if n := testing.AllocsPerRun(5, func() { d.Feed(data, take) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// TestRubbish is fed what is made to cost time: it ends, and soon.
func TestRubbish(t *testing.T) {
	for name, unit := range map[string]string{
		"starts":              "\x1b\x1b\x1b\x1b\x01\x01\x01\x01",
		"escapes":             "\x1b",
		"ends":                "\x1b\x1b\x1b\x1b\x1a\x00\x00\x00",
		"hidden starts":       "\x1b\x1b\x1b\x1b\x1b\x1b\x1b\x1b\x01\x01\x01\x01\x1b\x1b\x1b\x1b\x1a\x00\x00\x00",
		"messages":            "\x76",
		"heads of messages":   "\x76\x02\x01\x62\x00\x62\x00\x72\x63\x07\x01\x77\x01",
		"lists":               "\x76\x01\x62\x00\x62\x00\x72\x63\x07\x01\x77\x01\x01\x01\x01\xff\x0f\x70",
		"lists of nothing":    "\x70",
		"lengths without end": "\xf1",
		"zeros":               "\x00",
	} {
		data := append([]byte(start), bytes.Repeat([]byte(unit), 100_000/len(unit))...)
		if all, _ := decode(data, 100); len(all) != 0 {
			t.Errorf("%s: got %+v", name, all)
		}
	}
}

// TestMemoryIsBounded: a frame without an end is given up, and what comes after it is read.
func TestMemoryIsBounded(t *testing.T) {
	frame := model(t, "MT681").Telegram(smltest.State{Import: 5}, false)
	data := append(bytes.Repeat([]byte{0x55}, 3*MaxFrame), frame...)
	data = append(append(bytes.Clone(start), data...), frame...)
	all, stats := decode(data, 1000)
	if len(all) != 2 || stats.Salvaged != 0 || stats.Broken != 1 {
		t.Errorf("%d telegrams, %+v", len(all), stats)
	}
}

func FuzzDecoder(f *testing.F) {
	for _, m := range smltest.Models {
		frame := m.Telegram(smltest.State{Import: 123456, Export: 7, Power: -4200, Seconds: 99, Number: 1}, false)
		f.Add(frame, uint8(7))
		f.Add(append(bytes.Clone(frame[:len(frame)/2]), frame...), uint8(62))
	}
	f.Add([]byte("\x1b\x1b\x1b\x1b\x01\x01\x01\x01\x76\x60"), uint8(1))
	f.Fuzz(func(t *testing.T, data []byte, size uint8) {
		whole, stats := decode(data, max(len(data), 1))
		pieces, again := decode(data, int(size)+1)
		if stats != again || same(whole, pieces) != "" {
			t.Errorf("in pieces of %d it says something else: %+v and %+v", int(size)+1, stats, again)
		}
	})
}

// FuzzBody is fed what stands in a message whose checksums are right.
func FuzzBody(f *testing.F) {
	none := smltest.None()
	f.Add(smltest.List(none, smltest.Octets([]byte("meter")), none, none, smltest.List(entry("0100010800ff", none, none, smltest.Uint(1, 30), none, smltest.Uint(8, 1))), none, none))
	f.Add([]byte("\x77\x01\x01\x01\x01\xf1\x0e\x77\x07"))
	f.Fuzz(func(t *testing.T, body []byte) {
		frame := smltest.Frame(smltest.X25, smltest.Message([]byte{1}, smltest.Uint(2, 0x701), body, smltest.X25))
		all, stats := decode(frame, len(frame))
		if len(frame) <= MaxFrame && stats.Frames != 1 && len(all) == 0 && stats.Broken != 1 {
			t.Errorf("%+v", stats)
		}
	})
}

func BenchmarkDecoder(b *testing.B) {
	data, _, _ := stream(5, 2000)
	d := NewDecoder()
	n := 0
	take := func(t *meter.Telegram) { n += len(t.Readings) }
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		d.Feed(data, take)
	}
	if n == 0 {
		b.Fatal("nothing was read")
	}
}
