package e2e

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"hash/fnv"
	"maps"
	"math"
	"math/big"
	"math/rand/v2"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

var (
	long = flag.Bool("long", false, "test faults for minutes instead of seconds")
	seed = flag.Uint64("seed", 0, "of what tests do at random; 0: another each time")
)

// chance gives the randomness of a test, and says how to have the same again.
func chance(t *testing.T) *rand.Rand {
	s := *seed
	if s == 0 {
		s = rand.Uint64()
	}
	t.Logf("seed %d", s)
	return rand.New(rand.NewPCG(s, 0))
}

// freeAddr gives an address nobody listens on.
func freeAddr(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// The model, in its own words.
type (
	member struct {
		Sensor string `json:"sensor,omitempty"`
		Group  string `json:"group,omitempty"`
		Sign   int    `json:"sign,omitempty"`
		Meter  bool   `json:"meter,omitempty"`
	}
	group struct {
		ID      string   `json:"id"`
		Members []member `json:"members"`
	}
	sensor struct {
		ID       string `json:"id"`
		Quantity string `json:"quantity"`
		MaxAge   string `json:"maxAge,omitempty"`
		Interval string `json:"interval,omitempty"`
	}
	hierarchy struct {
		ID   string `json:"id"`
		Root string `json:"root"`
	}
	document struct {
		Sensors     []sensor    `json:"sensors"`
		Groups      []group     `json:"groups"`
		Hierarchies []hierarchy `json:"hierarchies"`
	}
)

func (d *document) group(id string) *group {
	i := slices.IndexFunc(d.Groups, func(g group) bool { return g.ID == id })
	return &d.Groups[i]
}

// add puts what another document holds into this one.
func (d *document) add(o *document) {
	d.Sensors, d.Groups, d.Hierarchies = append(d.Sensors, o.Sensors...), append(d.Groups, o.Groups...), append(d.Hierarchies, o.Hierarchies...)
}

// putModel makes the document the model.
func (p *process) putModel(d *document) {
	p.t.Helper()
	a, err := p.send("GET", "/api/v1/model", nil, nil)
	if err != nil || a.status != 200 {
		p.t.Fatalf("read the model: %d %s, %v", a.status, a.body, err)
	}
	a, err = p.send("PUT", "/api/v1/model", http.Header{"If-Match": {a.header.Get("Etag")}}, d)
	if err != nil || a.status/100 != 2 {
		p.t.Fatalf("write the model: %d %s, %v", a.status, a.body, err)
	}
}

// reading is what a meter says.
type reading struct {
	sensor string
	t      int64
	value  float64
}

// doors are the ways in, each with its own way of saying the same.
var doors = []struct {
	name string
	id   func(sender, n int) string // of a sensor
	pack func(sender int, rs []reading) (path, body string)
	code int
}{
	{
		"json", func(sender, n int) string { return fmt.Sprintf("json%d-%d", sender, n) },
		func(_ int, rs []reading) (string, string) {
			rows := make([]string, len(rs))
			for i, r := range rs {
				rows[i] = fmt.Sprintf(`{"sensor":%q,"time":%d,"value":%v,"unit":"W"}`, r.sensor, r.t, r.value)
			}
			return "/api/v1/ingest/json", "[" + strings.Join(rows, ",") + "]"
		}, 200,
	},
	{
		"pdu", func(sender, n int) string { return fmt.Sprintf("pdu%d.outlet %d", sender, n) },
		func(sender int, rs []reading) (string, string) {
			unit := fmt.Sprintf("pdu%d", sender)
			var heads, rows []string
			for i, r := range rs {
				heads = append(heads, fmt.Sprintf(`{"device":{"label":%q},"id":"activePower"},{"device":{"label":%q},"id":"rmsVoltage"}`,
					strings.TrimPrefix(r.sensor, unit+"."), strings.TrimPrefix(r.sensor, unit+".")))
				// A row is of one time; the other outlets have nothing to say there.
				entries := slices.Repeat([]string{`{"available":false}`}, 2*len(rs))
				entries[2*i], entries[2*i+1] = fmt.Sprintf(`{"available":true,"avgValue":%v}`, r.value), `{"available":true,"avgValue":230}`
				rows = append(rows, fmt.Sprintf(`{"timestamp":%d.%03d,"records":[%s]}`, r.t/1000, r.t%1000, strings.Join(entries, ",")))
			}
			return "/api/v1/ingest/pdu?id=" + unit, fmt.Sprintf(`{"sensors":[%s],"rows":[%s]}`, strings.Join(heads, ","), strings.Join(rows, ","))
		}, 200,
	},
	{
		"influx", func(sender, n int) string { return fmt.Sprintf("rack,no=%d.w%d", sender, n) },
		func(sender int, rs []reading) (string, string) {
			var b strings.Builder
			for _, r := range rs {
				_, field, _ := strings.Cut(r.sensor, ".")
				fmt.Fprintf(&b, "rack,no=%d %s=%v %d\n", sender, field, r.value, r.t)
			}
			return "/write?precision=ms", b.String()
		}, 204,
	},
}

// offer sends the readings once and tells whether they were acknowledged. A
// refusal of any of them is an error that trying again does not mend.
func offer(client *http.Client, url string, door, sender int, rs []reading) (bool, error) {
	d := &doors[door]
	path, body := d.pack(sender, rs)
	resp, err := client.Post(url+path, "application/json", strings.NewReader(body))
	if err != nil {
		return false, nil //nolint:nilerr // it is being killed, or not there yet
	}
	defer resp.Body.Close()
	switch resp.StatusCode {
	case d.code:
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		return false, nil
	default:
		return false, fmt.Errorf("%s: %s", d.name, resp.Status)
	}
	if d.code != http.StatusOK {
		return true, nil
	}
	var a struct{ Accepted, Refused int }
	if err := json.NewDecoder(resp.Body).Decode(&a); err != nil {
		return false, nil //nolint:nilerr // cut off: nobody knows whether it meant yes
	}
	if a.Accepted != len(rs) || a.Refused != 0 {
		return false, fmt.Errorf("%s: %d of %d accepted, %d refused", d.name, a.Accepted, len(rs), a.Refused)
	}
	return true, nil
}

// power is a value that is different for every sensor and time, and has as
// many digits as a float64 can.
func power(sensor string, t int64) float64 {
	h := fnv.New64a()
	h.Write(fmt.Appendf(nil, "%s %d", sensor, t))
	return float64(h.Sum64()%3_000_000_000) / 997 / 1000
}

// oracle computes ticks by brute force.
type oracle struct {
	value func(sensor string, t int64) (float64, bool) // that holds at t
}

// evaluated is a group at a tick; the names are those of the columns.
type evaluated struct {
	sum, min, max, meter, unaccounted *float64
	count, total                      int
}

// at evaluates a group. While a member has no value, what is unaccounted is null,
// or, of one that was never heard, not asked for: see decision 0050.
func (o oracle) at(d *document, id string, t int64) evaluated {
	known, total := o.leaves(d, id, t, 1)
	e := evaluated{count: len(known), total: total}
	sum := new(big.Rat)
	for _, v := range known {
		sum.Add(sum, new(big.Rat).SetFloat64(v))
	}
	if len(known) > 0 {
		s, low, high := float(sum), slices.Min(known), slices.Max(known)
		e.sum, e.min, e.max = &s, &low, &high
	}
	if m, ok := d.group(id).meter(); ok {
		if v, there := o.value(m, t); there {
			e.meter = &v
			if e.sum != nil && len(known) == total {
				rest := float(new(big.Rat).Sub(new(big.Rat).SetFloat64(v), sum))
				e.unaccounted = &rest
			}
		}
	}
	return e
}

// leaves gives the signed values of all members that count, and how many there
// are. A group with a meter of its own is one leaf to its parent.
func (o oracle) leaves(d *document, id string, t int64, sign float64) (known []float64, total int) {
	for _, m := range d.group(id).Members {
		by, what := sign, m.Sensor
		if m.Sign < 0 {
			by = -sign
		}
		if m.Meter {
			continue
		}
		if m.Group != "" {
			meter, has := d.group(m.Group).meter()
			if !has {
				k, n := o.leaves(d, m.Group, t, by)
				known, total = append(known, k...), total+n
				continue
			}
			what = meter
		}
		total++
		if v, ok := o.value(what, t); ok {
			known = append(known, by*v)
		}
	}
	return known, total
}

func (g *group) meter() (string, bool) {
	for _, m := range g.Members {
		if m.Meter {
			return m.Sensor, true
		}
	}
	return "", false
}

// columns are those of a tick, as the API calls them.
var columns = []string{"sum", "min", "max", "count", "total", "meter", "unaccounted"}

func (e evaluated) column(name string) *float64 {
	n := func(i int) *float64 { v := float64(i); return &v }
	switch name {
	case "sum":
		return e.sum
	case "min":
		return e.min
	case "max":
		return e.max
	case "count":
		return n(e.count)
	case "total":
		return n(e.total)
	case "meter":
		return e.meter
	}
	return e.unaccounted
}

// raw reads a series as it is stored. A time that comes twice is an error.
func (p *process) raw(kind, id, query string, from, to int64) (map[int64]*float64, error) {
	var got struct {
		T     []int64    `json:"t"`
		Value []*float64 `json:"value"`
	}
	path := fmt.Sprintf("/api/v1/%s/%s/range?raw=true&from=%d&to=%d%s", kind, escaped(id), from, to, query)
	if err := p.try("GET", path, nil, &got); err != nil {
		if from < to && strings.Contains(err.Error(), "values in this span; ask for less") {
			early, err := p.raw(kind, id, query, from, (from+to)/2)
			if err != nil {
				return nil, err
			}
			late, err := p.raw(kind, id, query, (from+to)/2+1, to)
			maps.Copy(early, late)
			return early, err
		}
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	out := make(map[int64]*float64, len(got.T))
	for i, t := range got.T {
		if i > 0 && t <= got.T[i-1] {
			return nil, fmt.Errorf("%s %s: %d comes after %d", kind, id, t, got.T[i-1])
		}
		out[t] = got.Value[i]
	}
	return out, nil
}

// sameTicks compares all columns of a group from from to to, both included,
// with what want says of every tick of a second. A tick of which want says
// nothing need not be there.
func (p *process) sameTicks(id string, from, to int64, want func(t int64) (evaluated, bool)) error {
	wrong, ticks := 0, 0
	var first error
	for _, c := range columns {
		got, err := p.raw("groups", id, "&column="+c, from, to)
		if err != nil {
			return err
		}
		for t := from; t <= to; t += 1000 {
			e, ok := want(t)
			if !ok {
				continue
			}
			ticks++
			w, g := e.column(c), got[t]
			if c == "unaccounted" && w == nil && e.count < e.total {
				continue
			}
			if (w == nil) != (g == nil) || w != nil && math.Float64bits(*w) != math.Float64bits(*g) {
				if wrong++; first == nil {
					first = fmt.Errorf("%s of %s at %d is %v, must be %v", c, id, t, show(g), show(w))
				}
			}
		}
		for t := range got {
			if t%1000 != 0 {
				return fmt.Errorf("%s of %s has a tick at %d", c, id, t)
			}
		}
	}
	if wrong > 0 {
		return fmt.Errorf("%d of %d values are wrong, the first: %w", wrong, ticks, first)
	}
	return nil
}

// sameRecords compares what is stored of a sensor with what must be there.
func (p *process) sameRecords(id string, want map[int64]float64) error {
	from, to := int64(math.MaxInt64), int64(0)
	for t := range want {
		from, to = min(from, t), max(to, t)
	}
	if len(want) == 0 {
		return errors.New("nothing was accepted")
	}
	got, err := p.raw("sensors", id, "", from-3600_000, to+3600_000)
	if err != nil {
		return err
	}
	for t, w := range want {
		if g, ok := got[t]; !ok || g == nil || *g != w {
			return fmt.Errorf("%s at %d is %v, %v was acknowledged; %d of %d are there", id, t, show(g), w, len(got), len(want))
		}
	}
	for t, g := range got {
		if _, ok := want[t]; !ok {
			return fmt.Errorf("%s at %d is %v, and nobody sent that", id, t, show(g))
		}
	}
	var n struct{ Count int }
	if err := p.try("GET", "/api/v1/sensors/"+escaped(id)+"/count", nil, &n); err != nil {
		return err
	}
	if n.Count != len(want) {
		return fmt.Errorf("%s has %d records, %d were acknowledged", id, n.Count, len(want))
	}
	return nil
}

// wait waits a moment that a fault or a sender needs, not one that something
// is hoped to have happened after.
func wait(t *testing.T, d time.Duration) {
	select {
	case <-time.After(d):
	case <-t.Context().Done():
	}
}
