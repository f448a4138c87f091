package settlement

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/wattwerk/wattwerk/model"
	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/settlement/ledger"
	"github.com/wattwerk/wattwerk/settlement/tree"
)

// Reach has the tree of a hierarchy as it is now hold since an earlier time,
// instead of those that held in between: a change of the model's past. What is
// summed up by it is settled again. Ticks stay as they were.
func (s *Service) Reach(ctx context.Context, h model.HierarchyID, since record.Millis, why, who string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	newest := s.trees.Newest(string(h))
	switch {
	case newest == nil:
		return fmt.Errorf("%w: there is no hierarchy %q, or it was never settled", errBad, h)
	case strings.TrimSpace(why) == "":
		return fmt.Errorf("%w: say why, for whoever audits this", errBad)
	case since >= newest.Since && newest.Since > 0 || newest.Since == 0:
		return fmt.Errorf("%w: the tree of %q holds since %s already", errBad, h, newest.Since)
	}
	x := *newest
	x.Since, x.Who, x.Why, x.At = since, who, why, record.MillisOf(s.opts.Now())
	var gone []*tree.Tree
	left := slices.DeleteFunc(slices.Clone(s.trees[string(h)]), func(o *tree.Tree) bool {
		if o.Since >= since {
			gone = append(gone, o)
		}
		return o.Since >= since
	})
	// Marked first: whoever is killed in between has it computed again for nothing.
	if err := s.mark(ctx, ledger.HierarchyKind, string(h), span{since, record.MaxTime}); err != nil {
		return err
	}
	if err := tree.Keep(ctx, s.opts.Store, &x, slices.DeleteFunc(gone, func(o *tree.Tree) bool { return o.Since == since })); err != nil {
		return err
	}
	s.trees[string(h)] = append(left, &x)
	s.view.Store(nil)
	return nil
}

// TreeBody says since when a tree holds.
type TreeBody struct {
	Hierarchy model.HierarchyID `json:"hierarchy"`
	Since     *time.Time        `json:"since" doc:"Windows that begin from then on are summed up by it, until the next one; null: for all the past"`
	Revision  uint64            `json:"revision" doc:"Revision of the model it is of"`
	Groups    int               `json:"groups" doc:"How many groups it has"`
	Who       string            `json:"who,omitempty" doc:"Who put it into the past"`
	Why       string            `json:"why,omitempty" doc:"Why"`
	At        *time.Time        `json:"at,omitempty" doc:"When that was"`
}

func (s *Service) registerTrees(api huma.API) {
	op := func(id, method, summary, text, scope string) huma.Operation {
		return huma.Operation{
			OperationID: id, Method: method, Path: "/api/v1/settled/trees", Summary: summary, Description: text,
			Tags: []string{"settled windows"}, Security: []map[string][]string{{"wattwerk": {scope}}},
		}
	}
	type listOutput struct{ Body []TreeBody }
	list := func(h model.HierarchyID) *listOutput {
		s.mu.Lock()
		defer s.mu.Unlock()
		out := &listOutput{Body: []TreeBody{}}
		for _, x := range s.trees[string(h)] {
			b := TreeBody{Hierarchy: h, Revision: x.Revision, Groups: len(x.Groups), Who: x.Who, Why: x.Why}
			if x.Since > 0 {
				b.Since = new(x.Since.Time())
			}
			if x.At > 0 {
				b.At = new(x.At.Time())
			}
			out.Body = append(out.Body, b)
		}
		return out
	}
	huma.Register(api, op("list-trees", http.MethodGet, "Since when which tree of a hierarchy holds", "", "read"),
		func(_ context.Context, in *struct {
			Hierarchy model.HierarchyID `query:"hierarchy" required:"true"`
		}) (*listOutput, error) {
			return list(in.Hierarchy), nil
		})
	huma.Register(api, op("reach-back", http.MethodPost, "Have the tree of a hierarchy hold for the past", "The tree as it is now takes the place of those that held since then, in settled windows; ticks stay as they were.", "operate"),
		func(ctx context.Context, in *struct {
			Body struct {
				Hierarchy model.HierarchyID `json:"hierarchy"`
				Since     string            `json:"since" doc:"RFC 3339, a date of the site's zone, or ms since 1970 UTC" example:"2026-01-01"`
				Why       string            `json:"why" minLength:"1" maxLength:"2000" doc:"The reason"`
			}
		}) (*listOutput, error) {
			c := s.Calendar(ledger.GroupPoint(string(in.Body.Hierarchy), ""))
			since, err := c.Moment(in.Body.Since)
			if err != nil {
				return nil, huma.Error422UnprocessableEntity("since: " + err.Error())
			}
			if err := s.Reach(ctx, in.Body.Hierarchy, since, in.Body.Why, s.opts.Actor(ctx)); err != nil {
				return nil, refuse(err)
			}
			return list(in.Body.Hierarchy), nil
		})
}
