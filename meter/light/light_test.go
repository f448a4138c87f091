package light

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wattwerk/wattwerk/meter"
)

func TestPrograms(t *testing.T) {
	for _, p := range Programs {
		if err := p.Validate(); err != nil || p.Source == "" {
			t.Errorf("%s: %v", p.Model, err)
		}
		if got, err := Find(p.Model); err != nil || got.Model != p.Model {
			t.Errorf("%s: got %v, %v", p.Model, got.Model, err)
		}
	}
	if _, err := Find("XY"); err == nil || !strings.Contains(err.Error(), "MT681") {
		t.Errorf("got %v", err)
	}
	for name, change := range map[string]func(*Program){
		"a long flash":        func(p *Program) { p.On = p.Longest },
		"digits too near":     func(p *Program) { p.Turn = time.Second },
		"a margin of a turn":  func(p *Program) { p.Margin = p.Turn },
		"longer than it may":  func(p *Program) { p.Session = time.Minute / 2 },
		"without flashes":     func(p *Program) { p.Flashes = 0 },
		"alive too seldom":    func(p *Program) { p.Alive = p.Session },
		"with times that are": func(p *Program) { p.Off = -1 },
	} {
		p := Programs[0]
		change(&p)
		if p.Validate() == nil {
			t.Errorf("%s: it is taken", name)
		}
	}
}

func TestPINDoesNotShow(t *testing.T) {
	p, err := ParsePIN("4711")
	if err != nil || p != (PIN{4, 7, 1, 1}) {
		t.Fatalf("got %v, %v", p, err)
	}
	for _, format := range []string{"%v", "%s", "%d", "%x", "%#v", "%q", "%+v"} {
		for _, v := range []any{p, &p, struct{ P PIN }{p}, []PIN{p}} {
			if s := fmt.Sprintf(format, v); strings.ContainsAny(s, "47") && !strings.Contains(s, "0x") || strings.Contains(s, "4711") {
				t.Errorf("%s shows %s", format, s)
			}
		}
	}
	if b, err := json.Marshal(p); err != nil || string(b) != `"****"` {
		t.Errorf("got %s, %v", b, err)
	}
	var logged strings.Builder
	slog.New(slog.NewTextHandler(&logged, nil)).Info("x", "pin", p, "options", Options{PIN: p}, "pins", []PIN{p}, "pointer", &p)
	slog.New(slog.NewJSONHandler(&logged, nil)).Info("x", "pin", p, "pins", []PIN{p}, "pointer", &p)
	if s := logged.String(); strings.Contains(s, "4711") || strings.Contains(s, "4 7 1 1") || strings.Contains(s, "4,7,1,1") || !strings.Contains(s, "pin=****") {
		t.Errorf("the log shows %s", s)
	}
	dir := t.TempDir()
	key, file := filepath.Join(dir, "key"), filepath.Join(dir, "pin")
	if err := SealPIN(key, file, p); err != nil {
		t.Error(err)
	}
	if got, err := OpenPIN(key, file); err != nil || got != p {
		t.Errorf("sealed and opened: %v", err)
	}
	if data, err := os.ReadFile(file); err != nil || strings.Contains(string(data), "4711") {
		t.Errorf("the file shows it: %v", err)
	}
	for _, text := range []string{"", "123", "12345", "12a4", "１２"} {
		if _, err := ParsePIN(text); err == nil {
			t.Errorf("%q is taken", text)
		}
	}
}

// device is a simulated meter: a display of pages, a PIN of four digits that wrap from 9 to 0, a
// session that is forgotten, and an entry that is locked after wrong ones.
type device struct {
	pin      PIN
	next     time.Duration // the next digit's turn comes after
	session  time.Duration
	longest  time.Duration
	minimal  time.Duration // a flash that is shorter is not seen
	page     int           // 0 the first, 1 the display test, 2 the PIN
	digit    int
	entered  PIN
	dark     time.Duration
	open     bool
	wrong    int
	long     int // long flashes
	jitter   *rand.Rand
	silent   bool // says nothing of its lock
	nameless bool
	reads    int
}

// Light is the lamp in front of the meter.
func (d *device) Light(_ context.Context, on bool, long time.Duration) error {
	if d.jitter != nil {
		long += time.Duration(d.jitter.Int64N(int64(40*time.Millisecond))) - 20*time.Millisecond
	}
	if on {
		d.flash(long)
	} else {
		d.wait(long)
	}
	return nil
}

func (d *device) flash(long time.Duration) {
	d.dark = 0
	switch {
	case long < d.minimal:
	case long > d.longest:
		d.long++
	case d.page < 2:
		d.page++
		d.digit, d.entered = 0, PIN{}
	case d.digit < len(d.entered):
		d.entered[d.digit] = (d.entered[d.digit] + 1) % 10
	}
}

func (d *device) wait(long time.Duration) {
	before := d.dark
	d.dark += long
	if d.page == 2 && d.digit < len(d.entered) {
		for at := d.next; at <= d.dark && d.digit < len(d.entered); at += d.next {
			if at > before {
				d.digit++
			}
		}
		if d.digit == len(d.entered) {
			if d.entered == d.pin && d.wrong < 3 {
				d.open = true
			} else {
				d.wrong++
			}
			d.page = 0
		}
	}
	if d.dark >= d.session {
		d.page = 0
	}
}

// Read is the meter's telegram.
func (d *device) Read(ctx context.Context, take func(*meter.Telegram)) error {
	select {
	case <-time.After(2 * time.Second):
	case <-ctx.Done():
		return ctx.Err()
	}
	d.reads++
	t := &meter.Telegram{Meter: []byte("meter"), Lock: meter.LockShut}
	switch {
	case d.open:
		t.Lock = meter.LockOpen
	case d.silent:
		t.Lock = meter.LockUnknown
	case d.nameless:
		t.Meter = nil
	}
	take(t)
	return nil
}

func (d *device) Close() error { return nil }

// meets gives a meter as the program expects it.
func meets(p Program, pin PIN) *device {
	return &device{pin: pin, next: p.Turn, session: p.Session, longest: p.Longest, minimal: 250 * time.Millisecond}
}

func options(t *testing.T, p Program, pin PIN, d *device) Options {
	return Options{Program: p, PIN: pin, Lamp: d, Reader: d, Journal: NewJournal(filepath.Join(t.TempDir(), "tries.json"))}
}

// TestEveryPINOpens, with a lamp whose times are not exact.
func TestEveryPINOpens(t *testing.T) {
	for _, p := range Programs {
		for n := range 10_000 {
			if n%7 != 0 && n%100 != 0 && n > 99 { // all with two zeros before or after, and many others
				continue
			}
			pin := PIN{byte(n / 1000), byte(n / 100 % 10), byte(n / 10 % 10), byte(n % 10)}
			d := meets(p, pin)
			d.jitter = rand.New(rand.NewPCG(uint64(n), 1))
			for _, s := range p.Steps(pin) {
				if err := d.Light(t.Context(), s.On, s.For); err != nil {
					t.Fatal(err)
				}
			}
			if !d.open || d.long > 0 {
				t.Fatalf("%s: %04d does not open it: %d digits, wrong %d, long %d", p.Model, n, d.digit, d.wrong, d.long)
			}
		}
	}
}

func TestUnlock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, right, wrong := Programs[0], PIN{0, 0, 4, 2}, PIN{1, 2, 3, 4}

		d := meets(p, right)
		o := options(t, p, right, d)
		if err := Unlock(t.Context(), o); err != nil || !d.open {
			t.Errorf("the right PIN: %v", err)
		}
		reads := d.reads
		if err := Unlock(t.Context(), o); err != nil || d.reads != reads+1 {
			t.Errorf("an open meter: %v", err)
		}

		d = meets(p, right)
		o = options(t, p, wrong, d)
		for range maxTries {
			if err := Unlock(t.Context(), o); !errors.Is(err, ErrStillLocked) {
				t.Errorf("a wrong PIN: %v", err)
			}
		}
		if d.wrong != maxTries || d.long != 0 {
			t.Errorf("%d wrong, %d long", d.wrong, d.long)
		}
		o.PIN, o.Journal = right, NewJournal(o.Journal.path) // as after a restart
		if err := Unlock(t.Context(), o); !errors.Is(err, ErrTries) || d.wrong != maxTries || d.open {
			t.Errorf("a third try: %v", err)
		}
		time.Sleep(span)
		if err := Unlock(t.Context(), o); err != nil || !d.open {
			t.Errorf("a day later: %v", err)
		}

		d = meets(p, right)
		d.silent = true
		if err := Unlock(t.Context(), options(t, p, right, d)); !errors.Is(err, ErrNotLocked) {
			t.Errorf("a meter that says nothing of it: %v", err)
		}
		d = meets(p, right)
		d.nameless = true
		if err := Unlock(t.Context(), options(t, p, right, d)); err == nil || d.open {
			t.Errorf("a meter without a name: %v", err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := Unlock(ctx, options(t, p, right, meets(p, right))); !errors.Is(err, context.Canceled) {
			t.Errorf("interrupted: %v", err)
		}
	})
}

// TestJournalThatCannotBeKept allows nothing.
func TestJournalThatCannotBeKept(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "tries.json")
	if err := os.WriteFile(path, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	if err := NewJournal(path).try("a", now); err == nil {
		t.Error("a file that nobody can read allows a try")
	}
	if err := NewJournal(filepath.Join(dir, "gone", "tries.json")).try("a", now); err == nil {
		t.Error("a directory that is not there allows a try")
	}
	// A clock that goes back gives no more tries; another meter has its own.
	j := NewJournal(filepath.Join(dir, "good.json"))
	for i, want := range []error{nil, nil, ErrTries} {
		if err := j.try("a", now.Add(-time.Duration(i)*time.Hour)); !errors.Is(err, want) {
			t.Errorf("try %d: %v", i, err)
		}
	}
	if err := j.try("b", now); err != nil {
		t.Error(err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 2 {
		t.Errorf("there are %v, %v", left, err)
	}
}
