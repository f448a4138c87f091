package mqtt

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/wattwerk/wattwerk/bridge"
	"github.com/wattwerk/wattwerk/bus"
	"github.com/wattwerk/wattwerk/record"
)

var noon = time.Date(2024, 6, 1, 12, 0, 0, 0, time.UTC)

// plant is a bus with its bridges.
type plant struct {
	bus    *bus.Bus
	bridge *bridge.Service
}

func newPlant(t testing.TB, o bus.Options) *plant {
	t.Helper()
	o.MinFree, o.NoSync = 1, true
	if o.Dir == "" {
		o.Dir = t.TempDir()
	}
	o.Partitions = 1
	b, err := bus.Open(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	s, err := bridge.New(bridge.Options{Bus: b, Now: func() time.Time { return noon }})
	if err != nil {
		t.Fatal(err)
	}
	return &plant{b, s}
}

// read hands on the plant's records, from the first, message by message, until
// it is enough.
func (p *plant) read(t testing.TB, each func(record.Record), enough func() bool) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	done := errors.New("done")
	err := p.bus.ReadRecords(ctx, 0, 0, func(m bus.Message) error {
		var b record.Batch
		if err := b.Decode(m.Data); err != nil {
			return err
		}
		b.Names()
		for i := range b.Len() {
			each(b.At(i))
		}
		if enough() {
			return done
		}
		return nil
	})
	switch {
	case errors.Is(err, done):
		return nil
	case err == nil:
		return errors.New("it took too long")
	}
	return err
}

// records gives the n-th to last record of the plant, waiting for them.
func (p *plant) records(t testing.TB, from, n int) []string {
	t.Helper()
	var out []string
	err := p.read(t, func(r record.Record) { out = append(out, fmt.Sprintf("%s %s %v", r.Sensor, r.Time, r.Value)) }, func() bool { return len(out) >= from+n })
	if err != nil {
		t.Fatalf("%d records came, not %d: %v %v", len(out), from+n, out, err)
	}
	return out[from:]
}

func TestFormats(t *testing.T) {
	config := DefaultConfig()
	config.Topics[0].Zone = "Europe/Berlin"
	config.Topics = append(config.Topics, Topic{Topic: "meter/+/#", Format: "json", JSON: &bridge.Mapping{
		Sensor: "{topic.2}.{topic.3}", Values: []bridge.ValueMapping{{Path: "p", Unit: "kW"}}}})
	list, err := compile(config.Topics)
	if err != nil {
		t.Fatal(err)
	}
	p := newPlant(t, bus.Options{})
	for _, c := range []struct {
		name, topic, body string
		want              []string
		filtered          int
		refused           string
	}{
		{"number", "power/desk", " 42.5\n", []string{"desk now 42.5"}, 0, ""},
		{"not a number", "power/desk", "unavailable", nil, 0, `the message is not a number but "unavailable"`},
		{"NaN", "power/desk", "nan", nil, 0, "value is not a finite number: NaN"},
		{"json", "readings/a/b", `{"sensor":"x","value":1,"unit":"kW","time":1700000000}`, []string{"x 2023-11-14T22:13:20.000Z 1000"}, 0, ""},
		{"json mapping", "meter/m1/p/x", `{"p":2}`, []string{"m1.p now 2000"}, 0, ""},
		{"no pattern", "other/x", "1", nil, 1, ""},
		{"tasmota plug", "tele/plug1/SENSOR", `{"Time":"2024-05-07T09:19:55","ENERGY":{"TotalStartTime":"2018-11-23T15:33:47","Total":3.185,"Yesterday":3.058,"Today":0.127,"Period":0,"Power":12,"ApparentPower":13,"ReactivePower":5,"Factor":0.92,"Voltage":229,"Current":0.06}}`,
			[]string{"plug1.power 2024-05-07T07:19:55.000Z 12", "plug1.energy 2024-05-07T07:19:55.000Z 3185"}, 9, ""},
		{"tasmota channels", "tele/plug2/SENSOR", `{"Time":"2024-05-07T09:19:55+02:00","ENERGY":{"Power":[1,2.5]},"TempUnit":"C"}`,
			[]string{"plug2.power.1 2024-05-07T07:19:55.000Z 1", "plug2.power.2 2024-05-07T07:19:55.000Z 2.5"}, 0, ""},
		{"tasmota meter head", "tele/hall/SENSOR", `{"Time":"2024-05-07T09:19:55","SML":{"Total_in":1234.5678,"Total_out":0.5,"Power_curr":-300,"Meter_id":"0a01"}}`,
			[]string{"hall.SML.power 2024-05-07T07:19:55.000Z -300", "hall.SML.energy 2024-05-07T07:19:55.000Z 1.2345678e+06", "hall.SML.export 2024-05-07T07:19:55.000Z 500"}, 1, ""},
		{"tasmota clock not set", "tele/plug1/SENSOR", `{"Time":"1970-01-01T00:00:12","ENERGY":{"Power":3}}`, []string{"plug1.power now 3"}, 0, ""},
		{"tasmota garbage", "tele/plug1/SENSOR", `{"Time"`, nil, 0, "not a message of Tasmota: unexpected end of JSON input"},
		{"tasmota no number", "tele/plug1/SENSOR", `{"ENERGY":{"Power":"off"}}`, nil, 0, "Power of ENERGY is not a number"},
		{"shelly switch", "shellyplus1pm-a8/events/rpc", `{"src":"shellyplus1pm-a8","dst":"x/events","method":"NotifyStatus","params":{"ts":1631266595.44,"switch:0":{"id":0,"apower":8.9,"voltage":230.1,"aenergy":{"by_minute":[1.5,2,3],"minute_ts":1631266594,"total":6.53}}}}`,
			[]string{"shellyplus1pm-a8.switch:0.energy 2021-09-10T09:36:35.440Z 6.53", "shellyplus1pm-a8.switch:0.power 2021-09-10T09:36:35.440Z 8.9"}, 4, ""},
		{"shelly meter", "shellypro3em-1/events/rpc", `{"method":"NotifyStatus","params":{"ts":1700000000,"em:0":{"id":0,"a_act_power":-1,"b_act_power":2,"c_act_power":null,"total_act_power":1},"emdata:0":{"total_act":7.5}}}`,
			[]string{"shellypro3em-1.em:0.a.power 2023-11-14T22:13:20.000Z -1", "shellypro3em-1.em:0.b.power 2023-11-14T22:13:20.000Z 2", "shellypro3em-1.em:0.power 2023-11-14T22:13:20.000Z 1", "shellypro3em-1.em:0.energy 2023-11-14T22:13:20.000Z 7.5"}, 2, ""},
		{"shelly partial", "shellypro3em-1/events/rpc", `{"method":"NotifyStatus","params":{"ts":1700000001,"em:0":{"id":0,"b_act_power":3}}}`,
			[]string{"shellypro3em-1.em:0.a.power 2023-11-14T22:13:21.000Z -1", "shellypro3em-1.em:0.b.power 2023-11-14T22:13:21.000Z 3", "shellypro3em-1.em:0.power 2023-11-14T22:13:21.000Z 1"}, 2, ""},
		{"shelly older", "shellypro3em-1/events/rpc", `{"method":"NotifyStatus","params":{"ts":1699999999,"em:0":{"b_act_power":4}}}`,
			[]string{"shellypro3em-1.em:0.b.power 2023-11-14T22:13:19.000Z 4"}, 0, ""},
		{"shelly event", "shelly-1/events/rpc", `{"method":"NotifyEvent","params":{"ts":1700000000,"events":[]}}`, nil, 1, ""},
		{"shelly garbage", "shelly-1/events/rpc", `[]`, nil, 0, "not a message of Shelly: json: cannot unmarshal array into Go value"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if strings.HasPrefix(c.name, "shelly meter") {
				// The following cases build on this one's state.
				list, err = compile(config.Topics)
				if err != nil {
					t.Fatal(err)
				}
			}
			k := &keep{plant: p}
			a := k.take(t, list, c.topic, c.body)
			if diff := cmp.Diff(c.want, k.records); diff != "" {
				t.Error(diff)
			}
			if a.Filtered != c.filtered || len(a.Reasons) > 1 || !strings.HasPrefix(strings.Join(a.Reasons, ""), c.refused) || (c.refused == "") != (a.Refused == 0) {
				t.Errorf("%+v, want %d filtered and %q", a, c.filtered, c.refused)
			}
		})
	}
}

// keep takes single messages and remembers the records.
type keep struct {
	*plant
	records []string
}

func (k *keep) take(t testing.TB, list topics, topic, body string) bridge.Answer {
	t.Helper()
	x, err := k.bus.RecordsExtent(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	a, err := k.bridge.Take(t.Context(), list.bridge("mqtt"), &bridge.Message{Topic: topic, Body: []byte(body)})
	if err != nil {
		t.Fatal(err)
	}
	if a.Accepted == 0 {
		return a
	}
	done := errors.New("done")
	err = k.bus.ReadRecords(t.Context(), 0, x.Last+1, func(m bus.Message) error {
		var b record.Batch
		if err := b.Decode(m.Data); err != nil {
			return err
		}
		b.Names()
		for i := range b.Len() {
			r := b.At(i)
			at := r.Time.String()
			if r.Time.Time().Equal(noon) {
				at = "now"
			}
			k.records = append(k.records, fmt.Sprintf("%s %s %v", r.Sensor, at, r.Value))
		}
		return done
	})
	if !errors.Is(err, done) {
		t.Fatal(err)
	}
	return a
}

func TestTopics(t *testing.T) {
	for _, c := range []struct {
		filter, topic string
		want          bool
	}{
		{"a/b", "a/b", true}, {"a/b", "a/c", false}, {"a/b", "a", false}, {"a", "a/b", false}, {"a/+", "a/b", true}, {"a/+", "a/b/c", false},
		{"a/+", "a/", true}, {"a/#", "a", true}, {"a/#", "a/b/c", true}, {"+/b", "a/b", true}, {"+/+", "/x", true}, {"a/+/#", "a/b", true}, {"a//c", "a//c", true},
	} {
		if got := matches(c.filter, c.topic); got != c.want {
			t.Errorf("%s and %s: %v", c.filter, c.topic, got)
		}
	}
	for topic, subject := range map[string]string{"a/b": "a.b", "a.b/c": "a//b.c", "/a": "/.a", "a//b": "a./.b", "a/": "a./", "tele/+/SENSOR": "tele.*.SENSOR", "a/#": "a.>"} {
		if got := subjectOf(topic); got != subject {
			t.Errorf("%s: %s, want %s", topic, got, subject)
		}
		if !strings.ContainsAny(topic, "+#") {
			if got := topicOf(subject); got != topic {
				t.Errorf("%s: %s, want %s", subject, got, topic)
			}
		}
	}
	for _, wrong := range []string{"", "#", "a/#/b", "a+/b", "a b", "$SYS/x"} {
		if validFilter(wrong) == nil {
			t.Errorf("%q is taken", wrong)
		}
	}
}

func TestConfigIsChecked(t *testing.T) {
	if err := DefaultConfig().Validate(); err != nil {
		t.Fatal(err)
	}
	for want, change := range map[string]func(*Config){
		"format":    func(c *Config) { c.Topics[0].Format = "morse" },
		"template":  func(c *Config) { c.Topics[0].Sensor = "{" },
		"furlong":   func(c *Config) { c.Topics[3].Unit = "furlong" },
		"zone":      func(c *Config) { c.Topics[0].Zone = "Mars/Olympus" },
		"letters":   func(c *Config) { c.Brokers = []Broker{{Name: "My Broker", URL: "mqtt://h:1"}} },
		"twice":     func(c *Config) { c.Brokers = []Broker{{Name: "a", URL: "mqtt://h:1"}, {Name: "a", URL: "mqtt://h:1"}} },
		"not like":  func(c *Config) { c.Brokers = []Broker{{Name: "a", URL: "host"}} },
		"begins":    func(c *Config) { c.Brokers = []Broker{{Name: "a", URL: "http://host"}} },
		"settings":  func(c *Config) { c.Brokers = []Broker{{Name: "a", URL: "mqtt://u:p@host"}} },
		"no values": func(c *Config) { c.Topics[2].JSON = &bridge.Mapping{Sensor: "x"} },
	} {
		c := DefaultConfig()
		c.Topics = slices.Clone(c.Topics)
		change(&c)
		if err := c.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
}

func FuzzFormats(f *testing.F) {
	list, err := compile(DefaultConfig().Topics)
	if err != nil {
		f.Fatal(err)
	}
	f.Add("tele/a/SENSOR", []byte(`{"Time":"2024-05-07T09:19:55","ENERGY":{"Power":[1,2]}}`))
	f.Add("a/events/rpc", []byte(`{"method":"NotifyStatus","params":{"ts":1,"em:0":{"a_act_power":1,"x":{"y":{}}}}}`))
	f.Add("power/a", []byte("1"))
	f.Add("readings/a", []byte("{}"))
	p := newPlant(f, bus.Options{})
	f.Fuzz(func(t *testing.T, topic string, body []byte) {
		// A body that yields nothing needs no bus; one that does is rare.
		if _, err := p.bridge.Take(t.Context(), list.bridge("mqtt"), &bridge.Message{Topic: topic, Body: body}); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(topic, "+") || strings.Contains(topic, "#") {
			return
		}
		if got := topicOf(subjectOf(topic)); got != topic && !strings.Contains(topic, "//") && !strings.Contains(topic, ".") {
			t.Errorf("%q becomes %q", topic, got)
		}
	})
}
