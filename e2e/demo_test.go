package e2e

import (
	"compress/gzip"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"math/big"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"
	_ "time/tzdata" // the zones of the plants, on machines that have none
)

// plant is what a file says, computed here and nowhere else in the project:
// for each sensor the power in W that holds from a time on.
type plant struct {
	first    int64 // ms
	period   int64 // after which the file begins again, ms
	interval int64 // ms
	power    map[string]map[int64]*big.Rat
}

// at gives what the file says of the interval that t is in, shifted to now.
func (p *plant) at(sensor string, t int64) (*big.Rat, bool) {
	into := (t - p.first) % p.period
	if into < 0 {
		into += p.period
	}
	v, ok := p.power[sensor][p.first+into/p.interval*p.interval]
	return v, ok
}

// held is at with the rule that a value holds for three intervals when no
// other comes: the file has minutes without values.
func (p *plant) held(sensor string, t int64) (*big.Rat, bool) {
	for back := range int64(3) {
		if v, ok := p.at(sensor, t-back*p.interval); ok {
			return v, true
		}
	}
	return nil, false
}

// energy is the integral of the power from from to to, in Wh.
func (p *plant) energy(sensor string, from, to int64) *big.Rat {
	sum := new(big.Rat)
	for t := from; t < to; t += p.interval {
		if v, ok := p.held(sensor, t); ok {
			sum.Add(sum, v)
		}
	}
	return sum.Mul(sum, big.NewRat(p.interval, 3_600_000))
}

func readFile(t *testing.T, name string, row func(column map[string]string) error) {
	t.Helper()
	f, err := os.Open("../demo/data/" + name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	r := csv.NewReader(z)
	r.FieldsPerRecord = -1
	var head []string
	for {
		fields, err := r.Read()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		if head == nil {
			fields[0] = strings.TrimPrefix(fields[0], "\ufeff")
			head = fields
			continue
		}
		if len(fields) != len(head) { // the last row of the household is cut off
			continue
		}
		column := make(map[string]string)
		for i, name := range head {
			column[name] = fields[i]
		}
		if err := row(column); err != nil {
			t.Fatalf("%s: %v: %v", name, fields, err)
		}
	}
}

func (p *plant) set(sensor string, at int64, text string, factor int64) error {
	if text == "" {
		return nil // nothing was measured
	}
	v, ok := new(big.Rat).SetString(text)
	if !ok {
		return fmt.Errorf("%q is no number", text)
	}
	if p.first == 0 {
		p.first = at
	}
	if p.power[sensor] == nil {
		p.power[sensor] = make(map[int64]*big.Rat)
	}
	if at < p.first+p.period {
		p.power[sensor][at] = v.Mul(v, big.NewRat(factor, 1))
	}
	return nil
}

const weekMS = 7 * 24 * 3600 * 1000

func household(t *testing.T) *plant {
	zone, err := time.LoadLocation("Europe/Paris")
	if err != nil {
		t.Fatal(err)
	}
	p := &plant{period: weekMS, interval: 60_000, power: make(map[string]map[int64]*big.Rat)}
	readFile(t, "household_1min.csv.gz", func(c map[string]string) error {
		at, err := time.ParseInLocation("2/1/2006 15:04:05", strings.TrimSpace(c["Datetime"]), zone)
		if err != nil {
			return err
		}
		ms := at.UnixMilli()
		return errors.Join(
			p.set("household.main", ms, c["Global_active_power"], 1000), // kW
			p.set("household.kitchen", ms, c["Sub_metering_1"], 60),     // Wh in a minute
			p.set("household.laundry", ms, c["Sub_metering_2"], 60),
			p.set("household.heating", ms, c["Sub_metering_3"], 60),
		)
	})
	return p
}

func steelWorks(t *testing.T) *plant {
	zone, err := time.LoadLocation("Asia/Seoul")
	if err != nil {
		t.Fatal(err)
	}
	p := &plant{period: 52 * weekMS, interval: 900_000, power: make(map[string]map[int64]*big.Rat)}
	readFile(t, "steel_15min.csv.gz", func(c map[string]string) error {
		end, err := time.ParseInLocation("2/1/2006 15:04", c["date"], zone)
		if err != nil {
			return err
		}
		if c["NSM"] == "0" { // seconds since midnight: the last quarter stands at 0:00 of its own day
			end = end.AddDate(0, 0, 1)
		}
		return p.set("steel-works.main", end.Add(-15*time.Minute).UnixMilli(), c["Usage_kWh"], 4000)
	})
	return p
}

func float(r *big.Rat) float64 {
	f, _ := r.Float64()
	return f
}

func TestDemo(t *testing.T) {
	house, steel := household(t), steelWorks(t)
	p := start(t, t.TempDir(), "--demo")

	var doc struct {
		Groups []struct{ ID string }
	}
	p.call("GET", "/api/v1/model", nil, &doc)
	if len(doc.Groups) < 10 {
		t.Fatalf("the demo has %d groups", len(doc.Groups))
	}
	seen := watchDemo(t, p, len(doc.Groups), house, steel)

	t.Run("records", func(t *testing.T) { checkRecords(t, p, house, steel) })
	t.Run("energy", func(t *testing.T) { checkEnergy(t, p, house, steel) })
	t.Run("energy of a group", func(t *testing.T) { checkGroupEnergy(t, p, seen) })
}

// watchDemo waits until every group has power and it moves, checks every tick
// against the files, and returns the ticks of the hierarchy of places by time.
func watchDemo(t *testing.T, p *process, groups int, house, steel *plant) []map[string]point {
	t.Helper()
	live := make(map[string]bool)
	var kept []map[string]point
	plants, checked := make(map[float64]bool), 0
	err := p.events("", 90*time.Second, func(event string, data []byte) error {
		if event != "aggregates" {
			return nil
		}
		var k ticks
		if err := json.Unmarshal(data, &k); err != nil {
			return err
		}
		at := k.points()
		for g, x := range at {
			if (x.sum != nil || x.meter != nil) && !live[g] {
				live[g] = true
				if len(live) == groups {
					t.Logf("every group has live power %v after the start", time.Since(p.began).Round(time.Millisecond))
				}
			}
		}
		if k.Hierarchy != "place" || len(live) < groups {
			return nil
		}
		if err := checkTick(at, k.T, house, steel); err != nil {
			return err
		}
		if sum := at["plants"].sum; sum != nil {
			plants[*sum] = true
		}
		if k.T%house.interval >= settled {
			checked++
		}
		if kept = append(kept, at); len(kept) >= 8 && len(plants) > 3 && checked > 3 {
			return errEnough
		}
		return nil
	})
	if !errors.Is(err, errEnough) {
		t.Fatalf("%v; %d of %d groups have power:\n%v\n%s", err, len(live), groups, live, p.output())
	}
	return kept
}

// point is a group at a tick.
type point struct {
	t                       int64
	sum, meter, unaccounted *float64
	count, total            int
}

func (k *ticks) points() map[string]point {
	out := make(map[string]point)
	for i, g := range k.Group {
		x := point{t: k.T, sum: k.Sum[i], count: k.Count[i], total: k.Total[i]}
		if i < len(k.Meter) {
			x.meter = k.Meter[i]
		}
		if i < len(k.Unaccounted) {
			x.unaccounted = k.Unaccounted[i]
		}
		out[g] = x
	}
	return out
}

// settled is how long into an interval its reading has certainly arrived, ms.
const settled = 10_000

// checkTick compares with the files. In the first seconds of a new interval the
// reading may still be on its way, so nothing is asked of them.
func checkTick(at map[string]point, ms int64, house, steel *plant) error {
	same := func(what string, got *float64, want float64) error {
		if got == nil || *got != want {
			return fmt.Errorf("%s at %v is %v, the file says %v", what, time.UnixMilli(ms).UTC(), show(got), want)
		}
		return nil
	}
	var errs []error
	if main, known := house.held("household.main", ms); known && ms%house.interval >= settled {
		sum, whole := new(big.Rat), true
		for _, s := range []string{"household.kitchen", "household.laundry", "household.heating"} {
			if v, ok := house.held(s, ms); ok {
				sum.Add(sum, v)
			} else {
				whole = false
			}
		}
		h := at["household"]
		errs = append(errs, same("household", h.sum, float(sum)), same("the household's meter", h.meter, float(main)))
		if whole {
			errs = append(errs, same("unaccounted in the household", h.unaccounted, float(new(big.Rat).Sub(main, sum))))
		}
	}
	if ms%steel.interval >= settled {
		v, _ := steel.held("steel-works.main", ms)
		errs = append(errs, same("steel works", at["steel-works"].sum, float(v)))
	}
	// All plants: the household by its meter, the others by their sums.
	dc, h, s := at["data-centre"].sum, at["household"].meter, at["steel-works"].sum
	if dc != nil && h != nil && s != nil {
		errs = append(errs, same("all plants", at["plants"].sum, *dc+*h+*s))
	}
	if x := at["plants"]; x.count > x.total {
		errs = append(errs, fmt.Errorf("%d of %d members are known", x.count, x.total))
	}
	return errors.Join(errs...)
}

func show(v *float64) any {
	if v == nil {
		return "null"
	}
	return *v
}

func checkRecords(t *testing.T, p *process, house, steel *plant) {
	now := time.Now().UnixMilli()
	for _, c := range []struct {
		sensor string
		plant  *plant
	}{
		{"household.main", house}, {"household.kitchen", house}, {"household.laundry", house}, {"household.heating", house},
		{"steel-works.main", steel},
	} {
		to := now/c.plant.interval*c.plant.interval - c.plant.interval
		from := to - 2*24*3600*1000
		var got struct {
			T     []int64    `json:"t"`
			Value []*float64 `json:"value"`
		}
		p.call("GET", fmt.Sprintf("/api/v1/sensors/%s/range?raw=true&from=%d&to=%d", url.PathEscape(c.sensor), from, to-1), nil, &got)
		values := make(map[int64]float64)
		for i, at := range got.T {
			if got.Value[i] != nil {
				values[at] = *got.Value[i]
			}
		}
		n := 0
		for at := from; at < to; at += c.plant.interval {
			want, ok := c.plant.at(c.sensor, at)
			v, have := values[at]
			if ok != have || ok && v != float(want) {
				t.Fatalf("%s at %v is %v (%v), the file says %v (%v)", c.sensor, time.UnixMilli(at).UTC(), v, have, want, ok)
			}
			if ok {
				n++
			}
		}
		if n != len(values) || n == 0 {
			t.Errorf("%s has %d records, the file has %d", c.sensor, len(values), n)
		}
	}
}

type energy struct {
	Value        *float64
	Completeness float64
}

func (e *energy) is(want float64) bool {
	return e != nil && e.Value != nil && math.Abs(*e.Value-want) <= 1e-12*math.Abs(want)
}

func checkEnergy(t *testing.T, p *process, house, steel *plant) {
	const hour = 3_600_000
	to := time.Now().UnixMilli()/hour*hour - hour
	from := to - 24*hour
	total := func(sensor string, pl *plant) float64 {
		t.Helper()
		var e energy
		p.call("GET", fmt.Sprintf("/api/v1/sensors/%s/energy?from=%d&to=%d", sensor, from, to), nil, &e)
		want := float(pl.energy(sensor, from, to))
		if !e.is(want) {
			t.Errorf("energy of %s is %v Wh, the file says %v", sensor, show(e.Value), want)
		}
		if e.Completeness != 1 {
			t.Errorf("completeness of %s is %v", sensor, e.Completeness)
		}
		return want
	}
	main := total("household.main", house)
	parts := total("household.kitchen", house) + total("household.laundry", house) + total("household.heating", house)
	if main <= parts {
		t.Errorf("the main meter shows %v Wh, its parts %v", main, parts)
	}
	total("steel-works.main", steel)
}

// checkGroupEnergy compares the energy of a group with the ticks that were
// seen live.
func checkGroupEnergy(t *testing.T, p *process, seen []map[string]point) {
	from, to := seen[0]["household"].t, seen[0]["household"].t
	var sum, meter, unaccounted big.Rat
	add := func(to *big.Rat, w *float64) {
		if w != nil {
			to.Add(to, new(big.Rat).Mul(new(big.Rat).SetFloat64(*w), big.NewRat(1, 3600)))
		}
	}
	for _, at := range seen {
		x := at["household"]
		if x.t != to { // a tick was skipped; a slow reader gets the newest only
			break
		}
		add(&sum, x.sum)
		add(&meter, x.meter)
		add(&unaccounted, x.unaccounted)
		to += 1000
	}
	eventually(t, 30*time.Second, func() error {
		var got struct{ Sum, Meter, Unaccounted *energy }
		if err := p.try("GET", fmt.Sprintf("/api/v1/groups/household/energy?from=%d&to=%d", from, to), nil, &got); err != nil {
			return err
		}
		if !got.Sum.is(float(&sum)) || !got.Meter.is(float(&meter)) || !got.Unaccounted.is(float(&unaccounted)) {
			return fmt.Errorf("from %d to %d: got %v %v %v, the ticks say %v %v %v", from, to,
				got.Sum, got.Meter, got.Unaccounted, float(&sum), float(&meter), float(&unaccounted))
		}
		return nil
	})
}

func (e *energy) String() string {
	if e == nil {
		return "nothing"
	}
	return fmt.Sprint(show(e.Value))
}
