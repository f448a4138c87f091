package query

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// Bounds of a question.
const (
	MaxBytes    = 16 << 10
	MaxPatterns = 64  // triple patterns, after paths are taken apart
	MaxTerms    = 128 // operators and operands of all filters
	MaxDepth    = 16  // of groups and of expressions
	MaxPattern  = 256 // bytes of a regular expression
)

// Error is what is wrong with a question.
type Error struct {
	Line, Column int // counted from 1, the column in characters; 0 when it lies in no place
	Text         string
}

// Error is the sentence with its place.
func (e *Error) Error() string {
	if e.Line == 0 {
		return e.Text
	}
	return fmt.Sprintf("line %d, column %d: %s", e.Line, e.Column, e.Text)
}

type tokenKind uint8

const (
	end    tokenKind = iota
	word             // SELECT, a, true
	iriRef           // <…>
	pname            // brick:Point
	variable
	text // 'a' or "a"
	number
	mark // punctuation
)

type token struct {
	kind tokenKind
	text string // unescaped; of a pname as written; of a variable without its mark
	at   int    // byte
}

func (t token) String() string {
	switch t.kind {
	case end:
		return "the end"
	case iriRef:
		return fmt.Sprintf("<%.60s>", t.text)
	case variable:
		return "?" + t.text
	}
	return fmt.Sprintf("%.60q", t.text)
}

// place turns a byte into line and column.
func place(src string, at int) (line, column int) {
	before := src[:min(at, len(src))]
	nl := strings.LastIndexByte(before, '\n')
	return 1 + strings.Count(before, "\n"), 1 + utf8.RuneCountInString(before[nl+1:])
}

type lexer struct {
	src string
	at  int
}

// fault is panicked with and recovered by Parse.
type fault struct {
	at   int
	text string
}

func fail(at int, format string, args ...any) {
	panic(fault{at, fmt.Sprintf(format, args...)})
}

func letter(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_'
}

func digit(c byte) bool { return c >= '0' && c <= '9' }

func (l *lexer) peek(n int) byte {
	if l.at+n < len(l.src) {
		return l.src[l.at+n]
	}
	return 0
}

func (l *lexer) space() {
	for l.at < len(l.src) {
		switch c := l.src[l.at]; {
		case c == ' ' || c == '\t' || c == '\n' || c == '\r':
			l.at++
		case c == '#':
			for l.at < len(l.src) && l.src[l.at] != '\n' {
				l.at++
			}
		default:
			return
		}
	}
}

func (l *lexer) next() token {
	l.space()
	from := l.at
	if from >= len(l.src) {
		return token{end, "", from}
	}
	c := l.src[from]
	switch {
	case c == '<' && l.iri():
		return token{iriRef, l.src[from+1 : l.at-1], from}
	case c == '?' || c == '$':
		l.at++
		for l.at < len(l.src) && (letter(l.src[l.at]) || digit(l.src[l.at])) {
			l.at++
		}
		if l.at == from+1 {
			fail(from, "a variable has a name of letters, digits and _, and a path takes no ?")
		}
		return token{variable, l.src[from+1 : l.at], from}
	case c == '"' || c == '\'':
		return token{text, l.quoted(c), from}
	case digit(c) || c == '.' && digit(l.peek(1)) || (c == '-' || c == '+') && (digit(l.peek(1)) || l.peek(1) == '.' && digit(l.peek(2))):
		return token{number, l.numeral(), from}
	case letter(c) || c == ':':
		return l.name()
	}
	for _, m := range []string{"^^", "&&", "||", "!=", "<=", ">="} {
		if strings.HasPrefix(l.src[from:], m) {
			l.at += 2
			return token{mark, m, from}
		}
	}
	if strings.IndexByte("{}().;,*+/=<>!^|@[]?-", c) < 0 {
		r, n := utf8.DecodeRuneInString(l.src[from:])
		if r == utf8.RuneError && n == 1 {
			fail(from, "this is no valid UTF-8")
		}
		fail(from, "the character %q has no meaning here", r)
	}
	l.at++
	return token{mark, l.src[from:l.at], from}
}

// iri takes <…> if it is one; a lone < is a comparison.
func (l *lexer) iri() bool {
	for i := l.at + 1; i < len(l.src); i++ {
		switch c := l.src[i]; {
		case c == '>':
			l.at = i + 1
			return true
		case c <= ' ' || strings.IndexByte("<\"{}|^`\\", c) >= 0:
			return false
		}
	}
	return false
}

func (l *lexer) quoted(mark byte) string {
	from := l.at
	if l.peek(1) == mark && l.peek(2) == mark {
		fail(from, "texts over several lines, between three quotation marks, are not taken")
	}
	var b strings.Builder
	for l.at++; ; l.at++ {
		if l.at >= len(l.src) || l.src[l.at] == '\n' || l.src[l.at] == '\r' {
			fail(from, "the text does not end on its line")
		}
		c := l.src[l.at]
		if c == mark {
			l.at++
			return b.String()
		}
		if c != '\\' {
			b.WriteByte(c)
			continue
		}
		l.at++
		i := strings.IndexByte(`tbnrf"'\`, l.peek(0))
		if i < 0 || l.peek(0) == 0 {
			fail(l.at-1, `behind \ stands one of t b n r f " ' \`)
		}
		b.WriteByte("\t\b\n\r\f\"'\\"[i])
	}
}

func (l *lexer) numeral() string {
	from := l.at
	if c := l.src[l.at]; c == '-' || c == '+' {
		l.at++
	}
	digits := func() {
		for digit(l.peek(0)) {
			l.at++
		}
	}
	digits()
	if l.peek(0) == '.' && digit(l.peek(1)) {
		l.at++
		digits()
	}
	if c := l.peek(0); c == 'e' || c == 'E' {
		n := 1
		if s := l.peek(1); s == '-' || s == '+' {
			n = 2
		}
		if digit(l.peek(n)) {
			l.at += n
			digits()
		}
	}
	return l.src[from:l.at]
}

// name takes a word, or a name with a prefix.
func (l *lexer) name() token {
	from := l.at
	for letter(l.peek(0)) || digit(l.peek(0)) || l.peek(0) == '-' {
		l.at++
	}
	if l.peek(0) != ':' {
		return token{word, l.src[from:l.at], from}
	}
	for l.at++; ; l.at++ {
		c := l.peek(0)
		if letter(c) || digit(c) || c == '-' || c == ':' {
			continue
		}
		if c == '%' && l.at+2 < len(l.src) && hexadecimal(l.src[l.at+1]) && hexadecimal(l.src[l.at+2]) {
			l.at += 2
			continue
		}
		if c == '.' && (letter(l.peek(1)) || digit(l.peek(1))) {
			continue
		}
		break
	}
	return token{pname, l.src[from:l.at], from}
}

func hexadecimal(c byte) bool {
	return digit(c) || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
}
