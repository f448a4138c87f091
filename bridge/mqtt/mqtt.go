package mqtt

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"log/slog"
	"net/url"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/wattwerk/wattwerk/bridge"
	"github.com/wattwerk/wattwerk/bus"
	"github.com/wattwerk/wattwerk/internal/run"
)

const (
	batchSize = 1000             // messages stored at once
	ackWait   = 60 * time.Second // after which the bus hands a message out again
	lastWords = time.Second      // within which what is under way ends when we stop
	keepFor   = 7 * 24 * 3600    // seconds a broker is asked to keep what comes while we are away
	stepBack  = 20 * time.Second // when another process took over the session at a broker

	ackEvery = 50 * time.Millisecond // acknowledgements to a broker are sent together
)

// Options of a [Service].
type Options struct {
	Bridge *bridge.Service
	Bus    *bus.Bus // for the listener
	Listen bool     // take what is published at the listener of the bus
	Config Config
	// Exclusive works while no other process does work of that name, until ctx
	// ends: a broker has one session for all bridges of an installation, so
	// that what comes while one of them dies waits for the next. Names consist
	// of lower-case letters, digits and hyphens. Nil: there are no others.
	Exclusive func(ctx context.Context, name string, work func(context.Context) error) error
	Retry     time.Duration // pause before trying again what the bus or a broker refused; default 1 s
	Now       func() time.Time
	Log       *slog.Logger
}

// Service takes readings by MQTT.
type Service struct {
	opts    Options
	topics  topics
	brokers []broker
	now     func() time.Time
	log     *slog.Logger
}

type broker struct {
	Broker
	url      *url.URL
	password []byte
	topics   topics
}

// session names the session at the broker. Processes with other settings for
// a broker of that name have another.
func (b *broker) session() string {
	h := fnv.New64a()
	_, _ = fmt.Fprintf(h, "%s %s", b.URL, b.ClientID)
	return fmt.Sprintf("mqtt-%s-%x", b.Name, h.Sum64())
}

// New checks the options and reads the password files. Nothing runs yet.
func New(o Options) (*Service, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Retry == 0 {
		o.Retry = time.Second
	}
	if o.Bridge == nil || o.Listen && o.Bus == nil {
		return nil, errors.New("make MQTT: no bridge or no bus")
	}
	if o.Listen && o.Bus.MQTT() == nil {
		return nil, errors.New("make MQTT: the bus has no listener")
	}
	if err := o.Config.Validate(); err != nil {
		return nil, fmt.Errorf("make MQTT: %w", err)
	}
	s := &Service{opts: o, now: o.Now, log: o.Log}
	var err error
	if s.topics, err = compile(o.Config.Topics); err != nil {
		return nil, fmt.Errorf("make MQTT: %w", err)
	}
	for _, c := range o.Config.Brokers {
		b := broker{Broker: c}
		if b.ClientID == "" {
			b.ClientID = "wattwerk-" + b.Name
		}
		if b.url, err = url.Parse(b.URL); err != nil {
			return nil, fmt.Errorf("make MQTT: %w", err)
		}
		if b.password, err = b.Broker.password(); err != nil {
			return nil, err
		}
		list := c.Topics
		if len(list) == 0 {
			list = o.Config.Topics
		}
		if b.topics, err = compile(list); err != nil {
			return nil, fmt.Errorf("make MQTT: %w", err)
		}
		s.brokers = append(s.brokers, b)
	}
	return s, nil
}

// Run takes messages until ctx ends, or something fails that trying again does
// not mend. A broker that cannot be reached is tried again.
func (s *Service) Run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	if s.opts.Listen {
		g.Go(func() error { return s.listen(ctx) })
	}
	for i := range s.brokers {
		b := &s.brokers[i]
		follow := func(ctx context.Context) error { return s.follow(ctx, b) }
		g.Go(func() error {
			if s.opts.Exclusive == nil {
				return follow(ctx)
			}
			return s.opts.Exclusive(ctx, b.session(), follow)
		})
	}
	g.Go(func() error { <-ctx.Done(); return nil })
	err := g.Wait()
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// delivery is a message and how to tell its sender what became of it.
type delivery struct {
	bridge.Message
	done func() error // it is stored; nil: nobody waits
	back func() error // it is not, and whoever is next should have it at once; nil: nobody can
}

func (d *delivery) giveBack() {
	if d.back != nil {
		_ = d.back() // else it comes again when the bus has waited long enough
	}
}

// pump takes deliveries in batches, in order, and tells when they are stored.
// While the bus takes nothing it holds on to them, so that senders wait. When
// ctx ends it finishes what it is storing, and gives back what it holds.
func (s *Service) pump(ctx context.Context, b bridge.Bridge, work <-chan delivery) error {
	batch := make([]delivery, 0, batchSize)
	messages := make([]*bridge.Message, 0, batchSize)
	// What is stored but not acknowledged comes again.
	storing, end := outlast(ctx, lastWords)
	defer end()
	for {
		batch, messages = batch[:0], messages[:0]
		select {
		case <-ctx.Done():
			return nil
		case d := <-work:
			batch = append(batch, d)
		}
		for more := true; more && len(batch) < batchSize; {
			select {
			case d := <-work:
				batch = append(batch, d)
			default:
				more = false
			}
		}
		for i := range batch {
			messages = append(messages, &batch[i].Message)
		}
		for {
			_, err := s.opts.Bridge.Take(storing, b, messages...)
			if err == nil {
				break
			}
			if ctx.Err() == nil {
				s.log.Warn("MQTT messages have to wait", "bridge", b.Name, "messages", len(messages), "error", err)
			}
			if ctx.Err() != nil || !run.Pause(ctx, s.opts.Retry) {
				for i := range batch {
					batch[i].giveBack()
				}
				return nil
			}
		}
		for i := range batch {
			if batch[i].done == nil {
				continue
			}
			// It then comes again, with the time it has now.
			if err := batch[i].done(); err != nil {
				s.log.Debug("MQTT message not acknowledged", "bridge", b.Name, "error", err)
			}
		}
	}
}

// outlast gives a context that ends when it has been released, or when ctx has
// been over for d.
func outlast(ctx context.Context, d time.Duration) (longer context.Context, release func()) {
	longer, end := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() { time.AfterFunc(d, end) })
	return longer, func() { stop(); end() }
}
