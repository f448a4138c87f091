package dayahead

// A method forecasts days. It is shown the days one after the other, in order, and
// asked for the next before it is shown: it never looks at day k or later when it
// says day k.
type method interface {
	// say writes what day k is going to be, the first that is not shown yet.
	say(d *days, k int, out []float64)
	// learn takes note of day k, which is over now.
	learn(d *days, k int)
	// fit decides on parameters, by what was learnt.
	fit(d *days)
}

// simple methods learn nothing.
type simple func(d *days, k int, out []float64)

func (f simple) say(d *days, k int, out []float64) { f(d, k, out) }
func (simple) learn(*days, int)                    {}
func (simple) fit(*days)                           {}

func yesterday(d *days, k int, out []float64) {
	for s := range out {
		out[s] = d.at(k, 1, s)
	}
}

func lastWeek(d *days, k int, out []float64) {
	for s := range out {
		out[s] = d.at(k, 7, s)
	}
}

func meanOf7(d *days, k int, out []float64) {
	for s := range out {
		out[s] = d.mean(d.full, k, s, 7)
	}
}

// profile is the mean of the same weekday in the last four weeks.
func profile(d *days, k int, out []float64) {
	for s := range out {
		out[s] = d.profile(k, s)
	}
}

func (d *days) profile(k, s int) float64 {
	sum, n := 0.0, 0
	for back := 7; back <= 28 && back <= k; back += 7 {
		if v := d.full[k-back][s]; v == v {
			sum, n = sum+v, n+1
		}
	}
	if n == 0 {
		return d.mean(d.full, k, s, 7)
	}
	return sum / float64(n)
}

// profileAndLevel moves the profile by what the day before was above or below its
// own.
func profileAndLevel(d *days, k int, out []float64) {
	profile(d, k, out)
	if k < 8 {
		return
	}
	sum, n := 0.0, 0
	for s := range out {
		if e := d.full[k-1][s] - d.profile(k-1, s); e == e {
			sum, n = sum+e, n+1
		}
	}
	for s := range out {
		if n > 0 {
			out[s] += sum / float64(n)
		}
	}
}

// clip keeps what was never below 0 from being forecast so, and leaves no value out
// unless nothing is known at all.
func (d *days) clip(k int, out []float64) {
	for s, v := range out {
		if v-v != 0 {
			v = d.mean(d.full, k, s, 28)
		}
		if v-v != 0 {
			v = d.level(k, 28)
		}
		if v < 0 && d.low >= 0 {
			v = 0
		}
		out[s] = v
	}
}
