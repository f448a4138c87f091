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

	"github.com/wattwerk/wattwerk/bridge"
	"github.com/wattwerk/wattwerk/internal/run"
	"github.com/wattwerk/wattwerk/record"
)

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
		if !run.Pause(connected, ackEvery/5) {
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
		if !run.Pause(ctx, wait) {
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
