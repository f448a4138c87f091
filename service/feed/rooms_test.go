package feed

import (
	"testing"

	"github.com/wattwerk/wattwerk/service/series"
)

// TestRooms: room that somebody has left says nothing of what was in it, and without being
// given any a series is one's own.
func TestRooms(t *testing.T) {
	for _, n := range []int{100, 7, 300, 0, 300} {
		r := rooms[series.EnergyValue]{given: true}
		a, b := take(&r, &amountRooms, n), take(&r, &amountRooms, n)
		for i := range n {
			if a[i] != (series.EnergyValue{}) || b[i] != (series.EnergyValue{}) {
				t.Fatalf("%d of %d is %v and %v", i, n, a[i], b[i])
			}
			a[i] = series.Measured(7, series.Quarter)
			if b[i].Known() {
				t.Fatal("two series have the same room")
			}
			b[i] = a[i]
		}
		r.leave(&amountRooms)
	}
	var own rooms[series.EnergyValue]
	if take(&own, &amountRooms, 3)[2].Known() || own.taken != nil {
		t.Error("room was taken that was not given")
	}
}
