package app

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/wattwerk/wattwerk/access"
	"github.com/wattwerk/wattwerk/bus"
	"github.com/wattwerk/wattwerk/internal/config"
	"github.com/wattwerk/wattwerk/internal/sqldb"
	"github.com/wattwerk/wattwerk/manifest"
	"github.com/wattwerk/wattwerk/pipeline"
	"github.com/wattwerk/wattwerk/pipeline/checkpoint"
	"github.com/wattwerk/wattwerk/pipeline/connect"
	"github.com/wattwerk/wattwerk/pipeline/connect/kafka"
	"github.com/wattwerk/wattwerk/pipeline/connect/mongodb"
	"github.com/wattwerk/wattwerk/pipeline/connect/mqtt"
	"github.com/wattwerk/wattwerk/pipeline/connect/nats"
	"github.com/wattwerk/wattwerk/pipeline/connect/parquet"
	"github.com/wattwerk/wattwerk/pipeline/connect/poll"
	"github.com/wattwerk/wattwerk/pipeline/connect/postgresql"
	"github.com/wattwerk/wattwerk/pipeline/connect/push"
	"github.com/wattwerk/wattwerk/pipeline/connect/webhook"
	"github.com/wattwerk/wattwerk/pipeline/faredge"
	"github.com/wattwerk/wattwerk/pipeline/local"
	"github.com/wattwerk/wattwerk/pipeline/repository"
)

// PipelineConfig is where manifests run, and what their sources and sinks may
// reach.
type PipelineConfig struct {
	Gateway string          `koanf:"gateway" doc:"The edge gateway this installation is: the manifests of that gateway run here. Empty: it is the centre, and runs those over all gateways."`
	Centre  CentreConfig    `koanf:"centre" doc:"Where an edge gateway is told what to run. Without it its models are its own."`
	Keep    config.Duration `koanf:"keep" doc:"How long what data sources tell is kept for people and for paused manifests' neighbours, at least. What a manifest needs to go on is kept longer."`
	Every   config.Duration `koanf:"every" doc:"How often the states of manifests are stored. After a crash that much is done again, with the same results."`
	Secrets string          `koanf:"secrets" doc:"The directory of the files that parameters of type secret name; empty: there are none."`
	Files   string          `koanf:"files" doc:"The directory below which sinks may write files; empty: none may."`
	Private bool            `koanf:"private" doc:"Sources and sinks may reach this machine and private networks."`
	Hosts   []string        `koanf:"hosts" doc:"Names, addresses and networks (10.1.0.0/16) that sources and sinks may reach wherever they are."`
	Only    bool            `koanf:"only" doc:"Sources and sinks may reach nothing but hosts."`
}

// CentreConfig is where an edge gateway asks.
type CentreConfig struct {
	URL       string `koanf:"url" doc:"Of the wattwerk at the centre, as https://power.example.org; empty: nobody is asked."`
	TokenFile string `koanf:"token_file" doc:"File with a token of the centre with the scopes read and ingest."`
	CAFile    string `koanf:"ca_file" doc:"Certificates (PEM) that the centre is trusted by; empty: those of the system."`
}

// noPipeline is what is said where nobody runs manifests.
const noPipeline = "no process here runs manifests; one with --modules pipeline does"

// DefaultPipelineConfig keeps a day, and lets nobody into private networks.
func DefaultPipelineConfig() PipelineConfig {
	return PipelineConfig{Keep: config.Duration(24 * time.Hour), Every: config.Duration(5 * time.Second)}
}

// Validate gives what cannot work.
func (c *PipelineConfig) Validate() error {
	var errs []error
	bad := func(format string, a ...any) { errs = append(errs, fmt.Errorf(format, a...)) }
	if c.Keep <= 0 {
		bad("pipeline.keep is %v; it must be positive", c.Keep.Std())
	}
	if c.Every <= 0 || c.Every.Std() > time.Hour {
		bad("pipeline.every is %v; more than nothing and at most an hour are possible", c.Every.Std())
	}
	switch u, err := url.Parse(c.Centre.URL); {
	case c.Centre.URL == "":
	case err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https":
		bad("pipeline.centre.url %q is not like https://power.example.org", c.Centre.URL)
	case c.Gateway == "":
		bad("pipeline.centre.url is set, and pipeline.gateway does not say which edge gateway this is")
	case c.Centre.TokenFile == "":
		bad("pipeline.centre.url is set, and pipeline.centre.token_file is not")
	case u.Scheme == "http" && !loopback(u.Hostname()):
		bad("pipeline.centre.url %q would send its token unencrypted; use https", c.Centre.URL)
	}
	if len(c.Gateway) > 200 {
		bad("pipeline.gateway is longer than 200 bytes")
	}
	if c.Only && len(c.Hosts) == 0 {
		bad("pipeline.only allows nothing but pipeline.hosts, and there are none")
	}
	for _, dir := range []struct{ name, path string }{{"pipeline.secrets", c.Secrets}, {"pipeline.files", c.Files}} {
		if dir.path == "" {
			continue
		}
		if i, err := os.Stat(dir.path); err != nil {
			bad("%s: %v", dir.name, err)
		} else if !i.IsDir() {
			bad("%s %q is no directory", dir.name, dir.path)
		}
	}
	return errors.Join(errs...)
}

func (c *PipelineConfig) house() *connect.House {
	return &connect.House{Secrets: c.Secrets, Files: c.Files, Private: c.Private, Hosts: c.Hosts, Only: c.Only}
}

// asked is the centre of a gateway; nil: there is none.
func (c *PipelineConfig) asked() (*pipeline.Centre, error) {
	if c.Centre.URL == "" {
		return nil, nil
	}
	client := &http.Client{Timeout: time.Minute}
	if c.Centre.CAFile != "" {
		pem, err := os.ReadFile(c.Centre.CAFile)
		if err != nil {
			return nil, fmt.Errorf("read pipeline.centre.ca_file: %w", err)
		}
		roots := x509.NewCertPool()
		if !roots.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("pipeline.centre.ca_file %s has no certificate", c.Centre.CAFile)
		}
		client.Transport = &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}, Proxy: http.ProxyFromEnvironment}
	}
	return &pipeline.Centre{URL: c.Centre.URL, Client: client, Token: func() (string, error) {
		data, err := os.ReadFile(c.Centre.TokenFile)
		if err != nil {
			return "", fmt.Errorf("read pipeline.centre.token_file: %w", err)
		}
		return strings.TrimSpace(string(data)), nil
	}}, nil
}

// protocols are all that sources and sinks can be reached by. Without a bus
// they can be looked at only.
func protocols(b *bus.Bus, doors *push.Doors) []connect.Protocol {
	pushed := doors.Protocol()
	out := []connect.Protocol{pushed, poll.Protocol(), mqtt.Protocol(), kafka.Protocol(), nats.Protocol(), webhook.Protocol(), postgresql.Protocol(), mongodb.Protocol(), parquet.Protocol()}
	return append(out, local.Protocols(b, pushed)...)
}

// modelOptions say what models are held against.
func modelOptions(all []connect.Protocol) repository.Options {
	offer := pipeline.Offer(all)
	return repository.Options{
		Processor: offer.Processor,
		Protocol:  offer.Protocol,
		Check: func(s *manifest.Set, m *manifest.Manifest) error {
			_, err := pipeline.Judge(offer, s, m)
			return err
		},
		Who: actor,
	}
}

// pipelineDatabase is where models and checkpoints are kept.
func (p *process) pipelineDatabase() (sqldb.Options, error) {
	at, err := p.config.SQL.url()
	where := sqldb.Options{URL: at, Conns: max(1, p.config.connsOfPipeline()/2)}
	if at == "" {
		where = sqldb.Options{File: filepath.Join(p.dir.Path(), access.FileName)}
	}
	return where, err
}

func startPipeline(ctx context.Context, p *process) (running, error) {
	where, err := p.pipelineDatabase()
	if err != nil {
		return running{}, err
	}
	if err := p.bus.MakeObservations(ctx); err != nil {
		return running{}, err
	}
	log := p.logger("pipeline")
	p.doors = push.New()
	all := protocols(p.bus, p.doors)
	options := modelOptions(all)
	options.Warn = func(message string, args ...any) { log.Warn(message, args...) } //nolint:sloglint // the repository's messages are constant
	models, err := repository.Open(ctx, where, options)
	if err != nil {
		return running{}, err
	}
	p.models = models
	states, err := checkpoint.Open(ctx, where)
	if err != nil {
		return running{}, errors.Join(err, models.Close())
	}
	closeAll := func(context.Context) error { return errors.Join(models.Close(), states.Close()) }
	centre, err := p.config.Pipeline.asked()
	if err != nil {
		return running{}, errors.Join(err, closeAll(ctx))
	}
	p.pipeline, err = pipeline.New(pipeline.Options{
		Centre: centre,
		Bus:    p.bus, Models: models, Checkpoints: states, Protocols: all, House: p.config.Pipeline.house(), Gateway: p.config.Pipeline.Gateway,
		Keep: p.config.Pipeline.Keep.Std(), Every: p.config.Pipeline.Every.Std(), Share: p.fleet.Share, Process: p.fleet.Self().Name, Actor: actor,
		Log: log, Registerer: p.metrics,
	})
	if err != nil {
		return running{}, errors.Join(err, closeAll(ctx))
	}
	if p.faredge, err = p.farEdge(models); err != nil {
		return running{}, errors.Join(err, closeAll(ctx))
	}
	return running{run: func(ctx context.Context) error {
		g, ctx := errgroup.WithContext(ctx)
		g.Go(func() error { return p.pipeline.Run(ctx) })
		g.Go(func() error { return tellOfThings(ctx, p.bus, p.pipeline.Runs, p.thingsOfModels, log) })
		return g.Wait()
	}, stop: closeAll}, nil
}

func facePipeline(p *process, f face) {
	p.pipeline.Register(f.api)
	f.plain("POST /api/v1/models/sources/{id}/push", access.Ingest, func() http.Handler { return p.doors })
	f.plain(faredge.Prefix+"/", access.Read, func() http.Handler { return p.faredge })
}
