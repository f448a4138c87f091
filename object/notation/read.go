package notation

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/piprate/json-gold/ld"

	"github.com/wattwerk/wattwerk/object/graph"
)

// Bounds of what is read.
const (
	MaxBytes = 16 << 20
	MaxDepth = 32
	MaxParts = 1_000_000  // keys, values and brackets
	MaxTerms = 500        // of a context
	MaxPairs = 20_000_000 // of values of one property of one thing
)

// errTooLarge and the like are sentences for whoever sent the document.
var errNoFetch = errors.New("contexts are not fetched; write it into the document, or call it " + ContextIRI)

// loader knows one context and fetches nothing.
type loader struct{}

func (loader) LoadDocument(u string) (*ld.RemoteDocument, error) {
	if u == ContextIRI {
		return &ld.RemoteDocument{DocumentURL: u, Document: map[string]any{"@context": Context()}}, nil
	}
	return nil, errNoFetch
}

// statements reads the triples of a document, in its own order of subjects.
func statements(data []byte) (out []graph.Triple, err error) {
	if len(data) > MaxBytes {
		return nil, fmt.Errorf("the document has %d bytes, at most %d are taken", len(data), MaxBytes)
	}
	if !utf8.Valid(data) {
		return nil, errors.New("the document is no valid UTF-8")
	}
	if err := bounded(data); err != nil {
		return nil, err
	}
	var doc any
	if err := json.Unmarshal(data, &doc); err != nil {
		return nil, fmt.Errorf("the document is no JSON: %w", err)
	}
	if err := checkContexts(doc); err != nil {
		return nil, err
	}
	defer func() {
		if r := recover(); r != nil { // of the library; the document is not worth the program
			out, err = nil, errors.New("the document is no JSON-LD")
		}
	}()
	options := ld.NewJsonLdOptions("")
	options.DocumentLoader = loader{}
	options.ProcessingMode = ld.JsonLd_1_1
	options.SafeMode = true
	expanded, err := ld.NewJsonLdProcessor().Expand(doc, options)
	if err != nil {
		return nil, foreign(err)
	}
	if pairs(expanded) > MaxPairs {
		return nil, errors.New("the document has too many values of one property of one thing; some 6,000 are taken")
	}
	rdf, err := ld.NewJsonLdProcessor().ToRDF(expanded, options)
	if err != nil {
		return nil, foreign(err)
	}
	set, ok := rdf.(*ld.RDFDataset)
	if !ok {
		return nil, errors.New("the document is no JSON-LD")
	}
	names := make([]string, 0, len(set.Graphs))
	for name := range set.Graphs {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		for _, q := range set.Graphs[name] {
			out = append(out, graph.Triple{S: term(q.Subject), P: term(q.Predicate), O: term(q.Object)})
		}
	}
	return out, nil
}

// foreign is an error of the library.
func foreign(err error) error {
	if strings.Contains(err.Error(), errNoFetch.Error()) {
		return errNoFetch
	}
	return fmt.Errorf("the document is no JSON-LD: %.300s", err.Error())
}

// pairs tells how many values the library will compare with one another, in pairs:
// each with all that its thing has of the same property, wherever that is said.
func pairs(expanded []any) int64 {
	counts := make(map[string]int64)
	n := int64(0)
	add := func(id, key string) {
		k := id + "\x00" + key
		n += counts[k]
		counts[k]++
	}
	var walk func(v any)
	node := func(v map[string]any) {
		self, ok := v["@id"].(string)
		if !ok {
			self = fmt.Sprint("#", len(counts)) // of its own, or nearly
		}
		for k, x := range v {
			list, _ := x.([]any)
			switch {
			case k == "@reverse":
				back, _ := x.(map[string]any)
				for p, values := range back {
					list, _ := values.([]any)
					for _, from := range list {
						if from, ok := from.(map[string]any); ok {
							id, _ := from["@id"].(string)
							add(id, p)
						}
					}
					walk(values)
				}
			case k == "@type" || k != "" && k[0] != '@':
				for range list {
					add(self, k)
				}
				walk(x)
			default:
				walk(x)
			}
		}
	}
	walk = func(v any) {
		switch v := v.(type) {
		case []any:
			for _, x := range v {
				walk(x)
			}
		case map[string]any:
			node(v)
		}
	}
	walk(expanded)
	return n
}

func term(n ld.Node) graph.Term {
	switch x := n.(type) {
	case ld.IRI:
		return graph.Resource(x.Value)
	case *ld.IRI:
		return graph.Resource(x.Value)
	case ld.BlankNode:
		return graph.Resource(x.Attribute) // _:b0, which is no object
	case *ld.BlankNode:
		return graph.Resource(x.Attribute)
	case ld.Literal:
		return literal(x)
	case *ld.Literal:
		return literal(*x)
	}
	return graph.Term{}
}

func literal(l ld.Literal) graph.Term {
	if l.Datatype == graph.String || l.Language != "" { // a name in any language is a name
		return graph.Text(l.Value)
	}
	return graph.Term{Kind: graph.Literal, Value: l.Value, Type: l.Datatype}
}

// bounded goes once over the document before anything is made of it.
func bounded(data []byte) error {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	depth := 0
	for parts := 0; ; parts++ {
		t, err := dec.Token()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("the document is no JSON: %w", err)
		}
		if parts >= MaxParts {
			return fmt.Errorf("the document has more than %d parts", MaxParts)
		}
		if d, ok := t.(json.Delim); ok {
			if d == '{' || d == '[' {
				depth++
			} else {
				depth--
			}
			if depth > MaxDepth {
				return fmt.Errorf("the document is nested more than %d deep", MaxDepth)
			}
		}
	}
}

// checkContexts allows one context, at the top: contexts within would have the
// library copy and merge them for every node.
func checkContexts(doc any) error {
	top, ok := doc.(map[string]any)
	if !ok {
		return errors.New("the document is no JSON object")
	}
	for k, v := range top {
		if k != "@context" {
			if err := noContext(v); err != nil {
				return err
			}
			continue
		}
		list, ok := v.([]any)
		if !ok {
			list = []any{v}
		}
		terms := 0
		for _, c := range list {
			switch c := c.(type) {
			case string, nil:
				terms += 50
			case map[string]any:
				terms += len(c)
				for name, def := range c {
					if name == "@import" || name == "@propagate" {
						return fmt.Errorf("the context has %s, which is not taken", name)
					}
					if err := noContext(def); err != nil {
						return err
					}
				}
			}
		}
		if terms > MaxTerms {
			return fmt.Errorf("the context has more than %d terms", MaxTerms)
		}
	}
	return nil
}

func noContext(v any) error {
	switch v := v.(type) {
	case map[string]any:
		for k, in := range v {
			if k == "@context" {
				return errors.New("there is a context within; one at the top is taken")
			}
			if err := noContext(in); err != nil {
				return err
			}
		}
	case []any:
		for _, in := range v {
			if err := noContext(in); err != nil {
				return err
			}
		}
	}
	return nil
}
