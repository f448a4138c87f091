package transfer

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"mime/multipart"
	"net/http"
	"reflect"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"

	"github.com/wattwerk/wattwerk/history"
	"github.com/wattwerk/wattwerk/internal/sheet"
	"github.com/wattwerk/wattwerk/record"
)

// Register adds the routes: export of sensors and groups, and import.
func Register(api huma.API, svc *history.Service, log *slog.Logger) {
	a := &face{svc: svc, log: log}
	op := func(id, path, summary string) huma.Operation {
		return huma.Operation{
			OperationID: id, Method: http.MethodGet, Path: "/api/v1/" + path, Summary: summary,
			Tags: []string{"history"}, Security: []map[string][]string{{"wattwerk": {"read"}}},
		}
	}
	huma.Register(api, op("sensor-export", "sensors/{id}/export", "All readings of a sensor as a file"), a.exportSensor)
	huma.Register(api, op("group-export", "groups/{id}/export", "All ticks of a group as a file"), a.exportGroup)
	a.registerImport(api)
}

type face struct {
	svc *history.Service
	log *slog.Logger
}

// ExportInput says what is wanted.
type ExportInput struct {
	From   string `query:"from" doc:"Begin, inclusive: RFC 3339, milliseconds since 1970 UTC, or like now-1h. Default: now-1h" example:"now-1h"`
	To     string `query:"to" doc:"End, inclusive. Default: now" example:"now"`
	Format string `query:"format" enum:"csv,ndjson,parquet,xlsx" default:"csv" doc:"File format; xlsx has at most 100,000 rows"`
}

func (a *face) exportSensor(ctx context.Context, in *struct {
	ID record.SensorID `path:"id" doc:"Sensor"`
	ExportInput
}) (*huma.StreamResponse, error) {
	k, unit, err := a.svc.SensorSeries(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	return a.export(ctx, k, unit, in.ExportInput)
}

func (a *face) exportGroup(ctx context.Context, in *struct {
	ID        string `path:"id" doc:"Group"`
	Hierarchy string `query:"hierarchy" doc:"Hierarchy of a group that is no longer in the model, when its name stood in several"`
	ExportInput
}) (*huma.StreamResponse, error) {
	k, unit, err := a.svc.GroupSeries(ctx, in.ID, in.Hierarchy)
	if err != nil {
		return nil, err
	}
	return a.export(ctx, k, unit, in.ExportInput)
}

var contentTypes = map[string]string{
	"csv": "text/csv; charset=utf-8; header=present", "ndjson": "application/x-ndjson", "parquet": "application/vnd.apache.parquet", "xlsx": sheet.Type,
}

func (a *face) export(ctx context.Context, k history.Series, unit string, in ExportInput) (*huma.StreamResponse, error) {
	from, to, err := a.svc.Span(in.From, in.To)
	if err != nil {
		return nil, err
	}
	o := ExportOptions{Series: k, Format: in.Format, From: from, To: to, Unit: unit}
	var workbook bytes.Buffer // made before the answer, so that what is too much is said
	if in.Format == "xlsx" {
		ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
		defer cancel()
		if err := Export(ctx, &workbook, a.svc.Store(), o); errors.Is(err, sheet.ErrRows) {
			return nil, huma.Error422UnprocessableEntity(sheet.ErrRows.Error())
		} else if err != nil {
			return nil, err
		}
	}
	return &huma.StreamResponse{Body: func(ctx huma.Context) {
		ctx.SetHeader("Content-Type", contentTypes[in.Format])
		ctx.SetHeader("Content-Disposition", fmt.Sprintf("attachment; filename*=UTF-8''%s.%s", percent(k.Name), in.Format))
		if workbook.Len() > 0 {
			_, _ = ctx.BodyWriter().Write(workbook.Bytes()) // who hung up is not told
			return
		}
		if err := Export(ctx.Context(), ctx.BodyWriter(), a.svc.Store(), o); err != nil {
			a.log.Warn("export broken off", "series", k.Name, "error", err)
			// The status is out: only a broken connection tells the client.
			panic(http.ErrAbortHandler)
		}
	}}, nil
}

// percent encodes a name for a header, as RFC 8187 wants it.
func percent(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if c := s[i]; c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_' || c == '.' {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}

// registerImport adds the route by hand: the body is a stream of any length,
// which the typed routes would read into memory first.
func (a *face) registerImport(api huma.API) {
	text := &huma.Schema{Type: huma.TypeString}
	param := func(name, doc string) *huma.Param {
		return &huma.Param{Name: name, In: "query", Description: doc, Schema: text}
	}
	file := &huma.MediaType{Schema: &huma.Schema{Type: huma.TypeString, Format: "binary"}}
	op := &huma.Operation{
		OperationID: "import", Method: http.MethodPost, Path: "/api/v1/import", Tags: []string{"history"},
		Summary:     "Import a file of readings of any age",
		Description: "The body is the file, or a form with the file in it. Importing it again changes nothing.",
		Security:    []map[string][]string{{"wattwerk": {"admin"}}},
		Errors:      []int{http.StatusUnprocessableEntity, http.StatusInternalServerError, http.StatusServiceUnavailable},
		Parameters: []*huma.Param{
			param("format", "csv, ndjson or parquet. Default: by the content type"),
			param("encoding", "Of CSV: utf-8, utf-16le, utf-16be or latin-1. Default: by the first bytes, else utf-8"),
			param("skip", "Lines of CSV before the head"),
			param("head", "none: the first line is a row already, and columns are called 1, 2, 3"),
			param("time", "Column of the time"),
			param("date", "Column of the date, where that of the time has only the time of day"),
			param("layout", "Layout of the time: Go's reference layout, unix or unix_ms"),
			param("zone", "IANA zone of times that do not say theirs. Default: UTC"),
			param("shift", "Added to every time, as -15m"),
			param("stamp", "end: amounts of an interval are stamped with its end"),
			param("column", "COLUMN=SENSOR:UNIT/INTERVAL, repeatable; all but COLUMN may be left out. Default: every column"),
			param("sensor", "Column that names the sensor, when each row is one value"),
			param("value", "Column of the value then"),
			param("unit", "Unit of columns that do not state theirs"),
			param("delimiter", "Of CSV"),
			param("dry_run", "true: store nothing, only compare"),
			param("decimal", "comma or point"),
		},
		RequestBody: &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{
			"text/csv": file, "application/x-ndjson": file, "application/vnd.apache.parquet": file,
			"multipart/form-data": {Schema: &huma.Schema{Type: huma.TypeObject, Properties: map[string]*huma.Schema{"file": {Type: huma.TypeString, Format: "binary"}}}},
		}},
		Responses: map[string]*huma.Response{"200": {
			Description: "What was done", Content: map[string]*huma.MediaType{
				"application/json": {Schema: api.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[ImportResult](), true, "ImportResult")},
			},
		}},
	}
	api.OpenAPI().AddOperation(op)
	api.Adapter().Handle(op, api.Middlewares().Handler(func(ctx huma.Context) {
		res, err := a.postImport(ctx)
		if err != nil {
			status := http.StatusInternalServerError
			var tooLarge *http.MaxBytesError
			switch {
			case errors.Is(err, ErrImport):
				status = http.StatusUnprocessableEntity
			case errors.Is(err, history.ErrNoRoom):
				status = http.StatusServiceUnavailable
				ctx.SetHeader("Retry-After", "10")
			case errors.As(err, &tooLarge):
				status = http.StatusRequestEntityTooLarge
			}
			// The connection may be gone; then nobody waits for this.
			_ = huma.WriteErr(api, ctx, status, err.Error())
			return
		}
		ctx.SetHeader("Content-Type", "application/json")
		_ = json.NewEncoder(ctx.BodyWriter()).Encode(res)
	}))
}

func (a *face) postImport(ctx huma.Context) (ImportResult, error) {
	u := ctx.URL()
	o, err := importQuery(u.Query())
	if err != nil {
		return ImportResult{}, err
	}
	kind, params, _ := mime.ParseMediaType(ctx.Header("Content-Type"))
	body := ctx.BodyReader()
	if kind == "multipart/form-data" {
		part, err := firstFile(multipart.NewReader(body, params["boundary"]))
		if err != nil {
			return ImportResult{}, fmt.Errorf("%w: %w", ErrImport, err)
		}
		defer part.Close()
		body, kind = part, part.Header.Get("Content-Type")
		if o.Format == "" {
			_, o.Format, _ = strings.Cut(part.FileName(), ".")
		}
	}
	if o.Format == "" {
		for format, t := range contentTypes {
			if strings.HasPrefix(t, kind) && kind != "" {
				o.Format = format
			}
		}
	}
	var bad []history.Refused
	res, err := Import(ctx.Context(), a.svc.Store(), body, o, nil, func(x ImportRefusal) {
		if x.err == nil || x.Value == nil || o.Trial {
			return // not a record: the answer tells of it
		}
		bad = append(bad, history.Refused{
			Sensor: x.Sensor, Sample: history.Sample{Time: x.Time, Value: *x.Value},
			Refusal: history.Refusal{Reason: x.err, Stored: x.stored},
		})
	})
	if berr := a.svc.BuryRefused(ctx.Context(), bad); err == nil {
		err = berr
	}
	for id, x := range res.Filled {
		if ferr := a.svc.Filled(ctx.Context(), id, x.From, x.To); err == nil {
			err = ferr
		}
	}
	return res, err
}

// firstFile finds the file in a form.
func firstFile(form *multipart.Reader) (*multipart.Part, error) {
	for {
		part, err := form.NextPart()
		if errors.Is(err, io.EOF) {
			return nil, errors.New("there is no file in the form")
		}
		if err != nil {
			return nil, err
		}
		if part.FileName() != "" || part.FormName() == "file" {
			return part, nil
		}
	}
}

func importQuery(q map[string][]string) (o ImportOptions, err error) {
	get := func(name string) string {
		if v := q[name]; len(v) > 0 {
			return v[0]
		}
		return ""
	}
	o = ImportOptions{
		Format: get("format"), Time: get("time"), Layout: get("layout"), Sensor: get("sensor"), Value: get("value"),
		Unit: get("unit"), Comma: get("decimal") == "comma", Encoding: get("encoding"), Date: get("date"),
		Headless: get("head") == "none", End: get("stamp") == "end", Trial: get("dry_run") == "true",
	}
	if v := get("skip"); v != "" {
		if o.Skip, err = strconv.Atoi(v); err != nil {
			return o, fmt.Errorf("%w: skip %.60q is not a number of lines", ErrImport, v)
		}
	}
	if v := get("zone"); v != "" {
		if o.Zone, err = time.LoadLocation(v); err != nil {
			return o, fmt.Errorf("%w: zone %.60q is unknown", ErrImport, v)
		}
	}
	if v := get("shift"); v != "" {
		if o.Shift, err = time.ParseDuration(v); err != nil {
			return o, fmt.Errorf("%w: shift %.60q is not like -15m", ErrImport, v)
		}
	}
	if v := get("delimiter"); v != "" {
		r, n := utf8.DecodeRuneInString(v)
		if n != len(v) {
			return o, fmt.Errorf("%w: delimiter %.20q is not one character", ErrImport, v)
		}
		o.Delimiter = r
	}
	for _, v := range q["column"] {
		c, err := ParseImportColumn(v)
		if err != nil {
			return o, err
		}
		o.Columns = append(o.Columns, c)
	}
	return o, nil
}

// ParseImportColumn reads "COLUMN=SENSOR:UNIT/INTERVAL". All but the column may
// be left out; a name that has one of the separators in it is put in double
// quotes.
func ParseImportColumn(text string) (c ImportColumn, err error) {
	rest := text
	part := func(stop string) string {
		if strings.HasPrefix(rest, `"`) {
			if q, qerr := strconv.QuotedPrefix(rest); qerr == nil {
				rest = rest[len(q):]
				out, _ := strconv.Unquote(q) // it is quoted
				return out
			}
		}
		n := strings.IndexAny(rest, stop)
		if n < 0 {
			n = len(rest)
		}
		out := rest[:n]
		rest = rest[n:]
		return out
	}
	c.Column = part("=:")
	if strings.HasPrefix(rest, "=") {
		rest = rest[1:]
		c.Sensor = record.SensorID(part(":"))
	}
	if strings.HasPrefix(rest, ":") {
		rest = rest[1:]
		// Units have slashes too: the interval is what can be read as one.
		c.Unit = rest
		if i := strings.LastIndex(rest, "/"); i >= 0 {
			if d, derr := time.ParseDuration(rest[i+1:]); derr == nil && d > 0 {
				c.Unit, c.Per = rest[:i], d
			}
		}
		rest = ""
	}
	if c.Column == "" || rest != "" {
		return c, fmt.Errorf("%w: column %.80q is not like COLUMN=SENSOR:UNIT/INTERVAL", ErrImport, text)
	}
	return c, nil
}
