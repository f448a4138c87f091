package letter

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/wattwerk/wattwerk/bridge"
	"github.com/wattwerk/wattwerk/bus"
	"github.com/wattwerk/wattwerk/record"
)

// sensors are what the model knows; it may be changed.
type sensors struct {
	mu sync.Mutex
	is map[record.SensorID]bridge.Sensor
}

func (s *sensors) Sensor(id record.SensorID) (bridge.Sensor, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	x, ok := s.is[id]
	return x, ok
}

func (s *sensors) set(id record.SensorID, x bridge.Sensor) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.is[id] = x
}

// process takes readings in and answers.
type process struct {
	t   *testing.T
	svc *bridge.Service
	mux *http.ServeMux
}

func start(t *testing.T, b *bus.Bus, m bridge.Model, name string, now func() time.Time) *process {
	t.Helper()
	s, err := bridge.New(bridge.Options{Bus: b, Model: m, Config: bridge.DefaultConfig(), Now: now})
	if err != nil {
		t.Fatal(err)
	}
	p := &process{t, s, http.NewServeMux()}
	Register(humago.New(p.mux, huma.DefaultConfig("test", "1")), Options{Bus: b, Again: s.Again, Actor: func(context.Context) string { return name }, Now: now})
	return p
}

func (p *process) ask(method, path, body string, into any) string {
	p.t.Helper()
	w := httptest.NewRecorder()
	r := httptest.NewRequest(method, "/api/v1/dead-letters"+path, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	p.mux.ServeHTTP(w, r)
	if into != nil {
		if w.Code != http.StatusOK {
			p.t.Fatalf("%s %s answers %d %s", method, path, w.Code, w.Body)
		}
		if err := json.Unmarshal(w.Body.Bytes(), into); err != nil {
			p.t.Fatal(err)
		}
	}
	return fmt.Sprint(w.Code, " ", w.Body)
}

func (p *process) offer(text string) {
	p.t.Helper()
	if _, err := p.svc.Take(p.t.Context(), bridge.JSON(bridge.DefaultMapping()), &bridge.Message{Body: []byte(text)}); err != nil {
		p.t.Fatal(err)
	}
}

func openBus(t *testing.T) *bus.Bus {
	t.Helper()
	b, err := bus.Open(t.Context(), bus.Options{Dir: t.TempDir(), Partitions: 1, MinFree: 1, NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	return b
}

// stored counts the records on the stream.
func stored(t *testing.T, b *bus.Bus) int {
	t.Helper()
	x, err := b.RecordsExtent(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	if x.Last == 0 {
		return n
	}
	done := errors.New("all were read")
	err = b.ReadRecords(t.Context(), 0, 0, func(m bus.Message) error {
		var batch record.Batch
		if err := batch.Decode(m.Data); err != nil {
			return err
		}
		if n += batch.Len(); m.Seq == x.Last {
			return done
		}
		return nil
	})
	if !errors.Is(err, done) {
		t.Fatal(err)
	}
	return n
}

// TestLettersAreTriedOnce mends what stood in the way of letters, and has two
// processes try them at the same time.
func TestLettersAreTriedOnce(t *testing.T) {
	b := openBus(t)
	m := &sensors{is: map[record.SensorID]bridge.Sensor{"a": {Quantity: record.Energy}, "v": {Virtual: true}}}
	noon := time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)
	now := func() time.Time { return noon }
	one, two := start(t, b, m, "ada", now), start(t, b, m, "bob", now)
	for i := range 20 {
		one.offer(fmt.Sprintf(`{"sensor": "a", "value": %d.5, "unit": "kW", "time": "2026-05-04T11:%02d:00Z"}`, i, i))
	}
	one.offer(`{"sensor": "v", "value": 1}`)
	one.offer(`nonsense`)
	one.offer(`{"sensor": "late", "value": 7, "time": "2026-05-04T13:00:00Z"}`)
	var list ListBody
	one.ask("GET", "", "", &list)
	if list.Count != 23 || len(list.Letters) != 23 || list.Next != 0 || !list.Letters[0].Decoded || list.Letters[1].Decoded || list.Letters[3].Unit != "kW" || *list.Letters[3].Value != 19.5 || list.Letters[2].Time != record.MillisOf(noon) {
		t.Fatalf("got %+v", list)
	}
	// Page by page, of one sensor.
	seen := 0
	for before := ""; ; {
		var page ListBody
		two.ask("GET", "?sensor=a&limit=6"+before, "", &page)
		seen += len(page.Letters)
		for _, l := range page.Letters {
			if l.Sensor != "a" || l.Reason == "" {
				t.Fatalf("got %+v", l)
			}
		}
		if page.Next == 0 {
			break
		}
		before = fmt.Sprintf("&before=%d", page.Next)
	}
	if seen != 20 {
		t.Errorf("%d letters of a", seen)
	}
	// Nothing was mended yet.
	var r RetryBody
	if one.ask("POST", "/retry", `{"all": true}`, &r); r.Stored != 0 || r.Refused != 23 || stored(t, b) != 0 {
		t.Fatalf("got %+v", r)
	}
	for _, l := range r.Letters {
		if l.State != "refused" || l.Reason == "" {
			t.Fatalf("got %+v", l)
		}
	}
	m.set("a", bridge.Sensor{Quantity: record.ActivePower})
	var answers [8]RetryBody
	var wg sync.WaitGroup
	for i := range answers {
		wg.Go(func() {
			p := one
			if i%2 == 1 {
				p = two
			}
			p.ask("POST", "/retry", `{"all": true, "sensor": "a"}`, &answers[i])
		})
	}
	wg.Wait()
	total := 0
	for _, a := range answers {
		total += a.Stored
		if a.Refused != 0 || len(a.Letters) != 20 {
			t.Errorf("got %+v", a)
		}
	}
	if total != 20 || stored(t, b) != 20 {
		t.Errorf("%d were stored, and %d are there", total, stored(t, b))
	}
	two.ask("GET", "?sensor=a", "", &list)
	for _, l := range list.Letters {
		if l.RetriedAt == nil || !l.RetriedAt.Equal(noon) || l.RetriedBy != "ada" && l.RetriedBy != "bob" {
			t.Errorf("got %+v", l)
		}
	}
	// What was in the future is not any more.
	noon = noon.Add(time.Hour)
	r = RetryBody{}
	if one.ask("POST", "/retry", `{"ids": [23, 23, 99]}`, &r); r.Stored != 1 || len(r.Letters) != 3 || r.Letters[0].State != "gone" || r.Letters[2].State != "done" || stored(t, b) != 21 {
		t.Errorf("got %+v", r)
	}
	for _, body := range []string{`{}`, `{"all": true, "ids": [1]}`} {
		if got := one.ask("POST", "/retry", body, nil); !strings.HasPrefix(got, "422 ") {
			t.Errorf("%s answers %s", body, got)
		}
	}
}

// TestWhoDiesWhileTrying leaves a letter that others try after a while.
func TestWhoDiesWhileTrying(t *testing.T) {
	b := openBus(t)
	m := &sensors{is: map[record.SensorID]bridge.Sensor{"a": {Virtual: true}}}
	noon := time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)
	p := start(t, b, m, "ada", func() time.Time { return noon })
	p.offer(`{"sensor": "a", "value": 1}`)
	m.set("a", bridge.Sensor{})
	kv, err := b.KV(t.Context(), bucket)
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(mark{Who: "bob", At: noon})
	if err == nil {
		_, err = kv.Create(t.Context(), "1", text)
	}
	if err != nil {
		t.Fatal(err)
	}
	var r RetryBody
	if p.ask("POST", "/retry", `{"ids": [1]}`, &r); r.Letters[0].State != "busy" || stored(t, b) != 0 {
		t.Errorf("got %+v", r)
	}
	noon = noon.Add(stale)
	if p.ask("POST", "/retry", `{"ids": [1]}`, &r); r.Letters[0].State != "stored" || stored(t, b) != 1 {
		t.Errorf("got %+v", r)
	}
}
