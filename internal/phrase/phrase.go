package phrase

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"strings"
	"time"
)

// Languages are those that messages are worded in; the first is the default.
func Languages() []string { return []string{English, German} }

// The languages there are.
const (
	English = "en"
	German  = "de"
)

// Code names a sentence.
type Code string

// Params are what a sentence has of the case, by their names.
type Params map[string]any

// Phrase is a sentence without its words. The zero Phrase is none: the English
// sentence has to do.
type Phrase struct {
	Code   Code
	Params Params
}

// coded is an error whose sentence has a code.
type coded struct {
	error
	phrase Phrase
}

func (e *coded) Unwrap() error { return e.error }

// Errorf is fmt.Errorf for a sentence with a code.
func Errorf(code Code, p Params, format string, a ...any) error {
	return &coded{fmt.Errorf(format, a...), Phrase{code, p}}
}

// Of gives what an error says, without its words: that of the outermost sentence
// with a code.
func Of(err error) Phrase {
	if e, ok := errors.AsType[*coded](err); ok {
		return e.phrase
	}
	return Phrase{}
}

// Digits writes a number that stands in digits, as -1234.5, in the manner of a
// language: −1,234.5 or −1.234,5.
func Digits(text, language string) string {
	thousand, point := ",", "."
	if language == German {
		thousand, point = point, thousand
	}
	var b strings.Builder
	text, negative := strings.CutPrefix(text, "-")
	if negative {
		b.WriteString("−")
	}
	whole, part, broken := strings.Cut(text, ".")
	for i, c := range whole {
		if i > 0 && (len(whole)-i)%3 == 0 {
			b.WriteString(thousand)
		}
		b.WriteRune(c)
	}
	if broken {
		b.WriteString(point + part)
	}
	return b.String()
}

// Time is a moment as a param.
func Time(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.999Z07:00") }

// Cut gives the params in bounds: of each text at most so many bytes, and what
// JSON has no number for as text. Nil stays nil.
func (p Params) Cut(most int) Params {
	if p == nil {
		return nil
	}
	out := make(Params, len(p))
	for name, v := range p {
		switch x := v.(type) {
		case string:
			v = strings.ToValidUTF8(x, "\uFFFD")
			if len(x) > most {
				v = strings.ToValidUTF8(x[:most], "") + "…"
			}
		case float64:
			if math.IsNaN(x) || math.IsInf(x, 0) {
				v = fmt.Sprint(x)
			}
		case Code:
			v = string(x)
		}
		out[name] = v
	}
	return out
}

// With gives the params and one more.
func (p Params) With(name string, v any) Params {
	out := make(Params, len(p)+1)
	maps.Copy(out, p)
	out[name] = v
	return out
}
