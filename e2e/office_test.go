package e2e

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// office is programs beside the senders of a flood, which work with what stands on
// readings. Each does one thing after another, and insists on it until it is
// acknowledged.
type office struct {
	t      *testing.T
	bell   receiver // of alerts
	source string   // the identifier of what values are pushed to
	flood  *flood   // whose sensors they are

	mu   sync.Mutex
	did  map[string]int // finished rounds, by program
	fail error
	stop chan struct{}
	all  sync.WaitGroup
}

// Values are so far apart in their own time that no silence of the test is as
// long: a watermark goes on by the clock in one.
const (
	officeBegin = int64(1_600_002_000_000) // a full hour
	officeStep  = int64(300_000)
	officeHour  = int64(3_600_000)
	officePace  = 250 * time.Millisecond // of rounds, at least
)

func officeValue(n int) float64 { return float64(n * 7919 % 1000) }

// officeModels has a manifest copy values, and add them up by the hour.
const officeModels = `{"kinds":[{"name":"power","quantityKind":"power","unit":"W"}],
	"interfaces":[{"name":"inside","protocol":"internal"}],
	"sourceDefinitions":[{"name":"inside","interface":"inside","kinds":["power"]}],
	"sources":[{"name":"in","definition":"inside"},{"name":"sums","definition":"inside"},{"name":"copies","definition":"inside"}],
	"manifests":[{"name":"hourly","processors":[
		{"name":"sum","type":"sum","parameters":{"size":"1h"},"from":["in"],"to":"sums"},
		{"name":"copy","type":"echo","from":["in"],"to":"copies"}]}]}`

// run has the programs work until halt, with processes that know the sensors.
func (o *office) run(ps []*process, doors []door, f *flood) {
	o.t.Helper()
	o.flood, o.did, o.stop = f, make(map[string]int), make(chan struct{})
	for _, p := range ps {
		eventually(o.t, convergence, func() error { return p.try("GET", "/api/v1/objects/sensor/"+escaped(o.sensor(-1)), nil, nil) })
	}
	p := ps[0]
	p.call("POST", "/api/v1/models/apply", officeModels, nil)
	begin(o.t, p, "hourly")
	var source struct{ Model struct{ ID string } }
	p.call("GET", "/api/v1/models/sources/in", nil, &source)
	o.source = source.Model.ID
	for name, round := range map[string]func(*clerk, int) error{"push": (*clerk).push, "ring": (*clerk).ring, "enrich": (*clerk).enrich, "register": (*clerk).register} {
		o.all.Go(func() { o.work(name, &clerk{o, &caller{t: o.t, client: http.DefaultClient, doors: doors}}, round) })
	}
}

func (o *office) work(name string, c *clerk, round func(*clerk, int) error) {
	for n := 0; ; n++ {
		due := time.Now().Add(officePace)
		err := round(c, n)
		o.mu.Lock()
		if err == nil {
			o.did[name]++
		} else {
			o.fail = errors.Join(o.fail, fmt.Errorf("round %d of %s: %w", n, name, err))
		}
		o.mu.Unlock()
		if err != nil {
			return
		}
		select {
		case <-o.stop:
			return
		case <-time.After(time.Until(due)):
		}
	}
}

// halt ends after the rounds under way.
func (o *office) halt() {
	o.t.Helper()
	close(o.stop)
	ended := make(chan struct{})
	go func() { o.all.Wait(); close(ended) }()
	eventually(o.t, convergence, func() error {
		o.well()
		select {
		case <-ended:
			return nil
		default:
			return errors.New("the office does not come to an end")
		}
	})
	o.t.Logf("the office did %v", o.did)
}

// well fails the test when something was refused.
func (o *office) well() {
	o.t.Helper()
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.fail != nil {
		o.t.Fatal(o.fail)
	}
}

// clerk is one of the programs.
type clerk struct {
	*office
	*caller
}

// tell insists on something that is said in JSON.
func (c *clerk) tell(method, path, body string) error {
	return c.insist(wish{method: method, path: path, header: http.Header{"Content-Type": {"application/json"}}, body: []byte(body)})
}

func (c *clerk) push(n int) error {
	return c.insist(wish{
		method: "POST", path: "/api/v1/models/sources/" + c.source + "/push",
		header: http.Header{"Content-Type": {"application/json"}, "Idempotency-Key": {fmt.Sprint("value ", n)}},
		body:   fmt.Appendf(nil, `[{"time":%d,"value":%v}]`, officeBegin+int64(n)*officeStep, officeValue(n)),
	})
}

// ring has an alert fire, and end: by a rule of its own, as what was asked of one
// that stood still may be done much later.
func (c *clerk) ring(n int) error {
	rule := fmt.Sprintf("/api/v1/alerts/rules/bell-%d", n)
	if err := c.tell("PUT", rule, `{"condition":{"kind":"external"}}`); err != nil {
		return err
	}
	if err := c.tell("POST", rule+"/signal", `{"firing":true}`); err != nil {
		return err
	}
	if err := c.heard(2*n + 1); err != nil {
		return err
	}
	if err := c.insist(wish{method: "DELETE", path: rule, also: http.StatusNotFound}); err != nil {
		return err
	}
	return c.heard(2*n + 2)
}

// heard waits until so many messages were told.
func (c *clerk) heard(n int) error {
	for len(told(&c.bell)) < n {
		if err := c.rest(); err != nil {
			return err
		}
	}
	return nil
}

// told gives what a receiver was told, each once, in the order of the first time.
func told(r *receiver) (once []string) {
	was := make(map[string]bool)
	for _, id := range r.all() {
		if !was[id] {
			was[id], once = true, append(once, id)
		}
	}
	return once
}

// enrich says something of one sensor after another.
func (c *clerk) enrich(n int) error {
	return c.tell("PUT", "/api/v1/objects/sensor/"+escaped(c.sensor(n))+"/enrichment", fmt.Sprintf(`{"capacity":%d}`, n+1))
}

// sensor is one after another, and the first one again after the last, -1.
func (o *office) sensor(n int) string {
	all := o.flood.senders * o.flood.each
	n = (n + all) % all
	return o.flood.sensor(n/o.flood.each, n%o.flood.each)
}

func (c *clerk) register(n int) error {
	return c.insist(wish{
		method: "POST", path: "/api/v1/cir/registries", also: http.StatusConflict, header: http.Header{"Content-Type": {"application/json"}},
		body: fmt.Appendf(nil, `{"registries":[{"id":"office","categories":[{"id":"desk","sourceId":"office","entries":[{"idInSource":"desk-%d","sourceId":"office","name":"of the office"}]}]}]}`, n),
	})
}

// check compares what there is with what was done: each result of the manifest
// once and in order, each message of each alert, what was said of objects, each
// entry once.
func (o *office) check(p *process) error {
	for _, of := range []func(*process) error{o.results, o.alerts, o.objects, o.entries} {
		if err := of(p); err != nil {
			return err
		}
	}
	return nil
}

func (o *office) results(p *process) error {
	type result struct {
		Time  int64
		Value float64
	}
	want := make(map[string][]result)
	sum := 0.0
	for n := range o.did["push"] {
		at := officeBegin + int64(n)*officeStep
		if sum += officeValue(n); n%12 == 11 {
			want["sums"], sum = append(want["sums"], result{at / officeHour * officeHour, sum}), 0
		}
		want["copies"] = append(want["copies"], result{at, officeValue(n)})
	}
	more := map[string]int{}
	if last := o.did["push"] % 12; last < 2 && len(want["sums"]) > 0 { // the newest hour may be open yet
		want["sums"], more["sums"] = want["sums"][:len(want["sums"])-1], 1
	}
	for sink, want := range want {
		var got struct{ Data []result }
		if err := p.try("GET", "/api/v1/models/sources/"+sink+"/data?limit=10000", nil, &got); err != nil {
			return err
		}
		if d := cmp.Diff(want, got.Data[:min(len(want), len(got.Data))]); d != "" {
			return fmt.Errorf("%s: %s", sink, d)
		}
		if len(got.Data) > len(want)+more[sink] {
			return fmt.Errorf("there are %d %s, not %d", len(got.Data), sink, len(want))
		}
	}
	return nil
}

func (o *office) alerts(p *process) error {
	heard := told(&o.bell)
	if len(heard) != 2*o.did["ring"] {
		return fmt.Errorf("of %d alerts %d messages were told", o.did["ring"], len(heard))
	}
	for i := 0; i < len(heard); i += 2 {
		id, fired := strings.CutSuffix(heard[i], "-fired-1")
		if !fired || heard[i+1] != id+"-resolved-2" {
			return fmt.Errorf("%s was told, and then %s", heard[i], heard[i+1])
		}
	}
	var log struct{ Alerts []struct{ Status string } }
	if err := p.try("GET", "/api/v1/alerts/history?limit=1000", nil, &log); err != nil {
		return err
	}
	over := 0
	for _, a := range log.Alerts {
		if a.Status == "resolved" {
			over++
		}
	}
	if n := min(1000, o.did["ring"]); over != n || len(log.Alerts) != n {
		return fmt.Errorf("%d alerts were raised; of %d that are known %d are over", n, len(log.Alerts), over)
	}
	return nil
}

func (o *office) objects(p *process) error {
	did := o.did["enrich"]
	for n := max(0, did-o.flood.senders*o.flood.each); n < did; n++ {
		var is struct {
			Enrichment struct{ Enrichment struct{ Capacity float64 } }
		}
		if err := p.try("GET", "/api/v1/objects/sensor/"+escaped(o.sensor(n)), nil, &is); err != nil {
			return err
		}
		if have := is.Enrichment.Enrichment.Capacity; have != float64(n+1) {
			return fmt.Errorf("the capacity of %s is %v, not %d", o.sensor(n), have, n+1)
		}
	}
	return nil
}

func (o *office) entries(p *process) error {
	a, err := p.send("GET", "/api/v1/cir/export?registry_id=office", nil, nil)
	if err == nil && a.status != http.StatusOK {
		err = errors.New(string(a.body))
	}
	if err != nil {
		return err
	}
	var want, have []string
	for n := range o.did["register"] {
		want = append(want, fmt.Sprintf("desk-%d", n))
	}
	for field := range strings.FieldsFuncSeq(string(a.body), func(r rune) bool { return r == ',' || r == '\n' }) {
		if strings.HasPrefix(field, "desk-") {
			have = append(have, field)
		}
	}
	slices.Sort(want)
	slices.Sort(have)
	if d := cmp.Diff(want, have); d != "" {
		return fmt.Errorf("entries: %s", d)
	}
	return nil
}
