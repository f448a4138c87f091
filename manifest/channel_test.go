package manifest

import (
	"testing"
	"time"
)

func TestValid(t *testing.T) {
	at := func(s int64) *time.Time { t := time.Unix(s, 0); return &t }
	for _, c := range []struct {
		from, to *time.Time
		at       int64
		want     bool
	}{
		{nil, nil, 0, true}, {at(5), nil, 4, false}, {at(5), nil, 5, true}, {nil, at(5), 4, true}, {nil, at(5), 5, false},
		{at(5), at(7), 6, true}, {at(5), at(7), 7, false}, {at(5), at(7), 4, false}, {at(7), at(5), 6, false},
	} {
		if got := (&Channel{ValidFrom: c.from, ValidTo: c.to}).Valid(time.Unix(c.at, 0)); got != c.want {
			t.Errorf("%v to %v at %d: %v", c.from, c.to, c.at, got)
		}
	}
}

func TestWire(t *testing.T) {
	for format, want := range map[string]string{"": "json", "JSON": "json", "Plain text": "text", "plain text": "text", "SenML": "senml", " csv": "csv"} {
		if got := (&Kind{Format: format}).Wire(); got != want {
			t.Errorf("%q is %q", format, got)
		}
	}
}
