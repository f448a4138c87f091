package lamp

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"

	"github.com/wattwerk/wattwerk/meter/gpio"
)

// switcher turns light on and off.
type switcher interface {
	Set(on bool) error
	Close() error
}

// Lamp is one that is not the serial port of its meter.
type Lamp struct {
	open func(ctx context.Context) (switcher, error)
	at   switcher // nil: not open
}

// New gives the lamp of an address: "gpio:/dev/gpiochip0/17", "gpio-low:/dev/gpiochip0/17" where the low level is light, or
// "tcp://HOST:PORT". It is opened when it is needed first.
func New(address string) (*Lamp, error) {
	kind, rest, _ := strings.Cut(address, ":")
	switch kind {
	case "gpio", "gpio-low":
		line, err := gpio.ParseLine(rest)
		if err != nil {
			return nil, fmt.Errorf("lamp: %w", err)
		}
		return &Lamp{open: func(context.Context) (switcher, error) { return gpio.OpenOutput(line, kind == "gpio-low") }}, nil
	case "tcp":
		at := strings.TrimPrefix(rest, "//")
		if _, _, err := net.SplitHostPort(at); err != nil {
			return nil, fmt.Errorf("lamp %.60q: %w", address, err)
		}
		return &Lamp{open: func(ctx context.Context) (switcher, error) {
			c, err := (&net.Dialer{}).DialContext(ctx, "tcp", at)
			if err != nil {
				return nil, err
			}
			return head{c}, nil
		}}, nil
	}
	return nil, fmt.Errorf("lamp %.60q is none of gpio:/dev/gpiochip0/17, gpio-low:/dev/gpiochip0/17 and tcp://HOST:PORT", address)
}

// Light keeps it on or off for the time.
func (l *Lamp) Light(ctx context.Context, on bool, d time.Duration) (err error) {
	if err := ctx.Err(); err != nil {
		return err
	}
	if l.at == nil {
		if l.at, err = l.open(ctx); err != nil {
			l.at = nil
			return fmt.Errorf("open lamp: %w", err)
		}
	}
	if on {
		if err := l.at.Set(true); err != nil {
			return errors.Join(err, l.Close())
		}
	}
	wait := time.NewTimer(d)
	defer wait.Stop()
	select {
	case <-wait.C:
	case <-ctx.Done():
		err = ctx.Err()
	}
	if on {
		if dark := l.at.Set(false); dark != nil {
			return errors.Join(err, dark, l.Close()) // which turns it off too
		}
	}
	return err
}

// Close turns it off, and gives back what it was opened with.
func (l *Lamp) Close() error {
	if l.at == nil {
		return nil
	}
	at := l.at
	l.at = nil
	return at.Close()
}

// head is an optical head in the network.
type head struct{ net.Conn }

// patience is how long a head has to answer.
const patience = 2 * time.Second

func (h head) Set(on bool) error {
	b := []byte{'0'}
	if on {
		b[0] = '1'
	}
	want := b[0]
	if err := h.SetDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	if _, err := h.Write(b); err != nil {
		return fmt.Errorf("light optical head: %w", err)
	}
	if _, err := io.ReadFull(h, b); err != nil {
		return fmt.Errorf("light optical head: %w", err)
	}
	if b[0] != want {
		return fmt.Errorf("light optical head: it answers %q to %q", b[0], want)
	}
	return nil
}
