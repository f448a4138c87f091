package formula

import (
	"fmt"
	"math"
	"math/big"

	"github.com/wattwerk/wattwerk/record"
)

// Meaning is what a sensor or group measures, and how.
type Meaning struct {
	Quantity record.Quantity
	Counter  bool // it counts up; its differences are what matters
}

func (m Meaning) String() string {
	s := string(m.Quantity) + " in " + m.Quantity.Unit().Symbol
	if m.Counter {
		s = "a counter of " + s
	}
	return s
}

// Check holds the formula to the quantities of its operands, asked of meaning,
// and to what the virtual sensor is said to be. The error is an [*Error]; those
// of meaning are taken over as sentences about the operand.
func (e *Expr) Check(meaning func(Operand) (Meaning, error), want Meaning) (*Formula, error) {
	goal, ok := scaleOf(want.Quantity)
	if !ok {
		return nil, &Error{0, want.Quantity.Validate().Error()}
	}
	c := &checker{expr: e, meaning: meaning, known: make([]*value, len(e.operands)), load: make([]loading, len(e.operands)), live: true}
	v, err := c.check(e.root)
	if err != nil {
		return nil, err
	}
	if v.points != 0 && !near(v.points, 1) || v.points == 0 && v.scale.dim == goal.dim && want.Quantity == record.Temperature {
		return nil, &Error{0, fmt.Sprintf("the formula gives %s, which no sensor can be stated as", v)}
	}
	if v.scale.dim != goal.dim {
		return nil, &Error{0, fmt.Sprintf("the formula gives %s, and the sensor is stated as %s", v, want)}
	}
	if v.counter != want.Counter {
		more := ""
		if v.counter {
			more = "; rate(…) makes a power of a counter of energy"
		}
		return nil, &Error{0, fmt.Sprintf("the formula gives %s, and the sensor is stated as %s: one of both is a counter%s", v, want, more)}
	}
	c.rescale(v, v.scale.k-goal.k)
	f := &Formula{operands: e.operands, prog: c.prog, load: c.load, live: c.live, counter: v.counter, flow: !v.counter && flow(want.Quantity), averages: v.averaged}
	if c.most > stack {
		return nil, &Error{0, "the formula is nested too deep"} // MaxDepth does not let it happen
	}
	switch {
	case !f.counter && !f.flow:
		f.rule = Anew
	case v.linear == nil || !f.linear(v.linear):
		f.rule, f.averages = Quarterly, true
	}
	return f, nil
}

// near takes sums of thirds for what they are.
func near(a, b float64) bool { return math.Abs(a-b) < 1e-9 }

// value is what is known of a part of a formula before it is evaluated.
type value struct {
	scale    scaled
	counter  bool
	points   float64 // of temperatures: how many of them it sums; 1 a temperature, 0 a difference
	constant *big.Rat
	zero     bool // the number 0 without a unit, which is zero of anything
	linear   *linear
	averaged bool // it holds something that does not commute with averaging
}

// String is what stands behind "is" or "gives" in a sentence.
func (v *value) String() string {
	s := v.scale.String()
	temperature, _ := scaleOf(record.Temperature)
	switch {
	case v.counter:
		return "a counter of " + s
	case v.scale == temperature && v.points == 0:
		return "a difference of temperatures"
	case v.scale == temperature && !near(v.points, 1):
		return fmt.Sprintf("a sum of temperatures with the weight %.4g instead of 1", v.points)
	}
	return s
}

// linear is a sum of operands with constant factors, and a constant.
type linear struct {
	factor map[int]*big.Rat // by operand
	rest   *big.Rat
}

func (l *linear) scale(by *big.Rat) *linear {
	if l == nil {
		return nil
	}
	out := &linear{factor: make(map[int]*big.Rat, len(l.factor)), rest: new(big.Rat).Mul(l.rest, by)}
	for i, r := range l.factor {
		out.factor[i] = new(big.Rat).Mul(r, by)
	}
	return out
}

// add is l + sign·o. It writes to l, which nobody else has.
func (l *linear) add(o *linear, sign int64) *linear {
	if l == nil || o == nil {
		return nil
	}
	o = o.scale(big.NewRat(sign, 1))
	l.rest.Add(l.rest, o.rest)
	for i, r := range o.factor {
		if was, ok := l.factor[i]; ok {
			was.Add(was, r)
		} else {
			l.factor[i] = r
		}
	}
	return l
}

// instr is an instruction of the stack machine that evaluates a formula.
type instr struct {
	op      op
	operand int32
	value   float64
}

type checker struct {
	expr    *Expr
	meaning func(Operand) (Meaning, error)
	known   []*value
	load    []loading
	prog    []instr
	depth   int // of the stack
	most    int
	live    bool
}

func (c *checker) emit(in instr) {
	c.prog = append(c.prog, in)
	switch in.op {
	case opConst, opOperand:
		c.depth++
		c.most = max(c.most, c.depth)
	case opAdd, opSub, opMul, opDiv, opMin, opMax, opCoalesce:
		c.depth--
	}
}

func (c *checker) fault(n *node, format string, args ...any) error {
	p := parser{text: c.expr.text}
	return p.fault(n.from, format, args...)
}

// snippet is a part of the formula as it was written.
func (c *checker) snippet(n *node) string {
	s := []rune(c.expr.text[n.from:n.to])
	if len(s) > 60 {
		return string(s[:59]) + "…"
	}
	return string(s)
}

// check works out what a part is, and appends the instructions that leave it on
// the stack.
func (c *checker) check(n *node) (*value, error) {
	start := len(c.prog)
	var v *value
	var err error
	switch n.op {
	case opConst:
		v = c.constant(n)
		c.emit(instr{op: opConst})
	case opOperand:
		v, err = c.operand(n)
	case opNeg:
		if v, err = c.check(n.args[0]); err == nil {
			v.linear = v.linear.scale(big.NewRat(-1, 1))
			v.points = -v.points
			if v.constant != nil {
				v.constant = new(big.Rat).Neg(v.constant)
			}
			c.emit(instr{op: opNeg})
		}
	case opAbs, opPositive, opNegative:
		v, err = c.bend(n)
	case opMul:
		v, err = c.multiply(n)
	case opDiv:
		v, err = c.divide(n)
	default:
		v, err = c.together(n)
	}
	if err != nil {
		return nil, err
	}
	if v.constant != nil {
		c.prog = c.prog[:start]
		x, _ := v.constant.Float64()
		c.prog = append(c.prog, instr{op: opConst, value: x})
	}
	return v, nil
}

func (c *checker) constant(n *node) *value {
	v := &value{constant: n.number}
	if !n.united {
		v.zero = n.number.Sign() == 0
	} else {
		v.scale, _ = scaleOf(n.unit.Quantity)
		switch {
		case n.unit.Code == "K":
			// So many kelvins are a step: nobody writes a room at 293 K.
		case n.unit.Quantity == record.Temperature:
			v.points = 1
			x, _ := n.number.Float64()
			v.constant = new(big.Rat).SetFloat64(n.unit.Coherent(x))
		default:
			v.constant = new(big.Rat).Mul(n.number, factor(n.unit.Factor))
		}
	}
	v.linear = &linear{factor: make(map[int]*big.Rat), rest: new(big.Rat).Set(v.constant)}
	return v
}

func (c *checker) operand(n *node) (*value, error) {
	i := n.operand
	if c.known[i] == nil {
		o := c.expr.operands[i]
		m, err := c.meaning(o)
		if err != nil {
			return nil, c.fault(n, "%v", err)
		}
		s, ok := scaleOf(m.Quantity)
		if !ok {
			return nil, c.fault(n, "%s has no quantity", o)
		}
		v := &value{scale: s, counter: m.Counter}
		if o.Rate {
			if !m.Counter {
				return nil, c.fault(n, "%s is no counter, and rate makes a value per hour of a counter", Operand{Sensor: o.Sensor, Group: o.Group, Hierarchy: o.Hierarchy, Part: o.Part})
			}
			v.counter = false
			v.scale.dim[hour]--
		}
		if m.Quantity == record.Temperature && !m.Counter {
			v.points = 1
		}
		switch {
		case v.counter:
			c.load[i] = loadAmount
		case o.Rate || flow(m.Quantity):
			c.load[i] = loadFlow
		}
		c.known[i] = v
	}
	c.emit(instr{op: opOperand, operand: int32(i)})
	v := *c.known[i]
	v.linear = &linear{factor: map[int]*big.Rat{i: big.NewRat(1, 1)}, rest: new(big.Rat)}
	return &v, nil
}

// rescale makes the value on top of the stack 3600^k times as large.
func (c *checker) rescale(v *value, k int8) {
	if k == 0 {
		return
	}
	by, o := big.NewRat(1, 1), opMul
	f := 1.0
	if k < 0 {
		k, o = -k, opDiv
	}
	for range k {
		by.Mul(by, big.NewRat(3600, 1))
		f *= 3600
	}
	c.emit(instr{op: opConst, value: f})
	c.emit(instr{op: o})
	if o == opDiv {
		by.Inv(by)
		k = -k
	}
	v.scale.k -= k
	v.linear = v.linear.scale(by)
	if v.constant != nil {
		v.constant = new(big.Rat).Mul(v.constant, by)
	}
}

// bend is abs, positive and negative: a line with a kink at zero.
func (c *checker) bend(n *node) (*value, error) {
	v, err := c.check(n.args[0])
	if err != nil {
		return nil, err
	}
	if v.points != 0 {
		return nil, c.fault(n.args[0], "%s is a temperature, whose zero means nothing; take a difference of two", c.snippet(n.args[0]))
	}
	c.emit(instr{op: n.op})
	c.bent(v)
	if v.constant != nil {
		switch x := v.constant; {
		case n.op == opAbs:
			v.constant = new(big.Rat).Abs(x)
		case n.op == opPositive && x.Sign() < 0, n.op == opNegative && x.Sign() > 0:
			v.constant = new(big.Rat)
		}
		v.linear = &linear{factor: make(map[int]*big.Rat), rest: new(big.Rat).Set(v.constant)}
	}
	return v, nil
}

// bent notes that a value does not commute with averaging any more, unless it
// is constant.
func (c *checker) bent(v *value) {
	if v.constant != nil {
		return
	}
	v.linear, v.averaged = nil, true
	if v.counter {
		c.live = false // readings of counters say nothing but by their differences
	}
}

func (c *checker) both(n *node) (a, b *value, err error) {
	if a, err = c.check(n.args[0]); err != nil {
		return
	}
	b, err = c.check(n.args[1])
	return
}

func (c *checker) multiply(n *node) (*value, error) {
	a, b, err := c.both(n)
	if err != nil {
		return nil, err
	}
	switch {
	case a.counter && b.counter:
		return nil, c.fault(n, "%s is a product of two counters, which means nothing", c.snippet(n))
	case a.points != 0 && b.constant == nil || b.points != 0 && a.constant == nil || a.points != 0 && b.points != 0:
		return nil, c.fault(n, "%s multiplies a temperature, whose zero means nothing; take a difference of two", c.snippet(n))
	}
	s, ok := a.scale.times(b.scale, 1)
	if !ok {
		return nil, c.fault(n, "%s is in a unit beyond all meaning", c.snippet(n))
	}
	c.emit(instr{op: opMul})
	v := &value{scale: s, counter: a.counter || b.counter, averaged: a.averaged || b.averaged}
	switch {
	case b.constant != nil:
		v.linear = a.linear.scale(b.constant)
		v.points = a.points * approx(b.constant)
		if a.constant != nil {
			v.points += b.points * approx(a.constant)
			v.constant = new(big.Rat).Mul(a.constant, b.constant)
		}
	case a.constant != nil:
		v.linear = b.linear.scale(a.constant)
		v.points = b.points * approx(a.constant)
	default:
		c.bent(v)
	}
	return c.pointed(n, v)
}

func (c *checker) divide(n *node) (*value, error) {
	a, b, err := c.both(n)
	if err != nil {
		return nil, err
	}
	switch {
	case b.constant != nil && b.constant.Sign() == 0:
		return nil, c.fault(n.args[1], "%s is zero, and nothing can be divided by it", c.snippet(n.args[1]))
	case b.counter && !a.counter:
		return nil, c.fault(n, "%s divides %s by %s, and only a counter can be divided by a counter; rate(…) makes a value per hour of it", c.snippet(n), a, b)
	case b.points != 0 || a.points != 0 && b.constant == nil:
		return nil, c.fault(n, "%s divides with a temperature, whose zero means nothing; take a difference of two", c.snippet(n))
	}
	s, ok := a.scale.times(b.scale, -1)
	if !ok {
		return nil, c.fault(n, "%s is in a unit beyond all meaning", c.snippet(n))
	}
	c.emit(instr{op: opDiv})
	v := &value{scale: s, counter: a.counter && !b.counter, averaged: a.averaged || b.averaged}
	switch {
	case b.constant != nil:
		by := new(big.Rat).Inv(b.constant)
		v.linear = a.linear.scale(by)
		v.points = a.points / approx(b.constant)
		if a.constant != nil {
			v.constant = new(big.Rat).Mul(a.constant, by)
		}
	case b.counter || a.counter:
		c.live = false
	}
	return c.pointed(n, v)
}

func approx(r *big.Rat) float64 {
	f, _ := r.Float64()
	return f
}

// pointed lets a temperature be scaled only as part of a mean: by plain numbers.
func (c *checker) pointed(n *node, v *value) (*value, error) {
	if v.points != 0 {
		if t, _ := scaleOf(record.Temperature); v.scale != t {
			return nil, c.fault(n, "%s multiplies a temperature, whose zero means nothing; take a difference of two", c.snippet(n))
		}
	}
	return v, nil
}

// together is for what takes only values of one kind: sums, min, max, coalesce.
func (c *checker) together(n *node) (*value, error) {
	var v *value
	var of *node // where v got its kind from
	for i, arg := range n.args {
		x, err := c.check(arg)
		if err != nil {
			return nil, err
		}
		if i == 0 {
			v, of = x, arg
			continue
		}
		if err := c.match(n, of, v, arg, x); err != nil {
			return nil, err
		}
		if v.zero && !x.zero {
			of = arg
		}
		c.emit(instr{op: n.op})
		c.combine(n.op, v, x)
	}
	return v, nil
}

func (c *checker) combine(o op, v, x *value) {
	switch o {
	case opAdd:
		v.points += x.points
		v.linear = v.linear.add(x.linear, 1)
	case opSub:
		v.points -= x.points
		v.linear = v.linear.add(x.linear, -1)
	}
	if near(v.points, 0) {
		v.points = 0
	}
	if v.constant != nil && x.constant != nil {
		a, b := v.constant, x.constant
		switch {
		case o == opAdd:
			v.constant = new(big.Rat).Add(a, b)
		case o == opSub:
			v.constant = new(big.Rat).Sub(a, b)
		case o == opMin && b.Cmp(a) < 0, o == opMax && b.Cmp(a) > 0:
			v.constant = b
		}
		v.linear = &linear{factor: make(map[int]*big.Rat), rest: new(big.Rat).Set(v.constant)}
	} else {
		v.constant = nil
	}
	if v.zero {
		v.scale, v.counter, v.zero = x.scale, x.counter, x.zero
		if o == opMin || o == opMax || o == opCoalesce {
			v.points = x.points
		}
	}
	v.averaged = v.averaged || x.averaged
	if o != opAdd && o != opSub {
		c.bent(v)
	}
}

var mismatch = map[op]string{
	opAdd: "cannot be added", opSub: "cannot be subtracted from one another", opMin: "have no minimum", opMax: "have no maximum",
	opCoalesce: "cannot stand for one another",
}

// match says why the next part does not go with those before it, and brings it
// to their scale. A plain 0 goes with everything but temperatures.
func (c *checker) match(n, of *node, v *value, arg *node, x *value) error {
	switch {
	case v.zero && x.points == 0 || x.zero && v.points == 0:
		return nil
	case v.scale.dim != x.scale.dim:
		return c.fault(arg, "%s is %s and %s is %s: they %s", c.snippet(arg), x, c.snippet(of), v, mismatch[n.op])
	case v.counter != x.counter:
		a, b := of, arg
		constant := v.constant != nil
		if v.counter {
			a, b, constant = arg, of, x.constant != nil
		}
		if constant {
			return c.fault(a, "%s is constant and %s a counter, of which the differences count: they %s", c.snippet(a), c.snippet(b), mismatch[n.op])
		}
		return c.fault(arg, "%s is no counter and %s is one: they %s", c.snippet(a), c.snippet(b), mismatch[n.op])
	case n.op != opAdd && n.op != opSub && !near(v.points, x.points):
		return c.fault(arg, "%s is %s and %s is %s: they %s", c.snippet(arg), x, c.snippet(of), v, mismatch[n.op])
	}
	c.rescale(x, x.scale.k-v.scale.k)
	return nil
}
