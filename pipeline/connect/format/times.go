package format

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/wattwerk/wattwerk/record"
)

// clock says how times are written.
type clock struct {
	unit   float64 // ms of a number; 0: told from its size
	number bool    // numbers are taken
	text   bool    // RFC 3339 is taken
}

func clockOf(name string) (clock, error) {
	switch name {
	case "", "auto":
		return clock{number: true, text: true}, nil
	case "rfc3339":
		return clock{text: true}, nil
	case "s":
		return clock{unit: 1000, number: true}, nil
	case "ms":
		return clock{unit: 1, number: true}, nil
	case "us":
		return clock{unit: 1e-3, number: true}, nil
	case "ns":
		return clock{unit: 1e-6, number: true}, nil
	}
	return clock{}, fmt.Errorf("timeFormat %.40q is none of auto, rfc3339, s, ms, us and ns", name)
}

// noTime says what is wrong with a time.
const noTime = "the time cannot be read"

// ofNumber reads a time that is a number. A whole one keeps its milliseconds,
// whatever its size.
func (c clock) ofNumber(s string) (record.Millis, bool) {
	if !c.number {
		return 0, false
	}
	if n, err := strconv.ParseInt(s, 10, 64); err == nil {
		switch {
		case n <= 0:
			return 0, false
		case c.unit == 1000 || c.unit == 0 && n < 1e11:
			if n > int64(record.MaxTime)/1000 {
				return 0, false
			}
			return record.Millis(n * 1000), true
		case c.unit == 1 || c.unit == 0 && n < 1e14:
			return inBounds(n)
		case c.unit == 1e-3 || c.unit == 0 && n < 1e17:
			return inBounds(n / 1e3)
		default:
			return inBounds(n / 1e6)
		}
	}
	v, err := strconv.ParseFloat(s, 64)
	if err != nil || !(v > 0) {
		return 0, false
	}
	unit := c.unit
	if unit == 0 {
		switch {
		case v < 1e11:
			unit = 1000
		case v < 1e14:
			unit = 1
		case v < 1e17:
			unit = 1e-3
		default:
			unit = 1e-6
		}
	}
	v = math.Floor(v*unit + 1e-4)
	if !(v <= float64(record.MaxTime)) {
		return 0, false
	}
	return inBounds(int64(v))
}

func inBounds(ms int64) (record.Millis, bool) {
	return record.Millis(ms), ms > 0 && ms <= int64(record.MaxTime)
}

// ofText reads a time that is text.
func (c clock) ofText(s string) (record.Millis, bool) {
	if c.text {
		if t, ok := rfc3339(s); ok {
			return inBounds(int64(t))
		}
	}
	s = strings.TrimSpace(s)
	if c.text {
		t, err := time.Parse(time.RFC3339Nano, s)
		if err != nil {
			// As JavaScript and the FAR-EDGE data bus write it.
			t, err = time.Parse("2006-01-02 15:04:05.999999999", s)
		}
		if err == nil {
			return inBounds(t.UnixMilli())
		}
	}
	if strings.ContainsAny(s, "_xXpPiInN") {
		return 0, false
	}
	return c.ofNumber(s)
}

var daysBefore = [13]int32{0, 0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334}
var daysOf = [13]byte{0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31}

// rfc3339 reads the usual forms of RFC 3339 fast; false for all others, which may
// be right all the same.
func rfc3339[S []byte | string](s S) (record.Millis, bool) {
	if len(s) < 20 || s[4] != '-' || s[7] != '-' || s[10] != 'T' || s[13] != ':' || s[16] != ':' {
		return 0, false
	}
	ok := true
	two := func(i int) int64 {
		a, b := s[i]-'0', s[i+1]-'0'
		ok = ok && a <= 9 && b <= 9
		return int64(a)*10 + int64(b)
	}
	year, month, day := two(0)*100+two(2), two(5), two(8)
	hour, minute, second := two(11), two(14), two(17)
	if !ok || year < 1970 || year > 2100 || month < 1 || month > 12 || hour > 23 || minute > 59 || second > 59 {
		return 0, false
	}
	leap := year%4 == 0 && (year%100 != 0 || year%400 == 0)
	last := int64(daysOf[month])
	if leap && month == 2 {
		last = 29
	}
	if day < 1 || day > last {
		return 0, false
	}
	y := year - 1
	days := 365*(year-1970) + y/4 - y/100 + y/400 - 477 + int64(daysBefore[month]) + day - 1
	if leap && month > 2 {
		days++
	}
	ms := ((days*24+hour)*60+minute)*60_000 + second*1000
	i := 19
	if s[i] == '.' {
		i++
		digits, part := 0, int64(0)
		for ; i < len(s) && s[i]-'0' <= 9; i++ {
			if digits++; digits <= 3 {
				part = part*10 + int64(s[i]-'0')
			}
		}
		if digits == 0 || digits > 9 {
			return 0, false
		}
		for ; digits < 3; digits++ {
			part *= 10
		}
		ms += part
	}
	switch {
	case i+1 == len(s) && s[i] == 'Z':
	case i+6 == len(s) && (s[i] == '+' || s[i] == '-') && s[i+3] == ':':
		h, m := two(i+1), two(i+4)
		if !ok || h > 23 || m > 59 {
			return 0, false
		}
		off := (h*60 + m) * 60_000
		if s[i] == '+' {
			ms -= off
		} else {
			ms += off
		}
	default:
		return 0, false
	}
	return record.Millis(ms), true
}
