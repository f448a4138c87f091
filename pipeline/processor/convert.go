package processor

import (
	"fmt"

	"github.com/wattwerk/wattwerk/manifest"
	"github.com/wattwerk/wattwerk/observation"
	"github.com/wattwerk/wattwerk/record"
)

type convert struct {
	plain
	from []record.Unit // by input
	to   record.Unit
}

func (c *convert) Take(input int, items []observation.Item, out *Out) {
	from := c.from[min(max(input, 0), len(c.from)-1)]
	for _, i := range items {
		if i.Marks&observation.Null == 0 && from.Code != c.to.Code {
			i.Value = c.to.From(from.Coherent(i.Value))
		}
		out.give(i)
	}
}

// sameQuantity finds the units of two names that measure the same: names such
// as % stand for units of several quantities.
func sameQuantity(from, to string) (a, b record.Unit, err error) {
	a, ok := record.LookupUnit(from)
	if !ok {
		return a, b, fmt.Errorf("unit %.40q is unknown", from)
	}
	if b, ok = record.LookupUnit(to); !ok {
		return a, b, fmt.Errorf("unit %.40q is unknown", to)
	}
	if a.Quantity == b.Quantity {
		return a, b, nil
	}
	for _, q := range record.Quantities() {
		x, ok := q.LookupUnit(from)
		y, ok2 := q.LookupUnit(to)
		if ok && ok2 {
			return x, y, nil
		}
	}
	return a, b, fmt.Errorf("%s is a unit of %s, %s of %s", from, a.Quantity, to, b.Quantity)
}

var convertEntry = Entry{
	ProcessorType: manifest.ProcessorType{
		Name: "convert", Role: manifest.Preprocessor, MinInputs: 1,
		Summary: "Converts values from one unit to another of the same quantity.",
		Result:  "The items in the unit to.",
		Details: "Where the kind of an input states a unit it is that of its values; from is for inputs that state none, and must be of the same quantity where they do. Powers of ten move the decimal point and leave the digits as they are; other factors round once.",
		Parameters: []manifest.Parameter{
			optional("from", manifest.Unit, "Unit of the values; absent: that of the kind."),
			parameter("to", manifest.Unit, nil, "Unit of the results."),
		},
		Example: "name: in kW\ntype: convert\nparameters: {from: W, to: kW}\nfrom: [PhoenixIB TotalRealPower]\n",
	},
	New: func(s Settings) (Operator, error) {
		g := &given{values: s.Values}
		from, to := g.text("from"), g.text("to")
		if g.err != nil {
			return nil, g.err
		}
		c := &convert{from: make([]record.Unit, max(len(s.Inputs), 1))}
		for n := range c.from {
			of := from
			if n < len(s.Units) && s.Units[n] != "" {
				of = s.Units[n]
				if from != "" {
					if _, _, err := sameQuantity(of, from); err != nil {
						return nil, fmt.Errorf("from: %w", err)
					}
				}
			}
			if of == "" {
				return nil, fmt.Errorf("from: it must be given, as the kind of input %d states no unit", n+1)
			}
			var err error
			if c.from[n], c.to, err = sameQuantity(of, to); err != nil {
				return nil, fmt.Errorf("to: %w", err)
			}
		}
		for n := range c.from {
			if c.from[n].Quantity != c.to.Quantity {
				return nil, fmt.Errorf("to: inputs are of different quantities, %s and %s", c.from[n].Quantity, c.to.Quantity)
			}
		}
		return c, nil
	},
}
