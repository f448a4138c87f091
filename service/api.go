package service

import (
	"errors"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/wattwerk/wattwerk/internal/etag"
	"github.com/wattwerk/wattwerk/internal/problem"
	"github.com/wattwerk/wattwerk/internal/sqldb"
	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/service/bills"
	"github.com/wattwerk/wattwerk/service/book"
	"github.com/wattwerk/wattwerk/service/execution"
	"github.com/wattwerk/wattwerk/service/foresight"
	"github.com/wattwerk/wattwerk/service/vigil"
)

var (
	mayRead    = []map[string][]string{{"wattwerk": {"read"}}}
	mayOperate = []map[string][]string{{"wattwerk": {"operate"}}}
)

// Errors of requests. They are wrapped with a sentence that can be shown.
var (
	errNotReady = errors.New("the objects are not known yet, try again in a moment")
	errNotFound = errors.New("not found")
	errInvalid  = errors.New("invalid")
)

// refuse is the one place where an error becomes a status.
func refuse(err error) error {
	var status huma.StatusError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &status):
		return err
	case errors.Is(err, errNotReady):
		return problem.Later(2, "", err.Error())
	case errors.Is(err, errNotFound), errors.Is(err, book.ErrNotFound):
		return huma.Error404NotFound(err.Error())
	case errors.Is(err, book.ErrChanged):
		return huma.Error412PreconditionFailed(err.Error())
	case errors.Is(err, errInvalid):
		return huma.Error422UnprocessableEntity(err.Error())
	case errors.Is(err, book.ErrFull):
		return huma.Error409Conflict(err.Error())
	case sqldb.Down(err):
		return problem.DatabaseAway()
	}
	return huma.Error500InternalServerError("it was not done", err)
}

// op describes a route.
func op(id, method, path, summary, description string, may []map[string][]string, errs ...int) huma.Operation {
	return huma.Operation{
		OperationID: id, Method: method, Path: "/api/v1" + path, Summary: summary, Description: description, Tags: []string{tagObjects},
		Security: may, Errors: append(errs, 503), MaxBodyBytes: 1 << 20, BodyReadTimeout: 30 * time.Second,
	}
}

// Register adds the routes.
func (s *Service) Register(api huma.API) {
	s.registerObjects(api)
	s.registerSpaces(api)
	// Whoever only has to know the routes, to lead to another process, has no service.
	var exec *execution.Execution
	var all *bills.Bills
	var ahead *foresight.Keeper
	var odd *vigil.Watcher
	if s != nil {
		exec, all, ahead, odd = s.exec, s.bills, s.ahead, s.vigil
	}
	exec.Register(api)
	all.Register(api)
	s.registerStanding(api)
	s.registerMeaning(api)
	ahead.Register(api)
	odd.Register(api)
}

// Precondition is the If-Match of a change of an object or a service.
type Precondition struct {
	IfMatch string `header:"If-Match" doc:"The version the change was made for, in quotes, as the ETag; \"0\": there must be none yet. 412 when it is another" example:"\"3\""`
}

// version reads the header; etag.Any when it does not matter.
func (p *Precondition) version() (int64, error) {
	n, err := etag.Match(p.IfMatch)
	if err != nil {
		return 0, huma.Error400BadRequest(err.Error())
	}
	return n, nil
}

// timeOf is a time as it is told; nil: not known.
func timeOf(at record.Millis) *time.Time {
	if at <= 0 {
		return nil
	}
	t := at.Time()
	return &t
}
