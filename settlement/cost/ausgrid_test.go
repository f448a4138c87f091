package cost

import (
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/settlement/cost/price"
	"github.com/wattwerk/wattwerk/settlement/ledger"
	"github.com/wattwerk/wattwerk/tariff"
	"github.com/wattwerk/wattwerk/window"
)

// TestHomeWithPanels prices a year of a home that consumes and generates, by the
// time of use, after its readings came late, shuffled and twice: cost and credit
// are those that were computed independently, to the last digit.
func TestHomeWithPanels(t *testing.T) {
	document, err := os.ReadFile("../../tariff/testdata/ausgrid-time-of-use.yaml")
	if err != nil {
		t.Fatal(err)
	}
	rows := rowsOfFile(t, "../../internal/replay/data/ausgrid12_30min.csv.gz")
	both(t, func(t *testing.T, url string) {
		// The clock of the file does not change, and that of the site does.
		zone := time.FixedZone("AEST", 10*3600)
		begin := time.Date(2011, 7, 1, 0, 0, 0, 0, zone)
		end := begin.AddDate(1, 0, 0)
		w := newWorld(t, url, end.Add(time.Hour), meters("Australia/Sydney", 30*time.Minute, -1, "consumption", "generation"))
		w.must("PUT", "tariffs/ausgrid-time-of-use", yamlType, string(document), nil)
		w.must("POST", "costs/assignments", "", `{"group":"all","tariff":"ausgrid-time-of-use","from":"2011-07-01"}`, nil)
		all := append(powers(t, rows, 1, "consumption", begin, 30*time.Minute), powers(t, rows, 2, "generation", begin, 30*time.Minute)...)
		w.deliver(rand.New(rand.NewPCG(3, 4)), all)

		var b BillBody
		w.must("GET", "costs/groups/all/bill?from=2011-07-01T00:00:00%2B10:00&to=2012-07-01T00:00:00%2B10:00", "", "", &b)
		if *b.Cost != "2336.85712" || *b.Credit != "11.01048" || *b.Total != "2325.84664" || !b.Complete || b.Completeness != 1 || b.Unpriced != 0 || b.Currency != "AUD" {
			t.Errorf("%+v", b)
		}
		if b.Taken != "9467438" || b.Given != "183508" || b.EstimatedShare != 0 || len(b.Parts) != 1 || len(b.Parts[0].Lines) != 4 {
			t.Errorf("%+v", b)
		}
		if l := b.Parts[0].Lines[0]; l.Slot != "peak" || l.Quantity != "2319.948" || l.Price != "0.50" || l.Money != "1159.974" {
			t.Errorf("%+v", l)
		}
		// Windows of every size, and the days that are kept, add up to the bill:
		// nothing of these prices has to be rounded.
		at := window.Span{From: record.MillisOf(begin), To: record.MillisOf(end)}
		home := ledger.GroupPoint("site", "all")
		year, err := w.cost.Bill(t.Context(), home, price.Cost, at)
		if err != nil {
			t.Fatal(err)
		}
		for _, size := range []window.Size{window.Quarter, window.HalfHour, window.Hour, window.Day, window.Week, window.Month, window.Year} {
			priced, _, _, err := w.cost.Windows(t.Context(), home, price.Cost, size, at)
			if err != nil {
				t.Fatal(err)
			}
			var used, total tariff.Money
			for _, p := range priced {
				used, total = used+p.Used, total+p.Sum.Total
			}
			if used != year.Sum.Total || size >= window.Day && total != used {
				t.Errorf("windows of %v cost %v, %v; the bill says %v", size, used, total, year.Sum.Total)
			}
		}
		// The same over HTTP, with what it stands on beside.
		for size, n := range map[string]int{"1d": 366, "1M": 12} {
			var c struct {
				Total                                  []string
				Completeness, EstimatedShare, Unpriced []float64
				UnpricedAmount                         []float64
			}
			w.must("GET", "costs/groups/all?size="+size+"&from=2011-07-01&to=2012-07-01", "", "", &c)
			micro := int64(0)
			for i, text := range c.Total {
				whole, rest, _ := strings.Cut(text, ".")
				v, err := strconv.ParseInt(whole+rest+strings.Repeat("0", 6-len(rest)), 10, 64)
				if err != nil {
					t.Fatal(err)
				}
				micro += v
				if c.Completeness[i] != 1 || c.EstimatedShare[i] != 0 || c.Unpriced[i] != 0 || c.UnpricedAmount[i] != 0 {
					t.Errorf("%s, window %d: complete to %v, estimated %v, without a price %v h, %v", size, i, c.Completeness[i], c.EstimatedShare[i], c.Unpriced[i], c.UnpricedAmount[i])
				}
			}
			if len(c.Total) != n || micro != int64(year.Sum.Total) {
				t.Errorf("%d windows of %s cost %d millionths, the bill says %v", len(c.Total), size, micro, year.Sum.Total)
			}
		}
		days, err := w.cost.store.Days(t.Context(), year.Parts[0].Assignment.ID, "cost", at.From, at.To)
		if err != nil || len(days) != 366 {
			t.Fatal(len(days), err)
		}
		var total tariff.Money
		for _, d := range days {
			total += d.Total
		}
		if total != year.Sum.Total {
			t.Errorf("the days cost %v, the bill says %v", total, year.Sum.Total)
		}
	})
}
