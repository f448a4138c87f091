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

// Flow says which way an amount counts.
type Flow uint8

// The flows there are.
const (
	Import Flow = iota // what is drawn: an amount below zero counts as zero
	Export             // what is fed in: the other sign, and above zero counts as zero
	Net                // both, with the sign
)

// value is the amount of a quarter in SQL, as it counts; null when it is not
// known.
func (f Flow) value() string {
	switch f {
	case Export:
		return "CASE WHEN amount > 0 THEN 0 ELSE -amount END"
	case Net:
		return "amount"
	}
	return "CASE WHEN amount < 0 THEN 0 ELSE amount END"
}

// Of is an amount as it counts.
func (f Flow) Of(a energy.Amount) energy.Amount {
	switch f {
	case Export:
		return max(-a, 0)
	case Net:
		return a
	}
	return max(a, 0)
}

// Totals are what the windows of a point in a span come to.
type Totals struct {
	Rows      int // windows about which something is known
	Known     int // that have an amount
	Uncertain int // of them with a part that was not measured in them
	Amount    energy.Amount
	Estimated energy.Amount // part of the amounts, without sign, that was not measured in its quarter
	Covered   int64         // ms, over all members
	Length    record.Millis // of windows about which something is known
	Members   int64         // ms of those windows, times their members
	Total     uint32        // members, at most
}

// Completeness is the part of a span, of all members, that readings speak of. Of
// time about which nothing is known, the members are those of the most.
func (t *Totals) Completeness(from, to record.Millis) float64 {
	s := Sum{Length: t.Length, Covered: t.Covered, Members: t.Members, Total: t.Total}
	return s.Completeness(to - from)
}

func between(point int64, from, to record.Millis) string {
	return fmt.Sprintf("point = %d AND start >= %d AND start < %d", point, from, to)
}

// Add adds what others come to.
func (t *Totals) Add(o Totals) (err error) {
	t.Rows, t.Known, t.Uncertain = t.Rows+o.Rows, t.Known+o.Known, t.Uncertain+o.Uncertain
	t.Covered, t.Total = t.Covered+o.Covered, max(t.Total, o.Total)
	t.Length, t.Members = t.Length+o.Length, t.Members+o.Members
	if t.Amount, err = t.Amount.Add(o.Amount); err == nil {
		t.Estimated, err = t.Estimated.Add(o.Estimated)
	}
	return err
}

// Totals adds up the windows of a point that begin in a span.
func (s *Store) Totals(ctx context.Context, table Table, f Flow, point int64, from, to record.Millis) (t Totals, err error) {
	length := table.length("")
	q := fmt.Sprintf("SELECT COUNT(*), COUNT(amount), COUNT(CASE WHEN amount IS NOT NULL AND estimated <> 0 THEN 1 END), CAST(COALESCE(SUM(%s), 0) AS BIGINT),"+
		" CAST(COALESCE(SUM(CASE WHEN amount IS NOT NULL THEN ABS(estimated) END), 0) AS BIGINT), CAST(COALESCE(SUM(covered), 0) AS BIGINT), COALESCE(MAX(total), 0),"+
		" CAST(COALESCE(SUM(%s), 0) AS BIGINT), CAST(COALESCE(SUM(%s * total), 0) AS BIGINT)"+
		" FROM %s WHERE %s", f.value(), length, length, table.name, between(point, from, to))
	err = s.scan(ctx, q, func(found *sql.Rows) error {
		return found.Scan(&t.Rows, &t.Known, &t.Uncertain, &t.Amount, &t.Estimated, &t.Covered, &t.Total, &t.Length, &t.Members)
	})
	return t, err
}

// Highest gives the n quarters of a point in a span with the highest amounts
// above zero, as they count, the highest first; of equal ones the earlier.
func (s *Store) Highest(ctx context.Context, f Flow, point int64, from, to record.Millis, n int) (rows []Row, err error) {
	which, order := "amount > 0", "amount DESC"
	if f == Export {
		which, order = "amount < 0", "amount"
	}
	q := fmt.Sprintf("SELECT %s FROM settled_quarters WHERE %s AND %s ORDER BY %s, start LIMIT %d", Quarters.columns(), between(point, from, to), which, order, n)
	err = s.scan(ctx, q, func(found *sql.Rows) error {
		r, err := Quarters.row(found)
		rows = append(rows, r)
		return err
	})
	return rows, err
}

// Ranked gives the amounts at ranks, as they count, of the quarters of a point
// in a span whose amount is known: rank 1 is the highest. The ranks rise; one
// that is larger than the number of quarters is left out.
func (s *Store) Ranked(ctx context.Context, f Flow, point int64, from, to record.Millis, ranks []int) ([]energy.Amount, error) {
	if len(ranks) == 0 {
		return nil, nil
	}
	list := make([]string, len(ranks))
	for i, r := range ranks {
		list[i] = strconv.Itoa(r)
	}
	q := fmt.Sprintf("SELECT v FROM (SELECT v, ROW_NUMBER() OVER (ORDER BY v DESC) AS place FROM (SELECT %s AS v FROM settled_quarters WHERE %s AND amount IS NOT NULL) AS a) AS b"+
		" WHERE place IN (%s) ORDER BY place", f.value(), between(point, from, to), strings.Join(list, ", "))
	out := make([]energy.Amount, 0, len(ranks))
	err := s.scan(ctx, q, func(found *sql.Rows) error {
		var a energy.Amount
		err := found.Scan(&a)
		out = append(out, a)
		return err
	})
	return out, err
}

// Above counts, for each level, the quarters of a point in a span whose amount,
// as it counts, is above it.
func (s *Store) Above(ctx context.Context, f Flow, point int64, from, to record.Millis, levels []energy.Amount) ([]int, error) {
	if len(levels) == 0 {
		return nil, nil
	}
	counts := make([]string, len(levels))
	out, into := make([]int, len(levels)), make([]any, len(levels))
	for i, l := range levels {
		counts[i], into[i] = fmt.Sprintf("COUNT(CASE WHEN v > %d THEN 1 END)", l), &out[i]
	}
	q := fmt.Sprintf("SELECT %s FROM (SELECT %s AS v FROM settled_quarters WHERE %s) AS a", strings.Join(counts, ", "), f.value(), between(point, from, to))
	return out, s.scan(ctx, q, func(found *sql.Rows) error { return found.Scan(into...) })
}

// At gives the rows of points for one quarter, by their number.
func (s *Store) At(ctx context.Context, points []int64, start record.Millis) (map[int64]Row, error) {
	out := make(map[int64]Row, len(points))
	for len(points) > 0 {
		some := points[:min(len(points), 500)]
		points = points[len(some):]
		list := make([]string, len(some))
		for i, p := range some {
			list[i] = strconv.FormatInt(p, 10)
		}
		q := fmt.Sprintf("SELECT %s, point FROM settled_quarters WHERE point IN (%s) AND start = %d", Quarters.columns(), strings.Join(list, ", "), start)
		err := s.scan(ctx, q, func(found *sql.Rows) error {
			var p int64
			r, err := Quarters.row(found, &p)
			out[p] = r
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}
