package e2e

import (
	"fmt"
	"math"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/wattwerk/wattwerk/internal/linktest"
)

// plantWithCentre is an edge and a centre that run with the settings of a
// sample, and a link between them.
type plantWithCentre struct {
	t            *testing.T
	sample       string
	certs        string
	link         *linktest.Link
	edge, centre *process
	edgeAddr     string
	dirs         [2]string
	leaf         string              // where the centre waits for edges
	reach        string              // where the edge finds it
	enter        map[string][]string // by side: what goes before a command there; none: nothing
	centreAddr   string              // where the centre answers people
}

func newPlantWithCentre(t *testing.T, sample string) *plantWithCentre {
	p := &plantWithCentre{t: t, sample: sample, edgeAddr: freeAddr(t), leaf: freeAddr(t), centreAddr: "127.0.0.1:0"}
	p.link = linktest.New(t, p.leaf)
	p.reach = p.link.Addr()
	p.prepare()
	return p
}

// prepare makes what both sides need to know one another.
func (p *plantWithCentre) prepare() {
	t := p.t
	p.certs, p.dirs = t.TempDir(), [2]string{t.TempDir(), t.TempDir()}
	host, _, err := net.SplitHostPort(p.leaf)
	if err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"init"}, {"centre", host}, {"edge", "plant-kiel"}} {
		if _, err := command(t, append([]string{"certs"}, append(args, "--dir", p.certs)...)...); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(p.certs, "bus-login"), []byte("plant:secret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
}

// run launches one side with the settings of the sample; only addresses and
// paths are the test's.
func (p *plantWithCentre) run(side, name, dir string, settings []string, args ...string) *process {
	file := func(n string) string { return filepath.Join(p.certs, n) }
	if p.sample != "on-premises" {
		settings = append(settings, "WATTWERK_BUS_LEAF_CERT_FILE="+file(name+".crt"), "WATTWERK_BUS_LEAF_KEY_FILE="+file(name+".key"), "WATTWERK_BUS_LEAF_CA_FILE="+file("ca.crt"))
	} else {
		settings = append(settings, "WATTWERK_BUS_LOGIN_FILE="+file("bus-login"))
	}
	// Another number on either side: a sensor's partition is not the same at both.
	parts := "WATTWERK_BUS_PARTITIONS=4"
	if side == "centre" {
		parts = "WATTWERK_BUS_PARTITIONS=3"
	}
	settings = append(settings, parts)
	return launchOn(p.t, p.enter[side], dir, settings, append([]string{"--config", filepath.Join("..", "deploy", "samples", p.sample, side+".yaml")}, args...)...)
}

func (p *plantWithCentre) startCentre() {
	p.launchCentre()
	p.centre.ready()
}

func (p *plantWithCentre) launchCentre() {
	at := "WATTWERK_BUS_LEAF_LISTEN=" + p.leaf
	if p.sample == "on-premises" {
		at = "WATTWERK_BUS_LISTEN=" + p.leaf
	}
	p.centre = p.run("centre", "centre", p.dirs[1], []string{at, "WATTWERK_HISTORY_FLUSH_EVERY=1s"}, "--addr", p.centreAddr)
}

func (p *plantWithCentre) startEdge() {
	at := "WATTWERK_BUS_LEAF_URL=tls://" + p.reach
	if p.sample == "on-premises" {
		at = "WATTWERK_BUS_NATS=nats://" + p.reach
	}
	p.edge = p.run("edge", "plant-kiel", p.dirs[0], []string{at, "WATTWERK_HISTORY_FLUSH_EVERY=1s"}, "--addr", p.edgeAddr)
	p.edge.ready()
}

// ordeal cuts the link while more than an hour of readings comes in, and kills
// both sides, each before and after.
func (p *plantWithCentre) ordeal(r *rounds, backlog int) {
	t := p.t
	r.until(20, 2*time.Minute)
	p.link.Cut()
	done, _ := r.so()
	r.until(done+backlog/2, 5*time.Minute)
	p.edge.kill()
	p.startEdge()
	done, _ = r.so()
	r.until(done+backlog/2, 5*time.Minute)
	p.centre.kill()
	p.startCentre()
	p.link.Heal()
	done, _ = r.so()
	r.until(done+20, 2*time.Minute)
	p.edge.kill()
	p.startEdge()
	done, _ = r.so()
	r.until(done+20, 2*time.Minute)
	p.link.Stall()
	p.centre.kill()
	p.startCentre()
	p.link.Cut()
	p.link.Heal()
	done, _ = r.so()
	r.until(done+70, 2*time.Minute)
	done = r.finish()
	t.Logf("%d rounds", done)
}

// backlog is how many seconds of readings come in while the link is cut.
func backlog() int {
	if *long {
		return 2 * 3600
	}
	return 150
}

// TestSampleCloud: all computing is at the centre, and exact there.
func TestSampleCloud(t *testing.T) {
	p := newPlantWithCentre(t, "cloud")
	p.startCentre()
	p.startEdge()
	r := newRounds(t, []string{"http://" + p.edgeAddr}, 1)
	p.centre.putModel(r.document())
	r.run()
	p.ordeal(r, backlog())
	done, _ := r.so()
	eventually(t, 4*time.Minute, func() error { return r.check(p.centre, done) })
	p.noDeadLetters(p.centre)
}

func (p *plantWithCentre) noDeadLetters(at *process) {
	p.t.Helper()
	var dead struct{ Letters []struct{ Reason string } }
	at.call("GET", "/api/v1/dead-letters", nil, &dead)
	if len(dead.Letters) > 0 {
		p.t.Errorf("%d dead letters, the newest: %s", len(dead.Letters), dead.Letters[0].Reason)
	}
}

// means compares what the centre has of every sensor with the means of its readings.
func (r *rounds) means(p *process, done int) error {
	const minute = 60_000
	for _, s := range r.senders {
		for k, id := range s.sensors {
			end := r.begin + int64(done-1)*1000 + offset(k)
			got, err := p.raw("sensors", id, "", r.begin-minute, end+minute)
			if err != nil {
				return err
			}
			last := (end - 2000) / minute * minute // closed by a reading 2 s behind its end
			n := 0
			for begin := r.begin / minute * minute; begin < last; begin += minute {
				sum, known := new(big.Rat), int64(0)
				for i := range done {
					at := r.begin + int64(i)*1000 + offset(k)
					from, to := max(at, begin), min(at+1000, begin+minute)
					if to > from {
						v := new(big.Rat).SetFloat64(power(id, at))
						sum.Add(sum, v.Mul(v, new(big.Rat).SetInt64(to-from)))
						known += to - from
					}
				}
				if 2*known < minute {
					if got[begin] != nil {
						return fmt.Errorf("%s has a mean at %d of %d ms", id, begin, known)
					}
					continue
				}
				n++
				want, _ := sum.Quo(sum, new(big.Rat).SetInt64(known)).Float64()
				if v := got[begin]; v == nil || math.Abs(*v-want) > math.Abs(want)*0x1p-52 {
					return fmt.Errorf("%s at %d is %v, the mean is %v", id, begin, show(v), want)
				}
			}
			for at := range got {
				if at%minute != 0 {
					return fmt.Errorf("%s has a record at %d", id, at)
				}
			}
			if len(got) < n || len(got) > n+1 {
				return fmt.Errorf("%s has %d records, there are %d means", id, len(got), n)
			}
		}
	}
	return nil
}

// sums compares what the centre has of every group with the means of its
// ticks, minute by minute.
func (r *rounds) sums(p *process, done int) error {
	const minute = 60_000
	d, o := r.document(), r.oracle()
	for _, g := range d.Groups {
		got, err := p.raw("sensors", "sum/"+g.ID, "", r.begin-minute, r.begin+int64(done)*1000)
		if err != nil {
			return err
		}
		share, err := p.raw("sensors", "coverage/"+g.ID, "", r.begin-minute, r.begin+int64(done)*1000)
		if err != nil {
			return err
		}
		first, last := (r.begin+2*minute-1)/minute*minute, (r.begin+int64(done-8)*1000)/minute*minute
		for begin := first; begin < last; begin += minute {
			sum := new(big.Rat)
			for at := begin; at < begin+minute; at += 1000 {
				sum.Add(sum, new(big.Rat).SetFloat64(*o.at(d, g.ID, at).sum))
			}
			want, _ := sum.Quo(sum, big.NewRat(60, 1)).Float64()
			v, k := got[begin], share[begin]
			if v == nil || math.Abs(*v-want) > math.Abs(want)*0x1p-52 || k == nil || *k != 1 {
				return fmt.Errorf("the sum of %s at %d is %v of %v of its members, the mean is %v", g.ID, begin, show(v), show(k), want)
			}
		}
	}
	return nil
}

// everySecond says so of every sensor.
func everySecond(d *document) *document {
	for i := range d.Sensors {
		d.Sensors[i].Interval = "1s"
	}
	return d
}

// TestSampleArchive: the edge has everything, and the centre the mean of every
// minute.
func TestSampleArchive(t *testing.T) {
	p := newPlantWithCentre(t, "archive")
	p.startCentre()
	p.startEdge()
	r := newRounds(t, []string{"http://" + p.edgeAddr}, 1)
	p.edge.putModel(everySecond(r.document()))
	r.run()
	p.ordeal(r, backlog())
	done, _ := r.so()
	eventually(t, 4*time.Minute, func() error { return r.check(p.edge, done) })
	eventually(t, 4*time.Minute, func() error { return r.means(p.centre, done) })
	p.noDeadLetters(p.centre)
}

// TestSampleFog: the edge sums up, the centre has the sums and the mean of
// every minute.
func TestSampleFog(t *testing.T) {
	p := newPlantWithCentre(t, "fog")
	p.startCentre()
	p.startEdge()
	r := newRounds(t, []string{"http://" + p.edgeAddr}, 1)
	p.edge.putModel(everySecond(r.document()))
	r.run()
	p.ordeal(r, backlog())
	done, _ := r.so()
	eventually(t, 4*time.Minute, func() error { return r.means(p.centre, done) })
	eventually(t, 4*time.Minute, func() error { return r.sums(p.centre, done) })
	p.noDeadLetters(p.edge)
}

// TestSampleOnPremises: the edge keeps nothing; while the link is cut senders
// keep their readings.
func TestSampleOnPremises(t *testing.T) {
	p := newPlantWithCentre(t, "on-premises")
	p.startCentre()
	p.startEdge()
	r := newRounds(t, []string{"http://" + p.edgeAddr}, 1)
	p.centre.putModel(r.document())
	r.run()
	r.until(20, 2*time.Minute)
	for range 3 {
		p.link.Cut()
		wait(t, 300*time.Millisecond) // readings are refused
		p.link.Heal()
		done, _ := r.so()
		r.until(done+5, 2*time.Minute)
	}
	p.edge.kill()
	p.startEdge()
	done, _ := r.so()
	r.until(done+10, 2*time.Minute)
	p.centre.kill()
	p.startCentre()
	done, _ = r.so()
	r.until(done+10, 2*time.Minute)
	done = r.finish()
	eventually(t, 4*time.Minute, func() error { return r.check(p.centre, done) })
	p.noDeadLetters(p.centre)
}
