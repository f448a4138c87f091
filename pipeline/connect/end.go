package connect

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/wattwerk/wattwerk/manifest"
)

// Values of ends are checked before: those that read them take what is not of
// their type as if it were not given.

// Text gives a value as text; empty when it is not given.
func (e *End) Text(name string) string { return text(e.Values[name]) }

func text(raw json.RawMessage) string {
	raw = bytes.TrimSpace(raw)
	if len(raw) == 0 || string(raw) == "null" {
		return ""
	}
	if raw[0] != '"' {
		return string(raw)
	}
	var s string
	if json.Unmarshal(raw, &s) != nil {
		return ""
	}
	return s
}

// Int gives a whole number; 0 when it is not given.
func (e *End) Int(name string) int {
	s := strings.TrimSpace(e.Text(name))
	n, err := strconv.Atoi(s)
	if err != nil {
		// 1e3 and 5.0 are whole, too.
		if f, err := strconv.ParseFloat(s, 64); err == nil && f == float64(int(f)) {
			return int(f)
		}
		return 0
	}
	return n
}

// Bool gives a truth; false when it is not given.
func (e *End) Bool(name string) bool {
	b, err := strconv.ParseBool(strings.TrimSpace(e.Text(name)))
	return b && err == nil
}

// Duration gives a duration; 0 when it is not given.
func (e *End) Duration(name string) time.Duration {
	d, err := manifest.ParseDuration(strings.TrimSpace(e.Text(name)))
	if err != nil {
		return 0
	}
	return d
}

// Secret reads the file that a value names; nil when it is not given.
func (e *End) Secret(name string) ([]byte, error) {
	file := e.Text(name)
	if file == "" {
		return nil, nil
	}
	secret, err := e.House.Secret(file)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	return secret, nil
}

// Default writes a default of a parameter.
func Default(v any) json.RawMessage {
	b, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("default %v: %v", v, err)) // a constant of a declaration
	}
	return b
}
