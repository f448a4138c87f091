package lease

import (
	"cmp"
	"slices"

	"github.com/wattwerk/wattwerk/microservice"
	"github.com/wattwerk/wattwerk/object"
	"github.com/wattwerk/wattwerk/record"
)

// Request is who wants to use an object.
type Request struct {
	SID      string // who asks: a service, with its subject where it has several
	Object   object.ID
	Priority int
	Deadline record.Millis // 0: none, after every other
	Arrival  record.Millis // when it was asked first
	For      int64         // how long, in ms
	Refused  int           // how often it was refused before; [Table] counts itself
}

// DefaultAging is how many refusals count one level of priority.
const DefaultAging = 5

// Level is the priority of a request that was refused so many times, one level
// more for each aging refusals. Who is no emergency does not become one.
func Level(priority, refused, aging int) int {
	if priority >= microservice.Emergency || aging <= 0 {
		return priority
	}
	return min(priority+refused/aging, microservice.Emergency-1)
}

// Compare orders requests, what comes first first: by level, deadline, arrival and sid.
func Compare(a, b *Request, aging int) int {
	return cmp.Or(
		cmp.Compare(Level(b.Priority, b.Refused, aging), Level(a.Priority, a.Refused, aging)),
		cmp.Compare(deadline(a), deadline(b)),
		cmp.Compare(a.Arrival, b.Arrival),
		cmp.Compare(a.SID, b.SID),
	)
}

func deadline(r *Request) record.Millis {
	if r.Deadline == 0 {
		return 1 << 62
	}
	return r.Deadline
}

// Candidate is an object that would do, the best first.
type Candidate struct {
	Object   object.ID
	Capacity int // how many may use it; 0: any number
	Used     int // how many do already
}

// Select shares candidates among requests, whose objects are not looked at: in the
// order of [Compare] everybody gets the best one that has room. It gives the object
// of each request, "" where none has room.
func Select(requests []Request, candidates []Candidate, aging int) []object.ID {
	order := make([]int, len(requests))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return Compare(&requests[a], &requests[b], aging) })
	used := make([]int, len(candidates))
	out := make([]object.ID, len(requests))
	for _, i := range order {
		for j, c := range candidates {
			if c.Capacity == 0 || c.Used+used[j] < c.Capacity {
				used[j]++
				out[i] = c.Object
				break
			}
		}
	}
	return out
}
