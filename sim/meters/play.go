package meters

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"time"

	"github.com/wattwerk/wattwerk/meter/modbus"
	"github.com/wattwerk/wattwerk/sim/noise"
)

// Pace says how what a meter says comes over the line.
type Pace struct {
	Every   time.Duration // from the beginning of a telegram to that of the next; 0: a second
	Baud    int           // 0: as is usual for the kind; that of a meter that is asked is agreed on
	Fast    bool          // bytes come at once instead
	Noise   noise.Options
	Network bool // the line is a converter's: Modbus comes as Modbus TCP
}

// Serve plays the meter on a line until the context or the line ends, and closes it. It is nil where the context ended.
func (m *Meter) Serve(ctx context.Context, line io.ReadWriteCloser, p Pace) error {
	stop := context.AfterFunc(ctx, func() { _ = line.Close() }) // reading and writing say so
	err := m.serve(ctx, line, p)
	if stop() {
		err = errors.Join(err, line.Close())
	}
	if ctx.Err() != nil {
		return nil
	}
	return err
}

func (m *Meter) serve(ctx context.Context, line io.ReadWriter, p Pace) error {
	if p.Every == 0 {
		p.Every = time.Second
	}
	w := &wire{ctx: ctx, to: line, baud: p.Baud, fast: p.Fast, noise: noise.New(p.Noise)}
	switch m.o.Kind {
	case "sunspec":
		framing := modbus.RTU
		if p.Network {
			framing = modbus.TCP
		}
		return m.serveSunSpec(line, framing)
	case "iec62056-ask":
		return m.answer(line, w)
	}
	if w.baud == 0 {
		w.baud = 9600
		if m.o.Kind == "dsmr" {
			w.baud = 115200
		}
	}
	for next := time.Now(); ; {
		if _, err := w.Write(m.Telegram()); err != nil {
			return fmt.Errorf("send telegram: %w", err)
		}
		if next = next.Add(p.Every); time.Until(next) < 0 {
			next = time.Now()
		}
		if err := pause(ctx, time.Until(next)); err != nil {
			return err
		}
	}
}

// wire sends at the pace of a serial line.
type wire struct {
	ctx   context.Context //nolint:containedctx // of the call that made it
	to    io.Writer
	baud  int
	fast  bool
	noise *noise.Noise
}

// piece is what is written at once: some 30 ms at 9600 baud.
const piece = 32

func (w *wire) Write(p []byte) (int, error) {
	for rest := bytes.Clone(p); len(rest) > 0; {
		n := len(rest)
		if !w.fast {
			n = min(n, piece)
		}
		if left := w.noise.Pass(rest[:n:n]); len(left) > 0 {
			if _, err := w.to.Write(left); err != nil {
				return 0, err
			}
		}
		rest = rest[n:]
		if !w.fast { // ten bits are a character
			if err := pause(w.ctx, time.Duration(n)*10*time.Second/time.Duration(w.baud)); err != nil {
				return 0, err
			}
		}
	}
	return len(p), nil
}

func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// reaction is how long a meter of IEC 62056-21 takes to answer (4.3: 200 ms to 1.5 s).
const reaction = 250 * time.Millisecond

// answer is a meter of IEC 62056-21 mode C (6.4.3): it says who it is at 300 baud, and then its data at
// the speed that it is told.
func (m *Meter) answer(line io.Reader, w *wire) error {
	heard := make([]byte, 0, 64)
	wait := func() error {
		if w.fast {
			return nil
		}
		return pause(w.ctx, reaction)
	}
	var data []byte
	var b [1]byte
	for {
		if _, err := io.ReadFull(line, b[:]); err != nil {
			return fmt.Errorf("hear request: %w", err)
		}
		if b[0] &= 0x7f; b[0] == '/' || b[0] == 0x06 || len(heard) == cap(heard) {
			heard = heard[:0]
		}
		heard = append(heard, b[0])
		text := string(heard)
		switch {
		case text == "/?!\r\n":
			data, w.baud = nil, 300
			if err := wait(); err != nil {
				return err
			}
			if _, err := io.WriteString(w, identification); err != nil {
				return err
			}
		case len(text) == 6 && text[0] == 0x06 && text[4:] == "\r\n":
			if speed := text[2]; speed >= '0' && speed <= '5' {
				w.baud = 300 << (speed - '0')
			}
			data = m.readout()
			if err := wait(); err != nil {
				return err
			}
			if _, err := w.Write(data); err != nil {
				return err
			}
		case b[0] == 0x15 && data != nil: // again
			if _, err := w.Write(data); err != nil {
				return err
			}
		default:
			continue
		}
		heard = heard[:0]
	}
}

// Illuminate takes light for the meter from everybody who connects, until the context ends: the byte '1' is light on and
// '0' light off, and the answer is the same byte; who hangs up takes the light along. Other bytes mean nothing.
func (m *Meter) Illuminate(ctx context.Context, l net.Listener) error {
	return accept(ctx, l, func(_ context.Context, c net.Conn) {
		defer c.Close() //nolint:errcheck // nothing is lost with it
		defer m.Light(false)
		var b [1]byte
		for {
			if _, err := c.Read(b[:]); err != nil {
				return
			}
			if b[0] == '1' || b[0] == '0' {
				m.Light(b[0] == '1')
				if _, err := c.Write(b[:]); err != nil {
					return
				}
			}
		}
	})
}

// TCP plays the meter to everybody who connects, until the context ends.
func (m *Meter) TCP(ctx context.Context, l net.Listener, p Pace, o Outage) error {
	p.Network = true
	begun := time.Now()
	return accept(ctx, l, func(ctx context.Context, c net.Conn) {
		ctx, cancel := o.since(ctx, begun)
		defer cancel()
		_ = m.Serve(ctx, c, p) // who hung up is told nothing
	})
}

// Terminal plays the meter on pseudo terminals until the context ends. After each outage it is another one; link names it all
// the time. It calls ready when there is the first.
func (m *Meter) Terminal(ctx context.Context, link string, p Pace, o Outage, ready func()) (err error) {
	defer func() {
		if gone := os.Remove(link); !errors.Is(gone, os.ErrNotExist) {
			err = errors.Join(err, gone)
		}
	}()
	for {
		t, err := terminal(link)
		if err != nil {
			return err
		}
		if ready != nil {
			ready()
			ready = nil
		}
		plugged, cancel := o.plugged(ctx)
		err = m.Serve(plugged, t, p)
		cancel()
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			return err
		}
		if err := os.Remove(link); err != nil {
			return err
		}
		if pause(ctx, o.For) != nil {
			return nil
		}
	}
}
