package anomaly

import (
	"errors"
	"math"

	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/regression"
	"github.com/wattwerk/wattwerk/window"
)

// A Kind is what is wrong with a value.
type Kind string

// Kinds of anomalies, from the surest on.
const (
	Rating      Kind = "rating"    // more than the fuse lets through
	Backwards   Kind = "backwards" // a counter shows less than before
	PartsExceed Kind = "parts"     // the parts are more than the whole
	Zero        Kind = "zero"      // nothing, or less than half of the least of the last weeks
	Stuck       Kind = "stuck"     // one value for longer than there was one in the last weeks
	Unusual     Kind = "unusual"   // far from what is usual at this hour of the week
)

// Untrue tells that the value is not what was measured, so that it is not to be used:
// a meter that is stuck, dead or was reset. What is only unusual may be true.
func (k Kind) Untrue() bool { return k != "" && k != Unusual }

// Options say what is known of a series.
type Options struct {
	Calendar window.Calendar
	Step     int64   // length of an interval, ms; an hour at most
	Rating   float64 // the most that can be, in the unit of the values; 0 is not known
}

const hour = int64(3_600_000)

const (
	// weeks is how long values are remembered.
	weeks = 8
	// quiet is how many days are learnt before anything is unusual, zero or stuck.
	quiet = 14
	// fewest is the shortest run of one value that is stuck.
	fewest = 6
	// nearHours is how long the level is looked for,
	nearHours = 24
	// and offDays how usual it is to be wrong at an hour of the day.
	offDays = 28
	// least is the lowest limit: so many robust standard deviations are nothing.
	least = 4
	// perWeek is how many false alarms a week the limit is set for: half of one, as
	// the weeks to come are not those that it was learnt from.
	perWeek = 0.5
	// calm is how much higher the limit is than what was exceeded as rarely as that,
	calm = 1.2
	// and wild how much in series whose values vary by more than the share noisy: hour
	// by hour nothing unusual can be told there.
	wild  = 2.0
	noisy = 0.15
	// base is the share of the usual that the least has to be to be a base load.
	base = 0.1
	// nothing is how many zeros in a row are wrong where there never was one, even
	// if there is no base load to speak of.
	nothing = 3
	// adopted is after how many days in a row the unusual is the usual.
	adopted = 7
)

// A Verdict is what is thought of a value.
type Verdict struct {
	Kind     Kind    // "" if nothing is wrong
	Expected float64 // what is usual; NaN before enough is known
	Score    float64 // distance from it, in robust standard deviations; NaN before
	Limit    float64 // the score above which a value is unusual
}

// A Detector follows one series. It is for one goroutine at a time.
type Detector struct {
	o      Options
	hours  [7 * 24]ring // values by hour of the week
	off    [24]ring     // distances from what was expected, by hour of the day
	near   ring         // distances from what is usual, of the last hours
	scores ring         // of the last weeks
	limit  float64

	seen  int     // known values
	last  float64 // the last one,
	run   int     // how often it was there, one after the other,
	began int     // since which value,
	stuck bool    // and whether it was said to be stuck
	runs  weekly  // the longest runs that are over, by week
	lows  weekly  // the lowest values by week, as their negatives
	wrong int     // values in a row that were not learnt
}

// New makes a detector that knows nothing yet.
func New(o Options) (*Detector, error) {
	if o.Step <= 0 || o.Step > hour || hour%o.Step != 0 {
		return nil, errors.New("anomalies: intervals are to be an hour, or what it is a multiple of")
	}
	if !(o.Rating >= 0) {
		return nil, errors.New("anomalies: the rating is below 0")
	}
	d := &Detector{o: o, limit: math.Inf(1)}
	n := int(hour / o.Step)
	for i := range d.hours {
		d.hours[i].most = weeks * n
	}
	for i := range d.off {
		d.off[i].most = offDays * n
	}
	d.near.most = nearHours * n
	d.scores.most = weeks * d.week()
	return d, nil
}

// week is how many values a week has.
func (d *Detector) week() int { return int(7 * 24 * hour / d.o.Step) }

// Add judges the value of the interval that begins at t by those before it, and
// learns it if nothing is wrong. NaN is not known: it is not judged.
func (d *Detector) Add(t record.Millis, v float64) Verdict {
	out := Verdict{Expected: math.NaN(), Score: math.NaN(), Limit: d.limit}
	if v-v != 0 {
		d.run = 0
		return out
	}
	date := t.Time().In(d.o.Calendar.Zone())
	how, off := &d.hours[int(date.Weekday())*24+date.Hour()], &d.off[date.Hour()]
	if d.seen++; d.seen%d.week() == 0 {
		d.runs.next()
		d.lows.next()
	}
	if d.seen%(d.week()/7) == 0 {
		d.set()
	}
	if d.run > 0 && v == d.last {
		d.run++
	} else {
		if !d.stuck {
			d.runs.add(float64(d.run))
		}
		d.run, d.began, d.stuck = 1, d.seen, false
	}
	d.last = v
	usual := how.median()
	shift := d.near.median()
	if shift != shift {
		shift = 0
	}
	out.Expected = usual + shift
	wrong := v - out.Expected
	if scale := off.scale(); scale > 0 {
		out.Score = math.Abs(wrong) / scale
	}
	out.Kind = d.judge(v, usual, out.Score)
	if out.Kind == "" {
		d.wrong = 0
	} else if d.wrong++; d.wrong < d.week()*adopted/7 || out.Kind == Rating {
		return out // what stays for days becomes usual
	}
	how.add(v)
	off.add(wrong)
	d.near.add(v - usual)
	d.scores.add(out.Score)
	d.lows.add(-v)
	return out
}

func (d *Detector) judge(v, usual, score float64) Kind {
	if d.o.Rating > 0 && v > d.o.Rating {
		return Rating
	}
	if d.seen <= d.week()*quiet/7 {
		return ""
	}
	if low := -d.lows.highest(); v < low/2 && (low > base*usual || v == 0 && d.run >= nothing) {
		return Zero
	}
	// What is the same since before anything was known is always the same.
	if v != 0 && d.began > d.week()*quiet/7 && float64(d.run) >= max(fewest, d.runs.highest()+1) {
		d.stuck = true
		return Stuck
	}
	if score > d.limit {
		return Unusual
	}
	return ""
}

// set finds the limit that the last weeks would have exceeded as rarely as it
// should be.
func (d *Detector) set() {
	if d.seen < d.week()*quiet/7 {
		return
	}
	q := 1 - perWeek/float64(d.week())
	margin := calm
	if d.noise() > noisy {
		margin = wild
	}
	d.limit = max(margin*regression.Quantile(d.scores.values, q), least)
}

// noise is how far values are from what is expected, as a share of what is usual.
func (d *Detector) noise() float64 {
	var off, usual []float64
	for i := range d.off {
		off = append(off, d.off[i].scale())
	}
	for i := range d.hours {
		usual = append(usual, math.Abs(d.hours[i].median()))
	}
	return regression.Median(off) / regression.Median(usual)
}
