package tick

import (
	"math"

	"github.com/wattwerk/wattwerk/exact"
	"github.com/wattwerk/wattwerk/record"
)

// roll sums the groups up and evaluates the formulas, each after what it
// follows from, and gives the values of the virtual sensors. It works in place
// on the groups' own sums.
func (v *virtual) roll(signs func(group int32) int8, group []groupSum) []float64 {
	values := make([]float64, len(v.values))
	for _, s := range v.steps {
		if s.group {
			up := &group[s.at]
			for _, c := range v.below[s.at] {
				if o := &group[c]; v.metered[c] {
					up.whole(o, signs(c))
				} else {
					up.child(o, signs(c))
				}
			}
			continue
		}
		x := &v.values[s.at]
		y := x.formula.Eval(func(i int) float64 { return x.operands[i].find(values, group, v.total) })
		if !(math.Abs(y) <= record.MaxValue) {
			y = math.NaN()
		}
		y += 0 // no -0
		values[s.at] = y
		if y != y {
			continue
		}
		for _, m := range x.in {
			if !m.meter {
				group[m.group].leaf(y, true, m.sign)
				continue
			}
			o := &group[m.group]
			if o.metered, o.meter = true, y; m.sign < 0 {
				o.meter = 0 - y
			}
		}
	}
	return values
}

// find gives the value of an operand, NaN when it is not known.
func (p place) find(values []float64, group []groupSum, total []uint32) float64 {
	x := math.NaN()
	switch {
	case p.kind == inValue:
		x = values[p.at]
	case p.kind == inSum && group[p.at].count > 0:
		x = group[p.at].sum.Float64()
	}
	if p.sign < 0 {
		x = 0 - x
	}
	if !p.less || x != x {
		return x
	}
	o := &group[p.rest]
	if !o.complete(total[p.rest]) {
		return math.NaN()
	}
	var rest exact.Sum
	rest.Add(x)
	rest.AddSum(o.sum, -1)
	return rest.Float64()
}
