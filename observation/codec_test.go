package observation_test

import (
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/wattwerk/wattwerk/observation"
	"github.com/wattwerk/wattwerk/record"
)

func TestCodec(t *testing.T) {
	for name, b := range map[string]observation.Batch{
		"nothing": {Keys: []string{""}},
		"one":     {Keys: []string{""}, Items: []observation.Item{{Time: 1, Value: 2}}},
		"several": {Keys: []string{"", "IB 1", "IB 2"}, Items: []observation.Item{
			{Time: 1543000000000, Value: -1.5}, {Series: 2, Time: 1543000001000, Value: math.Inf(1)}, {Series: 2, Marks: observation.Null | observation.Partial, Time: 0},
			{Series: 1, Time: math.MaxInt64, Value: math.MaxFloat64}, {Series: 1, Time: math.MinInt64, Value: math.SmallestNonzeroFloat64},
		}},
	} {
		t.Run(name, func(t *testing.T) {
			data := observation.Append([]byte{}, b.Keys, b.Items)
			keys, items, err := observation.Decode(data, nil)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(b.Keys, keys); d != "" {
				t.Error("keys", d)
			}
			if len(items)+len(b.Items) > 0 {
				if d := cmp.Diff(b.Items, items); d != "" {
					t.Error("items", d)
				}
			}
			for n := range data {
				if _, _, err := observation.Decode(data[:n], nil); err == nil {
					t.Fatalf("the first %d bytes of %d are taken", n, len(data))
				}
			}
		})
	}
}

// A second of a thousand meters, sent once a second, costs little more than
// its values.
func TestCodecIsSmall(t *testing.T) {
	items := make([]observation.Item, 1000)
	for i := range items {
		items[i] = observation.Item{Time: record.Millis(1543000000000 + 1000*int64(i)), Value: float64(i)}
	}
	if n := len(observation.Append(nil, []string{""}, items)); n > 9100 {
		t.Errorf("%d bytes", n)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(observation.Append(nil, []string{"", "a"}, []observation.Item{{Time: 1, Value: 2}, {Series: 1, Time: 5, Marks: observation.Null}}))
	f.Add([]byte{1, 255, 255, 255, 255, 15})
	f.Fuzz(func(t *testing.T, b []byte) {
		keys, items, err := observation.Decode(b, nil)
		if err != nil {
			return
		}
		again := observation.Append(nil, keys, items)
		keys2, items2, err := observation.Decode(again, nil)
		if err != nil || len(keys2) != len(keys) || len(items2) != len(items) {
			t.Fatalf("written again: %v", err)
		}
	})
}

func TestTable(t *testing.T) {
	var tab observation.Table
	if n := tab.Number(""); n != 0 {
		t.Errorf("the empty key is %d", n)
	}
	a := tab.Number("a")
	if tab.Key(a) != "a" || tab.Number("a") != a || tab.Len() != 2 || tab.Key(99) != "" {
		t.Errorf("a is %d of %v", a, tab.Keys())
	}
	again := observation.NewTable(tab.Keys())
	if again.Number("a") != a {
		t.Error("numbered otherwise")
	}
}

func BenchmarkCodec(b *testing.B) {
	items := make([]observation.Item, 1000)
	for i := range items {
		items[i] = observation.Item{Time: record.Millis(1543000000000 + 1000*int64(i)), Value: float64(i)}
	}
	var data []byte
	var got []observation.Item
	b.ReportAllocs()
	for b.Loop() {
		data = observation.Append(data[:0], []string{""}, items)
		_, got, _ = observation.Decode(data, got)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(items)), "ns/item")
}
