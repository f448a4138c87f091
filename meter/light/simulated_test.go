package light_test

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wattwerk/wattwerk/meter"
	"github.com/wattwerk/wattwerk/meter/light"
	"github.com/wattwerk/wattwerk/meter/listen"
	"github.com/wattwerk/wattwerk/meter/sml"
	"github.com/wattwerk/wattwerk/sim/load"
	"github.com/wattwerk/wattwerk/sim/meters"
)

// torch lights a simulated meter, not exactly for as long as it should.
type torch struct {
	m       *meters.Meter
	rand    *rand.Rand
	flashes int
	sleeps  int // the flash before which it falls asleep; 0: never
}

func (l *torch) Light(ctx context.Context, on bool, d time.Duration) error {
	if on {
		if l.flashes++; l.flashes == l.sleeps {
			time.Sleep(125 * time.Second)
		}
		l.m.Light(true)
	}
	time.Sleep(max(d+time.Duration(l.rand.Int64N(int64(40*time.Millisecond)))-20*time.Millisecond, 0))
	if on {
		l.m.Light(false)
	}
	return ctx.Err()
}

// bench is a simulated meter with its lamp, that is read through a line.
type bench struct {
	m      *meters.Meter
	torch  *torch
	reader *listen.Reader
	o      light.Options
}

func prepare(t *testing.T, model string, pin light.PIN) *bench {
	t.Helper()
	m, err := meters.New(meters.Options{Kind: "sml", Model: model, Locked: true, PIN: "0091", Jitter: 30 * time.Millisecond, Seed: 1, Curve: load.Household{Seed: 1}, Begin: time.Now()})
	if err != nil {
		t.Fatal(err)
	}
	p, err := light.Find(model)
	if err != nil {
		t.Fatal(err)
	}
	b := &bench{m: m, torch: &torch{m: m, rand: rand.New(rand.NewPCG(1, 2))}}
	ctx, cancel := context.WithCancel(context.Background())
	var playing sync.WaitGroup
	b.reader = listen.New(listen.Options{Decoder: sml.NewDecoder(), Open: func(context.Context) (io.ReadCloser, error) {
		here, there := net.Pipe()
		playing.Go(func() {
			if err := m.Serve(ctx, there, meters.Pace{Every: 2 * time.Second}); err != nil && !errors.Is(err, io.ErrClosedPipe) {
				t.Error(err)
			}
		})
		return here, nil
	}})
	b.o = light.Options{Program: p, PIN: pin, Lamp: b.torch, Reader: b.reader, Journal: light.NewJournal(filepath.Join(t.TempDir(), "tries.json"))}
	t.Cleanup(func() {
		cancel()
		if err := b.reader.Close(); err != nil {
			t.Error(err)
		}
		playing.Wait()
		if v := m.View(); v.Deleted > 0 || v.Odd > 0 {
			t.Errorf("%s: what the meter keeps was deleted %d times, and %d flashes were neither short nor long", model, v.Deleted, v.Odd)
		}
	})
	return b
}

// lock reads until the meter says what is expected, or two minutes long.
func (b *bench) lock(t *testing.T, want meter.Lock) {
	t.Helper()
	got := meter.LockUnknown
	for range 60 {
		if err := b.reader.Read(t.Context(), func(m *meter.Telegram) { got = m.Lock }); err != nil {
			t.Error(err)
			return
		}
		if got == want {
			return
		}
	}
	t.Errorf("the lock is %v, want %v, %+v", got, want, b.m.View())
}

// each runs a test with the display of each model.
func each(t *testing.T, f func(t *testing.T, model string)) {
	for _, p := range light.Programs {
		t.Run(p.Model, func(t *testing.T) { synctest.Test(t, func(t *testing.T) { f(t, p.Model) }) })
	}
}

var (
	right = light.PIN{0, 0, 9, 1}
	wrong = light.PIN{1, 0, 9, 1}
)

// TestSimulatedMeter: the right PIN opens each model; it is kept open by flashes, and shut without them.
func TestSimulatedMeter(t *testing.T) {
	each(t, func(t *testing.T, model string) {
		b := prepare(t, model, right)
		u, err := light.NewUnlocker(b.o)
		if err != nil {
			t.Fatal(err)
		}
		if err := u.Unlock(t.Context()); err != nil || !b.m.View().Open {
			t.Fatalf("%v, %+v", err, b.m.View())
		}
		flashes := b.torch.flashes
		if err := u.Unlock(t.Context()); err != nil || b.torch.flashes != flashes {
			t.Errorf("an open meter is lit: %v", err)
		}
		for range 10 {
			time.Sleep(u.Every())
			if err := u.KeepOpen(t.Context()); err != nil {
				t.Error(err)
			}
		}
		if v := b.m.View(); !v.Open || v.Wrong > 0 {
			t.Errorf("a quarter of an hour later: %+v", v)
		}
		b.lock(t, meter.LockOpen)
		time.Sleep(2 * time.Minute)
		b.lock(t, meter.LockShut)
		if err := u.Unlock(t.Context()); err != nil {
			t.Errorf("the second time: %v", err)
		}
	})
}

// TestSimulatedWrongPIN: it is tried twice, and never the third time that would lock the entry.
func TestSimulatedWrongPIN(t *testing.T) {
	each(t, func(t *testing.T, model string) {
		b := prepare(t, model, wrong)
		for n, want := range []error{light.ErrStillLocked, light.ErrStillLocked, light.ErrTries, light.ErrTries} {
			if err := light.Unlock(t.Context(), b.o); !errors.Is(err, want) {
				t.Errorf("try %d: %v, want %v", n+1, err, want)
			}
		}
		if v := b.m.View(); v.Wrong != 2 || v.LockedOut {
			t.Errorf("%+v", v)
		}
	})
}

// TestSimulatedLockOut: an entry that somebody else has locked takes not even the right PIN.
func TestSimulatedLockOut(t *testing.T) {
	each(t, func(t *testing.T, model string) {
		b := prepare(t, model, right)
		for range 3 {
			for _, s := range b.o.Program.Steps(wrong) {
				if err := b.torch.Light(t.Context(), s.On, s.For); err != nil {
					t.Error(err)
				}
			}
		}
		if v := b.m.View(); !v.LockedOut {
			t.Errorf("%+v", v)
		}
		if err := light.Unlock(t.Context(), b.o); !errors.Is(err, light.ErrStillLocked) {
			t.Errorf("got %v", err)
		}
		time.Sleep(time.Hour)
		if err := light.Unlock(t.Context(), b.o); err != nil {
			t.Errorf("an hour later: %v", err)
		}
	})
}

// TestSimulatedTimeout: a lamp that falls asleep in the middle enters nothing, and does no harm.
func TestSimulatedTimeout(t *testing.T) {
	each(t, func(t *testing.T, model string) {
		b := prepare(t, model, right)
		b.torch.sleeps = 6
		if err := light.Unlock(t.Context(), b.o); !errors.Is(err, light.ErrStillLocked) {
			t.Errorf("got %v", err)
		}
		if err := light.Unlock(t.Context(), b.o); err != nil {
			t.Errorf("awake: %v", err)
		}
	})
}
