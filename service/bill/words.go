package bill

import (
	"cmp"
	"fmt"
	"math"
	"math/bits"
	"slices"
	"strconv"
	"strings"

	"github.com/wattwerk/wattwerk/energy"
	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/service/series"
	"github.com/wattwerk/wattwerk/tariff"
)

// Money is an amount in 10^-6 of a currency unit; its text is exact: "2336.85712".
type Money int64

// String is the exact amount with two to six decimals.
func (m Money) String() string { return tariff.Money(m).String() }

// MarshalText is String.
func (m Money) MarshalText() ([]byte, error) { return []byte(m.String()), nil }

// UnmarshalText reads what MarshalText writes.
func (m *Money) UnmarshalText(text []byte) error {
	v, err := read(string(text), 6)
	if err != nil {
		return fmt.Errorf("money %w", err)
	}
	*m = Money(v)
	return nil
}

// Quantity is an amount in 10^-9 of its unit: µWh are 10^-9 kWh. Its text is exact:
// "9467.438".
type Quantity int64

// String is the exact amount without needless zeros.
func (q Quantity) String() string {
	s := tariff.Price(q).String()
	s = strings.TrimRight(s, "0")
	return strings.TrimSuffix(s, ".")
}

// MarshalText is String.
func (q Quantity) MarshalText() ([]byte, error) { return []byte(q.String()), nil }

// UnmarshalText reads what MarshalText writes.
func (q *Quantity) UnmarshalText(text []byte) error {
	v, err := read(string(text), 9)
	if err != nil {
		return fmt.Errorf("a quantity %w", err)
	}
	*q = Quantity(v)
	return nil
}

// read reads a decimal number exactly, in units of 10^-places.
func read(text string, places int) (int64, error) {
	digits, negative := strings.CutPrefix(text, "-")
	whole, rest, point := strings.Cut(digits, ".")
	if whole == "" || point && rest == "" || len(rest) > places || strings.Trim(whole+rest, "0123456789") != "" {
		return 0, fmt.Errorf("is %.40q and not a decimal number with at most %d digits behind the point", text, places)
	}
	sign := ""
	if negative {
		sign = "-"
	}
	v, err := strconv.ParseInt(sign+whole+rest+strings.Repeat("0", places-len(rest)), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("is %.40q, which is too large", text)
	}
	return v, nil
}

// ServiceBillLine is one line of a bill.
type ServiceBillLine struct {
	Key      string         `json:"key" doc:"What the line is, the same in every revision: source, version of the tariff, component and band" example:"grid/1/energy/peak"`
	Title    string         `json:"title" doc:"As people read it"`
	Credit   bool           `json:"credit,omitempty" doc:"It credits"`
	From     record.Millis  `json:"from" doc:"First ms it is for"`
	To       record.Millis  `json:"to" doc:"First ms that it is not for"`
	Quantity Quantity       `json:"quantity" doc:"In unit, exact"`
	Unit     string         `json:"unit,omitempty" doc:"Unit of the quantity" example:"kWh"`
	Price    string         `json:"price,omitempty" doc:"For one unit; of a series of prices the average, rounded"`
	Percent  string         `json:"percent,omitempty" doc:"Of a tax"`
	Money    Money          `json:"money" doc:"What it costs; below zero for what is credited"`
	Quality  energy.Quality `json:"quality" enum:"none,measured,corrected,substituted,estimated" doc:"The worst of what it rests on; none: it rests on no measurement, as a standing charge"`

	Estimated   Money    `json:"estimated" doc:"The part of money that rests on estimated amounts"`
	Substituted Money    `json:"substituted" doc:"The part of money that rests on substituted amounts"`
	Corrected   Money    `json:"corrected" doc:"The part of money that rests on amounts that a person corrected"`
	Unpriced    Quantity `json:"unpriced,omitempty" doc:"Amount for which a series had no price; it is in neither quantity nor money"`
	Note        string   `json:"note,omitempty" doc:"What has to be known to understand it"`
}

// ServiceBillTotals are the sums of a bill's lines.
type ServiceBillTotals struct {
	Currency    string `json:"currency" example:"EUR"`
	Cost        Money  `json:"cost" doc:"Of all lines that charge"`
	Credit      Money  `json:"credit" doc:"Of all lines that credit, above zero as a rule"`
	Total       Money  `json:"total" doc:"Cost less credit, with what is estimated and substituted"`
	Measured    Money  `json:"measured" doc:"Total without what is estimated and substituted"`
	Estimated   Money  `json:"estimated" doc:"The part of total that rests on estimated amounts"`
	Substituted Money  `json:"substituted" doc:"The part of total that rests on substituted amounts"`
	Corrected   Money  `json:"corrected" doc:"The part of total that rests on corrected amounts; it is in measured"`
}

// Totals adds up lines. The error says that they do not fit.
func Totals(currency string, lines []ServiceBillLine) (ServiceBillTotals, error) {
	t := ServiceBillTotals{Currency: currency}
	size := 0.0
	for _, l := range lines {
		if size += math.Abs(float64(l.Money)); size > float64(MaxSum) {
			return t, fmt.Errorf("add up bill: with line %s it is more than %s", l.Key, MaxSum)
		}
		t.Estimated += l.Estimated
		t.Substituted += l.Substituted
		t.Corrected += l.Corrected
		if l.Credit {
			t.Credit -= l.Money
		} else {
			t.Cost += l.Money
		}
	}
	t.Total = t.Cost - t.Credit
	t.Measured = t.Total - t.Estimated - t.Substituted
	return t, nil
}

// MaxMoney bounds what is said of money that is no sum of lines, MaxSum what lines add
// up to, by their sizes: 10^11 and 4·10^12 currency units.
const (
	MaxMoney = Money(1e17)
	MaxSum   = Money(4e18)
)

// Split divides a total by weights: each part is its exact share rounded towards
// zero, and what is missing goes, one by one, to the largest remainders; of equal
// ones to the first. The parts are the total, exactly. It is not ok when all
// weights are zero and the total is not; weights below zero count as zero.
func Split(total int64, weights []int64) (parts []int64, ok bool) {
	sum := uint64(0)
	for _, w := range weights {
		next, carry := bits.Add64(sum, uint64(max(w, 0)), 0)
		if carry != 0 {
			return nil, false
		}
		sum = next
	}
	parts = make([]int64, len(weights))
	if sum == 0 {
		return parts, total == 0
	}
	size, sign := uint64(total), int64(1)
	if total < 0 {
		size, sign = -size, -1
	}
	left := size
	rests := make([]uint64, len(weights))
	for i, w := range weights {
		hi, lo := bits.Mul64(size, uint64(max(w, 0)))
		q, r := bits.Div64(hi, lo, sum) // w <= sum, so q <= size
		parts[i], rests[i] = sign*int64(q), r
		left -= q
	}
	hand(parts, rests, int64(left), sign)
	return parts, true
}

// hand gives n times sign to the largest remainders.
func hand(parts []int64, rests []uint64, n, sign int64) {
	if n <= 0 {
		return
	}
	order := make([]int, len(parts))
	for i := range order {
		order[i] = i
	}
	// There are fewer to hand out than parts: a stable order by remainder.
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(rests[b], rests[a]) })
	for i := int64(0); i < n; i++ {
		parts[order[i%int64(len(order))]] += sign
	}
}

// KWh writes an amount of energy as people read it, exactly: "9467.438 kWh".
func KWh(a energy.Amount) string { return Quantity(a).String() + " kWh" }

// Marks are the qualities that are marked, in the order of their worth.
var marks = []energy.Quality{energy.Corrected, energy.Substituted, energy.Estimated}

// Missing is a sentence on intervals that are not known, empty if there are none.
func Missing(who string, c series.QualityCount) string {
	if c.Missing == 0 {
		return ""
	}
	return fmt.Sprintf("%s: of %s %d are not known; they are in no line and will be billed when they are", who, series.Count(c.Intervals, "interval"), c.Missing)
}
