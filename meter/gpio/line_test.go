package gpio

import (
	"encoding/binary"
	"errors"
	"io/fs"
	"os"
	"strings"
	"testing"
	"time"
)

// TestInterface: numbers and places are those of linux/gpio.h, as a C compiler gives them.
func TestInterface(t *testing.T) {
	if getLine != 0xc250b407 || setValues != 0xc010b40f {
		t.Errorf("the numbers are %#x and %#x", uint64(getLine), uint64(setValues))
	}
	le := binary.NativeEndian
	b := Line{"/dev/gpiochip0", 17}.request(flagInput|flagActiveLow|flagEdgeRising|flagEdgeFalling|flagPullUp, 30*time.Millisecond)
	if le.Uint32(b) != 17 || !strings.HasPrefix(string(b[256:288]), "wattwerk\x00") || le.Uint64(b[288:]) != 0x136 || le.Uint32(b[560:]) != 1 {
		t.Errorf("% x", b)
	}
	if le.Uint32(b[296:]) != 1 || le.Uint32(b[320:]) != 3 || le.Uint32(b[328:]) != 30_000 || le.Uint64(b[336:]) != 1 {
		t.Errorf("the debounce is % x", b[296:344])
	}
	le.PutUint32(b[588:], 9)
	if granted(b) != 9 {
		t.Errorf("the file is %d", granted(b))
	}
	if v := values(true); le.Uint64(v) != 1 || le.Uint64(v[8:]) != 1 {
		t.Errorf("% x", v)
	}
	if v := values(false); le.Uint64(v) != 0 || le.Uint64(v[8:]) != 1 {
		t.Errorf("% x", v)
	}
}

func event(id uint32, at uint64) []byte {
	b := make([]byte, eventSize)
	binary.NativeEndian.PutUint64(b, at)
	binary.NativeEndian.PutUint32(b[8:], id)
	return b
}

// TestInput reads edges from a file that has them as the kernel gives them.
func TestInput(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	in := &Input{file: r}
	if _, err := w.Write(append(event(1, 1000), event(2, 5000)...)); err != nil {
		t.Fatal(err)
	}
	for _, want := range []Edge{{true, 1000}, {false, 5000}} {
		if got, err := in.Next(); err != nil || got != want {
			t.Errorf("got %+v, %v, want %+v", got, err, want)
		}
	}
	if _, err := w.Write(event(3, 1)); err != nil {
		t.Fatal(err)
	}
	if _, err := in.Next(); err == nil {
		t.Error("event 3 is taken")
	}
	ended := make(chan error, 1)
	go func() {
		_, err := in.Next()
		ended <- err
	}()
	if err := errors.Join(in.Close(), w.Close()); err != nil {
		t.Error(err)
	}
	if err := <-ended; err == nil {
		t.Error("waiting at a line that was closed is no error")
	}
}

func TestParseLine(t *testing.T) {
	if l, err := ParseLine("/dev/gpiochip0/17"); err != nil || l != (Line{"/dev/gpiochip0", 17}) {
		t.Errorf("got %+v, %v", l, err)
	}
	for _, text := range []string{"", "17", "/17", "/dev/gpiochip0", "/dev/gpiochip0/x", "/dev/gpiochip0/-1", "gpiochip0/1"} {
		if l, err := ParseLine(text); err == nil {
			t.Errorf("%q: got %+v", text, l)
		}
	}
	if _, err := OpenOutput(Line{"/dev/gpiochip-that-is-not-there", 1}, true); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v", err)
	}
	if _, err := OpenInput(Line{os.DevNull, 1}, time.Millisecond); err == nil {
		t.Error("a file that is no chip is one")
	}
}

func FuzzEvent(f *testing.F) {
	f.Add(event(1, 5))
	f.Add([]byte{1, 2})
	f.Fuzz(func(t *testing.T, b []byte) {
		if e, _, err := parseEvent(b); err == nil && e.At < 0 {
			t.Errorf("%+v", e)
		}
	})
}
