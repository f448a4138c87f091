package meters

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"time"

	"github.com/wattwerk/wattwerk/internal/pty"
)

// Outage is how often and for how long a meter is unplugged; the zero Outage: never.
type Outage struct{ Every, For time.Duration }

// plugged gives a context that ends when the meter is unplugged next.
func (o Outage) plugged(ctx context.Context) (context.Context, context.CancelFunc) {
	if o.Every <= 0 {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, o.Every)
}

// since gives one for who connects by TCP, when the meter was plugged in first at begun; it has ended while the meter is
// unplugged.
func (o Outage) since(ctx context.Context, begun time.Time) (context.Context, context.CancelFunc) {
	if o.Every <= 0 {
		return context.WithCancel(ctx)
	}
	in := time.Since(begun) % (o.Every + o.For)
	return context.WithTimeout(ctx, max(o.Every-in, 0))
}

// terminal opens a pseudo terminal and lets the link name it.
func terminal(link string) (*pty.Terminal, error) {
	t, err := pty.Open()
	if err != nil {
		return nil, err
	}
	if err := os.Symlink(t.Path(), link); err != nil {
		return nil, errors.Join(err, t.Close())
	}
	return t, nil
}

// accept hands connections to serve, each in a goroutine, until the context ends, and waits for all of them.
func accept(ctx context.Context, l net.Listener, serve func(context.Context, net.Conn)) error {
	ctx, cancel := context.WithCancel(ctx)
	var all sync.WaitGroup
	defer all.Wait()
	defer cancel()
	stop := context.AfterFunc(ctx, func() { _ = l.Close() }) // Accept says so
	defer stop()
	for {
		c, err := l.Accept()
		if err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return fmt.Errorf("accept: %w", err)
		}
		all.Go(func() {
			stop := context.AfterFunc(ctx, func() { _ = c.Close() }) // reading and writing say so
			defer stop()
			serve(ctx, c)
		})
	}
}
