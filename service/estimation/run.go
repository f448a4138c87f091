package estimation

import (
	"fmt"
	"math"
	"slices"

	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/service/series"
	"github.com/wattwerk/wattwerk/window"
)

// performance is what a roof makes of what its capacity would make of the
// irradiance: losses by heat, wires and inverters (IEC 61724 calls it performance ratio; 0.75 to 0.85 are usual).
const performance = 0.8

// Check says what is wrong with the input.
func Check(in *EstimationInput) error {
	if err := in.Load.CheckPositive("estimation: load"); err != nil {
		return err
	}
	if in.Load.Step < 10*series.Minute {
		return fmt.Errorf("estimation: a step of %d minutes is too fine; hand over quarters of an hour or hours", in.Load.Step/series.Minute)
	}
	if in.Generation != nil {
		if err := in.Generation.CheckPositive("estimation: generation"); err != nil {
			return err
		}
		if in.Generation.Step != in.Load.Step {
			return fmt.Errorf("estimation: the generation has another step than the load")
		}
	}
	if in.Irradiance != nil {
		if err := in.Irradiance.Check("estimation: irradiance"); err != nil {
			return err
		}
		if in.Irradiance.Step > in.Load.Step {
			return fmt.Errorf("estimation: the irradiance has a longer step than the load")
		}
	}
	switch {
	case !(in.Capacity >= 0 && in.Capacity <= 1e9):
		return fmt.Errorf("estimation: a capacity of %g W is none", in.Capacity)
	case !(in.Band >= 0 && in.Band <= 0.98):
		return fmt.Errorf("estimation: a band of %g is not from 0 to 0.98", in.Band)
	case in.Now < record.MinTime || in.Now > record.MaxTime-record.Millis(40*series.Day):
		return fmt.Errorf("estimation: now, %v, is not between 1970 and 2100", in.Now)
	}
	for _, f := range []*EstimationForecast{in.LoadForecast, in.GenerationForecast} {
		if f == nil {
			continue
		}
		if f.Step != 0 && (f.Step < in.Load.Step || f.Step > series.Hour || f.Step%in.Load.Step != 0) {
			return fmt.Errorf("estimation: the step of the forecast %q, %d ms, is none of up to an hour that the step of the load divides", f.Method, f.Step)
		}
		for i, b := range f.Values {
			if !(b.Low >= 0 && b.Low <= b.Mean && b.Mean <= b.High && b.High <= 1e12) {
				return fmt.Errorf("estimation: value %d of the forecast %q is no band: %g, %g, %g", i+1, f.Method, b.Low, b.Mean, b.High)
			}
		}
	}
	return nil
}

// run is an estimation on its way.
type run struct {
	in         *EstimationInput
	out        EstimationOutput
	part       float64
	calendar   window.Calendar
	loads      *days
	load, made said
	generates  bool
}

// which gives today, and the day that is to be estimated.
func which(in *EstimationInput) (c window.Calendar, today, day window.Span, err error) {
	if c, err = window.Load(in.Zone); err != nil {
		return c, today, day, fmt.Errorf("estimation: %w", err)
	}
	today = c.Span(window.Day, in.Now)
	day = c.Next(window.Day, today)
	if in.Day != "" {
		at, err := c.Moment(in.Day)
		if err != nil {
			return c, today, day, fmt.Errorf("estimation: day %w", err)
		}
		day = c.Span(window.Day, at)
	}
	return c, today, day, nil
}

// Day is the day that is to be estimated.
func Day(in *EstimationInput) (window.Span, error) {
	_, _, day, err := which(in)
	return day, err
}

// Run estimates a day.
func Run(in EstimationInput) (EstimationOutput, error) {
	if err := Check(&in); err != nil {
		return EstimationOutput{}, err
	}
	c, today, day, err := which(&in)
	if err != nil {
		return EstimationOutput{}, err
	}
	if day.From > in.Now+record.Millis(2*series.Day) {
		return EstimationOutput{}, fmt.Errorf("estimation: the day that begins at %v is more than two days ahead", day.From)
	}
	if int64(day.From)%in.Load.Step != 0 {
		return EstimationOutput{}, fmt.Errorf("estimation: the day in %s does not begin with a step of %d minutes; hand over quarters of an hour", c.Zone(), in.Load.Step/series.Minute)
	}
	r := &run{in: &in, calendar: c, part: in.Band}
	if r.part == 0 {
		r.part = 0.8
	}
	if err := r.day(day); err != nil {
		return EstimationOutput{}, err
	}
	out := r.out
	if day != today && today.To > in.Now {
		r.rest(today, &out)
	}
	if day == today {
		r.restOf(&out, &out)
	}
	return out, nil
}

// day estimates a day as a whole.
func (r *run) day(day window.Span) error {
	in := r.in
	r.out = EstimationOutput{Subject: in.Subject, From: day.From, To: day.To, Step: in.Load.Step, Intervals: []EstimationInterval{}, Surplus: []EstimationSurplus{}, Reasons: []string{}}
	until := min(in.Now, day.From) // nothing of the day itself is known
	r.loads = newDays(r.calendar, day, in.Load.Step, 1+trials+long)
	known, from := 0, in.Now-record.Millis((trials+long)*series.Day)
	for i, v := range in.Load.Values {
		if at := in.Load.At(i); at.From >= from && at.To <= until {
			r.out.Quality.Note(v.Quality)
			if v.Known() {
				known++
			}
		}
	}
	if int64(known)*in.Load.Step < 3*series.Day && in.LoadForecast == nil {
		return fmt.Errorf("estimation: the load of %s is known for %.1f days of the last %d; 3 are needed", in.Subject, float64(int64(known)*in.Load.Step)/float64(series.Day), trials+long)
	}
	r.loads.fill(amounts(&in.Load), until)
	r.load = r.loads.best(loads)
	if says(r.load.values) < r.loads.slots {
		r.holes(r.loads, &r.load, "load")
	}
	if q := r.out.Quality; q.Missing+q.Estimated+q.Substituted > 0 {
		r.say("the load of the past rests on %s", q)
	}
	r.sun(day, until)
	loads, mades := in.LoadForecast, in.GenerationForecast
	in.LoadForecast = loads.finer(r.loads, r.load.values)
	in.GenerationForecast = mades.finer(r.loads, r.made.values)
	r.intervals(day)
	in.LoadForecast, in.GenerationForecast = loads, mades
	return nil
}

func (r *run) say(format string, args ...any) {
	r.out.Reasons = append(r.out.Reasons, fmt.Sprintf(format, args...))
}

func amounts(s *series.EnergySeries) func(record.Millis) (float64, bool) {
	return func(t record.Millis) (float64, bool) {
		v := s.Of(t)
		return v.Amount.Float64(), v.Known()
	}
}

// holes fills what no model says with the mean of the slot over all days, and of
// its neighbours if there is none.
func (r *run) holes(d *days, s *said, what string) {
	n := 0
	for slot, v := range s.values {
		if v == v {
			continue
		}
		n++
		s.values[slot] = d.mean(slot, 1, len(d.rows), all)
		for reach := 1; reach < d.slots && s.values[slot] != s.values[slot]; reach++ {
			for _, near := range []int{slot - reach, slot + reach} {
				if near >= 0 && near < d.slots && s.values[slot] != s.values[slot] {
					s.values[slot] = d.mean(near, 1, len(d.rows), all)
				}
			}
		}
		if s.values[slot] != s.values[slot] {
			s.values[slot] = 0
		}
	}
	r.say("%d of %d steps of the %s are not known of the days that the model looks at; older days and steps nearby stand in", n, d.slots, what)
}

// sun estimates the generation.
func (r *run) sun(day window.Span, until record.Millis) {
	in := r.in
	d := newDays(r.calendar, day, in.Load.Step, 1+trials+sunny)
	fresh := false
	if in.Generation != nil {
		d.fill(amounts(in.Generation), until)
		for k := 1; k <= 3; k++ {
			fresh = fresh || says(d.rows[k]) > 0
		}
	}
	ahead := r.light(day)
	switch {
	case in.GenerationForecast != nil:
		r.generates = true
		if in.Generation != nil {
			r.made = d.best(suns) // for its errors alone
		} else {
			r.made = said{values: make([]float64, d.slots)}
		}
	case in.Generation == nil && in.Capacity > 0 && ahead:
		r.nameplate(d, day, "there is no meter of the generation")
	case in.Generation == nil:
		r.say("nothing is known of a generation: neither a meter, nor capacity and irradiance")
	case !fresh && in.Capacity > 0 && ahead:
		r.nameplate(d, day, "the generation is not known of the last three days")
	case ahead:
		r.generates = true
		r.made = r.shine(d)
		r.say("generation by irradiance; the errors were found with the irradiance that was, and a forecast of it adds its own")
	default:
		r.generates = true
		r.made = d.best(suns)
		if in.Irradiance == nil {
			r.say("there is no irradiance: generation goes by the days before (%s)", r.made.of.Name)
		} else {
			r.say("the irradiance is not known of the day: generation goes by the days before (%s)", r.made.of.Name)
		}
		if !fresh {
			r.say("the generation is not known of the last three days")
		}
	}
	if r.generates && says(r.made.values) < d.slots {
		r.holes(d, &r.made, "generation")
	}
	if r.generates && in.Capacity > 0 {
		most := in.Capacity * float64(d.step) / float64(series.Hour)
		for i, v := range r.made.values {
			r.made.values[i] = math.Min(v, most)
		}
	}
}

// light tells whether the irradiance of the day is known, by 9 of 10 intervals.
func (r *run) light(day window.Span) bool {
	if r.in.Irradiance == nil {
		return false
	}
	_, known := r.in.Irradiance.Mean(day)
	return known >= 0.9
}

func (r *run) irradiance(t record.Millis) (float64, bool) {
	v, known := r.in.Irradiance.Mean(window.Span{From: t, To: t + record.Millis(r.in.Load.Step)})
	return math.Max(v, 0), known > 0
}

func (r *run) nameplate(d *days, day window.Span, why string) {
	r.generates = true
	r.made = said{of: EstimationModel{Name: "capacity and irradiance"}, values: make([]float64, d.slots)}
	for t := day.From; t < day.To; t += record.Millis(d.step) {
		if v, ok := r.irradiance(t); ok {
			r.made.values[d.slot(t)] = r.in.Capacity * v / 1000 * performance * float64(d.step) / float64(series.Hour)
		}
	}
	r.say("%s: it is taken to make %.0f %% of its capacity times the irradiance; there is no band", why, performance*100)
}

// shine is the model of generation by irradiance.
func (r *run) shine(d *days) said {
	light := *d
	light.fill(r.irradiance, record.MaxTime)
	return d.best([]model{{"irradiance", func(d *days, k, slot int) float64 {
		sun := light.rows[k][slot]
		var made, shone float64
		for j := k + 1; j < min(k+1+sunny, len(d.rows)); j++ {
			if g, i := d.rows[j][slot], light.rows[j][slot]; g == g && i == i {
				made, shone = made+g, shone+i
			}
		}
		switch {
		case sun != sun:
			return math.NaN()
		case shone <= 0:
			return 0 // it was dark whenever both were known
		}
		return sun * made / shone
	}}})
}

// intervals puts the day together.
func (r *run) intervals(day window.Span) {
	in, o := r.in, &r.out
	o.LoadModel = r.load.of
	if in.LoadForecast != nil {
		o.LoadModel = EstimationModel{Name: in.LoadForecast.Method, Days: in.LoadForecast.Days, Wrong: in.LoadForecast.Wrong}
		r.say("the load is that of the forecast %q", in.LoadForecast.Method)
	} else {
		wrong := "could not be tried on days before"
		if w := r.load.of.Wrong; w != nil {
			wrong = fmt.Sprintf("was wrong by %.1f %% on the %d days before", 100**w, r.load.of.Days)
		}
		r.say("load by the %s, which %s", r.load.of.Name, wrong)
	}
	if r.generates {
		o.MadeModel = new(r.made.of)
		if in.GenerationForecast != nil {
			*o.MadeModel = EstimationModel{Name: in.GenerationForecast.Method, Days: in.GenerationForecast.Days, Wrong: in.GenerationForecast.Wrong}
			r.say("the generation is that of the forecast %q", in.GenerationForecast.Method)
		}
	}
	loadErrors, madeErrors := make([]float64, len(r.load.found)), make([]float64, len(r.made.found))
	foreign := 0
	for t := day.From; t < day.To; t += record.Millis(o.Step) {
		slot := r.loads.slot(t)
		x := EstimationInterval{From: t, Load: r.load.band(slot, r.load.values[slot], r.part)}
		if b, ok := in.LoadForecast.at(t, o.Step); ok {
			x.Load = b
			foreign++
		}
		if r.generates {
			b := r.made.band(slot, r.made.values[slot], r.part)
			if f, ok := in.GenerationForecast.at(t, o.Step); ok {
				b = f
			}
			x.Generation = &b
		}
		add(loadErrors, &r.load, slot)
		add(madeErrors, &r.made, slot)
		r.use(&x, slot)
		o.Intervals = append(o.Intervals, x)
		o.Load.Mean += x.Load.Mean
		o.OwnUse, o.Import, o.Export = o.OwnUse+x.OwnUse, o.Import+x.Import, o.Export+x.Export
		if r.generates {
			if o.Generation == nil {
				o.Generation = &EstimationBand{}
			}
			o.Generation.Mean += x.Generation.Mean
		}
	}
	if in.LoadForecast != nil && foreign < len(o.Intervals) {
		r.say("the forecast of the load does not say %d of %d intervals; the %s does", len(o.Intervals)-foreign, len(o.Intervals), r.load.of.Name)
	}
	o.Load = around(o.Load.Mean, loadErrors, r.part)
	switch {
	case in.LoadForecast != nil && len(r.load.found) >= short && r.load.of.Wrong != nil && *r.load.of.Wrong > 0.01:
		r.say("the band of the day is that of the errors that the %s made on days before, around the forecast", r.load.of.Name)
	case in.LoadForecast != nil:
		o.Load = EstimationBand{}
		for _, x := range o.Intervals {
			o.Load = o.Load.plus(x.Load)
		}
		r.say("the band of the day is from the sum of the lows to that of the highs, which is wider than it has to be")
	}
	if o.Generation != nil {
		*o.Generation = around(o.Generation.Mean, madeErrors, r.part)
		if o.Load.Mean > 0 {
			o.Autarky = new(o.OwnUse / o.Load.Mean)
		}
		if o.Generation.Mean > 0 {
			o.SelfUse = new(o.OwnUse / o.Generation.Mean)
		}
	}
	o.Surplus = surplus(o.Intervals, o.Step)
}

func (b EstimationBand) plus(x EstimationBand) EstimationBand {
	return EstimationBand{b.Low + x.Low, b.Mean + x.Mean, b.High + x.High}
}

func add(sums []float64, s *said, slot int) {
	for i := range s.found {
		if e := s.errors[i][slot]; e == e {
			sums[i] += e
		}
	}
}

// finer divides a forecast of longer intervals into the steps of the load, each by what
// the own models say of it there.
func (f *EstimationForecast) finer(d *days, own []float64) *EstimationForecast {
	if f == nil || f.Step == 0 || f.Step == d.step {
		return f
	}
	out := &EstimationForecast{Method: f.Method, Start: f.Start, Days: f.Days, Wrong: f.Wrong}
	n := int(f.Step / d.step)
	for i, b := range f.Values {
		from, sum := f.Start+record.Millis(int64(i)*f.Step), 0.0
		part := make([]float64, n)
		for k := range part {
			if own != nil {
				part[k] = own[d.slot(from+record.Millis(int64(k)*d.step))]
			}
			sum += part[k]
		}
		for _, v := range part {
			share := 1 / float64(n)
			if sum > 0 {
				share = v / sum
			}
			out.Values = append(out.Values, EstimationBand{b.Low * share, b.Mean * share, b.High * share})
		}
	}
	return out
}

// at is the band of a forecast from elsewhere.
func (f *EstimationForecast) at(t record.Millis, step int64) (EstimationBand, bool) {
	if f == nil || t < f.Start {
		return EstimationBand{}, false
	}
	i := int64(t-f.Start) / step
	if i >= int64(len(f.Values)) {
		return EstimationBand{}, false
	}
	return f.Values[i], true
}

// use says what of the generation is used in the home: over the days of which
// both errors are known.
func (r *run) use(x *EstimationInterval, slot int) {
	x.Import = x.Load.Mean
	if x.Generation == nil {
		return
	}
	sum, more, n := 0.0, 0, 0
	for i, day := range r.load.found {
		a := r.load.errors[i][slot]
		b, ok2 := r.made.error(day, slot)
		ok1 := a == a
		if !ok1 || !ok2 {
			continue
		}
		l, g := math.Max(0, x.Load.Mean+a), math.Max(0, x.Generation.Mean+b)
		n++
		sum += math.Min(l, g)
		if g > l {
			more++
		}
	}
	most := math.Min(x.Load.Mean, x.Generation.Mean)
	x.OwnUse = most
	if n > 0 {
		x.OwnUse = math.Min(most, sum/float64(n))
		x.Surplus = float64(more) / float64(n)
	} else if x.Generation.Mean > x.Load.Mean {
		x.Surplus = 1
	}
	x.Import, x.Export = x.Load.Mean-x.OwnUse, x.Generation.Mean-x.OwnUse
}

// surplus finds the times in which more is made than used, more likely than not.
func surplus(all []EstimationInterval, step int64) []EstimationSurplus {
	out := []EstimationSurplus{}
	for _, x := range all {
		if x.Surplus <= 0.5 {
			continue
		}
		if n := len(out); n > 0 && out[n-1].To == x.From {
			out[n-1].To += record.Millis(step)
			out[n-1].Wh += x.Export
			continue
		}
		out = append(out, EstimationSurplus{From: x.From, To: x.From + record.Millis(step), Wh: x.Export})
	}
	return out
}

// rest estimates today besides, for what is left of it.
func (r *run) rest(today window.Span, out *EstimationOutput) {
	two := &run{in: r.in, calendar: r.calendar, part: r.part}
	if two.day(today) != nil {
		return // of the day before today too little is known; that is no fault of tomorrow
	}
	two.restOf(&two.out, out)
}

func (r *run) restOf(today, out *EstimationOutput) {
	in := r.in
	first := slices.IndexFunc(today.Intervals, func(x EstimationInterval) bool { return x.From >= in.Now })
	if first < 0 {
		return
	}
	rest := EstimationRest{From: today.Intervals[first].From, To: today.To}
	sum, _ := in.Load.Part(window.Span{From: today.From, To: rest.From})
	rest.SoFar = sum.Amount.Float64()
	loads, mades := make([]float64, len(r.load.found)), make([]float64, len(r.made.found))
	var load, made float64
	for _, x := range today.Intervals[first:] {
		slot := r.loads.slot(x.From)
		add(loads, &r.load, slot)
		add(mades, &r.made, slot)
		load += x.Load.Mean
		if x.Generation != nil {
			made += x.Generation.Mean
		}
	}
	rest.Load = around(load, loads, r.part)
	if r.generates {
		rest.Generation = new(around(made, mades, r.part))
	}
	out.Rest = &rest
}
