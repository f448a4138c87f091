package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/wattwerk/wattwerk/internal/strict"
	"github.com/wattwerk/wattwerk/settlement/cost"
	"github.com/wattwerk/wattwerk/tariff"
	"github.com/wattwerk/wattwerk/window"
)

// TariffCmd is "wattwerk tariff".
type TariffCmd struct {
	Check TariffCheckCmd `cmd:"" help:"Say all that is wrong with a tariff, or with emission factors."`
}

// Help is shown by --help.
func (*TariffCmd) Help() string {
	return `Tariffs say what energy costs, factors what it emits. Both are documents, put into a running wattwerk at
/api/v1/tariffs/ID and /api/v1/factors/ID and assigned to sensors and groups; docs/tariffs.md has all of it.

Example:
  wattwerk tariff check day-night.yaml`
}

// TariffCheckCmd is "wattwerk tariff check".
type TariffCheckCmd struct {
	File string `arg:"" help:"The document: YAML, or JSON when its name ends in .json."`
}

// Help is shown by --help.
func (*TariffCheckCmd) Help() string {
	return `Nothing has to run for it. docs/tariffs.md shows each kind of document.

Example:
  wattwerk tariff check home.yaml`
}

// Run reads the document and says what it is.
func (c *TariffCheckCmd) Run(sys IO) error {
	data, err := os.ReadFile(c.File)
	if err != nil {
		return fmt.Errorf("read tariff: %w", err)
	}
	asJSON := filepath.Ext(c.File) == ".json"
	plans, kind, versions, err := readTariff(data, asJSON)
	if faults, ok := errors.AsType[*strict.Faults](err); ok {
		for _, s := range faults.Sentences {
			fmt.Fprintln(sys.Err, "- "+s) //nolint:errcheck // the error says it too
		}
		return fmt.Errorf("%s: %d faults", c.File, len(faults.Sentences)+faults.More)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", c.File, err)
	}
	p := plans[0]
	text := fmt.Sprintf("%s: %s %s is right: %s for %s, days of %s, %d versions, the last from %s", c.File, kind, p.ID(), p.Currency(), p.Unit(), p.Calendar().Zone(), len(versions), versions[len(versions)-1])
	var series []string
	for _, p := range plans {
		series = append(series, p.Series()...)
	}
	if len(series) > 0 {
		text += "; prices of the series " + strings.Join(series, ", ")
	}
	_, err = fmt.Fprintln(sys.Out, text)
	return err
}

// readTariff reads what is a tariff or a set of factors, which have no currency.
// Without an id it is checked as if it had one.
func readTariff(data []byte, asJSON bool) (plans []*tariff.Plan, kind string, versions []tariff.Date, err error) {
	utc := window.In(time.UTC)
	readFactors, readTariff := tariff.ReadYAML[tariff.Factors], tariff.ReadYAML[tariff.Tariff]
	if asJSON {
		readFactors, readTariff = tariff.ReadJSON[tariff.Factors], tariff.ReadJSON[tariff.Tariff]
	}
	if f, err := readFactors(data); err == nil && len(f.Versions) > 0 {
		if f.ID == "" {
			f.ID = "unnamed"
		}
		for _, basis := range []tariff.Basis{tariff.Location, tariff.Market} {
			p, err := tariff.NewFactors(f, basis, utc)
			if err != nil {
				return nil, "", nil, err
			}
			plans = append(plans, p)
		}
		for _, v := range f.Versions {
			versions = append(versions, v.From)
		}
		return plans, "factors", versions, nil
	}
	t, err := readTariff(data)
	if err != nil {
		return nil, "", nil, err
	}
	if t.ID == "" {
		t.ID = "unnamed"
	}
	p, err := tariff.New(t, utc)
	for _, v := range t.Versions {
		versions = append(versions, v.From)
	}
	return []*tariff.Plan{p}, "tariff", versions, err
}

// CostsCmd is "wattwerk costs".
type CostsCmd struct {
	serverFlags
	Group     string `placeholder:"ID" help:"The group."`
	Sensor    string `placeholder:"ID" help:"Or the sensor."`
	Hierarchy string `placeholder:"ID" help:"Hierarchy of a group that is no longer in the model."`
	From      string `placeholder:"DATE" help:"First day, in the zone of the site, or RFC 3339. Default: a day before the end."`
	To        string `placeholder:"DATE" help:"End, not part of it. Default: now."`
	Of        string `enum:"cost,location,market" default:"cost" help:"cost, or emissions by factors of the location or the market."`
	JSON      bool   `name:"json" help:"As JSON."`
}

// Help is shown by --help.
func (*CostsCmd) Help() string {
	return `Prices settled windows by what is assigned: docs/tariffs.md.

Example:
  wattwerk costs --group plant --from 2026-10-01 --to 2026-11-01`
}

// Run asks for the bill and writes it.
func (c *CostsCmd) Run(ctx context.Context, sys IO) error {
	if (c.Group == "") == (c.Sensor == "") {
		return usageError{errors.New("name either a group or a sensor")}
	}
	server, err := c.connect(sys)
	if err != nil {
		return err
	}
	path := "groups/" + url.PathEscape(c.Group)
	if c.Sensor != "" {
		path = "sensors/" + url.PathEscape(c.Sensor)
	}
	q := url.Values{"of": {c.Of}}
	for name, v := range map[string]string{"hierarchy": c.Hierarchy, "from": c.From, "to": c.To} {
		if v != "" {
			q.Set(name, v)
		}
	}
	resp, err := server.do(ctx, http.MethodGet, "/api/v1/costs/"+path+"/bill?"+q.Encode(), "", nil)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	var b cost.BillBody
	if err := json.NewDecoder(resp.Body).Decode(&b); err != nil {
		return fmt.Errorf("read bill: %w", err)
	}
	if c.JSON {
		e := json.NewEncoder(sys.Out)
		e.SetIndent("", "  ")
		return e.Encode(b)
	}
	return writeBill(sys, &b)
}

// writeBill writes a bill for people.
func writeBill(sys IO, b *cost.BillBody) error {
	zone, err := time.LoadLocation(b.Zone)
	if err != nil {
		zone = time.UTC
	}
	at := func(t time.Time) string { return strings.TrimSuffix(t.In(zone).Format("2006-01-02 15:04"), " 00:00") }
	money := func(s *string) string {
		if s == nil {
			return "not known"
		}
		return *s + " " + b.Currency
	}
	t := tabwriter.NewWriter(sys.Out, 0, 0, 2, ' ', 0)
	line := func(cells ...string) { fmt.Fprintln(t, strings.Join(cells, "\t")) } //nolint:errcheck // Flush reports
	line(fmt.Sprintf("%s to %s, %s", at(b.From), at(b.To), b.Zone))
	for _, p := range b.Parts {
		line("")
		by := ""
		if p.By != "" {
			by = fmt.Sprintf(", by its %s", p.By)
		}
		line(fmt.Sprintf("%s, revision %d, %s to %s%s", p.Document, p.Revision, at(p.From), at(p.To), by))
		for _, l := range p.Lines {
			name := l.Name
			if name == "" {
				name = l.Component
			}
			if l.Slot != "" {
				name += ", " + l.Slot
			}
			amount, price := "", ""
			switch {
			case l.Percent != "":
				price = string(l.Percent) + " %"
			case l.Quantity != "":
				amount, price = l.Quantity+" "+l.Unit, l.Price+" / "+l.Unit
			default:
				price = l.Price + " / " + l.Unit
			}
			if l.Days > 0 {
				amount = strings.TrimSpace(amount + fmt.Sprintf(" %d days", l.Days))
			}
			line("  "+name, amount, price, l.Money)
			if l.Unpriced != "" {
				line("    without a price", l.Unpriced+" "+l.Unit)
			}
		}
	}
	line("")
	line("cost", money(b.Cost))
	line("credit", money(b.Credit))
	line("total", money(b.Total))
	if u := b.Unaccounted; u != nil {
		amount := "not known"
		if u.Amount != nil {
			amount = *u.Amount + " " + b.Unit
		}
		line("unaccounted", money(u.Total), amount, fmt.Sprintf("of %.1f %% of the time by the meter", 100*u.Compared))
	}
	line("estimated", fmt.Sprintf("%.1f %% of the amounts", 100*b.EstimatedShare))
	line("complete", fmt.Sprintf("%.1f %%", 100*b.Completeness))
	if b.Unpriced > 0 {
		line("without a price", b.Missing+" "+b.Unit, fmt.Sprintf("%g h", b.Unpriced))
	}
	if b.Unassigned > 0 {
		line("nothing assigned", fmt.Sprintf("%g h", b.Unassigned))
	}
	return t.Flush()
}
