package listen

import (
	"context"
	"errors"
	"io"
	"net"
	"slices"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/wattwerk/wattwerk/internal/smltest"
	"github.com/wattwerk/wattwerk/meter"
	"github.com/wattwerk/wattwerk/meter/obis"
	"github.com/wattwerk/wattwerk/meter/sml"
)

// source counts how often it was closed.
type source struct {
	io.Reader
	closed int
}

func (s *source) Close() error {
	s.closed++
	return nil
}

func frame(t *testing.T, energy uint64) []byte {
	t.Helper()
	m, ok := smltest.Find("MT681")
	if !ok {
		t.Fatal("there is no such model")
	}
	return m.Telegram(smltest.State{Import: energy}, false)
}

// reader reads from one source after the other.
func reader(sources ...*source) *Reader {
	return New(Options{Decoder: sml.NewDecoder(), Open: func(context.Context) (io.ReadCloser, error) {
		if len(sources) == 0 {
			return nil, errors.New("there is no port")
		}
		s := sources[0]
		sources = sources[1:]
		return s, nil
	}})
}

func TestRead(t *testing.T) {
	here, there := net.Pipe()
	first := &source{Reader: here}
	second := &source{Reader: iotest.ErrReader(io.ErrNoProgress)}
	r := reader(first, second)
	go func() {
		defer there.Close()
		for n := range uint64(3) {
			for _, b := range frame(t, n) {
				there.Write([]byte{b}) //nolint:errcheck // who reads it says so
			}
		}
	}()
	for n := range uint64(3) {
		if err := r.Read(t.Context(), func(m *meter.Telegram) {
			if got := m.Find(obis.Import).Raw; got != meter.Unsigned(n) {
				t.Errorf("got %s, want %d", got, n)
			}
		}); err != nil {
			t.Error(err)
		}
	}
	none := func(*meter.Telegram) { t.Error("there is a telegram") }
	if err := r.Read(t.Context(), none); !errors.Is(err, io.ErrUnexpectedEOF) || first.closed != 1 {
		t.Errorf("at the end: %v, closed %d times", err, first.closed)
	}
	if err := r.Read(t.Context(), none); !errors.Is(err, io.ErrNoProgress) || second.closed != 1 {
		t.Errorf("where it fails: %v, closed %d times", err, second.closed)
	}
	if err := r.Read(t.Context(), none); err == nil || err.Error() != "open meter: there is no port" {
		t.Errorf("where there is none: %v", err)
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
}

// nothing is a port that was unplugged: reading gives nothing, at once.
type nothing struct{}

func (nothing) Read([]byte) (int, error) { return 0, nil }

func TestSilence(t *testing.T) {
	s := &source{Reader: nothing{}}
	if err := reader(s).Read(t.Context(), nil); !errors.Is(err, ErrSilent) || s.closed != 1 {
		t.Errorf("got %v, closed %d times", err, s.closed)
	}
}

func TestTheContextEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		here, there := net.Pipe()
		defer there.Close()
		r := New(Options{Decoder: sml.NewDecoder(), Open: func(context.Context) (io.ReadCloser, error) { return here, nil }})
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := r.Read(ctx, nil); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		if err := r.Read(ctx, nil); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("before it begins: got %v", err)
		}
	})
}

// later gives its pieces one after the other, with a time between them.
type later struct {
	pieces [][]byte
	pause  time.Duration
}

func (l *later) Read(p []byte) (int, error) {
	if len(l.pieces) == 0 {
		return 0, io.EOF
	}
	piece := l.pieces[0]
	l.pieces = l.pieces[1:]
	time.Sleep(l.pause)
	return copy(p, piece), nil
}

// TestPause: what came before a pause and was not whole is not handed out behind it, as if the meter said it
// then; within a telegram a source may be slow.
func TestPause(t *testing.T) {
	for _, c := range []struct {
		pause time.Duration
		want  []meter.Int
	}{{time.Second, []meter.Int{meter.Unsigned(111), meter.Unsigned(222)}}, {time.Hour, []meter.Int{meter.Unsigned(222)}}} {
		synctest.Test(t, func(t *testing.T) {
			old := frame(t, 111)
			r := reader(&source{Reader: &later{[][]byte{old[:len(old)-8], frame(t, 222)}, c.pause}})
			var got []meter.Int
			if err := r.Read(t.Context(), func(x *meter.Telegram) {
				for _, y := range x.Readings {
					if y.Code == obis.Import {
						got = append(got, y.Raw)
					}
				}
			}); err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("after %v: %v, want %v", c.pause, got, c.want)
			}
		})
	}
}
