package connect

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/wattwerk/wattwerk/internal/run"
)

// forever is an error that trying again does not mend.
type forever struct{ error }

func (f forever) Unwrap() error { return f.error }

// Forever marks an error that trying again does not mend.
func Forever(err error) error {
	if err == nil {
		return nil
	}
	return forever{err}
}

// longest is the longest pause before trying again.
const longest = time.Minute

// Keep works until ctx ends, or until work gives an error that is [Forever],
// which it returns. After any other it says so by status and works again, after
// pauses that grow to a minute. work calls up when it is connected: that is said
// by status, and pauses are short again. When ctx ends it returns nil.
func (e *End) Keep(ctx context.Context, status func(Status), work func(ctx context.Context, up func()) error) error {
	first := e.House.Retry
	if first <= 0 {
		first = time.Second
	}
	pause := first
	for {
		err := work(ctx, func() {
			pause = first
			status(Status{Connected: true, At: e.House.Time()})
		})
		if ctx.Err() != nil {
			return nil
		}
		if err == nil {
			err = errors.New("the connection ended")
		}
		status(Status{Error: err.Error(), At: e.House.Time()})
		if f := (forever{}); errors.As(err, &f) {
			return err
		}
		e.Log.Warn("connection of a data source or sink broken, trying again", "end", e.ID, "protocol", e.Protocol, "error", err)
		if !run.Pause(ctx, pause/2+rand.N(pause/2+1)) {
			return nil
		}
		pause = min(pause*2, longest)
	}
}

// Recent knows the identifiers of the messages of one source that were stored
// last, as many as readers may be told again. The zero value knows none. It is
// for one goroutine at a time.
type Recent struct {
	ids  map[string]int // how often it is in ring
	ring []string
	next int
}

// keptIDs is how many identifiers are known: of everything that may be
// unacknowledged, several times.
const keptIDs = 10 * MaxBatch

// Stored tells whether a message was stored already, and need not be again.
func (r *Recent) Stored(m *Message) bool { return m.ID != "" && !m.Fresh && r.ids[m.ID] > 0 }

// Note notes the identifier of a message that was stored. Those of whoever
// worked before are noted in the order in which they were.
func (r *Recent) Note(id string) {
	if id == "" {
		return
	}
	if r.ids == nil {
		r.ids = make(map[string]int)
	}
	r.ids[id]++
	if len(r.ring) < keptIDs {
		r.ring = append(r.ring, id)
		return
	}
	if old := r.ring[r.next]; r.ids[old] == 1 {
		delete(r.ids, old)
	} else {
		r.ids[old]--
	}
	r.ring[r.next], r.next = id, (r.next+1)%keptIDs
}

// Insist stores messages, and holds on to them while that cannot be, with pauses
// that grow. It is false when ctx ended before they were stored: then they must
// not be acknowledged.
func (e *End) Insist(ctx context.Context, store Store, messages ...Message) bool {
	pause := e.House.Retry
	if pause <= 0 {
		pause = time.Second
	}
	for {
		err := store(ctx, messages...)
		if err == nil {
			return true
		}
		if ctx.Err() != nil {
			return false
		}
		e.Log.Warn("messages of a data source have to wait", "end", e.ID, "protocol", e.Protocol, "messages", len(messages), "error", err)
		if !run.Pause(ctx, pause) {
			return false
		}
		pause = min(2*pause, 10*time.Second)
	}
}
