package uplink

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/wattwerk/wattwerk/bus"
	"github.com/wattwerk/wattwerk/catalog"
	"github.com/wattwerk/wattwerk/internal/run"
	"github.com/wattwerk/wattwerk/record"
)

// Names under which the service keeps its stream positions on the bus.
const (
	Reader           = "uplink"            // of the records, per partition
	AggregatesReader = "uplink-aggregates" // of the aggregates, partition 0
)

// Options are what a service needs. The bus must have a link.
type Options struct {
	Bus        *bus.Bus
	Catalog    *catalog.Catalog // knows sensors and groups
	Site       string
	Choice     Choice
	Every      time.Duration // least time between batches when little comes in; default 200 ms
	Timeout    time.Duration // how long an answer may take; default 10 s
	Checkpoint time.Duration // default 15 s
	Log        *slog.Logger
	Registerer prometheus.Registerer // may be nil
}

// Service sends what is stored at the edge to the centre.
type Service struct {
	opts Options
	log  *slog.Logger

	connected        atomic.Bool
	pending          atomic.Uint64 // messages that were stored and are not sent
	since            atomic.Int64  // when the first of them was stored, ns; 0: none
	late, incomplete atomic.Uint64
	nameless         atomic.Uint64
	sent             prometheus.Counter
	toldNameless     map[record.SensorID]bool // of Run

	longest time.Duration           // between two tries
	fault   func(step string) error // of a test; nil: none
}

// New makes the service; it does nothing before Run.
func New(o Options) (*Service, error) {
	if o.Bus == nil || o.Catalog == nil || o.Bus.Link() == nil {
		return nil, errors.New("uplink: a catalog, and a bus with a link are needed: bus.leaf.url, or bus.link_login_file with an external NATS")
	}
	if err := errors.Join(bus.ValidateSite(o.Site), o.Choice.Validate()); err != nil {
		return nil, fmt.Errorf("uplink: %w", err)
	}
	if o.Every == 0 {
		o.Every = 200 * time.Millisecond
	}
	if o.Timeout == 0 {
		o.Timeout = 10 * time.Second
	}
	if o.Checkpoint == 0 {
		o.Checkpoint = 15 * time.Second
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	s := &Service{opts: o, log: o.Log, longest: 5 * time.Second, toldNameless: make(map[record.SensorID]bool), sent: prometheus.NewCounter(prometheus.CounterOpts{
		Name: "wattwerk_uplink_sent_total", Help: "Records that the centre has stored.",
	})}
	if o.Registerer == nil {
		return s, nil
	}
	gauge := func(name, help string, f func() float64) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, f)
	}
	count := func(name, help string, n *atomic.Uint64) prometheus.Collector {
		return prometheus.NewCounterFunc(prometheus.CounterOpts{Name: name, Help: help}, func() float64 { return float64(n.Load()) })
	}
	for _, c := range []prometheus.Collector{
		s.sent,
		gauge("wattwerk_uplink_connected", "1 when the centre answered the last request.", func() float64 {
			if s.connected.Load() {
				return 1
			}
			return 0
		}),
		gauge("wattwerk_uplink_pending_messages", "Messages that are stored here and not at the centre.", func() float64 { return float64(s.pending.Load()) }),
		gauge("wattwerk_uplink_behind_seconds", "For how long the oldest of them has been stored.", func() float64 {
			if at := s.since.Load(); at > 0 {
				return time.Since(time.Unix(0, at)).Seconds()
			}
			return 0
		}),
		count("wattwerk_uplink_late_total", "Readings that came when their interval was sent already, or twice.", &s.late),
		count("wattwerk_uplink_incomplete_total", "Intervals that were not sent, because too little of them is known.", &s.incomplete),
		count("wattwerk_uplink_nameless_total", "Sums that were not sent, because no sensor can have their name.", &s.nameless),
	} {
		if err := o.Registerer.Register(c); err != nil {
			return nil, fmt.Errorf("uplink: %w", err)
		}
	}
	return s, nil
}

// errAgain says that centre and edge have to find out anew where they are.
var errAgain = errors.New("the centre is somewhere else")

// errOvertaken says that another instance speaks for the site.
var errOvertaken = errors.New("overtaken")

// Run sends until ctx ends.
func (s *Service) Run(ctx context.Context) error {
	select {
	case <-s.opts.Catalog.Ready():
	case <-ctx.Done():
		return nil
	}
	for {
		err := s.session(ctx)
		if ctx.Err() != nil {
			return nil
		}
		wait := min(time.Second, s.longest)
		switch {
		case errors.Is(err, errAgain):
			wait = 50 * time.Millisecond
			s.log.Info("uplink asks the centre where it is", "because", err)
		case errors.Is(err, errOvertaken):
			wait = 6 * s.longest
			s.log.Error("nothing is sent: another edge speaks for this site; give one of them a name and a certificate of its own", "site", s.opts.Site, "because", err)
		default:
			s.log.Warn("uplink begins again", "error", err)
		}
		if !run.Pause(ctx, wait) {
			return nil
		}
	}
}

// session asks the centre where it is, and sends from there until something
// has to be found out anew.
func (s *Service) session(ctx context.Context) error {
	j, err := s.begin(ctx)
	if err != nil {
		return err
	}
	defer j.lanes.close()
	if err := j.run(ctx); !errors.Is(err, context.Canceled) || ctx.Err() == nil {
		return err
	}
	// Told to stop: what is stored at the centre need not be looked for next time.
	if !j.even {
		return nil
	}
	own, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	return j.checkpoint(own)
}

// greet asks the centre how far it is.
func (s *Service) greet(ctx context.Context, epoch string) (answer, error) {
	return s.insist(ctx, &envelope{Version: Version, Kind: hello, Epoch: epoch}, nil)
}

// insist sends a request until it is answered with a decision.
func (s *Service) insist(ctx context.Context, e *envelope, body []byte) (answer, error) {
	data, err := e.encode(nil, body)
	if err != nil {
		return answer{}, err
	}
	wait, said := 100*time.Millisecond, ""
	for {
		if err := s.at("send"); err != nil {
			return answer{}, err
		}
		a, err := s.ask(ctx, data)
		reason := a.Reason
		if err != nil {
			if ctx.Err() != nil {
				return answer{}, ctx.Err()
			}
			reason = err.Error()
		}
		s.connected.Store(err == nil)
		switch {
		case err != nil || a.Result == waiting:
		case a.Version != Version || a.Result == refused:
			if a.Version != Version {
				reason = fmt.Sprintf("the centre speaks version %d of the protocol, the edge %d: update the older of both", a.Version, Version)
			}
			wait = s.longest
		case a.Result == overtaken:
			return a, fmt.Errorf("%w: %s", errOvertaken, a.Reason)
		default:
			if said != "" {
				s.log.Info("the centre answers again")
			}
			return a, s.at("sent")
		}
		if reason != said {
			said = reason
			s.log.Warn("the centre does not take it yet; it is kept here", "because", reason)
		}
		if !run.Pause(ctx, wait) {
			return answer{}, ctx.Err()
		}
		wait = min(2*wait, s.longest)
	}
}

// ask sends a request once.
func (s *Service) ask(ctx context.Context, data []byte) (answer, error) {
	ctx, cancel := context.WithTimeout(ctx, s.opts.Timeout)
	defer cancel()
	var a answer
	m, err := s.opts.Bus.Link().RequestWithContext(ctx, bus.LandingSubject(s.opts.Site), data)
	switch {
	case errors.Is(err, nats.ErrNoResponders):
		return a, errors.New("the centre is not reached")
	case err != nil:
		return a, fmt.Errorf("the centre does not answer: %w", err)
	}
	if err := json.Unmarshal(m.Data, &a); err != nil {
		return a, fmt.Errorf("the centre's answer is not understood: %w", err)
	}
	return a, nil
}

func (s *Service) at(step string) error {
	if s.fault == nil {
		return nil
	}
	return s.fault(step)
}

// tellNameless warns of a sum that is not sent because of its name, once.
func (s *Service) tellNameless(hierarchy, group string, name record.SensorID) {
	if s.toldNameless[name] {
		return
	}
	s.toldNameless[name] = true
	s.log.Warn("sums of a group are not sent: no sensor can have their name; shorten the id of the group or uplink.sum_as", "hierarchy", hierarchy, "group", group, "because", name.Validate())
}

func newEpoch() string { return rand.Text() }

// lookup makes facts of the model as it is now.
func (s *Service) lookup() (*facts, uint64) {
	st := s.opts.Catalog.State()
	return &facts{choice: &s.opts.Choice, model: st.Model}, st.Revision
}

// decodeInput reads a message; what cannot be read is not sent.
func (s *Service) decodeInput(e *engine, lane int, ticks bool, m *input, b *record.Batch, out emit) {
	at := m.stored.UnixMilli()
	if ticks {
		var t record.Ticks
		if err := t.Decode(m.data); err != nil {
			s.log.Warn("ticks are not understood and not sent", "position", m.seq, "error", err)
			return
		}
		e.ticks(at, &t, out)
		return
	}
	if err := b.Decode(m.data); err != nil {
		s.log.Warn("records are not understood and not sent", "partition", lane, "position", m.seq, "error", err)
		return
	}
	b.Names()
	e.records(lane, at, b, out)
}
