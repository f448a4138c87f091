package book

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/uptrace/bun"

	"github.com/wattwerk/wattwerk/record"
)

// Lease is that somebody alone may use an actuator.
type Lease struct {
	bun.BaseModel `bun:"table:service_leases,alias:l" json:"-"`

	Object   string        `bun:"object,pk"`
	Token    int64         `bun:"token"`
	ID       string        `bun:"id"`
	Holder   string        `bun:"holder"`
	Priority int64         `bun:"priority"`
	Began    record.Millis `bun:"began"`
	Expires  record.Millis `bun:"expires"`
}

// Lease has decide say who gets an object, by the lease there is (nil: there never
// was one, and expired ones are given too), in one order in all processes. What
// decide gives is stored; nil: nothing is.
func (s *Store) Lease(ctx context.Context, object string, decide func(is *Lease) (*Lease, error)) error {
	return s.db.Alone(ctx, lock, func(ctx context.Context, tx bun.Tx) error {
		row := new(Lease)
		err := tx.NewSelect().Model(row).Where("object = ?", object).Scan(ctx)
		switch {
		case errors.Is(err, sql.ErrNoRows):
			row = nil
		case err != nil:
			return err
		}
		next, err := decide(row)
		if err != nil || next == nil {
			return err
		}
		_, err = tx.NewInsert().Model(next).On("CONFLICT (object) DO UPDATE").
			Set("token = EXCLUDED.token, id = EXCLUDED.id, holder = EXCLUDED.holder, priority = EXCLUDED.priority, began = EXCLUDED.began, expires = EXCLUDED.expires").Exec(ctx)
		return err
	})
}

// LeaseOf gives the lease with an ID, expired ones too, as long as its object has
// no other.
func (s *Store) LeaseOf(ctx context.Context, id string) (Lease, error) {
	var row Lease
	err := s.db.NewSelect().Model(&row).Where("id = ?", id).Scan(ctx)
	if errors.Is(err, sql.ErrNoRows) {
		err = fmt.Errorf("%w: there is no lease %q", ErrNotFound, id)
	}
	return row, err
}

// Leases gives those that are in force.
func (s *Store) Leases(ctx context.Context, now record.Millis, limit int) ([]Lease, error) {
	var rows []Lease
	err := s.db.NewSelect().Model(&rows).Where("expires > ?", now).Order("object").Limit(int64(limit)).Scan(ctx)
	return rows, err
}

// Bill is a revision of a bill.
type Bill struct {
	bun.BaseModel `bun:"table:service_bills,alias:b" json:"-"`

	ID       string        `bun:"id,pk"`
	Revision int64         `bun:"revision,pk"` // from 1
	Service  string        `bun:"service"`
	Subject  string        `bun:"subject"`
	Begins   record.Millis `bun:"begins"`
	Ends     record.Millis `bun:"ends"`
	Made     record.Millis `bun:"made"`
	MadeBy   string        `bun:"made_by"`
	Request  string        `bun:"request"`
	Doc      string        `bun:"doc"`
	Note     string        `bun:"note"`
}

// Most of bills and their revisions.
const (
	mostBills     = 100_000
	mostRevisions = 200
)

// AddBill stores a revision of a bill: the one after those there are. ErrChanged
// when its number is another.
func (s *Store) AddBill(ctx context.Context, b Bill) error {
	return s.db.Alone(ctx, lock, func(ctx context.Context, tx bun.Tx) error {
		var last int64
		if err := tx.NewSelect().Model((*Bill)(nil)).ColumnExpr("COALESCE(MAX(revision), 0)").Where("id = ?", b.ID).Scan(ctx, &last); err != nil {
			return err
		}
		if b.Revision != last+1 {
			return fmt.Errorf("%w: bill %q is at revision %d", ErrChanged, b.ID, last)
		}
		if b.Revision > mostRevisions {
			return fmt.Errorf("%w: bill %q has %d revisions", ErrFull, b.ID, last)
		}
		if b.Revision == 1 {
			n, err := tx.NewSelect().Model((*Bill)(nil)).Where("revision = 1").Count(ctx)
			if err != nil {
				return err
			}
			if n >= mostBills {
				return fmt.Errorf("%w: %d bills are kept", ErrFull, n)
			}
		}
		_, err := tx.NewInsert().Model(&b).Exec(ctx)
		return err
	})
}

// BillOf gives all revisions of a bill, the newest first.
func (s *Store) BillOf(ctx context.Context, id string) ([]Bill, error) {
	var rows []Bill
	err := s.db.NewSelect().Model(&rows).Where("id = ?", id).Order("revision DESC").Scan(ctx)
	if err == nil && len(rows) == 0 {
		err = fmt.Errorf("%w: there is no bill %q", ErrNotFound, id)
	}
	return rows, err
}

// Bills gives the newest revision of each bill, those made last first; of one
// service when it is not empty.
func (s *Store) Bills(ctx context.Context, service string, limit int) ([]Bill, error) {
	newest := s.db.NewSelect().Model((*Bill)(nil)).ModelTableExpr("service_bills AS n").ColumnExpr("MAX(n.revision)").Where("n.id = b.id")
	var rows []Bill
	q := s.db.NewSelect().Model(&rows).Where("b.revision = (?)", newest).Order("b.made DESC", "b.id").Limit(int64(limit))
	if service != "" {
		q = q.Where("b.service = ?", service)
	}
	err := q.Scan(ctx)
	return rows, err
}

// Result is what was computed for an object and a day, and can be again.
type Result struct {
	bun.BaseModel `bun:"table:service_results,alias:r" json:"-"`

	Kind   string        `bun:"kind,pk"`
	Object string        `bun:"object,pk"`
	Day    record.Millis `bun:"day,pk"`
	Made   record.Millis `bun:"made"`
	Doc    string        `bun:"doc"`
}

// Keep stores results in the place of those there are.
func (s *Store) Keep(ctx context.Context, all ...Result) error {
	if len(all) == 0 {
		return nil
	}
	_, err := s.db.NewInsert().Model(&all).On("CONFLICT (kind, object, day) DO UPDATE").Set("made = EXCLUDED.made, doc = EXCLUDED.doc").Exec(ctx)
	return err
}

// Kept gives a result; ErrNotFound when there is none.
func (s *Store) Kept(ctx context.Context, kind, object string, day record.Millis) (Result, error) {
	var row Result
	err := s.db.NewSelect().Model(&row).Where("kind = ? AND object = ? AND day = ?", kind, object, day).Scan(ctx)
	if errors.Is(err, sql.ErrNoRows) {
		err = fmt.Errorf("%w: there is no %s of %s from %s on", ErrNotFound, kind, strings.ReplaceAll(object, "\n", " for "), day.Time().UTC().Format(time.RFC3339))
	}
	return row, err
}

// Waiting is work that waits until its data are back.
type Waiting struct {
	bun.BaseModel `bun:"table:service_queue,alias:q" json:"-"`

	Service string         `bun:"service,pk"`
	Subject string         `bun:"subject,pk"`
	Begins  record.Millis  `bun:"begins,pk"`
	Ends    record.Millis  `bun:"ends,pk"`
	Number  int64          `bun:"number"`
	Asked   record.Millis  `bun:"asked"`
	Doc     string         `bun:"doc"`
	Done    *record.Millis `bun:"done"` // nil while it waits
	Outcome string         `bun:"outcome"`
}

// Wait has work wait, and tells whether it does: what waits already is not queued
// again, and neither is what was done. ErrFull when too much waits.
func (s *Store) Wait(ctx context.Context, w Waiting) (queued bool, err error) {
	err = s.db.Alone(ctx, lock, func(ctx context.Context, tx bun.Tx) error {
		var is []Waiting
		if err := tx.NewSelect().Model(&is).Where("service = ? AND subject = ? AND begins = ? AND ends = ?", w.Service, w.Subject, w.Begins, w.Ends).Scan(ctx); err != nil {
			return err
		}
		if len(is) > 0 {
			queued = is[0].Done == nil
			return nil
		}
		n, err := tx.NewSelect().Model((*Waiting)(nil)).Where("done IS NULL").Count(ctx)
		if err != nil {
			return err
		}
		if n >= mostWaiting {
			return fmt.Errorf("%w: %d pieces of work wait", ErrFull, n)
		}
		if err := tx.NewSelect().Model((*Waiting)(nil)).ColumnExpr("COALESCE(MAX(number), 0)").Scan(ctx, &w.Number); err != nil {
			return err
		}
		w.Number++
		queued = true
		_, err = tx.NewInsert().Model(&w).Exec(ctx)
		return err
	})
	return queued, err
}

// Backlog gives what waits, the oldest first.
func (s *Store) Backlog(ctx context.Context, limit int) ([]Waiting, error) {
	var rows []Waiting
	err := s.db.NewSelect().Model(&rows).Where("done IS NULL").Order("number").Limit(int64(limit)).Scan(ctx)
	return rows, err
}

// Done notes that work was done, and what came of it. It tells whether it waited
// still.
func (s *Store) Done(ctx context.Context, w Waiting, at record.Millis, outcome string) (bool, error) {
	res, err := s.db.NewUpdate().Model((*Waiting)(nil)).Set("done = ?", at).Set("outcome = ?", outcome).
		Where("service = ? AND subject = ? AND begins = ? AND ends = ? AND done IS NULL", w.Service, w.Subject, w.Begins, w.Ends).Exec(ctx)
	if err != nil {
		return false, err
	}
	n, err := res.RowsAffected()
	return n > 0, err
}
