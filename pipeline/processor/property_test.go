package processor

import (
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/wattwerk/wattwerk/observation"
	"github.com/wattwerk/wattwerk/record"
)

// exemplary makes operators of an entry's example.
func exemplary(t testing.TB, e Entry) (fresh func() Operator, inputs int) {
	t.Helper()
	p := exampleOf(t, e)
	values := complete(t, e, p.Parameters)
	if e.MaxInputs == 0 && len(p.From) == 1 {
		p.From = append(p.From, "other")
	}
	return func() Operator {
		o, err := e.New(Settings{Values: values, Inputs: p.From, Units: make([]string, len(p.From)), Table: observation.NewTable([]string{"", "x", "y"})})
		if err != nil {
			t.Fatal(err)
		}
		return o
	}, len(p.From)
}

// TestOrderOfArrivalDoesNotMatter tells every processor the same items in many
// orders: the results are the same to the bit.
func TestOrderOfArrivalDoesNotMatter(t *testing.T) {
	for n, e := range Entries() {
		t.Run(e.Name, func(t *testing.T) {
			fresh, inputs := exemplary(t, e)
			r := rand.New(rand.NewPCG(11, uint64(n)))
			for _, step := range []int64{300, 5_000, 400_000} {
				all, of, tell := scene(r, inputs, 3, 150, step, 4*step)
				begin := move{watermark: all[0].Time - record.Millis(4*step)}
				var inOrder []move
				for j, i := range all {
					inOrder = append(inOrder, move{input: of[j], items: []observation.Item{i}})
				}
				inOrder = append(append([]move{begin}, inOrder...), move{watermark: End})
				want := play(t, fresh(), inOrder)
				got := play(t, fresh(), append([]move{begin}, tell...))
				if len(want.Dead)+len(got.Dead) > 0 {
					for _, d := range append(want.Dead, got.Dead...) {
						if d.Reason != isNoResult && d.Reason != isNoValue {
							t.Fatalf("refused: %+v", d)
						}
					}
				}
				if was, is := bits(sorted(want.Items)), bits(sorted(got.Items)); !slices.Equal(was, is) {
					t.Fatalf("step %d: %s", step, gocmp.Diff(was, is))
				}
			}
		})
	}
}

// TestGoingOnChangesNothing saves and loads every processor before each step.
func TestGoingOnChangesNothing(t *testing.T) {
	for n, e := range Entries() {
		t.Run(e.Name, func(t *testing.T) {
			fresh, inputs := exemplary(t, e)
			r := rand.New(rand.NewPCG(13, uint64(n)))
			for _, step := range []int64{300, 400_000} {
				_, _, tell := scene(r, inputs, 3, 150, step, 4*step)
				saves(t, fresh, tell, play(t, fresh(), tell))
			}
		})
	}
}

// TestManySeries does both with so many series that not all of them are looked at
// every time.
func TestManySeries(t *testing.T) {
	for n, e := range Entries() {
		t.Run(e.Name, func(t *testing.T) {
			values, p := goodValues(t, e), exampleOf(t, e)
			keys := []string{""}
			for k := range 3 * few {
				keys = append(keys, strconv.Itoa(k))
			}
			fresh := func() Operator {
				o, err := e.New(Settings{Values: values, Inputs: p.From, Units: make([]string, len(p.From)), Table: observation.NewTable(keys)})
				if err != nil {
					t.Fatal(err)
				}
				return o
			}
			for _, step := range []int64{20, 2000} {
				all, of, tell := scene(rand.New(rand.NewPCG(37, uint64(n))), len(p.From), len(keys), 3000, step, 4*step)
				begin := move{watermark: all[0].Time - record.Millis(4*step)}
				inOrder := []move{begin}
				for j, i := range all {
					inOrder = append(inOrder, move{input: of[j], items: []observation.Item{i}})
				}
				want := play(t, fresh(), append(inOrder, move{watermark: End}))
				got := play(t, fresh(), append([]move{begin}, tell...))
				if was, is := bits(sorted(want.Items)), bits(sorted(got.Items)); !slices.Equal(was, is) {
					t.Fatal(gocmp.Diff(was, is))
				}
				// Half of it, and the rest by one that goes on.
				o, out := fresh(), new(Out)
				begin.to(o, out)
				for j, m := range tell {
					if j == len(tell)/2 {
						state := o.Save(nil)
						if o = fresh(); o.Load(state) != nil {
							t.Fatal("it cannot go on")
						}
					}
					m.to(o, out)
				}
				if was, is := bits(got.Items), bits(out.Items); !slices.Equal(was, is) {
					t.Fatal(gocmp.Diff(was, is))
				}
			}
		})
	}
}

// TestHostileItems tells every processor items that nobody should send: they are taken or
// refused, nothing panics, and results are numbers.
func TestHostileItems(t *testing.T) {
	values := []float64{0, math.Copysign(0, -1), 1, -1, math.NaN(), math.Inf(1), math.Inf(-1), record.MaxValue, -record.MaxValue, 1e300, -1e300, 5e-324, math.MaxFloat64}
	times := []record.Millis{math.MinInt64, -1, record.MinTime, 1, 1_700_000_000_000, 1_700_000_000_001, record.MaxTime - 1, record.MaxTime, record.MaxTime + 1, math.MaxInt64}
	for n, e := range Entries() {
		t.Run(e.Name, func(t *testing.T) {
			fresh, inputs := exemplary(t, e)
			r := rand.New(rand.NewPCG(17, uint64(n)))
			for range 20 {
				o, out := fresh(), new(Out)
				for range 200 {
					i := observation.Item{Series: observation.Series(r.IntN(4)), Time: times[r.IntN(len(times))], Value: values[r.IntN(len(values))], Marks: observation.Marks(r.Uint32())}
					if r.IntN(3) > 0 {
						i.Marks &^= observation.Null
					}
					if r.IntN(50) == 0 {
						i.Series = observation.Series(r.Uint32())
					}
					o.Take(r.IntN(inputs), []observation.Item{i}, out)
					if r.IntN(20) == 0 {
						o.Advance(times[r.IntN(len(times))], out)
					}
				}
				o.Advance(End, out)
				for _, i := range out.Items {
					if e.Name != "echo" && e.Name != "filter" && e.Name != "store" && check(i) == isNoNumber {
						t.Fatalf("result %+v", i)
					}
				}
				if len(out.Items) > 3_000_000 {
					t.Fatalf("%d results", len(out.Items))
				}
			}
		})
	}
}

// FuzzLoad has every processor load anything.
func FuzzLoad(f *testing.F) {
	entries := Entries()
	for n, e := range entries {
		fresh, inputs := exemplary(f, e)
		_, _, tell := scene(rand.New(rand.NewPCG(19, uint64(n))), inputs, 3, 40, 5_000, 20_000)
		o, out := fresh(), new(Out)
		for _, m := range tell[:len(tell)-1] {
			m.to(o, out)
		}
		f.Add(uint8(n), o.Save(nil))
	}
	f.Fuzz(func(t *testing.T, n uint8, b []byte) {
		fresh, _ := exemplary(t, entries[int(n)%len(entries)])
		o := fresh()
		if err := o.Load(b); err != nil {
			if was := fresh(); string(was.Save(nil)) != string(o.Save(nil)) {
				t.Fatalf("what it could not load left something behind: %v", err)
			}
			return
		}
		saved := o.Save(nil)
		again := fresh()
		if err := again.Load(saved); err != nil {
			t.Fatalf("what it saved cannot be loaded: %v", err)
		}
		out := new(Out)
		again.Take(0, []observation.Item{{Time: 1_700_000_000_000, Value: 1}, {Series: 1, Time: 1_700_000_100_000, Value: 2}}, out)
		again.Advance(1_700_000_050_000, out)
		again.Save(nil)
		again.Advance(End, out)
	})
}

// TestChangedParameters has operators go on from a state of others: of what fits
// they do, and else they say so and are as new.
func TestChangedParameters(t *testing.T) {
	for _, c := range []struct {
		name     string
		was, now map[string]any
		inputs   []string
		says     string
	}{
		{name: "threshold", was: map[string]any{"limit": 3}, now: map[string]any{"limit": 5, "hold": "1m"}},
		{name: "deadband", was: map[string]any{"absolute": 3}, now: map[string]any{"absolute": 5}},
		{name: "average", was: map[string]any{}, now: map[string]any{"lateness": "1h"}},
		{name: "average", was: map[string]any{}, now: map[string]any{"size": "2h"}, says: "state is of"},
		{name: "average", was: map[string]any{}, now: map[string]any{"window": "calendar"}, says: "state is of"},
		{name: "average", was: map[string]any{"window": "calendar"}, now: map[string]any{"window": "calendar", "zone": "Europe/Berlin"}, says: "state is of"},
		{name: "average", was: map[string]any{}, now: map[string]any{"group": "all"}, says: "state is of"},
		{name: "percentile", was: map[string]any{}, now: map[string]any{"percentile": 50}},
		{name: "sum-of-inputs", was: map[string]any{}, now: map[string]any{"missing": "others"}, inputs: []string{"a", "b"}},
		{name: "sum-of-inputs", was: map[string]any{}, now: map[string]any{}, inputs: []string{"b", "a"}, says: "state is of"},
		{name: "energy", was: map[string]any{}, now: map[string]any{"rule": "trapezoid"}, says: "state is of"},
	} {
		was := made(t, c.name, c.was, "a", "b")
		was.Take(0, []observation.Item{{Time: 1_700_000_000_000, Value: 4}}, new(Out))
		was.Advance(1_700_000_000_001, new(Out))
		state := was.Save(nil)
		if c.inputs == nil {
			c.inputs = []string{"a", "b"}
		}
		now := made(t, c.name, c.now, c.inputs...)
		before := now.Save(nil)
		err := now.Load(state)
		switch {
		case c.says == "" && err != nil:
			t.Errorf("%s: %v to %v: %v", c.name, c.was, c.now, err)
		case c.says != "" && (err == nil || !strings.Contains(err.Error(), c.says)):
			t.Errorf("%s: %v to %v: %v, want that it %s", c.name, c.was, c.now, err, c.says)
		case err != nil && string(now.Save(nil)) != string(before):
			t.Errorf("%s: something is left of what could not be loaded", c.name)
		}
	}
}
