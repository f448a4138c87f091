package saving

import (
	"testing"

	"github.com/wattwerk/wattwerk/service/series/seriestest"
)

// FuzzRun takes any input that can be written down: it is refused, or what comes out can
// be written down, too (no number in it is none), and is the same again.
func FuzzRun(f *testing.F) {
	in := input(f, seriestest.Given(f))
	// A part of it is enough, and faster.
	in.Energy.Values = in.Energy.Values[:70*24]
	in.Now = in.Energy.Span().To
	in.Since = in.Now - 5*24*3_600_000
	in.BaselineTo = in.Since
	seriestest.Fuzz(f, in, Run)
}
