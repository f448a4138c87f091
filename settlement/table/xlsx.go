package table

import (
	"errors"
	"io"
	"time"

	"github.com/wattwerk/wattwerk/energy"
	"github.com/wattwerk/wattwerk/internal/sheet"
	"github.com/wattwerk/wattwerk/settlement/ledger"
)

// xlsxSink writes a workbook: dates by the clock of the site, with the offset
// beside them, and amounts as numbers, of which such programs show 15 digits.
type xlsxSink struct {
	to io.Writer
	w  *sheet.Writer
}

func newXLSX(to io.Writer) (*xlsxSink, error) {
	w, err := sheet.New("windows", append([]string{"kind", "hierarchy", "name", "title", "begins", "ends", "offset"}, columns[6:]...)...)
	return &xlsxSink{to, w}, err
}

func (s *xlsxSink) row(p *point, r *ledger.Row) error {
	value := func(a energy.Amount, known bool) any {
		if !known {
			return nil
		}
		return a.Float64()
	}
	rest, ok := r.Unaccounted()
	begins := r.Start.Time().In(p.zone)
	return s.w.Row(p.kind, p.hierarchy, p.name, p.title, begins, r.End.Time().In(p.zone), begins.Format("Z07:00"), p.unit,
		value(r.Amount, r.Known), value(r.Estimated, r.Known), value(r.Meter, r.Metered), value(rest, ok), p.compared(r),
		r.Average, r.Min, r.Max, p.averageUnit, r.Count, r.Completeness(), r.Members, r.Total, r.Quality.String())
}

func (s *xlsxSink) close() error {
	return errors.Join(s.w.Write(s.to), s.w.Close())
}

// longest is how long writing a workbook may take.
const longest = 2 * time.Minute
