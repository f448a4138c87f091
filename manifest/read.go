package manifest

import (
	"encoding/json"
	"time"
)

// Has tells whether a value is there. The readers below are for values that
// [Complete] gave; of one that is absent, or of another type, they give zero.
func (v Values) Has(name string) bool { _, ok := v[name]; return ok }

// Text is a value as text; of a type that is written as text.
func (v Values) Text(name string) string { return read[string](v, name) }

// Float is a value of type [Float] or [Int].
func (v Values) Float(name string) float64 { return read[float64](v, name) }

// Int is a value of type [Int].
func (v Values) Int(name string) int64 { return read[int64](v, name) }

// Bool is a value of type [Bool].
func (v Values) Bool(name string) bool { return read[bool](v, name) }

// Duration is a value of type [Duration], see [ParseDuration].
func (v Values) Duration(name string) time.Duration {
	d, err := ParseDuration(v.Text(name))
	if err != nil {
		return 0
	}
	return d
}

func read[T any](v Values, name string) T {
	var t, zero T
	if json.Unmarshal(v[name], &t) != nil {
		return zero
	}
	return t
}
