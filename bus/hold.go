package bus

import (
	"context"
	"crypto/rand"
	"errors"
	"time"
)

// A hold is in force for so long after it was written last, by the clock of the
// bus, and is written anew so often. So one whose process was killed ends soon.
const (
	holdFor   = 2 * time.Minute
	holdAgain = 20 * time.Second
)

// Hold keeps every process from removing records and ticks from the bus until
// release is called. Whatever is removed meanwhile was
// safe with its readers before Hold returned: who trims looks first at the
// positions, then for holds.
func (b *Bus) Hold(ctx context.Context) (release func(), err error) {
	name := "hold." + rand.Text()
	n := &Note{Behind: make(map[int]uint64), Lease: holdFor}
	for p := range b.partitions {
		n.Behind[p] = 0
	}
	if err := b.WriteNote(ctx, name, n); err != nil {
		return nil, err
	}
	ctx, end := context.WithCancel(context.WithoutCancel(ctx))
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		again := time.NewTicker(holdAgain)
		defer again.Stop()
		for {
			select {
			case <-ctx.Done():
				b.forgetHold(ctx, name)
				return
			case <-again.C:
			}
			err := b.WriteNote(ctx, name, n)
			if errors.Is(err, ErrOvertaken) { // by ourselves: an answer was lost
				var now *Note
				if now, err = b.ReadNote(ctx, name); err == nil {
					n.revision = now.revision
					err = b.WriteNote(ctx, name, n)
				}
			}
			if err != nil && ctx.Err() == nil {
				b.opts.Log.Warn("that nothing is to be removed from the bus could not be written, trying again", "error", err)
			}
		}
	}()
	return func() { end(); <-ended }, nil
}

// forgetHold ends a hold; if that fails it ends by itself.
func (b *Bus) forgetHold(ctx context.Context, name string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), attemptWithin)
	defer cancel()
	kv, err := b.notes(ctx)
	if err == nil {
		err = kv.Purge(ctx, name)
	}
	if err != nil {
		b.opts.Log.Warn("what was held on the bus is held for some minutes more", "error", err)
	}
}
