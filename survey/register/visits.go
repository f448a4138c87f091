package register

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/uptrace/bun"

	"github.com/wattwerk/wattwerk/survey/household"
	"github.com/wattwerk/wattwerk/survey/visit"
)

// ErrVisit says that a grant is not good (any more).
var ErrVisit = errors.New("the grant was used or ended, has expired, or is not good yet")

type visitRow struct {
	bun.BaseModel `bun:"table:survey_visits,alias:v"`
	ID            string `bun:"id,pk"`
	Device        string `bun:"device"`
	Document      string `bun:"document"`
	Signature     []byte `bun:"signature"`
	Chain         string `bun:"chain"`
	Who           string `bun:"who"`
	Why           string `bun:"why"`
	Begins        int64  `bun:"begins"`
	Expires       int64  `bun:"expires"`
	Opened        *int64 `bun:"opened"`
	HostKey       string `bun:"host_key"`
	Ended         *int64 `bun:"ended"`
	Outcome       string `bun:"outcome"`
}

type visitEventRow struct {
	bun.BaseModel `bun:"table:survey_visit_events,alias:e"`
	ID            string `bun:"id,pk"`
	Visit         string `bun:"visit"`
	At            int64  `bun:"at"`
	What          string `bun:"what"`
}

// Visit is a grant and what became of it.
type Visit struct {
	ID      string       `json:"id"`
	Device  string       `json:"device"`
	Who     string       `json:"who"`
	Why     string       `json:"why"`
	From    time.Time    `json:"from"`
	Until   time.Time    `json:"until"`
	Opened  *time.Time   `json:"opened,omitempty"`  // when the device came
	HostKey string       `json:"hostKey,omitempty"` // by which it is known inside
	Ended   *time.Time   `json:"ended,omitempty"`
	Outcome string       `json:"outcome,omitempty"`
	Events  []VisitEvent `json:"events"`
}

// VisitEvent is something that happened.
type VisitEvent struct {
	At   time.Time `json:"at"`
	What string    `json:"what"`
}

// Visits are the grants, and what became of them.
type Visits struct{ s *Store }

var _ visit.Books = Visits{}

// Visits gives them.
func (s *Store) Visits() Visits { return Visits{s} }

// Add keeps a grant for an edge of a household that takes part.
func (v Visits) Add(ctx context.Context, g visit.Grant, signed visit.Signed) error {
	if err := g.Validate(); err != nil {
		return fmt.Errorf("grant visit: %w: %w", ErrInvalid, err)
	}
	row := visitRow{
		ID: g.ID, Device: g.Device, Document: signed.Document, Signature: signed.Signature, Chain: signed.Chain, Who: g.Who, Why: g.Why, Begins: millis(g.From), Expires: millis(g.Until),
	}
	err := v.s.db.Alone(ctx, intake, func(ctx context.Context, tx bun.Tx) error {
		d, err := deviceOf(ctx, tx, g.Device)
		if err != nil {
			return err
		}
		if household.Kind(d.Kind) != household.Edge {
			return fmt.Errorf("%w: it is no edge, and nobody can look at it", ErrInvalid)
		}
		if _, err := living(ctx, tx, d.Household); err != nil {
			return err
		}
		if err := all(ctx, tx, []visitRow{row}); err != nil {
			return err
		}
		return errors.Join(v.note(ctx, tx, g.ID, granted(g)), v.s.note(ctx, tx, d.Household, g.Who, "visit granted"))
	})
	if err != nil {
		return fmt.Errorf("grant visit: %w", err)
	}
	return nil
}

// granted is what is written down of a grant.
func granted(g visit.Grant) string {
	text := "granted by " + g.Who + ": " + g.Why
	if len(g.May) > 0 {
		text += "; it names " + strings.Join(g.May, ", ")
	}
	return text
}

func (v Visits) note(ctx context.Context, tx bun.IDB, id, what string) error {
	_, err := tx.NewInsert().Model(&visitEventRow{ID: household.NewID(), Visit: id, At: v.s.now().UnixMicro(), What: what[:min(len(what), 1000)]}).Exec(ctx)
	return err
}

// For gives the grants that a device may use now.
func (v Visits) For(ctx context.Context, device string) ([]visit.Signed, error) {
	now := millis(v.s.now())
	var rows []visitRow
	if err := v.s.db.NewSelect().Model(&rows).Where("device = ? AND opened IS NULL AND ended IS NULL AND begins <= ? AND expires > ?", device, now, now).Order("expires").Limit(10).Scan(ctx); err != nil {
		return nil, fmt.Errorf("read visits: %w", err)
	}
	out := make([]visit.Signed, len(rows))
	for i := range rows {
		out[i] = visit.Signed{Document: rows[i].Document, Signature: rows[i].Signature, Chain: rows[i].Chain}
	}
	return out, nil
}

// Open marks a grant as used by its device, which is done once, and tells for how long it is good. The error is ErrVisit when it is not.
func (v Visits) Open(ctx context.Context, id, device, hostKey string) (time.Duration, error) {
	now := v.s.now()
	var left time.Duration
	err := v.s.db.RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) error {
		res, err := tx.NewUpdate().Model((*visitRow)(nil)).Set("opened = ?", millis(now)).Set("host_key = ?", hostKey).
			Where("id = ? AND device = ? AND opened IS NULL AND ended IS NULL AND begins <= ? AND expires > ?", id, device, millis(now), millis(now)).Exec(ctx)
		if err != nil {
			return err
		}
		if n, err := res.RowsAffected(); err != nil || n != 1 {
			return errors.Join(ErrVisit, err)
		}
		row := visitRow{ID: id}
		if err := tx.NewSelect().Model(&row).WherePK().Scan(ctx); err != nil {
			return err
		}
		left = time.UnixMilli(row.Expires).Sub(now)
		return v.note(ctx, tx, id, "the device came")
	})
	if err != nil {
		return 0, fmt.Errorf("open visit: %w", err)
	}
	return left, nil
}

// Valid is nil while the tunnel of a grant may stay open: it was not ended, has not expired, and its device has a certificate that is good.
func (v Visits) Valid(ctx context.Context, id string) error {
	now := millis(v.s.now())
	row := visitRow{ID: id}
	err := v.s.db.NewSelect().Model(&row).WherePK().Scan(ctx)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return errors.New("the household is anonymous now")
	case err != nil:
		return fmt.Errorf("read visit: %w", err)
	case row.Ended != nil:
		return errors.New(row.Outcome)
	case row.Expires <= now:
		return visit.ErrExpired
	}
	n, err := v.s.db.NewSelect().Model((*credentialRow)(nil)).Where("device = ? AND revoked IS NULL AND expires > ?", row.Device, now).Count(ctx)
	switch {
	case err != nil:
		return fmt.Errorf("read visit: %w", err)
	case n == 0:
		return errors.New("the device was revoked")
	}
	return nil
}

// Note writes down what happened in a visit. The error is ErrNotFound when there is none.
func (v Visits) Note(ctx context.Context, id, what string) error {
	err := v.s.db.RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) error {
		n, err := tx.NewSelect().Model((*visitRow)(nil)).Where("id = ?", id).Count(ctx)
		if err == nil && n == 0 {
			err = ErrNotFound // nothing is written about who is anonymous
		}
		if err != nil {
			return err
		}
		return v.note(ctx, tx, id, what)
	})
	if err != nil {
		return fmt.Errorf("note visit: %w", err)
	}
	return nil
}

// Close writes down that a visit is over. Of one that is over already, or of a household that is anonymous now, nothing is.
func (v Visits) Close(ctx context.Context, id, why string) error { return v.end(ctx, id, why, false) }

// End ends a visit, or a grant that was not used. The error is ErrNotFound when there is none that goes on.
func (v Visits) End(ctx context.Context, id, who string) error {
	return v.end(ctx, id, "ended by "+who, true)
}

func (v Visits) end(ctx context.Context, id, why string, must bool) error {
	err := v.s.db.RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) error {
		res, err := tx.NewUpdate().Model((*visitRow)(nil)).Set("ended = ?", millis(v.s.now())).Set("outcome = ?", why).Where("id = ? AND ended IS NULL", id).Exec(ctx)
		if err != nil {
			return err
		}
		switch n, err := res.RowsAffected(); {
		case err != nil:
			return err
		case n == 0 && must:
			return fmt.Errorf("%w: there is no such grant that is not over", ErrNotFound)
		case n == 0:
			return nil
		}
		return v.note(ctx, tx, id, "over: "+why)
	})
	if err != nil {
		return fmt.Errorf("end visit: %w", err)
	}
	return nil
}

// mostVisits is how many are listed.
const mostVisits = 500

// List gives grants, the newest first, with what happened: those of a device, or of all.
func (v Visits) List(ctx context.Context, device string) ([]Visit, error) {
	var rows []visitRow
	var events []visitEventRow
	err := v.s.db.Reading(ctx, func(ctx context.Context, tx bun.Tx) error {
		q := tx.NewSelect().Model(&rows).Order("begins DESC", "id").Limit(mostVisits)
		if device != "" {
			q = q.Where("device = ?", device)
		}
		if err := q.Scan(ctx); err != nil || len(rows) == 0 {
			return err
		}
		ids := make([]string, len(rows))
		for i := range rows {
			ids[i] = rows[i].ID
		}
		return tx.NewSelect().Model(&events).Where("visit IN (?)", bun.List(ids)).Order("at", "id").Scan(ctx)
	})
	if err != nil {
		return nil, fmt.Errorf("read visits: %w", err)
	}
	out, at := make([]Visit, len(rows)), make(map[string]*Visit)
	for i := range rows {
		r := &rows[i]
		out[i] = Visit{
			ID: r.ID, Device: r.Device, Who: r.Who, Why: r.Why, From: time.UnixMilli(r.Begins).UTC(), Until: time.UnixMilli(r.Expires).UTC(), Opened: moment(r.Opened), HostKey: r.HostKey,
			Ended: moment(r.Ended), Outcome: r.Outcome, Events: []VisitEvent{},
		}
		at[r.ID] = &out[i]
	}
	for _, e := range events {
		x := at[e.Visit]
		x.Events = append(x.Events, VisitEvent{time.UnixMicro(e.At).UTC(), e.What})
	}
	return out, nil
}

// Read gives one. The error is ErrNotFound when there is none.
func (v Visits) Read(ctx context.Context, id string) (Visit, error) {
	row := visitRow{ID: id}
	err := v.s.db.NewSelect().Model(&row).WherePK().Scan(ctx)
	if errors.Is(err, sql.ErrNoRows) {
		err = fmt.Errorf("%w: there is no such grant", ErrNotFound)
	}
	if err != nil {
		return Visit{}, fmt.Errorf("read visit: %w", err)
	}
	return Visit{
		ID: row.ID, Device: row.Device, Who: row.Who, Why: row.Why, From: time.UnixMilli(row.Begins).UTC(), Until: time.UnixMilli(row.Expires).UTC(), Opened: moment(row.Opened),
		HostKey: row.HostKey, Ended: moment(row.Ended), Outcome: row.Outcome, Events: []VisitEvent{},
	}, nil
}
