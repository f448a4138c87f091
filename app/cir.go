package app

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"time"
	"unicode"

	"github.com/wattwerk/wattwerk/access"
	"github.com/wattwerk/wattwerk/cir"
	"github.com/wattwerk/wattwerk/cir/book"
	"github.com/wattwerk/wattwerk/cir/item"
	"github.com/wattwerk/wattwerk/internal/sqldb"
	"github.com/wattwerk/wattwerk/manifest"
	"github.com/wattwerk/wattwerk/record"
)

// CIRConfig is the registry of identifiers.
type CIRConfig struct {
	Installation string `koanf:"installation" doc:"What this installation is called as a source of identifiers. It is written down at the first start, and stays; empty: a name is made up then."`
	Closed       bool   `koanf:"closed" doc:"Nobody makes new registries and categories by the API; entries only."`
}

// Validate gives what cannot work.
func (c *CIRConfig) Validate() error {
	for _, r := range c.Installation {
		if unicode.IsControl(r) {
			return errors.New("cir.installation contains a control character")
		}
	}
	if len(c.Installation) > 200 {
		return fmt.Errorf("cir.installation has %d bytes; at most 200 are taken", len(c.Installation))
	}
	return nil
}

// noCIR is what one is told where nobody runs the module.
const noCIR = "no process of this installation runs the module cir, which keeps identifiers (docs/cir.md)"

func startCIR(ctx context.Context, p *process) (running, error) {
	at, err := p.config.SQL.url()
	if err != nil {
		return running{}, err
	}
	where := sqldb.Options{URL: at, Conns: connsOfCIR}
	if at == "" {
		where = sqldb.Options{File: filepath.Join(p.dir.Path(), access.FileName)}
	}
	store, err := book.Open(ctx, where, p.config.CIR.Installation)
	if err != nil {
		return running{}, err
	}
	o := cir.Options{
		Store: store, Feeds: []cir.Feed{cir.Model(p.catalog)}, Series: p.seriesOf, Closed: p.config.CIR.Closed,
		Actor: actor, Log: p.logger("cir"), Registerer: p.metrics,
	}
	if store.Shared() {
		o.Share = p.fleet.Share // what is in a file is registered by the process that has it
	}
	list := p.thingsElsewhere
	if p.models != nil {
		list = p.thingsOfModels
	}
	o.Feeds = append(o.Feeds, cir.Listed(modelsEvery, list, item.SourceCategory, item.GatewayCategory))
	s, err := cir.New(o)
	if err != nil {
		return running{}, errors.Join(err, store.Close())
	}
	p.cir = s
	return running{run: s.Run, stop: func(context.Context) error { return store.Close() }}, nil
}

func faceCIR(p *process, f face) { p.cir.Register(f.api) }

// modelsEvery is how often data sources and gateways are looked at.
const modelsEvery = 15 * time.Second

// thingsOfModels lists data sources and edge gateways of manifests.
func (p *process) thingsOfModels(ctx context.Context) ([]item.Thing, error) {
	b, _, err := p.models.Bundle(ctx)
	if err != nil {
		return nil, err
	}
	set, err := manifest.NewSet(b)
	if err != nil {
		return nil, err
	}
	var out []item.Thing
	for i := range b.Gateways {
		g := &b.Gateways[i]
		out = append(out, item.Thing{Category: item.GatewayCategory, ID: g.ID, Name: g.Name})
	}
	for i := range b.Sources {
		s := &b.Sources[i]
		parent := item.PropertyItem{ID: item.ParentEntityID, Values: []item.PropertyValue{}}
		if g, err := set.Gateway(s.Gateway); s.Gateway != "" && err == nil {
			parent.Values = append(parent.Values, item.PropertyValue{Key: item.GatewayCategory, Value: g.ID})
		}
		out = append(out, item.Thing{Category: item.SourceCategory, ID: s.ID, Name: s.Name, Properties: []item.PropertyItem{parent}})
	}
	return out, nil
}

// seriesOf tells what is measured by things that registered themselves, and the
// newest readings where the history is in this process.
func (p *process) seriesOf(ctx context.Context, all []cir.Named) ([][]cir.LinkedSeries, error) {
	out := make([][]cir.LinkedSeries, len(all))
	m := p.catalog.State().Model
	var ids []record.SensorID
	var of []int
	for i, n := range all {
		sn, ok := m.Sensor(record.SensorID(n.ID))
		if n.Category != item.SensorCategory || !ok {
			continue
		}
		path := "/api/v1/sensors/" + url.PathEscape(n.ID)
		out[i] = []cir.LinkedSeries{{Sensor: n.ID, Quantity: string(sn.Quantity), Unit: sn.Quantity.Unit().Symbol, Range: path + "/range", Latest: path + "/latest"}}
		ids, of = append(ids, sn.ID), append(of, i)
	}
	if p.history == nil || len(ids) == 0 {
		return out, nil
	}
	newest, err := p.history.Latest(ctx, ids)
	if err != nil {
		return nil, err
	}
	for i, n := range of {
		x := &out[n][0]
		x.Time, x.Value = newest[i].Time, newest[i].Value
		if x.Value != nil {
			x.Stale = &newest[i].Stale
		}
	}
	return out, nil
}
