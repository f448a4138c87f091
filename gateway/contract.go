package gateway

import (
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"
)

const problemType = "application/problem+json"

// complete writes into an operation what every operation of its kind can be
// answered besides what it says itself: without a right to it 401 and 403, with a
// body 400 and 413. What is only a problem is said once for all operations.
func complete(doc *huma.OpenAPI, op *huma.Operation) {
	if op.Responses == nil {
		op.Responses = make(map[string]*huma.Response)
	}
	more := slices.Clone(op.Errors) // of what is registered by hand; else they are among the responses
	if len(op.Security) > 0 {
		more = append(more, http.StatusUnauthorized, http.StatusForbidden)
	}
	if op.RequestBody != nil {
		more = append(more, http.StatusBadRequest, http.StatusRequestEntityTooLarge)
	}
	for _, status := range more {
		if key := strconv.Itoa(status); op.Responses[key] == nil {
			op.Responses[key] = problemFor(doc, status)
		}
	}
	for key, r := range op.Responses {
		if status, err := strconv.Atoi(key); err == nil && onlyProblem(r, status) {
			op.Responses[key] = problemFor(doc, status)
		}
	}
}

// onlyProblem tells whether a response is the problem of its status and says
// nothing more.
func onlyProblem(r *huma.Response, status int) bool {
	return r.Ref == "" && len(r.Headers)+len(r.Links)+len(r.Extensions) == 0 && r.Description == http.StatusText(status) &&
		len(r.Content) == 1 && r.Content[problemType] != nil
}

// problemFor names the response that all operations share for a status.
func problemFor(doc *huma.OpenAPI, status int) *huma.Response {
	name := strings.ReplaceAll(http.StatusText(status), " ", "")
	if doc.Components.Responses == nil {
		doc.Components.Responses = make(map[string]*huma.Response)
	}
	if doc.Components.Responses[name] == nil {
		doc.Components.Responses[name] = &huma.Response{
			Description: http.StatusText(status),
			Content:     map[string]*huma.MediaType{problemType: {Schema: &huma.Schema{Ref: "#/components/schemas/ErrorModel"}}},
		}
	}
	return &huma.Response{Ref: "#/components/responses/" + name}
}
