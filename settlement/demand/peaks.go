package demand

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/danielgtaylor/huma/v2"

	"github.com/wattwerk/wattwerk/energy"
	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/settlement/ledger"
	"github.com/wattwerk/wattwerk/window"
)

// mostMonths is how many months are told of at once.
const mostMonths = 60

// rolling is how many months the rolling maximum is of.
const rolling = 12

// mostMembers bounds the work on who contributed, as months times members.
const mostMembers = 200_000

// Month is what is known of a calendar month.
type Month struct {
	window.Span
	To      record.Millis // of what of it is settled
	Totals  ledger.Totals
	Highest []ledger.Row // the highest first
	Rolling Rolling
}

// Rolling is the highest demand of the twelve months that end with a month.
type Rolling struct {
	From         record.Millis
	Known        bool        // something is
	Highest      *ledger.Row // nil: none is above zero
	Completeness float64     // of what is settled of the twelve months
}

// Months gives the highest demands of the months that touch a span, n of each.
// settled is up to when windows are settled.
func (s *Service) months(ctx context.Context, x *subject, f ledger.Flow, from, to record.Millis, n int) (months []Month, settled record.Millis, err error) {
	first := x.calendar.Span(window.Month, from)
	count := 0
	for range x.calendar.Spans(window.Month, from, to) {
		if count++; count > mostMonths {
			return nil, 0, huma.Error422UnprocessableEntity(fmt.Sprintf("more than %d months; ask for a shorter time", mostMonths))
		}
	}
	if settled, err = s.opts.Store.Progress(ctx, ledger.Frontier); err != nil {
		return nil, 0, err
	}
	for range rolling - 1 {
		first = x.calendar.Prev(window.Month, first)
	}
	for at := first; at.From < to; at = x.calendar.Next(window.Month, at) {
		m := Month{Span: at, To: min(at.To, max(settled, at.From))}
		if x.id != 0 && m.To > at.From {
			if m.Totals, err = s.opts.Store.Totals(ctx, ledger.Quarters, f, x.id, at.From, m.To); err != nil {
				return nil, 0, err
			}
		}
		if m.Totals.Known > 0 {
			if m.Highest, err = s.opts.Store.Highest(ctx, f, x.id, at.From, m.To, n); err != nil {
				return nil, 0, err
			}
		}
		months = append(months, m)
	}
	for i := rolling - 1; i < len(months); i++ {
		months[i].Rolling = roll(f, months[i-rolling+1:i+1])
	}
	return months[rolling-1:], settled, nil
}

// roll looks for the highest of some months that follow one another.
func roll(f ledger.Flow, months []Month) Rolling {
	out := Rolling{From: months[0].From}
	var covered float64
	var length record.Millis
	for i := range months {
		m := &months[i]
		covered += m.Totals.Completeness(m.From, m.To) * float64(m.To-m.From)
		length += m.To - m.From
		out.Known = out.Known || m.Totals.Known > 0
		if len(m.Highest) == 0 {
			continue
		}
		if r := &m.Highest[0]; out.Highest == nil || f.Of(r.Amount) > f.Of(out.Highest.Amount) {
			out.Highest = r
		}
	}
	if length > 0 {
		out.Completeness = covered / float64(length)
	}
	return out
}

// Contributor is a member of a group, with what it adds to the group's amount of
// a quarter.
type Contributor struct {
	ledger.Point
	Meter  string // that stands for it; empty: none
	Sign   int8
	Row    *ledger.Row // what counts for it; nil: nothing is known
	Amount energy.Amount
}

// Contributors are the members of a group in a quarter.
type Contributors struct {
	Group   *ledger.Row // nil: nothing is known
	Members []Contributor
	Unknown int // of them, that have no amount
	Meter   record.SensorID
}

// contributors gives the members of a group in a quarter, those first that add
// most to what counts.
func (s *Service) contributors(ctx context.Context, x *subject, f ledger.Flow, start record.Millis, most int) (c Contributors, err error) {
	members, meter, err := s.opts.Trees.Members(ctx, x.Hierarchy, x.Name, start)
	if err != nil {
		return c, err
	}
	if len(members) > most {
		return c, huma.Error422UnprocessableEntity(fmt.Sprintf("the group has %d members, too many for so many quarters; ask for fewer months, or with contributors=0", len(members)))
	}
	points := make([]ledger.Point, len(members)+1)
	for i, m := range members {
		points[i] = m.By
	}
	points[len(members)] = x.Point
	ids, err := s.opts.Store.IDs(ctx, points, false)
	if err != nil {
		return c, err
	}
	rows, err := s.opts.Store.At(ctx, slices.DeleteFunc(slices.Clone(ids), func(id int64) bool { return id == 0 }), start)
	if err != nil {
		return c, err
	}
	if r, ok := rows[x.id]; ok && x.id != 0 {
		c.Group = &r
	}
	c.Meter = meter
	for i, m := range members {
		k := Contributor{Point: m.Point, Sign: m.Sign}
		if m.By != m.Point {
			k.Meter = m.By.Name
		}
		if r, ok := rows[ids[i]]; ok && r.Known && ids[i] != 0 {
			k.Row, k.Amount = &r, r.Amount
			if m.Sign < 0 {
				k.Amount = -k.Amount
			}
		} else {
			c.Unknown++
		}
		c.Members = append(c.Members, k)
	}
	slices.SortStableFunc(c.Members, func(a, b Contributor) int {
		if (a.Row == nil) != (b.Row == nil) {
			if a.Row == nil {
				return 1
			}
			return -1
		}
		p, q := a.Amount, b.Amount
		if f == ledger.Export {
			p, q = -p, -q
		}
		return cmp.Or(cmp.Compare(q, p), cmp.Compare(a.Name, b.Name))
	})
	return c, nil
}

// share is a part of a whole; NaN when that is nothing.
func share(part, whole energy.Amount) float64 {
	if whole == 0 {
		return math.NaN()
	}
	return float64(part) / float64(whole)
}
