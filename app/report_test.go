package app

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/wattwerk/wattwerk/internal/datadir"
	"github.com/wattwerk/wattwerk/settlement/report"
)

// ask sends a request to a process of this test, and fails unless the answer is
// 2xx.
func ask(t *testing.T, in datadir.Instance, method, path, body string, out any) *http.Response {
	t.Helper()
	resp := tryAsk(t, in, method, path, body, out)
	if resp.StatusCode/100 != 2 {
		t.Fatalf("%s %s: %s", method, path, resp.Status)
	}
	return resp
}

// tryAsk is ask of which the answer may be another.
func tryAsk(t *testing.T, in datadir.Instance, method, path, body string, out any) *http.Response {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, in.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+in.Secret)
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if out != nil && resp.StatusCode/100 == 2 {
		if err := json.NewDecoder(resp.Body).Decode(out); err != nil {
			t.Fatal(err)
		}
	}
	if resp.StatusCode/100 != 2 {
		body, err := io.ReadAll(io.LimitReader(resp.Body, 2000))
		t.Logf("%s %s: %s %s %v", method, path, resp.Status, body, err)
	}
	return resp
}

// letters is a mail server that takes mail in the clear.
func letters(t *testing.T) (addr string, got chan string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	got = make(chan string, 10)
	done := make(chan struct{})
	t.Cleanup(func() { l.Close(); <-done })
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			fmt.Fprint(c, "220 test\r\n")
			var data strings.Builder
			in := false
			for s := bufio.NewScanner(c); s.Scan(); {
				switch line := s.Text(); {
				case in && line == ".":
					in = false
					got <- data.String()
					fmt.Fprint(c, "250 taken\r\n")
				case in || strings.HasPrefix(line, "RCPT"):
					data.WriteString(line + "\n")
					if !in {
						fmt.Fprint(c, "250 ok\r\n")
					}
				case line == "DATA":
					in = true
					fmt.Fprint(c, "354 go on\r\n")
				default:
					fmt.Fprint(c, "250 ok\r\n")
				}
			}
			c.Close()
		}
	}()
	return l.Addr().String(), got
}

// TestReport imports two days, waits until they are settled, has the command
// write the report in every format, and has one mailed.
func TestReport(t *testing.T) {
	server, mails := letters(t)
	c := DefaultConfig()
	c.Alert.Mail = MailConfig{Server: server, From: "wattwerk@example.org", Plain: true}
	c.Data, c.Addr, c.Bus.MQTT, c.Bus.Partitions = t.TempDir(), "127.0.0.1:0", "off", 1
	in := runProcess(t, c)
	ask(t, in, "PUT", "/api/v1/sites/kiel", `{"id":"kiel","zone":"Europe/Berlin"}`, nil)
	for _, id := range []string{"main", "press", "oven"} {
		ask(t, in, "PUT", "/api/v1/sensors/"+id, fmt.Sprintf(`{"id":%q,"site":"kiel","quantity":"active_power","interval":"15m","maxAge":"15m"}`, id), nil)
	}
	ask(t, in, "PUT", "/api/v1/groups/hall", `{"id":"hall","name":"Hall","members":[{"sensor":"main","meter":true},{"sensor":"press"},{"sensor":"oven","sign":-1}]}`, nil)
	ask(t, in, "PUT", "/api/v1/hierarchies/place", `{"id":"place","root":"hall","site":"kiel"}`, nil)
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	y, m, d := time.Now().In(zone).AddDate(0, 0, -4).Date()
	begin := time.Date(y, m, d, 0, 0, 0, 0, zone)
	end := begin.AddDate(0, 0, 2)
	var file strings.Builder
	file.WriteString("time,main [kW],press [kW],oven [kW]\n")
	for at := begin; at.Before(end); at = at.Add(15 * time.Minute) {
		fmt.Fprintf(&file, "%s,5,7,3\n", at.Format(time.RFC3339))
	}
	ask(t, in, "POST", "/api/v1/import?format=csv", file.String(), nil)

	second := begin.AddDate(0, 0, 1).Format("2006-01-02")
	hours := end.Sub(begin.AddDate(0, 0, 1)).Hours()
	var r report.Report
	var said string
	deadline := time.After(2 * time.Minute)
	again := time.NewTicker(200 * time.Millisecond)
	defer again.Stop()
	for r.Total.Completeness < 1 || r.Unaccounted == nil || r.Previous.Why != "" || r.Waiting > 0 {
		select {
		case <-deadline:
			t.Fatalf("%s: %+v", said, r)
		case <-again.C:
		}
		r = report.Report{} // 404 until the model has come round
		said = tryAsk(t, in, "GET", "/api/v1/reports/groups/hall/"+second, "", &r).Status
	}
	kwh := func(f *report.Figure) float64 {
		a, _ := f.Known()
		return a.Float64() / 1000
	}
	if kwh(&r.Total) != 5*hours || kwh(r.Sum) != 4*hours || kwh(r.Unaccounted) != hours || len(r.Members) != 2 || r.Peak.Power != 5000 || len(r.Parts) < 23 {
		t.Errorf("%+v", r)
	}
	resp := ask(t, in, "GET", "/api/v1/reports/groups/hall/"+second+".html?language=de", "", nil)
	if h := resp.Header; !strings.HasPrefix(h.Get("Content-Type"), "text/html") || !strings.Contains(h.Get("Content-Security-Policy"), "sandbox") || h.Get("Content-Disposition") != `inline; filename="report-hall-`+second+`.html"` {
		t.Errorf("%v", resp.Header)
	}
	for format, want := range map[string]string{
		"html": "<!DOCTYPE html>", "csv": "section,item,name", "xlsx": "PK", "json": "{",
	} {
		out := filepath.Join(t.TempDir(), "report")
		code, _, errs := wattwerk(t, "report", "--data", c.Data, "--group", "hall", "--period", second, "--format", format, "--out", out)
		text, err := os.ReadFile(out)
		if code != ExitOK || err != nil || !strings.HasPrefix(string(text), want) {
			t.Errorf("%s: exit code %d, %s, %v: %.60s", format, code, errs, err, text)
		}
	}
	ask(t, in, "PUT", "/api/v1/reports/definitions/days", `{"group":"hall","size":"1d","to":["eva@example.org"],"formats":["html","csv"]}`, nil)
	ask(t, in, "POST", "/api/v1/reports/definitions/days/issues", `{"period":"`+second+`"}`, nil)
	select {
	case text := <-mails:
		if !strings.Contains(text, "RCPT TO:<eva@example.org>") || !strings.Contains(text, "report-hall-"+second+".csv") {
			t.Errorf("%.2000s", text)
		}
	case <-time.After(2 * time.Minute):
		t.Error("no mail")
	}
	if code, out, errs := wattwerk(t, "report", "--data", c.Data, "--sensor", "press", "--period", "soon"); code != ExitFailed || out != "" || !strings.Contains(errs, "is no period") {
		t.Errorf("exit code %d, %s", code, errs)
	}
	if code, _, errs := wattwerk(t, "report", "--data", c.Data, "--period", second); code != ExitUsage || !strings.Contains(errs, "either a group or a sensor") {
		t.Errorf("exit code %d, %s", code, errs)
	}
}
