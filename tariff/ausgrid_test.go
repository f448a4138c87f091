package tariff

import (
	"compress/gzip"
	"encoding/csv"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/wattwerk/wattwerk/energy"
	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/window"
)

// ausgrid reads the half hours of a home in New South Wales: what it took less
// what its roof gave, in µWh.
func ausgrid(t testing.TB, zone *time.Location) (net []Window, used, made energy.Amount) {
	f, err := os.Open("../internal/replay/data/ausgrid12_30min.csv.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(z).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range rows[1:] {
		at, err := time.ParseInLocation("2006-01-02 15:04", row[0], zone)
		if err != nil {
			t.Fatal(err)
		}
		consumed, err1 := strconv.ParseInt(row[1], 10, 64)
		generated, err2 := strconv.ParseInt(row[2], 10, 64)
		if err1 != nil || err2 != nil {
			t.Fatal(row)
		}
		from := record.MillisOf(at)
		net = append(net, Window{
			Span:  window.Span{From: from, To: from + 2*window.QuarterLength},
			Known: true, Amount: energy.Amount(consumed-generated) * 1e6,
		})
		used, made = used+energy.Amount(consumed)*1e6, made+energy.Amount(generated)*1e6
	}
	return net, used, made
}

// TestAusgrid prices a year of a home with a roof: netted every half hour, by the
// time of use. The figures were computed independently.
func TestAusgrid(t *testing.T) {
	p := load(t, "testdata/ausgrid-time-of-use.yaml")
	net, used, made := ausgrid(t, p.Calendar().Zone())
	if len(net) != 17_568 || used != 11_876_738_000_000 || made != 2_592_808_000_000 {
		t.Fatalf("the data is another: %d half hours, %d, %d", len(net), used, made)
	}
	period := window.Span{From: net[0].Span.From, To: net[len(net)-1].Span.To}
	r, err := p.Price(period, nil)
	if err != nil {
		t.Fatal(err)
	}
	var windows Money
	for _, w := range net {
		c, err := r.Add(w)
		if err != nil || !c.Known {
			t.Fatal(c, err)
		}
		windows += c.Money
	}
	b, err := r.Bill()
	if err != nil {
		t.Fatal(err)
	}
	const wh = 1_000_000
	if b.Taken != 9_467_438*wh || b.Given != 183_508*wh {
		t.Errorf("taken %d, given %d", b.Taken, b.Given)
	}
	if own := used - b.Taken; own != 2_409_300*wh {
		t.Errorf("own use %d", own)
	}
	for i, want := range []energy.Amount{2_319_948 * wh, 3_157_686 * wh, 3_989_804 * wh, 183_508 * wh} {
		if b.Lines[i].Quantity != want {
			t.Errorf("%s: %d, want %d", b.Lines[i].Slot, b.Lines[i].Quantity, want)
		}
	}
	if b.Cost != 2336_857_120 || b.Credit != 11_010_480 || b.Total != 2325_846_640 || !b.Complete() {
		t.Errorf("cost %v, credit %v, total %v, complete %v", b.Cost, b.Credit, b.Total, b.Complete())
	}
	// Watt hours at such prices are whole millionths: nothing was rounded.
	if windows != b.Total {
		t.Errorf("the windows cost %v, the bill says %v", windows, b.Total)
	}
}

func load(t testing.TB, file string) *Plan {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	doc, err := ReadYAML[Tariff](data)
	if err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	p, err := New(doc, window.Calendar{})
	if err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	return p
}
