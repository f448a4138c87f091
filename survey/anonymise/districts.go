package anonymise

import (
	"bytes"
	"compress/gzip"
	_ "embed" // of the districts
	"errors"
	"fmt"
	"io"
	"math"
	"sync"

	"github.com/wattwerk/wattwerk/internal/packed"
)

// Notice is what the licence of the districts wants shown (Data licence Germany,
// attribution, version 2.0).
const Notice = "© GeoBasis-DE / BKG 2020 (data changed), dl-de/by-2-0, https://www.govdata.de/dl-de/by-2-0"

//go:embed districts.bin.gz
var packedDistricts []byte

// Place is a point on the earth.
type Place struct {
	Latitude  float64 `json:"latitude" minimum:"-90" maximum:"90" doc:"Degrees north, WGS 84" example:"54.34"`
	Longitude float64 `json:"longitude" minimum:"-180" maximum:"180" doc:"Degrees east, WGS 84" example:"10.12"`
}

// District is one of the districts of Germany (NUTS-3), at 31 December 2020.
type District struct {
	NUTS        string  // code, as DEF02
	Name        string  // as Kiel
	Inhabitants int     // people
	Area        float64 // km²

	rings                    [][]point
	west, south, east, north int32
}

// point is in units of 1e-5 degrees.
type point struct{ x, y int32 }

// scale is how many units a degree has.
const scale = 1e5

// Density is in inhabitants per km².
func (d *District) Density() float64 { return float64(d.Inhabitants) / d.Area }

// Districts gives all, in the order of their official keys. Nobody may change
// them.
func Districts() []District { return districts() }

// What is embedded is read once; it is part of the program, so it can be read.
var districts = sync.OnceValue(func() []District {
	all, err := unpack(packedDistricts)
	if err != nil {
		panic(err)
	}
	return all
})

// unpack reads what scripts/districts.py writes: numbers as varints, points as
// differences.
func unpack(data []byte) ([]District, error) {
	z, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		return nil, fmt.Errorf("read districts: %w", err)
	}
	if data, err = io.ReadAll(z); err != nil {
		return nil, fmt.Errorf("read districts: %w", err)
	}
	r := packed.Read(data)
	number := func() int { return int(r.Uint()) }
	all := make([]District, r.Count(1))
	for i := range all {
		d := &all[i]
		d.NUTS, d.Name = r.Text(), r.Text()
		d.Inhabitants, d.Area = number(), float64(number())/100
		d.west, d.south, d.east, d.north = math.MaxInt32, math.MaxInt32, math.MinInt32, math.MinInt32
		d.rings = make([][]point, r.Count(1))
		for j := range d.rings {
			ring := make([]point, r.Count(2))
			var at point
			for k := range ring {
				at.x += int32(r.Int())
				at.y += int32(r.Int())
				ring[k] = at
				d.west, d.east = min(d.west, at.x), max(d.east, at.x)
				d.south, d.north = min(d.south, at.y), max(d.north, at.y)
			}
			d.rings[j] = ring
		}
	}
	if !r.Whole() {
		return nil, errors.New("read districts: they are cut off")
	}
	return all, nil
}

// contains tells whether a point, in units, is inside: a ray to the east meets the
// borders an odd number of times. Holes are rings too.
func (d *District) contains(x, y float64) bool {
	if x < float64(d.west) || x > float64(d.east) || y < float64(d.south) || y > float64(d.north) {
		return false
	}
	in := false
	for _, ring := range d.rings {
		for i, j := 0, len(ring)-1; i < len(ring); j, i = i, i+1 {
			a, b := ring[i], ring[j]
			if (float64(a.y) > y) != (float64(b.y) > y) &&
				x < float64(b.x-a.x)*(y-float64(a.y))/float64(b.y-a.y)+float64(a.x) {
				in = !in
			}
		}
	}
	return in
}

// inside finds the district that contains a place; nil: none.
func inside(p Place) *District {
	all := districts()
	x, y := p.Longitude*scale, p.Latitude*scale
	for i := range all {
		if all[i].contains(x, y) {
			return &all[i]
		}
	}
	return nil
}

// nearest is how far, in metres, a place may be from a district to be taken for
// being in it: small islands and river banks are left out of borders this coarse.
const nearest = 20_000

// Find gives the district of a place, or the nearest one within 20 km of its
// borders. It is nil for a place that is elsewhere.
func Find(p Place) *District {
	if d := inside(p); d != nil {
		return d
	}
	all := districts()
	var found *District
	best := math.Inf(1)
	// Metres in a plane that touches the earth at p.
	mx, my := metresPerDegree*math.Cos(p.Latitude*math.Pi/180)/scale, metresPerDegree/scale
	x, y := p.Longitude*scale, p.Latitude*scale
	for i := range all {
		for _, ring := range all[i].rings {
			for k := 1; k < len(ring); k++ {
				if d := toSegment((float64(ring[k-1].x)-x)*mx, (float64(ring[k-1].y)-y)*my, (float64(ring[k].x)-x)*mx, (float64(ring[k].y)-y)*my); d < best {
					best, found = d, &all[i]
				}
			}
		}
	}
	if best > nearest {
		return nil
	}
	return found
}

// toSegment is the distance of the origin to a segment.
func toSegment(ax, ay, bx, by float64) float64 {
	dx, dy := bx-ax, by-ay
	t := 0.0
	if l := dx*dx + dy*dy; l > 0 {
		t = max(0, min(1, -(ax*dx+ay*dy)/l))
	}
	return math.Hypot(ax+t*dx, ay+t*dy)
}
