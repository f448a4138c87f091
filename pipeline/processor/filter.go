package processor

import (
	"strings"

	"github.com/wattwerk/wattwerk/manifest"
	"github.com/wattwerk/wattwerk/observation"
	"github.com/wattwerk/wattwerk/record"
)

// comparisons are the operators of filters, as the DDA and as programmers
// write them.
var comparisons = []struct {
	names               []string
	below, equal, above bool // which values are kept, seen from the threshold
}{
	{[]string{"EQ", "=", "=="}, false, true, false},
	{[]string{"NE", "!=", "<>", "≠"}, true, false, true},
	{[]string{"GE", ">=", "≥"}, false, true, true},
	{[]string{"GT", ">"}, false, false, true},
	{[]string{"LE", "<=", "≤"}, true, true, false},
	{[]string{"LT", "<"}, true, false, false},
}

type filter struct {
	plain
	threshold           float64
	below, equal, above bool
}

func (f *filter) Take(_ int, items []observation.Item, out *Out) {
	below, equal, above, threshold := f.below, f.equal, f.above, f.threshold
	for _, i := range items {
		if i.Marks&observation.Null != 0 {
			continue // it is neither above nor below
		}
		v := i.Value
		if v-v != 0 { // neither is what is no number
			out.Refuse(i, isNoNumber)
			continue
		}
		if v < threshold && below || v > threshold && above || v == threshold && equal {
			out.Items = append(out.Items, i)
		}
	}
}

var filterEntry = Entry{
	ProcessorType: manifest.ProcessorType{
		Name: "filter", Role: manifest.Preprocessor, MinInputs: 1,
		Summary: "Keeps the items whose value is so to a threshold.",
		Result:  "The items that are kept, unchanged.",
		Details: "Null items are not kept: they are neither above nor below. Values are compared as they are, in double precision.",
		Parameters: []manifest.Parameter{
			{Name: "operator", Type: manifest.String, Required: true, Description: "How a value that is kept is to the threshold: EQ (==), NE (!=), GE (>=), GT (>), LE (<=), LT (<).", OneOf: spellings()},
			numeric("threshold", manifest.Float, nil, -record.MaxValue, record.MaxValue, "", "What values are compared with, in their unit."),
		},
		Example: "name: fever\ntype: filter\nparameters: {operator: GE, threshold: 38}\nfrom: [temperature]\nto: alarms\n",
	},
	New: func(s Settings) (Operator, error) {
		g := &given{values: s.Values}
		f := &filter{threshold: g.number("threshold")}
		operator := strings.TrimSpace(g.text("operator"))
		for _, c := range comparisons {
			for _, n := range c.names {
				if strings.EqualFold(n, operator) {
					f.below, f.equal, f.above = c.below, c.equal, c.above
					return f, g.err
				}
			}
		}
		g.fail("operator", "%.60q is none of EQ, NE, GE, GT, LE, LT", operator)
		return nil, g.err
	},
}

// spellings are all names of comparisons, and the DDA's in small letters.
func spellings() []string {
	var all []string
	for _, c := range comparisons {
		all = append(all, c.names...)
		all = append(all, strings.ToLower(c.names[0]))
	}
	return all
}
