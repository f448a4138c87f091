package e2e

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// movingPlant is what is measured and how it is grouped, while both change.
type movingPlant struct {
	doc     *document
	sensors []string

	mu   sync.Mutex
	sent map[string][]reading // acknowledged, in order of time
	fail error
}

const (
	halls    = 3
	lines    = 4 // of a hall
	machines = 42
	period   = 250 * time.Millisecond
	pushes   = 12 // senders; each has its share of all sensors
)

// newMovingPlant has three levels of groups, and 504 sensors: with four
// readings a second each, 2,016 records a second.
func newMovingPlant() *movingPlant {
	x := &movingPlant{doc: &document{Hierarchies: []hierarchy{{"place", "plant"}}}, sent: make(map[string][]reading)}
	root := group{ID: "plant"}
	for h := range halls {
		hall := group{ID: fmt.Sprintf("hall %d", h)}
		for l := range lines {
			line := group{ID: fmt.Sprintf("line %d.%d", h, l)}
			for m := range machines {
				id := fmt.Sprintf("machine %d.%d.%d", h, l, m)
				x.sensors = append(x.sensors, id)
				x.doc.Sensors = append(x.doc.Sensors, sensor{ID: id, Quantity: "active_power"})
				line.Members = append(line.Members, member{Sensor: id})
			}
			x.doc.Groups = append(x.doc.Groups, line)
			hall.Members = append(hall.Members, member{Group: line.ID})
		}
		x.doc.Groups = append(x.doc.Groups, hall)
		root.Members = append(root.Members, member{Group: hall.ID})
	}
	x.doc.Groups = append(x.doc.Groups, root)
	return x
}

// send pushes readings of the present until stop is closed.
func (x *movingPlant) send(p *process, stop <-chan struct{}) *sync.WaitGroup {
	client := &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: pushes}}
	var all sync.WaitGroup
	for n := range pushes {
		var mine []string
		for i := n; i < len(x.sensors); i += pushes {
			mine = append(mine, x.sensors[i])
		}
		all.Go(func() {
			tick := time.NewTicker(period)
			defer tick.Stop()
			for {
				at := time.Now().UnixMilli()
				rs := make([]reading, len(mine))
				for i, id := range mine {
					rs[i] = reading{id, at, power(id, at)}
				}
				ok, err := offer(client, p.url, 0, n, rs)
				if err == nil && !ok {
					err = fmt.Errorf("sender %d was not answered", n)
				}
				x.mu.Lock()
				if err != nil && x.fail == nil {
					x.fail = err
				}
				for _, r := range rs {
					x.sent[r.sensor] = append(x.sent[r.sensor], r)
				}
				x.mu.Unlock()
				select {
				case <-stop:
					return
				case <-tick.C:
				}
			}
		})
	}
	return &all
}

// value is the last reading at or before t that is not older than 3 minutes,
// three times the interval that nothing is said of.
func (x *movingPlant) value(sensor string, t int64) (float64, bool) {
	rs := x.sent[sensor]
	i, _ := slices.BinarySearchFunc(rs, t+1, func(r reading, t int64) int { return int(r.t - t) })
	if i == 0 || t-rs[i-1].t > 180_000 {
		return 0, false
	}
	return rs[i-1].value, true
}

// since is a document and the first time it holds for.
type since struct {
	effective int64
	doc       *document
}

func (d *document) clone() *document {
	c := *d
	c.Groups = slices.Clone(d.Groups)
	for i := range c.Groups {
		c.Groups[i].Members = slices.Clone(c.Groups[i].Members)
	}
	c.Hierarchies = slices.Clone(d.Hierarchies)
	return &c
}

// move takes a sensor or a group, at random, from one group to another of the
// same hierarchy, here and there.
func (x *movingPlant) move(p *process, random *rand.Rand) (effective int64) {
	next := x.doc.clone()
	request := map[string]any{}
	from, to := next.group(fmt.Sprintf("line %d.%d", random.IntN(halls), random.IntN(lines))), next.group(fmt.Sprintf("line %d.%d", random.IntN(halls), random.IntN(lines)))
	request["hierarchy"] = "place"
	switch k := random.IntN(10); {
	case k == 0: // a line to another hall
		from, to = next.group(fmt.Sprintf("hall %d", random.IntN(halls))), next.group(fmt.Sprintf("hall %d", random.IntN(halls)))
	case k <= 2 && len(next.Hierarchies) > 1: // a sensor to another cost centre
		from, to = next.group("costs"), next.group(fmt.Sprintf("cost centre %d", random.IntN(2)))
		request["hierarchy"] = "costs"
	}
	if len(from.Members) == 0 || from == to {
		return 0
	}
	i := random.IntN(len(from.Members))
	m := from.Members[i]
	if m.Group != "" && request["hierarchy"] == "costs" {
		return 0
	}
	from.Members = slices.Delete(from.Members, i, i+1)
	to.Members = append(to.Members, m)
	if request["to"] = to.ID; m.Sensor != "" {
		request["sensor"] = m.Sensor
	} else {
		request["group"] = m.Group
	}
	var change struct{ Effective time.Time }
	p.call("POST", "/api/v1/move", request, &change)
	x.doc = next
	return change.Effective.UnixMilli()
}

// addCosts adds a second hierarchy over some of the same sensors.
func (x *movingPlant) addCosts(p *process) (effective int64) {
	next := x.doc.clone()
	next.Hierarchies = append(next.Hierarchies, hierarchy{"costs", "costs"})
	root := group{ID: "costs"}
	for c := range 2 {
		centre := group{ID: fmt.Sprintf("cost centre %d", c)}
		for i := c; i < len(x.sensors); i += 5 {
			centre.Members = append(centre.Members, member{Sensor: x.sensors[i], Sign: 1 - 2*c})
		}
		next.Groups = append(next.Groups, centre)
		root.Members = append(root.Members, member{Group: centre.ID})
	}
	for i := 4; i < len(x.sensors); i += 5 {
		root.Members = append(root.Members, member{Sensor: x.sensors[i]})
	}
	next.Groups = append(next.Groups, root)
	p.putModel(next)
	x.doc = next
	var list struct {
		Items []struct{ Effective time.Time }
	}
	p.call("GET", "/api/v1/revisions?limit=1", nil, &list)
	return list.Items[0].Effective.UnixMilli()
}

// TestModelChangesUnderLoad moves sensors and groups and adds a hierarchy
// while 2,000 records a second come in, and compares every tick.
func TestModelChangesUnderLoad(t *testing.T) { everywhere(t, testModelChanges) }

func testModelChanges(t *testing.T, kind string) {
	random := chance(t)
	lasts := 5 * time.Second
	if *long {
		lasts = time.Minute
	}
	// A machine that is busy with other tests must not make readings late.
	const grace = 5 * time.Second
	d := deploy(t, kind, "WATTWERK_AGGREGATE_GRACE="+grace.String())
	defer d.says()
	x := newMovingPlant()
	d.face().putModel(x.doc)
	docs := []since{{0, x.doc}}
	begin := time.Now()
	stop := make(chan struct{})
	senders := x.send(d.other(), stop)
	changes := 0
	for time.Since(begin) < lasts {
		var effective int64
		asked := time.Now()
		if len(x.doc.Hierarchies) == 1 && time.Since(begin) > lasts/3 {
			effective = x.addCosts(d.face())
		} else if effective = x.move(d.face(), random); effective == 0 {
			continue
		}
		changes++
		docs = append(docs, since{effective, x.doc})
		if ahead := time.UnixMilli(effective).Sub(asked); ahead < 0 {
			t.Errorf("a change was in force %v before it was asked for", -ahead)
		}
		wait(t, time.Duration(random.Int64N(int64(300*time.Millisecond))))
	}
	// The last change is seen in the ticks, too.
	last := docs[len(docs)-1].effective
	eventually(t, 2*time.Minute, func() error {
		got, err := d.other().raw("groups", "plant", "", last, last+60_000)
		if err == nil && len(got) == 0 {
			err = fmt.Errorf("no tick of the last change")
		}
		return err
	})
	due := time.UnixMilli((last + 999) / 1000 * 1000).Add(grace)
	t.Logf("%d changes; the first tick of the last one was in the history %v after it was due", changes, time.Since(due).Round(time.Millisecond))
	if time.Since(due) > 20*time.Second { // usually some 100 ms
		t.Errorf("it took %v", time.Since(due))
	}
	close(stop)
	senders.Wait()
	if x.fail != nil {
		t.Fatal(x.fail)
	}
	records := 0
	for _, rs := range x.sent {
		records += len(rs)
	}
	took := time.Since(begin)
	t.Logf("%d records in %v", records, took.Round(time.Second))
	if rate := float64(records) / took.Seconds(); rate < 1000 {
		t.Errorf("only %.0f records/s were sent", rate)
	}
	if n := late(t, d); n > 0 {
		t.Fatalf("%v records were late: this machine is too slow for the test", n)
	}
	// The clock closes the rest.
	o := oracle{x.value}
	from := begin.UnixMilli()/1000*1000 + 1000
	to := begin.Add(took).UnixMilli() / 1000 * 1000
	costs := int64(0)
	for _, s := range docs {
		if costs == 0 && len(s.doc.Hierarchies) > 1 {
			costs = s.effective
		}
	}
	eventually(t, 2*time.Minute, func() error {
		for _, g := range x.doc.Groups {
			isCost := strings.HasPrefix(g.ID, "cost")
			if err := d.other().sameTicks(g.ID, from, to, func(t int64) (evaluated, bool) {
				if isCost && t < costs {
					return evaluated{}, false
				}
				in := docs[0].doc
				for _, s := range docs {
					if s.effective <= t {
						in = s.doc
					}
				}
				return o.at(in, g.ID, t), true
			}); err != nil {
				return err
			}
		}
		return nil
	})
	for _, id := range x.sensors[:20] {
		want := make(map[int64]float64)
		for _, r := range x.sent[id] {
			want[r.t] = r.value
		}
		eventually(t, time.Minute, func() error { return d.other().sameRecords(id, want) })
	}
	d.stop()
}

// late is how many records came after their ticks were closed.
func late(t *testing.T, d *deployment) (n float64) {
	t.Helper()
	for _, s := range d.parts {
		a, err := s.process().send("GET", "/metrics", nil, nil)
		if err != nil || a.status != http.StatusOK {
			t.Fatalf("metrics: %d, %v", a.status, err)
		}
		for line := range strings.Lines(string(a.body)) {
			var partition string
			var v float64
			if k, _ := fmt.Sscanf(line, "wattwerk_aggregate_late_records_total{partition=%q} %g", &partition, &v); k == 2 {
				n += v
			}
		}
	}
	return n
}
