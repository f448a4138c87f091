package app

import (
	"context"
	"errors"
)

// BenchLatencyCmd is "wattwerk bench latency".
type BenchLatencyCmd struct {
	benchFlags `embed:""`
}

// Run measures.
func (c *BenchLatencyCmd) Run(context.Context, IO) error { return errors.New("not built yet") }

// BenchQueryCmd is "wattwerk bench query".
type BenchQueryCmd struct {
	benchFlags `embed:""`
}

// Run measures.
func (c *BenchQueryCmd) Run(context.Context, IO) error { return errors.New("not built yet") }
