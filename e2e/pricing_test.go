package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/wattwerk/wattwerk/internal/sqldb"
)

// query reads a table of a data directory that nobody uses, row by row.
func query(t *testing.T, file, q string) (out []string) {
	t.Helper()
	db, err := sqldb.Open(t.Context(), sqldb.Options{File: file})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	rows, err := db.DB.DB.QueryContext(t.Context(), q) // below bun, whose deadline ends with the first row
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	names, err := rows.Columns()
	if err != nil {
		t.Fatal(err)
	}
	for rows.Next() {
		values := make([]any, len(names))
		into := make([]any, len(names))
		for i := range values {
			into[i] = &values[i]
		}
		if err := rows.Scan(into...); err != nil {
			t.Fatal(err)
		}
		out = append(out, fmt.Sprint(values...))
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return out
}

// TestPricingIsKilled has months settled, priced and reported anew, kills that in
// the middle again and again, and compares it with one that was left alone: the
// same costs, the same reports, each issued once.
func TestPricingIsKilled(t *testing.T) {
	const sensors, days = 3, 8
	random := chance(t)
	r := new(receiver)
	settings := r.settings(t)
	run := func(dir string) *process {
		t.Helper()
		p := launch(t, dir, settings)
		p.ready()
		return p
	}
	p := run(filepath.Join(t.TempDir(), "data"))
	zone, end := noon()
	begin := end.AddDate(0, 0, -days)
	p.call("POST", "/api/v1/import?format=csv", meters(p, sensors, zone, begin, end), nil)
	p.call("PUT", "/api/v1/tariffs/home", flat(zone), nil)
	for i := range sensors {
		assign(t, p, fmt.Sprintf(`{"sensor":"m%d","tariff":"home","from":%q}`, i, begin.Format(time.DateOnly)))
	}
	assign(t, p, fmt.Sprintf(`{"group":"hall","tariff":"home","from":%q}`, begin.Format(time.DateOnly)))
	p.call("PUT", "/api/v1/reports/definitions/days", `{"group":"hall","size":"1d","scheduled":true,"webhook":true}`, nil)
	p.stop()
	// It was asked for long ago, and nothing is settled.
	db, err := sqldb.Open(t.Context(), sqldb.Options{File: filepath.Join(p.dir, "wattwerk.db")})
	if err != nil {
		t.Fatal(err)
	}
	_, err = db.ExecContext(t.Context(), "UPDATE report_definitions SET since = ?", begin.UnixMilli())
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(p.dir, "settled.db")); err != nil {
		t.Fatal(err)
	}
	alone := filepath.Join(t.TempDir(), "alone")
	if err := os.CopyFS(alone, os.DirFS(p.dir)); err != nil {
		t.Fatal(err)
	}
	done := func(p *process) map[string][]string {
		t.Helper()
		var all map[string][]string
		eventually(t, 8*time.Minute, func() (err error) {
			if all, err = reported(p); err == nil && len(all) != days {
				err = fmt.Errorf("%d days were reported", len(all))
			}
			return err
		})
		return all
	}
	// priced is what was priced of whole days, when it was all, and nobody runs.
	priced := func(dir string) []string {
		t.Helper()
		return query(t, filepath.Join(dir, "settled.db"), fmt.Sprintf("SELECT assignment, basis, start, until, revision, cost, credit, total, estimated, taken, given, measured, unpriced, completeness FROM settled_costs WHERE start < %d ORDER BY assignment, basis, start", end.UnixMilli()))
	}
	finish := func(p *process) []string {
		t.Helper()
		for range 20 { // days are priced every few seconds
			dir := p.dir
			wait(t, 3*time.Second)
			p.stop()
			if rows := priced(dir); len(rows) == (sensors+1)*days {
				return rows
			}
			p = run(dir)
		}
		t.Fatal("the days were not priced")
		return nil
	}
	left := run(alone)
	wantReports := done(left)
	wantCosts := finish(left)
	told := len(r.all())

	for _, most := range []time.Duration{time.Second, 2 * time.Second} {
		p = run(p.dir)
		pause(t, random, most)
		p.kill()
	}
	for _, least := range []int{1, days / 2} { // in the middle of the reports
		p = run(p.dir)
		eventually(t, 8*time.Minute, func() error {
			var got struct{ Items []struct{ ID string } }
			if err := p.try("GET", "/api/v1/reports/issues?limit=1000", nil, &got); err != nil {
				return err
			}
			if len(got.Items) < least {
				return fmt.Errorf("%d days were reported", len(got.Items))
			}
			return nil
		})
		p.kill()
	}
	p = run(p.dir)
	got := done(p)
	costs := finish(p)
	if !slices.Equal(costs, wantCosts) {
		t.Errorf("%d days are priced, and %d when nothing is killed; not the same", len(costs), len(wantCosts))
	}
	posted := make(map[string]bool)
	for _, id := range r.all()[told:] {
		posted[id] = true
	}
	for period, want := range wantReports {
		x := got[period]
		if len(want) != 3 || len(x) != 3 || x[1] != "1" || x[2] != want[2] {
			t.Errorf("of %s there is %q, and %q when nothing is killed", period, x, want)
		}
	}
	if len(posted) != days {
		t.Errorf("%d reports were posted", len(posted))
	}
}
