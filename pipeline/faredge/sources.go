package faredge

import (
	"encoding/json"
	"errors"
	"net/http"
	"strconv"

	"github.com/wattwerk/wattwerk/manifest"
	"github.com/wattwerk/wattwerk/manifest/paper"
	"github.com/wattwerk/wattwerk/pipeline/repository"
)

// lastValues is how many values a source is asked for.
const lastValues = 5

var sourceFields = []field{
	need("name", text), may("description", text), need("macAddress", text), need("dataSourceDefinitionReferenceID", id),
	pairs("dataSourceDefinitionInterfaceParameters"),
}

// scope is the gateway that a request names, by its id; empty: none.
func (s *Service) scope(r *request) (string, error) {
	ref := r.http.URL.Query().Get("edgeGatewayReferenceID")
	if ref == "" {
		return "", nil
	}
	if !isID(ref) {
		return "", bad("INVALID_EDGE_GATEWAY_REFERENCE_ID")
	}
	m, err := repository.Get[manifest.Gateway](r.ctx, s.opts.Store, ref)
	if errors.Is(err, repository.ErrNotFound) {
		return "", bad("EDGE_GATEWAY_NOT_FOUND")
	}
	return m.Model.ID, err
}

// sources adds the routes of the device registry.
func (s *Service) sources() {
	s.handle(http.MethodPost, "/data-sources", true, func(r *request) (answer, error) {
		gateway, err := s.scope(r)
		if err != nil {
			return answer{}, err
		}
		if err := check(r.body, sourceFields); err != nil {
			return answer{}, err
		}
		x, err := s.registered(r, gateway)
		return answer{http.StatusCreated, x}, err
	})
	s.handle(http.MethodDelete, "/data-sources/{id}", true, func(r *request) (answer, error) {
		m, err := s.source(r)
		if err != nil {
			return answer{}, err
		}
		return answer{status: http.StatusNoContent}, s.remove(r, repository.Sources, m.ID, "DATA_SOURCE_NOT_FOUND")
	})
	s.handle(http.MethodPost, "/data-sources/discover", false, func(r *request) (answer, error) {
		gateway, err := s.scope(r)
		if err != nil {
			return answer{}, err
		}
		want, err := criteria(r, []string{"id", "name", "dataSourceDefinitionReferenceID"})
		if err != nil {
			return answer{}, err
		}
		all, err := repository.ListOf[manifest.Source](r.ctx, s.opts.Store, repository.Pick{})
		if err != nil {
			return answer{}, err
		}
		found := []paper.DSM{}
		for i := range all.Items {
			m := &all.Items[i].Model
			if x := paper.OfSource(m); (gateway == "" || m.Gateway == gateway) && matches(x, want) {
				found = append(found, x)
			}
		}
		return answer{http.StatusOK, map[string][]paper.DSM{"dataSources": found}}, nil
	})
	s.get("/data-sources/{id}/data", func(r *request) (answer, error) {
		type value struct {
			Timestamp string  `json:"timestamp"`
			Value     *string `json:"value"`
		}
		data := []value{}
		// Whatever is wrong, the original answers that there is nothing.
		if m, err := s.source(r); err == nil {
			last, err := s.opts.Runtime.Last(r.ctx, m.ID, lastValues)
			if err != nil && r.ctx.Err() == nil {
				s.opts.Failed("the last values of a source cannot be read", "source", m.ID, "error", err)
			}
			for _, v := range last {
				x := value{Timestamp: v.Time.UTC().Format("2006-01-02 15:04:05")}
				if !v.Null {
					x.Value = new(strconv.FormatFloat(v.Value, 'f', -1, 64))
				}
				data = append(data, x)
			}
		}
		return answer{http.StatusOK, map[string][]value{"data": data}}, nil
	})
}

// registered stores a new source.
func (s *Service) registered(r *request, gateway string) (paper.DSM, error) {
	var x paper.DSM
	if json.Unmarshal(r.body, &x) != nil {
		return x, bad("INVALID_BODY")
	}
	m, err := x.Source()
	if errors.Is(err, paper.ErrTwice) {
		return x, bad("DUPLICATE_PARAMETER_VALUE")
	}
	if err != nil {
		return x, err
	}
	m.ID, m.Gateway = "", gateway
	made, err := repository.Create(r.ctx, s.opts.Store, m, r.who)
	if err != nil {
		return x, err
	}
	return paper.OfSource(&made.Model), nil
}

// source finds the source that the path names, in the scope of the request.
func (s *Service) source(r *request) (manifest.Source, error) {
	gateway, err := s.scope(r)
	if err != nil {
		return manifest.Source{}, err
	}
	m, err := one[manifest.Source](s, r, "DATA_SOURCE_NOT_FOUND")
	if err == nil && m.Gateway != gateway {
		err = gone("DATA_SOURCE_NOT_FOUND")
	}
	return m, err
}
