package nats

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/wattwerk/wattwerk/pipeline/connect"
	"github.com/wattwerk/wattwerk/pipeline/connect/format"
)

// within is how long a server may take to store results.
const within = 30 * time.Second

type writer struct {
	*servers
	format *format.Format
	link   *link
	stream string // empty: there is none
}

func newWriter(_ context.Context, e connect.End) (connect.Writer, error) {
	s, err := open(&e, false)
	if err != nil {
		return nil, fmt.Errorf("open sink %s: %w", e.Name, err)
	}
	w := &writer{servers: s}
	if w.format, err = format.New(&s.end); err != nil {
		return nil, fmt.Errorf("open sink %s: %w", e.Name, err)
	}
	return w, nil
}

// connected connects where it is not.
func (w *writer) connected(ctx context.Context) error {
	if w.link != nil {
		select {
		case <-w.link.closed:
			w.link = nil
		default:
			return nil
		}
	}
	l, err := w.connect(ctx)
	if err != nil {
		return err
	}
	if w.stream, err = w.servers.stream(ctx, l.js, strings.ReplaceAll(w.subject, "{key}", "*")); err != nil {
		l.close()
		return err
	}
	w.link = l
	return nil
}

func (w *writer) Write(ctx context.Context, results []connect.Written) error {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	var refused connect.Refused
	err := w.connected(ctx)
	if err == nil {
		err = w.publish(ctx, results, &refused)
	}
	if err != nil {
		// What is under way must not come between what is written again.
		if w.link != nil {
			w.link.close()
			w.link = nil
		}
		return fmt.Errorf("write to sink %s: %w", w.end.Name, err)
	}
	return refused.Err()
}

func (w *writer) publish(ctx context.Context, results []connect.Written, refused *connect.Refused) error {
	var futures []jetstream.PubAckFuture
	for i := range results {
		r := &results[i]
		subject := w.subject
		if strings.Contains(subject, "{key}") {
			// A key with dots is several tokens.
			if r.Key == "" || strings.ContainsAny(r.Key, "*> \t\r\n") || strings.HasPrefix(r.Key, ".") || strings.HasSuffix(r.Key, ".") || strings.Contains(r.Key, "..") {
				refused.Add(*r, "its key cannot be part of a subject")
				continue
			}
			subject = strings.ReplaceAll(subject, "{key}", r.Key)
		}
		body := w.format.Write(nil, results[i:i+1], refused)
		if body == nil {
			continue
		}
		if int64(len(body))+1000 > w.link.conn.MaxPayload() {
			refused.Add(*r, "it is larger than the server takes")
			continue
		}
		m := &nats.Msg{Subject: subject, Data: body, Header: nats.Header{nats.MsgIdHdr: {format.ID(r)}, "Content-Type": {w.format.ContentType()}}}
		if w.stream == "" {
			if err := w.link.conn.PublishMsg(m); err != nil {
				return err
			}
			continue
		}
		f, err := w.link.js.PublishMsgAsync(m)
		if err != nil {
			return err
		}
		// The client holds so many at most.
		if futures = append(futures, f); len(futures) == connect.MaxBatch {
			if err := w.await(ctx, futures); err != nil {
				return err
			}
			futures = futures[:0]
		}
	}
	if w.stream == "" {
		return w.link.conn.FlushWithContext(ctx)
	}
	return w.await(ctx, futures)
}

// await waits until the stream has what was published.
func (w *writer) await(ctx context.Context, futures []jetstream.PubAckFuture) error {
	for _, f := range futures {
		select {
		case <-f.Ok():
		case err := <-f.Err():
			if errors.Is(err, jetstream.ErrNoStreamResponse) || errors.Is(err, nats.ErrNoResponders) {
				return errors.New("no stream has the subject any more")
			}
			return err
		case <-w.link.closed:
			return w.link.lost()
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

func (w *writer) Close() error {
	if w.link != nil {
		w.link.close()
	}
	return nil
}
