package town

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/wattwerk/wattwerk/availability"
	"github.com/wattwerk/wattwerk/microservice/plan"
)

// TestTown: of many plans some are whole, some are not, and a monolith of the same
// parts has fewer.
func TestTown(t *testing.T) {
	w, err := New(10_000, 312, .1)
	if err != nil {
		t.Fatal(err)
	}
	if w.World.Len() != 10_000 || len(w.Rooms) != 104 {
		t.Fatalf("%d objects, %d rooms", w.World.Len(), len(w.Rooms))
	}
	kinds := make(map[availability.Exec]int)
	for n := range 6 * 104 {
		p, err := w.Discover(n)
		if err != nil {
			kinds[availability.Nothing]++
			continue
		}
		kinds[p.Exec]++
	}
	if kinds[availability.Full] == 0 || kinds[availability.Partial] == 0 {
		t.Errorf("%v", kinds)
	}
	ok := map[string]int{}
	for name, h := range map[string]http.Handler{"microservices": w.Microservices(), "monolith": w.Monolith()} {
		for n := range 6 * 104 {
			rw := httptest.NewRecorder()
			h.ServeHTTP(rw, httptest.NewRequest(http.MethodGet, fmt.Sprint("/?n=", n), nil))
			switch rw.Code {
			case http.StatusOK:
				ok[name]++
			case http.StatusServiceUnavailable:
			default:
				t.Fatal(rw.Code, rw.Body)
			}
		}
		rw := httptest.NewRecorder()
		if h.ServeHTTP(rw, httptest.NewRequest(http.MethodGet, "/?n=x", nil)); rw.Code != http.StatusBadRequest {
			t.Errorf("%s: %d", name, rw.Code)
		}
	}
	// Of 120 objects, one in ten dead, hardly any service has all.
	if ok["microservices"] < 300 || ok["monolith"] > 10 {
		t.Errorf("%v", ok)
	}
	w.Draw(1, 0)
	rw := httptest.NewRecorder()
	if w.Monolith().ServeHTTP(rw, httptest.NewRequest(http.MethodGet, "/?n=3", nil)); rw.Code != http.StatusOK {
		t.Errorf("nothing is dead, and the monolith says %d", rw.Code)
	}
	if _, err := New(10, 312, .1); err == nil {
		t.Error("a town of ten objects is made")
	}
}

// TestProgram: the program finds in a town what the finder alone finds, and finds it
// again when everything is stirred.
func TestProgram(t *testing.T) {
	w, err := New(1000, 312, .1)
	if err != nil {
		t.Fatal(err)
	}
	p, err := w.Program()
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		for n := range 6 * len(w.Rooms) {
			want, no := w.Discover(n)
			got, err := p.Execution.Discover(w.Request(n), plan.BySum)
			if (no == nil) != (err == nil) {
				t.Fatalf("%d: %v, and by the program %v", n, no, err)
			}
			if err == nil && (got.Exec != want.Exec || got.Strict != want.Strict || len(got.StandIns) != len(want.StandIns)) {
				t.Errorf("%d: %+v, and by the program %+v", n, want, got)
			}
		}
		p.Stir()
	}
}
