package problem

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestWrite(t *testing.T) {
	w := httptest.NewRecorder()
	w.Header().Set("Retry-After", "1")
	w.Header().Set("Content-Length", "5")
	Write(w, http.StatusTooManyRequests, "more is coming in than can be stored")

	if w.Code != http.StatusTooManyRequests || w.Header().Get("Content-Type") != ContentType ||
		w.Header().Get("Retry-After") != "1" || w.Header().Get("Content-Length") != "" {
		t.Errorf("answered %d with %v", w.Code, w.Header())
	}
	var got Details
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	want := Details{Title: "Too Many Requests", Status: 429, Detail: "more is coming in than can be stored"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestHandler(t *testing.T) {
	w := httptest.NewRecorder()
	Handler(http.StatusNotFound, "there is nothing here").ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/x", nil))
	if w.Code != http.StatusNotFound {
		t.Errorf("answered %d", w.Code)
	}
}
