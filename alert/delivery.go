package alert

import (
	"context"
	"strings"
	"time"

	"github.com/uptrace/bun"
)

// What may become of a message.
const (
	waiting = "waiting" // it is tried, and tried again
	sent    = "sent"
	givenUp = "given_up" // the sink refuses it, or took nothing for too long, or a later one first
	dropped = "dropped"  // too many were waiting already
)

// Outcome is what became of a message at a sink.
type Outcome struct {
	Sink     string     `json:"sink"`
	Change   string     `json:"change" doc:"What it tells: fired, repeated or resolved"`
	Status   string     `json:"status" enum:"waiting,sent,given_up,dropped" doc:"given_up: the sink refused it, or took nothing for two days, or took a later message about the same before; dropped: 10,000 were waiting for it already"`
	Attempts int64      `json:"attempts" doc:"How often it was tried"`
	Error    string     `json:"error,omitempty" doc:"Why the last try failed; sent: who did not take it, and why"`
	At       time.Time  `json:"at" doc:"When this was noted"`
	Next     *time.Time `json:"next,omitempty" doc:"While it waits: when it is tried next"`
}

type deliveryRow struct {
	bun.BaseModel `bun:"table:alert_deliveries,alias:d"`

	ID       string `bun:"id,pk"`
	Sink     string `bun:"sink,pk"`
	Incident string `bun:"incident"`
	Change   string `bun:"change"`
	Status   string `bun:"status"`
	Attempts int64  `bun:"attempts"`
	Error    string `bun:"error"`
	At       int64  `bun:"at"`
}

// noteDelivery notes what became of a message.
func noteDelivery(ctx context.Context, tx bun.Tx, m *queueRow, status string, now int64) error {
	row := &deliveryRow{ID: m.ID, Sink: m.Sink, Incident: m.incident, Change: m.change, Status: status, Attempts: m.Attempts, Error: m.Error, At: now}
	_, err := tx.NewInsert().Model(row).On("CONFLICT (id, sink) DO UPDATE").
		Set("status = EXCLUDED.status, attempts = EXCLUDED.attempts, error = EXCLUDED.error, at = EXCLUDED.at").Exec(ctx)
	return err
}

// done takes a message that was sent, or given up, out of the queue.
func (s *Store) done(ctx context.Context, m *queueRow, status string, now int64) error {
	return s.db.Alone(ctx, "alert", func(ctx context.Context, tx bun.Tx) error {
		if _, err := tx.NewDelete().Model(m).WherePK().Exec(ctx); err != nil {
			return err
		}
		if status == sent {
			if err := overtake(ctx, tx, m, now); err != nil {
				return err
			}
		}
		return noteDelivery(ctx, tx, m, status, now)
	})
}

// retry keeps a message for another try.
func (s *Store) retry(ctx context.Context, m *queueRow, now int64) error {
	return s.db.Alone(ctx, "alert", func(ctx context.Context, tx bun.Tx) error {
		if _, err := tx.NewUpdate().Model(m).Column("due", "attempts", "error", "rest").WherePK().Exec(ctx); err != nil {
			return err
		}
		if m.Rest != "" {
			if err := overtake(ctx, tx, m, now); err != nil {
				return err
			}
		}
		return noteDelivery(ctx, tx, m, waiting, now)
	})
}

// overtake takes the earlier messages about the same out of the queue when
// somebody has a later one: told after it they would say what is no longer so.
func overtake(ctx context.Context, tx bun.Tx, m *queueRow, now int64) error {
	if m.About == "" {
		return nil
	}
	var rows []queueRow
	if err := tx.NewSelect().Model(&rows).Where("sink = ? AND about = ? AND number < ?", m.Sink, m.About, m.Number).Order("number").Scan(ctx); err != nil {
		return err
	}
	for i := range rows {
		x := &rows[i]
		status := givenUp
		if x.Rest != "" {
			status = sent
		}
		x.Error = strings.TrimPrefix(x.Error+"; a later message about the same was sent before", "; ")
		if _, err := tx.NewDelete().Model(x).WherePK().Exec(ctx); err != nil {
			return err
		}
		if err := noteDelivery(ctx, tx, x, status, now); err != nil {
			return err
		}
	}
	return nil
}

// deliveries gives what became of the messages about incidents, in the order in
// which they were noted last.
func (s *Store) deliveries(ctx context.Context, incidents []string) (map[string][]Outcome, error) {
	var rows []deliveryRow
	if err := s.db.NewSelect().Model(&rows).Where("incident IN (?)", bun.List(incidents)).Order("at", "id", "sink").Scan(ctx); err != nil {
		return nil, err
	}
	due := make(map[[2]string]int64)
	var queued []queueRow
	if err := s.db.NewSelect().Model(&queued).Column("id", "sink", "due").Where("id IN (?)", s.db.NewSelect().Model((*deliveryRow)(nil)).Column("id").Where("incident IN (?)", bun.List(incidents))).Scan(ctx); err != nil {
		return nil, err
	}
	for _, q := range queued {
		due[[2]string{q.ID, q.Sink}] = q.Due
	}
	out := make(map[string][]Outcome)
	for _, r := range rows {
		d := Outcome{Sink: r.Sink, Change: r.Change, Status: r.Status, Attempts: r.Attempts, Error: r.Error, At: time.UnixMilli(r.At).UTC()}
		if at, ok := due[[2]string{r.ID, r.Sink}]; ok && r.Status == waiting {
			next := time.UnixMilli(at).UTC()
			d.Next = &next
		}
		out[r.Incident] = append(out[r.Incident], d)
	}
	return out, nil
}
