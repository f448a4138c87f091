package run

import (
	"context"

	"golang.org/x/sync/errgroup"
)

// Work is done on one of several numbered pieces until ctx ends: then the piece
// is to be given up, and another process takes it when Work has returned.
type Work = func(ctx context.Context, piece int) error

// Share works on this process's part of pieces 0 to pieces-1 of what has that
// name until ctx ends or work fails, and returns when no work is done any more.
type Share func(ctx context.Context, name string, pieces int, work Work) error

// Alone is the Share of a process that has all pieces to itself.
func Alone(ctx context.Context, _ string, pieces int, work Work) error {
	g, ctx := errgroup.WithContext(ctx)
	for p := range pieces {
		g.Go(func() error { return work(ctx, p) })
	}
	return g.Wait()
}
