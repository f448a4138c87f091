package tsdb

import (
	"math"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// roomGauge tells whether there is room on the disk, asking the system a few
// times a second at most.
type roomGauge struct {
	dir   string
	min   int64
	until atomic.Int64 // the last answer holds until this time, in ns
	full  atomic.Bool
}

const roomFor = 200 * time.Millisecond

func (g *roomGauge) scarce() bool {
	now := time.Now().UnixNano()
	if now < g.until.Load() {
		return g.full.Load()
	}
	full := g.free() < g.min
	g.full.Store(full)
	g.until.Store(now + int64(roomFor))
	return full
}

// free asks how many bytes are free. What cannot be asked is not held against
// the disk: writing will tell.
func (g *roomGauge) free() int64 {
	var st unix.Statfs_t
	if unix.Statfs(g.dir, &st) != nil {
		return math.MaxInt64
	}
	return int64(st.Bavail) * int64(st.Bsize)
}
