package strict

import (
	"errors"
	"strings"
	"testing"
)

type thing struct {
	A string           `json:"a" yaml:"a"`
	B map[string]thing `json:"b" yaml:"b"`
	C []thing          `json:"c" yaml:"c"`
}

func TestWhatIsRefused(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"json", `{"a": "x", "b": {"k": {"a": "y"}}, "c": [{}, {}]}`, ""},
		{"json", `{"z": 1}`, "unknown field"},
		{"json", `{"a": "x", "a": "y"}`, `key "a" stands there twice`},
		{"json", `{"b": {"k": {}, "k": {}}}`, `key "k" stands there twice`},
		{"json", `{} {}`, "something follows"},
		{"json", ``, "EOF"},
		{"json", `{"a": `, "EOF"},
		{"json", `{"a" 1}`, "invalid character"},
		{"json", strings.Repeat("[", 1<<20), "nested deeper"},
		{"json", strings.Repeat(`{"b":`, 100), "nested deeper"},
		{"yaml", "a: x\nb: {k: {a: y}}\nc: [{}, {}]", ""},
		{"yaml", "", ""},
		{"yaml", "z: 1", "unknown field"},
		{"yaml", "a: x\na: y", "already defined"},
		{"yaml", "b:\n  k: {}\n  k: {}", "already defined"},
		{"yaml", "a: x\n---\na: y", "more than one document"},
		{"yaml", "a: &x y\nb: *x", "line 1 has an anchor or alias"},
		{"yaml", "c:\n  - {}\n  - <<: {a: x}", "line 3 has an anchor or alias"},
		{"yaml", "a: [", "sequence end token ']' not found"},
		{"yaml", strings.Repeat("[", 1<<17), "line 1 is nested deeper"},
		{"yaml", "a: x\n" + strings.Repeat("{a: ", 1<<16), "line 2 is nested deeper"},
		{"yaml", strings.Repeat("- ", 1<<16), "line 1 is nested deeper"},
		{"yaml", strings.Repeat(" ", 1000) + "a: x", "line 1 is nested deeper"},
	} {
		var to thing
		err := JSON([]byte(c.text), &to)
		if c.name == "yaml" {
			to = thing{}
			err = YAML([]byte(c.text), &to)
		}
		switch {
		case c.want == "" && err != nil, c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
			t.Errorf("%s %.60q: %v, want %q", c.name, c.text, err, c.want)
		case c.want == "" && c.text != "" && (to.A != "x" || to.B["k"].A != "y" || len(to.C) != 2):
			t.Errorf("%s: %+v", c.name, to)
		}
	}
}

func TestFaultsAreBounded(t *testing.T) {
	var f Faults
	if f.Err() != nil {
		t.Error("there are none, and yet an error")
	}
	for i := range MaxFaults + 7 {
		f.Add("fault %d", i)
	}
	got, ok := errors.AsType[*Faults](f.Err())
	if !ok || len(got.Sentences) != MaxFaults || got.More != 7 || !strings.HasSuffix(f.Error(), "; and 7 more") {
		t.Errorf("%d sentences, %d more: %.100s", len(f.Sentences), f.More, f.Error())
	}
}

func FuzzRead(f *testing.F) {
	for _, s := range []string{`{"a": "x", "b": {"k": {"a": "y"}}, "c": [{}, {}]}`, "a: x\nb: {k: {a: y}}\nc: [{}, {}]", "a: |\n  x\n", "? a\n: b", "a: !!binary x", "- - - -"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var to thing
		if err := JSON(data, &to); err != nil && err.Error() == "" {
			t.Error("an error without words")
		}
		if err := YAML(data, &to); err != nil && err.Error() == "" {
			t.Error("an error without words")
		}
	})
}
