package app

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/wattwerk/wattwerk/survey/household"
	"github.com/wattwerk/wattwerk/survey/register"
	"github.com/wattwerk/wattwerk/survey/target"
)

// SurveyStatusCmd is "wattwerk survey status".
type SurveyStatusCmd struct {
	settingsFlags
	JSON bool `name:"json" help:"A line of JSON for each device."`
}

// Help is shown by --help.
func (*SurveyStatusCmd) Help() string {
	return `A line for each device: when something came last, until when its certificate is good, and what there
is to do, in sentences. It ends with 1 when there is something to do.

Example:
  wattwerk survey status`
}

// errUnwell has the command end with 1, when all was said.
var errUnwell = errors.New("there is something to do")

// Run prints.
func (c *SurveyStatusCmd) Run(ctx context.Context, sys IO) error {
	cfg, err := c.load(sys, nil)
	if err != nil {
		return err
	}
	l := target.DefaultLimits()
	l.Silent = cfg.Survey.Silent.Std()
	return withSurvey(ctx, c.settingsFlags, sys, func(s *register.Store) error {
		t := tabwriter.NewWriter(sys.Out, 0, 0, 2, ' ', 0)
		if !c.JSON {
			fmt.Fprintln(t, "DEVICE\tHOUSEHOLD\tCONSENT\tVERSION\tLAST SEEN\tLAST SLOT\tBROKEN\tCERTIFICATE UNTIL\tTO DO") //nolint:errcheck // Flush reports
		}
		devices, unwell := 0, 0
		for after := ""; ; {
			list, next, err := target.Devices(ctx, s, l, time.Now(), after, 200)
			if err != nil {
				return err
			}
			for _, h := range list {
				devices++
				if !h.Well {
					unwell++
				}
				if c.JSON {
					if err := json.NewEncoder(sys.Out).Encode(h); err != nil {
						return err
					}
					continue
				}
				todo := "-"
				if !h.Well {
					todo = strings.Join(h.Findings, " ")
				}
				d := h.Device
				fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", d.ID, h.Household, h.Consent, orDash(d.Version), moment(d.LastSeen), moment(d.LastMeasurement), broken(d.Condition), moment(d.Expires), todo) //nolint:errcheck // Flush reports
			}
			if after = next; after == "" {
				break
			}
		}
		if err := t.Flush(); err != nil {
			return err
		}
		if unwell > 0 {
			return fmt.Errorf("%w at %d of %d devices", errUnwell, unwell, devices)
		}
		return nil
	})
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// broken is the share of broken frames at the meter that is read worst.
func broken(c *household.Condition) string {
	worst, known := 0.0, false
	if c != nil {
		for i := range c.Frames {
			if share, ok := c.Frames[i].Rate(); ok {
				worst, known = max(worst, share), true
			}
		}
	}
	if !known {
		return "-"
	}
	return strconv.FormatFloat(100*worst, 'f', 1, 64) + " %"
}

// moment is a time to the minute, UTC.
func moment(t *time.Time) string {
	if t == nil {
		return "-"
	}
	return t.UTC().Format("2006-01-02T15:04Z")
}

// SurveyReportCmd is "wattwerk survey report".
type SurveyReportCmd struct {
	settingsFlags
	From   string `help:"Begin, a date or a time (UTC). Default: the first consent." placeholder:"TIME"`
	To     string `help:"End, not part of it. Default: two hours ago; what is newer may be on its way." placeholder:"TIME"`
	Every  string `enum:",day,week" default:"" help:"The same for each day or week from the begin on: day or week." placeholder:"PART"`
	Format string `enum:"table,csv,json" default:"table" help:"table, csv or json."`
}

// Help is shown by --help.
func (*SurveyReportCmd) Help() string {
	return `The target of a meter is a measurement in each quarter of an hour from the consent on, 96 a day; that
of a device is to have sent something of each hour, 24 a day. What came late counts, and IN TIME says
how much did not. Nothing counts twice.

Examples:
  wattwerk survey report
  wattwerk survey report --from 2026-03-02 --to 2026-03-23 --every week
  wattwerk survey report --format csv > targets.csv`
}

// Run prints the report.
func (c *SurveyReportCmd) Run(ctx context.Context, sys IO) error {
	o := target.Options{Every: c.Every, Now: time.Now()}
	for _, x := range []struct {
		name, text string
		to         *time.Time
	}{{"--from", c.From, &o.From}, {"--to", c.To, &o.To}} {
		if x.text == "" {
			continue
		}
		t, err := time.Parse(time.DateOnly, x.text)
		if err != nil {
			if t, err = time.Parse(time.RFC3339, x.text); err != nil {
				return usageError{fmt.Errorf("%s %q is no time, as 2026-03-02 or 2026-03-02T12:00:00Z", x.name, x.text)}
			}
		}
		*x.to = t
	}
	return withSurvey(ctx, c.settingsFlags, sys, func(s *register.Store) error {
		r, err := target.New(ctx, s, o)
		if err != nil {
			return err
		}
		switch c.Format {
		case "json":
			e := json.NewEncoder(sys.Out)
			e.SetIndent("", "  ")
			return e.Encode(r)
		case "csv":
			return targetsCSV(sys.Out, r)
		}
		return targetsTable(sys.Out, r)
	})
}

// parts gives the heads of the parts of a report.
func parts(r *target.Fulfilment) []string {
	if r.Every == "" || len(r.Meters)+len(r.Devices) == 0 {
		return nil
	}
	step := 1
	if r.Every == "week" {
		step = 7
	}
	var out []string
	for t := r.From; t.Before(r.To); t = t.AddDate(0, 0, step) {
		out = append(out, t.Format(time.DateOnly))
	}
	return out
}

func percent(t target.Target) string {
	if t.Percent == nil {
		return "-"
	}
	return strconv.FormatFloat(*t.Percent, 'f', 2, 64) + " %"
}

func targetsTable(w io.Writer, r *target.Fulfilment) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	p := func(format string, a ...any) { fmt.Fprintf(t, format, a...) } //nolint:errcheck // Flush reports
	p("%s to %s\n\n", r.From.Format(time.RFC3339), r.To.Format(time.RFC3339))
	heads := parts(r)
	columns := func(all []target.Target) {
		for i := range heads {
			if i < len(all) {
				p("\t%s", percent(all[i]))
			} else {
				p("\t-")
			}
		}
		p("\n")
	}
	p("METER\tMODEL\tHOUSEHOLD\tCONSENT\tEXPECTED\tMEASURED\tTARGET")
	for _, h := range heads {
		p("\t%s", h)
	}
	p("\n")
	for _, m := range r.Meters {
		p("%s\t%s\t%s\t%s\t%d\t%d\t%s", m.Meter, m.Model, m.Household, m.Consent, m.Measured.Expected, m.Measured.Reached, percent(m.Measured))
		columns(m.Parts)
	}
	p("all meters\t\t\t\t%d\t%d\t%s\n\n", r.Measured.Expected, r.Measured.Reached, percent(r.Measured))
	p("DEVICE\tVERSION\tHOUSEHOLD\tIN TIME\tEXPECTED\tREPORTED\tTARGET")
	for _, h := range heads {
		p("\t%s", h)
	}
	p("\n")
	for _, d := range r.Devices {
		p("%s\t%s\t%s\t%d\t%d\t%d\t%s", d.Device, orDash(d.Version), d.Household, d.InTime, d.Reported.Expected, d.Reported.Reached, percent(d.Reported))
		columns(d.Parts)
	}
	p("all devices\t\t\t%d\t%d\t%d\t%s\n", r.InTime, r.Reported.Expected, r.Reported.Reached, percent(r.Reported))
	return t.Flush()
}

func targetsCSV(out io.Writer, r *target.Fulfilment) error {
	w := csv.NewWriter(out)
	if err := w.Write([]string{"kind", "id", "household", "from", "to", "part", "expected", "reached", "percent", "in_time"}); err != nil {
		return err
	}
	heads := parts(r)
	row := func(kind, id, home, part string, from, to *time.Time, t target.Target, inTime string) error {
		pct := ""
		if t.Percent != nil {
			pct = strconv.FormatFloat(*t.Percent, 'f', 4, 64)
		}
		return w.Write([]string{kind, id, home, stamp(from), stamp(to), part, strconv.Itoa(t.Expected), strconv.Itoa(t.Reached), pct, inTime})
	}
	for _, m := range r.Meters {
		if err := row("meter", m.Meter, m.Household, "", m.From, m.To, m.Measured, ""); err != nil {
			return err
		}
		for i, p := range m.Parts {
			if err := row("meter", m.Meter, m.Household, heads[i], nil, nil, p, ""); err != nil {
				return err
			}
		}
	}
	for _, d := range r.Devices {
		if err := row("device", d.Device, d.Household, "", d.From, d.To, d.Reported, strconv.Itoa(d.InTime)); err != nil {
			return err
		}
		for i, p := range d.Parts {
			if err := row("device", d.Device, d.Household, heads[i], nil, nil, p, ""); err != nil {
				return err
			}
		}
	}
	w.Flush()
	return w.Error()
}

func stamp(t *time.Time) string {
	if t == nil {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}
