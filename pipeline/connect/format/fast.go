package format

import (
	"strconv"
	"unicode/utf8"
	"unsafe"

	"github.com/wattwerk/wattwerk/observation"
	"github.com/wattwerk/wattwerk/pipeline/connect"
	"github.com/wattwerk/wattwerk/record"
)

// fast reads what nearly all messages are, an array of flat objects or one of
// them, without an allocation for each. It is false for everything that is not
// wholly so and right: then nothing was added, and json reads it and says what is
// wrong.
func (f *Format) fast(body []byte) bool {
	had := len(f.m.Pieces)
	s := scanner{b: body, f: f}
	if !s.message() {
		f.m.Pieces = f.m.Pieces[:had]
		return false
	}
	return true
}

type scanner struct {
	b []byte
	i int
	f *Format
}

func (s *scanner) space() {
	for s.i < len(s.b) {
		switch s.b[s.i] {
		case ' ', '\n', '\t', '\r':
			s.i++
		default:
			return
		}
	}
}

// is takes a character after space.
func (s *scanner) is(c byte) bool {
	s.space()
	if s.i < len(s.b) && s.b[s.i] == c {
		s.i++
		return true
	}
	return false
}

func (s *scanner) message() bool {
	if !s.is('[') {
		return s.item() && s.end()
	}
	if s.is(']') {
		return s.end()
	}
	for {
		if len(s.f.m.Pieces) >= connect.MaxPieces || !s.item() {
			return false
		}
		if s.is(',') {
			continue
		}
		return s.is(']') && s.end()
	}
}

func (s *scanner) end() bool {
	s.space()
	return s.i == len(s.b)
}

// role is what a member is for.
type role uint8

const (
	other role = iota
	isValue
	isTime
	isKey
	isMarks
)

func (f *Format) role(name []byte) role {
	for _, n := range f.value.names {
		if string(name) == n {
			return isValue
		}
	}
	for _, n := range f.time.names {
		if string(name) == n {
			return isTime
		}
	}
	for _, n := range f.key.names {
		if string(name) == n {
			return isKey
		}
	}
	if string(name) == "marks" {
		return isMarks
	}
	return other
}

func (s *scanner) item() bool {
	if !s.is('{') {
		return false
	}
	p := connect.Piece{Key: s.f.deliveredKey}
	var seen [5]bool
	for first := true; ; first = false {
		if first && s.is('}') {
			break
		}
		s.space()
		name, ok := s.text()
		if !ok || !s.is(':') {
			return false
		}
		r := s.f.role(name)
		if r != other && seen[r] {
			return false
		}
		seen[r] = true
		s.space()
		if s.i == len(s.b) || !s.member(r, &p) {
			return false
		}
		if s.is(',') {
			continue
		}
		if !s.is('}') {
			return false
		}
		break
	}
	if !seen[isValue] || record.ValidateSample(p.Time, p.Value) != nil {
		return false
	}
	s.f.m.Pieces = append(s.f.m.Pieces, p)
	return true
}

// member reads a value that is flat.
func (s *scanner) member(r role, p *connect.Piece) bool {
	switch c := s.b[s.i]; {
	case c == '"':
		text, ok := s.text()
		if !ok {
			return false
		}
		switch r {
		case isValue:
			n := scanner{b: text}
			number, ok := n.number()
			if !ok || n.i != len(text) {
				return false
			}
			p.Value, ok = float(number)
			return ok
		case isTime:
			if !s.f.clock.text {
				return false
			}
			t, ok := rfc3339(text)
			p.Time = t
			return ok && t > 0
		case isKey:
			if len(text) > observation.MaxKey || !utf8.Valid(text) {
				return false
			}
			p.Key = s.f.intern(text)
		case isMarks:
			p.Marks |= marksOf(text)
		default:
			return utf8.Valid(text)
		}
		return true
	case c == '-' || c >= '0' && c <= '9':
		number, ok := s.number()
		if !ok {
			return false
		}
		switch r {
		case isValue:
			p.Value, ok = float(number)
			return ok
		case isTime:
			if p.Time, ok = s.f.clock.whole(number); ok {
				return true
			}
			p.Time, ok = s.f.clock.ofNumber(string(number))
			return ok
		case isKey:
			p.Key = s.f.intern(number)
			return len(number) <= observation.MaxKey
		case isMarks:
			return false
		}
		return true
	case c == 't' && r == other:
		return s.word("true")
	case c == 'f' && r == other:
		return s.word("false")
	case c == 'n' && r == other:
		return s.word("null")
	case c == 'n' && r == isValue:
		p.Marks |= observation.Null
		return s.word("null")
	}
	return false
}

func (s *scanner) word(w string) bool {
	if len(s.b)-s.i < len(w) || string(s.b[s.i:s.i+len(w)]) != w {
		return false
	}
	s.i += len(w)
	return true
}

// text reads a string without escapes.
func (s *scanner) text() ([]byte, bool) {
	if s.i >= len(s.b) || s.b[s.i] != '"' {
		return nil, false
	}
	s.i++
	for at := s.i; s.i < len(s.b); s.i++ {
		switch c := s.b[s.i]; {
		case c == '"':
			s.i++
			return s.b[at : s.i-1], true
		case c == '\\' || c < ' ':
			return nil, false
		}
	}
	return nil, false
}

// number reads a number of JSON.
func (s *scanner) number() ([]byte, bool) {
	at := s.i
	digits := func() bool {
		from := s.i
		for s.i < len(s.b) && s.b[s.i]-'0' <= 9 {
			s.i++
		}
		return s.i > from
	}
	if s.i < len(s.b) && s.b[s.i] == '-' {
		s.i++
	}
	if s.i < len(s.b) && s.b[s.i] == '0' {
		s.i++
	} else if !digits() {
		return nil, false
	}
	if s.i < len(s.b) && s.b[s.i] == '.' {
		s.i++
		if !digits() {
			return nil, false
		}
	}
	if s.i < len(s.b) && s.b[s.i]|' ' == 'e' {
		s.i++
		if s.i < len(s.b) && (s.b[s.i] == '+' || s.b[s.i] == '-') {
			s.i++
		}
		if !digits() {
			return nil, false
		}
	}
	return s.b[at:s.i], true
}

// float reads a number of JSON. ParseFloat does not keep its text, so that it
// need not be copied.
func float(b []byte) (float64, bool) {
	v, err := strconv.ParseFloat(unsafe.String(unsafe.SliceData(b), len(b)), 64)
	return v, err == nil
}

// whole reads the usual number that is a time: milliseconds or seconds.
func (c clock) whole(b []byte) (record.Millis, bool) {
	if !c.number || len(b) > 14 {
		return 0, false
	}
	n := int64(0)
	for _, d := range b {
		if d -= '0'; d > 9 {
			return 0, false
		}
		n = n*10 + int64(d)
	}
	switch {
	case c.unit == 1000 || c.unit == 0 && n < 1e11:
		n *= 1000
	case c.unit != 1 && c.unit != 0:
		return 0, false
	}
	return inBounds(n)
}

var markNames = []struct {
	mark observation.Marks
	name string
}{{observation.Estimated, "estimated"}, {observation.Partial, "partial"}, {observation.Alarm, "alarm"}, {observation.Suspect, "suspect"}}

// marksOf reads marks by their names, with commas. Those it does not know are
// somebody else's.
func marksOf(text []byte) (m observation.Marks) {
	for len(text) > 0 {
		end := 0
		for end < len(text) && text[end] != ',' {
			end++
		}
		for _, n := range markNames {
			if string(text[:end]) == n.name {
				m |= n.mark
			}
		}
		text = text[min(end+1, len(text)):]
	}
	return m
}
