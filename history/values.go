package history

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/wattwerk/wattwerk/record"
)

// Floats is a column of numbers in JSON in which NaN is null.
type Floats []float64

// MarshalJSON writes NaN, which JSON has no number for, as null.
func (f Floats) MarshalJSON() ([]byte, error) {
	b := append(make([]byte, 0, 2+len(f)*12), '[')
	for i, v := range f {
		if i > 0 {
			b = append(b, ',')
		}
		b = AppendFloat(b, v)
	}
	return append(b, ']'), nil
}

// AppendFloat writes a number as JSON, with every digit that matters; NaN and
// infinities, which JSON has not, as null.
func AppendFloat(b []byte, v float64) []byte {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return append(b, "null"...)
	}
	format := byte('f')
	if abs := math.Abs(v); abs != 0 && (abs < 1e-6 || abs >= 1e21) {
		format = 'e'
	}
	return strconv.AppendFloat(b, v, format, -1, 64)
}

// Schema describes it in OpenAPI.
func (Floats) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Type: huma.TypeArray, Items: &huma.Schema{Type: huma.TypeNumber, Format: "double", Nullable: true}}
}

// when reads a point in time: RFC 3339, milliseconds since 1970 UTC, or
// relative to now: "now", "now-15m", "now-7d", "now+1h". A plus may have become a
// space, as it does in an address where a client forgot to encode it.
func when(s string, now time.Time) (record.Millis, error) {
	if rest, ok := strings.CutPrefix(s, "now"); ok {
		if rest == "" {
			return record.MillisOf(now), nil
		}
		sign := rest[0]
		d, err := span(rest[1:])
		if err != nil || strings.IndexByte("+- ", sign) < 0 || strings.HasPrefix(rest[1:], "+") {
			return 0, fmt.Errorf("time %.40q is not like now-1h", s)
		}
		if sign == '-' {
			d = -d
		}
		return bounded(record.MillisOf(now.Add(d)), s)
	}
	if n, err := strconv.ParseInt(s, 10, 64); err == nil {
		return bounded(record.Millis(n), s)
	}
	t, err := time.Parse(time.RFC3339Nano, strings.Replace(s, " ", "+", 1))
	if err != nil {
		return 0, fmt.Errorf("time %.40q is neither RFC 3339, nor milliseconds since 1970, nor like now-1h", s)
	}
	return bounded(record.MillisOf(t), s)
}

func bounded(t record.Millis, s string) (record.Millis, error) {
	if t < record.MinTime || t > record.MaxTime {
		return 0, fmt.Errorf("time %.40q is outside 1970 to 2100", s)
	}
	return t, nil
}

// longestSpan is that of a hundred years; no reading is farther from another.
const longestSpan = 36_525 * 24 * time.Hour

// span reads a length of time: what time.ParseDuration takes, and d and w.
func span(s string) (time.Duration, error) {
	for unit, d := range map[string]time.Duration{"d": 24 * time.Hour, "w": 7 * 24 * time.Hour} {
		if n, ok := strings.CutSuffix(s, unit); ok {
			x, err := strconv.ParseFloat(n, 64)
			if err != nil || !(x > 0) {
				return 0, fmt.Errorf("span %.40q is not like 1h, 1d or 1w", s)
			}
			if x*float64(d) > float64(longestSpan) {
				return 0, fmt.Errorf("span %.40q is longer than a hundred years", s)
			}
			return time.Duration(x * float64(d)), nil
		}
	}
	d, err := time.ParseDuration(s)
	if err != nil || d <= 0 {
		return 0, fmt.Errorf("span %.40q is not like 1h, 1d or 1w", s)
	}
	if d > longestSpan {
		return 0, fmt.Errorf("span %.40q is longer than a hundred years", s)
	}
	return d, nil
}
