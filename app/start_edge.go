package app

import (
	"context"

	"github.com/wattwerk/wattwerk/uplink"
)

func startUplink(_ context.Context, p *process) (running, error) {
	s, err := uplink.New(uplink.Options{
		Bus: p.bus, Catalog: p.catalog, Site: p.config.Bus.Leaf.Site, Choice: p.config.Uplink.choice(),
		Log: p.logger("uplink"), Registerer: p.metrics,
	})
	if err != nil {
		return running{}, err
	}
	return running{run: s.Run}, nil
}

func startLanding(_ context.Context, p *process) (running, error) {
	s, err := uplink.NewLanding(uplink.LandingOptions{
		Bus: p.bus, Prefix: p.config.Landing.Prefix, Virtual: sensors{p.catalog}.virtual, Log: p.logger("landing"), Registerer: p.metrics,
	})
	if err != nil {
		return running{}, err
	}
	return running{run: s.Run}, nil
}
