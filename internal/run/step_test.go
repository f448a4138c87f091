package run

import (
	"testing"
	"time"
)

func TestNext(t *testing.T) {
	at := func(s string) time.Time {
		x, err := time.Parse("15:04:05.000", s)
		if err != nil {
			t.Fatal(err)
		}
		return x
	}
	for _, c := range []struct {
		now   string
		every time.Duration
		want  string
	}{
		{"10:00:00.000", time.Second, "10:00:00.060"},
		{"10:00:00.030", time.Second, "10:00:00.060"},
		{"10:00:00.059", time.Second, "10:00:01.060"}, // woken a little early
		{"10:00:00.060", time.Second, "10:00:01.060"},
		{"10:00:00.990", time.Second, "10:00:01.060"},
		{"10:00:00.100", 500 * time.Millisecond, "10:00:00.560"},
		{"10:00:00.559", 500 * time.Millisecond, "10:00:01.060"},
		{"10:00:00.100", 2 * time.Second, "10:00:02.060"},
		{"10:00:00.100", 100 * time.Millisecond, "10:00:00.160"},
	} {
		if got := Next(at(c.now), c.every); !got.Equal(at(c.want)) {
			t.Errorf("after %s every %v: %s, want %s", c.now, c.every, got.Format("15:04:05.000"), c.want)
		}
	}
}
