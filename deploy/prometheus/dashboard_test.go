package prometheus

import (
	"encoding/json"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	promodel "github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/promql/parser"
)

// metrics are what docs/metrics.md lists, with the labels of each.
type metrics map[string][]string

func documented(t *testing.T) metrics {
	t.Helper()
	page, err := os.ReadFile("../../docs/metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	all := metrics{
		"up": nil,
		// Of the runtime, in every process that Go and the client library make.
		"process_cpu_seconds_total": nil, "process_resident_memory_bytes": nil, "process_open_fds": nil, "process_max_fds": nil, "process_start_time_seconds": nil,
	}
	table := regexp.MustCompile("(?m)^\\| `(wattwerk_\\w+)` \\| (\\w+) \\| ([^|]*) \\|")
	for _, m := range table.FindAllStringSubmatch(string(page), -1) {
		var names []string
		for l := range strings.SplitSeq(m[3], ",") {
			names = append(names, strings.TrimSpace(l))
		}
		if m[2] == "histogram" {
			all[m[1]+"_bucket"], all[m[1]+"_count"], all[m[1]+"_sum"] = append(slices.Clone(names), "le"), names, names
			continue
		}
		all[m[1]] = names
	}
	// Those that only some processes have: `name` (labels).
	some := regexp.MustCompile("`(wattwerk_\\w+)`(?: \\(([^)]*)\\))?")
	_, rest, _ := strings.Cut(string(page), "## In some processes only")
	for _, m := range some.FindAllStringSubmatch(rest, -1) {
		var names []string
		for l := range strings.SplitSeq(m[2], ",") {
			names = append(names, strings.TrimSpace(l))
		}
		all[m[1]] = names
	}
	return all
}

// check parses an expression, and looks whether every metric and label in it
// is there.
func (all metrics) check(t *testing.T, where, expr string) {
	t.Helper()
	e, err := parser.NewParser(parser.Options{}).ParseExpr(expr)
	if err != nil {
		t.Errorf("%s: %v", where, err)
		return
	}
	known := []string{"job", "instance"}
	parser.Inspect(e, func(n parser.Node, _ []parser.Node) error {
		if v, ok := n.(*parser.VectorSelector); ok {
			names, there := all[v.Name]
			if !there {
				t.Errorf("%s: there is no metric %s", where, v.Name)
			}
			known = append(known, names...)
			for _, m := range v.LabelMatchers {
				if m.Name != promodel.MetricNameLabel && m.Name != "job" && m.Name != "instance" && !slices.Contains(names, m.Name) {
					t.Errorf("%s: %s has no label %s", where, v.Name, m.Name)
				}
			}
		}
		return nil
	})
	parser.Inspect(e, func(n parser.Node, _ []parser.Node) error {
		var names []string
		switch x := n.(type) {
		case *parser.AggregateExpr:
			names = x.Grouping
		case *parser.BinaryExpr:
			if x.VectorMatching != nil {
				names = slices.Concat(x.VectorMatching.MatchingLabels, x.VectorMatching.Include)
			}
		}
		for _, name := range names {
			if !slices.Contains(known, name) {
				t.Errorf("%s: no metric in %s has the label %s", where, expr, name)
			}
		}
		return nil
	})
}

type grid struct{ X, Y, W, H int }

type source struct{ Type, UID string }

type panel struct {
	ID          int
	Type, Title string
	Description string
	GridPos     grid
	Datasource  *source
	Targets     []struct {
		Datasource   source
		Expr, RefID  string
		LegendFormat string
	}
	FieldConfig struct {
		Defaults struct{ Unit string }
	}
}

type dashboard struct {
	UID, Title    string
	SchemaVersion int
	Time          struct{ From, To string }
	Refresh       string
	Templating    struct {
		List []struct {
			Name, Type string
			Query      any
		}
	}
	Panels []panel
}

// units are those of Grafana that are used.
var units = []string{"short", "s", "bytes", "ops", "reqps", "percentunit", "Bps", "dateTimeFromNow", "none"}

func TestDashboardLoads(t *testing.T) {
	data, err := os.ReadFile("../grafana/wattwerk.json")
	if err != nil {
		t.Fatal(err)
	}
	var d dashboard
	if err := json.Unmarshal(data, &d); err != nil {
		t.Fatal(err)
	}
	if d.UID == "" || d.Title == "" || d.SchemaVersion < 36 || d.Time.From == "" || d.Time.To == "" {
		t.Errorf("the head is not whole: %+v", d)
	}
	var variables []string
	for _, v := range d.Templating.List {
		variables = append(variables, v.Name+" "+v.Type)
	}
	for _, want := range []string{"datasource datasource", "job query", "instance query"} {
		if !slices.Contains(variables, want) {
			t.Errorf("there is no variable %s, there are %v", want, variables)
		}
	}
	all := documented(t)
	seen := make(map[int]bool)
	var taken []panel
	for _, p := range d.Panels {
		if p.ID == 0 || seen[p.ID] {
			t.Errorf("%q has the number %d, which is none or is used twice", p.Title, p.ID)
		}
		seen[p.ID] = true
		g := p.GridPos
		if g.W < 1 || g.H < 1 || g.X < 0 || g.Y < 0 || g.X+g.W > 24 {
			t.Errorf("%q is outside: %+v", p.Title, g)
		}
		for _, o := range taken {
			if h := o.GridPos; g.X < h.X+h.W && h.X < g.X+g.W && g.Y < h.Y+h.H && h.Y < g.Y+g.H {
				t.Errorf("%q lies over %q", p.Title, o.Title)
			}
		}
		taken = append(taken, p)
		if p.Title == "" {
			t.Errorf("panel %d has no title", p.ID)
		}
		if p.Type == "row" {
			continue
		}
		if !slices.Contains([]string{"stat", "timeseries", "table"}, p.Type) || len(p.Targets) == 0 || p.Description == "" {
			t.Errorf("%q is a %s with %d queries and the description %q", p.Title, p.Type, len(p.Targets), p.Description)
		}
		if !slices.Contains(units, p.FieldConfig.Defaults.Unit) {
			t.Errorf("%q has the unit %q", p.Title, p.FieldConfig.Defaults.Unit)
		}
		var refs []string
		for _, q := range p.Targets {
			if q.Datasource.Type != "prometheus" || q.Datasource.UID != "${datasource}" || p.Datasource == nil || p.Datasource.UID != "${datasource}" {
				t.Errorf("%q does not ask the data source that was chosen", p.Title)
			}
			if q.RefID == "" || slices.Contains(refs, q.RefID) {
				t.Errorf("%q: query %q", p.Title, q.RefID)
			}
			refs = append(refs, q.RefID)
			if !strings.Contains(q.Expr, `job=~"$job"`) || !strings.Contains(q.Expr, `instance=~"$instance"`) {
				t.Errorf("%q does not ask for the processes that were chosen: %s", p.Title, q.Expr)
			}
			expr := strings.NewReplacer("$__rate_interval", "5m", "$job", "x", "$instance", "x").Replace(q.Expr)
			if strings.Contains(expr, "$") {
				t.Errorf("%q: an unknown variable in %s", p.Title, q.Expr)
			}
			all.check(t, p.Title, expr)
		}
	}
}
