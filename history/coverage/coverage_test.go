package coverage

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/wattwerk/wattwerk/bus"
	"github.com/wattwerk/wattwerk/catalog"
	"github.com/wattwerk/wattwerk/history"
	"github.com/wattwerk/wattwerk/history/tsdb"
	"github.com/wattwerk/wattwerk/model"
	"github.com/wattwerk/wattwerk/record"
)

const minute record.Millis = 60_000

type plant struct {
	t     testing.TB
	store *tsdb.Store
	mux   *http.ServeMux
	now   record.Millis
}

func start(t testing.TB, d model.Document) *plant {
	t.Helper()
	dir := t.TempDir()
	b, err := bus.Open(t.Context(), bus.Options{Dir: dir, Partitions: 1, MinFree: 1, NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	c := catalog.New(b, nil)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- c.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	<-c.Ready()
	if _, err := c.Commit(t.Context(), catalog.Change{Patch: model.Diff(model.Document{}, d), Who: "ada"}); err != nil {
		t.Fatal(err)
	}
	p := &plant{t: t, mux: http.NewServeMux(), now: record.MillisOf(time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC))}
	if p.store, err = tsdb.Open(tsdb.Options{Dir: dir + "/history", MinFree: 1}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.store.Close(); err != nil {
			t.Error(err)
		}
	})
	h, err := history.New(history.Options{Bus: b, Catalog: c, Store: p.store})
	if err != nil {
		t.Fatal(err)
	}
	Register(humago.New(p.mux, huma.DefaultConfig("test", "1")), h, c, func() time.Time { return p.now.Time() })
	return p
}

// put stores readings of a sensor; NaN is null.
func (p *plant) put(k history.Series, ts []record.Millis, vs []float64) {
	p.t.Helper()
	for i, v := range vs {
		if v != v {
			vs[i] = history.Null
		}
	}
	refs := slices.Repeat(p.store.Refs(nil, []history.Series{k}), len(ts))
	if no, err := p.store.Append(p.t.Context(), refs, nil, ts, vs); err != nil || len(no) > 0 {
		p.t.Fatal(no, err)
	}
}

func (p *plant) get(path string, into any) string {
	p.t.Helper()
	w := httptest.NewRecorder()
	p.mux.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/api/v1/"+path, nil))
	if into != nil {
		if w.Code != http.StatusOK {
			p.t.Fatalf("%s: %d %s", path, w.Code, w.Body)
		}
		if err := json.Unmarshal(w.Body.Bytes(), into); err != nil {
			p.t.Fatalf("%s: %v in %s", path, err, w.Body)
		}
	}
	return fmt.Sprint(w.Code, " ", strings.TrimSpace(w.Body.String()))
}

var document = model.Document{
	Sites: []model.Site{{ID: "kiel", Zone: "Europe/Berlin"}},
	Sensors: []model.Sensor{
		{ID: "a", Name: "Press", Quantity: record.ActivePower, Interval: model.Duration(time.Minute)},
		{ID: "b", Quantity: record.ActivePower, Interval: model.Duration(time.Minute)},
		{ID: "c", Quantity: record.ActivePower, Interval: model.Duration(time.Minute)},
		{ID: "d", Quantity: record.ActivePower, Interval: model.Duration(time.Minute)},
		{ID: "kept", Quantity: record.ActivePower, MaxAge: new(model.Unlimited)},
		{ID: "sum", Quantity: record.ActivePower, Formula: `sensor("a") + sensor("b")`},
		{ID: "temp", Quantity: record.Temperature},
	},
	Groups: []model.Group{
		{ID: "root", Members: []model.Member{{Group: "rack"}, {Sensor: "c"}, {Sensor: "d"}}},
		{ID: "rack", Members: []model.Member{{Sensor: "a"}, {Sensor: "kept"}, {Sensor: "b", Meter: true}, {Sensor: "sum"}}},
	},
	Hierarchies: []model.Hierarchy{{ID: "place", Root: "root"}},
}

func TestGroupTellsWhoSends(t *testing.T) {
	p := start(t, document)
	for id, age := range map[record.SensorID]record.Millis{"a": minute, "b": 2 * minute, "c": 3*minute + 1, "kept": 500 * minute, "sum": minute / 60} {
		p.put(history.RecordsOf(id), []record.Millis{p.now - age}, []float64{1})
	}
	var b GroupBody
	p.get("groups/root/coverage", &b)
	if b.Counts != (CountsBody{Live: 2, Late: 2, Silent: 1, Never: 1}) || b.Total != 6 || b.Hierarchy != "place" || b.At != int64(p.now) || b.Next != "" || len(b.Sensors) != 6 {
		t.Fatalf("got %+v", b)
	}
	want := map[record.SensorID]State{"a": Live, "b": Late, "c": Silent, "d": Never, "kept": Late, "sum": Live}
	for i, s := range b.Sensors {
		if s.State != want[s.Sensor] || i > 0 && b.Sensors[i-1].Sensor >= s.Sensor {
			t.Errorf("%d is %+v", i, s)
		}
	}
	a, meter, d, kept := b.Sensors[0], b.Sensors[1], b.Sensors[3], b.Sensors[4]
	if a.Name != "Press" || a.Group != "rack" || *a.Seen != int64(p.now-minute) || *a.Age != 60 || a.Interval != 60 || *a.MaxAge != 180 || !meter.Meter || d.Name != "d" || d.Seen != nil || d.Age != nil || kept.MaxAge != nil || !b.Sensors[5].Virtual {
		t.Errorf("got %+v", b.Sensors)
	}
	// Page by page, in some states only.
	var found []record.SensorID
	for after := ""; ; {
		var b GroupBody
		p.get("groups/root/coverage?limit=1&state=late,silent,never&after="+after, &b)
		if b.Total != 6 || b.Counts.Live != 2 {
			t.Fatalf("got %+v", b)
		}
		for _, s := range b.Sensors {
			found = append(found, s.Sensor)
		}
		if after = b.Next; after == "" {
			break
		}
	}
	if !slices.Equal(found, []record.SensorID{"b", "c", "d", "kept"}) {
		t.Errorf("found %v", found)
	}
	p.get("groups/rack/coverage?limit=0", &b)
	if b.Total != 4 || b.Counts != (CountsBody{Live: 2, Late: 2}) || len(b.Sensors) != 0 {
		t.Errorf("got %+v", b)
	}
	for path, want := range map[string]string{"groups/none/coverage": "404 ", "groups/root/coverage?limit=1001": "422 ", "groups/root/coverage?state=dead": "422 "} {
		if got := p.get(path, nil); !strings.HasPrefix(got, want) {
			t.Errorf("%s answers %s", path, got)
		}
	}
}

func TestGaps(t *testing.T) {
	p := start(t, document)
	from := p.now - 100*minute
	var ts []record.Millis
	var vs []float64
	for m := record.Millis(0); m < 90; m++ {
		v := 1.
		switch {
		case m >= 20 && m < 30: // a gap of 10 - 2 minutes, as a reading holds for 3
			continue
		case m == 50:
			v = math.NaN() // it was known that there is none
		case m > 50 && m < 60:
			continue
		}
		ts, vs = append(ts, from+m*minute), append(vs, v)
	}
	p.put(history.RecordsOf("a"), ts, vs)
	ask := func(from, to record.Millis, more string) GapsBody {
		var b GapsBody
		p.get(fmt.Sprintf("sensors/a/gaps?from=%d&to=%d%s", from, to, more), &b)
		return b
	}
	b := ask(from-10*minute, p.now+50*minute, "")
	want := []GapBody{
		{From: int64(from + 92*minute), To: int64(p.now), Open: true, Length: int64(8 * minute)},
		{From: int64(from + 50*minute), To: int64(from + 60*minute), Length: int64(10 * minute)},
		{From: int64(from + 22*minute), To: int64(from + 30*minute), Length: int64(8 * minute)},
		{From: int64(from - 10*minute), To: int64(from), Length: int64(10 * minute)},
	}
	if !slices.Equal(b.Gaps, want) || b.Total != 4 || b.Longest != int64(10*minute) || b.Readings != 70 || b.Expected != 110 || b.To != int64(p.now) || *b.MaxAge != 180 || math.Abs(b.Completeness-74./110) > 1e-12 {
		t.Errorf("got %+v", b)
	}
	if b = ask(from-10*minute, p.now, "&longer=500"); b.Total != 2 || b.Gaps[0] != want[1] || b.Longest != int64(10*minute) || math.Abs(b.Completeness-74./110) > 1e-12 {
		t.Errorf("longer ones: %+v", b)
	}
	if b = ask(from-10*minute, p.now, "&limit=1"); b.Total != 4 || len(b.Gaps) != 1 || b.Gaps[0] != want[0] {
		t.Errorf("the newest: %+v", b)
	}
	// What was said before the span holds in it.
	if b = ask(from+20*minute, from+32*minute, ""); b.Total != 1 || b.Gaps[0] != want[2] || b.Readings != 2 {
		t.Errorf("got %+v", b)
	}
	// Of one that holds without end only what is before the first is missing.
	p.put(history.RecordsOf("kept"), []record.Millis{from, from + 80*minute}, []float64{1, 2})
	var k GapsBody
	p.get(fmt.Sprintf("sensors/kept/gaps?from=%d&to=%d", from-minute, p.now), &k)
	if k.Total != 1 || k.Gaps[0].To != int64(from) || k.MaxAge != nil {
		t.Errorf("got %+v", k)
	}
	p.get(fmt.Sprintf("sensors/kept/gaps?from=%d&to=%d", from+minute, p.now), &k)
	if k.Total != 0 || k.Completeness != 1 {
		t.Errorf("got %+v", k)
	}
	for path, want := range map[string]string{
		"sensors/none/gaps":                 "404 ",
		"sensors/a/gaps?from=x":             "from: ",
		"sensors/a/gaps?from=4102444800000": "422 ",
		"sensors/a/gaps?limit=1001":         "422 ",
	} {
		if got := p.get(path, nil); !strings.Contains(got, want) {
			t.Errorf("%s answers %s", path, got)
		}
	}
}

// TestReadings turns pages of readings that come now in seconds, now after days.
func TestReadings(t *testing.T) {
	p := start(t, document)
	random := rand.New(rand.NewPCG(1, 2))
	var ts []record.Millis
	var vs []float64
	at := p.now - 60*24*60*minute
	for i := range 12_000 {
		at += record.Millis(random.IntN(3000) + 1)
		if i%1000 == 0 {
			at += record.Millis(random.IntN(5 * 24 * 60 * 60_000))
		}
		ts, vs = append(ts, at), append(vs, float64(i))
	}
	vs[11_990] = math.NaN()
	p.put(history.RecordsOf("a"), slices.Clone(ts), slices.Clone(vs))
	for _, limit := range []int{1, 1000, 5000} {
		var times []int64
		before := ""
		for len(times) < 12_000 && (limit > 1 || len(times) < 30) {
			var b ReadingsBody
			p.get(fmt.Sprintf("sensors/a/readings?limit=%d&before=%s", limit, before), &b)
			times = append(times, b.T...)
			if b.Unit != "W" || len(b.Value) != len(b.T) || len(b.T) == 0 {
				t.Fatalf("got %+v", b)
			}
			if before = b.Next; before == "" {
				break
			}
		}
		if limit > 1 && len(times) != len(ts) {
			t.Fatalf("pages of %d have %d readings, not %d", limit, len(times), len(ts))
		}
		for i, x := range times {
			if x != int64(ts[len(ts)-1-i]) {
				t.Fatalf("pages of %d: %d is of %d, not %d", limit, i, x, ts[len(ts)-1-i])
			}
		}
	}
	if got := p.get("sensors/a/readings?limit=10", nil); !strings.Contains(got, `11991,null]`) {
		t.Errorf("got %s", got)
	}
	var b ReadingsBody
	if p.get(fmt.Sprintf("sensors/a/readings?before=%d", ts[0]), &b); len(b.T) != 0 || b.Next != "" {
		t.Errorf("before the first: %+v", b)
	}
	if got := p.get("sensors/b/readings", nil); !strings.Contains(got, `"t":[],"value":[]`) {
		t.Errorf("of one without: %s", got)
	}
	if got := p.get("sensors/none/readings", nil); !strings.HasPrefix(got, "404 ") {
		t.Errorf("of none: %s", got)
	}
}

func TestRanges(t *testing.T) {
	p := start(t, document)
	var ts []record.Millis
	var vs, sums []float64
	for m := record.Millis(0); m < 200; m++ {
		ts, vs, sums = append(ts, p.now-200*minute+m*minute), append(vs, float64(m)), append(sums, 10*float64(m))
	}
	p.put(history.RecordsOf("a"), ts, vs)
	p.put(history.RecordsOf("temp"), ts[50:], vs[50:])
	p.put(history.Series{Metric: history.Sum, Hierarchy: "place", Name: "rack"}, ts, sums)
	var b RangesBody
	p.get(fmt.Sprintf("range?sensor=a&sensor=nobody&sensor=temp&group=rack&group=none&from=%d&to=%d&points=20", p.now-200*minute, p.now), &b)
	if len(b.Series) != 5 || b.Step < int64(10*minute) {
		t.Fatalf("got %+v", b)
	}
	for i, x := range b.Series {
		if i == 1 || i == 4 {
			if x.Error == "" || len(x.T) != 0 {
				t.Errorf("of what is not there: %+v", x)
			}
			continue
		}
		for _, at := range x.T {
			if (at-b.Series[0].T[0])%b.Step != 0 {
				t.Errorf("%s has a bucket at %d, steps are %d", x.ID, at, b.Step)
			}
		}
		if x.Error != "" || len(x.T) == 0 || len(x.T) > 21 || len(x.Avg) != len(x.T) {
			t.Errorf("got %+v", x)
		}
	}
	if b.Series[0].Unit != "W" || b.Series[2].Unit != "°C" || b.Series[3].Kind != "group" || b.Series[3].Avg[5] != 10*b.Series[0].Avg[5] {
		t.Errorf("got %+v", b.Series)
	}
	if got := p.get("range?sensor="+strings.Repeat("a&sensor=", 50)+"a", nil); !strings.HasPrefix(got, "422 ") {
		t.Errorf("too many: %s", got)
	}
	if got := p.get("range?points=20000"+strings.Repeat("&sensor=a", 11), nil); !strings.HasPrefix(got, "422 ") {
		t.Errorf("too many: %s", got)
	}
}

// BenchmarkGroup asks of 10,000 sensors who sends.
func BenchmarkGroup(b *testing.B) {
	d := model.Document{Hierarchies: []model.Hierarchy{{ID: "place", Root: "root"}}}
	root := model.Group{ID: "root"}
	for i := range 100 {
		g := model.Group{ID: model.GroupID(fmt.Sprintf("g%02d", i))}
		for j := range 100 {
			id := record.SensorID(fmt.Sprintf("s%02d%02d", i, j))
			d.Sensors = append(d.Sensors, model.Sensor{ID: id, Quantity: record.ActivePower})
			g.Members = append(g.Members, model.Member{Sensor: id})
		}
		d.Groups = append(d.Groups, g)
		root.Members = append(root.Members, model.Member{Group: g.ID})
	}
	d.Groups = append(d.Groups, root)
	p := start(b, d)
	for i, s := range d.Sensors {
		if i%10 > 0 {
			p.put(history.RecordsOf(s.ID), []record.Millis{p.now - record.Millis(i)*1000}, []float64{1})
		}
	}
	for b.Loop() {
		p.get("groups/root/coverage?state=late,silent,never", nil)
	}
}
