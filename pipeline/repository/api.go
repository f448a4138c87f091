package repository

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/wattwerk/wattwerk/internal/etag"
	"github.com/wattwerk/wattwerk/internal/problem"
	"github.com/wattwerk/wattwerk/internal/sqldb"
	"github.com/wattwerk/wattwerk/internal/strict"
	"github.com/wattwerk/wattwerk/manifest"
)

// Bounds of request bodies.
const (
	maxBody   = 1 << 20
	maxBundle = 64 << 20
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
	case errors.Is(err, ErrNotFound):
		return huma.Error404NotFound(err.Error())
	case errors.Is(err, ErrTaken), errors.Is(err, ErrInUse):
		return huma.Error409Conflict(err.Error())
	case errors.Is(err, ErrChanged):
		return huma.Error412PreconditionFailed(err.Error())
	case errors.Is(err, ErrInvalid), errors.Is(err, ErrUnknown):
		var details []error
		if faults, ok := errors.AsType[*strict.Faults](err); ok {
			for _, s := range faults.Sentences {
				details = append(details, &huma.ErrorDetail{Message: s})
			}
		}
		return huma.Error422UnprocessableEntity(err.Error(), details...)
	case errors.Is(err, etag.ErrMatch):
		return huma.Error400BadRequest(err.Error())
	case sqldb.Down(err), errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return problem.DatabaseAway()
	}
	return huma.Error500InternalServerError("it was not done", err)
}

func op(id, method, path, summary, description string, errs ...int) huma.Operation {
	may := mayOperate
	if method == http.MethodGet {
		may = mayRead
	}
	return huma.Operation{
		OperationID: id, Method: method, Path: path, Summary: summary, Description: description, Tags: []string{"Digital models"},
		Security: may, Errors: append(errs, 503), MaxBodyBytes: maxBody, BodyReadTimeout: 30 * time.Second,
	}
}

// Register adds the routes.
func (s *Store) Register(api huma.API) {
	registerModel[manifest.Interface](s, api, "/api/v1/models/interfaces", "data-interface", "data-interfaces")
	registerModel[manifest.Kind](s, api, "/api/v1/models/kinds", "data-kind", "data-kinds")
	registerModel[manifest.SourceDefinition](s, api, "/api/v1/models/source-definitions", "source-definition", "source-definitions")
	registerModel[manifest.Gateway](s, api, "/api/v1/models/gateways", "edge-gateway", "edge-gateways")
	registerModel[manifest.Source](s, api, "/api/v1/models/sources", "data-source", "data-sources")
	registerModel[manifest.Consumer](s, api, "/api/v1/models/consumers", "data-consumer", "data-consumers")
	registerModel[manifest.Channel](s, api, "/api/v1/models/channels", "data-channel", "data-channels")
	registerModel[manifest.Definition](s, api, "/api/v1/models/definitions", "processor-definition", "processor-definitions")
	registerModel[manifest.Manifest](s, api, "/api/v1/manifests", "manifest", "manifests")
	huma.Register(api, op("get-model-bundle", http.MethodGet, "/api/v1/models/bundle", "All models together",
		"As one document at one revision, as POST /api/v1/models/apply takes it."), s.getBundle)
	apply := op("apply-models", http.MethodPost, "/api/v1/models/apply", "Bring in models, all or nothing",
		"Those with an id by it, the others by their names (a channel by its source and consumer). Others stay as they are. What is as it was makes no version.", 409, 413, 422)
	apply.MaxBodyBytes = maxBundle
	huma.Register(api, apply, s.postApply)
	s.registerDrafts(api)
	huma.Register(api, op("list-model-changes", http.MethodGet, "/api/v1/models/changes", "Who changed what and when", "The newest first."), s.getChanges)
}

// List is a page of models, in order of their names.
type List[T Model] struct {
	Revision int64       `json:"revision" doc:"Of the repository"`
	Items    []Stored[T] `json:"items"`
	Next     string      `json:"next,omitempty" doc:"Where the next page begins; absent on the last"`
	Total    int         `json:"total" doc:"How many match, on all pages"`
}

type listInput struct {
	After string `query:"after" maxLength:"1000" doc:"The next of the page before"`
	Limit int    `query:"limit" minimum:"1" maximum:"1000" default:"100" doc:"How many at most"`
	Query string `query:"q" maxLength:"200" doc:"Only those whose id, name or description contains this text"`
	Refer string `query:"refers" maxLength:"36" doc:"Only those that refer to the model with this id"`
}

type listOutput[T Model] struct{ Body List[T] }

// Ref names a model.
type Ref struct {
	ID string `path:"id" maxLength:"200" doc:"Its id or name, percent-encoded"`
}

// Precondition is the If-Match of a change.
type Precondition struct {
	Ref
	IfMatch string `header:"If-Match" doc:"The version the change was made for, in quotes, as the ETag; \"0\": there must be none yet. 412 when it is another" example:"\"3\""`
}

type versionInput struct {
	Precondition
	Version int64 `path:"version" minimum:"1"`
}

type modelInput[T Model] struct{ Body T }

type putInput[T Model] struct {
	Precondition
	Body T
}

type itemOutput[T Model] struct {
	ETag string `header:"ETag"`
	Body Stored[T]
}

type madeOutput[T Model] struct {
	ETag     string `header:"ETag"`
	Location string `header:"Location"`
	Body     Stored[T]
}

type versionsOutput struct {
	Body struct {
		Versions []Version `json:"versions" doc:"The newest first"`
	}
}

type usersOutput struct {
	Body struct {
		Users []User `json:"users"`
	}
}

// User is a model that refers to another.
type User struct {
	Kind Kind   `json:"kind" enum:"interfaces,kinds,source-definitions,gateways,sources,consumers,channels,definitions,manifests"`
	ID   string `json:"id"`
	Name string `json:"name"`
}

func item[T Model](m Stored[T], err error) (*itemOutput[T], error) {
	if err != nil {
		return nil, refuse(err)
	}
	return &itemOutput[T]{ETag: etag.Of(m.Version), Body: m}, nil
}

func registerModel[T Model](s *Store, api huma.API, base, one, many string) {
	k := KindOf[T]()
	noun := k.Noun()
	huma.Register(api, op("list-"+many, http.MethodGet, base, "List "+noun+"s", "In order of their names."), func(ctx context.Context, in *listInput) (*listOutput[T], error) {
		after, err := base64.RawURLEncoding.DecodeString(in.After)
		if err != nil {
			return nil, huma.Error422UnprocessableEntity("after is not the next of any page")
		}
		page, err := ListOf[T](ctx, s, Pick{Text: in.Query, Refer: in.Refer, After: string(after), Limit: in.Limit})
		if err != nil {
			return nil, refuse(err)
		}
		return &listOutput[T]{List[T]{page.Revision, page.Items, base64.RawURLEncoding.EncodeToString([]byte(page.Next)), page.Total}}, nil
	})
	create := op("create-"+one, http.MethodPost, base, "Make a "+noun, "An id is made when it has none. References may be names; they are kept as ids.", 409, 422)
	create.DefaultStatus = http.StatusCreated
	huma.Register(api, create, func(ctx context.Context, in *modelInput[T]) (*madeOutput[T], error) {
		m, err := Create(ctx, s, in.Body, s.opts.Who(ctx))
		if err != nil {
			return nil, refuse(err)
		}
		return &madeOutput[T]{etag.Of(m.Version), base + "/" + *idOf(&m.Model), m}, nil
	})
	huma.Register(api, op("get-"+one, http.MethodGet, base+"/{id}", "Get a "+noun, "", 404), func(ctx context.Context, in *Ref) (*itemOutput[T], error) {
		return item(Get[T](ctx, s, in.ID))
	})
	huma.Register(api, op("put-"+one, http.MethodPut, base+"/{id}", "Make or change a "+noun,
		"Put as a whole. What uses it must be able to go on; 422 says what could not.", 400, 404, 409, 412, 422), func(ctx context.Context, in *putInput[T]) (*itemOutput[T], error) {
		match, err := etag.Match(in.IfMatch)
		if err != nil {
			return nil, refuse(err)
		}
		id := idOf(&in.Body)
		there, err := s.idOf(ctx, k, in.ID)
		if err != nil {
			return nil, refuse(err)
		}
		switch {
		case !isID(there):
			return nil, refuse(notFound(k, in.ID))
		case *id == "":
			*id = there
		case !strings.EqualFold(*id, there):
			return nil, refuse(fmt.Errorf("%w: the %s has the id %s in the path and %.60q in the body", ErrInvalid, noun, there, *id))
		}
		return item(Put(ctx, s, in.Body, match, s.opts.Who(ctx)))
	})
	remove := op("delete-"+one, http.MethodDelete, base+"/{id}", "Remove a "+noun, "What others use is not removed; 409 says by whom. Its versions are kept.", 400, 404, 409, 412)
	huma.Register(api, remove, func(ctx context.Context, in *Precondition) (*struct{}, error) {
		match, err := etag.Match(in.IfMatch)
		if err == nil {
			err = s.Delete(ctx, k, in.ID, match, s.opts.Who(ctx))
		}
		return nil, refuse(err)
	})
	huma.Register(api, op("list-"+one+"-versions", http.MethodGet, base+"/{id}/versions", "Versions of a "+noun, "Also of one that was removed, by its id.", 404), func(ctx context.Context, in *Ref) (*versionsOutput, error) {
		all, err := s.Versions(ctx, k, in.ID)
		out := new(versionsOutput)
		out.Body.Versions = all
		return out, refuse(err)
	})
	huma.Register(api, op("get-"+one+"-version", http.MethodGet, base+"/{id}/versions/{version}", "A "+noun+" as it was", "", 404), func(ctx context.Context, in *struct {
		Ref
		Version int64 `path:"version" minimum:"1"`
	}) (*itemOutput[T], error) {
		return item(VersionOf[T](ctx, s, in.ID, in.Version))
	})
	huma.Register(api, op("restore-"+one, http.MethodPost, base+"/{id}/versions/{version}/restore", "Make a "+noun+" as it was",
		"That is a version of its own. One that was removed comes back.", 400, 404, 409, 412, 422), func(ctx context.Context, in *versionInput) (*itemOutput[T], error) {
		match, err := etag.Match(in.IfMatch)
		if err != nil {
			return nil, refuse(err)
		}
		if err := s.Restore(ctx, k, in.ID, in.Version, match, s.opts.Who(ctx)); err != nil {
			return nil, refuse(err)
		}
		return item(Get[T](ctx, s, in.ID))
	})
	huma.Register(api, op("list-"+one+"-users", http.MethodGet, base+"/{id}/users", "What refers to a "+noun, "", 404), func(ctx context.Context, in *Ref) (*usersOutput, error) {
		all, err := s.Users(ctx, k, in.ID)
		out := new(usersOutput)
		out.Body.Users = all
		return out, refuse(err)
	})
}

type bundleOutput struct {
	Revision string `header:"ETag" doc:"Of the repository"`
	Body     *manifest.Bundle
}

func (s *Store) getBundle(ctx context.Context, in *struct {
	Names bool `query:"names" doc:"Without ids, references by name: as people keep it in files"`
}) (*bundleOutput, error) {
	b, revision, err := s.Bundle(ctx)
	if err == nil && in.Names {
		b, err = Named(b)
	}
	return &bundleOutput{etag.Of(revision), b}, refuse(err)
}

type appliedOutput struct {
	Body struct {
		DryRun bool   `json:"dryRun"`
		Done   []Done `json:"done" doc:"What was, or would be, done to each"`
	}
}

func (s *Store) postApply(ctx context.Context, in *struct {
	DryRun bool `query:"dryRun" doc:"Only tell what would be done"`
	Body   manifest.Bundle
}) (*appliedOutput, error) {
	out := new(appliedOutput)
	var err error
	out.Body.DryRun = in.DryRun
	out.Body.Done, err = s.Apply(ctx, &in.Body, in.DryRun, s.opts.Who(ctx))
	return out, refuse(err)
}

type changesOutput struct {
	Body struct {
		Changes []Change `json:"changes" doc:"The newest first; within a revision in the order in which they were made"`
		Next    string   `json:"next,omitempty" doc:"Where the next page begins; absent on the last"`
	}
}

func (s *Store) getChanges(ctx context.Context, in *struct {
	After string `query:"after" maxLength:"50" doc:"The next of the page before"`
	Limit int    `query:"limit" minimum:"1" maximum:"1000" default:"100"`
}) (*changesOutput, error) {
	var before *Change
	if in.After != "" {
		before = new(Change)
		if n, err := fmt.Sscanf(in.After, "%d-%d", &before.Revision, &before.Number); n != 2 || err != nil {
			return nil, huma.Error422UnprocessableEntity("after is not the next of any page")
		}
	}
	all, err := s.Changes(ctx, before, in.Limit)
	out := new(changesOutput)
	out.Body.Changes = all
	if n := len(all); n == in.Limit {
		out.Body.Next = fmt.Sprintf("%d-%d", all[n-1].Revision, all[n-1].Number)
	}
	return out, refuse(err)
}
