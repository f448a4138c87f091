package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/wattwerk/wattwerk/internal/natstest"
	"github.com/wattwerk/wattwerk/internal/pgtest"
	"github.com/wattwerk/wattwerk/internal/sqldb"
	"github.com/wattwerk/wattwerk/internal/vmtest"
)

// newBooks runs a registry with bus, history and gateway, and two processes that
// settle, which share a history and a PostgreSQL. It gives the address of that.
func newBooks(t *testing.T, settings ...string) (d *deployment, url string) {
	t.Helper()
	dir := t.TempDir()
	url = pgtest.Start(t).Database(t)
	secret := filepath.Join(dir, "postgresql.url")
	if err := os.WriteFile(secret, []byte(url+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	v := vmtest.Start(t, vmtest.Options{})
	hosts := natstest.Hosts(t, 3)
	settings = append(settings,
		"WATTWERK_SQL_URL_FILE="+secret, "WATTWERK_HISTORY_STORE=remote", "WATTWERK_HISTORY_REMOTE_FLUSH_EVERY=2s",
		"WATTWERK_HISTORY_REMOTE_WRITE_URLS="+v.URL()+"/api/v1/write", "WATTWERK_HISTORY_REMOTE_QUERY_URLS="+v.URL(), "WATTWERK_HISTORY_REMOTE_STORAGE_URLS="+v.URL(),
		"WATTWERK_BUS_LOGIN_FILE="+loginFile(t))
	d = &deployment{t: t}
	for i, m := range []struct{ name, modules string }{{"gateway", "registry,bridge,history,gateway"}, {"settlement-1", "settlement"}, {"settlement-2", "settlement"}} {
		own := append([]string{"WATTWERK_NAME=" + m.name, "WATTWERK_BUS_NATS=nats://" + hosts[0] + ":" + busPort}, settings...)
		if i == 0 {
			own[1] = "WATTWERK_BUS_LISTEN=" + hosts[0] + ":" + busPort
		}
		addr := hosts[i] + ":" + partPort
		d.parts = append(d.parts, &part{name: m.name, addr: addr, dir: filepath.Join(dir, m.name), settings: own, args: []string{"--modules", m.modules, "--addr", addr}})
	}
	for _, s := range d.parts {
		s.start(t)
	}
	for _, s := range d.parts {
		s.process().ready()
	}
	return d, url
}

// made is how many reports a process has made since it began; less than 0 when it
// does not answer.
func made(p *process) int {
	a, err := p.send("GET", "/metrics", nil, nil)
	if err != nil {
		return -1
	}
	for line := range strings.Lines(string(a.body)) {
		var n int
		if k, _ := fmt.Sscanf(line, "wattwerk_reports_made_total %d", &n); k == 1 {
			return n
		}
	}
	return -1
}

// TestScheduleOfTwo has two processes that settle make the reports of a schedule
// that is due, and kills the one that makes them, and then the other: each is
// issued once, and posted.
func TestScheduleOfTwo(t *testing.T) {
	const days = 30
	r := new(receiver)
	d, url := newBooks(t, r.settings(t)...)
	defer d.says()
	zone, end := noon()
	begin := end.AddDate(0, 0, -days)
	face := d.face()
	face.call("POST", "/api/v1/import?format=csv", meters(face, 2, zone, begin, end), nil)
	eventually(t, 4*time.Minute, func() error {
		var got struct{ Amount []*float64 }
		if err := face.try("GET", fmt.Sprintf("/api/v1/settled/groups/hall?size=1d&from=%d&to=%d", begin.UnixMilli(), end.UnixMilli()), nil, &got); err != nil {
			return err
		}
		for _, a := range got.Amount {
			if a == nil {
				return fmt.Errorf("the days have %v", got.Amount)
			}
		}
		if len(got.Amount) != days {
			return fmt.Errorf("%d days are settled", len(got.Amount))
		}
		return nil
	})
	face.call("PUT", "/api/v1/reports/definitions/days", `{"group":"hall","size":"1d","scheduled":true,"webhook":true}`, nil)
	db, err := sqldb.Open(t.Context(), sqldb.Options{URL: url})
	if err != nil {
		t.Fatal(err)
	}
	_, err = db.ExecContext(t.Context(), "UPDATE report_definitions SET since = ?", begin.UnixMilli()) // it was asked for long ago
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	two := d.called("settlement")
	for range 2 {
		var makes *part
		eventually(t, 4*time.Minute, func() error {
			for _, s := range two {
				if made(s.process()) > 0 {
					makes = s
					return nil
				}
			}
			if all, err := reported(face); err == nil && len(all) == days {
				return nil // the other one had none left to make
			}
			return fmt.Errorf("nobody makes reports")
		})
		if makes == nil {
			break
		}
		makes.process().kill()
		makes.start(t)
		makes.process().ready()
	}
	var all map[string][]string
	eventually(t, 4*time.Minute, func() error {
		if all, err = reported(face); err == nil && len(all) != days {
			err = fmt.Errorf("%d days were reported", len(all))
		}
		return err
	})
	posted := make(map[string]bool)
	for _, id := range r.all() {
		posted[id] = true
	}
	for period, x := range all {
		if len(x) != 3 || x[1] != "1" || !posted["report-"+x[0]] {
			t.Errorf("of %s there is %q", period, x)
		}
	}
	if len(posted) != days {
		t.Errorf("%d reports were posted: %v", len(posted), posted)
	}
	d.stop()
}
