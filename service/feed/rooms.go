package feed

import (
	"sync"

	"github.com/wattwerk/wattwerk/service/series"
)

// Room for long series, which whoever is done with them leaves to others: 400 days of
// quarters of an hour are more than a megabyte.
var (
	amountRooms = sync.Pool{New: func() any { return new([]series.EnergyValue) }}
	levelRooms  = sync.Pool{New: func() any { return new([]series.GaugeValue) }}
)

// rooms is what a request has taken of it. Without being given any it takes none, and what
// it reads may live longer than it does.
type rooms[T any] struct {
	given bool
	taken []*[]T
}

// take makes a series of values of which nothing is known.
func take[T any](r *rooms[T], of *sync.Pool, n int) []T {
	if !r.given {
		return make([]T, n)
	}
	room := of.Get().(*[]T)
	if cap(*room) < n {
		*room = make([]T, n)
	}
	out := (*room)[:n]
	clear(out)
	r.taken = append(r.taken, room)
	return out
}

// leave gives everything back.
func (r *rooms[T]) leave(to *sync.Pool) {
	for _, room := range r.taken {
		to.Put(room)
	}
	r.taken = nil
}
