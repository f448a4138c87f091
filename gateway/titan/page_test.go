package titan

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/wattwerk/wattwerk/record"
)

// sends is a request that Titan's page sends, and what it reads of the answer.
type sends struct {
	view, path string
	reads      string // fields of each record; "number", "names", or "" for the hierarchy
	records    int    // at least
}

// pageSends are the requests of a run of Titan's page, view by view, as they were
// recorded, with a few that stand in its source and were not met; times are counted
// from the time of the run: {-10h} is ten hours before. The page asks for `root` by
// that name only once.
var pageSends = []sends{
	{"start", "/api/sensor-hierarchy/root", "", 1},

	{"dashboard, a group", "/api/active-power/aggregated/root/trend?after={-1h}", "number", 0},
	{"dashboard, a group", "/api/active-power/aggregated/root/trend?after={-24h}", "number", 0},
	{"dashboard, a group", "/api/active-power/aggregated/root/trend?after={-168h}", "number", 0},
	{"dashboard, a group", "/api/active-power/windowed", "names", 2},
	{"dashboard, a group", "/api/active-power/windowed/minutely/root?from={-10h}&to={0s}", "startTimestamp mean", 600},
	{"dashboard, every 5 s", "/api/active-power/windowed/minutely/root?from={-60s}&to={5s}", "startTimestamp mean", 1},
	{"dashboard, a group", "/api/active-power/aggregated/root/distribution?after={-10000s}&to={0s}&buckets=64", "lower upper elements", 64},
	{"dashboard, a group", "/api/active-power/aggregated/comcenter/latest?to={0s}", "sumInW", 1},
	{"dashboard, a group", "/api/active-power/raw/server1/latest?to={0s}", "valueInW", 1},
	{"dashboard, a group", "/api/stats/interval/day-of-week", "intervalStart intervalEnd", 1},
	{"dashboard, a group", "/api/stats/interval/hour-of-day", "intervalStart intervalEnd", 1},
	{"dashboard, a group", "/api/stats/interval/hour-of-week", "intervalStart intervalEnd", 1},
	{"dashboard, a group", "/api/stats/sensor/root/day-of-week?intervalStart={start}&intervalEnd={end}", "dayOfWeek min mean max periodStart periodEnd", 6},
	{"dashboard, a group", "/api/stats/sensor/root/hour-of-day?intervalStart={start}&intervalEnd={end}", "hourOfDay min mean max periodStart periodEnd", 23},
	{"dashboard, a group", "/api/stats/sensor/root/hour-of-week?intervalStart={start}&intervalEnd={end}", "dayOfWeek hourOfDay mean periodStart periodEnd", 167},
	{"dashboard, a group", "/api/stats/sensor/comcenter/hour-of-day?intervalStart={start}&intervalEnd={end}", "hourOfDay mean periodStart periodEnd", 23},

	{"details, a sensor", "/api/active-power/raw/server1/trend?after={-1h}", "number", 0},
	{"details, a sensor", "/api/active-power/windowed/minutely/server1?from={-10h}&to={0s}", "startTimestamp mean", 600},
	{"details, a sensor", "/api/active-power/raw/server1/distribution?after={-10000s}&to={0s}&buckets=64", "lower upper elements", 64},
	{"details, a sensor", "/api/active-power/raw/server1/latest?to={0s}", "valueInW", 1},
	{"details, a sensor", "/api/active-power/aggregated/comcenter/latest?to={0s}", "sumInW", 1},
	{"details, a sensor", "/api/stats/sensor/server1/day-of-week?intervalStart={start}&intervalEnd={end}", "dayOfWeek min mean max periodStart periodEnd", 6},

	// A plot that is zoomed asks for three times what it shows, also of the future.
	{"zoomed in", "/api/active-power/raw/server1?from={-10m}&to={5m}", "timestamp valueInW", 600},
	{"zoomed in", "/api/active-power/aggregated/root?from={-10m}&to={5m}", "timestamp sumInW", 600},
	{"zoomed out", "/api/active-power/windowed/hourly/root?from={-48h}&to={30h}", "startTimestamp mean", 47},
	{"zoomed out", "/api/active-power/windowed/monthly/root?from={-1400h}&to={1400h}", "startTimestamp mean", 1},
	{"zoomed out far", "/api/active-power/windowed/monthly/root?from=-3250272000000&to=8500000000000", "startTimestamp mean", 1},

	{"comparison", "/api/active-power/aggregated/root?from={-168h}&to={0s}", "timestamp sumInW", 604_801},
	{"comparison", "/api/active-power/raw/server1?from={-168h}&to={0s}", "timestamp valueInW", 604_801},
	{"comparison, minutely", "/api/active-power/windowed/minutely/server1?from={-168h}&to={0s}", "startTimestamp mean", 10_080},
	{"comparison, hourly", "/api/active-power/windowed/hourly/root?from={-168h}&to={0s}", "startTimestamp mean", 168},
	{"comparison, daily", "/api/active-power/windowed/daily/root?from={-168h}&to={0s}", "startTimestamp mean", 7},
	{"comparison, monthly", "/api/active-power/windowed/monthly/root?from={-720h}&to={0s}", "startTimestamp mean", 1},

	{"anomalies", "/api/anomalies/root?from={-1h}&to={0s}", "timestamp valueInW anomalyScore", 1},
	{"anomalies, zoomed out", "/api/anomalies/root?from={-73h}&to={73h}", "timestamp valueInW anomalyScore", 2},

	{"sensor management", "/api/sensor-hierarchy/root", "", 1},
	{"sensor management", "/api/active-power/raw", "names", 2},
}

// TestPage answers every request of Titan's page with what the page reads, and
// with as much as there is: nothing is refused, no chart is empty.
func TestPage(t *testing.T) {
	p := newPlant(t)
	p.sending = []string{"server1", "press"}
	now := p.now.UnixMilli()
	whole := Series{Hierarchy: "place", Group: "root"}
	const week = 7*24*3600 + 600 // s
	all := make([]sample, 0, week+1)
	four := make([]sample, 0, week+1)
	for at := now - week*1000; at <= now; at += 1000 {
		all, four = append(all, sample{at, 100 + math.Mod(float64(at/1000), 97)}), append(four, sample{at, 4})
	}
	for _, s := range []Series{server1, comcenter, whole} {
		p.values[s], p.counts[s] = all, four
	}
	p.scores = []Deviation{{record.Millis(now - 50*3_600_000), 250, 4.2}, {record.Millis(now - 1_800_000), 100, -0.5}}

	for _, c := range pageSends {
		t.Run(c.view+" "+c.path, func(t *testing.T) {
			path := p.fill(t, c.path)
			code, body := p.call(t, "GET", path, "")
			if code != 200 {
				t.Fatalf("%s answers %d %s", path, code, body)
			}
			read(t, c, []byte(body))
		})
	}
}

// fill puts times in the place of those in braces, and the interval of statistics
// that the page picks: the first that has not ended, with its instants as luxon
// writes them.
func (p *plant) fill(t *testing.T, path string) string {
	t.Helper()
	for strings.Contains(path, "{") {
		before, rest, _ := strings.Cut(path, "{")
		name, after, _ := strings.Cut(rest, "}")
		var put string
		switch name {
		case "start", "end":
			put = p.picked(t)[map[string]int{"start": 0, "end": 1}[name]]
		default:
			d, err := time.ParseDuration(name)
			if err != nil {
				t.Fatal(err)
			}
			put = fmt.Sprint(p.now.Add(d).UnixMilli())
		}
		path = before + put + after
	}
	return path
}

func (p *plant) picked(t *testing.T) [2]string {
	t.Helper()
	var all []struct{ IntervalStart, IntervalEnd time.Time }
	if _, body := p.call(t, "GET", "/api/stats/interval/hour-of-day", ""); json.Unmarshal([]byte(body), &all) != nil {
		t.Fatalf("intervals are %s", body)
	}
	for _, x := range all {
		if !x.IntervalEnd.Before(p.now) {
			return [2]string{x.IntervalStart.UTC().Format("2006-01-02T15:04:05Z"), x.IntervalEnd.UTC().Format("2006-01-02T15:04:05Z")}
		}
	}
	t.Fatal("every interval has ended")
	return [2]string{}
}

// read takes of an answer what the page takes.
func read(t *testing.T, c sends, body []byte) {
	t.Helper()
	var of any
	switch c.reads {
	case "number":
		of = new(float64)
	case "names":
		of = new([]string)
	case "":
		of = new(node)
	default:
		if n := bytes.Count(body, []byte(`{"identifier":`)); n > 20_000 { // as many as these are looked at by their ends
			if n < c.records {
				t.Errorf("%d records are fewer than %d", n, c.records)
			}
			head, tail := bytes.IndexByte(body, '}')+1, bytes.LastIndexByte(body, '{')
			body, c.records = slices.Concat(body[:head], []byte{','}, body[tail:]), 2
		}
		of = new([]map[string]any)
	}
	if err := json.Unmarshal(body, of); err != nil {
		t.Fatalf("the answer is no %T: %v; %.300s", of, err, body)
	}
	switch of := of.(type) {
	case *[]string:
		if len(*of) < c.records {
			t.Errorf("%v are fewer than %d", *of, c.records)
		}
	case *node:
		if of.Children == nil || len(*of.Children) < c.records || of.Name == "" {
			t.Errorf("the hierarchy is %s", body)
		}
	case *[]map[string]any:
		if len(*of) < c.records {
			t.Fatalf("%d records are fewer than %d: %.300s", len(*of), c.records, body)
		}
		fields := strings.Fields(c.reads)
		for i, x := range *of {
			if at := slices.IndexFunc(fields, func(f string) bool { return !readable(f, x[f]) }); at >= 0 {
				t.Fatalf("record %d has %s %v: %v", i, fields[at], x[fields[at]], x)
			}
		}
	}
}

// readable tells whether the page can make something of a field: instants are
// text, all else is numbers.
func readable(field string, v any) bool {
	if strings.HasPrefix(field, "interval") {
		s, ok := v.(string)
		_, err := time.Parse(time.RFC3339, s)
		return ok && err == nil
	}
	_, ok := v.(float64)
	return ok
}

// TestPageSaves has what the page sends when a new group is dragged into the
// hierarchy and a sensor to another place: the tree as one line, called a form.
func TestPageSaves(t *testing.T) {
	p := newPlant(t)
	_, is := p.call(t, "GET", "/api/sensor-hierarchy/root", "")
	body := strings.Replace(is, `{"identifier":"server1","name":"Server 1"},`, `{"identifier":"guest-group","name":"Guest Group","children":[]},`, 1)
	body = strings.Replace(body, `"children":[{"identifier":"fan1"`, `"children":[{"identifier":"server1","name":"Server 1"},{"identifier":"fan1"`, 1)
	if code, answer := p.put(t, "root", body); code != 200 || answer != "" {
		t.Fatalf("answers %d %s", code, answer)
	}
	if got := p.members(t, "cooling") + "; " + p.members(t, "comcenter") + "; " + p.members(t, "guest-group"); got != "server1 fan1; guest-group server2 server3; " {
		t.Errorf("groups have %s", got)
	}
	if _, again := p.call(t, "GET", "/api/sensor-hierarchy/root", ""); again != body {
		t.Errorf("reads\n%s, not\n%s", again, body)
	}
	// What it shows of a refusal is the first of the collisions.
	var refused struct{ Collisions []string }
	code, answer := p.put(t, "root", strings.Replace(body, `{"identifier":"server2"`, `{"identifier":"main","name":""},{"identifier":"server2"`, 1))
	if err := json.Unmarshal([]byte(answer), &refused); err != nil || code != 409 || !slices.Equal(refused.Collisions, []string{"main"}) {
		t.Errorf("answers %d %s", code, answer)
	}
}
