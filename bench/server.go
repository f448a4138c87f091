package bench

import (
	"context"
	"io"
	"net/http"
)

// Server is a whole process that is measured over HTTP.
type Server struct {
	// Do asks as whoever may do everything, with more headers as name and value; an
	// answer that is not 2xx is an error.
	Do   func(ctx context.Context, method, path, contentType string, body io.Reader, headers ...string) (*http.Response, error)
	Stop func() error // ends the process, and tells what it ended with
}
