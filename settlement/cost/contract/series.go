package contract

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/uptrace/bun"

	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/tariff"
	"github.com/wattwerk/wattwerk/window"
)

// MostQuotes is how many quotes are put or read at once: a year of quarters of
// an hour, and some.
const MostQuotes = 40_000

// Overlay is what putting quotes over others does.
type Overlay struct {
	Gone []tariff.Quote // of the old ones: they are replaced, or cut
	Add  []tariff.Quote // new ones that are not there yet, and what is left of the old ones
	// Replaced counts old ones that had another price, and Since is from when on:
	// a price that was known is another now, or none. Without one it is
	// [record.MaxTime].
	Replaced int
	Since    record.Millis
}

// Lay lays quotes over old ones. Both are in order and do not overlap among
// themselves.
func Lay(old, quotes []tariff.Quote) Overlay {
	out := Overlay{Since: record.MaxTime}
	there := make(map[tariff.Quote]bool)
	at := 0
	for _, o := range old {
		for at < len(quotes) && quotes[at].Span.To <= o.Span.From {
			at++
		}
		rest, other, touched := o.Span.From, false, false
		var left []tariff.Quote
		for k := at; k < len(quotes) && quotes[k].Span.From < o.Span.To; k++ {
			q := quotes[k]
			touched = true
			if q == o {
				there[q] = true
				rest = o.Span.To
				break
			}
			if q.Span.From > rest {
				left = append(left, tariff.Quote{Span: window.Span{From: rest, To: q.Span.From}, Known: o.Known, Price: o.Price})
			}
			rest = max(rest, q.Span.To)
			if o.Known && (!q.Known || q.Price != o.Price) {
				other = true
				out.Since = min(out.Since, max(o.Span.From, q.Span.From))
			}
		}
		if !touched || there[o] {
			continue
		}
		if rest < o.Span.To {
			left = append(left, tariff.Quote{Span: window.Span{From: rest, To: o.Span.To}, Known: o.Known, Price: o.Price})
		}
		out.Gone = append(out.Gone, o)
		out.Add = append(out.Add, left...)
		if other {
			out.Replaced++
		}
	}
	for _, q := range quotes {
		if !there[q] {
			out.Add = append(out.Add, q)
		}
	}
	return out
}

// Quotes gives what holds of a series in a span, in order: the quotes that have
// time in common with it.
func (s *Store) Quotes(ctx context.Context, series string, from, to record.Millis) ([]tariff.Quote, error) {
	out, err := quotes(ctx, s.books.DB.DB, s.books.Shared(), series, from, to)
	if err != nil {
		return nil, fmt.Errorf("read series %s: %w", series, err)
	}
	return out, nil
}

// reader is a database or a transaction, below bun, whose deadline ends with the
// first row.
type reader interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

func quotes(ctx context.Context, db reader, shared bool, series string, from, to record.Millis) ([]tariff.Quote, error) {
	name := "?"
	if shared {
		name = "$1"
	}
	// The last one that begins before may reach into the span.
	rows, err := db.QueryContext(ctx, fmt.Sprintf("SELECT start, until, value FROM cost_quotes WHERE series = %s AND gone = 0 AND start < %d AND until > %d ORDER BY start", name, to, from), series)
	if err != nil {
		return nil, err
	}
	defer rows.Close() //nolint:errcheck // rows.Err tells
	var out []tariff.Quote
	for rows.Next() {
		var start, until int64
		var value sql.NullInt64
		if err := rows.Scan(&start, &until, &value); err != nil {
			return nil, err
		}
		out = append(out, tariff.Quote{
			Span: window.Span{From: record.Millis(start), To: record.Millis(until)}, Known: value.Valid, Price: tariff.Price(value.Int64),
		})
	}
	return out, rows.Err()
}

type quoteRow struct {
	bun.BaseModel `bun:"table:cost_quotes"`
	Series        string `bun:"series,pk"`
	Start         int64  `bun:"start,pk"`
	Number        int64  `bun:"number,pk"`
	Until         int64  `bun:"until"`
	Value         *int64 `bun:"value"`
	Gone          int64  `bun:"gone"`
}

// quotesAtOnce is how many are in one statement.
const quotesAtOnce = 500

// Put lays quotes over those of a series, which it makes when it is new. It gives
// what was done; a put that changes nothing is not kept, and has number 0.
func (s *Store) Put(ctx context.Context, seen int64, p Put, all []tariff.Quote) (Put, error) {
	if len(all) == 0 {
		return p, nil
	}
	p.Begin, p.End, p.Quotes = all[0].Span.From, all[len(all)-1].Span.To, len(all)
	err := s.change(ctx, "put prices", seen, func(ctx context.Context, tx bun.Tx) error {
		old, err := quotes(ctx, tx.Tx, s.books.Shared(), p.Series, p.Begin, p.End)
		if err != nil {
			return err
		}
		o := Lay(old, all)
		p.Replaced = o.Replaced
		if len(o.Add) == 0 {
			return nil
		}
		if err := tx.NewSelect().Model((*putRow)(nil)).ColumnExpr("COALESCE(MAX(number), 0) + 1").Where("series = ?", p.Series).Scan(ctx, &p.Number); err != nil {
			return err
		}
		for rest := o.Gone; len(rest) > 0; {
			some := rest[:min(len(rest), quotesAtOnce)]
			rest = rest[len(some):]
			starts := make([]int64, len(some))
			for i, q := range some {
				starts[i] = int64(q.Span.From)
			}
			if _, err := tx.NewUpdate().Table("cost_quotes").Set("gone = ?", p.Number).
				Where("series = ? AND gone = 0 AND start IN (?)", p.Series, bun.List(starts)).Exec(ctx); err != nil {
				return err
			}
		}
		for rest := o.Add; len(rest) > 0; {
			some := rest[:min(len(rest), quotesAtOnce)]
			rest = rest[len(some):]
			rows := make([]quoteRow, len(some))
			for i, q := range some {
				rows[i] = quoteRow{Series: p.Series, Start: int64(q.Span.From), Number: p.Number, Until: int64(q.Span.To)}
				if q.Known {
					rows[i].Value = new(int64(q.Price))
				}
			}
			if _, err := tx.NewInsert().Model(&rows).Exec(ctx); err != nil {
				return err
			}
		}
		row := putRow{
			Series: p.Series, Number: p.Number, Unit: p.Unit, Begin: int64(p.Begin), End: int64(p.End), Quotes: int64(p.Quotes), Replaced: int64(p.Replaced),
			Who: p.Who, Why: p.Why, At: p.At.UnixMilli(),
		}
		_, err = tx.NewInsert().Model(&row).Exec(ctx)
		return err
	})
	return p, err
}

// Puts gives what was said of a series, the newest first.
func (s *Store) Puts(ctx context.Context, series string, limit int) ([]Put, error) {
	var rows []putRow
	if err := s.books.NewSelect().Model(&rows).Where("series = ?", series).Order("number DESC").Limit(int64(limit)).Scan(ctx); err != nil {
		return nil, fmt.Errorf("read series %s: %w", series, err)
	}
	out := make([]Put, 0, len(rows))
	for i := range rows {
		out = append(out, rows[i].put())
	}
	return out, nil
}
