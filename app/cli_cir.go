package app

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"

	"github.com/wattwerk/wattwerk/cir"
	"github.com/wattwerk/wattwerk/cir/item"
)

// CIRCmd is "wattwerk cir".
type CIRCmd struct {
	Show   CIRShowCmd   `cmd:"" help:"Show what systems call a thing, and its newest readings."`
	Export CIRExportCmd `cmd:"" help:"Write entries as CSV."`
	Import CIRImportCmd `cmd:"" help:"Bring entries in from CSV."`
}

// Help is shown by --help.
func (*CIRCmd) Help() string {
	return `The registry of identifiers knows what other systems call what is measured here: docs/cir.md.

Examples:
  wattwerk cir show 01936f4e-8c00-7abc-8def-0123456789ab
  wattwerk cir export --registry plant > plant.csv
  wattwerk cir import --dry-run plant.csv`
}

// CIRShowCmd is "wattwerk cir show".
type CIRShowCmd struct {
	serverFlags
	CIRID string `arg:"" help:"The UUID that all entries of the thing share."`
}

// Help is shown by --help.
func (*CIRShowCmd) Help() string {
	return "Example:\n  wattwerk cir show 01936f4e-8c00-7abc-8def-0123456789ab"
}

// Run prints a table.
func (c *CIRShowCmd) Run(ctx context.Context, sys IO) error {
	server, err := c.connect(sys)
	if err != nil {
		return err
	}
	var g cir.Gathered
	if err := server.readJSON(ctx, http.MethodGet, "/api/v1/cir/"+url.PathEscape(c.CIRID), "", nil, &g); err != nil {
		return err
	}
	t := newColumns(sys.Out, "SOURCE", "ID", "NAME", "CATEGORY", "REGISTRY", "STATE", "NEWEST READING")
	for i := range g.Entries {
		e := &g.Entries[i]
		state, newest := "", ""
		if on := e.Entry.Inactive; on != nil && *on {
			state = "inactive"
		}
		for _, s := range e.Series {
			if s.Value != nil && s.Time != nil {
				newest = fmt.Sprintf("%g %s at %s", *s.Value, s.Unit, s.Time.UTC().Format("2006-01-02 15:04:05"))
			}
		}
		t.row(e.Entry.SourceID, e.Entry.IDInSource, item.Text(e.Entry.Name), e.CategoryID, e.RegistryID, state, newest)
	}
	if err := t.flush(); err != nil || len(g.Possible) == 0 {
		return err
	}
	p := newColumns(sys.Out, "\nPOSSIBLY", "ID", "LIKELY", "SAYS")
	for _, x := range g.Possible {
		likely := ""
		if x.PercentLikelihood != nil {
			likely = fmt.Sprintf("%g %%", *x.PercentLikelihood)
		}
		p.row(x.SourceID, x.IDInSource, likely, x.SaysSourceID+" "+x.SaysIDInSource)
	}
	return p.flush()
}

// readJSON asks for what is JSON.
func (c *client) readJSON(ctx context.Context, method, path, contentType string, body io.Reader, out any) error {
	resp, err := c.do(ctx, method, path, contentType, body)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(resp.Body).Decode(out); err != nil {
		return fmt.Errorf("%s %s: read answer: %w", method, path, err)
	}
	return nil
}

// CIRExportCmd is "wattwerk cir export".
type CIRExportCmd struct {
	serverFlags
	Registry string `placeholder:"PATTERN" help:"Only those of such a registry."`
	Category string `placeholder:"PATTERN" help:"Only those of such a category."`
	Source   string `placeholder:"PATTERN" help:"Only those of such a source."`
}

// Help is shown by --help.
func (*CIRExportCmd) Help() string {
	return `In patterns . stands for any character, * + ? say how often what stands before comes.

Example:
  wattwerk cir export --source 'erp.*' > erp.csv`
}

// Run copies the table to standard output.
func (c *CIRExportCmd) Run(ctx context.Context, sys IO) error {
	server, err := c.connect(sys)
	if err != nil {
		return err
	}
	q := url.Values{}
	for name, v := range map[string]string{"registry": c.Registry, "category": c.Category, "source": c.Source} {
		if v != "" {
			q.Set(name, v)
		}
	}
	resp, err := server.do(ctx, http.MethodGet, "/api/v1/cir/export?"+q.Encode(), "", nil)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if _, err := io.Copy(sys.Out, resp.Body); err != nil {
		return fmt.Errorf("export entries: %w", err)
	}
	return nil
}

// CIRImportCmd is "wattwerk cir import".
type CIRImportCmd struct {
	serverFlags
	File   string `arg:"" help:"The file; - is standard input."`
	DryRun bool   `help:"Only say what would be done."`
}

// Help is shown by --help.
func (*CIRImportCmd) Help() string {
	return `The first line names the columns, docs/cir.md says which there are. All rows are brought in, or none.

Example:
  wattwerk cir import --dry-run plant.csv`
}

// Run sends the file.
func (c *CIRImportCmd) Run(ctx context.Context, sys IO) error {
	server, err := c.connect(sys)
	if err != nil {
		return err
	}
	in := sys.In
	if c.File != "-" {
		f, err := os.Open(c.File)
		if err != nil {
			return err
		}
		defer f.Close() //nolint:errcheck // it was only read
		in = f
	}
	var out item.Imported
	if err := server.readJSON(ctx, http.MethodPost, fmt.Sprintf("/api/v1/cir/import?dry_run=%v", c.DryRun), "text/csv", in, &out); err != nil {
		return err
	}
	for _, f := range out.Faults {
		fmt.Fprintf(sys.Err, "line %d: %s\n", f.Line, f.Text) //nolint:errcheck // nowhere else to say it
	}
	if n := len(out.Faults) + out.More; n > 0 {
		return fmt.Errorf("nothing was imported: %d of %d rows are wrong", n, out.Rows)
	}
	what := fmt.Sprintf("%d created, %d updated, %d unchanged", out.Created, out.Updated, out.Unchanged)
	switch {
	case out.DryRun:
		what += "; nothing was changed, this was a trial"
	case out.Change != 0:
		what += fmt.Sprintf("; change %d", out.Change)
	}
	_, err = fmt.Fprintln(sys.Out, what)
	return err
}
