// Package problem writes HTTP errors as RFC 9457 problem details, in the form
// the typed API writes them too, for handlers that are plain http.Handlers.
//
// It holds no state and is safe for concurrent use.
package problem

import (
	"encoding/json"
	"errors"
	"net/http"
	"strconv"

	"github.com/danielgtaylor/huma/v2"

	"github.com/wattwerk/wattwerk/internal/phrase"
)

// ContentType is the media type of every HTTP error.
const ContentType = "application/problem+json"

// Details is the body of an HTTP error.
type Details struct {
	Type   string `json:"type,omitempty"`   // names what it is, where others have the same status; see [Type]
	Title  string `json:"title"`            // the status in words
	Status int    `json:"status"`           // the HTTP status code
	Detail string `json:"detail,omitempty"` // what is wrong with this request, in a sentence
}

// Type is what a problem with a code has as its type: a URI that stays the same.
func Type(code phrase.Code) string {
	if code == "" {
		return ""
	}
	return "urn:wattwerk:problem:" + string(code)
}

// Typed gives an error of the typed API the type of a code.
func Typed(code phrase.Code, err huma.StatusError) huma.StatusError {
	if e, ok := errors.AsType[*huma.ErrorModel](err); ok {
		e.Type = Type(code)
	}
	return err
}

// Later is an error of the typed API that says: not now, but after so many seconds.
// The code may be "".
func Later(seconds int, code phrase.Code, detail string) error {
	return huma.ErrorWithHeaders(Typed(code, huma.Error503ServiceUnavailable(detail)), http.Header{"Retry-After": {strconv.Itoa(seconds)}})
}

// DatabaseAway is what a request gets while the database does not answer.
func DatabaseAway() error {
	return Later(2, phrase.DatabaseAway, "the database does not answer, try again in a moment")
}

// Write answers with the status and the sentence. Headers that were set
// before, such as Retry-After, are kept; a Content-Length is not.
func Write(w http.ResponseWriter, status int, detail string) { WriteAs(w, status, "", detail) }

// WriteAs is Write for a sentence with a code.
func WriteAs(w http.ResponseWriter, status int, code phrase.Code, detail string) {
	h := w.Header()
	h.Del("Content-Length")
	h.Del("Content-Encoding")
	h.Set("Content-Type", ContentType)
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	// The status is out; a connection that broke meanwhile needs no answer.
	_ = json.NewEncoder(w).Encode(Details{Type: Type(code), Title: http.StatusText(status), Status: status, Detail: detail})
}

// Handler answers every request with the status and the sentence.
func Handler(status int, detail string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { Write(w, status, detail) })
}
