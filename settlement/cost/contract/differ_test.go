package contract

import (
	"testing"

	"github.com/wattwerk/wattwerk/tariff"
	"github.com/wattwerk/wattwerk/window"
)

func TestDiffer(t *testing.T) {
	base := `{"id":"x","currency":"EUR","zone":"Europe/Berlin","calendars":[{"id":"c","holidays":{"dates":["2026-05-01"]},"bands":[{"name":"a","days":["mon"]},{"name":"b"}]}],"versions":[
		{"from":"2025-01-01","components":[{"id":"e","kind":"energy","price":"0.3"}]},
		{"from":"2026-01-01","components":[{"id":"e","kind":"energy","prices":{"a":"0.3","b":"0.2"}}]}]}`
	for _, c := range []struct {
		name   string
		change func(*tariff.Tariff)
		want   tariff.Date
	}{
		{"nothing", func(*tariff.Tariff) {}, ""},
		{"names", func(t *tariff.Tariff) { t.Name = "y"; t.Versions[0].Components[0].Name = "z" }, ""},
		{"a new price", func(t *tariff.Tariff) {
			t.Versions = append(t.Versions, tariff.Version{From: "2027-01-01", Components: t.Versions[0].Components})
		}, "2027-01-01"},
		{"an end", func(t *tariff.Tariff) { t.Versions[1].To = "2026-08-01" }, "2026-08-01"},
		{"an end where the next begins", func(t *tariff.Tariff) { t.Versions[0].To = "2026-01-01" }, ""},
		{"an old price", func(t *tariff.Tariff) { t.Versions[0].Components[0].Price = "0.31" }, "2025-01-01"},
		{"the bands", func(t *tariff.Tariff) { t.Calendars[0].Bands[0].Days[0] = "tue" }, "2026-01-01"},
		{"a holiday", func(t *tariff.Tariff) {
			t.Calendars[0].Holidays.Dates = append(t.Calendars[0].Holidays.Dates, "2026-10-31")
		}, "2026-10-31"},
		{"a holiday that does not matter", func(t *tariff.Tariff) {
			t.Calendars[0].Holidays.Dates = append(t.Calendars[0].Holidays.Dates, "2025-10-31")
		}, ""},
		{"no holiday", func(t *tariff.Tariff) { t.Calendars[0].Holidays.Dates = nil }, "2026-05-01"},
		{"another begin", func(t *tariff.Tariff) { t.Versions[0].From = "2025-02-01" }, "2025-01-01"},
		{"another zone", func(t *tariff.Tariff) { t.Zone = "Europe/Paris" }, "2025-01-01"},
	} {
		a, err1 := tariff.ReadJSON[tariff.Tariff]([]byte(base))
		b, err2 := tariff.ReadJSON[tariff.Tariff]([]byte(base))
		if err1 != nil || err2 != nil {
			t.Fatal(err1, err2)
		}
		c.change(&b)
		for _, of := range []tariff.Tariff{a, b} {
			if _, err := tariff.New(of, window.Calendar{}); err != nil {
				t.Fatal(c.name, err)
			}
		}
		got, differs := Differ(a, b)
		back, _ := Differ(b, a)
		if got != c.want || back != c.want || differs != (c.want != "") {
			t.Errorf("%s: %q and %q, not %q", c.name, got, back, c.want)
		}
	}
	f := tariff.Factors{ID: "f", Versions: []tariff.FactorsVersion{{From: "2025-01-01", Location: &tariff.Factor{Value: "363"}}, {From: "2026-01-01", Location: &tariff.Factor{Value: "350"}}}}
	g := f
	g.Versions = append(g.Versions[:1:1], tariff.FactorsVersion{From: "2026-01-01", Location: &tariff.Factor{Value: "351"}})
	if d, ok := DifferFactors(f, g); !ok || d != "2026-01-01" {
		t.Error(d, ok)
	}
	if d, ok := DifferFactors(f, f); ok {
		t.Error(d)
	}
}
