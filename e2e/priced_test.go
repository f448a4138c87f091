package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// settings gives those of a process that posts to a receiver.
func (r *receiver) settings(t *testing.T) []string {
	t.Helper()
	server := httptest.NewServer(r)
	t.Cleanup(server.Close)
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("0123456789abcdef"), 0o600); err != nil {
		t.Fatal(err)
	}
	return []string{"WATTWERK_ALERT_PRIVATE=true", "WATTWERK_ALERT_WEBHOOK_URL=" + server.URL + "/hook", "WATTWERK_ALERT_WEBHOOK_SECRET_FILE=" + secret}
}

// noon gives the begin of today in a zone in which it is about noon, so that no
// test sees a day end.
func noon() (zone string, today time.Time) {
	offset := 12 - time.Now().UTC().Hour()
	at := time.FixedZone("", offset*3600)
	y, m, day := time.Now().In(at).Date()
	return fmt.Sprintf("Etc/GMT%+d", -offset), time.Date(y, m, day, 0, 0, 0, 0, at)
}

// meters makes some of 4 kW and more below a group, and gives the CSV of whole
// days of them.
func meters(p *process, n int, zone string, begin, end time.Time) string {
	p.call("PUT", "/api/v1/sites/kiel", fmt.Sprintf(`{"id":"kiel","zone":%q}`, zone), nil)
	members := make([]map[string]any, n)
	var file, row strings.Builder
	file.WriteString("time")
	for i := range n {
		id := fmt.Sprintf("m%d", i)
		p.call("PUT", "/api/v1/sensors/"+id, fmt.Sprintf(`{"id":%q,"site":"kiel","quantity":"active_power","interval":"15m","maxAge":"15m"}`, id), nil)
		members[i] = map[string]any{"sensor": id}
		fmt.Fprintf(&file, ",%s [kW]", id)
		fmt.Fprintf(&row, ",%d", 4+i)
	}
	file.WriteString("\n")
	for at := begin; at.Before(end); at = at.Add(15 * time.Minute) {
		file.WriteString(at.Format(time.RFC3339) + row.String() + "\n")
	}
	p.call("PUT", "/api/v1/groups/hall", map[string]any{"id": "hall", "members": members}, nil)
	p.call("PUT", "/api/v1/hierarchies/place", `{"id":"place","root":"hall","site":"kiel"}`, nil)
	return file.String()
}

// flat is a tariff of 30 cents a kWh and 1 EUR a day.
func flat(zone string) string {
	return fmt.Sprintf(`{"currency":"EUR","zone":%q,"versions":[{"from":"2020-01-01","components":[{"id":"energy","kind":"energy","price":"0.30"},{"id":"basic","kind":"standing","price":"1","per":"day"}]}]}`, zone)
}

// assign waits until the model has come round.
func assign(t *testing.T, p *process, body string) {
	t.Helper()
	eventually(t, 2*time.Minute, func() error { return p.try("POST", "/api/v1/costs/assignments", body, nil) })
}

// reported is what a process says that it has reported, by period.
func reported(p *process) (map[string][]string, error) {
	var got struct {
		Items []struct {
			ID, Period string
			Version    int
			Summary    json.RawMessage
			Deliveries []struct{ State string }
		}
	}
	if err := p.try("GET", "/api/v1/reports/issues?definition=days&superseded=true&limit=1000", nil, &got); err != nil {
		return nil, err
	}
	out := make(map[string][]string)
	for _, r := range got.Items {
		for _, d := range r.Deliveries {
			if d.State != "sent" {
				return nil, fmt.Errorf("the report of %s is %s", r.Period, d.State)
			}
		}
		out[r.Period] = append(out[r.Period], r.ID, fmt.Sprint(r.Version), string(r.Summary))
	}
	return out, nil
}

// TestReportsOnce asks for the same reports at all gateways at once, and kills
// who makes them meanwhile: each is issued once.
func TestReportsOnce(t *testing.T) { everywhere(t, testReportsOnce) }

func testReportsOnce(t *testing.T, kind string) {
	const days = 8
	random := chance(t)
	r := new(receiver)
	d := deploy(t, kind, r.settings(t)...)
	defer d.says()
	zone, end := noon()
	begin := end.AddDate(0, 0, -days)
	face := d.face()
	face.call("POST", "/api/v1/import?format=csv", meters(face, 2, zone, begin, end), nil)
	eventually(t, 2*time.Minute, func() error {
		return face.try("PUT", "/api/v1/reports/definitions/days", `{"group":"hall","size":"1d","webhook":true}`, nil)
	})
	ids := make(map[string]map[string]bool)
	for i := range days {
		ids[begin.AddDate(0, 0, i).Format(time.DateOnly)] = make(map[string]bool)
	}
	// ask asks for all, of every gateway at once, and tells what became of it.
	ask := func() error {
		var asked sync.WaitGroup
		var mu sync.Mutex
		var failed []error
		for period := range ids {
			for _, p := range []*process{d.face(), d.other()} {
				asked.Go(func() {
					var x struct{ ID string }
					err := p.try("POST", "/api/v1/reports/definitions/days/issues", fmt.Sprintf(`{"period":%q}`, period), &x)
					mu.Lock()
					defer mu.Unlock()
					if err == nil {
						ids[period][x.ID] = true
					} else {
						failed = append(failed, err)
					}
				})
			}
		}
		asked.Wait()
		return errors.Join(failed...)
	}
	for range 3 {
		broken := make(chan struct{})
		makes := d.called("history")[0]
		go func() {
			defer close(broken)
			_ = ask() // some are refused, as nothing is settled yet, or nobody is there any more
		}()
		pause(t, random, 400*time.Millisecond)
		makes.process().kill()
		<-broken
		d.start()
	}
	eventually(t, 8*time.Minute, ask)
	eventually(t, 2*time.Minute, func() error {
		all, err := reported(d.other())
		if err == nil && len(all) != days {
			err = fmt.Errorf("%d days were reported", len(all))
		}
		if err != nil {
			return err
		}
		for period, x := range all {
			if len(x) != 3 || len(ids[period]) != 1 || !ids[period][x[0]] {
				t.Fatalf("of %s there is %q; answered was %v", period, x, ids[period])
			}
		}
		return nil
	})
	posted := make(map[string]bool)
	for _, id := range r.all() {
		posted[id] = true
	}
	if len(posted) != days {
		t.Errorf("%d reports were posted", len(posted))
	}
	d.stop()
}
