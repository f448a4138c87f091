package imports

import (
	"context"
	"encoding/json"
	"errors"
	"mime"
	"mime/multipart"
	"net/http"
	"reflect"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/wattwerk/wattwerk/history"
	"github.com/wattwerk/wattwerk/history/transfer"
)

func op(id, method, path, summary, description string, errs ...int) huma.Operation {
	scope := "operate"
	if method == http.MethodGet {
		scope = "read"
	}
	return huma.Operation{
		OperationID: id, Method: method, Path: "/api/v1/" + path, Summary: summary, Description: description, Tags: []string{"Imports"},
		Security: []map[string][]string{{"wattwerk": {scope}}}, Errors: errs, MaxBodyBytes: 1 << 20, BodyReadTimeout: 30 * time.Second,
	}
}

// ImportPath names an import.
type ImportPath struct {
	ID string `path:"id" maxLength:"60" doc:"Import"`
}

type importOutput struct{ Body Import }

// ImportWhyBody says why something is undone or done again.
type ImportWhyBody struct {
	Why string `json:"why" minLength:"1" maxLength:"2000" doc:"The reason, for whoever audits this"`
}

// ImportStartBody says how a file is to be imported.
type ImportStartBody struct {
	Plan  ImportPlan `json:"plan"`
	Trial bool       `json:"trial,omitempty" doc:"Do everything but store: count what is new, there already, and different"`
}

// ImportListBody is a part of the list of imports.
type ImportListBody struct {
	Imports []Import `json:"imports" nullable:"false" doc:"The newest first, without guesses and examples"`
}

// Register adds the routes. No method of the service is called for that.
func (s *Service) Register(api huma.API) {
	s.registerUpload(api)
	huma.Register(api, op("list-imports", http.MethodGet, "imports", "Files that were brought", ""), func(ctx context.Context, in *struct {
		Limit  int `query:"limit" minimum:"1" maximum:"500" default:"100" doc:"At most so many"`
		Offset int `query:"offset" minimum:"0" maximum:"1000000" default:"0" doc:"Leave out so many"`
	}) (*struct{ Body ImportListBody }, error) {
		all, err := s.List(ctx, in.Limit, in.Offset)
		return &struct{ Body ImportListBody }{ImportListBody{all}}, explain(err)
	})
	huma.Register(api, op("get-import", http.MethodGet, "imports/{id}", "A file, and what became of it", "", 404), func(ctx context.Context, in *ImportPath) (*importOutput, error) {
		x, err := s.Get(ctx, in.ID)
		return &importOutput{x}, explain(err)
	})
	huma.Register(api, op("preview-import", http.MethodPost, "imports/{id}/preview", "Read a file by a plan, and change nothing",
		"Reads all of it: how many values, from when to when, least and greatest, gaps, and what cannot be read and why.", 404, 409, 422), func(ctx context.Context, in *struct {
		ImportPath
		Body ImportPlan
	}) (*struct{ Body ImportPreview }, error) {
		p, err := s.Preview(ctx, in.ID, in.Body)
		return &struct{ Body ImportPreview }{p}, explain(err)
	})
	start := op("run-import", http.MethodPost, "imports/{id}/run", "Import a file, or try it",
		"It is done in the background; GET tells how far it has come, and in the end what was found or done. To import again what is there already changes nothing.", 404, 409, 422)
	start.DefaultStatus = http.StatusAccepted
	huma.Register(api, start, func(ctx context.Context, in *struct {
		ImportPath
		Body ImportStartBody
	}) (*importOutput, error) {
		x, err := s.Start(ctx, in.ID, in.Body.Plan, in.Body.Trial)
		return &importOutput{x}, explain(err)
	})
	huma.Register(api, op("cancel-import", http.MethodPost, "imports/{id}/cancel", "Leave a trial or an import",
		"As long as nothing is stored of it; then the file stands as it was brought, at once or a moment later. What is being stored is taken back with undo when it is.", 404, 409), func(ctx context.Context, in *ImportPath) (*importOutput, error) {
		x, err := s.Cancel(ctx, in.ID)
		return &importOutput{x}, explain(err)
	})
	for _, o := range []struct {
		name, summary, description string
		do                         func(*Service, context.Context, string, string) (Import, error)
	}{
		{"undo", "Take an import back", "Readings are never removed: those that this import alone brought are excluded from everything that is derived, by interventions. Sensors that it made stay.", (*Service).Undo},
		{"redo", "Have an import count again that was taken back", "", (*Service).Redo},
	} {
		huma.Register(api, op(o.name+"-import", http.MethodPost, "imports/{id}/"+o.name, o.summary, o.description, 404, 409, 422), func(ctx context.Context, in *struct {
			ImportPath
			Body ImportWhyBody
		}) (*importOutput, error) {
			if strings.TrimSpace(in.Body.Why) == "" {
				return nil, huma.Error422UnprocessableEntity("say why, for whoever audits this")
			}
			x, err := o.do(s, ctx, in.ID, clip(in.Body.Why))
			return &importOutput{x}, explain(err)
		})
	}
	remove := op("delete-import", http.MethodDelete, "imports/{id}", "Remove a file", "What it brought stays, and so does its place in the list when it has brought something.", 404, 409)
	remove.DefaultStatus = http.StatusNoContent
	huma.Register(api, remove, func(ctx context.Context, in *ImportPath) (*struct{}, error) {
		return nil, explain(s.Remove(ctx, in.ID))
	})
}

// status is what an error is by HTTP.
func status(err error) int {
	var tooLarge *http.MaxBytesError
	switch {
	case errors.Is(err, ErrNotFound):
		return http.StatusNotFound
	case errors.Is(err, ErrState):
		return http.StatusConflict
	case errors.Is(err, ErrPlan), errors.Is(err, transfer.ErrImport), errors.Is(err, ErrTooMuch), errors.Is(err, ErrEmpty):
		return http.StatusUnprocessableEntity
	case errors.As(err, &tooLarge):
		return http.StatusRequestEntityTooLarge
	case retryable(err):
		return http.StatusServiceUnavailable
	}
	return http.StatusInternalServerError
}

func explain(err error) error {
	if err == nil {
		return nil
	}
	n := status(err)
	if n == http.StatusInternalServerError {
		return err
	}
	return huma.NewError(n, err.Error())
}

// registerUpload adds the route by hand: the body is a stream, which the typed
// routes would read into memory first.
func (s *Service) registerUpload(api huma.API) {
	file := &huma.MediaType{Schema: &huma.Schema{Type: huma.TypeString, Format: "binary"}}
	o := op("upload-import", http.MethodPost, "imports", "Bring a file",
		"The body is the file, or a form with the file in it. Nothing is imported yet: the answer says how the file can probably be read. It is kept for a few days.", 413, 422, 503)
	o.Parameters = []*huma.Param{{Name: "name", In: "query", Description: "Of the file, for the list", Schema: &huma.Schema{Type: huma.TypeString}}}
	o.RequestBody = &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{
		"application/octet-stream": file, "text/csv": file,
		"multipart/form-data": {Schema: &huma.Schema{Type: huma.TypeObject, Properties: map[string]*huma.Schema{"file": {Type: huma.TypeString, Format: "binary"}}}},
	}}
	o.Responses = map[string]*huma.Response{"201": {
		Description: "It is kept", Content: map[string]*huma.MediaType{
			"application/json": {Schema: api.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[Import](), true, "Import")},
		},
	}}
	api.OpenAPI().AddOperation(&o)
	api.Adapter().Handle(&o, api.Middlewares().Handler(func(ctx huma.Context) {
		x, err := s.upload(ctx)
		if err != nil {
			n := status(err)
			switch {
			case errors.Is(err, ErrTooMuch):
				n = http.StatusRequestEntityTooLarge
			case errors.Is(err, history.ErrNoRoom):
				ctx.SetHeader("Retry-After", "60")
			}
			if n == http.StatusInternalServerError {
				s.log.Error("a file is not kept", "error", err)
			}
			// The connection may be gone; then nobody waits for this.
			_ = huma.WriteErr(api, ctx, n, err.Error())
			return
		}
		ctx.SetHeader("Content-Type", "application/json")
		ctx.SetHeader("Location", "/api/v1/imports/"+x.ID)
		ctx.SetStatus(http.StatusCreated)               // sends the headers
		_ = json.NewEncoder(ctx.BodyWriter()).Encode(x) // likewise
	}))
}

func (s *Service) upload(ctx huma.Context) (Import, error) {
	u := ctx.URL()
	name := u.Query().Get("name")
	body := ctx.BodyReader()
	if kind, params, _ := mime.ParseMediaType(ctx.Header("Content-Type")); kind == "multipart/form-data" {
		form := multipart.NewReader(body, params["boundary"])
		for {
			part, err := form.NextPart()
			if err != nil {
				return Import{}, bad("there is no file in the form")
			}
			if part.FileName() != "" || part.FormName() == "file" {
				defer part.Close()
				if body = part; name == "" {
					name = part.FileName()
				}
				break
			}
		}
	}
	if name == "" {
		name = "unnamed"
	}
	return s.Upload(ctx.Context(), name, body)
}
