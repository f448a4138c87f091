package anonymise

import (
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

func district(t *testing.T, name string) *District {
	t.Helper()
	all := Districts()
	for i := range all {
		if all[i].Name == name {
			return &all[i]
		}
	}
	t.Fatalf("there is no %s", name)
	return nil
}

func TestDistricts(t *testing.T) {
	people := 0
	codes := make(map[string]bool)
	for _, d := range Districts() {
		people += d.Inhabitants
		codes[d.NUTS] = true
		if d.Area <= 0 || len(d.rings) == 0 {
			t.Errorf("%s: area %g, %d rings", d.Name, d.Area, len(d.rings))
		}
	}
	if len(Districts()) != 401 || len(codes) != 401 || people != 83_155_031 {
		t.Errorf("%d districts, %d codes, %d people", len(Districts()), len(codes), people)
	}
}

// TestEquation has the anchors of the formula: the emptiest district, the median
// and Munich.
func TestEquation(t *testing.T) {
	for _, x := range []struct {
		name         string
		inner, outer float64
	}{{"Prignitz", 4217, 10510}, {"Altenkirchen (Westerwald)", 3999, 9997}, {"München", 300, 1300}} {
		inner, outer := Radii(district(t, x.name).Density())
		if math.Abs(inner-x.inner) > 1.5 || math.Abs(outer-x.outer) > 1.5 {
			t.Errorf("%s: %.0f to %.0f m, want %.0f to %.0f m", x.name, inner, outer, x.inner, x.outer)
		}
	}
	if inner, outer := Radii(0); inner != 4264 || outer != 10621 {
		t.Errorf("where nobody lives: %g to %g m", inner, outer)
	}
	// The least people of all, in a ring that is inside, live in the emptiest one.
	least := math.Inf(1)
	for _, d := range Districts() {
		inner, outer := Radii(d.Density())
		least = min(least, d.Density()*math.Pi*(outer*outer-inner*inner)/1e6)
	}
	if least < DefaultPeople || least > 10_500 {
		t.Errorf("%.0f people in the emptiest ring", least)
	}
}

func TestFind(t *testing.T) {
	for _, x := range []struct {
		place Place
		nuts  string
	}{
		{Place{54.3233, 10.1394}, "DEF02"}, // Kiel
		{Place{52.5200, 13.4050}, "DE300"}, // Berlin, which Brandenburg lies around
		{Place{48.1372, 11.5756}, "DE212"}, // Munich
		{Place{54.1836, 7.8878}, "DEF09"},  // Heligoland
		{Place{50.9375, 6.9603}, "DEA23"},  // Cologne
		{Place{47.4210, 10.9850}, "DE21D"}, // Zugspitze
		{Place{48.8566, 2.3522}, ""},       // Paris
		{Place{0, 0}, ""},                  //
		{Place{-90, 180}, ""},              //
		{Place{52.2297, 21.0122}, ""},      // Warsaw
	} {
		got := ""
		if d := Find(x.place); d != nil {
			got = d.NUTS
		}
		if got != x.nuts {
			t.Errorf("%v is in %q, want %q", x.place, got, x.nuts)
		}
	}
}

// smirnov is the greatest distance of two distributions.
func smirnov(a, b []float64) float64 {
	slices.Sort(a)
	slices.Sort(b)
	i, j, most := 0, 0, 0.0
	for i < len(a) && j < len(b) {
		if a[i] <= b[j] {
			i++
		} else {
			j++
		}
		most = max(most, math.Abs(float64(i)/float64(len(a))-float64(j)/float64(len(b))))
	}
	return most
}

// TestSamplersAgree: the exact sampler and rejection sampling have the same
// distribution of distance and of direction. The bound is that of Kolmogorov and
// Smirnov for a chance of error of 1 in 1,000; the seeds are fixed.
func TestSamplersAgree(t *testing.T) {
	const n = 20_000
	bound := 1.95 * math.Sqrt(2.0/n)
	for _, density := range []float64{35.6, 201, 1500, 4790} {
		inner, outer := Radii(density)
		one, two := rand.New(rand.NewPCG(1, 2)), rand.New(rand.NewPCG(3, 4))
		var da, db, ba, bb []float64
		tries := 0
		for range n {
			d, b := exact(inner, outer, one.Float64)
			da, ba = append(da, d), append(ba, b)
			d, b, k := rejection(inner, outer, two.Float64)
			db, bb, tries = append(db, d), append(bb, b), tries+k
		}
		if x := smirnov(da, db); x > bound {
			t.Errorf("density %g: distances differ by %.4f, more than %.4f", density, x, bound)
		}
		if x := smirnov(ba, bb); x > bound {
			t.Errorf("density %g: directions differ by %.4f, more than %.4f", density, x, bound)
		}
		if a := n / float64(tries); a < 0.65 || a > 0.76 {
			t.Errorf("density %g: %.3f of the tries are taken", density, a)
		}
		if da[0] < inner || da[n-1] > outer || db[0] < inner || db[n-1] > outer {
			t.Errorf("density %g: outside of the ring", density)
		}
	}
	// A sampler that is even in the radius and not in the area is found out.
	one, two := rand.New(rand.NewPCG(1, 2)), rand.New(rand.NewPCG(3, 4))
	var a, b []float64
	for range n {
		d, _ := exact(4000, 10_000, one.Float64)
		a, b = append(a, d), append(b, 4000+6000*two.Float64())
	}
	if x := smirnov(a, b); x < 3*bound {
		t.Errorf("a wrong sampler differs by %.4f only", x)
	}
}

func TestDraw(t *testing.T) {
	for _, from := range []Place{{54.3233, 10.1394}, {48.1372, 11.5756}, {54.1836, 7.8878}, {54.9079, 8.3097}, {47.5136, 10.2797}} {
		seen := make(map[Place]bool)
		for range 25 {
			to, r, err := Draw(from, 0)
			if err != nil {
				t.Fatal(err)
			}
			seen[to] = true
			if d := Distance(from, to); d < r.Inner-2 || d > r.Outer+2 {
				t.Fatalf("%v: %.0f m away, the ring is %.0f to %.0f m", from, d, r.Inner, r.Outer)
			}
			if inside(to) == nil {
				t.Fatalf("%v is in no district", to)
			}
			if r.People < DefaultPeople {
				t.Fatalf("%d people live in the ring of %v", r.People, from)
			}
		}
		if len(seen) < 24 {
			t.Errorf("%v: %d different places of 25", from, len(seen))
		}
	}
	if _, _, err := Draw(Place{48.8566, 2.3522}, 0); !errors.Is(err, ErrAbroad) {
		t.Errorf("Paris: %v", err)
	}
}

// TestRingsAreWidened: on Heligoland and Sylt most of the ring is sea.
func TestRingsAreWidened(t *testing.T) {
	plain, err := RingOf(Place{51.3127, 9.4797}, 0) // Kassel
	if err != nil || plain.Widened {
		t.Errorf("Kassel: %+v, %v", plain, err)
	}
	sea, err := RingOf(Place{54.1836, 7.8878}, 0)
	if err != nil || !sea.Widened || sea.People < DefaultPeople {
		t.Errorf("Heligoland: %+v, %v", sea, err)
	}
	more, err := RingOf(Place{51.3127, 9.4797}, 5_000_000)
	if err != nil || !more.Widened || more.People < 5_000_000 {
		t.Errorf("five million: %+v, %v", more, err)
	}
	if _, err := RingOf(Place{51.3127, 9.4797}, 200_000_000); err == nil {
		t.Error("more people than there are")
	}
}

func TestMove(t *testing.T) {
	from := Place{54.3233, 10.1394}
	for i := range 360 {
		if d := Distance(from, move(from, 5000, float64(i)*math.Pi/180)); math.Abs(d-5000) > 0.01 {
			t.Errorf("%d degrees: %g m", i, d)
		}
	}
	if to := move(from, metresPerDegree, 0); math.Abs(to.Latitude-from.Latitude-1) > 1e-9 {
		t.Errorf("a degree to the north: %v", to)
	}
	if to := move(Place{0, 179.99}, 10*metresPerDegree, math.Pi/2); to.Longitude > -160 || to.Longitude < -180 {
		t.Errorf("over the date line: %v", to)
	}
}
