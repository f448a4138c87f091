package bridge

import (
	"context"
	"fmt"
	"net/http"
	"reflect"

	"github.com/danielgtaylor/huma/v2"

	"github.com/wattwerk/wattwerk/bridge/intake"
	"github.com/wattwerk/wattwerk/bus"
)

// Register adds what people and programs ask about the intake, and describes
// the addresses that [Service.Handler] serves.
func (s *Service) Register(api huma.API) {
	huma.Register(api, huma.Operation{
		OperationID: "intake", Method: http.MethodGet, Path: "/api/v1/intake", Tags: []string{"Intake"},
		Summary:     "What was offered, taken and refused",
		Description: "Counters of every bridge that was offered something since its process started. Where several processes take readings in, the sum of all that run now, and the part of each.",
		Security:    scope("read"),
	}, func(ctx context.Context, _ *struct{}) (*struct{ Body []intake.Intake }, error) {
		all, err := s.all().All(ctx)
		if err != nil {
			return nil, huma.Error503ServiceUnavailable(err.Error())
		}
		return &struct{ Body []intake.Intake }{all}, nil
	})
	huma.Register(api, huma.Operation{
		OperationID: "dead-letters", Method: http.MethodGet, Path: "/api/v1/dead-letters", Tags: []string{"Intake"},
		Summary:     "What could not be taken, newest first",
		Description: "Each with its reason and the beginning of what was offered. Kept for 90 days, at most 1 GiB.",
		Security:    scope("operate"),
	}, s.deadLetters)
	s.describe(api.OpenAPI())
}

type deadLettersAnswer struct {
	Body struct {
		Count   uint64           `json:"count" doc:"How many are kept"`
		Letters []bus.DeadLetter `json:"letters" doc:"The newest of them, newest first"`
	}
}

func (s *Service) deadLetters(ctx context.Context, in *struct {
	Limit int `query:"limit" minimum:"1" maximum:"1000" default:"100" doc:"How many to give"`
}) (*deadLettersAnswer, error) {
	out := &deadLettersAnswer{}
	var err error
	if out.Body.Count, err = s.bus.DeadLetterCount(ctx); err != nil {
		return nil, fmt.Errorf("list dead letters: %w", err)
	}
	if out.Body.Letters, err = s.bus.DeadLetters(ctx, in.Limit); err != nil {
		return nil, fmt.Errorf("list dead letters: %w", err)
	}
	if out.Body.Letters == nil {
		out.Body.Letters = []bus.DeadLetter{}
	}
	return out, nil
}

func scope(name string) []map[string][]string { return []map[string][]string{{"wattwerk": {name}}} }

// describe writes the plain handlers into the contract.
func (s *Service) describe(doc *huma.OpenAPI) {
	answer := huma.SchemaFromType(doc.Components.Schemas, reflect.TypeFor[Answer]())
	stored := &huma.Response{Description: "Stored", Content: map[string]*huma.MediaType{"application/json": {Schema: answer}}}
	query := func(name, text string) *huma.Param {
		return &huma.Param{Name: name, In: "query", Description: text, Schema: &huma.Schema{Type: "string"}}
	}
	for _, op := range []struct {
		id, path, summary, media string
		params                   []*huma.Param
		ok                       string
	}{
		{"ingest-pdu", "/api/v1/ingest/pdu", "Push of a rack power-distribution unit (Raritan JSON)", "application/json",
			[]*huma.Param{query("id", "The unit; sensors are called id.label")}, "200"},
		{"ingest-json", "/api/v1/ingest/json", `Push of readings: {"sensor","value","time"?,"unit"?}, one or an array`, "application/json", nil, "200"},
		{"ingest-json-mapped", "/api/v1/ingest/json/{mapping}", "Push of JSON that a configured mapping explains", "application/json",
			[]*huma.Param{{Name: "mapping", In: "path", Required: true, Schema: &huma.Schema{Type: "string"}}}, "200"},
		{"influx-write", "/write", "InfluxDB 1.x line protocol", "text/plain", []*huma.Param{query("precision", "ns, u, ms, s, m or h")}, "204"},
		{"influx-write-v2", "/api/v2/write", "InfluxDB 2.x line protocol", "text/plain", []*huma.Param{query("precision", "ns, us, ms or s")}, "204"},
		{"remote-write", "/api/v1/write", "Prometheus remote write 1.0", "application/x-protobuf", nil, "204"},
	} {
		responses := map[string]*huma.Response{
			"429": {Description: "More comes in than can be stored; see Retry-After"},
			"503": {Description: "The disk is nearly full or the bus out of reach; see Retry-After"},
		}
		if responses[op.ok] = stored; op.ok == "204" {
			responses[op.ok] = &huma.Response{Description: "Stored"}
			responses["400"] = &huma.Response{Description: "A part or all of it cannot be taken; sending it again does not help"}
		} else {
			responses["422"] = &huma.Response{Description: "Nothing of it can be taken"}
		}
		doc.AddOperation(&huma.Operation{
			OperationID: op.id, Method: http.MethodPost, Path: op.path, Tags: []string{"Intake"}, Summary: op.summary,
			Security: scope("ingest"), Parameters: op.params, Responses: responses,
			RequestBody: &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{op.media: {Schema: &huma.Schema{}}}},
		})
	}
}
