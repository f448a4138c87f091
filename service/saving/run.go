package saving

import (
	"fmt"
	"math"
	"time"

	"github.com/wattwerk/wattwerk/energy"
	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/regression"
	"github.com/wattwerk/wattwerk/service/bill"
	"github.com/wattwerk/wattwerk/service/series"
	"github.com/wattwerk/wattwerk/tariff"
	"github.com/wattwerk/wattwerk/window"
)

// Check says what is wrong with the input.
func Check(in *SavingInput) error {
	if err := in.Energy.CheckPositive("saving: energy"); err != nil {
		return err
	}
	if in.Temperature != nil {
		if err := in.Temperature.Check("saving: temperature"); err != nil {
			return err
		}
	}
	switch {
	case in.BaselineFrom >= in.BaselineTo || in.BaselineFrom < record.MinTime || in.BaselineTo > record.MaxTime:
		return fmt.Errorf("saving: the baseline from %v to %v is no time", in.BaselineFrom, in.BaselineTo)
	case in.Since != 0 && in.Since < in.BaselineTo:
		return fmt.Errorf("saving: the measure begins at %v, before the baseline ends", in.Since)
	case in.Now < in.BaselineTo || in.Now < in.Since || in.Now > record.MaxTime:
		return fmt.Errorf("saving: now, %v, is before the end of the baseline or the beginning of the measure", in.Now)
	case in.Now-in.BaselineFrom > record.Millis(MaxDays*series.Day):
		return fmt.Errorf("saving: %d days are more than %d", int64(in.Now-in.BaselineFrom)/series.Day, MaxDays)
	case len(in.Holidays) > MaxHolidays:
		return fmt.Errorf("saving: %d holidays are more than %d", len(in.Holidays), MaxHolidays)
	case len(in.Measures) > MaxMeasures:
		return fmt.Errorf("saving: %d measures are more than %d", len(in.Measures), MaxMeasures)
	case !(in.MaxCVRMSE >= 0) || !(in.MaxNMBE >= 0):
		return fmt.Errorf("saving: the limits of the model, %g and %g, are none", in.MaxCVRMSE, in.MaxNMBE)
	}
	for i := range in.Measures {
		m := &in.Measures[i]
		_, err1 := minutes(m.From)
		_, err2 := minutes(m.To)
		switch {
		case err1 != nil || err2 != nil || m.From == m.To:
			return fmt.Errorf("saving: measure %s: from %.20q to %.20q is no time of the day", m.ID, m.From, m.To)
		case m.Kind != Standby && m.Kind != Share:
			return fmt.Errorf("saving: measure %s is %.40q: standby or share", m.ID, m.Kind)
		case m.Days != "" && m.Days != "all" && m.Days != "workdays" && m.Days != "weekend":
			return fmt.Errorf("saving: measure %s is on %.40q: all, workdays or weekend", m.ID, m.Days)
		case !(m.Keep >= 0 && m.Keep <= 1e9) || !(m.Share >= 0 && m.Share <= 1):
			return fmt.Errorf("saving: measure %s keeps %g W or saves a share of %g", m.ID, m.Keep, m.Share)
		}
	}
	return nil
}

// minutes reads a time of the day.
func minutes(text string) (int, error) {
	if text == "24:00" {
		return 24 * 60, nil
	}
	t, err := time.Parse("15:04", text)
	return t.Hour()*60 + t.Minute(), err
}

// run is a prediction on its way.
type run struct {
	in       *SavingInput
	out      SavingOutput
	calendar window.Calendar
	zone     *time.Location
	holidays map[string]bool
	days     []*day
	price    tariff.Price
}

// Run fits the baseline, measures what was saved and predicts.
func Run(in SavingInput) (SavingOutput, error) {
	if err := Check(&in); err != nil {
		return SavingOutput{}, err
	}
	c, err := window.Load(in.Zone)
	if err != nil {
		return SavingOutput{}, fmt.Errorf("saving: %w", err)
	}
	r := &run{in: &in, calendar: c, zone: c.Zone(), holidays: make(map[string]bool)}
	for _, h := range in.Holidays {
		if _, err := time.Parse(time.DateOnly, h); err != nil {
			return SavingOutput{}, fmt.Errorf("saving: the holiday %.40q is no date", h)
		}
		r.holidays[h] = true
	}
	if in.Price != "" {
		if r.price, err = in.Price.Price(); err != nil {
			return SavingOutput{}, fmt.Errorf("saving: %w", err)
		}
	}
	r.out = SavingOutput{Subject: in.Subject, Measures: []SavingPotential{}, Currency: in.Currency, Reasons: []string{}}
	r.split()
	f, ok := r.baseline()
	if ok && r.out.Refused == "" {
		r.measured(&f)
		r.year(&f)
	}
	for i := range in.Measures {
		r.potential(&in.Measures[i])
	}
	return r.out, nil
}

func (r *run) say(format string, args ...any) {
	r.out.Reasons = append(r.out.Reasons, fmt.Sprintf(format, args...))
}

// free tells whether a day is a weekend or holiday.
func (r *run) free(s window.Span) bool {
	noon := (s.From + record.Millis(s.Length()/2)).Time().In(r.zone)
	return noon.Weekday() == time.Saturday || noon.Weekday() == time.Sunday || r.holidays[noon.Format(time.DateOnly)]
}

// split makes days of what is known, from the baseline to now.
func (r *run) split() {
	in := r.in
	s := r.calendar.Span(window.Day, in.BaselineFrom)
	if s.From < in.BaselineFrom {
		s = r.calendar.Next(window.Day, s)
	}
	for ; s.To <= in.Now; s = r.calendar.Next(window.Day, s) {
		d := &day{from: s.From, number: len(r.days), kwh: math.NaN(), celsius: math.NaN(), free: r.free(s)}
		if v := in.Energy.Sum(s); v.Known() {
			d.kwh = v.Amount.Float64() / 1000
			d.estimated = v.Quality >= energy.Substituted
		}
		if in.Temperature != nil {
			if mean, known := in.Temperature.Mean(s); known >= 0.9 {
				d.celsius = mean
			}
		}
		r.days = append(r.days, d)
	}
}

// baseline fits the model.
func (r *run) baseline() (fitted, bool) {
	in := r.in
	var known []*day
	all, warm := 0, 0
	for _, d := range r.days {
		if d.from >= in.BaselineTo {
			break
		}
		all++
		if d.kwh == d.kwh {
			known = append(known, d)
			if d.celsius == d.celsius {
				warm++
			}
		}
	}
	m := &r.out.Model
	m.LimitCV, m.LimitNMBE = in.MaxCVRMSE, in.MaxNMBE
	if m.LimitCV == 0 {
		m.LimitCV = MaxCVRMSE
	}
	if m.LimitNMBE == 0 {
		m.LimitNMBE = MaxNMBE
	}
	if len(known) < MinDays {
		m.Days, m.LeftOut = len(known), all-len(known)
		r.out.Refused = fmt.Sprintf("the baseline has %d days that are known as a whole; %d are needed", len(known), MinDays)
		return fitted{}, false
	}
	weather := warm >= MinDays && warm*10 >= len(known)*9
	switch {
	case in.Temperature == nil:
		r.say("there is no outdoor temperature: the calendar alone explains the energy")
	case !weather:
		r.say("the outdoor temperature is known on %d of %d days: the calendar alone explains the energy", warm, len(known))
	default:
		// All models are judged on the same days.
		known = keep(known, func(d *day) bool { return d.celsius == d.celsius })
	}
	f, ok := choose(known, weather)
	if !ok {
		r.out.Refused = "no model can be fitted to the baseline"
		return f, false
	}
	limits := *m
	*m = f.describe(known)
	m.LeftOut, m.LimitCV, m.LimitNMBE = all-m.Days, limits.LimitCV, limits.LimitNMBE
	m.Good = m.Within.CVRMSE <= m.LimitCV && math.Abs(m.Outside.NMBE) <= m.LimitNMBE && m.Outside.CVRMSE <= m.LimitCV && m.Mean > 0
	if all < 330 {
		r.say("the baseline has %d days: seasons that are not in it are not in the model", all)
	}
	if !m.Good {
		r.out.Refused = fmt.Sprintf("the model explains too little: CV(RMSE) %.1f %% within and %.1f %% on days left out (limit %.0f %%), NMBE %.1f %% on days left out (limit %.0f %%), R² %.2f",
			100*m.Within.CVRMSE, 100*m.Outside.CVRMSE, 100*m.LimitCV, 100*m.Outside.NMBE, 100*m.LimitNMBE, m.Within.R2)
	}
	return f, true
}

func keep(all []*day, pass func(*day) bool) (out []*day) {
	for _, d := range all {
		if pass(d) {
			out = append(out, d)
		}
	}
	return out
}

// money is what kWh cost; nil without a price.
func (r *run) money(kwh float64) *bill.Money {
	m := kwh * float64(r.price) / 1000
	if r.in.Price == "" || !(math.Abs(m) <= float64(bill.MaxMoney)) {
		return nil
	}
	return new(bill.Money(math.Round(m)))
}

// measured says what was saved since the measure.
func (r *run) measured(f *fitted) {
	in := r.in
	if in.Since == 0 {
		return
	}
	x := SavingMeasured{}
	for _, d := range r.days {
		if d.from < in.Since {
			continue
		}
		said := f.at(d)
		if d.kwh != d.kwh || said != said {
			x.LeftOut++
			continue
		}
		x.Days++
		x.Expected += said
		x.Used += d.kwh
		if d.estimated {
			x.Estimated++
		}
		if f.weather() && (d.celsius < r.out.Model.Coldest || d.celsius > r.out.Model.Hottest) {
			x.Beyond++
		}
	}
	if x.Days == 0 || x.Expected <= 0 {
		r.say("no day since the measure is known as a whole")
		return
	}
	x.Saved = x.Expected - x.Used
	x.Uncertainty = r.out.Model.uncertainty(x.Expected, x.Days)
	x.Part = x.Saved / x.Expected
	x.Certain = math.Abs(x.Saved) > x.Uncertainty
	x.Money = r.money(x.Saved)
	if !x.Certain {
		r.say("a saving of %.0f kWh cannot be told from chance: its uncertainty is %.0f kWh", x.Saved, x.Uncertainty)
	}
	if x.Beyond > 0 {
		r.say("%d of %d days since the measure were hotter or colder than any of the baseline: there the model is carried on", x.Beyond, x.Days)
	}
	if x.Estimated > 0 {
		r.say("%d of %d days since the measure rest on estimated or substituted amounts", x.Estimated, x.Days)
	}
	if x.LeftOut > 0 {
		r.say("%d days since the measure are left out: something of them is not known", x.LeftOut)
	}
	r.out.Measured = &x
}

// year says what the next year is going to be.
func (r *run) year(f *fitted) {
	last := r.days[max(0, len(r.days)-365):]
	sum, n := 0.0, 0
	for _, d := range last {
		if v := f.at(d); v == v {
			sum, n = sum+math.Max(v, 0), n+1
		}
	}
	if n < 329 {
		r.say("of the last 365 days %d can be said by the model: nothing is said of the next year", n)
		return
	}
	without := sum * 365 / float64(n)
	y := SavingYear{Without: without, With: without}
	if x := r.out.Measured; x != nil {
		// What was not sure since the measure is not sure of the year; to it comes what the model does not know
		// of another year.
		u := math.Hypot(x.Uncertainty/x.Expected*without, r.out.Model.uncertainty(without, 365))
		y.Mean = x.Part * without
		y.Low, y.High, y.With = y.Mean-u, y.Mean+u, without-y.Mean
		if x.Days < 330 {
			r.say("the measure has been in force on %d days that are known: that it saves the same part in other seasons is an assumption", x.Days)
		}
	}
	y.Money = r.money(y.Mean)
	r.out.Year = &y
}

// potential says what a measure might save, by the load profile of the last year.
func (r *run) potential(m *SavingMeasure) {
	from, _ := minutes(m.From)
	to, _ := minutes(m.To)
	var kwh []float64
	hours := 0.0
	for _, d := range r.days[max(0, len(r.days)-365):] {
		s := r.calendar.Span(window.Day, d.from)
		if m.Days == "workdays" && d.free || m.Days == "weekend" && !d.free {
			continue
		}
		at := r.times(s, from, to)
		saved, ok := r.saved(m, at)
		if ok {
			kwh, hours = append(kwh, saved), hours+float64(at.Length())/float64(series.Hour)
		}
	}
	x := SavingPotential{ID: m.ID, Title: m.Title, Of: len(kwh)}
	if len(kwh) < 7 {
		r.say("measure %s: its hours are known on %d days; 7 are needed", m.ID, len(kwh))
		r.out.Measures = append(r.out.Measures, x)
		return
	}
	year := map[string]float64{"workdays": 365.25 * 5 / 7, "weekend": 365.25 * 2 / 7}[m.Days]
	if year == 0 {
		year = 365.25
	}
	mean := regression.Mean(kwh)
	x.Mean = mean * year
	x.Low, x.High = math.Min(mean, regression.Quantile(kwh, 0.1))*year, math.Max(mean, regression.Quantile(kwh, 0.9))*year
	if hours > 0 {
		x.Watts = mean * float64(len(kwh)) / hours * 1000
	}
	x.Money = r.money(x.Mean)
	if len(kwh) < 330 {
		r.say("measure %s rests on %d days; other seasons are not in it", m.ID, len(kwh))
	}
	r.out.Measures = append(r.out.Measures, x)
}

// times are the hours of a measure that begin on a day, by the clock; on days
// on which it is set, as long as the clock says.
func (r *run) times(s window.Span, from, to int) window.Span {
	y, mo, d := (s.From + record.Millis(s.Length()/2)).Time().In(r.zone).Date()
	if to <= from {
		to += 24 * 60
	}
	at := func(minute int) record.Millis {
		return record.MillisOf(time.Date(y, mo, d, 0, minute, 0, 0, r.zone))
	}
	return window.Span{From: at(from), To: at(to)}
}

// saved is what a measure saves in a time, kWh.
func (r *run) saved(m *SavingMeasure, at window.Span) (float64, bool) {
	v, whole := r.in.Energy.Part(at)
	if !whole || at.To > r.in.Now {
		return 0, false
	}
	if m.Kind == Share {
		return v.Amount.Float64() / 1000 * m.Share, true
	}
	var powers []float64
	for t := at.From; t < at.To; t += record.Millis(r.in.Energy.Step) {
		powers = append(powers, series.Power(r.in.Energy.Of(t).Amount, r.in.Energy.Step))
	}
	base := regression.Quantile(powers, 0.1)
	return math.Max(0, base-m.Keep) * float64(at.Length()) / float64(series.Hour) / 1000, true
}
