package cost

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/wattwerk/wattwerk/catalog"
	"github.com/wattwerk/wattwerk/model"
)

// TestByItsMeter prices a group by its own meter and by the sum of its members,
// and tells what no member explains.
func TestByItsMeter(t *testing.T) {
	both(t, func(t *testing.T, url string) {
		zone := berlin(t)
		day := func(n int) time.Time { return time.Date(2026, 3, n, 0, 0, 0, 0, zone) }
		d := meters("Europe/Berlin", time.Minute, 0, "press", "oven", "main")
		d.Groups[0].Members[2].Meter = true
		d.Groups[0].Members[2].Sign = -1 // it counts what flows out of the grid as negative
		w := newWorld(t, url, day(4).Add(6*time.Hour), d)
		w.must("PUT", "tariffs/works", yamlType, flat, nil)

		w.refuses(422, "a sensor has no members", "POST", "costs/assignments", "", `{"sensor":"press","tariff":"works","from":"2026-03-01","by":"meter"}`)
		w.refuses(422, "", "POST", "costs/assignments", "", `{"group":"all","tariff":"works","from":"2026-03-01","by":"sum"}`)
		var members, meter AssignmentBody
		w.must("POST", "costs/assignments", "", `{"group":"all","tariff":"works","from":"2026-03-01","by":"members"}`, &members)
		w.must("POST", "costs/assignments", "", `{"group":"all","tariff":"works","from":"2026-03-02"}`, &meter)
		if members.By != "members" || meter.By != "meter" {
			t.Errorf("%+v %+v", members, meter)
		}
		// Of 24 kW·h a day the members explain 21.6. The meter is silent for the last
		// six hours of the third day.
		w.send(constant("press", 600, day(1), w.now)...)
		w.send(constant("oven", 300, day(1), w.now)...)
		w.send(constant("main", -1000, day(1), day(3).Add(18*time.Hour))...)
		w.send(constant("main", -1000, day(4), w.now)...)
		w.settled()
		bill := func(from, to string) (b BillBody) {
			t.Helper()
			w.must("GET", "costs/groups/all/bill?from="+from+"&to="+to, "", "", &b)
			return b
		}
		b := bill("2026-03-01", "2026-03-02")
		w.expect("a day by members", b.Total, "6.98")
		if b.Unaccounted != nil || b.Parts[0].By != "members" {
			t.Errorf("%+v", b)
		}
		b = bill("2026-03-02", "2026-03-03")
		w.expect("a day by the meter", b.Total, "7.70")
		w.expect("taken", b.Taken, "24000")
		w.expect("unaccounted", b.Unaccounted.Amount, "2400")
		w.expect("costs of it", b.Unaccounted.Total, "0.72")
		if !b.Complete || b.Parts[0].By != "meter" {
			t.Errorf("%+v", b)
		}
		b = bill("2026-03-03", "2026-03-04")
		w.expect("a day without the meter at night", b.Total, "5.90") // 18 kW·h
		if b.Complete || b.Measured != 18 || b.Completeness != 0.75 {
			t.Errorf("%+v", b)
		}
		w.expect("unaccounted while the meter spoke", b.Unaccounted.Amount, "1800")
		w.expect("costs of that", b.Unaccounted.Total, "0.54")
		if b.Unaccounted.Compared != 0.75 {
			t.Errorf("%v was compared", b.Unaccounted.Compared)
		}
		b = bill("2026-03-01", "2026-03-03")
		w.expect("two days", b.Total, "14.68")
		w.expect("unaccounted of the second", b.Unaccounted.Amount, "2400")

		text := w.must("GET", "costs/groups/all?size=1d&from=2026-03-01&to=2026-03-04", "", "", nil)
		for _, part := range []string{
			`"by":"meter"`, `"taken":[21600,24000,18000]`, `"used":["6.48","7.20","5.40"]`, `"total":["6.98","7.70","5.90"]`,
			`"unaccounted":[null,2400,1800]`, `"compared":[null,1,0.75]`, `"unaccountedUsed":[null,"0.72","0.54"]`, `"completeness":[1,1,0.75]`,
		} {
			if !strings.Contains(text, part) {
				t.Errorf("%s is not in %s", part, text)
			}
		}
		if text := w.must("GET", "costs/groups/all?size=15m&from=2026-03-03T17:45&to=2026-03-03T18:15", "", "", nil); !strings.Contains(text, `"used":["0.075",null]`) || !strings.Contains(text, `"unaccounted":[25,null]`) {
			t.Error(text)
		}
		w.expect("days", w.days(members.ID, day(1), day(5)), "[03-01 6.98 r1]")
		w.expect("days", w.days(meter.ID, day(1), day(5)), "[03-02 7.70 r1 03-03 5.90 r1]")
		var now CostNowBody
		w.must("GET", "costs/groups/all/now", "", "", &now)
		w.expect("today", now.Day.Total, "2.30")
		w.expect("flow", now.Flow, "1000")

		// What comes late is priced, and is a correction of nobody.
		w.send(constant("main", -1000, day(3).Add(18*time.Hour), day(4))...)
		w.settled()
		w.expect("days", w.days(meter.ID, day(1), day(5)), "[03-02 7.70 r1 03-03 7.70 r1]")

		// Another way is another price.
		w.refuses(409, "was priced already", "POST", "costs/assignments", "", `{"group":"all","tariff":"works","from":"2026-03-03","by":"members"}`)
		w.must("POST", "costs/assignments", "", `{"group":"all","tariff":"works","from":"2026-03-03","by":"members","correction":"the main meter is wrong"}`, nil)
		w.settled()
		w.expect("three days", bill("2026-03-01", "2026-03-04").Total, "21.66")

		// Without a meter in the model there is none to price by.
		state := w.catalog.State()
		after := state.Model.Document()
		after.Groups[0].Members = slices.DeleteFunc(slices.Clone(after.Groups[0].Members), func(x model.Member) bool { return x.Meter })
		change := catalog.Change{Base: state.Revision, Patch: model.Diff(state.Model.Document(), after), Who: "ada"}
		if _, err := w.catalog.Commit(t.Context(), change); err != nil {
			t.Fatal(err)
		}
		w.refuses(422, "no meter of its own", "POST", "costs/assignments", "", `{"group":"all","tariff":"works","from":"2026-04-01","by":"meter"}`)
		w.must("POST", "costs/assignments", "", `{"group":"all","tariff":"works","from":"2026-04-01"}`, &members)
		w.expect("by", members.By, "members")
	})
}
