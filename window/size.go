package window

import "fmt"

// Size is how long a window is, by the calendar. The numbers are stored and do
// not change.
type Size uint8

// The sizes, in order of length.
const (
	FiveMinutes Size = iota + 1
	Quarter
	HalfHour
	Hour
	Day
	Week
	Month
	Year
)

var sizes = [...]struct {
	text   string
	length int64 // ms, at most
}{
	FiveMinutes: {"5m", QuarterLength / 3},
	Quarter:     {"15m", QuarterLength},
	HalfHour:    {"30m", 2 * QuarterLength},
	Hour:        {"1h", hour},
	Day:         {"1d", 25 * hour},
	Week:        {"1w", (7*24 + 1) * hour},
	Month:       {"1M", (31*24 + 1) * hour},
	Year:        {"1y", (366*24 + 1) * hour},
}

// Sizes lists all sizes, the shortest first.
func Sizes() []Size {
	return []Size{FiveMinutes, Quarter, HalfHour, Hour, Day, Week, Month, Year}
}

// Valid tells whether s is one of the sizes.
func (s Size) Valid() bool { return s >= FiveMinutes && s <= Year }

// Longest is the length in ms that a window of the size usually has at most:
// of a day 25 hours. It is 0 for what is no size.
func (s Size) Longest() int64 {
	if !s.Valid() {
		return 0
	}
	return sizes[s].length
}

// String is the short text of the size: 5m, 15m, 30m, 1h, 1d, 1w, 1M, 1y.
func (s Size) String() string {
	if !s.Valid() {
		return fmt.Sprintf("size %d", uint8(s))
	}
	return sizes[s].text
}

// ParseSize reads what [Size.String] writes.
func ParseSize(text string) (Size, error) {
	for _, s := range Sizes() {
		if sizes[s].text == text {
			return s, nil
		}
	}
	return 0, fmt.Errorf("%.20q is no size of a window: 5m, 15m, 30m, 1h, 1d, 1w, 1M or 1y", text)
}

// MarshalText is String for a valid size.
func (s Size) MarshalText() ([]byte, error) {
	if !s.Valid() {
		return nil, fmt.Errorf("%d is no size of a window", uint8(s))
	}
	return []byte(sizes[s].text), nil
}

// UnmarshalText reads what MarshalText writes.
func (s *Size) UnmarshalText(text []byte) (err error) {
	*s, err = ParseSize(string(text))
	return err
}
