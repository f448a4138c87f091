package run

import (
	"context"
	"time"
)

// Pause waits for d, or until ctx ends, and tells whether ctx is still on.
func Pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
