package cir

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"github.com/wattwerk/wattwerk/cir/book"
	"github.com/wattwerk/wattwerk/internal/run"
)

// Named is a thing of this installation.
type Named struct{ Category, ID string }

// LinkedSeries is a series that belongs to an entry.
type LinkedSeries struct {
	Sensor   string     `json:"sensor,omitempty"`
	Quantity string     `json:"quantity,omitempty"`
	Unit     string     `json:"unit,omitempty" doc:"Of the value, and of those of the range"`
	Range    string     `json:"range" doc:"Where its readings are: a path of this API, with from and to still to be said" example:"/api/v1/sensors/server1/range"`
	Latest   string     `json:"latest,omitempty" doc:"Where its newest reading is"`
	Time     *time.Time `json:"time" doc:"Of the newest reading; null: it is not known"`
	Value    *float64   `json:"value" doc:"The newest reading; null: it is not known"`
	Stale    *bool      `json:"stale,omitempty" doc:"It is too old to count"`
}

// Options say what to work with.
type Options struct {
	Store *book.Store
	Feeds []Feed
	// Series tells which series things have, in the same order; nil: none.
	Series func(context.Context, []Named) ([][]LinkedSeries, error)
	Closed bool      // nobody makes registries and categories by the API
	Share  run.Share // nil: this process is alone
	Actor  func(context.Context) string
	Log    *slog.Logger

	Registerer prometheus.Registerer // may be nil
}

// Service answers, and has the things of the installation registered; see
// [Service.Register] for what it answers.
type Service struct {
	opts  Options
	log   *slog.Logger
	meter *meter
}

// New checks the options.
func New(o Options) (*Service, error) {
	if o.Store == nil {
		return nil, errors.New("open registry of identifiers: it needs a store")
	}
	if o.Share == nil {
		o.Share = run.Alone
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Actor == nil {
		o.Actor = func(context.Context) string { return "unknown" }
	}
	s := &Service{opts: o, log: o.Log, meter: newMeter()}
	if o.Registerer != nil {
		if err := o.Registerer.Register(s.meter.things); err != nil {
			return nil, fmt.Errorf("open registry of identifiers: %w", err)
		}
	}
	return s, nil
}

// Run has things register themselves until ctx ends: in one process at a time.
func (s *Service) Run(ctx context.Context) error {
	if len(s.opts.Feeds) == 0 {
		<-ctx.Done()
		return nil
	}
	return s.opts.Share(ctx, "cir", 1, func(ctx context.Context, _ int) error {
		var g errgroup.Group
		for _, f := range s.opts.Feeds {
			g.Go(func() error { s.follow(ctx, f); return nil })
		}
		return g.Wait()
	})
}

// meter counts what registered itself.
type meter struct{ things *prometheus.CounterVec }

func newMeter() *meter {
	m := &meter{prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "wattwerk_cir_registered_total", Help: "Things of the installation that registered themselves: new, changed, inactive, refused.",
	}, []string{"result"})}
	m.count(book.Registered{})
	return m
}

func (m *meter) count(n book.Registered) {
	for result, n := range map[string]int{"new": n.New, "changed": n.Changed, "inactive": n.Inactive, "refused": n.Refused} {
		m.things.WithLabelValues(result).Add(float64(n))
	}
}
