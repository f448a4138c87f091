package expression

import (
	"errors"
	"fmt"
	"math"
	"reflect"
	"strings"
	"time"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/vm"

	"github.com/wattwerk/wattwerk/record"
)

// Bounds of an expression.
const (
	MaxText  = 2000 // bytes
	MaxNodes = 300  // of its tree
	// budget of memory is expr-lang's count of what it makes while it runs; none of
	// what is compiled makes any.
	budget = 1000
)

// Want is what an expression is to give.
type Want uint8

// What expressions give.
const (
	Bool   Want = iota
	Number      // or nil: null; true is 1, and false 0
)

// Scope is what an expression may name.
type Scope struct {
	Numbers []string       // variables
	Texts   []string       // others
	Zone    *time.Location // whose clock hour() and the like are of; nil: UTC
}

// Program is a compiled expression.
type Program struct {
	program *vm.Program
	vm      vm.VM
	env     map[string]any
	uses    map[string]bool
	now     record.Millis
	zone    *time.Location
	local   time.Time // of now
	known   bool      // local is
}

// errNone says that an expression has no value.
var errNone = errors.New("expression gives no number")

// Compile checks and compiles. The error is a sentence with the place.
func Compile(text string, want Want, scope Scope) (p *Program, err error) {
	if len(text) > MaxText {
		return nil, fmt.Errorf("expression has %d bytes, at most %d are taken", len(text), MaxText)
	}
	if strings.TrimSpace(text) == "" {
		return nil, errors.New("expression is empty")
	}
	// The compiler of expr-lang panics rather than to go on with what it did not expect.
	defer func() {
		if r := recover(); r != nil {
			p, err = nil, fmt.Errorf("expression cannot be compiled: %.200v", r)
		}
	}()
	p = &Program{env: make(map[string]any), uses: make(map[string]bool), zone: scope.Zone}
	if p.zone == nil {
		p.zone = time.UTC
	}
	for _, n := range scope.Numbers {
		p.env[n] = 0.0
	}
	for _, n := range scope.Texts {
		p.env[n] = ""
	}
	allow := &allowed{program: p, let: make(declared)}
	options := append(p.functions(), expr.Env(p.env), expr.DisableAllBuiltins(), expr.MaxNodes(MaxNodes), expr.Patch(allow.let), expr.Patch(allow))
	for _, n := range builtins {
		options = append(options, expr.EnableBuiltin(n))
	}
	if want == Bool {
		options = append(options, expr.AsBool(), expr.WarnOnAny())
	}
	p.program, err = expr.Compile(text, options...)
	if allow.err != nil {
		return nil, allow.err
	}
	if err != nil {
		return nil, fmt.Errorf("expression is wrong: %s", oneLine(err.Error()))
	}
	if !numeric(p.program.Node().Type()) {
		return nil, errNone
	}
	p.vm.MemoryBudget = budget
	return p, nil
}

func oneLine(s string) string {
	s, _, _ = strings.Cut(s, "\n")
	if len(s) > 300 {
		s = s[:300] + "…"
	}
	return s
}

// numeric tells types that can be told as a number, or as null.
func numeric(t reflect.Type) bool {
	if t == nil {
		return true
	}
	switch t.Kind() {
	case reflect.Int, reflect.Float64, reflect.Bool, reflect.Interface:
		return true
	}
	return false
}

// Uses tells whether the expression names a variable.
func (p *Program) Uses(name string) bool { return p.uses[name] }

// Number sets a variable that is a number.
func (p *Program) Number(name string, v float64) { p.env[name] = v }

// Text sets a variable that is a text.
func (p *Program) Text(name, v string) { p.env[name] = v }

// Run evaluates it at a time, with the variables that were set. ok is false of
// null. The error is of what cannot be told by types: nil in a sum, a remainder of
// nothing.
func (p *Program) Run(at record.Millis) (v float64, ok bool, err error) {
	if at != p.now {
		p.now, p.known = at, false
	}
	r, err := p.vm.Run(p.program, p.env)
	if err != nil {
		return 0, false, err
	}
	switch r := r.(type) {
	case float64:
		return r, true, nil
	case int:
		return float64(r), true, nil
	case bool:
		if r {
			return 1, true, nil
		}
		return 0, true, nil
	case nil:
		return 0, false, nil
	}
	return 0, false, errNone
}

// clock is what the clock on the wall shows at the time of the item.
func (p *Program) clock() time.Time {
	if !p.known {
		p.local, p.known = p.now.Time().In(p.zone), true
	}
	return p.local
}

// builtins are those of expr-lang that are harmless.
var builtins = []string{"abs", "ceil", "floor", "round", "min", "max", "int", "float"}

// functions are the names of all that may be called.
var functions = func() map[string]bool {
	all := make(map[string]bool)
	for _, f := range Functions() {
		for _, part := range strings.Split(f.Name, "), ") {
			name, _, _ := strings.Cut(part, "(")
			all[name] = true
		}
	}
	return all
}()

// Function is one that expressions may call.
type Function struct{ Name, Says string }

// Functions are all that expressions may call.
func Functions() []Function {
	return []Function{
		{"abs(x), ceil(x), floor(x), round(x)", "as everywhere; round goes away from zero"},
		{"min(x, y, …), max(x, y, …)", "the least and the most"},
		{"int(x), float(x)", "whole part; a number with a point"},
		{"sqrt(x), exp(x), log(x), log10(x), sin(x), cos(x), pow(x, y)", "as everywhere; angles are in radians"},
		{"hour(), minute(), weekday(), day(), month(), year()", "of the time of the item in the zone; weekday is 1 on Monday and 7 on Sunday"},
	}
}

func (p *Program) functions() []expr.Option {
	var all []expr.Option
	for name, f := range map[string]func(float64) float64{"sqrt": math.Sqrt, "exp": math.Exp, "log": math.Log, "log10": math.Log10, "sin": math.Sin, "cos": math.Cos} {
		all = append(all, expr.Function(name, func(a ...any) (any, error) {
			x, err := number(a[0])
			return f(x), err
		}, new(func(float64) float64), new(func(int) float64)))
	}
	all = append(all, expr.Function("pow", func(a ...any) (any, error) {
		x, err := number(a[0])
		y, err2 := number(a[1])
		return math.Pow(x, y), errors.Join(err, err2)
	}, new(func(float64, float64) float64), new(func(float64, int) float64), new(func(int, float64) float64), new(func(int, int) float64)))
	for name, f := range map[string]func(time.Time) int{
		"hour": time.Time.Hour, "minute": time.Time.Minute, "day": time.Time.Day, "year": time.Time.Year,
		"month":   func(t time.Time) int { return int(t.Month()) },
		"weekday": func(t time.Time) int { return (int(t.Weekday())+6)%7 + 1 },
	} {
		all = append(all, expr.Function(name, func(...any) (any, error) { return f(p.clock()), nil }, new(func() int)))
	}
	return all
}

func number(v any) (float64, error) {
	switch v := v.(type) {
	case float64:
		return v, nil
	case int:
		return float64(v), nil
	}
	return 0, errNone
}

// allowed lets a tree pass that has nothing but what is known to be harmless.
type allowed struct {
	program *Program
	let     declared
	err     error
}

// declared are the names that an expression declares itself.
type declared map[string]bool

// Visit looks at one node.
func (d declared) Visit(node *ast.Node) {
	if n, ok := (*node).(*ast.VariableDeclaratorNode); ok {
		d[n.Name] = true
	}
}

var operators = map[string]bool{
	"+": true, "-": true, "*": true, "/": true, "%": true, "**": true, "^": true,
	"==": true, "!=": true, "<": true, "<=": true, ">": true, ">=": true,
	"&&": true, "||": true, "and": true, "or": true, "!": true, "not": true, "??": true,
	"in": true, "contains": true, "startsWith": true, "endsWith": true,
}

// Visit looks at one node, after those below it. Of one that is refused nothing
// is left, so that nobody works on it either.
func (a *allowed) Visit(node *ast.Node) {
	a.look(node)
	if a.err != nil {
		*node = &ast.NilNode{}
	}
}

func (a *allowed) look(node *ast.Node) {
	switch n := (*node).(type) {
	case *ast.NilNode, *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.StringNode, *ast.ConditionalNode, *ast.VariableDeclaratorNode:
	case *ast.IdentifierNode:
		if _, ok := a.program.env[n.Value]; !ok && !a.let[n.Value] && !functions[n.Value] {
			a.refuse("there is no %.40q", n.Value)
		}
		a.program.uses[n.Value] = true
	case *ast.UnaryNode:
		if !operators[n.Operator] {
			a.refuse("operator %q is not taken", n.Operator)
		}
	case *ast.BinaryNode:
		switch {
		case !operators[n.Operator]:
			a.refuse("operator %q is not taken", n.Operator)
		case n.Operator == "+" && !(plus(n.Left) && plus(n.Right)):
			a.refuse("texts cannot be put together")
		}
		if list, ok := n.Right.(*ast.ArrayNode); ok {
			if n.Operator != "in" {
				a.refuse("a list can only stand behind in")
			}
			for _, e := range list.Nodes {
				switch e.(type) {
				case *ast.IntegerNode, *ast.FloatNode, *ast.StringNode:
				default:
					a.refuse("a list can only have constants")
				}
			}
		} else if n.Operator == "in" {
			a.refuse("behind in stands a list, such as [1, 2]")
		}
		if _, ok := n.Left.(*ast.ArrayNode); ok {
			a.refuse("a list can only stand behind in")
		}
	case *ast.ArrayNode:
	case *ast.CallNode:
		f, ok := n.Callee.(*ast.IdentifierNode)
		switch {
		case !ok:
			a.refuse("only functions can be called")
		case !functions[f.Value]:
			a.refuse("there is no function %.40q", f.Value)
		default:
			a.numbers(n.Arguments)
		}
	case *ast.BuiltinNode:
		if !functions[n.Name] {
			a.refuse("there is no function %.40q", n.Name)
		}
		a.numbers(n.Arguments)
	default:
		a.refuse("%s is not taken", strings.TrimSuffix(strings.TrimPrefix(fmt.Sprintf("%T", n), "*ast."), "Node"))
	}
}

// plus tells what may be added: numbers.
func plus(n ast.Node) bool {
	t := n.Type()
	return t != nil && (t.Kind() == reflect.Int || t.Kind() == reflect.Float64)
}

// numbers refuses other arguments: min and max would take lists.
func (a *allowed) numbers(args []ast.Node) {
	for _, n := range args {
		if t := n.Type(); t == nil || t.Kind() != reflect.Int && t.Kind() != reflect.Float64 {
			a.refuse("functions take numbers")
		}
	}
}

func (a *allowed) refuse(format string, args ...any) {
	if a.err == nil {
		a.err = fmt.Errorf("expression is wrong: "+format, args...)
	}
}
