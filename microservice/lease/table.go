package lease

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/wattwerk/wattwerk/object"
	"github.com/wattwerk/wattwerk/record"
)

// Options of a table. What is 0 has its default.
type Options struct {
	Aging int           // refusals that count one level; default [DefaultAging]
	Wait  time.Duration // whoever was refused waits so long after it asked last; default 30 s
	Most  time.Duration // the longest a lease lasts; default 1 h
}

// Bounds of tables.
const (
	MaxLeases  = 100_000
	MaxWaiting = 100 // for each object; whoever comes then is refused without being remembered
)

// Lease is leave to use an object.
type Lease struct {
	Object   object.ID
	SID      string
	Priority int
	Shared   bool
	Token    uint64 // higher than every one before, of exclusive leases and shared ones
	From     record.Millis
	Until    record.Millis // from then on it is over
}

// Conflict says why an object cannot be used.
type Conflict struct {
	Object   object.ID
	Holder   string        // who has it, or comes first
	Priority int           // the holder's
	Until    record.Millis // when the holder's lease ends; of one who waits: until when it is waited for
	Waits    bool          // nobody has it, and somebody who waits comes first
	Full     bool          // it is shared, and has no room
}

// Error is the conflict in a sentence.
func (c *Conflict) Error() string {
	switch {
	case c.Waits:
		return fmt.Sprintf("object %.200q: %.200q with priority %d waits for it and comes first, until %v", c.Object, c.Holder, c.Priority, c.Until)
	case c.Full:
		return fmt.Sprintf("object %.200q has no room; the next lease ends at %v", c.Object, c.Until)
	}
	return fmt.Sprintf("object %.200q: %.200q has it with priority %d until %v", c.Object, c.Holder, c.Priority, c.Until)
}

// What asking may come to, beside a [*Conflict].
var (
	ErrInvalid = errors.New("a lease needs a service, an object and a time")
	ErrFull    = errors.New("there are too many leases")
	ErrOld     = errors.New("the lease is over, or somebody else has the object")
)

// Table holds all leases.
type Table struct {
	opts  Options
	token uint64
	n     int
	of    map[object.ID]*entry
}

type entry struct {
	exclusive *Lease
	shared    []Lease
	waiting   []waiter
}

type waiter struct {
	Request
	until record.Millis
}

// New makes an empty table. Tokens begin after the given one: the highest that was
// ever given, where it is known from before.
func New(o Options, after uint64) *Table {
	if o.Aging <= 0 {
		o.Aging = DefaultAging
	}
	if o.Wait <= 0 {
		o.Wait = 30 * time.Second
	}
	if o.Most <= 0 {
		o.Most = time.Hour
	}
	return &Table{opts: o, token: after, of: make(map[object.ID]*entry)}
}

// settle forgets what is over.
func (t *Table) settle(id object.ID, now record.Millis) *entry {
	e := t.of[id]
	if e == nil {
		return nil
	}
	if e.exclusive != nil && now >= e.exclusive.Until {
		e.exclusive = nil
		t.n--
	}
	before := len(e.shared)
	e.shared = slices.DeleteFunc(e.shared, func(l Lease) bool { return now >= l.Until })
	t.n -= before - len(e.shared)
	e.waiting = slices.DeleteFunc(e.waiting, func(w waiter) bool { return now >= w.until })
	if e.exclusive == nil && len(e.shared) == 0 && len(e.waiting) == 0 {
		delete(t.of, id)
		return nil
	}
	return e
}

// full tells whether there is no room for one lease more, once what is over is forgotten.
func (t *Table) full(now record.Millis) bool {
	if t.n >= MaxLeases {
		t.Leases(now)
	}
	return t.n >= MaxLeases
}

func (t *Table) entry(id object.ID, now record.Millis) *entry {
	e := t.settle(id, now)
	if e == nil {
		e = new(entry)
		t.of[id] = e
	}
	return e
}

// Acquire asks for an object alone; that others share it is not looked at. Who has it already gets it again, with a new
// token. A lease that is taken away is given as lost. The error is a [*Conflict],
// [ErrInvalid] or [ErrFull].
func (t *Table) Acquire(now record.Millis, r Request) (got Lease, lost *Lease, err error) {
	if r.SID == "" || r.Object == "" || r.For <= 0 {
		return Lease{}, nil, ErrInvalid
	}
	e := t.entry(r.Object, now)
	defer t.settle(r.Object, now)
	i := slices.IndexFunc(e.waiting, func(w waiter) bool { return w.SID == r.SID })
	if i >= 0 {
		r.Refused, r.Arrival = e.waiting[i].Refused, e.waiting[i].Arrival
	} else {
		r.Refused = 0
	}
	h := e.exclusive
	if c := t.conflict(e, &r); c != nil {
		if h == nil || h.SID != r.SID {
			t.refuse(e, i, r, now)
		}
		return Lease{}, nil, c
	}
	if h == nil && t.full(now) {
		return Lease{}, nil, ErrFull
	}
	if i >= 0 {
		e.waiting = slices.Delete(e.waiting, i, i+1)
	}
	if h != nil && h.SID != r.SID {
		lost = h
	} else if h == nil {
		t.n++
	}
	e.exclusive = t.lease(now, &r, false)
	return *e.exclusive, lost, nil
}

// conflict gives what is in the way of a request for an object alone.
func (t *Table) conflict(e *entry, r *Request) *Conflict {
	h := e.exclusive
	if h != nil && h.SID != r.SID {
		if r.Priority > h.Priority {
			return t.before(e, r, h.Priority)
		}
		return &Conflict{Object: r.Object, Holder: h.SID, Priority: h.Priority, Until: h.Until}
	}
	if h != nil {
		// A holder goes on unless somebody who waits counts strictly more than it does.
		for i := range e.waiting {
			w := &e.waiting[i]
			if Level(w.Priority, w.Refused, t.opts.Aging) > r.Priority {
				return &Conflict{Object: r.Object, Holder: w.SID, Priority: w.Priority, Until: w.until, Waits: true}
			}
		}
		return nil
	}
	return t.before(e, r, -1)
}

// before gives who waits and comes before a request, and could have the object
// itself: its priority is above that of the holder.
func (t *Table) before(e *entry, r *Request, above int) *Conflict {
	var first *waiter
	for i := range e.waiting {
		w := &e.waiting[i]
		if w.SID != r.SID && w.Priority > above && Compare(&w.Request, r, t.opts.Aging) < 0 && (first == nil || Compare(&w.Request, &first.Request, t.opts.Aging) < 0) {
			first = w
		}
	}
	if first == nil {
		return nil
	}
	return &Conflict{Object: r.Object, Holder: first.SID, Priority: first.Priority, Until: first.until, Waits: true}
}

func (t *Table) refuse(e *entry, i int, r Request, now record.Millis) {
	r.Refused++
	w := waiter{r, now + record.Millis(t.opts.Wait.Milliseconds())}
	switch {
	case i >= 0:
		e.waiting[i] = w
	case len(e.waiting) < MaxWaiting:
		e.waiting = append(e.waiting, w)
	}
}

func (t *Table) lease(now record.Millis, r *Request, shared bool) *Lease {
	t.token++
	length := min(r.For, t.opts.Most.Milliseconds())
	return &Lease{Object: r.Object, SID: r.SID, Priority: r.Priority, Shared: shared, Token: t.token, From: now, Until: now + record.Millis(length)}
}

// Share asks for an object together with others, of which capacity may use it at
// once; 0 is any number. Who has it already gets it for longer. Nobody is put out.
func (t *Table) Share(now record.Millis, r Request, capacity int) (Lease, error) {
	if r.SID == "" || r.Object == "" || r.For <= 0 || capacity < 0 {
		return Lease{}, ErrInvalid
	}
	e := t.entry(r.Object, now)
	defer t.settle(r.Object, now)
	if h := e.exclusive; h != nil && h.SID != r.SID {
		return Lease{}, &Conflict{Object: r.Object, Holder: h.SID, Priority: h.Priority, Until: h.Until}
	}
	i := slices.IndexFunc(e.shared, func(l Lease) bool { return l.SID == r.SID })
	switch {
	case i >= 0:
		e.shared[i] = *t.lease(now, &r, true)
		return e.shared[i], nil
	case capacity > 0 && len(e.shared) >= capacity:
		next := slices.MinFunc(e.shared, func(a, b Lease) int { return int(a.Until - b.Until) })
		return Lease{}, &Conflict{Object: r.Object, Holder: next.SID, Priority: next.Priority, Until: next.Until, Full: true}
	case t.full(now):
		return Lease{}, ErrFull
	}
	l := t.lease(now, &r, true)
	e.shared = append(e.shared, *l)
	t.n++
	return *l, nil
}

// Valid tells whether a token still is leave to write to an object: it is that of
// the exclusive lease that runs now.
func (t *Table) Valid(now record.Millis, id object.ID, token uint64) bool {
	e := t.settle(id, now)
	return e != nil && e.exclusive != nil && e.exclusive.Token == token
}

// Release ends a lease. It gives [ErrOld] when it was over already.
func (t *Table) Release(now record.Millis, id object.ID, token uint64) error {
	e := t.settle(id, now)
	if e == nil {
		return ErrOld
	}
	if e.exclusive != nil && e.exclusive.Token == token {
		e.exclusive = nil
		t.n--
		t.settle(id, now)
		return nil
	}
	i := slices.IndexFunc(e.shared, func(l Lease) bool { return l.Token == token })
	if i < 0 {
		return ErrOld
	}
	e.shared = slices.Delete(e.shared, i, i+1)
	t.n--
	t.settle(id, now)
	return nil
}

// Holder gives who has an object alone.
func (t *Table) Holder(now record.Millis, id object.ID) (Lease, bool) {
	e := t.settle(id, now)
	if e == nil || e.exclusive == nil {
		return Lease{}, false
	}
	return *e.exclusive, true
}

// Sharing gives how many share an object.
func (t *Table) Sharing(now record.Millis, id object.ID) int {
	if e := t.settle(id, now); e != nil {
		return len(e.shared)
	}
	return 0
}

// Leases gives every lease that runs, by object and token.
func (t *Table) Leases(now record.Millis) []Lease {
	ids := make([]object.ID, 0, len(t.of))
	for id := range t.of {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	var out []Lease
	for _, id := range ids {
		e := t.settle(id, now)
		if e == nil {
			continue
		}
		if e.exclusive != nil {
			out = append(out, *e.exclusive)
		}
		at := len(out)
		out = append(out, e.shared...)
		slices.SortFunc(out[at:], func(a, b Lease) int {
			if a.Token < b.Token {
				return -1
			}
			return 1
		})
	}
	return out
}
