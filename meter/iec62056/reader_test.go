package iec62056

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/wattwerk/wattwerk/meter"
)

// line is one end of a port, and what speeds it was given.
type line struct {
	net.Conn
	bauds []int
}

func (l *line) SetBaud(baud int) error {
	l.bauds = append(l.bauds, baud)
	return nil
}

// meet lets a reader read from a meter that is a function.
func meet(t *testing.T, o Options, device func(net.Conn)) (meters []string, bauds []int, err error) {
	t.Helper()
	here, there := net.Pipe()
	port := &line{Conn: here}
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer there.Close()
		device(there)
	}()
	o.Open = func(context.Context) (Port, error) { return port, nil }
	r, err := NewReader(o)
	if err != nil {
		t.Fatal(err)
	}
	err = r.Read(t.Context(), func(m *meter.Telegram) { meters = append(meters, string(m.Meter)) })
	<-done
	return meters, port.bauds, err
}

// asked reads what the reader sends: as many bytes as are expected.
func asked(t *testing.T, c net.Conn, want string) {
	t.Helper()
	got := make([]byte, len(want))
	if _, err := bufio.NewReaderSize(c, len(want)).Read(got); err != nil || string(got) != want {
		t.Errorf("the reader sends %q, want %q, %v", got, want, err)
	}
}

func say(t *testing.T, c net.Conn, text []byte) {
	t.Helper()
	if _, err := c.Write(text); err != nil {
		t.Errorf("say: %v", err)
	}
}

func TestModes(t *testing.T) {
	block := answer()
	block = block[bytes.IndexByte(block, stx):]
	for name, c := range map[string]struct {
		o     Options
		who   string
		ack   string
		bauds []int
	}{
		"C":             {Options{}, "/LGZ5ZMD\r\n", "\x06050\r\n", []int{300, 9600}},
		"C, faster":     {Options{}, "/LGZ6ZMD\r\n", "\x06050\r\n", []int{300, 9600}},
		"C, fast head":  {Options{MaxBaud: 19200}, "/LGZ6ZMD\r\n", "\x06060\r\n", []int{300, 19200}},
		"C, slow meter": {Options{}, "/LGZ0ZMD\r\n", "\x06000\r\n", []int{300}},
		"B":             {Options{}, "/LGZDZMD\r\n", "", []int{300, 4800}},
		"A":             {Options{}, "/LGZ\\ZMD\r\n", "", []int{300}},
		"with an echo":  {Options{}, "/?!\r\n/LGZ5ZMD\r\n", "\x06050\r\n", []int{300, 9600}},
	} {
		synctest.Test(t, func(t *testing.T) {
			meters, bauds, err := meet(t, c.o, func(there net.Conn) {
				asked(t, there, "/?!\r\n")
				say(t, there, []byte(c.who))
				if c.ack != "" {
					asked(t, there, c.ack)
				}
				say(t, there, block)
			})
			if err != nil || !cmp.Equal(meters, []string{"12345678"}) || !cmp.Equal(bauds, c.bauds) {
				t.Errorf("mode %s: %q at %v, %v", name, meters, bauds, err)
			}
		})
	}
}

// TestAskedAgain: a wrong check character is no reading, and the data is asked for again.
func TestAskedAgain(t *testing.T) {
	block := answer()
	block = block[bytes.IndexByte(block, stx):]
	wrong := bytes.Clone(block)
	wrong[20] ^= 1
	for name, c := range map[string]struct {
		blocks [][]byte
		says   string
	}{
		"once":   {[][]byte{wrong, block}, ""},
		"always": {[][]byte{wrong, wrong, wrong}, "3 times with a wrong check character"},
	} {
		synctest.Test(t, func(t *testing.T) {
			meters, _, err := meet(t, Options{Address: "0815"}, func(there net.Conn) {
				asked(t, there, "/?0815!\r\n")
				say(t, there, []byte("/LGZ5ZMD\r\n"))
				asked(t, there, "\x06050\r\n")
				for i, b := range c.blocks {
					say(t, there, b)
					if c.says != "" || i < len(c.blocks)-1 {
						asked(t, there, "\x15")
					}
				}
			})
			if (err == nil) != (c.says == "") || err != nil && !strings.Contains(err.Error(), c.says) || (len(meters) == 1) != (c.says == "") {
				t.Errorf("%s: %q, %v", name, meters, err)
			}
		})
	}
}

func TestNobodyIsThere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begun := time.Now()
		_, _, err := meet(t, Options{Timeout: time.Minute}, func(there net.Conn) {
			asked(t, there, "/?!\r\n")
			var b [1]byte
			_, _ = there.Read(b[:]) // until the reader hangs up
		})
		if !errors.Is(err, context.DeadlineExceeded) || time.Since(begun) != time.Minute {
			t.Errorf("after %v: %v", time.Since(begun), err)
		}
	})
	if _, err := NewReader(Options{Address: "a\r\nb"}); err == nil {
		t.Error("an address of several lines is taken")
	}
}
