package mqtt

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/wattwerk/wattwerk/bridge"
	"github.com/wattwerk/wattwerk/record"
)

// How nats-server keeps what MQTT clients publish (its server/mqtt.go): a
// message with QoS 1 or 2 is stored in this stream before it is acknowledged,
// under the prefix and the subject its topic stands for, and stays until every
// consumer that was there has acknowledged it. It is also published on the
// plain subject, as messages with QoS 0 only are; the header tells them apart.
const (
	msgsStream   = "$MQTT_msgs"
	msgsPrefix   = "$MQTT.msgs."
	qosHeader    = "Nmqtt-Pub"
	consumerName = "wattwerk-bridge"
)

// maxWaiting bounds what waits on the disk, in bytes: while the bus is full
// its readers stop, and MQTT clients must not fill the rest. A client whose
// message finds no room is disconnected without an acknowledgement.
const maxWaiting = 64 << 20

// Prepare makes the stream and the consumer that keep what is published, if
// they are missing, and then has MQTT clients let in. Run does it too.
func (s *Service) Prepare(ctx context.Context) error {
	_, err := s.prepare(ctx)
	return err
}

func (s *Service) prepare(ctx context.Context) (jetstream.Consumer, error) {
	c, err := s.consumer(ctx)
	if err != nil {
		return nil, fmt.Errorf("prepare the MQTT listener: %w", err)
	}
	s.opts.Bus.AdmitMQTT()
	return c, nil
}

func (s *Service) consumer(ctx context.Context) (jetstream.Consumer, error) {
	js, err := jetstream.New(s.opts.Bus.MQTT())
	if err != nil {
		return nil, err
	}
	// The server would make it when the first client comes, without a limit.
	if _, err := js.CreateOrUpdateStream(ctx, jetstream.StreamConfig{
		Name: msgsStream, Subjects: []string{msgsPrefix + ">"}, Storage: jetstream.FileStorage,
		Retention: jetstream.InterestPolicy, MaxBytes: maxWaiting, Discard: jetstream.DiscardNew,
	}); err != nil {
		return nil, err
	}
	return js.CreateOrUpdateConsumer(ctx, msgsStream, jetstream.ConsumerConfig{
		Durable: consumerName, Description: "Readings published by MQTT, until their records are stored.",
		AckPolicy: jetstream.AckExplicitPolicy, AckWait: ackWait, MaxAckPending: 4 * batchSize,
		FilterSubject: msgsPrefix + ">",
	})
}

// listen takes what is published at our listener.
func (s *Service) listen(ctx context.Context) error {
	c, err := s.prepare(ctx)
	if err != nil {
		return err
	}
	work := make(chan delivery, batchSize)
	offer := func(d delivery) {
		if ctx.Err() == nil {
			select {
			case work <- d:
				return
			case <-ctx.Done():
			}
		}
		d.giveBack()
	}
	stored, err := c.Consume(func(m jetstream.Msg) {
		d := delivery{done: m.Ack, back: m.Nak}
		d.Message = bridge.Message{Topic: topicOf(strings.TrimPrefix(m.Subject(), msgsPrefix)), Body: m.Data()}
		// The time it was stored is the same when it comes again.
		if meta, err := m.Metadata(); err == nil {
			d.At = record.MillisOf(meta.Timestamp)
		}
		offer(d)
	}, jetstream.PullMaxMessages(batchSize), jetstream.ConsumeErrHandler(func(_ jetstream.ConsumeContext, err error) {
		s.log.Warn("reading MQTT messages has to wait", "error", err)
	}))
	if err != nil {
		return fmt.Errorf("read MQTT messages: %w", err)
	}
	defer func() {
		// What was handed out to us nobody else gets before ackWait is over.
		stored.Drain()
		select {
		case <-stored.Closed():
		case <-time.After(lastWords):
		}
		for {
			select {
			case d := <-work:
				d.giveBack()
			default:
				return
			}
		}
	}()
	for i, t := range s.topics {
		sub, err := s.opts.Bus.MQTT().Subscribe(subjectOf(t.Topic.Topic), func(m *nats.Msg) {
			topic := topicOf(m.Subject)
			// Only what MQTT clients sent with QoS 0, and once where patterns overlap.
			if m.Header.Get(qosHeader) == "0" && s.topics.find(topic) == i {
				offer(delivery{Message: bridge.Message{Topic: topic, Body: m.Data, At: record.MillisOf(s.now())}})
			}
		})
		if err != nil {
			return fmt.Errorf("subscribe to MQTT topic %s: %w", t.Topic.Topic, err)
		}
		defer func() { _ = sub.Unsubscribe() }()
	}
	return s.pump(ctx, s.topics.bridge("mqtt"), work)
}

// subjectOf and topicOf convert as nats-server does: levels are separated by
// "." instead of "/", an empty level is "/", a "." in a level is "//".
func subjectOf(filter string) string {
	levels := strings.Split(filter, "/")
	for i, l := range levels {
		switch l {
		case "":
			levels[i] = "/"
		case "+":
			levels[i] = "*"
		case "#":
			levels[i] = ">"
		default:
			levels[i] = strings.ReplaceAll(l, ".", "//")
		}
	}
	return strings.Join(levels, ".")
}

func topicOf(subject string) string {
	levels := strings.Split(subject, ".")
	for i, l := range levels {
		if l == "/" {
			levels[i] = ""
		} else {
			levels[i] = strings.ReplaceAll(l, "//", ".")
		}
	}
	return strings.Join(levels, "/")
}
