package graph

import (
	"strconv"
	"strings"

	"github.com/wattwerk/wattwerk/object/vocabulary"
	"github.com/wattwerk/wattwerk/record"
)

// Kind of a term.
type Kind uint8

// Kinds of terms. None, the zero Kind, is no term: in a pattern it stands for any.
const (
	None Kind = iota
	IRI
	Literal
)

// Term is an IRI or a literal.
type Term struct {
	Kind  Kind
	Value string // the IRI, or the text of the literal
	Type  string // of a literal its datatype, an IRI; "" is xsd:string
}

// Datatypes.
const (
	xsd      = "http://www.w3.org/2001/XMLSchema#"
	Integer  = xsd + "integer"
	Decimal  = xsd + "decimal"
	Double   = xsd + "double"
	Boolean  = xsd + "boolean"
	DateTime = xsd + "dateTime"
	String   = xsd + "string"
)

// Resource is the term of an IRI.
func Resource(iri string) Term { return Term{Kind: IRI, Value: iri} }

// Text is the literal of a text.
func Text(s string) Term { return Term{Kind: Literal, Value: s} }

// Int is the literal of an integer.
func Int(n int64) Term {
	return Term{Kind: Literal, Value: strconv.FormatInt(n, 10), Type: Integer}
}

// Float is the literal of a finite number.
func Float(v float64) Term {
	return Term{Kind: Literal, Value: strconv.FormatFloat(v, 'E', -1, 64), Type: Double}
}

// Bool is the literal of a truth value.
func Bool(b bool) Term {
	return Term{Kind: Literal, Value: strconv.FormatBool(b), Type: Boolean}
}

// Time is the literal of a point in time.
func Time(t record.Millis) Term {
	return Term{Kind: Literal, Value: t.String(), Type: DateTime}
}

// String writes the term as N-Triples do.
func (t Term) String() string {
	switch t.Kind {
	case IRI:
		return "<" + escapeIRI(t.Value) + ">"
	case Literal:
		s := `"` + escapeText(t.Value) + `"`
		if t.Type != "" {
			s += "^^<" + escapeIRI(t.Type) + ">"
		}
		return s
	}
	return ""
}

// Short writes the term as Turtle does, with the prefixes of the vocabulary.
func (t Term) Short() string {
	switch {
	case t.Kind == IRI:
		if s, ok := vocabulary.Shorten(t.Value); ok {
			return s
		}
	case t.Kind == Literal && t.Type != "":
		if t.Type == Boolean || t.Type == Integer {
			return t.Value
		}
		if s, ok := vocabulary.Shorten(t.Type); ok {
			return `"` + escapeText(t.Value) + `"^^` + s
		}
	}
	return t.String()
}

var texts = strings.NewReplacer("\\", "\\\\", "\"", "\\\"", "\n", "\\n", "\r", "\\r", "\t", "\\t")

func escapeText(s string) string { return texts.Replace(s) }

// escapeIRI writes what may not stand between < and > as \u00XX.
func escapeIRI(s string) string {
	const bad = "<>\"{}|^`\\"
	if strings.IndexFunc(s, func(r rune) bool { return r <= ' ' || strings.ContainsRune(bad, r) }) < 0 {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		if r <= ' ' || strings.ContainsRune(bad, r) {
			b.WriteString(`\u00`)
			b.WriteByte("0123456789ABCDEF"[r>>4])
			b.WriteByte("0123456789ABCDEF"[r&15])
			continue
		}
		b.WriteRune(r)
	}
	return b.String()
}

// Triple is a statement.
type Triple struct{ S, P, O Term }

// String writes the triple as a line of N-Triples, without its end.
func (t Triple) String() string { return t.S.String() + " " + t.P.String() + " " + t.O.String() + " ." }
