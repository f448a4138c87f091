package lending

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/wattwerk/wattwerk/microservice"
	"github.com/wattwerk/wattwerk/microservice/lease"
	"github.com/wattwerk/wattwerk/object"
	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/service/book"
	"github.com/wattwerk/wattwerk/service/watch"
)

// Errors. What is wrong with a request is [lease.ErrInvalid].
var (
	ErrNoStore  = errors.New("this process keeps nothing: it has no database of services")
	ErrNotReady = errors.New("the objects are not known yet, try again in a moment")
)

// Desk gives leases of actuators.
type Desk struct {
	store  *book.Store
	moment func() *watch.Moment
	clock  func() record.Millis
	held   atomic.Pointer[map[object.ID]book.Lease]

	mu      sync.Mutex
	waiting map[object.ID][]lease.Request
}

// New makes a desk; without a store it gives none.
func New(store *book.Store, moment func() *watch.Moment, clock func() record.Millis) *Desk {
	d := &Desk{store: store, moment: moment, clock: clock, waiting: make(map[object.ID][]lease.Request)}
	d.held.Store(&map[object.ID]book.Lease{})
	return d
}

// Held gives what is held now, as [Desk.Read] read it last. It is not to be changed.
func (d *Desk) Held() map[object.ID]book.Lease { return *d.held.Load() }

// Bounds of leases.
const (
	MostLease   = time.Hour
	LeastLease  = time.Second
	waitedFor   = record.Millis(30_000) // whoever was refused waits so long after it asked last
	mostWaiting = 100                   // for each object
	mostHeld    = 100_000
)

// ErrActuator says that an object is no actuator.
var ErrActuator = errors.New("the object is no actuator: it has leases only when an enrichment says that it is written to")

// Acquire asks for an actuator alone. A strictly higher priority takes it away; the
// error is a [*lease.Conflict] else.
func (d *Desk) Acquire(ctx context.Context, r lease.Request) (book.Lease, error) {
	if d.store == nil {
		return book.Lease{}, ErrNoStore
	}
	m := d.moment()
	if m == nil {
		return book.Lease{}, ErrNotReady
	}
	o, ok := m.World.Object(r.Object)
	if !ok {
		return book.Lease{}, fmt.Errorf("%w: there is no object %.220q", book.ErrNotFound, r.Object)
	}
	if !o.Actuator {
		return book.Lease{}, ErrActuator
	}
	if r.SID == "" || r.Priority < 0 || r.Priority > microservice.MaxPriority || r.For < LeastLease.Milliseconds() || r.For > MostLease.Milliseconds() {
		return book.Lease{}, lease.ErrInvalid
	}
	now := d.clock()
	r = d.waits(now, r)
	var got book.Lease
	err := d.store.Lease(ctx, string(r.Object), func(is *book.Lease) (*book.Lease, error) {
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
			if first, ok := d.before(now, r); ok {
				return nil, &lease.Conflict{Object: r.Object, Holder: first.SID, Priority: first.Priority, Until: now + waitedFor, Waits: true}
			}
		}
		return &got, nil
	})
	var c *lease.Conflict
	switch {
	case errors.As(err, &c):
		d.refused(now, r)
		return book.Lease{}, err
	case err != nil:
		return book.Lease{}, err
	}
	d.served(r)
	return got, d.Read(ctx)
}

// waits gives a request with what is known of it from before.
func (d *Desk) waits(now record.Millis, r lease.Request) lease.Request {
	d.mu.Lock()
	defer d.mu.Unlock()
	r.Arrival = now
	all := slices.DeleteFunc(d.waiting[r.Object], func(x lease.Request) bool { return x.Deadline <= now })
	d.waiting[r.Object] = all
	if len(all) == 0 {
		delete(d.waiting, r.Object)
	}
	for _, x := range all {
		if x.SID == r.SID {
			r.Arrival, r.Refused = x.Arrival, x.Refused
		}
	}
	return r
}

// before gives who waits here and comes before a request.
func (d *Desk) before(now record.Millis, r lease.Request) (lease.Request, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, x := range d.waiting[r.Object] {
		until := x.Deadline
		x.Deadline = r.Deadline // here it is until when it waits
		if x.SID != r.SID && until > now && lease.Compare(&x, &r, lease.DefaultAging) < 0 {
			return x, true
		}
	}
	return lease.Request{}, false
}

// refused notes that a request waits. Its deadline is until when it does.
func (d *Desk) refused(now record.Millis, r lease.Request) {
	d.mu.Lock()
	defer d.mu.Unlock()
	r.Refused++
	r.Deadline = now + waitedFor
	all := d.waiting[r.Object]
	if i := slices.IndexFunc(all, func(x lease.Request) bool { return x.SID == r.SID }); i >= 0 {
		all[i] = r
		return
	}
	if len(all) < mostWaiting {
		d.waiting[r.Object] = append(all, r)
	}
}

func (d *Desk) served(r lease.Request) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.waiting[r.Object] = slices.DeleteFunc(d.waiting[r.Object], func(x lease.Request) bool { return x.SID == r.SID })
	if len(d.waiting[r.Object]) == 0 {
		delete(d.waiting, r.Object)
	}
}

// Release ends a lease. [lease.ErrOld] when it was over already, or another one holds.
func (d *Desk) Release(ctx context.Context, id string) error {
	if d.store == nil {
		return ErrNoStore
	}
	l, err := d.store.LeaseOf(ctx, id)
	if err != nil {
		return err
	}
	now := d.clock()
	err = d.store.Lease(ctx, l.Object, func(is *book.Lease) (*book.Lease, error) {
		if is == nil || is.ID != id || is.Expires <= now {
			return nil, lease.ErrOld
		}
		is.Expires = now
		return is, nil
	})
	return errors.Join(err, d.Read(ctx))
}

// Valid tells whether a token is leave to write to an actuator, as all processes know
// it.
func (d *Desk) Valid(ctx context.Context, id object.ID, token int64) (valid bool, err error) {
	if d.store == nil {
		return false, ErrNoStore
	}
	now := d.clock()
	err = d.store.Lease(ctx, string(id), func(is *book.Lease) (*book.Lease, error) {
		valid = is != nil && is.Token == token && is.Expires > now
		return nil, nil
	})
	return valid, err
}

// Read takes what is held now into memory, for plans.
func (d *Desk) Read(ctx context.Context) error {
	all, err := d.store.Leases(ctx, d.clock(), mostHeld)
	if err != nil {
		return err
	}
	held := make(map[object.ID]book.Lease, len(all))
	for _, l := range all {
		held[object.ID(l.Object)] = l
	}
	d.held.Store(&held)
	return nil
}
