package e2e

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"
)

// convergence is how long everything may take to come together again on a slow
// machine, after whatever happened.
const convergence = 3 * time.Minute

// TestChaos kills and freezes what an installation on several machines is made
// of, at random, while readings come in. At the end every reading that was
// accepted is there once, and every tick is what the readings say.
func TestChaos(t *testing.T) {
	faults, until, senders, each, pace := 6, time.Duration(0), 10, 20, 100*time.Millisecond
	if *long {
		faults, until, senders, each = 1_000_000, 6*time.Minute, 50, 100
	}
	random := chance(t)
	s := newSite(t)
	defer s.says()
	f := newFlood(t, s.urls("bridge"), senders, each, pace)
	history := s.called("history")[0]
	s.called("registry")[0].process().putModel(f.document())
	f.run()
	f.on(5, convergence, func() { s.well() })
	began := time.Now()
	for i := range faults {
		if until > 0 && time.Since(began) > until {
			break
		}
		s.fault(i, random, f)
	}
	s.settle()
	f.on(10, convergence, func() { s.well() })
	done := f.halt()
	t.Logf("%d records were acknowledged in %v", done*senders*each, time.Since(began).Round(time.Second))
	right := make(map[string]bool)
	eventually(t, convergence, func() error {
		s.well()
		return f.check(history.process(), done, right)
	})
	var dead struct{ Letters []struct{ Reason string } }
	s.called("bridge")[0].process().call("GET", "/api/v1/dead-letters", nil, &dead)
	if len(dead.Letters) > 0 {
		t.Errorf("%d dead letters, the newest: %s", len(dead.Letters), dead.Letters[0].Reason)
	}
}

// fault takes something away for a while, and waits until all goes on.
func (s *site) fault(i int, random *rand.Rand, f *flood) {
	s.t.Helper()
	node := s.bus.Nodes[random.IntN(len(s.bus.Nodes))]
	victim := s.services[random.IntN(len(s.services))]
	pause := time.Duration(random.Int64N(int64(3 * time.Second)))
	kind := []string{"kill service", "kill node", "freeze node", "kill service and node", "kill leader"}[random.IntN(5)]
	done, _ := f.so()
	what := victim.name
	switch kind {
	case "kill service":
		victim.process().kill()
	case "kill node":
		what = node.Name
		node.Kill()
	case "freeze node":
		what = node.Name
		node.Pause()
	case "kill leader":
		leader, err := s.bus.Leader(fmt.Sprintf("RECORDS-%04d", random.IntN(4)))
		if err != nil {
			s.t.Fatal(err) // the cluster was whole
		}
		node, what = leader, leader.Name
		node.Kill()
	default:
		what += " and " + node.Name
		victim.process().kill()
		node.Kill()
	}
	s.t.Logf("%d, round %d: %s %s for %v", i+1, done, kind, what, pause.Round(time.Millisecond))
	wait(s.t, pause)
	if kind == "kill service" || kind == "kill service and node" {
		victim.start(s.t)
	}
	s.settle()
	for _, v := range s.services {
		v.process().ready()
	}
	f.on(2, convergence, func() { s.well() })
}
