package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/wattwerk/wattwerk/internal/pgtest"
)

// TestBudget asks what was used since the day began, in one process, and in
// several that share a PostgreSQL, where the process of the alerts settles
// nothing itself.
func TestBudget(t *testing.T) {
	t.Run(oneProcess, func(t *testing.T) { testBudget(t, oneProcess) })
	t.Run(manyProcesses, func(t *testing.T) {
		secret := filepath.Join(t.TempDir(), "postgresql.url")
		if err := os.WriteFile(secret, []byte(pgtest.Start(t).Database(t)+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		testBudget(t, manyProcesses, "WATTWERK_SQL_URL_FILE="+secret)
	})
}

func testBudget(t *testing.T, kind string, settings ...string) {
	d := deploy(t, kind, settings...)
	defer d.says()
	face := d.face()
	// In this zone it is about noon.
	offset := 12 - time.Now().UTC().Hour()
	zone := time.FixedZone("", offset*3600)
	face.call("PUT", "/api/v1/sites/kiel", fmt.Sprintf(`{"id":"kiel","zone":"Etc/GMT%+d"}`, -offset), nil)
	for _, id := range []string{"press", "oven"} {
		face.call("PUT", "/api/v1/sensors/"+id, fmt.Sprintf(`{"id":%q,"site":"kiel","quantity":"active_power","interval":"15m","maxAge":"15m"}`, id), nil)
	}
	face.call("PUT", "/api/v1/groups/hall", `{"id":"hall","members":[{"sensor":"press"},{"sensor":"oven"}]}`, nil)
	face.call("PUT", "/api/v1/hierarchies/place", `{"id":"place","root":"hall","site":"kiel"}`, nil)
	y, m, day := time.Now().In(zone).Date()
	midnight := time.Date(y, m, day, 0, 0, 0, 0, zone)
	last := midnight.Add(8 * time.Hour)
	var file strings.Builder
	file.WriteString("time,press [kW],oven [kW]\n")
	for at := midnight.AddDate(0, 0, -2); at.Before(last); at = at.Add(15 * time.Minute) {
		fmt.Fprintf(&file, "%s,4,1\n", at.Format(time.RFC3339))
	}
	face.call("POST", "/api/v1/import?format=csv", file.String(), nil)
	eventually(t, 2*time.Minute, func() error {
		var got struct{ Amount []*float64 }
		if err := d.other().try("GET", fmt.Sprintf("/api/v1/settled/groups/hall?size=1d&from=%d&to=%d", midnight.UnixMilli(), last.UnixMilli()), nil, &got); err != nil {
			return err
		}
		if len(got.Amount) != 1 || got.Amount[0] == nil || *got.Amount[0] != 40_000 {
			return fmt.Errorf("the day has %v", got.Amount)
		}
		return nil
	})
	alerts := func(want, not string) {
		t.Helper()
		eventually(t, 4*time.Minute, func() error {
			var got struct {
				Alerts []struct{ Rule, Sentence string }
			}
			if err := d.other().try("GET", "/api/v1/alerts", nil, &got); err != nil {
				return err
			}
			said := fmt.Sprint(got.Alerts)
			if want != "" && !strings.Contains(said, want) || not != "" && strings.Contains(said, not) {
				return fmt.Errorf("alerts are %s; wanted %q, and not %q", said, want, not)
			}
			return nil
		})
	}
	face.call("PUT", "/api/v1/alerts/rules/day", `{"subject":{"group":"hall"},"condition":{"kind":"budget","period":"day","limit":39000}}`, nil)
	face.call("PUT", "/api/v1/alerts/rules/sensor", `{"subject":{"sensor":"press"},"condition":{"kind":"budget","period":"day","limit":33000}}`, nil)
	alerts("group hall has used 40 kWh, more than 39 kWh, settled until", "press")
	// Today it is as on the two days before, and four weeks are needed to say so.
	face.call("PUT", "/api/v1/alerts/rules/odd", `{"subject":{"group":"hall"},"condition":{"kind":"deviation"}}`, nil)
	face.call("PUT", "/api/v1/alerts/rules/day", `{"subject":{"group":"hall"},"condition":{"kind":"budget","period":"day","limit":41000}}`, nil)
	face.call("PUT", "/api/v1/alerts/rules/sensor", `{"subject":{"sensor":"press"},"condition":{"kind":"budget","period":"day","limit":31000}}`, nil)
	alerts("sensor press has used 32 kWh", "hall")
	// In money: eight hours of 5 kW at 30 cents, and a euro for the day.
	face.call("PUT", "/api/v1/tariffs/home", flat(fmt.Sprintf("Etc/GMT%+d", -offset)), nil)
	assign(t, face, fmt.Sprintf(`{"group":"hall","tariff":"home","from":%q}`, midnight.Format(time.DateOnly)))
	money := `{"subject":{"group":"hall"},"condition":{"kind":"budget","of":"cost","period":"day","limit":12.5}}`
	if kind == manyProcesses { // who tells of alerts has no prices
		if a, err := face.send("PUT", "/api/v1/alerts/rules/money", nil, money); err != nil || a.status != 422 || !strings.Contains(string(a.body), "budgets of money need costs") {
			t.Errorf("a budget of money is answered by %d %s, %v", a.status, a.body, err)
		}
		d.stop()
		return
	}
	face.call("PUT", "/api/v1/alerts/rules/money", money, nil)
	alerts("group hall has used 13 EUR, more than 12.5 EUR, settled until", "")
	face.call("PUT", "/api/v1/alerts/rules/money", strings.Replace(money, "12.5", "13.5", 1), nil)
	alerts("", "EUR")
	d.stop()
}
