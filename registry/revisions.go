package registry

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/wattwerk/wattwerk/catalog"
	"github.com/wattwerk/wattwerk/internal/etag"
	"github.com/wattwerk/wattwerk/model"
)

// Revision is a change that was made, with what it changed.
type Revision struct {
	Change
	Patch   model.Patch `json:"patch" doc:"What it put and removed"`
	Inverse model.Patch `json:"inverse" doc:"What undoes it"`
}

// RevisionList is a page of revisions.
type RevisionList struct {
	Items []Change `json:"items" doc:"Newest first"`
	Next  uint64   `json:"next,omitempty" doc:"The before of the next page; absent on the last"`
}

// notUndone says why a revision cannot be undone.
type notUndone struct {
	revision  uint64
	sentences []string
}

func (e *notUndone) Error() string {
	return fmt.Sprintf("revision %d cannot be undone: %s", e.revision, e.sentences[0])
}

func changeOf(r catalog.Revision) Change {
	return Change{Revision: r.Revision, Effective: r.Effective.Time(), At: r.At, Who: r.Who, Note: r.Note}
}

func (s *Service) registerRevisions(api huma.API) {
	type listInput struct {
		Before uint64 `query:"before" doc:"Begin with this revision; default: the newest"`
		Limit  int    `query:"limit" minimum:"1" maximum:"1000" default:"100" doc:"How many at most"`
	}
	type listOutput struct {
		ETag string `header:"ETag"`
		Body RevisionList
	}
	huma.Register(api, op("list-revisions", http.MethodGet, "/api/v1/revisions", "List who changed what and when", "", mayRead),
		func(ctx context.Context, in *listInput) (*listOutput, error) {
			if err := s.ready(ctx); err != nil {
				return nil, err
			}
			st := s.o.Catalog.State()
			rs, err := s.o.Catalog.Revisions(ctx, in.Before, in.Limit)
			if err != nil {
				return nil, refuse(st, err)
			}
			out := &listOutput{ETag: tagOf(st.Revision), Body: RevisionList{Items: []Change{}}}
			for _, r := range rs {
				out.Body.Items = append(out.Body.Items, changeOf(r))
			}
			if n := len(rs); n == in.Limit && rs[n-1].Revision > 1 {
				out.Body.Next = rs[n-1].Revision - 1
			}
			return out, nil
		})

	type oneInput struct {
		Revision uint64 `path:"rev" minimum:"1" doc:"The revision"`
	}
	type oneOutput struct{ Body Revision }
	huma.Register(api, op("get-revision", http.MethodGet, "/api/v1/revisions/{rev}", "Get a revision with what it changed", "", mayRead, 404),
		func(ctx context.Context, in *oneInput) (*oneOutput, error) {
			if err := s.ready(ctx); err != nil {
				return nil, err
			}
			r, patch, inverse, err := s.o.Catalog.Revision(ctx, in.Revision)
			if err != nil {
				return nil, refuse(s.o.Catalog.State(), err)
			}
			return &oneOutput{Body: Revision{Change: changeOf(r), Patch: patch, Inverse: inverse}}, nil
		})

	type undoInput struct {
		Precondition
		Revision uint64 `path:"rev" minimum:"1" doc:"The revision to undo"`
	}
	huma.Register(api, op("undo-revision", http.MethodPost, "/api/v1/revisions/{rev}/undo", "Undo a revision",
		"As a new revision, which can be undone as well. Refused with 409 when a later revision changed the same things again, or builds on them.", mayOperate, 404, 409),
		func(ctx context.Context, in *undoInput) (*changed, error) {
			match, err := etag.Match(in.IfMatch)
			if err != nil {
				return nil, refuse(catalog.State{}, err)
			}
			if err := s.ready(ctx); err != nil {
				return nil, err
			}
			r, patch, inverse, err := s.o.Catalog.Revision(ctx, in.Revision)
			if err != nil {
				return nil, refuse(s.o.Catalog.State(), err)
			}
			st, err := s.change(ctx, match, func(st catalog.State) (model.Patch, string, error) {
				if ls := later(st.Model, patch); len(ls) > 0 {
					return model.Patch{}, "", &notUndone{in.Revision, ls}
				}
				return inverse, fmt.Sprintf("undid revision %d (%s)", in.Revision, cut(r.Note, 300)), nil
			})
			// What the revision made is in use by now: as much a conflict as a
			// later change.
			if f, ok := errors.AsType[*model.Faults](err); ok {
				err = &notUndone{in.Revision, f.Sentences}
			}
			return answer(st, err)
		})
}
