package figure

import (
	"context"
	"fmt"
	"net/http"
	"slices"

	"github.com/danielgtaylor/huma/v2"

	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/settlement/ledger"
	"github.com/wattwerk/wattwerk/window"
)

type enteredList struct {
	Items []Entered `json:"items" doc:"In order of time; of one time the newest entry first"`
}

func op(id, method, path, summary, text, scope string, errs ...int) huma.Operation {
	return huma.Operation{
		OperationID: id, Method: method, Path: "/api/v1/sensors/{id}/figures" + path, Summary: summary, Description: text, Errors: errs,
		Tags: []string{"production"}, Security: []map[string][]string{{"wattwerk": {scope}}},
	}
}

// SensorPath names a sensor.
type SensorPath struct {
	ID record.SensorID `path:"id" maxLength:"200" doc:"Sensor that counts what is produced"`
}

// FigurePath names a figure of it.
type FigurePath struct {
	SensorPath
	Figure string `path:"figure" maxLength:"100" doc:"Figure"`
}

type oneOutput struct{ Body Entered }

// Register adds the routes.
func (s *Service) Register(api huma.API) {
	huma.Register(api, op("list-figures", http.MethodGet, "", "Figures that were entered by hand", "Of production, as a rule. Nothing is ever removed from this list.", "read", 404, 422),
		func(ctx context.Context, in *struct {
			SensorPath
			From   string `query:"from" doc:"Begin: RFC 3339, a date of the zone, or ms since 1970 UTC. Default: all"`
			To     string `query:"to" doc:"End, not part of it"`
			Undone bool   `query:"undone" doc:"Those that were changed or deleted, too"`
			Unit   string `query:"unit" maxLength:"20" doc:"Default: the coherent one"`
		},
		) (*struct{ Body enteredList }, error) {
			u, err := s.unit(in.ID, in.Unit)
			if err != nil {
				return nil, err
			}
			at := window.Span{From: record.MinTime, To: record.MaxTime}
			c := s.opts.Decider.Calendar(ledger.SensorPoint(in.ID))
			for _, x := range []struct {
				text string
				to   *record.Millis
			}{{in.From, &at.From}, {in.To, &at.To}} {
				if x.text == "" {
					continue
				}
				if *x.to, err = c.Moment(x.text); err != nil {
					return nil, huma.Error422UnprocessableEntity(err.Error())
				}
			}
			all, err := s.list(ctx, in.ID, u, at, in.Undone)
			return &struct{ Body enteredList }{enteredList{all}}, err
		})
	enter := op("enter-figure", http.MethodPost, "", "Enter a figure by hand", "The amount of a time, divided evenly over it, or what a counter showed. It counts in settled windows, indicators and reports in the place of readings.", "operate", 404, 409, 422)
	enter.DefaultStatus = http.StatusCreated
	huma.Register(api, enter, func(ctx context.Context, in *struct {
		SensorPath
		Body Entry
	},
	) (*oneOutput, error) {
		return s.enter(ctx, in.ID, &in.Body, "")
	})
	huma.Register(api, op("change-figure", http.MethodPut, "/{figure}", "Change a figure", "The new one takes its place and has an identifier of its own; the old one stays to be seen.", "operate", 404, 409, 422),
		func(ctx context.Context, in *struct {
			FigurePath
			Body Entry
		},
		) (*oneOutput, error) {
			return s.enter(ctx, in.ID, &in.Body, in.Figure)
		})
	huma.Register(api, op("delete-figure", http.MethodDelete, "/{figure}", "Delete a figure", "It stays to be seen, with who deleted it and why. To delete it again changes nothing.", "operate", 404, 422),
		func(ctx context.Context, in *struct {
			FigurePath
			Why string `query:"why" required:"true" minLength:"1" maxLength:"2000" doc:"The reason, for whoever audits this"`
		},
		) (*struct{}, error) {
			all, err := s.figures(ctx, in.ID, true)
			if err != nil {
				return nil, err
			}
			if !slices.ContainsFunc(all, func(x ledger.Intervention) bool { return x.ID == in.Figure }) {
				return nil, huma.Error404NotFound(fmt.Sprintf("sensor %q has no figure %.60q", string(in.ID), in.Figure))
			}
			if _, err := s.opts.Decider.Undo(ctx, in.Figure, in.Why, s.opts.Actor(ctx)); err != nil {
				return nil, s.opts.Decider.Refuse(err)
			}
			return nil, nil
		})
}
