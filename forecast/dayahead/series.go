package dayahead

import (
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/window"
)

// A Series is what was measured, or settled, in intervals of one length that follow
// one another. What is not known is NaN. A value is of the interval, whatever its
// unit: a mean power or an energy.
type Series struct {
	Start  record.Millis // when the first interval begins
	Step   int64         // length of an interval, ms: see [Steps]
	Values []float64
}

// Steps are the lengths of intervals that days can be forecast in, ms: an hour and
// what an hour is a multiple of, down to five minutes.
func Steps() []int64 { return []int64{hour, hour / 2, hour / 3, hour / 4, hour / 6, hour / 12} }

const (
	hour = int64(3_600_000)
	day  = 24 * hour
	// maxValues is the longest series: ten years of five minutes, about.
	maxValues = 1 << 20
)

func checkStep(step int64) error {
	for _, s := range Steps() {
		if s == step {
			return nil
		}
	}
	return fmt.Errorf("intervals of %v: want an hour, 30, 20, 15, 10 or 5 minutes", time.Duration(step)*time.Millisecond)
}

// Check says what is wrong with the series.
func (s Series) Check() error {
	if err := checkStep(s.Step); err != nil {
		return err
	}
	if len(s.Values) > maxValues {
		return fmt.Errorf("%d values: at most %d", len(s.Values), maxValues)
	}
	// No day is within five days of the beginning or the end of time.
	if s.Start < -1<<45 || s.Start > 1<<47 {
		return errors.New("the series begins out of time")
	}
	return nil
}

// End is when the last interval ends.
func (s Series) End() record.Millis { return s.Start + record.Millis(int64(len(s.Values))*s.Step) }

// days are the values by date and by the time that the clock on the wall shows
// when their interval begins: each day has the same number of slots. Where the
// clock is put back both values of a slot are one, their mean; where it is put
// forward there is none. So the slot before on each day is at the same time of
// day, whatever the clock did in between.
type days struct {
	calendar window.Calendar
	step     int64
	n        int            // slots of a day
	spans    []window.Span  // of each day
	rows     [][]float64    // by day and slot; NaN is not known
	full     [][]float64    // the same, what is not known guessed from the days before
	wday     []time.Weekday // of each day
	angle    []float64      // how far its year is, 0 to 2π
	low      float64        // the lowest value known
}

func newDays(c window.Calendar, step int64) *days {
	return &days{calendar: c, step: step, n: int(day / step), low: math.NaN()}
}

// slot is the place in its day of the interval that begins at t.
func slot(c window.Calendar, step int64, t record.Millis) int {
	at := t.Time().In(c.Zone())
	return int((int64(at.Hour())*hour + int64(at.Minute())*hour/60) / step)
}

// spread adds the days of a series, as long as they are over. It gives the values
// of the day that is not.
func (d *days) spread(s Series) (partial []float64) {
	if len(s.Values) == 0 {
		return nil
	}
	i, end := 0, s.End()
	for span := range d.calendar.Spans(window.Day, s.Start, end) {
		row, twice := nans(d.n), make([]bool, d.n)
		for ; i < len(s.Values); i++ {
			t := s.Start + record.Millis(int64(i)*s.Step)
			if t >= span.To {
				break
			}
			v := s.Values[i]
			if v-v != 0 {
				continue
			}
			k := slot(d.calendar, d.step, t)
			if row[k] == row[k] && !twice[k] {
				v = (row[k] + v) / 2
				twice[k] = true
			}
			row[k] = v
		}
		if span.To > end {
			return row
		}
		d.add(span, row)
	}
	return nil
}

// add appends a day.
func (d *days) add(span window.Span, row []float64) {
	date := span.From.Time().In(d.calendar.Zone())
	d.spans = append(d.spans, span)
	d.wday = append(d.wday, date.Weekday())
	d.angle = append(d.angle, yearAngle(date))
	for _, v := range row {
		if v == v && !(v >= d.low) {
			d.low = v
		}
	}
	d.rows = append(d.rows, row)
	d.full = append(d.full, d.filled(len(d.rows)-1, row))
}

// drop takes the last day away.
func (d *days) drop() {
	k := len(d.rows) - 1
	d.spans, d.wday, d.angle, d.rows, d.full = d.spans[:k], d.wday[:k], d.angle[:k], d.rows[:k], d.full[:k]
}

// filled guesses what is not known of day k from the days before: the mean of the
// same slot in the last week, else in the last four, else of what the day knows.
func (d *days) filled(k int, row []float64) []float64 {
	var out []float64
	for s, v := range row {
		if v == v {
			continue
		}
		if out == nil {
			out = append([]float64(nil), row...)
		}
		guess := d.mean(d.full, k, s, 7)
		if guess != guess {
			guess = d.mean(d.full, k, s, 28)
		}
		if guess != guess {
			guess = near(row, s)
		}
		out[s] = guess
	}
	if out == nil {
		return row
	}
	return out
}

// near is the value of the slot next to s that is known.
func near(row []float64, s int) float64 {
	for k := 1; k < len(row); k++ {
		if s-k >= 0 && row[s-k] == row[s-k] {
			return row[s-k]
		}
		if s+k < len(row) && row[s+k] == row[s+k] {
			return row[s+k]
		}
	}
	return math.NaN()
}

// mean of a slot in the days from k-back to before k.
func (d *days) mean(rows [][]float64, k, s, back int) float64 {
	sum, n := 0.0, 0
	for i := max(k-back, 0); i < k; i++ {
		if v := rows[i][s]; v == v {
			sum, n = sum+v, n+1
		}
	}
	return sum / float64(n)
}

// level is the mean of the days from k-back to before k.
func (d *days) level(k, back int) float64 {
	sum, n := 0.0, 0
	for i := max(k-back, 0); i < k; i++ {
		for _, v := range d.full[i] {
			if v == v {
				sum, n = sum+v, n+1
			}
		}
	}
	return sum / float64(n)
}

// at is the value back days before day k, guessed if it was not known.
func (d *days) at(k, back, s int) float64 {
	if k < back {
		return d.mean(d.full, k, s, 7)
	}
	return d.full[k-back][s]
}

func nans(n int) []float64 {
	out := make([]float64, n)
	for i := range out {
		out[i] = math.NaN()
	}
	return out
}

// weekday of day k, which may be the one after the last.
func (d *days) weekday(k int) time.Weekday {
	if k < len(d.wday) {
		return d.wday[k]
	}
	return d.next().Weekday()
}

func (d *days) yearAngle(k int) float64 {
	if k < len(d.angle) {
		return d.angle[k]
	}
	return yearAngle(d.next())
}

func yearAngle(date time.Time) float64 { return 2 * math.Pi * float64(date.YearDay()-1) / 365.25 }

// next is when the day after the last one begins, by its clock.
func (d *days) next() time.Time {
	return d.spans[len(d.spans)-1].To.Time().In(d.calendar.Zone())
}
