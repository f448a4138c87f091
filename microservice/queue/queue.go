package queue

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"github.com/wattwerk/wattwerk/record"
)

// Key names a piece of work.
type Key struct {
	Service string // with its subject, where it has several
	From    record.Millis
	To      record.Millis
}

// Work is one piece of work.
type Work struct {
	Key
	Microservice string
	Priority     int
	Since        record.Millis // when it was added
	Tries        int           // how often it was taken before
	Note         []byte        // whatever who adds it wants back; at most MaxNote bytes
}

// Bounds of queues.
const (
	MaxNote          = 4096
	DefaultSize      = 1000
	DefaultDone      = 10_000
	MaxMicroservices = 10_000
)

// Options of a queue. What is 0 has its default.
type Options struct {
	Size int // pieces of each microservice, in work included; default 1000
	Done int // pieces of each that are remembered as done; default 10,000
}

// What adding work may come to.
var (
	ErrFull    = errors.New("the queue of the microservice is full")
	ErrInvalid = errors.New("the work has no service or no interval, or its note is too long")
)

// Outcome says what became of work that was added.
type Outcome string

// The outcomes there are.
const (
	Added   Outcome = "added"
	Known   Outcome = "known"    // it waits already, or is being done
	WasDone Outcome = "was done" // it is done already
	Refused Outcome = "refused"
)

// Counts are what became of all work of a microservice.
type Counts struct {
	Waiting, InWork             int
	Added, Known, Done, Refused uint64
}

// Queue holds the work of all microservices.
type Queue struct {
	opts Options
	of   map[string]*line
}

type line struct {
	waiting []Work // by interval, the oldest first
	inWork  map[Key]Work
	waits   map[Key]bool
	done    map[Key]bool
	ring    []Key // of done, the oldest at next when it is full
	next    int
	counts  Counts
}

// New makes an empty queue.
func New(o Options) *Queue {
	if o.Size <= 0 {
		o.Size = DefaultSize
	}
	if o.Done <= 0 {
		o.Done = DefaultDone
	}
	return &Queue{opts: o, of: make(map[string]*line)}
}

func (q *Queue) line(microservice string) *line {
	l := q.of[microservice]
	if l == nil {
		if len(q.of) >= MaxMicroservices {
			return nil
		}
		l = &line{inWork: make(map[Key]Work), waits: make(map[Key]bool), done: make(map[Key]bool)}
		q.of[microservice] = l
	}
	return l
}

// older orders work, what comes first first.
func older(a, b Work) int {
	return cmp.Or(cmp.Compare(a.From, b.From), cmp.Compare(a.To, b.To), cmp.Compare(b.Priority, a.Priority), cmp.Compare(a.Service, b.Service))
}

// Add adds work. The error says why it was refused.
func (q *Queue) Add(w Work) (Outcome, error) {
	if w.Service == "" || w.Microservice == "" || w.To <= w.From || len(w.Note) > MaxNote {
		return Refused, ErrInvalid
	}
	l := q.line(w.Microservice)
	if l == nil {
		return Refused, fmt.Errorf("%w: there are %d microservices with work", ErrFull, len(q.of))
	}
	_, working := l.inWork[w.Key]
	switch {
	case l.done[w.Key]:
		l.counts.Known++
		return WasDone, nil
	case working || l.waits[w.Key]:
		l.counts.Known++
		return Known, nil
	case len(l.waiting)+len(l.inWork) >= q.opts.Size:
		l.counts.Refused++
		return Refused, ErrFull
	}
	w.Note = slices.Clone(w.Note)
	l.insert(w)
	l.counts.Added++
	return Added, nil
}

func (l *line) insert(w Work) {
	at, _ := slices.BinarySearchFunc(l.waiting, w, older)
	l.waiting = slices.Insert(l.waiting, at, w)
	l.waits[w.Key] = true
}

// Take gives the oldest work of a microservice, at most n pieces. They are in work
// until [Queue.Done] or [Queue.Return].
func (q *Queue) Take(microservice string, n int) []Work {
	l := q.of[microservice]
	if l == nil || n <= 0 {
		return nil
	}
	n = min(n, len(l.waiting))
	out := slices.Clone(l.waiting[:n])
	l.waiting = slices.Delete(l.waiting, 0, n)
	for i := range out {
		out[i].Tries++
		l.inWork[out[i].Key] = out[i]
		delete(l.waits, out[i].Key)
	}
	return out
}

// Done tells that work has been done. False says that it was not in work: who
// was given it before has lost it, and what came of it must not be kept twice.
func (q *Queue) Done(microservice string, k Key) bool {
	l := q.of[microservice]
	if l == nil {
		return false
	}
	if _, ok := l.inWork[k]; !ok {
		return false
	}
	delete(l.inWork, k)
	l.counts.Done++
	if len(l.ring) < q.opts.Done {
		l.ring = append(l.ring, k)
	} else {
		delete(l.done, l.ring[l.next])
		l.ring[l.next] = k
		l.next = (l.next + 1) % len(l.ring)
	}
	l.done[k] = true
	return true
}

// Return puts work back that could not be done. False says that it was not in
// work.
func (q *Queue) Return(microservice string, k Key) bool {
	l := q.of[microservice]
	if l == nil {
		return false
	}
	w, ok := l.inWork[k]
	if ok {
		delete(l.inWork, k)
		l.insert(w)
	}
	return ok
}

// Counts gives what became of all work of a microservice.
func (q *Queue) Counts(microservice string) Counts {
	l := q.of[microservice]
	if l == nil {
		return Counts{}
	}
	c := l.counts
	c.Waiting, c.InWork = len(l.waiting), len(l.inWork)
	return c
}

// Microservices gives those that have ever had work, in order.
func (q *Queue) Microservices() []string {
	out := make([]string, 0, len(q.of))
	for m := range q.of {
		out = append(out, m)
	}
	slices.Sort(out)
	return out
}
