package app

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/wattwerk/wattwerk/access"
	"github.com/wattwerk/wattwerk/backup"
	"github.com/wattwerk/wattwerk/doctor"
	"github.com/wattwerk/wattwerk/gateway"
	"github.com/wattwerk/wattwerk/internal/phrase"
	"github.com/wattwerk/wattwerk/internal/problem"
	"github.com/wattwerk/wattwerk/internal/run"
)

// System is what a process says about itself.
type System struct {
	Version    string         `json:"version" doc:"Of the program" example:"v1.0.0"`
	Started    time.Time      `json:"started" doc:"When this process started"`
	Modules    []ModuleStatus `json:"modules" doc:"What runs in this process, in the order of starting"`
	Partitions int            `json:"partitions" doc:"Into how many parts the records are split"`
	MQTT       string         `json:"mqtt,omitempty" doc:"Where sensors publish by MQTT; absent: nowhere" example:"127.0.0.1:1883"`
	DiskFull   bool           `json:"diskFull" doc:"Readings are refused for want of room"`
	Demo       bool           `json:"demo" doc:"The demo plants are running"`
}

// ModuleStatus is one module of a process.
type ModuleStatus struct {
	Name  string    `json:"name" example:"history"`
	State run.State `json:"state" enum:"waiting,starting,running,stopping,ended" example:"running"`
}

func (p *process) register(api huma.API) {
	p.registerInstances(api)
	huma.Register(api, huma.Operation{
		OperationID: "system", Method: http.MethodGet, Path: "/api/v1/system", Tags: []string{"System"},
		Summary: "What this process is and what runs in it", Security: gateway.Needs(access.Read),
	}, func(context.Context, *struct{}) (*struct{ Body System }, error) {
		return &struct{ Body System }{p.system()}, nil
	})
	huma.Register(api, huma.Operation{
		OperationID: "doctor", Method: http.MethodGet, Path: "/api/v1/doctor", Tags: []string{"System"},
		Summary:     "What is wrong, in sentences",
		Description: "What this process sees of the installation: each finding with since when, why it matters and what to do. Takes some seconds when the bus is slow, or when work has no owner.",
		Security:    gateway.Needs(access.Operate),
	}, func(ctx context.Context, _ *struct{}) (*struct{ Body Diagnosis }, error) {
		d := Diagnosis{At: time.Now().UTC()}
		d.Findings, d.Owners = p.diagnose(ctx)
		if d.Findings == nil {
			d.Findings = []doctor.Finding{}
		}
		return &struct{ Body Diagnosis }{d}, nil
	})
	huma.Register(api, huma.Operation{
		OperationID: "backup", Method: http.MethodPost, Path: "/api/v1/backup", Tags: []string{"System"},
		Summary:     "A copy of everything, as one file",
		Description: "A tar file compressed with zstd that 'wattwerk restore' takes. Everything goes on meanwhile. What was accepted before the request is in it. One at a time.",
		Security:    gateway.Needs(access.Admin),
		Responses:   map[string]*huma.Response{"200": {Description: "The file", Content: map[string]*huma.MediaType{"application/zstd": {}}}},
	}, p.serveBackup)
}

func (p *process) system() System {
	s := System{
		Version: Version(), Started: p.began.UTC(), Partitions: p.bus.Partitions(), MQTT: p.mqtt,
		DiskFull: p.bus.Full(), Demo: p.config.Demo,
	}
	for _, name := range p.group.Order() {
		s.Modules = append(s.Modules, ModuleStatus{name, p.group.State(name)})
	}
	return s
}

func (p *process) serveBackup(context.Context, *struct{}) (*huma.StreamResponse, error) {
	if !p.trimming.TryLock() {
		return nil, problem.Typed(phrase.BackupRunning, huma.Error409Conflict("another backup is being made; try again in a moment"))
	}
	return &huma.StreamResponse{Body: func(ctx huma.Context) {
		defer p.trimming.Unlock()
		ctx.SetHeader("Content-Type", "application/zstd")
		ctx.SetHeader("Content-Disposition", fmt.Sprintf(`attachment; filename="wattwerk-%s.tar.zst"`, time.Now().UTC().Format("2006-01-02-1504")))
		if err := p.backupSource().Write(ctx.Context(), ctx.BodyWriter()); err != nil {
			if !errors.Is(err, context.Canceled) {
				p.logger("backup").Error("backup broke off", "error", err)
			}
			// The status is sent; breaking the connection is the only way left to say it.
			panic(http.ErrAbortHandler)
		}
	}}, nil
}

func (p *process) backupSource() backup.Source {
	s := backup.Source{Dir: p.dir.Path(), Bus: p.bus, Books: p.config.copyBooks, Model: p.catalog.State().Model, Version: Version()}
	if p.history != nil {
		s.Flush = p.history.Flush
	}
	return s
}
