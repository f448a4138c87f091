package expression

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"
	_ "time/tzdata" // the zones, on machines that have none

	"github.com/wattwerk/wattwerk/record"
)

var scope = Scope{Numbers: []string{"value", "time"}, Texts: []string{"key"}}

func TestExpressions(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	at := record.MillisOf(time.Date(2024, 10, 27, 1, 30, 0, 0, time.UTC)) // the second 2:30 of a Sunday
	for _, c := range []struct {
		text string
		want string
	}{
		{"value", "21.5"},
		{"value * 2 + 1", "44"},
		{"value > 20", "1"},
		{"value > 20 ? value : nil", "21.5"},
		{"value > 30 ? value : nil", "null"},
		{"value > 30 && key == 'IB 1'", "0"},
		{"key in ['IB 1', 'IB 2'] and not (value < 0)", "1"},
		{"key startsWith 'IB' || key contains 'x' || key endsWith 'y'", "1"},
		{"hour() * 100 + minute()", "230"},
		{"weekday() in [6, 7]", "1"},
		{"(year() - 2000) * 10000 + month() * 100 + day()", "241027"},
		{"let x = value - 20; x * x", "2.25"},
		{"if value > 3 { 1 } else { 2 }", "1"},
		{"round(value) + floor(value) + ceil(value) + abs(-value) + min(value, 3) + max(1, 2.5)", "92"},
		{"sqrt(16) + exp(0) + log(1) + log10(100) + pow(2, 3) + sin(0) + cos(0)", "16"},
		{"2 ** 10 + 7 % 4", "1027"},
		{"int(value) % 2", "1"},
		{"value / 0", "+Inf"},
		{"1 % int(value - value)", "error"},
		{"true", "1"},
		{"nil", "null"},
		{"nil ?? 3", "3"},
	} {
		p, err := Compile(c.text, Number, Scope{Numbers: scope.Numbers, Texts: scope.Texts, Zone: berlin})
		if err != nil {
			t.Errorf("%s: %v", c.text, err)
			continue
		}
		p.Number("value", 21.5)
		p.Text("key", "IB 1")
		v, ok, err := p.Run(at)
		got := fmt.Sprint(v)
		switch {
		case err != nil:
			got = "error"
		case !ok:
			got = "null"
		}
		if got != c.want {
			t.Errorf("%s is %s (%v), want %s", c.text, got, err, c.want)
		}
	}
}

// hostile are what must not be compiled.
var hostile = []string{
	"", " ", "value +", "unknown", "$env", "$env.value", "$env['value']", "value.x", "key[0]", "key[0:1]", "key + key", "key", "'a'",
	"1..1000000000", "sum(1..1000000000)", "value in 1..1000000000", "map(1..10, # * 2)", "filter([1], # > 0)", "reduce(1..9, #acc + #)", "all([1,2], {# > 0})",
	"repeat('x', 1000000000)", "let a = key + key; let b = a + a; b == ''", "[1,2,3]", "{'a': 1}", "[value] == [1]", "value in [value]", "[1] in [1]", "key in ['a' , ['b']]",
	"env('HOME')", "file('/etc/passwd')", "now()", "date('2020-01-01')", "toJSON(value)", "fromJSON(key)", "len(key)", "split(key, '')", "upper(key)", "type(value)", "get({}, 'a')",
	"key matches '(a+)+$'", "value | abs()  | map(#)", "max([1, 2])", "min(1..5)", "value?.x", "value(1)", "sqrt()", "sqrt('x')", "sqrt(1, 2)", "hour(1)", "value; value",
	"while true {}", "value = 3", "func() {}", "import 'os'", "`${HOME}`", "${HOME}", "\x00", "\xff\xfe", "print(1)", "not value", "value && true", "1 + nil",
	strings.Repeat("(", 1900) + "1", strings.Repeat("-", 1999) + "1", strings.Repeat("1+", 999) + "1", strings.Repeat("x", 3000), strings.Repeat("value ? ", 200), "99999999999999999999999", "b'\\xff'",
}

func TestHostileExpressions(t *testing.T) {
	for _, text := range hostile {
		if p, err := Compile(text, Number, scope); err == nil {
			v, ok, err := p.Run(0)
			t.Errorf("%.60q is compiled, and gives %v, %v, %v", text, v, ok, err)
		} else if strings.Contains(err.Error(), "\n") || len(err.Error()) > 500 {
			t.Errorf("%.60q: the error is no sentence: %q", text, err)
		}
	}
	for _, text := range []string{"value", "1", "nil", "value > 1 ? 1 : nil"} {
		if _, err := Compile(text, Bool, scope); err == nil {
			t.Errorf("%q is a condition", text)
		}
	}
}

// TestDeepExpressions would not end if what is within were looked at more than
// once at every level.
func TestDeepExpressions(t *testing.T) {
	for _, f := range []string{"sqrt(", "abs(", "pow(1,", "min(1,", "max(1,", "round(", "-(", "1 ?? (", "value in [1] ? 1 : (", "1 + (", "value > 1 && 1 == ("} {
		text := strings.Repeat(f, 60) + "value" + strings.Repeat(")", 60)
		if p, err := Compile(text, Number, scope); err == nil {
			p.Run(1) //nolint:errcheck // whether it has a value does not matter
		}
	}
}

func FuzzCompile(f *testing.F) {
	for _, text := range hostile {
		f.Add(text)
	}
	f.Add("value > 3 && key in ['a'] ? sqrt(value) : nil")
	f.Fuzz(func(t *testing.T, text string) {
		p, err := Compile(text, Number, scope)
		if err != nil {
			return
		}
		p.Number("value", 3)
		a, ok, err := p.Run(5)
		b, ok2, err2 := p.Run(5)
		if math.Float64bits(a) != math.Float64bits(b) || ok != ok2 || (err == nil) != (err2 == nil) {
			t.Fatalf("%q gives %v and then %v", text, a, b)
		}
	})
}

func BenchmarkRun(b *testing.B) {
	for _, text := range []string{"value > 20", "value * 1.5 + 3 > 20 && key == 'x'"} {
		b.Run(text, func(b *testing.B) {
			p, err := Compile(text, Number, scope)
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for i := range b.N {
				p.Number("value", float64(i&63))
				if _, _, err := p.Run(record.Millis(i)); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
