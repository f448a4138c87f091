package dayahead

import "math"

// winters is exponential smoothing with two seasons, the day and the week (Holt and
// Winters, as Taylor doubled them in 2003): a level, and what each slot of the day
// and of the week is above or below it, without a trend. Its state is as small as a
// week of values, so it suits a device.
type winters struct {
	Level         float64   `json:"level"`
	Daily, Weekly []float64 // by slot; by weekday and slot
	Alpha         float64   `json:"alpha"` // how fast each follows, 0 to 1
	Delta         float64   `json:"delta"`
	Omega         float64   `json:"omega"`
	Rho           float64   `json:"rho"`  // how much of the last error is left at midnight
	Last          float64   `json:"last"` // what the last slot was above what the state said
	day           int       // the last that was learnt
}

var (
	alphas = []float64{0.003, 0.02, 0.08}
	deltas = []float64{0.02, 0.06, 0.15}
	omegas = []float64{0.06, 0.15, 0.3}
	rhos   = [...]float64{0, 0.4, 0.8}
)

func newWinters(n int) *winters {
	return &winters{Level: math.NaN(), Daily: make([]float64, n), Weekly: make([]float64, 7*n), Alpha: 0.01, Delta: 0.05, Omega: 0.2}
}

func (w *winters) say(d *days, k int, out []float64) {
	weekly := w.Weekly[int(d.weekday(k))*d.n:]
	fade := w.fade(d)
	rest := w.Rho * w.Last * math.Pow(fade, float64(d.n*(k-w.day-1)))
	for s := range out {
		out[s] = w.Level + w.Daily[s] + weekly[s] + rest
		rest *= fade
	}
}

// fade is what of an error is left a slot later.
func (*winters) fade(d *days) float64 { return math.Exp(-24 / float64(d.n) / fading) }

func (w *winters) learn(d *days, k int) {
	w.day = k
	row, weekly := d.rows[k], w.Weekly[int(d.wday[k])*d.n:]
	if w.Level != w.Level {
		if w.Level = d.level(k+1, 1); w.Level != w.Level {
			return
		}
		for s, v := range d.full[k] {
			if v == v {
				w.Daily[s] = v - w.Level
			}
		}
	}
	// A slot of an hour moves by alpha, finer ones by as much less.
	per, fade := float64(d.step)/float64(hour), w.fade(d)
	for s, v := range row {
		e := v - (w.Level + w.Daily[s] + weekly[s])
		w.Last *= fade
		if e != e {
			continue
		}
		w.Last = e
		w.Level += w.Alpha * per * e
		w.Daily[s] += w.Delta * e
		weekly[s] += w.Omega * e
	}
}

// fit tries how fast to follow: whatever would have been least wrong about the days
// ahead, the first two weeks not counted.
func (w *winters) fit(d *days) {
	best, least := *w, math.Inf(1)
	out := make([]float64, d.n)
	from := max(len(d.rows)-fitDays, 0)
	for _, a := range alphas {
		for _, de := range deltas {
			for _, o := range omegas {
				try := newWinters(d.n)
				try.Alpha, try.Delta, try.Omega = a, de, o
				var sums [len(rhos)]float64
				fade := try.fade(d)
				for k := from; k < len(d.rows); k++ {
					if k >= from+14 {
						try.say(d, k, out)
						rest := try.Last
						for s, v := range d.rows[k] {
							if e := v - out[s]; e == e {
								for i, r := range rhos {
									sums[i] += math.Abs(e - r*rest)
								}
							}
							rest *= fade
						}
					}
					try.learn(d, k)
				}
				for i, sum := range sums {
					if sum < least && try.Level == try.Level {
						best, least = *try, sum
						best.Rho = rhos[i]
					}
				}
			}
		}
	}
	*w = best
}

// fitDays is how far back winters looks for what follows best.
const fitDays = 150
