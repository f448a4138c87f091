package app

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/wattwerk/wattwerk/settlement/figure"
)

// FiguresCmd is "wattwerk figures".
type FiguresCmd struct {
	List   FiguresListCmd   `cmd:"" help:"Show what was entered by hand."`
	Enter  FiguresEnterCmd  `cmd:"" help:"Enter an amount, or what a counter showed."`
	Delete FiguresDeleteCmd `cmd:"" help:"Delete a figure."`
}

// Help is shown by --help.
func (*FiguresCmd) Help() string {
	return `Figures of production, entered by hand: docs/reports.md.

Example:
  wattwerk figures list --sensor steel --from 2026-03-01`
}

// FiguresListCmd is "wattwerk figures list".
type FiguresListCmd struct {
	serverFlags
	Sensor string `required:"" placeholder:"ID" help:"The sensor that counts what is produced."`
	From   string `placeholder:"DATE" help:"Begin, in the zone of the site. Default: all."`
	To     string `placeholder:"DATE" help:"End, not part of it."`
	Unit   string `placeholder:"UNIT" help:"Default: the coherent one, as kg."`
	Undone bool   `help:"Those that were changed or deleted, too."`
}

// Help is shown by --help.
func (*FiguresListCmd) Help() string {
	return `Nothing that was entered is ever removed; --undone shows all of it.

Example:
  wattwerk figures list --sensor steel --from 2026-03-01 --unit t`
}

// Run lists them.
func (c *FiguresListCmd) Run(ctx context.Context, sys IO) error {
	q := url.Values{}
	for name, v := range map[string]string{"from": c.From, "to": c.To, "unit": c.Unit} {
		if v != "" {
			q.Set(name, v)
		}
	}
	if c.Undone {
		q.Set("undone", "true")
	}
	var list struct{ Items []figure.Entered }
	if err := c.figures(ctx, sys, http.MethodGet, c.Sensor, "?"+q.Encode(), nil, &list); err != nil {
		return err
	}
	t := tabwriter.NewWriter(sys.Out, 0, 0, 2, ' ', 0)
	for i := range list.Items {
		fmt.Fprintln(t, figureLine(&list.Items[i])) //nolint:errcheck // Flush reports
	}
	return t.Flush()
}

// figures asks about figures of a sensor.
func (f *serverFlags) figures(ctx context.Context, sys IO, method, sensor, rest string, body any, out any) error {
	server, err := f.connect(sys)
	if err != nil {
		return err
	}
	var data bytes.Buffer
	kind := ""
	if body != nil {
		kind = "application/json"
		if err := json.NewEncoder(&data).Encode(body); err != nil {
			return err
		}
	}
	resp, err := server.do(ctx, method, "/api/v1/sensors/"+url.PathEscape(sensor)+"/figures"+rest, kind, &data)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if out == nil {
		return nil
	}
	if err := json.NewDecoder(resp.Body).Decode(out); err != nil {
		return fmt.Errorf("read figures: %w", err)
	}
	return nil
}

func figureLine(e *figure.Entered) string {
	cells := []string{e.ID}
	if e.At != nil {
		cells = append(cells, e.At.Format(time.RFC3339), "", fmt.Sprintf("shows %.12g %s", *e.Reading, e.Unit))
	} else {
		cells = append(cells, e.From.Format(time.RFC3339), e.To.Format(time.RFC3339), fmt.Sprintf("%.12g %s", *e.Amount, e.Unit))
	}
	cells = append(cells, e.Who, e.Note)
	if e.UndoneAt != nil {
		cells = append(cells, "undone by "+e.UndoneWho+": "+e.UndoneWhy)
	}
	return strings.Join(cells, "\t")
}

// FiguresEnterCmd is "wattwerk figures enter".
type FiguresEnterCmd struct {
	serverFlags
	Sensor  string   `required:"" placeholder:"ID" help:"The sensor that counts what is produced."`
	From    string   `placeholder:"DATE" help:"Begin of the time an amount is of, in the zone of the site."`
	To      string   `placeholder:"DATE" help:"Its end, not part of it. Default: that of the day."`
	Amount  *float64 `placeholder:"NUMBER" help:"The amount."`
	At      string   `placeholder:"TIME" help:"Or: when a counter was read."`
	Reading *float64 `placeholder:"NUMBER" help:"And what it showed."`
	Unit    string   `placeholder:"UNIT" help:"Default: the coherent one, as kg."`
	Note    string   `required:"" help:"Where the figure is from, for whoever audits it."`
	Instead string   `placeholder:"FIGURE" help:"It takes the place of this one."`
}

// Help is shown by --help.
func (*FiguresEnterCmd) Help() string {
	return `An amount is divided evenly over its time and counts in the place of readings.

Examples:
  wattwerk figures enter --sensor steel --from 2026-03-01 --amount 12.4 --unit t --note "shift log, page 12"
  wattwerk figures enter --sensor steel --at 2026-04-01 --reading 48210 --unit t --note "read off the scale"`
}

// Run enters it.
func (c *FiguresEnterCmd) Run(ctx context.Context, sys IO) error {
	if (c.Amount == nil) == (c.Reading == nil) {
		return usageError{errors.New("give either an amount and its time, or a reading and when it was taken")}
	}
	method, rest := http.MethodPost, ""
	if c.Instead != "" {
		method, rest = http.MethodPut, "/"+url.PathEscape(c.Instead)
	}
	var x figure.Entered
	body := figure.Entry{From: c.From, To: c.To, Amount: c.Amount, At: c.At, Reading: c.Reading, Unit: c.Unit, Note: c.Note}
	if err := c.figures(ctx, sys, method, c.Sensor, rest, body, &x); err != nil {
		return err
	}
	_, err := fmt.Fprintln(sys.Out, strings.ReplaceAll(figureLine(&x), "\t", "  "))
	return err
}

// FiguresDeleteCmd is "wattwerk figures delete".
type FiguresDeleteCmd struct {
	serverFlags
	Sensor string `required:"" placeholder:"ID" help:"The sensor."`
	Figure string `arg:"" help:"Its identifier, as list shows it."`
	Why    string `required:"" help:"The reason, for whoever audits it."`
}

// Help is shown by --help.
func (*FiguresDeleteCmd) Help() string {
	return `It stays to be seen, with who deleted it.

Example:
  wattwerk figures delete --sensor steel i_0123456789abcdef --why "entered twice"`
}

// Run deletes it.
func (c *FiguresDeleteCmd) Run(ctx context.Context, sys IO) error {
	return c.figures(ctx, sys, http.MethodDelete, c.Sensor, "/"+url.PathEscape(c.Figure)+"?"+url.Values{"why": {c.Why}}.Encode(), nil, nil)
}
