package e2e

import (
	"testing"
	"time"
)

// TestRollingRestart restarts every process, one after the other, as an upgrade
// does, while senders go on: that of the bus, too. What was acknowledged is
// there once, and the ticks are exact.
func TestRollingRestart(t *testing.T) { everywhere(t, testRollingRestart) }

func testRollingRestart(t *testing.T, kind string) {
	d := deploy(t, kind, "WATTWERK_HISTORY_FLUSH_EVERY=1s")
	defer d.says()
	r := newRounds(t, d.urls(), 2)
	d.face().putModel(r.document())
	r.run()
	r.until(1, time.Minute)
	for _, s := range d.parts {
		done, err := r.so()
		if err != nil {
			t.Fatal(err)
		}
		r.until(done+2, 2*time.Minute) // each restart has something under way
		s.process().stop()
		s.start(t)
		s.process().ready()
	}
	d.ready()
	done, _ := r.so()
	r.until(done+5, 2*time.Minute)
	done = r.finish()
	t.Logf("%d records were acknowledged", done*len(r.senders)*sensorsEach)
	eventually(t, 2*time.Minute, func() error { return r.check(d.face(), done) })
	d.stop()
}
