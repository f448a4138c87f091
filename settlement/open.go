package settlement

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/settlement/ledger"
	"github.com/wattwerk/wattwerk/window"
)

// mostOpen bounds how much time that is not settled is computed at once.
const mostOpen = 96 * quarter

// mostLive bounds how many sensors are computed for the time that is not settled.
const mostLive = 200

// Open gives what is known of the time that is not settled yet, up to a moment:
// quarters of an hour, of which the last one speaks of the time up to the moment.
// It is computed from the readings that are there, and will be another when more
// come. There is nothing when settling is more than a day
// behind, and an error ([TooMuch]) for more sensors than may be asked often.
func (s *Service) Open(ctx context.Context, p ledger.Point, until record.Millis) ([]ledger.Row, error) {
	settled, err := s.opts.Store.Progress(ctx, ledger.Frontier)
	if err != nil || settled == 0 || until <= settled || until-settled > mostOpen {
		return nil, err
	}
	var all []window.Span
	for at := settled; at < until; at += quarter {
		all = append(all, window.Span{From: at, To: at + quarter})
	}
	m := s.opts.Catalog.State().Model
	o, err := s.outline(ctx, m)
	if err != nil {
		return nil, err
	}
	work := 0
	return o.Fine(p, all, upQuarter(until), func(id record.SensorID, all []window.Span) ([]ledger.Row, error) {
		if work++; work > mostLive {
			return nil, &tooMuch{fmt.Sprintf("more than %d sensors", mostLive)}
		}
		// Up to the moment: the newest reading holds beyond it.
		spans := slices.Clone(all)
		end := &spans[len(spans)-1].To
		*end = min(*end, until)
		rows, err := s.fineSensor(ctx, m, id, spans)
		for i := range rows {
			rows[i].End = rows[i].Start + quarter
		}
		return rows, err
	}, s.firstsOf(ctx))
}

// TooMuch tells whether an error says that a question asks for too much.
func TooMuch(err error) bool {
	_, much := errors.AsType[*tooMuch](err)
	return much
}
