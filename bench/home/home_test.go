package home

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/wattwerk/wattwerk/record"
)

// TestHome: all six services can be carried out, and each says something.
func TestHome(t *testing.T) {
	h, err := New(record.MillisOf(time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)))
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	h.Execution.Register(humago.New(mux, huma.DefaultConfig("test", "1")))
	for sid, want := range map[string]string{"S1": `"load"`, "S2": `"cycles"`, "S3": `"sessions"`, "S4": `"result"`, "S5": `"hours"`, "S6": `"model"`} {
		r := httptest.NewRequest(http.MethodPost, "/api/v1/services/"+sid+"/execute", strings.NewReader(h.Request(sid)))
		r.Header.Set("Content-Type", "application/json")
		rw := httptest.NewRecorder()
		if mux.ServeHTTP(rw, r); rw.Code != http.StatusOK || !strings.Contains(rw.Body.String(), want) {
			t.Errorf("%s: %d %.1500s", sid, rw.Code, rw.Body)
		}
	}
}
