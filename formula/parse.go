package formula

import (
	"fmt"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/wattwerk/wattwerk/record"
)

// Bounds of a formula.
const (
	MaxBytes    = 2_000 // of its text
	MaxDepth    = 20    // parentheses, functions and signs within one another
	MaxOperands = 64    // different sensors and groups

	maxDigits   = 40 // characters of a number
	maxExponent = 30 // of a number, either way
)

// Part says which value of a group is meant.
type Part uint8

// The parts of a group. Whole is how the group's parent counts it: by its
// meter where it has one, else by the sum of its members.
const (
	Whole       Part = iota
	Sum              // of the members, without the meter
	Meter            // the group's own meter
	Unaccounted      // Meter less Sum
)

var partNames = [...]string{Whole: "", Sum: "sum", Meter: "meter", Unaccounted: "unaccounted"}

// Operand is a sensor or group that a formula uses.
type Operand struct {
	Sensor    record.SensorID // of a sensor; "" when it is a group
	Group     string          // of a group
	Hierarchy string          // where the group is said to stand; "" when nothing is said
	Part      Part            // of a group
	Rate      bool            // per hour: the power of an energy counter
}

// String is the operand as it may stand in a formula.
func (o Operand) String() string {
	s := "sensor(" + quote(string(o.Sensor)) + ")"
	if o.Group != "" {
		s = "group(" + quote(o.Group)
		if o.Hierarchy != "" {
			s += ", " + quote(o.Hierarchy)
		}
		s += ")"
		if o.Part != Whole {
			s += "." + partNames[o.Part]
		}
	}
	if o.Rate {
		s = "rate(" + s + ")"
	}
	return s
}

func quote(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}

// Expr is a formula that has been read and not checked yet.
type Expr struct {
	text     string
	root     *node
	operands []Operand
}

// String is the text as it was read.
func (e *Expr) String() string { return e.text }

// Operands lists what the formula uses, each once, in the order in which they
// first stand there. The slice must not be changed.
func (e *Expr) Operands() []Operand { return e.operands }

// Error is what is wrong with a formula.
type Error struct {
	Char     int // where, counted in characters from 1; 0: the formula as a whole
	Sentence string
}

// Error is the sentence, with the place in front.
func (e *Error) Error() string {
	if e.Char == 0 {
		return e.Sentence
	}
	return fmt.Sprintf("at character %d: %s", e.Char, e.Sentence)
}

type op uint8

const (
	opConst op = iota
	opOperand
	opNeg
	opAdd
	opSub
	opMul
	opDiv
	opMin
	opMax
	opAbs
	opPositive
	opNegative
	opCoalesce
)

// functions are those with formulas as arguments.
var functions = map[string]struct {
	op   op
	many bool // two or more arguments, instead of one
}{
	"min":      {opMin, true},
	"max":      {opMax, true},
	"coalesce": {opCoalesce, true},
	"abs":      {opAbs, false},
	"positive": {opPositive, false},
	"negative": {opNegative, false},
}

const knownFunctions = "sensor, group, rate, min, max, abs, positive, negative and coalesce"

type node struct {
	op       op
	args     []*node
	from, to int // bytes of the text
	operand  int // index in operands
	number   *big.Rat
	unit     record.Unit // of the number
	united   bool        // the number has a unit
}

type parser struct {
	text     string
	at       int
	depth    int
	operands []Operand
	index    map[Operand]int
}

// Parse reads a formula. It knows no sensors: see [Expr.Check]. The error is an
// [*Error].
func Parse(text string) (*Expr, error) {
	switch {
	case len(text) > MaxBytes:
		return nil, &Error{0, fmt.Sprintf("the formula is %d bytes long, at most %d are taken", len(text), MaxBytes)}
	case !utf8.ValidString(text):
		return nil, &Error{0, "the formula is not valid UTF-8"}
	case strings.TrimSpace(text) == "":
		return nil, &Error{0, "the formula is empty"}
	}
	p := &parser{text: text, index: make(map[Operand]int)}
	root, err := p.sum()
	if err != nil {
		return nil, err
	}
	if p.space(); p.at < len(text) {
		return nil, p.unexpected("an operator")
	}
	if len(p.operands) == 0 {
		return nil, &Error{0, "the formula uses no sensor and no group"}
	}
	return &Expr{text: text, root: root, operands: p.operands}, nil
}

func (p *parser) fault(at int, format string, args ...any) error {
	return &Error{utf8.RuneCountInString(p.text[:at]) + 1, fmt.Sprintf(format, args...)}
}

func (p *parser) space() {
	for p.at < len(p.text) && strings.ContainsRune(" \t\r\n", rune(p.text[p.at])) {
		p.at++
	}
}

// take goes on behind the byte if it comes next, after spaces.
func (p *parser) take(c byte) bool {
	p.space()
	if p.at < len(p.text) && p.text[p.at] == c {
		p.at++
		return true
	}
	return false
}

// unexpected says what comes next and that it should be something else.
func (p *parser) unexpected(want string) error {
	p.space()
	if p.at == len(p.text) {
		return p.fault(p.at, "the formula ends where %s should stand", want)
	}
	rest := p.text[p.at:]
	r, n := utf8.DecodeRuneInString(rest)
	switch {
	case r == ',' && p.at > 0 && digit(p.text[p.at-1]) && len(rest) > 1 && digit(rest[1]):
		return p.fault(p.at, "a number has a point before its decimals, not a comma")
	case unicode.IsLetter(r):
		n = len(p.word())
	}
	return p.fault(p.at, "%.40q stands where %s should", rest[:n], want)
}

func digit(c byte) bool { return '0' <= c && c <= '9' }

// word gives the letters, digits and underscores that come next.
func (p *parser) word() string {
	rest := p.text[p.at:]
	if i := strings.IndexFunc(rest, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) && r != '_' }); i >= 0 {
		return rest[:i]
	}
	return rest
}

func (p *parser) enter() error {
	if p.depth++; p.depth > MaxDepth {
		return p.fault(p.at, "parentheses, functions and signs stand more than %d deep within one another", MaxDepth)
	}
	return nil
}

func (p *parser) sum() (*node, error) {
	left, err := p.product()
	for err == nil {
		var o op
		switch {
		case p.take('+'):
			o = opAdd
		case p.take('-'):
			o = opSub
		default:
			return left, nil
		}
		left, err = p.join(o, left, p.product)
	}
	return nil, err
}

func (p *parser) product() (*node, error) {
	left, err := p.signed()
	for err == nil {
		var o op
		switch {
		case p.take('*'):
			o = opMul
		case p.take('/'):
			o = opDiv
		default:
			return left, nil
		}
		left, err = p.join(o, left, p.signed)
	}
	return nil, err
}

func (p *parser) join(o op, left *node, next func() (*node, error)) (*node, error) {
	right, err := next()
	if err != nil {
		return nil, err
	}
	return &node{op: o, args: []*node{left, right}, from: left.from, to: right.to}, nil
}

func (p *parser) signed() (*node, error) {
	p.space()
	from := p.at
	minus := p.take('-')
	if !minus && !p.take('+') {
		return p.primary()
	}
	if err := p.enter(); err != nil {
		return nil, err
	}
	x, err := p.signed()
	p.depth--
	if err != nil || !minus {
		return x, err
	}
	return &node{op: opNeg, args: []*node{x}, from: from, to: x.to}, nil
}

func (p *parser) primary() (*node, error) {
	p.space()
	from := p.at
	if p.take('(') {
		if err := p.enter(); err != nil {
			return nil, err
		}
		x, err := p.sum()
		if err != nil {
			return nil, err
		}
		p.depth--
		if !p.take(')') {
			return nil, p.unexpected(fmt.Sprintf(`")" for the "(" at character %d`, utf8.RuneCountInString(p.text[:from])+1))
		}
		own := *x
		own.from, own.to = from, p.at
		return &own, nil
	}
	if from < len(p.text) && (digit(p.text[from]) || p.text[from] == '.') {
		return p.numeral()
	}
	word := p.word()
	if word == "" || digit(word[0]) {
		if from < len(p.text) && (p.text[from] == '"' || p.text[from] == '\'') {
			return nil, p.fault(from, `a name stands alone; write sensor("…") or group("…")`)
		}
		return nil, p.unexpected("a sensor, group or number")
	}
	p.at += len(word)
	if !p.take('(') {
		p.at = from
		return nil, p.fault(from, `%.40q is not known here; a sensor is written sensor("…"), a group group("…")`, word)
	}
	if err := p.enter(); err != nil {
		return nil, err
	}
	defer func() { p.depth-- }()
	switch word {
	case "sensor", "group":
		o, err := p.operand(word)
		if err != nil {
			return nil, err
		}
		return p.use(o, from)
	case "rate":
		p.space()
		inner := p.at
		kind := p.word()
		p.at += len(kind)
		if kind != "sensor" && kind != "group" || !p.take('(') {
			return nil, p.fault(inner, `rate takes a sensor or group alone, as in rate(sensor("…"))`)
		}
		o, err := p.operand(kind)
		if err != nil {
			return nil, err
		}
		if !p.take(')') {
			return nil, p.unexpected(`the ")" of rate`)
		}
		o.Rate = true
		return p.use(o, from)
	}
	f, ok := functions[word]
	if !ok {
		return nil, p.fault(from, "there is no function %.40q; there are %s", word, knownFunctions)
	}
	n := &node{op: f.op, from: from}
	for {
		x, err := p.sum()
		if err != nil {
			return nil, err
		}
		n.args = append(n.args, x)
		if !p.take(',') {
			break
		}
	}
	if !p.take(')') {
		return nil, p.unexpected(fmt.Sprintf(`"," or ")" of %s`, word))
	}
	n.to = p.at
	switch {
	case f.many && len(n.args) < 2:
		return nil, p.fault(from, "%s takes two values or more", word)
	case !f.many && len(n.args) > 1:
		return nil, p.fault(from, "%s takes one value", word)
	}
	return n, nil
}

// operand reads what stands behind sensor( and group(.
func (p *parser) operand(kind string) (Operand, error) {
	var o Operand
	id, err := p.name(kind)
	if err != nil {
		return o, err
	}
	if kind == "sensor" {
		o.Sensor = record.SensorID(id)
		if !p.take(')') {
			return o, p.unexpected(`the ")" of sensor`)
		}
		return o, nil
	}
	o.Group = id
	if p.take(',') {
		if o.Hierarchy, err = p.name("hierarchy"); err != nil {
			return o, err
		}
	}
	if !p.take(')') {
		return o, p.unexpected(`the ")" of group`)
	}
	if !p.take('.') {
		return o, nil
	}
	p.space()
	word := p.word()
	if i := slices.Index(partNames[:], word); i > 0 {
		o.Part = Part(i)
		p.at += len(word)
		return o, nil
	}
	return o, p.fault(p.at, "a group has no %.40q; it has sum, meter and unaccounted", word)
}

// use makes the node of an operand, one and the same number for the same
// operand.
func (p *parser) use(o Operand, from int) (*node, error) {
	i, ok := p.index[o]
	if !ok {
		i = len(p.operands)
		if i == MaxOperands {
			return nil, p.fault(from, "this is one more than the %d sensors and groups that a formula may use; a group holds any number of sensors", MaxOperands)
		}
		p.index[o] = i
		p.operands = append(p.operands, o)
	}
	return &node{op: opOperand, operand: i, from: from, to: p.at}, nil
}

// name reads an identifier in quotes of either kind. A backslash stands in
// front of a quote or backslash that belongs to it.
func (p *parser) name(kind string) (string, error) {
	p.space()
	from := p.at
	if p.at == len(p.text) || p.text[p.at] != '"' && p.text[p.at] != '\'' {
		return "", p.unexpected(fmt.Sprintf(`the name of a %s in quotes`, kind))
	}
	end := p.text[p.at]
	var b strings.Builder
	for p.at++; p.at < len(p.text); p.at++ {
		c := p.text[p.at]
		if c == end {
			p.at++
			if err := record.ValidateID(kind, b.String()); err != nil {
				return "", p.fault(from, "%v", err)
			}
			return b.String(), nil
		}
		if c == '\\' {
			if p.at++; p.at == len(p.text) || !strings.ContainsRune(`"'\`, rune(p.text[p.at])) {
				return "", p.fault(p.at-1, `a backslash stands in front of a quote or another backslash only; write \\ for one`)
			}
			c = p.text[p.at]
		}
		b.WriteByte(c)
	}
	return "", p.fault(from, "the quote is not closed")
}

// numeral reads a number and its unit.
func (p *parser) numeral() (*node, error) {
	from := p.at
	skip := func() {
		for p.at < len(p.text) && digit(p.text[p.at]) {
			p.at++
		}
	}
	skip()
	whole := p.at - from
	if p.at < len(p.text) && p.text[p.at] == '.' {
		p.at++
		if skip(); p.at-from == 1 || whole == 0 || p.text[p.at-1] == '.' {
			return nil, p.fault(from, "%.40q is no number; write 0.5", p.text[from:p.at])
		}
	}
	if rest := p.text[p.at:]; len(rest) > 1 && (rest[0] == 'e' || rest[0] == 'E') {
		n := 1
		if rest[1] == '-' || rest[1] == '+' {
			n++
		}
		if n < len(rest) && digit(rest[n]) {
			digits := p.at + n
			p.at = digits
			skip()
			if x, err := strconv.Atoi(p.text[digits:p.at]); err != nil || x > maxExponent {
				return nil, p.fault(from, "%.60q is beyond the numbers taken, which have exponents up to %d", p.text[from:p.at], maxExponent)
			}
		}
	}
	if p.at-from > maxDigits {
		return nil, p.fault(from, "the number is %d characters long, at most %d are taken", p.at-from, maxDigits)
	}
	number, ok := new(big.Rat).SetString(p.text[from:p.at])
	if !ok {
		return nil, p.fault(from, "%.40q is no number", p.text[from:p.at])
	}
	n := &node{op: opConst, number: number, from: from, to: p.at}
	back := p.at
	p.space()
	name := p.unitName()
	if name == "" {
		p.at = back
		return n, nil
	}
	u, ok := record.LookupUnit(name)
	if !ok {
		return nil, p.fault(p.at, "unit %.40q is unknown", name)
	}
	p.at += len(name)
	n.unit, n.united, n.to = u, true, p.at
	return n, nil
}

// unitName gives the unit that comes next, "" when none does. A slash belongs
// to it when a letter follows at once, as in m³/h, and no function begins there.
func (p *parser) unitName() string {
	rest := p.text[p.at:]
	part := func(s string) int {
		for i, r := range s {
			first := unicode.IsLetter(r) || strings.ContainsRune("%‰°", r)
			if !first && (i == 0 || !unicode.IsDigit(r) && !strings.ContainsRune("²³·_", r)) {
				return i
			}
		}
		return len(s)
	}
	calls := func(s string) bool { return strings.HasPrefix(strings.TrimLeft(s, " \t\r\n"), "(") }
	n := part(rest)
	if n == 0 || calls(rest[n:]) {
		return ""
	}
	if strings.HasPrefix(rest[n:], "/") {
		if m := part(rest[n+1:]); m > 0 && !calls(rest[n+1+m:]) {
			n += 1 + m
		}
	}
	return rest[:n]
}
