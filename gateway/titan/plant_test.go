package titan

import (
	"cmp"
	"context"
	"math"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/wattwerk/wattwerk/model"
	"github.com/wattwerk/wattwerk/record"
)

// world is a plant as Titan's demo has it, with a few things that Titan has not.
const world = `
sites: [{id: kiel, zone: Europe/Berlin}]
sensors:
  - {id: server1, name: Server 1, site: kiel, quantity: active_power, interval: 1s}
  - {id: server2, site: kiel, quantity: active_power}
  - {id: server3, name: Server 3, site: kiel, quantity: active_power}
  - {id: fan1, name: Fan, site: kiel, quantity: active_power}
  - {id: roof/pv, name: Roof, site: kiel, quantity: active_power}
  - {id: main, name: Main meter, site: kiel, quantity: active_power}
  - {id: counter, site: kiel, quantity: energy}
  - {id: spare, name: Spare, quantity: active_power}
groups:
  - {id: root, name: My Company, members: [{sensor: main, meter: true}, {group: comcenter}, {group: cooling}, {sensor: roof/pv, sign: -1}]}
  - {id: comcenter, name: Comcenter, members: [{sensor: server1}, {sensor: server2}, {sensor: server3}]}
  - {id: cooling, members: [{sensor: fan1}]}
  - {id: void, name: Void}
  - {id: energies, members: [{sensor: counter}]}
  - {id: loose, members: [{sensor: spare}]}
hierarchies:
  - {id: place, name: By place, site: kiel, root: root}
  - {id: other, root: void}
  - {id: energy, root: energies}
`

// plant is a Wattwerk in memory.
type plant struct {
	mu       sync.Mutex
	model    *model.Model
	root     model.GroupID
	notes    []string
	values   map[Series][]sample
	counts   map[Series][]sample
	cells    []Cell
	asked    []any // of cells and deviations
	scores   []Deviation
	sending  []string
	quantity map[record.SensorID]record.Quantity
	busy     error
	now      time.Time
}

type sample struct {
	t int64
	v float64
}

func modelOf(t *testing.T, text string) *model.Model {
	t.Helper()
	d, err := model.ReadYAML([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	m, err := model.New(d)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func newPlant(t *testing.T) *plant {
	t.Helper()
	return &plant{
		model: modelOf(t, world), values: make(map[Series][]sample), counts: make(map[Series][]sample), quantity: make(map[record.SensorID]record.Quantity),
		now: time.Date(2020, 10, 7, 8, 0, 0, 0, time.UTC),
	}
}

func (p *plant) Values(ctx context.Context, s Series, from, to record.Millis, f func([]int64, []float64) error) error {
	return hand(ctx, p.values[s], from, to, f)
}

func (p *plant) Counts(ctx context.Context, s Series, from, to record.Millis, f func([]int64, []float64) error) error {
	return hand(ctx, p.counts[s], from, to, f)
}

// hand gives a thousand at a time, or three of few.
func hand(ctx context.Context, all []sample, from, to record.Millis, f func([]int64, []float64) error) error {
	begin, _ := slices.BinarySearchFunc(all, int64(from), func(x sample, t int64) int { return cmp.Compare(x.t, t) })
	end, _ := slices.BinarySearchFunc(all, int64(to)+1, func(x sample, t int64) int { return cmp.Compare(x.t, t) })
	page := 3
	if len(all) > 100 {
		page = 1000
	}
	var ts []int64
	var vs []float64
	flush := func() error {
		if len(ts) == 0 {
			return nil
		}
		err := f(ts, vs)
		ts, vs = nil, nil
		return err
	}
	for _, x := range all[begin:max(begin, end)] {
		if ts, vs = append(ts, x.t), append(vs, x.v); len(ts) == page {
			if err := flush(); err != nil {
				return err
			}
		}
	}
	if err := flush(); err != nil {
		return err
	}
	return ctx.Err()
}

func (p *plant) Change(_ context.Context, build func(*model.Model) (model.Patch, string, error)) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	patch, note, err := build(p.model)
	if err != nil {
		return err
	}
	if p.busy != nil {
		return p.busy
	}
	m, _, err := p.model.Apply(patch)
	if err != nil {
		return &status{http.StatusUnprocessableEntity, err.Error()}
	}
	if !patch.Empty() {
		p.notes = append(p.notes, note)
	}
	p.model = m
	return nil
}

type status struct {
	code int
	text string
}

func (s *status) Error() string  { return s.text }
func (s *status) GetStatus() int { return s.code }
func (s *status) GetHeaders() http.Header {
	return http.Header{"Retry-After": {"3"}}
}

func (p *plant) Cells(_ context.Context, s Series, by By, from, to record.Millis) ([]Cell, error) {
	p.asked = append(p.asked, s, by, from, to)
	if p.cells != nil {
		return p.cells, nil
	}
	out := make([]Cell, []int{24, 7, 168}[by])
	for i := range out {
		if i != 2 { // of one nothing is known
			out[i] = Cell{Count: 4, Mean: float64(i) + .5, Variance: 1, Min: float64(i), Max: float64(i) + 1}
		} else {
			out[i] = Cell{Mean: math.NaN(), Variance: math.NaN(), Min: math.NaN(), Max: math.NaN()}
		}
	}
	return out, nil
}

func (p *plant) Deviations(_ context.Context, s Series, from, to record.Millis) ([]Deviation, error) {
	p.asked = append(p.asked, s, from, to)
	var out []Deviation
	for _, d := range p.scores {
		if d.Time >= from && d.Time <= to {
			out = append(out, d)
		}
	}
	return out, nil
}

// handler is all of it, as the program mounts it.
func (p *plant) handler() http.Handler {
	at := Plant{Model: func() *model.Model { return p.model }, Root: p.root, Quantity: func(id record.SensorID) record.Quantity { return p.quantity[id] }}
	now := func() time.Time { return p.now }
	mux := http.NewServeMux()
	mux.Handle(HistoryPath+"/", History(HistoryOptions{Plant: at, Readings: p, Sensors: func(context.Context) ([]string, error) { return p.sending, p.busy }, Now: now}))
	hierarchy := Hierarchy(HierarchyOptions{
		Plant: at, Registry: p,
		Operators: func(h http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.Header.Get("X-Role") == "viewer" {
					w.WriteHeader(http.StatusForbidden)
					return
				}
				h.ServeHTTP(w, r)
			})
		},
	})
	mux.Handle(HierarchyPath, hierarchy)
	mux.Handle(HierarchyPath+"/", hierarchy)
	mux.Handle(StatisticsPath+"/", Statistics(StatisticsOptions{Plant: at, Profiles: p, Now: now}))
	mux.Handle(AnomaliesPath+"/", Anomalies(AnomaliesOptions{Plant: at, Deviations: p, Now: now}))
	return mux
}

// call asks as Titan's page does.
func (p *plant) call(t *testing.T, method, path, body string) (int, string) {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, path, strings.NewReader(body))
	if body != "" { // as axios sends what is a string already
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	w := httptest.NewRecorder()
	p.handler().ServeHTTP(w, r)
	if kind := w.Header().Get("Content-Type"); w.Code == http.StatusOK && w.Body.Len() > 0 && kind != "application/json" {
		t.Errorf("%s %s is of type %q", method, path, kind)
	}
	return w.Code, strings.TrimRight(w.Body.String(), "\n")
}
