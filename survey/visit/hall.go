package visit

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"

	"github.com/hashicorp/yamux"
)

// Protocol is what a connection is upgraded to that carries a tunnel, or somebody who comes in by one.
const Protocol = "wattwerk-visit"

// HostKey is the header in which a device says by which key it is known inside the tunnel.
const HostKey = "Wattwerk-Host-Key"

// Bounds.
const (
	AtOnce     = 4   // who come in by a tunnel at the same time
	mostOpen   = 100 // tunnels
	mostLine   = 2 << 10
	mostEvents = 1000 // that a device reports of a tunnel
	writeIn    = 10 * time.Second
	lookEvery  = 2 * time.Second
)

// Config is how both ends multiplex a tunnel.
func Config() *yamux.Config {
	c := yamux.DefaultConfig()
	c.AcceptBacklog, c.ConnectionWriteTimeout, c.StreamOpenTimeout, c.StreamCloseTimeout = AtOnce, writeIn, writeIn, writeIn
	c.LogOutput = io.Discard
	return c
}

// Event is what a device reports.
type Event struct {
	What string `json:"what"`
}

// Report reports an event on the stream that a device has opened for that, and returns when it is in the books of the service.
func Report(rw *bufio.ReadWriter, e Event) error {
	line, err := json.Marshal(e)
	if err == nil {
		_, err = rw.Write(append(line, '\n'))
	}
	if err == nil {
		err = rw.Flush()
	}
	var answer string
	if err == nil {
		answer, err = rw.ReadString('\n')
	}
	if err != nil {
		return fmt.Errorf("report to the service: %w", err)
	}
	if answer != "ok\n" {
		return errors.New("report to the service: it was not written down")
	}
	return nil
}

// Books are where it is written who was where.
type Books interface {
	// Valid is nil while a grant may be used, by the clock of the service too.
	Valid(ctx context.Context, id string) error
	// Note writes down what happened.
	Note(ctx context.Context, id, what string) error
	// Close writes down that a visit is over. It is not opened again.
	Close(ctx context.Context, id, why string) error
}

// Hall is where tunnels of devices end.
type Hall struct {
	books Books
	look  time.Duration
	log   *slog.Logger

	mu   sync.Mutex
	open map[string]*tunnel
}

type tunnel struct {
	session *yamux.Session
	guests  chan struct{}
}

// NewHall makes one without tunnels. look is how often it asks the books whether each may stay open; 0: as usual.
func NewHall(books Books, look time.Duration, log *slog.Logger) *Hall {
	if look == 0 {
		look = lookEvery
	}
	return &Hall{books: books, look: look, log: log, open: make(map[string]*tunnel)}
}

// Errors of a hall.
var (
	ErrFull    = errors.New("more tunnels are open than can be")
	ErrAbsent  = errors.New("the device has not come yet")
	ErrCrowded = errors.New("more are inside than may be")
)

// reasons why a tunnel ends.
var (
	errGone = errors.New("the device hung up, or the line was cut")
	errStop = errors.New("the service stops")
)

// Serve holds a tunnel until it ends. The grant is good until a time, and was marked as used.
func (h *Hall) Serve(ctx context.Context, id string, conn io.ReadWriteCloser, left time.Duration) error {
	session, err := yamux.Client(conn, Config())
	if err != nil {
		return errors.Join(fmt.Errorf("open tunnel: %w", err), conn.Close())
	}
	t := &tunnel{session, make(chan struct{}, AtOnce)}
	h.mu.Lock()
	full := len(h.open) >= mostOpen
	if !full {
		h.open[id] = t
	}
	h.mu.Unlock()
	if full {
		err := errors.Join(session.Close(), conn.Close())
		return errors.Join(ErrFull, h.books.Close(ctx, id, ErrFull.Error()), err)
	}
	h.log.Info("a device opened a tunnel", "grant", id)
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var all sync.WaitGroup
	all.Go(func() { cancel(h.reports(ctx, id, session)) })
	all.Go(func() { cancel(h.watch(ctx, id, left)) })
	select {
	case <-ctx.Done():
	case <-session.CloseChan():
		cancel(errGone)
	}
	h.mu.Lock()
	delete(h.open, id)
	h.mu.Unlock()
	_, _ = session.Close(), conn.Close() // the line may be cut
	all.Wait()
	why := context.Cause(ctx)
	if errors.Is(why, context.Canceled) {
		why = errStop
	}
	h.log.Info("a tunnel is closed", "grant", id, "because", why.Error())
	after, done := context.WithTimeout(context.WithoutCancel(ctx), writeIn)
	defer done()
	if noted := h.books.Close(after, id, why.Error()); noted != nil {
		return fmt.Errorf("close tunnel: %w", noted)
	}
	return nil
}

// watch returns when the tunnel may not stay open.
func (h *Hall) watch(ctx context.Context, id string, left time.Duration) error {
	end := time.NewTimer(left)
	defer end.Stop()
	t := time.NewTicker(h.look)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-end.C:
			return ErrExpired
		case <-t.C:
			// Who cannot be asked does not say yes.
			if err := h.books.Valid(ctx, id); err != nil {
				return err
			}
		}
	}
}

// reports writes down what the device reports, on the one stream that it may open.
func (h *Hall) reports(ctx context.Context, id string, session *yamux.Session) error {
	s, err := session.AcceptStreamWithContext(ctx)
	if err != nil {
		return errGone
	}
	r := bufio.NewReaderSize(s, mostLine)
	for range mostEvents {
		line, err := r.ReadSlice('\n')
		if err != nil {
			return errGone
		}
		var e Event
		if err := json.Unmarshal(line, &e); err != nil {
			return errors.New("the device reports what is not understood")
		}
		if err := h.books.Note(ctx, id, e.What); err != nil {
			return err
		}
		if _, err := s.Write([]byte("ok\n")); err != nil {
			return errGone
		}
	}
	return errors.New("the device reports more than is written down")
}

// Enter brings somebody to a device: what comes is passed on to it, and back, until either ends. The error is ErrAbsent while the device
// has not come.
func (h *Hall) Enter(ctx context.Context, id, who string, conn func() (io.ReadWriteCloser, error)) error {
	h.mu.Lock()
	t := h.open[id]
	h.mu.Unlock()
	if t == nil {
		return ErrAbsent
	}
	select {
	case t.guests <- struct{}{}:
		defer func() { <-t.guests }()
	default:
		return ErrCrowded
	}
	if err := h.books.Note(ctx, id, who+" comes in"); err != nil {
		return err
	}
	inner, err := t.session.OpenStream()
	if err != nil {
		return ErrAbsent
	}
	defer inner.Close() //nolint:errcheck // who has hung up is told nothing
	outer, err := conn()
	if err != nil {
		return err
	}
	h.log.Info("somebody comes in to a device", "grant", id, "staff", who)
	Join(ctx, inner, outer)
	after, done := context.WithTimeout(context.WithoutCancel(ctx), writeIn)
	defer done()
	return h.books.Note(after, id, who+" has left")
}

// Join passes on what comes from either end to the other one until one of them ends, or ctx does. Both are closed then.
func Join(ctx context.Context, a, b io.ReadWriteCloser) {
	closeBoth := sync.OnceFunc(func() {
		_ = a.Close() // who has hung up is told nothing
		_ = b.Close()
	})
	defer context.AfterFunc(ctx, closeBoth)()
	var all sync.WaitGroup
	for _, p := range [][2]io.ReadWriteCloser{{a, b}, {b, a}} {
		all.Go(func() {
			defer closeBoth()
			_, _ = io.Copy(p[0], p[1]) // either end may hang up at any time
		})
	}
	all.Wait()
}
