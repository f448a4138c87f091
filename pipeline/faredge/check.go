package faredge

import (
	"bytes"
	"encoding/json"
	"net/url"
	"strings"
)

// form says what a field of a body has to be.
type form uint8

const (
	text   form = iota
	id          // UUID
	uri         // absolute
	number      // of degrees
	object      // with fields
	list        // of objects with fields
	texts       // list of text
	any_        // whatever
)

// field is a field of a body. The first that is wrong gives the error, in the
// order in which they are declared.
type field struct {
	key      string
	form     form
	required bool
	fields   []field
}

func need(key string, f form, fields ...field) field { return field{key, f, true, fields} }

func may(key string, f form, fields ...field) field { return field{key, f, false, fields} }

// check holds a body against its fields: MISSING_ or INVALID_ and the name of the
// first that is wrong. Unknown keys are passed over.
func check(body []byte, fields []field) error {
	var keys map[string]json.RawMessage
	if json.Unmarshal(body, &keys) != nil || keys == nil {
		return bad("INVALID_BODY")
	}
	for _, f := range fields {
		v, ok := keys[f.key]
		if !ok {
			if f.required {
				return bad("MISSING_" + snake(f.key))
			}
			continue
		}
		if !f.required && f.form != any_ && string(bytes.TrimSpace(v)) == "null" {
			continue
		}
		if err := f.value(v); err != nil {
			return err
		}
	}
	return nil
}

func (f *field) value(v json.RawMessage) error {
	invalid := bad("INVALID_" + snake(f.key))
	switch f.form {
	case text, id, uri:
		var s string
		if v[0] != '"' || json.Unmarshal(v, &s) != nil || s == "" && f.required || strings.ContainsRune(s, 0) {
			return invalid
		}
		if s == "" {
			return nil
		}
		if f.form == id && !isID(s) {
			return invalid
		}
		if u, err := url.Parse(s); f.form == uri && (err != nil || u.Scheme == "" || u.Host == "") {
			return invalid
		}
	case number:
		var n float64
		if v[0] == 'n' || json.Unmarshal(v, &n) != nil {
			return invalid
		}
	case object:
		if v[0] != '{' {
			return invalid
		}
		return check(v, f.fields)
	case list:
		var all []json.RawMessage
		if v[0] != '[' || json.Unmarshal(v, &all) != nil {
			return invalid
		}
		for _, x := range all {
			if x[0] != '{' {
				return invalid
			}
			if err := check(x, f.fields); err != nil {
				return err
			}
		}
	case texts:
		var all []string
		if v[0] != '[' || json.Unmarshal(v, &all) != nil {
			return invalid
		}
	case any_:
	}
	return nil
}

// isID tells whether a text is a UUID.
func isID(s string) bool {
	if len(s) != 36 {
		return false
	}
	for i, c := range []byte(strings.ToLower(s)) {
		dash := i == 8 || i == 13 || i == 18 || i == 23
		if dash != (c == '-') || !dash && !strings.ContainsRune("0123456789abcdef", rune(c)) {
			return false
		}
	}
	return true
}

// parameters declare; pairs give.
func parameters() field {
	return may("parameters", object, need("parameter", list, need("name", text), may("description", text), may("dataType", text), may("defaultValue", any_)))
}

func pairs(key string) field {
	return may(key, object, need("parameter", list, need("key", text), need("value", any_)))
}
