package record

import (
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/wattwerk/wattwerk/internal/phrase"
)

// Millis is a point in time: milliseconds since 1970-01-01 UTC, without leap
// seconds. It is the only time on the streams.
type Millis int64

// MillisOf cuts t to its millisecond.
func MillisOf(t time.Time) Millis { return Millis(t.UnixMilli()) }

// Time gives the point in time in UTC.
func (m Millis) Time() time.Time { return time.UnixMilli(int64(m)).UTC() }

// String is RFC 3339 in UTC with milliseconds.
func (m Millis) String() string { return m.Time().Format("2006-01-02T15:04:05.000Z07:00") }

// Bounds of what a record may say. Times outside are refused wherever they
// come from; bridges are narrower about the future.
const (
	MinTime  Millis = 0             // 1970-01-01
	MaxTime  Millis = 4102444800000 // 2100-01-01
	MaxValue        = 1e18          // largest magnitude of a value, in its coherent unit
)

// Record is what one sensor measured at one time. Two records of the same
// sensor and time are the same record; the first one to arrive stays.
type Record struct {
	Sensor SensorID
	Time   Millis
	Value  float64 // in the coherent unit of the sensor's quantity; finite
}

// Reasons a record is refused. They are wrapped with the particulars.
var (
	ErrNotFinite  = errors.New("value is not a finite number")
	ErrTooLarge   = errors.New("value is larger than any real quantity")
	ErrTimeBounds = phrase.Errorf(phrase.TimeBounds, nil, "time is outside 1970 to 2100")
)

// Validate says what is wrong with the record, or nil.
func (r Record) Validate() error {
	if err := r.Sensor.Validate(); err != nil {
		return err
	}
	return ValidateSample(r.Time, r.Value)
}

// ValidateSample checks a time and a value as [Record.Validate] does.
func ValidateSample(t Millis, v float64) error {
	switch {
	case math.IsNaN(v) || math.IsInf(v, 0):
		return phrase.Errorf(phrase.ValueNotFinite, phrase.Params{"value": fmt.Sprint(v)}, "%w: %v", ErrNotFinite, v)
	case math.Abs(v) > MaxValue:
		return phrase.Errorf(phrase.ValueTooLarge, phrase.Params{"value": v}, "%w: %g", ErrTooLarge, v)
	case t < MinTime || t > MaxTime:
		return fmt.Errorf("%w: %d ms", ErrTimeBounds, int64(t))
	}
	return nil
}

// Finite gives a value as JSON has it: nil, which is null, where there is none
// (NaN) or none that can be told (an infinity). Null is not zero.
func Finite(v float64) *float64 {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return nil
	}
	return &v
}
