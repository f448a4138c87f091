package app

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/wattwerk/wattwerk/settlement/cost"
	"github.com/wattwerk/wattwerk/settlement/report"
)

func TestTariffCheck(t *testing.T) {
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	wrong := file("wrong.json", `{"currency":"","versions":[{"from":"2026-01-01","components":[{"id":"a","kind":"energy"}]}]}`)
	for _, c := range []struct {
		file string
		code int
		says []string
	}{
		{"../tariff/testdata/dynamic.yaml", ExitOK, []string{"tariff dynamic is right: EUR for kWh, days of Europe/Berlin, 1 versions, the last from 2026-01-01; prices of the series day-ahead-de"}},
		{"../tariff/testdata/grid-factors.yaml", ExitOK, []string{"factors grid-factors is right: gCO2e for kWh", "supplier-mix"}},
		{wrong, ExitFailed, []string{"- the currency is missing", "2 faults"}},
		{file("odd.yaml", "currency: EUR\nprice: 3\n"), ExitFailed, []string{"unknown field"}},
		{filepath.Join(dir, "none.yaml"), ExitFailed, []string{"read tariff: open"}},
	} {
		code, out, errs := wattwerk(t, "tariff", "check", c.file)
		for _, words := range c.says {
			if code != c.code || !strings.Contains(out+errs, words) {
				t.Errorf("%s: exit code %d, want %d; want %q in\n%s%s", c.file, code, c.code, words, out, errs)
			}
		}
	}
}

// TestCosts imports a day, has it priced by a process, and writes its bill; the
// report of the day tells the costs, too.
func TestCosts(t *testing.T) {
	c := DefaultConfig()
	c.Data, c.Addr, c.Bus.MQTT, c.Bus.Partitions = t.TempDir(), "127.0.0.1:0", "off", 1
	in := runProcess(t, c)
	ask(t, in, "PUT", "/api/v1/sites/kiel", `{"id":"kiel","zone":"Europe/Berlin"}`, nil)
	ask(t, in, "PUT", "/api/v1/sensors/main", `{"id":"main","site":"kiel","quantity":"active_power","interval":"15m","maxAge":"15m"}`, nil)
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	y, m, d := time.Now().In(zone).AddDate(0, 0, -4).Date()
	begin := time.Date(y, m, d, 0, 0, 0, 0, zone)
	end := begin.AddDate(0, 0, 1)
	first, second := begin.Format(time.DateOnly), end.Format(time.DateOnly)
	ask(t, in, "PUT", "/api/v1/tariffs/home", `{"currency":"EUR","versions":[{"from":"`+first+`","components":[{"id":"energy","name":"Energy","kind":"energy","price":"0.30"},{"id":"basic","kind":"standing","price":"1","per":"day"}]}]}`, nil)
	deadline := time.After(2 * time.Minute)
	again := time.NewTicker(200 * time.Millisecond)
	defer again.Stop()
	wait := func(what string, done func() bool) {
		t.Helper()
		for !done() {
			select {
			case <-deadline:
				t.Fatalf("waited in vain until %s", what)
			case <-again.C:
			}
		}
	}
	wait("the model has come round", func() bool {
		return tryAsk(t, in, "POST", "/api/v1/costs/assignments", `{"sensor":"main","tariff":"home","from":"`+first+`"}`, nil).StatusCode/100 == 2
	})
	var file strings.Builder
	file.WriteString("time,main [kW]\n")
	for at := begin; at.Before(end); at = at.Add(15 * time.Minute) {
		fmt.Fprintf(&file, "%s,10\n", at.Format(time.RFC3339))
	}
	ask(t, in, "POST", "/api/v1/import?format=csv", file.String(), nil)
	var b cost.BillBody
	wait("the day is settled", func() bool {
		b = cost.BillBody{}
		ask(t, in, "GET", "/api/v1/costs/sensors/main/bill?from="+first+"&to="+second, "", &b)
		return b.Complete
	})
	hours := end.Sub(begin).Hours()
	want := fmt.Sprintf("%.2f", 3*hours+1)
	if *b.Total != want {
		t.Errorf("%+v", b)
	}
	code, out, errs := wattwerk(t, "costs", "--data", c.Data, "--sensor", "main", "--from", first, "--to", second)
	for _, words := range []string{"Energy", fmt.Sprintf("%g kWh", 10*hours), "0.30 / kWh", "basic", "1 days", "total", want + " EUR", "100.0 %", "home, revision 1"} {
		if code != ExitOK || !strings.Contains(out, words) {
			t.Errorf("exit code %d; want %q in\n%s%s", code, words, out, errs)
		}
	}
	if code, _, errs := wattwerk(t, "costs", "--data", c.Data, "--from", first); code != ExitUsage || !strings.Contains(errs, "either a group or a sensor") {
		t.Errorf("exit code %d, %s", code, errs)
	}
	var r report.Report
	ask(t, in, "GET", "/api/v1/reports/sensors/main/"+first, "", &r)
	if r.Costs == nil || r.Costs.Amount != want || r.Costs.Currency != "EUR" || *r.Costs.Completeness != 1 || *r.Costs.EstimatedShare != 0 || r.Costs.Tariff != "home" {
		t.Errorf("%+v", r.Costs)
	}
	var now cost.CostNowBody
	ask(t, in, "GET", "/api/v1/costs/sensors/main/now", "", &now)
	if now.Price == nil || *now.Price != "0.30" || now.Year.Total == nil {
		t.Errorf("%+v", now)
	} // A budget of money is asked of the costs of the same process.
	ask(t, in, "PUT", "/api/v1/alerts/rules/money", `{"subject":{"sensor":"main"},"condition":{"kind":"budget","of":"cost","period":"month","limit":100000}}`, nil)
}
