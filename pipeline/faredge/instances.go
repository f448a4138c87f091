package faredge

import (
	"encoding/json"
	"errors"
	"net/http"

	"github.com/wattwerk/wattwerk/manifest"
	"github.com/wattwerk/wattwerk/manifest/paper"
	"github.com/wattwerk/wattwerk/pipeline/repository"
)

var instanceFields = []field{
	need("name", text), may("description", text),
	need("analyticsProcessors", object, need("apm", list,
		may("name", text), may("description", text), need("analyticsProcessorDefinitionReferenceID", id), pairs("parameters"),
		need("dataSources", object, need("dataSource", list, need("dataSourceManifestReferenceID", id))),
		need("dataSink", object, need("dataSourceManifestReferenceID", id)))),
}

const noInstance = "ANALYTICS_INSTANCE_NOT_FOUND"

// instance is a manifest with what it does.
type instance struct {
	ID            string   `json:"id"`
	Specification paper.AM `json:"specification"`
	State         string   `json:"state"`
	Gateway       string   `json:"edgeGatewayReferenceID,omitempty"`
}

// word says a state with one of the three words that the original has.
func word(o manifest.Observed) string {
	switch o {
	case manifest.IsRunning, manifest.IsStarting, manifest.IsDegraded:
		return "RUNNING"
	case manifest.IsFailed:
		return "FAILED"
	}
	return "STOPPED"
}

func (s *Service) state(r *request, id string) (string, error) {
	o, err := s.opts.Runtime.State(r.ctx, id)
	return word(o), err
}

// instances adds the routes of the analytics engines.
func (s *Service) instances() {
	s.handle(http.MethodPost, "/analytics-instances", true, func(r *request) (answer, error) {
		gateway, err := s.scope(r)
		if err != nil {
			return answer{}, err
		}
		m, err := s.specified(r, "")
		if err != nil {
			return answer{}, err
		}
		m.Gateway = gateway
		made, err := repository.Create(r.ctx, s.opts.Store, m, r.who)
		if err != nil {
			return answer{}, err
		}
		return answer{http.StatusCreated, paper.OfManifest(&made.Model)}, nil
	})
	s.handle(http.MethodPut, "/analytics-instances/{id}/specification", true, func(r *request) (answer, error) {
		was, err := s.instance(r)
		if err != nil {
			return answer{}, err
		}
		m, err := s.specified(r, was.ID)
		if err != nil {
			return answer{}, err
		}
		if err := s.quiet(r, was.ID); err != nil {
			return answer{}, err
		}
		m.Gateway = was.Gateway
		made, err := repository.Put(r.ctx, s.opts.Store, m, repository.Any, r.who)
		if err != nil {
			return answer{}, err
		}
		return answer{http.StatusOK, paper.OfManifest(&made.Model)}, nil
	})
	s.handle(http.MethodDelete, "/analytics-instances/{id}", true, func(r *request) (answer, error) {
		m, err := s.instance(r)
		if err != nil {
			return answer{}, err
		}
		if err := s.quiet(r, m.ID); err != nil {
			return answer{}, err
		}
		return answer{status: http.StatusNoContent}, s.remove(r, repository.Manifests, m.ID, noInstance)
	})
	s.get("/analytics-instances/{id}", func(r *request) (answer, error) {
		m, err := s.instance(r)
		if err != nil {
			return answer{}, err
		}
		x, err := s.told(r, &m)
		return answer{http.StatusOK, x}, err
	})
	s.get("/analytics-instances/{id}/specification", func(r *request) (answer, error) {
		m, err := s.instance(r)
		return answer{http.StatusOK, paper.OfManifest(&m)}, err
	})
	s.get("/analytics-instances/{id}/state", func(r *request) (answer, error) {
		m, err := s.instance(r)
		if err != nil {
			return answer{}, err
		}
		state, err := s.state(r, m.ID)
		return answer{http.StatusOK, struct {
			ID      string `json:"id"`
			State   string `json:"state"`
			Gateway string `json:"edgeGatewayReferenceID,omitempty"`
		}{m.ID, state, m.Gateway}}, err
	})
	s.handle(http.MethodPost, "/analytics-instances/discover", false, s.discoverInstances)
	s.handle(http.MethodPost, "/analytics-instances/{id}/start", true, func(r *request) (answer, error) {
		m, err := s.instance(r)
		if err != nil {
			return answer{}, err
		}
		if err := s.quiet(r, m.ID); err != nil {
			return answer{}, err
		}
		return answer{status: http.StatusNoContent}, s.opts.Runtime.Start(r.ctx, m.ID, r.who)
	})
	s.handle(http.MethodPost, "/analytics-instances/{id}/stop", true, func(r *request) (answer, error) {
		m, err := s.instance(r)
		if err != nil {
			return answer{}, err
		}
		if err := s.quiet(r, m.ID); err == nil {
			return answer{}, bad("ANALYTICS_INSTANCE_NOT_RUNNING")
		} else if f, ok := errors.AsType[*failure](err); !ok || f.status != http.StatusBadRequest {
			return answer{}, err
		}
		return answer{status: http.StatusNoContent}, s.opts.Runtime.Stop(r.ctx, m.ID, r.who)
	})
}

func (s *Service) discoverInstances(r *request) (answer, error) {
	gateway, err := s.scope(r)
	if err != nil {
		return answer{}, err
	}
	want, err := criteria(r, []string{"id", "name"})
	if err != nil {
		return answer{}, err
	}
	all, err := repository.ListOf[manifest.Manifest](r.ctx, s.opts.Store, repository.Pick{})
	if err != nil {
		return answer{}, err
	}
	found := []instance{}
	for i := range all.Items {
		m := &all.Items[i].Model
		if gateway != "" && m.Gateway != gateway || want["id"] != "" && want["id"] != m.ID || want["name"] != "" && want["name"] != m.Name {
			continue
		}
		x, err := s.told(r, m)
		if err != nil {
			return answer{}, err
		}
		found = append(found, x)
	}
	return answer{http.StatusOK, map[string][]instance{"analyticsInstances": found}}, nil
}

// told is a manifest with what it does. Its gateway is beside its specification.
func (s *Service) told(r *request, m *manifest.Manifest) (instance, error) {
	state, err := s.state(r, m.ID)
	x := instance{m.ID, paper.OfManifest(m), state, m.Gateway}
	x.Specification.EdgeGatewayReferenceID = ""
	return x, err
}

// quiet refuses what cannot be done to a manifest that runs.
func (s *Service) quiet(r *request, id string) error {
	state, err := s.state(r, id)
	if err == nil && state == "RUNNING" {
		err = bad("ANALYTICS_INSTANCE_RUNNING")
	}
	return err
}

// instance finds the manifest that the path names, in the scope of the request.
func (s *Service) instance(r *request) (manifest.Manifest, error) {
	gateway, err := s.scope(r)
	if err != nil {
		return manifest.Manifest{}, err
	}
	m, err := one[manifest.Manifest](s, r, noInstance)
	if err == nil && m.Gateway != gateway {
		err = gone(noInstance)
	}
	return m, err
}

// specified reads the body of a manifest that has an id, or is new.
func (s *Service) specified(r *request, id string) (manifest.Manifest, error) {
	var m manifest.Manifest
	if err := check(r.body, instanceFields); err != nil {
		return m, err
	}
	var x paper.AM
	if json.Unmarshal(r.body, &x) != nil {
		return m, bad("INVALID_BODY")
	}
	own := make(map[string]bool)
	for _, a := range x.AnalyticsProcessors.APM {
		own[a.ID] = a.ID != ""
	}
	for _, a := range x.AnalyticsProcessors.APM {
		for _, d := range a.DataSources.DataSource {
			if err := s.there(r, d.DataSourceManifestReferenceID, "DATA_SOURCE_NOT_FOUND"); err != nil && !own[d.DataSourceManifestReferenceID] {
				return m, err
			}
		}
		if len(a.DataSources.DataSource) == 0 {
			return m, bad("MISSING_DATA_SOURCES")
		}
		if err := s.there(r, a.DataSink.DataSourceManifestReferenceID, "DATA_SINK_NOT_FOUND"); err != nil {
			return m, err
		}
	}
	m, err := x.Manifest()
	if errors.Is(err, paper.ErrTwice) {
		return m, bad("DUPLICATE_PARAMETER_VALUE")
	}
	m.ID = id
	return m, err
}

func (s *Service) there(r *request, id, code string) error {
	_, err := repository.Get[manifest.Source](r.ctx, s.opts.Store, id)
	if errors.Is(err, repository.ErrNotFound) {
		return bad(code)
	}
	return err
}
