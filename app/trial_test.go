package app

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/wattwerk/wattwerk/history/imports"
)

// TestTrialSaysWhatIsSettled tries an import that adds readings and replaces
// others, and makes it: what the trial said is settled afterwards, to the last
// digit. A counter is read by it, too.
func TestTrialSaysWhatIsSettled(t *testing.T) {
	c := DefaultConfig()
	c.Data, c.Addr, c.Bus.MQTT, c.Bus.Partitions = t.TempDir(), "127.0.0.1:0", "off", 1
	in := runProcess(t, c)
	for _, blank := range []string{"", " \n\t", "\xef\xbb\xbf\n"} {
		if resp := tryAsk(t, in, "POST", "/api/v1/imports?name=blank.csv", blank, nil); resp.StatusCode != 422 {
			t.Errorf("a file with nothing in it: %s", resp.Status)
		}
	}
	ask(t, in, "PUT", "/api/v1/sites/kiel", `{"id":"kiel","zone":"Europe/Berlin"}`, nil)
	ask(t, in, "PUT", "/api/v1/sensors/main", `{"id":"main","site":"kiel","quantity":"active_power","interval":"15m","maxAge":"15m"}`, nil)
	ask(t, in, "PUT", "/api/v1/sensors/gas", `{"id":"gas","site":"kiel","quantity":"volume","interval":"1h"}`, nil)
	begin := time.Now().UTC().AddDate(0, 0, -6).Truncate(24 * time.Hour)
	file := func(from, to int, kw func(int) float64) string {
		var out strings.Builder
		out.WriteString("time,main [kW],gas [m³]\n")
		for q := from; q < to; q++ {
			at := begin.Add(time.Duration(q) * 15 * time.Minute)
			fmt.Fprintf(&out, "%s,%g,", at.Format(time.RFC3339), kw(q))
			if q%4 == 0 && q != 48 {
				fmt.Fprintf(&out, "%g", 100+float64(q)/7)
			}
			out.WriteString("\n")
		}
		return out.String()
	}
	ask(t, in, "POST", "/api/v1/import?format=csv", file(0, 96, func(int) float64 { return 10 }), nil)
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
	settled := func(id string, x *imports.ImportSettled) *float64 {
		t.Helper()
		var b struct{ Amount []*float64 }
		ask(t, in, "GET", fmt.Sprintf("/api/v1/settled/sensors/%s?size=15m&from=%d&to=%d", id, x.From.UnixMilli(), x.To.UnixMilli()), "", &b)
		var sum *float64
		micro := int64(0)
		for _, a := range b.Amount {
			if a != nil {
				if sum == nil {
					sum = new(0.0)
				}
				// Whole millionths, as they are kept.
				v := *a * 1e6
				micro += int64(v + 0.5)
			}
		}
		if sum != nil {
			*sum = float64(micro) / 1e6
		}
		return sum
	}
	text := func(v *float64) string {
		if v == nil {
			return "null"
		}
		return fmt.Sprintf("%.6f", *v)
	}
	day := imports.ImportSettled{From: begin, To: begin.Add(24 * time.Hour)}
	wait("the first file is settled", func() bool { return text(settled("main", &day)) == "240000.000000" && settled("gas", &day) != nil })

	// From noon on other values, and half a day that is new.
	var x imports.Import
	ask(t, in, "POST", "/api/v1/imports?name=b.csv", file(48, 144, func(q int) float64 { return float64(q) / 9 }), &x)
	plan := `{"format":"csv","time":"time","conflicts":"replace","columns":[{"column":"main [kW]","sensor":"main","unit":"kW","as":"gauge"},{"column":"gas [m³]","sensor":"gas","unit":"m³","as":"counter"}]}`
	run := func(trial bool) {
		t.Helper()
		ask(t, in, "POST", "/api/v1/imports/"+x.ID+"/run", fmt.Sprintf(`{"plan":%s,"trial":%t}`, plan, trial), nil)
		wait("the import has come to its end", func() bool {
			ask(t, in, "GET", "/api/v1/imports/"+x.ID, "", &x)
			if x.Error != "" {
				t.Fatal(x.Error)
			}
			return x.Report != nil && (x.State == imports.Uploaded || x.State == imports.Stored)
		})
	}
	run(true)
	said := make(map[string]imports.ImportSettled)
	for _, o := range x.Report.Sensors {
		if o.Settled == nil || o.Settled.Windows == 0 || o.Settled.After == nil {
			t.Fatalf("%+v: %+v", o, o.Settled)
		}
		said[string(o.Sensor)] = *o.Settled
		if got := settled(string(o.Sensor), o.Settled); text(got) != text(o.Settled.Before) {
			t.Errorf("%s: %s is settled before, the trial says %s", o.Sensor, text(got), text(o.Settled.Before))
		}
	}
	// A reading of the second file is that of the first.
	if s := said["main"]; s.Windows != 95 || text(s.Before) != "120000.000000" {
		t.Errorf("%+v, %s before", s, text(s.Before))
	}
	run(false)
	for id, s := range said {
		wait(fmt.Sprintf("%s is settled to %s", id, text(s.After)), func() bool { return text(settled(id, &s)) == text(s.After) })
	}
}
