package mqtt

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"strings"
	"sync"
	"time"

	"github.com/eclipse/paho.golang/autopaho"
	"github.com/eclipse/paho.golang/paho"
	"golang.org/x/sync/errgroup"

	"github.com/wattwerk/wattwerk/pipeline/connect"
	"github.com/wattwerk/wattwerk/pipeline/connect/format"
)

const (
	lanes  = 32               // of results that are published at the same time
	within = 30 * time.Second // for the broker to be reached and to acknowledge
)

type writer struct {
	*broker
	format *format.Format
	conn   *autopaho.ConnectionManager
	cancel context.CancelFunc
	seed   maphash.Seed
	mu     sync.Mutex
	why    string // it is not connected
}

func newWriter(ctx context.Context, e connect.End) (connect.Writer, error) {
	b, err := open(&e)
	if err != nil {
		return nil, fmt.Errorf("open sink %s: %w", e.Name, err)
	}
	if err := checkTopic(b.topic, false); err != nil {
		return nil, fmt.Errorf("open sink %s: %w", e.Name, err)
	}
	w := &writer{broker: b, seed: maphash.MakeSeed()}
	if w.format, err = format.New(&b.end); err != nil {
		return nil, fmt.Errorf("open sink %s: %w", e.Name, err)
	}
	b.named("sink")
	cfg := w.config(func(why string) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.why = why
	})
	cfg.CleanStartOnInitialConnection = true
	// ctx is of opening; the connection is there until Close.
	life, cancel := context.WithCancel(context.WithoutCancel(ctx))
	if w.conn, err = autopaho.NewConnection(life, cfg); err != nil {
		cancel()
		return nil, fmt.Errorf("open sink %s: %w", e.Name, err)
	}
	w.cancel = cancel
	return w, nil
}

func (w *writer) Write(ctx context.Context, results []connect.Written) error {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	if err := w.conn.AwaitConnection(ctx); err != nil {
		w.mu.Lock()
		defer w.mu.Unlock()
		if w.why != "" {
			err = errors.New(w.why)
		}
		return fmt.Errorf("write to sink %s: %w", w.end.Name, err)
	}
	var refused connect.Refused
	type message struct {
		topic string
		body  []byte
	}
	var lane [lanes][]message
	for i := range results {
		r := &results[i]
		topic := w.topic
		if strings.Contains(topic, "{key}") {
			if strings.ContainsAny(r.Key, "+#\x00") {
				refused.Add(*r, "its key has +, # or a zero in it, and cannot be part of a topic")
				continue
			}
			topic = strings.ReplaceAll(topic, "{key}", r.Key)
		}
		body := w.format.Write(nil, results[i:i+1], &refused)
		if body == nil {
			continue
		}
		n := maphash.String(w.seed, r.Key) % lanes
		lane[n] = append(lane[n], message{topic, body})
	}
	g, ctx := errgroup.WithContext(ctx)
	retain := w.end.Bool("retained")
	for _, l := range lane {
		if len(l) == 0 {
			continue
		}
		g.Go(func() error {
			for _, m := range l {
				a, err := w.conn.Publish(ctx, &paho.Publish{QoS: 1, Topic: m.topic, Payload: m.body, Retain: retain,
					Properties: &paho.PublishProperties{ContentType: w.format.ContentType()}})
				if err != nil {
					if a != nil && a.Properties != nil && a.Properties.ReasonString != "" {
						err = fmt.Errorf("%w: %s", err, a.Properties.ReasonString)
					}
					return fmt.Errorf("write to sink %s: %w", w.end.Name, err)
				}
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	return refused.Err()
}

func (w *writer) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	err := w.conn.Disconnect(ctx)
	w.cancel()
	<-w.conn.Done()
	if errors.Is(err, autopaho.ConnectionDownError) {
		return nil
	}
	return err
}
