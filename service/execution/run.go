package execution

import (
	"context"
	"time"

	"github.com/wattwerk/wattwerk/internal/run"
)

// How often it is looked.
const (
	checkEvery  = time.Second
	takeUpEvery = 2 * time.Second
)

// Run looks which processes live and who has what, until ctx ends.
func (e *Execution) Run(ctx context.Context) error {
	failing := false
	for {
		e.Checked()
		if e.opts.Store != nil {
			err := e.lending.Read(ctx)
			if err != nil && !failing && ctx.Err() == nil {
				e.log.Warn("leases are those of before", "because", err)
			}
			failing = err != nil
		}
		if !run.Pause(ctx, checkEvery) {
			return nil
		}
	}
}

// Work takes up what waits, until ctx ends. It is for one process at a time.
func (e *Execution) Work(ctx context.Context) error {
	for {
		if err := e.TakeUp(ctx); err != nil {
			return err
		}
		if !run.Pause(ctx, takeUpEvery) {
			return nil
		}
	}
}

// Computation gives the computation that carries a service out.
func (e *Execution) Computation(sid, domain string) (string, bool) {
	s, ok := e.serves(sid, domain)
	if !ok {
		return "", false
	}
	return s.Local, true
}
