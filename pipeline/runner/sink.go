package runner

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
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

// link is a job's part in a queue.
type link struct {
	queue *queue
	sent  uint64        // guarded by the job's mutex
	acked atomic.Uint64 // results that are written, or were called off
}

type chunk struct {
	job     *job
	link    *link
	epoch   uint64 // of the job; another one: it is called off
	results []connect.Written
}

// queue is one sink: what waits for it, and the goroutine that writes it.
type queue struct {
	end   *manifest.End
	print string // of the end, to see whether it has changed
	open  func(context.Context) (connect.Writer, error)
	log   *slog.Logger
	bury  func(connect.Refusal)

	mu      sync.Mutex
	waiting []chunk
	n       int // results in waiting and in the write under way
	users   int
	err     error         // why the last write failed; nil: it did not
	wake    chan struct{} // something waits, or is called off
	room    chan struct{} // closed when n falls below writeLow; nil: nobody waits
	done    chan struct{} // closed when the goroutine ended
	stop    context.CancelFunc
}

// put adds results, and tells whether there are too many by now.
func (q *queue) put(c chunk) (full bool) {
	q.mu.Lock()
	q.waiting = append(q.waiting, c)
	q.n += len(c.results)
	full = q.n > waitMost
	q.mu.Unlock()
	q.poke()
	return full
}

func (q *queue) poke() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// roomy gives a channel that is closed when there is room again.
func (q *queue) roomy() <-chan struct{} {
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

func (q *queue) trouble() error {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.err
}

// take gives chunks to write, at most writeMost results but one chunk at least,
// and lets go those that are called off.
func (q *queue) take() (some []chunk, n int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	i := 0
	for ; i < len(q.waiting); i++ {
		c := q.waiting[i]
		if c.epoch != c.job.epoch.Load() {
			q.acked(c)
			continue
		}
		if n > 0 && n+len(c.results) > writeMost {
			break
		}
		some = append(some, c)
		n += len(c.results)
	}
	q.waiting = q.waiting[:copy(q.waiting, q.waiting[i:])]
	return some, n
}

// acked notes that a chunk needs nothing any more. The mutex is held.
func (q *queue) acked(c chunk) {
	c.link.acked.Add(uint64(len(c.results)))
	if q.n -= len(c.results); q.n <= writeLow && q.room != nil {
		close(q.room)
		q.room = nil
	}
}

func (q *queue) fail(err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.err == nil && err != nil {
		q.log.Warn("results cannot be written", "sink", q.end.Source.Name, "error", err)
	} else if q.err != nil && err == nil {
		q.log.Info("results are written again", "sink", q.end.Source.Name)
	}
	q.err = err
}

// run writes until ctx ends.
func (q *queue) run(ctx context.Context) {
	defer close(q.done)
	var w connect.Writer
	defer func() {
		if w != nil {
			if err := w.Close(); err != nil {
				q.log.Warn("a sink did not close", "sink", q.end.Source.Name, "error", err)
			}
		}
	}()
	var held []chunk
	var results []connect.Written
	retry := retryLeast
	for {
		if len(held) == 0 {
			held, _ = q.take()
		}
		if len(held) == 0 {
			select {
			case <-ctx.Done():
				return
			case <-q.wake:
			}
			continue
		}
		results = results[:0]
		for _, c := range held {
			results = append(results, c.results...)
		}
		err := q.write(ctx, &w, results)
		if ctx.Err() != nil {
			return
		}
		var refused *connect.Refused
		if errors.As(err, &refused) {
			for _, r := range refused.Results {
				q.bury(r)
			}
			err = nil
		}
		q.fail(err)
		if err == nil {
			retry = retryLeast
			q.mu.Lock()
			for _, c := range held {
				q.acked(c)
			}
			q.mu.Unlock()
			held = nil
			continue
		}
		t := time.NewTimer(retry)
		retry = min(2*retry, retryMost)
	wait:
		for {
			select {
			case <-ctx.Done():
				t.Stop()
				return
			case <-t.C:
				break wait
			case <-q.wake: // some may be called off
				if held = q.prune(held); len(held) == 0 {
					t.Stop()
					break wait
				}
			}
		}
	}
}

// prune lets go what is called off.
func (q *queue) prune(held []chunk) []chunk {
	q.mu.Lock()
	defer q.mu.Unlock()
	kept := held[:0]
	for _, c := range held {
		if c.epoch != c.job.epoch.Load() {
			q.acked(c)
			continue
		}
		kept = append(kept, c)
	}
	return kept
}

func (q *queue) write(ctx context.Context, w *connect.Writer, results []connect.Written) error {
	if *w == nil {
		opened, err := q.open(ctx)
		if err != nil {
			return fmt.Errorf("open sink %q: %w", q.end.Source.Name, err)
		}
		*w = opened
	}
	return (*w).Write(ctx, results)
}

// finish ends a queue that nobody uses any more. What waits is called off.
func (q *queue) finish() {
	q.stop()
	<-q.done
}
