package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/wattwerk/wattwerk/internal/pgtest"
	"github.com/wattwerk/wattwerk/internal/sqldb"
)

// asked is where the answers are from that testdata/upgrade/plant/make.sh has
// packed.
var asked = map[string]string{
	"model":         "/api/v1/model",
	"revisions":     "/api/v1/revisions",
	"press":         "/api/v1/sensors/press/range?raw=true&from=1795474800000&to=1795733999999",
	"oven":          "/api/v1/sensors/oven/range?raw=true&from=1795474800000&to=1795733999999",
	"days":          "/api/v1/settled/groups/hall?size=1d&from=2026-11-24&to=2026-11-27",
	"quarters":      "/api/v1/settled/sensors/press?size=15m&from=2026-11-24&to=2026-11-27",
	"interventions": "/api/v1/interventions",
	"tariffs":       "/api/v1/tariffs",
	"assignments":   "/api/v1/costs/assignments",
	"bill":          "/api/v1/costs/groups/hall/bill?from=2026-11-24&to=2026-11-27",
	"rules":         "/api/v1/alerts/rules",
	"alerts":        "/api/v1/alerts",
	"issues":        "/api/v1/reports/issues",
	"users":         "/api/v1/users",
	"tokens":        "/api/v1/tokens",
	"dead-letters":  "/api/v1/dead-letters",
	"households":    "/api/v1/survey/household",
}

// changing are fields that may say something else later: when somebody came
// last, and up to when windows are settled.
var changing = []string{"used", "signedIn", "settled", "checked"}

// holds tells what of an old answer is not in a new one. A new one may say more
// of a thing, and has neither more nor fewer things.
func holds(old, now any, at string) error {
	switch o := old.(type) {
	case map[string]any:
		n, ok := now.(map[string]any)
		if !ok {
			return fmt.Errorf("%s is %v", at, now)
		}
		var errs []error
		for k, v := range o {
			if slices.Contains(changing, k) {
				continue
			}
			if _, ok := n[k]; !ok {
				errs = append(errs, fmt.Errorf("%s.%s is gone", at, k))
				continue
			}
			errs = append(errs, holds(v, n[k], at+"."+k))
		}
		return errors.Join(errs...)
	case []any:
		n, ok := now.([]any)
		if !ok || len(n) != len(o) {
			return fmt.Errorf("%s had %d elements and is %v", at, len(o), now)
		}
		var errs []error
		for i := range o {
			errs = append(errs, holds(o[i], n[i], fmt.Sprintf("%s[%d]", at, i)))
		}
		return errors.Join(errs...)
	}
	if old != now {
		return fmt.Errorf("%s was %v and is %v", at, old, now)
	}
	return nil
}

// kept asks the program again what an older one has answered.
func kept(p *process, dir string) error {
	for name, path := range asked {
		text, err := os.ReadFile(filepath.Join(dir, "answers", name+".json"))
		if errors.Is(err, fs.ErrNotExist) && name == "households" {
			continue // there were none yet
		}
		if err != nil {
			return err
		}
		var old, now any
		if err := json.Unmarshal(text, &old); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if err := p.try("GET", path, nil, &now); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if name == "tokens" { // each process has one of its own
			old, now = named(old, "meter"), named(now, "meter")
		}
		if err := holds(old, now, name); err != nil {
			return err
		}
	}
	return nil
}

func named(list any, name string) (out []any) {
	all, _ := list.(map[string]any)["items"].([]any)
	for _, x := range all {
		if x.(map[string]any)["name"] == name {
			out = append(out, x)
		}
	}
	return out
}

// fillDatabase runs what pg_dump wrote.
func fillDatabase(t *testing.T, url, file string) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var script strings.Builder
	for line := range strings.Lines(string(text)) {
		if !strings.HasPrefix(line, `\`) { // those are for psql
			script.WriteString(line)
		}
	}
	c, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.PgConn().Exec(t.Context(), script.String()).ReadAll()
	if err := errors.Join(err, c.Close(t.Context())); err != nil {
		t.Fatal(err)
	}
}

// TestUpgradePlant starts this program on what programs of earlier versions
// left of a plant with settled days, costs, reports, alerts and people, in
// files and in PostgreSQL: all of it is as it was, nothing is there twice, and
// it goes on.
func TestUpgradePlant(t *testing.T) {
	files, err := filepath.Glob("testdata/upgrade/plant/*.tar.zst")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	server := pgtest.Start(t)
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".tar.zst"), func(t *testing.T) {
			dir := t.TempDir()
			unpack(t, file, dir)
			var settings []string
			if _, err := os.Stat(filepath.Join(dir, "database.sql")); err == nil {
				url, secret := server.Database(t), filepath.Join(dir, "postgresql.url")
				fillDatabase(t, url, filepath.Join(dir, "database.sql"))
				if err := os.WriteFile(secret, []byte(url+"\n"), 0o600); err != nil {
					t.Fatal(err)
				}
				settings = append(settings, "WATTWERK_SQL_CONNS=16", "WATTWERK_SQL_URL_FILE="+secret)
			}
			if _, err := os.Stat(filepath.Join(dir, "answers", "households.json")); err == nil {
				settings = append(settings, "WATTWERK_SURVEY_LISTEN=127.0.0.1:0", "WATTWERK_SURVEY_HOSTS=127.0.0.1")
			}
			testUpgradePlant(t, dir, settings)
		})
	}
}

func testUpgradePlant(t *testing.T, dir string, settings []string) {
	var p *process
	run := func() {
		p = launch(t, filepath.Join(dir, "data"), settings)
		p.ready()
		eventually(t, 2*time.Minute, func() error { return kept(p, dir) })
	}
	run()
	a, err := p.send("POST", "/api/v1/login", nil, `{"name":"ada","password":"correct horse battery"}`)
	if err != nil || a.status/100 != 2 {
		t.Errorf("ada signs in: %d %s %v", a.status, a.body, err)
	}

	// It goes on: the fourth day comes, by the token of the meter.
	var meter struct{ Secret string }
	text, err := os.ReadFile(filepath.Join(dir, "answers", "token.json"))
	if err == nil {
		err = json.Unmarshal(text, &meter)
	}
	if err != nil {
		t.Fatal(err)
	}
	const fourth = int64(1795734000000)
	var readings []map[string]any
	want := 0.0
	for i := range int64(96) {
		at := fourth + i*900_000
		readings = append(readings, map[string]any{"sensor": "press", "time": at, "value": 7000 + 4*i}, map[string]any{"sensor": "oven", "time": at, "value": 500})
		want += float64(7500+4*i) / 4
	}
	a, err = p.send("POST", "/api/v1/ingest/json", http.Header{"Authorization": {"Bearer " + meter.Secret}}, readings)
	if err != nil || a.status/100 != 2 {
		t.Fatalf("a meter sends: %d %s %v", a.status, a.body, err)
	}
	settled := func() error {
		var got struct {
			Amount   []*float64
			Readings []int
		}
		if err := p.try("GET", "/api/v1/settled/groups/hall?size=1d&from=2026-11-27&to=2026-11-28", nil, &got); err != nil {
			return err
		}
		if len(got.Amount) != 1 || got.Amount[0] == nil || *got.Amount[0] != want || got.Readings[0] != 192 {
			return fmt.Errorf("the fourth day has %v W·h of %v readings, not %v of 192", show(got.Amount[0]), got.Readings, want)
		}
		return nil
	}
	eventually(t, 2*time.Minute, settled)
	if err := kept(p, dir); err != nil {
		t.Errorf("after the fourth day: %v", err)
	}
	sound(t, filepath.Join(dir, "data"))
	p.stop()
	first := p.output()

	run()
	if err := settled(); err != nil {
		t.Errorf("after another start: %v", err)
	}
	p.stop()
	for line := range strings.Lines(first + p.output()) {
		if trouble.MatchString(line) || strings.Contains(line, "level=ERROR") {
			t.Errorf("it says %s", line)
		}
	}
}

// sound asks the doctor, who has nothing to say but what is true: both machines
// are silent, their day came late, and disks of machines that test are full.
func sound(t *testing.T, data string) {
	t.Helper()
	out, _ := command(t, "doctor", "--data", data, "--json") // fails as there are findings
	var got struct{ Findings []struct{ Rule, What string } }
	if err := json.Unmarshal([]byte(out), &got); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for _, f := range got.Findings {
		if !slices.Contains([]string{"sensors-silent", "ticks-delayed", "late-readings", "disk-nearly-full"}, f.Rule) {
			t.Errorf("the doctor says %s: %s", f.Rule, f.What)
		}
	}
}

// TestNewerTablesAreRefused lets this program open tables of a newer one.
func TestNewerTablesAreRefused(t *testing.T) {
	dir := t.TempDir()
	p := start(t, dir)
	p.call("PUT", "/api/v1/sensors/press", `{"id":"press","quantity":"active_power"}`, nil)
	p.call("PUT", "/api/v1/alerts/rules/high", `{"subject":{"sensor":"press"},"condition":{"kind":"external"},"severity":"critical"}`, nil)
	p.stop()
	db, err := sqldb.Open(t.Context(), sqldb.Options{File: filepath.Join(dir, "wattwerk.db")})
	if err != nil {
		t.Fatal(err)
	}
	exec := func(q string) {
		t.Helper()
		if _, err := db.ExecContext(t.Context(), q); err != nil {
			t.Fatal(err)
		}
	}
	exec("INSERT INTO alert_migrations (version_id, is_applied) VALUES (99, 1)")
	_, err = command(t, "run", "--data", dir, "--addr", "127.0.0.1:0", "--mqtt", "off")
	if err == nil || !strings.Contains(err.Error(), "are of version 99 by alert_migrations, and this program knows them up to version ") ||
		!strings.Contains(err.Error(), "nothing was changed; run the newer wattwerk that wrote them, or restore a backup that was made before the upgrade") {
		t.Errorf("got %v", err)
	}
	exec("DELETE FROM alert_migrations WHERE version_id = 99")
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	var got struct {
		Rules []struct{ Rule struct{ ID string } }
	}
	start(t, dir).call("GET", "/api/v1/alerts/rules", nil, &got)
	if len(got.Rules) != 1 || got.Rules[0].Rule.ID != "high" {
		t.Errorf("the rules are %+v", got.Rules)
	}
}
