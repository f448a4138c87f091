package app

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/wattwerk/wattwerk/settlement/figure"
	"github.com/wattwerk/wattwerk/settlement/report/indicator"
)

// TestFigures enters what was produced by hand, changes and deletes it; an
// indicator goes by it.
func TestFigures(t *testing.T) {
	c := DefaultConfig()
	c.Data, c.Addr, c.Bus.MQTT, c.Bus.Partitions = t.TempDir(), "127.0.0.1:0", "off", 1
	in := runProcess(t, c)
	ask(t, in, "PUT", "/api/v1/sites/kiel", `{"id":"kiel","zone":"Europe/Berlin"}`, nil)
	ask(t, in, "PUT", "/api/v1/sensors/main", `{"id":"main","site":"kiel","quantity":"active_power","interval":"15m","maxAge":"15m"}`, nil)
	ask(t, in, "PUT", "/api/v1/sensors/steel", `{"id":"steel","site":"kiel","quantity":"mass","kind":"counter"}`, nil)
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	y, m, d := time.Now().In(zone).AddDate(0, 0, -10).Date()
	day := func(n int) string { return time.Date(y, m, d+n, 0, 0, 0, 0, zone).Format(time.DateOnly) }
	var file strings.Builder
	file.WriteString("time,main [kW]\n")
	hours := 0.0
	for at := time.Date(y, m, d, 0, 0, 0, 0, zone); at.Before(time.Date(y, m, d+8, 0, 0, 0, 0, zone)); at = at.Add(15 * time.Minute) {
		fmt.Fprintf(&file, "%s,10\n", at.UTC().Format(time.RFC3339))
		hours += .25
	}
	ask(t, in, "POST", "/api/v1/import?format=csv", file.String(), nil)
	var first figure.Entered
	for n := range 8 {
		var x figure.Entered
		ask(t, in, "POST", "/api/v1/sensors/steel/figures", fmt.Sprintf(`{"from":"%s","amount":%d.1,"unit":"t","note":"shift log"}`, day(n), 10+n%3), &x)
		if n == 0 {
			first = x
		}
	}
	if first.Amount == nil || *first.Amount != 10.1 || first.Unit != "t" || first.Who == "" || first.Note != "shift log" || first.To.Sub(*first.From) < 23*time.Hour {
		t.Errorf("%+v", first)
	}
	for _, x := range []struct {
		code               int
		method, path, body string
	}{
		{409, "POST", "steel/figures", `{"from":"` + day(0) + `","to":"` + day(2) + `","amount":1,"note":"x"}`},
		{422, "POST", "steel/figures", `{"from":"` + day(9) + `","amount":1,"unit":"kWh","note":"x"}`},
		{422, "POST", "steel/figures", `{"from":"` + day(9) + `","amount":1,"reading":3,"note":"x"}`},
		{422, "POST", "steel/figures", `{"from":"` + day(9) + `","amount":1}`},
		{422, "POST", "steel/figures", `{"from":"yesterday-ish","amount":1,"note":"x"}`},
		{422, "POST", "steel/figures", `{"from":"` + day(9) + `T00:07:00Z","amount":1,"note":"x"}`},
		{404, "POST", "nobody/figures", `{"from":"` + day(9) + `","amount":1,"note":"x"}`},
		{404, "PUT", "steel/figures/i_nobody", `{"from":"` + day(9) + `","amount":1,"note":"x"}`},
		{404, "DELETE", "main/figures/" + first.ID + "?why=x", ""},
		{422, "DELETE", "steel/figures/" + first.ID, ""},
	} {
		if resp := tryAsk(t, in, x.method, "/api/v1/sensors/"+x.path, x.body, nil); resp.StatusCode != x.code {
			t.Errorf("%s %s %s: %s, want %d", x.method, x.path, x.body, resp.Status, x.code)
		}
	}
	var changed figure.Entered
	ask(t, in, "PUT", "/api/v1/sensors/steel/figures/"+first.ID, `{"from":"`+day(0)+`","amount":20000,"note":"misread"}`, &changed)
	var list struct{ Items []figure.Entered }
	ask(t, in, "GET", "/api/v1/sensors/steel/figures?unit=t&undone=true&from="+day(0)+"&to="+day(1), "", &list)
	if len(list.Items) != 2 || list.Items[0].ID != changed.ID || *list.Items[0].Amount != 20 || list.Items[1].UndoneWhy != "changed: "+changed.ID || list.Items[1].UndoneAt == nil {
		t.Errorf("%+v", list.Items)
	}
	deadline := time.After(2 * time.Minute)
	again := time.NewTicker(200 * time.Millisecond)
	defer again.Stop()
	ratio := func(want string) {
		t.Helper()
		var x indicator.Indicator
		for {
			// Four days are the baseline of the fifth.
			ask(t, in, "GET", "/api/v1/reports/indicators/main/"+day(4)+"?kind=sensor&production=steel&unit=t&step=1d&baselineFrom="+day(0)+"&baselineTo="+day(4), "", &x)
			if x.Baseline.Production != nil && fmt.Sprintf("%.6g", *x.Baseline.Production) == want && x.Reporting.Used == 1 {
				return
			}
			select {
			case <-deadline:
				t.Fatalf("waited in vain for %s: %+v", want, x)
			case <-again.C:
			}
		}
	}
	ratio("53.3") // 20 + 11.1 + 12.1 + 10.1
	// Workbooks: settled windows, and readings.
	for _, args := range [][]string{{"--settled", "1d", "--from", day(0), "--to", day(8)}, {"--from", day(0) + "T00:00:00Z"}} {
		file := filepath.Join(t.TempDir(), "main.xlsx")
		code, out, errs := wattwerk(t, append([]string{"export", "--data", c.Data, "--sensor", "main", file}, args...)...)
		if data, err := os.ReadFile(file); code != ExitOK || err != nil || !strings.HasPrefix(string(data), "PK") {
			t.Errorf("exit code %d, %v: %s%s", code, err, out, errs)
		}
	}
	if resp := tryAsk(t, in, "GET", "/api/v1/settled/sensors/main/export?format=xlsx&size=15m&from=2015-01-01&to="+day(8), "", nil); resp.StatusCode != 422 {
		t.Errorf("a workbook of eleven years of quarters of an hour: %s", resp.Status)
	}
	code, out, errs := wattwerk(t, "figures", "delete", "--data", c.Data, "--sensor", "steel", changed.ID, "--why", "twice")
	if code != ExitOK {
		t.Fatalf("exit code %d: %s%s", code, out, errs)
	}
	code, out, errs = wattwerk(t, "figures", "list", "--data", c.Data, "--sensor", "steel", "--undone", "--unit", "t", "--to", day(1))
	for _, words := range []string{changed.ID, "20 t", "10.1 t", "misread", "twice"} {
		if code != ExitOK || !strings.Contains(out, words) {
			t.Errorf("exit code %d; want %q in\n%s%s", code, words, out, errs)
		}
	}
	ratio("33.3") // of three days: nothing is known of the first
	code, out, errs = wattwerk(t, "figures", "enter", "--data", c.Data, "--sensor", "steel", "--from", day(0), "--amount", "7", "--unit", "t", "--note", "found")
	if code != ExitOK || !strings.Contains(out, "7 t") {
		t.Errorf("exit code %d: %s%s", code, out, errs)
	}
	ratio("40.3")
	if code, _, _ := wattwerk(t, "figures", "enter", "--data", c.Data, "--sensor", "steel", "--from", day(0), "--note", "x"); code != ExitUsage {
		t.Errorf("exit code %d", code)
	}
}
