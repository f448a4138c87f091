package notation

import (
	"bufio"
	"encoding/json"
	"io"
	"strings"

	"github.com/wattwerk/wattwerk/object/graph"
	"github.com/wattwerk/wattwerk/object/vocabulary"
)

// ContextIRI names the context of what is written. It is known without being
// fetched.
const ContextIRI = "https://wattwerk.org/ns/context.jsonld"

// Context is the context of what is written: prefixes, and which properties lead
// to things.
func Context() map[string]any {
	c := make(map[string]any)
	for _, n := range vocabulary.Namespaces() {
		c[n.Prefix] = n.IRI
	}
	for _, u := range vocabulary.Uses() {
		if leads(u.Property) {
			c[string(u.Property)] = map[string]any{"@type": "@id"}
		}
	}
	return c
}

// leads tells whether the property leads to things.
func leads(p vocabulary.Property) bool {
	switch p {
	case vocabulary.SubClassOf, vocabulary.HasPart, vocabulary.IsPartOf, vocabulary.LocatedIn, vocabulary.HasPoint, vocabulary.IsPointOf, vocabulary.Feeds,
		vocabulary.IsFedBy, vocabulary.Meters, vocabulary.IsMetered, vocabulary.Includes, vocabulary.HasUnit, vocabulary.HasQuantityKind, vocabulary.HasExternal,
		vocabulary.Critical, vocabulary.ReplicaOf, vocabulary.DerivedFrom, vocabulary.SubstFor, vocabulary.SubstBy:
		return true
	}
	return false
}

// JSONLD writes the triples by subject, with the context.
func JSONLD(w io.Writer, g *graph.Live, o Options) error {
	b := writer{Writer: bufio.NewWriter(w)}
	context, err := json.Marshal(Context())
	if err != nil {
		return err
	}
	b.put(`{"@context":`, string(context), ",\n\"@graph\":[")
	var subject graph.Term
	var keys []string
	values := make(map[string][]any)
	comma := "\n"
	flush := func() error {
		if subject.Kind == graph.None {
			return nil
		}
		node, err := nodeOf(subject, keys, values)
		b.put(comma, node)
		comma = ",\n"
		return err
	}
	o.triples(g, func(t graph.Triple) bool {
		if t.S != subject {
			if err = flush(); err != nil || b.err != nil {
				return false
			}
			subject, keys = t.S, keys[:0]
			clear(values)
		}
		key := t.P.Short()
		if key == string(vocabulary.Type) {
			key = "@type"
		}
		if _, ok := values[key]; !ok {
			keys = append(keys, key)
		}
		values[key] = append(values[key], value(key, t.O))
		return true
	})
	if err == nil {
		err = flush()
	}
	if err != nil {
		return err
	}
	b.put("\n]}\n")
	return b.end()
}

func nodeOf(s graph.Term, keys []string, values map[string][]any) (string, error) {
	var b strings.Builder
	put := func(v any) error {
		text, err := json.Marshal(v)
		b.Write(text)
		return err
	}
	b.WriteString(`{"@id":`)
	if err := put(short(s)); err != nil {
		return "", err
	}
	for _, k := range keys {
		b.WriteByte(',')
		if err := put(k); err != nil {
			return "", err
		}
		b.WriteByte(':')
		var v any = values[k]
		if len(values[k]) == 1 {
			v = values[k][0]
		}
		if err := put(v); err != nil {
			return "", err
		}
	}
	b.WriteByte('}')
	return b.String(), nil
}

func short(t graph.Term) string {
	if s, ok := vocabulary.Shorten(t.Value); ok {
		return s
	}
	return t.Value
}

// value is how a term is written behind a key.
func value(key string, t graph.Term) any {
	if t.Kind == graph.IRI {
		if key == "@type" || leads(vocabulary.Property(key)) {
			return short(t)
		}
		return map[string]string{"@id": short(t)}
	}
	switch t.Type {
	case "":
		return t.Value
	case graph.Integer:
		return json.Number(t.Value)
	case graph.Boolean:
		return t.Value == "true"
	}
	kind := t.Type
	if s, ok := vocabulary.Shorten(kind); ok {
		kind = s
	}
	return map[string]string{"@value": t.Value, "@type": kind}
}
