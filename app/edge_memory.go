package app

import (
	"context"
	"runtime/debug"
	"time"

	"github.com/wattwerk/wattwerk/internal/run"
)

// Memory of a measurement device.
const (
	// deviceMemory is what Go may have before it collects more often, in bytes. It is not a bound.
	deviceMemory = 20 << 20

	// deviceResident is how much may be in memory before it is given back, in bytes. A device is to have less than 40 MB; what
	// it needs in passing, as for a handshake or an update, is some MB.
	deviceResident = 26 << 20

	// lookAtMemory is how often it is looked, which is a read of /proc and costs 20 µs.
	lookAtMemory = 250 * time.Millisecond

	// collectAtMost is how often the heap is collected for that, which costs some milliseconds.
	collectAtMost = time.Minute
)

// giveMemoryBack gives back what the program was started with and what it needs now and then, until ctx ends. Go keeps what was
// freed for minutes, and the kernel keeps pages of the program that were used once, for as long as nobody else wants them; on a
// device with little memory both are in the way of everything else that runs there.
func giveMemoryBack(ctx context.Context) error {
	var collected time.Time
	for {
		n, err := resident()
		if err == nil && (n > deviceResident || collected.IsZero()) {
			if now := time.Now(); now.Sub(collected) >= collectAtMost {
				collected = now
				debug.FreeOSMemory()
			}
			err = giveBackCode() // last: collecting walks through much of it
		}
		if err != nil {
			return err
		}
		if !run.Pause(ctx, lookAtMemory) {
			return nil
		}
	}
}
