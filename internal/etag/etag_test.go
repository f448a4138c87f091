package etag

import (
	"errors"
	"math"
	"testing"
)

func TestMatch(t *testing.T) {
	for header, want := range map[string]int64{"": Any, " * ": Any, `"0"`: 0, `W/"17"`: 17, ` "3" `: 3, Of(math.MaxInt64): math.MaxInt64} {
		if n, err := Match(header); n != want || err != nil {
			t.Errorf("%q is %d, %v; want %d", header, n, err, want)
		}
	}
	for _, header := range []string{"3", `"-1"`, `"+1"`, `""`, `"`, `"a"`, `"3", "4"`, `"9223372036854775808"`, "**"} {
		if n, err := Match(header); !errors.Is(err, ErrMatch) {
			t.Errorf("%q is %d, %v", header, n, err)
		}
	}
}
