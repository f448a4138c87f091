package tariff

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml/ast"

	"github.com/wattwerk/wattwerk/tariff/wide"
)

// Money is an amount in millionths of the unit in which a plan counts: of a
// currency unit for a tariff, of a gram of CO2 equivalent for factors (so it is
// micrograms there). Money that is known is added without rounding.
type Money int64

// String writes the whole amount with two to six decimals: "2336.85712".
func (m Money) String() string { return decimals(int64(m), 6) }

// Price is a price in 10^-9 currency units for one unit: 0.30125 EUR/kWh are
// 301,250,000.
type Price int64

// String writes the whole price with two to nine decimals: "0.30125".
func (p Price) String() string { return decimals(int64(p), 9) }

// decimals writes v in units of 10^-places, without needless zeros behind the
// second decimal.
func decimals(v int64, places int) string {
	digits := strconv.FormatUint(wide.Magnitude(v), 10)
	if n := places + 1 - len(digits); n > 0 {
		digits = strings.Repeat("0", n) + digits
	}
	at := len(digits) - places
	for len(digits) > at+2 && digits[len(digits)-1] == '0' {
		digits = digits[:len(digits)-1]
	}
	sign := ""
	if v < 0 {
		sign = "-"
	}
	return sign + digits[:at] + "." + digits[at:]
}

// Decimal is a decimal number as people write it: "0.30125", "-4", at most nine
// digits behind the point. It is text, in JSON too, because a floating-point
// number is not what stands in a contract. In YAML the quotes may be left out.
type Decimal string

// UnmarshalText takes any text; [New] says what is no number.
func (d *Decimal) UnmarshalText(b []byte) error {
	*d = Decimal(b)
	return nil
}

// UnmarshalYAML takes the digits that stand there, before they become a
// floating-point number.
func (d *Decimal) UnmarshalYAML(n ast.Node) error {
	if _, scalar := n.(ast.ScalarNode); !scalar || n.GetToken() == nil {
		return fmt.Errorf("a number is expected where %.40q stands", n.String())
	}
	if n.Type() == ast.NullType {
		return nil
	}
	*d = Decimal(n.GetToken().Value)
	return nil
}

// maxWhole is how many digits a decimal has in front of the point, at most.
const maxWhole = 9

// Price reads it as a price, exactly.
func (d Decimal) Price() (Price, error) {
	v, err := d.nanos()
	if err != nil {
		return 0, fmt.Errorf("a price %w", err)
	}
	return Price(v), nil
}

// nanos gives the number in units of 10^-9, exactly.
func (d Decimal) nanos() (int64, error) {
	digits, negative := strings.CutPrefix(string(d), "-")
	whole, rest, point := strings.Cut(digits, ".")
	bad := func(s string) bool { return strings.Trim(s, "0123456789") != "" }
	switch {
	case d == "":
		return 0, fmt.Errorf("is missing")
	case whole == "" || bad(whole) || bad(rest) || point && rest == "":
		return 0, fmt.Errorf("is %.40q and not a decimal number like 0.30125", string(d))
	case len(whole) > maxWhole:
		return 0, fmt.Errorf("is %.40q; at most %d digits are taken in front of the point", string(d), maxWhole)
	case len(rest) > 9:
		return 0, fmt.Errorf("is %.40q; at most 9 digits are taken behind the point", string(d))
	}
	v, err := strconv.ParseInt(whole+rest+strings.Repeat("0", 9-len(rest)), 10, 64)
	if err != nil { // cannot be: it is 18 digits
		return 0, fmt.Errorf("is %.40q: %w", string(d), err)
	}
	if negative {
		v = -v
	}
	return v, nil
}

// Date is a day of the calendar in the zone of the tariff: "2026-01-31".
type Date string

// day is a number of days since 1970-01-01.
type day int32

// parse gives the day. The years are 1970 to 2200.
func (d Date) parse() (day, error) {
	fault := fmt.Errorf("is %.40q and not a date like 2026-01-31", string(d))
	if len(d) != 10 || d[4] != '-' || d[7] != '-' {
		return 0, fault
	}
	y, err1 := strconv.ParseUint(string(d[:4]), 10, 16)
	m, err2 := strconv.ParseUint(string(d[5:7]), 10, 16)
	n, err3 := strconv.ParseUint(string(d[8:]), 10, 16)
	if err1 != nil || err2 != nil || err3 != nil || m < 1 || m > 12 || n < 1 || n > 31 {
		return 0, fault
	}
	if y < 1970 || y > 2200 {
		return 0, fmt.Errorf("is %.40q; years are 1970 to 2200", string(d))
	}
	out := dayOf(int(y), int(m), int(n))
	if _, _, back := out.date(); back != int(n) {
		return 0, fault // the 30th of February
	}
	return out, nil
}

// dayOf counts the days to a date of the Gregorian calendar. It is the inverse of
// date, over years that begin in March, so that the leap day is the last one.
func dayOf(y, m, d int) day {
	if m <= 2 {
		y, m = y-1, m+12
	}
	return day(365*y + y/4 - y/100 + y/400 + (153*(m-3)+2)/5 + d - 1 - 719468)
}

// date gives year, month and day of the month.
func (n day) date() (y, m, d int) {
	z := int(n) + 719468
	era := z / 146097 // of 400 years
	z %= 146097
	year := (z - z/1460 + z/36524 - z/146096) / 365
	z -= 365*year + year/4 - year/100
	mp := (5*z + 2) / 153
	d = z - (153*mp+2)/5 + 1
	m = mp + 3
	if m > 12 {
		m -= 12
	}
	y = era*400 + year
	if m <= 2 {
		y++
	}
	return y, m, d
}

// weekday is 0 on Monday.
func (n day) weekday() int { return (int(n)%7 + 7 + 3) % 7 }

// String writes it as a [Date] is written.
func (n day) String() string {
	y, m, d := n.date()
	return fmt.Sprintf("%04d-%02d-%02d", y, m, d)
}
