package app

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestReplayMapping(t *testing.T) {
	for _, c := range []struct {
		cmd  ReplayCmd
		want string // part of the error; empty: none
	}{
		{ReplayCmd{As: "household"}, ""},
		{ReplayCmd{As: "steel"}, ""},
		{ReplayCmd{As: "else"}, "household and steel are known"},
		{ReplayCmd{Time: "t", Interval: time.Minute, Column: []string{"P=a:b:kW"}}, ""},
		{ReplayCmd{Time: "t", Interval: time.Minute, Column: []string{"P"}}, "not like COLUMN=SENSOR:UNIT"},
		{ReplayCmd{Time: "t", Interval: time.Minute, Column: []string{"P=a:parsec"}}, "parsec"},
		{ReplayCmd{Time: "t", Interval: time.Minute}, "column"},
	} {
		m, err := c.cmd.mapping()
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%+v: got %v, want %q", c.cmd, err, c.want)
		}
		if c.cmd.Column != nil && err == nil && m.Values[0].Sensor != "a:b" {
			t.Errorf("sensor %q", m.Values[0].Sensor)
		}
	}
}

// TestReplayWaitsAndGivesUp plays a file to a server that is busy at first and
// refuses everything in the end.
func TestReplayWaitsAndGivesUp(t *testing.T) {
	file := filepath.Join(t.TempDir(), "f.csv")
	if err := os.WriteFile(file, []byte("time,P\n2026-01-01T00:00:00Z,1\n2026-01-01T00:01:00Z,2\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	calls := 0
	refuse := false
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		calls++
		w.Header().Set("Content-Type", "application/problem+json")
		switch {
		case refuse:
			w.WriteHeader(http.StatusForbidden)
			_, _ = io.WriteString(w, `{"detail":"not you"}`)
		case calls == 1:
			w.Header().Set("Retry-After", "0")
			w.WriteHeader(http.StatusTooManyRequests)
			_, _ = io.WriteString(w, `{"detail":"busy"}`)
		default:
			var got []map[string]any
			if err := json.NewDecoder(r.Body).Decode(&got); err != nil || len(got) == 0 || got[0]["sensor"] != "main" || got[0]["unit"] != "kW" {
				t.Errorf("got %v, %v", got, err)
			}
			_ = json.NewEncoder(w).Encode(map[string]int{"accepted": len(got)})
		}
	}))
	defer srv.Close()
	var said strings.Builder
	cmd := ReplayCmd{File: file, Time: "time", Interval: time.Minute, Column: []string{"P=main:kW"}}
	cmd.URL = srv.URL
	sys := IO{Out: io.Discard, Err: &said, Environ: []string{"WATTWERK_TOKEN=x"}}
	if err := cmd.Run(context.Background(), sys); err != nil || calls < 2 || !strings.Contains(said.String(), "2 records stored") {
		t.Fatalf("%v after %d calls: %s", err, calls, said.String())
	}
	refuse = true
	if err := cmd.Run(context.Background(), sys); err == nil || errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "not you") {
		t.Fatalf("got %v", err)
	}
}
