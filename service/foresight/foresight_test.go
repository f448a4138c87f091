package foresight

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/wattwerk/wattwerk/internal/replay"
	"github.com/wattwerk/wattwerk/internal/sqldb"
	"github.com/wattwerk/wattwerk/model"
	"github.com/wattwerk/wattwerk/object"
	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/service/book"
	"github.com/wattwerk/wattwerk/service/stand"
	"github.com/wattwerk/wattwerk/window"
)

// measured is a history: the load of a measured home, of every object but those that say
// nothing, from a time on.
type measured struct {
	from, settled record.Millis
	values        []float64 // by hours
	asked         int
}

func (m *measured) Means(_ context.Context, id object.ID, from, to record.Millis) ([]float64, error) {
	m.asked++
	out := make([]float64, (to-from)/stand.Quarter)
	for i := range out {
		at := from + record.Millis(i)*stand.Quarter
		out[i] = math.NaN()
		if k := int((at - m.from) / stand.Hour); id != "sensor/silent" && at >= m.from && at < m.settled && k < len(m.values) {
			out[i] = m.values[k]
		}
	}
	return out, nil
}

func (m *measured) Settled(context.Context) (record.Millis, error) { return m.settled, nil }

// desk is a keeper with its doors, and a clock that is set.
type desk struct {
	t    *testing.T
	keep *Keeper
	h    *measured
	now  record.Millis
	url  string
}

func open(t *testing.T) *desk {
	t.Helper()
	m, err := model.New(model.Document{
		Sites: []model.Site{{ID: "kiel", Zone: "Europe/Berlin"}},
		Sensors: []model.Sensor{
			{ID: "home", Name: "Home", Site: "kiel", Quantity: record.ActivePower}, {ID: "silent", Site: "kiel", Quantity: record.ActivePower},
			{ID: "other", Site: "kiel", Quantity: record.Energy, Kind: "counter"},
		},
		Groups:      []model.Group{{ID: "hall", Members: []model.Member{{Sensor: "home"}}}},
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
	d := &desk{t: t, h: &measured{from: record.MillisOf(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)), values: replay.Homes()[0].Load.Floats()}}
	d.keep, err = New(Options{Store: store, History: d.h, World: func() *object.World { return w }, Model: func() *model.Model { return m }, Clock: func() record.Millis { return d.now }})
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	d.keep.Register(humago.New(mux, huma.DefaultConfig("test", "1")))
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	d.url = server.URL + "/api/v1"
	return d
}

// at sets the clock, and up to when is settled.
func (d *desk) at(now, settled string) {
	d.t.Helper()
	for text, into := range map[string]*record.Millis{now: &d.now, settled: &d.h.settled} {
		x, err := time.Parse("2006-01-02T15:04", text)
		if err != nil {
			d.t.Fatal(err)
		}
		*into = record.MillisOf(x)
	}
}

func (d *desk) ask(method, path string, status int, into any) {
	d.t.Helper()
	req, err := http.NewRequestWithContext(d.t.Context(), method, d.url+path, http.NoBody)
	if err != nil {
		d.t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		d.t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != status {
		d.t.Fatalf("%s %s answers %d, not %d", method, path, resp.StatusCode, status)
	}
	if into != nil {
		if err := json.NewDecoder(resp.Body).Decode(into); err != nil {
			d.t.Fatal(err)
		}
	}
}

func (d *desk) round(without map[object.ID]record.Millis) {
	d.t.Helper()
	if err := d.keep.Round(d.t.Context(), without); err != nil {
		d.t.Fatal(err)
	}
}

// TestByItself lets days pass: what is named is forecast once the day before is settled,
// once, and compared when it is over.
func TestByItself(t *testing.T) {
	d := open(t)
	without := make(map[object.ID]record.Millis)
	d.at("2026-05-10T23:30", "2026-05-10T21:00") // 01:30 of the 11th in Kiel; the 10th lacks an hour
	d.ask("PUT", "/forecasts/sensor/home/daily", 204, nil)
	d.ask("PUT", "/forecasts/sensor/silent/daily", 204, nil)
	d.ask("PUT", "/forecasts/sensor/none/daily", 404, nil)
	d.round(without)
	var page ForecastPage
	d.ask("GET", "/forecasts", 200, &page)
	if want := (ForecastProgress{Named: 3, Most: Most}); page.Progress != want || len(page.Forecasts) != 0 || !page.Able {
		t.Fatalf("%+v", page)
	}
	d.at("2026-05-10T23:45", "2026-05-10T22:00")
	d.round(without)
	d.ask("GET", "/forecasts", 200, &page)
	if want := (ForecastProgress{Named: 3, Made: 2, Settled: 3, Most: Most}); page.Progress != want || len(page.Forecasts) != 4 {
		t.Fatalf("%+v", page)
	}
	var because []string
	for _, f := range page.Forecasts {
		because = append(because, fmt.Sprint(f.Day, " ", f.Object, " ", f.Because, " ", f.Ahead))
		if f.Mean == nil || f.Expected == nil || f.WAPE == nil || f.Seen != nil || f.Unit != "W" {
			t.Errorf("%+v", f)
		}
	}
	if got, want := strings.Join(because, "; "), "2026-05-12 group/hall root 2; 2026-05-12 sensor/home setting 2; 2026-05-11 group/hall root 1; 2026-05-11 sensor/home setting 1"; got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
	if without["sensor/silent"] == 0 {
		t.Error("of what never measured something is said")
	}
	// Nothing is made twice, neither in the next look nor by another process.
	asked := d.h.asked
	d.round(without)
	d.at("2026-05-11T03:00", "2026-05-11T02:45")
	d.round(map[object.ID]record.Millis{"sensor/silent": without["sensor/silent"]})
	if d.h.asked != asked {
		t.Errorf("the history was read %d times more", d.h.asked-asked)
	}
	// Tomorrow is said anew after six hours, today is not.
	d.at("2026-05-11T06:00", "2026-05-11T05:45")
	d.round(without)
	d.ask("GET", "/forecasts?object=sensor/home&limit=1", 200, &page)
	if f := page.Forecasts[0]; f.Day != "2026-05-12" || !f.Known.Equal(time.Date(2026, 5, 11, 5, 0, 0, 0, time.UTC)) || page.Next == "" {
		t.Errorf("%+v", page)
	}
	d.ask("GET", "/forecasts?object=sensor/home&limit=1&cursor="+strings.ReplaceAll(page.Next, " ", "%20"), 200, &page)
	if f := page.Forecasts[0]; f.Day != "2026-05-11" || f.Known.Hour() != 22 {
		t.Errorf("%+v", f)
	}
	d.ask("GET", "/forecasts?cursor=x", 422, nil)

	// The day is over: what came of it stands beside what was expected.
	d.at("2026-05-11T23:00", "2026-05-11T22:30")
	d.round(without)
	var one ObjectForecast
	d.ask("GET", "/forecasts/sensor/home?day=2026-05-11", 200, &one)
	if one.Seen == nil || one.Seen.Of != 24 || one.Seen.MAE <= 0 || one.Seen.WAPE == nil || one.Seen.Inside < 0.3 || !one.Kept || one.Hours < 2000 {
		t.Fatalf("%+v", one.Seen)
	}
	wrong := 0.0
	for _, v := range one.Values {
		wrong += math.Abs(*v.Value-d.h.values[(record.MillisOf(v.Time)-d.h.from)/stand.Hour]) / 24
	}
	if math.Abs(wrong-one.Seen.MAE) > 1e-9*wrong {
		t.Errorf("wrong by %v, and %v is kept", wrong, one.Seen.MAE)
	}
	// What was compared is never changed.
	rows, err := d.keep.o.Store.Forecasts(t.Context(), "sensor/home", 0, record.MaxTime, 0, "", 10)
	if err != nil {
		t.Fatal(err)
	}
	old := rows[len(rows)-1]
	old.Model, old.Known = "made up", old.Known+1
	if err := d.keep.o.Store.Foresee(t.Context(), old); err != nil {
		t.Fatal(err)
	}
	d.ask("GET", "/forecasts/sensor/home?day=2026-05-11", 200, &one)
	if one.Model == "made up" {
		t.Error("a forecast was changed after the day")
	}
	d.ask("DELETE", "/forecasts/sensor/home/daily", 204, nil)
	d.ask("DELETE", "/forecasts/sensor/home/daily", 404, nil)
}

// TestOnDemand computes what is not kept, keeps it, and has it be made by itself from then
// on.
func TestOnDemand(t *testing.T) {
	d := open(t)
	d.at("2026-05-11T12:00", "2026-05-11T11:45")
	var one, again ObjectForecast
	d.ask("GET", "/forecasts/sensor/other", 200, &one)
	if one.Kept || one.Day != "2026-05-12" || one.Ahead != 2 || len(one.Values) != 24 || one.Unit != "W" {
		t.Fatalf("%+v", one)
	}
	d.ask("GET", "/forecasts/sensor/other", 200, &again)
	if !again.Kept || *again.Values[3].Value != *one.Values[3].Value {
		t.Errorf("%+v", again)
	}
	d.at("2026-05-11T13:30", "2026-05-11T13:15")
	d.ask("GET", "/forecasts/sensor/other", 200, &again)
	if again.Kept || !again.Known.After(one.Known) {
		t.Errorf("%+v", again)
	}
	d.ask("GET", "/forecasts/sensor/other?day=2026-05-02", 200, &one) // as it would have been said then
	if one.Kept || one.Seen != nil || one.Ahead != 1 {
		t.Errorf("%+v", one)
	}
	d.ask("GET", "/forecasts/sensor/silent", 422, nil)
	if len(d.keep.named) != 2 {
		t.Errorf("%v", d.keep.named)
	}
}

// TestDayAhead hands forecasts to energy services, where nothing knew more than they may.
func TestDayAhead(t *testing.T) {
	d := open(t)
	d.at("2026-05-11T06:00", "2026-05-11T05:45")
	c, err := window.Load("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	tomorrow := c.Next(window.Day, c.Span(window.Day, d.now))
	if _, _, ok := d.keep.DayAhead(t.Context(), "group/hall", tomorrow, d.now); ok {
		t.Error("nothing was forecast yet")
	}
	if !d.keep.named[book.Named{Object: "group/hall", Why: byService}] {
		t.Error("it is not noted")
	}
	d.round(make(map[object.ID]record.Millis))
	d.now += 2 * readFor
	f, wrong, ok := d.keep.DayAhead(t.Context(), "group/hall", tomorrow, d.now)
	if !ok || len(f.Values) != 24 || wrong == nil || *wrong <= 0 || f.Day != tomorrow {
		t.Fatalf("%+v %v", f, wrong)
	}
	if _, _, ok := d.keep.DayAhead(t.Context(), "group/hall", tomorrow, f.Issued-1); ok {
		t.Error("something knew more than it may")
	}
	var none *Keeper
	if _, _, ok := none.DayAhead(t.Context(), "group/hall", tomorrow, d.now); ok {
		t.Error("nobody forecasts, and something is said")
	}
}
