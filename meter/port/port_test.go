package port

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/wattwerk/wattwerk/internal/pty"
)

func TestParse(t *testing.T) {
	for text, want := range map[string]Address{
		"/dev/ttyUSB0":                    {"", "/dev/ttyUSB0", 9600, "8N1"},
		"/dev/ttyUSB0?baud=300&frame=7e1": {"", "/dev/ttyUSB0", 300, "7E1"},
		"tcp://127.0.0.1:7000":            {"tcp", "127.0.0.1:7000", 9600, "8N1"},
		"tcp://[::1]:7000?frame=8E1":      {"tcp", "[::1]:7000", 9600, "8E1"},
	} {
		if got, err := Parse(text, 9600, "8N1"); err != nil || got != want || got.Network() != (want.network != "") {
			t.Errorf("%s: got %+v, %v", text, got, err)
		}
	}
	for text, says := range map[string]string{
		"": "neither", "ttyUSB0": "neither", "tcp://host": "missing port", "udp://host:1": "neither", "tcp://host:1/x": "neither", "http://h:1": "neither",
		"/dev/x?baud=301": "baud is one of", "/dev/x?baud=": "baud is one of", "/dev/x?frame=9N1": "frame is one of", "/dev/x?speed=1": "unknown", "tcp://user@h:1": "neither", ":": "address",
	} {
		if got, err := Parse(text, 9600, "8N1"); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: got %+v, %v, want %q", text, got, err, says)
		}
	}
}

func TestSerialPort(t *testing.T) {
	meter, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer meter.Close()
	a, err := Parse(meter.Path(), 9600, "8N1")
	if err != nil {
		t.Fatal(err)
	}
	p, err := a.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	// Bytes that a terminal would change come as they are.
	want := "\x1b\x1b\x1b\x1b\x01\r\n\x03\x04\x11\x13\x00\xff"
	if _, err := meter.Write([]byte(want)); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, len(want))
	if _, err := io.ReadFull(p, got); err != nil || string(got) != want {
		t.Errorf("got %q, %v", got, err)
	}
	if _, err := p.Write([]byte("/?!\r\n")); err != nil {
		t.Error(err)
	}
	if _, err := io.ReadFull(meter, got[:5]); err != nil || string(got[:5]) != "/?!\r\n" {
		t.Errorf("the meter hears %q, %v", got[:5], err)
	}
	if err := p.SetBaud(300); err != nil {
		t.Error(err)
	}
	if err := p.SetDeadline(time.Now().Add(-time.Second)); err != nil {
		t.Error(err)
	}
	if n, err := p.Read(got); n != 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("after the deadline: %d, %v", n, err)
	}
	if err := p.SetDeadline(time.Time{}); err != nil {
		t.Error(err)
	}
	// A break reaches no pseudo terminal, and is no error.
	if err := errors.Join(p.Light(t.Context(), true, time.Millisecond), p.Light(t.Context(), false, time.Millisecond), p.Discard()); err != nil {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := p.Light(ctx, false, time.Hour); !errors.Is(err, context.Canceled) {
		t.Errorf("interrupted: %v", err)
	}
	// Closing ends the reading.
	ended := make(chan error, 1)
	go func() {
		_, err := p.Read(got)
		ended <- err
	}()
	if err := p.Close(); err != nil {
		t.Error(err)
	}
	if err := <-ended; err == nil {
		t.Error("reading from a closed port is no error")
	}
}

func TestConverter(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	done := make(chan struct{})
	go func() {
		defer close(done)
		c, err := l.Accept()
		if err != nil {
			t.Error(err)
			return
		}
		defer c.Close()
		io.Copy(c, c) //nolint:errcheck // the other end says what came
	}()
	a, err := Parse("tcp://"+l.Addr().String()+"?baud=300", 9600, "7E1")
	if err != nil {
		t.Fatal(err)
	}
	p, err := a.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	got := make([]byte, 4)
	if _, err := p.Write([]byte("echo")); err != nil {
		t.Error(err)
	}
	if _, err := io.ReadFull(p, got); err != nil || string(got) != "echo" {
		t.Errorf("got %q, %v", got, err)
	}
	if err := p.SetBaud(300); err != nil {
		t.Error(err)
	}
	if err := p.SetBaud(9600); err == nil {
		t.Error("a converter changed its speed")
	}
	if err := p.Light(t.Context(), true, time.Second); !errors.Is(err, ErrNoLamp) {
		t.Errorf("a converter is lit: %v", err)
	}
	if err := errors.Join(p.Discard(), p.SetDeadline(time.Now().Add(time.Minute)), p.Close()); err != nil {
		t.Error(err)
	}
	<-done
}

func TestWhatIsNotThere(t *testing.T) {
	a, err := Parse("/dev/meter-that-is-not-there", 9600, "8N1")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.Open(context.Background()); err == nil || !strings.Contains(err.Error(), "meter-that-is-not-there") {
		t.Errorf("got %v", err)
	}
}
