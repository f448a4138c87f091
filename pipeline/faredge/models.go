package faredge

import (
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/wattwerk/wattwerk/manifest"
	"github.com/wattwerk/wattwerk/manifest/paper"
	"github.com/wattwerk/wattwerk/pipeline/repository"
)

// species is a type of models whose routes are all alike.
type species[X any, T repository.Model] struct {
	path     string   // /data-kinds
	many     string   // dataKinds
	fields   []field  // of the body
	criteria []string // of discover, beside id
	read     func(*X) (T, error)
	write    func(*T) X
	keep     func(was, now *T) // what the form has no place for stays
}

// models adds the routes of the model repository and of edge gateways.
func (s *Service) models() {
	register(s, species[paper.DK, manifest.Kind]{
		path: "/data-kinds", many: "dataKinds", criteria: []string{"name", "modelType", "format", "quantityKind"},
		fields: []field{need("name", text), may("description", text), may("modelType", text), may("format", text), need("quantityKind", text)},
		read:   func(x *paper.DK) (manifest.Kind, error) { return x.Kind(), nil },
		write:  paper.OfKind,
		keep:   func(was, now *manifest.Kind) { now.Unit = was.Unit },
	})
	register(s, species[paper.DI, manifest.Interface]{
		path: "/data-interfaces", many: "dataInterfaces", criteria: []string{"name", "communicationProtocol"},
		fields: []field{need("name", text), may("description", text), may("communicationProtocol", text), parameters()},
		read:   (*paper.DI).Interface,
		write:  paper.OfInterface,
		keep:   func(was, now *manifest.Interface) { keepBounds(was.Parameters, now.Parameters) },
	})
	register(s, species[paper.DSD, manifest.SourceDefinition]{
		path: "/data-source-definitions", many: "dataSourceDefinitions", criteria: []string{"name", "dataInterfaceReferenceID", "dataKindReferenceID"},
		fields: []field{
			need("name", text), may("description", text), need("dataInterfaceReferenceID", id), may("dataKindReferenceID", id),
			may("dataKindReferenceIDs", object, need("dataKindReferenceID", texts)),
		},
		read: func(x *paper.DSD) (manifest.SourceDefinition, error) {
			m := x.SourceDefinition()
			if len(m.Kinds) == 0 {
				return m, bad("MISSING_DATA_KIND_REFERENCE_ID")
			}
			if slices.ContainsFunc(m.Kinds, func(k string) bool { return !isID(k) }) {
				return m, bad("INVALID_DATA_KIND_REFERENCE_ID")
			}
			return m, nil
		},
		write: func(m *manifest.SourceDefinition) paper.DSD { return paper.OfSourceDefinition(m, false) },
	})
	register(s, species[paper.APD, manifest.Definition]{
		path: "/analytics-processor-definitions", many: "analyticsProcessorDefinitions", criteria: []string{"name", "processorType", "version"},
		fields: []field{
			need("name", text), may("description", text), need("processorType", text), may("version", text), may("copyright", text),
			may("processorLocation", text), may("additionalInformation", texts), parameters(),
		},
		read:  (*paper.APD).Definition,
		write: paper.OfDefinition,
		keep:  func(was, now *manifest.Definition) { keepBounds(was.Parameters, now.Parameters) },
	})
	register(s, species[paper.EdgeGateway, manifest.Gateway]{
		path: "/edge-gateways", many: "edgeGateways", criteria: []string{"name", "namespace", "macAddress"},
		fields: []field{
			need("name", text), may("description", text), need("namespace", text), need("macAddress", text),
			may("location", object, may("virtualLocation", text), may("geoLocation", object, need("latitude", number), need("longitude", number))),
			need("dataRouterAndPreprocessorBaseURL", uri), need("edgeAnalyticsEngineBaseURL", uri), may("additionalInformation", texts),
		},
		read:  func(x *paper.EdgeGateway) (manifest.Gateway, error) { return x.Gateway(), nil },
		write: paper.OfGateway,
	})
}

// keepBounds keeps what a declaration says beyond what the forms have a place for.
func keepBounds(was, now []manifest.Parameter) {
	for i := range now {
		n := &now[i]
		j := slices.IndexFunc(was, func(p manifest.Parameter) bool { return p.Name == n.Name && p.Type == n.Type })
		if j >= 0 {
			n.Required, n.OneOf, n.Min, n.Max, n.Measure = was[j].Required && n.Default == nil, was[j].OneOf, was[j].Min, was[j].Max, was[j].Measure
		}
	}
}

func register[X any, T repository.Model](s *Service, k species[X, T]) {
	missing := nouns[repository.KindOf[T]()] + "_NOT_FOUND"
	parse := func(r *request, id string) (T, error) {
		var zero T
		if err := check(r.body, k.fields); err != nil {
			return zero, err
		}
		x := new(X)
		if err := json.Unmarshal(r.body, x); err != nil {
			return zero, bad("INVALID_BODY")
		}
		m, err := k.read(x)
		if errors.Is(err, paper.ErrTwice) {
			return m, bad("DUPLICATE_PARAMETER_NAME")
		}
		*repository.ID(&m) = id
		return m, err
	}
	s.handle(http.MethodPost, k.path, true, func(r *request) (answer, error) {
		m, err := parse(r, "")
		if err != nil {
			return answer{}, err
		}
		made, err := repository.Create(r.ctx, s.opts.Store, m, r.who)
		if err != nil {
			return answer{}, err
		}
		return answer{http.StatusCreated, k.write(&made.Model)}, nil
	})
	s.handle(http.MethodPut, k.path+"/{id}", true, func(r *request) (answer, error) {
		was, err := one[T](s, r, missing)
		if err != nil {
			return answer{}, err
		}
		m, err := parse(r, *repository.ID(&was))
		if err != nil {
			return answer{}, err
		}
		if k.keep != nil {
			k.keep(&was, &m)
		}
		made, err := repository.Put(r.ctx, s.opts.Store, m, repository.Any, r.who)
		if err != nil {
			return answer{}, err
		}
		return answer{http.StatusOK, k.write(&made.Model)}, nil
	})
	s.get(k.path+"/{id}", func(r *request) (answer, error) {
		m, err := one[T](s, r, missing)
		if err != nil {
			return answer{}, err
		}
		return answer{http.StatusOK, k.write(&m)}, nil
	})
	s.handle(http.MethodDelete, k.path+"/{id}", true, func(r *request) (answer, error) {
		m, err := one[T](s, r, missing)
		if err != nil {
			return answer{}, err
		}
		return answer{status: http.StatusNoContent}, s.remove(r, repository.KindOf[T](), *repository.ID(&m), missing)
	})
	s.handle(http.MethodPost, k.path+"/discover", false, func(r *request) (answer, error) {
		want, err := criteria(r, append([]string{"id"}, k.criteria...))
		if err != nil {
			return answer{}, err
		}
		all, err := repository.ListOf[T](r.ctx, s.opts.Store, repository.Pick{})
		if err != nil {
			return answer{}, err
		}
		found := []X{}
		for i := range all.Items {
			if x := k.write(&all.Items[i].Model); matches(x, want) {
				found = append(found, x)
			}
		}
		return answer{http.StatusOK, map[string][]X{k.many: found}}, nil
	})
}

// one finds the model that the path names.
func one[T repository.Model](s *Service, r *request, missing string) (T, error) {
	var zero T
	ref := r.http.PathValue("id")
	if !isID(ref) {
		return zero, bad("INVALID_ID")
	}
	m, err := repository.Get[T](r.ctx, s.opts.Store, ref)
	if errors.Is(err, repository.ErrNotFound) {
		return zero, gone(missing)
	}
	return m.Model, err
}

func (s *Service) remove(r *request, k repository.Kind, id, missing string) error {
	err := s.opts.Store.Delete(r.ctx, k, id, repository.Any, r.who)
	if errors.Is(err, repository.ErrNotFound) {
		return gone(missing)
	}
	return err
}

// criteria reads what discover looks for; what is empty does not matter.
func criteria(r *request, keys []string) (map[string]string, error) {
	fields := make([]field, 0, len(keys))
	for _, k := range keys {
		f := text
		if k == "id" || len(k) > 11 && k[len(k)-11:] == "ReferenceID" {
			f = id
		}
		fields = append(fields, may(k, f))
	}
	if err := check(r.body, fields); err != nil {
		return nil, err
	}
	var all map[string]json.RawMessage
	if err := json.Unmarshal(r.body, &all); err != nil {
		return nil, bad("INVALID_BODY")
	}
	want := make(map[string]string)
	for _, k := range keys {
		var v string
		if json.Unmarshal(all[k], &v) == nil && v != "" {
			if isID(v) {
				v = strings.ToLower(v)
			}
			want[k] = v
		}
	}
	return want, nil
}

// matches tells whether fields of a form are as they are wanted.
func matches(x any, want map[string]string) bool {
	if len(want) == 0 {
		return true
	}
	data, err := json.Marshal(x)
	if err != nil {
		return false
	}
	var has map[string]any
	if json.Unmarshal(data, &has) != nil {
		return false
	}
	for k, v := range want {
		// A definition may list several kinds.
		several, _ := has[k+"s"].(map[string]any)
		listed, _ := several[k].([]any)
		if has[k] != v && !slices.Contains(listed, any(v)) {
			return false
		}
	}
	return true
}
