package processor

import (
	"fmt"
	"strings"

	"github.com/wattwerk/wattwerk/manifest"
	"github.com/wattwerk/wattwerk/observation"
	"github.com/wattwerk/wattwerk/pipeline/processor/expression"
)

// isNoValue is why an item is refused that an expression fails for.
const isNoValue = "expression has no value for it"

type evaluate struct {
	plain
	where, to *expression.Program // nil: none
	inputs    []string
	table     *observation.Table
}

func (e *evaluate) Take(input int, items []observation.Item, out *Out) {
	name := ""
	if input >= 0 && input < len(e.inputs) {
		name = e.inputs[input]
	}
	for _, p := range []*expression.Program{e.where, e.to} {
		if p != nil && p.Uses("input") {
			p.Text("input", name)
		}
	}
	for _, i := range items {
		if why := check(i); why != "" {
			out.Refuse(i, why)
			continue
		}
		if e.where != nil {
			if i.Marks&observation.Null != 0 && e.where.Uses("value") {
				continue
			}
			v, ok, err := e.run(e.where, i)
			if err != nil {
				out.Refuse(i, isNoValue)
				continue
			}
			if !ok || v == 0 {
				continue
			}
		}
		if e.to == nil || i.Marks&observation.Null != 0 && e.to.Uses("value") {
			out.Add(i)
			continue
		}
		v, ok, err := e.run(e.to, i)
		if err != nil {
			out.Refuse(i, isNoValue)
			continue
		}
		if i.Marks &^= observation.Null; !ok {
			i.Marks |= observation.Null
		}
		i.Value = v
		out.give(i)
	}
}

func (e *evaluate) run(p *expression.Program, i observation.Item) (float64, bool, error) {
	if p.Uses("value") {
		p.Number("value", i.Value)
	}
	if p.Uses("time") {
		p.Number("time", float64(i.Time))
	}
	if p.Uses("key") {
		p.Text("key", e.table.Key(i.Series))
	}
	return p.Run(i.Time)
}

// optional declares a parameter without a default.
func optional(name string, t manifest.Type, description string) manifest.Parameter {
	return manifest.Parameter{Name: name, Type: t, Description: description}
}

// aboutExpressions says what may be written.
func aboutExpressions() string {
	var b strings.Builder
	fmt.Fprintf(&b, "Expressions are those of expr-lang, of at most %d bytes and %d parts: numbers, texts, true, false, nil; + - * / %% ** (of %% both are whole, see int), == != < <= > >=, and or not, ?: and ??, in [a, b], contains, startsWith, endsWith; let x = …; …; and functions: ", expression.MaxText, expression.MaxNodes)
	for n, f := range expression.Functions() {
		if n > 0 {
			b.WriteString("; ")
		}
		fmt.Fprintf(&b, "%s – %s", f.Name, f.Says)
	}
	b.WriteString(". There is nothing else: no lists, no loops, no clock. An item for which an expression fails is refused.")
	return b.String()
}

var expressionEntry = Entry{
	ProcessorType: manifest.ProcessorType{
		Name: "expression", Role: manifest.Preprocessor, MinInputs: 1,
		Summary: "Keeps items for which an expression is true, and computes new values of them.",
		Result:  "What map gives, with the time and the key of the item; without map the item itself. true is 1, false 0, nil null.",
		Details: "There are value (number), time (ms since 1970), key (text) and input (the name of what it is from). A null item is not kept by a where that names value, and stays null by a map that does. " + aboutExpressions(),
		Parameters: []manifest.Parameter{
			optional("where", manifest.Expression, "Which items are kept; absent: all."),
			optional("map", manifest.Expression, "The new value; absent: the one it has."),
			parameter("zone", manifest.Zone, "UTC", "Whose clock hour(), weekday() and the like are of."),
		},
		Example: "name: power by day\ntype: expression\nparameters:\n  where: hour() >= 6 && hour() < 22 && weekday() <= 5\n  map: \"value > 0 ? value / 1000 : 0\"\n  zone: Europe/Berlin\nfrom: [power]\n",
	},
	New: func(s Settings) (Operator, error) {
		g := &given{values: s.Values}
		e := &evaluate{inputs: s.Inputs, table: s.Table}
		if e.table == nil {
			e.table = new(observation.Table)
		}
		scope := expression.Scope{Numbers: []string{"value", "time"}, Texts: []string{"key", "input"}, Zone: g.calendar("zone").Zone()}
		e.where = g.expression("where", expression.Bool, scope)
		e.to = g.expression("map", expression.Number, scope)
		if g.err == nil && e.where == nil && e.to == nil {
			return nil, fmt.Errorf("expression needs where or map")
		}
		return e, g.err
	},
}

// expression compiles a parameter; nil when it is absent.
func (g *given) expression(name string, want expression.Want, scope expression.Scope) *expression.Program {
	text := g.text(name)
	if text == "" {
		return nil
	}
	p, err := expression.Compile(text, want, scope)
	if err != nil {
		g.fail(name, "%w", err)
	}
	return p
}
