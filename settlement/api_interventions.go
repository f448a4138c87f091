package settlement

import (
	"context"
	"database/sql"
	"errors"
	"net/http"
	"slices"

	"github.com/danielgtaylor/huma/v2"

	"github.com/wattwerk/wattwerk/energy"
	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/settlement/ledger"
)

type interventionsBody struct {
	Items []ledger.Intervention `json:"items" doc:"Newest first"`
}

// AnnotationBody is how a reading of a counter was understood.
type AnnotationBody struct {
	Time       int64    `json:"time" doc:"Time of the reading, ms since 1970 UTC"`
	Kind       string   `json:"kind" doc:"What it was taken for" example:"reset"`
	Before     *float64 `json:"before" doc:"The reading before that counts; null: there is none"`
	After      *float64 `json:"after" doc:"This reading; null: it is not about one"`
	Rise       *amount  `json:"rise" doc:"What the counter is taken to have risen by, in the coherent unit; null: not known"`
	ByOverride bool     `json:"byOverride" doc:"Because somebody said so"`
	Sentence   string   `json:"sentence" doc:"The same in words"`
}

// amount is an amount in JSON, in the coherent unit, with every digit.
type amount energy.Amount

// MarshalJSON writes a decimal.
func (a amount) MarshalJSON() ([]byte, error) { return []byte(energy.Amount(a).String()), nil }

// Schema describes it in OpenAPI.
func (amount) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Type: huma.TypeNumber, Nullable: true}
}

// refuse turns errors into those of HTTP.
func refuse(err error) error {
	switch {
	case errors.Is(err, errBad):
		return huma.Error422UnprocessableEntity(err.Error())
	case errors.Is(err, ledger.ErrFull):
		return huma.Error409Conflict(err.Error())
	case errors.Is(err, sql.ErrNoRows):
		return huma.Error404NotFound(err.Error())
	}
	return err
}

// Refuse turns errors of decisions into those of HTTP.
func (s *Service) Refuse(err error) error { return refuse(err) }

func (s *Service) registerInterventions(api huma.API) {
	op := func(id, method, path, summary, text, scope string) huma.Operation {
		return huma.Operation{
			OperationID: id, Method: method, Path: "/api/v1/" + path, Summary: summary, Description: text,
			Tags: []string{"corrections"}, Security: []map[string][]string{{"wattwerk": {scope}}},
		}
	}
	type oneOutput struct{ Body ledger.Intervention }
	huma.Register(api, op("list-interventions", http.MethodGet, "interventions", "List corrections of readings, and how odd counter readings are to be understood",
		"Who decided what, when and why; nothing is ever removed from this list.", "read"),
		func(ctx context.Context, in *struct {
			Sensor record.SensorID `query:"sensor" doc:"Only those of this sensor"`
			Undone bool            `query:"undone" default:"true" doc:"Undone ones too"`
			Limit  int             `query:"limit" minimum:"1" maximum:"10000" default:"1000"`
		}) (*struct{ Body interventionsBody }, error) {
			all, err := s.opts.Store.Interventions(ctx, in.Sensor, in.Undone, in.Limit)
			return &struct{ Body interventionsBody }{interventionsBody{all}}, err
		})
	huma.Register(api, op("intervene", http.MethodPost, "sensors/{id}/interventions", "Correct readings, or say how one is to be understood",
		"The raw readings stay as they are; everything derived from them is settled again.", "operate"),
		func(ctx context.Context, in *struct {
			ID   record.SensorID `path:"id" doc:"Sensor"`
			Body ledger.InterventionBody
		}) (*oneOutput, error) {
			x, err := s.Intervene(ctx, in.ID, in.Body, s.opts.Actor(ctx))
			if err != nil {
				return nil, refuse(err)
			}
			return &oneOutput{x}, nil
		})
	huma.Register(api, op("undo-intervention", http.MethodPost, "interventions/{id}/undo", "Undo a correction", "It stays in the list, with who undid it and why.", "operate"),
		func(ctx context.Context, in *struct {
			ID   string `path:"id" maxLength:"100"`
			Body struct {
				Why string `json:"why" minLength:"1" maxLength:"2000" doc:"The reason"`
			}
		}) (*oneOutput, error) {
			x, err := s.Undo(ctx, in.ID, in.Body.Why, s.opts.Actor(ctx))
			if err != nil {
				return nil, refuse(err)
			}
			return &oneOutput{x}, nil
		})
	huma.Register(api, op("annotations", http.MethodGet, "sensors/{id}/annotations", "How odd readings of a counter were understood", "Resets, roll-overs, steps back, jumps, changes of the device. Each can be understood in another way by an intervention.", "read"),
		func(ctx context.Context, in *struct {
			ID   record.SensorID `path:"id" doc:"Sensor"`
			From string          `query:"from" required:"true" doc:"Begin: RFC 3339, a date of the zone, or ms since 1970 UTC"`
			To   string          `query:"to" required:"true" doc:"End, not part of it"`
		}) (*struct{ Body []AnnotationBody }, error) {
			m := s.opts.Catalog.State().Model
			sn, ok := m.Sensor(in.ID)
			if !ok {
				return nil, huma.Error404NotFound("there is no such sensor in the model")
			}
			at, err := s.calendarOf(m, ledger.SensorPoint(in.ID)).Between(in.From, in.To)
			if err != nil {
				return nil, huma.Error422UnprocessableEntity(err.Error())
			}
			notes, err := s.Annotations(ctx, sn.ID, at.From, at.To)
			if err != nil {
				return nil, err
			}
			out := []AnnotationBody{}
			for _, n := range notes {
				out = append(out, annotation(n))
			}
			return &struct{ Body []AnnotationBody }{out}, nil
		})
}

func annotation(n energy.Annotation) AnnotationBody {
	return AnnotationBody{
		Time: int64(n.Time), Kind: n.Kind.String(), Before: record.Finite(n.Before), After: record.Finite(n.After), Rise: (*amount)(known(n.Rise, n.Known)),
		ByOverride: n.ByOverride, Sentence: n.String(),
	}
}

// Annotations tells how odd readings of a counter in a span were understood.
func (s *Service) Annotations(ctx context.Context, id record.SensorID, from, to record.Millis) ([]energy.Annotation, error) {
	sn, ok := s.opts.Catalog.State().Model.Sensor(id)
	if !ok || sn.Formula != "" { // that has no readings
		return nil, nil
	}
	_, notes, err := s.values(ctx, sn, []record.Millis{from, to})
	return slices.DeleteFunc(notes, func(n energy.Annotation) bool { return n.Time < from || n.Time >= to }), err
}
