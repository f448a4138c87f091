package views

import (
	"context"
	"database/sql"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // to read as another user does

	"github.com/wattwerk/wattwerk/bus"
	"github.com/wattwerk/wattwerk/catalog"
	"github.com/wattwerk/wattwerk/internal/pgtest"
	"github.com/wattwerk/wattwerk/model"
	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/settlement"
	"github.com/wattwerk/wattwerk/settlement/ledger"
	"github.com/wattwerk/wattwerk/window"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Main(m)) }

// memory keeps readings in order.
type memory map[record.SensorID][]record.Record

func (m memory) Scan(_ context.Context, id record.SensorID, from, to record.Millis, f func([]int64, []float64) error) error {
	var ts []int64
	var vs []float64
	for _, r := range m[id] {
		if r.Time >= from && r.Time <= to {
			ts, vs = append(ts, int64(r.Time)), append(vs, r.Value)
		}
	}
	return f(ts, vs)
}

func (m memory) Extent() (oldest, newest record.Millis) {
	for _, rs := range m {
		if oldest == 0 || rs[0].Time < oldest {
			oldest = rs[0].Time
		}
		newest = max(newest, rs[len(rs)-1].Time)
	}
	return oldest, newest
}

// world has two weeks settled in which a clock is set forward.
type world struct {
	service  *settlement.Service
	from, to record.Millis
	query    func(t *testing.T, text string) []map[string]any
	url, dir string
}

func newWorld(t *testing.T, url string) *world {
	t.Helper()
	b, err := bus.Open(t.Context(), bus.Options{Dir: t.TempDir(), Partitions: 1, MinFree: 1, NoSync: true})
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
	minutes := func(n int) model.Duration { return model.Duration(time.Duration(n) * time.Minute) }
	document := model.Document{
		Sites: []model.Site{{ID: "kiel", Zone: "Europe/Berlin"}},
		Sensors: []model.Sensor{
			{ID: "p0", Name: "Press; \"old\"", Site: "kiel", Quantity: record.ActivePower, Interval: minutes(5)},
			{ID: "p1", Site: "kiel", Quantity: record.Energy, Interval: minutes(15)},
			{ID: "p2", Site: "kiel", Quantity: record.ActivePower, Interval: minutes(15)},
			{ID: "main", Name: "Main meter", Site: "kiel", Quantity: record.ActivePower, Interval: minutes(5)},
			{ID: "water", Site: "kiel", Quantity: record.Volume, Interval: minutes(15)},
			{ID: "volts", Site: "kiel", Quantity: record.Voltage, Interval: minutes(15)},
		},
		Groups:      []model.Group{{ID: "plant", Name: "Plant", Members: []model.Member{{Sensor: "main", Meter: true}, {Sensor: "p0"}, {Sensor: "p2"}}}},
		Hierarchies: []model.Hierarchy{{ID: "place", Root: "plant", Site: "kiel"}},
	}
	if _, err := c.Commit(t.Context(), catalog.Change{Patch: model.Diff(c.State().Model.Document(), document), Who: "ada"}); err != nil {
		t.Fatal(err)
	}
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	begin, end := time.Date(2026, 3, 20, 0, 0, 0, 0, zone), time.Date(2026, 4, 3, 0, 0, 0, 0, zone)
	m := memory{}
	i := 0
	for at := begin; at.Before(end); at = at.Add(5 * time.Minute) {
		i++
		add := func(id record.SensorID, v float64) {
			m[id] = append(m[id], record.Record{Sensor: id, Time: record.MillisOf(at), Value: v})
		}
		if at.Day() == 24 && at.Hour() < 6 {
			continue // nobody measured
		}
		add("p0", float64(1000+i%97)+.123456)
		add("main", float64(3000+i%31))
		if i%3 == 1 {
			add("p1", float64(i*40))
			add("p2", float64(500+i%7))
			add("water", float64(i)/8)
			add("volts", 230+float64(i%5))
		}
	}
	dir := filepath.Join(t.TempDir(), "data")
	store, err := ledger.Open(t.Context(), ledger.Options{Dir: dir, URL: url, NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	s, err := settlement.New(settlement.Options{Store: store, Catalog: c, Readings: m, Now: func() time.Time { return end.Add(time.Hour) }})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Begin(t.Context()); err != nil {
		t.Fatal(err)
	}
	for more := true; more; {
		if more, err = s.Step(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	v, err := New(t.Context(), store, c, nil)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second time changes nothing
		if err := v.Describe(t.Context(), c.State().Model); err != nil {
			t.Fatal(err)
		}
	}
	w := &world{service: s, from: record.MillisOf(begin), to: record.MillisOf(end), url: url, dir: dir}
	w.query = w.reader(t)
	return w
}

// reader asks as other programs do, while the store is open.
func (w *world) reader(t *testing.T) func(t *testing.T, text string) []map[string]any {
	driver, at := "pgx", w.url
	if w.url == "" {
		driver, at = "sqlite", "file:"+filepath.Join(w.dir, ledger.FileName)+"?mode=ro"
	}
	db, err := sql.Open(driver, at)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return func(t *testing.T, text string) []map[string]any {
		t.Helper()
		rows, err := db.QueryContext(t.Context(), text)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		defer rows.Close()
		names, err := rows.Columns()
		if err != nil {
			t.Fatal(err)
		}
		var out []map[string]any
		for rows.Next() {
			values, into := make([]any, len(names)), make([]any, len(names))
			for i := range values {
				into[i] = &values[i]
			}
			if err := rows.Scan(into...); err != nil {
				t.Fatal(err)
			}
			row := make(map[string]any)
			for i, n := range names {
				if b, ok := values[i].([]byte); ok {
					values[i] = string(b)
				}
				row[n] = values[i]
			}
			out = append(out, row)
		}
		if err := rows.Err(); err != nil {
			t.Fatal(err)
		}
		return out
	}
}

// float reads a number, however a driver gives it.
func float(t *testing.T, v any) float64 {
	t.Helper()
	var f float64
	if _, err := fmt.Sscan(fmt.Sprint(v), &f); err != nil {
		t.Fatalf("%v is not a number", v)
	}
	return f
}

func databases(t *testing.T, f func(*testing.T, *world)) {
	t.Run("sqlite", func(t *testing.T) { f(t, newWorld(t, "")) })
	t.Run("postgres", func(t *testing.T) { f(t, newWorld(t, pgtest.Database(t))) })
}

// TestViews compares every row of the views with what the service answers.
func TestViews(t *testing.T) {
	databases(t, func(t *testing.T, w *world) {
		if got := len(w.query(t, "SELECT * FROM wattwerk_points")); got != 7 {
			t.Errorf("%d points, want 7", got)
		}
		for view, size := range map[string]window.Size{"wattwerk_quarters": window.Quarter, "wattwerk_days": window.Day} {
			for _, p := range []ledger.Point{ledger.SensorPoint("p0"), ledger.SensorPoint("p1"), ledger.SensorPoint("water"), ledger.SensorPoint("volts"), ledger.GroupPoint("place", "plant")} {
				w.compare(t, view, size, p)
			}
		}
	})
}

func (w *world) compare(t *testing.T, view string, size window.Size, p ledger.Point) {
	t.Helper()
	rows, _, err := w.service.Windows(t.Context(), p, size, w.from, w.to)
	if err != nil {
		t.Fatal(err)
	}
	got := make(map[int64]map[string]any)
	for _, r := range w.query(t, fmt.Sprintf("SELECT * FROM %s WHERE name = '%s' AND begins_ms < %d", view, p.Name, w.to)) {
		got[r["begins_ms"].(int64)] = r
	}
	zone, _ := time.LoadLocation("Europe/Berlin")
	found := 0
	for _, r := range rows {
		g, ok := got[int64(r.Start)]
		if !ok {
			if r.Known || r.Count > 0 {
				t.Errorf("%s: %v has no row at %s", view, p, r.Start)
			}
			continue
		}
		found++
		want := map[string]any{
			"begins": r.Start.Time().In(zone).Format(time.RFC3339), "ends": r.End.Time().In(zone).Format(time.RFC3339),
			"begins_utc": r.Start.Time().Format("2006-01-02T15:04:05Z"), "quality": r.Quality.String(), "zone": "Europe/Berlin",
			"readings": int64(r.Count), "members": int64(r.Members), "total": int64(r.Total),
		}
		for k, v := range want {
			if g[k] != v {
				t.Fatalf("%s: %v at %s: %s is %v, want %v", view, p, r.Start, k, g[k], v)
			}
		}
		if c := float(t, g["completeness"]); math.Abs(c-r.Completeness()) > 1e-9 {
			t.Fatalf("%s: %v at %s: completeness is %v, want %v", view, p, r.Start, c, r.Completeness())
		}
		energetic := g["quantity"] == "energy"
		if (g["millionths"] != nil) != r.Known || (g["kwh"] != nil) != (r.Known && energetic) {
			t.Fatalf("%s: %v at %s: amount %v, kwh %v, of a row that is known: %t", view, p, r.Start, g["millionths"], g["kwh"], r.Known)
		}
		if !r.Known {
			continue
		}
		if g["millionths"] != int64(r.Amount) || math.Abs(float(t, g["amount"])-r.Amount.Float64()) > 1e-9*math.Abs(r.Amount.Float64()) {
			t.Fatalf("%s: %v at %s: amount is %v, want %v", view, p, r.Start, g["amount"], r.Amount)
		}
		if rest, ok := r.Unaccounted(); ok != (g["unaccounted_kwh"] != nil) || ok && math.Abs(float(t, g["unaccounted_kwh"])-rest.Float64()/1000) > 1e-9 {
			t.Fatalf("%s: %v at %s: unaccounted is %v, want %v", view, p, r.Start, g["unaccounted_kwh"], rest)
		}
		if w.url != "" && energetic { // exact
			if want := fmt.Sprintf("%d.%09d", r.Amount/1e9, r.Amount%1e9); fmt.Sprint(g["kwh"]) != want {
				t.Fatalf("%s: %v at %s: kwh is %v, want %s", view, p, r.Start, g["kwh"], want)
			}
		}
	}
	if found != len(got) || found == 0 {
		t.Errorf("%s: %v has %d rows, %d of them where the service has a window", view, p, len(got), found)
	}
}

// examples are the blocks of the page that have a name.
func examples(t *testing.T) map[string]string {
	t.Helper()
	text, err := os.ReadFile("../../docs/sql.md")
	if err != nil {
		t.Fatal(err)
	}
	out := make(map[string]string)
	for _, m := range regexp.MustCompile("(?s)```sql (\\w+)\n(.*?)```").FindAllStringSubmatch(string(text), -1) {
		out[m[1]] = m[2]
	}
	return out
}

// TestExamples runs what the page shows, and holds it against the service.
func TestExamples(t *testing.T) {
	databases(t, func(t *testing.T, w *world) {
		all := examples(t)
		total := func(p ledger.Point, size window.Size, from, to record.Millis) (sum float64) {
			rows, _, err := w.service.Windows(t.Context(), p, size, from, to)
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range rows {
				sum += r.Amount.Float64() / 1000
			}
			return sum
		}
		close := func(what string, got any, want float64) {
			t.Helper()
			if math.Abs(float(t, got)-want) > 1e-6 {
				t.Errorf("%s: %v, want %v", what, got, want)
			}
		}
		march := record.MillisOf(time.Date(2026, 3, 31, 22, 0, 0, 0, time.UTC))
		months := w.query(t, all["months"])
		if len(months) != 4 || months[0]["name"] != "main" || months[0]["title"] != "Main meter" {
			t.Errorf("months: %v", months)
		}
		for _, r := range months {
			close("month", r["kwh"], total(ledger.SensorPoint(record.SensorID(r["name"].(string))), window.Day, w.from, march))
		}
		plant := ledger.GroupPoint("place", "plant")
		// At 2 o'clock: without the 24th, on which nobody measured, and the 29th, which does not have that hour.
		if profile := w.query(t, all["profile"]); len(profile) != 24 || float(t, profile[2]["quarters"]) != 4*12 || float(t, profile[12]["quarters"]) != 4*14 {
			t.Errorf("profile: %v", profile)
		}
		peaks := w.query(t, all["peaks"])
		rows, _, err := w.service.Windows(t.Context(), plant, window.Quarter, w.from, w.to)
		if err != nil {
			t.Fatal(err)
		}
		most := 0.0
		for _, r := range rows {
			most = max(most, r.Amount.Float64())
		}
		if len(peaks) != 10 {
			t.Fatalf("%d peaks", len(peaks))
		}
		close("peak", peaks[0]["kilowatts"], most*4/1000)
		days := w.query(t, all["unaccounted"])
		if len(days) != 14 || days[0]["date"] != "2026-03-20" || days[13]["date"] != "2026-04-02" {
			t.Errorf("unaccounted: %v", days)
		}
		sum := 0.0
		for _, r := range days {
			sum += float(t, r["kwh"])
		}
		close("days", sum, total(plant, window.Day, w.from, w.to))
		for _, r := range w.query(t, all["hours"]) {
			want := 24.0
			switch r["date"] {
			case "2026-03-24":
				want = 18
			case "2026-03-29":
				want = 23
			case "2026-04-03":
				want = 0
			}
			if float(t, r["hours"]) < want || float(t, r["hours"]) > want+.5 { // the last reading before a gap holds on
				t.Errorf("hours: %v, want %v", r, want)
			}
		}
	})
}

// TestRole makes the role of the page: it reads the views and nothing else.
func TestRole(t *testing.T) {
	url := pgtest.Database(t)
	w := newWorld(t, url)
	for _, q := range strings.Split(strings.TrimSpace(examples(t)["role"]), ";\n") {
		w.query(t, strings.TrimSuffix(q, ";"))
	}
	t.Cleanup(func() {
		db, err := sql.Open("pgx", url)
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		for _, q := range []string{"DROP OWNED BY researcher", "DROP ROLE researcher"} {
			if _, err := db.Exec(q); err != nil {
				t.Error(err)
			}
		}
	})
	db, err := sql.Open("pgx", url)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	c, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.ExecContext(t.Context(), "SET SESSION AUTHORIZATION researcher"); err != nil {
		t.Fatal(err)
	}
	var n int
	if err := c.QueryRowContext(t.Context(), "SELECT COUNT(*) FROM wattwerk_quarters").Scan(&n); err != nil || n == 0 {
		t.Errorf("the role sees %d quarters: %v", n, err)
	}
	for _, q := range []string{"SELECT * FROM settled_interventions", "SELECT * FROM settled_quarters", "DELETE FROM wattwerk_points"} {
		if _, err := c.ExecContext(t.Context(), q); err == nil {
			t.Errorf("the role may %s", q)
		}
	}
}
