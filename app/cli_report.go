package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
)

// ReportCmd is "wattwerk report".
type ReportCmd struct {
	serverFlags
	Group     string `placeholder:"ID" help:"The group."`
	Sensor    string `placeholder:"ID" help:"Or the sensor."`
	Hierarchy string `placeholder:"ID" help:"Hierarchy of a group that is no longer in the model."`
	Period    string `required:"" help:"A day as 2026-10-31, a week as 2026-W44, a month as 2026-10 or a year as 2026."`
	Format    string `enum:"html,csv,xlsx,json" default:"html" help:"html, csv, xlsx or json."`
	Language  string `enum:"en,de" default:"en" help:"Of HTML and XLSX: en or de."`
	Out       string `default:"-" placeholder:"FILE" help:"Where to; - is the standard output."`
}

// Help is shown by --help.
func (*ReportCmd) Help() string {
	return `Reports are made of settled windows: docs/reports.md says how to read them.

Example:
  wattwerk report --group plant --period 2026-10 --out october.html`
}

// Run asks for the report and writes it.
func (c *ReportCmd) Run(ctx context.Context, sys IO) error {
	if (c.Group == "") == (c.Sensor == "") {
		return usageError{errors.New("name either a group or a sensor")}
	}
	server, err := c.connect(sys)
	if err != nil {
		return err
	}
	path, id := "groups/", c.Group
	if c.Sensor != "" {
		path, id = "sensors/", c.Sensor
	}
	q := url.Values{"language": {c.Language}}
	if c.Hierarchy != "" {
		q.Set("hierarchy", c.Hierarchy)
	}
	resp, err := server.do(ctx, http.MethodGet, "/api/v1/reports/"+path+url.PathEscape(id)+"/"+url.PathEscape(c.Period+"."+c.Format)+"?"+q.Encode(), "", nil)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if c.Out == "-" {
		_, err = io.Copy(sys.Out, resp.Body)
		return err
	}
	return writeWhole(c.Out, resp.Body)
}

// writeWhole writes a file that is there when all of it is.
func writeWhole(path string, from io.Reader) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), ".report-*")
	if err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(f.Name()))
		}
	}()
	_, err = io.Copy(f, from)
	if err = errors.Join(err, f.Chmod(0o644), f.Close()); err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	return os.Rename(f.Name(), path)
}
