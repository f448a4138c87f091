package outbox

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/wattwerk/wattwerk/manifest"
	"github.com/wattwerk/wattwerk/pipeline/connect"
)

const (
	writeMost  = 5000         // results of one write
	waitMost   = 50_000       // results of a sink that wait, before those who give more leave the others
	writeLow   = waitMost / 2 // and until when they do
	retryLeast = 100 * time.Millisecond
	retryMost  = 30 * time.Second
)

// Link is what one giver has in a queue.
type Link struct {
	queue *Queue
	sent  atomic.Uint64
	acked atomic.Uint64 // results that are written, or were called off
	off   atomic.Bool   // called off
	held  bool          // what is given waits until it is let go; guarded by the queue's mutex
}

// Queue is where it is.
func (l *Link) Queue() *Queue { return l.queue }

// Sent is how many results were put.
func (l *Link) Sent() uint64 { return l.sent.Load() }

// Done is how many of them are written, or were called off.
func (l *Link) Done() uint64 { return l.acked.Load() }

// Waiting is how many are not.
func (l *Link) Waiting() int64 {
	done := l.acked.Load() // first, for it never passes the other
	return int64(l.sent.Load() - done)
}

// chunk is what one node gave at one step.
type chunk struct {
	link    *Link
	results []connect.Written
}

// Options of a queue.
type Options struct {
	End  *manifest.End
	Open func(context.Context) (connect.Writer, error) // of the sink
	Bury func(connect.Refusal)                         // what it refuses
	Log  *slog.Logger
}

// Queue is one sink: what waits for it, and the goroutine that writes it.
type Queue struct {
	Options

	mu      sync.Mutex
	waiting []chunk
	writing []chunk // in the write under way, or before it is tried again
	held    []chunk // of links that are held
	n       int     // results in waiting and in writing
	users   int
	err     error         // why the last write failed; nil: it did not
	wake    chan struct{} // something waits, or is called off
	room    chan struct{} // closed when n falls below writeLow; nil: nobody waits
	quit    chan struct{} // closed when nothing is to be written any more but what is under way
	done    chan struct{} // closed when the goroutine ended
	stop    context.CancelFunc
}

// New makes a queue whose goroutine works until ctx ends, or [Queue.Quit] or
// [Queue.Stop].
func New(ctx context.Context, o Options) *Queue {
	q := &Queue{Options: o, wake: make(chan struct{}, 1), quit: make(chan struct{}), done: make(chan struct{})}
	ctx, q.stop = context.WithCancel(ctx)
	go q.run(ctx)
	return q
}

// Link joins a giver; held: what it puts waits until [Queue.LetGo].
func (q *Queue) Link(held bool) *Link {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.users++
	return &Link{queue: q, held: held}
}

// Unlink ends what [Queue.Link] began, and tells whether it was the last one.
func (q *Queue) Unlink() (last bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.users--
	return q.users == 0
}

// Put adds what one node gave at one step, and tells whether there is too much by
// now.
func (q *Queue) Put(l *Link, results []connect.Written) (full bool) {
	c := chunk{l, results}
	l.sent.Add(uint64(len(results)))
	q.mu.Lock()
	if l.held {
		q.held = append(q.held, c)
		q.mu.Unlock()
		return false
	}
	q.waiting = append(q.waiting, c)
	q.n += len(c.results)
	full = q.n > waitMost
	q.mu.Unlock()
	q.poke()
	return full
}

func (q *Queue) poke() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// Roomy gives a channel that is closed when there is room again.
func (q *Queue) Roomy() <-chan struct{} {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.n <= writeLow {
		c := make(chan struct{})
		close(c)
		return c
	}
	if q.room == nil {
		q.room = make(chan struct{})
	}
	return q.room
}

// Trouble is why the last write failed; nil: it did not.
func (q *Queue) Trouble() error {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.err
}

// take moves chunks into writing, at most writeMost results but one chunk at
// least, and lets go those that are called off.
func (q *Queue) take() []chunk {
	q.mu.Lock()
	defer q.mu.Unlock()
	n, i := 0, 0
	for ; i < len(q.waiting); i++ {
		c := q.waiting[i]
		if c.link.off.Load() {
			q.acked(c)
			continue
		}
		if n > 0 && n+len(c.results) > writeMost {
			break
		}
		q.writing = append(q.writing, c)
		n += len(c.results)
	}
	q.waiting = q.waiting[:copy(q.waiting, q.waiting[i:])]
	return slices.Clone(q.writing)
}

// acked notes that a chunk needs nothing any more. The mutex is held.
func (q *Queue) acked(c chunk) {
	c.link.acked.Add(uint64(len(c.results)))
	q.less(len(c.results))
}

// less makes room. The mutex is held.
func (q *Queue) less(n int) {
	if q.n -= n; q.n <= writeLow && q.room != nil {
		close(q.room)
		q.room = nil
	}
}

// wrote notes that the write under way is done.
func (q *Queue) wrote() {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, c := range q.writing {
		q.acked(c)
	}
	q.writing = q.writing[:0]
}

// Hold has what a link gave wait until it is let go: no other write of it begins.
func (q *Queue) Hold(l *Link) {
	q.mu.Lock()
	l.held = true
	q.waiting = slices.DeleteFunc(q.waiting, func(c chunk) bool {
		if c.link != l {
			return false
		}
		q.held = append(q.held, c)
		q.less(len(c.results))
		return true
	})
	q.mu.Unlock()
	q.poke()
}

// LetGo has what a link gave written again.
func (q *Queue) LetGo(l *Link) {
	q.mu.Lock()
	l.held = false
	var again []chunk
	q.held = slices.DeleteFunc(q.held, func(c chunk) bool {
		if c.link != l {
			return false
		}
		again = append(again, c)
		q.n += len(c.results)
		return true
	})
	q.waiting = append(again, q.waiting...)
	q.mu.Unlock()
	q.poke()
}

// CallOff lets go what a link gave and is not written.
func (q *Queue) CallOff(l *Link) {
	l.off.Store(true)
	q.mu.Lock()
	q.held = slices.DeleteFunc(q.held, func(c chunk) bool {
		if c.link == l {
			l.acked.Add(uint64(len(c.results)))
		}
		return c.link == l
	})
	q.mu.Unlock()
	q.poke()
}

// unwritten is what a link gave and is not known to be written, the oldest first.
func (q *Queue) unwritten(l *Link) (out []chunk) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, some := range [][]chunk{q.writing, q.held, q.waiting} {
		for _, c := range some {
			if c.link == l {
				out = append(out, c)
			}
		}
	}
	return out
}

func (q *Queue) fail(err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.err == nil && err != nil {
		q.Log.Warn("results cannot be written", "sink", q.End.Source.Name, "error", err)
	} else if q.err != nil && err == nil {
		q.Log.Info("results are written again", "sink", q.End.Source.Name)
	}
	q.err = err
}

// run writes until ctx ends.
func (q *Queue) run(ctx context.Context) {
	defer close(q.done)
	var w connect.Writer
	defer func() {
		if w != nil {
			if err := w.Close(); err != nil {
				q.Log.Warn("a sink did not close", "sink", q.End.Source.Name, "error", err)
			}
		}
	}()
	var now []chunk
	var results []connect.Written
	retry := retryLeast
	for {
		select {
		case <-q.quit:
			return
		default:
		}
		if len(now) == 0 {
			now = q.take()
		}
		if len(now) == 0 {
			select {
			case <-ctx.Done():
				return
			case <-q.quit:
				return
			case <-q.wake:
			}
			continue
		}
		results = results[:0]
		for _, c := range now {
			results = append(results, c.results...)
		}
		err := q.write(ctx, &w, results)
		if ctx.Err() != nil && err != nil {
			return
		}
		var refused *connect.Refused
		if errors.As(err, &refused) {
			for _, r := range refused.Results {
				q.Bury(r)
			}
			err = nil
		}
		q.fail(err)
		if err == nil {
			retry = retryLeast
			q.wrote()
			now = nil
			continue
		}
		t := time.NewTimer(retry)
		retry = min(2*retry, retryMost)
		now = q.prune()
	wait:
		for len(now) > 0 {
			select {
			case <-ctx.Done():
				t.Stop()
				return
			case <-q.quit:
				t.Stop()
				return
			case <-t.C:
				break wait
			case <-q.wake: // some may be held or called off
				now = q.prune()
			}
		}
		t.Stop()
	}
}

// prune takes out of what is to be tried again what is held or called off.
func (q *Queue) prune() []chunk {
	q.mu.Lock()
	defer q.mu.Unlock()
	var held []chunk
	q.writing = slices.DeleteFunc(q.writing, func(c chunk) bool {
		switch {
		case c.link.off.Load():
			q.acked(c)
		case c.link.held:
			held = append(held, c)
			q.less(len(c.results))
		default:
			return false
		}
		return true
	})
	q.held = append(held, q.held...)
	return slices.Clone(q.writing)
}

func (q *Queue) write(ctx context.Context, w *connect.Writer, results []connect.Written) error {
	if *w == nil {
		opened, err := q.Open(ctx)
		if err != nil {
			return fmt.Errorf("open sink %q: %w", q.End.Source.Name, err)
		}
		*w = opened
	}
	return (*w).Write(ctx, results)
}

// Quit lets the write that is under way end, and begins no other.
func (q *Queue) Quit() { close(q.quit) }

// Stop breaks off, and waits for the end.
func (q *Queue) Stop() {
	q.stop()
	<-q.done
}

// Done is closed when nothing is written any more.
func (q *Queue) Done() <-chan struct{} { return q.done }
