package processor

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/wattwerk/wattwerk/manifest"
	"github.com/wattwerk/wattwerk/observation"
	"github.com/wattwerk/wattwerk/pipeline/processor/digest"
	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/window"
)

// judgement is how results of anomalies are given.
type judgement struct {
	sigma float64
	least float64 // deviation that is taken at least
	gives string
}

func judgeParameters(sigma float64, more ...manifest.Parameter) []manifest.Parameter {
	return append([]manifest.Parameter{
		numeric("sigma", manifest.Float, sigma, 0, 1e6, "", "By how many deviations a value may differ."),
		numeric("least-deviation", manifest.Float, 0, 0, record.MaxValue, "", "Smaller deviations are taken for this one, in the unit of the items: so that what never changes is not remarkable for changing a little."),
		choices("gives", "values", "What is given: values – all, those that are unusual marked Alarm; alarms – only these; scores – by how many deviations each differs.", "values", "alarms", "scores"),
	}, more...)
}

func (g *given) judgement() judgement {
	return judgement{g.within("sigma", 0, 1e6), g.within("least-deviation", 0, record.MaxValue), g.choice("gives", "values", "alarms", "scores")}
}

// judge gives what is to be said of an item. Without a deviation whatever differs
// is unusual, and its score null.
func (j judgement) judge(i observation.Item, known bool, middle, deviation float64, out *Out) {
	score, ok := 0.0, known
	if known {
		d := i.Value - middle
		switch deviation = max(deviation, j.least); {
		case deviation > 0:
			score = d / deviation
		case d != 0:
			score, ok = math.Inf(1), false
		}
		if math.Abs(score) > j.sigma {
			i.Marks |= observation.Alarm
		}
	}
	switch j.gives {
	case "alarms":
		if i.Marks&observation.Alarm == 0 {
			return
		}
	case "scores":
		if i.Value = score; !ok {
			i.Marks |= observation.Null
		}
	}
	out.give(i)
}

type zScore struct {
	slides
	judgement
	fewest uint64
}

func (f *zScore) item(_ int, i observation.Item, out *Out) {
	at, ok := f.slots.find(i.Series)
	if !ok {
		out.Refuse(i, isTooManyKeys)
		return
	}
	if at == len(f.each) {
		f.each = append(f.each, slide{})
	}
	i.Marks &^= observation.Alarm
	if i.Marks&observation.Null != 0 {
		if f.gives != "alarms" {
			out.give(i)
		}
		return
	}
	w := &f.each[at]
	for n := len(w.points) - w.from; n > 0 && (f.items > 0 && n > f.items || f.items == 0 && f.leaves(w, i.Time)); n-- {
		f.leave(w)
	}
	if len(w.points)-w.from >= maxSliding {
		out.Refuse(i, isFull)
		return
	}
	if f.waiting >= MaxWaiting {
		out.Refuse(i, isTooMany)
		return
	}
	n, _ := w.spread.Tell(digest.Count)
	mean, _ := w.spread.Tell(digest.Average)
	deviation, known := w.spread.Tell(digest.Deviation)
	f.judge(i, known && uint64(n) >= f.fewest, mean, deviation, out)
	f.enter(w, point{i.Time, i.Value + 0, i.Marks & kept})
}

var zScoreEntry = Entry{
	ProcessorType: manifest.ProcessorType{
		Name: "z-score", Role: manifest.Analytics, MinInputs: 1,
		Summary: "Marks values that are unusual for what the same series did before.",
		Result:  "The values, those that differ from the mean of the window before them by more than sigma standard deviations marked Alarm; or by how many they do.",
		Details: fmt.Sprintf("The window is the time size before the item, or so many items, without the item itself; it has at most %d. Fewer than fewest are not judged by, and what is not judged has a null score. %s", maxSliding, aboutOrder),
		Parameters: append([]manifest.Parameter{
			parameter("size", manifest.Duration, "1h", "How long the window is."),
			numeric("items", manifest.Int, 0, 0, maxSliding, "items", "How many items it has, instead of a size; 0: it is of a size."),
			numeric("fewest", manifest.Int, 10, 2, maxSliding, "items", "How many items must be known."),
		}, orderParameters(judgeParameters(3)...)...),
		Example: "name: odd temperatures\ntype: z-score\nparameters: {items: 200, sigma: 4, least-deviation: 0.1, gives: alarms}\nfrom: [bearing temperature]\n",
	},
	New: func(s Settings) (Operator, error) {
		g := &given{values: s.Values}
		f := zScore{judgement: g.judgement(), fewest: uint64(g.whole("fewest", 2, maxSliding))}
		by := frame{kind: sliding, items: g.whole("items", 0, maxSliding), size: g.duration("size", 1)}
		return g.inOrder(s, func(c *clock, group *grouping) step {
			n, b := f, by
			b.grouping = *group
			n.slides = slides{frame: &b, asked: asked{name: "z-score", what: digest.Deviation}, clock: c}
			return &n
		})
	},
}

// Bounds of weekly profiles.
const (
	maxWeeks    = 26
	maxProfiles = 10_000
	weekHours   = 168
)

// profile is what is usual for one series in each hour of the week.
type profile struct {
	open  bool
	win   window.Span
	mean  digest.Mean
	marks observation.Marks
	hours [weekHours][]float64 // means of the last weeks, the oldest first
}

type weeklyProfile struct {
	states[*profile]
	judgement
	table  *observation.Table
	cal    window.Calendar
	weeks  int
	fewest int
}

func (f *weeklyProfile) item(_ int, i observation.Item, out *Out) {
	if i.Marks&observation.Null != 0 {
		return
	}
	if len(f.each) >= maxProfiles && (int(i.Series) >= len(f.at) || f.at[i.Series] == 0) {
		out.Refuse(i, "too many series: 10,000 have a weekly profile")
		return
	}
	s := f.of(i, out)
	if s == nil {
		return
	}
	if *s == nil {
		*s = new(profile)
	}
	p := *s
	if p.open && !p.win.Holds(i.Time) {
		f.close(p, i.Series, out)
	}
	if !p.open {
		p.open, p.win = true, f.cal.Span(window.Hour, i.Time)
	}
	p.mean.Add(i.Time, i.Value)
	p.marks |= i.Marks & kept
}

// close judges an hour, and learns it.
func (f *weeklyProfile) close(p *profile, n observation.Series, out *Out) {
	at := p.win.From.Time().In(f.cal.Zone())
	hour := (int(at.Weekday())+6)%7*24 + at.Hour()
	mean, _ := p.mean.Tell(digest.Average)
	usual := p.hours[hour]
	middle, deviation := medianOf(usual)
	i := observation.Item{Series: n, Time: p.win.From, Value: mean, Marks: p.marks}
	f.judge(i, len(usual) >= f.fewest, middle, deviation, out)
	if len(usual) >= f.weeks {
		usual = slices.Delete(usual, 0, len(usual)-f.weeks+1)
	}
	p.hours[hour] = append(usual, mean)
	p.open, p.mean, p.marks = false, digest.Mean{}, 0
}

// medianOf is the median, and the median of how far values are from it, as the
// standard deviation of what is normally distributed.
func medianOf(values []float64) (middle, deviation float64) {
	if len(values) == 0 {
		return 0, 0
	}
	median := func(v []float64) float64 {
		slices.Sort(v)
		if n := len(v); n%2 == 0 {
			return v[n/2-1]/2 + v[n/2]/2
		}
		return v[len(v)/2]
	}
	v := slices.Clone(values)
	middle = median(v)
	for n := range v {
		v[n] = math.Abs(v[n] - middle)
	}
	return middle, 1.4826 * median(v)
}

func (f *weeklyProfile) until(t record.Millis, out *Out) record.Millis {
	first := f.cal.Span(window.Hour, t).From
	var done []int
	for n, p := range f.each {
		if p.open && p.win.To <= t {
			done = append(done, n)
		}
	}
	slices.SortFunc(done, func(a, b int) int {
		return cmp.Or(cmp.Compare(f.each[a].win.From, f.each[b].win.From), cmp.Compare(f.series[a], f.series[b]))
	})
	for _, n := range done {
		f.close(f.each[n], f.series[n], out)
	}
	return min(first, t)
}

func (f *weeklyProfile) shape() string { return "weekly-profile " + f.cal.Zone().String() }

func (f *weeklyProfile) save(w *writer) {
	f.states.save(w, func(w *writer, s **profile) {
		p := *s
		if w.flag(p.open); p.open {
			w.millis(p.win.From)
			w.uint(uint64(p.marks))
			w.b = p.mean.Append(w.b)
		}
		for _, h := range p.hours {
			w.uint(uint64(len(h)))
			for _, v := range h {
				w.float(v)
			}
		}
	})
}

func (f *weeklyProfile) load(r *reader) {
	f.states.load(r, f.table, func(r *reader, s **profile) {
		p := new(profile)
		*s = p
		if len(f.each) >= maxProfiles {
			r.Fail()
		}
		if p.open = r.flag(); p.open {
			from := r.time()
			if p.win = f.cal.Span(window.Hour, from); p.win.From != from {
				r.Fail()
			}
			p.marks = observation.Marks(r.UpTo(uint64(kept)))
			r.part(p.mean.Load)
		}
		for h := range p.hours {
			for range r.count(maxWeeks) {
				p.hours[h] = append(p.hours[h], r.float())
			}
		}
	})
}

var weeklyProfileEntry = Entry{
	ProcessorType: manifest.ProcessorType{
		Name: "weekly-profile", Role: manifest.Analytics, MinInputs: 1,
		Summary: "Marks hours that are unusual for their hour of the week.",
		Result:  "The mean of each hour, in the unit of the items, with the time at which it began; marked Alarm where it differs from the median of the same hour of the weeks before by more than sigma deviations. Or by how many it does.",
		Details: fmt.Sprintf("The deviation is 1.4826 times the median of how far those hours are from their median, so that single odd weeks change little. Hours are those of the clock on the wall of the zone. It learns from every hour, and keeps 168 times weeks values a series, for at most %d series. Hours of which fewer than fewest weeks are known are not judged. %s", maxProfiles, aboutOrder),
		Parameters: orderParameters(judgeParameters(4,
			parameter("zone", manifest.Zone, "UTC", "Whose hours they are, such as Europe/Berlin."),
			numeric("weeks", manifest.Int, 8, 3, maxWeeks, "weeks", "How many weeks are kept."),
			numeric("fewest", manifest.Int, 3, 1, maxWeeks, "weeks", "How many weeks must be known."),
		)...),
		Example: "name: unusual hours\ntype: weekly-profile\nparameters: {zone: Europe/Berlin, sigma: 5, least-deviation: 50}\nfrom: [PhoenixIB TotalRealPower]\n",
	},
	New: func(s Settings) (Operator, error) {
		g := &given{values: s.Values}
		f := weeklyProfile{judgement: g.judgement(), cal: g.calendar("zone"), weeks: g.whole("weeks", 3, maxWeeks), fewest: g.whole("fewest", 1, maxWeeks)}
		return g.inOrder(s, func(_ *clock, by *grouping) step { n := f; n.table = by.table; return &n })
	},
}
