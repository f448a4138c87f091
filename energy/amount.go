package energy

import (
	"errors"
	"fmt"
	"math"
	"math/bits"
	"strconv"
	"strings"
)

// Amount is a quantity of something that adds up, in millionths of the coherent
// unit: of energy µWh, of volumes millionths of m³.
type Amount int64

// PerUnit is how many there are in a unit.
const PerUnit = 1_000_000

// ErrTooLarge says that an amount is beyond ±9.2e12 units.
var ErrTooLarge = errors.New("amount is too large")

// Of rounds a value in the coherent unit, half to even. The error is
// [ErrTooLarge], also for what is not a number.
func Of(v float64) (Amount, error) {
	m, ok := millionths(v)
	if !ok {
		return 0, fmt.Errorf("%w: %g", ErrTooLarge, v)
	}
	return Amount(m), nil
}

// millionths rounds v·10^6 to an integer, half to even, as if the product were
// taken with all its digits.
func millionths(v float64) (int64, bool) {
	p := v * PerUnit
	if !(math.Abs(p) < 1<<63-1<<10) { // not a number, too
		return 0, false
	}
	if math.Abs(p) < 1<<31 {
		// The product is off by less than 2^-22: where it is not near a half it decides.
		w := math.RoundToEven(p)
		if d := math.Abs(p - w); d < 0.499 {
			return int64(w), true
		}
	}
	rest := math.FMA(v, PerUnit, -p) // v·10^6 is p + rest
	whole := math.Floor(p)
	half := p - whole - 0.5 // exact
	if math.Abs(p) >= 1<<52 {
		// p is whole, and rest may be more than one.
		w := math.Floor(rest)
		n := int64(p) + int64(w)
		return nearest(n, rest-w-0.5), true
	}
	return nearest(int64(whole), half+rest), true
}

// nearest is n, or the next integer when more than half is above n.
func nearest(n int64, half float64) int64 {
	if half > 0 || half == 0 && n&1 != 0 {
		n++
	}
	return n
}

// Float64 is the amount in the coherent unit.
func (a Amount) Float64() float64 { return float64(a) / PerUnit }

// Add adds two amounts; the error is [ErrTooLarge].
func (a Amount) Add(b Amount) (Amount, error) {
	c, ok := add(int64(a), int64(b))
	if !ok {
		return 0, fmt.Errorf("%w: %s and %s", ErrTooLarge, a, b)
	}
	return Amount(c), nil
}

// add tells whether the sum fits.
func add(a, b int64) (int64, bool) {
	c := a + b
	return c, (c > a) == (b > 0)
}

// String is the amount in the coherent unit with all its digits: -0.25.
func (a Amount) String() string {
	sign, m := "", uint64(a)
	if a < 0 {
		sign, m = "-", -m
	}
	s := sign + strconv.FormatUint(m/PerUnit, 10)
	if rest := m % PerUnit; rest != 0 {
		s += "." + strings.TrimRight(fmt.Sprintf("%06d", rest), "0")
	}
	return s
}

// share is the part of an amount by part of whole, rounded half to even; 0 <=
// part <= whole, and whole is not zero.
func share(amount, part, whole int64) int64 {
	switch part {
	case 0:
		return 0
	case whole:
		return amount
	}
	m := uint64(amount)
	if amount < 0 {
		m = -m
	}
	hi, lo := bits.Mul64(m, uint64(part))
	q, r := bits.Div64(hi, lo, uint64(whole))
	if up := uint64(whole) - r; r > up || r == up && q&1 == 1 {
		q++
	}
	if amount < 0 {
		return -int64(q)
	}
	return int64(q)
}
