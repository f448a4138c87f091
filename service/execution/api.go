package execution

import (
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/wattwerk/wattwerk/internal/etag"
	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/service/reply"
)

const (
	tagServices     = "Services"
	tagAvailability = "Availability"
)

var (
	mayRead    = []map[string][]string{{"wattwerk": {"read"}}}
	mayOperate = []map[string][]string{{"wattwerk": {"operate"}}}
)

// Unavailable is the answer when a service is not available.
type Unavailable = reply.Unavailable

// Refuse is the one place where an error becomes a status.
func Refuse(err error) error { return reply.Refuse(err) }

// Op describes a route.
func Op(tag, id, method, path, summary, description string, may []map[string][]string, errs ...int) huma.Operation {
	return reply.Op(tag, id, method, path, summary, description, may, errs...)
}

// Wanted is for whom a service is wanted, and how.
type Wanted = reply.Wanted

// Register adds the routes.
func (e *Execution) Register(api huma.API) {
	e.registerServices(api)
	e.registerMicroservices(api)
	e.registerAvailability(api)
	e.registerLeases(api)
}

// Match is the If-Match of a change of a definition.
type Match struct {
	IfMatch string `header:"If-Match" doc:"The version the change was made for, in quotes, as the ETag; \"0\": there must be none yet. 412 when it is another" example:"\"3\""`
}

func (m *Match) version() (int64, error) {
	n, err := etag.Match(m.IfMatch)
	if err != nil {
		return 0, huma.Error400BadRequest(err.Error())
	}
	return n, nil
}

func timeOf(at record.Millis) *time.Time {
	if at <= 0 {
		return nil
	}
	t := at.Time()
	return &t
}
