package kafka

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/wattwerk/wattwerk/pipeline/connect"
	"github.com/wattwerk/wattwerk/pipeline/connect/format"
)

// within is how long brokers may take to store results.
const within = 30 * time.Second

type writer struct {
	end    connect.End
	client *kgo.Client
	format *format.Format
	up     bool // the last write went well
}

func newWriter(_ context.Context, e connect.End) (connect.Writer, error) {
	w := &writer{end: e}
	opts, err := options(&w.end)
	if err != nil {
		return nil, fmt.Errorf("open sink %s: %w", e.Name, err)
	}
	if w.format, err = format.New(&w.end); err != nil {
		return nil, fmt.Errorf("open sink %s: %w", e.Name, err)
	}
	// Idempotent, acknowledged by all replicas and divided by keys is the default.
	w.client, err = kgo.NewClient(append(opts, kgo.DefaultProduceTopic(e.Text("topic")), kgo.UnknownTopicRetries(2),
		// What is given up after that long may have been stored, and is written again.
		kgo.AllowIdempotentProduceCancellation(), kgo.RequiredAcks(kgo.AllISRAcks()), kgo.ProduceRequestTimeout(within/2))...)
	if err != nil {
		return nil, fmt.Errorf("open sink %s: %w", e.Name, err)
	}
	return w, nil
}

func (w *writer) Write(ctx context.Context, results []connect.Written) error {
	var refused connect.Refused
	records := make([]*kgo.Record, 0, len(results))
	of := make(map[*kgo.Record]*connect.Written, len(results))
	for i := range results {
		r := &results[i]
		body := w.format.Write(nil, results[i:i+1], &refused)
		if body == nil {
			continue
		}
		k := &kgo.Record{Value: body, Timestamp: r.Time.Time(), Headers: []kgo.RecordHeader{{Key: "id", Value: []byte(format.ID(r))}}}
		if r.Key != "" {
			k.Key = []byte(r.Key)
		}
		records, of[k] = append(records, k), r
	}
	var first error
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	if !w.up && len(records) > 0 {
		// Producing would only say that it took too long, not that nobody let us in.
		if err := w.client.Ping(ctx); err != nil {
			return fmt.Errorf("write to sink %s: the brokers are not reached: %w", w.end.Name, err)
		}
	}
	for _, p := range w.client.ProduceSync(ctx, records...) {
		switch {
		case p.Err == nil:
		case errors.Is(p.Err, kerr.MessageTooLarge), errors.Is(p.Err, kerr.RecordListTooLarge), errors.Is(p.Err, kerr.InvalidRecord), errors.Is(p.Err, kerr.InvalidTimestamp):
			refused.Add(*of[p.Record], p.Err.Error())
		case errors.Is(p.Err, kerr.UnknownTopicOrPartition):
			first = fmt.Errorf("there is no topic %s", w.end.Text("topic"))
		case first == nil:
			first = p.Err
		}
	}
	if w.up = first == nil; !w.up {
		return fmt.Errorf("write to sink %s: %w", w.end.Name, first)
	}
	return refused.Err()
}

func (w *writer) Close() error {
	w.client.Close()
	return nil
}
