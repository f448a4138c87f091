package e2e

import (
	"math/rand/v2"
	"testing"
	"time"
)

// TestKill kills any process at any moment, starting included, while senders
// go on: where there are several, that of the bus, too. What was acknowledged
// must be there once, and the ticks exact.
func TestKill(t *testing.T) { everywhere(t, testKill) }

func testKill(t *testing.T, kind string) {
	kills, each := 6, 2
	if *long {
		kills, each = 40, 4
	}
	random := chance(t)
	// Positions, trimming and checkpoints happen between kills too.
	d := deploy(t, kind, "WATTWERK_HISTORY_FLUSH_EVERY=1s")
	defer d.says()
	r := newRounds(t, d.urls(), each)
	d.face().putModel(r.document())
	r.run()
	r.until(1, time.Minute)
	for i := range kills {
		victim := d.any(random)
		done, _ := r.so()
		r.until(done+1, 2*time.Minute) // so that there is something to break
		switch {
		case i == kills/2 && *long: // after everything that is done now and then
			wait(t, 35*time.Second)
		case i%4 == 3: // twice, the second time while it starts
			victim.process().kill()
			victim.start(t)
			pause(t, random, 600*time.Millisecond)
		default:
			pause(t, random, time.Second)
		}
		victim.process().kill()
		if kind == manyProcesses { // others notice, or do not
			pause(t, random, time.Second)
		}
		done, err := r.so()
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("kill %d: %s, after %d rounds", i+1, victim.name, done)
		victim.start(t)
		victim.process().ready()
	}
	d.ready()
	done, _ := r.so()
	r.until(done+10, 2*time.Minute)
	done = r.finish()
	t.Logf("%d records were acknowledged", done*len(r.senders)*sensorsEach)
	eventually(t, 2*time.Minute, func() error { return r.check(d.face(), done) })
	// And from disk alone, not only from what is in memory.
	d.stop()
	d.start()
	eventually(t, 2*time.Minute, func() error { return r.check(d.other(), done) })
	if l := d.face().letters(); l.Count > 0 {
		t.Errorf("%d dead letters, the newest: %+v", l.Count, l.Letters[0])
	}
}

// pause waits a moment of random length that a fault happens after.
func pause(t *testing.T, random *rand.Rand, most time.Duration) {
	wait(t, time.Duration(random.Int64N(int64(most))))
}
