package nats

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/wattwerk/wattwerk/observation"
	"github.com/wattwerk/wattwerk/pipeline/connect"
	"github.com/wattwerk/wattwerk/pipeline/connect/format"
	"github.com/wattwerk/wattwerk/record"
)

type reader struct {
	*servers
	format   *format.Format
	tokens   []string
	consumer string
}

func newReader(e connect.End) (connect.Reader, error) {
	s, err := open(&e, true)
	if err != nil {
		return nil, fmt.Errorf("open source %s: %w", e.Name, err)
	}
	r := &reader{servers: s, tokens: strings.Split(s.subject, "."), consumer: e.Text("consumer")}
	if r.consumer == "" {
		r.consumer = "wattwerk-" + e.ID
	}
	if r.format, err = format.New(&s.end); err != nil {
		return nil, fmt.Errorf("open source %s: %w", e.Name, err)
	}
	return r, nil
}

// key is what stands for wildcards in a subject.
func (r *reader) key(subject string) observation.Key {
	is := strings.Split(subject, ".")
	var key []string
	for i, t := range r.tokens {
		if i >= len(is) {
			break
		}
		if t == ">" {
			key = append(key, is[i:]...)
		} else if t == "*" {
			key = append(key, is[i])
		}
	}
	return strings.Join(key, ".")
}

func (r *reader) Read(ctx context.Context, store connect.Store, status func(connect.Status)) error {
	return r.end.Keep(ctx, status, func(ctx context.Context, up func()) error {
		l, err := r.connect(ctx)
		if err != nil {
			return err
		}
		defer l.close()
		name, err := r.stream(ctx, l.js, r.subject)
		if err != nil {
			return err
		}
		if name == "" {
			err = r.subscribe(ctx, l, store, status, up)
		} else {
			err = r.consume(ctx, l, name, store, up)
		}
		// What was under way may notice first.
		if err != nil && (l.conn.IsClosed() || errors.Is(err, nats.ErrConnectionClosed) || errors.Is(err, jetstream.ErrMsgIteratorClosed)) {
			return l.lost()
		}
		return err
	})
}

// consume reads from a stream.
func (r *reader) consume(ctx context.Context, l *link, stream string, store connect.Store, up func()) error {
	open, cancel := context.WithTimeout(ctx, answer)
	defer cancel()
	c, err := r.durable(open, l.js, stream)
	if err != nil {
		return fmt.Errorf("open the consumer of stream %s: %w", stream, err)
	}
	it, err := c.Messages(jetstream.PullMaxMessages(connect.MaxBatch), jetstream.PullExpiry(10*time.Second))
	if err != nil {
		return err
	}
	defer it.Stop()
	up()
	// Next waits without a context.
	work := make(chan jetstream.Msg, connect.MaxBatch)
	broke := make(chan error, 1)
	reading, stop := context.WithCancel(ctx)
	go func() {
		for {
			m, err := it.Next()
			if err != nil {
				broke <- err
				close(work)
				return
			}
			select {
			case work <- m:
			case <-reading.Done():
				giveBack(m)
			}
		}
	}()
	messages := make([]connect.Message, connect.MaxBatch)
	batch := make([]jetstream.Msg, 0, connect.MaxBatch)
	defer func() {
		// Whoever is next should have at once what was handed out to us.
		giveBack(batch...)
		stop()
		it.Drain()
		late := time.After(lastWords)
		for {
			select {
			case m, ok := <-work:
				if !ok {
					return
				}
				giveBack(m)
			case <-late:
				return
			}
		}
	}()
	for {
		batch = batch[:0]
		select {
		case <-ctx.Done():
			return nil
		case <-l.closed:
			return l.lost()
		case err := <-broke:
			return err
		case m, ok := <-work:
			if !ok {
				return <-broke
			}
			batch = append(batch, m)
		}
		size := 0
		for more := true; more && len(batch) < connect.MaxBatch && size < connect.MaxBody; {
			select {
			case m, ok := <-work:
				if more = ok; ok {
					batch = append(batch, m)
					size += len(m.Data())
				}
			default:
				more = false
			}
		}
		for i, j := range batch {
			m := &messages[i]
			*m = connect.Message{Pieces: m.Pieces[:0], Bad: m.Bad[:0]}
			meta, err := j.Metadata()
			if err != nil {
				return err
			}
			m.ID = meta.Stream + "/" + strconv.FormatInt(meta.Timestamp.UnixNano(), 36) + "/" + strconv.FormatUint(meta.Sequence.Stream, 10)
			r.read(m, j.Subject(), j.Data(), record.MillisOf(meta.Timestamp))
		}
		if !r.end.Insist(ctx, store, messages[:len(batch)]...) {
			return nil
		}
		for _, j := range batch {
			// One that is not acknowledged comes again, and is stored once all the same.
			if err := j.Ack(); err != nil {
				return err
			}
		}
	}
}

// giveBack has the server hand messages out again without waiting. Those that
// are acknowledged stay so.
func giveBack(messages ...jetstream.Msg) {
	for _, m := range messages {
		_ = m.Nak() // else the server does it when it has waited long enough
	}
}

// durable finds or makes the consumer.
func (r *reader) durable(ctx context.Context, js jetstream.JetStream, stream string) (jetstream.Consumer, error) {
	policy := jetstream.DeliverAllPolicy
	if r.end.Text("from") == "latest" {
		policy = jetstream.DeliverNewPolicy
	}
	c, err := js.Consumer(ctx, stream, r.consumer)
	if errors.Is(err, jetstream.ErrConsumerNotFound) {
		return js.CreateConsumer(ctx, stream, jetstream.ConsumerConfig{
			Durable: r.consumer, FilterSubject: r.subject, AckPolicy: jetstream.AckExplicitPolicy, AckWait: time.Minute,
			MaxAckPending: 2 * connect.MaxBatch, DeliverPolicy: policy, Description: "a data source of wattwerk",
		})
	}
	if err != nil {
		return nil, err
	}
	// The subject of the source was changed: how far it is stays.
	if cfg := c.CachedInfo().Config; cfg.FilterSubject != r.subject {
		cfg.FilterSubject = r.subject
		return js.UpdateConsumer(ctx, stream, cfg)
	}
	return c, nil
}

// read reads a message that arrived at a time which stands for missing ones.
func (r *reader) read(m *connect.Message, subject string, data []byte, at record.Millis) {
	r.format.Read(m, data, r.key(subject), at)
	for i := range m.Pieces {
		if m.Pieces[i].Time == 0 {
			m.Pieces[i].Time = at
		}
	}
}

// subscribe listens without a stream.
func (r *reader) subscribe(ctx context.Context, l *link, store connect.Store, status func(connect.Status), up func()) error {
	work := make(chan *nats.Msg, connect.MaxBatch)
	sub, err := l.conn.ChanSubscribe(r.subject, work)
	if err != nil {
		return err
	}
	if err := l.conn.FlushTimeout(answer); err != nil {
		return err
	}
	up()
	messages := make([]connect.Message, connect.MaxBatch)
	batch := make([]*nats.Msg, 0, connect.MaxBatch)
	for {
		batch = batch[:0]
		select {
		case <-ctx.Done():
			return nil
		case <-l.closed:
			return l.lost()
		case err := <-l.why:
			if !errors.Is(err, nats.ErrSlowConsumer) {
				return err
			}
			n, _ := sub.Dropped()
			r.end.Log.Warn("messages of a data source were lost: they come faster than they are stored", "end", r.end.ID, "messages", n)
			status(connect.Status{Connected: true, Error: fmt.Sprintf("%d messages were lost: they come faster than they are stored, and no stream keeps them", n), At: r.end.House.Time()})
			continue
		case m := <-work:
			batch = append(batch, m)
		}
		for more := true; more && len(batch) < connect.MaxBatch; {
			select {
			case m := <-work:
				batch = append(batch, m)
			default:
				more = false
			}
		}
		at := record.MillisOf(r.end.House.Time())
		for i, j := range batch {
			m := &messages[i]
			*m = connect.Message{Pieces: m.Pieces[:0], Bad: m.Bad[:0]}
			r.read(m, j.Subject, j.Data, at)
		}
		if !r.end.Insist(ctx, store, messages[:len(batch)]...) {
			return nil
		}
	}
}
