package app

import "testing"

func TestGCPercent(t *testing.T) {
	for live, want := range map[uint64]int{
		0: 800, 1: 800, 4 << 20: 800, 8 << 20: 400, 16 << 20: 200, 32 << 20: 100, 33 << 20: 100, 4 << 30: 100,
	} {
		if got := gcPercent(live); got != want {
			t.Errorf("with %d bytes alive collections wait for %d %% of it, want %d", live, got, want)
		}
	}
}
