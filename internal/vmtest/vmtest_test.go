package vmtest

import (
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
)

// TestKill writes, kills, starts again and reads.
func TestKill(t *testing.T) {
	s := Start(t, Options{})
	get := func(path string) string {
		t.Helper()
		res, err := http.Get(s.URL() + path)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		body, err := io.ReadAll(res.Body)
		if err != nil || res.StatusCode/100 != 2 {
			t.Fatal(res.Status, string(body), err)
		}
		return string(body)
	}
	res, err := http.Post(s.URL()+"/api/v1/import/prometheus", "text/plain", strings.NewReader("x 5 1700000000000\n"))
	if err != nil {
		t.Fatal(err)
	}
	if err := res.Body.Close(); err != nil {
		t.Fatal(err)
	}
	get("/snapshot/create") // it writes everything to the disk
	before := s.PID()
	s.Kill()
	if s.PID() != 0 {
		t.Error("it runs")
	}
	if _, err := http.Get(s.URL() + "/health"); err == nil {
		t.Error("it answers")
	}
	s.Again()
	if s.PID() == before {
		t.Error("it is the same process")
	}
	const want = `"values":[5],"timestamps":[1700000000000]`
	if got := get(`/api/v1/export?match[]=x`); !strings.Contains(got, want) {
		t.Errorf("got %s, want %s", got, want)
	}
	s.Stop()
	s.Stop()
	s.Again()
	get("/health")
}

// TestVersion holds the version and the script that installs it together.
func TestVersion(t *testing.T) {
	script, err := os.ReadFile("../../scripts/needs.sh")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(script), "/app/victoria-metrics v"+Version+"\n") {
		t.Errorf("scripts/needs.sh does not install victoria-metrics %s", Version)
	}
}
