package keep

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/wattwerk/wattwerk/energy"
	"github.com/wattwerk/wattwerk/model"
	"github.com/wattwerk/wattwerk/object"
	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/service/feed"
	"github.com/wattwerk/wattwerk/tariff"
	"github.com/wattwerk/wattwerk/window"
)

const quarter = record.Millis(window.QuarterLength)

// begin is a quarter of an hour, at midnight UTC.
const begin = record.Millis(1_767_571_200_000)

// source measures the same all the time, has holes if it is told, and numbers changes.
type source struct {
	mu      sync.Mutex
	power   float64
	holes   bool
	stands  bool
	reads   int
	number  int64
	prices  int64
	changed map[object.ID]int64
	follows map[object.ID]bool
	broken  error
}

func (s *source) Quarters(_ context.Context, _ object.ID, from, to record.Millis, each func(i int, v *energy.Value)) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reads++
	for i := range int((to - from) / quarter) {
		if s.holes && i%50 == 7 {
			continue
		}
		each(i, &energy.Value{Known: true, Quality: energy.Measured, Covered: window.QuarterLength, Amount: energy.Amount(s.power / 4 * energy.PerUnit), Average: s.power})
	}
	return s.broken
}

func (s *source) Samples(context.Context, record.SensorID, record.Millis, record.Millis, int) ([]feed.Sample, error) {
	return nil, errors.New("there are no readings")
}
func (s *source) Settled(context.Context) (record.Millis, error) { return begin, nil }
func (s *source) Tariff(context.Context, string) (t tariff.Tariff, ok bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	err = json.Unmarshal([]byte(`{"id":"grid","currency":"EUR","zone":"UTC","versions":[{"from":"2020-01-01","components":[{"id":"energy","kind":"energy","price":"0.3"}]}]}`), &t)
	return t, true, err
}
func (s *source) Assigned(ctx context.Context, _ object.ID, _ record.Millis) (tariff.Tariff, bool, error) {
	return s.Tariff(ctx, "")
}
func (s *source) Quotes(context.Context, string, record.Millis, record.Millis) ([]tariff.Quote, error) {
	return nil, nil
}
func (s *source) Parts(object.ID) []feed.Part { return nil }
func (s *source) Zone(object.ID) string       { return "UTC" }

func (s *source) StoodIn(_ context.Context, _ object.ID, from, to record.Millis) ([]float64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.stands {
		return nil, nil
	}
	return make([]float64, (to-from)/quarter), nil
}

func (s *source) Follow(_ context.Context, id object.ID) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.follows[id] = true
	return nil
}

func (s *source) Now(context.Context) (Revision, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return Revision{s.number, s.prices}, s.broken
}

func (s *source) Changed(id object.ID, after int64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.changed[id] > after
}

// late has a settled quarter of an object be another one.
func (s *source) late(id object.ID, power float64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.power = power
	if s.follows[id] {
		s.number++
		s.changed[id] = s.number
	}
}

func build(t *testing.T) (*source, *Results, Request) {
	t.Helper()
	m, err := model.New(model.Document{Sites: []model.Site{{ID: "home"}}, Sensors: []model.Sensor{
		{ID: "power", Site: "home", Quantity: record.ActivePower}, {ID: "other", Site: "home", Quantity: record.ActivePower},
	}})
	if err != nil {
		t.Fatal(err)
	}
	world, _ := object.NewWorld(m, nil, nil)
	s := &source{power: 400, changed: make(map[object.ID]int64), follows: make(map[object.ID]bool)}
	r := New(Options{Feed: &feed.Feed{Source: s, StandIns: s}, Revisions: s})
	return s, r, Request{
		Request: feed.Request{Computation: "estimation", World: world, Subject: "sensor/power", Now: begin + 5*60_000, Parameters: []byte(`{"load":"sensor/power","generation":[]}`)},
		SID:     "S1", Domain: "building", Epoch: 1, States: 1,
	}
}

func (s *source) run(t *testing.T, r *Results, q Request) (Result, string) {
	t.Helper()
	out, err := r.Run(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	text, ok := out.Result.(json.RawMessage)
	if !ok || !json.Valid(text) {
		t.Fatalf("%T", out.Result)
	}
	return out, string(text)
}

// TestKept: what was computed is given again for as long as nothing that it was made
// of is otherwise, and not a moment longer.
func TestKept(t *testing.T) {
	s, r, q := build(t)
	first, text := s.run(t, r, q)
	if first.How != Made || !strings.Contains(text, "400") {
		t.Fatalf("%s: %.300s", first.How, text)
	}
	again, same := s.run(t, r, q)
	if again.How != Found || same != text || again.At != first.At {
		t.Errorf("%s", again.How)
	}
	q.Now += 60_000 // the same quarter of an hour
	if x, _ := s.run(t, r, q); x.How != Found {
		t.Errorf("a minute later: %s", x.How)
	}
	s.late("sensor/other", 400) // nobody looked at that
	if x, _ := s.run(t, r, q); x.How != Found {
		t.Errorf("of another sensor: %s", x.How)
	}
	s.late("sensor/power", 800)
	x, changed := s.run(t, r, q)
	if x.How != Made || changed == text || !strings.Contains(changed, "800") {
		t.Errorf("after late data: %s", x.How)
	}
	s.prices++ // it has none
	if x, _ := s.run(t, r, q); x.How != Found {
		t.Errorf("of prices: %s", x.How)
	}
	for what, change := range map[string]func(q *Request){
		"another epoch":  func(q *Request) { q.Epoch++ },
		"another day":    func(q *Request) { q.Parameters = []byte(`{"load":"sensor/power","generation":[],"day":"2026-01-05"}`) },
		"a quarter on":   func(q *Request) { q.Now += quarter },
		"a given end":    func(q *Request) { q.To = begin - 24*4*quarter },
		"another object": func(q *Request) { q.Subject = "sensor/other" },
		"anew":           func(q *Request) { q.Anew = true },
	} {
		q := q
		change(&q)
		if out, err := r.Run(t.Context(), q); err != nil || out.How != Made {
			t.Errorf("%s: %s, %v", what, out.How, err)
		}
	}
}

// TestPriced: what has prices follows them.
func TestPriced(t *testing.T) {
	s, r, q := build(t)
	q.Computation, q.SID = "sharing", "S4"
	q.Parameters = []byte(`{"members":[{"id":"one","load":"sensor/power"}],"grid":{"tariff":"grid"}}`)
	s.run(t, r, q)
	if x, _ := s.run(t, r, q); x.How != Found {
		t.Error(x.How)
	}
	s.prices++
	if x, _ := s.run(t, r, q); x.How != Made {
		t.Error(x.How)
	}
}

// TestStoodIn: what stood in is not kept, and what might have only until a state is
// another one.
func TestStoodIn(t *testing.T) {
	s, r, q := build(t)
	s.holes = true
	s.run(t, r, q)
	if x, _ := s.run(t, r, q); x.How != Found {
		t.Error(x.How)
	}
	q.States++
	if x, _ := s.run(t, r, q); x.How != Made {
		t.Error(x.How)
	}
	s.stands = true
	q.States++
	s.run(t, r, q)
	if x, _ := s.run(t, r, q); x.How != Made {
		t.Error(x.How)
	}
}

// TestStale: when nothing can be read, what was kept is told, and that it is old.
func TestStale(t *testing.T) {
	s, r, q := build(t)
	if _, ok := r.Stale(q); ok {
		t.Error("nothing was kept")
	}
	_, text := s.run(t, r, q)
	s.broken = errors.New("the disk is gone")
	if _, err := r.Run(t.Context(), q); !errors.Is(err, s.broken) {
		t.Error(err)
	}
	x, ok := r.Stale(q)
	if !ok || x.How != Stale || string(x.Result.(json.RawMessage)) != text {
		t.Errorf("%v %s", ok, x.How)
	}
	q.Now += 3600_000 + 1
	q.To = begin // the same request, an hour on
	if _, ok := r.Stale(q); ok {
		t.Error("it is too old")
	}
}

// TestTogether: of many that ask at once few compute, and all get the same.
func TestTogether(t *testing.T) {
	s, r, q := build(t)
	texts := make([]string, 40)
	var g sync.WaitGroup
	for i := range texts {
		g.Go(func() {
			out, err := r.Run(t.Context(), q)
			if err == nil {
				texts[i] = string(out.Result.(json.RawMessage))
			}
		})
	}
	g.Wait()
	for _, x := range texts {
		if x == "" || x != texts[0] {
			t.Fatalf("%.100s", x)
		}
	}
	if r.Len() != 1 {
		t.Errorf("%d results are kept", r.Len())
	}
	if s.reads > 4 {
		t.Logf("%d reads", s.reads)
	}
}
