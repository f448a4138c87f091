package model

import (
	"fmt"
	"strings"
	"time"
)

// Duration is a time.Duration that is written as text, "1s" or "15m", in JSON
// and YAML. [Unlimited] is written "unlimited".
type Duration time.Duration

// Unlimited is the max age of a sensor whose last reading counts for ever.
const Unlimited Duration = -1

// String writes the duration without needless zeros: "15m", not "15m0s".
func (d Duration) String() string {
	if d == Unlimited {
		return "unlimited"
	}
	s := time.Duration(d).String()
	if strings.HasSuffix(s, "m0s") {
		s = s[:len(s)-2]
	}
	if strings.HasSuffix(s, "h0m") {
		s = s[:len(s)-2]
	}
	return s
}

// MarshalText writes it as String does.
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads "unlimited" or what time.ParseDuration takes.
func (d *Duration) UnmarshalText(b []byte) error {
	if string(b) == "unlimited" {
		*d = Unlimited
		return nil
	}
	v, err := time.ParseDuration(string(b))
	if err != nil {
		return fmt.Errorf("duration %.40q is not like 1s, 15m or 1h30m", b)
	}
	if v < 0 {
		return fmt.Errorf("duration %.40q is negative", b)
	}
	*d = Duration(v)
	return nil
}
