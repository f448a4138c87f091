package modbus

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// pair is a client of a server that has a bank as unit 7.
func pair(t *testing.T, framing Framing) (*Client, *Bank) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	bank := &Bank{}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- Listen(ctx, l, framing, map[uint8]*Bank{7: bank}) }()
	c := NewClient(Options{Framing: framing, Timeout: time.Minute, Dial: func(ctx context.Context) (Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "tcp", l.Addr().String())
	}})
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return c, bank
}

func TestRegisters(t *testing.T) {
	for name, framing := range map[string]Framing{"TCP": TCP, "RTU": RTU} {
		t.Run(name, func(t *testing.T) {
			c, bank := pair(t, framing)
			bank.SetHolding(100, 1, 2, 0xffff)
			bank.SetInput(100, 42)
			ctx := t.Context()
			if got, err := c.ReadHolding(ctx, 7, 100, 3); err != nil || !cmp.Equal(got, []uint16{1, 2, 0xffff}) {
				t.Errorf("holding registers: got %v, %v", got, err)
			}
			if got, err := c.ReadInput(ctx, 7, 100, 1); err != nil || !cmp.Equal(got, []uint16{42}) {
				t.Errorf("input registers: got %v, %v", got, err)
			}
			if err := errors.Join(c.WriteOne(ctx, 7, 101, 5), c.Write(ctx, 7, 102, []uint16{6})); err != nil {
				t.Error(err)
			}
			if got, err := c.ReadHolding(ctx, 7, 101, 2); err != nil || !cmp.Equal(got, []uint16{5, 6}) {
				t.Errorf("what was written: got %v, %v", got, err)
			}
			// A refusal leaves the connection as it is.
			before := c.conn
			if _, err := c.ReadHolding(ctx, 7, 200, 1); !errors.Is(err, IllegalAddress) || c.conn != before {
				t.Errorf("a register that is not there: got %v", err)
			}
			if err := c.Write(ctx, 7, 102, []uint16{1, 2}); !errors.Is(err, IllegalAddress) {
				t.Errorf("writing one that is not there: got %v", err)
			}
			for _, n := range []uint16{0, MaxRead + 1} {
				if _, err := c.ReadHolding(ctx, 7, 100, n); err == nil {
					t.Errorf("%d registers were read", n)
				}
			}
			bank.SetHolding(1000, make([]uint16, MaxRead)...)
			if got, err := c.ReadHolding(ctx, 7, 1000, MaxRead); err != nil || len(got) != MaxRead {
				t.Errorf("as many as can be: got %d, %v", len(got), err)
			}
		})
	}
}

// TestNobodyAnswers: the caller's context or the time-out ends the wait, and the next request
// gets a new connection.
func TestNobodyAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bank := &Bank{}
		bank.SetHolding(0, 9)
		dials := 0
		c := NewClient(Options{Framing: TCP, Timeout: time.Minute, Dial: func(context.Context) (Conn, error) {
			dials++
			here, there := net.Pipe()
			go func() {
				if err := Serve(there, TCP, map[uint8]*Bank{7: bank}); err != nil {
					t.Error(err)
				}
			}()
			return here, nil
		}})
		begun := time.Now()
		read := func(ctx context.Context, unit uint8, want error, after time.Duration, wantDials int) {
			t.Helper()
			got, err := c.ReadHolding(ctx, unit, 0, 1)
			if !errors.Is(err, want) || err == nil && got[0] != 9 || time.Since(begun) != after || dials != wantDials {
				t.Errorf("unit %d after %v: got %v, %v, %d connections", unit, time.Since(begun), got, err, dials)
			}
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		read(t.Context(), 7, nil, 0, 1)
		read(ctx, 8, context.DeadlineExceeded, time.Second, 1)
		read(t.Context(), 7, nil, time.Second, 2)
		read(t.Context(), 8, os.ErrDeadlineExceeded, time.Second+time.Minute, 2)
		read(t.Context(), 7, nil, time.Second+time.Minute, 3)
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
}

// script is a connection that answers what was written down.
type script struct {
	bytes.Buffer
	io.Reader
	closed bool
}

func (s *script) Read(p []byte) (int, error)         { return s.Reader.Read(p) }
func (s *script) SetDeadline(time.Time) error        { return nil }
func (s *script) Close() error                       { s.closed = true; return nil }
func (s *script) dial(context.Context) (Conn, error) { return s, nil }

// TestWrongAnswers are never taken.
func TestWrongAnswers(t *testing.T) {
	right := []byte{0, 1, 0, 0, 0, 5, 7, 3, 2, 0, 9}
	for name, change := range map[string]func([]byte) []byte{
		"another transaction": func(b []byte) []byte { b[1] = 2; return b },
		"another protocol":    func(b []byte) []byte { b[3] = 1; return b },
		"another unit":        func(b []byte) []byte { b[6] = 8; return b },
		"another function":    func(b []byte) []byte { b[7] = 4; return b },
		"more than asked for": func(b []byte) []byte { b[5], b[8] = 7, 4; return append(b, 0, 0) },
		"less than it says":   func(b []byte) []byte { b[8] = 4; return b },
		"cut off":             func(b []byte) []byte { return b[:9] },
		"nothing":             func([]byte) []byte { return nil },
		"too long":            func(b []byte) []byte { b[4] = 0xff; return b },
		"an empty one":        func(b []byte) []byte { b[5] = 1; return b[:7] },
	} {
		s := &script{Reader: bytes.NewReader(change(bytes.Clone(right)))}
		c := NewClient(Options{Framing: TCP, Dial: s.dial})
		if got, err := c.ReadHolding(t.Context(), 7, 0, 1); err == nil || !s.closed {
			t.Errorf("%s: got %v, closed %v", name, got, s.closed)
		}
	}
	s := &script{Reader: bytes.NewReader(right)}
	c := NewClient(Options{Framing: TCP, Dial: s.dial})
	if got, err := c.ReadHolding(t.Context(), 7, 0, 1); err != nil || got[0] != 9 {
		t.Errorf("the right one: got %v, %v", got, err)
	}
	if want := []byte{0, 1, 0, 0, 0, 6, 7, 3, 0, 0, 0, 1}; !bytes.Equal(s.Bytes(), want) {
		t.Errorf("the request is % x, want % x", s.Bytes(), want)
	}
}

// TestSerialFrames holds frames against examples with published checksums.
func TestSerialFrames(t *testing.T) {
	// Modbus over Serial Line V1.02, and every calculator: 01 03 00 00 00 0a is
	// followed by c5 cd.
	var out bytes.Buffer
	if err := RTU.write(&out, 0, 1, []byte{3, 0, 0, 0, 10}); err != nil || !bytes.Equal(out.Bytes(), []byte{1, 3, 0, 0, 0, 10, 0xc5, 0xcd}) {
		t.Errorf("got % x, %v", out.Bytes(), err)
	}
	if c := CRC([]byte("123456789")); c != 0x4b37 {
		t.Errorf("the check value is %#x, want 0x4b37", c)
	}
	right := []byte{7, 3, 2, 0, 9}
	c := CRC(right)
	right = append(right, byte(c), byte(c>>8))
	for i := range right {
		wrong := bytes.Clone(right)
		wrong[i] ^= 1
		s := &script{Reader: bytes.NewReader(wrong)}
		client := NewClient(Options{Framing: RTU, Dial: s.dial})
		if got, err := client.ReadHolding(t.Context(), 7, 0, 1); err == nil {
			t.Errorf("byte %d: got %v", i, got)
		}
	}
}

func FuzzAnswer(f *testing.F) {
	f.Add([]byte{0, 1, 0, 0, 0, 5, 7, 3, 2, 0, 9}, true)
	f.Add([]byte{7, 3, 2, 0, 9, 0, 0}, false)
	f.Fuzz(func(t *testing.T, data []byte, overTCP bool) {
		framing := RTU
		if overTCP {
			framing = TCP
		}
		s := &script{Reader: bytes.NewReader(data)}
		c := NewClient(Options{Framing: framing, Dial: s.dial})
		if got, err := c.ReadHolding(context.Background(), 7, 0, 2); err == nil && len(got) != 2 {
			t.Errorf("got %v", got)
		}
	})
}

func FuzzServer(f *testing.F) {
	f.Add([]byte{0, 1, 0, 0, 0, 6, 7, 3, 0, 0, 0, 1})
	f.Add([]byte{0, 1, 0, 0, 0, 9, 7, 16, 0, 0, 0, 1, 2, 0, 1})
	f.Fuzz(func(t *testing.T, data []byte) {
		bank := &Bank{}
		bank.SetHolding(0, 1, 2, 3)
		s := &script{Reader: bytes.NewReader(data)}
		if err := Serve(s, TCP, map[uint8]*Bank{7: bank}); err == nil && s.Len() > 300*(len(data)+1) {
			t.Errorf("%d bytes for %d", s.Len(), len(data))
		}
	})
}
