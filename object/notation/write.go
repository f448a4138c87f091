package notation

import (
	"bufio"
	"io"
	"strings"

	"github.com/wattwerk/wattwerk/object/graph"
	"github.com/wattwerk/wattwerk/object/vocabulary"
)

// Media types of what is written.
const (
	JSONLDType   = "application/ld+json"
	TurtleType   = "text/turtle"
	NTriplesType = "application/n-triples"
)

// Options say what is written.
type Options struct {
	// Classes has the vocabulary's classes written too, with what contains them.
	// Those who check against the shapes of Brick need them.
	Classes bool
}

// triples goes through what is to be written.
func (o Options) triples(g *graph.Live, yield func(graph.Triple) bool) {
	for t := range g.Match(graph.Term{}, graph.Term{}, graph.Term{}) {
		if !o.Classes && !strings.HasPrefix(t.S.Value, "urn:wattwerk:") {
			continue
		}
		if !yield(t) {
			return
		}
	}
}

// NTriples writes a line for each triple.
func NTriples(w io.Writer, g *graph.Live, o Options) error {
	b := writer{Writer: bufio.NewWriter(w)}
	o.triples(g, func(t graph.Triple) bool { return b.put(t.String(), "\n") })
	return b.end()
}

// Turtle writes the triples by subject, with prefixes.
func Turtle(w io.Writer, g *graph.Live, o Options) error {
	b := writer{Writer: bufio.NewWriter(w)}
	for _, n := range vocabulary.Namespaces() {
		b.put("@prefix ", n.Prefix, ": <", n.IRI, "> .\n")
	}
	var last graph.Triple
	o.triples(g, func(t graph.Triple) bool {
		switch {
		case t.S != last.S:
			if last.S.Kind != graph.None {
				b.put(" .\n")
			}
			b.put("\n", t.S.Short(), " ", predicate(t.P), " ")
		case t.P != last.P:
			b.put(" ;\n    ", predicate(t.P), " ")
		default:
			b.put(", ")
		}
		last = t
		return b.put(t.O.Short())
	})
	if last.S.Kind != graph.None {
		b.put(" .\n")
	}
	return b.end()
}

// writer keeps its first error.
type writer struct {
	*bufio.Writer
	err error
}

func (w *writer) put(parts ...string) bool {
	for _, s := range parts {
		if w.err == nil {
			_, w.err = w.WriteString(s)
		}
	}
	return w.err == nil
}

func (w *writer) end() error {
	if w.err != nil {
		return w.err
	}
	return w.Flush()
}

func predicate(p graph.Term) string {
	if s := p.Short(); s != string(vocabulary.Type) {
		return s
	}
	return "a"
}
