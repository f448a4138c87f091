package occupancy

import (
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/regression"
	"github.com/wattwerk/wattwerk/service/bill"
	"github.com/wattwerk/wattwerk/service/series"
	"github.com/wattwerk/wattwerk/tariff"
	"github.com/wattwerk/wattwerk/window"
)

const weeksInYear = 365.25 / 7

// Check says what is wrong with the input.
func Check(in *OccupancyInput) error {
	switch {
	case len(in.Sources) == 0 || len(in.Sources) > MaxSources:
		return fmt.Errorf("occupancy: %d sources are not from 1 to %d", len(in.Sources), MaxSources)
	case len(in.Loads) == 0 || len(in.Loads) > MaxLoads:
		return fmt.Errorf("occupancy: %d loads are not from 1 to %d", len(in.Loads), MaxLoads)
	case in.Lead < 0 || in.Lead > series.Day/2 || in.Trail < 0 || in.Trail > series.Day/2:
		return fmt.Errorf("occupancy: a lead of %d ms and a trail of %d ms are not from 0 to 12 hours", in.Lead, in.Trail)
	case !(in.Rebound >= 0 && in.Rebound < 1) || !(in.Band >= 0 && in.Band <= 0.98):
		return fmt.Errorf("occupancy: a rebound of %g and a band of %g are none", in.Rebound, in.Band)
	}
	step := in.Loads[0].Energy.Step
	if step < series.Quarter {
		return fmt.Errorf("occupancy: loads in steps of %d minutes are too fine; hand over quarters of an hour or hours", step/series.Minute)
	}
	for i := range in.Loads {
		l := &in.Loads[i]
		if err := l.Energy.CheckPositive("occupancy: load " + l.ID); err != nil {
			return err
		}
		if l.Energy.Step != step {
			return fmt.Errorf("occupancy: load %s has another step than %s", l.ID, in.Loads[0].ID)
		}
		if l.Kind != HVAC && l.Kind != Lighting && l.Kind != Other {
			return fmt.Errorf("occupancy: load %s is %.40q: hvac, lighting or other", l.ID, l.Kind)
		}
	}
	for i := range in.Sources {
		s := &in.Sources[i]
		if err := s.Series.Check("occupancy: source " + s.ID); err != nil {
			return err
		}
		switch {
		case s.Kind != Count && s.Kind != Movement:
			return fmt.Errorf("occupancy: source %s is %.40q: count or movement", s.ID, s.Kind)
		case step%s.Series.Step != 0:
			return fmt.Errorf("occupancy: the step of source %s is no part of that of the loads", s.ID)
		case s.Hold < 0 || s.Hold > series.Day:
			return fmt.Errorf("occupancy: source %s holds for %d ms, which is not from 0 to a day", s.ID, s.Hold)
		}
	}
	return nil
}

// presence is who is there in an interval.
type presence uint8

const (
	unknown presence = iota
	empty
	occupied
)

// run is a search on its way.
type run struct {
	in       *OccupancyInput
	out      OccupancyOutput
	calendar window.Calendar
	zone     *time.Location
	step     int64
	start    record.Millis
	there    []presence
	needed   [2][]bool   // nothing is wasted: without and with lead
	base     []float64   // Wh of an interval, by load
	waste    [][]float64 // Wh, by load and interval
	days     []day
	price    tariff.Price
	part     float64
}

// day is a day, in intervals.
type day struct {
	window.Span
	first, end  int // intervals of it
	known, full int // of which known; how many there are
	come, gone  int // minutes of the clock; come is -1 if nobody did
	weekday     int
}

// Run finds waste and proposes schedules.
func Run(in OccupancyInput) (OccupancyOutput, error) {
	if err := Check(&in); err != nil {
		return OccupancyOutput{}, err
	}
	c, err := window.Load(in.Zone)
	if err != nil {
		return OccupancyOutput{}, fmt.Errorf("occupancy: %w", err)
	}
	r := &run{in: &in, calendar: c, zone: c.Zone(), step: in.Loads[0].Energy.Step, part: in.Band}
	defaults(&in, r)
	if in.Price != "" {
		if r.price, err = in.Price.Price(); err != nil {
			return OccupancyOutput{}, fmt.Errorf("occupancy: %w", err)
		}
	}
	span := in.Loads[0].Energy.Span()
	for _, l := range in.Loads[1:] {
		s := l.Energy.Span()
		span.From, span.To = min(span.From, s.From), max(span.To, s.To)
	}
	if n := span.Length() / r.step; n > series.MaxValues {
		return OccupancyOutput{}, fmt.Errorf("occupancy: the loads go over %d intervals, more than %d", n, series.MaxValues)
	}
	r.start = span.From
	r.out = OccupancyOutput{Subject: in.Subject, From: span.From, To: span.To, Schedule: []OccupancyDay{}, Week: []OccupancyHour{}, Reasons: []string{}}
	r.there = make([]presence, span.Length()/r.step)
	r.people()
	r.count()
	r.split()
	r.use()
	r.schedule()
	r.saving()
	r.week()
	return r.out, nil
}

func defaults(in *OccupancyInput, r *run) {
	if in.Lead == 0 {
		in.Lead = 60 * series.Minute
	}
	if in.Trail == 0 {
		in.Trail = 15 * series.Minute
	}
	if in.Rebound == 0 {
		in.Rebound = 0.2
	}
	if r.part == 0 {
		r.part = 0.8
	}
}

func (r *run) say(format string, args ...any) {
	r.out.Reasons = append(r.out.Reasons, fmt.Sprintf(format, args...))
}

func (r *run) at(i int) record.Millis { return r.start + record.Millis(int64(i)*r.step) }

// people finds who was there.
func (r *run) people() {
	all := make([]presence, len(r.there))
	for k := range r.in.Sources {
		one := r.source(&r.in.Sources[k])
		for i, p := range one {
			switch {
			case k == 0 || p == occupied:
				all[i] = p
			case p == unknown && all[i] == empty:
				all[i] = unknown
			}
		}
	}
	r.there = all
	// Heating is needed from lead before somebody comes, or may come.
	lead := int(r.in.Lead / r.step)
	trail := int(r.in.Trail / r.step)
	for k := range r.needed {
		r.needed[k] = make([]bool, len(all))
	}
	for i, p := range all {
		if p == empty {
			continue
		}
		for k, before := range []int{0, lead} {
			for j := max(0, i-before); j <= min(i+trail, len(all)-1); j++ {
				r.needed[k][j] = true
			}
		}
	}
}

// source says what one source saw.
func (r *run) source(s *OccupancySource) []presence {
	out := make([]presence, len(r.there))
	hold, few := s.Hold, 0.0
	if s.Kind == Count {
		hold, few = 0, 0.5
	} else if hold == 0 {
		hold = 30 * series.Minute
	}
	g := &s.Series
	parts := int(r.step / g.Step)
	// The first part that is in the first interval, which may be before the source began.
	offset := int64(r.start-g.Start) / g.Step
	quiet, last := int64(0), int64(math.MinInt64) // ms heard of nothing; the last part that saw somebody
	if offset > 0 {
		for k := max(0, offset-(hold+g.Step-1)/g.Step); k < min(offset, int64(len(g.Values))); k++ {
			quiet, last = heard(g.Values[k], few, k, quiet, last, g.Step)
		}
	}
	for i := range out {
		state := empty
		for p := range parts {
			k := offset + int64(i*parts+p)
			v := series.GaugeValue{}
			if k >= 0 && k < int64(len(g.Values)) {
				v = g.Values[k]
			}
			quiet, last = heard(v, few, k, quiet, last, g.Step)
			here := unknown
			switch {
			case v.Known() && some(v.Value, few):
				here = occupied
			case last != math.MinInt64 && (k-last)*g.Step <= hold:
				here = occupied
			case quiet >= max(hold, g.Step):
				here = empty
			}
			if here == occupied {
				state = occupied
			} else if here == unknown && state == empty {
				state = unknown
			}
		}
		out[i] = state
	}
	return out
}

// some tells whether a value means somebody: more than nothing of a movement, half
// a person of a count.
func some(v, few float64) bool { return v > 0 && v >= few }

// heard takes in one part.
func heard(v series.GaugeValue, few float64, k, quiet, last, step int64) (int64, int64) {
	switch {
	case !v.Known():
		return 0, last
	case some(v.Value, few):
		return 0, k
	}
	return quiet + step, last
}

func (r *run) count() {
	hours := float64(r.step) / float64(series.Hour)
	for _, p := range r.there {
		switch p {
		case occupied:
			r.out.Occupied += hours
		case empty:
			r.out.Empty += hours
		default:
			r.out.Unknown += hours
		}
	}
	if u := r.out.Unknown; u > 0 {
		r.say("in %.1f of %.1f hours it is not known whether somebody was there; nothing is called waste in them", u, u+r.out.Occupied+r.out.Empty)
	}
}

// split sorts intervals into days.
func (r *run) split() {
	for i := 0; i < len(r.there); {
		d := day{Span: r.calendar.Span(window.Day, r.at(i)), first: i, come: -1}
		d.weekday = (int((d.From + record.Millis(d.Length()/2)).Time().In(r.zone).Weekday()) + 6) % 7
		d.full = int(d.Length() / r.step)
		for ; i < len(r.there) && r.at(i) < d.To; i++ {
			p := r.there[i]
			if p != unknown {
				d.known++
			}
			if p == occupied {
				at := r.at(i).Time().In(r.zone)
				minute := at.Hour()*60 + at.Minute()
				if d.come < 0 {
					d.come = minute
				}
				d.gone = max(d.gone, minute+int(r.step/series.Minute))
			}
		}
		d.end = i
		r.days = append(r.days, d)
	}
}

// use finds what loads used, and wasted.
func (r *run) use() {
	for k := range r.in.Loads {
		l := &r.in.Loads[k]
		u := OccupancyUse{ID: l.ID, Kind: l.Kind}
		var off []float64
		for i, p := range r.there {
			v := l.Energy.Of(r.at(i))
			if !v.Known() {
				continue
			}
			switch p {
			case occupied:
				u.Occupied += bill.Quantity(v.Amount)
			case empty:
				u.Empty += bill.Quantity(v.Amount)
				off = append(off, v.Amount.Float64())
			default:
				u.Unknown += bill.Quantity(v.Amount)
			}
		}
		base := 0.0
		if len(off) > 0 {
			base = regression.Quantile(off, 0.1)
		}
		hours := float64(r.step) / float64(series.Hour)
		u.BaseW = base / hours
		needed := r.needed[0]
		if l.Kind == HVAC {
			needed = r.needed[1]
		}
		waste := make([]float64, len(r.there))
		for i, p := range r.there {
			v := l.Energy.Of(r.at(i))
			if p != empty || needed[i] || !v.Known() {
				continue
			}
			waste[i] = math.Max(0, v.Amount.Float64()-base)
			u.Waste += waste[i] / 1000
			if waste[i] > base && waste[i] > 0 || waste[i] > 50*hours {
				u.Hours += hours
			}
		}
		u.Money = r.money(u.Waste)
		r.base, r.waste = append(r.base, base), append(r.waste, waste)
		r.out.Loads = append(r.out.Loads, u)
		if u.Waste >= 0.05 {
			r.say("%s took %.1f kWh above its base of %.0f W while nobody was there, in %.1f hours", l.ID, u.Waste, u.BaseW, u.Hours)
		}
	}
}

// money is what kWh cost; nil without a price.
func (r *run) money(kwh float64) *bill.Money {
	m := kwh * float64(r.price) / 1000
	if r.in.Price == "" || !(math.Abs(m) <= float64(bill.MaxMoney)) {
		return nil
	}
	return new(bill.Money(math.Round(m)))
}

// schedule proposes a schedule for each day of the week.
func (r *run) schedule() {
	step := int(r.step / series.Minute)
	missing := 0
	for w := range 7 {
		x := OccupancyDay{Day: w}
		var come, gone []float64
		for i := range r.days {
			d := &r.days[i]
			if d.weekday != w || d.known*5 < d.full*4 {
				continue
			}
			x.Of++
			if d.come >= 0 {
				come, gone = append(come, float64(d.come)), append(gone, float64(d.gone))
			}
		}
		if x.Of < 2 {
			missing++
			continue
		}
		x.Now = r.now(w)
		if len(come)*5 <= x.Of {
			x.Off = true
		} else {
			lead := float64(r.in.Lead / series.Minute)
			from := int(math.Floor((regression.Quantile(come, 0.1)-lead)/float64(step))) * step
			to := int(math.Ceil((regression.Quantile(gone, 0.9)+float64(r.in.Trail/series.Minute))/float64(step))) * step
			x.Start, x.Stop = clock(max(from, 0)), clock(min(to, 24*60))
		}
		x.Covered = r.covered(&x)
		r.out.Schedule = append(r.out.Schedule, x)
		if x.Covered < 0.9 && !x.Off {
			r.say("the schedule of day %d holds %.0f %% of the time in which somebody was there: keep a button that starts it", w, 100*x.Covered)
		}
	}
	if missing > 0 {
		r.say("%d days of the week are known on fewer than two days by four fifths: there is no schedule for them", missing)
	}
}

func clock(minutes int) string {
	if minutes < 0 || minutes > 99*60 {
		return fmt.Sprintf("%02d:%02d", minutes/60, minutes%60)
	}
	h, m := byte(minutes/60), byte(minutes%60)
	return string([]byte{'0' + h/10, '0' + h%10, ':', '0' + m/10, '0' + m%10})
}

// runs tells whether the schedule of a day is on at an interval.
func (x *OccupancyDay) runs(minute int) bool {
	if x.Off {
		return false
	}
	m := clock(minute)
	return x.Start <= m && m < x.Stop
}

// covered is the part of the occupied time of its days that a schedule holds.
func (r *run) covered(x *OccupancyDay) float64 {
	in, all := 0, 0
	for i := range r.days {
		d := &r.days[i]
		if d.weekday != x.Day {
			continue
		}
		for k := d.first; k < d.end; k++ {
			if r.there[k] != occupied {
				continue
			}
			all++
			if at := r.at(k).Time().In(r.zone); x.runs(at.Hour()*60 + at.Minute()) {
				in++
			}
		}
	}
	if all == 0 {
		return 1
	}
	return float64(in) / float64(all)
}

// now is from when to when heating and cooling run on a day of the week, in the
// middle of its days.
func (r *run) now(weekday int) string {
	var on, off []float64
	for i := range r.days {
		d := &r.days[i]
		if d.weekday != weekday {
			continue
		}
		first, last := -1, 0
		for k := d.first; k < d.end; k++ {
			for n := range r.in.Loads {
				l := &r.in.Loads[n]
				v := l.Energy.Of(r.at(k))
				if l.Kind != HVAC || !v.Known() || v.Amount.Float64() <= 2*r.base[n]+50*float64(r.step)/float64(series.Hour) {
					continue
				}
				at := r.at(k).Time().In(r.zone)
				if minute := at.Hour()*60 + at.Minute(); first < 0 {
					first = minute
					last = minute + int(r.step/series.Minute)
				} else {
					last = max(last, minute+int(r.step/series.Minute))
				}
			}
		}
		if first >= 0 {
			on, off = append(on, float64(first)), append(off, float64(last))
		}
	}
	if len(on) == 0 {
		return ""
	}
	return clock(int(regression.Median(on))) + "-" + clock(int(regression.Median(off)))
}

// saving says what the schedule would have saved, by weeks.
func (r *run) saving() {
	if len(r.out.Schedule) == 0 {
		return
	}
	var weeks []float64
	for i := 0; i < len(r.days); {
		week := r.calendar.Span(window.Week, r.days[i].From)
		saved, known := 0.0, 0
		for ; i < len(r.days) && r.days[i].From < week.To; i++ {
			d := &r.days[i]
			if d.known*2 < d.full {
				continue
			}
			at := slices.IndexFunc(r.out.Schedule, func(x OccupancyDay) bool { return x.Day == d.weekday })
			if at < 0 {
				continue
			}
			known++
			saved += r.saved(d, &r.out.Schedule[at])
		}
		if known >= 4 {
			weeks = append(weeks, saved*7/float64(known))
		}
	}
	if len(weeks) == 0 {
		r.say("no week is known on four days: nothing is said of savings")
		return
	}
	mean := regression.Mean(weeks)
	s := &OccupancySaving{Mean: mean * weeksInYear, Weeks: len(weeks), Currency: r.in.Currency}
	s.Low = math.Min(mean, regression.Quantile(weeks, (1-r.part)/2)) * weeksInYear
	s.High = math.Max(mean, regression.Quantile(weeks, (1+r.part)/2)) * weeksInYear
	s.Money = r.money(s.Mean)
	r.out.Saving = s
	if len(weeks) < 4 {
		r.say("the saving rests on %d weeks; other seasons are not in it", len(weeks))
	}
	if slices.ContainsFunc(r.in.Loads, func(l OccupancyLoad) bool { return l.Kind == HVAC }) {
		r.say("%.0f %% of what heating and cooling would save is taken off for bringing the room back", 100*r.in.Rebound)
	}
}

// saved is what a schedule saves on a day, kWh.
func (r *run) saved(d *day, x *OccupancyDay) float64 {
	out := 0.0
	for k := d.first; k < d.end; k++ {
		at := r.at(k).Time().In(r.zone)
		if x.runs(at.Hour()*60 + at.Minute()) {
			continue
		}
		for n := range r.in.Loads {
			w := r.waste[n][k] / 1000
			if r.in.Loads[n].Kind == HVAC {
				w *= 1 - r.in.Rebound
			}
			out += w
		}
	}
	return out
}

// week makes the profile of the week.
func (r *run) week() {
	var cells [7 * 24]OccupancyHour
	hours := float64(r.step) / float64(series.Hour)
	for i := range r.days {
		d := &r.days[i]
		for k := d.first; k < d.end; k++ {
			c := &cells[d.weekday*24+r.at(k).Time().In(r.zone).Hour()]
			if r.there[k] != unknown {
				c.Known += hours
			}
			if r.there[k] == occupied {
				c.Occupied += hours
			}
			for n := range r.waste {
				c.Waste += r.waste[n][k] / 1000
			}
		}
	}
	for i := range cells {
		c := &cells[i]
		c.Day, c.Hour = i/24, i%24
		if c.Known > 0 {
			c.Occupied /= c.Known
		}
		r.out.Week = append(r.out.Week, *c)
	}
}
