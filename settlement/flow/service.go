package flow

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/wattwerk/wattwerk/catalog"
	"github.com/wattwerk/wattwerk/model"
	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/settlement/ledger"
	"github.com/wattwerk/wattwerk/settlement/tree"
	"github.com/wattwerk/wattwerk/window"
)

// Trees tells by which calendar a point is, and which trees held when. It is the
// settlement.
type Trees interface {
	Calendar(p ledger.Point) window.Calendar
	Outline(ctx context.Context) (*tree.Outline, error)
}

// Options are what a service needs. All but Now must be set.
type Options struct {
	Store   *ledger.Store
	Catalog *catalog.Catalog
	Trees   Trees
	Now     func() time.Time // the clock; nil: the real one
}

// Service answers questions.
type Service struct{ opts Options }

// New checks the options.
func New(o Options) (*Service, error) {
	if o.Store == nil || o.Catalog == nil || o.Trees == nil {
		return nil, errors.New("make flow: store, catalog and trees are needed")
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Service{o}, nil
}

// NodeBody is a part of the tree.
type NodeBody struct {
	Kind         Kind     `json:"kind" enum:"group,sensor,others,unaccounted" doc:"others: members that are not shown, together. unaccounted: what the meter of a group says, less its members, of the time in which all are known"`
	ID           string   `json:"id,omitempty" doc:"Sensor or group"`
	Name         string   `json:"name,omitempty" doc:"Its name; the identifier when it has none"`
	Depth        int      `json:"depth" doc:"0 for the group asked for"`
	Amount       *float64 `json:"amount" doc:"Energy: of a group with a meter what that says, of another the sum of its members; null when nothing is known"`
	Estimated    *float64 `json:"estimated" doc:"Part of it that was not measured in its quarter of an hour, 0 to 1; null when it is null or 0"`
	Completeness float64  `json:"completeness" doc:"Part of the time, of a member that in which it was one, that readings speak of, 0 to 1; of what is unaccounted that of compared"`
	Meter        string   `json:"meter,omitempty" doc:"Meter of a group"`
	Sum          *float64 `json:"sum,omitempty" doc:"Of a group: what its members come to"`
	SumComplete  *float64 `json:"sumCompleteness,omitempty" doc:"Of a group: part of the time, and of all members down to the last, that readings speak of"`
	Unaccounted  *float64 `json:"unaccounted,omitempty" doc:"Of a group with a meter: that less the members, over the quarters of an hour that readings speak of in full, for the meter and every member; below 0 when the members say more"`
	Compared     *float64 `json:"compared,omitempty" doc:"Of a group with a meter: part of the time in which it had one that those quarters are, 0 to 1"`
	Members      int      `json:"members,omitempty" doc:"Of a group that is looked into: its members. Of others: how many they are"`
	Unknown      int      `json:"unknown,omitempty" doc:"Of those, members of which nothing is known"`
	Closed       bool     `json:"closed,omitempty" doc:"The group has members that are not shown: below the depth, or too many for one answer"`
}

// LinkBody is what goes from a node to one below it.
type LinkBody struct {
	Source int      `json:"source" doc:"Index of the node above"`
	Target int      `json:"target" doc:"Index of the node below"`
	Amount *float64 `json:"amount" doc:"Energy with the sign with which it counts above: below 0 it flows the other way, as of panels"`
	Sign   int8     `json:"sign" enum:"-1,1" doc:"With which the amount of the node below counts"`
}

// Body is how energy went down a tree.
type Body struct {
	Zone  string     `json:"zone" doc:"Time zone of the calendar"`
	Unit  string     `json:"unit" doc:"Unit of the amounts" example:"Wh"`
	From  int64      `json:"from" doc:"Begin, ms since 1970 UTC: the first quarter of an hour that begins in the time asked for"`
	Until int64      `json:"until" doc:"End, not part of it: that of the last such quarter, or up to when windows are settled"`
	Trees int        `json:"trees" doc:"How many trees held one after the other; members count for the time in which they were members"`
	Nodes []NodeBody `json:"nodes" doc:"Each after the one it is below; the first is the group asked for"`
	Links []LinkBody `json:"links" doc:"One for each node but the first. Those of a group that are not of its unaccounted rest add up to its sum"`
}

// Input says of which time, and how much of the tree.
type Input struct {
	ID        model.GroupID     `path:"id" doc:"Group" maxLength:"200"`
	Hierarchy model.HierarchyID `query:"hierarchy" doc:"Hierarchy; needed only for a group that is no longer in the model" maxLength:"200"`
	From      string            `query:"from" doc:"RFC 3339, a date of the zone, ms since 1970 UTC, or like now-7d; at most 20 years. Default: a day before the end" example:"2026-01-01"`
	To        string            `query:"to" doc:"End, not part of it. Default: now" example:"2026-02-01"`
	Depth     int               `query:"depth" minimum:"1" maximum:"8" default:"3" doc:"Levels below the group"`
	Members   int               `query:"members" minimum:"1" maximum:"100" default:"15" doc:"Members of each group that are shown by themselves: those that come to most. The others are one node"`
}

// Register adds the routes.
func (s *Service) Register(api huma.API) {
	huma.Register(api, huma.Operation{
		OperationID: "settled-group-flow", Method: http.MethodGet, Path: "/api/v1/settled/groups/{id}/flow", Summary: "How energy went from a group to its members",
		Description: "Settled energy of a group, its members, theirs and so on, as nodes and links. What the meter of a group says and its members do not account for is a node of its own.",
		Tags:        []string{"settled windows"}, Security: []map[string][]string{{"wattwerk": {"read"}}},
	}, func(ctx context.Context, in *Input) (*struct{ Body Body }, error) {
		b, err := s.answer(ctx, in)
		if errors.Is(err, errMuch) {
			return nil, huma.Error422UnprocessableEntity(err.Error())
		}
		if err != nil {
			return nil, err
		}
		return &struct{ Body Body }{*b}, nil
	})
}

const (
	quarter record.Millis = window.QuarterLength
	years                 = 20 * 366 * 96 * quarter
)

func (s *Service) answer(ctx context.Context, in *Input) (*Body, error) {
	m := s.opts.Catalog.State().Model
	h := in.Hierarchy
	if h == "" {
		h, _ = m.HierarchyOf(in.ID)
	}
	if h == "" {
		return nil, huma.Error404NotFound(fmt.Sprintf("there is no group %q in a hierarchy of the model; name the hierarchy it was in", in.ID))
	}
	quantity := m.QuantityOf(in.ID)
	whole, ok := quantity.Integral()
	if !ok && quantity != "" {
		return nil, huma.Error422UnprocessableEntity(fmt.Sprintf("%s does not add up over time, so it does not flow", quantity))
	}
	q := question{store: s.opts.Store, calendars: s.opts.Trees, hierarchy: string(h), calendar: s.opts.Trees.Calendar(ledger.GroupPoint(string(h), string(in.ID))), budget: mostWindows}
	now := record.MillisOf(s.opts.Now())
	var err error
	to := now
	if in.To != "" {
		if to, err = q.calendar.MomentAt(in.To, now); err != nil {
			return nil, huma.Error422UnprocessableEntity("to: " + err.Error())
		}
	}
	from := max(to-96*quarter, record.MinTime)
	if in.From != "" {
		if from, err = q.calendar.MomentAt(in.From, now); err != nil {
			return nil, huma.Error422UnprocessableEntity("from: " + err.Error())
		}
	}
	if from >= to || to-from > years {
		return nil, huma.Error422UnprocessableEntity(fmt.Sprintf("from (%s) must be before to (%s), by at most 20 years", from, to))
	}
	settled, err := s.opts.Store.Progress(ctx, ledger.Frontier)
	if err != nil {
		return nil, err
	}
	if q.outline, err = s.opts.Trees.Outline(ctx); err != nil {
		return nil, err
	}
	up := func(t record.Millis) record.Millis { return (t + quarter - 1) / quarter * quarter }
	q.span.From = up(from)
	q.span.To = max(q.span.From, min(up(to), settled))
	if err := q.divide(); err != nil {
		return nil, err
	}
	nodes, err := q.follow(ctx, string(in.ID), in.Depth, in.Members)
	if err != nil {
		return nil, err
	}
	b := &Body{Zone: q.calendar.Zone().String(), Unit: whole.Unit().Symbol, From: int64(q.span.From), Until: int64(q.span.To), Nodes: []NodeBody{}, Links: []LinkBody{}}
	for _, x := range q.trees {
		if x != nil {
			b.Trees++
		}
	}
	for i := range nodes {
		n := &nodes[i]
		b.Nodes = append(b.Nodes, bodyOf(m, n))
		if n.Parent >= 0 {
			l := LinkBody{Source: n.Parent, Target: i, Sign: n.Sign}
			if n.Value.Known {
				l.Amount = new(n.Link.Float64())
			}
			b.Links = append(b.Links, l)
		}
	}
	return b, nil
}

func bodyOf(m *model.Model, n *Node) NodeBody {
	b := NodeBody{Kind: n.Kind, ID: n.Name, Name: title(m, n), Depth: n.Depth, Meter: n.Meter, Completeness: n.Value.Completeness, Members: n.Count, Unknown: n.Unknown, Closed: n.Closed}
	if n.Value.Known {
		b.Amount = new(n.Value.Amount.Float64())
		if share := math.Abs(n.Value.Estimated.Float64() / n.Value.Amount.Float64()); n.Value.Amount != 0 {
			b.Estimated = new(min(1, share))
		}
	}
	if n.Kind == Group {
		b.SumComplete = new(n.Members.Completeness)
		if n.Members.Known {
			b.Sum = new(n.Members.Amount.Float64())
		}
		if n.inMeters {
			b.Compared = new(n.compared())
		}
		if x := n.metered.Rest; x.Time > 0 {
			b.Unaccounted = new(x.Amount.Float64())
		}
	}
	return b
}
