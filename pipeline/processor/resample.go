package processor

import (
	"fmt"

	"github.com/wattwerk/wattwerk/manifest"
	"github.com/wattwerk/wattwerk/observation"
	"github.com/wattwerk/wattwerk/pipeline/processor/digest"
	"github.com/wattwerk/wattwerk/record"
)

type resample struct {
	states[gridded]
	table          *observation.Table
	every, longest record.Millis
	method         string
}

// gridded is what is known of a series: its last item, and the next time of the
// grid for which nothing was given yet.
type gridded struct {
	past
	next record.Millis
}

// ceil is the first time of the grid at or after t.
func (f *resample) ceil(t record.Millis) record.Millis {
	return floor(t+f.every-1, int64(f.every))
}

func (f *resample) item(_ int, i observation.Item, out *Out) {
	p := f.of(i, out)
	if p == nil {
		return
	}
	if !p.any {
		p.next = f.ceil(i.Time)
	} else if f.method == "linear" {
		if i.Time-p.time <= f.longest {
			for ; p.next < i.Time; p.next += f.every {
				m := observation.Item{Series: i.Series, Time: p.next, Marks: (p.marks | i.Marks) & (kept | observation.Null)}
				if m.Marks&observation.Null == 0 {
					m.Value = between(p.past, i, p.next)
				}
				out.give(m)
			}
		}
		p.next = max(p.next, f.ceil(i.Time))
	} else {
		f.holdTo(p, i.Series, i.Time, out)
	}
	p.past = pastOf(i)
	if f.method == "linear" && p.next == i.Time {
		f.give(p, i.Series, out)
	}
}

// holdTo gives the last item at all times of the grid before t.
func (f *resample) holdTo(p *gridded, n observation.Series, t record.Millis, out *Out) {
	for p.next < t && p.next-p.time <= f.longest {
		f.give(p, n, out)
	}
	p.next = max(p.next, f.ceil(t))
}

func (f *resample) give(p *gridded, n observation.Series, out *Out) {
	out.give(observation.Item{Series: n, Time: p.next, Value: p.value, Marks: p.marks})
	p.next += f.every
}

func (f *resample) until(t record.Millis, out *Out) record.Millis {
	first := t
	for n := range f.each {
		p := &f.each[n]
		switch {
		case !p.any:
		case f.method == "last":
			f.holdTo(p, f.series[n], t, out)
		case t-p.time <= f.longest:
			first = min(first, p.next)
		}
	}
	return first
}

func (f *resample) shape() string { return fmt.Sprint("resample ", f.method, " ", int64(f.every)) }

func (f *resample) save(w *writer) {
	f.states.save(w, func(w *writer, p *gridded) {
		savePast(w, &p.past)
		w.millis(p.next)
	})
}

func (f *resample) load(r *reader) {
	f.states.load(r, f.table, func(r *reader, p *gridded) {
		loadPast(r, &p.past)
		p.next = r.millis()
		// What is further behind would give results without end.
		if p.any && (p.next < p.time || p.next%f.every != 0 || p.next > record.MaxTime+4*longest) {
			r.Fail()
		}
	})
}

var resampleEntry = Entry{
	ProcessorType: manifest.ProcessorType{
		Name: "resample", Role: manifest.Preprocessor, MinInputs: 1,
		Summary: "Gives values at the times of a grid.",
		Result:  "One item at each time of the grid, in the unit of the items.",
		Details: fmt.Sprintf("The grid is counted from 1970 in UTC. last gives the last item at or before a time that is not older than longest. mean gives the mean of the items from a time until the next. linear gives the value on the line between the items around it, when the later one has come, and they are at most longest apart. Where there is none, nothing is given. longest is at most %d times every. ", maxMade) + aboutOrder,
		Parameters: orderParameters(
			parameter("every", manifest.Duration, nil, "How far times of the grid are apart."),
			choices("method", "last", "How a value is found: last, mean or linear.", "last", "mean", "linear"),
			parameter("longest", manifest.Duration, "5m", "For how long an item holds, or how far two may be apart."),
		),
		Example: "name: once a second\ntype: resample\nparameters: {every: 1s, method: linear, longest: 1m}\nfrom: [power]\n",
	},
	New: func(s Settings) (Operator, error) {
		g := &given{values: s.Values}
		f := resample{every: record.Millis(g.duration("every", 1)), longest: record.Millis(g.duration("longest", 0)), method: g.choice("method", "last", "mean", "linear")}
		if g.err == nil && f.longest/f.every > maxMade {
			g.fail("longest", "between two items there would be %d times of the grid, at most %d are taken", f.longest/f.every, maxMade)
		}
		if f.method == "mean" && g.err == nil {
			by := frame{grouping: g.grouping(s), kind: tumbling, size: int64(f.every), hop: int64(f.every), pane: int64(f.every), lateness: g.duration("lateness", 0)}
			return overMeans(by, asked{name: "resample", what: digest.Average}), g.err
		}
		return g.inOrder(s, func(_ *clock, by *grouping) step { n := f; n.table = by.table; return &n })
	},
}
