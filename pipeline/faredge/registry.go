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

// result is what the front of the registry always answers, with status 200.
type result struct {
	Status        string `json:"status"`
	StatusMessage string `json:"statusMessage"`
	Body          any    `json:"body"`
}

var (
	consumerFields = []field{may("uri", text), may("macAddress", text), need("dataSourceDefinitionReferenceIDs", object, need("dataSourceDefinitionReferenceID", texts))}
	channelFields  = []field{may("uri", text), need("dataSourceManifestReferenceID", id), need("dataConsumerManifestReferenceID", id)}
)

// registry adds the registry of sources, consumers and channels.
func (s *Service) registry() {
	s.front()
	list := func(path string, f func(r *request) (any, int, error)) {
		s.get(path, func(r *request) (answer, error) {
			found, n, err := f(r)
			if err == nil && n == 0 {
				err = gone("NOT_FOUND")
			}
			return answer{http.StatusOK, found}, err
		})
	}
	list("/dsm", func(r *request) (any, int, error) {
		return found(s, r, paper.OfSource, func(*manifest.Source) bool { return true })
	})
	list("/dsm/dsd", func(r *request) (any, int, error) {
		return found(s, r, paper.OfSource, func(m *manifest.Source) bool { return m.Definition == asked(r, "id") })
	})
	list("/dsm/macAddress/{mac}", func(r *request) (any, int, error) {
		return found(s, r, paper.OfSource, func(m *manifest.Source) bool { return m.MAC == r.http.PathValue("mac") })
	})
	s.handle(http.MethodPost, "/dsm", true, func(r *request) (answer, error) {
		x, err := s.registerSource(r)
		return answer{http.StatusCreated, x}, err
	})
	s.handle(http.MethodDelete, "/dsm/id", true, func(r *request) (answer, error) {
		return answer{status: http.StatusNoContent}, s.remove(r, repository.Sources, asked(r, "id"), "DATA_SOURCE_NOT_FOUND")
	})
	list("/dcm", func(r *request) (any, int, error) {
		return found(s, r, paper.OfConsumer, func(*manifest.Consumer) bool { return true })
	})
	list("/dcm/uri", func(r *request) (any, int, error) {
		return found(s, r, paper.OfConsumer, func(m *manifest.Consumer) bool { return m.URI != "" && m.URI == asked(r, "id") })
	})
	list("/dcm/macAddress/{mac}", func(r *request) (any, int, error) {
		return found(s, r, paper.OfConsumer, func(m *manifest.Consumer) bool { return m.MAC == r.http.PathValue("mac") })
	})
	s.handle(http.MethodPost, "/dcm", true, func(r *request) (answer, error) {
		x, err := s.registerConsumer(r)
		return answer{http.StatusCreated, x}, err
	})
	s.handle(http.MethodDelete, "/dcm/uri", true, func(r *request) (answer, error) {
		return s.removeBy(r, repository.Consumers, "DATA_CONSUMER_NOT_FOUND")
	})
	list("/dcd", func(r *request) (any, int, error) {
		return found(s, r, paper.OfChannel, func(*manifest.Channel) bool { return true })
	})
	list("/dcd/dsm", func(r *request) (any, int, error) {
		return found(s, r, paper.OfChannel, func(m *manifest.Channel) bool { return m.Source == asked(r, "id") })
	})
	list("/dcd/dcm", func(r *request) (any, int, error) {
		return found(s, r, paper.OfChannel, func(m *manifest.Channel) bool { return m.Consumer == asked(r, "id") })
	})
	list("/dcd/uri", func(r *request) (any, int, error) {
		return found(s, r, paper.OfChannel, func(m *manifest.Channel) bool { return m.URI != "" && m.URI == asked(r, "id") })
	})
	list("/dcd/{dsm}/{dcm}", func(r *request) (any, int, error) {
		return found(s, r, paper.OfChannel, func(m *manifest.Channel) bool {
			return m.Source == strings.ToLower(r.http.PathValue("dsm")) && m.Consumer == strings.ToLower(r.http.PathValue("dcm"))
		})
	})
	s.handle(http.MethodPost, "/dcd", true, func(r *request) (answer, error) {
		x, err := s.openChannel(r)
		if errors.Is(err, repository.ErrTaken) || errors.Is(err, repository.ErrUnknown) {
			err = &failure{http.StatusConflict, s.failure(r.http, err).code, ""}
		}
		return answer{http.StatusCreated, x}, err
	})
	s.handle(http.MethodDelete, "/dcd/uri", true, func(r *request) (answer, error) {
		return s.removeBy(r, repository.Channels, "DATA_CHANNEL_NOT_FOUND")
	})
}

func asked(r *request, name string) string { return r.http.URL.Query().Get(name) }

func found[X any, T repository.Model](s *Service, r *request, write func(*T) X, want func(*T) bool) (any, int, error) {
	all, err := repository.ListOf[T](r.ctx, s.opts.Store, repository.Pick{})
	out := []X{}
	for i := range all.Items {
		if m := &all.Items[i].Model; want(m) {
			out = append(out, write(m))
		}
	}
	return out, len(out), err
}

// removeBy removes what has the URI that the query names.
func (s *Service) removeBy(r *request, k repository.Kind, missing string) (answer, error) {
	uri := asked(r, "uri")
	if k == repository.Channels {
		uri = asked(r, "id")
	}
	if uri == "" {
		return answer{}, gone(missing)
	}
	b, _, err := s.opts.Store.Bundle(r.ctx)
	if err != nil {
		return answer{}, err
	}
	id := ""
	for i := range b.Consumers {
		if k == repository.Consumers && b.Consumers[i].URI == uri {
			id = b.Consumers[i].ID
		}
	}
	for i := range b.Channels {
		if k == repository.Channels && b.Channels[i].URI == uri {
			id = b.Channels[i].ID
		}
	}
	if id == "" {
		return answer{}, gone(missing)
	}
	return answer{status: http.StatusNoContent}, s.remove(r, k, id, missing)
}

// registerSource stores a source, whose name may be missing here.
func (s *Service) registerSource(r *request) (paper.DSM, error) {
	fields := slices.Clone(sourceFields)
	fields[0].required = false
	if err := check(r.body, fields); err != nil {
		return paper.DSM{}, err
	}
	var x paper.DSM
	if json.Unmarshal(r.body, &x) != nil {
		return x, bad("INVALID_BODY")
	}
	if x.ID = repository.NewID(); x.Name == "" {
		// It is called by its id, as the papers have no name.
		m, err := x.Source()
		if errors.Is(err, paper.ErrTwice) {
			return x, bad("DUPLICATE_PARAMETER_VALUE")
		}
		if err != nil {
			return x, err
		}
		m.Gateway = ""
		made, err := repository.Create(r.ctx, s.opts.Store, m, r.who)
		if err != nil {
			return x, err
		}
		return paper.OfSource(&made.Model), nil
	}
	return s.registered(r, "")
}

func (s *Service) registerConsumer(r *request) (paper.DCM, error) {
	var x paper.DCM
	if err := check(r.body, consumerFields); err != nil {
		return x, err
	}
	if json.Unmarshal(r.body, &x) != nil {
		return x, bad("INVALID_BODY")
	}
	x.ID = repository.NewID()
	made, err := repository.Create(r.ctx, s.opts.Store, x.Consumer(), r.who)
	if err != nil {
		return x, err
	}
	return paper.OfConsumer(&made.Model), nil
}

func (s *Service) openChannel(r *request) (paper.DCD, error) {
	var x paper.DCD
	if err := check(r.body, channelFields); err != nil {
		return x, err
	}
	if json.Unmarshal(r.body, &x) != nil {
		return x, bad("INVALID_BODY")
	}
	m, err := x.Channel()
	if err != nil {
		return x, err
	}
	m.ID = ""
	made, err := repository.Create(r.ctx, s.opts.Store, m, r.who)
	if err != nil {
		return x, err
	}
	return paper.OfChannel(&made.Model), nil
}

// front adds the front of the registry.
func (s *Service) front() {
	do := func(method, path string, change bool, f func(r *request) (any, error)) {
		s.handle(method, "/registry/"+path, change, func(r *request) (answer, error) {
			body, err := f(r)
			if err == nil {
				return answer{http.StatusOK, result{"SUCCESS", "", body}}, nil
			}
			why := s.failure(r.http, err)
			x := result{Status: "FAIL", StatusMessage: why.code}
			switch {
			case strings.HasSuffix(why.code, "_NOT_FOUND"):
				x.Status = "NOTFOUND"
			case why.status == http.StatusInternalServerError:
				x.Status = "SYSTEMFAILURE"
			}
			return answer{http.StatusOK, x}, nil
		})
	}
	do(http.MethodPost, "DeviceRegistration", true, func(r *request) (any, error) { return s.registerSource(r) })
	do(http.MethodDelete, "DeviceRegistration", true, func(r *request) (any, error) {
		return nil, s.remove(r, repository.Sources, asked(r, "id"), "DATA_SOURCE_NOT_FOUND")
	})
	do(http.MethodGet, "getDataSourceDefinition", false, func(r *request) (any, error) {
		want := strings.ToLower(asked(r, "id"))
		all, n, err := found(s, r, func(m *manifest.SourceDefinition) paper.DSD { return paper.OfSourceDefinition(m, true) },
			func(m *manifest.SourceDefinition) bool { return want == "" || m.ID == want })
		if err == nil && n == 0 {
			err = gone("DATA_SOURCE_DEFINITION_NOT_FOUND")
		}
		return all, err
	})
	do(http.MethodPost, "ConsumerRegistration", true, func(r *request) (any, error) { return s.registerConsumer(r) })
	do(http.MethodDelete, "ConsumerRegistration", true, func(r *request) (any, error) {
		return nil, s.remove(r, repository.Consumers, asked(r, "id"), "DATA_CONSUMER_NOT_FOUND")
	})
	do(http.MethodGet, "compatibleDSM", false, func(r *request) (any, error) {
		c, err := repository.Get[manifest.Consumer](r.ctx, s.opts.Store, asked(r, "id"))
		if errors.Is(err, repository.ErrNotFound) {
			err = gone("DATA_CONSUMER_NOT_FOUND")
		}
		if err != nil {
			return nil, err
		}
		all, _, err := found(s, r, paper.OfSource, func(m *manifest.Source) bool { return slices.Contains(c.Model.Definitions, m.Definition) })
		return all, err
	})
	do(http.MethodPost, "accessToDSM", true, func(r *request) (any, error) { return s.openChannel(r) })
}
