package pipeline

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/wattwerk/wattwerk/manifest"
	"github.com/wattwerk/wattwerk/pipeline/repository"
	"github.com/wattwerk/wattwerk/pipeline/router"
	"github.com/wattwerk/wattwerk/pipeline/runner"
)

// Centre is where an edge gateway asks what it shall run, and tells what it does.
type Centre struct {
	URL    string
	Token  func() (string, error) // of a token with the scopes read and ingest; asked each time
	Client *http.Client
	Every  time.Duration // how often it asks; zero: 2 s
}

const (
	// largestAnswer bounds what a centre may hand on.
	largestAnswer = 64 << 20
	// unheard is after how long a gateway that tells nothing is thought to be away.
	unheard = 30 * time.Second
	// aloneMost is the longest pause while the centre is away.
	aloneMost = time.Minute
)

// Report is what a gateway tells its centre.
type Report struct {
	Manifests map[string]runner.ManifestStatus `json:"manifests" doc:"By id"`
	Sources   map[string]router.SourceStatus   `json:"sources" doc:"By id"`
}

// For gives the models that an edge gateway needs: its manifests and sources,
// and what they refer to.
func For(s *manifest.Set, g *manifest.Gateway) *manifest.Bundle {
	b, all := new(manifest.Bundle), s.Bundle()
	b.Gateways = []manifest.Gateway{*g}
	here := func(ref string) bool {
		x, err := s.Gateway(ref)
		return ref != "" && err == nil && x.ID == g.ID
	}
	definitions, interfaces, kinds, processors := make(map[string]bool), make(map[string]bool), make(map[string]bool), make(map[string]bool)
	for _, x := range all.Sources {
		if here(x.Gateway) {
			b.Sources = append(b.Sources, x)
			if d, err := s.SourceDefinition(x.Definition); err == nil {
				definitions[d.ID] = true
			}
		}
	}
	for _, x := range all.Manifests {
		if !here(x.Gateway) {
			continue
		}
		b.Manifests = append(b.Manifests, x)
		for _, p := range x.Processors {
			if d, err := s.Definition(p.Definition); p.Definition != "" && err == nil {
				processors[d.ID] = true
			}
		}
	}
	for _, x := range all.SourceDefinitions {
		if !definitions[x.ID] {
			continue
		}
		b.SourceDefinitions = append(b.SourceDefinitions, x)
		if i, err := s.Interface(x.Interface); err == nil {
			interfaces[i.ID] = true
		}
		for _, k := range x.Kinds {
			if k, err := s.Kind(k); err == nil {
				kinds[k.ID] = true
			}
		}
	}
	for _, x := range all.Interfaces {
		if interfaces[x.ID] {
			b.Interfaces = append(b.Interfaces, x)
		}
	}
	for _, x := range all.Kinds {
		if kinds[x.ID] {
			b.Kinds = append(b.Kinds, x)
		}
	}
	for _, x := range all.Definitions {
		if processors[x.ID] {
			b.Definitions = append(b.Definitions, x)
		}
	}
	return b
}

// registerGateways adds what edge gateways ask of their centre.
func (s *Service) registerGateways(api huma.API) {
	huma.Register(api, huma.Operation{
		OperationID: "get-gateway-bundle", Method: http.MethodGet, Path: "/api/v1/models/gateways/{id}/bundle", Tags: []string{"Manifests"}, Security: mayRead,
		Summary: "What an edge gateway needs", Description: "Its manifests and sources, what they shall do, and what they refer to. The gateway asks for it again and again, with If-None-Match.",
		Errors: []int{404, 503},
	}, s.getBundle)
	huma.Register(api, huma.Operation{
		OperationID: "put-gateway-report", Method: http.MethodPut, Path: "/api/v1/models/gateways/{id}/report", Tags: []string{"Manifests"}, Security: []map[string][]string{{"wattwerk": {"ingest"}}},
		Summary: "An edge gateway tells what it does", Description: "Of its own manifests and sources; others are left out.", MaxBodyBytes: 16 << 20, DefaultStatus: http.StatusNoContent,
		Errors: []int{404, 413, 503},
	}, s.putReport)
}

type bundleOutput struct {
	ETag   string `header:"ETag"`
	Status int
	Body   *manifest.Bundle
}

func (s *Service) getBundle(ctx context.Context, in *struct {
	PipelineRef
	Have string `header:"If-None-Match" doc:"The ETag of what it has"`
}) (*bundleOutput, error) {
	g, err := repository.Get[manifest.Gateway](ctx, s.opts.Models, in.ID)
	if err != nil {
		return nil, refuse(err)
	}
	set, revision, err := s.models(ctx)
	if err != nil {
		return nil, refuse(err)
	}
	here, err := set.Gateway(g.Model.ID)
	if err != nil {
		return nil, refuse(err)
	}
	out := &bundleOutput{ETag: strconv.Quote(strconv.FormatInt(revision, 10)), Status: http.StatusOK}
	if in.Have == out.ETag {
		return nil, huma.Status304NotModified()
	}
	out.Body = For(set, here)
	return out, nil
}

func (s *Service) putReport(ctx context.Context, in *struct {
	PipelineRef
	Body Report
}) (*struct{}, error) {
	g, err := repository.Get[manifest.Gateway](ctx, s.opts.Models, in.ID)
	if err != nil {
		return nil, refuse(err)
	}
	set, _, err := s.models(ctx)
	if err != nil {
		return nil, refuse(err)
	}
	its := func(ref string) bool {
		x, err := set.Gateway(ref)
		return ref != "" && err == nil && x.ID == g.Model.ID
	}
	maps.DeleteFunc(in.Body.Manifests, func(id string, _ runner.ManifestStatus) bool {
		m, err := set.Manifest(id)
		return err != nil || !its(m.Gateway)
	})
	maps.DeleteFunc(in.Body.Sources, func(id string, _ router.SourceStatus) bool {
		x, err := set.Source(id)
		return err != nil || !its(x.Gateway)
	})
	doc, err := json.Marshal(in.Body)
	if err != nil {
		return nil, refuse(err)
	}
	return nil, refuse(s.opts.Checkpoints.SaveGateway(ctx, g.Model.ID, string(doc), time.Now()))
}

// GatewayStatus is what is known of an edge gateway that told something.
type GatewayStatus struct {
	Gateway string    `json:"gateway" doc:"Its id"`
	Heard   time.Time `json:"heard" doc:"When it told last what it does"`
	Away    bool      `json:"away" doc:"It told nothing for longer than 30 s; what is known of its manifests and sources is as old"`
}

// getGateways tells when each gateway was heard, in the order of their ids.
// Those that never told anything, or are no longer known, are left out.
func (s *Service) getGateways(ctx context.Context, _ *struct{}) (*struct{ Body []GatewayStatus }, error) {
	set, _, err := s.models(ctx)
	if err != nil {
		return nil, refuse(err)
	}
	told, err := s.opts.Checkpoints.Gateways(ctx)
	if err != nil {
		return nil, refuse(err)
	}
	out := &struct{ Body []GatewayStatus }{[]GatewayStatus{}}
	for _, id := range slices.Sorted(maps.Keys(told)) {
		if _, err := set.Gateway(id); err != nil {
			continue
		}
		out.Body = append(out.Body, GatewayStatus{id, told[id].At, time.Since(told[id].At) > unheard})
	}
	return out, nil
}

// reported adds what gateways tell.
func (s *Service) reported(ctx context.Context, manifests map[string]runner.ManifestStatus, sources map[string]router.SourceStatus) error {
	told, err := s.opts.Checkpoints.Gateways(ctx)
	if err != nil {
		return err
	}
	for id, t := range told {
		var r Report
		if json.Unmarshal([]byte(t.Doc), &r) != nil {
			continue
		}
		away := ""
		if time.Since(t.At) > unheard {
			away = fmt.Sprintf("nothing was heard of its gateway since %s; it goes on there as it was", t.At.Format(time.RFC3339))
			if set, _, err := s.models(ctx); err == nil {
				if _, err := set.Gateway(id); err != nil {
					continue
				}
			}
		}
		for id, st := range r.Manifests {
			if away != "" && (st.State == manifest.IsRunning || st.State == manifest.IsDegraded) {
				st.State, st.Reason = manifest.IsDegraded, away
			}
			if manifests != nil {
				manifests[id] = st
			}
		}
		for id, st := range r.Sources {
			if away != "" {
				st.Connected, st.Error = false, away
			}
			if sources != nil {
				sources[id] = st
			}
		}
	}
	return nil
}

// obey asks the centre what shall run here, has it run, and tells what does,
// until ctx ends. While the centre is away everything goes on as it was.
func (s *Service) obey(ctx context.Context) error {
	c := s.opts.Centre
	every := c.Every
	if every <= 0 {
		every = 2 * time.Second
	}
	have, wait, away := "", every, false
	for {
		tag, err := s.ask(ctx, have)
		if err == nil {
			have = tag
			err = s.report(ctx)
		}
		switch {
		case ctx.Err() != nil:
			return nil
		case err == nil && away:
			away, wait = false, every
			s.opts.Log.Info("the centre is there again")
		case err != nil && !away:
			away = true
			s.opts.Log.Warn("the centre cannot be asked; manifests go on as they are", "error", err)
		case err != nil:
			wait = min(2*wait, aloneMost)
		}
		t := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			t.Stop()
			return nil
		case <-t.C:
		}
	}
}

func (s *Service) request(ctx context.Context, method, what string, body io.Reader, header ...string) (*http.Response, error) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	req, err := http.NewRequestWithContext(ctx, method, strings.TrimSuffix(s.opts.Centre.URL, "/")+"/api/v1/models/gateways/"+url.PathEscape(s.opts.Gateway)+"/"+what, body)
	if err != nil {
		cancel()
		return nil, err
	}
	token, err := s.opts.Centre.Token()
	if err != nil {
		cancel()
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+token)
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := s.opts.Centre.Client.Do(req)
	if err != nil {
		cancel()
		return nil, err
	}
	resp.Body = &ending{resp.Body, cancel}
	return resp, nil
}

// ending ends a request with its answer.
type ending struct {
	io.ReadCloser
	cancel context.CancelFunc
}

// Close ends it.
func (e *ending) Close() error {
	defer e.cancel()
	return e.ReadCloser.Close()
}

// ask takes over what the centre says, when it is something else.
func (s *Service) ask(ctx context.Context, have string) (tag string, err error) {
	resp, err := s.request(ctx, http.MethodGet, "bundle", nil, "If-None-Match", have)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	switch resp.StatusCode {
	case http.StatusNotModified:
		return have, nil
	case http.StatusOK:
	default:
		said, _ := io.ReadAll(io.LimitReader(resp.Body, 300))
		return "", fmt.Errorf("the centre answers %s: %s", resp.Status, said)
	}
	var b manifest.Bundle
	if err := json.NewDecoder(io.LimitReader(resp.Body, largestAnswer)).Decode(&b); err != nil {
		return "", fmt.Errorf("read what the centre says: %w", err)
	}
	if err := s.take(ctx, &b); err != nil {
		return "", fmt.Errorf("take over what the centre says: %w", err)
	}
	return resp.Header.Get("ETag"), nil
}

// taker is who changes the models of a gateway.
const taker = "the centre"

// take makes the models here those of a bundle.
func (s *Service) take(ctx context.Context, b *manifest.Bundle) error {
	was, _, err := s.opts.Models.Bundle(ctx)
	if err != nil {
		return err
	}
	gone := func(kind repository.Kind, ids []string) error {
		for _, id := range ids {
			if err := s.opts.Models.Delete(ctx, kind, id, repository.Any, taker); err != nil && !errors.Is(err, repository.ErrNotFound) {
				return err
			}
		}
		return nil
	}
	// What nothing refers to any more goes when nothing refers to it.
	if err := gone(repository.Manifests, missing(was.Manifests, b.Manifests, func(m *manifest.Manifest) string { return m.ID })); err != nil {
		return err
	}
	if _, err := s.opts.Models.Apply(ctx, b, false, taker); err != nil {
		return err
	}
	return errors.Join(
		gone(repository.Channels, missing(was.Channels, b.Channels, func(m *manifest.Channel) string { return m.ID })),
		gone(repository.Consumers, missing(was.Consumers, b.Consumers, func(m *manifest.Consumer) string { return m.ID })),
		gone(repository.Sources, missing(was.Sources, b.Sources, func(m *manifest.Source) string { return m.ID })),
		gone(repository.Definitions, missing(was.Definitions, b.Definitions, func(m *manifest.Definition) string { return m.ID })),
		gone(repository.SourceDefinitions, missing(was.SourceDefinitions, b.SourceDefinitions, func(m *manifest.SourceDefinition) string { return m.ID })),
		gone(repository.Interfaces, missing(was.Interfaces, b.Interfaces, func(m *manifest.Interface) string { return m.ID })),
		gone(repository.Kinds, missing(was.Kinds, b.Kinds, func(m *manifest.Kind) string { return m.ID })),
		gone(repository.Gateways, missing(was.Gateways, b.Gateways, func(m *manifest.Gateway) string { return m.ID })),
	)
}

// missing are the ids of models that were there and are not any more.
func missing[T any](was, now []T, id func(*T) string) (out []string) {
	for i := range was {
		if !slices.ContainsFunc(now, func(x T) bool { return id(&x) == id(&was[i]) }) {
			out = append(out, id(&was[i]))
		}
	}
	return out
}

// report tells the centre what runs here.
func (s *Service) report(ctx context.Context) error {
	manifests, err := s.statuses(ctx)
	if err != nil {
		return err
	}
	sources, err := s.sources(ctx)
	if err != nil {
		return err
	}
	doc, err := json.Marshal(Report{manifests, sources})
	if err != nil {
		return err
	}
	resp, err := s.request(ctx, http.MethodPut, "report", bytes.NewReader(doc), "Content-Type", "application/json")
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode/100 != 2 {
		said, _ := io.ReadAll(io.LimitReader(resp.Body, 300))
		return fmt.Errorf("the centre answers %s: %s", resp.Status, said)
	}
	return nil
}
