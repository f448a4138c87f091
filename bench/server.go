package bench

import (
	"context"
	"io"
	"net/http"
)

// Server is a whole process that is measured over HTTP.
type Server struct {
	URL   string
	Token string // of whoever may do everything
	// Do asks with the token; an answer that is not 2xx is an error.
	Do   func(ctx context.Context, method, path, contentType string, body io.Reader) (*http.Response, error)
	Stop func() error // ends the process, and tells what it ended with
}
