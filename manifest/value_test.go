package manifest

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func at(f float64) *float64 { return &f }

var everything = []Parameter{
	{Name: "host", Required: true},
	{Name: "port", Type: Int, Default: json.RawMessage("1883"), Min: at(1), Max: at(65535)},
	{Name: "operator", OneOf: []string{"EQ", "GE"}, Default: json.RawMessage(`"GE"`)},
	{Name: "threshold", Type: Float},
	{Name: "clean", Type: Bool, Default: json.RawMessage("false")},
	{Name: "every", Type: Duration, Min: at(1), Default: json.RawMessage(`"15m"`)},
	{Name: "where", Type: Expression},
	{Name: "zone", Type: Zone},
	{Name: "unit", Type: Unit},
	{Name: "password", Type: Secret},
}

func TestComplete(t *testing.T) {
	for _, c := range []struct{ given, want, err string }{
		{`{"host":"a"}`, `{"host":"a","port":1883,"operator":"GE","clean":false,"every":"15m"}`, ""},
		{`{"host":"a","threshold":null}`, `{"host":"a","port":1883,"operator":"GE","clean":false,"every":"15m"}`, ""},
		{`{"host":"a","port":"8883","threshold":" 38 ","clean":"TRUE","operator":"eq","every":"1d"}`,
			`{"host":"a","port":8883,"operator":"EQ","threshold":38,"clean":true,"every":"1d"}`, ""},
		{`{"host":5,"port":1e3,"threshold":1.50,"every":"1h30m"}`, `{"host":"5","port":1000,"operator":"GE","threshold":1.5,"clean":false,"every":"1h30m"}`, ""},
		{`{"host":"<a>","where":"value > 3 && hour < 4","zone":"Europe/Berlin","unit":"kWh","password":"mqtt-password.txt"}`,
			`{"host":"<a>","port":1883,"operator":"GE","clean":false,"every":"15m","where":"value > 3 && hour < 4","zone":"Europe/Berlin","unit":"kWh","password":"mqtt-password.txt"}`, ""},
		{`{}`, "", `parameter "host" must be given`},
		{`{"host":null}`, "", `parameter "host" must be given`},
		{`{"host":"a","hots":1}`, "", `parameter "hots" is not declared`},
		{`{"host":"a","port":0}`, "", `parameter "port" is 0, and must be at least 1`},
		{`{"host":"a","port":65536}`, "", "at most 65535"},
		{`{"host":"a","port":1.5}`, "", "no whole number"},
		{`{"host":"a","port":"9007199254740993"}`, "", "beyond ±2^53"},
		{`{"host":"a","port":true}`, "", "no whole number"},
		{`{"host":"a","threshold":"NaN"}`, "", "no number"},
		{`{"host":"a","threshold":"Inf"}`, "", "no number"},
		{`{"host":"a","threshold":1e999}`, "", "no number"},
		{`{"host":"a","threshold":"0x1p4"}`, "", "no number"},
		{`{"host":"a","threshold":[1]}`, "", "one value is taken"},
		{`{"host":{"a":1}}`, "", "one value is taken"},
		{`{"host":"a","operator":"LIKE"}`, "", `is "LIKE"; it may be EQ, GE`},
		{`{"host":"a","clean":"yes"}`, "", "not true or false"},
		{`{"host":"a","every":30}`, "", "without a unit"},
		{`{"host":"a","every":"-1s"}`, "", "no duration"},
		{`{"host":"a","every":"10ms"}`, "", "at least 1 s"},
		{`{"host":"a","where":"  "}`, "", "empty expression"},
		{`{"host":"a","zone":"../etc/passwd"}`, "", "no zone"},
		{`{"host":"a","zone":"Local"}`, "", "no zone"},
		{`{"host":"a","unit":"furlong"}`, "", "no unit"},
		{`{"host":"a","password":"../../etc/passwd"}`, "", "plain file name"},
		{`{"host":"a","password":"a/b"}`, "", "plain file name"},
		{`{"host":"a","password":".env"}`, "", "plain file name"},
		{`{"host":"a\u0000b"}`, "", "null byte"},
		{`{"host":"` + strings.Repeat("a", 4001) + `"}`, "", "longer than 4000"},
		{`{"port":0,"x":1,"unit":"x"}`, "", `parameter "host" must be given; parameter "port" is 0, and must be at least 1; parameter "unit" is "x", which is no unit that is known; parameter "x" is not declared`},
	} {
		var given Values
		if err := json.Unmarshal([]byte(c.given), &given); err != nil {
			t.Fatal(err)
		}
		before := maps.Clone(given)
		got, err := Complete(everything, given)
		if c.err != "" {
			if err == nil || !strings.Contains(err.Error(), c.err) {
				t.Errorf("%.80s: %v, want %q", c.given, err, c.err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%.80s: %v", c.given, err)
			continue
		}
		var want Values
		if err := json.Unmarshal([]byte(c.want), &want); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%.80s: %s", c.given, diff)
		}
		if again, err := Complete(everything, got); err != nil || !cmp.Equal(got, again) {
			t.Errorf("%.80s: completed twice it is %v (%v)", c.given, again, err)
		}
		if diff := cmp.Diff(before, given); diff != "" {
			t.Errorf("%.80s: what was given changed: %s", c.given, diff)
		}
	}
}

func TestRead(t *testing.T) {
	v, err := Complete(everything, Values{"host": quote("a"), "threshold": quote("2.5")})
	if err != nil {
		t.Fatal(err)
	}
	if v.Text("host") != "a" || v.Int("port") != 1883 || v.Float("port") != 1883 || v.Float("threshold") != 2.5 || v.Bool("clean") ||
		v.Duration("every") != 15*time.Minute || v.Has("unit") || v.Text("unit") != "" || v.Duration("unit") != 0 || !v.Has("clean") {
		t.Errorf("read wrongly of %s", v)
	}
}

func TestNarrow(t *testing.T) {
	of := []Parameter{
		{Name: "limit", Type: Float, Min: at(0), Max: at(10), Required: true, Measure: "W"},
		{Name: "how", OneOf: []string{"a", "b", "c"}, Default: json.RawMessage(`"c"`)},
		{Name: "zone", Type: Zone, Default: json.RawMessage(`"UTC"`)},
	}
	for _, c := range []struct {
		by   Parameter
		want Parameter
		err  string
	}{
		{by: Parameter{Name: "limit"}, want: of[0]},
		{by: Parameter{Name: "limit", Type: Float, Default: json.RawMessage(`"5"`), Description: "d"},
			want: Parameter{Name: "limit", Type: Float, Min: at(0), Max: at(10), Measure: "W", Default: json.RawMessage(`"5"`), Description: "d"}},
		{by: Parameter{Name: "limit", Type: Int, Min: at(2), Max: at(3)}, want: Parameter{Name: "limit", Type: Int, Min: at(2), Max: at(3), Required: true, Measure: "W"}},
		{by: Parameter{Name: "how", OneOf: []string{"b", "c"}}, want: Parameter{Name: "how", OneOf: []string{"b", "c"}, Default: json.RawMessage(`"c"`)}},
		{by: Parameter{Name: "how", Required: true}, want: Parameter{Name: "how", OneOf: []string{"a", "b", "c"}, Required: true}},
		{by: Parameter{Name: "zone", Type: String, Default: quote("Europe/Berlin")}, want: Parameter{Name: "zone", Type: Zone, Default: quote("Europe/Berlin")}},
		{by: Parameter{Name: "limit", Type: String}, err: "is of type float, not string"},
		{by: Parameter{Name: "limit", Min: at(-1)}, err: "at least 0, not -1"},
		{by: Parameter{Name: "limit", Max: at(11)}, err: "at most 10, not 11"},
		{by: Parameter{Name: "limit", Min: at(4), Max: at(3)}, err: "at least 4 and at most 3"},
		{by: Parameter{Name: "limit", Default: json.RawMessage("11")}, err: "has a default that is 11, and must be at most 10"},
		{by: Parameter{Name: "limit", Measure: "kW"}, err: "is in W, not in kW"},
		{by: Parameter{Name: "how", OneOf: []string{"d"}}, err: `may be a, b, c, not "d"`},
		{by: Parameter{Name: "how", OneOf: []string{"a"}}, err: `has a default that is "c"; it may be a`},
		{by: Parameter{Name: "zone", Default: quote("Mars")}, err: "no zone"},
		{by: Parameter{Name: "zone", OneOf: []string{"UTC"}}, err: "only a string"},
		{by: Parameter{Name: "other"}, err: `there is no parameter "other" to narrow; there are limit, how, zone`},
	} {
		got, err := Narrow(of, []Parameter{c.by})
		if c.err != "" {
			if err == nil || !strings.Contains(err.Error(), c.err) {
				t.Errorf("%+v: %v, want %q", c.by, err, c.err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%+v: %v", c.by, err)
			continue
		}
		i := slices.IndexFunc(of, func(p Parameter) bool { return p.Name == c.by.Name })
		if diff := cmp.Diff(c.want, got[i]); diff != "" {
			t.Errorf("%+v: %s", c.by, diff)
		}
	}
	if _, err := Narrow(of, []Parameter{{Name: "how"}, {Name: "how"}}); err == nil || !strings.Contains(err.Error(), "declared twice") {
		t.Error(err)
	}
}

func TestDeclare(t *testing.T) {
	if err := Declare(everything); err != nil {
		t.Error(err)
	}
	for want, p := range map[string]Parameter{
		"needs a name":            {},
		`has type "real"`:         {Name: "a", Type: "real"},
		"has choices":             {Name: "a", Type: Int, OneOf: []string{"1"}},
		"twice or empty":          {Name: "a", OneOf: []string{"1", "1"}},
		"a bound that means":      {Name: "a", Min: at(1)},
		"at least 2 and at":       {Name: "a", Type: Int, Min: at(2), Max: at(1)},
		"has a default that is":   {Name: "a", Type: Int, Default: quote("x")},
		"a default that is an ob": {Name: "a", Default: json.RawMessage("{}")},
	} {
		if err := Declare([]Parameter{p}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, want %q", p, err, want)
		}
	}
	if err := Declare([]Parameter{{Name: "a"}, {Name: "a"}}); err == nil || !strings.Contains(err.Error(), "declared twice") {
		t.Error(err)
	}
}

// What was completed is complete: doing it again changes nothing.
func FuzzComplete(f *testing.F) {
	for _, s := range []string{`{"host":"a"}`, `{"host":1,"port":"1e2","every":"1M","threshold":"-0"}`, `{"host":"\ud800","where":"1"}`, `{"host":"a","unit":"%"}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var given Values
		if json.Unmarshal(data, &given) != nil {
			return
		}
		got, err := Complete(everything, given)
		if err != nil {
			return
		}
		again, err := Complete(everything, got)
		if err != nil || !cmp.Equal(got, again) {
			t.Errorf("%s, again %s (%v)", got, again, err)
		}
	})
}
