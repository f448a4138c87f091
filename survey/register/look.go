package register

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/uptrace/bun"

	"github.com/wattwerk/wattwerk/survey/consent"
	"github.com/wattwerk/wattwerk/survey/household"
)

// Search says which households are looked for.
type Search struct {
	// Text is a part of an identifier of the household, its devices or meters, or of a
	// model of them; whatever the case of its letters is. Empty: any.
	Text string
	// Private looks for it in contacts, addresses and serial numbers as well.
	Private bool
	State   consent.State // empty: any
}

// within says which part of a table's columns holds a pattern.
func within(q *bun.SelectQuery, columns ...string) func(pattern string) *bun.SelectQuery {
	return func(pattern string) *bun.SelectQuery {
		return q.WhereGroup(" AND ", func(q *bun.SelectQuery) *bun.SelectQuery {
			for _, c := range columns {
				q = q.WhereOr(`lower(?) LIKE ? ESCAPE '\'`, bun.Ident(c), pattern)
			}
			return q
		})
	}
}

// Find gives those households after one that are looked for, in the order of their
// identifiers, limit at most, and how many there are of them.
func (s *Store) Find(ctx context.Context, what Search, after string, limit int) (list []household.Household, total int, err error) {
	narrow := func(q *bun.SelectQuery) *bun.SelectQuery {
		if what.State != "" {
			q = q.Where("state = ?", string(what.State))
		}
		if what.Text == "" {
			return q
		}
		pattern := "%" + strings.NewReplacer(`\`, `\\`, "%", `\%`, "_", `\_`).Replace(strings.ToLower(what.Text)) + "%"
		of := func(table string, columns ...string) *bun.SelectQuery {
			return within(s.db.NewSelect().Table(table).Column("household"), columns...)(pattern)
		}
		meters := []string{"id", "model"}
		if what.Private {
			meters = append(meters, "name", "serial")
		}
		return q.WhereGroup(" AND ", func(q *bun.SelectQuery) *bun.SelectQuery {
			q = q.WhereOr(`id LIKE ? ESCAPE '\'`, pattern).WhereOr("id IN (?)", of("survey_devices", "id")).WhereOr("id IN (?)", of("survey_meters", meters...))
			if what.Private {
				q = q.WhereOr("id IN (?)", of("survey_participants", "name", "email", "phone")).WhereOr("id IN (?)", of("survey_addresses", "street", "postcode", "city"))
			}
			return q
		})
	}
	var ids []string
	err = narrow(s.db.NewSelect().Table("survey_households").Column("id").Where("id > ?", after)).Order("id").Limit(int64(limit)).Scan(ctx, &ids)
	if err == nil {
		var n int64
		n, err = narrow(s.db.NewSelect().Table("survey_households")).Count(ctx)
		total = int(n)
	}
	if err == nil {
		list, err = s.read(ctx, ids)
	}
	if err != nil {
		return nil, 0, fmt.Errorf("find households: %w", err)
	}
	return list, total, nil
}

// Receipts gives those of a household by which its consent stands, in order; none
// when it has not consented, or is anonymous now. The error wraps ErrNotFound when there is no such household.
func (s *Store) Receipts(ctx context.Context, id string) ([]consent.Receipt, error) {
	var rows []consentRow
	n, err := s.db.NewSelect().Model((*householdRow)(nil)).Where("id = ?", id).Count(ctx)
	if err == nil && n == 0 {
		err = fmt.Errorf("%w: there is no such household", ErrNotFound)
	}
	if err == nil {
		err = s.db.NewSelect().Model(&rows).Where("household = ?", id).Order("state").Scan(ctx)
	}
	out := make([]consent.Receipt, len(rows))
	for i := range rows {
		err = errors.Join(err, json.Unmarshal([]byte(rows[i].Receipt), &out[i]))
	}
	if err != nil {
		return nil, fmt.Errorf("read receipts: %w", err)
	}
	return out, nil
}

// Happened is an incident with the household of its meter.
type Happened struct {
	household.Incident

	Household string `json:"household" doc:"Identifier of the household"`
	Model     string `json:"model" doc:"Of the meter"`
}

// IncidentSearch says which incidents are looked for.
type IncidentSearch struct {
	Household string // empty: of all
	Open      *bool  // nil: open and resolved
	After     string // the identifier of the last one of the part before; empty: from the newest on
	Limit     int    // at most so many
}

// History gives incidents at the meters of all households, the newest first, and how
// many there are of them.
func (s *Store) History(ctx context.Context, what IncidentSearch) (list []Happened, total int, err error) {
	narrow := func(q *bun.SelectQuery) *bun.SelectQuery {
		q = q.TableExpr("survey_incidents AS i").Join("JOIN survey_meters AS m ON m.id = i.meter")
		if what.Household != "" {
			q = q.Where("m.household = ?", what.Household)
		}
		if what.Open != nil && *what.Open {
			q = q.Where("i.resolved IS NULL")
		}
		if what.Open != nil && !*what.Open {
			q = q.Where("i.resolved IS NOT NULL")
		}
		return q
	}
	var rows []struct {
		ID, Meter, Type, Detail string
		At                      int64
		Resolved                *int64
		Household, Model        string
	}
	q := narrow(s.db.NewSelect()).ColumnExpr("i.id, i.meter, i.type, i.detail, i.at, i.resolved, m.household, m.model")
	if what.After != "" {
		q = q.Where("(i.at, i.id) < (SELECT b.at, b.id FROM survey_incidents AS b WHERE b.id = ?)", what.After)
	}
	err = q.OrderExpr("i.at DESC, i.id DESC").Limit(int64(what.Limit)).Scan(ctx, &rows)
	if err == nil {
		var n int64
		n, err = narrow(s.db.NewSelect()).Count(ctx)
		total = int(n)
	}
	if err != nil {
		return nil, 0, fmt.Errorf("read incidents: %w", err)
	}
	list = make([]Happened, len(rows))
	for i, r := range rows {
		x := incidentRow{ID: r.ID, Meter: r.Meter, Type: r.Type, Detail: r.Detail, At: r.At, Resolved: r.Resolved}
		list[i] = Happened{Incident: x.incident(), Household: r.Household, Model: r.Model}
	}
	return list, total, nil
}
