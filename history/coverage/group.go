package coverage

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/wattwerk/wattwerk/catalog"
	"github.com/wattwerk/wattwerk/history"
	"github.com/wattwerk/wattwerk/model"
	"github.com/wattwerk/wattwerk/record"
)

// State says how a sensor sends.
type State string

// The states.
const (
	Live   State = "live"   // as it should
	Late   State = "late"   // later than one and a half intervals; its reading counts still
	Silent State = "silent" // its reading does not count any more
	Never  State = "never"  // there is none
)

type face struct {
	history *history.Service
	catalog *catalog.Catalog
	now     func() time.Time
}

// Register adds the routes. now is the clock; nil is the real one.
func Register(api huma.API, h *history.Service, c *catalog.Catalog, now func() time.Time) {
	if now == nil {
		now = time.Now
	}
	f := &face{h, c, now}
	op := func(id, path, summary, text string) huma.Operation {
		return huma.Operation{
			OperationID: id, Method: http.MethodGet, Path: "/api/v1/" + path, Summary: summary, Description: text,
			Tags: []string{"history"}, Security: []map[string][]string{{"wattwerk": {"read"}}},
		}
	}
	huma.Register(api, op("group-coverage", "groups/{id}/coverage", "Which sensors of a group send, are late or silent",
		"All sensors below the group, meters included. Live: the newest reading is not older than one and a half expected intervals. Late: older, but it counts still. Silent: older than the max age, so it does not count. Never: there is none."), f.group)
	huma.Register(api, op("sensor-gaps", "sensors/{id}/gaps", "Where readings of a sensor are missing",
		"A reading holds until the next one and no longer than the max age of the sensor. Where none holds is a gap."), f.gaps)
	huma.Register(api, op("sensor-readings", "sensors/{id}/readings", "Readings of a sensor one by one, newest first", ""), f.readings)
	huma.Register(api, op("ranges", "range", "Values of several sensors and groups over time, on one grid",
		"Buckets of all series begin at multiples of the same step, so that they can be laid side by side. What is not there does not hinder the others: it says so."), f.ranges)
}

// CountsBody counts sensors by their state.
type CountsBody struct {
	Live   int `json:"live"`
	Late   int `json:"late"`
	Silent int `json:"silent"`
	Never  int `json:"never"`
}

// SensorBody is how a sensor sends.
type SensorBody struct {
	Sensor   record.SensorID `json:"sensor"`
	Name     string          `json:"name" doc:"Its name; the identifier when it has none"`
	Group    model.GroupID   `json:"group" doc:"The group it is a member of"`
	Meter    bool            `json:"meter,omitempty" doc:"It is the meter of that group"`
	Virtual  bool            `json:"virtual,omitempty" doc:"Its values follow from those of others"`
	State    State           `json:"state" enum:"live,late,silent,never"`
	Seen     *int64          `json:"seen" doc:"Time of its newest reading, ms since 1970 UTC; null when there is none"`
	Age      *float64        `json:"age" doc:"Seconds since then"`
	Interval float64         `json:"interval" doc:"Seconds from reading to reading that are expected"`
	MaxAge   *float64        `json:"maxAge" doc:"Seconds a reading counts; null: without end"`
}

// GroupBody is how the sensors of a group send.
type GroupBody struct {
	Group     model.GroupID     `json:"group"`
	Hierarchy model.HierarchyID `json:"hierarchy"`
	At        int64             `json:"at" doc:"When this was so, ms since 1970 UTC"`
	Total     int               `json:"total" doc:"Sensors below the group"`
	Counts    CountsBody        `json:"counts" doc:"How many of all of them are in which state"`
	Sensors   []SensorBody      `json:"sensors" doc:"A page of those in the states asked for, in order of their identifiers"`
	Next      string            `json:"next,omitempty" doc:"What to ask for behind, for the next page; absent on the last one"`
}

type groupInput struct {
	ID        model.GroupID     `path:"id" doc:"Group" maxLength:"200"`
	Hierarchy model.HierarchyID `query:"hierarchy" doc:"Hierarchy; default: the one the group stands in" maxLength:"200"`
	States    []State           `query:"state" enum:"live,late,silent,never" doc:"Only sensors in these states; default: all" maxItems:"4"`
	After     string            `query:"after" maxLength:"200" doc:"Give what comes behind this sensor; for the next page, the next of the page before"`
	Limit     int               `query:"limit" minimum:"0" maximum:"1000" default:"100" doc:"How many at most; 0: only the counts"`
}

func (f *face) group(ctx context.Context, in *groupInput) (*struct{ Body GroupBody }, error) {
	m := f.catalog.State().Model
	h := in.Hierarchy
	if h == "" {
		h, _ = m.HierarchyOf(in.ID)
	}
	l := m.Layout(h)
	at := -1
	if l != nil {
		at = slices.IndexFunc(l.Groups, func(g model.LayoutGroup) bool { return g.ID == in.ID })
	}
	if at < 0 {
		return nil, huma.Error404NotFound(fmt.Sprintf("there is no group %q in a hierarchy of the model", in.ID))
	}
	leaves := slices.Clone(l.Leaves[l.Groups[at].From:l.Groups[at].To])
	slices.SortFunc(leaves, func(a, b model.Leaf) int { return cmp.Compare(a.Sensor, b.Sensor) })
	ids := make([]record.SensorID, len(leaves))
	for i, x := range leaves {
		ids[i] = x.Sensor
	}
	seen, err := f.history.Newest(ctx, ids)
	if err != nil {
		return nil, err
	}
	now := f.now()
	b := GroupBody{Group: in.ID, Hierarchy: h, At: now.UnixMilli(), Total: len(leaves), Sensors: []SensorBody{}}
	for i, x := range leaves {
		sn, ok := m.Sensor(x.Sensor)
		if !ok {
			continue
		}
		s := SensorBody{Sensor: x.Sensor, Name: cmp.Or(sn.Name, string(x.Sensor)), Group: l.Groups[x.Group].ID, Meter: x.Meter, Virtual: sn.Formula != ""}
		s.judge(m, sn, seen[i], now)
		switch s.State {
		case Live:
			b.Counts.Live++
		case Late:
			b.Counts.Late++
		case Silent:
			b.Counts.Silent++
		case Never:
			b.Counts.Never++
		}
		if string(x.Sensor) <= in.After || len(in.States) > 0 && !slices.Contains(in.States, s.State) || in.Limit == 0 {
			continue
		}
		if len(b.Sensors) < in.Limit {
			b.Sensors = append(b.Sensors, s)
		} else if b.Next == "" {
			b.Next = string(b.Sensors[in.Limit-1].Sensor)
		}
	}
	return &struct{ Body GroupBody }{b}, nil
}

// judge says how a sensor sends whose newest reading is of a time, which is zero
// when there is none.
func (s *SensorBody) judge(m *model.Model, sn *model.Sensor, seen, now time.Time) {
	interval := time.Duration(cmp.Or(sn.Interval, model.DefaultInterval))
	age := time.Duration(history.Holds(m, sn)) * time.Millisecond
	if sn.Formula != "" {
		interval = max(interval, age/3) // it comes with the ticks of a hierarchy
	}
	s.Interval = interval.Seconds()
	if age >= 0 {
		s.MaxAge = new(age.Seconds())
	}
	if seen.IsZero() {
		s.State = Never
		return
	}
	since := max(0, now.Sub(seen))
	s.Seen, s.Age = new(seen.UnixMilli()), new(since.Seconds())
	switch {
	case age >= 0 && since > age:
		s.State = Silent
	case since > interval*3/2:
		s.State = Late
	default:
		s.State = Live
	}
}
