package execution

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/wattwerk/wattwerk/microservice"
	"github.com/wattwerk/wattwerk/microservice/lease"
	"github.com/wattwerk/wattwerk/object"
	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/service/book"
)

// Bounds of leases.
const (
	MostLease   = time.Hour
	leastLease  = time.Second
	waitedFor   = record.Millis(30_000) // whoever was refused waits so long after it asked last
	mostWaiting = 100                   // for each object
	mostHeld    = 100_000
)

// errActuator says that an object is no actuator.
var errActuator = errors.New("the object is no actuator: it has leases only when an enrichment says that it is written to")

// Acquire asks for an actuator alone. A strictly higher priority takes it away; the
// error is a [*lease.Conflict] else.
func (e *Execution) Acquire(ctx context.Context, r lease.Request) (book.Lease, error) {
	if e.opts.Store == nil {
		return book.Lease{}, ErrNoStore
	}
	m := e.opts.Moment()
	if m == nil {
		return book.Lease{}, ErrNotReady
	}
	o, ok := m.World.Object(r.Object)
	if !ok {
		return book.Lease{}, fmt.Errorf("%w: there is no object %.220q", book.ErrNotFound, r.Object)
	}
	if !o.Actuator {
		return book.Lease{}, errActuator
	}
	if r.SID == "" || r.Priority < 0 || r.Priority > microservice.MaxPriority || r.For < leastLease.Milliseconds() || r.For > MostLease.Milliseconds() {
		return book.Lease{}, lease.ErrInvalid
	}
	now := e.opts.Clock()
	r = e.waits(now, r)
	var got book.Lease
	err := e.opts.Store.Lease(ctx, string(r.Object), func(is *book.Lease) (*book.Lease, error) {
		got = book.Lease{Object: string(r.Object), ID: rand.Text(), Holder: r.SID, Priority: int64(r.Priority), Began: now, Expires: now + record.Millis(r.For)}
		if is == nil {
			got.Token = 1
			return &got, nil
		}
		got.Token = is.Token + 1
		if is.Expires > now && is.Holder != r.SID && int64(r.Priority) <= is.Priority {
			return nil, &lease.Conflict{Object: r.Object, Holder: is.Holder, Priority: int(is.Priority), Until: is.Expires}
		}
		if is.Expires <= now || is.Holder == r.SID { // who has waited longer comes first
			if first, ok := e.before(now, r); ok {
				return nil, &lease.Conflict{Object: r.Object, Holder: first.SID, Priority: first.Priority, Until: now + waitedFor, Waits: true}
			}
		}
		return &got, nil
	})
	var c *lease.Conflict
	switch {
	case errors.As(err, &c):
		e.refused(now, r)
		return book.Lease{}, err
	case err != nil:
		return book.Lease{}, err
	}
	e.served(r)
	return got, e.readLeases(ctx)
}

// waits gives a request with what is known of it from before.
func (e *Execution) waits(now record.Millis, r lease.Request) lease.Request {
	e.mu.Lock()
	defer e.mu.Unlock()
	r.Arrival = now
	all := slices.DeleteFunc(e.waiting[r.Object], func(x lease.Request) bool { return x.Deadline <= now })
	e.waiting[r.Object] = all
	if len(all) == 0 {
		delete(e.waiting, r.Object)
	}
	for _, x := range all {
		if x.SID == r.SID {
			r.Arrival, r.Refused = x.Arrival, x.Refused
		}
	}
	return r
}

// before gives who waits here and comes before a request.
func (e *Execution) before(now record.Millis, r lease.Request) (lease.Request, bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, x := range e.waiting[r.Object] {
		until := x.Deadline
		x.Deadline = r.Deadline // here it is until when it waits
		if x.SID != r.SID && until > now && lease.Compare(&x, &r, lease.DefaultAging) < 0 {
			return x, true
		}
	}
	return lease.Request{}, false
}

// refused notes that a request waits. Its deadline is until when it does.
func (e *Execution) refused(now record.Millis, r lease.Request) {
	e.mu.Lock()
	defer e.mu.Unlock()
	r.Refused++
	r.Deadline = now + waitedFor
	all := e.waiting[r.Object]
	if i := slices.IndexFunc(all, func(x lease.Request) bool { return x.SID == r.SID }); i >= 0 {
		all[i] = r
		return
	}
	if len(all) < mostWaiting {
		e.waiting[r.Object] = append(all, r)
	}
}

func (e *Execution) served(r lease.Request) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.waiting[r.Object] = slices.DeleteFunc(e.waiting[r.Object], func(x lease.Request) bool { return x.SID == r.SID })
	if len(e.waiting[r.Object]) == 0 {
		delete(e.waiting, r.Object)
	}
}

// Release ends a lease. [lease.ErrOld] when it was over already, or another one holds.
func (e *Execution) Release(ctx context.Context, id string) error {
	if e.opts.Store == nil {
		return ErrNoStore
	}
	l, err := e.opts.Store.LeaseOf(ctx, id)
	if err != nil {
		return err
	}
	now := e.opts.Clock()
	err = e.opts.Store.Lease(ctx, l.Object, func(is *book.Lease) (*book.Lease, error) {
		if is == nil || is.ID != id || is.Expires <= now {
			return nil, lease.ErrOld
		}
		is.Expires = now
		return is, nil
	})
	return errors.Join(err, e.readLeases(ctx))
}

// Valid tells whether a token is leave to write to an actuator, as all processes know
// it.
func (e *Execution) Valid(ctx context.Context, id object.ID, token int64) (valid bool, err error) {
	if e.opts.Store == nil {
		return false, ErrNoStore
	}
	now := e.opts.Clock()
	err = e.opts.Store.Lease(ctx, string(id), func(is *book.Lease) (*book.Lease, error) {
		valid = is != nil && is.Token == token && is.Expires > now
		return nil, nil
	})
	return valid, err
}

// readLeases takes what is held now into memory, for plans.
func (e *Execution) readLeases(ctx context.Context) error {
	all, err := e.opts.Store.Leases(ctx, e.opts.Clock(), mostHeld)
	if err != nil {
		return err
	}
	held := make(map[object.ID]book.Lease, len(all))
	for _, l := range all {
		held[object.ID(l.Object)] = l
	}
	e.held.Store(&held)
	return nil
}

// inUse tells how many use an object with a capacity here.
func (e *Execution) inUse(id object.ID) int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.sharing.Sharing(e.opts.Clock(), id)
}
