package titan

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/wattwerk/wattwerk/record"
)

var (
	server1   = Series{Sensor: "server1"}
	comcenter = Series{Hierarchy: "place", Group: "comcenter"}
)

// filled has what the examples of Titan's own interface description have.
func filled(t *testing.T) *plant {
	p := newPlant(t)
	p.values[server1] = []sample{
		{1529495701000, 121.22001042992338}, {1529495702000, math.NaN()}, {1529495703000, 100}, {1529495704000, 200}, {1529495705000, 150},
	}
	p.values[comcenter] = []sample{{1529495700000, 20}, {1529495701000, 33.709002}, {1529495702000, math.NaN()}, {1529495703000, 1e7}}
	p.counts[comcenter] = []sample{{1529495700000, 1}, {1529495701000, 2}, {1529495702000, 0}, {1529495703000, 4}}
	return p
}

// TestRecords holds records, restrictions and figures to what Titan answers.
func TestRecords(t *testing.T) {
	p := filled(t)
	p.sending = []string{"server1", "press", "counter", `a"<b`}
	p.values[Series{Sensor: "hall/count"}] = []sample{{1, 7}}
	raw := func(ms int, value string) string {
		return fmt.Sprintf(`{"identifier":"server1","timestamp":15294957%05d,"valueInW":%s}`, ms, value)
	}
	first := raw(1000, "121.22001042992338")
	for _, c := range []struct{ about, path, want string }{
		{"the list of a kind: what has records, unlike Titan's in order", "raw", `["a\"\u003cb","press","server1"]`},
		{"groups that stand in a hierarchy of powers", "aggregated", `["comcenter","cooling","root","void"]`},
		{"windows have both", "windowed/hourly", `["a\"\u003cb","comcenter","cooling","press","root","server1","void"]`},
		{"the windows there are", "windowed", `["minutely","hourly","daily","monthly"]`},
		{"a slash at the end", "windowed/", `["minutely","hourly","daily","monthly"]`},
		{"records in order of time, without null", "raw/server1", "[" + first + "," + raw(3000, "100.0") + "," + raw(4000, "200.0") + "," + raw(5000, "150.0") + "]"},
		{"from is inclusive", "raw/server1?from=1529495705000", "[" + raw(5000, "150.0") + "]"},
		{"to is inclusive", "raw/server1?to=1529495701000", "[" + first + "]"},
		{"after is not", "raw/server1?after=1529495704000", "[" + raw(5000, "150.0") + "]"},
		{"after holds when it is not before from", "raw/server1?from=1529495704000&after=1529495704000", "[" + raw(5000, "150.0") + "]"},
		{"from holds when it is after after", "raw/server1?from=1529495704000&after=1529495700000", "[" + raw(4000, "200.0") + "," + raw(5000, "150.0") + "]"},
		{"nothing in between", "raw/server1?from=2&to=1", "[]"},
		{"times before 1970 and after 2100", "raw/server1?from=-9000000000000000000&to=9223372036854775807", "[" + first + "," + raw(3000, "100.0") + "," + raw(4000, "200.0") + "," + raw(5000, "150.0") + "]"},
		{"the latest is one, in an array", "raw/server1/latest", "[" + raw(5000, "150.0") + "]"},
		{"the latest are newest first", "raw/server1/latest?count=3", "[" + raw(5000, "150.0") + "," + raw(4000, "200.0") + "," + raw(3000, "100.0") + "]"},
		{"the latest at a time", "raw/server1/latest?to=1529495702500", "[" + first + "]"},
		{"of more than there are, all", "raw/server1/latest?count=9&from=1529495704000", "[" + raw(5000, "150.0") + "," + raw(4000, "200.0") + "]"},
		{"what is no number is the default", "raw/server1/latest?count=many", "[" + raw(5000, "150.0") + "]"},
		{"of nobody there are none", "raw/nobody", "[]"},
		{"nor a latest", "raw/nobody/latest?count=7", "[]"},
		{"what measures something else is not there", "raw/counter", "[]"},
		{"identifiers may have slashes", "raw/roof/pv/latest", "[]"},
		{"which may be written otherwise", "raw/hall%2Fcount", `[{"identifier":"hall/count","timestamp":1,"valueInW":7.0}]`},
		{"before a question, too", "raw/hall%2Fcount/count/", "1"},
		{"and are a question else", "raw/hall/count", "0"},
		{"a question may be an identifier", "raw/latest", "[]"},
		{"groups", "aggregated/comcenter/latest?to=1529495701000", `[{"identifier":"comcenter","timestamp":1529495701000,"count":2,"sumInW":33.709002,"averageInW":16.854501}]`},
		{
			"groups in order of time", "aggregated/comcenter",
			`[{"identifier":"comcenter","timestamp":1529495700000,"count":1,"sumInW":20.0,"averageInW":20.0},{"identifier":"comcenter","timestamp":1529495701000,"count":2,"sumInW":33.709002,"averageInW":16.854501},{"identifier":"comcenter","timestamp":1529495703000,"count":4,"sumInW":1.0E7,"averageInW":2500000.0}]`,
		},
		{"groups newest first", "aggregated/comcenter/latest?count=2&to=1529495702000", `[{"identifier":"comcenter","timestamp":1529495701000,"count":2,"sumInW":33.709002,"averageInW":16.854501},{"identifier":"comcenter","timestamp":1529495700000,"count":1,"sumInW":20.0,"averageInW":20.0}]`},
		{"a group is no sensor", "raw/comcenter", "[]"},
		{"a sensor is no group", "aggregated/server1", "[]"},
		{"a group of nothing", "aggregated/loose", "[]"},
		{"a bare number", "raw/server1/count", "4"},
		{"of a part", "raw/server1/count?after=1529495703000", "2"},
		{"of nobody", "raw/nobody/count", "0"},
		{"a bare number with a point", "raw/server1/trend?pointsToSmooth=1&after=1529495703000", "0.75"},
		{"the newest over the oldest", "raw/server1/trend?pointsToSmooth=2", strconv.FormatFloat(175/((121.22001042992338+100)/2), 'f', -1, 64)},
		{"more points than there are", "raw/server1/trend", "1.0"},
		{"without data", "raw/server1/trend?after=1529495705000", "-1.0"},
		{"of nobody", "aggregated/nobody/trend", "-1.0"},
		{"buckets", "raw/server1/distribution?from=1529495703000&buckets=2", `[{"lower":100.0,"upper":150.0,"elements":1},{"lower":150.0,"upper":200.0,"elements":2}]`},
		{"four without a number", "raw/server1/distribution?from=1529495703000&buckets=x", `[{"lower":100.0,"upper":125.0,"elements":1},{"lower":125.0,"upper":150.0,"elements":0},{"lower":150.0,"upper":175.0,"elements":1},{"lower":175.0,"upper":200.0,"elements":1}]`},
		{"the parameter is not bucket", "raw/server1/distribution?from=1529495703000&to=1529495703000&bucket=1", `[{"lower":100.0,"upper":100.0,"elements":1},{"lower":100.0,"upper":100.0,"elements":0},{"lower":100.0,"upper":100.0,"elements":0},{"lower":100.0,"upper":100.0,"elements":0}]`},
		{"of nothing", "raw/server1/distribution?after=1529495705000", "[]"},
		{"of sums", "aggregated/comcenter/distribution?to=1529495701000&buckets=1", `[{"lower":20.0,"upper":33.709002,"elements":2}]`},
	} {
		t.Run(c.about, func(t *testing.T) {
			if code, body := p.call(t, "GET", HistoryPath+"/"+c.path, ""); code != 200 || body != c.want {
				t.Errorf("%s answers %d\n%s, not\n%s", c.path, code, body, c.want)
			}
		})
	}
}

// TestSeen leaves out what is in no model and was seen as something other than
// power: volts and counters are no watts.
func TestSeen(t *testing.T) {
	p := newPlant(t)
	p.sending = []string{"volt1", "enc1", "press", "forklift"}
	p.quantity = map[record.SensorID]record.Quantity{"volt1": record.Voltage, "enc1": record.Energy, "press": record.ActivePower}
	for _, id := range []record.SensorID{"volt1", "enc1", "press", "forklift"} {
		p.values[Series{Sensor: id}] = []sample{{1602057540000, 230}}
	}
	p.scores = []Deviation{{1602057540000, 230, 1}}
	for path, want := range map[string]string{"/raw": `["forklift","press"]`, "/windowed/daily": `["comcenter","cooling","forklift","press","root","void"]`} {
		if code, body := p.call(t, "GET", HistoryPath+path, ""); code != 200 || body != want {
			t.Errorf("%s answers %d %s, not %s", path, code, body, want)
		}
	}
	for _, path := range []string{
		"/api/active-power/raw/%s", "/api/active-power/raw/%s/latest", "/api/active-power/raw/%s/distribution", "/api/active-power/windowed/minutely/%s",
		"/api/active-power/windowed/daily/%s/latest", "/api/active-power/windowed/hourly/%s/distribution", "/api/stats/sensor/%s/hour-of-day", "/api/anomalies/%s",
	} {
		for id, there := range map[string]bool{"volt1": false, "enc1": false, "press": true, "forklift": true} {
			if code, body := p.call(t, "GET", fmt.Sprintf(path, id), ""); code != 200 || body == "[]" == there {
				t.Errorf(path+" answers %d %s", id, code, body)
			}
		}
	}
	if _, body := p.call(t, "GET", "/api/active-power/raw/volt1/count", ""); body != "0" {
		t.Errorf("of volts there are %s", body)
	}
}

// TestRefusals has errors as problem details where Titan has pages of HTML.
func TestRefusals(t *testing.T) {
	p := filled(t)
	for path, want := range map[string]int{
		"/api/active-power/raw/server1?from=yesterday":                    400, // Titan: 500
		"/api/active-power/raw/server1/latest?to=1.5":                     400,
		"/api/active-power/raw/server1/latest?count=0":                    400,
		"/api/active-power/raw/server1/latest?count=100001":               400,
		"/api/active-power/raw/server1/latest?count=99999999999999999999": 400,
		"/api/active-power/raw/server1/distribution?buckets=-1":           400,
		"/api/active-power/raw/server1/distribution?buckets=10001":        400,
		"/api/active-power/raw/server1/trend?pointsToSmooth=0":            400,
		"/api/active-power/":                        404,
		"/api/active-power/cooked":                  404,
		"/api/active-power/windowed/yearly":         404,
		"/api/active-power/windowed/yearly/server1": 404,
		"/api/stats/":                               404,
		"/api/stats/interval/month-of-year":         404,
		"/api/stats/sensor/server1/month-of-year":   404,
		"/api/stats/sensor/hour-of-day":             404,
		"/api/stats/sensor/server1/hour-of-day?intervalStart=2020-09-18&intervalEnd=2021-09-18":                     400, // Titan: 500
		"/api/stats/sensor/server1/hour-of-day?intervalStart=1980-09-18T00:00:00Z&intervalEnd=2021-09-18T00:00:00Z": 400,
		"/api/anomalies/":                    404,
		"/api/anomalies/server1?from=x":      400, // Titan: 500
		"/api/anomalies/server1?from=0&to=9": 200,
		"/api/anomalies/server1?from=0":      400,
		"/api/sensor-hierarchy/nobody":       404, // Titan: 400 without a body
		"/api/sensor-hierarchy/comcenter":    404, // it is within one
		"/api/sensor-hierarchy/energies":     404,
	} {
		code, body := p.call(t, "GET", path, "")
		var details struct{ Detail string }
		if err := json.Unmarshal([]byte(body), &details); code != want || want != 200 && (err != nil || details.Detail == "") {
			t.Errorf("%s answers %d %s, not %d", path, code, body, want)
		}
	}
	for _, c := range []struct{ method, path, allow string }{
		{"POST", "/api/active-power/raw", "GET, HEAD"}, {"DELETE", "/api/stats/interval/hour-of-day", "GET, HEAD"}, {"PUT", "/api/anomalies/server1", "GET, HEAD"},
		{"PUT", "/api/sensor-hierarchy", "POST"}, {"POST", "/api/sensor-hierarchy/root", "PUT, DELETE"},
	} {
		if code, body := p.call(t, c.method, c.path, ""); code != 405 || !strings.Contains(body, c.allow) {
			t.Errorf("%s %s answers %d %s", c.method, c.path, code, body)
		}
	}
}

// TestTooMany bounds an answer.
func TestTooMany(t *testing.T) {
	p := newPlant(t)
	for i := range most + 1 {
		p.values[server1] = append(p.values[server1], sample{int64(i), 1})
	}
	if code, body := p.call(t, "GET", "/api/active-power/raw/server1", ""); code != 400 || !strings.Contains(body, "shorter") {
		t.Errorf("answers %d %.200s", code, body)
	}
	if code, body := p.call(t, "GET", "/api/active-power/raw/server1/latest?count=2", ""); code != 200 || strings.Count(body, "timestamp") != 2 {
		t.Errorf("answers %d %s", code, body)
	}
}

// TestWindows has windows of both kinds of sensors, of the clock of UTC and of the
// calendar of the site.
func TestWindows(t *testing.T) {
	p := newPlant(t)
	at := func(text string) int64 {
		x, err := time.Parse(time.RFC3339, text)
		if err != nil {
			t.Fatal(err)
		}
		return x.UnixMilli()
	}
	p.values[server1] = []sample{
		{at("2020-10-07T06:54:30Z"), 1}, {at("2020-10-07T06:55:00Z"), 10}, {at("2020-10-07T06:55:59Z"), 20}, {at("2020-10-07T06:56:30Z"), math.NaN()},
		{at("2020-10-07T06:59:59Z"), 1e9 + 1}, {at("2020-10-07T07:00:00Z"), 1e9 + 3}, {at("2020-10-07T07:30:00Z"), 1e9 + 1},
		{at("2020-10-24T21:59:59Z"), 5}, {at("2020-10-24T22:00:00Z"), 7}, {at("2020-10-25T22:59:59Z"), 9}, {at("2020-10-31T23:00:00Z"), 11},
	}
	p.values[Series{Sensor: "server2"}] = []sample{
		{at("2020-03-28T23:00:00Z"), 1}, {at("2020-03-29T21:59:59Z"), 3}, {at("2020-03-29T22:00:00Z"), 5}, {at("2020-03-31T22:00:00Z"), 7},
	}
	p.values[comcenter] = []sample{{at("2020-10-07T06:55:00Z"), 4}}
	p.now = time.Date(2020, 11, 2, 0, 0, 0, 0, time.UTC)
	ask := func(path string) string {
		t.Helper()
		code, body := p.call(t, "GET", "/api/active-power/windowed/"+path, "")
		if code != 200 {
			t.Fatalf("%s answers %d %s", path, code, body)
		}
		return body
	}
	one := func(id, from, to string, count int, mean, variance, low, high string) string {
		return fmt.Sprintf(`{"identifier":%q,"startTimestamp":%d,"endTimestamp":%d,"count":%d,"mean":%s,"populationVariance":%s,"min":%s,"max":%s}`,
			id, at(from), at(to), count, mean, variance, low, high)
	}
	minute := one("server1", "2020-10-07T06:55:00Z", "2020-10-07T06:56:00Z", 2, "15.0", "25.0", "10.0", "20.0")
	hour := one("server1", "2020-10-07T07:00:00Z", "2020-10-07T08:00:00Z", 2, "1.000000002E9", "1.0", "1.000000001E9", "1.000000003E9")
	// The day on which the clock is put back has 25 hours, that on which it is put forward 23.
	day := one("server1", "2020-10-24T22:00:00Z", "2020-10-25T23:00:00Z", 2, "8.0", "1.0", "7.0", "9.0")
	short := one("server2", "2020-03-28T23:00:00Z", "2020-03-29T22:00:00Z", 2, "2.0", "1.0", "1.0", "3.0")
	march := one("server2", "2020-02-29T23:00:00Z", "2020-03-31T22:00:00Z", 3, "3.0", "2.6666666666666665", "1.0", "5.0")
	last := one("server1", "2020-10-31T23:00:00Z", "2020-11-30T23:00:00Z", 1, "11.0", "0.0", "11.0", "11.0")
	for _, c := range []struct{ path, want string }{
		{fmt.Sprintf("minutely/server1?from=%d&to=%d", at("2020-10-07T06:55:00Z"), at("2020-10-07T06:58:00Z")), "[" + minute + "]"},
		// A window is in a span when it begins there, and is whole then.
		{fmt.Sprintf("minutely/server1?from=%d&to=%d", at("2020-10-07T06:54:01Z"), at("2020-10-07T06:55:00Z")), "[" + minute + "]"},
		{fmt.Sprintf("minutely/server1?after=%d&to=%d", at("2020-10-07T06:55:00Z"), at("2020-10-07T06:56:30Z")), "[]"},
		{fmt.Sprintf("minutely/comcenter?from=%d", at("2020-10-07T06:00:00Z")), "[" + one("comcenter", "2020-10-07T06:55:00Z", "2020-10-07T06:56:00Z", 1, "4.0", "0.0", "4.0", "4.0") + "]"},
		{fmt.Sprintf("hourly/server1?after=%d&to=%d", at("2020-10-07T06:00:00Z"), at("2020-10-07T07:00:00Z")), "[" + hour + "]"},
		{fmt.Sprintf("daily/server1?from=%d&to=%d", at("2020-10-24T22:00:00Z"), at("2020-10-25T00:00:00Z")), "[" + day + "]"},
		{fmt.Sprintf("daily/server2?to=%d", at("2020-03-29T21:59:59Z")), "[" + short + "]"},
		{fmt.Sprintf("monthly/server2?from=%d&to=%d", at("2020-02-29T23:00:00Z"), at("2020-03-31T22:00:00Z")-1), "[" + march + "]"},
		{fmt.Sprintf("monthly/server2?after=%d", at("2020-02-29T23:00:00Z")), "[" + one("server2", "2020-03-31T22:00:00Z", "2020-04-30T22:00:00Z", 1, "7.0", "0.0", "7.0", "7.0") + "]"},
		{fmt.Sprintf("monthly/server2/latest?after=%d", at("2020-03-31T22:00:00Z")), "[]"},
		{"monthly/server1/latest", "[" + last + "]"},
		{"daily/server1/latest?count=2&to=" + fmt.Sprint(at("2020-10-30T00:00:00Z")), "[" + day + "," + one("server1", "2020-10-23T22:00:00Z", "2020-10-24T22:00:00Z", 1, "5.0", "0.0", "5.0", "5.0") + "]"},
		{"monthly/server1/count", "2"},
		{fmt.Sprintf("hourly/server1/trend?after=%d&pointsToSmooth=1", at("2020-10-07T07:00:00Z")), "2.2"},
		{fmt.Sprintf("daily/server1/distribution?from=%d&buckets=1", at("2020-10-23T22:00:00Z")), `[{"lower":5.0,"upper":11.0,"elements":3}]`},
		{"hourly/nobody", "[]"},
		{"hourly/server1?from=9", ""},
	} {
		if got := ask(c.path); c.want != "" && got != c.want {
			t.Errorf("%s:\n%s, not\n%s", c.path, got, c.want)
		}
	}
}

// TestDoubles writes numbers as Java does.
func TestDoubles(t *testing.T) {
	for v, want := range map[float64]string{
		0: "0.0", 1: "1.0", -1: "-1.0", 0.1: "0.1", 0.001: "0.001", 0.00012: "1.2E-4", 1234567: "1234567.0", 9999999.5: "9999999.5", 1e7: "1.0E7",
		-12345678.9: "-1.23456789E7", 5e-324: "5.0E-324", math.MaxFloat64: "1.7976931348623157E308", math.Copysign(0, -1): "0.0",
	} {
		if v == 0 && math.Signbit(v) {
			continue
		}
		if got := string(appendDouble(nil, v)); got != want {
			t.Errorf("%v is written %s, not %s", v, got, want)
		}
		var back float64
		if err := json.Unmarshal(appendDouble(nil, v), &back); err != nil || back != v {
			t.Errorf("%v comes back as %v: %v", v, back, err)
		}
	}
}

// TestLast finds the newest however far back they are.
func TestLast(t *testing.T) {
	p := newPlant(t)
	now := p.now.UnixMilli()
	const day = 24 * 3_600_000
	p.values[server1] = []sample{{1, 1}, {now - 900*day, 2}, {now - day, 3}, {now - 1, 4}, {now + 3_600_000, 5}}
	h := &history{HistoryOptions{Readings: p, Now: func() time.Time { return p.now }}}
	for _, c := range []struct {
		from, to record.Millis
		n        int
		want     string
	}{
		{0, record.MaxTime, 1, "[5]"}, {0, record.MaxTime, 5, "[1 2 3 4 5]"}, {0, record.MaxTime, 9, "[1 2 3 4 5]"}, {0, record.Millis(now), 2, "[3 4]"},
		{2, record.Millis(now - 2*day), 2, "[2]"}, {2, 3, 2, "[]"}, {5, 3, 2, "[]"}, {0, record.Millis(now - 899*day), 1, "[2]"}, {1, 1, 1, "[1]"},
	} {
		_, got, err := h.last(context.Background(), h.values(server1), during{c.from, c.to}, c.n)
		if err != nil || fmt.Sprint(got) != c.want {
			t.Errorf("the last %d from %d to %d are %v, not %s; %v", c.n, c.from, c.to, got, c.want, err)
		}
	}
}
