package app

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// columns print a table. Errors are kept until flush says them.
type columns struct{ w *tabwriter.Writer }

// newColumns begins a table with its headings.
func newColumns(out io.Writer, headings ...string) columns {
	t := columns{tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)}
	fmt.Fprintln(t.w, strings.Join(headings, "\t")) //nolint:errcheck // flush reports
	return t
}

// row adds one; nothing is a hyphen.
func (t columns) row(cells ...any) {
	texts := make([]string, len(cells))
	for i, c := range cells {
		if texts[i] = fmt.Sprint(c); texts[i] == "" {
			texts[i] = "-"
		}
	}
	fmt.Fprintln(t.w, strings.Join(texts, "\t")) //nolint:errcheck // flush reports
}

// flush writes the table.
func (t columns) flush() error { return t.w.Flush() }
