package service

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"github.com/wattwerk/wattwerk/bus"
	"github.com/wattwerk/wattwerk/catalog"
	"github.com/wattwerk/wattwerk/internal/run"
	"github.com/wattwerk/wattwerk/object"
	"github.com/wattwerk/wattwerk/object/graph"
	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/service/bills"
	"github.com/wattwerk/wattwerk/service/book"
	"github.com/wattwerk/wattwerk/service/execution"
	"github.com/wattwerk/wattwerk/service/feed"
	"github.com/wattwerk/wattwerk/service/foresight"
	"github.com/wattwerk/wattwerk/service/keep"
	"github.com/wattwerk/wattwerk/service/stand"
	"github.com/wattwerk/wattwerk/service/vigil"
	"github.com/wattwerk/wattwerk/service/watch"
)

// Options say what to work with.
type Options struct {
	Bus     *bus.Bus
	Catalog *catalog.Catalog
	Store   *book.Store
	History stand.History                                           // nil: there is none, and nothing stands in for anything
	Keep    time.Duration                                           // how long events and what stood in for what are kept; default DefaultKeep
	Share   run.Share                                               // nil: this process is alone
	Feed    *feed.Feed                                              // what services are carried out with; nil: they are not
	Members func() []execution.Member                               // processes that run this module; nil: this one alone
	Tell    func(ctx context.Context, lasting []book.Anomaly) error // told of anomalies that last; may be nil
	Actor   func(context.Context) string
	Log     *slog.Logger

	Revisions  keep.Revisions        // of what Feed reads; nil: no result is kept
	Elsewhere  execution.Elsewhere   // asks other processes; nil: all is carried out here
	Registerer prometheus.Registerer // may be nil
}

// DefaultKeep is how long it is kept what became of objects.
const DefaultKeep = 400 * 24 * time.Hour

// How often it is looked.
const (
	stepEvery = time.Second
	noteEvery = time.Second
	saveEvery = 5 * time.Minute
	trimEvery = time.Hour
	againIn   = 2 * time.Second
)

// Service follows the objects; see [Service.Register] for what it answers.
type Service struct {
	opts  Options
	log   *slog.Logger
	meter *meter
	poke  chan struct{} // something was changed here

	watch  *watch.Watch // of sensors
	groups *watch.Watch // of groups, by their names
	moment atomic.Pointer[watch.Moment]
	papers atomic.Pointer[papers]
	graph  atomic.Pointer[graph.Graph] // of the newest world that was asked about
	asking chan struct{}               // held by who asks in SPARQL
	view   *stand.View                 // nil: there is no history
	ready  chan struct{}               // closed when what was stored at the start has been read
	exec   *execution.Execution
	bills  *bills.Bills
	ahead  *foresight.Keeper // what is going to be
	vigil  *vigil.Watcher    // what cannot be right

	fitting  chan struct{} // held by who fits, and looks at rankings
	rankings map[object.ID]ranking

	mu        sync.Mutex
	positions map[int]uint64 // read so far, by partition
	standIns  map[int]*watch.StandIn
	doubts    map[int]watch.Doubt
}

// New checks the options.
func New(o Options) (*Service, error) {
	if o.Bus == nil || o.Catalog == nil || o.Store == nil {
		return nil, errors.New("open objects: bus, catalog and store are needed")
	}
	if o.Keep == 0 {
		o.Keep = DefaultKeep
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
	s := &Service{
		opts: o, log: o.Log, meter: newMeter(), poke: make(chan struct{}, 1), fitting: make(chan struct{}, 1), asking: make(chan struct{}, mostAsking), watch: watch.New(), groups: watch.New(),
		ready: make(chan struct{}), positions: make(map[int]uint64),
	}
	if o.History != nil {
		s.view = stand.NewView(o.History, s.live)
		if o.Feed != nil && o.Feed.StandIns == nil {
			o.Feed.StandIns = stoodIn{s}
		}
	}
	if o.Registerer != nil {
		if err := o.Registerer.Register(s.meter); err != nil {
			return nil, fmt.Errorf("open objects: %w", err)
		}
	}
	return s, s.open()
}

// Run works until ctx ends. It fails only when something is broken for good.
func (s *Service) Run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	began := make(chan struct{})
	g.Go(func() error { return s.follow(ctx, began) })
	g.Go(func() error { return s.exec.Run(ctx) })
	g.Go(func() error { return s.ahead.Run(ctx) })
	g.Go(func() error {
		select {
		case <-ctx.Done():
			return nil
		case <-began:
		}
		return s.opts.Share(ctx, "service", 1, func(ctx context.Context, _ int) error {
			select {
			case <-ctx.Done():
				return nil
			case <-s.ready:
			}
			return s.alone(ctx)
		})
	})
	return g.Wait()
}

// repeat does something again and again until ctx ends, and says that it fails.
func (s *Service) repeat(ctx context.Context, message string, f func(context.Context) error) {
	run.Again(ctx, againIn, f, func(err error) {
		s.log.Warn(message, "because", err) //nolint:sloglint // the messages of the callers are constant
	})
}

// changed has everybody here look again.
func (s *Service) changed() {
	select {
	case s.poke <- struct{}{}:
	default:
	}
}

// now is the newest moment, or the error of an HTTP answer while there is none.
func (s *Service) now() (*watch.Moment, *papers, error) {
	m, p := s.moment.Load(), s.papers.Load()
	if m == nil || p == nil {
		return nil, nil, refuse(errNotReady)
	}
	return m, p, nil
}

// clock is the time of this machine.
func clock() record.Millis { return record.MillisOf(time.Now()) }
