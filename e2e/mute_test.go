package e2e

import (
	"fmt"
	"testing"
	"time"

	"github.com/wattwerk/wattwerk/internal/nettest"
)

// TestMutedLink has every packet between an edge and its centre vanish, so that
// both believe in connections that are not there: for a moment, while the
// centre is killed and started again, while the edge is, and, in the long
// version, until both have noticed by themselves. Nothing is lost or doubled.
func TestMutedLink(t *testing.T) {
	if !nettest.Alone(t, built+"="+binary) {
		return
	}
	n := nettest.New(t, 1)
	m := n.Machines[0] // the centre's; the edge is where the test is
	p := &plantWithCentre{
		t: t, sample: "cloud", edgeAddr: freeAddr(t), leaf: m.Host + ":7422", reach: m.Host + ":7422", centreAddr: m.Host + servicePort,
		enter: map[string][]string{"centre": m.Enter()},
	}
	p.prepare()
	p.startCentre()
	p.startEdge()
	r := newRounds(t, []string{"http://" + p.edgeAddr}, 1)
	p.centre.putModel(r.document())
	r.run()
	on := func() {
		done, _ := r.so()
		r.until(done+20, 2*time.Minute)
	}
	id := r.senders[0].sensors[0]
	arrived := func() {
		n.Heal()
		done, _ := r.so()
		at := r.begin + int64(done-1)*1000 + offset(0)
		eventually(t, 2*time.Minute, func() error {
			got, err := p.centre.raw("sensors", id, "", at, at)
			if err == nil && len(got) == 0 {
				err = fmt.Errorf("nothing of round %d is at the centre", done)
			}
			return err
		})
	}
	on()
	arrived()
	turns := 1
	if *long {
		turns = 5
	}
	for range turns {
		m.Mute()
		on()
		wait(t, time.Second)
		arrived()
		m.Mute()
		on()
		p.centre.kill()
		p.startCentre()
		on()
		arrived()
		m.Mute()
		p.edge.kill()
		p.startEdge()
		on()
		arrived()
	}
	if *long {
		m.Mute()
		wait(t, time.Minute) // more than either takes to notice
		on()
		arrived()
	}
	done := r.finish()
	eventually(t, 2*time.Minute, func() error { return r.check(p.centre, done) })
	p.noDeadLetters(p.centre)
}
