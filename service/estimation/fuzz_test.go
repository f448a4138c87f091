package estimation

import (
	"testing"

	"github.com/wattwerk/wattwerk/service/series/seriestest"
)

// FuzzRun takes any input that can be written down: it is refused, or what comes out can
// be written down, too (no number in it is none), and is the same again.
func FuzzRun(f *testing.F) {
	in := input(f, seriestest.Given(f))
	// A part of it is enough, and faster.
	in.Load.Values, in.Generation.Values, in.Irradiance.Values = in.Load.Values[:8*24], in.Generation.Values[:8*24], in.Irradiance.Values[:10*24]
	in.Now = in.Load.Span().To
	seriestest.Fuzz(f, in, Run)
}
