package places

import (
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/wattwerk/wattwerk/microservice/lease"
	"github.com/wattwerk/wattwerk/object"
	"github.com/wattwerk/wattwerk/record"
)

// Bounds of places.
const (
	longest     = time.Minute           // that one is had
	wantsFor    = record.Millis(60_000) // after somebody asked last
	mostWants   = 1000                  // for each object
	mostObjects = 10_000
)

// Places says who uses what. Use [New].
type Places struct {
	mu    sync.Mutex
	table *lease.Table
	wants map[object.ID][]want
	next  uint64
}

type want struct {
	lease.Request
	until record.Millis
}

// New has all places free.
func New() *Places {
	return &Places{table: lease.New(lease.Options{}, 0), wants: make(map[object.ID][]want)}
}

// Free tells whether somebody may use an object now, nil, or why not. Candidates are
// the object and what would do instead, the best first. Who carries a service out, and
// does not only ask whether that could be, wants the object from then on.
func (p *Places) Free(now record.Millis, who string, priority int, candidates []*object.Object, carries bool) *lease.Conflict {
	o := candidates[0]
	p.mu.Lock()
	defer p.mu.Unlock()
	own := want{lease.Request{SID: who, Object: o.ID, Priority: priority, Arrival: now}, now + wantsFor}
	others := p.others(now, &own)
	c := p.refused(now, &own, others, candidates)
	if carries {
		if own.Refused++; c == nil {
			own.Refused = 0
		}
		if len(others) == mostWants {
			others = others[1:]
		}
		p.wants[o.ID] = append(others, own)
	}
	return c
}

// refused is why somebody cannot have an object, beside others who want it. Who is as
// urgent as they are need not wait for them.
func (p *Places) refused(now record.Millis, own *want, others []want, candidates []*object.Object) *lease.Conflict {
	o := candidates[0]
	if p.table.Sharing(now, o.ID) >= o.Capacity {
		return &lease.Conflict{Object: o.ID, Until: now + 1000, Full: true}
	}
	requests := []lease.Request{own.Request}
	until := record.Millis(0)
	for i := range others {
		if w := &others[i]; level(w) > level(own) {
			requests, until = append(requests, w.Request), max(until, w.until)
		}
	}
	all := make([]lease.Candidate, len(candidates))
	for i, c := range candidates {
		all[i] = lease.Candidate{Object: c.ID, Capacity: c.Capacity}
	}
	if lease.Select(requests, all, lease.DefaultAging)[0] != o.ID {
		return &lease.Conflict{Object: o.ID, Until: until, Full: true}
	}
	return nil
}

func level(w *want) int { return lease.Level(w.Priority, w.Refused, lease.DefaultAging) }

// others are those who want the object of a request still, without who asks, whose
// arrival and refusals it takes over. The lock is held.
func (p *Places) others(now record.Millis, own *want) []want {
	all := p.wants[own.Object]
	if all == nil && len(p.wants) >= mostObjects {
		clear(p.wants) // nobody loses more than its turn
	}
	return slices.DeleteFunc(all, func(w want) bool {
		if w.SID == own.SID && w.until > now {
			own.Arrival, own.Refused = w.Arrival, w.Refused
			return true
		}
		return w.until <= now
	})
}

// Take takes a place at every one of the objects, or at none: the error is a
// [*lease.Conflict] then.
func (p *Places) Take(now record.Millis, who string, priority int, objects []*object.Object) ([]lease.Lease, error) {
	if len(objects) == 0 {
		return nil, nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.next++
	out := make([]lease.Lease, 0, len(objects))
	for _, o := range objects {
		l, err := p.table.Share(now, lease.Request{SID: fmt.Sprintf("%s %d", who, p.next), Object: o.ID, Priority: priority, Arrival: now, For: longest.Milliseconds()}, o.Capacity)
		if err != nil {
			p.giveBack(now, out)
			return nil, err
		}
		out = append(out, l)
	}
	return out, nil
}

// GiveBack ends places.
func (p *Places) GiveBack(now record.Millis, all []lease.Lease) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.giveBack(now, all)
}

func (p *Places) giveBack(now record.Millis, all []lease.Lease) {
	for _, l := range all {
		_ = p.table.Release(now, l.Object, l.Token) // it may have ended by itself
	}
}
