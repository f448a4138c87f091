package app

import (
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// What is between these lines of docs/metrics.md is written by the test.
const (
	tableBegin = "<!-- generated -->\n"
	tableEnd   = "<!-- end -->\n"
)

// scrape gives the metrics of a process, by name.
func scrape(t *testing.T, url string) map[string]*dto.MetricFamily {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url+"/metrics", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	parser := expfmt.NewTextParser(model.UTF8Validation)
	all, err := parser.TextToMetricFamilies(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// table is what docs/metrics.md says of metrics.
func table(all map[string]*dto.MetricFamily) string {
	var names []string
	for name := range all {
		if strings.HasPrefix(name, "wattwerk_") {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	var b strings.Builder
	b.WriteString("\n| metric | type | labels | what it says |\n|---|---|---|---|\n")
	for _, name := range names {
		f := all[name]
		var labels []string
		for _, m := range f.GetMetric() {
			for _, l := range m.GetLabel() {
				if !slices.Contains(labels, l.GetName()) {
					labels = append(labels, l.GetName())
				}
			}
		}
		slices.Sort(labels)
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", name, strings.ToLower(f.GetType().String()), strings.Join(labels, ", "), f.GetHelp())
	}
	return b.String() + "\n"
}

// lively are metrics that are there only after something has happened.
var lively = []string{
	"wattwerk_intake_records_total", "wattwerk_intake_turned_away_total", "wattwerk_dead_letters_total", "wattwerk_aggregate_tick_delay_seconds",
	"wattwerk_aggregate_closed_timestamp_seconds", "wattwerk_aggregate_checkpoint_bytes", "wattwerk_reader_lag_messages", "wattwerk_http_requests_total",
}

// TestMetricsPage holds docs/metrics.md and what a process really tells
// together, in both directions.
func TestMetricsPage(t *testing.T) {
	c := DefaultConfig()
	c.Data, c.Addr, c.Bus.MQTT, c.Bus.Partitions = t.TempDir(), "127.0.0.1:0", "off", 1
	c.Bridge.Meters = []string{"sml tcp://127.0.0.1:1 name=house"}
	in := runProcess(t, c)
	call := func(method, path, body string) {
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
		if _, err := io.Copy(io.Discard, resp.Body); err != nil {
			t.Fatal(err)
		}
	}
	call("PUT", "/api/v1/sensors/kettle", `{"id":"kettle","quantity":"active_power","interval":"1s"}`)
	call("PUT", "/api/v1/groups/all", `{"id":"all","members":[{"sensor":"kettle"}]}`)
	call("PUT", "/api/v1/hierarchies/all", `{"id":"all","root":"all"}`)
	call("POST", "/api/v1/ingest/json", `{"sensor":"kettle","value":"many"}`)
	var all map[string]*dto.MetricFamily
	deadline := time.After(2 * time.Minute)
	again := time.NewTicker(200 * time.Millisecond)
	defer again.Stop()
	for missing := []string{""}; len(missing) > 0; {
		call("POST", "/api/v1/ingest/json", fmt.Sprintf(`{"sensor":"kettle","time":%d,"value":1}`, time.Now().UnixMilli()))
		all, missing = scrape(t, in.URL), nil
		for _, name := range lively {
			if all[name] == nil {
				missing = append(missing, name)
			}
		}
		select {
		case <-deadline:
			t.Fatalf("these metrics do not come: %v", missing)
		case <-again.C:
		}
	}
	page, err := os.ReadFile("../docs/metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(page), tableBegin)
	_, after, ok2 := strings.Cut(rest, tableEnd)
	if !ok || !ok2 {
		t.Fatal("docs/metrics.md has no place for the table")
	}
	golden(t, "../docs/metrics.md", before+tableBegin+table(all)+tableEnd+after)
	for name, f := range all {
		if !strings.HasPrefix(name, "wattwerk_") {
			continue
		}
		if counter := f.GetType() == dto.MetricType_COUNTER; counter != strings.HasSuffix(name, "_total") {
			t.Errorf("%s is a %s; counters end in _total, and nothing else does", name, f.GetType())
		}
		if f.GetHelp() == "" {
			t.Errorf("%s has no help", name)
		}
		if n := len(f.GetMetric()); n > 200 {
			t.Errorf("%s has %d series in a process that does next to nothing", name, n)
		}
	}
}

// named finds the names of metrics in the code.
var named = regexp.MustCompile(`(?:Name:\s*|NewDesc\(|gauge\(|disk\(|counter\()"(wattwerk_[a-z0-9_]+)"`)

// TestEveryMetricIsOnThePage finds those too that only some processes have.
func TestEveryMetricIsOnThePage(t *testing.T) {
	page, err := os.ReadFile("../docs/metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	err = filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == "node_modules" || d.Name() == ".tools" || d.Name() == ".git") {
			return filepath.SkipDir
		}
		if !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		code, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for _, m := range named.FindAllStringSubmatch(string(code), -1) {
			if m[1] != "wattwerk_oidc" && !strings.Contains(string(page), "`"+m[1]+"`") { // that one is a cookie
				t.Errorf("%s: %s is not on docs/metrics.md", path, m[1])
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
