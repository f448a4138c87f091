package desk

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/wattwerk/wattwerk/catalog"
	"github.com/wattwerk/wattwerk/internal/run"
	"github.com/wattwerk/wattwerk/model"
	"github.com/wattwerk/wattwerk/settlement/report"
)

// DefaultDelay is how long after its end a period is reported.
const DefaultDelay = 30 * time.Minute

// Options are what a service needs. Settled, Books, Store and Catalog must be
// set.
type Options struct {
	Settled report.Settled
	Books   report.Books
	Store   *Store
	Costing report.Costing // nil: nobody prices anything
	Catalog *catalog.Catalog
	Senders map[string]Sender             // by the name of the sink; what is missing cannot be sent
	Share   run.Share                     // who else makes reports of the same store; nil: nobody
	Delay   time.Duration                 // how long after its end a period is reported; default DefaultDelay
	Actor   func(context.Context) string  // who makes a request; nil: unknown
	Model   func() (*model.Model, uint64) // nil: that of the catalog
	Now     func() time.Time              // the clock; nil: the real one
	Log     *slog.Logger

	Registerer prometheus.Registerer // may be nil
}

// atOnce is how many reports are made at the same time.
const atOnce = 2

// Service makes, keeps and sends reports, and answers for them.
type Service struct {
	opts    Options
	builder *report.Builder
	room    chan struct{}
	poke    chan struct{} // something was asked for by people here
	meter   *meter

	notBefore map[string]time.Time // by definition; of who makes reports
}

// New checks the options and makes a service.
func New(o Options) (*Service, error) {
	if o.Settled == nil || o.Books == nil || o.Store == nil || o.Catalog == nil && o.Model == nil {
		return nil, errors.New("make reports: settled windows, books, store and catalog are needed")
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Share == nil {
		o.Share = run.Alone
	}
	if o.Delay == 0 {
		o.Delay = DefaultDelay
	}
	if o.Actor == nil {
		o.Actor = func(context.Context) string { return "unknown" }
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Model == nil {
		o.Model = func() (*model.Model, uint64) {
			st := o.Catalog.State()
			return st.Model, st.Revision
		}
	}
	s := &Service{opts: o, room: make(chan struct{}, atOnce), poke: make(chan struct{}, 1), notBefore: make(map[string]time.Time), meter: newMeter()}
	s.builder = &report.Builder{Settled: o.Settled, Books: o.Books, Costing: o.Costing, Now: o.Now, Model: o.Model}
	if o.Registerer != nil {
		for _, c := range []prometheus.Collector{s.meter.made, s.meter.revised, s.meter.deliveries, s.meter.waiting} {
			if err := o.Registerer.Register(c); err != nil {
				return nil, fmt.Errorf("make reports: %w", err)
			}
		}
	}
	return s, nil
}

// meter is what is measured of reports.
type meter struct {
	made, revised prometheus.Counter
	deliveries    *prometheus.CounterVec
	waiting       prometheus.Gauge
}

func newMeter() *meter {
	m := &meter{
		made:       prometheus.NewCounter(prometheus.CounterOpts{Name: "wattwerk_reports_made_total", Help: "Reports that were made by a definition, by schedule or by hand."}),
		revised:    prometheus.NewCounter(prometheus.CounterOpts{Name: "wattwerk_reports_revised_total", Help: "Reports that were made anew, as late readings or corrections changed what they say."}),
		deliveries: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "wattwerk_report_deliveries_total", Help: "Tries to send a report: sent, failed (and tried again), given_up."}, []string{"result"}),
		waiting:    prometheus.NewGauge(prometheus.GaugeOpts{Name: "wattwerk_report_queue_length", Help: "Reports that wait to be sent, in the process that makes them."}),
	}
	for _, result := range []string{"sent", "failed", "given_up"} {
		m.deliveries.WithLabelValues(result)
	}
	return m
}

// Run makes reports by their schedules until ctx ends: in one process at a
// time. What fails is tried again.
func (s *Service) Run(ctx context.Context) error {
	return s.opts.Share(ctx, "reports", 1, func(ctx context.Context, _ int) error {
		clear(s.notBefore)
		tick := time.NewTicker(stepEvery)
		defer tick.Stop()
		for failing := false; ; {
			err := s.Step(ctx)
			if ctx.Err() != nil {
				return nil
			}
			if err != nil && !failing {
				s.opts.Log.Warn("reports are held up", "error", err)
			}
			failing = err != nil
			select {
			case <-ctx.Done():
				return nil
			case <-tick.C:
			case <-s.poke:
			}
		}
	})
}

// wake has the next step made now, if it is made here.
func (s *Service) wake() {
	select {
	case s.poke <- struct{}{}:
	default:
	}
}

// build makes a report when there is room.
func (s *Service) build(ctx context.Context, spec report.Spec) (*report.Report, error) {
	select {
	case s.room <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	defer func() { <-s.room }()
	return s.builder.Build(ctx, spec)
}
