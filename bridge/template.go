package bridge

import (
	"fmt"
	"strings"

	"github.com/wattwerk/wattwerk/internal/phrase"
)

// Template makes a sensor's identifier from parts of a message: text with
// names in braces, "{topic.2}.power". "{{" stands for a brace.
type Template struct {
	text  string
	parts []part
}

type part struct {
	literal string
	name    string // empty: literal
}

// ParseTemplate reads a template.
func ParseTemplate(text string) (Template, error) {
	t := Template{text: text}
	var lit strings.Builder
	for i := 0; i < len(text); i++ {
		switch {
		case strings.HasPrefix(text[i:], "{{") || strings.HasPrefix(text[i:], "}}"):
			lit.WriteByte(text[i])
			i++
		case text[i] == '{':
			end := strings.IndexByte(text[i:], '}')
			if end < 2 {
				return t, fmt.Errorf("template %q: a brace opens and names nothing", text)
			}
			if lit.Len() > 0 {
				t.parts = append(t.parts, part{literal: lit.String()})
				lit.Reset()
			}
			t.parts = append(t.parts, part{name: text[i+1 : i+end]})
			i += end
		case text[i] == '}':
			return t, fmt.Errorf("template %q: a brace closes and none is open", text)
		default:
			lit.WriteByte(text[i])
		}
	}
	if lit.Len() > 0 {
		t.parts = append(t.parts, part{literal: lit.String()})
	}
	if len(t.parts) == 0 {
		return t, fmt.Errorf("template is empty")
	}
	return t, nil
}

// Expand fills the template in. The error names the first part that is missing.
func (t Template) Expand(get func(name string) (string, bool)) (string, error) {
	if len(t.parts) == 1 && t.parts[0].name == "" {
		return t.parts[0].literal, nil
	}
	var b strings.Builder
	for _, p := range t.parts {
		if p.name == "" {
			b.WriteString(p.literal)
			continue
		}
		v, ok := get(p.name)
		if !ok {
			return "", phrase.Errorf(phrase.NameLacks, phrase.Params{"part": p.name, "template": t.text}, "the message has no %s, which the sensor is named by (%s)", p.name, t.text)
		}
		b.WriteString(v)
	}
	return b.String(), nil
}

// String gives the template as it was written.
func (t Template) String() string { return t.text }

// IsZero tells whether there is no template.
func (t Template) IsZero() bool { return len(t.parts) == 0 }

// TopicLevel gives level n (from 1) of a topic for the name "topic.n", the
// whole topic for "topic", and "" for every other name.
func TopicLevel(topic, name string) string {
	if name == "topic" {
		return topic
	}
	rest, ok := strings.CutPrefix(name, "topic.")
	if !ok || rest == "" || len(rest) > 3 {
		return ""
	}
	n := 0
	for _, c := range []byte(rest) {
		if c < '0' || c > '9' {
			return ""
		}
		n = n*10 + int(c-'0')
	}
	for level := range strings.SplitSeq(topic, "/") {
		if n--; n == 0 {
			return level
		}
	}
	return ""
}
