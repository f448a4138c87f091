package anonymise

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
)

// Radius of the earth, in metres, and what a degree of latitude is there.
const (
	earth           = 6371008.8
	metresPerDegree = earth * math.Pi / 180
)

// Radii gives the inner and the outer radius of the ring, in metres, for a density
// in inhabitants per km²: equation 3.1.
func Radii(density float64) (inner, outer float64) {
	return max(min(-1.321*density+4264, 8000), 300), max(min(-3.107*density+10621, 20000), 1300)
}

// DefaultPeople is how many people live in a ring at least: equation 3.1 alone
// gives as many in every district of Germany, as long as the ring is inside.
const DefaultPeople = 10_000

// mostOuter is how wide a ring becomes, in metres.
const mostOuter = 100_000

// Ring is where a place is drawn.
type Ring struct {
	NUTS    string  // district of the household
	Density float64 // of it, in inhabitants per km²
	Inner   float64 // metres
	Outer   float64 // metres
	People  int     // about how many live in the ring, by the densities of the districts in it
	Widened bool    // equation 3.1 alone gave too few people
}

// ErrAbroad says that a place is in no district known.
var ErrAbroad = errors.New("the place is in none of the districts of Germany")

// RingOf gives the ring around a place in which at least so many people live; 0 is
// [DefaultPeople]. The error is ErrAbroad, or tells that there are not as many
// within 100 km.
func RingOf(p Place, people int) (Ring, error) {
	if people <= 0 {
		people = DefaultPeople
	}
	d := Find(p)
	if d == nil {
		return Ring{}, ErrAbroad
	}
	r := Ring{NUTS: d.NUTS, Density: d.Density()}
	r.Inner, r.Outer = Radii(r.Density)
	for {
		if r.People = peopleIn(p, r.Inner, r.Outer); r.People >= people {
			return r, nil
		}
		if r.Outer > mostOuter {
			return Ring{}, fmt.Errorf("fewer than %d people live within %d km of the place", people, mostOuter/1000)
		}
		r.Outer *= 1.2
		r.Widened = true
	}
}

// peopleIn estimates how many people live in a ring: even points of it, each with
// the density of the district there.
func peopleIn(p Place, inner, outer float64) int {
	const n = 1024
	golden := math.Pi * (3 - math.Sqrt(5))
	sum := 0.0
	for i := range n {
		r := math.Sqrt(inner*inner + (outer*outer-inner*inner)*(float64(i)+0.5)/n)
		if d := inside(move(p, r, golden*float64(i))); d != nil {
			sum += d.Density()
		}
	}
	return int(sum / n * math.Pi * (outer*outer - inner*inner) / 1e6)
}

// move goes from a place so many metres on the sphere, in a direction in radians
// from north to east.
func move(p Place, metres, bearing float64) Place {
	phi, delta := p.Latitude*math.Pi/180, metres/earth
	s := math.Sin(phi)*math.Cos(delta) + math.Cos(phi)*math.Sin(delta)*math.Cos(bearing)
	to := math.Asin(max(-1, min(1, s)))
	lambda := math.Atan2(math.Sin(bearing)*math.Sin(delta)*math.Cos(phi), math.Cos(delta)-math.Sin(phi)*s)
	lon := math.Mod(p.Longitude+lambda*180/math.Pi+540, 360) - 180
	return Place{to * 180 / math.Pi, lon}
}

// Distance is in metres on the sphere.
func Distance(a, b Place) float64 {
	p, q := a.Latitude*math.Pi/180, b.Latitude*math.Pi/180
	s, t := math.Sin((q-p)/2), math.Sin((b.Longitude-a.Longitude)*math.Pi/360)
	return 2 * earth * math.Asin(math.Min(1, math.Sqrt(s*s+math.Cos(p)*math.Cos(q)*t*t)))
}

// mostDraws is how often a place is drawn at most, until one is in a district.
const mostDraws = 100_000

// Draw draws the place that stands for a household from now on, even in the ring
// and inside Germany. It is for keeping: see the package's comment.
func Draw(p Place, people int) (Place, Ring, error) {
	r, err := RingOf(p, people)
	if err != nil {
		return Place{}, r, fmt.Errorf("anonymise place: %w", err)
	}
	for range mostDraws {
		distance, bearing := exact(r.Inner, r.Outer, secure)
		if to := move(p, distance, bearing); inside(to) != nil {
			return round(to), r, nil
		}
	}
	return Place{}, r, errors.New("anonymise place: nearly nothing of the ring is in Germany")
}

// round keeps about a metre: more digits say nothing and look as if they did.
func round(p Place) Place {
	return Place{math.Round(p.Latitude*scale) / scale, math.Round(p.Longitude*scale) / scale}
}

// exact draws distance and direction, even in the area of a ring, by two numbers
// of u, which gives them even in [0, 1).
func exact(inner, outer float64, u func() float64) (distance, bearing float64) {
	return math.Sqrt(inner*inner + (outer*outer-inner*inner)*u()), 2 * math.Pi * u()
}

// rejection draws the same by points in a square, until one is in the ring.
func rejection(inner, outer float64, u func() float64) (distance, bearing float64, tries int) {
	for {
		tries++
		x, y := outer*(2*u()-1), outer*(2*u()-1)
		if d := math.Hypot(x, y); d >= inner && d < outer {
			return d, math.Mod(math.Atan2(x, y)+2*math.Pi, 2*math.Pi), tries
		}
	}
}

// secure gives numbers even in [0, 1), of 53 bits, that nobody can foretell.
func secure() float64 {
	var b [8]byte
	_, _ = rand.Read(b[:]) // it never fails
	return float64(binary.LittleEndian.Uint64(b[:])>>11) / (1 << 53)
}
