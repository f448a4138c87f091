package imports_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/danielgtaylor/huma/v2/humatest"

	"github.com/wattwerk/wattwerk/model"
)

// TestUploadAnswers: a file that was brought is answered as JSON, with the place
// where it is.
func TestUploadAnswers(t *testing.T) {
	w := newWorld(t, "", model.Document{})
	_, api := humatest.New(t)
	w.service.Register(api)
	a := api.Post("/api/v1/imports?name=a.csv", "Content-Type: text/csv", strings.NewReader("time,a\n2026-01-01 00:00,1\n")).Result()
	if a.StatusCode != http.StatusCreated || a.Header.Get("Content-Type") != "application/json" || !strings.HasPrefix(a.Header.Get("Location"), "/api/v1/imports/imp_") {
		t.Errorf("answered %s with %v", a.Status, a.Header)
	}
	if a := api.Post("/api/v1/imports?name=a.csv", "Content-Type: text/csv", strings.NewReader("")).Result(); a.StatusCode != http.StatusUnprocessableEntity {
		t.Errorf("an empty file is answered %s", a.Status)
	}
}
