package vigil

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/wattwerk/wattwerk/internal/sqldb"
	"github.com/wattwerk/wattwerk/model"
	"github.com/wattwerk/wattwerk/object"
	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/service/book"
	"github.com/wattwerk/wattwerk/service/stand"
)

// begin is when what is measured begins, a Monday.
var begin = record.MillisOf(time.Date(2026, 1, 5, 0, 0, 0, 0, time.UTC))

// office is a history of hours: a week that is much like the one before, but for what is
// put into it.
type office struct {
	settled record.Millis
	of      map[object.ID][]float64
}

func week(seed uint64, hours int) []float64 {
	r := rand.New(rand.NewPCG(seed, 7))
	out := make([]float64, hours)
	for i := range out {
		h := i % 24
		v := 400.0
		if h >= 7 && h < 19 && i/24%7 < 5 {
			v = 1500 + 200*math.Sin(float64(h))
		}
		out[i] = v * (1 + 0.02*r.NormFloat64())
	}
	return out
}

func (o *office) Means(_ context.Context, id object.ID, from, to record.Millis) ([]float64, error) {
	out := make([]float64, (to-from)/stand.Quarter)
	all := o.of[id]
	for i := range out {
		at := from + record.Millis(i)*stand.Quarter
		out[i] = math.NaN()
		if k := int((at - begin) / stand.Hour); at >= begin && at < o.settled && k < len(all) {
			out[i] = all[k]
		}
	}
	return out, nil
}

func (o *office) Settled(context.Context) (record.Millis, error) { return o.settled, nil }

const days = 100

// plant is an office with a meter, two parts of it, a counter, and a sensor that is always
// at nothing.
type plant struct {
	*Watcher
	h        *office
	counters []Reading
	lasting  []string
	url      string
}

func open(t *testing.T) *plant {
	t.Helper()
	m, err := model.New(model.Document{
		Sites: []model.Site{{ID: "kiel", Zone: "UTC"}},
		Sensors: []model.Sensor{
			{ID: "main", Name: "Main", Site: "kiel", Quantity: record.ActivePower}, {ID: "a", Site: "kiel", Quantity: record.ActivePower},
			{ID: "b", Site: "kiel", Quantity: record.ActivePower}, {ID: "off", Site: "kiel", Quantity: record.ActivePower},
			{ID: "meter", Site: "kiel", Quantity: record.Energy, Kind: "counter"},
		},
		Groups:      []model.Group{{ID: "hall", Members: []model.Member{{Sensor: "main", Meter: true}, {Sensor: "a"}, {Sensor: "b"}}}},
		Hierarchies: []model.Hierarchy{{ID: "place", Site: "kiel", Root: "hall"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	w, _ := object.NewWorld(m, nil, nil)
	store, err := book.Open(t.Context(), sqldb.Options{File: filepath.Join(t.TempDir(), "x.db"), NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	a, b := week(1, days*24), week(2, days*24)
	main := make([]float64, len(a))
	for i := range main {
		main[i] = (a[i] + b[i]) * 1.01
	}
	p := &plant{h: &office{of: map[object.ID][]float64{"sensor/main": main, "sensor/a": a, "sensor/b": b, "group/hall": main, "sensor/off": make([]float64, days*24)}}}
	p.Watcher, err = New(Options{
		Store: store, History: p.h, World: func() *object.World { return w }, Model: func() *model.Model { return m }, Clock: func() record.Millis { return p.h.settled + 60_000 },
		Counters: func(yield func(Reading)) {
			for _, x := range p.counters {
				yield(x)
			}
		},
		Tell: func(_ context.Context, lasting []book.Anomaly) error {
			p.lasting = nil
			for _, x := range lasting {
				p.lasting = append(p.lasting, x.Object+" "+x.Kind)
			}
			return nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	p.Register(humago.New(mux, huma.DefaultConfig("test", "1")))
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	p.url = server.URL + "/api/v1/anomalies"
	return p
}

func (p *plant) round(t *testing.T) *Round {
	t.Helper()
	r, err := p.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// until lets time pass up to an hour of a day.
func (p *plant) until(t *testing.T, r *Round, day, hour int) {
	t.Helper()
	p.h.settled = begin + record.Millis(day*24+hour)*stand.Hour
	for more := true; more; {
		var err error
		if more, err = r.Step(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

func (p *plant) found(t *testing.T, query string) (out []string, page AnomalyPage) {
	t.Helper()
	resp, err := http.Get(p.url + query)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(resp.Body).Decode(&page); err != nil || resp.StatusCode != 200 {
		t.Fatal(resp.StatusCode, err)
	}
	for _, a := range page.Anomalies {
		at := record.MillisOf(a.From) - begin
		text := fmt.Sprintf("%s %s from %d:%02d, %d", a.Object, a.Kind, at/day, at%day/stand.Hour, a.Values)
		if a.Lasts {
			text += " lasts"
		}
		out = append(out, text)
	}
	return out, page
}

// spoil puts into the 80th day: a sensor that is stuck for twelve hours, one that is dead
// for three, and a meter that shows too little for two.
func (p *plant) spoil() {
	for i := range 12 {
		k := 80*24 + 8 + i
		p.h.of["sensor/a"][k] = 1555
		p.h.of["sensor/main"][k] = 1.01 * (1555 + p.h.of["sensor/b"][k])
	}
	for i := range 3 {
		p.h.of["sensor/b"][81*24+10+i] = 0
	}
	for i := range 2 {
		p.h.of["sensor/main"][82*24+10+i] *= 0.8
	}
}

// TestWatch looks hour by hour, ends and goes on, and looks at everything at once: what is
// found is the same, and nothing is found twice.
func TestWatch(t *testing.T) {
	want := []string{"group/hall parts from 82:10, 2", "sensor/b zero from 81:10, 3", "sensor/a stuck from 80:08, 11"}
	only := func(all []string) (out []string) { // main is less than ever, too
		for _, x := range all {
			if !strings.Contains(x, "unusual") {
				out = append(out, x)
			}
		}
		return out
	}
	steady := open(t)
	steady.spoil()
	r := steady.round(t)
	steady.until(t, r, 80, 8)
	if _, page := steady.found(t, ""); page.Watch.Objects != 6 || !page.Watch.Able {
		t.Errorf("%+v", page.Watch)
	}
	steady.until(t, r, 80, 15)
	if got, _ := steady.found(t, "?lasts=true"); cmp.Diff(only(got), []string{"sensor/a stuck from 80:08, 6 lasts"}) != "" {
		t.Error(got)
	}
	if cmp.Diff(only(steady.lasting), []string{"sensor/a stuck"}) != "" {
		t.Error("told of", steady.lasting)
	}
	r = steady.round(t) // another process goes on
	for h := 80*24 + 16; h < 84*24; h++ {
		steady.until(t, r, h/24, h%24)
	}
	got, _ := steady.found(t, "")
	if diff := cmp.Diff(only(got), want); diff != "" || len(steady.lasting) != 0 {
		t.Errorf("%s, and %v lasts", diff, steady.lasting)
	}
	once := open(t)
	once.spoil()
	once.until(t, once.round(t), 84, 0)
	all, _ := once.found(t, "")
	if diff := cmp.Diff(only(all), want); diff != "" {
		t.Error("at once:", diff)
	}
	once.until(t, once.round(t), 84, 1)
	if again, _ := once.found(t, ""); cmp.Diff(all, again) != "" {
		t.Error("again:", again)
	}
	// In pages, and of one.
	var paged []string
	for next := ""; ; {
		some, page := once.found(t, "?limit=1&cursor="+url.QueryEscape(next))
		paged = append(paged, some...)
		if next = page.Next; next == "" {
			break
		}
	}
	if diff := cmp.Diff(paged, all); diff != "" {
		t.Error(diff)
	}
	if got, page := once.found(t, "?object=group/hall&kind=parts"); len(got) != 1 || page.Unit != "W" || *page.Anomalies[0].Value <= *page.Anomalies[0].Expected {
		t.Errorf("%v %+v", got, page)
	}
	if got, _ := once.found(t, "?object=sensor/a"); len(only(got)) != 1 {
		t.Error(got)
	}
	if got, _ := once.found(t, "?object=sensor/off&from=2026-02-01T00:00:00Z"); len(got) != 0 {
		t.Error("what was always off is", got)
	}
}

// TestSettledAnew looks at a sensor before what it measured is settled, as it happens when
// the past is imported or settled from now on back: what is found is what would have been
// found otherwise. What is corrected is taken back.
func TestSettledAnew(t *testing.T) {
	of := func(p *plant, query string) []string {
		got, _ := p.found(t, query)
		return slices.DeleteFunc(got, func(x string) bool { return strings.Contains(x, "unusual") })
	}
	p := open(t)
	p.spoil()
	all := maps.Clone(p.h.of)
	good := open(t).h.of
	clear(p.h.of)
	r := p.round(t)
	p.until(t, r, 80, 17)
	if got, page := p.found(t, ""); len(got) != 0 || page.Watch.Objects != 6 {
		t.Fatal(got, page.Watch)
	}
	const stuck = "sensor/a stuck from 80:08, 8 lasts"
	maps.Copy(p.h.of, all)
	p.until(t, r, 80, 17)
	if got := of(p, ""); !slices.Equal(got, []string{stuck}) || !slices.Contains(p.lasting, "sensor/a stuck") {
		t.Error(got, p.lasting)
	}
	p.until(t, r, 82, 13)
	want := []string{"group/hall parts from 82:10, 2 lasts", "sensor/b zero from 81:10, 3", "sensor/a stuck from 80:08, 11"}
	if got := of(p, ""); !slices.Equal(got, want) {
		t.Error(got)
	}
	before := testutil.ToFloat64(p.meter.found.WithLabelValues("parts"))
	p.until(t, r, 82, 13)
	if after := testutil.ToFloat64(p.meter.found.WithLabelValues("parts")); after != before || before != 1 {
		t.Errorf("it was found %v times, and then %v", before, after)
	}
	// Somebody corrects the main meter and what was dead; the stuck one stays.
	p.h.of["sensor/b"] = good["sensor/b"]
	copy(p.h.of["sensor/main"][82*24:], good["sensor/main"][82*24:])
	for range 2 * len(p.h.of) { // one after the other, as nothing was settled anew for long
		p.until(t, r, 82, 13)
	}
	if got := of(p, ""); !slices.Equal(got, want[2:]) || slices.Contains(p.lasting, "group/hall parts") {
		t.Error("corrected:", got, p.lasting)
	}
	// What lasted and began before what was corrected is over when it does not go on.
	late := open(t)
	late.spoil()
	for i := 80*24 + 16; i < 81*24+6; i++ {
		late.h.of["sensor/a"][i] = 1555
	}
	r = late.round(t)
	late.until(t, r, 81, 4)
	if got := of(late, "?object=sensor/a&lasts=true"); !slices.Equal(got, []string{"sensor/a stuck from 80:08, 19 lasts"}) {
		t.Error(got)
	}
	copy(late.h.of["sensor/a"][80*24+20:], good["sensor/a"][80*24+20:])
	late.until(t, r, 81, 4)
	if got, _ := late.found(t, "?kind=stuck"); !slices.Equal(got, []string{"sensor/a stuck from 80:08, 11"}) || slices.Contains(late.lasting, "sensor/a stuck") {
		t.Error("goes on no more:", got, late.lasting)
	}
}

// TestFewFalseAlarms lets 40 undisturbed days pass.
func TestFewFalseAlarms(t *testing.T) {
	p := open(t)
	p.until(t, p.round(t), 60, 0)
	p.until(t, p.round(t), 100, 0)
	got, _ := p.found(t, "?from=2026-01-06T00:00:00Z")
	if n := len(got); n > 5*40/7 {
		t.Errorf("%d false alarms of 5 objects in 40 days: %v", n, got)
	}
}

// TestBackwards looks at a counter as it counts.
func TestBackwards(t *testing.T) {
	p := open(t)
	p.h.settled = begin + 70*day
	r := p.round(t)
	for i, x := range []struct {
		at    int
		value float64
		want  int
	}{{1, 1000, 0}, {2, 1001, 0}, {2, 1001, 0}, {3, 2, 1}, {4, 3, 1}, {5, math.NaN(), 1}, {6, 4, 1}} {
		p.counters = []Reading{{"sensor/meter", p.h.settled + record.Millis(x.at)*1000, x.value}}
		if _, err := r.Step(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got, page := p.found(t, "?kind=backwards"); len(got) != x.want || x.want > 0 && (*page.Anomalies[0].Value != 2 || *page.Anomalies[0].Expected != 1001 || page.Anomalies[0].Unit != "Wh") {
			t.Errorf("%d: %v", i, got)
		}
	}
	if cmp.Diff(p.lasting, []string{"sensor/meter backwards"}) != "" {
		t.Error(p.lasting)
	}
	p.h.settled += 2 * stand.Hour
	if _, err := r.Step(t.Context()); err != nil || len(p.lasting) != 0 {
		t.Error(p.lasting, err)
	}
}

func TestSentence(t *testing.T) {
	a := &book.Anomaly{Object: "sensor/a", Kind: "stuck", Began: begin, Value: new(12.5), Expected: new(9.0)}
	if got, want := Sentence(a), "sensor/a since 2026-01-05 00:00Z: one value for too long, 12.5 instead of about 9"; got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
}
