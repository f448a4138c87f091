package prometheus

import (
	"errors"
	"log/slog"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/promql/promqltest"
)

const rulesFile = "wattwerk.rules.yml"

// rules reads the alert rules as Prometheus does.
func rules(t *testing.T) []rulefmt.Rule {
	t.Helper()
	data, err := os.ReadFile(rulesFile)
	if err != nil {
		t.Fatal(err)
	}
	groups, errs := rulefmt.Parse(data, false, model.UTF8Validation, parser.NewParser(parser.Options{}), slog.New(slog.DiscardHandler))
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	var all []rulefmt.Rule
	for _, g := range groups.Groups {
		all = append(all, g.Rules...)
	}
	return all
}

func TestRulesAreWhole(t *testing.T) {
	page, err := os.ReadFile("../../docs/operating.md")
	if err != nil {
		t.Fatal(err)
	}
	listed := documented(t)
	for _, r := range rules(t) {
		if r.Annotations["summary"] == "" || r.Annotations["description"] == "" {
			t.Errorf("%s says nothing to the person it wakes", r.Alert)
		}
		if s := r.Labels["severity"]; s != "critical" && s != "warning" {
			t.Errorf("%s has the severity %q", r.Alert, s)
		}
		if !strings.Contains(string(page), "\n### "+r.Alert+"\n") {
			t.Errorf("docs/operating.md does not say what to do about %s", r.Alert)
		}
		listed.check(t, r.Alert, r.Expr)
	}
	for _, m := range regexp.MustCompile(`(?m)^### (Wattwerk\w+)$`).FindAllStringSubmatch(string(page), -1) {
		found := false
		for _, r := range rules(t) {
			found = found || r.Alert == m[1]
		}
		if !found {
			t.Errorf("docs/operating.md speaks of %s, and there is no such alert", m[1])
		}
	}
}

// example is a case of testdata/alerts.txt.
type example struct {
	alert  string
	fires  bool
	at     time.Duration
	series []string
}

func examples(t *testing.T) []example {
	t.Helper()
	data, err := os.ReadFile("testdata/alerts.txt")
	if err != nil {
		t.Fatal(err)
	}
	var all []example
	alert := ""
	for line := range strings.Lines(string(data)) {
		word, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		switch {
		case word == "" || word == "#":
		case word == "alert":
			alert = rest
		case word == "fires" || word == "quiet":
			at, err := time.ParseDuration(strings.TrimPrefix(rest, "at "))
			if err != nil {
				t.Fatal(line, err)
			}
			all = append(all, example{alert: alert, fires: word == "fires", at: at})
		default:
			x := &all[len(all)-1]
			x.series = append(x.series, strings.TrimSpace(line))
		}
	}
	return all
}

// firing evaluates a rule as Prometheus does, once a minute: it fires when its
// expression gave something for as long as the rule says.
func firing(t *testing.T, engine *promql.Engine, r rulefmt.Rule, x example) bool {
	t.Helper()
	store := promqltest.LoadedStorage(t, "load 1m\n  "+strings.Join(x.series, "\n  ")+"\n")
	for at := x.at - time.Duration(r.For); at <= x.at; at += time.Minute {
		q, err := engine.NewInstantQuery(t.Context(), store, nil, r.Expr, time.Unix(0, 0).Add(at))
		if err != nil {
			t.Fatal(err)
		}
		res := q.Exec(t.Context())
		v, err := res.Vector()
		if err != nil {
			t.Fatal(err)
		}
		n := len(v)
		q.Close()
		if n == 0 {
			return false
		}
	}
	return true
}

func TestAlertsFireWhenTheyShould(t *testing.T) {
	engine := promqltest.NewTestEngine(t, false, 0, 1_000_000)
	cases := examples(t)
	for _, r := range rules(t) {
		t.Run(r.Alert, func(t *testing.T) {
			fires, quiet := 0, 0
			for _, x := range cases {
				if x.alert != r.Alert {
					continue
				}
				if x.fires {
					fires++
				} else {
					quiet++
				}
				if got := firing(t, engine, r, x); got != x.fires {
					t.Errorf("at %v with %q it fires: %v", x.at, x.series, got)
				}
			}
			if fires == 0 || quiet == 0 {
				t.Errorf("%d cases in which it fires and %d in which not; both are needed", fires, quiet)
			}
		})
	}
}
