package app

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/wattwerk/wattwerk/service/bills"
	"github.com/wattwerk/wattwerk/service/execution"
)

// ServiceCmd is "wattwerk service".
type ServiceCmd struct {
	List     ServiceListCmd     `cmd:"" help:"List services and whether they can be carried out now."`
	Discover ServiceDiscoverCmd `cmd:"" help:"Find out whether a service can be carried out, and what is missing."`
	Execute  ServiceExecuteCmd  `cmd:"" help:"Carry a service out, and write what comes of it as JSON."`
	Bills    ServiceBillsCmd    `cmd:"" help:"List bills, write one as JSON, or make one."`
}

// Help is shown by --help.
func (*ServiceCmd) Help() string {
	return `Energy services stand on sensors and groups: docs/services.md.

Examples:
  wattwerk service list --subject group/hall1
  wattwerk service discover S1 --subject group/hall1
  wattwerk service execute S1 --subject group/hall1 > tomorrow.json
  wattwerk service bills`
}

// ServiceListCmd is "wattwerk service list".
type ServiceListCmd struct {
	serverFlags
	Subject string `placeholder:"OBJECT" help:"For what: group/hall1, sensor/boiler, space/hall. Default: everything."`
}

// Help is shown by --help.
func (*ServiceListCmd) Help() string { return "Example:\n  wattwerk service list" }

// available is what is read of GET /availability.
type available struct {
	Services []execution.AvailabilityService `json:"services"`
}

// Run prints a table.
func (c *ServiceListCmd) Run(ctx context.Context, sys IO) error {
	server, err := c.connect(sys)
	if err != nil {
		return err
	}
	var all available
	if err := server.readJSON(ctx, http.MethodGet, "/api/v1/availability?short=true&subject="+url.QueryEscape(c.Subject), "", nil, &all); err != nil {
		return err
	}
	t := newColumns(sys.Out, "SERVICE", "NAME", "DOMAIN", "RUNS", "AVAILABLE", "QUALITY", "NEEDS", "MISSING")
	for i := range all.Services {
		s := &all.Services[i]
		missing := fmt.Sprint(len(s.Missing) + s.More)
		if s.Why != "" {
			missing = s.Why
		}
		t.row(s.SID, s.Name, s.Domain, string(s.Exec), fmt.Sprintf("%.0f %%", 100*s.Strict), fmt.Sprintf("%.0f %%", 100*s.Quality), fmt.Sprintf("%s of %d", s.Required, s.Of), missing)
	}
	return t.flush()
}

// ServiceDiscoverCmd is "wattwerk service discover".
type ServiceDiscoverCmd struct {
	serverFlags
	Service string `arg:"" help:"Which service, as S1."`
	Subject string `placeholder:"OBJECT" help:"For what: group/hall1, sensor/boiler, space/hall. Default: everything."`
	Domain  string `help:"Application domain, where the service is there for several."`
}

// Help is shown by --help.
func (*ServiceDiscoverCmd) Help() string {
	return "It fails when the service is not available.\n\nExample:\n  wattwerk service discover S3 --subject space/garage"
}

// Run prints what is missing, and what stands in.
func (c *ServiceDiscoverCmd) Run(ctx context.Context, sys IO) error {
	server, err := c.connect(sys)
	if err != nil {
		return err
	}
	q := url.Values{"sid": {c.Service}, "subject": {c.Subject}, "domain": {c.Domain}}
	var all available
	if err := server.readJSON(ctx, http.MethodGet, "/api/v1/availability?"+q.Encode(), "", nil, &all); err != nil {
		return err
	}
	for i := range all.Services {
		s := &all.Services[i]
		fmt.Fprintf(sys.Out, "%s in the domain %s: %s, %d of %d microservices usable, %s needed\n", s.SID, s.Domain, s.Exec, s.Usable, s.Of, s.Required) //nolint:errcheck // nobody listens, then
		t := newColumns(sys.Out, "MICROSERVICE", "COMPOSITE", "OBJECT", "WHAT", "SINCE")
		for _, m := range s.Missing {
			since := ""
			if m.Since > 0 {
				since = m.Since.Time().UTC().Format("2006-01-02 15:04:05")
			}
			t.row(m.MS, m.CVO, string(m.VO), "missing: "+string(m.Cause), since)
		}
		for _, x := range s.StandIns {
			t.row(x.MS, x.CVO, string(x.VO), fmt.Sprintf("%s, worth %.0f %% %s", x.Source, 100*x.Share, x.By), "")
		}
		if len(s.Missing)+len(s.StandIns) > 0 {
			if err := t.flush(); err != nil {
				return err
			}
		}
	}
	body, err := json.Marshal(execution.Wanted{Subject: c.Subject, Domain: c.Domain})
	if err != nil {
		return err
	}
	resp, err := server.do(ctx, http.MethodPost, "/api/v1/services/"+url.PathEscape(c.Service)+"/discover", "application/json", bytes.NewReader(body))
	if err != nil {
		return notBusy(err)
	}
	return resp.Body.Close()
}

// notBusy has an answer that says when to ask again be an error like others.
func notBusy(err error) error {
	var busy *busyError
	if errors.As(err, &busy) {
		return errors.New(busy.detail)
	}
	return err
}

// spanFlags are what a service is carried out for.
type spanFlags struct {
	Subject    string    `placeholder:"OBJECT" help:"For what: group/hall1, sensor/boiler, space/hall. Default: everything."`
	Domain     string    `help:"Application domain, where the service is there for several."`
	From       time.Time `format:"2006-01-02T15:04:05Z07:00" help:"Begin of the time it is about, as 2026-01-01T00:00:00+01:00. Default: as the service has it."`
	To         time.Time `format:"2006-01-02T15:04:05Z07:00" help:"First moment that is not part of it. Default: now."`
	Parameters string    `placeholder:"FILE" help:"What else the service is told, as JSON: tariffs, members, chargers."`
}

// parameters reads the file.
func (f *spanFlags) parameters() (json.RawMessage, error) {
	if f.Parameters == "" {
		return nil, nil
	}
	data, err := os.ReadFile(f.Parameters)
	if err != nil {
		return nil, fmt.Errorf("read parameters: %w", err)
	}
	if !json.Valid(data) {
		return nil, fmt.Errorf("read parameters: %s is not JSON", f.Parameters)
	}
	return data, nil
}

// ServiceExecuteCmd is "wattwerk service execute".
type ServiceExecuteCmd struct {
	serverFlags
	spanFlags
	Service string `arg:"" help:"Which service, as S1."`
}

// Help is shown by --help.
func (*ServiceExecuteCmd) Help() string {
	return `Work that cannot be done now waits until its data are back when --from and --to are given.

Example:
  wattwerk service execute S6 --subject group/hall1 --from 2025-01-01T00:00:00Z --to 2026-01-01T00:00:00Z`
}

// Run writes the result as JSON.
func (c *ServiceExecuteCmd) Run(ctx context.Context, sys IO) error {
	server, err := c.connect(sys)
	if err != nil {
		return err
	}
	r := execution.ServiceRun{Wanted: execution.Wanted{Subject: c.Subject, Domain: c.Domain}}
	if r.Parameters, err = c.parameters(); err != nil {
		return err
	}
	if !c.From.IsZero() {
		r.From = &c.From
	}
	if !c.To.IsZero() {
		r.To = &c.To
	}
	return server.copyJSON(ctx, http.MethodPost, "/api/v1/services/"+url.PathEscape(c.Service)+"/execute", r, sys.Out)
}

// copyJSON asks, and writes the answer with indents.
func (c *client) copyJSON(ctx context.Context, method, path string, body any, out io.Writer) error {
	var data io.Reader
	kind := ""
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return err
		}
		data, kind = bytes.NewReader(text), "application/json"
	}
	var answer json.RawMessage
	if err := c.readJSON(ctx, method, path, kind, data, &answer); err != nil {
		return notBusy(err)
	}
	var text bytes.Buffer
	if err := json.Indent(&text, answer, "", "  "); err != nil {
		return err
	}
	text.WriteByte('\n')
	_, err := text.WriteTo(out)
	return err
}

// ServiceBillsCmd is "wattwerk service bills".
type ServiceBillsCmd struct {
	serverFlags
	spanFlags
	Bill string `arg:"" optional:"" help:"Write this bill as JSON."`
	Make string `name:"run" placeholder:"SERVICE" help:"Make a bill of this service, for the subject and the time."`
}

// Help is shown by --help.
func (*ServiceBillsCmd) Help() string {
	return `A bill that there is already is made anew: another revision when something is different.

Examples:
  wattwerk service bills
  wattwerk service bills 3f0c9a1be2d4a5b6c7d8
  wattwerk service bills --run S4 --subject group/community --from 2026-01-01T00:00:00+01:00 --to 2026-02-01T00:00:00+01:00 --parameters community.json`
}

// Run lists, writes or makes bills.
func (c *ServiceBillsCmd) Run(ctx context.Context, sys IO) error {
	server, err := c.connect(sys)
	if err != nil {
		return err
	}
	switch {
	case c.Make != "":
		if c.From.IsZero() || c.To.IsZero() {
			return usageError{errors.New("a bill is for a time: --from and --to")}
		}
		a := bills.Asked{Service: c.Make, Domain: c.Domain, Subject: c.Subject, From: c.From, To: c.To}
		if a.Parameters, err = c.parameters(); err != nil {
			return err
		}
		return server.copyJSON(ctx, http.MethodPost, "/api/v1/bills", a, sys.Out)
	case c.Bill != "":
		return server.copyJSON(ctx, http.MethodGet, "/api/v1/bills/"+url.PathEscape(c.Bill), nil, sys.Out)
	}
	var all struct {
		Bills []bills.BillItem `json:"bills"`
	}
	if err := server.readJSON(ctx, http.MethodGet, "/api/v1/bills?subject="+url.QueryEscape(c.Subject), "", nil, &all); err != nil {
		return err
	}
	t := newColumns(sys.Out, "BILL", "SERVICE", "SUBJECT", "FROM", "TO", "REVISION", "MADE", "NOTE")
	for _, b := range all.Bills {
		day := func(t time.Time) string { return t.UTC().Format("2006-01-02 15:04") }
		t.row(b.ID, b.Service, strings.TrimSpace(b.Subject+" "+b.Name), day(b.From), day(b.To), fmt.Sprint(b.Revision), day(b.Made), b.Note)
	}
	return t.flush()
}
