package dayahead

import (
	"math"
	"slices"

	"github.com/wattwerk/wattwerk/regression"
	"github.com/wattwerk/wattwerk/window"
)

// A Kind is a model that forecasts.
type Kind string

// Models, from the simplest on.
const (
	Yesterday    Kind = "yesterday"     // the same hour of the day before
	LastWeek     Kind = "last-week"     // the same hour a week before
	Mean7        Kind = "mean-7"        // its mean over the last seven days
	Profile      Kind = "profile"       // its mean on the same weekday of the last four weeks
	ProfileLevel Kind = "profile-level" // that, moved by what the day before was above it
	Winters      Kind = "holt-winters"  // exponential smoothing with the seasons day and week
	Ridge        Kind = "ridge"         // linear regression on calendar and lags
	Blend        Kind = "blend"         // a mean of the last four, by how right each was lately
)

// Kinds are all models, from the simplest on.
func Kinds() []Kind {
	return []Kind{Yesterday, LastWeek, Mean7, Profile, ProfileLevel, Winters, Ridge, Blend}
}

// Naive tells whether the model only repeats what was.
func (k Kind) Naive() bool { return slices.Contains(Kinds()[:4], k) }

// blended are the models that a blend is made of.
var blended = []Kind{Mean7, ProfileLevel, Winters, Ridge}

func newMethod(k Kind, n int) method {
	switch k {
	case Yesterday:
		return simple(yesterday)
	case LastWeek:
		return simple(lastWeek)
	case Mean7:
		return simple(meanOf7)
	case Profile:
		return simple(profile)
	case ProfileLevel:
		return simple(profileAndLevel)
	case Winters:
		return newWinters(n)
	}
	return newRidge()
}

const (
	// refit is how many days pass until parameters and model are chosen again.
	refit = 7
	// lately is how many days of errors count for the choice,
	lately = 56
	// and bandDays for the bands.
	bandDays = 28
	// ahead is how many days are said at once: the next, and the one after it.
	ahead = 2
	// better is how much less wrong than the model in use another has to be.
	better = 0.99
)

// A trial is what a model said lately, and how wrong that was.
type trial struct {
	kind   Kind
	method method           // nil for a blend
	said   [ahead][]float64 // of the next day, and of the one after it
	before []float64        // what the day before said of the next day
	errors [ahead]recent    // what was less what was said, by day
	abs    []float64        // mean absolute error of each of the last days
	sums   sums             // of all days
}

// sums are of errors, and of what was.
type sums struct{ n, abs, square, size, total float64 }

// score says how wrong that is; what cannot be said is NaN.
func (s sums) score(k Kind, scale float64) Score {
	of := func(part, whole float64) float64 {
		if whole > 0 {
			return part / whole
		}
		return math.NaN()
	}
	mae := of(s.abs, s.n)
	return Score{Kind: k, MAE: mae, MASE: of(mae, scale), WAPE: of(s.abs, s.size), NRMSE: of(math.Sqrt(of(s.square, s.n)), math.Abs(of(s.total, s.n)))}
}

// recent are the errors of the last days, by slot.
type recent [][]float64

func (r *recent) add(row []float64) {
	*r = append(*r, row)
	if len(*r) > bandDays {
		*r = slices.Delete(*r, 0, 1)
	}
}

// rolling goes through days as they come, and says each before it is over.
type rolling struct {
	d      *days
	trials []*trial
	from   int // the first day that is said
	fitted int // the day that parameters were chosen for
	chosen int // index of a trial; -1 before there is one
	alpha  float64
}

// newRolling says days from the one on that has this number, with these models; a
// blend needs those that it is made of.
func newRolling(d *days, from int, kinds []Kind) *rolling {
	r := &rolling{d: d, from: from, fitted: -1, chosen: -1, alpha: 1 - coverage}
	for _, k := range kinds {
		t := &trial{kind: k}
		if k != Blend {
			t.method = newMethod(k, d.n)
		}
		for h := range t.said {
			t.said[h] = make([]float64, d.n)
		}
		r.trials = append(r.trials, t)
	}
	return r
}

// say makes every model say the next day, if it is one of those to be said.
func (r *rolling) say() bool {
	k := len(r.d.rows)
	if k < r.from || k == 0 {
		return false
	}
	if r.fitted < 0 || k-r.fitted >= refit {
		r.fit(k)
	}
	for _, t := range r.trials {
		t.before = append(t.before[:0], t.said[1]...)
	}
	r.sayOf(k, 0)
	return true
}

func (r *rolling) fit(k int) {
	for _, t := range r.trials {
		if t.method != nil {
			t.method.fit(r.d)
		}
	}
	r.fitted = k
	r.choose()
}

// sayOf writes what all models say of day k into said[h].
func (r *rolling) sayOf(k, h int) {
	for _, t := range r.trials {
		if t.method != nil {
			t.method.say(r.d, k, t.said[h])
			r.d.clip(k, t.said[h])
		}
	}
	r.blend(h)
}

// choose takes the model that was least wrong lately.
func (r *rolling) choose() {
	if r.chosen < 0 {
		r.chosen = slices.IndexFunc(r.trials, func(t *trial) bool { return t.kind == Mean7 })
		r.chosen = max(r.chosen, 0)
	}
	if len(r.trials[0].abs) < refit {
		return
	}
	least, at := regression.Mean(r.trials[r.chosen].abs)*better, r.chosen
	for i, t := range r.trials {
		if e := regression.Mean(t.abs); e < least {
			least, at = e, i
		}
	}
	r.chosen = at
}

// weights of the models of a blend: by the inverse of the fourth power of their
// errors, so that one that is much worse does not count.
func (r *rolling) weights() map[Kind]float64 {
	out, sum := make(map[Kind]float64), 0.0
	for _, t := range r.trials {
		if !slices.Contains(blended, t.kind) {
			continue
		}
		w := 1.0
		if e := regression.Mean(t.abs); e > 0 {
			w = 1 / (e * e * e * e)
		}
		out[t.kind] = w
		sum += w
	}
	for k := range out {
		out[k] /= sum
	}
	return out
}

func (r *rolling) blend(h int) {
	b := r.trial(Blend)
	if b == nil {
		return
	}
	out := b.said[h]
	clear(out)
	weights := r.weights()
	for _, t := range r.trials {
		if w := weights[t.kind]; w > 0 {
			for s, v := range t.said[h] {
				out[s] += w * v
			}
		}
	}
}

// learn shows the models the day that is over, after [rolling.say].
func (r *rolling) learn(span window.Span, row []float64, said bool) {
	k := len(r.d.rows)
	if said {
		r.sayNext(k, span)
		r.compare(row)
	}
	r.d.add(span, row)
	for _, t := range r.trials {
		if t.method != nil {
			t.method.learn(r.d, k)
		}
	}
}

// sayNext makes every model say the day after the next, as if the next were what
// itself says.
func (r *rolling) sayNext(k int, span window.Span) {
	low := r.d.low
	for _, t := range r.trials {
		if t.method == nil {
			continue
		}
		r.d.add(span, t.said[0])
		t.method.say(r.d, k+1, t.said[1])
		r.d.clip(k+1, t.said[1])
		r.d.drop()
	}
	r.d.low = low
	r.blend(1)
}

// compare notes how wrong each was.
func (r *rolling) compare(row []float64) {
	for _, t := range r.trials {
		e, n := 0.0, 0
		next := nans(len(row))
		for s, v := range row {
			next[s] = v - t.said[0][s]
			if x := next[s]; x == x {
				e, n = e+math.Abs(x), n+1
				t.sums.square += x * x
				t.sums.size += math.Abs(v)
				t.sums.total += v
			}
		}
		if n == 0 {
			continue
		}
		t.sums.abs, t.sums.n = t.sums.abs+e, t.sums.n+float64(n)
		t.errors[0].add(next)
		if t.abs = append(t.abs, e/float64(n)); len(t.abs) > lately {
			t.abs = t.abs[1:]
		}
		if len(r.d.rows) > r.from { // the day before has said it, too
			later := nans(len(row))
			for s, v := range row {
				later[s] = v - t.before[s]
			}
			t.errors[1].add(later)
		}
	}
}

// trial gives the trial of a model.
func (r *rolling) trial(k Kind) *trial {
	if i := slices.IndexFunc(r.trials, func(t *trial) bool { return t.kind == k }); i >= 0 {
		return r.trials[i]
	}
	return nil
}
