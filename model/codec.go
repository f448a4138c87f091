package model

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// MaxYAML is the longest YAML document taken, in bytes: its reader needs
// dozens of times that. Larger models go as JSON.
const MaxYAML = 32 << 20

// ReadJSON reads one document as JSON. Unknown keys are errors. It does not
// validate; [New] does.
func ReadJSON(r io.Reader) (Document, error) {
	var d Document
	dec := json.NewDecoder(r)
	dec.DisallowUnknownFields()
	if err := dec.Decode(&d); err != nil {
		return Document{}, fmt.Errorf("read model: %w", err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return Document{}, errors.New("read model: something follows the document")
	}
	return d, nil
}

// ReadYAML reads one document as YAML. Unknown and repeated keys are errors
// that name the line, and so are anchors and aliases, by which a short text
// could stand for a huge model. It does not validate; [New] does.
func ReadYAML(data []byte) (d Document, err error) {
	if len(data) > MaxYAML {
		return Document{}, fmt.Errorf("read model: the YAML is longer than %d bytes; write large models as JSON", MaxYAML)
	}
	// The parser is not ours: a text that confuses it must not end the process.
	defer func() {
		if p := recover(); p != nil {
			d, err = Document{}, fmt.Errorf("read model: this is not readable YAML (%v)", p)
		}
	}()
	f, err := parser.ParseBytes(data, 0)
	if err != nil {
		return Document{}, fmt.Errorf("read model: %w", err)
	}
	var body ast.Node
	for _, doc := range f.Docs {
		if doc.Body == nil {
			continue
		}
		if body != nil {
			return Document{}, errors.New("read model: there is more than one document")
		}
		body = doc.Body
	}
	if body == nil {
		return Document{}, nil
	}
	var v noAliases
	ast.Walk(&v, body)
	if v.found {
		return Document{}, fmt.Errorf("read model: line %d has an anchor or alias, which is not taken here", v.line)
	}
	if err := yaml.NodeToValue(body, &d, yaml.Strict()); err != nil {
		return Document{}, fmt.Errorf("read model: %w", err)
	}
	return d, nil
}

type noAliases struct {
	found bool
	line  int
}

// Visit implements ast.Visitor.
func (v *noAliases) Visit(n ast.Node) ast.Visitor {
	switch n.Type() {
	case ast.AnchorType, ast.AliasType, ast.MergeKeyType:
		v.found = true
		if t := n.GetToken(); t != nil && t.Position != nil {
			v.line = t.Position.Line
		}
		return nil
	}
	if v.found {
		return nil
	}
	return v
}

// WriteJSON writes the document with one thing per line, so that two versions
// can be compared line by line.
func (d Document) WriteJSON(w io.Writer) error {
	lists := []struct {
		name string
		n    int
		at   func(int) any
	}{
		{"sites", len(d.Sites), func(i int) any { return &d.Sites[i] }},
		{"sensors", len(d.Sensors), func(i int) any { return &d.Sensors[i] }},
		{"groups", len(d.Groups), func(i int) any { return &d.Groups[i] }},
		{"hierarchies", len(d.Hierarchies), func(i int) any { return &d.Hierarchies[i] }},
	}
	if _, err := io.WriteString(w, "{"); err != nil {
		return err
	}
	enc := json.NewEncoder(w) // ends each value with a newline
	enc.SetEscapeHTML(false)
	for k, l := range lists {
		open := "\n%q: [\n"
		if k > 0 {
			open = ",\n%q: [\n"
		}
		if _, err := fmt.Fprintf(w, open, l.name); err != nil {
			return err
		}
		for i := range l.n {
			if i > 0 {
				if _, err := io.WriteString(w, ","); err != nil {
					return err
				}
			}
			if err := enc.Encode(l.at(i)); err != nil {
				return err
			}
		}
		if _, err := io.WriteString(w, "]"); err != nil {
			return err
		}
	}
	_, err := io.WriteString(w, "}\n")
	return err
}

// WriteYAML writes the document as YAML.
func (d Document) WriteYAML(w io.Writer) error {
	b, err := yaml.MarshalWithOptions(d, yaml.IndentSequence(true), yaml.UseLiteralStyleIfMultiline(true))
	if err != nil {
		return fmt.Errorf("write model: %w", err)
	}
	_, err = w.Write(b)
	return err
}
