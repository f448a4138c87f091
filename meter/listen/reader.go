package listen

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/wattwerk/wattwerk/meter"
)

// Options of a [Reader].
type Options struct {
	Open    func(ctx context.Context) (io.ReadCloser, error) // opens the source
	Decoder meter.Decoder
}

// ErrSilent is what a source is that answers reading with nothing, again and again: a serial
// port whose time-out passes, or one that was unplugged.
var ErrSilent = errors.New("nothing comes")

// maxSilence is how often reading may give nothing.
const maxSilence = 100

// pause is longer than any within a telegram. What came before it, and was not whole, is of a
// telegram of then: it must not be handed out as if the meter said it now.
const pause = 5 * time.Second

// Reader listens to one meter.
type Reader struct {
	o      Options
	source io.ReadCloser
	piece  [1024]byte
	heard  time.Time // when something came last
}

var _ meter.Reader = (*Reader)(nil)

// New gives a reader; nothing is opened yet.
func New(o Options) *Reader { return &Reader{o: o} }

// Read waits until at least one telegram has come, and hands out all that came with it.
func (r *Reader) Read(ctx context.Context, take func(*meter.Telegram)) (err error) {
	if err := ctx.Err(); err != nil {
		return err
	}
	if r.source == nil {
		if r.source, err = r.o.Open(ctx); err != nil {
			r.source = nil
			return fmt.Errorf("open meter: %w", err)
		}
	}
	source := r.source
	stop := context.AfterFunc(ctx, func() { _ = source.Close() }) // reading says so
	defer func() {
		ours := stop()
		if err == nil && ours {
			return
		}
		r.source = nil
		if ours {
			err = errors.Join(err, source.Close())
		} else if err != nil { // it is closed because of the context
			err = ctx.Err()
		}
	}()
	got, silence := false, 0
	for !got {
		n, err := source.Read(r.piece[:])
		if now := time.Now(); n > 0 {
			if now.Sub(r.heard) > pause {
				r.o.Decoder.Flush(func(*meter.Telegram) {})
			}
			r.heard = now
		}
		r.o.Decoder.Feed(r.piece[:n], func(t *meter.Telegram) {
			got = true
			take(t)
		})
		switch {
		case errors.Is(err, io.EOF):
			return fmt.Errorf("read meter: %w", io.ErrUnexpectedEOF)
		case err != nil:
			return fmt.Errorf("read meter: %w", err)
		case n > 0:
			silence = 0
		default:
			if silence++; silence == maxSilence {
				return fmt.Errorf("read meter: %w", ErrSilent)
			}
		}
	}
	return nil
}

// Stats counts what was met since the reader was made. No Read may be under way.
func (r *Reader) Stats() meter.Stats { return r.o.Decoder.Stats() }

// lamp is what a source can be beside: the optical head on its port.
type lamp interface {
	Light(ctx context.Context, on bool, d time.Duration) error
	Discard() error
}

// ErrNoLamp is why a source cannot be lit.
var ErrNoLamp = errors.New("there is no lamp where the meter is read; name another one")

// Light lights the meter, or keeps it dark for the time, through the port by which it is read. What
// the meter says meanwhile is not read.
func (r *Reader) Light(ctx context.Context, on bool, d time.Duration) (err error) {
	if err := ctx.Err(); err != nil {
		return err
	}
	if r.source == nil {
		if r.source, err = r.o.Open(ctx); err != nil {
			r.source = nil
			return fmt.Errorf("open meter: %w", err)
		}
	}
	l, ok := r.source.(lamp)
	if !ok {
		return ErrNoLamp
	}
	if err := l.Light(ctx, on, d); err != nil {
		return err
	}
	return l.Discard()
}

// Close closes the source.
func (r *Reader) Close() error {
	if r.source == nil {
		return nil
	}
	source := r.source
	r.source = nil
	return source.Close()
}
