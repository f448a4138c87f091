package e2e

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"

	"github.com/wattwerk/wattwerk/internal/mqtttest"
	"github.com/wattwerk/wattwerk/internal/natstest"
)

// TestInfrastructureBoxes is section 4.2 of the paper of the distributed data
// analytics engine, with the files of the tutorial: boxes publish their power and
// energy by MQTT, averages of an hour are made of each and of all of them, and an
// alarm of too much. While that goes on every process is killed in the middle of
// an hour. The numbers are those that can be computed by hand.
func TestInfrastructureBoxes(t *testing.T) { everywhere(t, testInfrastructureBoxes) }

func testInfrastructureBoxes(t *testing.T, kind string) {
	random := chance(t)
	broker := mqtttest.StartBroker(t, mqtttest.BrokerOptions{})
	_, port, err := net.SplitHostPort(broker.Addr)
	if err != nil {
		t.Fatal(err)
	}
	d := deploy(t, kind, "WATTWERK_PIPELINE_PRIVATE=true", "WATTWERK_PIPELINE_EVERY=200ms")
	defer d.says()
	apply(t, d.face(), "../docs/tutorials/infrastructure-boxes.yaml", "default: 1883", "default: "+port)
	for _, m := range []string{"PhoenixIB", "GriffinIB", "All boxes"} {
		begin(t, d.face(), m)
	}
	connected(t, d.face(), 3)

	const (
		start = int64(1_543_392_000_000) // 2018-11-28T08:00:00Z
		step  = int64(30_000)
		hour  = int64(3_600_000)
		hours = 5
	)
	boxes := mqtttest.Dial(t, broker.Addr)
	power := func(box string, at int64) float64 {
		n := float64((at-start)/step*37%200) * 5 // multiples of 5: their sums are exact
		if box == "PhoenixIB" {
			return 8500 + n
		}
		return 2000 + 2*n
	}
	say := func(topic string, at int64, value float64) {
		boxes.MustPublish(1, topic, fmt.Sprintf(`{"time":%d,"value":%v}`, at, value))
	}
	sum := make(map[string]float64) // by box and hour
	alarms := make(map[int64]float64)
	over := false
	for at := start; at < start+hours*hour+2*step; at += step {
		for _, box := range []string{"PhoenixIB", "GriffinIB"} {
			v := power(box, at)
			say(box+"/TotalRealPower", at, v)
			sum[fmt.Sprint(box, (at-start)/hour)] += v
			if box == "PhoenixIB" {
				if v > 9000 && !over {
					over, alarms[at] = true, 1
				} else if v <= 8500 && over {
					over, alarms[at] = false, 0
				}
			}
		}
		say("PhoenixIB/TotalRealEnergy", at, float64(at-start)/1000) // 3.6 kWh an hour
		if (at-start)%hour == hour/2 {                               // in the middle of each hour
			victim := d.any(random)
			victim.process().kill()
			pause(t, random, 300*time.Millisecond)
			victim.start(t)
			if random.IntN(2) == 0 {
				d.ready()
			}
		}
	}
	d.ready()

	readings := func(sensor string) (map[int64]float64, error) {
		var got struct {
			T     []int64    `json:"t"`
			Value []*float64 `json:"value"`
		}
		err := d.face().try("GET", fmt.Sprintf("/api/v1/sensors/%s/range?raw=true&from=%d&to=%d", strings.ReplaceAll(sensor, " ", "%20"), start, start+hours*hour+2*step), nil, &got)
		out := make(map[int64]float64)
		for i, at := range got.T {
			if got.Value[i] != nil {
				out[at] = *got.Value[i]
			}
		}
		return out, err
	}
	want := make(map[int64]float64)
	energy := make(map[int64]float64)
	for h := range int64(hours) {
		phoenix, griffin := sum[fmt.Sprint("PhoenixIB", h)]/float64(hour/step), sum[fmt.Sprint("GriffinIB", h)]/float64(hour/step)
		want[start+h*hour] = (phoenix + griffin) / 2
		energy[start+h*hour] = 3600
	}
	// The last hour of all boxes ends when the next one has come, which it has not.
	eventually(t, 2*time.Minute, func() error {
		got, err := readings("All boxes hourly power")
		if err != nil {
			return err
		}
		for at, v := range want {
			if at == start+(hours-1)*hour {
				continue
			}
			if got[at] != v {
				return fmt.Errorf("all boxes in the hour at %s: %v, want %v", time.UnixMilli(at).UTC(), got[at], v)
			}
		}
		if len(got) > len(want) {
			return fmt.Errorf("%d hours of all boxes", len(got))
		}
		return same(readings, "PhoenixIB hourly energy", energy)
	})
	eventually(t, 2*time.Minute, func() error { return same(readings, "PhoenixIB too much power", alarms) })
	d.stop() // the bus last, whatever was started last
}

func same(readings func(string) (map[int64]float64, error), sensor string, want map[int64]float64) error {
	got, err := readings(sensor)
	if err != nil {
		return err
	}
	for at, v := range want {
		if g, ok := got[at]; !ok || g != v {
			return fmt.Errorf("%s at %s: %v (%v), want %v", sensor, time.UnixMilli(at).UTC(), g, ok, v)
		}
	}
	for at := range got {
		if _, ok := want[at]; !ok {
			return fmt.Errorf("%s has something at %s", sensor, time.UnixMilli(at).UTC())
		}
	}
	return nil
}

// apply brings models in, in which texts stand for others.
func apply(t *testing.T, p *process, file string, this ...string) {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	text := string(data)
	for i := 0; i < len(this); i += 2 {
		if !strings.Contains(text, this[i]) {
			t.Fatalf("%s has no %q", file, this[i])
		}
		text = strings.ReplaceAll(text, this[i], this[i+1])
	}
	doc, err := yaml.YAMLToJSON([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	p.call("POST", "/api/v1/models/apply", string(doc), nil)
}

// begin has a manifest run, and waits until it does.
func begin(t *testing.T, p *process, name string) {
	t.Helper()
	eventually(t, time.Minute, func() error {
		var st struct{ State, Reason string }
		if err := p.try("POST", "/api/v1/manifests/"+strings.ReplaceAll(name, " ", "%20")+"/start", nil, &st); err != nil {
			return err
		}
		if st.State != "RUNNING" {
			return fmt.Errorf("manifest %s is %s: %s", name, st.State, st.Reason)
		}
		return nil
	})
}

// connected waits until so many sources by MQTT are connected.
func connected(t *testing.T, p *process, n int) {
	t.Helper()
	eventually(t, time.Minute, func() error {
		var all []struct {
			Source, Error string
			Connected     bool
		}
		if err := p.try("GET", "/api/v1/source-statuses", nil, &all); err != nil {
			return err
		}
		have := 0
		for _, s := range all {
			if s.Connected {
				have++
			} else if s.Error != "" {
				return fmt.Errorf("source %s: %s", s.Source, s.Error)
			}
		}
		if have < n+2 { // two are pushed to
			return fmt.Errorf("%d sources are connected", have)
		}
		return nil
	})
}

// TestEdgeGateway has a centre hand a manifest on to a gateway, which goes on
// with it while the centre is away, over a restart, too, and tells what it does.
func TestEdgeGateway(t *testing.T) {
	centre := launch(t, t.TempDir(), nil)
	centre.ready()
	token := filepath.Join(t.TempDir(), "token")
	var made struct{ Secret string }
	centre.call("POST", "/api/v1/tokens", map[string]any{"name": "hall", "scopes": []string{"read", "ingest"}}, &made)
	if err := os.WriteFile(token, []byte(made.Secret), 0o600); err != nil {
		t.Fatal(err)
	}
	centre.call("POST", "/api/v1/models/apply", `{
		"gateways":[{"name":"hall","namespace":"hall"},{"name":"yard","namespace":"yard"}],
		"kinds":[{"name":"power","quantityKind":"power","unit":"W"}],
		"interfaces":[{"name":"pushed","protocol":"http"},{"name":"sensors","protocol":"records"}],
		"sourceDefinitions":[{"name":"pushed","interface":"pushed","kinds":["power"]},{"name":"sensors","interface":"sensors","kinds":["power"]}],
		"sources":[{"name":"in","definition":"pushed","gateway":"hall"},{"name":"peak","definition":"sensors","gateway":"hall"},{"name":"elsewhere","definition":"pushed","gateway":"yard"}],
		"manifests":[{"name":"peaks","gateway":"hall","processors":[{"name":"f","type":"filter","parameters":{"operator":"GT","threshold":10},"from":["in"],"to":"peak"}]}]}`, nil)
	dir := t.TempDir()
	settings := []string{"WATTWERK_PIPELINE_GATEWAY=hall", "WATTWERK_PIPELINE_CENTRE_URL=" + centre.url, "WATTWERK_PIPELINE_CENTRE_TOKEN_FILE=" + token}
	gateway := launch(t, dir, settings)
	gateway.ready()
	centre.call("POST", "/api/v1/manifests/peaks/start", nil, nil)
	state := func(want string) {
		t.Helper()
		eventually(t, time.Minute, func() error {
			var st struct{ State, Reason string }
			if err := centre.try("GET", "/api/v1/manifests/peaks/status", nil, &st); err != nil {
				return err
			}
			if st.State != want {
				return fmt.Errorf("the centre says %s: %s", st.State, st.Reason)
			}
			return nil
		})
	}
	state("RUNNING")
	var sources struct {
		Items []struct {
			Model struct{ ID, Name string }
		}
	}
	gateway.call("GET", "/api/v1/models/sources", nil, &sources)
	if len(sources.Items) != 2 {
		t.Errorf("the gateway has %+v", sources)
	}
	push := func(at int64, value float64) {
		t.Helper()
		for _, s := range sources.Items {
			if s.Model.Name == "in" {
				eventually(t, time.Minute, func() error {
					return gateway.try("POST", "/api/v1/models/sources/"+s.Model.ID+"/push", fmt.Sprintf(`[{"time":%d,"value":%v}]`, at, value), nil)
				})
			}
		}
	}
	has := func(want map[int64]float64) {
		t.Helper()
		eventually(t, time.Minute, func() error {
			return same(func(sensor string) (map[int64]float64, error) {
				var got struct {
					T     []int64    `json:"t"`
					Value []*float64 `json:"value"`
				}
				err := gateway.try("GET", "/api/v1/sensors/"+sensor+"/range?raw=true&from=1600000000000&to=1600000100000", nil, &got)
				out := make(map[int64]float64)
				for i, at := range got.T {
					if got.Value[i] != nil {
						out[at] = *got.Value[i]
					}
				}
				return out, err
			}, "peak", want)
		})
	}
	push(1_600_000_000_000, 11)
	has(map[int64]float64{1_600_000_000_000: 11})
	centre.kill()
	gateway.kill()
	gateway = launch(t, dir, settings) // alone
	gateway.ready()
	push(1_600_000_001_000, 12)
	push(1_600_000_002_000, 3)
	has(map[int64]float64{1_600_000_000_000: 11, 1_600_000_001_000: 12})
	gateway.stop()
}

// TestBoxesAtGateways is section 4.2 as the paper has it: averages of an hour at
// the edge gateway of each box, over all boxes at the centre, and a threshold. Every
// process is killed in the middle of hours; the numbers are those of all values.
func TestBoxesAtGateways(t *testing.T) {
	random := chance(t)
	broker := mqtttest.StartBroker(t, mqtttest.BrokerOptions{})
	_, port, err := net.SplitHostPort(broker.Addr)
	if err != nil {
		t.Fatal(err)
	}
	hosts, secrets := natstest.Hosts(t, 3), t.TempDir()
	url := "http://" + hosts[0] + ":" + partPort
	common := []string{"WATTWERK_PIPELINE_PRIVATE=true", "WATTWERK_PIPELINE_EVERY=200ms", "WATTWERK_PIPELINE_SECRETS=" + secrets}
	parts := []*part{{name: "centre", settings: common}}
	for _, g := range []string{"Phoenix", "Griffin"} {
		parts = append(parts, &part{name: g, settings: append([]string{
			"WATTWERK_PIPELINE_GATEWAY=" + g, "WATTWERK_PIPELINE_CENTRE_URL=" + url, "WATTWERK_PIPELINE_CENTRE_TOKEN_FILE=" + filepath.Join(secrets, "centre-token"),
		}, common...)})
	}
	for i, x := range parts {
		x.dir, x.args = t.TempDir(), []string{"--addr", hosts[i] + ":" + partPort}
	}
	centre := parts[0]
	centre.start(t)
	centre.process().ready()
	var made struct{ Secret string }
	centre.process().call("POST", "/api/v1/tokens", map[string]any{"name": "gateways", "scopes": []string{"read", "ingest"}}, &made)
	if err := os.WriteFile(filepath.Join(secrets, "centre-token"), []byte(made.Secret), 0o600); err != nil {
		t.Fatal(err)
	}
	apply(t, centre.process(), "../docs/tutorials/boxes-at-gateways.yaml", "default: 1883", "default: "+port, "https://centre.example.org", url)
	for _, x := range parts[1:] {
		x.start(t)
		x.process().ready()
	}
	for _, m := range []string{"Phoenix by the hour", "Griffin by the hour", "Over all gateways"} {
		begin(t, centre.process(), m)
	}
	for _, x := range parts[1:] {
		connected(t, x.process(), -1) // its broker is all that it reads
	}
	const (
		start = int64(1_543_392_000_000)
		step  = int64(30_000)
		hour  = int64(3_600_000)
		hours = 4
	)
	boxes := mqtttest.Dial(t, broker.Addr)
	sum := make(map[[2]int64]float64) // by box and hour; sums of multiples of 5 are exact
	for at := start; at < start+hours*hour+2*step; at += step {
		for i, box := range []string{"PhoenixIB", "GriffinIB"} {
			v := float64(4000*(2-i)) + float64((at-start)/step*37%200)*5
			boxes.MustPublish(1, box+"/TotalRealPower", fmt.Sprintf(`{"time":%d,"value":%v}`, at, v))
			sum[[2]int64{int64(i), (at - start) / hour}] += v
		}
		if (at-start)%hour == hour/2 {
			victim := parts[int((at-start)/hour)%len(parts)]
			victim.process().kill()
			pause(t, random, 300*time.Millisecond)
			victim.start(t)
			victim.process().ready()
		}
	}
	want, alarms := make(map[int64]float64), make(map[int64]float64)
	over := false
	for h := range int64(hours - 1) { // the last hour of all ends when the next one has come
		n := float64(hour / step)
		at, v := start+h*hour, (sum[[2]int64{0, h}]/n+sum[[2]int64{1, h}]/n)/2
		want[at] = v
		if is := v > 5900; is != over {
			over, alarms[at] = is, map[bool]float64{true: 1}[is]
		}
	}
	readings := func(sensor string) (map[int64]float64, error) {
		var got struct {
			T     []int64    `json:"t"`
			Value []*float64 `json:"value"`
		}
		err := centre.process().try("GET", fmt.Sprintf("/api/v1/sensors/%s/range?raw=true&from=%d&to=%d", strings.ReplaceAll(sensor, " ", "%20"), start, start+(hours-1)*hour-1), nil, &got)
		out := make(map[int64]float64)
		for i, at := range got.T {
			if got.Value[i] != nil {
				out[at] = *got.Value[i]
			}
		}
		return out, err
	}
	eventually(t, 2*time.Minute, func() error { return same(readings, "All boxes by the hour", want) })
	eventually(t, 2*time.Minute, func() error { return same(readings, "Too much over all boxes", alarms) })
}
