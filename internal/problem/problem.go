// Package problem writes HTTP errors as RFC 9457 problem details, in the form
// the typed API writes them too, for handlers that are plain http.Handlers.
//
// It holds no state and is safe for concurrent use.
package problem

import (
	"encoding/json"
	"net/http"
)

// ContentType is the media type of every HTTP error.
const ContentType = "application/problem+json"

// Details is the body of an HTTP error.
type Details struct {
	Title  string `json:"title"`            // the status in words
	Status int    `json:"status"`           // the HTTP status code
	Detail string `json:"detail,omitempty"` // what is wrong with this request, in a sentence
}

// Write answers with the status and the sentence. Headers that were set
// before, such as Retry-After, are kept; a Content-Length is not.
func Write(w http.ResponseWriter, status int, detail string) {
	h := w.Header()
	h.Del("Content-Length")
	h.Del("Content-Encoding")
	h.Set("Content-Type", ContentType)
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	// The status is out; a connection that broke meanwhile needs no answer.
	_ = json.NewEncoder(w).Encode(Details{Title: http.StatusText(status), Status: status, Detail: detail})
}

// Handler answers every request with the status and the sentence.
func Handler(status int, detail string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { Write(w, status, detail) })
}
