package manifest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/wattwerk/wattwerk/internal/strict"
	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/window"
)

// Bounds of what parameters are given.
const (
	maxText   = 4000    // bytes of one value
	maxWhole  = 1 << 53 // whole numbers that JSON keeps
	maxSecret = 100
)

// Complete holds what is given against what is declared, and gives all values in
// the one form of their type: numbers as JSON numbers, choices as they are
// declared, defaults where nothing was given. A parameter that is neither given
// nor has a default is absent. null is as not given. The error is a
// [strict.Faults]: everything that is wrong, names that are not declared, too.
func Complete(declared []Parameter, given Values) (Values, error) {
	var faults strict.Faults
	out := make(Values, len(declared))
	for i := range declared {
		p := &declared[i]
		v, ok := given[p.Name]
		if !ok || isNull(v) {
			if len(p.Default) == 0 || isNull(p.Default) {
				if p.Required {
					faults.Add("parameter %.60q must be given", p.Name)
				}
				continue
			}
			v = p.Default
		}
		c, err := p.value(v)
		if err != nil {
			faults.Add("parameter %.60q %v", p.Name, err)
			continue
		}
		out[p.Name] = c
	}
	for _, name := range sortedNames(given) {
		if !slices.ContainsFunc(declared, func(p Parameter) bool { return p.Name == name }) {
			faults.Add("parameter %.60q is not declared", name)
		}
	}
	if err := faults.Err(); err != nil {
		return nil, err
	}
	return out, nil
}

// Narrow gives the parameters of a type or protocol as a definition or interface
// leaves them: what it does not name stays as it is; what it names may have
// another default, fewer choices, a narrower range, must be given, or is described
// better. Where it states no type, that of the type is taken; int may narrow
// float, and string stands for whatever is written as text. The error is a
// [strict.Faults].
func Narrow(of, by []Parameter) ([]Parameter, error) {
	var faults strict.Faults
	out := slices.Clone(of)
	seen := make(map[string]bool, len(by))
	for _, b := range by {
		i := slices.IndexFunc(of, func(p Parameter) bool { return p.Name == b.Name })
		switch {
		case seen[b.Name]:
			faults.Add("parameter %.60q is declared twice", b.Name)
			continue
		case i < 0:
			faults.Add("there is no parameter %.60q to narrow; there are %s", b.Name, namesOf(of))
			continue
		}
		seen[b.Name] = true
		p, err := of[i].narrowed(b)
		if err != nil {
			faults.Add("parameter %.60q %v", b.Name, err)
			continue
		}
		out[i] = p
	}
	if err := faults.Err(); err != nil {
		return nil, err
	}
	return out, nil
}

// Declare checks declarations by themselves: each name once, a type that exists,
// bounds and choices only where they mean something, a default that may be
// given. The error is a [strict.Faults].
func Declare(declared []Parameter) error {
	var faults strict.Faults
	seen := make(map[string]bool, len(declared))
	for i := range declared {
		p := &declared[i]
		if strings.TrimSpace(p.Name) == "" || len(p.Name) > 100 || !utf8.ValidString(p.Name) {
			faults.Add("parameter %d needs a name of at most 100 bytes", i+1)
			continue
		}
		if seen[p.Name] {
			faults.Add("parameter %.60q is declared twice", p.Name)
		}
		seen[p.Name] = true
		if err := p.check(); err != nil {
			faults.Add("parameter %.60q %v", p.Name, err)
		}
	}
	return faults.Err()
}

// Types lists all types of parameters.
func Types() []Type {
	return []Type{String, Int, Float, Bool, Duration, Expression, Zone, Unit, Secret}
}

func (p *Parameter) kind() Type {
	if p.Type == "" {
		return String
	}
	return p.Type
}

func (p *Parameter) check() error {
	t := p.kind()
	if !slices.Contains(Types(), t) {
		return fmt.Errorf("has type %.40q; there are %s", t, joined(Types()))
	}
	if len(p.OneOf) > 0 && t != String {
		return fmt.Errorf("has choices, which only a string may have, not %s", t)
	}
	for i, c := range p.OneOf {
		if c == "" || slices.Contains(p.OneOf[:i], c) {
			return fmt.Errorf("has the choice %.40q twice or empty", c)
		}
	}
	ranged := t == Int || t == Float || t == Duration
	for _, b := range []*float64{p.Min, p.Max} {
		if b != nil && (!ranged || math.IsNaN(*b) || math.IsInf(*b, 0)) {
			return fmt.Errorf("has a bound that means nothing for %s", t)
		}
	}
	if p.Min != nil && p.Max != nil && *p.Min > *p.Max {
		return fmt.Errorf("is to be at least %v and at most %v", *p.Min, *p.Max)
	}
	if len(p.Default) == 0 || isNull(p.Default) {
		return nil
	}
	if _, err := p.value(p.Default); err != nil {
		return fmt.Errorf("has a default that %w", err)
	}
	return nil
}

func (p *Parameter) narrowed(b Parameter) (Parameter, error) {
	n := *p
	switch t := b.Type; {
	case t == "", t == p.kind():
	case t == Int && p.kind() == Float:
		n.Type = Int
	case t == String && p.kind() != Int && p.kind() != Float && p.kind() != Bool:
	default:
		return n, fmt.Errorf("is of type %s, not %s", p.kind(), t)
	}
	if b.Description != "" {
		n.Description = b.Description
	}
	if b.Measure != "" && b.Measure != p.Measure {
		if p.Measure != "" {
			return n, fmt.Errorf("is in %s, not in %.40s", p.Measure, b.Measure)
		}
		n.Measure = b.Measure
	}
	if len(b.OneOf) > 0 {
		for _, c := range b.OneOf {
			if len(p.OneOf) > 0 && !slices.Contains(p.OneOf, c) {
				return n, fmt.Errorf("may be %s, not %.40q", strings.Join(p.OneOf, ", "), c)
			}
		}
		n.OneOf = b.OneOf
	}
	if b.Min != nil {
		if p.Min != nil && *b.Min < *p.Min {
			return n, fmt.Errorf("must be at least %v, not %v", *p.Min, *b.Min)
		}
		n.Min = b.Min
	}
	if b.Max != nil {
		if p.Max != nil && *b.Max > *p.Max {
			return n, fmt.Errorf("must be at most %v, not %v", *p.Max, *b.Max)
		}
		n.Max = b.Max
	}
	own := len(b.Default) > 0 && !isNull(b.Default)
	switch {
	case own:
		n.Default, n.Required = b.Default, b.Required
	case b.Required:
		n.Default, n.Required = nil, true
	}
	return n, n.check()
}

// value reads what a parameter is given and writes it in the one form of its
// type. The error begins with a verb.
func (p *Parameter) value(v json.RawMessage) (json.RawMessage, error) {
	text, quoted, err := scalar(v)
	if err != nil {
		return nil, err
	}
	switch t := p.kind(); t {
	case Int:
		n, err := whole(text)
		if err != nil {
			return nil, err
		}
		return json.RawMessage(strconv.FormatInt(n, 10)), p.within(float64(n), text)
	case Float:
		f, err := number(text)
		if err != nil {
			return nil, err
		}
		b, err := json.Marshal(f)
		if err != nil {
			return nil, err
		}
		return b, p.within(f, text)
	case Bool:
		switch strings.ToLower(strings.TrimSpace(text)) {
		case "true":
			return json.RawMessage("true"), nil
		case "false":
			return json.RawMessage("false"), nil
		}
		return nil, fmt.Errorf("is %.40q, not true or false", text)
	case Duration:
		if !quoted && text != "0" {
			return nil, fmt.Errorf("is %.40s without a unit; write it as 30s, 15m, 1h or 1d", text)
		}
		d, err := ParseDuration(text)
		if err != nil {
			return nil, err
		}
		return quote(text), p.within(d.Seconds(), text)
	case Zone:
		if _, err := window.Load(text); err != nil || text == "" || text == "Local" {
			return nil, fmt.Errorf("is %.40q, which is no zone, such as Europe/Berlin", text)
		}
		return quote(text), nil
	case Unit:
		if _, ok := record.LookupUnit(text); !ok {
			return nil, fmt.Errorf("is %.40q, which is no unit that is known", text)
		}
		return quote(text), nil
	case Secret:
		if !isFileName(text) {
			return nil, errors.New("is not a plain file name; the content of a secret does not belong here")
		}
		return quote(text), nil
	case Expression:
		if strings.TrimSpace(text) == "" {
			return nil, errors.New("is an empty expression")
		}
		return quote(text), nil
	case String:
		if len(p.OneOf) == 0 || slices.Contains(p.OneOf, text) {
			return quote(text), nil
		}
		for _, c := range p.OneOf {
			if strings.EqualFold(c, text) {
				return quote(c), nil
			}
		}
		return nil, fmt.Errorf("is %.40q; it may be %s", text, strings.Join(p.OneOf, ", "))
	default:
		return nil, fmt.Errorf("has type %.40q, which does not exist", t)
	}
}

func (p *Parameter) within(f float64, text string) error {
	if p.Min != nil && f < *p.Min {
		return fmt.Errorf("is %.40s, and must be at least %v%s", text, *p.Min, p.unit())
	}
	if p.Max != nil && f > *p.Max {
		return fmt.Errorf("is %.40s, and must be at most %v%s", text, *p.Max, p.unit())
	}
	return nil
}

func (p *Parameter) unit() string {
	if p.kind() == Duration {
		return " s"
	}
	return ""
}

// ParseDuration reads a value of type [Duration]: one of Go's, or the size of a
// window. A day has 24 hours here; a month and a year are as long as the longest,
// for comparing only.
func ParseDuration(text string) (time.Duration, error) {
	switch text {
	case "1d":
		return 24 * time.Hour, nil
	case "1w":
		return 7 * 24 * time.Hour, nil
	}
	if s, err := window.ParseSize(text); err == nil {
		return time.Duration(s.Longest()) * time.Millisecond, nil
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < 0 {
		return 0, fmt.Errorf("is %.40q, which is no duration, such as 30s, 15m, 1h, 1d or 1M", text)
	}
	return d, nil
}

// scalar gives the text of a JSON string, number or bool.
func scalar(v json.RawMessage) (text string, quoted bool, err error) {
	v = bytes.TrimSpace(v)
	if len(v) == 0 || !json.Valid(v) {
		return "", false, errors.New("is not JSON")
	}
	switch v[0] {
	case '"':
		if err := json.Unmarshal(v, &text); err != nil {
			return "", false, errors.New("is not JSON")
		}
		quoted = true
	case '{', '[':
		return "", false, errors.New("is an object or a list; one value is taken")
	case 'n':
		return "", false, errors.New("is null")
	default:
		text = string(v)
	}
	if len(text) > maxText {
		return "", false, fmt.Errorf("is longer than %d bytes", maxText)
	}
	if strings.ContainsRune(text, 0) {
		return "", false, errors.New("contains a null byte")
	}
	return text, quoted, nil
}

func number(text string) (float64, error) {
	t := strings.TrimSpace(text)
	f, err := strconv.ParseFloat(t, 64)
	if err != nil || math.IsNaN(f) || math.IsInf(f, 0) || strings.ContainsAny(t, "xXpP_") {
		return 0, fmt.Errorf("is %.40q, which is no number", text)
	}
	return f, nil
}

func whole(text string) (int64, error) {
	n, err := strconv.ParseInt(strings.TrimSpace(text), 10, 64)
	if err != nil {
		f, bad := number(text)
		if bad != nil || f != math.Trunc(f) || math.Abs(f) > maxWhole {
			return 0, fmt.Errorf("is %.40q, which is no whole number", text)
		}
		n = int64(f)
	}
	if n > maxWhole || n < -maxWhole {
		return 0, fmt.Errorf("is %.40q, which is beyond ±2^53", text)
	}
	return n, nil
}

func isFileName(s string) bool {
	if s == "" || len(s) > maxSecret || s[0] == '.' || s[0] == '-' {
		return false
	}
	for _, c := range []byte(s) {
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '.' || c == '_' || c == '-') {
			return false
		}
	}
	return true
}

func isNull(v json.RawMessage) bool { return string(bytes.TrimSpace(v)) == "null" }

func quote(s string) json.RawMessage {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(s) // a string can always be written
	return bytes.TrimSpace(b.Bytes())
}

func sortedNames(v Values) []string {
	names := make([]string, 0, len(v))
	for n := range v {
		names = append(names, n)
	}
	slices.Sort(names)
	return names
}

func namesOf(ps []Parameter) string {
	if len(ps) == 0 {
		return "none"
	}
	names := make([]string, len(ps))
	for i := range ps {
		names[i] = ps[i].Name
	}
	return strings.Join(names, ", ")
}

func joined[T ~string](all []T) string {
	s := make([]string, len(all))
	for i, t := range all {
		s[i] = string(t)
	}
	return strings.Join(s, ", ")
}
