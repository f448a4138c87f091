package bench

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/wattwerk/wattwerk/record"
)

func TestFigures(t *testing.T) {
	var f Figures
	f.Add("records", "records", 1234567)
	f.Add("rate", "records per second", 0.12345)
	f.Add("rows", "rows", []map[string]any{{"a": 1}})
	f.Add("records", "records", 7654321)
	var table, object bytes.Buffer
	if err := f.Print(&table, false); err != nil {
		t.Fatal(err)
	}
	if got, want := table.String(), "records             7,654,321\nrecords per second  0.123\n"; got != want {
		t.Errorf("the table is\n%s\nwant\n%s", got, want)
	}
	if err := f.Print(&object, true); err != nil {
		t.Fatal(err)
	}
	var got map[string]any
	if err := json.Unmarshal(object.Bytes(), &got); err != nil || got["records"] != 7654321.0 || len(got) != 3 {
		t.Errorf("the object is %s: %v", object.Bytes(), err)
	}
}

func TestHuman(t *testing.T) {
	for _, c := range []struct {
		v    any
		want string
	}{{-1234, "-1,234"}, {999.0, "999"}, {1000.4, "1,000"}, {0.000123456, "0.000123"}, {true, "true"}, {uint64(12), "12"}} {
		if got := Human(c.v); got != c.want {
			t.Errorf("Human(%v) is %q, want %q", c.v, got, c.want)
		}
	}
}

func TestStatistics(t *testing.T) {
	xs := []float64{4, 1, 3, 2}
	if got := Percentile(xs, 50); got != 3 {
		t.Errorf("the median element is %v", got)
	}
	if got := Percentile(nil, 99); got != 0 {
		t.Errorf("a percentile of nothing is %v", got)
	}
	if l, m, h := Quartiles(xs); l != 1.75 || m != 2.5 || h != 3.25 {
		t.Errorf("the quartiles are %v %v %v", l, m, h)
	}
	if l, m, h := Quartiles([]float64{5}); l != 5 || m != 5 || h != 5 {
		t.Errorf("the quartiles of one are %v %v %v", l, m, h)
	}
	if got := Slope([]float64{1, 2, 3}, []float64{10, 30, 50}); got != 20 {
		t.Errorf("the slope is %v", got)
	}
	if got := Slope([]float64{1, 1}, []float64{1, 2}); got != 0 {
		t.Errorf("a slope over one moment is %v", got)
	}
}

func TestProcess(t *testing.T) {
	if CPU() <= 0 {
		t.Error("no CPU time was used")
	}
	ResetPeak()
	if PeakRSS() < 1<<20 {
		t.Errorf("the process holds %d bytes", PeakRSS())
	}
}

func TestParts(t *testing.T) {
	var p Parts
	for _, c := range []struct {
		at     record.Millis
		number uint32
		before bool
	}{{1000, 0, false}, {1000, 1, false}, {2000, 0, false}, {1000, 0, true}, {1000, 1, true}} {
		if got := p.Came(c.at, c.number); got != c.before {
			t.Errorf("part %d of %d came before: %v", c.number, c.at, got)
		}
	}
}
