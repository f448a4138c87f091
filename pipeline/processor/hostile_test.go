package processor

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"strings"
	"testing"

	"github.com/wattwerk/wattwerk/manifest"
	"github.com/wattwerk/wattwerk/observation"
	"github.com/wattwerk/wattwerk/record"
)

// hostileValues are what parameters are given by those who mean no good.
var hostileValues = []string{
	`null`, `""`, `" "`, `"NaN"`, `"Inf"`, `"-Inf"`, `"1e309"`, `1e308`, `-1e308`, `1e18`, `-1e18`, `0`, `-1`, `1`, `1e-320`, `0.5`, `9223372036854775807`, `-9223372036854775808`, `18446744073709551616`,
	`"1ns"`, `"1ms"`, `"0s"`, `"-1h"`, `"1d"`, `"1w"`, `"1M"`, `"1y"`, `"9600h"`, `"9601h"`, `"2562047h"`, `"999999999999d"`, `true`, `false`, `[]`, `{}`, `[1,2]`, `{"a":1}`, `"`, ``, `nonsense`,
	`"${HOME}"`, `"$(id)"`, `"; id"`, `"` + "`id`" + `"`, `"../../etc/passwd"`, `"file:///etc/passwd"`, `"http://127.0.0.1/"`, `"env('HOME')"`, `"\u0000"`, `"a\nb"`, `"Local"`, `"Etc/../UTC"`, `"Europe/Berlin"`,
	`"` + strings.Repeat("x", 5000) + `"`, `"` + strings.Repeat("(", 3000) + `"`, `"1..1000000000"`, `"value"`, `"x1"`, `"1/0"`, `"%"`, `"W"`, `"kWh"`,
	`"tumbling"`, `"hopping"`, `"sliding"`, `"session"`, `"calendar"`, `"linear"`, `"mean"`, `"trapezoid"`, `"steps"`, `"zero"`, `"null"`, `"scores"`, `"source"`, `"both"`, `"all"`,
}

// TestHostileParameters gives every parameter of every processor each of them:
// held against the types as the engine does, and as they are. What comes of it is
// an error that is a sentence, or an operator that is bounded.
func TestHostileParameters(t *testing.T) {
	for _, e := range Entries() {
		t.Run(e.Name, func(t *testing.T) {
			good := goodValues(t, e)
			for _, p := range e.Parameters {
				for _, v := range hostileValues {
					given := maps.Clone(good)
					given[p.Name] = json.RawMessage(v)
					checked, err := manifest.Complete(e.Parameters, given)
					sentence(t, e.Name, err)
					if err == nil {
						try(t, e, checked)
					}
					try(t, e, given)
				}
			}
			try(t, e, nil)
			try(t, e, manifest.Values{"unknown": json.RawMessage(`1`)})
		})
	}
}

func sentence(t *testing.T, name string, err error) {
	t.Helper()
	if err != nil && (len(err.Error()) > 1000 || strings.Contains(err.Error(), "\n")) {
		t.Errorf("%s: %q is no sentence", name, err)
	}
}

func goodValues(t testing.TB, e Entry) manifest.Values {
	t.Helper()
	good, err := manifest.Complete(e.Parameters, exampleOf(t, e).values())
	if err != nil {
		t.Fatal(err)
	}
	return good
}

func try(t *testing.T, e Entry, values manifest.Values) {
	t.Helper()
	o, err := e.New(Settings{Values: values, Inputs: []string{"real power", "apparent power"}, Units: []string{"", ""}, Table: new(observation.Table)})
	if sentence(t, e.Name, err); err != nil {
		return
	}
	out := new(Out)
	at := record.Millis(1_700_000_000_000)
	o.Advance(at, out)
	for n := range 6 {
		o.Take(n%2, []observation.Item{{Time: at, Value: float64(n)}, {Time: at + 500, Value: -1e18}}, out)
		at += 777_777
		o.Advance(at, out)
	}
	o.Advance(at+100*86_400_000, out)
	o.Advance(End, out)
	if len(out.Items) > 200_000 {
		t.Errorf("%s with %s gives %d results of 12 items", e.Name, values, len(out.Items))
	}
	for _, i := range out.Items {
		if i.Marks&observation.Null == 0 && !(math.Abs(i.Value) <= record.MaxValue) {
			t.Errorf("%s with %s gives %v", e.Name, values, i)
		}
	}
	if again, err := e.New(Settings{Values: values, Inputs: []string{"real power", "apparent power"}, Units: []string{"", ""}, Table: observation.NewTable([]string{"", "real power", "apparent power"})}); err != nil {
		t.Errorf("%s: %v", e.Name, err)
	} else if err := again.Load(o.Save(nil)); err != nil {
		t.Errorf("%s with %s: %v", e.Name, values, err)
	}
}

// TestNothingElseIsThere names what engines of others let manifests do.
func TestNothingElseIsThere(t *testing.T) {
	for _, name := range []string{
		"command", "subprocess", "exec", "shell", "file", "http", "http_client", "awk", "jq", "grok", "json_schema", "javascript", "script", "wasm", "sleep", "while", "branch", "workflow", "sql", "cache", "env",
		"", " ", "echo ", "../echo", "echo\x00", "java -jar echo.jar", strings.Repeat("x", 1<<20),
	} {
		if _, ok := Find(name); ok {
			t.Errorf("%.40q is a processor", name)
		}
	}
}

// TestSeriesAreBounded sends more series than are taken to everything that keeps
// something of each.
func TestSeriesAreBounded(t *testing.T) {
	for _, e := range Entries() {
		t.Run(e.Name, func(t *testing.T) {
			o, err := e.New(Settings{Values: goodValues(t, e), Inputs: []string{"a"}, Units: []string{""}, Table: new(observation.Table)})
			if err != nil {
				if e.Name == "join" { // its example names two
					return
				}
				t.Fatal(err)
			}
			out := new(Out)
			at := record.Millis(1_700_000_000_000)
			var items []observation.Item
			for n := range observation.Series(MaxSeries + 50) {
				items = append(items, observation.Item{Series: n, Time: at, Value: 1})
			}
			for _, n := range []observation.Series{1 << 21, maxNumber, math.MaxUint32} {
				items = append(items, observation.Item{Series: n, Time: at, Value: 1})
			}
			o.Take(0, items, out)
			o.Advance(at+1_000_000, out)
			dead := 0
			for _, d := range out.Dead {
				if strings.HasPrefix(d.Reason, "too many series") {
					dead++
				}
			}
			if _, keeps := o.(interface {
				Hold(record.Millis) record.Millis
			}); keeps && dead < 50 && fmt.Sprint(goodValues(t, e)["group"]) != fmt.Sprint(json.RawMessage(`"all"`)) {
				t.Errorf("%d items of too many series are refused", dead)
			}
		})
	}
}
