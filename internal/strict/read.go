package strict

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// maxDepth is how deep a document may be nested.
const maxDepth = 32

// JSON reads one value into to, a pointer.
func JSON(data []byte, to any) error {
	if err := noRepeats(json.NewDecoder(bytes.NewReader(data)), 0); err != nil {
		return err
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(to); err != nil {
		return err
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return errors.New("something follows the document")
	}
	return nil
}

// noRepeats reads one value and finds keys that stand twice in an object, of
// which encoding/json would take the last.
func noRepeats(dec *json.Decoder, depth int) error {
	t, err := dec.Token()
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	if err != nil {
		return err
	}
	open, nested := t.(json.Delim)
	if !nested {
		return nil
	}
	if depth == maxDepth {
		return fmt.Errorf("it is nested deeper than %d levels", maxDepth)
	}
	seen := make(map[string]bool)
	for dec.More() {
		if open == '{' {
			if t, err = dec.Token(); err != nil {
				return err
			}
			key, _ := t.(string) // a key is a string, or the decoder complains
			if seen[key] {
				return fmt.Errorf("key %.60q stands there twice", key)
			}
			seen[key] = true
		}
		if err := noRepeats(dec, depth+1); err != nil {
			return err
		}
	}
	_, err = dec.Token()
	return err
}

// YAML reads one document into to, a pointer. Errors name the line. An empty
// text leaves to as it is.
func YAML(data []byte, to any) (err error) {
	// The parser is not ours: a text that confuses it must not end the process.
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("this is not readable YAML (%v)", p)
		}
	}()
	tokens := lexer.Tokenize(string(data))
	if line := tooDeep(tokens); line > 0 {
		return fmt.Errorf("line %d is nested deeper than %d levels", line, maxDepth)
	}
	f, err := parser.Parse(tokens, 0)
	if err != nil {
		return err
	}
	var body ast.Node
	for _, doc := range f.Docs {
		if doc.Body == nil {
			continue
		}
		if body != nil {
			return errors.New("there is more than one document")
		}
		body = doc.Body
	}
	if body == nil {
		return nil
	}
	var v noAliases
	ast.Walk(&v, body)
	if v.found {
		return fmt.Errorf("line %d has an anchor or alias, which is not taken here", v.line)
	}
	return yaml.NodeToValue(body, to, yaml.Strict())
}

// tooDeep gives the line that is nested too deep, or 0. The time the parser
// takes grows with the square of the depth, and a stack has an end.
func tooDeep(tokens token.Tokens) int {
	flow, entries, line := 0, 0, 0
	for _, t := range tokens {
		if t.Position == nil {
			continue
		}
		if t.Position.Line != line {
			line, entries = t.Position.Line, 0
			if flow == 0 && t.Position.Column > 8*maxDepth {
				return line
			}
		}
		switch t.Type {
		case token.SequenceStartType, token.MappingStartType:
			flow++
		case token.SequenceEndType, token.MappingEndType:
			flow--
		case token.SequenceEntryType, token.MappingKeyType:
			entries++
		}
		if flow > maxDepth || entries > maxDepth {
			return line
		}
	}
	return 0
}

// noAliases finds anchors and aliases, by which a short text could stand for a
// huge document.
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
