package problem

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/go-cmp/cmp"

	"github.com/wattwerk/wattwerk/internal/phrase"
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

// TestTypes names what a status alone does not say, in both kinds of errors.
func TestTypes(t *testing.T) {
	w := httptest.NewRecorder()
	WriteAs(w, http.StatusServiceUnavailable, phrase.BusFull, "the disk is nearly full")
	var got Details
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || got.Type != "urn:wattwerk:problem:bus-full" {
		t.Errorf("%+v, %v", got, err)
	}
	var e *huma.ErrorModel
	if err := Typed(phrase.LastAdmin, huma.Error409Conflict("no")); !errors.As(err, &e) || e.Type != Type(phrase.LastAdmin) || e.Detail != "no" {
		t.Errorf("%+v", e)
	}
	if err := Typed("", huma.Error409Conflict("no")); !errors.As(err, &e) || e.Type != "" {
		t.Errorf("%+v", e)
	}
}

func TestHandler(t *testing.T) {
	w := httptest.NewRecorder()
	Handler(http.StatusNotFound, "there is nothing here").ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/x", nil))
	if w.Code != http.StatusNotFound {
		t.Errorf("answered %d", w.Code)
	}
}
