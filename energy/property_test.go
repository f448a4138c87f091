package energy

import (
	"encoding/binary"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/wattwerk/wattwerk/record"
)

// around are the readings from from to to, and so many that count before
// and after: what [Context] asks for.
func (s situation) around(from, to record.Millis, context int) []Reading {
	counts := func(r Reading) bool {
		ignored := slices.ContainsFunc(s.overrides, func(o Override) bool { return o.Time == r.Time })
		return math.Abs(r.Value) <= largest/1e6 && !ignored
	}
	i, _ := slices.BinarySearchFunc(s.readings, from, func(r Reading, t record.Millis) int { return int(r.Time - t) })
	j, _ := slices.BinarySearchFunc(s.readings, to, func(r Reading, t record.Millis) int { return int(r.Time - t) })
	for n := 0; i > 0 && n < context; {
		if i--; counts(s.readings[i]) {
			n++
		}
	}
	for n := 0; j < len(s.readings) && n < context; j++ {
		if counts(s.readings[j]) {
			n++
		}
	}
	return s.readings[i:j]
}

// differs tells how many windows, settled alone with so much context, are not as
// those of the whole series.
func (s situation) differs(t *testing.T, context int, edges []record.Millis) (n int) {
	t.Helper()
	values, notes := Settle(s.readings, edges, s.rules, s.overrides)
	var settler Settler
	var parts []Value
	var noted []Annotation
	for i := range values {
		begin := edges[i] / 900_000 * 900_000
		parts, noted = settler.Settle(parts, noted, s.around(begin, edges[i+1], context), edges[i:i+2], s.rules, s.overrides)
		if !same(parts[i], values[i]) {
			n++
		}
	}
	if !slices.EqualFunc(notes, noted, func(a, b Annotation) bool { return a.String() == b.String() }) {
		n++
	}
	return n
}

func TestContextIsEnough(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	short := 0
	for i := range 1500 {
		s := randomSituation(r, true, 60+r.IntN(200))
		if i%3 == 0 {
			// Few different values, so that glitches meet glitches.
			for k := range s.readings {
				s.readings[k].Value = float64(r.IntN(4))
			}
			s.rules.Tolerance, s.rules.MaxRate = 0, []float64{0, 0, 60, 120}[r.IntN(4)]
		}
		edges := s.edges(900_000)
		if n := s.differs(t, Context, edges); n > 0 {
			t.Fatalf("situation %d: %d windows differ\n%s", i, n, s)
		}
		short += s.differs(t, 4, edges)
	}
	if short == 0 {
		t.Error("four readings are enough as well, so this test shows nothing")
	}
	for i := range 300 {
		s := randomSituation(r, false, 60+r.IntN(200))
		if n := s.differs(t, Context, s.edges(300_000)); n > 0 {
			t.Fatalf("situation %d: %d windows differ\n%s", i, n, s)
		}
	}
}

// A gauge needs no more than the reading that holds when the first quarter begins.
func TestGaugeNeedsOneReadingBefore(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	for range 300 {
		s := randomSituation(r, false, 100)
		s.overrides = nil
		edges := s.edges(300_000)
		values, _ := Settle(s.readings, edges, s.rules, nil)
		for i, v := range values {
			first, _ := slices.BinarySearchFunc(s.readings, edges[i]/900_000*900_000, func(r Reading, t record.Millis) int { return int(r.Time - t) })
			got, _ := Settle(s.readings[max(first-1, 0):], edges[i:i+2], s.rules, nil)
			if !same(got[0], v) {
				t.Fatalf("got %+v, want %+v\n%s", got[0], v, s)
			}
		}
	}
}

func TestOrderAndDoublesDoNotMatter(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 10))
	for i := range 500 {
		s := randomSituation(r, i%2 == 0, 5+r.IntN(100))
		edges := s.edges(900_000)
		want, noted := Settle(s.readings, edges, s.rules, s.overrides)
		mixed := slices.Clone(s.readings)
		for _, m := range s.readings {
			if r.IntN(3) == 0 {
				mixed = append(mixed, m)
			}
		}
		r.Shuffle(len(mixed), func(i, j int) { mixed[i], mixed[j] = mixed[j], mixed[i] })
		got, notes := Settle(mixed, edges, s.rules, s.overrides)
		if !slices.EqualFunc(got, want, same) || !slices.EqualFunc(notes, noted, func(a, b Annotation) bool { return a.String() == b.String() }) {
			t.Fatalf("got %+v, want %+v\n%s", got, want, s)
		}
	}
}

func TestPartsSumUpToTheWhole(t *testing.T) {
	r := rand.New(rand.NewPCG(11, 12))
	for i := range 500 {
		s := randomSituation(r, i%2 == 0, 5+r.IntN(100))
		s.rules.Integral = true
		var sums []Value
		for _, length := range []record.Millis{300_000, 900_000, 3_600_000, 86_400_000} {
			var sum Value
			edges := s.edges(86_400_000)
			var fine []record.Millis
			for at := edges[0]; at <= edges[len(edges)-1]; at += length {
				fine = append(fine, at)
			}
			values, _ := Settle(s.readings, fine, s.rules, s.overrides)
			for _, v := range values {
				sum.Amount += v.Amount
				sum.Estimated += v.Estimated
				sum.Count += v.Count
				sum.Covered += v.Covered
				sum.Quality = max(sum.Quality, v.Quality)
			}
			sums = append(sums, sum)
		}
		for _, sum := range sums {
			if sum != sums[0] {
				t.Fatalf("the sums differ: %+v\n%s", sums, s)
			}
		}
	}
}

// What counters rise by sums up to the difference of the readings, however
// windows cut it.
func TestCountersTelescope(t *testing.T) {
	r := rand.New(rand.NewPCG(13, 14))
	for range 500 {
		var readings []Reading
		at, level := record.Millis(0), 0.
		edges := []record.Millis{0}
		for range 100 {
			at += record.Millis(1 + r.IntN(1_000_000))
			level += r.Float64() * math.Pow(10, float64(r.IntN(6)-3))
			readings = append(readings, Reading{Time: at, Value: level})
			if r.IntN(3) == 0 {
				edges = append(edges, at+record.Millis(r.IntN(1000)))
			}
			if r.IntN(3) == 0 {
				edges = append(edges, at-record.Millis(r.IntN(int(at)))/1000)
			}
		}
		edges = append(edges, at+1)
		slices.Sort(edges)
		values, notes := Settle(readings, edges, Rules{Counter: true, MaxAge: 500_000}, nil)
		var sum Amount
		for _, v := range values {
			sum += v.Amount
		}
		first, _ := Of(readings[0].Value)
		last, _ := Of(level)
		if sum != last-first || len(notes) != 0 {
			t.Fatalf("got %s, want %s, %v", sum, last-first, notes)
		}
	}
}

// FuzzSettle looks for what makes it stop, wrap or not sum up.
func FuzzSettle(f *testing.F) {
	f.Add([]byte("0123456789abcdef0123456789abcdef0123456789abcdef"), true, int64(60_000), 100., 0.1, 30., int64(900_000))
	f.Add([]byte{}, false, int64(-1), 0., 0., 0., int64(0))
	f.Add([]byte("\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01\x02\x03\xff\xff\xff\xff\xff\xff\xff\x7f\xff\xff\xff\xff"), false, int64(math.MaxInt64), math.Inf(1), math.NaN(), -1., int64(math.MaxInt64))
	f.Fuzz(func(t *testing.T, data []byte, counter bool, age int64, width, tolerance, rate float64, to int64) {
		rules := Rules{Counter: counter, Integral: true, MaxAge: age, Width: width, Tolerance: tolerance, MaxRate: rate}
		var readings []Reading
		var overrides []Override
		for ; len(data) >= 12; data = data[12:] {
			n := binary.LittleEndian.Uint32(data)
			v := math.Float64frombits(binary.LittleEndian.Uint64(data[4:]))
			at := record.Millis(n%50_000) * 100
			readings = append(readings, Reading{at, v, Quality(n >> 29)})
			switch n >> 24 & 15 {
			case 1:
				rules.Swaps = append(rules.Swaps, Swap{at, &v, &v})
			case 2:
				overrides = append(overrides, Override{at, OverrideKind(n >> 20 & 7), &v})
			case 3:
				readings[len(readings)-1].Time = record.Millis(binary.LittleEndian.Uint64(data[4:]))
			}
		}
		// Edges of one window, and of the quarters that it consists of.
		end := record.Millis(to)
		if !counter && end > 40_000_000 {
			end %= 40_000_000 // it goes through every quarter hour
		}
		whole, notes := Settle(readings, []record.Millis{0, end}, rules, overrides)
		if end < 0 || end > 40_000_000 {
			return
		}
		var edges []record.Millis
		for at := record.Millis(0); at < end; at += 900_000 {
			edges = append(edges, at)
		}
		values, _ := Settle(readings, append(edges, end), rules, overrides)
		var sum Value
		for _, v := range values {
			if v.Covered < 0 || v.Known != (v.Quality != None) && len(notes) == 0 || v.Estimated != 0 && v.Quality < Substituted {
				t.Fatalf("%+v", v)
			}
			sum.Amount += v.Amount
			sum.Count += v.Count
			sum.Covered += v.Covered
		}
		for _, n := range notes {
			if n.Kind == TooLarge {
				return
			}
		}
		if w := whole[0]; w.Amount != sum.Amount || w.Count != sum.Count || w.Covered != sum.Covered {
			t.Fatalf("the whole is %+v, its parts sum up to %+v", w, sum)
		}
	})
}
