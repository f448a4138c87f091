package e2e

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// titanDemo is the plant of Titan's own demonstration.
const titanDemo = `{"identifier":"root","name":"My Company","children":[` +
	`{"identifier":"comcenter","name":"Comcenter","children":[{"identifier":"server1","name":"Server 1"},{"identifier":"server2","name":"Server 2"},{"identifier":"server3","name":"Server 3"}]},` +
	`{"identifier":"printers","name":"Printers","children":[{"identifier":"printer1","name":"Printer 1"},{"identifier":"printer2","name":"Printer 2"}]},` +
	`{"identifier":"cooling","name":"Cooling","children":[{"identifier":"fan1","name":"Fan 1"},{"identifier":"ac","name":"Air Conditioning","children":[{"identifier":"ac1","name":"AC 1"},{"identifier":"ac2","name":"AC 2"}]}]}]}`

var titanSensors = []string{"server1", "server2", "server3", "printer1", "printer2", "fan1", "ac1", "ac2"}

// titanChildren are those of the groups that are looked at, as the page asks for them.
var titanChildren = map[string][]string{
	"root": {"aggregated/comcenter", "aggregated/printers", "aggregated/cooling"},
	"ac":   {"raw/ac1", "raw/ac2"},
}

// TestTitan has everything that is on the page of the Titan Control Center
// filled.
func TestTitan(t *testing.T) { everywhere(t, testTitan) }

func testTitan(t *testing.T, kind string) {
	d := deploy(t, kind, "WATTWERK_GATEWAY_TITAN_API=true", "WATTWERK_GATEWAY_TITAN_ANONYMOUS_READ=loopback")
	defer d.says()
	face := d.face()
	page := http.Header{"Authorization": {"Bearer {token}"}} // as the page sends it
	form := http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}

	// The hierarchy is made by Titan's interface. What it cannot say follows.
	if a, err := face.send("POST", "/api/sensor-hierarchy", form, titanDemo); err != nil || a.status != http.StatusNoContent {
		t.Fatalf("%d %s %v", a.status, a.body, err)
	}
	if a, err := face.send("POST", "/api/sensor-hierarchy", page, titanDemo); err != nil || a.status != http.StatusUnauthorized {
		t.Errorf("anybody makes hierarchies: %d %s %v", a.status, a.body, err)
	}
	for _, id := range titanSensors {
		face.call("PUT", "/api/v1/sensors/"+id, fmt.Sprintf(`{"id":%q,"name":%q,"quantity":"active_power","interval":"15m","maxAge":"15m"}`, id, strings.ToUpper(id)), nil)
	}

	// Six weeks of quarters of an hour, with what varies by hour and weekday.
	now := time.Now().UTC().Truncate(15 * time.Minute)
	var file strings.Builder
	file.WriteString("time")
	for _, id := range titanSensors {
		file.WriteString("," + id + " [W]")
	}
	file.WriteByte('\n')
	for at := now.AddDate(0, 0, -42); at.Before(now); at = at.Add(15 * time.Minute) {
		file.WriteString(at.Format(time.RFC3339))
		for i := range titanSensors {
			fmt.Fprintf(&file, ",%d", 100*(i+1)+10*at.Hour()+int(at.Weekday())+at.Minute()/15)
		}
		file.WriteByte('\n')
	}
	face.call("POST", "/api/v1/import?format=csv", file.String(), nil)

	// Sums of groups are there from now on.
	eventually(t, 2*time.Minute, func() error {
		var batch []map[string]any
		for i, id := range append(titanSensors, "forklift") {
			batch = append(batch, map[string]any{"sensor": id, "value": 1 + i, "unit": "W"})
		}
		batch = append(batch, map[string]any{"sensor": "mains", "value": 230, "unit": "V"})
		if err := face.try("POST", "/api/v1/ingest/json", batch, nil); err != nil {
			return err
		}
		var latest []struct {
			Count  int
			SumInW float64
		}
		if err := face.try("GET", "/api/active-power/aggregated/root/latest", nil, &latest); err != nil {
			return err
		}
		if len(latest) != 1 || latest[0].Count != 8 {
			return fmt.Errorf("the company draws %v", latest)
		}
		return nil
	})

	for _, r := range pageRequests(t, d.other(), page) {
		eventually(t, 3*time.Minute, func() error { // until all is settled
			a, err := d.other().send("GET", r.path, page, nil)
			if err != nil {
				return err
			}
			if a.status != http.StatusOK || a.header.Get("Content-Type") != "application/json" {
				return fmt.Errorf("%s %s: %d %s", r.view, r.path, a.status, a.body)
			}
			if err := r.fits(a.body); err != nil {
				return fmt.Errorf("%s %s: %w in %.300s", r.view, r.path, err, a.body)
			}
			return nil
		})
	}

	// The page moves the fan to the servers, adds the sensor that nobody has
	// placed, and saves. Then it is so, and in the revisions.
	// A voltage is nothing that it could place.
	eventually(t, time.Minute, func() error {
		var unused []string
		err := face.try("GET", "/api/active-power/raw", nil, &unused)
		if err == nil && (!slices.Contains(unused, "forklift") || slices.Contains(unused, "mains")) {
			err = fmt.Errorf("what can be placed is %v", unused)
		}
		return err
	})
	moved := strings.Replace(titanDemo, `{"identifier":"fan1","name":"Fan 1"},`, "", 1)
	moved = strings.Replace(moved, `{"identifier":"server3"`, `{"identifier":"fan1","name":"Fan"},{"identifier":"forklift","name":""},{"identifier":"server3"`, 1)
	for _, h := range []http.Header{page, {"Authorization": {"Bearer wwt_nobody"}}} {
		if a, err := face.send("PUT", "/api/sensor-hierarchy/root", h, moved); err != nil || a.status != http.StatusUnauthorized {
			t.Errorf("%v saves: %d %s %v", h, a.status, a.body, err)
		}
	}
	if a, err := d.other().send("PUT", "/api/sensor-hierarchy/root", form, moved); err != nil || a.status != http.StatusOK || len(a.body) > 0 {
		t.Fatalf("%d %s %v", a.status, a.body, err)
	}
	eventually(t, time.Minute, func() error {
		var tree struct {
			Children []struct {
				Children []struct{ Identifier, Name string }
			}
		}
		if err := face.try("GET", "/api/sensor-hierarchy/root", nil, &tree); err != nil {
			return err
		}
		if got := fmt.Sprint(tree.Children[0].Children); got != "[{server1 Server 1} {server2 Server 2} {fan1 Fan} {forklift forklift} {server3 Server 3}]" {
			return fmt.Errorf("the servers are %s", got)
		}
		return nil
	})
	var revisions struct{ Items []struct{ Who, Note string } }
	face.call("GET", "/api/v1/revisions", nil, &revisions)
	if len(revisions.Items) == 0 || revisions.Items[0].Note != "hierarchy root changed by the interface of Titan" || revisions.Items[0].Who == "unknown" {
		t.Errorf("revisions %+v", revisions.Items)
	}
	twice := strings.Replace(moved, `{"identifier":"ac1"`, `{"identifier":"fan1","name":"Fan"},{"identifier":"ac1"`, 1)
	if a, err := face.send("PUT", "/api/sensor-hierarchy/root", form, twice); err != nil || a.status != http.StatusConflict || string(a.body) != `{"collisions":["fan1"]}` {
		t.Errorf("%d %s %v", a.status, a.body, err)
	}
}

// pageRequest is one that the page of Titan makes.
type pageRequest struct{ view, path, shape string }

// pageRequests reads those in testdata, for the company, a group within a group
// and a sensor.
func pageRequests(t *testing.T, p *process, page http.Header) []pageRequest {
	t.Helper()
	data, err := os.ReadFile("testdata/titan-page.txt")
	if err != nil {
		t.Fatal(err)
	}
	var intervals []struct{ IntervalStart, IntervalEnd time.Time }
	a, err := p.send("GET", "/api/stats/interval/hour-of-day", page, nil)
	if err == nil {
		err = json.Unmarshal(a.body, &intervals)
	}
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	for len(intervals) > 0 && intervals[0].IntervalEnd.Before(now) {
		intervals = intervals[1:]
	}
	if len(intervals) == 0 {
		t.Fatalf("all intervals have ended: %s", a.body)
	}
	ms := func(back time.Duration) string { return strconv.FormatInt(now.Add(-back).UnixMilli(), 10) }
	line := regexp.MustCompile(`^(\S.*?)  +GET (.*?)  +(\S.*)$`)
	var out []pageRequest
	for text := range strings.SplitSeq(string(data), "\n") {
		if text == "" || text[0] == '#' {
			continue
		}
		m := line.FindStringSubmatch(text)
		if m == nil {
			t.Fatalf("not a line: %s", text)
		}
		for _, group := range []string{"root", "ac"} {
			for _, child := range titanChildren[group] {
				kind, name, _ := strings.Cut(child, "/")
				shape := m[3]
				if shape == "latest" {
					shape = map[string]string{"raw": "[identifier timestamp valueInW]", "aggregated": "[identifier timestamp count sumInW averageInW]"}[kind]
				}
				path := strings.NewReplacer(
					"{group}", group, "{sensor}", "ac1", "{child}", "active-power/"+child, "{name of child}", name,
					"{now}", ms(0), "{hour}", ms(time.Hour), "{day}", ms(24*time.Hour), "{week}", ms(7*24*time.Hour), "{plot}", ms(10*time.Hour),
					"{start}", intervals[0].IntervalStart.Format(time.RFC3339), "{end}", intervals[0].IntervalEnd.Format(time.RFC3339),
				).Replace(m[2])
				out = append(out, pageRequest{m[1], "/api/" + path, shape})
				if !strings.Contains(m[2], "child") {
					break
				}
			}
			if !strings.Contains(m[2], "{group}") && !strings.Contains(m[2], "child") {
				break
			}
		}
	}
	return out
}

// fits tells whether an answer is as the page reads it, and not empty.
func (r pageRequest) fits(body []byte) error {
	switch r.shape {
	case "number":
		v, err := strconv.ParseFloat(string(body), 64)
		if err == nil && v <= 0 {
			err = errors.New("there is nothing to compare")
		}
		return err
	case "texts":
		var all []string
		if err := json.Unmarshal(body, &all); err != nil || len(all) > 1 {
			return err
		}
		return errors.New("too few")
	case "tree":
		var tree struct {
			Identifier, Name string
			Children         []json.RawMessage
		}
		if err := json.Unmarshal(body, &tree); err != nil || tree.Identifier != "" && tree.Name != "" && len(tree.Children) > 0 {
			return err
		}
		return errors.New("no tree")
	}
	var all []json.RawMessage
	if err := json.Unmarshal(body, &all); err != nil {
		return err
	}
	if len(all) == 0 {
		return errors.New("nothing is there")
	}
	for _, x := range all {
		names, err := fieldNames(x)
		if err != nil {
			return err
		}
		if got := "[" + strings.Join(names, " ") + "]"; got != r.shape {
			return fmt.Errorf("fields are %s, not %s,", got, r.shape)
		}
	}
	return nil
}

// fieldNames are those of a flat object, in order; null is no value.
func fieldNames(object []byte) (names []string, err error) {
	d := json.NewDecoder(bytes.NewReader(object))
	for i := 0; ; i++ {
		x, err := d.Token()
		switch {
		case errors.Is(err, io.EOF):
			return names, nil
		case err != nil:
			return nil, err
		case x == nil:
			return nil, errors.New("null")
		}
		if name, ok := x.(string); ok && i%2 == 1 {
			names = append(names, name)
		}
	}
}
