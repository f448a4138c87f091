package ledger

import (
	"context"
	"database/sql"
	"fmt"
	"strconv"
	"strings"

	"github.com/wattwerk/wattwerk/energy"
	"github.com/wattwerk/wattwerk/record"
)

// Part is a span of rows of a table, with a number by which it is summed up.
type Part struct {
	Table  Table
	From   record.Millis
	To     record.Millis
	Number int
}

// Sum is what the windows of a point in some spans come to.
type Sum struct {
	Known     int // windows with an amount
	Amount    energy.Amount
	Estimated energy.Amount // part of it, without sign, that was not measured in its quarter
	Metered   int           // windows in which the group's own meter has an amount
	Meter     energy.Amount // of the group's own meter
	Rest      Rest          // of the windows in which it can be compared with the members
	Length    record.Millis // of windows about which something is known
	Covered   int64         // ms, over all members
	Members   int64         // ms of those windows, times their members
	Total     uint32        // members, at most
}

// Add adds what others come to.
func (s *Sum) Add(o Sum) (err error) {
	s.Known, s.Metered, s.Length = s.Known+o.Known, s.Metered+o.Metered, s.Length+o.Length
	s.Rest.Time += o.Rest.Time
	s.Covered, s.Members, s.Total = s.Covered+o.Covered, s.Members+o.Members, max(s.Total, o.Total)
	for _, x := range []struct {
		to *energy.Amount
		v  energy.Amount
	}{{&s.Amount, o.Amount}, {&s.Estimated, o.Estimated}, {&s.Meter, o.Meter}, {&s.Rest.Amount, o.Rest.Amount}, {&s.Rest.Estimated, o.Rest.Estimated}} {
		if *x.to, err = x.to.Add(x.v); err != nil {
			return err
		}
	}
	return nil
}

// Completeness is the part of a time, and of the members, that readings speak of.
func (s *Sum) Completeness(length record.Millis) float64 {
	all := float64(s.Members) + float64(max(0, length-s.Length))*float64(s.Total)
	if all == 0 {
		return 0
	}
	return float64(s.Covered) / all
}

// length is how long a row's window is, in SQL; prefix is that of its columns.
func (t Table) length(prefix string) string {
	if t.until {
		return "(" + prefix + "until - " + prefix + "start)"
	}
	return strconv.FormatInt(int64(quarter), 10)
}

// Sums adds up, in one query, the windows of points that begin in parts, by point
// and number of the part. Where nothing is kept there is no sum.
func (s *Store) Sums(ctx context.Context, points []int64, parts []Part) (map[int64]map[int]Sum, error) {
	out := make(map[int64]map[int]Sum, len(points))
	if len(points) == 0 || len(parts) == 0 {
		return out, nil
	}
	values := make([]string, len(points))
	for i, p := range points {
		values[i] = "(" + strconv.FormatInt(p, 10) + ")"
	}
	all := make([]string, len(parts))
	for i, x := range parts {
		length := x.Table.length("q.")
		all[i] = fmt.Sprintf("SELECT p.column1, %d, COUNT(q.amount), CAST(COALESCE(SUM(q.amount), 0) AS BIGINT), CAST(COALESCE(SUM(CASE WHEN q.amount IS NOT NULL THEN ABS(q.estimated) END), 0) AS BIGINT),"+
			" COUNT(q.meter), CAST(COALESCE(SUM(q.meter), 0) AS BIGINT), CAST(SUM(%s) AS BIGINT), CAST(SUM(q.covered) AS BIGINT), CAST(SUM(%s * q.total) AS BIGINT), MAX(q.total),"+
			" CAST(COALESCE(SUM(q.compared), 0) AS BIGINT), CAST(COALESCE(SUM(q.rest), 0) AS BIGINT), CAST(COALESCE(SUM(q.rest_estimated), 0) AS BIGINT)"+
			" FROM p CROSS JOIN %s q WHERE q.point = p.column1 AND q.start >= %d AND q.start < %d GROUP BY p.column1",
			x.Number, length, length, x.Table.name, x.From, x.To)
	}
	q := "WITH p AS MATERIALIZED (SELECT v.column1 FROM (VALUES " + strings.Join(values, ", ") + ") AS v) " + strings.Join(all, " UNION ALL ")
	var broken error
	err := s.scan(ctx, q, func(found *sql.Rows) error {
		var point int64
		var number int
		var x Sum
		if err := found.Scan(&point, &number, &x.Known, &x.Amount, &x.Estimated, &x.Metered, &x.Meter, &x.Length, &x.Covered, &x.Members, &x.Total, &x.Rest.Time, &x.Rest.Amount, &x.Rest.Estimated); err != nil {
			return err
		}
		if out[point] == nil {
			out[point] = make(map[int]Sum, 1)
		}
		sum := out[point][number]
		if err := sum.Add(x); err != nil {
			broken = err
		}
		out[point][number] = sum
		return nil
	})
	if err == nil && broken != nil {
		err = fmt.Errorf("add up settled windows: %w", broken)
	}
	return out, err
}
