package bus

import (
	"context"
	"strings"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
)

// measureEvery is how old a measurement of the free space may be when
// something is to be written: what others can fill meanwhile must be less than
// MinFree.
const measureEvery = 20 * time.Millisecond

// roomSubject is where the process with the embedded server tells the others
// that its disk is full, every second while it is, and once that it is not any
// more: while there is room nobody is woken to be told so.
const roomSubject = "room.status"

const (
	roomFull = "full"
	roomFree = "free"
)

// heardFor is how long what was told last of the room counts. When nobody tells
// any more the server is away, and that is what writing says.
const heardFor = 5 * time.Second

// room is what is known of the disk under the embedded server, which may be that
// of another process.
type room struct {
	heard    atomic.Int64 // when another process told that it is full, in ns since 1970; 0: it is not
	full     atomic.Bool
	measured atomic.Int64 // when, in ns since 1970
	suspect  atomic.Bool  // something was not stored, and nobody said why
	damaged  atomic.Bool  // a stream takes nothing any more
	broken   chan struct{}
}

// Full tells whether writes are refused for want of room, at the process that
// has the server embedded.
func (b *Bus) Full() bool {
	if b.server == nil {
		at := b.room.heard.Load()
		return at > 0 && time.Now().UnixNano()-at < int64(heardFor)
	}
	now, last := time.Now().UnixNano(), b.room.measured.Load()
	if now-last > int64(measureEvery) && b.room.measured.CompareAndSwap(last, now) {
		b.measure()
	}
	return b.room.full.Load()
}

// Broken is closed when the embedded server ran out of disk in the middle of
// a write and there is room again. NATS stores nothing more in such a stream
// until its files are read anew, lest half a message be in the middle of them.
// Until then writes are refused with ErrFull, and reading goes on.
func (b *Bus) Broken() <-chan struct{} { return b.room.broken }

// watchRoom keeps the measurement fresh while nothing is written.
func (b *Bus) watchRoom(ctx context.Context) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	told := false // that it is broken
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		was := b.room.full.Load()
		free := b.measure()
		if b.room.suspect.Swap(false) || was {
			b.examine()
		}
		if was || b.room.full.Load() {
			b.tellRoom()
		}
		if !told && b.room.damaged.Load() && free >= b.opts.MinFree {
			told = true
			close(b.room.broken)
		}
	}
}

// tellRoom tells other processes whether there is room. That there is none is
// told again a second later; that there is, by silence, when it was lost on the
// way.
func (b *Bus) tellRoom() {
	if !b.Shared() {
		return
	}
	text := roomFree
	if b.room.full.Load() {
		text = roomFull
	}
	if err := b.conn.Publish(roomSubject, []byte(text)); err != nil {
		b.opts.Log.Warn("other processes are not told whether there is room", "error", err)
	}
}

// hearRoom takes what the process with the embedded server tells of its room.
func (b *Bus) hearRoom() error {
	_, err := b.conn.Subscribe(roomSubject, func(m *nats.Msg) {
		now := int64(0)
		if string(m.Data) == roomFull {
			now = time.Now().UnixNano()
		}
		if was := b.room.heard.Swap(now); (was == 0) != (now == 0) {
			b.opts.Log.Warn("room on the disk of the bus changed", "refusing", now != 0)
		}
	})
	return err
}

// measure gives the free bytes.
func (b *Bus) measure() int64 {
	free, err := FreeBytes(b.opts.Dir)
	if err != nil {
		b.opts.Log.Warn("free space unknown", "dir", b.opts.Dir, "error", err)
		return 0
	}
	b.room.measured.Store(time.Now().UnixNano())
	full := free < b.opts.MinFree || b.room.damaged.Load()
	if full != b.room.full.Swap(full) {
		b.opts.Log.Warn("room on the disk changed", "refusing", full, "free_bytes", free, "min_free_bytes", b.opts.MinFree)
		b.tellRoom()
	}
	return free
}

// examine asks the server whether it stopped writing to a stream.
func (b *Bus) examine() {
	if b.room.damaged.Load() {
		return
	}
	for _, e := range b.server.Healthz(&server.HealthzOptions{Details: true}).Errors {
		if strings.Contains(e.Error, "write error") {
			b.room.damaged.Store(true)
			b.room.full.Store(true)
			b.opts.Log.Error("the disk was filled to the last byte; the bus takes nothing until there is room", "stream", e.Stream, "error", e.Error)
			return
		}
	}
}
