package appliance

import (
	"fmt"
	"math"
	"slices"
	"sort"
	"time"

	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/regression"
	"github.com/wattwerk/wattwerk/service/bill"
	"github.com/wattwerk/wattwerk/service/series"
	"github.com/wattwerk/wattwerk/tariff"
	"github.com/wattwerk/wattwerk/window"
)

// maxShown is how many cycles are shown.
const maxShown = 500

// Check says what is wrong with the input.
func Check(in *ApplianceInput) error {
	if err := in.Power.Check("appliance: power"); err != nil {
		return err
	}
	known := 0
	for _, v := range in.Power.Values {
		if v.Known() {
			known++
		}
	}
	switch {
	case in.Power.Step > series.Quarter:
		return fmt.Errorf("appliance: intervals of %d minutes are too long to see cycles in; 15 minutes and shorter are taken", in.Power.Step/series.Minute)
	case int64(known)*in.Power.Step < 3*series.Day:
		return fmt.Errorf("appliance: the power of %s is known for %.1f days; 3 are needed", in.Subject, float64(int64(known)*in.Power.Step)/float64(series.Day))
	case !(in.Level >= 0 && in.Level <= 1e9), in.MinRun < 0, in.MinRun > series.Day, in.MaxPause < 0, in.MaxPause > series.Day:
		return fmt.Errorf("appliance: a level of %g W, runs of %d ms and pauses of %d ms are none", in.Level, in.MinRun, in.MaxPause)
	case !(in.Band >= 0 && in.Band <= 0.98):
		return fmt.Errorf("appliance: a band of %g is not from 0 to 0.98", in.Band)
	case in.Now < in.Power.Start || in.Now > in.Power.Span().To+record.Millis(series.Day):
		return fmt.Errorf("appliance: now, %v, is not within the power or a day after it", in.Now)
	}
	return nil
}

// day is what is known of a day.
type day struct {
	window.Span
	known, on []int64 // ms by hour of the clock
	wh        []float64
	begins    []int
	sofar     float64 // Wh up to the time of the day that is now
	sofarMs   int64
}

func (d *day) total() (wh float64, known int64, cycles int) {
	for h := range d.wh {
		wh, known, cycles = wh+d.wh[h], known+d.known[h], cycles+d.begins[h]
	}
	return wh, known, cycles
}

// whole tells whether nine tenths of the day are known.
func (d *day) whole() bool {
	_, known, _ := d.total()
	return known*10 >= d.Length()*9
}

// run is a prediction on its way.
type run struct {
	in       *ApplianceInput
	out      ApplianceOutput
	calendar window.Calendar
	zone     *time.Location
	days     []day // up to today, in order
	cycles   []ApplianceCycle
	part     float64
}

// Run finds cycles and predicts.
func Run(in ApplianceInput) (ApplianceOutput, error) {
	if err := Check(&in); err != nil {
		return ApplianceOutput{}, err
	}
	c, err := window.Load(in.Zone)
	if err != nil {
		return ApplianceOutput{}, fmt.Errorf("appliance: %w", err)
	}
	n := int(int64(in.Now-in.Power.Start) / in.Power.Step)
	in.Power.Values = in.Power.Values[:min(n, len(in.Power.Values))]
	if in.MinRun == 0 {
		in.MinRun = in.Power.Step
	}
	if in.MaxPause == 0 {
		in.MaxPause = 10 * series.Minute
	}
	r := &run{in: &in, calendar: c, zone: c.Zone(), part: in.Band}
	if r.part == 0 {
		r.part = 0.8
	}
	r.out = ApplianceOutput{Subject: in.Subject, Cycles: []ApplianceCycle{}, Reasons: []string{}, Today: ApplianceToday{Why: []string{}}}
	r.switches()
	r.split()
	r.week()
	r.next()
	if err := r.standby(); err != nil {
		return ApplianceOutput{}, err
	}
	r.today()
	return r.out, nil
}

func (r *run) say(format string, args ...any) {
	r.out.Reasons = append(r.out.Reasons, fmt.Sprintf(format, args...))
}

// switches finds level and cycles.
func (r *run) switches() {
	in, o := r.in, &r.out
	o.Level, o.Switches = in.Level, true
	if in.Level == 0 {
		o.Level, o.Switches = level(&in.Power)
		if o.Switches {
			r.say("it is on from %.1f W on: that parts its powers best", o.Level)
		} else {
			r.say("its powers are one group: it does not switch, or is switched all at once with others")
		}
	}
	o.State = "unknown"
	if n := len(in.Power.Values); n > 0 && in.Power.Values[n-1].Known() && o.Switches {
		o.State = "off"
		if in.Power.Values[n-1].Value >= o.Level {
			o.State = "on"
		}
	}
	for _, v := range in.Power.Values {
		o.Quality.Note(v.Quality)
	}
	if !o.Switches {
		return
	}
	r.cycles = find(&in.Power, o.Level, in.MinRun, in.MaxPause)
	var wh, ms []float64
	cut := 0
	for i := range r.cycles {
		if c := &r.cycles[i]; c.whole() {
			wh, ms = append(wh, c.Wh), append(ms, float64(c.To-c.From))
		} else if c.Cut {
			cut++
		}
	}
	o.Count = len(wh)
	if len(wh) > 0 {
		o.MeanWh, o.MeanMs = new(regression.Mean(wh)), new(regression.Mean(ms))
	}
	if cut > 0 {
		r.say("%s cut by time of which nothing is known; what is cut counts for no mean", series.Count(cut, "cycle"))
	}
	o.Cycles = append(o.Cycles, r.cycles[max(0, len(r.cycles)-maxShown):]...)
}

// split sorts what is known into days and hours.
func (r *run) split() {
	p := &r.in.Power
	today := r.calendar.Span(window.Day, r.in.Now)
	clock := int64(r.in.Now - today.From)
	var d *day
	k := 0
	for i, v := range p.Values {
		at := p.At(i)
		if d == nil || at.From >= d.To {
			r.days = append(r.days, day{Span: r.calendar.Span(window.Day, at.From), known: make([]int64, 24), on: make([]int64, 24), wh: make([]float64, 24), begins: make([]int, 24)})
			d = &r.days[len(r.days)-1]
		}
		hour := at.From.Time().In(r.zone).Hour()
		for k < len(r.cycles) && r.cycles[k].To <= at.From {
			k++
		}
		if k < len(r.cycles) && r.cycles[k].From == at.From && !r.cycles[k].Cut {
			d.begins[hour]++
		}
		if !v.Known() {
			continue
		}
		wh := math.Max(v.Value, 0) * float64(p.Step) / float64(series.Hour)
		d.known[hour] += p.Step
		d.wh[hour] += wh
		if k < len(r.cycles) && r.cycles[k].holds(at.From) {
			d.on[hour] += p.Step
		}
		if int64(at.From-d.From) < clock {
			d.sofar += wh
			d.sofarMs += p.Step
		}
	}
}

func (r *run) weekday(s window.Span) int {
	return (int(s.From.Time().In(r.zone).Weekday()) + 6) % 7
}

// week makes the profile of the week.
func (r *run) week() {
	begins, hours := 0.0, 0.0
	type cell struct {
		weeks, begins int
		wh            float64
		on, known     int64
	}
	var cells [7][24]cell
	for i := range r.days {
		d := &r.days[i]
		w := r.weekday(d.Span)
		for h := range 24 {
			if d.known[h]*10 < series.Hour*9 {
				continue
			}
			c := &cells[w][h]
			c.weeks++
			c.begins += min(d.begins[h], 1)
			c.wh += d.wh[h] * float64(series.Hour) / float64(d.known[h])
			c.on, c.known = c.on+d.on[h], c.known+d.known[h]
			begins, hours = begins+float64(min(d.begins[h], 1)), hours+1
		}
	}
	prior := 0.0
	if hours > 0 {
		prior = begins / hours
	}
	for w := range 7 {
		for h := range 24 {
			c := &cells[w][h]
			x := ApplianceHour{Day: w, Hour: h, Weeks: c.weeks, Begin: (float64(c.begins) + prior/2) / (float64(c.weeks) + 0.5)}
			if c.weeks > 0 {
				x.Wh, x.On = c.wh/float64(c.weeks), float64(c.on)/float64(c.known)
			}
			r.out.Week = append(r.out.Week, x)
		}
	}
	if begins == 0 {
		return
	}
	// The next hour of the likeliest ones.
	best := -1.0
	hour := r.calendar.Span(window.Hour, r.in.Now)
	for range 7 * 24 {
		hour = r.calendar.Next(window.Hour, hour)
		at := hour.From.Time().In(r.zone)
		if p := r.out.Week[r.weekday(hour)*24+at.Hour()].Begin; p > best+1e-12 {
			best = p
			r.out.NextRun = new(hour.From)
		}
	}
}

// alike gives the days of the kind of a day, the newest first; before today.
func (r *run) alike(of window.Span, pass func(*day) bool) (out []*day) {
	today := r.calendar.Span(window.Day, r.in.Now)
	pick := func(fits func(w int) bool, most int) {
		out = nil
		for i := len(r.days) - 1; i >= 0 && len(out) < most; i-- {
			if d := &r.days[i]; d.From < today.From && pass(d) && fits(r.weekday(d.Span)) {
				out = append(out, d)
			}
		}
	}
	w := r.weekday(of)
	if pick(func(x int) bool { return x == w }, 8); len(out) < 4 {
		pick(func(x int) bool { return (x >= 5) == (w >= 5) }, 20)
	}
	if len(out) == 0 {
		pick(func(int) bool { return true }, 20)
	}
	return out
}

// next says the days to come.
func (r *run) next() {
	s := r.calendar.Span(window.Day, r.in.Now)
	r.out.Next = []ApplianceDay{}
	for range 7 {
		s = r.calendar.Next(window.Day, s)
		days := r.alike(s, (*day).whole)
		if len(days) == 0 {
			continue
		}
		var wh []float64
		x := ApplianceDay{Day: (s.From + record.Millis(s.Length()/2)).Time().In(r.zone).Format(time.DateOnly), Of: len(days)}
		for _, d := range days {
			e, known, cycles := d.total()
			wh = append(wh, e*float64(d.Length())/float64(known))
			x.Cycles += float64(cycles) / float64(len(days))
		}
		x.Mean = regression.Mean(wh)
		x.Low = math.Min(x.Mean, regression.Quantile(wh, (1-r.part)/2))
		x.High = math.Max(x.Mean, regression.Quantile(wh, (1+r.part)/2))
		r.out.Next = append(r.out.Next, x)
	}
	if len(r.out.Next) == 0 {
		r.say("no day is known by nine tenths: nothing is said of days to come")
	}
}

// standby says what it takes when it is off.
func (r *run) standby() error {
	o := &r.out
	if !o.Switches {
		return nil
	}
	var off []float64
	k := 0
	for i, v := range r.in.Power.Values {
		at := r.in.Power.At(i).From
		for k < len(r.cycles) && r.cycles[k].To <= at {
			k++
		}
		if v.Known() && v.Value < o.Level && (k == len(r.cycles) || at < r.cycles[k].From) {
			off = append(off, math.Max(v.Value, 0))
		}
	}
	if len(off) == 0 {
		r.say("it is never seen off: nothing is said of standby")
		return nil
	}
	s := &ApplianceStandby{Watts: regression.Median(off), Currency: r.in.Currency}
	s.KWhYear = s.Watts * 8.760
	o.Standby = s
	if r.in.Price == "" {
		return nil
	}
	price, err := r.in.Price.Price()
	if err != nil {
		return fmt.Errorf("appliance: %w", err)
	}
	money := s.KWhYear * float64(price) / 1000
	if math.Abs(money) > float64(bill.MaxMoney) {
		return fmt.Errorf("appliance: standby of %g W at %s costs more than a bill has", s.Watts, tariff.Price(price))
	}
	s.CostYear = new(bill.Money(math.Round(money)))
	return nil
}

// today says what is not usual.
func (r *run) today() {
	t := &r.out.Today
	today := r.calendar.Span(window.Day, r.in.Now)
	i := slices.IndexFunc(r.days, func(d day) bool { return d.From == today.From })
	if i < 0 {
		r.say("nothing is known of today")
		return
	}
	d := &r.days[i]
	for _, n := range d.begins {
		t.Cycles += n
	}
	t.Wh = d.sofar
	if past := int64(r.in.Now - today.From); past > 0 {
		t.Known = float64(d.sofarMs) / float64(past)
	}
	days := r.alike(today, func(x *day) bool { return x.sofarMs*10 >= d.sofarMs*9 })
	if len(days) < 3 || t.Known < 0.5 {
		r.say("%d days like today are known, and %.0f %% of today: whether it is usual is not said", len(days), 100*t.Known)
		return
	}
	var wh []float64
	for _, x := range days {
		wh = append(wh, x.sofar)
	}
	low, high := 0.05, 0.95
	if len(wh) < 8 {
		low, high = 0, 1
	}
	t.Low, t.High = regression.Quantile(wh, low), regression.Quantile(wh, high)
	// A tenth of a kWh, or a tenth of it, is no news.
	slack := math.Max(100, 0.1*t.High)
	switch {
	case t.Wh > t.High+slack:
		t.Why = append(t.Why, fmt.Sprintf("it took %.0f Wh so far, more than the %.0f it takes by now at most on such days", t.Wh, t.High))
	case t.Wh < t.Low-slack && t.Known >= 0.9:
		t.Why = append(t.Why, fmt.Sprintf("it took %.0f Wh so far, less than the %.0f it takes by now at least on such days", t.Wh, t.Low))
	}
	r.long()
	t.Usual = new(len(t.Why) == 0)
}

// long tells of a cycle or a pause that is longer than any before.
func (r *run) long() {
	var lengths, pauses []float64
	last := record.Millis(0)
	for i := range r.cycles {
		c := &r.cycles[i]
		if last != 0 && c.From > last {
			pauses = append(pauses, float64(c.From-last))
		}
		last = c.To
		if c.whole() {
			lengths = append(lengths, float64(c.To-c.From))
		}
	}
	sort.Float64s(lengths)
	sort.Float64s(pauses)
	n := len(r.cycles)
	if n == 0 {
		return
	}
	hours := func(ms float64) float64 { return ms / float64(series.Hour) }
	if c := r.cycles[n-1]; c.Running && len(lengths) >= 5 {
		if now, most := float64(c.To-c.From), lengths[len(lengths)-1]; now > 1.5*most {
			r.out.Today.Why = append(r.out.Today.Why, fmt.Sprintf("it has run for %.1f h, and never ran longer than %.1f h", hours(now), hours(most)))
		}
	} else if !c.Running && len(pauses) >= 5 {
		if now, most := float64(r.in.Now-c.To), pauses[len(pauses)-1]; now > 1.5*most && r.seen(c.To) {
			r.out.Today.Why = append(r.out.Today.Why, fmt.Sprintf("it has not run for %.1f h, and never paused longer than %.1f h", hours(now), hours(most)))
		}
	}
}

// seen tells whether nearly all since a time is known.
func (r *run) seen(since record.Millis) bool {
	_, known := r.in.Power.Mean(window.Span{From: since, To: r.in.Now})
	return known >= 0.9
}
