package energy

import (
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/wattwerk/wattwerk/record"
)

// The oracle says the same as Settle, slowly: straight from the rules in the
// package's comment, in fractions, looking through all readings for every question.

func rat(v float64) *big.Rat { return new(big.Rat).SetFloat64(v) }

func ratio(a, b int64) *big.Rat { return big.NewRat(a, b) }

// halfEven rounds a fraction to an integer.
func halfEven(r *big.Rat) *big.Int {
	two := big.NewInt(2)
	n := new(big.Int).Mul(r.Num(), two)
	n.Add(n, r.Denom())
	d := new(big.Int).Mul(r.Denom(), two)
	q, rest := new(big.Int).DivMod(n, d, new(big.Int))
	if rest.Sign() == 0 && q.Bit(0) == 1 {
		q.Sub(q, big.NewInt(1))
	}
	return q
}

// onGrid is a value as the exact sum takes it: a multiple of 2^-64.
func onGrid(v float64) *big.Rat {
	grid := new(big.Rat).SetInt(new(big.Int).Lsh(big.NewInt(1), 64))
	r := rat(v)
	neg := r.Sign() < 0
	r.Abs(r)
	r.Mul(r, grid)
	out := new(big.Rat).SetInt(halfEven(r))
	out.Quo(out, grid)
	if neg {
		out.Neg(out)
	}
	return out
}

type oracle struct {
	readings  []Reading // in order, one for each time
	rules     Rules
	overrides map[record.Millis]Override
	counts    []Reading         // of counters: those that count
	rounded   map[float64]int64 // millionths, as fractions take their time
}

func ordered(readings []Reading) (out []Reading) {
	for _, r := range readings {
		if !slices.ContainsFunc(out, func(o Reading) bool { return o.Time == r.Time }) && r.Time >= record.MinTime && r.Time <= record.MaxTime {
			out = append(out, r)
		}
	}
	slices.SortFunc(out, func(a, b Reading) int { return int(a.Time - b.Time) })
	return out
}

func newOracle(readings []Reading, rules Rules, overrides []Override) *oracle {
	o := &oracle{readings: ordered(readings), rules: rules, overrides: make(map[record.Millis]Override), rounded: make(map[float64]int64)}
	for _, v := range overrides {
		o.overrides[v.Time] = v
	}
	if !rules.Counter {
		o.readings = slices.DeleteFunc(o.readings, func(r Reading) bool { return o.is(r, Ignore) && !math.IsNaN(r.Value) })
	} else {
		o.counts = o.accepted()
	}
	return o
}

func (o *oracle) is(r Reading, kind OverrideKind) bool {
	v, ok := o.overrides[r.Time]
	return ok && v.Kind == kind
}

func (o *oracle) value(from, to record.Millis) Value {
	if o.rules.Counter {
		return o.counter(from, to)
	}
	return o.gauge(from, to)
}

// integral is the integral from from to to of all readings, or of those with a
// quality from least on.
func (o *oracle) integral(from, to record.Millis, least Quality, see func(r Reading, ms int64)) *big.Rat {
	sum := new(big.Rat)
	for i, r := range o.readings {
		if math.IsNaN(r.Value) || math.Abs(r.Value) > record.MaxValue || r.Quality < least {
			continue
		}
		end := to
		if i+1 < len(o.readings) {
			end = min(end, o.readings[i+1].Time)
		}
		if o.rules.MaxAge >= 0 {
			end = min(end, r.Time+record.Millis(o.rules.MaxAge))
		}
		begin := max(from, r.Time)
		if begin < end {
			sum.Add(sum, new(big.Rat).Mul(onGrid(r.Value), ratio(int64(end-begin), 1)))
			see(r, int64(end-begin))
		}
	}
	return sum
}

func (o *oracle) gauge(from, to record.Millis) Value {
	v := Value{Average: math.NaN(), Min: math.NaN(), Max: math.NaN()}
	total := o.integral(from, to, None, func(r Reading, ms int64) {
		v.Covered += ms
		v.Quality = max(v.Quality, r.Quality, Measured)
		if !(v.Min <= r.Value) {
			v.Min = r.Value
		}
		if !(v.Max >= r.Value) {
			v.Max = r.Value
		}
	})
	for _, r := range o.readings {
		if r.Time >= from && r.Time < to && math.Abs(r.Value) <= record.MaxValue {
			v.Count++
		}
	}
	if v.Covered == 0 {
		return v
	}
	sum, _ := total.Float64()
	v.Average = sum / float64(v.Covered)
	if !o.rules.Integral {
		return v
	}
	nothing := func(Reading, int64) {}
	amount := func(least Quality) Amount {
		sum := new(big.Int)
		rounded := func(from, to record.Millis) *big.Int {
			i := o.integral(from, to, least, nothing)
			return halfEven(i.Mul(i, ratio(1_000_000, 3_600_000)))
		}
		for q := from / 900_000 * 900_000; q < to; q += 900_000 {
			sum.Add(sum, rounded(q, min(to, q+900_000)))
			if q < from {
				sum.Sub(sum, rounded(q, from))
			}
		}
		return Amount(sum.Int64())
	}
	v.Known, v.Amount, v.Estimated = true, amount(None), amount(Substituted)
	return v
}

func (o *oracle) millionths(v float64) int64 {
	m, ok := o.rounded[v]
	if !ok {
		r := rat(v)
		m = halfEven(r.Mul(r, ratio(1_000_000, 1))).Int64()
		o.rounded[v] = m
	}
	return m
}

func (o *oracle) possible(a, b Reading, rise int64) bool {
	tolerance := o.millionths(o.rules.Tolerance)
	return !(o.rules.MaxRate > 0) || float64(rise-tolerance) <= o.rules.MaxRate*(1e6/3.6e6)*float64(b.Time-a.Time)
}

func (o *oracle) swapsBetween(a, b Reading) (out []Swap) {
	for _, w := range o.rules.Swaps {
		if w.At > a.Time && w.At <= b.Time {
			out = append(out, w)
		}
	}
	slices.SortFunc(out, func(a, b Swap) int { return int(a.At - b.At) })
	return out
}

// glitches finds the runs of at most three, each for itself, that are set aside
// among the readings: those below their neighbours or those above.
func (o *oracle) glitches(rs []Reading, low bool) []bool {
	m := func(i int) int64 { return o.millionths(rs[i].Value) }
	tolerance := o.millionths(o.rules.Tolerance)
	overridden := func(i int) bool { _, ok := o.overrides[rs[i].Time]; return ok }
	out := make([]bool, len(rs))
	for i := 1; i < len(rs); i++ {
		for n := 1; n <= 3 && i+n < len(rs); n++ {
			a, b := i-1, i+n
			is := m(a) <= m(b)+tolerance && !overridden(b) && len(o.swapsBetween(rs[a], rs[b])) == 0
			if !low {
				is = is && o.possible(rs[a], rs[b], m(b)-m(a))
			}
			for k := i; k < b; k++ {
				is = is && !overridden(k)
				if low {
					is = is && m(k) < m(a)-tolerance
				} else {
					is = is && m(k) > m(b)+tolerance
				}
			}
			if !is {
				continue
			}
			if n > 1 && o.rules.MaxRate > 0 {
				// Is it a counter that began anew?
				from, to, zero := i, b, i
				if !low {
					from, to, zero = a, b-1, b
				}
				anew := m(zero) >= 0 && o.possible(rs[zero-1], rs[zero], m(zero))
				for k := from + 1; k <= to; k++ {
					anew = anew && m(k) > m(k-1) && o.possible(rs[k-1], rs[k], m(k)-m(k-1))
				}
				if anew {
					continue
				}
			}
			for k := i; k < b; k++ {
				out[k] = true
			}
		}
	}
	return out
}

// accepted are the readings that count.
func (o *oracle) accepted() []Reading {
	var rs []Reading
	for _, r := range o.readings {
		if math.Abs(r.Value) <= largest/1e6 && !o.is(r, Ignore) {
			rs = append(rs, r)
		}
	}
	for _, low := range []bool{true, false} {
		var left []Reading
		for i, bad := range o.glitches(rs, low) {
			if !bad {
				left = append(left, rs[i])
			}
		}
		rs = left
	}
	return rs
}

// between says what lies between two readings that count.
func (o *oracle) between(a, b Reading) (rise int64, known, estimated bool) {
	x, y := o.millionths(a.Value), o.millionths(b.Value)
	if v, ok := o.overrides[b.Time]; ok {
		switch v.Kind {
		case ToReset:
			if v.Value != nil {
				y -= o.millionths(*v.Value)
			}
			return y, true, false
		case ToRollover:
			w := o.rules.Width
			if v.Value != nil {
				w = *v.Value
			}
			if v.Value == nil && w == 0 {
				return 0, false, false
			}
			return y - x + o.millionths(w), true, false
		case Rise:
			if v.Value == nil {
				return 0, false, false
			}
			return o.millionths(*v.Value), true, false
		}
		return y - x, true, false
	}
	tolerance := o.millionths(o.rules.Tolerance)
	if swaps := o.swapsBetween(a, b); len(swaps) > 0 {
		known := true
		device := func(from, to *int64) {
			if from == nil || to == nil {
				estimated = true
				return
			}
			known = known && *to-*from >= -tolerance
			rise += *to - *from
		}
		from := &x
		opt := func(v *float64) *int64 {
			if v == nil {
				return nil
			}
			m := o.millionths(*v)
			return &m
		}
		for _, w := range swaps {
			device(from, opt(w.End))
			from = opt(w.Start)
		}
		device(from, &y)
		return rise, known && rise >= -tolerance && o.possible(a, b, rise), estimated
	}
	rise = y - x
	if rise >= 0 {
		return rise, o.possible(a, b, rise), false
	}
	if rise >= -tolerance {
		return rise, true, false
	}
	if width := o.millionths(o.rules.Width); width > 0 && x < width && y >= 0 {
		over := width - x + y
		if o.rules.MaxRate > 0 && o.possible(a, b, over) || o.rules.MaxRate == 0 && over <= width/10 {
			return over, true, false
		}
	}
	if y >= 0 && (o.rules.MaxRate > 0 && o.possible(a, b, y) || o.rules.MaxRate == 0 && y <= x/2) {
		return y, true, false
	}
	return 0, false, false
}

func (o *oracle) counter(from, to record.Millis) Value {
	v := Value{Average: math.NaN(), Min: math.NaN(), Max: math.NaN()}
	rs := o.counts
	amount, estimates, covered := new(big.Int), new(big.Int), new(big.Int)
	for i, b := range rs {
		if b.Time >= from && b.Time < to {
			v.Count++
		}
		if i == 0 {
			continue
		}
		a := rs[i-1]
		begin, end := max(from, a.Time), min(to, b.Time)
		if begin >= end {
			continue
		}
		rise, known, estimated := o.between(a, b)
		if !known {
			continue
		}
		until := func(t record.Millis) *big.Int {
			p := new(big.Rat).Mul(ratio(rise, 1), ratio(int64(t-a.Time), int64(b.Time-a.Time)))
			return halfEven(p)
		}
		part := new(big.Int).Sub(until(end), until(begin))
		long := o.rules.MaxAge >= 0 && int64(b.Time-a.Time) > o.rules.MaxAge
		quality := max(a.Quality, b.Quality, Measured)
		if _, ok := o.overrides[b.Time]; ok {
			quality = max(quality, Corrected)
		}
		for _, r := range o.readings {
			if math.IsNaN(r.Value) && r.Time > a.Time && r.Time < b.Time {
				quality = max(quality, r.Quality)
			}
		}
		if long || estimated {
			quality = Estimated
		}
		v.Known = true
		v.Quality = max(v.Quality, quality)
		amount.Add(amount, part)
		if quality >= Substituted {
			estimates.Add(estimates, part)
		}
		if !long {
			v.Covered += int64(end - begin)
			covered.Add(covered, part)
			rate := float64(rise) * 3.6 / float64(b.Time-a.Time)
			if !(v.Min <= rate) {
				v.Min = rate
			}
			if !(v.Max >= rate) {
				v.Max = rate
			}
		}
	}
	v.Amount, v.Estimated = Amount(amount.Int64()), Amount(estimates.Int64())
	if v.Covered > 0 {
		v.Average = float64(covered.Int64()) * 3.6 / float64(v.Covered)
	}
	return v
}

// A situation is a random series with all that can go wrong.
type situation struct {
	readings  []Reading
	rules     Rules
	overrides []Override
}

func randomSituation(r *rand.Rand, counter bool, n int) (s situation) {
	s.rules = Rules{Counter: counter, Integral: r.IntN(8) > 0, Interval: 60_000, MaxAge: []int64{-1, 0, 180_000, 1_000_000}[r.IntN(4)]}
	if r.IntN(2) == 0 {
		s.rules.Tolerance = []float64{0.1, 1, 5}[r.IntN(3)]
	}
	if r.IntN(2) == 0 {
		s.rules.MaxRate = []float64{60, 600, 6000}[r.IntN(3)]
	}
	if r.IntN(2) == 0 {
		s.rules.Width = []float64{50, 100, 1000}[r.IntN(3)]
	}
	at := record.Millis(r.IntN(1_000_000))
	level := float64(r.IntN(1000)) / 10
	wild := r.IntN(5) // of ten readings
	for range n {
		switch r.IntN(12) {
		case 0:
			at += record.Millis(1 + r.IntN(2_000_000))
		case 1:
			at += record.Millis(1 + r.IntN(20))
		default:
			at += 60_000
		}
		if r.IntN(10) < 7 {
			level += float64(r.IntN(20)) / 10
		}
		v := level
		if r.IntN(10) < wild {
			switch r.IntN(8) {
			case 0:
				v = 0
			case 1:
				v = level * 100
			case 2:
				v = math.NaN()
			case 3:
				level = 0 // it begins anew
				v = level
			case 4:
				level += 500
				v = level
			case 5:
				level -= 0.1
				v = level
			case 6:
				v = float64(r.IntN(100)) - 10
			case 7:
				v = []float64{math.Inf(1), 1e13, -3, 0.1234565, 1e-7, 1e19}[r.IntN(6)]
				if !counter && v > 1e12 {
					v = 1e9
				}
			}
		}
		if !counter && r.IntN(3) == 0 {
			v = math.Ldexp(r.Float64()-0.5, r.IntN(80)-60)
		}
		q := None
		if r.IntN(20) == 0 {
			q = Quality(r.IntN(5))
		}
		s.readings = append(s.readings, Reading{at, v, q})
		if r.IntN(30) == 0 {
			w := Swap{At: at - record.Millis(r.IntN(3)*30_000)}
			if r.IntN(4) > 0 {
				end := level + float64(r.IntN(10))/10
				w.End = &end
			}
			if r.IntN(4) > 0 {
				start := 0.
				w.Start = &start
			}
			level = float64(r.IntN(10)) / 10
			s.rules.Swaps = append(s.rules.Swaps, w)
		}
		if r.IntN(30) == 0 {
			o := Override{Time: at, Kind: OverrideKind(r.IntN(5))}
			if r.IntN(2) == 0 {
				v := float64(r.IntN(100)) / 10
				o.Value = &v
			}
			s.overrides = append(s.overrides, o)
		}
	}
	// Several at one time have no order that is told.
	slices.SortStableFunc(s.rules.Swaps, func(a, b Swap) int { return int(a.At - b.At) })
	s.rules.Swaps = slices.CompactFunc(s.rules.Swaps, func(a, b Swap) bool { return a.At == b.At })
	return s
}

func (s situation) span() (from, to record.Millis) {
	return s.readings[0].Time / 300_000 * 300_000, s.readings[len(s.readings)-1].Time + 900_000
}

// edges are those of windows of a length, on the grid of UTC.
func (s situation) edges(length record.Millis) (out []record.Millis) {
	from, to := s.span()
	for at := from / length * length; at < to+length; at += length {
		out = append(out, at)
	}
	return out
}

func (s situation) String() string {
	return fmt.Sprintf("%+v %v %+v", s.rules, s.readings, s.overrides)
}

func TestSettleIsAsTheOracle(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for i := range 1500 {
		s := randomSituation(r, i%2 == 0, 4+r.IntN(60))
		edges := s.edges([]record.Millis{300_000, 900_000, 1_800_000}[r.IntN(3)])
		if r.IntN(3) == 0 {
			for k := range edges {
				edges[k] += record.Millis(r.IntN(300_000))
			}
		}
		o := newOracle(s.readings, s.rules, s.overrides)
		values, _ := Settle(s.readings, edges, s.rules, s.overrides)
		for k, v := range values {
			if want := o.value(edges[k], edges[k+1]); !same(v, want) {
				t.Fatalf("situation %d, %d to %d:\ngot  %+v\nwant %+v\n%s", i, edges[k], edges[k+1], v, want, s)
			}
		}
	}
}
