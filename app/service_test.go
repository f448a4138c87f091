package app

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/wattwerk/wattwerk/internal/datadir"
	"github.com/wattwerk/wattwerk/internal/replay"
	"github.com/wattwerk/wattwerk/microservice/plan"
	"github.com/wattwerk/wattwerk/service/bills"
	"github.com/wattwerk/wattwerk/service/execution"
)

// TestScenarioD9Mechanics carries S1 to S6 out over HTTP in a whole process, on ten weeks of
// the five measured homes (internal/replay) moved to now; occupancy, charging and weather are
// made up. The counter of one home is dead for the last two days. (How fast they are under
// load, bench services measures.)
func TestScenarioD9Mechanics(t *testing.T) {
	c := DefaultConfig()
	c.Data, c.Addr, c.Bus.MQTT, c.Bus.Partitions = t.TempDir(), "127.0.0.1:0", "off", 1
	in := runProcess(t, c)
	ask(t, in, "PUT", "/api/v1/sites/kiel", `{"id":"kiel"}`, nil)
	type made struct{ id, quantity, unit, class string }
	sensors := []made{
		{"load", "active_power", "W", ""}, {"fridge", "active_power", "W", ""}, {"pv", "active_power", "W", ""}, {"charger", "active_power", "W", ""},
		{"home1", "energy", "Wh", ""}, {"home2", "energy", "Wh", ""}, {"roof1", "energy", "Wh", "brick:Energy_Generation_Sensor"},
		{"people", "ratio", "", "brick:Occupancy_Sensor"}, {"outside", "temperature", "°C", "brick:Outside_Air_Temperature_Sensor"},
	}
	for _, s := range sensors {
		kind := "gauge"
		if s.quantity == "energy" {
			kind = "counter"
		}
		ask(t, in, "PUT", "/api/v1/sensors/"+s.id, fmt.Sprintf(`{"id":%q,"site":"kiel","quantity":%q,"kind":%q,"interval":"1h","maxAge":"2h"}`, s.id, s.quantity, kind), nil)
	}
	ask(t, in, "PUT", "/api/v1/groups/roof", `{"id":"roof","members":[{"sensor":"pv"}]}`, nil)
	ask(t, in, "PUT", "/api/v1/groups/garage", `{"id":"garage","members":[{"sensor":"charger"}]}`, nil)
	ask(t, in, "PUT", "/api/v1/hierarchies/roofs", `{"id":"roofs","site":"kiel","root":"roof"}`, nil)
	ask(t, in, "PUT", "/api/v1/hierarchies/garages", `{"id":"garages","site":"kiel","root":"garage"}`, nil)
	ask(t, in, "PUT", "/api/v1/tariffs/home", `{"currency":"EUR","versions":[{"from":"2020-01-01","components":[{"id":"energy","kind":"energy","price":"0.30"},{"id":"back","kind":"feed_in","price":"0.08"}]}]}`, nil)
	ask(t, in, "PUT", "/api/v1/tariffs/inside", `{"currency":"EUR","versions":[{"from":"2020-01-01","components":[{"id":"energy","kind":"energy","price":"0.15"},{"id":"back","kind":"feed_in","price":"0.12"}]}]}`, nil)

	const days = 70
	end := time.Now().UTC().Truncate(time.Hour)
	begin := end.Add(-days * 24 * time.Hour)
	homes := replay.Homes()
	var file strings.Builder
	file.WriteString("time")
	for _, s := range sensors {
		file.WriteString("," + s.id)
		if s.unit != "" {
			file.WriteString(" [" + s.unit + "]")
		}
	}
	file.WriteString("\n")
	var count [3]int64
	row := func(i int) []string {
		at := begin.Add(time.Duration(i) * time.Hour)
		h := at.Hour()
		count[0] += homes[0].Load.Values[i]
		count[1] += homes[1].Load.Values[i]
		count[2] += homes[0].PV.Values[i]
		there, charging := 0, 0
		if wd := at.Weekday(); h >= 8 && h < 18 && wd != time.Saturday && wd != time.Sunday {
			there = 1
		}
		if h >= 20 && h < 22 && at.Day()%2 == 0 {
			charging = 7000
		}
		second := fmt.Sprint(count[1])
		if i > (days-2)*24 {
			second = "" // dead
		}
		return []string{
			fmt.Sprint(homes[2].Load.Values[i]), fmt.Sprint(60 + 40*(i%2)), fmt.Sprint(homes[2].PV.Values[i]), fmt.Sprint(charging),
			fmt.Sprint(count[0]), second, fmt.Sprint(count[2]), fmt.Sprint(there), fmt.Sprint(8 + at.YearDay()%9),
		}
	}
	for i := range days * 24 {
		file.WriteString(begin.Add(time.Duration(i)*time.Hour).Format(time.RFC3339) + "," + strings.Join(row(i), ",") + "\n")
	}
	again := time.NewTicker(200 * time.Millisecond)
	defer again.Stop()
	deadline := time.After(3 * time.Minute)
	wait := func(what string, done func() bool) {
		t.Helper()
		for !done() {
			select {
			case <-deadline:
				t.Fatalf("waited in vain until %s", what)
			case <-again.C:
			}
		}
	}
	wait("the objects are known", func() bool {
		return tryAsk(t, in, "GET", "/api/v1/objects/group/garage", "", nil).StatusCode == http.StatusOK
	})
	for _, s := range sensors {
		if s.class != "" {
			ask(t, in, "PUT", "/api/v1/objects/sensor/"+s.id+"/enrichment", fmt.Sprintf(`{"class":%q}`, s.class), nil)
		}
	}
	ask(t, in, "PUT", "/api/v1/objects/group/roof/enrichment", `{"class":"brick:PV_Array"}`, nil)
	ask(t, in, "PUT", "/api/v1/objects/group/garage/enrichment", `{"class":"brick:Electric_Vehicle_Charging_Station"}`, nil)
	ask(t, in, "POST", "/api/v1/import?format=csv", file.String(), nil)
	// What is imported is the past; that they live, they say themselves.
	now := time.Now().UTC().Format(time.RFC3339)
	var live []string
	for i, v := range row(days * 24) {
		if v != "" {
			live = append(live, fmt.Sprintf(`{"sensor":%q,"time":%q,"value":%s}`, sensors[i].id, now, v))
		}
	}
	ask(t, in, "POST", "/api/v1/ingest/json", "["+strings.Join(live, ",")+"]", nil)
	wait("windows are settled", func() bool {
		var x execution.ServiceResult
		return tryAsk(t, in, "POST", "/api/v1/services/S6/execute", `{"subject":"space/kiel","parameters":{"energy":"sensor/home1","temperature":"sensor/outside","maxCvrmse":9,"maxNmbe":9}}`, &x).StatusCode == http.StatusOK &&
			x.Rests[0].Quality.Measured > 60*96 && x.Rests[1].Quality.Measured > 60*96
	})

	month := end.Truncate(24*time.Hour).AddDate(0, 0, -30)
	span := fmt.Sprintf(`"from":%q,"to":%q`, month.Format(time.RFC3339), end.Truncate(24*time.Hour).Format(time.RFC3339))
	sharing := `{"key":"dynamic","grid":{"tariff":"home"},"inside":{"tariff":"inside"},"members":[{"id":"first","load":"sensor/home1","generation":["sensor/roof1"]},{"id":"second","load":"sensor/home2"}]}`
	for sid, body := range map[string]string{
		"S1": `{"subject":"space/kiel","parameters":{"load":"sensor/load"}}`,
		"S2": `{"subject":"space/kiel","parameters":{"power":"sensor/fridge"}}`,
		"S3": `{"subject":"space/kiel",` + span + `,"parameters":{"price":{"tariff":"home"},"chargers":[{"id":"garage","power":"sensor/charger","hold":3600000,"maxAge":3600000}]}}`,
		"S5": `{"subject":"space/kiel","parameters":{"loads":[{"id":"sensor/load","kind":"other"}]}}`,
		"S6": `{"subject":"space/kiel","parameters":{"energy":"sensor/home1","temperature":"sensor/outside","maxCvrmse":9,"maxNmbe":9}}`,
	} {
		var x execution.ServiceResult
		ask(t, in, "POST", "/api/v1/services/"+sid+"/execute", body, &x)
		if x.SID != sid || x.Result == nil || len(x.Rests) == 0 {
			t.Errorf("%s: %+v", sid, x)
		}
		t.Logf("%s took %.1f ms: %s, %d series", sid, x.Took, x.Exec, len(x.Rests))
		if sessions, _ := x.Result.(map[string]any)["sessions"].([]any); sid == "S3" && len(sessions) < 10 {
			t.Errorf("there are %d sessions: %+v", len(sessions), x.Rests)
		}
	}

	// S4 needs two counters of what members take, and one is dead: whoever asks learns
	// which, and the work waits.
	fourth := `{"subject":"space/kiel",` + span + `,"parameters":` + sharing + `}`
	var no execution.Unavailable
	if s := problemOf(t, in, "/api/v1/services/S4/execute", fourth, &no); s != http.StatusServiceUnavailable || no.Reason != plan.Restriction || !no.Queued ||
		!slices.ContainsFunc(no.Missing, func(m plan.Missing) bool { return m.VO == "sensor/home2" && m.Cause == plan.ObjectFailed }) {
		t.Errorf("%d: %+v", s, no)
	}
	// It is back (scenario R3): the work is done, once.
	ask(t, in, "POST", "/api/v1/ingest/json", fmt.Sprintf(`{"sensor":"home2","value":%d}`, count[1]), nil)
	wait("the work that waited is done", func() bool {
		return tryAsk(t, in, "GET", "/api/v1/services/S4/result?subject=space/kiel&from="+month.Format(time.RFC3339), "", nil).StatusCode == http.StatusOK
	})
	var x execution.ServiceResult
	ask(t, in, "POST", "/api/v1/services/S4/execute", fourth, &x)
	t.Logf("S4 took %.1f ms: %s, %d series", x.Took, x.Exec, len(x.Rests))
	if q := x.Rests[len(x.Rests)-1].Quality; q.Missing+q.Estimated+q.Substituted == 0 {
		t.Errorf("nothing is missing of the counter that was dead: %+v", x.Rests)
	}
	var b bills.StoredBill
	ask(t, in, "POST", "/api/v1/bills", `{"service":"S4","subject":"space/kiel",`+span+`,"parameters":`+sharing+`}`, &b)
	if b.Revision != 1 || len(b.Result) == 0 {
		t.Errorf("%+v", b.BillItem)
	}
	code, out, errs := wattwerk(t, "service", "bills", "--data", c.Data)
	if code != ExitOK || !strings.Contains(out, b.ID) {
		t.Errorf("exit code %d: %s%s", code, out, errs)
	}
	code, out, errs = wattwerk(t, "service", "list", "--data", c.Data, "--subject", "space/kiel")
	if code != ExitOK || !strings.Contains(out, "Energy sharing billing") {
		t.Errorf("exit code %d: %s%s", code, out, errs)
	}
	code, out, errs = wattwerk(t, "service", "execute", "S2", "--data", c.Data, "--subject", "sensor/fridge")
	if code == ExitOK && !json.Valid([]byte(out)) {
		t.Errorf("exit code %d: %s%s", code, out, errs)
	}
	// TestScenarioD3 with the gateway: without a token nobody is answered.
	resp, err := http.Post(in.URL+"/api/v1/services/S1/discover", "application/json", strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusUnauthorized {
		t.Errorf("without a token: %d", resp.StatusCode)
	}
	if s := tryAsk(t, in, "POST", "/api/v1/services/nothing/discover", "{}", nil).StatusCode; s != http.StatusNotFound {
		t.Errorf("an unknown service: %d", s)
	}
}

// problemOf sends a request that is to fail, and reads the problem.
func problemOf(t *testing.T, in datadir.Instance, path, body string, out any) int {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, in.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+in.Secret)
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(resp.Body).Decode(out); err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode
}
