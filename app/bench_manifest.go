package app

import (
	"context"
	"log/slog"

	"github.com/wattwerk/wattwerk/bench"
	"github.com/wattwerk/wattwerk/bench/analytics"
)

// BenchManifestCmd is "wattwerk bench manifest".
type BenchManifestCmd struct {
	benchFlags  `embed:""`
	Records     int `default:"3000000" help:"Records that are pushed as JSON."`
	Post        int `default:"1000" help:"Records in one push."`
	Clients     int `default:"4" help:"Who push at the same time."`
	Typed       int `default:"50000000" help:"Items that a filter judges in memory."`
	Rules       int `default:"300" help:"Rules on one source, as eKuiper publishes; 0: leave it out."`
	RuleRate    int `default:"500" help:"Messages a second for them."`
	RuleSeconds int `default:"10" help:"For how long."`
	Manifests   int `default:"10000" help:"Manifests that run at the same time; 0: leave it out."`
}

// Help is shown by --help.
func (*BenchManifestCmd) Help() string {
	return `Records come as JSON, as by HTTP but without a network, are stored on the bus (on the disk, with sync),
go through a filter, and are written as JSON lines by a sink that counts them. While that runs the
manifest is changed, and paused and resumed, several times: everything must be there once in the end.
Then a filter is measured in memory, what share of two cores 300 rules take that get 500 messages a second, and
what many running manifests need.

Example:
  wattwerk bench manifest --json`
}

// Run measures.
func (c *BenchManifestCmd) Run(ctx context.Context, sys IO) error {
	o := analytics.Options{
		Records: c.Records, Post: c.Post, Clients: c.Clients, Typed: c.Typed, Rules: c.Rules, RuleRate: c.RuleRate, RuleSeconds: c.RuleSeconds,
		Manifests: c.Manifests, Dir: c.Dir, Models: modelOptions,
		Log: slog.New(slog.NewTextHandler(sys.Err, &slog.HandlerOptions{Level: slog.LevelError})), Say: say(sys),
	}
	return c.measure(sys, &o, func() (*bench.Figures, error) { return analytics.Run(ctx, o) })
}
