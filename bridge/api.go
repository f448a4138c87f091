package bridge

import (
	"context"
	"net/http"
	"reflect"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/wattwerk/wattwerk/bridge/intake"
	"github.com/wattwerk/wattwerk/bus"
	"github.com/wattwerk/wattwerk/internal/phrase"
	"github.com/wattwerk/wattwerk/record"
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
	s.describe(api.OpenAPI())
}

// Again offers what a dead letter says once more, by what the model says now. It
// gives the reason why it cannot be taken still, or stores it. The error is that
// of the bus, as of [Service.Take]. No dead letter is made.
func (s *Service) Again(ctx context.Context, letter bus.DeadLetter) (refused, err error) {
	if !letter.Decoded || letter.Value == nil {
		return phrase.Errorf(phrase.OnlyBeginning, nil, "only the beginning of what was offered is kept; have it sent again"), nil
	}
	now := record.MillisOf(s.now())
	d := &drain{s: s, ctx: ctx, source: letter.Source, now: now}
	rec, unknown, err := d.check(&Message{At: now}, Reading{Sensor: string(letter.Sensor), Time: letter.Time, Value: *letter.Value, Unit: letter.Unit})
	if err != nil {
		return err, nil
	}
	if unknown.Sensor != "" {
		d.unknown = append(d.unknown, unknown)
	}
	d.records = []record.Record{rec}
	d.flush()
	return nil, d.err
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
		if strings.Contains(op.path, "{mapping}") {
			responses["404"] = &huma.Response{Description: "There is no such mapping"}
		}
		doc.AddOperation(&huma.Operation{
			OperationID: op.id, Method: http.MethodPost, Path: op.path, Tags: []string{"Intake"}, Summary: op.summary,
			Security: scope("ingest"), Parameters: op.params, Responses: responses,
			RequestBody: &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{op.media: {Schema: &huma.Schema{}}}},
		})
	}
}
