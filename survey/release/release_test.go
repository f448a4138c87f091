package release

import (
	"errors"
	"fmt"
	"math"
	"testing"
)

// TestRings: the shares are kept, a wider ring reaches all of a narrower one, and another version
// begins with others.
func TestRings(t *testing.T) {
	const devices = 30_000
	reached := make(map[Ring]int)
	both := 0
	for i := range devices {
		device := fmt.Sprintf("6f1d2c9a-0b6e-4c53-9f57-%012x", i)
		was := false
		for ring := Halted; ring <= All; ring++ {
			r := Release{Version: "1.4.0", Platform: "linux/arm64", Sequence: 1, Ring: ring}
			is := r.Reaches(device)
			if was && !is {
				t.Fatalf("%s is reached by ring %d and not by %d", device, ring-1, ring)
			}
			if was = is; is {
				reached[ring]++
			}
		}
		first := Release{Version: "1.4.0", Ring: First}
		next := Release{Version: "1.5.0", Ring: First}
		if first.Reaches(device) && next.Reaches(device) {
			both++
		}
	}
	for ring, n := range map[Ring]int{Halted: 0, First: devices / 100, Second: devices / 10, All: devices} {
		// Five standard deviations.
		share := ring.Share()
		if math.Abs(float64(reached[ring]-n)) > 5*math.Sqrt(devices*share*(1-share)) {
			t.Errorf("ring %d reaches %d of %d, not about %d", ring, reached[ring], devices, n)
		}
	}
	if both > 20 { // 3 are expected
		t.Errorf("%d devices are in the first ring of both versions", both)
	}
}

func TestNamedDevices(t *testing.T) {
	r := Release{Version: "1.4.0", Platform: "linux/arm64", Sequence: 1, Ring: First, Devices: []string{"bench"}}
	if !r.Reaches("bench") {
		t.Error("a device that is named is not reached")
	}
	if r.Ring = Halted; r.Reaches("bench") {
		t.Error("a release that is halted reaches somebody")
	}
}

func TestOlder(t *testing.T) {
	order := []string{"0.9.9", "1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-alpha.beta", "1.0.0-rc.2", "1.0.0-rc.11", "v1.0.0", "1.0.1", "1.2.0", "1.10.0", "2.0.0+build"}
	for i, a := range order {
		for j, b := range order {
			if older, known := Older(a, b); !known || older != (i < j) {
				t.Errorf("%s older than %s: %v, %v", a, b, older, known)
			}
		}
	}
	for _, s := range []string{"", "devel", "1.2", "1.2.x", "1.2.3-", "devel-c122270f0f0f", "1.2.9999999999999999999"} {
		if _, known := Older(s, "1.0.0"); known {
			t.Errorf("%q is known", s)
		}
	}
}

func TestParse(t *testing.T) {
	r, err := Parse([]byte(`{"version":"1.4.0","platform":"linux/arm64","sequence":3,"ring":1,"later":true}`))
	if err != nil || r.File() != "wattwerk-1.4.0-linux-arm64" {
		t.Error(r, err)
	}
	for _, text := range []string{
		``, `null`, `[]`, `{"version":"../x","platform":"linux/arm64","sequence":1}`, `{"version":"1","platform":"linux","sequence":1}`,
		`{"version":"1","platform":"linux/arm64"}`, `{"version":"1","platform":"linux/arm64","sequence":1,"ring":4}`, `{"version":"1","platform":"linux/arm64","sequence":1,"ring":-1}`,
		`{"version":".","platform":"linux/arm64","sequence":1}`,
	} {
		if _, err := Parse([]byte(text)); !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: %v", text, err)
		}
	}
}
