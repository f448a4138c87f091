package history_test

import (
	"fmt"
	"math"
	"net/url"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/wattwerk/wattwerk/record"
)

// TestVirtualSensors keeps what comes with ticks as the records of the sensor,
// null too, once, over a restart and from one hierarchy to another.
func TestVirtualSensors(t *testing.T) {
	p := start(t)
	null := math.NaN()
	told := func(h string, m int, values ...float64) {
		k := record.Ticks{Hierarchy: h, Revision: 1, Sensors: []record.SensorID{"balance", "never"}}
		for i, v := range values {
			k.Ticks = append(k.Ticks, record.Tick{Time: p.at(m + i), Values: []float64{v, null}, Heard: true})
		}
		p.keep(k)
		p.settle()
	}
	told("/", 0, 5, null, null)
	p.stop()
	p.run()
	told("/", 3, null, 6)
	told("place", 5, 7)
	told("/", 5, 7) // the same twice is nothing new
	var got struct {
		T     []record.Millis
		Value []*float64
	}
	p.get(fmt.Sprintf("/api/v1/sensors/balance/range?raw=true&from=%d", p.t0), &got)
	want := []*float64{ptr(5.), nil, ptr(6.), ptr(7.)}
	if diff := cmp.Diff(want, got.Value); diff != "" {
		t.Error(diff)
	}
	var latest struct {
		Value   *float64
		Virtual bool
		Stale   bool
	}
	p.get("/api/v1/sensors/balance/latest", &latest)
	if latest.Value == nil || *latest.Value != 7 || !latest.Virtual || !latest.Stale {
		t.Errorf("latest %+v", latest)
	}
	var prom struct {
		Data struct{ Result []struct{ Value []any } }
	}
	for m, want := range map[int]int{0: 1, 1: 0, 2: 0, 4: 1} {
		p.get(fmt.Sprintf("/prometheus/api/v1/query?query=%s&time=%d", url.QueryEscape(`wattwerk_record{sensor="balance"}`), p.at(m)/1000), &prom)
		if len(prom.Data.Result) != want {
			t.Errorf("PromQL in minute %d: %v", m, prom.Data.Result)
		}
	}
	if n, err := p.bus.DeadLetterCount(t.Context()); err != nil || n != 0 {
		t.Errorf("%d dead letters, %v", n, err)
	}
}
