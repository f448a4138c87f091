package app

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"sync/atomic"
)

// heapRoom is how much a process that holds little may allocate, in bytes,
// until its memory is collected. Go's default begins at 4 MiB, which a process
// with half a core and a partition has filled every other second, and each
// collection looks through all that the process is made of.
const heapRoom = 32 << 20

// gcPercent is the percentage of what is alive that may be allocated until the
// next collection. 100, Go's default, from heapRoom on; never so much that Go's
// own least heap, 4 MiB at 100, would be more than heapRoom.
func gcPercent(live uint64) int {
	return int(min(800, max(100, 100*heapRoom/max(live, 1))))
}

// roomForGarbage lets small heaps grow by heapRoom between collections until
// stop. Who has set GOGC or GOMEMLIMIT has decided otherwise.
func roomForGarbage() (stop func()) {
	if os.Getenv("GOGC") != "" || os.Getenv("GOMEMLIMIT") != "" {
		return func() {}
	}
	before := debug.SetGCPercent(gcPercent(0))
	over := new(atomic.Bool)
	(&afterCollection{over}).wait()
	return func() {
		over.Store(true)
		debug.SetGCPercent(before)
	}
}

// afterCollection is garbage always, so that every collection finds it.
type afterCollection struct{ over *atomic.Bool }

func (a *afterCollection) wait() {
	runtime.SetFinalizer(a, func(a *afterCollection) {
		if a.over.Load() {
			return
		}
		live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
		metrics.Read(live)
		debug.SetGCPercent(gcPercent(live[0].Value.Uint64()))
		a.wait()
	})
}
