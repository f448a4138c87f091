package e2e

import (
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestSettled imports days of readings, sends some late, corrects one, kills
// who settles, and compares the energies of days with what they must be.
func TestSettled(t *testing.T) { everywhere(t, testSettled) }

func testSettled(t *testing.T, kind string) {
	d := deploy(t, kind)
	defer d.says()
	face := d.face()
	face.call("PUT", "/api/v1/sites/kiel", `{"id":"kiel","zone":"Europe/Berlin"}`, nil)
	for _, id := range []string{"press", "oven"} {
		face.call("PUT", "/api/v1/sensors/"+id, fmt.Sprintf(`{"id":%q,"site":"kiel","quantity":"active_power","interval":"15m","maxAge":"15m"}`, id), nil)
	}
	face.call("PUT", "/api/v1/groups/hall", `{"id":"hall","members":[{"sensor":"press"},{"sensor":"oven","sign":-1}]}`, nil)
	face.call("PUT", "/api/v1/hierarchies/place", `{"id":"place","root":"hall","site":"kiel"}`, nil)

	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	y, m, day := time.Now().In(zone).AddDate(0, 0, -20).Date()
	begin := time.Date(y, m, day, 0, 0, 0, 0, zone)
	end := begin.AddDate(0, 0, 3)
	// The first quarter of an hour of the second day is missing of the press.
	gap := begin.AddDate(0, 0, 1)
	var file strings.Builder
	file.WriteString("time,press [kW],oven [kW]\n")
	for at := begin; at.Before(end); at = at.Add(15 * time.Minute) {
		press := "4"
		if at.Equal(gap) {
			press = ""
		}
		fmt.Fprintf(&file, "%s,%s,1\n", at.Format(time.RFC3339), press)
	}
	face.call("POST", "/api/v1/import?format=csv", file.String(), nil)

	days := func(what string, want ...float64) {
		t.Helper()
		q := url.Values{"size": {"1d"}, "from": {begin.Format("2006-01-02")}, "to": {end.Format("2006-01-02")}}
		eventually(t, 2*time.Minute, func() error {
			var got struct{ Amount []*float64 }
			if err := d.other().try("GET", "/api/v1/settled/groups/hall?"+q.Encode(), nil, &got); err != nil {
				return err
			}
			if len(got.Amount) != len(want) {
				return fmt.Errorf("%s: %d days", what, len(got.Amount))
			}
			for i, a := range got.Amount {
				if a == nil || *a != want[i] {
					return fmt.Errorf("%s: day %d has %v W·h, not %v", what, i, show(a), want[i])
				}
			}
			return nil
		})
	}
	hours := func(i int) float64 { return begin.AddDate(0, 0, i+1).Sub(begin.AddDate(0, 0, i)).Hours() }
	whole := []float64{3000 * hours(0), 3000 * hours(1), 3000 * hours(2)}
	days("imported", whole[0], whole[1]-1000, whole[2])

	// Whoever settles is killed when the missing reading has just come.
	face.call("POST", "/api/v1/ingest/json", fmt.Sprintf(`{"sensor":"press","time":%q,"value":4,"unit":"kW"}`, gap.Format(time.RFC3339)), nil)
	settles := d.called("history")[0]
	settles.process().kill()
	d.start()
	face = d.face()
	days("a late reading", whole...)

	var x struct{ ID string }
	face.call("POST", "/api/v1/sensors/oven/interventions", map[string]any{
		"kind": "replace", "from": begin, "to": begin.Add(time.Hour), "value": 3000, "why": "the clamp was loose",
	}, &x)
	days("a correction", whole[0]-2000, whole[1], whole[2])
	face.call("POST", "/api/v1/interventions/"+x.ID+"/undo", `{"why":"it was not"}`, nil)
	days("the correction undone", whole...)
	d.stop()
}

// TestSettlingIsKilled has months settled anew, kills that in the middle again
// and again, and finds every window as it must be.
func TestSettlingIsKilled(t *testing.T) {
	const sensors, days = 60, 60
	random := chance(t)
	p := start(t, t.TempDir())
	p.call("PUT", "/api/v1/sites/kiel", `{"id":"kiel","zone":"Europe/Berlin"}`, nil)
	members := make([]map[string]any, sensors)
	var head, row strings.Builder
	head.WriteString("time")
	watts := 0
	for i := range sensors {
		id := fmt.Sprintf("m%02d", i)
		p.call("PUT", "/api/v1/sensors/"+id, fmt.Sprintf(`{"id":%q,"site":"kiel","quantity":"active_power","interval":"15m","maxAge":"15m"}`, id), nil)
		members[i] = map[string]any{"sensor": id}
		fmt.Fprintf(&head, ",%s [W]", id)
		fmt.Fprintf(&row, ",%d", 100+4*i)
		watts += 100 + 4*i
	}
	p.call("PUT", "/api/v1/groups/hall", map[string]any{"id": "hall", "members": members}, nil)
	p.call("PUT", "/api/v1/hierarchies/place", `{"id":"place","root":"hall","site":"kiel"}`, nil)
	end := time.Now().UTC().Truncate(24*time.Hour).AddDate(0, 0, -3)
	begin := end.AddDate(0, 0, -days)
	var file strings.Builder
	file.WriteString(head.String() + "\n")
	for at := begin; at.Before(end); at = at.Add(15 * time.Minute) {
		file.WriteString(at.Format(time.RFC3339) + row.String() + "\n")
	}
	p.call("POST", "/api/v1/import?format=csv", file.String(), nil)
	p.stop()
	if err := os.Remove(filepath.Join(p.dir, "settled.db")); err != nil {
		t.Fatal(err)
	}
	for range 5 {
		p = start(t, p.dir)
		wait(t, time.Duration(random.Int64N(int64(1500*time.Millisecond))))
		p.kill()
	}
	p = start(t, p.dir)
	check := func(path, size string, watts int) error {
		for from := begin; from.Before(end); from = from.AddDate(0, 0, 20) {
			q := url.Values{"size": {size}, "from": {from.Format(time.RFC3339)}, "to": {from.AddDate(0, 0, 20).Format(time.RFC3339)}}
			var got struct {
				Start, End []int64
				Amount     []*float64
			}
			if err := p.try("GET", path+"?"+q.Encode(), nil, &got); err != nil {
				return err
			}
			for i, a := range got.Amount {
				// Of the days at the ends, only a part was measured.
				ms := min(got.End[i], end.UnixMilli()) - max(got.Start[i], begin.UnixMilli())
				if want := float64(watts) * float64(ms) / 3_600_000; a == nil || *a != want {
					return fmt.Errorf("%s from %s: window %d of %d has %v W·h, not %v", path, from.Format(time.DateOnly), i, len(got.Amount), show(a), want)
				}
			}
		}
		return nil
	}
	eventually(t, 3*time.Minute, func() error {
		var s struct{ Since, Oldest time.Time }
		if err := p.try("GET", "/api/v1/settled/status", nil, &s); err != nil {
			return err
		}
		if s.Since.After(s.Oldest) {
			return fmt.Errorf("settled since %v, the oldest reading is of %v", s.Since, s.Oldest)
		}
		return nil
	})
	for _, size := range []string{"15m", "1d"} {
		if err := check("/api/v1/settled/groups/hall", size, watts); err != nil {
			t.Error(err)
		}
		for _, i := range []int{0, random.IntN(sensors), sensors - 1} {
			if err := check(fmt.Sprintf("/api/v1/settled/sensors/m%02d", i), size, 100+4*i); err != nil {
				t.Error(err)
			}
		}
	}
	p.stop()
}
