// Package sheet writes one table as a workbook (XLSX) of one sheet.
//
// Guarantees: texts are cells of type string, which no program computes; numbers
// are numbers; times are dates by the clock they are in. A table has at most [Most]
// rows; whoever adds one more is told by [ErrRows], so that nothing is cut off
// silently. Rows are not held in memory beyond a few megabytes. A Writer is owned by
// one goroutine. It imports nothing of this project.
package sheet

import (
	"errors"
	"fmt"
	"io"
	"math"
	"time"

	"github.com/xuri/excelize/v2"
)

// Most is how many rows a table has, without its head.
const Most = 100_000

// ErrRows says that there are more rows than a workbook takes, and what to do.
var ErrRows = fmt.Errorf("these are more than %d rows, which is what a workbook takes; ask for a shorter time or longer windows, or for CSV or Parquet, which have no such limit", Most)

// Type is the media type of workbooks.
const Type = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"

// Writer writes a table.
type Writer struct {
	file   *excelize.File
	stream *excelize.StreamWriter
	cells  []any
	row    int
	when   int // style of dates
}

// New begins a table with its head.
func New(name string, heads ...string) (*Writer, error) {
	w := &Writer{file: excelize.NewFile()}
	if err := w.begin(name, heads); err != nil {
		return nil, fmt.Errorf("write workbook: %w", errors.Join(err, w.file.Close()))
	}
	return w, nil
}

func (w *Writer) begin(name string, heads []string) error {
	if err := w.file.SetSheetName("Sheet1", name); err != nil {
		return err
	}
	head, err := w.file.NewStyle(&excelize.Style{Font: &excelize.Font{Bold: true}})
	if err != nil {
		return err
	}
	if w.when, err = w.file.NewStyle(&excelize.Style{CustomNumFmt: new("yyyy-mm-dd hh:mm:ss")}); err != nil {
		return err
	}
	if w.stream, err = w.file.NewStreamWriter(name); err != nil {
		return err
	}
	if err := w.stream.SetColWidth(1, len(heads), 20); err != nil {
		return err
	}
	if err := w.stream.SetPanes(&excelize.Panes{Freeze: true, YSplit: 1, TopLeftCell: "A2", ActivePane: "bottomLeft"}); err != nil {
		return err
	}
	cells := make([]any, len(heads))
	for i, h := range heads {
		cells[i] = excelize.Cell{StyleID: head, Value: h}
	}
	w.row = 1
	return w.stream.SetRow("A1", cells)
}

// Row adds a row of texts, numbers and times. What is nil, or not a number, is an
// empty cell.
func (w *Writer) Row(values ...any) error {
	if w.row > Most {
		return ErrRows
	}
	w.row++
	w.cells = w.cells[:0]
	for _, v := range values {
		switch x := v.(type) {
		case float64:
			if math.IsNaN(x) || math.IsInf(x, 0) {
				v = nil
			}
		case time.Time:
			v = excelize.Cell{StyleID: w.when, Value: serial(x)}
		}
		w.cells = append(w.cells, v)
	}
	at, err := excelize.CoordinatesToCellName(1, w.row)
	if err == nil {
		err = w.stream.SetRow(at, w.cells)
	}
	if err != nil {
		return fmt.Errorf("write workbook: %w", err)
	}
	return nil
}

// serial is what a workbook has for what a clock shows: days since the end of 1899.
func serial(t time.Time) float64 {
	_, offset := t.Zone()
	return float64(t.UnixMilli()+int64(offset)*1000)/86_400_000 + 25_569
}

// Write ends the table and writes the workbook.
func (w *Writer) Write(to io.Writer) error {
	err := w.stream.Flush()
	if err == nil {
		err = w.file.Write(to)
	}
	if err != nil {
		return fmt.Errorf("write workbook: %w", err)
	}
	return nil
}

// Close lets go of everything.
func (w *Writer) Close() error { return w.file.Close() }
