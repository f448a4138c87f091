package processor

import (
	"fmt"

	"github.com/wattwerk/wattwerk/manifest"
	"github.com/wattwerk/wattwerk/pipeline/processor/digest"
)

// aggregate is one thing to ask of windows.
type aggregate struct {
	name    string
	summary string
	result  string
	details string
	example string
	more    []manifest.Parameter
	asked   func(*given) digest.Asked
	make    func(frame, asked) Operator
}

func always(what digest.Asked) func(*given) digest.Asked {
	return func(*given) digest.Asked { return what }
}

func telling[C any, P summary[C]](what digest.Asked, tell func(P, digest.Asked) (float64, bool)) func(*C) (float64, bool) {
	return func(c *C) (float64, bool) { return tell(c, what) }
}

// overWindows makes the operator that asks a kind of digest.
func overWindows[C any, P summary[C]](f frame, a asked, tell func(*C) (float64, bool)) Operator {
	switch {
	case f.kind == sliding:
		return f.inOrder(func(c *clock) step { return &slides{frame: &f, asked: a, clock: c} })
	case f.kind == session || f.items > 0:
		return f.inOrder(func(c *clock) step { return &runs[C, P]{frame: &f, asked: a, tell: tell, clock: c} })
	}
	return &panes[C, P]{frame: f, asked: a, tell: tell}
}

func (f *frame) inOrder(fresh func(*clock) step) Operator {
	o := &inOrder{grouping: f.grouping, lateness: f.lateness, fresh: fresh}
	o.step = fresh(&o.clock)
	return o
}

func overMeans(f frame, a asked) Operator {
	return overWindows[digest.Mean](f, a, telling(a.what, (*digest.Mean).Tell))
}

func overExtremes(f frame, a asked) Operator {
	return overWindows[digest.Extremes](f, a, telling(a.what, (*digest.Extremes).Tell))
}

func overEnds(f frame, a asked) Operator {
	return overWindows[digest.Ends](f, a, telling(a.what, (*digest.Ends).Tell))
}

func overSpreads(f frame, a asked) Operator {
	return overWindows[digest.Spread](f, a, telling(a.what, (*digest.Spread).Tell))
}

func overQuantiles(f frame, a asked) Operator {
	return overWindows[digest.Quantile](f, a, func(q *digest.Quantile) (float64, bool) { return q.Percentile(a.percentile) })
}

const aboutWindows = "Windows are in event time. A result comes when the watermark has passed the end of its window, and lateness; it has the time at which the window began, " +
	"a sliding one that of the item it ends with. It is marked Partial where not all of the window was seen because the manifest began in it, Estimated and Suspect where an item was. " +
	"Null items are not counted in; a window that has nothing else is null, one that has nothing at all is none. Items that come when their windows are closed are refused. Only sliding windows keep items: at most 10,000 a series."

// aggregates are all of them. To add one is a line here.
func aggregates() []aggregate {
	all := parameter("population", manifest.Bool, false, "Whether the items are all there are, and no sample of them: then it is divided by their number, and not by one less.")
	spread := func(sample, whole digest.Asked) func(*given) digest.Asked {
		return func(g *given) digest.Asked {
			if g.flag("population") {
				return whole
			}
			return sample
		}
	}
	const exactly = "Sums are exact before they are rounded once, so that the order in which items come changes nothing. "
	return []aggregate{
		{name: "average", summary: "The mean of the items of each window.", result: "The mean, in the unit of the items.", details: exactly + "Items count alike, however long they held; see energy for what is weighted by time.",
			example: "name: hourly average\ntype: average\nparameters: {size: 1h}\nfrom: [PhoenixIB TotalRealPower]\nto: PhoenixIB hourly power\n", asked: always(digest.Average), make: overMeans},
		{name: "minimum", summary: "The smallest item of each window.", result: "The smallest value, in the unit of the items.",
			example: "name: lowest voltage\ntype: minimum\nparameters: {window: calendar, size: 1d, zone: Europe/Berlin}\nfrom: [voltage]\n", asked: always(digest.Minimum), make: overExtremes},
		{name: "maximum", summary: "The largest item of each window.", result: "The largest value, in the unit of the items.",
			example: "name: peak\ntype: maximum\nparameters: {window: hopping, size: 15m, hop: 1m}\nfrom: [power]\n", asked: always(digest.Maximum), make: overExtremes},
		{name: "sum", summary: "The sum of the items of each window.", result: "The sum, in the unit of the items.", details: exactly,
			example: "name: pieces per shift\ntype: sum\nparameters: {size: 8h}\nfrom: [pieces]\n", asked: always(digest.Sum), make: overMeans},
		{name: "count", summary: "How many items each window has.", result: "The number of items that are not null.",
			example: "name: assemblies\ntype: count\nparameters: {window: session, gap: 10m, longest: 12h}\nfrom: [assembled]\n", asked: always(digest.Count), make: overMeans},
		{name: "standard-deviation", summary: "How far the items of each window are from their mean.", result: "The standard deviation, in the unit of the items.",
			details: "It is that of a sample, which one item has none of: null. Sums of squares are exact, so that nothing cancels, whatever the mean is.", more: []manifest.Parameter{all},
			example: "name: how steady\ntype: standard-deviation\nparameters: {size: 10m}\nfrom: [assembly time]\n", asked: spread(digest.Deviation, digest.DeviationOfAll), make: overSpreads},
		{name: "variance", summary: "The mean square of how far the items of each window are from their mean.", result: "The variance, in the square of the unit of the items.",
			details: "It is that of a sample, which one item has none of: null. Sums of squares are exact, so that nothing cancels, whatever the mean is.", more: []manifest.Parameter{all},
			example: "name: scatter\ntype: variance\nparameters: {window: sliding, items: 50, population: true}\nfrom: [assembly time]\n", asked: spread(digest.Variance, digest.VarianceOfAll), make: overSpreads},
		{name: "percentile", summary: "The value that so many percent of the items of each window are not above.", result: "A percentile by the nearest rank, in the unit of the items.",
			details: fmt.Sprintf("Of up to %d items, and over sliding windows, it is one of them. Of more it is within 0.2 %% of one, and within 3.2 %% where they are scattered over dozens of powers of ten: counts of buckets are kept, at most %d of 12 bytes a window and series.", digest.MaxExact, digest.MaxBuckets),
			more:    []manifest.Parameter{numeric("percentile", manifest.Float, 95, 0, 100, "%", "Which one; 50 is the median.")},
			example: "name: usual assembly time\ntype: percentile\nparameters: {percentile: 50, size: 1h}\nfrom: [assembly time]\n", asked: always(0), make: overQuantiles},
		{name: "first", summary: "The first item of each window.", result: "Its value, in its unit; the smallest of several of the same time.",
			example: "name: reading at midnight\ntype: first\nparameters: {window: calendar, size: 1d, zone: Europe/Berlin}\nfrom: [meter]\n", asked: always(digest.First), make: overEnds},
		{name: "last", summary: "The last item of each window.", result: "Its value, in its unit; the largest of several of the same time.",
			example: "name: once a minute\ntype: last\nparameters: {size: 1m}\nfrom: [power]\n", asked: always(digest.Last), make: overEnds},
	}
}

func (a aggregate) entry() Entry {
	details := aboutWindows
	if a.details != "" {
		details = a.details + " " + aboutWindows
	}
	return Entry{
		ProcessorType: manifest.ProcessorType{
			Name: a.name, Role: manifest.Analytics, Summary: a.summary, Result: a.result, Details: details, MinInputs: 1,
			Parameters: append(windowParameters(), a.more...), Example: a.example,
		},
		New: func(s Settings) (Operator, error) {
			g := &given{values: s.Values}
			f := newFrame(g, s)
			q := asked{name: a.name, what: a.asked(g)}
			if q.what == 0 {
				q.percentile = g.within("percentile", 0, 100)
			}
			if g.err != nil {
				return nil, g.err
			}
			return a.make(f, q), nil
		},
	}
}
