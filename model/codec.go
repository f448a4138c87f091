package model

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/goccy/go-yaml"

	"github.com/wattwerk/wattwerk/internal/strict"
)

// MaxYAML is the longest YAML document taken, in bytes: its reader needs
// dozens of times that. Larger models go as JSON.
const MaxYAML = 32 << 20

// list is one of the lists of a document or patch, read and written item by
// item: a model of a million sensors is never in memory as text.
type list struct {
	name  string
	n     int
	at    func(int) any
	parse func(*json.Decoder) error // appends one item
}

func listOf[T any](name string, s *[]T) list {
	return list{
		name: name, n: len(*s),
		at: func(i int) any { return &(*s)[i] },
		parse: func(dec *json.Decoder) error {
			var x T
			if err := dec.Decode(&x); err != nil {
				return err
			}
			*s = append(*s, x)
			return nil
		},
	}
}

func (d *Document) lists() []list {
	return []list{listOf("sites", &d.Sites), listOf("sensors", &d.Sensors), listOf("groups", &d.Groups), listOf("hierarchies", &d.Hierarchies)}
}

func (p *Patch) lists() []list {
	return []list{
		listOf("sites", &p.Sites), listOf("sensors", &p.Sensors), listOf("groups", &p.Groups), listOf("hierarchies", &p.Hierarchies),
		listOf("removeSites", &p.RemoveSites), listOf("removeSensors", &p.RemoveSensors),
		listOf("removeGroups", &p.RemoveGroups), listOf("removeHierarchies", &p.RemoveHierarchies),
	}
}

// readLists reads one JSON object of lists.
func readLists(dec *json.Decoder, lists []list) error {
	dec.DisallowUnknownFields()
	if err := delim(dec, '{'); err != nil {
		return err
	}
	seen := make(map[string]bool)
	for dec.More() {
		t, err := dec.Token()
		if err != nil {
			return err
		}
		key, _ := t.(string) // a key is a string, or the decoder complains
		i := slices.IndexFunc(lists, func(l list) bool { return l.name == key })
		switch {
		case i < 0:
			return fmt.Errorf("unknown key %.60q", key)
		case seen[key]:
			return fmt.Errorf("key %q stands there twice", key)
		}
		seen[key] = true
		if t, err = dec.Token(); err != nil {
			return err
		}
		if t == nil {
			continue
		}
		if t != json.Delim('[') {
			return fmt.Errorf("%s are not a list", key)
		}
		for n := 1; dec.More(); n++ {
			if err := lists[i].parse(dec); err != nil {
				return fmt.Errorf("%s, number %d: %w", key, n, err)
			}
		}
		if err := delim(dec, ']'); err != nil {
			return err
		}
	}
	return delim(dec, '}')
}

func delim(dec *json.Decoder, want json.Delim) error {
	t, err := dec.Token()
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	if err != nil {
		return err
	}
	if t != want {
		return fmt.Errorf("%v stands where %v should", t, want)
	}
	return nil
}

// ReadJSON reads one document as JSON. Unknown and repeated lists and unknown
// keys are errors. It does not validate; [New] does.
func ReadJSON(r io.Reader) (Document, error) {
	var d Document
	dec := json.NewDecoder(r)
	if err := readLists(dec, d.lists()); err != nil {
		return Document{}, fmt.Errorf("read model: %w", err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return Document{}, errors.New("read model: something follows the document")
	}
	return d, nil
}

// ReadPatches reads n patches that follow one another as JSON.
func ReadPatches(r io.Reader, n int) ([]Patch, error) {
	out := make([]Patch, n)
	dec := json.NewDecoder(r)
	for i := range out {
		if err := readLists(dec, out[i].lists()); err != nil {
			return nil, fmt.Errorf("read patch: %w", err)
		}
	}
	return out, nil
}

// ReadYAML reads one document as YAML. Unknown and repeated keys are errors
// that name the line, and so are anchors and aliases, by which a short text
// could stand for a huge model, and nesting far deeper than a model's. It does
// not validate; [New] does.
func ReadYAML(data []byte) (Document, error) {
	var d Document
	if len(data) > MaxYAML {
		return Document{}, fmt.Errorf("read model: the YAML is longer than %d bytes; write large models as JSON", MaxYAML)
	}
	if err := strict.YAML(data, &d); err != nil {
		return Document{}, fmt.Errorf("read model: %w", err)
	}
	return d, nil
}

// WriteJSON writes the document with one thing per line, so that two versions
// can be compared line by line.
func (d Document) WriteJSON(w io.Writer) error {
	return writeLists(w, d.lists())
}

// WriteJSON writes the patch as WriteJSON of a document does.
func (p Patch) WriteJSON(w io.Writer) error { return writeLists(w, p.lists()) }

func writeLists(w io.Writer, lists []list) error {
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
