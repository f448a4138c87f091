package uc

// Moments are count, mean, spread and bounds of some values. The zero value
// is that of no values. Order and grouping change the last bits of mean and
// spread only.
type Moments struct {
	Count    uint64
	Mean     float64
	m2       float64 // sum of squared distances from the mean
	Min, Max float64
}

// Add takes a value in (Welford).
func (m *Moments) Add(v float64) {
	m.Count++
	if m.Count == 1 {
		m.Mean, m.m2, m.Min, m.Max = v, 0, v, v
		return
	}
	d := v - m.Mean
	m.Mean += d / float64(m.Count)
	m.m2 += d * (v - m.Mean)
	m.Min, m.Max = min(m.Min, v), max(m.Max, v)
}

// Merge takes in what another has seen (Chan, Golub, LeVeque).
func (m *Moments) Merge(o *Moments) {
	switch {
	case o.Count == 0:
		return
	case m.Count == 0:
		*m = *o
		return
	}
	n := m.Count + o.Count
	d := o.Mean - m.Mean
	m.Mean += d * float64(o.Count) / float64(n)
	m.m2 += o.m2 + d*d*float64(m.Count)*float64(o.Count)/float64(n)
	m.Count, m.Min, m.Max = n, min(m.Min, o.Min), max(m.Max, o.Max)
}

// Variance is the population variance; 0 of fewer than two values.
func (m *Moments) Variance() float64 {
	if m.Count < 2 {
		return 0
	}
	return m.m2 / float64(m.Count)
}
