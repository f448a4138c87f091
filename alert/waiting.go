package alert

import (
	"context"
	"fmt"
	"time"

	"github.com/wattwerk/wattwerk/record"
)

// Waiting are the messages that a sink has not taken yet.
type Waiting struct {
	Sink    string
	Waiting int
	Oldest  time.Time // when it was written
	Error   string    // why it was not delivered; empty: it was not tried yet
}

// Waiting tells what waits for each sink.
func (s *Service) Waiting(ctx context.Context) ([]Waiting, error) {
	out, err := s.opts.Store.waiting(ctx)
	if err != nil {
		return nil, fmt.Errorf("read messages about alerts: %w", err)
	}
	return out, nil
}

func (s *Store) waiting(ctx context.Context) ([]Waiting, error) {
	var sinks []struct {
		Sink string
		N    int
	}
	err := s.db.NewSelect().Model((*queueRow)(nil)).Column("sink").ColumnExpr("COUNT(*) AS n").Group("sink").Order("sink").Scan(ctx, &sinks)
	if err != nil {
		return nil, err
	}
	var out []Waiting
	for _, x := range sinks {
		var oldest []queueRow
		if err := s.db.NewSelect().Model(&oldest).Where("sink = ?", x.Sink).Order("created", "id").Limit(1).Scan(ctx); err != nil {
			return nil, err
		}
		if len(oldest) > 0 { // else it was sent a moment ago
			out = append(out, Waiting{Sink: x.Sink, Waiting: x.N, Oldest: record.Millis(oldest[0].Created).Time(), Error: oldest[0].Error})
		}
	}
	return out, nil
}
