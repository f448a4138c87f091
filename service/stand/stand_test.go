package stand

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"reflect"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/wattwerk/wattwerk/model"
	"github.com/wattwerk/wattwerk/object"
	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/service/book"
	"github.com/wattwerk/wattwerk/service/watch"
	"github.com/wattwerk/wattwerk/substitute"
)

// past is a history in which b is always twice a, and which notes what is asked of it.
type past struct {
	mu    sync.Mutex
	end   record.Millis // settled
	until map[object.ID]record.Millis
	err   error
	asked map[object.ID]int
}

func wave(t record.Millis) float64 {
	return 100 + 50*math.Sin(2*math.Pi*float64(t%substitute.Day)/float64(substitute.Day)) + 40*math.Sin(float64(t/Hour)*1.7)
}

func (h *past) Means(_ context.Context, id object.ID, from, to record.Millis) ([]float64, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.asked == nil {
		h.asked = make(map[object.ID]int)
	}
	h.asked[id]++
	if h.err != nil {
		return nil, h.err
	}
	out := make([]float64, (to-from)/Quarter)
	for i := range out {
		t := from + record.Millis(i)*Quarter
		out[i] = math.NaN()
		if end, ok := h.until[id]; t >= h.end || t < h.end-20*substitute.Day || ok && t >= end {
			continue
		}
		out[i] = wave(t - t%Hour)
		if id == "sensor/b" {
			out[i] *= 2
		}
	}
	return out, nil
}

func (h *past) Settled(context.Context) (record.Millis, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.end, h.err
}

// room is a desk over a few sensors, with a clock of its own.
type room struct {
	t      *testing.T
	h      *past
	m      *model.Model
	watch  *watch.Watch
	board  *watch.Board
	desk   *Desk
	now    record.Millis
	beside []func()
}

func furnish(t *testing.T, sensors int) *room {
	t.Helper()
	d := model.Document{Sites: []model.Site{{ID: "kiel"}}, Groups: []model.Group{{ID: "hall"}}}
	for i := range sensors {
		id := record.SensorID(fmt.Sprint("s", i))
		if i < 2 {
			id = record.SensorID("ab"[i : i+1])
		}
		d.Sensors = append(d.Sensors, model.Sensor{ID: id, Site: "kiel", Quantity: record.ActivePower, Interval: model.Duration(time.Minute)})
		if i < 2 {
			d.Groups[0].Members = append(d.Groups[0].Members, model.Member{Sensor: id})
		}
	}
	d.Hierarchies = []model.Hierarchy{{ID: "place", Site: "kiel", Root: "hall"}}
	m, err := model.New(d)
	if err != nil {
		t.Fatal(err)
	}
	world, faults := object.NewWorld(m, nil, nil)
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	r := &room{t: t, m: m, watch: watch.New(), now: 20_000 * substitute.Day}
	r.h = &past{end: r.now, until: make(map[object.ID]record.Millis)}
	r.board = watch.NewBoard(r.watch)
	r.board.Set(world, r.now)
	r.desk = NewDesk(r.h, slog.New(slog.DiscardHandler), nil)
	return r
}

func (r *room) says(id record.SensorID) { r.watch.Saw(id, r.now, wave(r.now-r.now%Hour), r.now) }

// step lets a minute pass.
func (r *room) step(says ...record.SensorID) []book.Substitution {
	r.t.Helper()
	r.now += record.Millis(time.Minute.Milliseconds())
	for _, id := range says {
		r.says(id)
	}
	r.board.Step(r.now, nil)
	return r.desk.Step(r.t.Context(), r.board.Now(), r.m, r.watch, r.now, func(f func()) { r.beside = append(r.beside, f) })
}

// fit does what was to be done beside.
func (r *room) fit() {
	for _, f := range r.beside {
		f()
	}
	r.beside = nil
}

// engage has b go away, and something stand in for it.
func (r *room) engage() Substitution {
	r.t.Helper()
	r.step("a", "b")
	r.h.until["sensor/b"] = r.now
	for range 30 {
		for _, row := range r.step("a") {
			if row.Ended == nil {
				s, err := Read(&row)
				if err != nil {
					r.t.Fatal(err)
				}
				return s
			}
		}
		r.fit()
	}
	r.t.Fatal("nothing stands in for b")
	return Substitution{}
}

// TestDeskEngages: an object that goes away is fitted and stood in for, with its provenance
// and a reason; it comes back after good readings, and then has no agent.
func TestDeskEngages(t *testing.T) {
	r := furnish(t, 2)
	s := r.engage()
	p := s.Provenance
	if p.Object != "sensor/b" || !slices.Equal(p.From, []object.ID{"sensor/a"}) || p.Expected.Relative > 1e-6 || s.Why == "" || s.ID == "" || s.Ended != 0 {
		t.Errorf("%+v", s)
	}
	if p.Unit != "W" || p.Known == 0 || p.Fitted == 0 || p.Since != s.Began {
		t.Errorf("it does not say where it comes from: %+v", p)
	}
	var ended *book.Substitution
	for range 20 {
		for _, row := range r.step("a", "b") {
			ended = &row
		}
	}
	if ended == nil || ended.ID != s.ID || ended.Ended == nil || len(r.desk.seats) != 0 {
		t.Errorf("%+v, %d agents", ended, len(r.desk.seats))
	}
	// One that was never heard of has none: nothing is known of it.
	r = furnish(t, 3)
	for range 10 {
		if rows := r.step("a", "b"); len(rows) != 0 || len(r.desk.seats) != 0 {
			t.Fatalf("%+v", rows)
		}
	}
}

// TestDeskGoesOn: another process goes on with what stands in, as it is stored; and what
// the model has no more ends.
func TestDeskGoesOn(t *testing.T) {
	r := furnish(t, 2)
	s := r.engage()
	r.desk = NewDesk(r.h, slog.New(slog.DiscardHandler), []Substitution{s})
	for range 5 {
		if rows := r.step("a"); len(rows) != 0 {
			t.Fatalf("%+v", rows)
		}
		r.fit()
	}
	world, _ := object.NewWorld(furnish(t, 1).m, nil, nil)
	r.board.Set(world, r.now)
	if rows := r.step("a"); len(rows) != 1 || rows[0].ID != s.ID || rows[0].Ended == nil || len(r.desk.seats) != 0 {
		t.Errorf("%+v", rows)
	}
}

// TestWorkIsBounded: of objects that are away at most MostAgents have an agent, those that
// spoke last; and one ranking is fitted at a time.
func TestWorkIsBounded(t *testing.T) {
	const more = 5
	r := furnish(t, MostAgents+more)
	for i := range r.board.Now().World.Len() {
		if id, ok := r.board.Now().World.At(i).ID.Sensor(); ok {
			at := r.now + record.Millis(i)
			r.watch.Saw(id, at, 1, at)
		}
	}
	r.now += 30 * 60_000
	r.step()
	if len(r.desk.seats) != MostAgents || r.desk.Left != more {
		t.Errorf("%d have an agent, %d do not", len(r.desk.seats), r.desk.Left)
	}
	if n := len(r.beside); n != 1 || r.desk.Waiting() != MostAgents-1 {
		t.Errorf("%d are fitted, %d wait", n, r.desk.Waiting())
	}
	r.step()
	if len(r.beside) != 1 {
		t.Error("another one is fitted before the first is")
	}
	r.fit()
	r.step()
	if len(r.beside) != 1 || r.desk.Waiting() != MostAgents-2 {
		t.Errorf("%d are fitted, %d wait", len(r.beside), r.desk.Waiting())
	}
}

// TestHistoryAway: a history that does not answer is told, is asked again after a minute
// and not before, and nothing is made up meanwhile.
func TestHistoryAway(t *testing.T) {
	r := furnish(t, 2)
	r.step("a", "b")
	r.h.err = errors.New("the database is away")
	for range 30 {
		if rows := r.step("a"); slices.ContainsFunc(rows, func(x book.Substitution) bool { return x.Ended == nil }) {
			t.Fatalf("%+v", rows)
		}
		r.fit()
	}
	if _, err := Rank(t.Context(), r.h, r.board.Now().World, r.m, "sensor/b", r.now); !errors.Is(err, r.h.err) {
		t.Errorf("%v", err)
	}
	if seat := r.desk.seats["sensor/b"]; seat == nil || time.Since(seat.ranked) > rankAgain || rankAgain-time.Since(seat.ranked) > afterError {
		t.Errorf("%+v", seat)
	}
	r.h.err = nil
	if _, err := Rank(t.Context(), r.h, r.board.Now().World, r.m, "sensor/nothing", r.now); err == nil {
		t.Error("nothing is ranked")
	}
	if _, err := series(t.Context(), short{}, "sensor/a", 0, Hour, Quarter); err == nil {
		t.Error("a history that gives too little is believed")
	}
}

type short struct{ *past }

func (short) Means(context.Context, object.ID, record.Millis, record.Millis) ([]float64, error) {
	return []float64{1}, nil
}

// TestNothingIsWritten: a history is asked and nothing more: there is nothing by which a
// value that stands in could come into it.
func TestNothingIsWritten(t *testing.T) {
	h := reflect.TypeFor[History]()
	for i := range h.NumMethod() {
		if name := h.Method(i).Name; name != "Means" && name != "Settled" {
			t.Errorf("a history has %s", name)
		}
	}
}

// TestNoneOfAnother: what stands in is made of what was measured, never of what stands in
// for its source: with the source away as well there is no value.
func TestNoneOfAnother(t *testing.T) {
	r := furnish(t, 2)
	s := r.engage()
	step := s.Provenance.Mapping.Step
	at := s.Provenance.Known - s.Provenance.Known%step + 4*step
	r.h.end += 2 * substitute.Day
	v := NewView(r.h, nil)
	x, ok, err := v.Value(t.Context(), s.Provenance, at)
	if want := 2 * wave(at-at%Hour); err != nil || !ok || math.Abs(x-want) > 1e-6 {
		t.Errorf("%v, %v, %v; want %v", x, ok, err, want)
	}
	r.h.until["sensor/a"] = at // it measures no more, and something stands in for it elsewhere
	v = NewView(r.h, nil)
	if x, ok, err := v.Value(t.Context(), s.Provenance, at); ok || err != nil {
		t.Errorf("%v, %v", x, err)
	}
}

// TestView: a moment knows what stands in by its share and its sources; what is not settled
// is what the source says now; and what is wrong is told.
func TestView(t *testing.T) {
	r := furnish(t, 2)
	s := r.engage()
	live := func(id object.ID) (float64, bool) { return 40, id == "sensor/a" }
	in := NewView(r.h, live).StandIn(s)
	if in.State != object.Substituted || !slices.Equal(in.By, []object.ID{"sensor/a"}) || in.ID != s.ID || in.Share != Share(s.Provenance.Expected) {
		t.Errorf("%+v", in)
	}
	for relative, want := range map[float64]float64{0: 1, .3: .7, .99: .05, 5: .05} {
		if got := Share(substitute.Error{Relative: relative}); math.Abs(got-want) > 1e-12 {
			t.Errorf("an error of %v is worth %v", relative, got)
		}
	}
	r.h.err = errors.New("the database is away")
	if at, x := in.Value(r.now); at != 0 || !math.IsNaN(x) {
		t.Errorf("%v at %v although nothing can be known", x, at)
	}
	if _, _, err := NewView(r.h, nil).Value(t.Context(), s.Provenance, r.now); !errors.Is(err, r.h.err) {
		t.Errorf("%v", err)
	}
	for _, doc := range []string{"", "{}", `{"provenance":{}}`, `{"provenance":{"object":"x"}}`} {
		if _, err := Read(&book.Substitution{ID: "x", Doc: doc}); err == nil {
			t.Errorf("%q is read", doc)
		}
	}
}

// TestScore compares what stood in with what came late, and says when nothing did.
func TestScore(t *testing.T) {
	r := furnish(t, 2)
	s := r.engage()
	s.Ended = s.Began + substitute.Day
	r.h.end = s.Ended + Hour
	if _, n, err := NewView(r.h, nil).Score(t.Context(), s); n != 0 || err != nil {
		t.Errorf("%d are compared, %v", n, err)
	}
	delete(r.h.until, "sensor/b")
	mean, n, err := NewView(r.h, nil).Score(t.Context(), s)
	if err != nil || n < 20 || mean > 1e-6 {
		t.Errorf("wrong by %v over %d, %v", mean, n, err)
	}
	r.h.err = errors.New("the database is away")
	if _, _, err := NewView(r.h, nil).Score(t.Context(), s); !errors.Is(err, r.h.err) {
		t.Errorf("%v", err)
	}
}

// TestHours: an hour is known when half of it is; null is not zero.
func TestHours(t *testing.T) {
	nan := math.NaN()
	got := Hours([]float64{1, 2, 3, 4, nan, nan, 4, 2, nan, nan, nan, 8, 0, 0, 0, 0, 9})
	for i, want := range []float64{2.5, 3, nan, 0} {
		if got[i] != want && !(math.IsNaN(got[i]) && math.IsNaN(want)) {
			t.Errorf("hour %d is %v, not %v", i, got[i], want)
		}
	}
	if len(got) != 4 {
		t.Errorf("%v", got)
	}
}

// TestViewAtOnce: a view is for everybody at the same time.
func TestViewAtOnce(t *testing.T) {
	r := furnish(t, 2)
	s := r.engage()
	r.h.end += substitute.Day
	v := NewView(r.h, nil)
	from := s.Provenance.Known - s.Provenance.Known%Hour + Hour
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for k := range record.Millis(20) {
				at := from + k*Hour
				if x, ok, err := v.Value(t.Context(), s.Provenance, at); err != nil || ok && math.Abs(x-2*wave(at)) > 1e-6 {
					t.Errorf("%v at %v: %v", x, at, err)
				}
			}
		})
	}
	all.Wait()
	if n := r.h.asked["sensor/a"]; n > 40 {
		t.Errorf("the source was read %d times", n)
	}
}
