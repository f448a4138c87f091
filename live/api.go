package live

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"reflect"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/wattwerk/wattwerk/internal/problem"
	"github.com/wattwerk/wattwerk/record"
)

const (
	keepAlive = 15 * time.Second
	// valuesApart keeps fast sensors from making an event of every record.
	// Ticks are never held back.
	valuesApart = 50 * time.Millisecond
)

type streamIn struct {
	Hierarchy []string `query:"hierarchy,explode" maxItems:"2000" doc:"Only these hierarchies; repeatable. Without: all"`
	Group     []string `query:"group,explode" maxItems:"2000" doc:"Only these groups; repeatable. Without: the first of each hierarchy, depth first, up to limit"`
	Sensor    []string `query:"sensor,explode" maxItems:"2000" doc:"Also the records of these sensors; repeatable"`
	Preview   bool     `query:"preview" doc:"Also what each tick looks like when it is reached, as events preview; the tick itself follows when late readings had their chance, and may differ"`
	Limit     int      `query:"limit" minimum:"0" maximum:"20000" default:"2000" doc:"At most this many groups of a hierarchy in an event; 0: none"`
}

// Register adds GET /api/v1/stream, which needs the scope read.
func (s *Service) Register(api huma.API) {
	reg := api.OpenAPI().Components.Schemas
	events := &huma.Schema{
		Description: "The data of an event, as JSON: of event aggregates, or of event records.",
		OneOf: []*huma.Schema{
			reg.Schema(reflect.TypeFor[Aggregates](), true, "Aggregates"),
			reg.Schema(reflect.TypeFor[Records](), true, "Records"),
		},
	}
	huma.Register(api, huma.Operation{
		OperationID: "stream", Method: http.MethodGet, Path: "/api/v1/stream", Tags: []string{"live"},
		Security: []map[string][]string{{"wattwerk": {"read"}}},
		Summary:  "Ticks and records while they happen, as server-sent events",
		Description: "Event aggregates: one per hierarchy and tick. It begins with the last tick of each hierarchy. Whoever reads too slowly gets the newest " +
			"tick of each hierarchy and misses those between. Event records: what the named sensors measured. A comment comes every 15 s. " +
			"Event preview, if asked for: a tick at the moment it is reached, in the form of aggregates; it is not stored. " +
			"A hierarchy with more groups than limit sends the first ones, depth first, and says in groups how many there are; name the groups to get others.",
		Responses: map[string]*huma.Response{
			"200": {Description: "A stream without end", Content: map[string]*huma.MediaType{"text/event-stream": {Schema: events}}},
		},
		Errors: []int{http.StatusUnauthorized, http.StatusForbidden, http.StatusServiceUnavailable},
	}, s.open)
}

func (s *Service) open(_ context.Context, in *streamIn) (*huma.StreamResponse, error) {
	sensors := make([]record.SensorID, len(in.Sensor))
	for i, id := range in.Sensor {
		sensors[i] = record.SensorID(id)
	}
	c := newClient(in.Hierarchy, in.Group, sensors, in.Limit)
	c.preview = in.Preview
	if err := s.join(c); errors.Is(err, errTooMany) {
		return nil, problem.Later(10, "", err.Error())
	} else if err != nil {
		return nil, err
	}
	return &huma.StreamResponse{Body: func(ctx huma.Context) {
		defer s.leave(c)
		ctx.SetHeader("Content-Type", "text/event-stream")
		ctx.SetHeader("Cache-Control", "no-store")
		ctx.SetHeader("X-Accel-Buffering", "no") // or nginx would collect it
		ctx.SetStatus(http.StatusOK)
		// A reader that went away is the ordinary end of a stream.
		_ = s.serve(ctx.Context(), c, ctx.BodyWriter())
	}}, nil
}

// serve writes events until somebody ends it.
func (s *Service) serve(ctx context.Context, c *client, w io.Writer) error {
	flush := func() {
		if f, ok := w.(http.Flusher); ok {
			f.Flush()
		}
	}
	if _, err := io.WriteString(w, "retry: 2000\n\n"); err != nil {
		return err
	}
	flush()
	alive := time.NewTicker(keepAlive)
	defer alive.Stop()
	var later <-chan time.Time
	var valuesAt time.Time
	var buf []byte
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-s.done:
			return nil
		case <-alive.C:
			buf = append(buf[:0], ":\n\n"...)
		case <-c.wake:
			buf = buf[:0]
			for _, t := range c.takeTicks() {
				if c.limit == 0 && len(c.groups) == 0 {
					continue
				}
				name := "aggregates"
				if t.preview {
					name = "preview"
				}
				buf = appendEvent(buf, name, t.wanted(c))
			}
		case <-later:
			later, buf = nil, buf[:0]
		}
		if later == nil && len(c.sensors) > 0 {
			if wait := valuesApart - time.Since(valuesAt); wait > 0 {
				later = time.After(wait)
			} else if v := c.takeValues(); len(v.T) > 0 {
				valuesAt = time.Now()
				data, err := json.Marshal(v)
				if err != nil {
					return err
				}
				buf = appendEvent(buf, "records", data)
			}
		}
		if len(buf) == 0 {
			continue
		}
		if _, err := w.Write(buf); err != nil {
			return err
		}
		flush()
	}
}

// appendEvent writes one event; JSON has no line breaks.
func appendEvent(dst []byte, name string, data []byte) []byte {
	if data == nil {
		return dst
	}
	dst = append(append(append(dst, "event: "...), name...), "\ndata: "...)
	return append(append(dst, data...), "\n\n"...)
}
