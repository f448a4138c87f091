package update

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"sync"
	"time"
	"unicode"

	"github.com/wattwerk/wattwerk/edge/bank"
	"github.com/wattwerk/wattwerk/internal/run"
	"github.com/wattwerk/wattwerk/survey/release"
)

// Source is where updates are asked for: the data service of the survey. What is not there
// is fs.ErrNotExist; answers are bounded.
type Source interface {
	// Metadata gives a file of metadata.
	Metadata(ctx context.Context, name string) ([]byte, error)
	// Program gives a part of a program, from an offset in bytes on.
	Program(ctx context.Context, name string, offset int64) ([]byte, error)
}

// Health is how the device does since it was started.
type Health struct {
	Reached   bool // the data service has answered
	Measuring bool // there is a consent, so that meters are read
	Meters    map[string]Meter
}

// Meter is how a meter does since the device was started.
type Meter struct {
	Measured bool   // a measurement was made of it
	Problem  string // why it cannot be read; empty: it can
}

// Options of an updater. All but Every, Within, Tick, Random and Log are needed.
type Options struct {
	Disk     bank.Disk
	Store    *bank.Store            // on Disk
	Bank     bank.Name              // in which this program is
	Path     func(bank.Name) string // of programs
	Root     []byte                 // that the device was given
	Source   Source                 //
	Device   func() string          // its identifier; empty: it is not enrolled
	Health   func() Health          //
	Incident func(open bool, detail string)
	Check    func(ctx context.Context, path string) (string, error) // starts a program and gives what it says its version is
	Version  string                                                 // of this program
	Platform string                                                 // as linux/arm64
	Every    time.Duration                                          // between two times of asking; 0: [DefaultEvery]
	Within   time.Duration                                          // in which a program on trial is judged; 0: [DefaultWithin]
	Tick     time.Duration                                          // between two looks at how it does; 0: 5 seconds
	Now      func() time.Time
	Random   func() float64
	Log      *slog.Logger
}

// Defaults of the settings, and times.
const (
	DefaultEvery  = 6 * time.Hour
	DefaultWithin = 45 * time.Minute
	checkWithin   = 2 * time.Minute
	firstWithin   = 10 * time.Minute
	retry         = 30 * time.Minute
	staleAfter    = 3 * 24 * time.Hour // without an answer that can be trusted
)

// ErrRestart says that the program is to end, so that another one is started.
var ErrRestart = errors.New("another program is to be started")

// Status is how updating stands.
type Status struct {
	Bank     string         `json:"bank"`               // of this program; installed: none
	Sequence int64          `json:"sequence"`           // of its release; 0: it was installed
	Trial    bool           `json:"trial"`              // it has not proven itself yet
	Asked    time.Time      `json:"asked,omitzero"`     // when an answer could be trusted last
	Wanted   string         `json:"wanted,omitempty"`   // version that is to be run next
	Fetched  int64          `json:"fetched,omitempty"`  // bytes of it that are here
	Problem  string         `json:"problem,omitempty"`  // why that cannot be
	Failures []bank.Failure `json:"failures,omitempty"` // the latest last
}

// Updater gets updates.
type Updater struct {
	o     Options
	log   *slog.Logger
	begun time.Time
	trust trust

	mu     sync.Mutex
	status Status
}

// New makes an updater. Nothing is asked.
func New(o Options) (*Updater, error) {
	if o.Every == 0 {
		o.Every = DefaultEvery
	}
	if o.Within == 0 {
		o.Within = DefaultWithin
	}
	if o.Tick == 0 {
		o.Tick = 5 * time.Second
	}
	if o.Random == nil {
		o.Random = rand.Float64
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	u := &Updater{o: o, log: o.Log, begun: o.Now()}
	var err error
	if u.trust, err = loadTrust(o.Disk, o.Root); err != nil {
		u.log.Error("what was known of updates is damaged, and is begun anew", "error", err)
	}
	state := o.Store.State()
	u.status = Status{Bank: bank.EnvInstalled, Sequence: state.Running(o.Bank).Sequence, Trial: state.Trial != bank.Installed && state.Trial == o.Bank}
	if o.Bank != bank.Installed {
		u.status.Bank = string(o.Bank)
	}
	return u, nil
}

// Status tells how it stands.
func (u *Updater) Status() Status {
	failures := u.o.Store.State().Failures
	u.mu.Lock()
	defer u.mu.Unlock()
	s := u.status
	s.Failures = failures
	return s
}

func (u *Updater) set(f func(*Status)) {
	u.mu.Lock()
	defer u.mu.Unlock()
	f(&u.status)
}

// Run judges this program if it is on trial, and asks for updates, until ctx ends, or with
// [ErrRestart] when another program is to be started; that is this one after it has proven itself, so that nobody has
// to wait for its end any more.
func (u *Updater) Run(ctx context.Context) error {
	trial := u.Status().Trial
	for {
		done, err := u.Judge()
		if err != nil {
			return err
		}
		if done && trial {
			return ErrRestart
		}
		if done {
			break
		}
		if !run.Pause(ctx, u.o.Tick) {
			return nil
		}
	}
	wait := time.Duration(u.o.Random() * float64(min(firstWithin, u.o.Every)))
	for run.Pause(ctx, wait) {
		var err error
		if wait, err = u.Step(ctx); err != nil {
			return err
		}
	}
	return nil
}

// Judge looks how this program does, when it is on trial. done: it is not, or not any more. The error is
// [ErrRestart] when it is given up.
func (u *Updater) Judge() (done bool, err error) {
	state := u.o.Store.State()
	if state.Trial == bank.Installed || state.Trial != u.o.Bank {
		return true, nil
	}
	why, network := verdict(state.Baseline, u.o.Health())
	if why == "" {
		if err := u.o.Store.Prove(); err != nil {
			u.log.Error("that this program has proven itself is not on the disk, trying again", "error", err)
			return false, nil
		}
		u.set(func(s *Status) { s.Trial = false })
		u.o.Incident(false, "")
		u.log.Info("this program has proven itself", "version", u.o.Version, "bank", string(u.o.Bank))
		return true, nil
	}
	if u.o.Now().Sub(u.begun) < u.o.Within {
		return false, nil
	}
	why = fmt.Sprintf("it did not prove itself within %v: %s", u.o.Within, why)
	u.log.Error("this program gives up", "version", u.o.Version, "because", why)
	if err := u.o.Store.Fail(why, network, u.o.Now()); err != nil {
		u.log.Error("that this program gives up is not on the disk", "error", err)
	}
	return true, ErrRestart
}

// verdict says what is wrong. network: it may not be the program's fault.
func verdict(before bank.Baseline, h Health) (why string, network bool) {
	if !h.Reached {
		return "the data service was not reached", true
	}
	if len(before) == 0 {
		return "", false // nothing was measured then
	}
	if !h.Measuring {
		return "it does not measure", false
	}
	for id, problem := range before {
		m := h.Meters[id]
		if m.Measured || problem != "" && same(problem, m.Problem) {
			continue
		}
		if m.Problem == "" {
			m.Problem = "it says nothing"
		}
		return "the meter " + id + " is not measured: " + m.Problem, false
	}
	return "", false
}

// same compares reasons, whatever numbers are in them.
func same(a, b string) bool {
	strip := func(r rune) rune {
		if unicode.IsDigit(r) {
			return -1
		}
		return r
	}
	return strings.Map(strip, a) == strings.Map(strip, b)
}

// baseline is how things stand before a trial.
func baseline(h Health) bank.Baseline {
	if !h.Measuring {
		return nil
	}
	b := make(bank.Baseline)
	for id, m := range h.Meters {
		b[id] = m.Problem
	}
	return b
}

func (u *Updater) jitter(d time.Duration) time.Duration {
	return time.Duration(float64(d) * (0.75 + 0.5*u.o.Random()))
}

// Step asks for updates, and takes what there is. It tells when to ask again; the error is [ErrRestart]
// when a program is to be tried, and otherwise nil.
func (u *Updater) Step(ctx context.Context) (time.Duration, error) {
	device := u.o.Device()
	if device == "" {
		return u.jitter(min(retry, u.o.Every)), nil
	}
	wanted, err := u.look(ctx, device)
	if err == nil && wanted != nil {
		err = u.take(ctx, wanted)
	}
	switch {
	case ctx.Err() != nil:
		return 0, nil
	case errors.Is(err, ErrRestart):
		return 0, err
	case err == nil:
		u.set(func(s *Status) { s.Problem = "" })
		u.o.Incident(false, "")
		return u.jitter(u.o.Every), nil
	}
	u.set(func(s *Status) { s.Problem = err.Error() })
	if errors.Is(err, ErrRefused) || errors.Is(err, ErrExpired) || errors.Is(err, errFailed) || u.stale() {
		u.o.Incident(true, err.Error())
		u.log.Warn("there is no update, and should perhaps be", "error", err)
		return u.jitter(u.o.Every), nil
	}
	u.log.Info("there is no update at the moment, trying again", "error", err)
	return u.jitter(min(retry, u.o.Every)), nil
}

// stale tells whether there was no answer for long that could be trusted.
func (u *Updater) stale() bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	last := u.status.Asked
	if last.IsZero() {
		last = u.begun
	}
	return u.o.Now().Sub(last) > staleAfter
}

// errFailed says that what is to be run failed.
var errFailed = errors.New("the update was not taken")

// look asks what there is to run; nil: nothing else than what is.
func (u *Updater) look(ctx context.Context, device string) (*target, error) {
	now := u.o.Now()
	all, changed, err := u.trust.refresh(ctx, u.o.Source, now)
	if changed {
		// What is not kept here would let something older be taken after a cut, so nothing is taken.
		if e := u.trust.save(u.o.Disk); e != nil {
			return nil, errors.Join(e, err)
		}
	}
	if err != nil {
		return nil, err
	}
	state := u.o.Store.State()
	x := choose(all, u.o.Platform, device)
	u.set(func(s *Status) { s.Asked, s.Wanted, s.Fetched = now.UTC().Round(0), "", 0 })
	if x == nil || x.Sequence <= state.Running(u.o.Bank).Sequence || x.Version == u.o.Version {
		return nil, nil
	}
	u.set(func(s *Status) { s.Wanted = x.Version })
	if older, _ := release.Older(x.Version, u.o.Version); older && !x.Downgrade {
		return nil, fmt.Errorf("%w: %s is older than %s, which runs, and is not signed to follow it", errFailed, x.Version, u.o.Version)
	}
	if f, bad := state.Failed(x.program, now); bad {
		return nil, fmt.Errorf("%w: %s: %s", errFailed, x.Version, f.Why)
	}
	return x, nil
}

// choose gives the latest release for the device.
func choose(all []target, platform, device string) (best *target) {
	for i, x := range all {
		if x.Platform == platform && x.Reaches(device) && (best == nil || x.Sequence > best.Sequence) {
			best = &all[i]
		}
	}
	return best
}

// take fetches a program and has it tried.
func (u *Updater) take(ctx context.Context, x *target) error {
	at, err := u.o.Store.Begin(x.program)
	if err != nil {
		return err
	}
	u.log.Info("an update is fetched", "version", x.Version, "bytes", x.program.Size, "from", at)
	for at < x.program.Size {
		data, err := u.o.Source.Program(ctx, x.name, at)
		if err != nil {
			return fmt.Errorf("fetch program: %w", err)
		}
		if len(data) == 0 {
			return u.refuse(x, "the service has less of it than was signed", true)
		}
		// What is too much is not taken, whatever is sent.
		data = data[:min(int64(len(data)), x.program.Size-at)]
		if err := u.o.Store.Append(data); err != nil {
			return err
		}
		at += int64(len(data))
		u.set(func(s *Status) { s.Fetched = at })
	}
	n, err := u.o.Store.Complete()
	if errors.Is(err, bank.ErrDigest) {
		return u.refuse(x, err.Error(), true)
	}
	if err != nil {
		return err
	}
	within, cancel := context.WithTimeout(ctx, checkWithin)
	defer cancel()
	said, err := u.o.Check(within, u.o.Path(n))
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err == nil && said != x.Version {
		err = fmt.Errorf("it says that it is %.60q", said)
	}
	if err != nil {
		return u.refuse(x, fmt.Sprintf("it does not start here: %v", err), false)
	}
	if err := u.o.Store.Try(baseline(u.o.Health())); err != nil {
		return err
	}
	u.log.Info("an update is tried", "version", x.Version, "bank", string(n))
	return ErrRestart
}

// refuse notes that a program is not taken.
func (u *Updater) refuse(x *target, why string, again bool) error {
	return errors.Join(fmt.Errorf("%w: %s: %s", errFailed, x.Version, why), u.o.Store.Refuse(x.program, why, again, u.o.Now()))
}
