package port

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"go.bug.st/serial"
)

// Address says where a meter is and how characters look on the line.
type Address struct {
	network string // "tcp", or "" for a serial port
	name    string // HOST:PORT, or a device
	baud    int
	frame   string // "8N1", "8E1" or "7E1"
}

var (
	speeds = []int{300, 600, 1200, 2400, 4800, 9600, 19200, 38400, 57600, 115200}
	frames = []string{"8N1", "8E1", "7E1"}
)

// Parse reads an address: "/dev/ttyUSB0", "tcp://converter:7000", both with ?baud=9600&frame=7E1 where they
// are not as the protocol usually is, which the two defaults say.
func Parse(text string, baud int, frame string) (Address, error) {
	a := Address{baud: baud, frame: frame}
	u, err := url.Parse(text)
	if err != nil {
		return a, fmt.Errorf("address of a meter: %w", err)
	}
	switch {
	case u.Scheme == "tcp" && u.Path == "" && u.User == nil:
		if _, _, err := net.SplitHostPort(u.Host); err != nil {
			return a, fmt.Errorf("address %q of a meter: %w", text, err)
		}
		a.network, a.name = "tcp", u.Host
	case u.Scheme == "" && u.Host == "" && strings.HasPrefix(u.Path, "/"):
		a.name = u.Path
	default:
		return a, fmt.Errorf("address %q of a meter is neither a device, as /dev/ttyUSB0, nor tcp://HOST:PORT", text)
	}
	for key, values := range u.Query() {
		value := values[len(values)-1]
		switch key {
		case "baud":
			if a.baud, err = strconv.Atoi(value); err != nil || !slices.Contains(speeds, a.baud) {
				return a, fmt.Errorf("address %q of a meter: baud is one of %v", text, speeds)
			}
		case "frame":
			if a.frame = strings.ToUpper(value); !slices.Contains(frames, a.frame) {
				return a, fmt.Errorf("address %q of a meter: frame is one of %v", text, frames)
			}
		default:
			return a, fmt.Errorf("address %q of a meter: %q is unknown; baud and frame are not", text, key)
		}
	}
	return a, nil
}

// Network tells whether the meter is behind a converter, by TCP.
func (a Address) Network() bool { return a.network != "" }

// Port is open.
type Port struct {
	address  Address
	conn     net.Conn    // or
	serial   serial.Port // one of them
	deadline atomic.Int64
}

// slice is how long a serial port is waited for at once, so that a deadline is seen.
const slice = 100 * time.Millisecond

// Open opens the port.
func (a Address) Open(ctx context.Context) (*Port, error) {
	if a.Network() {
		conn, err := (&net.Dialer{}).DialContext(ctx, a.network, a.name)
		if err != nil {
			return nil, err
		}
		return &Port{address: a, conn: conn}, nil
	}
	s, err := serial.Open(a.name, a.mode(a.baud))
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", a.name, err)
	}
	if err := s.SetReadTimeout(slice); err != nil {
		return nil, errors.Join(fmt.Errorf("open %s: %w", a.name, err), s.Close())
	}
	return &Port{address: a, serial: s}, nil
}

func (a Address) mode(baud int) *serial.Mode {
	m := &serial.Mode{BaudRate: baud, DataBits: int(a.frame[0] - '0'), Parity: serial.NoParity, StopBits: serial.OneStopBit}
	if a.frame[1] == 'E' {
		m.Parity = serial.EvenParity
	}
	return m
}

// Read waits for bytes.
func (p *Port) Read(b []byte) (int, error) {
	if p.conn != nil {
		return p.conn.Read(b)
	}
	for {
		n, err := p.serial.Read(b)
		if n > 0 || err != nil || len(b) == 0 {
			return n, err
		}
		if at := p.deadline.Load(); at != 0 && time.Now().UnixNano() >= at {
			return 0, os.ErrDeadlineExceeded
		}
	}
}

// Write sends bytes.
func (p *Port) Write(b []byte) (int, error) {
	if p.conn != nil {
		return p.conn.Write(b)
	}
	return p.serial.Write(b)
}

// Close closes the port; reading ends with an error.
func (p *Port) Close() error {
	if p.conn != nil {
		return p.conn.Close()
	}
	return p.serial.Close()
}

// SetDeadline says until when is waited; the zero time: for ever. On a serial port it is
// seen a tenth of a second late at the most, and is for reading alone.
func (p *Port) SetDeadline(t time.Time) error {
	if p.conn != nil {
		return p.conn.SetDeadline(t)
	}
	at := int64(0)
	if !t.IsZero() {
		at = t.UnixNano()
	}
	p.deadline.Store(at)
	return nil
}

// SetBaud changes the speed. That of a converter cannot be changed: it is an error unless it is the
// one that the address states.
func (p *Port) SetBaud(baud int) error {
	if p.conn != nil {
		if baud != p.address.baud {
			return fmt.Errorf("the converter %s works at %d baud and not at %d", p.address.name, p.address.baud, baud)
		}
		return nil
	}
	if err := p.serial.Drain(); err != nil {
		return fmt.Errorf("change speed: %w", err)
	}
	return p.serial.SetMode(p.address.mode(baud))
}

// ErrNoLamp is why a converter cannot be lit.
var ErrNoLamp = errors.New("a converter passes no light on; name a lamp of its own")

// Light lights the optical head of a serial port for the time, or waits for as long: the break condition holds its
// sending diode on. It ends early in the dark, where the context ends.
func (p *Port) Light(ctx context.Context, on bool, d time.Duration) error {
	switch {
	case p.conn != nil:
		return ErrNoLamp
	case on:
		return p.serial.Break(d)
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Discard forgets what came and was not read.
func (p *Port) Discard() error {
	if p.conn != nil {
		return nil
	}
	return p.serial.ResetInputBuffer()
}

// Baud is the speed of the line.
func (a Address) Baud() int { return a.baud }
