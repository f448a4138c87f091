package e2e

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/wattwerk/wattwerk/internal/natstest"
	"github.com/wattwerk/wattwerk/internal/nettest"
	"github.com/wattwerk/wattwerk/internal/vmtest"
)

var rate = flag.Int("rate", 50_000, "records per second that the long chaos test offers")

// convergence is how long everything may take to come together again on a slow
// machine, after whatever happened.
const convergence = 3 * time.Minute

// mostChaos is how long all of it may take.
const mostChaos = 10 * time.Minute

// ordeal is how much a site goes through.
type ordeal struct {
	faults  int           // at most
	within  time.Duration // no more faults after that
	longest time.Duration // that a fault lasts
	senders int
	each    int           // sensors of a sender
	pace    time.Duration // of rounds, at least
	search  time.Duration // until all that was acknowledged is found
}

func chaos() ordeal {
	if !*long {
		return ordeal{faults: 8, within: time.Hour, longest: 5 * time.Second, senders: 10, each: 20, pace: 100 * time.Millisecond, search: convergence}
	}
	x := ordeal{faults: 1_000_000, within: 240 * time.Second, longest: 15 * time.Second, senders: 10, each: 1000, search: 5 * time.Minute}
	x.pace = time.Duration(x.senders*x.each) * time.Second / time.Duration(*rate)
	return x
}

// TestChaos kills, freezes and cuts off what an installation on many machines
// is made of, at random, while readings come in. At the end every reading that
// was accepted is there once, those that an edge took, too, and every tick and every
// settled window is what the readings say; every result of a manifest, every message of an alert, and whatever
// was said of objects and registered is there, too.
func TestChaos(t *testing.T) {
	if !nettest.Alone(t, built+"="+binary) {
		return
	}
	whole := time.Now()
	x, random := chaos(), chance(t)
	s := newSite(t)
	defer s.says()
	f := newFlood(t, "", s.doors("bridge"), x.senders, x.each, x.pace)
	far := newFlood(t, "far-", s.doors(edgeName), 2, x.each/2, 2*x.pace)
	d := f.document()
	d.add(far.document())
	s.called("registry")[0].process().putModel(d)
	f.run()
	far.run()
	s.office.run(s.processes("office"), s.doors("office"), f)
	well := func() {
		s.well()
		s.office.well()
	}
	f.on(5, well)
	far.on(1, well)
	began := time.Now()
	first := random.Perm(len(families)) // at least one of each
	for i := 0; i < x.faults && time.Since(began) < x.within; i++ {
		var doing []fault
		if i < len(first) {
			doing = append(doing, families[first[i]].any(random))
		} else {
			for range 1 + random.IntN(5)/4 { // seldom two at a time
				doing = append(doing, families[random.IntN(len(families))].any(random))
			}
		}
		done, _ := f.so()
		var what []string
		for _, do := range doing {
			what = append(what, do(s, random))
		}
		pause := time.Duration(random.Int64N(int64(x.longest)))
		t.Logf("%d, round %d: %s, for %v", i+1, done, strings.Join(what, "; "), pause.Round(time.Millisecond))
		wait(t, pause)
		s.settle()
		f.on(2, well)
		far.on(1, well)
	}
	f.on(10, well)
	far.on(1, well)
	done, sent := f.halt(), far.halt()
	s.office.halt()
	took := time.Since(began)
	records := done * x.senders * x.each
	t.Logf("%d records were acknowledged in %v: %.0f/s, in the best ten seconds %.0f/s, of %.0f/s offered", records, took.Round(time.Second),
		float64(records)/took.Seconds(), f.best(), float64(x.senders*x.each)/x.pace.Seconds())
	began = time.Now()
	defer f.lost(s, done)
	var right sync.Map
	eventually(t, x.search, func() error {
		s.well()
		return f.check(s.processes("history"), done, &right)
	})
	t.Logf("all of them were found, and all ticks are right, after %v", time.Since(began).Round(time.Second))
	eventually(t, x.search, func() error {
		s.well()
		return far.stored(s.processes("history"), sent, &right)
	})
	t.Logf("what was sent at the edge, %d records, is there after %v", sent*far.senders*far.each, time.Since(began).Round(time.Second))
	eventually(t, x.search, func() error {
		s.well()
		if err := far.settled(s.processes("settlement"), sent, &right); err != nil {
			return err
		}
		return f.settled(s.processes("settlement"), done, &right)
	})
	t.Logf("all windows are settled right after %v", time.Since(began).Round(time.Second))
	for _, p := range s.processes("office") {
		eventually(t, convergence, func() error { return s.office.check(p) })
	}
	t.Logf("what the office did is there after %v", time.Since(began).Round(time.Second))
	if took := time.Since(whole); took > mostChaos {
		t.Errorf("it took %v; an ordeal is bounded to %v", took.Round(time.Second), mostChaos)
	}
	var dead struct{ Letters []struct{ Reason string } }
	s.called("bridge")[0].process().call("GET", "/api/v1/dead-letters", nil, &dead)
	if len(dead.Letters) > 0 {
		t.Errorf("%d dead letters, the newest: %s", len(dead.Letters), dead.Letters[0].Reason)
	}
}

// fault takes something away until the site is settled, and says what.
type fault func(s *site, random *rand.Rand) string

// family is faults of one kind of thing.
type family []fault

func (f family) any(random *rand.Rand) fault { return f[random.IntN(len(f))] }

var families = []family{
	{killService, killService, freezeService},
	{onNode("kill", (*natstest.Node).Kill), onNode("freeze", (*natstest.Node).Pause), onLeader("kill", (*natstest.Node).Kill), onLeader("freeze", (*natstest.Node).Pause)},
	{onStore("kill", (*vmtest.Server).Kill), onStore("freeze", func(v *vmtest.Server) { v.Signal(syscall.SIGSTOP) })},
	{killBooks, freezeBooks},
	{onLink("unplug", (*nettest.Machine).Unplug), onLink("mute", (*nettest.Machine).Mute), partMinority},
	{onEdge("kill", func(v *service) { v.process().kill() }), onEdge("freeze", func(v *service) { v.freeze(true) }), onEdge("unplug", func(v *service) { v.machine.Unplug() }), onEdge("mute", func(v *service) { v.machine.Mute() })},
}

func killService(s *site, random *rand.Rand) string {
	v := s.services[random.IntN(len(s.services))]
	v.process().kill()
	return "kill " + v.name
}

func freezeService(s *site, random *rand.Rand) string {
	v := s.services[random.IntN(len(s.services))]
	v.freeze(true)
	return "freeze " + v.name
}

func onNode(what string, do func(*natstest.Node)) fault {
	return func(s *site, random *rand.Rand) string {
		n := s.bus.Nodes[random.IntN(len(s.bus.Nodes))]
		do(n)
		return what + " " + n.Name
	}
}

// onLeader strikes who leads the records of a partition, if anybody does.
func onLeader(what string, do func(*natstest.Node)) fault {
	return func(s *site, random *rand.Rand) string {
		stream := fmt.Sprintf("RECORDS-%04d", random.IntN(4))
		n, err := s.bus.Leader(stream)
		if err != nil {
			return err.Error()
		}
		do(n)
		return what + " " + n.Name + ", which leads " + stream
	}
}

func onStore(what string, do func(*vmtest.Server)) fault {
	return func(s *site, random *rand.Rand) string {
		i := random.IntN(len(s.stores))
		if s.stores[i].PID() != 0 {
			do(s.stores[i])
		}
		return what + " " + storeName(i)
	}
}

func killBooks(s *site, _ *rand.Rand) string {
	s.books.Kill(s.t)
	return "kill " + booksName
}

func freezeBooks(s *site, _ *rand.Rand) string {
	if s.books.Runs() {
		s.books.Pause()
	}
	return "freeze " + booksName
}

func onLink(what string, do func(*nettest.Machine)) fault {
	return func(s *site, random *rand.Rand) string {
		m := s.net.Machines[random.IntN(len(s.net.Machines))]
		do(m)
		return what + " " + s.machines[m]
	}
}

// onEdge strikes the edge, or what links it to the cluster.
func onEdge(what string, do func(*service)) fault {
	return func(s *site, _ *rand.Rand) string {
		do(s.called(edgeName)[0])
		return what + " " + edgeName
	}
}

// partMinority parts one node of the cluster from the others, and with it what
// happens to stand there.
func partMinority(s *site, random *rand.Rand) string {
	node := random.IntN(busNodes)
	there := []*nettest.Machine{s.net.Machines[node]}
	for _, m := range s.net.Machines[busNodes:] {
		if random.IntN(3) == 0 {
			there = append(there, m)
		}
	}
	s.net.Part(there...)
	var names []string
	for _, m := range there {
		names = append(names, s.machines[m])
	}
	return "part " + strings.Join(names, ", ")
}
