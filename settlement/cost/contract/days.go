package contract

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/uptrace/bun"

	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/tariff"
)

type dayRow struct {
	bun.BaseModel `bun:"table:settled_costs"`
	Assignment    string  `bun:"assignment,pk"`
	Basis         string  `bun:"basis,pk"`
	Start         int64   `bun:"start,pk"`
	Until         int64   `bun:"until"`
	Point         int64   `bun:"point"`
	Document      string  `bun:"document"`
	Revision      int64   `bun:"revision"`
	Currency      string  `bun:"currency"`
	Cost          *int64  `bun:"cost"`
	Credit        *int64  `bun:"credit"`
	Total         *int64  `bun:"total"`
	Estimated     *int64  `bun:"estimated"`
	Taken         *int64  `bun:"taken"`
	Given         *int64  `bun:"given"`
	Measured      int64   `bun:"measured"`
	Unpriced      int64   `bun:"unpriced"`
	Completeness  float64 `bun:"completeness"`
	Date          string  `bun:"date"`
	Zone          string  `bun:"zone"`
	By            string  `bun:"priced_by"`
	Missing       int64   `bun:"unpriced_amount"`
}

type stateRow struct {
	bun.BaseModel `bun:"table:settled_cost_states"`
	Assignment    string `bun:"assignment,pk"`
	Basis         string `bun:"basis,pk"`
	Body          string `bun:"body"`
}

// States gives by what days were computed.
func (s *Store) States(ctx context.Context) ([]State, error) {
	var rows []stateRow
	if err := s.settled.NewSelect().Model(&rows).Scan(ctx); err != nil {
		return nil, fmt.Errorf("read costs of days: %w", err)
	}
	out := make([]State, 0, len(rows))
	for _, r := range rows {
		x := State{Assignment: r.Assignment, Basis: r.Basis}
		if err := json.Unmarshal([]byte(r.Body), &x); err != nil {
			return nil, fmt.Errorf("read costs of days: %w", err)
		}
		out = append(out, x)
	}
	return out, nil
}

// KeepDays replaces the days that begin in a span, and notes the state they are
// in.
func (s *Store) KeepDays(ctx context.Context, x State, from, to record.Millis, days []Day) error {
	body, err := json.Marshal(x)
	if err != nil {
		return fmt.Errorf("keep costs of days: %w", err)
	}
	rows := make([]dayRow, 0, len(days))
	for _, d := range days {
		r := dayRow{
			Assignment: x.Assignment, Basis: x.Basis, Start: int64(d.Start), Until: int64(d.Until), Point: d.Point, Document: string(d.Document), Revision: d.Revision,
			Currency: d.Currency, Measured: d.Measured, Unpriced: d.Unpriced, Completeness: d.Completeness,
			Date: string(d.Date), Zone: d.Zone, By: string(d.By), Missing: d.Missing,
		}
		if d.Known {
			r.Cost, r.Credit, r.Total, r.Estimated = new(int64(d.Cost)), new(int64(d.Credit)), new(int64(d.Total)), new(int64(d.Estimated))
		}
		if d.Measured > 0 {
			r.Taken, r.Given = new(d.Taken), new(d.Given)
		}
		rows = append(rows, r)
	}
	err = s.settled.Alone(ctx, "costs of days", func(ctx context.Context, tx bun.Tx) error {
		if _, err := tx.ExecContext(ctx, "DELETE FROM settled_costs WHERE assignment = ? AND basis = ? AND start >= ? AND start < ?", x.Assignment, x.Basis, int64(from), int64(to)); err != nil {
			return err
		}
		for len(rows) > 0 {
			some := rows[:min(len(rows), 100)]
			rows = rows[len(some):]
			if _, err := tx.NewInsert().Model(&some).Exec(ctx); err != nil {
				return err
			}
		}
		_, err := tx.ExecContext(ctx, "INSERT INTO settled_cost_states (assignment, basis, body) VALUES (?, ?, ?) ON CONFLICT (assignment, basis) DO UPDATE SET body = excluded.body", x.Assignment, x.Basis, string(body))
		return err
	})
	if err != nil {
		return fmt.Errorf("keep costs of days: %w", err)
	}
	return nil
}

// DropDays removes the days of an assignment that is in force no more.
func (s *Store) DropDays(ctx context.Context, assignment, basis string) error {
	err := s.settled.Alone(ctx, "costs of days", func(ctx context.Context, tx bun.Tx) error {
		for _, table := range []string{"settled_costs", "settled_cost_states"} {
			if _, err := tx.NewDelete().Table(table).Where("assignment = ? AND basis = ?", assignment, basis).Exec(ctx); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("remove costs of days: %w", err)
	}
	return nil
}

// Days gives the days of an assignment that begin in a span, in order.
func (s *Store) Days(ctx context.Context, assignment, basis string, from, to record.Millis) ([]Day, error) {
	var rows []dayRow
	err := s.settled.NewSelect().Model(&rows).Where("assignment = ? AND basis = ? AND start >= ? AND start < ?", assignment, basis, int64(from), int64(to)).Order("start").Scan(ctx)
	if err != nil {
		return nil, fmt.Errorf("read costs of days: %w", err)
	}
	value := func(v *int64) int64 {
		if v == nil {
			return 0
		}
		return *v
	}
	out := make([]Day, 0, len(rows))
	for _, r := range rows {
		out = append(out, Day{
			Start: record.Millis(r.Start), Until: record.Millis(r.Until), Point: r.Point, Document: tariff.ID(r.Document), Revision: r.Revision, Currency: r.Currency,
			Known: r.Total != nil, Cost: tariff.Money(value(r.Cost)), Credit: tariff.Money(value(r.Credit)), Total: tariff.Money(value(r.Total)),
			Estimated: tariff.Money(value(r.Estimated)), Taken: value(r.Taken), Given: value(r.Given), Measured: r.Measured, Unpriced: r.Unpriced, Completeness: r.Completeness,
			Date: tariff.Date(r.Date), Zone: r.Zone, By: By(r.By), Missing: r.Missing,
		})
	}
	return out, nil
}

// Progress is up to which note of the ledger the days are right; 0 at first.
func (s *Store) Progress(ctx context.Context) (n int64, err error) {
	err = s.settled.NewSelect().Table("settled_cost_progress").Column("number").Where("id = 1").Scan(ctx, &n)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("read costs of days: %w", err)
	}
	return n, nil
}

// SetProgress notes it.
func (s *Store) SetProgress(ctx context.Context, n int64) error {
	_, err := s.settled.ExecContext(ctx, "INSERT INTO settled_cost_progress (id, number) VALUES (1, ?) ON CONFLICT (id) DO UPDATE SET number = excluded.number", n)
	if err != nil {
		return fmt.Errorf("note costs of days: %w", err)
	}
	return nil
}
