package run

import (
	"context"
	"time"
)

// settled is how many rests [Again] has to work for until what fails then is
// worth a word again.
const settled = 10

// Again does what is to go on until ctx ends: when it ends before, again after a
// rest, whether it failed or not. failed is called with what it said the first
// time, and then only when it had worked for ten rests on end: what cannot be done for
// hours is told once.
func Again(ctx context.Context, rest time.Duration, do func(context.Context) error, failed func(error)) {
	for failing := false; ; failing = true {
		began := time.Now()
		err := do(ctx)
		if ctx.Err() != nil {
			return
		}
		if !failing || time.Since(began) > settled*rest {
			failed(err)
		}
		if !Pause(ctx, rest) {
			return
		}
	}
}
