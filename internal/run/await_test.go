package run

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

func TestAwait(t *testing.T) {
	away, wrong := errors.New("it is away"), errors.New("it is wrong")
	for _, c := range []struct {
		name  string
		most  time.Duration
		fails []error // of the tries in turn; then it is there, or the last again
		lasts bool
		want  string
		tries int
		said  int
	}{
		{"it is there", time.Minute, nil, false, "", 1, 0},
		{"it comes", time.Minute, []error{away, away}, false, "", 3, 1},
		{"nobody waits", 0, []error{away}, true, "it is away", 1, 0},
		{"it does not come", time.Second, []error{away}, true, "after waiting for 1s: it is away", 6, 1},
		{"it is wrong in the end", time.Minute, []error{away, wrong}, false, "it is wrong", 2, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tries, said := 0, 0
				err := Await(t.Context(), c.most, func(context.Context) error {
					tries++
					if tries > len(c.fails) && !c.lasts {
						return nil
					}
					return c.fails[min(tries, len(c.fails))-1]
				}, func(err error) bool { return err == away }, func(error) { said++ }) //nolint:errorlint // it is this very one
				got := ""
				if err != nil {
					got = err.Error()
				}
				if got != c.want || tries != c.tries || said != c.said {
					t.Errorf("after %d tries, said %d times: %q; want %d, %d, %q", tries, said, got, c.tries, c.said, c.want)
				}
			})
		})
	}
}
