package item

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"
)

// mostPattern bounds a pattern, in bytes. There are no counted repetitions, so a
// program of a pattern is about as long as the pattern.
const mostPattern = 500

// Pattern is a compiled pattern of the specification: of POSIX expressions it
// has . for any character, * + ? for how often what stands before comes, and \
// before a character that means itself. All others mean themselves, and the
// whole text has to fit.
type Pattern struct {
	Prefix string         // with which the text has to begin
	re     *regexp.Regexp // nil: the text is prefix
}

// ParsePattern takes a pattern. The error is a sentence for who wrote it.
func ParsePattern(s string) (*Pattern, error) {
	if len(s) > mostPattern {
		return nil, fmt.Errorf("a pattern is %d bytes long, at most %d are taken", len(s), mostPattern)
	}
	if !utf8.ValidString(s) || strings.ContainsRune(s, 0) {
		return nil, fmt.Errorf("the pattern %q is not readable text", s)
	}
	var b, literal strings.Builder
	b.WriteString(`^(?s:`)
	plain := true // nothing but characters that mean themselves so far
	last := ""    // the atom that a repetition would be of; empty: there is none
	for at := 0; at < len(s); {
		r, n := utf8.DecodeRuneInString(s[at:])
		at += n
		switch r {
		case '*', '+', '?':
			if last == "" {
				return nil, fmt.Errorf("the pattern %q has a %c with nothing before it to repeat; write .* for any text, and \\%c for the character itself", s, r, r)
			}
			b.WriteRune(r)
			if plain {
				// What may come more or less often is not part of what has to come first.
				t := literal.String()
				_, n := utf8.DecodeLastRuneInString(t)
				literal.Reset()
				literal.WriteString(t[:len(t)-n])
				plain = false
			}
			last = ""
			continue
		case '.':
			last, plain = ".", false
			b.WriteByte('.')
			continue
		case '\\':
			if at == len(s) {
				return nil, fmt.Errorf(`the pattern %q ends with a \ that stands before nothing`, s)
			}
			r, n = utf8.DecodeRuneInString(s[at:])
			at += n
		}
		last = string(r)
		b.WriteString(regexp.QuoteMeta(last))
		if plain {
			literal.WriteRune(r)
		}
	}
	p := &Pattern{Prefix: literal.String()}
	if plain {
		return p, nil
	}
	b.WriteString(`)$`)
	re, err := regexp.Compile(b.String())
	if err != nil {
		return nil, errors.New("a pattern is too complex")
	}
	p.re = re
	return p, nil
}

// Matches tells whether the whole text fits.
func (p *Pattern) Matches(s string) bool {
	if p.re == nil {
		return s == p.Prefix
	}
	return strings.HasPrefix(s, p.Prefix) && p.re.MatchString(s)
}

// Literal tells whether there is one text that fits: the prefix.
func (p *Pattern) Literal() bool { return p.re == nil }
