package desk

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/wattwerk/wattwerk/internal/problem"
	"github.com/wattwerk/wattwerk/internal/sqldb"
	"github.com/wattwerk/wattwerk/settlement/ledger"
	"github.com/wattwerk/wattwerk/settlement/report"
	"github.com/wattwerk/wattwerk/settlement/report/form"
	"github.com/wattwerk/wattwerk/settlement/report/indicator"
)

var (
	mayRead    = []map[string][]string{{"wattwerk": {"read"}}}
	mayOperate = []map[string][]string{{"wattwerk": {"operate"}}}
)

// refuse is the one place where an error becomes a status.
func refuse(err error) error {
	var status huma.StatusError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &status):
		return err
	case errors.Is(err, report.ErrNotFound):
		return huma.Error404NotFound(err.Error())
	case errors.Is(err, errChanged):
		return huma.Error412PreconditionFailed(err.Error())
	case errors.Is(err, report.ErrInvalid):
		return huma.Error422UnprocessableEntity(err.Error())
	case sqldb.Down(err):
		return problem.DatabaseAway()
	}
	return huma.Error500InternalServerError("the report was not made", err)
}

func op(id, method, path, summary, description string, errs ...int) huma.Operation {
	may := mayOperate
	if method == http.MethodGet {
		may = mayRead
	}
	return huma.Operation{
		OperationID: id, Method: method, Path: "/api/v1/reports/" + path, Summary: summary, Description: description, Tags: []string{"reports"},
		Security: may, Errors: append(errs, 503), MaxBodyBytes: 1 << 18, BodyReadTimeout: 30 * time.Second,
	}
}

// Form says how a report is wanted.
type Form struct {
	Accept   string `header:"Accept" doc:"The format, when the period has no extension: application/json (default), text/html, text/csv, application/vnd.openxmlformats-officedocument.spreadsheetml.sheet" maxLength:"1000"`
	Language string `query:"language" enum:"en,de" default:"en" doc:"Of HTML and XLSX"`
}

// format divides a period from its extension.
func (f *Form) format(period string) (string, form.Format, error) {
	text, ext, ok := strings.Cut(period, ".")
	if !ok {
		return text, form.ByAccept(f.Accept), nil
	}
	got, ok := form.ByName(ext)
	if !ok {
		return "", got, huma.Error422UnprocessableEntity(fmt.Sprintf("there is no format %.20q; there are json, html, csv and xlsx", ext))
	}
	return text, got, nil
}

// file is a report as a file.
type file struct {
	ContentType string `header:"Content-Type"`
	Disposition string `header:"Content-Disposition"`
	Policy      string `header:"Content-Security-Policy"`
	Vary        string `header:"Vary"`
	Body        []byte
}

// policy keeps a page from doing anything: it has a style and text.
const policy = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'; sandbox"

func fileOf(r *report.Report, f form.Format, language string) (*file, error) {
	var b bytes.Buffer
	if err := form.Write(&b, r, f, language); err != nil {
		return nil, err
	}
	as := "attachment"
	if f == form.HTML || f == form.JSON {
		as = "inline"
	}
	return &file{
		ContentType: f.Type, Disposition: fmt.Sprintf("%s; filename=%q", as, form.FileName(r, f)), Policy: policy, Vary: "Accept", Body: b.Bytes(),
	}, nil
}

// files describes the answers of an operation that gives a report in any
// format.
func files(api huma.API, o huma.Operation) huma.Operation {
	content := make(map[string]*huma.MediaType)
	for _, f := range form.Formats() {
		name, _, _ := strings.Cut(f.Type, ";")
		content[name] = &huma.MediaType{Schema: &huma.Schema{Type: huma.TypeString, Format: "binary"}}
	}
	content[form.JSON.Type].Schema = api.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[report.Report](), true, "Report")
	o.Responses = map[string]*huma.Response{"200": {Description: "The report", Content: content}}
	return o
}

// Asked says which report is wanted.
type Asked struct {
	ID     string `path:"id" maxLength:"200" doc:"Sensor or group"`
	Period string `path:"period" maxLength:"20" doc:"A day as 2026-10-31, a week as 2026-W44, a month as 2026-10 or a year as 2026, by the calendar of the site; with .html, .csv, .xlsx or .json after it in that format" example:"2026-10.html"`
	Form
}

// Register adds the routes.
func (s *Service) Register(api huma.API) {
	const text = "From settled windows, so completeness, estimates and corrections stand beside every figure. What cannot be compared is null, and says why."
	answer := func(ctx context.Context, in *Asked, kind, hierarchy string) (*file, error) {
		period, f, err := in.format(in.Period)
		if err != nil {
			return nil, err
		}
		r, err := s.build(ctx, report.Spec{Kind: kind, ID: in.ID, Hierarchy: hierarchy, Period: period})
		if err != nil {
			return nil, refuse(err)
		}
		out, err := fileOf(r, f, in.Language)
		return out, refuse(err)
	}
	huma.Register(api, files(api, op("sensor-report", http.MethodGet, "sensors/{id}/{period}", "Report of a sensor", text, 404, 422)), func(ctx context.Context, in *Asked) (*file, error) {
		return answer(ctx, in, ledger.SensorKind, "")
	})
	huma.Register(api, files(api, op("group-report", http.MethodGet, "groups/{id}/{period}", "Report of a group", text, 404, 422)), func(ctx context.Context, in *struct {
		Asked
		Hierarchy string `query:"hierarchy" maxLength:"200" doc:"Hierarchy; needed only for a group that is no longer in the model"`
	}) (*file, error) {
		return answer(ctx, &in.Asked, ledger.GroupKind, in.Hierarchy)
	})
	s.registerIndicator(api)
	s.registerDefinitions(api)
	s.registerIssues(api)
}

// registerIndicator adds the route of a single indicator.
func (s *Service) registerIndicator(api huma.API) {
	type output struct{ Body indicator.Indicator }
	huma.Register(api, op("energy-indicator", http.MethodGet, "indicators/{id}/{period}", "Energy performance indicator of a group or a sensor",
		"Energy for a unit of production, and what the line of a baseline expects of the production of the period: docs/reports.md has the formulas.", 404, 422),
		func(ctx context.Context, in *struct {
			ID           string  `path:"id" maxLength:"200" doc:"Group, or sensor"`
			Period       string  `path:"period" maxLength:"20" doc:"Day, week, month or year" example:"2026-10"`
			Kind         string  `query:"kind" enum:"group,sensor" default:"group"`
			Hierarchy    string  `query:"hierarchy" maxLength:"200"`
			Production   string  `query:"production" required:"true" maxLength:"200" doc:"The sensor that counts what is produced"`
			Unit         string  `query:"unit" maxLength:"20" doc:"Unit of production; default: the coherent one" example:"t"`
			Step         string  `query:"step" enum:"1d,1w,1M" default:"1M"`
			BaselineFrom string  `query:"baselineFrom" required:"true" doc:"First date of the baseline" example:"2025-01-01" maxLength:"10"`
			BaselineTo   string  `query:"baselineTo" required:"true" doc:"The date after its last" example:"2026-01-01" maxLength:"10"`
			Temperature  string  `query:"temperature" maxLength:"200" doc:"A sensor of the outdoor temperature; then degree days count, too"`
			HeatingLimit float64 `query:"heatingLimit" minimum:"-50" maximum:"50" default:"15" doc:"Degrees Celsius below which a day has degree days"`
		}) (*output, error) {
			r, err := s.build(ctx, report.Spec{Kind: in.Kind, ID: in.ID, Hierarchy: in.Hierarchy, Period: in.Period, Sections: []string{report.Indicators}, Indicators: []report.IndicatorSpec{{
				Production: in.Production, Unit: in.Unit, Step: in.Step, BaselineFrom: in.BaselineFrom, BaselineTo: in.BaselineTo, Temperature: in.Temperature, HeatingLimit: &in.HeatingLimit,
			}}})
			if err != nil {
				return nil, refuse(err)
			}
			return &output{r.Indicators[0]}, nil
		})
}
