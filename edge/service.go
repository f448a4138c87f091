package edge

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/wattwerk/wattwerk/edge/buffer"
	"github.com/wattwerk/wattwerk/edge/sender"
	"github.com/wattwerk/wattwerk/edge/slot"
	"github.com/wattwerk/wattwerk/edge/visit"
	"github.com/wattwerk/wattwerk/internal/run"
	"github.com/wattwerk/wattwerk/meter"
	"github.com/wattwerk/wattwerk/survey/client"
	"github.com/wattwerk/wattwerk/survey/consent"
	"github.com/wattwerk/wattwerk/survey/household"
)

// Meter is one that the device reads.
type Meter struct {
	ID    string // by which the survey knows it; empty: the only one of the household
	Name  string // for people
	Asked bool   // it is asked; others send at their own pace
	Open  func() (meter.Reader, error)
	// Unlocker makes what enters its PIN, with a function that ends it; nil: there is no PIN.
	Unlocker func(r meter.Reader) (meter.Unlocker, func() error, error)
}

// Options of a device. Dir, URL, Roots and Meters are needed.
type Options struct {
	Dir     string
	URL     string // of the data service
	Roots   []byte // root.crt of the survey, PEM
	Meters  []Meter
	Slots   slot.Settings
	Buffer  buffer.Options // Dir and Interval are filled in
	Every   time.Duration  // between two times of sending; 0: as usual
	Tick    time.Duration  // how often it is looked what is due; 0: a second
	Look    time.Duration  // how often it is looked whether something is to be sent; 0: as usual
	Version string
	// Components are what else the device consists of, with their versions.
	Components []household.Component
	Updates    func() any      // tells how updating stands, for Status; nil: there is none
	Visit      []visit.Command // by which it can be looked at from afar, by a grant; nil: it cannot
	Visits     time.Duration   // between two times of asking for grants; 0: as usual
	Now        func() time.Time
	Log        *slog.Logger
}

// Service is a device.
type Service struct {
	o        Options
	log      *slog.Logger
	identity *identity
	buffer   *buffer.Buffer
	client   *client.Client
	sender   *sender.Sender
	desk     *visit.Desk // nil: nobody comes

	mu       sync.Mutex
	enrolled bool
	meters   []*reading
	pending  []slot.Slot // that are not on the disk yet
	since    time.Time   // when the first of them came
	again    time.Time   // when writing is tried again
	slots    uint64      // that were measured
	measured uint64      // measurements of them
	receipts []consent.Receipt
}

// New opens what the device keeps. Nothing is read or sent.
func New(o Options) (*Service, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Tick == 0 {
		o.Tick = time.Second
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if len(o.Meters) == 0 {
		return nil, errors.New("open edge: there is no meter to read")
	}
	if err := o.Slots.Complete(); err != nil {
		return nil, fmt.Errorf("open edge: %w", err)
	}
	for _, m := range o.Meters {
		if m.ID == "" && len(o.Meters) > 1 {
			return nil, errors.New("open edge: of several meters each needs its identifier")
		}
		if m.ID != "" && !household.ValidID(m.ID) {
			return nil, fmt.Errorf("open edge: %.40q is no identifier of a meter", m.ID)
		}
	}
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("open edge: %w", err)
	}
	s := &Service{o: o, log: o.Log, identity: &identity{path: filepath.Join(o.Dir, identityFile)}}
	var err error
	if s.client, err = client.New(client.Options{URL: o.URL, Roots: o.Roots}); err != nil {
		return nil, fmt.Errorf("open edge: %w", err)
	}
	s.identity.client = s.client
	o.Buffer.Dir, o.Buffer.Interval, o.Buffer.Now = filepath.Join(o.Dir, bufferDir), o.Slots.Interval, o.Now
	if s.buffer, err = buffer.Open(o.Buffer); err != nil {
		return nil, fmt.Errorf("open edge: %w", err)
	}
	if n := s.buffer.Stats().Damaged; n > 0 {
		s.log.Warn("files of the buffer were cut off or damaged; what was confirmed to be on the disk is there unless it was damaged later", "bytes", n)
	}
	for _, m := range o.Meters {
		if m.ID == "" {
			if err := readJSON(filepath.Join(o.Dir, meterFile), &m.ID); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return nil, fmt.Errorf("open edge: read meter: %w", err)
			}
		}
		s.meters = append(s.meters, &reading{Meter: m})
	}
	var state sender.State
	if err := readJSON(filepath.Join(o.Dir, stateFile), &state); err != nil && !errors.Is(err, fs.ErrNotExist) {
		// What is not known is not granted.
		s.log.Warn("the state of the consent is not known, and is asked for", "error", err)
		state = sender.State{}
	}
	if state.Ended != "" {
		if err := s.buffer.Wipe(); err != nil {
			return nil, fmt.Errorf("open edge: %w", err)
		}
	}
	s.sender = sender.New(sender.Options{
		Service: s.client, Buffer: s.buffer, Certificate: s.identity, State: state, Every: o.Every, Look: o.Look, Version: o.Version, Condition: s.condition, Meter: s.meters[0].ID, Now: o.Now, Log: o.Log,
		Save: func(state sender.State) error { return replaceJSON(filepath.Join(o.Dir, stateFile), state) },
	})
	if len(o.Visit) > 0 {
		var kept []visit.Visit
		if err := readJSON(filepath.Join(o.Dir, visitsFile), &kept); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("open edge: read visits: %w", err) // one could come by a grant that was used
		}
		if s.desk, err = visit.New(visit.Options{
			Service: s.client, Roots: o.Roots, Device: func() string { return s.identity.get().Device }, May: s.sender.May, Commands: o.Visit, Kept: kept,
			Keep:  func(all []visit.Visit) error { return replaceJSON(filepath.Join(o.Dir, visitsFile), all) },
			Every: o.Visits, Look: o.Tick, Now: o.Now, Log: o.Log,
		}); err != nil {
			return nil, fmt.Errorf("open edge: %w", err)
		}
	}
	return s, nil
}

// Run reads and sends until ctx ends.
func (s *Service) Run(ctx context.Context) (err error) {
	defer func() { err = errors.Join(err, s.buffer.Close()); s.client.Close() }()
	for ctx.Err() == nil {
		if _, err := s.admit(ctx); err != nil {
			s.log.Warn("the device is not ready to measure, trying again", "error", err)
		}
		if !s.ready() {
			run.Pause(ctx, s.o.Tick)
			continue
		}
		if err := s.work(ctx); err != nil && !errors.Is(err, errAgain) {
			return err
		}
		s.mu.Lock()
		for _, m := range s.meters {
			m.slots = nil
		}
		s.mu.Unlock()
	}
	return nil
}

// errAgain says that the device was enrolled anew.
var errAgain = errors.New("the device was enrolled anew")

// work works until ctx ends or the device is enrolled anew.
func (s *Service) work(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return s.sender.Run(ctx) })
	if s.desk != nil {
		g.Go(func() error { return s.desk.Run(ctx) })
	}
	for _, m := range s.meters {
		g.Go(func() error { s.watch(ctx, m); return nil })
	}
	g.Go(func() error {
		for run.Pause(ctx, s.o.Tick) {
			again, err := s.admit(ctx)
			if err != nil {
				s.log.Warn("another certificate was not taken", "error", err)
			}
			if again {
				return errAgain
			}
			s.keep(false)
		}
		s.keep(true)
		return nil
	})
	return g.Wait()
}

// ready tells whether the device has a certificate and knows its meters.
func (s *Service) ready() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.enrolled && s.meters[len(s.meters)-1].slots != nil
}

// admit takes the certificate when it came. again: it is another one than before.
func (s *Service) admit(ctx context.Context) (again bool, err error) {
	came, err := s.identity.load()
	if err != nil {
		return false, err
	}
	s.mu.Lock()
	enrolled, lonely := s.enrolled, s.meters[0].ID == ""
	s.mu.Unlock()
	if came {
		n := s.identity.get()
		if err := s.client.Use([]byte(n.Chain), []byte(n.Key)); err != nil {
			return false, err
		}
		other, err := s.own(n.Device)
		if err != nil {
			return false, err
		}
		if enrolled || other {
			s.log.Info("the device was enrolled anew")
			s.sender.Begin()
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		s.enrolled = true
		if other {
			s.pending = nil
			if s.o.Meters[0].ID == "" {
				s.meters[0].ID = ""
			}
		}
		s.receipts, err = readReceipts(s.o.Dir)
		return enrolled, err
	}
	if !enrolled || s.ready() {
		return false, nil
	}
	if lonely {
		all, err := s.client.Meters(ctx)
		if err != nil {
			if client.ActionOf(err) == household.Stop {
				s.sender.End(ctx, err.Error())
			}
			return false, err
		}
		if len(all) != 1 {
			return false, fmt.Errorf("the household has %d meters; say in the settings which one is read", len(all))
		}
		if err := replaceJSON(filepath.Join(s.o.Dir, meterFile), all[0].ID); err != nil {
			return false, err
		}
		s.mu.Lock()
		s.meters[0].ID = all[0].ID
		s.mu.Unlock()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sender.SetMeter(s.meters[0].ID)
	for _, m := range s.meters {
		m.slots, m.began = slot.New(s.o.Slots, m.ID, s.buffer.Covered(m.ID)), s.o.Now()
	}
	return false, nil
}

// together is how long slots wait for those of other meters, to be written at once.
const together = time.Minute

// retryDisk is how long after writing failed it is tried again.
const retryDisk = 30 * time.Second

// mostPending is how many slots wait while the disk cannot be written to.
const mostPending = 2000

// ended tells whether the consent was revoked.
func (s *Service) ended() bool {
	st := s.sender.Status()
	return st.Ended != "" || st.Consent == consent.Revoked
}

// keep writes slots to the disk that are complete. last: the device stops.
func (s *Service) keep(last bool) {
	now := s.o.Now()
	may := s.sender.May()
	s.mu.Lock()
	defer s.mu.Unlock()
	open := false
	for _, m := range s.meters {
		if !may {
			m.slots.Forget()
			m.began = now
			continue
		}
		for _, x := range m.slots.Due(now) {
			if len(s.pending) == 0 {
				s.since = now
			}
			s.pending = append(s.pending, x)
			s.slots++
			s.measured += uint64(len(x.Measurements))
			m.measured(s, x)
		}
		open = open || !m.slots.Next().IsZero()
		m.missing(s, now)
	}
	if s.ended() {
		s.pending = nil
	}
	if len(s.pending) == 0 || !last && (open && now.Sub(s.since).Abs() < together || now.Before(s.again)) {
		return
	}
	if err := s.buffer.Append(s.pending); err != nil {
		s.again = now.Add(retryDisk)
		s.log.Error("measurements are not on the disk, trying again", "slots", len(s.pending), "error", err)
		s.sender.Incident("", household.DiskFull, true, err.Error())
		if n := len(s.pending) - mostPending; n > 0 {
			lost := 0
			for _, x := range s.pending[:n] {
				lost += len(x.Measurements)
			}
			s.pending = s.pending[n:]
			s.buffer.Lost(lost)
			s.log.Error("no measurement could be kept for too long: the oldest are dropped", "dropped", lost)
			s.sender.Incident("", household.OtherIncident, true, fmt.Sprintf("%d measurements were dropped, because the disk took none for too long", lost))
		}
		return
	}
	s.pending = nil
	if s.ended() { // meanwhile
		if err := s.buffer.Wipe(); err != nil {
			s.log.Error("what was measured is not deleted", "error", err)
		}
		return
	}
	s.sender.Incident("", household.DiskFull, false, "")
	dropped, err := s.buffer.Limit()
	if dropped > 0 {
		s.log.Error("the buffer is full or too old: its oldest measurements are dropped", "dropped", dropped)
		s.sender.Incident("", household.OtherIncident, true, fmt.Sprintf("%d measurements were dropped, because more may not be kept for so long", dropped))
	}
	if err != nil {
		s.log.Error("the buffer was not kept within its limits", "error", err)
	}
}
