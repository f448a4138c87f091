package sharing

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"text/tabwriter"

	"github.com/wattwerk/wattwerk/energy"
	"github.com/wattwerk/wattwerk/service/bill"
	"github.com/wattwerk/wattwerk/service/series/seriestest"
	"github.com/wattwerk/wattwerk/tariff"
)

// TestScripts runs testdata/*.txt. "bills" and "again" (the next revision) take a
// period, a key, the members with their shares, series load.ID and generation.ID,
// and the texts inside, grid and grid.ID, which are tariffs.
func TestScripts(t *testing.T) {
	seriestest.Run(t, func() func(*testing.T, string, *seriestest.Body) string {
		var last *SharingOutput
		return func(t *testing.T, title string, b *seriestest.Body) string {
			in := input(t, b)
			if title == "again" {
				in.Previous = last
			}
			out, err := Run(in)
			if err != nil {
				return err.Error()
			}
			last = &out
			return write(&out)
		}
	})
}

func document(t testing.TB, text string) tariff.Tariff {
	t.Helper()
	doc, err := tariff.ReadYAML[tariff.Tariff]([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

func input(t testing.TB, b *seriestest.Body) SharingInput {
	t.Helper()
	at := b.Span(t, "period")
	in := SharingInput{Community: "village", From: at.From, To: at.To, Key: b.Set["key"], Zone: b.Set["zone"], Grid: document(t, b.Text["grid"])}
	if text := b.Text["inside"]; text != "" {
		in.Inside = new(document(t, text))
	}
	for _, text := range strings.Fields(b.Set["members"]) {
		id, share, _ := strings.Cut(text, "=")
		m := SharingMember{ID: id, Load: *b.Energy["load."+id], Generation: b.Energy["generation."+id], Registers: b.Set["registers"] == id}
		if share != "" {
			if _, err := fmt.Sscan(share, &m.Share); err != nil {
				t.Fatal(err)
			}
		}
		if text := b.Text["grid."+id]; text != "" {
			m.Grid = new(document(t, text))
		}
		in.Members = append(in.Members, m)
	}
	return in
}

func write(o *SharingOutput) string {
	var out strings.Builder
	w := tabwriter.NewWriter(&out, 0, 0, 2, ' ', 0)
	flows := func(who string, e *SharingEnergy) {
		fmt.Fprintf(&out, "%s: load %s = own %s + community %s + grid %s; generation %s = own + community %s + grid %s", who, e.Load, e.OwnUse, e.FromCommunity, e.FromGrid, e.Generation, e.ToCommunity, e.ToGrid)
		if e.Autarky != nil {
			fmt.Fprintf(&out, "; autarky %.3f", *e.Autarky)
		}
		if e.SelfUse != nil {
			fmt.Fprintf(&out, "; self-use %.3f", *e.SelfUse)
		}
		fmt.Fprintln(&out)
	}
	lines := func(all []bill.ServiceBillLine) {
		for _, l := range all {
			fmt.Fprintf(w, "  %s\t%s %s\t%s\t%s%s", l.Key, l.Quantity, l.Unit, l.Price+l.Percent, l.Money, marks(&l))
			if l.Note != "" {
				fmt.Fprintf(w, "; %s", l.Note)
			}
			fmt.Fprintln(w)
		}
		if err := w.Flush(); err != nil {
			panic(err)
		}
	}
	totals := func(t *bill.ServiceBillTotals) {
		fmt.Fprintf(&out, "  total %s %s = %s - %s; without estimates %s\n", t.Total, t.Currency, t.Cost, t.Credit, t.Measured)
	}
	fmt.Fprintf(&out, "revision %d, %d intervals\n", o.Revision, o.Intervals)
	for _, x := range o.Bills {
		flows(x.Member, &x.Energy)
		lines(x.Lines)
		totals(&x.Totals)
		for _, n := range x.Notes {
			fmt.Fprintf(&out, "  note: %s\n", n)
		}
	}
	flows("all", &o.Energy)
	lines(o.Inside)
	totals(&o.Totals)
	for _, d := range o.Differences {
		fmt.Fprintf(&out, "difference %s %s: %s -> %s (%s): %s\n", d.Who, d.Key, d.Before, d.After, d.Difference, d.Reason)
	}
	for _, r := range o.Reasons {
		fmt.Fprintf(&out, "reason: %s\n", r)
	}
	return strings.Join(trimmed(out.String()), "\n")
}

func trimmed(s string) []string {
	all := strings.Split(s, "\n")
	for i := range all {
		all[i] = strings.TrimRight(all[i], " ")
	}
	return all
}

func marks(l *bill.ServiceBillLine) string {
	s := ""
	if l.Quality != energy.None && l.Quality != energy.Measured {
		s = "; " + l.Quality.String()
		for _, m := range []bill.Money{l.Estimated, l.Substituted, l.Corrected} {
			if m != 0 {
				s += " " + m.String()
			}
		}
	}
	return s
}

// TestCheck refuses what is no community.
func TestCheck(t *testing.T) {
	b := seriestest.Read(t, "set period 2026-01-01 2026-01-02\nset key dynamic\nset members a=1 b=1\nenergy load.a 2026-01-01 2026-01-02: 1\nenergy load.b 2026-01-01 2026-01-02: 1\ntext grid\n"+grid+"text inside\n"+inside)
	for _, x := range []struct {
		name string
		do   func(*SharingInput)
		want string
	}{
		{"no members", func(in *SharingInput) { in.Members = nil }, "sharing: a community has one member at least"},
		{"key", func(in *SharingInput) { in.Key = "fair" }, `sharing: "fair" is no key: static, consumption or dynamic`},
		{"period", func(in *SharingInput) { in.To = in.From }, "sharing: the period from 2026-01-01T00:00:00.000Z to 2026-01-01T00:00:00.000Z is none between 1970 and 2100"},
		{"edge", func(in *SharingInput) { in.To-- }, "sharing: the period from 2026-01-01T00:00:00.000Z to 2026-01-01T23:59:59.999Z does not consist of whole intervals of 15 minutes"},
		{"inside", func(in *SharingInput) { in.Inside = nil }, "sharing: what energy costs within the community is not said"},
		{"twice", func(in *SharingInput) { in.Members[1].ID = "a" }, "sharing: the member a is there twice"},
		{"share", func(in *SharingInput) { in.Members[1].Share = -1 }, "sharing: the share of b is -1 and not from 0 to 1000000000"},
		{"shares", func(in *SharingInput) { in.Key = Static; in.Members[0].Share, in.Members[1].Share = 0, 0 }, "sharing: all shares are zero"},
		{"step", func(in *SharingInput) { in.Members[1].Load.Step = 3_600_000 }, "sharing: the series of b have another step than those of a"},
		{"below zero", func(in *SharingInput) {
			in.Members[0].Load.Values = slices.Clone(in.Members[0].Load.Values)
			in.Members[0].Load.Values[3].Amount = -5
		}, "sharing: load of a: value 4, at 2026-01-01T00:45:00.000Z, is below zero: -0.000005 Wh; hand over what flowed the other way as a series of its own"},
		{"currency", func(in *SharingInput) { in.Inside.Currency = "CHF" }, "sharing: the tariff of a is in EUR, another in another currency"},
		{"too many", func(in *SharingInput) { in.From, in.To = 0, 4_102_444_800_000 }, "sharing: 4558272 intervals of 2 members are more than 6000000; take a shorter period"},
		{"zone", func(in *SharingInput) { in.Zone = "Moon/Base" }, `sharing: load zone "Moon/Base": unknown time zone Moon/Base`},
	} {
		in := input(t, b)
		x.do(&in)
		if _, err := Run(in); err == nil || err.Error() != x.want {
			t.Errorf("%s: %v\nwant %s", x.name, err, x.want)
		}
	}
}

const grid = `
| id: grid
| currency: EUR
| versions:
|   - from: 2020-01-01
|     components:
|       - {id: energy, kind: energy, price: 0.30125}
|       - {id: solar, kind: feed_in, price: 0.0811}
`

const inside = `
| id: inside
| currency: EUR
| versions:
|   - from: 2020-01-01
|     components:
|       - {id: energy, kind: energy, price: 0.20333}
|       - {id: paid, kind: feed_in, price: 0.18777}
`

// TestPage holds the example of the page for users to the script that is run.
func TestPage(t *testing.T) { seriestest.Example(t, "sharing") }
