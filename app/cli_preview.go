package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/wattwerk/wattwerk/history/imports"
	"github.com/wattwerk/wattwerk/history/transfer"
)

// preview shows what files hold. Nothing has to run for that.
func (c *ImportCmd) preview(ctx context.Context, sys IO) error {
	for _, file := range c.Files {
		if err := c.previewOne(ctx, sys, file); err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
	}
	return nil
}

func (c *ImportCmd) previewOne(ctx context.Context, sys IO, file string) error {
	if file == "-" {
		return usageError{errors.New("--preview reads a file twice: give its name")}
	}
	said, err := transfer.ParseImportOptions(c.query(file))
	if err != nil {
		return usageError{err}
	}
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close() //nolint:errcheck // only read
	var g transfer.Guess
	if said.Format == "parquet" {
		g, err = transfer.SniffParquet(f)
	} else {
		head := make([]byte, transfer.SniffBytes)
		n, rerr := io.ReadFull(f, head)
		if rerr != nil && !errors.Is(rerr, io.ErrUnexpectedEOF) && !errors.Is(rerr, io.EOF) {
			return rerr
		}
		g, err = transfer.Sniff(head[:n])
	}
	if err != nil {
		return err
	}
	o := c.guessed(g.Options, said)
	if len(o.Columns) == 0 && o.Sensor == "" {
		for _, x := range g.Columns {
			if x.Role == transfer.RoleValue {
				o.Columns = append(o.Columns, transfer.ImportColumn{Column: x.Name})
			}
		}
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return err
	}
	look, err := imports.Look(ctx, f, o)
	if err != nil {
		return err
	}
	return printPreview(sys.Out, file, g, o, look)
}

// guessed is what was said, and what was guessed where nothing was.
func (c *ImportCmd) guessed(g, said transfer.ImportOptions) transfer.ImportOptions {
	if c.Encoding == "" {
		said.Encoding = g.Encoding
	}
	if c.Delimiter == "" {
		said.Delimiter = g.Delimiter
	}
	if c.Decimal == "" {
		said.Comma = g.Comma
	}
	if c.Skip == 0 && !c.Headless {
		said.Skip, said.Headless = g.Skip, g.Headless
	}
	if c.Time == "" {
		said.Time, said.Date = g.Time, g.Date
	}
	if c.Layout == "" {
		said.Layout = g.Layout
	}
	if c.Sensor == "" && len(c.Column) == 0 {
		said.Sensor, said.Value = g.Sensor, g.Value
	}
	return said
}

// quoted shows text of a file on a terminal.
func quoted(s string) string {
	q := strconv.Quote(s)
	return q[1 : len(q)-1]
}

func printPreview(w io.Writer, file string, g transfer.Guess, o transfer.ImportOptions, look imports.ImportPreview) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	say := func(format string, a ...any) { fmt.Fprintf(t, format+"\n", a...) } //nolint:errcheck // Flush reports
	say("%s: %d rows, %d rows or values that cannot be read", file, look.Rows, look.Refused)
	var how []string
	for _, x := range []struct {
		flag, value string
		is          bool
	}{
		{"encoding", o.Encoding, o.Encoding != "" && o.Encoding != transfer.UTF8}, {"delimiter", string(o.Delimiter), o.Delimiter != 0 && o.Delimiter != ','},
		{"decimal", "comma", o.Comma}, {"skip", strconv.Itoa(o.Skip), o.Skip > 0}, {"date", o.Date, o.Date != ""}, {"time", o.Time, o.Time != ""},
		{"layout", o.Layout, o.Layout != ""}, {"sensor", o.Sensor, o.Sensor != ""}, {"value", o.Value, o.Value != ""}, {"stamp", "end", g.Options.End},
	} {
		if x.is {
			how = append(how, fmt.Sprintf("--%s %s", x.flag, strconv.Quote(x.value)))
		}
	}
	if o.Headless {
		how = append(how, "--headless")
	}
	say("read with %s; times in %s", strings.Join(how, " "), look.Zone)
	say("\nCOLUMN\tIS\tUNIT\tVALUES")
	for _, c := range g.Columns {
		is := c.Role
		if c.Role == transfer.RoleValue {
			is = c.Shape
		}
		say("%s\t%s\t%s\t%s", quoted(c.Name), is, c.Unit, quoted(strings.Join(c.Examples, " ")))
	}
	say("\nSENSOR\tVALUES\tFROM\tTO\tLEAST\tGREATEST\tSTEP\tGAPS\tTWICE\tBACKWARDS\tREFUSED")
	for _, s := range look.Series {
		if s.Count == 0 {
			say("%s\t0\t-\t-\t-\t-\t-\t-\t-\t-\t%d", quoted(string(s.Sensor)), s.Refused)
			continue
		}
		say("%s\t%d\t%s\t%s\t%g\t%g\t%v\t%d\t%d\t%d\t%d", quoted(string(s.Sensor)), s.Count, s.From.Format(time.RFC3339), s.To.Format(time.RFC3339),
			*s.Min, *s.Max, time.Duration(s.Step*float64(time.Second)), s.Gaps, s.Twice, s.Backwards, s.Refused)
	}
	for _, n := range append(g.Notes, look.Notes...) {
		say("note: %s", n)
	}
	for _, e := range look.Examples[:min(len(look.Examples), 20)] {
		say("  line %d %s: %s", e.Line, e.Sensor, quoted(e.Reason))
	}
	return t.Flush()
}
