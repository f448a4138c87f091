package light

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"
	"time"

	"github.com/wattwerk/wattwerk/internal/durable"
	"github.com/wattwerk/wattwerk/meter"
)

// Lamp lights an optical interface. Light keeps it on or off for the time, and is off when it
// returns an error.
type Lamp interface {
	Light(ctx context.Context, on bool, d time.Duration) error
}

// Why a PIN was not entered, or did not help.
var (
	// ErrNotLocked: the meter does not look as if it had a PIN to be entered.
	ErrNotLocked = errors.New("the meter does not look locked")
	// ErrTries: it was tried as often as may be.
	ErrTries = errors.New("the PIN was tried twice in 24 hours already")
	// ErrStillLocked: it was entered, and the meter is as before.
	ErrStillLocked = errors.New("the PIN was entered, and the meter is still locked")
)

// At most maxTries in a span.
const (
	maxTries = 2
	span     = 24 * time.Hour
)

// Options of [Unlock].
type Options struct {
	Program  Program
	PIN      PIN
	Lamp     Lamp
	Reader   meter.Reader // of the meter; tells whether it is locked
	Journal  *Journal
	Patience time.Duration // how long the meter is watched after the PIN was entered; 0: 30 s
}

// Unlock enters the PIN if the meter is locked, and watches whether that helped. It is nil where the
// meter is open, before or after.
func Unlock(ctx context.Context, o Options) error {
	if err := o.Program.Validate(); err != nil {
		return err
	}
	if o.Patience == 0 {
		o.Patience = 30 * time.Second
	}
	lock, who, err := look(ctx, o.Reader)
	switch {
	case err != nil:
		return err
	case lock == meter.LockOpen:
		return nil
	case lock == meter.LockUnknown:
		return ErrNotLocked
	case len(who) == 0:
		return errors.New("the meter does not say which it is, so that nobody could count the tries")
	}
	if err := o.Lamp.Light(ctx, false, 0); err != nil { // a lamp that is not there costs no try
		return fmt.Errorf("light the meter: %w", err)
	}
	if err := o.Journal.try(who, time.Now()); err != nil {
		return err
	}
	for _, s := range o.Program.Steps(o.PIN) {
		if err := o.Lamp.Light(ctx, s.On, s.For); err != nil {
			return fmt.Errorf("light the meter: %w", err)
		}
	}
	watch, cancel := context.WithTimeout(ctx, o.Patience)
	defer cancel()
	for {
		lock, again, err := look(watch, o.Reader)
		switch {
		case watch.Err() != nil && ctx.Err() == nil:
			return ErrStillLocked
		case err != nil:
			return err
		case lock == meter.LockOpen && again == who:
			return nil
		}
	}
}

// Unlocker is a [meter.Unlocker] by light.
type Unlocker struct{ o Options }

var _ meter.Unlocker = (*Unlocker)(nil)

// NewUnlocker gives one for a meter; nothing is lit yet.
func NewUnlocker(o Options) (*Unlocker, error) {
	if err := o.Program.Validate(); err != nil {
		return nil, err
	}
	return &Unlocker{o}, nil
}

// Unlock is [Unlock].
func (u *Unlocker) Unlock(ctx context.Context) error { return Unlock(ctx, u.o) }

// KeepOpen flashes once.
func (u *Unlocker) KeepOpen(ctx context.Context) error {
	p := u.o.Program
	for _, s := range []Step{{true, p.On}, {false, p.Off}} {
		if err := u.o.Lamp.Light(ctx, s.On, s.For); err != nil {
			return fmt.Errorf("light the meter: %w", err)
		}
	}
	return nil
}

// Every is how often a session needs a flash.
func (u *Unlocker) Every() time.Duration { return u.o.Program.Alive }

// look reads what the next telegram shows, and of which meter it is.
func look(ctx context.Context, r meter.Reader) (lock meter.Lock, who string, err error) {
	err = r.Read(ctx, func(t *meter.Telegram) { lock, who = t.Lock, string(t.Meter) })
	if err != nil {
		return 0, "", fmt.Errorf("look whether the meter is locked: %w", err)
	}
	return lock, who, nil
}

// Journal notes in a file which meters were tried when. It may be used by several
// goroutines, and by one process.
type Journal struct {
	path string
	mu   sync.Mutex
}

// NewJournal keeps the tries in the file, which is made when there is the first.
func NewJournal(path string) *Journal { return &Journal{path: path} }

// try notes a try, or says that there may be none. A file that cannot be read or
// written allows none: nobody would know of the next.
func (j *Journal) try(who string, now time.Time) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	tries := make(map[string][]time.Time)
	data, err := os.ReadFile(j.path)
	if err == nil {
		err = json.Unmarshal(data, &tries)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("read journal of tries: %w", err)
	}
	who = fmt.Sprintf("%x", who)
	for meter, times := range tries {
		var left []time.Time
		for _, at := range times {
			// A time ahead counts too: a clock that was set back gives no more tries.
			if now.Sub(at) < span {
				left = append(left, at)
			}
		}
		if tries[meter] = left; len(left) == 0 {
			delete(tries, meter)
		}
	}
	if len(tries[who]) >= maxTries {
		return ErrTries
	}
	tries[who] = append(tries[who], now.UTC())
	if data, err = json.Marshal(tries); err == nil {
		err = durable.Replace(j.path, data)
	}
	if err != nil {
		return fmt.Errorf("note try: %w", err)
	}
	return nil
}
