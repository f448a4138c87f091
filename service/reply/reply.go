package reply

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"reflect"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/wattwerk/wattwerk/internal/problem"
	"github.com/wattwerk/wattwerk/internal/sqldb"
	"github.com/wattwerk/wattwerk/microservice/lease"
	"github.com/wattwerk/wattwerk/microservice/plan"
	"github.com/wattwerk/wattwerk/object"
	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/service/book"
	"github.com/wattwerk/wattwerk/service/feed"
	"github.com/wattwerk/wattwerk/service/lending"
)

// ErrNothing says that a service computes nothing in this program.
var ErrNothing = errors.New("nothing of this service is carried out here: it names no computation of this program")

// Unavailable is the answer when a service is not available: RFC 9457, with all that
// is missing.
type Unavailable struct {
	Type   string `json:"type" example:"urn:woo:service-not-available"`
	Status int    `json:"status"`
	Title  string `json:"title"`
	Detail string `json:"detail" doc:"In a sentence"`
	plan.NotAvailable
}

// GetStatus is the status of HTTP.
func (u *Unavailable) GetStatus() int { return u.Status }

// Error is the sentence.
func (u *Unavailable) Error() string { return u.Detail }

// ContentType is that of problems.
func (u *Unavailable) ContentType(string) string { return "application/problem+json" }

// Taken is the answer when somebody else has an actuator.
type Taken struct {
	Type     string        `json:"type" example:"urn:woo:conflict"`
	Status   int           `json:"status"`
	Title    string        `json:"title"`
	Detail   string        `json:"detail" doc:"In a sentence"`
	Reason   plan.Reason   `json:"reason" enum:"conflict"`
	Object   object.ID     `json:"object"`
	Holder   string        `json:"holder" doc:"Who has it, or comes first"`
	Priority int           `json:"priority" doc:"The holder's priority"`
	Until    record.Millis `json:"until" doc:"When its lease ends, ms since 1970"`
	Waits    bool          `json:"waits" doc:"Nobody has it, and somebody who waits comes first"`
}

// GetStatus is the status of HTTP.
func (t *Taken) GetStatus() int { return t.Status }

// Error is the sentence.
func (t *Taken) Error() string { return t.Detail }

// ContentType is that of problems.
func (t *Taken) ContentType(string) string { return "application/problem+json" }

// Refuse is the one place where an error becomes a status.
func Refuse(err error) error {
	var status huma.StatusError
	var no *plan.NotAvailable
	var none *plan.NoMicroservice
	var conflict *lease.Conflict
	switch {
	case err == nil:
		return nil
	case errors.As(err, &status):
		return err
	case errors.As(err, &no):
		out := NotAvailable(no)
		if no.RetryAfter > 0 {
			return huma.ErrorWithHeaders(out, http.Header{"Retry-After": {strconv.Itoa(no.RetryAfter)}})
		}
		return out
	case errors.As(err, &conflict):
		return &Taken{"urn:woo:conflict", http.StatusConflict, "conflict", conflict.Error(), plan.InConflict, conflict.Object, conflict.Holder, conflict.Priority, conflict.Until, conflict.Waits}
	case errors.As(err, &none):
		return huma.Error422UnprocessableEntity(err.Error())
	case errors.Is(err, lending.ErrNotReady), errors.Is(err, lending.ErrNoStore):
		return problem.Later(2, "", err.Error())
	case errors.Is(err, plan.ErrUnknown), errors.Is(err, plan.ErrSubject), errors.Is(err, book.ErrNotFound):
		return huma.Error404NotFound(err.Error())
	case errors.Is(err, plan.ErrAmbiguous), errors.Is(err, plan.ErrRequest), errors.Is(err, feed.ErrAsked), errors.Is(err, ErrNothing),
		errors.Is(err, lending.ErrActuator), errors.Is(err, lease.ErrInvalid):
		return huma.Error422UnprocessableEntity(err.Error())
	case errors.Is(err, book.ErrChanged):
		return huma.Error412PreconditionFailed(err.Error())
	case errors.Is(err, lease.ErrOld):
		return huma.Error410Gone(err.Error())
	case errors.Is(err, book.ErrFull), errors.Is(err, lease.ErrFull):
		return huma.Error409Conflict(err.Error())
	case sqldb.Down(err):
		return problem.DatabaseAway()
	}
	return huma.Error500InternalServerError("it was not done", err)
}

// NotAvailable makes the answer.
func NotAvailable(no *plan.NotAvailable) *Unavailable {
	return &Unavailable{"urn:woo:service-not-available", http.StatusServiceUnavailable, "service not available", no.Error(), *no}
}

// Op describes a route.
func Op(tag, id, method, path, summary, description string, may []map[string][]string, errs ...int) huma.Operation {
	return huma.Operation{
		OperationID: id, Method: method, Path: "/api/v1" + path, Summary: summary, Description: description, Tags: []string{tag},
		Security: may, Errors: append(errs, 503), MaxBodyBytes: 8 << 20, BodyReadTimeout: 30 * time.Second,
	}
}

// Wanted is for whom a service is wanted, and how.
type Wanted struct {
	Subject   string         `json:"subject,omitempty" doc:"Below what it is to look: a group, a sensor, or a space as space/hall; absent: everything" example:"group/hall1" maxLength:"210"`
	Domain    string         `json:"domain,omitempty" doc:"Application domain; may be left out when the service is there for one alone" maxLength:"200"`
	Priority  *int           `json:"priority,omitempty" doc:"Lower than the service's own, if that is enough" minimum:"0" maximum:"1000"`
	Threshold int64          `json:"threshold_ms,omitempty" doc:"Shorter than the service's own, ms" minimum:"0" maximum:"3600000"`
	Majors    map[string]int `json:"majors,omitempty" doc:"Another major version of microservices, by their identifiers"`
	Rule      string         `json:"rule,omitempty" doc:"How long it is thought to take: the sum of all thresholds, or the longest way through what depends on one another; default sum" enum:"sum,critical-path"`
}

// Request is that as it is asked for.
func (w *Wanted) Request(sid string) (plan.Request, plan.Rule) {
	rule := plan.BySum
	if w.Rule == "critical-path" {
		rule = plan.ByPath
	}
	return plan.Request{
		SID: sid, Domain: w.Domain, Subject: object.ID(w.Subject), Priority: w.Priority,
		Threshold: time.Duration(w.Threshold) * time.Millisecond, Majors: w.Majors,
	}, rule
}

// Text writes what can always be written.
func Text(v any) []byte {
	var b bytes.Buffer
	w := json.NewEncoder(&b)
	w.SetEscapeHTML(false)
	if err := w.Encode(v); err != nil {
		panic("an answer cannot be written: " + err.Error())
	}
	return b.Bytes()
}

// Sent is an answer that is text already.
type Sent struct{ Body func(huma.Context) }

// Write gives an answer that is text.
func Write(status int, kind, retry string, text []byte) *Sent {
	return &Sent{func(ctx huma.Context) {
		ctx.SetHeader("Content-Type", kind)
		ctx.SetHeader("Content-Length", strconv.Itoa(len(text)))
		if retry != "" {
			ctx.SetHeader("Retry-After", retry)
		}
		ctx.SetStatus(status)
		_, _ = ctx.BodyWriter().Write(text) // who asked is gone, then
	}}
}

// Says has an operation answer with a type, though its function writes text.
func Says[T any](api huma.API, op huma.Operation) huma.Operation {
	op.Responses = map[string]*huma.Response{"200": {
		Description: http.StatusText(http.StatusOK),
		Content:     map[string]*huma.MediaType{"application/json": {Schema: api.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[T](), true, "")}},
	}}
	return op
}
