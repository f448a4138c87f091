package page

import (
	"strings"
	"testing"
	"time"
)

// TestChartOfOneValue: what is not known is not zero, and what stands alone between
// gaps can be seen.
func TestChartOfOneValue(t *testing.T) {
	from := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	rows := make([]row, 96)
	for i := range rows {
		rows[i].At = from.Add(time.Duration(i) * 15 * time.Minute)
	}
	rows[50].Power = new(0.549)
	charts := chartsOf(rows, from, from.Add(24*time.Hour), "en")
	if len(charts) != 1 {
		t.Fatalf("%d charts of a power alone", len(charts))
	}
	if c := charts[0]; !strings.Contains(c.About, "0.549 and 0.549 kW, in 1 of 96") {
		t.Errorf("it says %q", c.About)
	}
	if n := strings.Count(string(charts[0].SVG), "<circle"); n != 1 {
		t.Errorf("%d points are drawn", n)
	}
	rows[51].Power = new(0.2)
	if svg := string(chartsOf(rows, from, from.Add(24*time.Hour), "en")[0].SVG); strings.Contains(svg, "<circle") || !strings.Contains(svg, "L") {
		t.Error("two beside one another are no line")
	}
}
