package lamp

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// bulb notes for how long it was lit.
type bulb struct {
	on     bool
	since  time.Time
	lit    time.Duration
	fails  bool
	closed int
}

func (b *bulb) Set(on bool) error {
	if b.fails {
		return errors.New("broken")
	}
	if b.on && !on {
		b.lit += time.Since(b.since)
	}
	b.on, b.since = on, time.Now()
	return nil
}

func (b *bulb) Close() error {
	b.closed++
	b.fails = false
	return b.Set(false)
}

func TestLight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &bulb{}
		l := &Lamp{open: func(context.Context) (switcher, error) { return b, nil }}
		began := time.Now()
		if err := errors.Join(l.Light(t.Context(), true, time.Second), l.Light(t.Context(), false, time.Minute)); err != nil {
			t.Error(err)
		}
		if b.on || b.lit != time.Second || time.Since(began) != time.Minute+time.Second {
			t.Errorf("lit for %v of %v", b.lit, time.Since(began))
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := l.Light(ctx, true, time.Hour); !errors.Is(err, context.DeadlineExceeded) || b.on || b.lit != 2*time.Second {
			t.Errorf("interrupted: %v, on is %v", err, b.on)
		}
		b.fails = true
		if err := l.Light(t.Context(), true, time.Second); err == nil || b.closed != 1 || b.on {
			t.Errorf("broken: %v, closed %d times", err, b.closed)
		}
		if err := errors.Join(l.Close(), l.Close()); err != nil {
			t.Error(err)
		}
	})
}

func TestHead(t *testing.T) {
	here, there := net.Pipe()
	answers := make(chan byte, 1)
	go func() {
		for a := range answers {
			var b [1]byte
			if _, err := there.Read(b[:]); err != nil {
				t.Error(err)
				return
			}
			if a != 0 {
				b[0] = a
			}
			if _, err := there.Write(b[:]); err != nil {
				t.Error(err)
			}
		}
	}()
	h := head{here}
	for _, on := range []bool{true, false} {
		answers <- 0
		if err := h.Set(on); err != nil {
			t.Errorf("%v: %v", on, err)
		}
	}
	answers <- 'x'
	if err := h.Set(true); err == nil || !strings.Contains(err.Error(), "answers 'x'") {
		t.Errorf("got %v", err)
	}
	close(answers)
	if err := errors.Join(there.Close()); err != nil {
		t.Error(err)
	}
	if err := h.Set(true); err == nil {
		t.Error("a head that is gone is lit")
	}
}

func TestNew(t *testing.T) {
	for _, address := range []string{"gpio:/dev/gpiochip0/17", "gpio-low:/dev/gpiochip0/17", "tcp://head:7000"} {
		if _, err := New(address); err != nil {
			t.Errorf("%s: %v", address, err)
		}
	}
	for _, address := range []string{"", "gpio:17", "tcp://head", "led:1", "/dev/ttyUSB0"} {
		if _, err := New(address); err == nil || !strings.Contains(err.Error(), "lamp") {
			t.Errorf("%q: %v", address, err)
		}
	}
	l, err := New("gpio:/dev/gpiochip-that-is-not-there/17")
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Light(t.Context(), true, time.Second); err == nil || !strings.Contains(err.Error(), "open lamp") {
		t.Errorf("got %v", err)
	}
}
