package table

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"mime"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/wattwerk/wattwerk/catalog"
	"github.com/wattwerk/wattwerk/internal/sheet"
	"github.com/wattwerk/wattwerk/model"
	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/settlement"
	"github.com/wattwerk/wattwerk/settlement/ledger"
	"github.com/wattwerk/wattwerk/window"
)

// ExportQuery says which windows are written, and how.
type ExportQuery struct {
	Size   string `query:"size" enum:"15m,30m,1h,1d,1w,1M,1y" default:"15m" doc:"Length of the windows"`
	From   string `query:"from" required:"true" maxLength:"60" doc:"Begin: RFC 3339, a date of the zone, ms since 1970 UTC, or like now-7d" example:"2026-01-01"`
	To     string `query:"to" required:"true" maxLength:"60" doc:"End, not part of it" example:"2027-01-01"`
	Format string `query:"format" enum:"csv,parquet,xlsx" default:"csv" doc:"File format; xlsx has at most 100,000 rows"`
}

// Most of what one file may hold.
const mostRows = 100_000_000

// average is how long a window is, nearly.
var average = map[window.Size]int64{
	window.Quarter: 900_000, window.HalfHour: 1_800_000, window.Hour: 3_600_000, window.Day: 82_800_000, window.Week: 7 * 82_800_000, window.Month: 28 * 86_400_000, window.Year: 365 * 86_400_000,
}

type face struct {
	service *settlement.Service
	catalog *catalog.Catalog
	log     *slog.Logger
}

// Register adds the routes. Service and catalog are not called for that.
func Register(api huma.API, s *settlement.Service, c *catalog.Catalog, log *slog.Logger) {
	f := &face{s, c, log}
	op := func(id, path, summary, text string) huma.Operation {
		return huma.Operation{
			OperationID: id, Method: http.MethodGet, Path: "/api/v1/settled/" + path, Summary: summary, Description: text, Tags: []string{"settled windows"},
			Security: []map[string][]string{{"wattwerk": {"read"}}}, Errors: []int{404, 422},
			Responses: map[string]*huma.Response{"200": {Description: "The file", Content: map[string]*huma.MediaType{
				"text/csv": {Schema: &huma.Schema{Type: huma.TypeString, Format: "binary"}}, "application/vnd.apache.parquet": {Schema: &huma.Schema{Type: huma.TypeString, Format: "binary"}},
				sheet.Type: {Schema: &huma.Schema{Type: huma.TypeString, Format: "binary"}},
			}}},
		}
	}
	const text = "One row for each window, in order of time; amounts with all their digits. docs/imports.md has the columns."
	huma.Register(api, op("export-settled-sensor", "sensors/{id}/export", "Settled windows of a sensor as a file", text), func(ctx context.Context, in *struct {
		ID record.SensorID `path:"id" doc:"Sensor"`
		ExportQuery
	}) (*huma.StreamResponse, error) {
		if _, ok := f.catalog.State().Model.Sensor(in.ID); !ok {
			return nil, huma.Error404NotFound(fmt.Sprintf("there is no sensor %q in the model", in.ID))
		}
		return f.export(ctx, string(in.ID), []ledger.Point{ledger.SensorPoint(in.ID)}, in.ExportQuery)
	})
	huma.Register(api, op("export-settled-group", "groups/{id}/export", "Settled windows of a group and its members as a file",
		"The group first, then what is below it in the tree: groups and sensors. "+text), func(ctx context.Context, in *struct {
		ID        model.GroupID     `path:"id" doc:"Group"`
		Hierarchy model.HierarchyID `query:"hierarchy" doc:"Hierarchy; needed only for a group that is no longer in the model"`
		Members   bool              `query:"members" default:"true" doc:"With all that is below it in the present tree"`
		ExportQuery
	}) (*huma.StreamResponse, error) {
		m := f.catalog.State().Model
		h := in.Hierarchy
		if h == "" {
			h, _ = m.HierarchyOf(in.ID)
		}
		if h == "" {
			return nil, huma.Error404NotFound(fmt.Sprintf("there is no group %q in a hierarchy of the model; name the hierarchy it was in", in.ID))
		}
		points := []ledger.Point{ledger.GroupPoint(string(h), string(in.ID))}
		if in.Members {
			points = Below(m, h, in.ID)
		}
		return f.export(ctx, string(in.ID), points, in.ExportQuery)
	})
}

func (f *face) export(ctx context.Context, name string, points []ledger.Point, in ExportQuery) (*huma.StreamResponse, error) {
	o := Options{Points: points, Format: in.Format}
	if err := o.Size.UnmarshalText([]byte(in.Size)); err != nil {
		return nil, huma.Error422UnprocessableEntity("size: " + err.Error())
	}
	calendar, now := f.service.Calendar(points[0]), record.MillisOf(time.Now())
	for _, x := range []struct {
		name, text string
		to         *record.Millis
	}{{"from", in.From, &o.From}, {"to", in.To, &o.To}} {
		var err error
		if *x.to, err = calendar.MomentAt(x.text, now); err != nil {
			return nil, huma.Error422UnprocessableEntity(x.name + ": " + err.Error())
		}
	}
	if o.From >= o.To {
		return nil, huma.Error422UnprocessableEntity(fmt.Sprintf("from (%s) is not before to (%s)", o.From, o.To))
	}
	if rows := (int64(o.To-o.From)/average[o.Size] + 1) * int64(len(points)); rows > mostRows {
		return nil, huma.Error422UnprocessableEntity(fmt.Sprintf("that would be %d rows; %d are possible. Ask for a shorter time or longer windows", rows, mostRows))
	}
	m := f.catalog.State().Model
	if o.Format == "xlsx" {
		return f.workbook(ctx, name+"-"+in.Size, m, o)
	}
	return &huma.StreamResponse{Body: func(ctx huma.Context) {
		kind := "text/csv; charset=utf-8; header=present"
		if o.Format == "parquet" {
			kind = "application/vnd.apache.parquet"
		}
		ctx.SetHeader("Content-Type", kind)
		ctx.SetHeader("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": name + "-" + in.Size + "." + o.Format}))
		if err := Write(ctx.Context(), ctx.BodyWriter(), f.service, m, o); err != nil {
			if ctx.Context().Err() == nil {
				f.log.Warn("export broken off", "name", name, "error", err)
			}
			// The status is out: only a broken connection tells the client.
			panic(http.ErrAbortHandler)
		}
	}}, nil
}

// workbook makes the file before it answers, so that what is too much is said.
func (f *face) workbook(ctx context.Context, name string, m *model.Model, o Options) (*huma.StreamResponse, error) {
	ctx, cancel := context.WithTimeout(ctx, longest)
	defer cancel()
	var file bytes.Buffer
	err := Write(ctx, &file, f.service, m, o)
	if errors.Is(err, sheet.ErrRows) {
		return nil, huma.Error422UnprocessableEntity(sheet.ErrRows.Error())
	}
	if err != nil {
		return nil, err
	}
	return &huma.StreamResponse{Body: func(ctx huma.Context) {
		ctx.SetHeader("Content-Type", sheet.Type)
		ctx.SetHeader("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": name + ".xlsx"}))
		_, _ = ctx.BodyWriter().Write(file.Bytes()) // who hung up is not told
	}}, nil
}
