package meters

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"github.com/wattwerk/wattwerk/bridge"
	"github.com/wattwerk/wattwerk/internal/run"
	"github.com/wattwerk/wattwerk/meter"
	"github.com/wattwerk/wattwerk/record"
)

// Bounds of reading.
const (
	MaxMeters  = 1000
	MaxName    = 64 // bytes of a meter's name
	readWithin = 2 * time.Minute
	firstPause = time.Second // after a failure; twice as long after each other one
	lastPause  = time.Minute
)

// Meter is one that is read.
type Meter struct {
	Name    string                       // what its sensors' identifiers begin with
	Address string                       // where it is, for people and to tell meters apart
	Open    func() (meter.Reader, error) // makes its reader; nothing has to be there yet
	Asked   bool                         // it says nothing unless it is asked
	Every   time.Duration                // how often it is asked; of others how much time at least lies between two telegrams that are taken
	Here    bool                         // at a port of this machine, which no other process can read
}

// Taker stores readings; a [bridge.Service] is one.
type Taker interface {
	Take(ctx context.Context, b bridge.Bridge, messages ...*bridge.Message) (bridge.Answer, error)
}

// Options of a [Service].
type Options struct {
	Bridge Taker
	Meters []Meter
	// Exclusive works while no other process does work of that name, until ctx
	// ends. Names consist of lower-case letters, digits and hyphens. Nil: there are
	// no others.
	Exclusive  func(ctx context.Context, name string, work func(context.Context) error) error
	Retry      time.Duration // pause before trying again what the bus refused; default 1 s
	Now        func() time.Time
	Log        *slog.Logger
	Registerer prometheus.Registerer // may be nil
}

// Service reads meters. Its functions may be called from anywhere.
type Service struct {
	o        Options
	log      *slog.Logger
	meters   []*watched
	up       *prometheus.GaugeVec
	failures *prometheus.CounterVec
}

// watched is a meter that is read.
type watched struct {
	Meter
	bridge string // the name of its intake

	mu    sync.Mutex
	why   string // it cannot be read; empty: it can, or was not tried yet
	since time.Time
}

// Broken is a meter that cannot be read.
type Broken struct {
	Name, Address string
	Why           string // in a sentence
	Since         time.Time
}

// New checks the options. Nothing is opened yet.
func New(o Options) (*Service, error) {
	if o.Bridge == nil {
		return nil, errors.New("read meters: no bridge")
	}
	if len(o.Meters) > MaxMeters {
		return nil, fmt.Errorf("read meters: they are %d, at most %d are possible in a process", len(o.Meters), MaxMeters)
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Retry == 0 {
		o.Retry = time.Second
	}
	s := &Service{
		o: o, log: o.Log,
		up: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "wattwerk_meter_up", Help: "1: this process reads the meter, and could when it was tried last; 0: it could not, or another process reads it.",
		}, []string{"meter"}),
		failures: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "wattwerk_meter_failures_total", Help: "How often a meter could not be read.",
		}, []string{"meter"}),
	}
	if o.Registerer != nil {
		if err := errors.Join(o.Registerer.Register(s.up), o.Registerer.Register(s.failures)); err != nil {
			return nil, fmt.Errorf("read meters: %w", err)
		}
	}
	for _, m := range o.Meters {
		if err := m.validate(); err != nil {
			return nil, fmt.Errorf("read meters: %w", err)
		}
		if slices.ContainsFunc(s.meters, func(x *watched) bool { return x.Name == m.Name }) {
			return nil, fmt.Errorf("read meters: two are called %q", m.Name)
		}
		s.meters = append(s.meters, &watched{Meter: m, bridge: "meter-" + hyphened(m.Name)})
		s.failures.WithLabelValues(m.Name) // 0, and not missing
		s.up.WithLabelValues(m.Name)
	}
	return s, nil
}

func (m *Meter) validate() error {
	switch {
	case m.Name == "" || len(m.Name) > MaxName:
		return fmt.Errorf("a meter needs a name of 1 to %d bytes", MaxName)
	case m.Open == nil:
		return fmt.Errorf("nothing opens meter %q", m.Name)
	case m.Every < 0 || m.Asked && m.Every == 0:
		return fmt.Errorf("it is not said how often meter %q is asked", m.Name)
	}
	probe := record.Record{Sensor: record.SensorID(m.Name + ".1.8.0"), Time: 1}
	if err := probe.Validate(); err != nil {
		return fmt.Errorf("meter %q: %w", m.Name, err)
	}
	return nil
}

// hyphened makes a name of lower-case letters, digits and hyphens.
func hyphened(name string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			return r
		}
		return '-'
	}, strings.ToLower(name))
}

// Run reads meters until ctx ends.
func (s *Service) Run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	for _, m := range s.meters {
		g.Go(func() error {
			if m.Here || s.o.Exclusive == nil {
				s.watch(ctx, m)
				return nil
			}
			h := fnv.New64a()
			_, _ = fmt.Fprintf(h, "%s %s", m.Address, m.Name)
			return s.o.Exclusive(ctx, fmt.Sprintf("meter-%x", h.Sum64()), func(ctx context.Context) error {
				s.watch(ctx, m)
				return ctx.Err()
			})
		})
	}
	g.Go(func() error { <-ctx.Done(); return nil })
	if err := g.Wait(); !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

// Broken lists the meters that cannot be read, in the order of the settings.
func (s *Service) Broken() (out []Broken) {
	for _, m := range s.meters {
		m.mu.Lock()
		if m.why != "" {
			out = append(out, Broken{Name: m.Name, Address: m.Address, Why: m.why, Since: m.since})
		}
		m.mu.Unlock()
	}
	return out
}

// watch reads a meter until ctx ends.
func (s *Service) watch(ctx context.Context, m *watched) {
	var r meter.Reader
	defer func() {
		// It may be read by another process from here on, which will tell.
		s.note(m, nil)
		s.up.WithLabelValues(m.Name).Set(0)
		if r == nil {
			return
		}
		if err := r.Close(); err != nil {
			s.log.Warn("a meter was not closed", "meter", m.Name, "error", err)
		}
	}()
	var taken, due time.Time
	pause := firstPause
	for ctx.Err() == nil {
		if m.Asked {
			// At a fixed pace, however long the answer takes; what is overdue is not made up for.
			now := s.o.Now()
			if due = due.Add(m.Every); due.Before(now) {
				due = now
			}
			if !run.Pause(ctx, due.Sub(now)) {
				return
			}
		}
		err := s.read(ctx, m, &r, &taken)
		if ctx.Err() != nil {
			return
		}
		s.note(m, err)
		if err == nil {
			pause = firstPause
			s.up.WithLabelValues(m.Name).Set(1)
			continue
		}
		s.up.WithLabelValues(m.Name).Set(0)
		s.failures.WithLabelValues(m.Name).Inc()
		run.Pause(ctx, pause)
		pause = min(2*pause, lastPause)
	}
}

// read reads once, and stores what it got.
func (s *Service) read(ctx context.Context, m *watched, r *meter.Reader, taken *time.Time) (err error) {
	if *r == nil {
		if *r, err = m.Open(); err != nil {
			*r = nil
			return err
		}
	}
	once, cancel := context.WithTimeout(ctx, readWithin)
	defer cancel()
	return (*r).Read(once, func(t *meter.Telegram) {
		now := s.o.Now()
		flow := readings(m.Name, t)
		if since := now.Sub(*taken); !m.Asked && since >= 0 && since < m.Every {
			flow = flow.Filter(func(bridge.Reading) bool { return false }) // too soon, and counted
		} else {
			*taken = now
		}
		s.store(ctx, m, bridge.Bridge{Name: m.bridge, Flow: flow}, record.MillisOf(now))
	})
}

// store returns when what comes of the flow is stored, or ctx has ended.
func (s *Service) store(ctx context.Context, m *watched, b bridge.Bridge, at record.Millis) {
	for ctx.Err() == nil {
		_, err := s.o.Bridge.Take(ctx, b, &bridge.Message{At: at})
		if err == nil || ctx.Err() != nil {
			return
		}
		s.log.Warn("readings of a meter have to wait", "meter", m.Name, "error", err)
		run.Pause(ctx, s.o.Retry)
	}
}

// note notes whether the meter could be read.
func (s *Service) note(m *watched, err error) {
	m.mu.Lock()
	was := m.why
	if err == nil {
		m.why, m.since = "", time.Time{}
	} else {
		m.why = err.Error()
		if was == "" {
			m.since = s.o.Now()
		}
	}
	m.mu.Unlock()
	switch {
	case err != nil && was == "":
		s.log.Warn("a meter cannot be read, trying again", "meter", m.Name, "error", err)
	case err == nil && was != "":
		s.log.Info("a meter can be read again", "meter", m.Name)
	}
}
