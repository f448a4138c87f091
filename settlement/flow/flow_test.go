package flow

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/wattwerk/wattwerk/bus"
	"github.com/wattwerk/wattwerk/catalog"
	"github.com/wattwerk/wattwerk/energy"
	"github.com/wattwerk/wattwerk/internal/pgtest"
	"github.com/wattwerk/wattwerk/model"
	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/settlement/ledger"
	"github.com/wattwerk/wattwerk/settlement/tree"
	"github.com/wattwerk/wattwerk/window"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Main(m)) }

// everywhere runs a test with both databases.
func everywhere(t *testing.T, f func(t *testing.T, s *ledger.Store)) {
	open := func(t *testing.T, dir, url string) *ledger.Store {
		s, err := ledger.Open(t.Context(), ledger.Options{Dir: dir, URL: url, NoSync: true})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
		return s
	}
	t.Run("sqlite", func(t *testing.T) { f(t, open(t, filepath.Join(t.TempDir(), "data"), "")) })
	t.Run("postgres", func(t *testing.T) { f(t, open(t, "", pgtest.Database(t))) })
}

// site is a plant whose sensors are settled, and trees that held one after the
// other.
type site struct {
	t       *testing.T
	store   *ledger.Store
	berlin  window.Calendar
	model   *model.Model
	past    tree.Past
	values  map[record.SensorID]map[record.Millis]ledger.Row
	ask     func(path string, into any) string
	outline *tree.Outline
}

func (s *site) Calendar(p ledger.Point) window.Calendar {
	if p.Name == "far" {
		return window.In(time.UTC)
	}
	return s.berlin
}

func (s *site) Outline(context.Context) (*tree.Outline, error) { return s.outline, nil }

const sensors = `
sites: [{id: kiel, zone: Europe/Berlin}, {id: reykjavik, zone: UTC}]
sensors:
  - {id: main, name: Main meter, site: kiel, quantity: active_power, interval: 1m}
  - {id: a, site: kiel, quantity: active_power, interval: 1m}
  - {id: b, site: kiel, quantity: active_power, interval: 1m}
  - {id: c, site: kiel, quantity: active_power, interval: 1m}
  - {id: halls, site: kiel, quantity: active_power, interval: 1m}
  - {id: panels, site: kiel, quantity: active_power, interval: 1m}
  - {id: far, site: reykjavik, quantity: active_power, interval: 1m}
  - {id: silent, site: kiel, quantity: active_power, interval: 1m}
  - {id: volts, site: kiel, quantity: voltage, interval: 1m}
`

// The trees: a moves into the hall, which gets a meter; then the hall moves below
// the east, and far leaves.
var versions = []string{`
groups:
  - {id: plant, members: [{sensor: main, meter: true}, {sensor: a}, {group: hall}, {group: sun, sign: -1}, {group: east}]}
  - {id: hall, members: [{sensor: b}, {sensor: silent}]}
  - {id: sun, members: [{sensor: panels}]}
  - {id: east, members: [{sensor: c}, {sensor: far}]}
hierarchies: [{id: place, site: kiel, root: plant}]
`, `
groups:
  - {id: plant, members: [{sensor: main, meter: true}, {group: hall}, {group: sun, sign: -1}, {group: east}]}
  - {id: hall, name: Hall, members: [{sensor: halls, meter: true, sign: -1}, {sensor: b}, {sensor: silent}, {sensor: a}]}
  - {id: sun, members: [{sensor: panels}]}
  - {id: east, members: [{sensor: c}, {sensor: far}]}
hierarchies: [{id: place, site: kiel, root: plant}]
`, `
groups:
  - {id: plant, members: [{sensor: main, meter: true}, {group: sun, sign: -1}, {group: east}]}
  - {id: hall, name: Hall, members: [{sensor: halls, meter: true, sign: -1}, {sensor: b}, {sensor: silent}, {sensor: a}]}
  - {id: sun, members: [{sensor: panels}]}
  - {id: east, members: [{sensor: c}, {group: hall}]}
hierarchies: [{id: place, site: kiel, root: plant}]
`}

// build settles random quarters from a time to another, by trees of which the
// second and the third begin at since.
func build(t *testing.T, store *ledger.Store, from, to record.Millis, since [2]record.Millis) *site {
	t.Helper()
	berlin, err := window.Load("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	s := &site{t: t, store: store, berlin: berlin, past: make(tree.Past), values: make(map[record.SensorID]map[record.Millis]ledger.Row)}
	var document model.Document
	for i, v := range versions {
		if document, err = model.ReadYAML([]byte(sensors + v)); err != nil {
			t.Fatal(err)
		}
		m, err := model.New(document)
		if err != nil {
			t.Fatal(err)
		}
		begin := record.Millis(0)
		if i > 0 {
			begin = since[i-1]
		}
		s.past.Add(tree.New("place", begin, uint64(i+1), m.Layout("place")))
		s.model = m
	}
	s.outline = tree.NewOutline(s.model, s.past)
	random := rand.New(rand.NewPCG(5, 6))
	quarters := make(map[ledger.Point][]ledger.Row)
	for sn := range s.model.Sensors() {
		all := make(map[record.Millis]ledger.Row)
		for at := from; at < to; at += quarter {
			if sn.ID == "silent" || random.IntN(15) == 0 {
				continue
			}
			r := ledger.Row{Start: at, End: at + quarter, Total: 1, Members: 1, Value: energy.Value{Known: true, Amount: energy.Amount(random.Int64N(5e9)), Covered: int64(quarter), Count: 5, Quality: energy.Measured}}
			if random.IntN(5) == 0 {
				r.Estimated, r.Covered = r.Amount/3, int64(quarter)/2
			}
			all[at] = r
			quarters[ledger.SensorPoint(sn.ID)] = append(quarters[ledger.SensorPoint(sn.ID)], r)
		}
		s.values[sn.ID] = all
	}
	for at := from; at < to; at += quarter {
		x := s.past.At("place", at)
		done := make(map[int]*ledger.Row)
		for g := len(x.Groups) - 1; g >= 0; g-- {
			sum := x.Evaluate(g, 1, func(int) (record.Millis, record.Millis) { return at, at + quarter }, nil,
				func(name string) tree.Column {
					return func(int) *ledger.Row {
						if r, ok := s.values[record.SensorID(name)][at]; ok {
							return &r
						}
						return nil
					}
				}, func(child int) tree.Column { return func(int) *ledger.Row { return done[child] } })
			if r, ok := sum[0].Result(); ok {
				done[g] = &r
				quarters[ledger.GroupPoint("place", x.Groups[g].Name)] = append(quarters[ledger.GroupPoint("place", x.Groups[g].Name)], r)
			}
		}
	}
	for p, rows := range quarters {
		s.write(ledger.Quarters, p, rows)
		var days []ledger.Row
		for d := range s.Calendar(p).Spans(window.Day, from, to) {
			if inside := tree.Between(rows, d.From, d.To); len(inside) > 0 && d.To <= to {
				days = append(days, tree.Merge(d.From, d.To, inside))
			}
		}
		s.write(ledger.Days, p, days)
	}
	if err := store.SetProgress(t.Context(), ledger.Frontier, to); err != nil {
		t.Fatal(err)
	}
	s.ask = serve(t, s, document, to.Time().Add(5*time.Minute))
	return s
}

func (s *site) write(table ledger.Table, p ledger.Point, rows []ledger.Row) {
	s.t.Helper()
	ids, err := s.store.IDs(s.t.Context(), []ledger.Point{p}, true)
	if err != nil {
		s.t.Fatal(err)
	}
	changes := make([]ledger.Change, len(rows))
	for i, r := range rows {
		changes[i] = ledger.Change{Point: ids[0], Row: r}
	}
	if err := s.store.Write(s.t.Context(), table, changes); err != nil {
		s.t.Fatal(err)
	}
}

// serve answers over HTTP.
func serve(t *testing.T, s *site, d model.Document, now time.Time) func(path string, into any) string {
	b, err := bus.Open(t.Context(), bus.Options{Dir: t.TempDir(), Partitions: 1, MinFree: 1, NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	c := catalog.New(b, nil)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- c.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	<-c.Ready()
	if _, err := c.Commit(t.Context(), catalog.Change{Patch: model.Diff(model.Document{}, d), Who: "ada"}); err != nil {
		t.Fatal(err)
	}
	f, err := New(Options{Store: s.store, Catalog: c, Trees: s, Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	f.Register(humago.New(mux, huma.DefaultConfig("test", "1")))
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return func(path string, into any) string {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+"/api/v1/settled/groups/"+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		text, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		if into != nil {
			if resp.StatusCode != http.StatusOK {
				t.Fatalf("%s answers %d %s", path, resp.StatusCode, text)
			}
			if err := json.Unmarshal(text, into); err != nil {
				t.Fatalf("%s: %v", path, err)
			}
		}
		return resp.Status[:3] + " " + strings.TrimSpace(string(text))
	}
}

// brute is what a sensor counts for while it stands in a place, which a function
// tells of each quarter: with which sign.
func (s *site) brute(id record.SensorID, from, to record.Millis, sign func(at record.Millis) int) (amount, completeness float64, known bool) {
	var covered, length record.Millis
	for at := from; at < to; at += quarter {
		k := sign(at)
		if k == 0 {
			continue
		}
		length += quarter
		if r, ok := s.values[id][at]; ok {
			known = true
			amount += float64(k) * r.Amount.Float64()
			covered += record.Millis(r.Covered)
		}
	}
	return amount, float64(covered) / float64(max(length, 1)), known
}

// rest adds up what sensors say, each with a sign, in the quarters in which all of
// them speak for all of the time; and tells the part of the time that those are.
func (s *site) rest(from, to record.Millis, signs func(at record.Millis) map[record.SensorID]float64) (amount, part float64) {
	n := 0
	for at := from; at < to; at += quarter {
		whole, sum := true, 0.
		for id, sign := range signs(at) {
			r, ok := s.values[id][at]
			whole = whole && ok && r.Covered == int64(quarter)
			sum += sign * r.Amount.Float64()
		}
		if whole {
			amount += sum
			n++
		}
	}
	return amount, float64(n) * float64(quarter) / float64(max(to-from, 1))
}

func close6(a, b float64) bool { return math.Abs(a-b) <= 1e-6*(1+math.Abs(b)) }

// TestFlow compares what comes of days and quarters, over a change of the clock
// and changes of the tree, with what single quarters say.
func TestFlow(t *testing.T) {
	everywhere(t, func(t *testing.T, store *ledger.Store) {
		c, err := window.Load("Europe/Berlin")
		if err != nil {
			t.Fatal(err)
		}
		at := func(day, hour, minute int) record.Millis {
			return record.MillisOf(time.Date(2026, 3, day, hour, minute, 0, 0, c.Zone()))
		}
		begin, end := at(25, 0, 0), at(32, 13, 30)
		since := [2]record.Millis{at(28, 10, 7), at(30, 0, 0)}
		s := build(t, store, begin, end, since)
		second := (since[0] + quarter - 1) / quarter * quarter
		for _, x := range []struct{ from, to, begin, until record.Millis }{
			{begin, at(33, 0, 0), begin, end},
			{at(26, 5, 1), at(31, 17, 29), at(26, 5, 15), at(31, 17, 30)},
			{at(27, 0, 0), at(28, 0, 0), at(27, 0, 0), at(28, 0, 0)},
			{at(30, 1, 0), at(30, 3, 0), at(30, 1, 0), at(30, 3, 0)},
		} {
			var b Body
			s.ask(fmt.Sprintf("plant/flow?from=%d&to=%d&depth=8", x.from, x.to), &b)
			if b.Zone != "Europe/Berlin" || b.Unit != "Wh" || b.From != int64(x.begin) || b.Until != int64(x.until) {
				t.Fatalf("got %+v", b)
			}
			find := func(parent, kind, id string) (NodeBody, *LinkBody) {
				for i, l := range b.Links {
					if n := b.Nodes[l.Target]; b.Nodes[l.Source].ID == parent && n.ID == id && string(n.Kind) == kind {
						return n, &b.Links[i]
					}
				}
				return NodeBody{}, nil
			}
			// Each sensor, where it stood.
			for _, k := range []struct {
				parent string
				id     record.SensorID
				sign   func(record.Millis) int
			}{
				{"plant", "a", func(q record.Millis) int { return bit(q < second) }},
				{"hall", "a", func(q record.Millis) int { return bit(q >= second && q < since[1]) }},
				{"hall", "b", func(q record.Millis) int { return bit(q < since[1]) }},
				{"sun", "panels", func(record.Millis) int { return 1 }},
				{"east", "c", func(record.Millis) int { return 1 }},
				{"east", "far", func(q record.Millis) int { return bit(q < since[1]) }},
			} {
				amount, completeness, known := s.brute(k.id, x.begin, x.until, k.sign)
				n, l := find(k.parent, "sensor", string(k.id))
				if !known {
					if l != nil && k.parent != "hall" {
						t.Errorf("%s is in %s: %+v", k.id, k.parent, n)
					}
					continue
				}
				if l == nil || l.Amount == nil || !close6(*l.Amount, amount) || !close6(*n.Amount, amount) || !close6(n.Completeness, completeness) {
					t.Errorf("%s in %s has %+v, %+v, not %v, %v", k.id, k.parent, n, l, amount, completeness)
				}
			}
			if n, l := find("hall", "sensor", "silent"); l != nil && (n.Amount != nil || l.Amount != nil || n.Completeness != 0) {
				t.Errorf("of what is silent: %+v", n)
			}
			// The panels count against.
			amount, _, _ := s.brute("panels", x.begin, x.until, func(record.Millis) int { return 1 })
			if n, l := find("plant", "group", "sun"); l == nil || !close6(*l.Amount, -amount) || !close6(*n.Amount, amount) || l.Sign != -1 {
				t.Errorf("the sun has %+v, %+v", n, l)
			}
			// The hall counts by its members before it has a meter, then by that, which looks the other way.
			unmetered, _, _ := s.brute("b", x.begin, x.until, func(q record.Millis) int { return bit(q < second) })
			metered, _, _ := s.brute("halls", x.begin, x.until, func(q record.Millis) int { return -bit(q >= second && q < since[1]) })
			if n, l := find("plant", "group", "hall"); x.begin < since[1] && (l == nil || !close6(*l.Amount, unmetered+metered)) {
				t.Errorf("the hall has %+v, %+v, not %v", n, l, unmetered+metered)
			}
			// Members add up to their group, and with the rest to its meter.
			for i, n := range b.Nodes {
				if n.Kind != Group || n.Members == 0 || n.Sum == nil {
					continue
				}
				var sum, rest float64
				for _, l := range b.Links {
					if l.Source != i || l.Amount == nil {
						continue
					}
					if b.Nodes[l.Target].Kind == Unaccounted {
						rest += *l.Amount
					} else {
						sum += *l.Amount
					}
				}
				if !close6(sum, *n.Sum) {
					t.Errorf("the members of %s come to %v, not %v", n.ID, sum, *n.Sum)
				}
				if n.Unaccounted != nil && !close6(rest, *n.Unaccounted) {
					t.Errorf("the rest of %s is %v, not %v", n.ID, rest, *n.Unaccounted)
				}
				if n.ID != "plant" {
					continue
				}
				// What is silent is in the plant until the hall counts by its meter.
				want, compared := s.rest(max(x.begin, second), x.until, func(q record.Millis) map[record.SensorID]float64 {
					m := map[record.SensorID]float64{"main": 1, "halls": 1, "panels": 1, "c": -1}
					if q < since[1] {
						m["far"] = -1
					}
					return m
				})
				if known := n.Unaccounted != nil; known != (compared > 0) || !close6(rest, want) || !close6(*n.Compared, compared*float64(x.until-max(x.begin, second))/float64(x.until-x.begin)) {
					t.Errorf("%v is unaccounted of the plant, over %v, not %v over %v", rest, *n.Compared, want, compared)
				}
			}
		}
		// What is folded together is what it was.
		var b, whole Body
		s.ask(fmt.Sprintf("plant/flow?from=%d&to=%d&depth=1&members=1", at(27, 0, 0), at(28, 0, 0)), &b)
		s.ask(fmt.Sprintf("plant/flow?from=%d&to=%d&depth=1", at(27, 0, 0), at(28, 0, 0)), &whole)
		if len(b.Nodes) != 4 || b.Nodes[2].Kind != Others || b.Nodes[2].Members != 3 || b.Nodes[3].Kind != Unaccounted || len(whole.Nodes) != 6 || !whole.Nodes[1].Closed && whole.Nodes[1].Kind == Group {
			t.Fatalf("got %+v and %+v", b, whole)
		}
		if sum := *whole.Links[1].Amount + *whole.Links[2].Amount + *whole.Links[3].Amount; !close6(*b.Links[1].Amount, sum) || b.Trees != 1 {
			t.Errorf("others have %+v, not %v", b.Nodes[2], sum)
		}
		if b.Nodes[0].Meter != "main" || b.Nodes[0].Members != 4 || b.Nodes[0].Unaccounted != nil || *b.Nodes[0].Compared != 0 || b.Nodes[0].Estimated == nil || *b.Nodes[0].Estimated <= 0 {
			t.Errorf("got %+v", b.Nodes[0])
		}
		// Before there is anything, nothing is known.
		b = Body{}
		s.ask("plant/flow?from=2020-01-01&to=2020-01-02", &b)
		if n := b.Nodes[0]; n.Amount != nil || n.Completeness != 0 || n.Sum != nil || n.Unaccounted != nil {
			t.Errorf("got %+v", n)
		}
		for path, want := range map[string]string{
			"none/flow":                              "404 ",
			"plant/flow?from=x":                      "from: ",
			"plant/flow?to=x":                        "to: ",
			"plant/flow?from=1990-01-01":             "at most 20 years",
			"plant/flow?depth=9":                     "422 ",
			"plant/flow?members=101":                 "422 ",
			"gone/flow?hierarchy=place":              `"amount":null`,
			"plant/flow?from=now-10d&to=now-6h":      "200 ",
			"plant/flow?hierarchy=never&from=now-1d": `"trees":0`,
		} {
			if got := s.ask(path, nil); !strings.Contains(got, want) {
				t.Errorf("%s answers %s", path, got)
			}
		}
	})
}

func bit(b bool) int {
	if b {
		return 1
	}
	return 0
}
