package transfer

import (
	"errors"
	"io"
	"time"

	"github.com/wattwerk/wattwerk/history"
	"github.com/wattwerk/wattwerk/internal/sheet"
)

// sheetSink writes a workbook with times in UTC.
type sheetSink struct {
	to    io.Writer
	w     *sheet.Writer
	cells []any
}

func newSheetSink(to io.Writer, o ExportOptions) (*sheetSink, error) {
	unit := ""
	if o.Unit != "" {
		unit = " [" + o.Unit + "]"
	}
	heads := []string{"time (UTC)", o.Series.Name + unit}
	if o.Series.Metric != history.Record {
		heads = heads[:1]
		for _, m := range tickColumns {
			name := columnName(m)
			if m != history.Count && m != history.Total {
				name += unit
			}
			heads = append(heads, name)
		}
	}
	w, err := sheet.New("readings", heads...)
	return &sheetSink{to: to, w: w}, err
}

func (s *sheetSink) row(t int64, values []float64) error {
	s.cells = append(s.cells[:0], time.UnixMilli(t).UTC())
	for _, v := range values {
		s.cells = append(s.cells, v)
	}
	return s.w.Row(s.cells...)
}

func (s *sheetSink) close() error { return errors.Join(s.w.Write(s.to), s.w.Close()) }
