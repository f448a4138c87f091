package e2e

import (
	"bytes"
	"compress/gzip"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math"
	"math/big"
	"net/url"
	"os"
	"testing"
	"time"
)

// TestImports brings years of real files as strangers do, kills who stores
// them, and holds what is settled against what the files add up to.
func TestImports(t *testing.T) { everywhere(t, testImports) }

// imported is what is asked about an import.
type imported struct {
	ID, State, Error string
	Guess            struct {
		Plan map[string]any
	}
	plan   map[string]any
	Report struct {
		Refused uint64
		Sensors []struct{ New, Same, Conflicts uint64 }
	}
}

func testImports(t *testing.T, kind string) {
	d := deploy(t, kind)
	defer d.says()
	face := d.face()
	for id, zone := range map[string]string{"works": "Asia/Seoul", "home": "Australia/Sydney", "house": "Europe/Paris"} {
		face.call("PUT", "/api/v1/sites/"+id, fmt.Sprintf(`{"id":%q,"zone":%q}`, id, zone), nil)
	}
	face.call("PUT", "/api/v1/sensors/power", `{"id":"power","site":"house","quantity":"active_power","interval":"1m","maxAge":"1m"}`, nil)
	amount := func(column, sensor, unit, interval string) map[string]any {
		return map[string]any{"column": column, "sensor": sensor, "unit": unit, "as": "amount", "interval": interval, "create": map[string]any{}}
	}
	var steel, home, house imported
	upload := func(x *imported, path string, change map[string]any) {
		face.call("POST", "/api/v1/imports?name="+url.QueryEscape(path), string(unzipped(t, path)), x)
		x.plan = maps.Clone(x.Guess.Plan)
		maps.Copy(x.plan, change)
	}
	upload(&steel, "../demo/data/steel_15min.csv.gz", map[string]any{"site": "works", "columns": []any{amount("Usage_kWh", "steel", "kWh", "15m")}})
	// The clock of this file does not change.
	upload(&home, "../internal/replay/data/ausgrid12_30min.csv.gz", map[string]any{
		"site": "home", "zone": "Etc/GMT-10", "columns": []any{amount("consumed_wh", "consumption", "Wh", "30m"), amount("generated_wh", "generation", "Wh", "30m")},
	})
	upload(&house, "../demo/data/household_1min.csv.gz", map[string]any{
		"site": "house", "columns": []any{map[string]any{"column": "Global_active_power", "sensor": "power", "unit": "kW", "as": "gauge"}},
	})
	run := func(x *imported, trial bool) {
		face.call("POST", "/api/v1/imports/"+x.ID+"/run", map[string]any{"plan": x.plan, "trial": trial}, nil)
	}
	wait := func(x *imported, state string) {
		t.Helper()
		eventually(t, 2*time.Minute, func() error {
			if err := d.other().try("GET", "/api/v1/imports/"+x.ID, nil, x); err != nil {
				return err
			}
			if x.State == "failed" {
				t.Fatal(x.Error)
			}
			if x.State != state || len(x.Report.Sensors) == 0 {
				return fmt.Errorf("the import is %s", x.State)
			}
			return nil
		})
	}
	run(&steel, true)
	wait(&steel, "uploaded")
	if r := steel.Report; r.Refused != 0 || r.Sensors[0].New != 35_040 {
		t.Errorf("trial: %+v", r)
	}
	for _, x := range []*imported{&home, &house, &steel} {
		run(x, false)
	}
	d.called("history")[0].process().kill()
	d.start()
	face = d.face()
	for _, x := range []*imported{&steel, &home, &house} {
		wait(x, "stored")
	}
	face.call("PUT", "/api/v1/groups/net", `{"id":"net","members":[{"sensor":"consumption"},{"sensor":"generation","sign":-1}]}`, nil)
	face.call("PUT", "/api/v1/hierarchies/home", `{"id":"home","root":"net","site":"home"}`, nil)

	settles := func(path, size, from, to string, want ...string) {
		t.Helper()
		q := url.Values{"size": {size}, "from": {from}, "to": {to}}
		eventually(t, 5*time.Minute, func() error {
			var got struct{ Amount []*json.Number }
			if err := d.other().try("GET", "/api/v1/settled/"+path+"?"+q.Encode(), nil, &got); err != nil {
				return err
			}
			var sums [2]big.Rat // what goes in, and out
			for _, a := range got.Amount {
				if a == nil {
					continue
				}
				v, ok := new(big.Rat).SetString(a.String())
				if !ok {
					return fmt.Errorf("%s is no number", a)
				}
				if v.Sign() < 0 {
					sums[1].Sub(&sums[1], v)
				} else {
					sums[0].Add(&sums[0], v)
				}
			}
			for i, w := range want {
				if sums[i].FloatString(6) != w {
					return fmt.Errorf("%s: %s W·h, not %s", path, sums[i].FloatString(6), w)
				}
			}
			return nil
		})
	}
	// In this file each day ends with a row that is stamped with its begin.
	settles("sensors/steel", "1d", "2017-12-31", "2019-01-01", "959636710.000000")
	settles("sensors/consumption", "1M", "2011-06-30", "2012-07-02", "11876738.000000")
	settles("groups/net", "30m", "2011-07-01T00:00:00+10:00", "2012-07-01T00:00:00+10:00", "9467438.000000", "183508.000000")
	// Minutes of whole watts, each rounded to a millionth of a W·h in its quarter.
	eventually(t, 5*time.Minute, func() error {
		var month struct{ Amount []*float64 }
		if err := d.other().try("GET", "/api/v1/settled/sensors/power?size=1M&from=2006-12-01&to=2007-01-01", nil, &month); err != nil {
			return err
		}
		if a := month.Amount; len(a) != 1 || a[0] == nil || math.Abs(*a[0]-593_791.8) > .001 {
			return fmt.Errorf("the house settled to %v", show(a[0]))
		}
		return nil
	})

	// As a file, with all that is below a group.
	a, err := d.other().send("GET", "/api/v1/settled/groups/net/export?size=1d&from=2011-07-01&to=2012-07-01", nil, nil)
	if err != nil || a.status != 200 {
		t.Fatalf("export: %d, %v", a.status, err)
	}
	lines, err := csv.NewReader(bytes.NewReader(a.body)).ReadAll()
	if err != nil || len(lines) != 1+3*366 {
		t.Fatalf("export: %d lines, %v", len(lines), err)
	}
	var sum big.Rat
	for _, l := range lines[1:] {
		if v, ok := new(big.Rat).SetString(l[7]); ok && l[2] == "generation" {
			sum.Add(&sum, v)
		}
	}
	if got := sum.FloatString(6); got != "2592808.000000" {
		t.Errorf("the export adds up to %s W·h", got)
	}

	// Taken back, nothing is left; done again, all of it.
	face.call("POST", "/api/v1/imports/"+steel.ID+"/undo", `{"why":"it is the wrong works"}`, nil)
	settles("sensors/steel", "1d", "2017-12-31", "2019-01-01", "0.000000")
	face.call("POST", "/api/v1/imports/"+steel.ID+"/redo", `{"why":"it is not"}`, nil)
	settles("sensors/steel", "1d", "2017-12-31", "2019-01-01", "959636710.000000")
	d.stop()
}

func unzipped(t *testing.T, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	z, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	out, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return out
}
