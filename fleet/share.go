package fleet

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/wattwerk/wattwerk/internal/run"
)

// task is the work on one piece.
type task struct {
	piece  int
	cancel context.CancelFunc
	ending bool // cancelled
	lost   bool // another process holds it
	err    error
}

// Share is a [run.Share]: it works on this process's even part of pieces 0 to pieces-1 until ctx
// ends or work fails, and gives all of them up before it returns. All
// processes that take part name the same number of pieces. A share's name
// consists of lower-case letters, digits and hyphens.
func (f *Fleet) Share(ctx context.Context, name string, pieces int, work run.Work) error {
	if f.opts.Alone {
		f.pieces.WithLabelValues(name).Set(float64(pieces))
		f.mu.Lock()
		f.alone[name] = pieces
		f.mu.Unlock()
		defer func() {
			f.mu.Lock()
			delete(f.alone, name)
			f.mu.Unlock()
		}()
		return run.Alone(ctx, name, pieces, work)
	}
	if err := f.join(name); err != nil {
		return err
	}
	s := &sharing{fleet: f, name: name, pieces: pieces, work: work, tasks: make(map[int]*task), ended: make(chan *task)}
	return s.run(ctx)
}

// lookAgain is how many heartbeats pass until a share is looked at although
// nothing changed, in which there was nothing to do.
const lookAgain = 4

// sharing is one share as this process sees it. One goroutine uses it.
type sharing struct {
	fleet  *Fleet
	name   string
	pieces int
	work   run.Work
	tasks  map[int]*task
	ended  chan *task
}

func (s *sharing) run(ctx context.Context) error {
	again := time.NewTimer(run.Until(s.fleet.every))
	defer again.Stop()
	// The claims of work that ends at the end have to be given up, too.
	tidy := context.WithoutCancel(ctx)
	var err error
	for err == nil && ctx.Err() == nil {
		stir, done := s.look(ctx)
		if done {
			again.Reset(run.Until(lookAgain * s.fleet.every))
		} else {
			again.Reset(run.Until(s.fleet.every))
		}
		select {
		case <-ctx.Done():
		case <-stir:
		case <-again.C:
		case t := <-s.ended:
			err = s.end(tidy, t)
		}
	}
	s.fleet.leave(s.name) // first of all, so that the others count on it
	for _, t := range s.tasks {
		t.stop()
	}
	for len(s.tasks) > 0 {
		err = errors.Join(err, s.end(tidy, <-s.ended))
	}
	return err
}

func (t *task) stop() {
	t.ending = true
	t.cancel()
}

// look compares what is with what should be, and gives what tells of the next
// change. done is false when it had something to do, which may have failed.
func (s *sharing) look(ctx context.Context) (stir <-chan struct{}, done bool) {
	f := s.fleet
	f.mu.Lock()
	stir = f.stir
	var c change
	var lapsed, lost []*task
	var idle []int // claimed by us, as it turns out, and not worked on
	revisions := make(map[int]uint64)
	if f.view.settled() {
		c = f.view.balance(s.name, s.pieces)
		for p, t := range s.tasks {
			switch h := f.view.claims[claimKey(s.name, p)]; {
			case h.holder == f.opts.Self.ID || t.ending:
			case h.holder == "":
				lapsed = append(lapsed, t) // the bus forgot it
			default:
				lost = append(lost, t)
			}
		}
		for p := range s.pieces {
			if f.view.claims[claimKey(s.name, p)].holder == f.opts.Self.ID && s.tasks[p] == nil && !slices.Contains(c.release, p) {
				idle = append(idle, p)
			}
		}
		for _, p := range c.take {
			revisions[p] = f.view.claims[claimKey(s.name, p)].revision
		}
	}
	f.mu.Unlock()
	for _, t := range lost {
		f.log.Warn("another process took a piece", "share", s.name, "piece", t.piece)
		t.lost = true
		t.stop()
	}
	for _, p := range idle { // the answer to the claim was lost
		s.begin(ctx, p)
	}
	for _, t := range lapsed {
		s.claim(ctx, t.piece, 0)
	}
	for _, p := range c.release {
		if t := s.tasks[p]; t != nil {
			t.stop()
		} else {
			s.release(ctx, p)
		}
	}
	for _, p := range c.take {
		if s.tasks[p] == nil && s.claim(ctx, p, revisions[p]) {
			s.begin(ctx, p)
		}
	}
	return stir, len(lapsed)+len(lost)+len(idle)+len(c.release)+len(c.take) == 0
}

func (s *sharing) begin(ctx context.Context, piece int) {
	own, cancel := context.WithCancel(ctx)
	t := &task{piece: piece, cancel: cancel}
	s.tasks[piece] = t
	s.count("taken")
	go func() {
		t.err = s.work(own, piece)
		if t.err == nil && own.Err() == nil {
			t.err = errors.New("work ended by itself")
		}
		s.ended <- t
	}()
}

func (s *sharing) count(how string) {
	s.fleet.moves.WithLabelValues(s.name, how).Inc()
	s.fleet.pieces.WithLabelValues(s.name).Set(float64(len(s.tasks)))
	s.fleet.changes.SetToCurrentTime()
}

// end gives up the claim of work that has ended.
func (s *sharing) end(ctx context.Context, t *task) error {
	t.cancel()
	delete(s.tasks, t.piece)
	if t.lost {
		s.count("lost")
	} else {
		s.release(ctx, t.piece)
		s.count("released")
	}
	if t.err != nil && !(t.ending && errors.Is(t.err, context.Canceled)) {
		return fmt.Errorf("share %s, piece %d: %w", s.name, t.piece, t.err)
	}
	return nil
}

// claim takes a piece that nobody works on. revision is that of the entry in
// its place.
func (s *sharing) claim(ctx context.Context, piece int, revision uint64) bool {
	data, err := json.Marshal(claim{Holder: s.fleet.opts.Self.ID})
	if err != nil {
		return false
	}
	return s.swap(ctx, piece, func(ctx context.Context, kv jetstream.KeyValue, key string) (entry, error) {
		if revision == 0 {
			revision, err = kv.Create(ctx, key, data)
		} else {
			revision, err = kv.Update(ctx, key, data, revision)
		}
		return entry{key: key, revision: revision, value: data}, err
	})
}

// release gives a claim up if it is still ours.
func (s *sharing) release(ctx context.Context, piece int) {
	f := s.fleet
	f.mu.Lock()
	h := f.view.claims[claimKey(s.name, piece)]
	f.mu.Unlock()
	if h.holder != f.opts.Self.ID {
		return
	}
	s.swap(ctx, piece, func(ctx context.Context, kv jetstream.KeyValue, key string) (entry, error) {
		// The revision of the marker is not told; it is followed soon enough.
		return entry{key: key, revision: h.revision + 1, gone: true}, kv.Delete(ctx, key, jetstream.LastRevision(h.revision))
	})
}

// swap changes the claim on a piece and notes what came of it. Somebody else
// having been faster is no error worth a word.
func (s *sharing) swap(ctx context.Context, piece int, do func(context.Context, jetstream.KeyValue, string) (entry, error)) bool {
	f := s.fleet
	kv := f.bucket()
	if kv == nil {
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	e, err := do(ctx, kv, claimKey(s.name, piece))
	if err != nil {
		if !errors.Is(err, jetstream.ErrKeyExists) && !errors.Is(err, jetstream.ErrKeyRevisionMismatch) {
			f.log.Warn("a claim could not be changed, trying again", "share", s.name, "piece", piece, "error", err)
		}
		return false
	}
	f.apply(e)
	return true
}
