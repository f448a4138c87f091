package formula

import (
	"fmt"
	"math"
	"math/big"
	"math/bits"
	"slices"

	"github.com/wattwerk/wattwerk/energy"
)

// Formula is a checked expression, ready to be evaluated. It never changes and
// is safe for concurrent use.
type Formula struct {
	operands []Operand
	prog     []instr
	load     []loading
	rule     Rule
	live     bool
	counter  bool // the result counts up
	flow     bool // the result adds up over hours
	averages bool

	// Of a linear formula: the amount is (Σ factor·amount + rest·span)/divisor.
	factor  []int64 // by operand
	rest    int64   // per millisecond
	divisor int64
}

// Rule says how the values of windows follow from those of the operands.
type Rule uint8

const (
	// Linear formulas have amounts that follow the formula exactly, so that
	// sums over windows and the formula commute.
	Linear Rule = iota
	// Anew is for results that add up to nothing, as a ratio. The value of every
	// window is computed from the operands' values in that window, never from
	// those of shorter windows: a ratio of sums, not a mean of ratios.
	Anew
	// Quarterly is for results that add up, but do not follow from sums: they are
	// evaluated for each quarter hour, and longer windows are sums of those.
	Quarterly
)

// String names the rule.
func (r Rule) String() string { return [...]string{"linear", "anew", "quarterly"}[r] }

// loading says what an operand contributes over a window.
type loading uint8

const (
	loadAverage loading = iota // nothing adds up: the average
	loadFlow                   // the amount, spread over the window: the average power
	loadAmount                 // the amount: what a counter rose by
)

// The stack has room for all values that can wait: two for each of the
// [MaxDepth] levels and those of the outermost, and a factor between units. It
// is a power of two, so that no index needs a check.
const (
	stack = 64
	slots = stack - 1
)

// Operands lists what the formula uses, each once; indexes into it are what
// lookups get. The slice must not be changed.
func (f *Formula) Operands() []Operand { return f.operands }

// Rule says how its windows are computed.
func (f *Formula) Rule() Rule { return f.rule }

// OnAverages tells whether windows are computed from the operands' averages in
// a way that does not commute with averaging: by min, max, abs, positive,
// negative, coalesce, or a product of two operands. The result over a quarter
// hour then is not the average of the live values within it.
func (f *Formula) OnAverages() bool { return f.averages }

// Same tells whether both give the same of the same values of the same
// operands. Formulas that read the same differ where what they use measures
// something else.
func (f *Formula) Same(o *Formula) bool {
	return f == o || f.rule == o.rule && f.live == o.live && f.counter == o.counter && f.flow == o.flow && f.averages == o.averages &&
		f.rest == o.rest && f.divisor == o.divisor && slices.Equal(f.factor, o.factor) &&
		slices.Equal(f.operands, o.operands) && slices.Equal(f.prog, o.prog) && slices.Equal(f.load, o.load)
}

// Live tells whether the formula has a value at a moment. Ratios and
// comparisons of counters have none: readings mean nothing but by their
// differences.
func (f *Formula) Live() bool { return f.live }

// Eval gives the value at a moment, in the coherent unit of the virtual sensor;
// NaN is null. The lookup gets an index in [Formula.Operands] and gives what
// the operand shows then in its coherent unit, per hour for a Rate; NaN when
// that is not known. A lookup that does not allocate makes Eval not allocate.
func (f *Formula) Eval(lookup func(operand int) float64) float64 {
	if !f.live {
		return math.NaN()
	}
	return f.run(lookup)
}

func (f *Formula) run(lookup func(operand int) float64) float64 {
	var s [stack]float64
	n := 0
	for i := range f.prog {
		in := &f.prog[i]
		switch in.op {
		case opConst:
			s[n&slots] = in.value
			n++
			continue
		case opOperand:
			s[n&slots] = finite(lookup(int(in.operand)))
			n++
			continue
		case opNeg, opAbs, opPositive, opNegative:
			x := &s[(n-1)&slots]
			*x = one(in.op, *x)
			continue
		}
		n--
		x, y := &s[(n-1)&slots], s[n&slots]
		// Each result is stored before it is used: fused operations would differ
		// between machines.
		switch in.op {
		case opAdd:
			*x += y
		case opSub:
			*x -= y
		case opMul:
			*x *= y
		case opDiv:
			*x /= y
		case opMin:
			*x = min(*x, y)
		case opMax:
			*x = max(*x, y)
		case opCoalesce:
			if *x != *x {
				*x = y
			}
		}
		*x = finite(*x)
	}
	return s[0]
}

// finite makes null of what is no number.
func finite(x float64) float64 {
	if x-x != 0 {
		return math.NaN()
	}
	return x
}

func one(o op, x float64) float64 {
	switch {
	case o == opNeg:
		return 0 - x // no -0
	case o == opAbs:
		return math.Abs(x)
	case o == opPositive && x < 0, o == opNegative && x > 0:
		return 0
	}
	return x
}

// two keeps every intermediate result a float64 of its own: fused
// multiplications would differ between machines.
func two(o op, x, y float64) float64 {
	var z float64
	switch o {
	case opAdd:
		z = x + y
	case opSub:
		z = x - y
	case opMul:
		z = x * y
	case opDiv:
		z = x / y
	case opMin:
		z = min(x, y)
	case opMax:
		z = max(x, y)
	}
	return finite(z)
}

// perHour is how many milliseconds there are in an hour.
const perHour = 3_600_000

// unknown is the value of a window of which nothing is known.
var unknown = energy.Value{Average: math.NaN(), Min: math.NaN(), Max: math.NaN()}

// Settle gives the value over a window of span ms. Of which windows it may be
// asked [Formula.Rule] says. The lookup gets an index in [Formula.Operands]; of
// an operand that adds up to nothing the average counts, of others the amount.
// What is not known has no amount and the average NaN; what adds up to nothing
// has an average alone.
//
// Covered is the least and Quality the worst of the operands that matter: those
// that coalesce passes over do not, and a constant that it falls back on covers
// nothing and is a substitute. The amounts of [Linear] formulas are
// rounded once, half to even, and exact where all factors are whole numbers;
// others are computed in float64, which holds amounts up to 2^51 to the last
// millionth. Where an operand's amount is estimated in part, so is the same
// part, by magnitude, of a linear amount, and all of another. There are no Min,
// Max and Count: they do not follow from those of the operands. The error is
// [energy.ErrTooLarge].
func (f *Formula) Settle(span int64, lookup func(operand int) energy.Value) (energy.Value, error) {
	if span <= 0 {
		return unknown, fmt.Errorf("settle formula: a window of %d ms", span)
	}
	v := f.window(span, lookup, false)
	if v.x != v.x {
		return unknown, nil
	}
	out := unknown
	out.Known, out.Covered, out.Quality = f.rule != Anew, min(v.covered, span), v.quality
	var err error
	switch {
	case f.rule == Anew:
		out.Average = v.x
		return out, nil
	case f.rule == Linear:
		err = f.exactly(&out, span, lookup)
	case f.flow:
		out.Amount, err = energy.Of(v.x * (float64(span) / perHour))
		// Where operands are covered in part, averages are of what is covered.
		out.Average = f.window(span, lookup, true).x
	default:
		out.Amount, err = energy.Of(v.x)
	}
	if err != nil {
		return unknown, fmt.Errorf("settle formula: %w", err)
	}
	if f.counter {
		out.Average = rate(out.Amount.Float64(), out.Covered)
	}
	if f.rule == Quarterly && v.estimated {
		out.Estimated = max(out.Amount, -out.Amount)
	}
	return out, nil
}

func rate(amount float64, covered int64) float64 {
	if covered <= 0 {
		return math.NaN()
	}
	return finite(amount / (float64(covered) / perHour))
}

// settled is a value on the stack of a window.
type settled struct {
	x         float64
	covered   int64
	quality   energy.Quality
	estimated bool
}

// window evaluates the formula on what the operands amount to; with averages,
// on the averages of what is covered.
func (f *Formula) window(span int64, lookup func(operand int) energy.Value, averages bool) settled {
	var s [stack]settled
	n := 0
	for i := range f.prog {
		switch in := &f.prog[i]; in.op {
		case opConst:
			s[n] = settled{x: in.value, covered: math.MaxInt64}
			n++
		case opOperand:
			s[n] = load(f.load[in.operand], lookup(int(in.operand)), span, averages)
			n++
		case opNeg, opAbs, opPositive, opNegative:
			s[n-1].x = one(in.op, s[n-1].x)
		case opCoalesce:
			n--
			if s[n-1].x != s[n-1].x {
				if s[n-1] = s[n]; s[n-1].covered == math.MaxInt64 {
					// A constant in the place of what is not known was not measured.
					s[n-1].covered, s[n-1].quality = 0, energy.Substituted
				}
			}
		default:
			n--
			s[n-1] = settled{
				x: two(in.op, s[n-1].x, s[n].x), covered: min(s[n-1].covered, s[n].covered),
				quality: max(s[n-1].quality, s[n].quality), estimated: s[n-1].estimated || s[n].estimated,
			}
		}
	}
	return s[0]
}

func load(how loading, v energy.Value, span int64, averages bool) settled {
	s := settled{x: math.NaN(), covered: v.Covered, quality: v.Quality, estimated: v.Estimated != 0}
	switch {
	case how == loadAverage:
		s.x = finite(v.Average)
	case !v.Known:
	case how == loadFlow && averages && v.Average == v.Average:
		s.x = finite(v.Average)
	case how == loadAmount:
		s.x = v.Amount.Float64()
	default:
		s.x = v.Amount.Float64() / (float64(span) / perHour)
	}
	return s
}

// linear takes the factors over where they are small enough for exact
// arithmetic, and tells whether they are.
func (f *Formula) linear(l *linear) bool {
	rest := new(big.Rat).Mul(l.rest, big.NewRat(energy.PerUnit, perHour)) // per ms
	divisor := new(big.Int).Set(rest.Denom())
	for i, r := range l.factor {
		if f.load[i] == loadAverage {
			return false
		}
		gcd := new(big.Int).GCD(nil, nil, divisor, r.Denom())
		divisor.Mul(divisor, new(big.Int).Quo(r.Denom(), gcd))
	}
	// 64 products of 56 and 63 bits stay below 2^127.
	small := func(n *big.Int) bool { return n.BitLen() <= 56 }
	whole := func(r *big.Rat) *big.Int {
		return new(big.Int).Quo(new(big.Int).Mul(r.Num(), divisor), r.Denom())
	}
	if !small(divisor) || !small(whole(rest)) {
		return false
	}
	f.factor = make([]int64, len(f.operands))
	for i, r := range l.factor {
		n := whole(r)
		if !small(n) {
			f.factor = nil
			return false
		}
		f.factor[i] = n.Int64()
	}
	f.rest, f.divisor = whole(rest).Int64(), divisor.Int64()
	return true
}

// Exact tells whether amounts are whole multiples of the operands' amounts, so
// that nothing is ever rounded.
func (f *Formula) Exact() bool { return f.rule == Linear && f.divisor == 1 }

// exactly fills in the amounts of a linear formula, and the average of a flow.
func (f *Formula) exactly(out *energy.Value, span int64, lookup func(operand int) energy.Value) error {
	var amount, estimated wide
	amount.addProduct(f.rest, span)
	average := float64(f.rest) / float64(f.divisor) / energy.PerUnit * perHour
	for i, k := range f.factor {
		v := lookup(i)
		amount.addProduct(k, int64(v.Amount))
		estimated.addProduct(max(k, -k), int64(max(v.Estimated, -v.Estimated)))
		average += float64(float64(k) / float64(f.divisor) * v.Average)
	}
	a, ok := amount.over(f.divisor)
	e, ok2 := estimated.over(f.divisor)
	if !ok || !ok2 {
		return fmt.Errorf("%w: a sum of %d operands", energy.ErrTooLarge, len(f.operands))
	}
	out.Amount, out.Estimated, out.Average = energy.Amount(a), energy.Amount(e), finite(average)
	return nil
}

// wide is a whole number of 128 bits in two's complement.
type wide struct{ hi, lo uint64 }

func (w *wide) addProduct(a, b int64) {
	hi, lo := bits.Mul64(uint64(a), uint64(b))
	// Two's complement: what a negative factor adds to the upper half goes.
	if a < 0 {
		hi -= uint64(b)
	}
	if b < 0 {
		hi -= uint64(a)
	}
	var carry uint64
	w.lo, carry = bits.Add64(w.lo, lo, 0)
	w.hi, _ = bits.Add64(w.hi, hi, carry)
}

// over divides, 0 < by, half to even; false when the result is no int64.
func (w wide) over(by int64) (int64, bool) {
	negative := w.hi>>63 == 1
	if negative {
		var borrow uint64
		w.lo, borrow = bits.Sub64(0, w.lo, 0)
		w.hi, _ = bits.Sub64(0, w.hi, borrow)
	}
	d := uint64(by)
	if w.hi >= d {
		return 0, false
	}
	q, r := bits.Div64(w.hi, w.lo, d)
	if r > d-r || r == d-r && q&1 == 1 {
		q++
	}
	if q > math.MaxInt64 {
		return 0, false
	}
	if negative {
		return -int64(q), true
	}
	return int64(q), true
}
