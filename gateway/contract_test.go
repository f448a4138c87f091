package gateway

import (
	"net/http"
	"testing"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/go-cmp/cmp"
)

// TestContractIsComplete: an operation says all that it can be answered, and a
// problem that says nothing more is said once for all of them.
func TestContractIsComplete(t *testing.T) {
	body := &huma.RequestBody{Content: map[string]*huma.MediaType{"text/csv": {}}}
	plain := func(status int) *huma.Response {
		return &huma.Response{Description: http.StatusText(status), Content: map[string]*huma.MediaType{problemType: {}}}
	}
	own := &huma.Response{Description: "There is no such mapping"}
	signed := []map[string][]string{{Scheme: {"read"}}}
	for _, test := range []struct {
		name string
		op   huma.Operation
		want map[string]string // by status; empty: its own
	}{
		{"open to all", huma.Operation{}, map[string]string{}},
		{"for some", huma.Operation{Security: signed}, map[string]string{"401": "Unauthorized", "403": "Forbidden"}},
		{
			"takes a body", huma.Operation{RequestBody: body, Responses: map[string]*huma.Response{"400": own, "200": {Description: "OK"}}},
			map[string]string{"200": "", "400": "", "413": "RequestEntityTooLarge"},
		},
		{
			"by hand", huma.Operation{Errors: []int{422}, Responses: map[string]*huma.Response{"404": plain(404), "default": plain(404)}},
			map[string]string{"404": "NotFound", "422": "UnprocessableEntity", "default": ""},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			doc := &huma.OpenAPI{Components: &huma.Components{}}
			complete(doc, &test.op)
			got := make(map[string]string)
			for status, r := range test.op.Responses {
				got[status] = ""
				if r.Ref == "" {
					continue
				}
				name := r.Ref[len("#/components/responses/"):]
				if got[status] = name; doc.Components.Responses[name] == nil {
					t.Errorf("%s is not among the responses", name)
				}
			}
			if d := cmp.Diff(test.want, got); d != "" {
				t.Error(d)
			}
		})
	}
}
