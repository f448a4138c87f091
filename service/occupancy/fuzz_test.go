package occupancy

import (
	"testing"

	"github.com/wattwerk/wattwerk/service/series/seriestest"
)

// FuzzRun takes any input that can be written down: it is refused, or what comes out can
// be written down, too (no number in it is none), and is the same again.
func FuzzRun(f *testing.F) {
	in := input(f, seriestest.Given(f))
	// A part of it is enough, and faster.
	in.Loads = in.Loads[:1]
	in.Sources[0].Series.Values, in.Loads[0].Energy.Values = in.Sources[0].Series.Values[:4*96], in.Loads[0].Energy.Values[:4*96]
	seriestest.Fuzz(f, in, Run)
}
