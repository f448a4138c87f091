package processor

// The processor that docs/processors.md shows.

import (
	"github.com/wattwerk/wattwerk/manifest"
	"github.com/wattwerk/wattwerk/observation"
	"github.com/wattwerk/wattwerk/record"
)

// clamp keeps how far values may jump from one item of a series to the next.
type clamp struct {
	states[past] // the last result of each series
	table        *observation.Table
	most         float64
}

func (f *clamp) item(_ int, i observation.Item, out *Out) {
	p := f.of(i, out)
	if p == nil {
		return // there are too many series, and the item is refused
	}
	if p.any && i.Marks&observation.Null == 0 {
		if v := min(max(i.Value, p.value-f.most), p.value+f.most); v != i.Value {
			i.Value, i.Marks = v, i.Marks|observation.Estimated
		}
	}
	if i.Marks&observation.Null == 0 {
		*p = pastOf(i)
	}
	out.give(i)
}

// Results have the times of items, so none is held back.
func (f *clamp) until(t record.Millis, _ *Out) record.Millis { return t }

// What must be the same to go on from a state; the limit may be another.
func (f *clamp) shape() string { return "clamp" }

func (f *clamp) save(w *writer) { f.states.save(w, savePast) }

func (f *clamp) load(r *reader) { f.states.load(r, f.table, loadPast) }

var clampEntry = Entry{
	ProcessorType: manifest.ProcessorType{
		Name: "clamp", Role: manifest.Preprocessor, MinInputs: 1,
		Summary: "Limits how far a value may jump.",
		Result:  "The items; those that jumped further are moved, and marked Estimated.",
		Parameters: orderParameters(
			numeric("most", manifest.Float, nil, 0, record.MaxValue, "", "By how much, in the unit of the items."),
		),
		Example: "name: calm\ntype: clamp\nparameters: {most: 10}\nfrom: [temperature]\n",
	},
	New: func(s Settings) (Operator, error) {
		g := &given{values: s.Values}
		most := g.within("most", 0, record.MaxValue)
		return g.inOrder(s, func(_ *clock, by *grouping) step { return &clamp{table: by.table, most: most} })
	},
}
