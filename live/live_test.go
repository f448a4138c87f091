package live

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"github.com/google/go-cmp/cmp"

	"github.com/wattwerk/wattwerk/bus"
	"github.com/wattwerk/wattwerk/record"
)

type world struct {
	*Service
	bus *bus.Bus
	url string
}

func start(t *testing.T) *world {
	t.Helper()
	b, err := bus.Open(t.Context(), bus.Options{Dir: t.TempDir(), Partitions: 2, NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	s, err := New(Options{Bus: b})
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	s.Register(humago.New(mux, huma.DefaultConfig("test", "1")))
	server := httptest.NewServer(mux)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		server.Close()
		b.Close()
	})
	return &world{Service: s, bus: b, url: server.URL + "/api/v1/stream"}
}

type event struct{ name, data string }

// listen opens a stream; the channel is closed at its end.
func (w *world) listen(t *testing.T, query url.Values) <-chan event {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, w.url+"?"+query.Encode(), nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	if res.StatusCode != http.StatusOK || res.Header.Get("Content-Type") != "text/event-stream" {
		t.Fatalf("answered %d %s", res.StatusCode, res.Header.Get("Content-Type"))
	}
	events := make(chan event, 1000)
	go func() {
		defer close(events)
		defer func() { _ = res.Body.Close() }()
		var e event
		in := bufio.NewReader(res.Body)
		for {
			line, err := in.ReadString('\n')
			if err != nil {
				return
			}
			line = strings.TrimSuffix(line, "\n")
			if v, ok := strings.CutPrefix(line, "event: "); ok {
				e.name = v
			}
			if v, ok := strings.CutPrefix(line, "data: "); ok {
				e.data = v
			}
			if line == "" && e.name != "" {
				events <- e
				e = event{}
			}
		}
	}()
	return events
}

func next(t *testing.T, events <-chan event) event {
	t.Helper()
	select {
	case e, ok := <-events:
		if !ok {
			t.Fatal("the stream ended")
		}
		return e
	case <-time.After(10 * time.Second):
		t.Fatal("no event came")
	}
	return event{}
}

var null = math.NaN()

func ticks(hierarchy string, revision uint64, times ...record.Millis) record.Ticks {
	k := record.Ticks{Hierarchy: hierarchy, Revision: revision, Groups: []string{"a", "b"}}
	for _, at := range times {
		k.Ticks = append(k.Ticks, record.Tick{
			Time: at, Sum: []float64{float64(at), null}, Min: []float64{0.5, null}, Max: []float64{1e21, null},
			Count: []uint32{2, 0}, Total: []uint32{2, 3}, Meter: []float64{4, null}, Unaccounted: []float64{-1e-7, null},
		})
	}
	return k
}

func (w *world) publish(t *testing.T, k record.Ticks) {
	t.Helper()
	_, at, err := w.bus.LastAggregates(t.Context(), k.Hierarchy)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.bus.PublishAggregates(t.Context(), k.Hierarchy, k.Encode(nil), at); err != nil {
		t.Fatal(err)
	}
}

// following waits until the service has subscribed.
func (w *world) following(t *testing.T) {
	t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for {
		w.mu.Lock()
		on := w.running
		w.mu.Unlock()
		if on {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the service does not follow")
		}
	}
	if err := w.bus.Conn().Flush(); err != nil {
		t.Fatal(err)
	}
}

func TestAggregatesReachClients(t *testing.T) {
	w := start(t)
	w.following(t)
	events := w.listen(t, nil)
	w.publish(t, ticks("place", 3, 1000))
	e := next(t, events)
	want := `{"hierarchy":"place","revision":3,"t":1000,"groups":2,"group":["a","b"],"sum":[1000,null],"min":[0.5,null],"max":[1e+21,null],` +
		`"count":[2,0],"total":[2,3],"meter":[4,null],"unaccounted":[-1e-07,null]}`
	if e.name != "aggregates" || e.data != want {
		t.Errorf("event %s\n got %s\nwant %s", e.name, e.data, want)
	}
	// Another client gets the last tick at once, of what it asked for.
	e = next(t, w.listen(t, url.Values{"group": {"b", "unknown"}}))
	var got Aggregates
	if err := json.Unmarshal([]byte(e.data), &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"b"}, got.Group); diff != "" || got.Groups != 2 || got.Sum[0] != nil || got.Total[0] != 3 {
		t.Errorf("asked for b: %s", e.data)
	}
	e = next(t, w.listen(t, url.Values{"limit": {"1"}}))
	if !strings.Contains(e.data, `"groups":2,"group":["a"]`) {
		t.Errorf("asked for one: %s", e.data)
	}
	// One client wants another hierarchy only.
	other := w.listen(t, url.Values{"hierarchy": {"cost"}})
	w.publish(t, ticks("place", 3, 2000))
	w.publish(t, ticks("cost", 3, 2000))
	if e := next(t, other); !strings.Contains(e.data, `"hierarchy":"cost"`) {
		t.Errorf("asked for cost: %s", e.data)
	}
	if e := next(t, events); !strings.Contains(e.data, `"t":2000`) {
		t.Errorf("the next tick: %s", e.data)
	}
}

func TestTicksNeverGoBack(t *testing.T) {
	s, err := New(Options{Bus: new(bus.Bus)})
	if err != nil {
		t.Fatal(err)
	}
	c := newClient(nil, nil, nil, DefaultGroups)
	if err := s.join(c); err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	say := func(k record.Ticks) (times []record.Millis) {
		s.aggregates(k.Encode(nil), false, now)
		for _, k := range c.takeTicks() {
			times = append(times, k.Time)
		}
		return times
	}
	for _, step := range []struct {
		k    record.Ticks
		wait time.Duration
		want []record.Millis
	}{
		{ticks("h", 1, 1000, 2000), 0, []record.Millis{1000, 2000}},
		{ticks("h", 1, 1000, 2000, 3000), time.Second, []record.Millis{3000}},
		{ticks("h", 2, 3000, 4000), time.Second, []record.Millis{4000}},
		{ticks("h", 2, 5000, 6000, 7000, 8000, 9000, 10000), time.Second, []record.Millis{9000, 10000}},
		{ticks("h", 2, 500), stalledAfter, []record.Millis{500}},
	} {
		now = now.Add(step.wait)
		if diff := cmp.Diff(step.want, say(step.k)); diff != "" {
			t.Error(diff)
		}
	}
	s.aggregates([]byte("garbage"), false, now)
	// A hierarchy that is gone is forgotten.
	now = now.Add(forgetAfter + time.Second)
	other := ticks("other", 2, 1)
	s.aggregates(other.Encode(nil), false, now)
	if len(s.last) != 1 {
		t.Errorf("%d hierarchies are remembered", len(s.last))
	}
}

func TestRecordsOfAskedSensors(t *testing.T) {
	w := start(t)
	w.following(t)
	events := w.listen(t, url.Values{"sensor": {"s,1", "s2"}, "limit": {"0"}})
	if err := w.bus.Conn().Flush(); err != nil {
		t.Fatal(err)
	}
	writer := w.bus.NewWriter()
	if err := writer.Write(t.Context(), []record.Record{
		{Sensor: "s,1", Time: 1, Value: 1.5}, {Sensor: "other", Time: 1, Value: 9}, {Sensor: "s2", Time: 2, Value: -2}, {Sensor: "s,1", Time: 3, Value: 3},
	}); err != nil {
		t.Fatal(err)
	}
	w.publish(t, ticks("place", 1, 1000)) // limit 0: not wanted
	got := map[string]float64{}
	for len(got) < 3 {
		e := next(t, events)
		var r Records
		if e.name != "records" {
			t.Fatalf("event %s", e.name)
		}
		if err := json.Unmarshal([]byte(e.data), &r); err != nil {
			t.Fatal(err)
		}
		for i := range r.T {
			got[fmt.Sprint(r.Sensor[i], "@", int64(r.T[i]))] = *r.Value[i]
		}
	}
	if diff := cmp.Diff(map[string]float64{"s,1@1": 1.5, "s2@2": -2, "s,1@3": 3}, got); diff != "" {
		t.Error(diff)
	}
}

// TestVirtualSensorsAreShown has values that come with ticks shown as readings,
// once each, and ticks without groups to nobody.
func TestVirtualSensorsAreShown(t *testing.T) {
	w := start(t)
	w.following(t)
	events := w.listen(t, url.Values{"sensor": {"sum"}})
	if err := w.bus.Conn().Flush(); err != nil {
		t.Fatal(err)
	}
	k := record.Ticks{Hierarchy: "/", Revision: 1, Sensors: []record.SensorID{"other", "sum"}}
	for at, v := range []float64{7, null, 9} {
		k.Ticks = append(k.Ticks, record.Tick{Time: record.Millis(at), Values: []float64{1, v}, Heard: true})
	}
	w.publish(t, k)
	w.publish(t, k)
	var got []string
	for len(got) < 3 {
		e := next(t, events)
		if e.name != "records" {
			t.Fatalf("event %s", e.name)
		}
		var r struct {
			Sensor []string
			T      []int64
			Value  []*float64
		}
		if err := json.Unmarshal([]byte(e.data), &r); err != nil {
			t.Fatal(err)
		}
		for i := range r.T {
			v := "null"
			if r.Value[i] != nil {
				v = fmt.Sprint(*r.Value[i])
			}
			got = append(got, fmt.Sprint(r.Sensor[i], "@", r.T[i], "=", v))
		}
	}
	if diff := cmp.Diff([]string{"sum@0=7", "sum@1=null", "sum@2=9"}, got); diff != "" {
		t.Error(diff)
	}
}

func TestSlowClientsKeepTheNewest(t *testing.T) {
	c := newClient(nil, nil, []record.SensorID{"s"}, DefaultGroups)
	l := &layout{hierarchy: "h"}
	for i := range 1001 {
		c.offer(&tick{layout: l, Tick: record.Tick{Time: record.Millis(i)}})
		c.offerValue("s", record.Millis(i), 1)
	}
	ks := c.takeTicks()
	if n := len(ks); n > waitingTicks || ks[n-1].Time != 1000 {
		t.Errorf("%d ticks wait, the newest is %d", n, ks[n-1].Time)
	}
	r := c.takeValues()
	if len(r.T) != waitingValues || r.T[0] != 901 || r.T[waitingValues-1] != 1000 {
		t.Errorf("%d values wait: %v", len(r.T), r.T)
	}
	if len(c.takeTicks()) != 0 || len(c.takeValues().T) != 0 {
		t.Error("taken twice")
	}
}

func TestStreamsEndAndAreForgotten(t *testing.T) {
	w := start(t)
	w.following(t)
	ctx, cancel := context.WithCancel(t.Context())
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, w.url+"?sensor=x", nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	_ = res.Body.Close()
	deadline := time.Now().Add(10 * time.Second)
	for {
		w.mu.Lock()
		clients, lanes := len(w.clients), len(w.lanes)
		w.mu.Unlock()
		if clients == 0 && lanes == 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d clients and %d subscriptions are left", clients, lanes)
		}
	}
}

func TestTooManyClients(t *testing.T) {
	s, err := New(Options{Bus: new(bus.Bus)})
	if err != nil {
		t.Fatal(err)
	}
	for range MaxClients {
		if err := s.join(newClient(nil, nil, nil, 1)); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.join(newClient(nil, nil, nil, 1)); err == nil {
		t.Error("one more was taken")
	}
}

func FuzzEncode(f *testing.F) {
	f.Add("h", "g", 1.5)
	f.Add("\xff\"", "\u2028\n", math.Inf(1))
	f.Add("", "", 5e-324)
	f.Fuzz(func(t *testing.T, h, g string, v float64) {
		k := &tick{layout: &layout{hierarchy: h, groups: []string{g}}, Tick: record.Tick{
			Sum: []float64{v}, Min: []float64{v}, Max: []float64{v}, Count: []uint32{1}, Total: []uint32{1}, Meter: []float64{v}, Unaccounted: []float64{v},
		}}
		var got Aggregates
		data := k.encode(nil, 10)
		if err := json.Unmarshal(data, &got); err != nil {
			t.Fatalf("%v: %s", err, data)
		}
		if bad := math.IsNaN(v) || math.IsInf(v, 0); bad != (got.Sum[0] == nil) || !bad && *got.Sum[0] != v {
			t.Errorf("%v became %s", v, data)
		}
		if strings.ContainsAny(string(data), "\n\r") {
			t.Errorf("a line break in %q", data)
		}
	})
}
