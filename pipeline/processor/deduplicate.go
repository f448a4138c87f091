package processor

import (
	"fmt"

	"github.com/wattwerk/wattwerk/manifest"
	"github.com/wattwerk/wattwerk/observation"
	"github.com/wattwerk/wattwerk/record"
)

type deduplicate struct {
	states[seenOnce]
	table  *observation.Table
	within int64
}

type seenOnce struct {
	any        bool
	last, kept record.Millis // times of the last item, and of the last one that was handed on
	value      float64       // that was handed on
	null       bool
}

func (d *deduplicate) item(_ int, i observation.Item, out *Out) {
	s := d.of(i, out)
	if s == nil {
		return
	}
	null := i.Marks&observation.Null != 0
	again := s.any && (i.Time == s.last || d.within > 0 && i.Time-s.kept < record.Millis(d.within) && null == s.null && (null || i.Value == s.value))
	s.any, s.last = true, i.Time
	if again {
		return
	}
	s.kept, s.value, s.null = i.Time, i.Value, null
	out.Add(i)
}

func (d *deduplicate) until(t record.Millis, _ *Out) record.Millis { return t }

func (d *deduplicate) shape() string { return fmt.Sprint("deduplicate ", d.within > 0) }

func (d *deduplicate) save(w *writer) {
	d.states.save(w, func(w *writer, s *seenOnce) {
		w.flag(s.any)
		w.millis(s.last)
		w.millis(s.kept)
		w.flag(s.null)
		w.float(s.value)
	})
}

func (d *deduplicate) load(r *reader) {
	d.states.load(r, d.table, func(r *reader, s *seenOnce) {
		s.any, s.last, s.kept, s.null, s.value = r.flag(), r.time(), r.time(), r.flag(), r.float()
	})
}

var deduplicateEntry = Entry{
	ProcessorType: manifest.ProcessorType{
		Name: "deduplicate", Role: manifest.Preprocessor, MinInputs: 1,
		Summary: "Hands on one item of each time, and if so desired each value once in a while.",
		Result:  "The items that are kept, unchanged, in the order of their times.",
		Details: "Of items of one series and one time the first that came stays; where inputs are merged, that of the first input. " + aboutOrder,
		Parameters: orderParameters(
			parameter("within", manifest.Duration, "0s", "The same value again is handed on only when so much time has passed since it was; 0s: always."),
		),
		Example: "name: once\ntype: deduplicate\nparameters: {within: 1m}\nfrom: [door]\n",
	},
	New: func(s Settings) (Operator, error) {
		g := &given{values: s.Values}
		within := g.duration("within", 0)
		return g.inOrder(s, func(_ *clock, by *grouping) step { return &deduplicate{table: by.table, within: within} })
	},
}
