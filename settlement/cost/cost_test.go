package cost

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/wattwerk/wattwerk/energy"
	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/settlement/ledger"
	"github.com/wattwerk/wattwerk/window"
)

// flat is one price and a standing charge.
const flat = `
currency: EUR
versions:
  - from: 2026-01-01
    components:
      - {id: energy, kind: energy, price: 0.30}
      - {id: basic, kind: standing, price: 0.50, per: day}
`

// constant sends a power every minute of a span.
func constant(id record.SensorID, watts float64, from, to time.Time) []record.Record {
	var all []record.Record
	for t := from; t.Before(to); t = t.Add(time.Minute) {
		all = append(all, record.Record{Sensor: id, Time: record.MillisOf(t), Value: watts})
	}
	return all
}

func berlin(t *testing.T) *time.Location {
	t.Helper()
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	return zone
}

// days gives what the table says days cost.
func (w *world) days(assignment string, from, to time.Time) []string {
	w.t.Helper()
	all, err := w.cost.store.Days(w.t.Context(), assignment, "cost", record.MillisOf(from), record.MillisOf(to))
	if err != nil {
		w.t.Fatal(err)
	}
	var out []string
	for _, d := range all {
		text := "null"
		if d.Known {
			text = d.Total.String()
		}
		out = append(out, fmt.Sprintf("%s %s r%d", d.Start.Time().In(from.Location()).Format("01-02"), text, d.Revision))
	}
	return out
}

func (w *world) expect(what string, got any, want string) {
	w.t.Helper()
	text := fmt.Sprint(got)
	if p, ok := got.(*string); ok {
		if text = "null"; p != nil {
			text = *p
		}
	}
	if text != want {
		w.t.Errorf("%s: %s, not %s", what, text, want)
	}
}

// TestThePast changes prices: what was priced stays, unless somebody says that
// it was wrong, and why.
func TestThePast(t *testing.T) {
	both(t, func(t *testing.T, url string) {
		zone := berlin(t)
		day := func(n int) time.Time { return time.Date(2026, 3, n, 0, 0, 0, 0, zone) }
		w := newWorld(t, url, day(8).Add(10*time.Hour), meters("Europe/Berlin", time.Minute, 0, "house", "other"))
		w.must("PUT", "tariffs/home", yamlType, flat, nil)
		w.refuses(422, `there is no tariff \"gas\"`, "POST", "costs/assignments", "", `{"sensor":"house","tariff":"gas","from":"2026-03-01"}`)
		var a AssignmentBody
		w.must("POST", "costs/assignments", "", `{"sensor":"house","tariff":"home","from":"2026-03-01"}`, &a)
		w.send(constant("house", 1000, day(1), w.now)...) // 24 kW·h a day
		w.settled()
		bill := func(from, to string) (b BillBody) {
			t.Helper()
			w.must("GET", "costs/sensors/house/bill?from="+from+"&to="+to, "", "", &b)
			return b
		}
		w.expect("a week", bill("2026-03-01", "2026-03-08").Total, "53.90")
		w.expect("days", w.days(a.ID, day(1), day(9)), "[03-01 7.70 r1 03-02 7.70 r1 03-03 7.70 r1 03-04 7.70 r1 03-05 7.70 r1 03-06 7.70 r1 03-07 7.70 r1]")

		// A new price is a new version with a later day.
		later := flat + strings.ReplaceAll(flat[strings.Index(flat, "  - from"):], "2026-01-01", "2026-03-20")
		later = later[:strings.LastIndex(later, "0.30")] + "0.40" + later[strings.LastIndex(later, "0.30")+4:]
		var r DocumentRevisionBody
		w.must("PUT", "tariffs/home", yamlType, later, &r)
		w.expect("revision", r.Revision, "2")
		w.expect("since", r.Since, "2026-03-20")
		w.settled()
		w.expect("a week", bill("2026-03-01", "2026-03-08").Total, "53.90")
		if days := w.days(a.ID, day(1), day(9)); days[6] != "03-07 7.70 r1" {
			t.Errorf("what does not change was priced again: %v", days)
		}

		// An old one is not changed silently.
		wrong := strings.Replace(later, "2026-03-20", "2026-03-06", 1)
		w.refuses(409, "from 2026-03-06 on; a new price is a new version", "PUT", "tariffs/home", yamlType, wrong)
		w.refuses(412, "changed meanwhile", "PUT", "tariffs/home", yamlType, wrong, "If-Match", `"1"`)
		w.must("PUT", "tariffs/home?correction=the+price+rose+earlier", yamlType, wrong, &r, "If-Match", `"2"`)
		w.settled()
		w.expect("a week", bill("2026-03-01", "2026-03-08").Total, "58.70") // two days of 24 × 0.10 more
		w.expect("days", w.days(a.ID, day(4), day(9)), "[03-04 7.70 r1 03-05 7.70 r1 03-06 10.10 r3 03-07 10.10 r3]")
		var all documentRevisionsBody
		w.must("GET", "tariffs/home/revisions", "", "", &all)
		if x := all.Items[0]; len(all.Items) != 3 || x.Who != "ada" || x.Correction != "the price rose earlier" || x.Since != "2026-03-06" || x.Revision != 3 {
			t.Errorf("%+v", all.Items)
		}
		if text := w.must("GET", "tariffs/home?revision=1", "", "", nil); strings.Contains(text, "0.40") || !strings.Contains(text, "2026-01-01") {
			t.Errorf("the first revision is %s", text)
		}
		if text := w.must("GET", "tariffs/home?format=yaml", "", "", nil); !strings.Contains(text, "0.40") {
			t.Error(text)
		}
		// What it says as YAML can be put again, and changes nothing.
		w.must("PUT", "tariffs/home", yamlType, w.must("GET", "tariffs/home?format=yaml", "", "", nil), &r)
		w.expect("revision", r.Revision, "3")

		// The same for assignments.
		w.must("PUT", "tariffs/cheap", yamlType, strings.Replace(flat, "0.30", "0.20", 1), nil)
		w.refuses(409, "was priced already", "POST", "costs/assignments", "", `{"sensor":"house","tariff":"cheap","from":"2026-03-07"}`)
		var c AssignmentBody
		w.must("POST", "costs/assignments", "", `{"sensor":"house","tariff":"cheap","from":"2026-03-07","correction":"other supplier"}`, &c)
		w.settled()
		w.expect("days", w.days(a.ID, day(6), day(9)), "[03-06 10.10 r3]")
		w.expect("days", w.days(c.ID, day(6), day(9)), "[03-07 5.30 r1]")
		b := bill("2026-03-01", "2026-03-08")
		w.expect("parts", len(b.Parts), "2")
		w.expect("a week", b.Total, "53.90")
		w.refuses(409, "it prices sensor house", "DELETE", "tariffs/cheap", "", "")
		w.refuses(422, "", "POST", "costs/assignments/"+c.ID+"/undo", "", `{"why":""}`)
		w.must("POST", "costs/assignments/"+c.ID+"/undo", "", `{"why":"it was next year"}`, &c)
		if c.UndoneWho != "ada" || c.UndoneAt == nil {
			t.Errorf("%+v", c)
		}
		w.settled()
		w.expect("a week", bill("2026-03-01", "2026-03-08").Total, "58.70")
		w.expect("days", w.days(a.ID, day(6), day(9)), "[03-06 10.10 r3 03-07 10.10 r3]")
		w.expect("days", w.days(c.ID, day(6), day(9)), "[]")
		w.must("DELETE", "tariffs/cheap", "", "", nil)
		w.refuses(404, "no such tariff", "GET", "tariffs/cheap", "", "")
		w.must("GET", "tariffs/cheap?revision=1", "", "", nil)
		// From a day on nothing prices it.
		w.must("POST", "costs/assignments", "", `{"sensor":"house","none":"tariff","from":"2026-04-01"}`, nil)
		var list assignmentsBody
		w.must("GET", "costs/assignments?sensor=house", "", "", &list)
		w.expect("assignments", len(list.Items), "3")

		// A late reading changes the bill of its day, and of no other.
		w.send(record.Record{Sensor: "house", Time: record.MillisOf(day(2).Add(90 * time.Second)), Value: 7000}) // for half a minute
		w.settled()
		w.expect("days", w.days(a.ID, day(1), day(4)), "[03-01 7.70 r1 03-02 7.715 r3 03-03 7.70 r1]")
		w.expect("a day", bill("2026-03-02", "2026-03-03").Total, "7.715")

		// A new start knows all of it.
		w.again()
		w.settled()
		w.expect("a week", bill("2026-03-01", "2026-03-08").Total, "58.715")
	})
}

// TestFaultsAtOnce says all that is wrong with a document.
func TestFaultsAtOnce(t *testing.T) {
	w := newWorld(t, "", time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC), meters("Europe/Berlin", time.Minute, 0, "house"))
	code, text := w.do("PUT", "tariffs/home", "", `{"currency":"","zone":"Europe/Belin","versions":[{"from":"2026-02-30","components":[{"id":"a","kind":"energy","price":"x"}]}]}`, nil)
	for _, words := range []string{"currency is missing", "Europe/Belin", "2026-02-30"} {
		if code != 422 || !strings.Contains(text, words) {
			t.Errorf("%d %s does not say %s", code, text, words)
		}
	}
	w.refuses(422, "unknown field", "PUT", "tariffs/home", yamlType, "currency: EUR\nprice: 3\n")
	w.refuses(422, "is put at", "PUT", "tariffs/home", yamlType, "id: other\n"+flat)
	w.refuses(415, "json or application/yaml", "PUT", "tariffs/home", "text/csv", flat)
	w.refuses(400, "not a version in quotes", "PUT", "tariffs/home", yamlType, flat, "If-Match", "3")
	w.refuses(422, "begins before the one above it ends", "POST", "prices/spot", "", `{"quotes":[{"from":"2026-01-01T00:00:00Z","to":"2026-01-01T01:00:00Z","value":"1"},{"from":"2026-01-01T00:30:00Z","to":"2026-01-01T01:00:00Z","value":"1"}]}`)
	w.refuses(422, "the step is", "POST", "prices/spot", "", `{"from":"2026-01-01T00:00:00Z","step":"7m","values":["1"]}`)
	w.refuses(404, "no sensor nobody", "POST", "costs/assignments", "", `{"sensor":"nobody","tariff":"home","from":"2026-03-01"}`)
	w.refuses(422, "one of tariff, factors and none", "POST", "costs/assignments", "", `{"sensor":"house","from":"2026-03-01"}`)
	w.refuses(422, "at most 1150 days", "GET", "costs/sensors/house/bill?from=2010-01-01&to=2026-01-01", "", "")
	w.refuses(404, "nothing prices sensor house", "GET", "costs/sensors/house/now", "", "")
	w.must("PUT", "tariffs/home", yamlType, flat, nil)
	w.refuses(422, "there is no sensor", "POST", "costs/assignments", "", `{"sensor":"house","tariff":"home","from":"2026-03-01","export":"nobody"}`)
	var b BillBody // without an assignment nothing is known, and nothing zero
	w.must("GET", "costs/sensors/house/bill?from=2026-02-01&to=2026-02-02", "", "", &b)
	if b.Total != nil || b.Unassigned != 24 || b.Complete {
		t.Errorf("%+v", b)
	}
}

const spot = `
currency: EUR
versions:
  - from: 2026-01-01
    components:
      - {id: market, kind: energy, series: {name: day-ahead, factor: 0.001, markup: 0.05}}
      - {id: vat, kind: tax, percent: 20}
`

// TestSpot prices by a market: where there is no price, there is no cost, until
// one comes; what was priced by is not changed silently.
func TestSpot(t *testing.T) {
	both(t, func(t *testing.T, url string) {
		zone := berlin(t)
		begin := time.Date(2026, 3, 1, 0, 0, 0, 0, zone)
		w := newWorld(t, url, begin.Add(50*time.Hour), meters("Europe/Berlin", time.Minute, 0, "house", "other"))
		w.must("PUT", "tariffs/market", yamlType, spot, nil)
		w.must("PUT", "factors/grid", "", `{"versions":[{"from":"2026-01-01","location":{"value":"400"},"market":{"series":{"name":"mix"}}}]}`, nil)
		var a AssignmentBody
		w.must("POST", "costs/assignments", "", `{"sensor":"house","tariff":"market","from":"2026-03-01"}`, &a)
		w.must("POST", "costs/assignments", "", `{"sensor":"house","factors":"grid","from":"2026-03-01"}`, nil)
		hours := func(n int, value string) string {
			return `{"unit":"EUR/MWh","from":"2026-03-01T00:00:00+01:00","step":"1h","values":["` + strings.TrimSuffix(strings.Repeat(value+`","`, n), `","`) + `"]}`
		}
		var p SeriesPutBody
		w.must("POST", "prices/day-ahead", "", hours(12, "100"), &p)
		w.expect("quotes", p.Quotes, "12")
		w.send(constant("house", 1000, begin, w.now)...)
		w.settled()
		day := func(of string) (b BillBody) {
			t.Helper()
			w.must("GET", "costs/sensors/house/bill?from=2026-03-01&to=2026-03-02&of="+of, "", "", &b)
			return b
		}
		b := day("cost")
		w.expect("half a day", b.Total, "2.16") // 12 × 0.15 × 1.2
		w.expect("unpriced", b.Unpriced, "12")
		w.expect("unpriced", b.Parts[0].Lines[0].Unpriced, "12")
		if b.Complete || b.Measured != 24 || b.Completeness != 1 {
			t.Errorf("%+v", b)
		}
		text := w.must("GET", "costs/sensors/house?size=15m&from=2026-03-01T11:30&to=2026-03-01T12:30", "", "", nil)
		if !strings.Contains(text, `"used":["0.045","0.045",null,null]`) || !strings.Contains(text, `"taken":[250,250,250,250]`) || !strings.Contains(text, `"unpriced":[0,0,0.25,0.25]`) {
			t.Error(text)
		}
		w.expect("days", w.days(a.ID, begin, begin.AddDate(0, 0, 1)), "[03-01 2.16 r1]")
		w.expect("emissions", day("location").Total, "9600.00") // g: 24 × 400
		w.expect("emissions", day("market").Total, "null")
		w.expect("what emits", day("market").Missing, "24000")
		w.expect("unpriced emissions", day("market").Unpriced, "24")
		w.expect("currency", day("location").Currency, "gCO2e")

		// A price where there was none completes it, silently.
		w.must("POST", "prices/day-ahead", "", hours(24, "100"), &p)
		w.expect("replaced", p.Replaced, "0")
		w.settled()
		w.expect("a day", day("cost").Total, "4.32")
		w.expect("days", w.days(a.ID, begin, begin.AddDate(0, 0, 1)), "[03-01 4.32 r1]")
		// Another one needs a reason.
		w.refuses(409, "from 2026-03-01 on", "POST", "prices/day-ahead", "", hours(1, "200"))
		w.must("POST", "prices/day-ahead?correction=the+exchange+corrected+it", "", hours(1, "200"), &p)
		w.expect("replaced", p.Replaced, "1")
		w.settled()
		w.expect("a day", day("cost").Total, "4.44")
		w.expect("days", w.days(a.ID, begin, begin.AddDate(0, 0, 1)), "[03-01 4.44 r1]")
		w.must("POST", "prices/day-ahead", "", hours(1, "200"), &p) // said again
		w.expect("number", p.Number, "0")
		var puts seriesPutsBody
		w.must("GET", "prices/day-ahead/revisions", "", "", &puts)
		if len(puts.Items) != 3 || puts.Items[0].Correction != "the exchange corrected it" || puts.Items[0].Who != "ada" {
			t.Errorf("%+v", puts.Items)
		}
		var all PricesBody
		w.must("GET", "prices/day-ahead?from=2026-02-28T23:00:00Z&to=2026-03-01T03:00", "", "", &all)
		if len(all.Quotes) != 4 || all.Quotes[0].Value != "200.00" || all.Quotes[1].Value != "100.00" || all.Unit != "EUR/MWh" {
			t.Errorf("%+v", all)
		}
	})
}

const steps = `
currency: EUR
zone: Europe/Berlin
versions:
  - from: 2026-01-01
    components:
      - id: energy
        kind: energy
        steps:
          per: month
          of:
            - {upTo: 100, price: 0.50}
            - {price: 0.10}
      - {id: peak, kind: demand, peak: month, per: month, price: 31}
`

// TestWhatWasBefore prices days by steps and peaks of the month before them.
func TestWhatWasBefore(t *testing.T) {
	both(t, func(t *testing.T, url string) {
		zone := berlin(t)
		day := func(n int) time.Time { return time.Date(2026, 3, n, 0, 0, 0, 0, zone) }
		w := newWorld(t, url, day(8).Add(time.Hour), meters("Europe/Berlin", time.Minute, 0, "works", "other"))
		w.must("PUT", "tariffs/steps", yamlType, steps, nil)
		var a AssignmentBody
		w.must("POST", "costs/assignments", "", `{"sensor":"works","tariff":"steps","from":"2026-03-01"}`, &a)
		w.send(constant("works", 1000, day(1), w.now)...)
		w.settled()
		// 24 kW·h a day: 4 of the fifth day are below 100. The peak is 1 kW: 1 EUR a day.
		w.expect("days", w.days(a.ID, day(1), day(9)), "[03-01 13.00 r1 03-02 13.00 r1 03-03 13.00 r1 03-04 13.00 r1 03-05 5.00 r1 03-06 3.40 r1 03-07 3.40 r1]")
		var b BillBody
		w.must("GET", "costs/sensors/works/bill?from=2026-03-05&to=2026-03-07", "", "", &b)
		w.expect("two days", b.Total, "8.40")
		// Readings that come late change all days after them.
		w.send(constant("works", 3000, day(1).Add(30*time.Second), day(1).Add(24*time.Hour))...) // 2 kW on average
		w.settled()
		w.expect("days", w.days(a.ID, day(1), day(9)), "[03-01 26.00 r1 03-02 14.00 r1 03-03 14.00 r1 03-04 6.00 r1 03-05 4.40 r1 03-06 4.40 r1 03-07 4.40 r1]")
		// Another assignment of the same tariff goes on where the one before ended.
		w.must("POST", "costs/assignments", "", `{"sensor":"works","tariff":"steps","export":"other","from":"2026-03-06","correction":"there is a roof now"}`, nil)
		w.send(constant("other", 100, day(6), w.now)...)
		w.settled()
		w.must("GET", "costs/sensors/works/bill?from=2026-03-01&to=2026-03-08", "", "", &b)
		w.expect("parts", len(b.Parts), "2")
		w.expect("given", b.Parts[1].Given, "4800")
		w.expect("the rest", b.Parts[1].Total, "8.80")
	})
}

// TestEstimated prices a gap that a counter bridges: what it rose by is known,
// and when is not.
func TestEstimated(t *testing.T) {
	zone := berlin(t)
	begin := time.Date(2026, 3, 1, 0, 0, 0, 0, zone)
	d := meters("Europe/Berlin", time.Minute, 0, "house", "other")
	d.Sensors[0].Quantity, d.Sensors[1].Quantity = record.Energy, record.Energy
	w := newWorld(t, "", begin.Add(30*time.Hour), d)
	w.must("PUT", "tariffs/home", yamlType, strings.Replace(flat, "      - {id: basic, kind: standing, price: 0.50, per: day}\n", "", 1), nil)
	w.must("POST", "costs/assignments", "", `{"sensor":"house","tariff":"home","from":"2026-03-01"}`, nil)
	for m := range 24*60 + 1 {
		if m < 12*60 || m >= 18*60 {
			w.send(record.Record{Sensor: "house", Time: record.MillisOf(begin.Add(time.Duration(m) * time.Minute)), Value: float64(m) * 100})
		}
	}
	w.settled()
	var b BillBody
	w.must("GET", "costs/sensors/house/bill?from=2026-03-01&to=2026-03-02", "", "", &b)
	w.expect("a day", b.Total, "43.20") // 144 kW·h
	if b.EstimatedShare < 0.25 || b.EstimatedShare > 0.2512 || b.Completeness > 0.7501 || b.Completeness < 0.749 || b.Complete {
		t.Errorf("%+v", b.CostSumBody)
	}
	w.expect("estimated", *b.Estimated, b.Parts[0].Lines[0].Estimated)
}

// TestNow tells what a house costs while it goes on.
func TestNow(t *testing.T) {
	both(t, func(t *testing.T, url string) {
		zone := berlin(t)
		day := func(n int) time.Time { return time.Date(2026, 3, n, 0, 0, 0, 0, zone) }
		w := newWorld(t, url, day(5).Add(6*time.Hour), meters("Europe/Berlin", time.Minute, 0, "house", "other"))
		w.must("PUT", "tariffs/home", yamlType, flat, nil)
		w.must("POST", "costs/assignments", "", `{"sensor":"house","tariff":"home","from":"2026-03-01"}`, nil)
		w.send(constant("house", 1000, day(1), w.now)...)
		w.settled()
		now := func() (b CostNowBody) {
			t.Helper()
			w.must("GET", "costs/sensors/house/now", "", "", &b)
			return b
		}
		b := now()
		w.expect("today", b.Day.Total, "2.30") // 6 kW·h and the day
		w.expect("month", b.Month.Total, "33.10")
		w.expect("year", b.Year.Total, "33.10")
		w.expect("price", b.Price, "0.30")
		w.expect("flow", b.Flow, "1000")
		w.expect("an hour", b.PerHour, "0.30")
		if b.Day.Completeness != 1 || b.Day.EstimatedShare < 0.04 || b.Day.EstimatedShare > 0.05 { // 15 minutes of 6 hours are not settled
			t.Errorf("%+v", b.Day)
		}
		// Seven minutes later, nothing is settled.
		next := w.now.Add(7 * time.Minute)
		w.send(constant("house", 3000, w.now, next)...)
		w.now = next
		b = now()
		w.expect("today", b.Day.Total, "2.405") // 0.35 kW·h more
		w.expect("flow", b.Flow, "3000")
		w.expect("an hour", b.PerHour, "0.90")
		// What is settled goes on from where it was.
		w.now = next.Add(30 * time.Minute)
		w.send(constant("house", 1000, next, w.now)...)
		w.settled()
		w.read = 0
		w.expect("today", now().Day.Total, "2.555")
		if w.read > 3*3 { // two quarters for the day, the month and the year
			t.Errorf("%d windows are read to go on", w.read)
		}
		// A late reading of the second is in this month, and not in this day.
		w.send(record.Record{Sensor: "house", Time: record.MillisOf(day(2).Add(90 * time.Second)), Value: 121_000})
		w.settled()
		b = now()
		w.expect("today", b.Day.Total, "2.555")
		w.expect("month", b.Month.Total, "33.655") // 1 kW·h more
		// A correction of the price is in all of them.
		w.must("PUT", "tariffs/home?correction=it+was+more", yamlType, strings.Replace(flat, "0.30", "0.60", 1), nil)
		w.expect("today", now().Day.Total, "4.61")
		// Budgets.
		u, err := w.cost.Used(t.Context(), ledger.SensorPoint("house"), window.Day)
		if err != nil || !u.Known || !u.MoneyKnown || u.Amount.Float64() != 6850 || u.Money.String() != "4.61" || u.Completeness != 1 {
			t.Errorf("%+v %v", u, err)
		}
		u, err = w.cost.Used(t.Context(), ledger.SensorPoint("other"), window.Month)
		if err != nil || u.Known || u.MoneyKnown {
			t.Errorf("%+v %v", u, err)
		}
		if u, err = w.cost.Used(t.Context(), ledger.GroupPoint("site", "all"), window.Week); err != nil || u.Amount != 79_850*energy.PerUnit {
			t.Errorf("%+v %v", u, err)
		}
	})
}

// TestBeforeTheFirstPrice prices days that no version is in force for: their money
// is null, and how much that is about is told.
func TestBeforeTheFirstPrice(t *testing.T) {
	zone := berlin(t)
	begin := time.Date(2026, 3, 1, 0, 0, 0, 0, zone)
	w := newWorld(t, "", begin.AddDate(0, 0, 3).Add(time.Hour), meters("Europe/Berlin", time.Minute, 0, "house"))
	w.must("PUT", "tariffs/home", yamlType, strings.Replace(flat, "2026-01-01", "2026-03-02", 1), nil)
	w.must("POST", "costs/assignments", "", `{"group":"all","tariff":"home","from":"2026-03-01"}`, nil)
	w.send(constant("house", 1000, begin, w.now)...)
	w.settled()
	text := w.must("GET", "costs/groups/all?size=1d&from=2026-03-01&to=2026-03-04", "", "", nil)
	for _, part := range []string{
		`"taken":[24000,24000,24000]`, `"used":[null,"7.20","7.20"]`, `"cost":[null,"7.70","7.70"]`, `"total":[null,"7.70","7.70"]`,
		`"unpriced":[24,0,0]`, `"unpricedAmount":[24000,0,0]`, `"estimatedShare":[0,0,0]`,
	} {
		if !strings.Contains(text, part) {
			t.Errorf("%s is not in %s", part, text)
		}
	}
	var b BillBody
	w.must("GET", "costs/groups/all/bill?from=2026-03-01&to=2026-03-02", "", "", &b)
	if b.Total != nil || b.Cost != nil || b.Missing != "24000" || b.Unpriced != 24 || b.Complete {
		t.Errorf("%+v", b)
	}
	w.must("GET", "costs/groups/all/bill?from=2026-03-01&to=2026-03-04", "", "", &b)
	w.expect("three days", b.Total, "15.40")
	w.expect("without a price", b.Missing, "24000")
}

// TestPage runs the query of the page for users.
func TestPage(t *testing.T) {
	page, err := os.ReadFile("../../docs/settlement.md")
	if err != nil {
		t.Fatal(err)
	}
	_, query, ok := strings.Cut(string(page), "```sql\nSELECT p.name, date(c.start")
	query, _, _ = strings.Cut("SELECT p.name, date(c.start"+query, "```")
	if !ok || !strings.Contains(query, "settled_costs") {
		t.Fatal("the page has no query of costs")
	}
	zone := berlin(t)
	begin := time.Date(2026, 3, 1, 0, 0, 0, 0, zone)
	w := newWorld(t, "", begin.Add(25*time.Hour), meters("Europe/Berlin", time.Minute, 0, "house"))
	w.must("PUT", "tariffs/home", yamlType, flat, nil)
	w.must("POST", "costs/assignments", "", `{"sensor":"house","tariff":"home","from":"2026-03-01"}`, nil)
	w.send(constant("house", 1000, begin, w.now)...)
	w.settled()
	var name, day string
	var eur, completeness float64
	if err := w.store.Settled().DB.DB.QueryRowContext(t.Context(), query).Scan(&name, &day, &eur, &completeness); err != nil {
		t.Fatal(err)
	}
	if name != "house" || day != "2026-03-01" || eur != 7.7 || completeness != 1 {
		t.Error(name, day, eur, completeness)
	}
}
