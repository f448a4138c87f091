package cost

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/wattwerk/wattwerk/settlement/views"
)

// TestView compares the days of the view for SQL with what the API answers, and
// the example of its page with bills.
func TestView(t *testing.T) {
	page, err := os.ReadFile("../../docs/sql.md")
	if err != nil {
		t.Fatal(err)
	}
	example := regexp.MustCompile("(?s)```sql costs\n(.*?);\n```").FindSubmatch(page)
	if example == nil {
		t.Fatal("the page has no example of costs")
	}
	both(t, func(t *testing.T, url string) {
		zone := berlin(t)
		begin := time.Date(2026, 3, 27, 0, 0, 0, 0, zone) // the clock is set forward on the third day
		d := meters("Europe/Berlin", time.Minute, 0, "house", "roof", "main")
		d.Groups[0].Members[2].Meter = true
		w := newWorld(t, url, begin.AddDate(0, 0, 6).Add(time.Hour), d)
		v, err := views.New(t.Context(), w.store, w.catalog, nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := v.Describe(t.Context(), w.catalog.State().Model); err != nil {
			t.Fatal(err)
		}
		w.must("PUT", "tariffs/home", yamlType, flat, nil)
		w.must("PUT", "tariffs/market", yamlType, spot, nil)
		w.must("PUT", "factors/grid", "", `{"versions":[{"from":"2026-01-01","location":{"value":"400"},"market":{"series":{"name":"mix"}}}]}`, nil)
		for _, a := range []string{
			`{"sensor":"house","tariff":"home","from":"2026-03-27","export":"roof"}`, `{"sensor":"house","factors":"grid","from":"2026-03-27"}`,
			`{"group":"all","tariff":"market","from":"2026-03-28"}`,
		} {
			w.must("POST", "costs/assignments", "", a, nil)
		}
		w.must("POST", "prices/day-ahead", "", `{"from":"2026-03-28T00:00:00+01:00","step":"1h","values":["100","90","80","70","","60"]}`, nil)
		w.send(constant("house", 1000, begin, w.now)...)
		w.send(constant("roof", 250, begin, w.now)...)
		w.send(constant("main", 1300, begin, w.now)...)
		w.settled()
		type key struct{ name, basis, day string }
		got := make(map[key]map[string]string)
		for _, row := range w.rows("SELECT * FROM wattwerk_costs WHERE begins_ms >= 0") {
			got[key{row["name"], row["basis"], row["begins_ms"]}] = row
		}
		compared, null := 0, 0
		for _, of := range []struct{ path, name, basis string }{
			{"sensors/house", "house", "cost"}, {"sensors/house", "house", "location"}, {"sensors/house", "house", "market"}, {"groups/all", "all", "cost"},
		} {
			var b struct {
				Start, End               []int64
				Taken, Given             []json.Number
				UnpricedAmount           []json.Number
				Cost, Credit, Total      []*string
				Completeness, Unpriced   []float64
				Currency, Zone, By, Unit string
			}
			w.must("GET", "costs/"+of.path+"?size=1d&from=2026-03-27&to=2026-04-02&of="+of.basis, "", "", &b)
			for i, start := range b.Start {
				row, ok := got[key{of.name, of.basis, fmt.Sprint(start)}]
				if !ok {
					if b.Currency != "" && b.Total[i] != nil {
						t.Errorf("%v has no row of the day at %d", of, start)
					}
					continue
				}
				compared++
				number := func(column, want string, unit float64) {
					t.Helper()
					var x, y float64
					if _, err := fmt.Sscan(want, &y); err != nil {
						t.Fatal(err)
					}
					if _, err := fmt.Sscan(row[column], &x); err != nil || math.Abs(x-y*unit) > 1e-9*math.Abs(y*unit) {
						t.Errorf("%v at %d: %s is %s, want %s × %g", of, start, column, row[column], want, unit)
					}
				}
				for column, v := range map[string]*string{"cost": b.Cost[i], "credit": b.Credit[i], "total": b.Total[i]} {
					if v == nil {
						null++
						if row[column] != "null" || row[column+"_millionths"] != "null" {
							t.Errorf("%v at %d: %s is %s, want null", of, start, column, row[column])
						}
						continue
					}
					number(column, *v, 1)
					number(column+"_millionths", *v, 1e6)
				}
				number("taken_kwh", b.Taken[i].String(), 1e-3)
				number("given_millionths", b.Given[i].String(), 1e6)
				number("unpriced_kwh", b.UnpricedAmount[i].String(), 1e-3)
				number("unpriced_hours", fmt.Sprint(b.Unpriced[i]), 1)
				number("completeness", fmt.Sprint(b.Completeness[i]), 1)
				number("ends_ms", fmt.Sprint(b.End[i]), 1)
				day := time.UnixMilli(start)
				for column, want := range map[string]string{
					"date": day.In(zone).Format(time.DateOnly), "month": day.In(zone).Format("2006-01"), "begins_utc": day.UTC().Format(time.RFC3339),
					"currency": b.Currency, "zone": "Europe/Berlin", "unit": "Wh", "quantity": "energy", "priced_by": b.By, "revision": "1",
				} {
					if row[column] != want {
						t.Errorf("%v at %d: %s is %s, want %s", of, start, column, row[column], want)
					}
				}
			}
		}
		// The market has a price on one of the days of the group, the mix none at all.
		if compared != 6*3+5 || null != 3*(6+4) {
			t.Errorf("%d rows were compared, and %d amounts are null", compared, null)
		}
		march := w.rows(string(example[1]))
		if len(march) != 2 || march[0]["name"] != "all" || march[1]["name"] != "house" {
			t.Fatalf("%v", march)
		}
		var b BillBody
		w.must("GET", "costs/sensors/house/bill?from=2026-03-27&to=2026-04-01", "", "", &b)
		if row := march[1]; !strings.HasPrefix(*b.Total, row["total"]) || row["kwh"] != "119" || row["days"] != "5" || row["days_known"] != "5" || row["completeness"] != "1" {
			t.Errorf("%v, the bill says %s", row, *b.Total)
		}
		w.must("GET", "costs/groups/all/bill?from=2026-03-28&to=2026-04-01", "", "", &b)
		if row := march[0]; row["days"] != "4" || row["days_known"] != "1" || row["total"] != strings.TrimRight(*b.Total, "0") {
			t.Errorf("%v, the bill says %s", row, *b.Total)
		}
		if missing := 1300 * (95 - 5); b.Missing != fmt.Sprint(missing) || march[0]["unpriced_kwh"] != fmt.Sprint(missing/1000) {
			t.Errorf("without a price: %s, %s, want %d", b.Missing, march[0]["unpriced_kwh"], missing)
		}
	})
}

// rows asks the database of settled windows; numbers are without needless zeros.
func (w *world) rows(query string) (out []map[string]string) {
	w.t.Helper()
	rows, err := w.store.Settled().DB.DB.QueryContext(w.t.Context(), query)
	if err != nil {
		w.t.Fatal(err)
	}
	defer rows.Close()
	names, err := rows.Columns()
	if err != nil {
		w.t.Fatal(err)
	}
	for rows.Next() {
		values, into := make([]any, len(names)), make([]any, len(names))
		for i := range values {
			into[i] = &values[i]
		}
		if err := rows.Scan(into...); err != nil {
			w.t.Fatal(err)
		}
		row := make(map[string]string)
		for i, n := range names {
			text := "null"
			switch v := values[i].(type) {
			case nil:
			case []byte:
				text = string(v)
			default:
				text = fmt.Sprint(v)
			}
			if strings.Contains(text, ".") && strings.Trim(text, "0123456789.-") == "" {
				text = strings.TrimSuffix(strings.TrimRight(text, "0"), ".")
			}
			row[n] = text
		}
		out = append(out, row)
	}
	if err := rows.Err(); err != nil {
		w.t.Fatal(err)
	}
	return out
}
