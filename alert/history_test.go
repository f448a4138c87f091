package alert

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/wattwerk/wattwerk/internal/pgtest"
	"github.com/wattwerk/wattwerk/internal/sqldb"
)

// TestHistoryOfOneMoment reads alerts page by page of which many were raised in
// the same millisecond, as when a gateway of many sensors falls silent.
func TestHistoryOfOneMoment(t *testing.T) {
	for name, where := range map[string]func(t *testing.T) sqldb.Options{
		"sqlite": func(t *testing.T) sqldb.Options {
			return sqldb.Options{File: filepath.Join(t.TempDir(), "x.db"), NoSync: true}
		},
		"postgres": func(t *testing.T) sqldb.Options { return sqldb.Options{URL: pgtest.Database(t)} },
	} {
		t.Run(name, func(t *testing.T) {
			w := open(t, where(t))
			store, err := Open(t.Context(), w.where)
			if err != nil {
				t.Fatal(err)
			}
			at := time.Date(2026, 3, 1, 12, 0, 0, 7e6, time.UTC).UnixMilli()
			var rows []incidentRow
			for i := range 70 {
				over := at + 1000
				row := incidentRow{ID: fmt.Sprintf("i%02d", i*37%70), Rule: "silent", Kind: "missing", Status: "resolved", Since: at, Fired: at, Resolved: &over}
				if i >= 60 {
					row.Fired = at - 1
				}
				rows = append(rows, row)
			}
			if _, err := store.db.NewInsert().Model(&rows).Exec(t.Context()); err != nil {
				t.Fatal(err)
			}
			if err := store.Close(); err != nil {
				t.Fatal(err)
			}
			defer w.work()()
			seen := make(map[string]bool)
			for page, from := 0, ""; page < 2; page++ {
				var got struct{ Alerts []Incident }
				if err := json.Unmarshal([]byte(w.want(200, "GET", "/history?limit=50"+from, "", "")), &got); err != nil {
					t.Fatal(err)
				}
				for _, a := range got.Alerts {
					if seen[a.ID] {
						t.Errorf("%s comes twice", a.ID)
					}
					seen[a.ID] = true
				}
				last := got.Alerts[len(got.Alerts)-1]
				from = "&before=" + last.Fired.Format(time.RFC3339Nano) + "&after=" + last.ID
			}
			if len(seen) != 70 {
				t.Errorf("two pages of 50 hold %d of 70", len(seen))
			}
			// Whoever names the time alone gets what was raised before it.
			var got struct{ Alerts []Incident }
			said := w.want(200, "GET", "/history?before="+time.UnixMilli(at).UTC().Format(time.RFC3339Nano), "", "")
			if err := json.Unmarshal([]byte(said), &got); err != nil || len(got.Alerts) != 10 {
				t.Errorf("%d were raised before, %v", len(got.Alerts), err)
			}
		})
	}
}
