package mqtt

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/eclipse/paho.golang/autopaho"
	"github.com/eclipse/paho.golang/paho"

	"github.com/wattwerk/wattwerk/internal/run"
	"github.com/wattwerk/wattwerk/observation"
	"github.com/wattwerk/wattwerk/pipeline/connect"
	"github.com/wattwerk/wattwerk/pipeline/connect/format"
	"github.com/wattwerk/wattwerk/record"
)

type reader struct {
	*broker
	format *format.Format
	levels []string // of the topic
	level  int      // of the key, from 1; 0: those of wildcards
}

func newReader(e connect.End) (connect.Reader, error) {
	b, err := open(&e)
	if err != nil {
		return nil, fmt.Errorf("open source %s: %w", e.Name, err)
	}
	if err := checkTopic(b.topic, true); err != nil {
		return nil, fmt.Errorf("open source %s: %w", e.Name, err)
	}
	r := &reader{broker: b, level: e.Int("keyLevel")}
	if r.format, err = format.New(&b.end); err != nil {
		return nil, fmt.Errorf("open source %s: %w", e.Name, err)
	}
	b.named("")
	filter := b.topic
	if rest, ok := strings.CutPrefix(filter, "$share/"); ok {
		_, filter, _ = strings.Cut(rest, "/")
	}
	r.levels = strings.Split(filter, "/")
	return r, nil
}

// key takes the key from a topic.
func (r *reader) key(topic string) observation.Key {
	levels := strings.Split(topic, "/")
	if r.level > 0 {
		if r.level > len(levels) {
			return ""
		}
		return levels[r.level-1]
	}
	var key []string
	for i, l := range r.levels {
		if l == "#" && i <= len(levels) {
			key = append(key, levels[i:]...)
		} else if l == "+" && i < len(levels) {
			key = append(key, levels[i])
		}
	}
	return strings.Join(key, "/")
}

// delivery is a message, and the connection that it came by.
type delivery struct {
	packet *paho.Publish
	client *paho.Client
}

func (r *reader) Read(ctx context.Context, store connect.Store, status func(connect.Status)) error {
	// Callbacks come from several goroutines.
	said := make(chan connect.Status, 16)
	say := func(s connect.Status) {
		s.At = r.end.House.Time()
		select {
		case said <- s:
		case <-ctx.Done():
		}
	}
	work := make(chan delivery, connect.MaxBatch)
	var most uint16 = connect.MaxBatch
	retain := byte(2)
	if r.end.Bool("retained") {
		retain = 1
	}
	cfg := r.config(func(why string) { say(connect.Status{Error: why}) })
	cfg.SessionExpiryInterval = session
	cfg.ConnectPacketBuilder = func(c *paho.Connect, _ *url.URL) (*paho.Connect, error) {
		if c.Properties == nil {
			c.Properties = &paho.ConnectProperties{}
		}
		c.Properties.ReceiveMaximum = &most
		return c, nil
	}
	what := &paho.Subscribe{Subscriptions: []paho.SubscribeOptions{{Topic: r.topic, QoS: 1, RetainHandling: retain}}}
	lost := func() {} // ends what is for one connection only
	cfg.OnConnectionUp = func(c *autopaho.ConnectionManager, _ *paho.Connack) {
		var up context.Context
		up, lost = context.WithCancel(ctx)
		// It must not block the connection's own work.
		go r.subscribe(up, c, what, say)
	}
	down := cfg.OnConnectionDown
	cfg.OnConnectionDown = func() bool {
		lost()
		return down()
	}
	cfg.EnableManualAcknowledgment = true
	cfg.SendAcksInterval = 20 * time.Millisecond
	cfg.OnPublishReceived = []func(paho.PublishReceived) (bool, error){func(p paho.PublishReceived) (bool, error) {
		select {
		case work <- delivery{p.Packet, p.Client}:
		case <-ctx.Done():
		}
		return true, nil
	}}
	conn, err := autopaho.NewConnection(ctx, cfg)
	if err != nil {
		return fmt.Errorf("read source %s: %w", r.end.Name, err)
	}
	saidAll := make(chan struct{})
	go func() {
		defer close(saidAll)
		for {
			select {
			case s := <-said:
				status(s)
			case <-ctx.Done():
				return
			}
		}
	}()
	r.pump(ctx, store, work)
	<-conn.Done()
	lost()
	<-saidAll
	return nil
}

// subscribe tries until the broker has taken it, or the connection ctx is for is
// gone.
func (r *reader) subscribe(ctx context.Context, c *autopaho.ConnectionManager, what *paho.Subscribe, say func(connect.Status)) {
	wait := r.end.House.Retry
	if wait <= 0 {
		wait = time.Second
	}
	for ; ; wait = min(2*wait, time.Minute) {
		_, err := c.Subscribe(ctx, what)
		switch {
		case ctx.Err() != nil:
			return
		case err == nil:
			say(connect.Status{Connected: true})
			return
		}
		say(connect.Status{Error: fmt.Sprintf("the broker refuses the subscription: %v", err)})
		if !run.Pause(ctx, wait) {
			return
		}
	}
}

// pump stores what comes, in order and many at once, and acknowledges it then.
// While nothing can be stored it holds on to it, so that the broker waits.
func (r *reader) pump(ctx context.Context, store connect.Store, work <-chan delivery) {
	batch := make([]delivery, 0, connect.MaxBatch)
	messages := make([]connect.Message, connect.MaxBatch)
	for {
		batch = batch[:0]
		select {
		case <-ctx.Done():
			return
		case d := <-work:
			batch = append(batch, d)
		}
		size := len(batch[0].packet.Payload)
		for more := true; more && len(batch) < connect.MaxBatch && size < connect.MaxBody; {
			select {
			case d := <-work:
				batch = append(batch, d)
				size += len(d.packet.Payload)
			default:
				more = false
			}
		}
		at := record.MillisOf(r.end.House.Time())
		for i, d := range batch {
			m := &messages[i]
			*m = connect.Message{Pieces: m.Pieces[:0], Bad: m.Bad[:0]}
			if d.packet.QoS > 0 {
				m.ID, m.Fresh = r.id(d.packet), !d.packet.Duplicate()
			}
			r.format.Read(m, d.packet.Payload, r.key(d.packet.Topic), at)
		}
		if !r.end.Insist(ctx, store, messages[:len(batch)]...) {
			return
		}
		for _, d := range batch {
			// One that is not acknowledged comes again, and is stored once all the same.
			if err := d.ack(); err != nil {
				r.end.Log.Debug("message of a data source not acknowledged", "end", r.end.ID, "error", err)
			}
		}
	}
}

func (d delivery) ack() error {
	if d.packet.QoS == 0 {
		return nil
	}
	select {
	case <-d.client.Done():
		// On the next connection its number may stand for another message.
		return errors.New("the connection is gone")
	default:
		return d.client.Ack(d.packet)
	}
}

// id is the same when the broker delivers a message again.
func (r *reader) id(p *paho.Publish) string {
	h := sha256.New()
	b := binary.BigEndian.AppendUint16(nil, p.PacketID)
	b = binary.BigEndian.AppendUint32(b, uint32(len(p.Topic)))
	h.Write(append(b, p.Topic...))
	h.Write(p.Payload)
	return r.client + "/" + hex.EncodeToString(h.Sum(nil)[:16])
}
