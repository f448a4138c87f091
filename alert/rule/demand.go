package rule

import (
	"math"

	"github.com/wattwerk/wattwerk/record"
)

// Running is the demand of a power in the running window: its mean so far, and
// where it is going to end. Windows are aligned to 1970 UTC, which is how they
// are metered. A value holds until the next one, at most MaxAge.
//
// It is plain data, so that it can be kept and go on.
type Running struct {
	Size   int64         `json:"size"`             // of the window, ms
	Trend  int64         `json:"trend"`            // how far back the direction is looked for, ms
	MaxAge int64         `json:"maxAge,omitempty"` // ms; 0 or less: without limit
	From   record.Millis `json:"from"`             // of the running window
	Area   float64       `json:"area"`             // value × ms so far
	Known  int64         `json:"known"`            // ms of it with a value
	Recent []Sample      `json:"recent,omitempty"` // the last ones, as far back as Trend, and one before
}

// Sample is a value from its time on.
type Sample struct {
	Time  record.Millis `json:"t"`
	Value *float64      `json:"v"` // nil: null
}

// mostSamples bounds what is kept for the trend; more are thinned out.
const mostSamples = 600

// Add takes the value from t on; NaN is null. Times that are not later than the
// last one change nothing.
func (d *Running) Add(t record.Millis, v float64) {
	n := len(d.Recent)
	if n > 0 && t <= d.Recent[n-1].Time {
		return
	}
	d.advance(t)
	s := Sample{Time: t}
	if !math.IsNaN(v) {
		s.Value = &v
	}
	d.Recent = append(d.Recent, s)
	// One older than the trend stays: it holds at the trend's beginning.
	old := 0
	for old+1 < len(d.Recent) && d.Recent[old+1].Time <= t-record.Millis(d.Trend) {
		old++
	}
	d.Recent = append(d.Recent[:0:0], d.Recent[old:]...)
	if len(d.Recent) > mostSamples {
		thin := d.Recent[:0:0]
		for i := range d.Recent {
			if i%2 == 0 || i == len(d.Recent)-1 {
				thin = append(thin, d.Recent[i])
			}
		}
		d.Recent = thin
	}
}

// advance adds what the last value was worth until t.
func (d *Running) advance(t record.Millis) {
	window := t - ((t%record.Millis(d.Size))+record.Millis(d.Size))%record.Millis(d.Size)
	since, v, until := d.held(t)
	if window != d.From {
		d.From, d.Area, d.Known = window, 0, 0
	}
	if math.IsNaN(v) {
		return
	}
	if from, to := max(since, window), min(t, until); to > from {
		d.Area += v * float64(to-from)
		d.Known += int64(to - from)
	}
}

// held gives the value that holds before t, since when it was counted, and
// until when it holds.
func (d *Running) held(t record.Millis) (since record.Millis, v float64, until record.Millis) {
	if len(d.Recent) == 0 {
		return t, math.NaN(), t
	}
	s := d.Recent[len(d.Recent)-1]
	if s.Value == nil {
		return s.Time, math.NaN(), t
	}
	until = t
	if d.MaxAge > 0 {
		until = min(t, s.Time+record.Millis(d.MaxAge))
	}
	return s.Time, *s.Value, until
}

// Window gives the running window.
func (d *Running) Window() (from, to record.Millis) {
	return d.From, d.From + record.Millis(d.Size)
}

// Mean gives the mean of the running window so far; NaN when nothing is known.
func (d *Running) Mean() float64 {
	if d.Known == 0 {
		return math.NaN()
	}
	return d.Area / float64(d.Known)
}

// Forecast gives the mean that the window is going to have at its end, as seen
// at the last sample: what is known so far counts for what is not, and from now
// on the power goes along the straight line through the last minutes, for as
// long as it was seen to do so, and then stays. NaN when the last value is null.
func (d *Running) Forecast() float64 {
	n := len(d.Recent)
	if n == 0 || d.Recent[n-1].Value == nil {
		return math.NaN()
	}
	last := d.Recent[n-1]
	now := float64(last.Time - d.From)
	level, slope, seen := d.line()
	rest := float64(d.Size) - now
	rising := min(rest, seen)
	ahead := level*rising + slope*rising*rising/2 + (level+slope*rising)*(rest-rising)
	mean := d.Mean()
	if math.IsNaN(mean) {
		mean = level
	}
	return (mean*now + ahead) / float64(d.Size)
}

// Left gives the power that may be drawn from now to the end of the window for
// its mean to be the limit; NaN at the end of the window.
func (d *Running) Left(limit float64) float64 {
	n := len(d.Recent)
	if n == 0 {
		return math.NaN()
	}
	now := float64(d.Recent[n-1].Time - d.From)
	mean := d.Mean()
	if now == 0 {
		mean = 0
	}
	return (limit*float64(d.Size) - mean*now) / (float64(d.Size) - now)
}

// line is the least-squares line through the recent samples: its value now,
// its slope per ms, and over how many ms it was seen. It is believed as far as
// it explains the samples: a step, or noise, is no direction, and then the last
// value stays.
func (d *Running) line() (level, slope, seen float64) {
	last := d.Recent[len(d.Recent)-1]
	level = *last.Value
	var n, st, sv, stt, stv, svv float64
	for _, s := range d.Recent {
		back := float64(s.Time - last.Time)
		if s.Value == nil || -back > float64(d.Trend) {
			continue
		}
		v := *s.Value - level // near zero, so that squares stay exact enough
		n, st, sv, stt, stv, svv = n+1, st+back, sv+v, stt+back*back, stv+back*v, svv+v*v
		seen = max(seen, -back)
	}
	spread, vary := n*stt-st*st, n*svv-sv*sv
	// A direction needs three points and some time.
	if n < 3 || spread <= 0 || vary <= 0 || seen < float64(d.Trend)/3 {
		return level, 0, 0
	}
	both := n*stv - st*sv
	believed := max(0, both*both/(spread*vary)-0.8) / 0.2
	slope = both / spread
	return level + believed*(sv-slope*st)/n, believed * slope, seen
}
