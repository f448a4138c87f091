package bill

import (
	"encoding/json"
	"math"
	"math/big"
	"math/rand/v2"
	"testing"

	"github.com/wattwerk/wattwerk/energy"
	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/tariff"
	"github.com/wattwerk/wattwerk/window"
)

// TestSplit holds parts to the whole, and each to its exact share.
func TestSplit(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 20_000 {
		n := 1 + r.IntN(8)
		weights := make([]int64, n)
		sum := new(big.Int)
		for i := range weights {
			weights[i] = r.Int64() >> r.IntN(64)
			if r.IntN(5) == 0 {
				weights[i] = 0
			}
			sum.Add(sum, big.NewInt(weights[i]))
		}
		total := int64(r.Uint64()) >> r.IntN(64)
		parts, ok := Split(total, weights)
		if sum.Sign() == 0 {
			if ok != (total == 0) {
				t.Fatalf("%d by nothing: %v", total, ok)
			}
			continue
		}
		if !ok {
			if sum.IsUint64() {
				t.Fatalf("%d by %v is refused", total, weights)
			}
			continue
		}
		got := int64(0)
		for i, p := range parts {
			got += p
			exact := new(big.Int).Mul(big.NewInt(total), big.NewInt(weights[i]))
			off := new(big.Int).Sub(new(big.Int).Mul(big.NewInt(p), sum), exact)
			if off.CmpAbs(sum) >= 0 {
				t.Fatalf("part %d of %d by %v is %d", i, total, weights, p)
			}
		}
		if got != total {
			t.Fatalf("%d by %v is %v", total, weights, parts)
		}
	}
}

func TestSplitGivesTheLargestRemaindersFirst(t *testing.T) {
	for _, x := range []struct {
		total         int64
		weights, want []int64
	}{
		{10, []int64{1, 1, 1}, []int64{4, 3, 3}},
		{-10, []int64{1, 1, 1}, []int64{-4, -3, -3}},
		{7, []int64{50, 30, 20}, []int64{4, 2, 1}},
		{1, []int64{0, 5, 5}, []int64{0, 1, 0}},
		{0, []int64{0, 0}, []int64{0, 0}},
	} {
		got, ok := Split(x.total, x.weights)
		for i := range x.want {
			if !ok || got[i] != x.want[i] {
				t.Errorf("%d by %v is %v", x.total, x.weights, got)
				break
			}
		}
	}
}

// TestTexts reads back what is written.
func TestTexts(t *testing.T) {
	for _, v := range []int64{0, 1, -1, 999_999, 1_000_000, -2_336_857_120, math.MaxInt64, math.MinInt64} {
		in := struct {
			M Money
			Q Quantity
		}{Money(v), Quantity(v)}
		text, err := json.Marshal(in)
		if err != nil {
			t.Fatal(err)
		}
		out := in
		out.M, out.Q = 7, 7
		if err := json.Unmarshal(text, &out); err != nil || out != in {
			t.Errorf("%s: %v %v", text, out, err)
		}
	}
	for _, s := range []string{"", "-", "1.", ".5", "1.0000001", "1e3", " 1", "99999999999999"} {
		var m Money
		if err := m.UnmarshalText([]byte(s)); err == nil {
			t.Errorf("%q is read as %s", s, m)
		}
	}
}

func FuzzMoney(f *testing.F) {
	f.Add("2336.85712")
	f.Add("-0.000001")
	f.Add("1.")
	f.Fuzz(func(t *testing.T, s string) {
		var m, back Money
		if m.UnmarshalText([]byte(s)) != nil {
			return
		}
		if err := back.UnmarshalText([]byte(m.String())); err != nil || back != m {
			t.Errorf("%q is %s is %s: %v", s, m, back, err)
		}
	})
}

func plan(t *testing.T, text string) (tariff.Tariff, *tariff.Plan) {
	t.Helper()
	doc, err := tariff.ReadYAML[tariff.Tariff]([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	p, err := tariff.New(doc, window.Calendar{})
	if err != nil {
		t.Fatal(err)
	}
	return doc, p
}

// TestMarks prices one hour of each quality: every part is told apart, and they are
// rounded as the line is.
func TestMarks(t *testing.T) {
	doc, p := plan(t, `
id: t
currency: EUR
versions: [{from: 2026-01-01, components: [{id: energy, kind: energy, price: 0.333333333}, {id: free, kind: energy, price: 0}, {id: back, kind: feed_in, price: 0.1}, {id: basic, kind: standing, price: 1, per: day}, {id: vat, kind: tax, percent: 19}]}]
`)
	const start = 1_767_225_600_000
	period := window.Span{From: start, To: start + 4*4*window.QuarterLength}
	var pieces []Piece
	for i, q := range []energy.Quality{energy.Measured, energy.Corrected, energy.Substituted, energy.Estimated} {
		from := period.From + record.Millis(int64(i)*4*window.QuarterLength)
		x := Piece{Span: window.Span{From: from, To: from + 4*window.QuarterLength}, Taken: 1e9, Given: 5e8, Quality: q}
		if q > energy.Measured {
			x.TakenMarked, x.GivenMarked = x.Taken, x.Given
		}
		pieces = append(pieces, x)
	}
	b, err := Price(p, period, nil, pieces)
	if err != nil {
		t.Fatal(err)
	}
	lines := b.Text("grid", "Grid")
	l := lines[0]
	if l.Money != 1_333_333 || l.Estimated != 333_333 || l.Substituted != 333_333 || l.Corrected != 333_333 || l.Quality != energy.Estimated {
		t.Errorf("%+v", l)
	}
	if l := lines[1]; l.Quality != energy.Estimated || l.Money != 0 {
		t.Errorf("what is free rests on what was known: %+v", l)
	}
	if l := lines[2]; l.Money != -200_000 || l.Estimated != -50_000 || !l.Credit {
		t.Errorf("%+v", l)
	}
	if l := lines[3]; l.Quality != energy.None || l.Price != "1.00 per day" || l.Quantity != 1e9 {
		t.Errorf("%+v", l)
	}
	total, err := Totals("EUR", lines)
	if err != nil || total.Total != total.Measured+total.Estimated+total.Substituted || total.Credit != 200_000 {
		t.Errorf("%+v %v", total, err)
	}
	// Two members of one half each are the whole.
	if err := Align(doc, &b, []*Bill{&b, &b}); err == nil {
		t.Error("twice the whole is taken for the whole")
	}
}

func TestQuotes(t *testing.T) {
	for _, x := range []struct {
		in   []ServiceQuotes
		want string
	}{
		{[]ServiceQuotes{{Name: "a"}, {Name: "a"}}, `prices: the series "a" is there twice`},
		{[]ServiceQuotes{{Name: "a", Quotes: []ServiceQuote{{Value: "x"}}}}, `prices: quote 1 of "a": a price is "x" and not a decimal number like 0.30125`},
		{make([]ServiceQuotes, 21), "prices: 21 series are more than 20"},
	} {
		if _, err := Quotes(x.in); err == nil || err.Error() != x.want {
			t.Errorf("%v", err)
		}
	}
	q, err := Quotes([]ServiceQuotes{{Name: "a", Quotes: []ServiceQuote{{From: 1, To: 2, Value: "-999.99"}}}})
	if err != nil || q["a"][0].Price != -999_990_000_000 {
		t.Errorf("%v %v", q, err)
	}
}

// TestMarksOfMany prices random pieces by tariffs with and without steps and peaks:
// the parts are those that the whole gives when one quality alone is marked.
func TestMarksOfMany(t *testing.T) {
	for _, text := range []string{
		"{id: bands, currency: EUR, calendars: [{id: c, bands: [{name: a, times: [\"06:00-20:00\"]}, {name: b}]}], versions: [{from: 2020-01-01, to: 2026-01-02, components: [{id: e, kind: energy, prices: {a: 0.31, b: 0.2}}, {id: back, kind: feed_in, price: 0.0811}, {id: vat, kind: tax, percent: 19}]}, {from: 2026-01-02, components: [{id: e, kind: energy, price: 0.4}]}]}",
		"{id: steps, currency: EUR, versions: [{from: 2020-01-01, components: [{id: e, kind: energy, steps: {per: month, of: [{upTo: 40, price: 0.31}, {price: 0.2}]}}]}]}",
		"{id: peak, currency: EUR, versions: [{from: 2020-01-01, components: [{id: e, kind: energy, price: 0.2}, {id: p, kind: demand, price: 7, per: month, peak: month}]}]}",
	} {
		_, p := plan(t, text)
		r := rand.New(rand.NewPCG(7, 7))
		period := window.Span{From: 1_767_225_600_000, To: 1_767_225_600_000 + 3*96*window.QuarterLength}
		var pieces []Piece
		for at := period.From; at < period.To; at += window.QuarterLength {
			x := Piece{Span: window.Span{From: at, To: at + window.QuarterLength}, Taken: energy.Amount(r.Int64N(1e9)), Given: energy.Amount(r.Int64N(1e8)), Quality: energy.Quality(r.IntN(5))}
			if x.Quality > energy.Measured {
				x.TakenMarked, x.GivenMarked = x.Taken, x.Given/2
			}
			pieces = append(pieces, x)
		}
		b, err := Price(p, period, nil, pieces)
		if err != nil {
			t.Fatal(err)
		}
		for _, mark := range marks {
			want, err := priceOnce(p, period, nil, pieces, mark, false)
			if err != nil {
				t.Fatal(err)
			}
			for i, l := range want.Lines {
				if got := b.Lines[i]; got.By[mark] != l.Estimated || got.Money != l.Money || got.Quantity != l.Quantity {
					t.Errorf("%s, %s %s: %s of %s is %s, want %s of %s", p.ID(), l.Component, l.Slot, got.By[mark], got.Money, mark, l.Estimated, l.Money)
				}
			}
		}
	}
}

// TestWhy says of a line whose money stays what is marked otherwise, and not that it is what it was.
func TestWhy(t *testing.T) {
	was := ServiceBillLine{Key: "k", Unit: "kWh", Quantity: 7, Price: "0.3", Money: 2_100_000, Quality: energy.Estimated, Estimated: 900_000, Corrected: 10_000}
	measured, less := was, was
	measured.Quality, measured.Estimated = energy.Measured, 0
	less.Estimated, less.Corrected = 864_300, 0
	for want, now := range map[string]ServiceBillLine{
		"what it rests on is measured instead of estimated, and the money stays: late":                                      measured,
		"of its money 0.8643 is estimated instead of 0.90 and 0.00 is corrected instead of 0.01, and the money stays: late": less,
	} {
		d := Differ("anna", []ServiceBillLine{was}, []ServiceBillLine{now}, func(old, now *ServiceBillLine) string { return Why(old, now, "late") })
		if len(d) != 1 || d[0].Reason != want || d[0].Difference != 0 {
			t.Errorf("%+v", d)
		}
	}
}
