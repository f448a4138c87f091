package registry

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/wattwerk/wattwerk/bus"
	"github.com/wattwerk/wattwerk/catalog"
	"github.com/wattwerk/wattwerk/internal/etag"
	"github.com/wattwerk/wattwerk/internal/phrase"
	"github.com/wattwerk/wattwerk/internal/problem"
	"github.com/wattwerk/wattwerk/model"
)

// Bounds of request bodies.
const (
	maxBody     = 1 << 20
	maxDocument = 256 << 20
)

var (
	mayRead    = []map[string][]string{{"wattwerk": {"read"}}}
	mayOperate = []map[string][]string{{"wattwerk": {"operate"}}}
)

// Change is what every change answers.
type Change struct {
	Revision  uint64    `json:"revision" doc:"The revision the model now has" example:"17"`
	Effective time.Time `json:"effective" doc:"From when on it is in force, in event time"`
	At        time.Time `json:"at" doc:"When it was stored"`
	Who       string    `json:"who" doc:"Who made it"`
	Note      string    `json:"note" doc:"What was done, in a sentence"`
}

// changed is the answer to a change. When nothing had to be changed it is the
// newest revision as it is.
type changed struct {
	ETag string `header:"ETag"`
	Body Change
}

func answer(st catalog.State, err error) (*changed, error) {
	if err != nil {
		return nil, refuse(st, err)
	}
	return &changed{ETag: tagOf(st.Revision), Body: Change{
		Revision: st.Revision, Effective: st.Effective.Time(), At: st.At, Who: st.Who, Note: st.Note,
	}}, nil
}

func tagOf(revision uint64) string { return etag.Of(int64(revision)) }

// Precondition is the If-Match of a change.
type Precondition struct {
	IfMatch string `header:"If-Match" doc:"The revision the change was made for, in quotes, as the ETag of any answer; refused with 412 when the model has another one" example:"\"17\""`
}

// refuse is the one place where an error becomes a status.
func refuse(st catalog.State, err error) error {
	var faults *model.Faults
	var undo *notUndone
	switch {
	case errors.As(err, &faults):
		details := make([]error, 0, len(faults.Sentences))
		for _, f := range faults.Sentences {
			details = append(details, &huma.ErrorDetail{Message: f})
		}
		text := "the model would not be valid: " + faults.Sentences[0]
		if n := len(faults.Sentences) + faults.More; n > 1 {
			text += "; and " + strconv.Itoa(n-1) + " more"
		}
		return huma.Error422UnprocessableEntity(text, details...)
	case errors.As(err, &undo):
		details := make([]error, 0, len(undo.sentences))
		for _, f := range undo.sentences {
			details = append(details, &huma.ErrorDetail{Message: f})
		}
		return huma.Error409Conflict(undo.Error(), details...)
	case errors.Is(err, errMatch):
		return huma.ErrorWithHeaders(huma.Error412PreconditionFailed(
			errMatch.Error()+"; it is "+tagOf(st.Revision)), http.Header{"ETag": {tagOf(st.Revision)}})
	case errors.Is(err, etag.ErrMatch):
		return huma.Error400BadRequest(err.Error())
	case errors.Is(err, errNothing), errors.Is(err, catalog.ErrNoRevision):
		return huma.Error404NotFound(err.Error())
	case errors.Is(err, errRequest), errors.Is(err, catalog.ErrEffective):
		return huma.Error422UnprocessableEntity(err.Error())
	case errors.Is(err, bus.ErrFull):
		return problem.Later(10, phrase.BusFull, bus.ErrFull.Error())
	case errors.Is(err, bus.ErrSlow):
		return problem.Later(1, "", bus.ErrSlow.Error())
	case errors.Is(err, bus.ErrAway):
		return problem.Later(1, phrase.BusAway, bus.ErrAway.Error())
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return problem.Later(1, "", "the change did not come through in time: "+err.Error())
	}
	return huma.Error500InternalServerError("the change was not made", err)
}

// Register adds the routes.
func (s *Service) Register(api huma.API) {
	s.registerDocument(api)
	s.registerPatch(api)
	registerKind(s, api, sites)
	registerKind(s, api, sensors)
	registerKind(s, api, groups)
	registerKind(s, api, hierarchies)
	s.registerActions(api)
	s.registerRevisions(api)
	s.registerDifferences(api)
}

// op makes the description of a route.
func op(id, method, path, summary, description string, security []map[string][]string, errs ...int) huma.Operation {
	if method != http.MethodGet {
		errs = append(errs, 400, 412, 503)
	}
	return huma.Operation{
		OperationID: id, Method: method, Path: path, Summary: summary, Description: description,
		Tags: []string{"Model"}, Security: security, Errors: errs, MaxBodyBytes: maxBody, BodyReadTimeout: 30 * time.Second,
	}
}
