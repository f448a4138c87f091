package app

import (
	"context"
	"net/http"

	"github.com/wattwerk/wattwerk/access"
	"github.com/wattwerk/wattwerk/manifest"
	"github.com/wattwerk/wattwerk/pipeline"
	"github.com/wattwerk/wattwerk/pipeline/faredge"
	"github.com/wattwerk/wattwerk/pipeline/repository"
)

// asFarEdge is the service of manifests as those who speak FAR-EDGE's routes see
// it.
type asFarEdge struct{ s *pipeline.Service }

// Start has a manifest run.
func (a asFarEdge) Start(ctx context.Context, id, who string) error {
	_, err := a.s.Start(ctx, id, who)
	return err
}

// Stop ends it.
func (a asFarEdge) Stop(ctx context.Context, id, who string) error {
	_, err := a.s.Stop(ctx, id, who)
	return err
}

// State tells what it does.
func (a asFarEdge) State(ctx context.Context, id string) (manifest.Observed, error) {
	st, err := a.s.Status(ctx, id)
	return st.State, err
}

// Last gives the newest values of a source.
func (a asFarEdge) Last(ctx context.Context, source string, n int) ([]faredge.Value, error) {
	last, err := a.s.Last(ctx, source, n)
	out := make([]faredge.Value, len(last))
	for i, r := range last {
		out[i] = faredge.Value{Time: r.Time.Time(), Null: r.Value == nil}
		if r.Value != nil {
			out[i].Value = *r.Value
		}
	}
	return out, err
}

// farEdge answers as the services of FAR-EDGE did, for those who may read;
// changing and running needs more.
func (p *process) farEdge(models *repository.Store) (http.Handler, error) {
	log := p.logger("far-edge")
	return faredge.New(faredge.Options{
		Store: models, Runtime: asFarEdge{p.pipeline}, Who: actor,
		Failed: func(message string, args ...any) { log.Error(message, args...) }, //nolint:sloglint // its messages are constant
		Allow: func(ctx context.Context, change bool) int {
			who, ok := access.From(ctx)
			switch {
			case !ok:
				return http.StatusUnauthorized
			case change && !who.Has(access.Operate), !who.Has(access.Read):
				return http.StatusForbidden
			}
			return 0
		},
	})
}
