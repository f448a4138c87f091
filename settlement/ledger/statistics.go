package ledger

import (
	"context"
	"database/sql"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/window"
)

// Cells say by what of the clock on the wall quarters of an hour are put
// together.
type Cells uint8

// The cells there are. Weeks begin on Monday at midnight.
const (
	HourOfDay  Cells = iota // 24
	DayOfWeek               // 7
	HourOfWeek              // 168: 24 of Monday, 24 of Tuesday, …
)

// length and number of the cells.
func (c Cells) shape() (length record.Millis, n int) {
	switch c {
	case HourOfDay:
		return hour, 24
	case DayOfWeek:
		return 24 * hour, 7
	}
	return hour, 7 * 24
}

// Count is how many there are.
func (c Cells) Count() int {
	_, n := c.shape()
	return n
}

const (
	hour   = 4 * quarter
	monday = 3 * 24 * hour // from the Monday before 1970 until 1970
)

// Of gives the cell of a time by a clock that is so many ms ahead of UTC.
func (c Cells) Of(at record.Millis, offset int64) int {
	length, n := c.shape()
	return int((at + record.Millis(offset) + 7*24*hour + monday) / length % record.Millis(n))
}

// expression is Of in SQL, for the column start.
func (c Cells) expression(clock []window.Steady) string {
	length, n := c.shape()
	return fmt.Sprintf("((q.start + %s + %d) / %d) %% %d", offset(clock), 7*24*hour+monday, length, n)
}

// offset is that of the clock at the column start, found in as few comparisons
// as can be.
func offset(clock []window.Steady) string {
	if len(clock) == 1 {
		return "(" + strconv.FormatInt(clock[0].Offset, 10) + ")"
	}
	half := len(clock) / 2
	return fmt.Sprintf("CASE WHEN q.start < %d THEN %s ELSE %s END", clock[half].From, offset(clock[:half]), offset(clock[half:]))
}

// Cell is what the quarters of an hour of a cell come to.
type Cell struct {
	Quarters     int     // that have a mean
	Mean         float64 // of their means, each weighted by the time that readings speak of; NaN: none is known
	Variance     float64 // population variance of those means, weighted in the same way; NaN: none is known
	Min, Max     float64 // the least and the greatest mean of a quarter; NaN: none is known
	Completeness float64 // part of the cell's time in the span, of all members, that readings speak of
	Estimated    float64 // part of the amounts, both without sign, that was not measured in its quarter; NaN: there are none
}

// Statistics puts the quarters of points that begin in a span into cells, by the
// clock of a calendar, in one query. Points of which nothing is kept are left
// out.
//
// A quarter that says nothing of what it covers, as one that a counter is spread
// over, has the weight of all of it.
func (s *Store) Statistics(ctx context.Context, points []int64, by Cells, c window.Calendar, from, to record.Millis) (map[int64][]Cell, error) {
	out := make(map[int64][]Cell, len(points))
	clock := c.Offsets(from, to)
	if len(points) == 0 || len(clock) == 0 {
		return out, nil
	}
	quarters := by.quarters(clock)
	points = slices.Clone(points)
	slices.Sort(points)
	points = slices.Compact(points)
	values := make([]string, len(points))
	for i, p := range points {
		values[i] = "(" + strconv.FormatInt(p, 10) + ")"
	}
	span := fmt.Sprintf("start >= %d AND start < %d", from, to)
	// Squares are summed up of distances from the mean of all, so that no digits
	// are lost where values are large and vary little.
	q := "WITH p AS MATERIALIZED (SELECT v.column1 AS point, (SELECT AVG(average) FROM settled_quarters WHERE point = v.column1 AND " + span + ") AS centre FROM (VALUES " + strings.Join(values, ", ") + ") AS v)" +
		" SELECT point, cell, COUNT(*), COUNT(d), MAX(centre), SUM(CASE WHEN d IS NOT NULL THEN w END), SUM(w * d), SUM(w * d * d), MIN(average), MAX(average)," +
		" SUM(CAST(covered AS DOUBLE PRECISION)), CAST(SUM(total) AS BIGINT), MAX(total)," +
		" SUM(CAST(ABS(estimated) AS DOUBLE PRECISION)), SUM(CAST(ABS(amount) AS DOUBLE PRECISION))" +
		" FROM (SELECT p.point AS point, " + by.expression(clock) + " AS cell, p.centre AS centre, q.average AS average, q.average - p.centre AS d," +
		" CASE WHEN q.covered > 0 THEN CAST(q.covered AS DOUBLE PRECISION) / CASE WHEN q.total > 1 THEN q.total ELSE 1 END ELSE " + strconv.FormatInt(int64(quarter), 10) + " END AS w," +
		" q.covered AS covered, q.total AS total, q.amount AS amount, CASE WHEN q.amount IS NOT NULL THEN q.estimated END AS estimated" +
		" FROM p JOIN settled_quarters q ON q.point = p.point WHERE q." + strings.ReplaceAll(span, "AND start", "AND q.start") + ") AS x GROUP BY point, cell"
	err := s.scan(ctx, q, func(found *sql.Rows) error {
		var point, total, most int64
		var cell, rows int
		var centre, weight, sum, squares, least, greatest, estimated, amount sql.NullFloat64
		var covered float64
		var k Cell
		if err := found.Scan(&point, &cell, &rows, &k.Quarters, &centre, &weight, &sum, &squares, &least, &greatest, &covered, &total, &most, &estimated, &amount); err != nil {
			return err
		}
		d := sum.Float64 / weight.Float64 // NaN when there is no weight
		k.Mean, k.Variance = centre.Float64+d, max(0, squares.Float64/weight.Float64-d*d)
		if k.Min, k.Max, k.Estimated = float(least), float(greatest), math.NaN(); amount.Float64 > 0 {
			k.Estimated = min(1, estimated.Float64/amount.Float64) // members that cancel one another may have more
		}
		if missing := int64(quarters[cell] - rows); total+missing*most > 0 {
			k.Completeness = covered / (float64(quarter) * float64(total+missing*most))
		}
		if out[point] == nil {
			out[point] = NoCells(by)
		}
		out[point][cell] = k
		return nil
	})
	return out, err
}

// NoCells are cells of which nothing is known.
func NoCells(by Cells) []Cell {
	out := make([]Cell, by.Count())
	for i := range out {
		out[i] = Cell{Mean: math.NaN(), Variance: math.NaN(), Min: math.NaN(), Max: math.NaN(), Estimated: math.NaN()}
	}
	return out
}

// quarters counts those that begin in each cell.
func (c Cells) quarters(clock []window.Steady) []int {
	out := make([]int, c.Count())
	for _, x := range clock {
		for at := (x.From + quarter - 1) / quarter * quarter; at < x.To; at += quarter {
			out[c.Of(at, x.Offset)]++
		}
	}
	return out
}
