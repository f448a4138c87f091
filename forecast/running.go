package forecast

import (
	"math"
	"time"

	"github.com/wattwerk/wattwerk/record"
)

// Window and Trend are what is usual: the windows that are metered, and how far
// back the direction is looked for.
const (
	Window = 15 * time.Minute
	Trend  = 3 * time.Minute
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

// View is the running window as it looks at a moment. What is not known is NaN.
type View struct {
	From, To record.Millis // the window, half-open
	At       record.Millis
	Area     float64 // value × ms so far
	Known    int64   // ms of it with a value
	Value    float64 // that holds now
	Slope    float64 // by which it is taken to rise, per ms
	Rising   int64   // for how many ms from now it is taken to
	Mean     float64 // of the window so far, as far as it is known
	Forecast float64 // mean of the window at its end
}

// At tells how the window that holds t looks at t, which is not before the last
// value. What is known of it so far counts for what is not, and from now on the
// power goes along the straight line through the last minutes, for as long as it
// was seen to do so, and then stays.
func (d *Running) At(t record.Millis) View {
	own := *d // Recent is only read
	own.advance(t)
	v := View{From: own.From, To: own.From + record.Millis(d.Size), At: t, Area: own.Area, Known: own.Known, Value: math.NaN(), Mean: math.NaN(), Forecast: math.NaN()}
	if own.Known > 0 {
		v.Mean = own.Area / float64(own.Known)
	}
	n := len(d.Recent)
	if n == 0 || d.Recent[n-1].Value == nil {
		return v
	}
	last := d.Recent[n-1]
	if d.MaxAge > 0 && t > last.Time+record.Millis(d.MaxAge) {
		return v
	}
	level, slope, seen := d.line()
	v.Value = *last.Value
	since, now := float64(t-last.Time), float64(t-own.From)
	rest := float64(d.Size) - now
	level += slope * min(since, seen)
	rising := min(rest, max(seen-since, 0))
	if slope != 0 {
		v.Slope, v.Rising = slope, int64(rising)
	}
	ahead := level*rising + slope*rising*rising/2 + (level+slope*rising)*(rest-rising)
	mean := v.Mean
	if math.IsNaN(mean) {
		mean = level
	}
	v.Forecast = (mean*now + ahead) / float64(d.Size)
	return v
}

// Left gives the power that may be drawn from now to the end of the window for
// its mean to be the limit. NaN when nothing is known of the time before, and
// at the end of the window.
func (v View) Left(limit float64) float64 {
	now, rest := float64(v.At-v.From), float64(v.To-v.At)
	mean := v.Mean
	if now == 0 {
		mean = 0
	}
	if rest <= 0 {
		return math.NaN()
	}
	return (limit*float64(v.To-v.From) - mean*now) / rest
}

// Last is the window as it looked when the last value came.
func (d *Running) Last() View {
	if n := len(d.Recent); n > 0 {
		return d.At(d.Recent[n-1].Time)
	}
	return View{From: d.From, To: d.From + record.Millis(d.Size), At: d.From, Value: math.NaN(), Mean: math.NaN(), Forecast: math.NaN()}
}

// Forecast gives the mean that the window is going to have at its end, as seen
// at the last value. NaN when that is null.
func (d *Running) Forecast() float64 { return d.Last().Forecast }

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
