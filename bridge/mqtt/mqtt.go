package mqtt

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"log/slog"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"github.com/eclipse/paho.golang/autopaho"
	"github.com/eclipse/paho.golang/packets"
	"github.com/eclipse/paho.golang/paho"
	"github.com/eclipse/paho.golang/paho/session"
	sessionstate "github.com/eclipse/paho.golang/paho/session/state"
	"golang.org/x/sync/errgroup"

	"github.com/wattwerk/wattwerk/bridge"
	"github.com/wattwerk/wattwerk/bus"
	"github.com/wattwerk/wattwerk/record"
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
			if ctx.Err() != nil || !pause(ctx, s.opts.Retry) {
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
	stop := context.AfterFunc(ctx, func() {
		t := time.NewTimer(d)
		defer t.Stop()
		select {
		case <-t.C:
			end()
		case <-longer.Done():
		}
	})
	return longer, func() { stop(); end() }
}

func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}

// follow takes what is published at a broker of others.
func (s *Service) follow(ctx context.Context, b *broker) error {
	work := make(chan delivery, batchSize)
	log := s.log.With("broker", b.Name)
	subscribe := &paho.Subscribe{}
	for _, t := range b.topics {
		subscribe.Subscriptions = append(subscribe.Subscriptions, paho.SubscribeOptions{
			// A retained message is of a time nobody knows: do not send it.
			Topic: t.Topic.Topic, QoS: 1, RetainHandling: 2,
		})
	}
	var most uint16 = batchSize
	backoff := autopaho.NewExponentialBackoff(s.opts.Retry, time.Minute, 2*s.opts.Retry, 1.5)
	var taken atomic.Bool
	var seen arrivals
	told := acks{SessionManager: sessionstate.NewInMemory()}
	lost := func() {} // ends what is for one connection only
	cfg := autopaho.ClientConfig{
		ServerUrls:            []*url.URL{b.url},
		KeepAlive:             30,
		SessionExpiryInterval: keepFor,
		ReconnectBackoff: func(attempt int) time.Duration {
			if taken.Swap(false) {
				return stepBack
			}
			return backoff(attempt)
		},
		ConnectUsername: b.User,
		ConnectPassword: b.password,
		ConnectPacketBuilder: func(c *paho.Connect, _ *url.URL) (*paho.Connect, error) {
			if c.Properties == nil {
				c.Properties = &paho.ConnectProperties{}
			}
			c.Properties.ReceiveMaximum = &most
			return c, nil
		},
		OnConnectionUp: func(c *autopaho.ConnectionManager, _ *paho.Connack) {
			log.Info("MQTT broker reached")
			var up context.Context
			up, lost = context.WithCancel(ctx)
			// It must not block the connection's own work.
			go s.subscribe(up, c, subscribe, log)
		},
		OnConnectionDown: func() bool { lost(); return true },
		OnConnectError:   func(err error) { log.Warn("MQTT broker not reached, trying again", "error", err) },
		ClientConfig: paho.ClientConfig{
			ClientID: b.ClientID,
			Session:  &told,
			OnServerDisconnect: func(d *paho.Disconnect) {
				if d.ReasonCode == packets.DisconnectSessionTakenOver {
					// We may not know yet that the others take us for dead. To take it
					// back at once would only go to and fro.
					taken.Store(true)
					log.Warn("another process took over the session at the MQTT broker")
				}
			},
			EnableManualAcknowledgment: true,
			SendAcksInterval:           ackEvery,
			OnPublishReceived: []func(paho.PublishReceived) (bool, error){func(p paho.PublishReceived) (bool, error) {
				d := delivery{done: func() error {
					select {
					case <-p.Client.Done():
						// On the next connection its number may stand for another message.
						return errors.New("the connection is gone")
					default:
						return told.ask(p)
					}
				}}
				d.Message = bridge.Message{Topic: p.Packet.Topic, Body: p.Packet.Payload, At: seen.at(p.Packet, record.MillisOf(s.now()))}
				select {
				case work <- d:
				case <-ctx.Done():
				}
				return true, nil
			}},
		},
	}
	connected, disconnect := outlast(ctx, 2*lastWords)
	defer disconnect()
	conn, err := autopaho.NewConnection(connected, cfg)
	if err != nil {
		return fmt.Errorf("follow MQTT broker %s: %w", b.Name, err)
	}
	err = s.pump(ctx, b.topics.bridge("mqtt-"+b.Name), work)
	// The client sends acknowledgements now and then, and none when it ends.
	for told.waiting() {
		if !pause(connected, ackEvery/5) {
			break
		}
	}
	if told.any() {
		// A broker answers in order: it has read them then. A connection that is
		// taken over it may close with what it has not read.
		_, _ = conn.Unsubscribe(connected, &paho.Unsubscribe{Topics: []string{"wattwerk/stops"}})
	}
	disconnect()
	<-conn.Done()
	lost()
	return err
}

// subscribe tries until the broker has taken it, or the connection ctx is for is
// gone.
func (s *Service) subscribe(ctx context.Context, c *autopaho.ConnectionManager, what *paho.Subscribe, log *slog.Logger) {
	for wait := s.opts.Retry; ; wait = min(2*wait, time.Minute) {
		_, err := c.Subscribe(ctx, what)
		if err == nil || ctx.Err() != nil {
			return
		}
		log.Warn("subscribing at the MQTT broker went wrong, trying again", "error", err)
		if !pause(ctx, wait) {
			return
		}
	}
}

// acks is the client's part of a session, which sends acknowledgements some time
// after they were asked for: it knows whether all were sent.
type acks struct {
	session.SessionManager

	mu     sync.Mutex
	client *paho.Client // whose acknowledgements are counted
	open   int          // asked for and not sent
}

// ask asks for the acknowledgement of a message.
func (a *acks) ask(p paho.PublishReceived) error {
	if p.Packet.QoS == 0 {
		return nil
	}
	a.mu.Lock()
	if a.client != p.Client {
		a.client, a.open = p.Client, 0
	}
	a.open++
	a.mu.Unlock()
	// The client holds a lock of its own here, and in Ack.
	err := p.Client.Ack(p.Packet)
	if err != nil {
		a.sent()
	}
	return err
}

func (a *acks) sent() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.open = max(a.open-1, 0)
}

// Ack implements session.SessionManager.
func (a *acks) Ack(p *packets.Publish) error {
	defer a.sent()
	return a.SessionManager.Ack(p)
}

// any tells whether any were asked for.
func (a *acks) any() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.client != nil
}

// waiting tells whether an acknowledgement may still be sent.
func (a *acks) waiting() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.open == 0 {
		return false
	}
	select {
	case <-a.client.Done():
		return false
	default:
		return true
	}
}

// arrivals are the times at which messages of a session came first. The broker
// sends those again, under their packet identifier, that were not acknowledged
// before a connection was cut (MQTT 5.0, section 4.4).
type arrivals struct {
	mu sync.Mutex
	of map[uint16]arrival
}

type arrival struct {
	sum uint64
	at  record.Millis
}

func (a *arrivals) at(p *paho.Publish, now record.Millis) record.Millis {
	if p.QoS == 0 {
		return now
	}
	h := fnv.New64a()
	_, _ = fmt.Fprintf(h, "%d %s", len(p.Topic), p.Topic)
	_, _ = h.Write(p.Payload)
	sum := h.Sum64()
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.of == nil {
		a.of = map[uint16]arrival{}
	}
	if first, ok := a.of[p.PacketID]; ok && p.Duplicate() && first.sum == sum {
		return first.at
	}
	a.of[p.PacketID] = arrival{sum, now}
	return now
}
