package desk

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/wattwerk/wattwerk/internal/etag"
	"github.com/wattwerk/wattwerk/internal/phrase"
	"github.com/wattwerk/wattwerk/internal/problem"
	"github.com/wattwerk/wattwerk/settlement/ledger"
	"github.com/wattwerk/wattwerk/settlement/report"
)

// StoredDefinition is a definition as it is kept.
type StoredDefinition struct {
	Definition Definition `json:"definition"`
	Version    int64      `json:"version" doc:"Counts its changes; the ETag"`
	Created    time.Time  `json:"created"`
	CreatedBy  string     `json:"createdBy"`
	Changed    time.Time  `json:"changed"`
	ChangedBy  string     `json:"changedBy"`
	Since      time.Time  `json:"since" doc:"Periods that end later are reported by schedule"`
	Problem    string     `json:"problem,omitempty" doc:"Why the last report that was due was not made; it is tried again"`
}

// Summary is what lists show of a report.
type Summary struct {
	Title string        `json:"title,omitempty"`
	Unit  string        `json:"unit" example:"Wh"`
	Total report.Figure `json:"total"`
}

// Delivery is what became of sending a report.
type Delivery struct {
	Sink     string     `json:"sink" enum:"mail,webhook"`
	To       []string   `json:"to,omitempty"`
	State    string     `json:"state" enum:"waiting,sent,given_up"`
	Attempts int64      `json:"attempts"`
	Error    string     `json:"error,omitempty" doc:"Of the last try; sent: who did not get it, and why"`
	Next     *time.Time `json:"next,omitempty" doc:"When it is tried next"`
	Sent     *time.Time `json:"sent,omitempty"`
}

// KeptReport is a report that was made, without its figures but the total.
type KeptReport struct {
	ID         string     `json:"id"`
	Definition string     `json:"definition"`
	Period     string     `json:"period" example:"2026-10"`
	Version    int64      `json:"version" doc:"1: the first of the period; more: revised"`
	From       time.Time  `json:"from"`
	To         time.Time  `json:"to"`
	Made       time.Time  `json:"made"`
	MadeBy     string     `json:"madeBy,omitempty" doc:"Absent: its schedule"`
	Superseded bool       `json:"superseded" doc:"There is a later version"`
	Outdated   bool       `json:"outdated" doc:"Late readings, corrections or prices have changed its figures; when they rest, a later version is made"`
	Checked    time.Time  `json:"checked" doc:"When that was looked at last"`
	Summary    Summary    `json:"summary"`
	Deliveries []Delivery `json:"deliveries,omitempty"`
}

type definitionOut struct {
	ETag string `header:"ETag"`
	Body StoredDefinition
}

func stored(row *definitionRow) (*definitionOut, error) {
	d, err := row.definition()
	if err != nil {
		return nil, err
	}
	at := func(ms int64) time.Time { return time.UnixMilli(ms).UTC() }
	return &definitionOut{ETag: strconv.Quote(strconv.FormatInt(row.Version, 10)), Body: StoredDefinition{
		Definition: d, Version: row.Version, Created: at(row.Created), CreatedBy: row.CreatedBy, Changed: at(row.Changed), ChangedBy: row.ChangedBy, Since: at(row.Since), Problem: row.Problem,
	}}, nil
}

// IfMatch is the precondition of a change.
type IfMatch struct {
	ID      string `path:"id" maxLength:"100"`
	IfMatch string `header:"If-Match" maxLength:"40" doc:"The version the change was made for, in quotes, as the ETag; \"0\": there must be none yet. 412 when it is another" example:"\"3\""`
}

// version reads the header; etag.Any when it does not matter.
func (p *IfMatch) version() (int64, error) {
	n, err := etag.Match(p.IfMatch)
	if err != nil {
		return 0, huma.Error400BadRequest(err.Error())
	}
	return n, nil
}

func (s *Service) registerDefinitions(api huma.API) {
	huma.Register(api, op("list-report-definitions", http.MethodGet, "definitions", "All definitions of reports", ""), s.listDefinitions)
	huma.Register(api, op("get-report-definition", http.MethodGet, "definitions/{id}", "One definition of a report", "", 404),
		func(ctx context.Context, in *struct {
			ID string `path:"id" maxLength:"100"`
		}) (*definitionOut, error) {
			row, err := s.opts.Store.definition(ctx, in.ID)
			if err != nil {
				return nil, refuse(err)
			}
			out, err := stored(row)
			return out, refuse(err)
		})
	huma.Register(api, op("put-report-definition", http.MethodPut, "definitions/{id}", "Make or change the definition of a report",
		"A scheduled report is made of every period once it is settled, from the period on in which it was scheduled. Reports that were made stay as they are.", 400, 412, 422), s.putDefinition)
	huma.Register(api, op("delete-report-definition", http.MethodDelete, "definitions/{id}", "Remove the definition of a report", "Reports that were made stay.", 400, 404, 412),
		func(ctx context.Context, in *IfMatch) (*struct{}, error) {
			version, err := in.version()
			if err != nil {
				return nil, err
			}
			return nil, refuse(s.opts.Store.remove(ctx, in.ID, version))
		})
	huma.Register(api, files(api, op("preview-report", http.MethodGet, "definitions/{id}/preview/{period}", "Report by a definition, which is not kept", "", 404, 422)),
		func(ctx context.Context, in *Asked) (*file, error) {
			row, err := s.opts.Store.definition(ctx, in.ID)
			if err != nil {
				return nil, refuse(err)
			}
			d, err := row.definition()
			if err != nil {
				return nil, refuse(err)
			}
			period, f, err := in.format(in.Period)
			if err != nil {
				return nil, err
			}
			r, err := s.build(ctx, d.spec(period))
			if err != nil {
				return nil, refuse(err)
			}
			out, err := fileOf(r, f, in.Language)
			return out, refuse(err)
		})
}

type definitionsOut struct {
	Body struct {
		Items []StoredDefinition `json:"items"`
	}
}

func (s *Service) listDefinitions(ctx context.Context, _ *struct{}) (*definitionsOut, error) {
	rows, err := s.opts.Store.definitions(ctx)
	if err != nil {
		return nil, refuse(err)
	}
	out := new(definitionsOut)
	out.Body.Items = make([]StoredDefinition, 0, len(rows))
	for i := range rows {
		d, err := stored(&rows[i])
		if err != nil {
			return nil, refuse(err)
		}
		out.Body.Items = append(out.Body.Items, d.Body)
	}
	return out, nil
}

func (s *Service) putDefinition(ctx context.Context, in *struct {
	IfMatch
	Body Definition
}) (*definitionOut, error) {
	version, err := in.version()
	if err != nil {
		return nil, err
	}
	d := in.Body
	if d.ID != "" && d.ID != in.ID {
		return nil, huma.Error422UnprocessableEntity(fmt.Sprintf("the definition says it is %q, and the address %q", d.ID, in.ID))
	}
	d.ID = in.ID
	m, _ := s.builder.Model()
	if err := d.check(m); err != nil {
		return nil, huma.Error422UnprocessableEntity(err.Error())
	}
	spec := d.spec("")
	if _, err := s.builder.Point(spec.Kind, spec.ID, spec.Hierarchy); err != nil {
		return nil, huma.Error422UnprocessableEntity(err.Error())
	}
	row, err := s.opts.Store.put(ctx, &d, version, s.opts.Actor(ctx), s.opts.Now().UnixMilli())
	if err != nil {
		return nil, refuse(err)
	}
	s.wake()
	out, err := stored(row)
	return out, refuse(err)
}

// kept puts an issue into words.
func kept(x *issueRow, sends []deliveryRow) (KeptReport, error) {
	at := func(ms int64) time.Time { return time.UnixMilli(ms).UTC() }
	out := KeptReport{
		ID: x.ID, Definition: x.Definition, Period: x.Period, Version: x.Version, From: at(x.Begins), To: at(x.Ends), Made: at(x.Made), MadeBy: x.MadeBy,
		Superseded: x.Superseded != 0, Outdated: x.Candidate != "" && x.Superseded == 0, Checked: at(x.Checked),
	}
	if err := json.Unmarshal([]byte(x.Summary), &out.Summary); err != nil {
		return out, fmt.Errorf("read report %s: %w", x.ID, err)
	}
	for i := range sends {
		d := &sends[i]
		o := Delivery{Sink: d.Sink, State: d.State, Attempts: d.Attempts, Error: d.Error}
		if err := json.Unmarshal([]byte(d.Recipients), &o.To); err != nil {
			return out, fmt.Errorf("read report %s: %w", x.ID, err)
		}
		if d.State == waiting {
			o.Next = new(at(d.Due))
		}
		if d.Sent != nil {
			o.Sent = new(at(*d.Sent))
		}
		out.Deliveries = append(out.Deliveries, o)
	}
	return out, nil
}

type issuesOut struct {
	Body struct {
		Items []KeptReport `json:"items"`
	}
}

func (s *Service) registerIssues(api huma.API) {
	huma.Register(api, op("list-reports", http.MethodGet, "issues", "Reports that were made", "The newest first. Nothing is ever removed from this list."),
		func(ctx context.Context, in *struct {
			Definition string    `query:"definition" maxLength:"100" doc:"Only those of this definition"`
			Period     string    `query:"period" maxLength:"20" doc:"Only those of this period"`
			Superseded bool      `query:"superseded" default:"true" doc:"Those with a later version, too"`
			Before     time.Time `query:"before" doc:"Only those made before"`
			Limit      int       `query:"limit" minimum:"1" maximum:"1000" default:"100"`
		}) (*issuesOut, error) {
			before := int64(0)
			if !in.Before.IsZero() {
				before = in.Before.UnixMilli()
			}
			rows, sends, err := s.opts.Store.issues(ctx, in.Definition, in.Period, in.Superseded, before, in.Limit)
			if err != nil {
				return nil, refuse(err)
			}
			out := new(issuesOut)
			out.Body.Items = make([]KeptReport, 0, len(rows))
			for i := range rows {
				k, err := kept(&rows[i], sends[rows[i].ID])
				if err != nil {
					return nil, refuse(err)
				}
				out.Body.Items = append(out.Body.Items, k)
			}
			return out, nil
		})
	huma.Register(api, files(api, op("get-report", http.MethodGet, "issues/{id}", "A report that was made, as it was made", "With .html, .csv, .xlsx or .json after the identifier in that format.", 404, 422)),
		func(ctx context.Context, in *struct {
			ID string `path:"id" maxLength:"100" example:"k3f7.html"`
			Form
		}) (*file, error) {
			id, f, err := in.format(in.ID)
			if err != nil {
				return nil, err
			}
			x, err := s.opts.Store.issue(ctx, id)
			if err != nil {
				return nil, refuse(err)
			}
			r, err := x.report()
			if err != nil {
				return nil, refuse(err)
			}
			out, err := fileOf(r, f, in.Language)
			return out, refuse(err)
		})
	one := op("make-report", http.MethodPost, "definitions/{id}/issues", "Make the report of a period now, and keep and send it",
		"When there is one already it is given, and nothing is made or sent.", 404, 409, 422)
	huma.Register(api, one, s.makeNow)
	huma.Register(api, op("send-report", http.MethodPost, "issues/{id}/send", "Send a report again", "To whom its definition names now.", 404, 422), s.sendNow)
}

type keptOut struct{ Body KeptReport }

func (s *Service) makeNow(ctx context.Context, in *struct {
	ID   string `path:"id" maxLength:"100"`
	Body struct {
		Period string `json:"period" maxLength:"20" example:"2026-10"`
	}
}) (*keptOut, error) {
	row, err := s.opts.Store.definition(ctx, in.ID)
	if err != nil {
		return nil, refuse(err)
	}
	d, err := row.definition()
	if err != nil {
		return nil, refuse(err)
	}
	x, err := s.opts.Store.newest(ctx, d.ID, in.Body.Period)
	if err == nil && x == nil {
		x, err = s.makeAsked(ctx, &d, in.Body.Period)
	}
	if err != nil {
		return nil, refuse(err)
	}
	return s.show(ctx, x.ID)
}

// makeAsked makes the first report of a period that somebody asks for.
func (s *Service) makeAsked(ctx context.Context, d *Definition, period string) (*issueRow, error) {
	p, err := s.builder.Point(d.spec("").Kind, d.spec("").ID, d.Hierarchy)
	if err != nil {
		return nil, err
	}
	m, _ := s.builder.Model()
	at, err := report.ParsePeriod(period, report.CalendarOf(m, p))
	if err != nil {
		return nil, err
	}
	if at.Size != d.Size {
		return nil, fmt.Errorf("%w: %s is not as long as the periods of this report", report.ErrInvalid, period)
	}
	r, err := s.build(ctx, d.spec(at.Text))
	if err != nil {
		return nil, err
	}
	if r.Open {
		return nil, problem.Typed(phrase.PeriodOpen, huma.Error409Conflict("not all of the period is settled yet; look at a preview instead"))
	}
	x, err := s.issue(ctx, d, r, at.Span(), 1, s.opts.Actor(ctx), s.opts.Now())
	if err == nil && x == nil { // another was first
		x, err = s.opts.Store.newest(ctx, d.ID, at.Text)
	}
	s.wake()
	return x, err
}

// show gives an issue by its identifier.
func (s *Service) show(ctx context.Context, id string) (*keptOut, error) {
	x, err := s.opts.Store.issue(ctx, id)
	if err != nil {
		return nil, refuse(err)
	}
	sends, err := s.opts.Store.deliveries(ctx, []string{id})
	if err != nil {
		return nil, refuse(err)
	}
	k, err := kept(x, sends[id])
	return &keptOut{k}, refuse(err)
}

func (s *Service) sendNow(ctx context.Context, in *struct {
	ID string `path:"id" maxLength:"100"`
}) (*keptOut, error) {
	x, err := s.opts.Store.issue(ctx, in.ID)
	if err != nil {
		return nil, refuse(err)
	}
	row, err := s.opts.Store.definition(ctx, x.Definition)
	if err != nil {
		return nil, refuse(err)
	}
	d, err := row.definition()
	if err != nil {
		return nil, refuse(err)
	}
	send, err := d.deliveries(x.ID, s.opts.Now().UnixMilli())
	if err != nil {
		return nil, refuse(err)
	}
	if len(send) == 0 {
		return nil, huma.Error422UnprocessableEntity("the definition names nobody to send it to")
	}
	if err := s.opts.Store.sendAgain(ctx, send); err != nil {
		return nil, refuse(err)
	}
	s.wake()
	return s.show(ctx, x.ID)
}

var _ report.Books = (*ledger.Store)(nil)
