package run

import (
	"context"
	"fmt"
	"time"
)

// awaitEvery is the pause between two tries of [Await].
const awaitEvery = 250 * time.Millisecond

// Await does what needs something that may not be there yet, as a database after
// a power cut: again and again, for most at most, while passing says of its error
// that it may come right. waiting is called once, with the first of these errors. most
// 0: it is tried once.
func Await(ctx context.Context, most time.Duration, do func(context.Context) error, passing func(error) bool, waiting func(error)) error {
	until := time.Now().Add(most)
	for said := false; ; {
		err := do(ctx)
		if err == nil || ctx.Err() != nil || most <= 0 || !passing(err) {
			return err
		}
		if time.Now().After(until) {
			return fmt.Errorf("after waiting for %v: %w", most, err)
		}
		if !said {
			said = true
			waiting(err)
		}
		if !Pause(ctx, awaitEvery) {
			return err
		}
	}
}
