package run

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

func TestAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		broken := errors.New("broken")
		lasts := []time.Duration{0, 0, time.Second, 11 * time.Second, 0, time.Hour}
		var told []int
		n, began := 0, time.Now()
		Again(ctx, time.Second, func(ctx context.Context) error {
			if n == len(lasts) {
				cancel()
				return ctx.Err()
			}
			time.Sleep(lasts[n])
			n++
			return broken
		}, func(err error) {
			if !errors.Is(err, broken) {
				t.Error(err)
			}
			told = append(told, n)
		})
		if want := []int{1, 4, 6}; !slices.Equal(told, want) {
			t.Errorf("told after %v, not %v", told, want)
		}
		if took := time.Since(began); took != time.Hour+18*time.Second {
			t.Errorf("it took %v", took)
		}
	})
}
