package formula

import (
	"errors"
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/wattwerk/wattwerk/energy"
	"github.com/wattwerk/wattwerk/record"
)

func powerOf(Operand) (Meaning, error) { return Meaning{Quantity: record.ActivePower}, nil }

func checked(t testing.TB, text string, meaning func(Operand) (Meaning, error), want Meaning) *Formula {
	t.Helper()
	e, err := Parse(text)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	f, err := e.Check(meaning, want)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return f
}

func TestOperands(t *testing.T) {
	if _, err := Parse(`group('it''s')`); err == nil {
		t.Fatal("a doubled quote is taken")
	}
	e, err := Parse(`sensor("b") - rate( group ( 'it\'s' , "h" ) . meter ) + sensor('b') * group("a\\\"b")`)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{`sensor("b")`, `rate(group("it's", "h").meter)`, `group("a\\\"b")`}
	if got := fmt.Sprint(e.Operands()); got != fmt.Sprint(want) {
		t.Errorf("got %s, want %s", got, want)
	}
}

// TestEveryQuantityHasAMeaning also holds scales to the units' own conversion.
func TestEveryQuantityHasAMeaning(t *testing.T) {
	seen := make(map[scaled]record.Quantity)
	for _, q := range record.Quantities() {
		s, ok := scaleOf(q)
		if !ok {
			t.Errorf("%s has no dimension", q)
		}
		if other, taken := seen[s]; taken {
			t.Errorf("%s and %s have the same dimension", q, other)
		}
		seen[s] = q
	}
	for _, c := range []struct {
		text string
		want Meaning
		live float64
	}{
		{`sensor("x") * 1 s`, Meaning{Quantity: record.Energy}, 1000. / 3600},
		{`sensor("x") / 1 kW * 50 Hz`, Meaning{Quantity: record.Frequency}, 50},
		{`sensor("x") / 1 kW * 36 km/h * 2 h / 1 h`, Meaning{Quantity: record.Speed}, 20},
		{`sensor("x") / 1 kW / 1 s`, Meaning{Quantity: record.Frequency}, 1},
		{`sensor("x") / 1 kW * (1 s + 1 h - 1 min)`, Meaning{Quantity: record.Duration}, 3541},
		{`sensor("x") * 1 J / 1 Wh`, Meaning{Quantity: record.ActivePower}, 1000. / 3600},
		{`sensor("x") * 1 hp / 1 W`, Meaning{Quantity: record.ActivePower}, 745699.8715822702},
		{`sensor("x") / 1 kW * 3 l/min`, Meaning{Quantity: record.VolumeFlow}, 0.18},
		{`sensor("x") / 1 kW * 30 %`, Meaning{Quantity: record.Ratio}, 0.3},
		{`sensor("x") / 1 kW * 1 K + 32 °F`, Meaning{Quantity: record.Temperature}, 1},
		{`sensor("x") * 1 h - max(min(3 kWh, 2 kWh), -abs(-1 kWh), positive(-1 kWh))`, Meaning{Quantity: record.Energy}, -1000},
	} {
		f := checked(t, c.text, powerOf, c.want)
		if got := f.Eval(func(int) float64 { return 1000 }); math.Abs(got-c.live) > 1e-12*math.Abs(c.live) {
			t.Errorf("%s gives %v, want %v", c.text, got, c.live)
		}
	}
}

// TestLinearFormulasCommute adds windows up, and takes the formula of the sums.
func TestLinearFormulasCommute(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	const span = 15 * 60_000
	for range 300 {
		n := 1 + rnd.IntN(5)
		var b strings.Builder
		factors := make([]int64, n)
		for i := range n {
			factors[i] = rnd.Int64N(20) - 10
			fmt.Fprintf(&b, `+ %d * sensor("s%d") `, factors[i], i)
		}
		constant := 4 * (rnd.Int64N(9) - 4) // W, so that a quarter hour of it is whole
		fmt.Fprintf(&b, "+ %d W", constant)
		f := checked(t, strings.ReplaceAll(b.String(), "+ -", "- "), powerOf, Meaning{Quantity: record.ActivePower})
		if f.Rule() != Linear || f.OnAverages() {
			t.Fatalf("%s is %v", b.String(), f.Rule())
		}
		windows := 1 + rnd.IntN(8)
		sums := make([]energy.Value, n)
		var total energy.Amount
		want := new(big.Int)
		for range windows {
			vs := make([]energy.Value, n)
			for i := range vs {
				vs[i] = energy.Value{Known: true, Amount: energy.Amount(rnd.Int64N(1<<50) - 1<<49), Covered: span, Quality: 1}
				sums[i].Known = true
				sums[i].Amount += vs[i].Amount
				sums[i].Covered += span
				want.Add(want, new(big.Int).Mul(big.NewInt(factors[i]), big.NewInt(int64(vs[i].Amount))))
			}
			want.Add(want, big.NewInt(constant*energy.PerUnit/4))
			v, err := f.Settle(span, func(i int) energy.Value { return vs[i] })
			if err != nil || !v.Known {
				t.Fatal(v, err)
			}
			total += v.Amount
		}
		v, err := f.Settle(int64(windows)*span, func(i int) energy.Value { return sums[i] })
		if err != nil || v.Amount != total || want.Cmp(big.NewInt(int64(total))) != 0 {
			t.Fatalf("%s: %d by windows, %d of the sums, %s as it should be: %v", b.String(), total, v.Amount, want, err)
		}
	}
}

// TestBendsSplitAmounts: what comes in and what goes out make up the whole, to
// the millionth.
func TestBendsSplitAmounts(t *testing.T) {
	stated := Meaning{Quantity: record.ActivePower}
	in, out := checked(t, `positive(sensor("x"))`, powerOf, stated), checked(t, `negative(sensor("x"))`, powerOf, stated)
	rnd := rand.New(rand.NewPCG(3, 4))
	for range 10_000 {
		x := energy.Value{Known: true, Amount: energy.Amount(rnd.Int64N(1<<52) - 1<<51)}
		a, err := in.Settle(900_000, func(int) energy.Value { return x })
		b, err2 := out.Settle(900_000, func(int) energy.Value { return x })
		if err != nil || err2 != nil || a.Amount+b.Amount != x.Amount || a.Amount < 0 || b.Amount > 0 {
			t.Fatal(x, a, b, err, err2)
		}
	}
}

func TestWideNumbers(t *testing.T) {
	rnd := rand.New(rand.NewPCG(5, 6))
	near := func() int64 {
		x := rnd.Int64() >> rnd.IntN(63)
		return [...]int64{x, -x, math.MaxInt64, math.MinInt64, 0}[rnd.IntN(5)]
	}
	for range 20_000 {
		var w wide
		sum := new(big.Int)
		for range 1 + rnd.IntN(4) {
			a, b := near()>>7, near()
			w.addProduct(a, b)
			sum.Add(sum, new(big.Int).Mul(big.NewInt(a), big.NewInt(b)))
		}
		by := rnd.Int64N(1<<rnd.IntN(56)) + 1
		got, ok := w.over(by)
		// Twice the sum, over twice the divisor, rounds by its remainder.
		q, r := new(big.Int).DivMod(sum, big.NewInt(by), new(big.Int))
		if c := new(big.Int).Lsh(r, 1).Cmp(big.NewInt(by)); c > 0 || c == 0 && q.Bit(0) == 1 {
			q.Add(q, big.NewInt(1))
		}
		fits := q.IsInt64() && q.Int64() != math.MinInt64
		if ok != fits || ok && got != q.Int64() {
			t.Fatalf("%v / %d is %d %v, want %v", sum, by, got, ok, q)
		}
	}
}

func TestSettleRefuses(t *testing.T) {
	stated := Meaning{Quantity: record.ActivePower}
	most := func(int) energy.Value { return energy.Value{Known: true, Amount: math.MaxInt64, Average: 1e13} }
	for _, text := range []string{`sensor("x") + sensor("y")`, `max(sensor("x"), 0) * 3`, `sensor("x") * 1e12`} {
		if _, err := checked(t, text, powerOf, stated).Settle(900_000, most); !errors.Is(err, energy.ErrTooLarge) {
			t.Errorf("%s: %v", text, err)
		}
	}
	if _, err := checked(t, `sensor("x")`, powerOf, stated).Settle(0, most); err == nil {
		t.Error("a window of no length is taken")
	}
	if v, err := checked(t, `sensor("x") - sensor("x")`, powerOf, stated).Settle(900_000, func(int) energy.Value { return energy.Value{} }); err != nil || v.Known {
		t.Error("nothing less nothing is known", v, err)
	}
}

func TestOnlyNumbersComeOut(t *testing.T) {
	f := checked(t, `coalesce(sensor("x") * 1e30, sensor("y"))`, powerOf, Meaning{Quantity: record.ActivePower})
	if got := f.Eval(func(i int) float64 { return []float64{math.MaxFloat64, 7}[i] }); got != 7 {
		t.Errorf("a value beyond all numbers is %v, not null", got)
	}
	if n := testing.AllocsPerRun(100, func() { f.Eval(func(i int) float64 { return float64(i) }) }); n != 0 {
		t.Errorf("evaluating allocates %v times", n)
	}
	if got := f.Eval(func(i int) float64 { return []float64{math.Inf(-1), 7}[i] }); got != 7 {
		t.Errorf("an infinite operand is %v, not null", got)
	}
}

func TestBounds(t *testing.T) {
	stated := Meaning{Quantity: record.ActivePower}
	var b strings.Builder
	for i := range MaxOperands {
		fmt.Fprintf(&b, `+sensor("%d")`, i)
	}
	f := checked(t, b.String(), powerOf, stated)
	if got := f.Eval(func(i int) float64 { return float64(i) }); got != MaxOperands*(MaxOperands-1)/2 {
		t.Errorf("the sum is %v", got)
	}
	for _, text := range []string{b.String() + `+sensor("more")`, strings.Repeat(" ", MaxBytes) + `sensor("a")`, "\xff" + `sensor("a")`, strings.Repeat("1", 41) + `*sensor("a")`} {
		if _, err := Parse(text); err == nil {
			t.Errorf("%.60s… is taken", text)
		}
	}
	// The deepest there can be, sensor( being a level too, keeps the most values waiting.
	deep := `sensor("x") * 1 s`
	for range MaxDepth - 1 {
		deep = `1 Wh + 1 * (` + deep + `)`
	}
	if v := checked(t, deep, powerOf, Meaning{Quantity: record.Energy}).Eval(func(int) float64 { return 3600 }); v != MaxDepth {
		t.Errorf("the deepest gives %v", v)
	}
}

func TestOrder(t *testing.T) {
	got, err := Order(map[record.SensorID][]record.SensorID{"d": {"b", "c", "b"}, "c": {"a", "x"}, "b": {"a"}, "a": {"y"}, "e": nil})
	if err != nil || fmt.Sprint(got) != "[a e b c d]" {
		t.Error(got, err)
	}
	_, err = Order(map[record.SensorID][]record.SensorID{"z": {"m"}, "m": {"c"}, "c": {"b"}, "b": {"x", "m"}, "x": nil})
	if err == nil || err.Error() != `formulas use one another in a circle: "b" uses "m" uses "c" uses "b"` {
		t.Error(err)
	}
	if _, err = Order(map[record.SensorID][]record.SensorID{"a": {"a"}}); err == nil || err.Error() != `formulas use one another in a circle: "a" uses "a"` {
		t.Error(err)
	}
	long := make(map[record.SensorID][]record.SensorID)
	for i := range 10 {
		long[record.SensorID(fmt.Sprint(i))] = []record.SensorID{record.SensorID(fmt.Sprint((i + 1) % 10))}
	}
	if _, err = Order(long); err == nil || !strings.HasSuffix(err.Error(), `"7" uses … (10 in all) uses "0"`) {
		t.Error(err)
	}
}

func FuzzFormula(f *testing.F) {
	for _, s := range []string{
		`sensor("grid") + sensor('roof') * 3.5e-2 - 3 kW`, `group("a", "h").unaccounted / group("a").meter`, `rate(sensor("x")) / 1 m³/h`,
		`-max(abs(sensor("a\"b")), positive(-(1 - group("ä")))) / 0.5 %`, `coalesce(sensor("a"), negative(sensor("b")), 0)`,
		`(sensor("a") + 3 K) / 2 + 20 °C / 2`, `sensor("a") / (1 W - 1 W)`, `((((`, `sensor("`, `1e`, `3 l/min(2, 3)`, `sensor("a") * 1 h / 1 s / 1 Hz`,
	} {
		f.Add(s, uint16(0), uint8(0), 1.5, int64(1234567))
	}
	quantities := record.Quantities()
	f.Fuzz(func(t *testing.T, text string, kinds uint16, stated uint8, x float64, amount int64) {
		e, err := Parse(text)
		if err != nil {
			var fault *Error
			if !errors.As(err, &fault) || fault.Char < 0 || fault.Char > len(text)+1 {
				t.Fatalf("%v", err)
			}
			return
		}
		for _, o := range e.Operands() {
			again, err := Parse(o.String())
			if err != nil || again.Operands()[0] != o {
				t.Fatalf("%s does not come back: %v", o, err)
			}
		}
		meaning := func(o Operand) (Meaning, error) {
			n := len(o.Sensor) + len(o.Group) + int(kinds)
			return Meaning{quantities[n%len(quantities)], kinds>>8&1 == 1 || o.Rate}, nil
		}
		checked, err := e.Check(meaning, Meaning{quantities[int(stated)%len(quantities)], stated>>7 == 1})
		if err != nil {
			return
		}
		live := checked.Eval(func(int) float64 { return x })
		if math.IsInf(live, 0) || math.Float64bits(live) != math.Float64bits(checked.Eval(func(int) float64 { return x })) {
			t.Fatalf("%s gives %v", text, live)
		}
		given := energy.Value{Known: amount%5 != 0, Amount: energy.Amount(amount), Average: x, Covered: 900_000, Estimated: energy.Amount(amount / 3), Quality: 2}
		v, err := checked.Settle(900_000, func(int) energy.Value { return given })
		if err == nil && (math.IsInf(v.Average, 0) || v.Covered < 0 || v.Covered > 900_000) {
			t.Fatalf("%s settles to %+v", text, v)
		}
	})
}

func BenchmarkEval(b *testing.B) {
	f := checked(b, `max(sensor("a") + sensor("b") - 3 kW, 0) * sensor("c") / group("d")`, powerOf, Meaning{Quantity: record.ActivePower})
	values := []float64{4000, 5000, 2, 3}
	lookup := func(i int) float64 { return values[i] }
	b.ReportAllocs()
	for b.Loop() {
		if f.Eval(lookup) != 4000 {
			b.Fatal("wrong")
		}
	}
}

func BenchmarkSettle(b *testing.B) {
	f := checked(b, `sensor("a") + sensor("b") - sensor("c") - group("d")`, powerOf, Meaning{Quantity: record.ActivePower})
	values := make([]energy.Value, 4)
	for i := range values {
		values[i] = energy.Value{Known: true, Amount: 1e9, Average: 4000, Covered: 900_000}
	}
	lookup := func(i int) energy.Value { return values[i] }
	b.ReportAllocs()
	for b.Loop() {
		if _, err := f.Settle(900_000, lookup); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkParseAndCheck(b *testing.B) {
	for b.Loop() {
		checked(b, `sensor("a") + sensor("b") - 3 kW`, powerOf, Meaning{Quantity: record.ActivePower})
	}
}
