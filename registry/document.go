package registry

import (
	"bytes"
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/wattwerk/wattwerk/catalog"
	"github.com/wattwerk/wattwerk/internal/etag"
	"github.com/wattwerk/wattwerk/internal/problem"
	"github.com/wattwerk/wattwerk/model"
)

const yamlType = "application/yaml"

func (s *Service) registerDocument(api huma.API) {
	type getInput struct {
		Accept string `header:"Accept"`
		Format string `query:"format" enum:"json,yaml" doc:"json or yaml; default: what Accept says, else json"`
	}
	get := op("get-model", http.MethodGet, "/api/v1/model", "The whole model", "All sites, sensors, groups and hierarchies as one document, JSON or YAML, sorted by identifier.", mayRead)
	document := api.OpenAPI().Components.Schemas.Schema(documentType, true, "Document")
	both := map[string]*huma.MediaType{"application/json": {Schema: document}, yamlType: {Schema: document}}
	get.Responses = map[string]*huma.Response{"200": {Description: "The model", Content: both, Headers: map[string]*huma.Param{
		"ETag": {Schema: &huma.Schema{Type: huma.TypeString}, Description: "The revision, in quotes"},
	}}}
	huma.Register(api, get, func(ctx context.Context, in *getInput) (*huma.StreamResponse, error) {
		if err := s.ready(ctx); err != nil {
			return nil, err
		}
		st := s.o.Catalog.State()
		asYAML := in.Format == "yaml" || in.Format == "" && strings.Contains(in.Accept, "yaml")
		return &huma.StreamResponse{Body: func(c huma.Context) {
			c.SetHeader("ETag", tagOf(st.Revision))
			write := st.Model.Document().WriteJSON
			kind := "application/json"
			if asYAML {
				write, kind = st.Model.Document().WriteYAML, yamlType
			}
			c.SetHeader("Content-Type", kind)
			// Who hung up is not told.
			if err := write(c.BodyWriter()); err != nil {
				s.log.Debug("the model was not sent to its end", "error", err)
			}
		}}, nil
	})

	type putInput struct {
		IfMatch     string `header:"If-Match" doc:"The revision that is replaced, in quotes; must be given"`
		ContentType string `header:"Content-Type" doc:"application/json or application/yaml"`
		RawBody     []byte
	}
	put := op("put-model", http.MethodPut, "/api/v1/model", "Replace the whole model", "The document becomes the model; what it does not name is removed. Only the differences are stored. JSON up to 256 MiB, YAML up to 32 MiB.", mayOperate, 413, 415, 422, 428)
	put.MaxBodyBytes, put.BodyReadTimeout = maxDocument, 5*time.Minute
	put.SkipValidateBody = true // the document says itself what is wrong with it
	put.RequestBody = &huma.RequestBody{Required: true, Content: both}
	huma.Register(api, put, func(ctx context.Context, in *putInput) (*changed, error) {
		if strings.TrimSpace(in.IfMatch) == "" {
			return nil, huma.NewError(http.StatusPreconditionRequired, `say in If-Match which revision is replaced, like "17"; GET tells it as ETag`)
		}
		match, err := etag.Match(in.IfMatch)
		if err != nil {
			return nil, refuse(catalog.State{}, err)
		}
		d, err := readDocument(in.ContentType, in.RawBody)
		if err != nil {
			return nil, err
		}
		return answer(s.change(ctx, match, func(st catalog.State) (model.Patch, string, error) {
			return model.Diff(st.Model.Document(), d), "", nil
		}))
	})
}

// registerPatch adds the route for what no single thing's route can do in one revision.
func (s *Service) registerPatch(api huma.API) {
	o := op("patch-model", http.MethodPatch, "/api/v1/model", "Change several things at once",
		"Puts and removes sites, sensors, groups and hierarchies as one revision, which takes effect at one tick and is undone as one. Each thing that is put replaces what has its identifier. "+
			"Say in If-Match for which revision it was made, so that nothing somebody else changed meanwhile is overwritten.", mayOperate, 413, 422)
	o.MaxBodyBytes, o.BodyReadTimeout = maxDocument, 5*time.Minute
	huma.Register(api, o, func(ctx context.Context, in *bodyInput[model.Patch]) (*changed, error) {
		match, err := etag.Match(in.IfMatch)
		if err != nil {
			return nil, refuse(catalog.State{}, err)
		}
		return answer(s.change(ctx, match, func(catalog.State) (model.Patch, string, error) { return in.Body, "", nil }))
	})
}

func readDocument(kind string, body []byte) (model.Document, error) {
	var d model.Document
	var err error
	switch kind, _, _ := strings.Cut(strings.ToLower(kind), ";"); strings.TrimSpace(kind) {
	case yamlType, "application/x-yaml", "text/yaml", "text/x-yaml":
		d, err = model.ReadYAML(body)
	case "application/json", "":
		d, err = model.ReadJSON(bytes.NewReader(body))
	default:
		return d, huma.Error415UnsupportedMediaType("the model comes as application/json or application/yaml")
	}
	if err != nil {
		return d, huma.Error422UnprocessableEntity(err.Error())
	}
	return d, nil
}

// ready waits until the model is known.
func (s *Service) ready(ctx context.Context) error {
	select {
	case <-s.o.Catalog.Ready():
		return nil
	case <-ctx.Done():
		return problem.Later(1, "", "the model is still being read")
	}
}
