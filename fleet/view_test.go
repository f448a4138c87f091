package fleet

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"
)

// bucketOf is what the bus keeps: entries in the order of their revisions.
type bucketOf struct {
	t       *testing.T
	entries []entry
	now     time.Time
}

func (b *bucketOf) put(key string, value any) {
	data, err := json.Marshal(value)
	if err != nil {
		b.t.Fatal(err)
	}
	b.entries = append(b.entries, entry{key: key, revision: uint64(len(b.entries) + 1), value: data, stored: b.now})
}

func (b *bucketOf) remove(key string) {
	b.entries = append(b.entries, entry{key: key, revision: uint64(len(b.entries) + 1), gone: true, stored: b.now})
}

// world is some processes with views of one bucket that lag by what they
// have not read yet.
type world struct {
	bucket bucketOf
	views  map[string]*view
	read   map[string]int // of members
	heard  map[string]int // of claims
	beats  map[string]uint64
	works  map[string]map[int]bool
}

const every = 500 * time.Millisecond

func (w *world) join(id string) {
	w.views[id], w.works[id] = newView(id), make(map[int]bool)
	w.views[id].claimed = true // the test begins with none, and a process with the oldest
	w.beat(id)
}

func (w *world) beat(id string) {
	w.beats[id]++
	w.bucket.put(memberKey(id), presence{Member: Member{ID: id}, Shares: []string{"s"}, Beat: w.beats[id]})
}

// follow lets a process read some of what it has not read: so many entries of
// members, and so many of claims, each in order.
func (w *world) follow(id string, members, claims int) {
	w.part(id, w.read, members, false)
	w.part(id, w.heard, claims, true)
}

func (w *world) part(id string, read map[string]int, n int, claims bool) {
	v := w.views[id]
	for ; n > 0 && read[id] < len(w.bucket.entries); n-- {
		if e := w.bucket.entries[read[id]]; isClaim(e.key) == claims {
			if _, err := v.take(e, every); err != nil {
				w.bucket.t.Fatal(err)
			}
		}
		read[id]++
	}
}

// last is the newest entry of a key.
func (b *bucketOf) last(key string) entry {
	for i := len(b.entries) - 1; i >= 0; i-- {
		if b.entries[i].key == key {
			return b.entries[i]
		}
	}
	return entry{gone: true}
}

// act does what the view of a process asks for, with compare-and-swap.
func (w *world) act(id string, pieces int) {
	v := w.views[id]
	if !v.settled() {
		return
	}
	c := v.balance("s", pieces)
	for p := range pieces {
		if v.claims[claimKey("s", p)].holder != id {
			delete(w.works[id], p)
		} else {
			w.works[id][p] = true
		}
	}
	for _, p := range c.release {
		delete(w.works[id], p)
		if at := v.claims[claimKey("s", p)]; w.bucket.last(claimKey("s", p)).revision == at.revision {
			w.bucket.remove(claimKey("s", p))
			w.note(v)
		}
	}
	for _, p := range c.take {
		if at := v.claims[claimKey("s", p)]; w.bucket.last(claimKey("s", p)).revision == at.revision {
			w.bucket.put(claimKey("s", p), claim{Holder: id})
			w.works[id][p] = true
			w.note(v)
		}
	}
}

// note lets a process know what it just wrote.
func (w *world) note(v *view) {
	if _, err := v.take(w.bucket.entries[len(w.bucket.entries)-1], every); err != nil {
		w.bucket.t.Fatal(err)
	}
}

// TestSharesBecomeEven lets processes come, go and die at random, each seeing
// the bucket at its own pace: when all is quiet, every piece has one holder
// and shares differ by at most one.
func TestSharesBecomeEven(t *testing.T) {
	for seed := range uint64(60) {
		r := rand.New(rand.NewPCG(seed, 1))
		w := &world{bucket: bucketOf{t: t, now: time.Unix(1e9, 0)}, views: make(map[string]*view), read: make(map[string]int), heard: make(map[string]int), beats: make(map[string]uint64), works: make(map[string]map[int]bool)}
		pieces := 1 + r.IntN(20)
		next := 0
		for range 100 {
			w.bucket.now = w.bucket.now.Add(time.Duration(r.IntN(300)) * time.Millisecond)
			if len(w.views) == 0 || r.IntN(15) == 0 && len(w.views) < 6 {
				w.join(fmt.Sprintf("m%02d", next))
				next++
			}
			for id := range w.views {
				if r.IntN(60) == 0 && len(w.views) > 1 { // killed
					delete(w.views, id)
					continue
				}
				if r.IntN(3) == 0 {
					w.beat(id)
				}
				w.follow(id, r.IntN(4), r.IntN(4))
				w.act(id, pieces)
			}
		}
		moved := -1
		for round := 0; moved != 0; round++ {
			if round > 40 {
				t.Fatalf("seed %d: things still move after %d rounds", seed, round)
			}
			moved = 0
			w.bucket.now = w.bucket.now.Add(every)
			for id := range w.views {
				w.beat(id)
			}
			before := len(w.bucket.entries)
			for id := range w.views {
				w.follow(id, 1<<30, 1<<30)
				w.act(id, pieces)
			}
			moved = len(w.bucket.entries) - before
			if round < Beats+1 {
				moved = -1 // the dead have to be found out first
			}
		}
		least, most, total := pieces, 0, 0
		for id := range w.views {
			n := 0
			for p := range pieces {
				if e := w.bucket.last(claimKey("s", p)); !e.gone {
					var c claim
					if err := json.Unmarshal(e.value, &c); err != nil {
						t.Fatal(err)
					}
					if c.Holder == id {
						n++
						if !w.works[id][p] {
							t.Errorf("seed %d: %s holds %d and does not work on it", seed, id, p)
						}
					}
				}
			}
			if len(w.works[id]) != n {
				t.Errorf("seed %d: %s works on %d pieces and holds %d", seed, id, len(w.works[id]), n)
			}
			least, most, total = min(least, n), max(most, n), total+n
		}
		if total != pieces || most-least > 1 {
			t.Fatalf("seed %d: %d pieces over %d processes: from %d to %d, %d held", seed, pieces, len(w.views), least, most, total)
		}
	}
}

// TestLittleMoves holds that a newcomer takes only what is its due.
func TestLittleMoves(t *testing.T) {
	w := &world{bucket: bucketOf{t: t}, views: make(map[string]*view), read: make(map[string]int), heard: make(map[string]int), beats: make(map[string]uint64), works: make(map[string]map[int]bool)}
	settle := func() {
		for range 6 {
			for id := range w.views {
				w.beat(id)
				w.follow(id, 1<<30, 1<<30)
				w.act(id, 16)
			}
		}
	}
	w.join("b")
	settle()
	w.join("c")
	settle()
	w.join("a") // its name sorts first, which must not matter
	claims := func() (n int) {
		for _, e := range w.bucket.entries {
			if isClaim(e.key) && !e.gone {
				n++
			}
		}
		return n
	}
	before := claims()
	settle()
	if n := claims() - before; n != 5 {
		t.Errorf("%d pieces were taken when a third process came, 5 are its due", n)
	}
}

// TestABusThatStandsStillKillsNobody: heartbeats are counted, not timed.
func TestABusThatStandsStillKillsNobody(t *testing.T) {
	w := &world{bucket: bucketOf{t: t, now: time.Unix(1e9, 0)}, views: make(map[string]*view), read: make(map[string]int), heard: make(map[string]int), beats: make(map[string]uint64), works: make(map[string]map[int]bool)}
	w.join("a")
	w.join("b")
	w.bucket.now = w.bucket.now.Add(time.Minute)
	w.beat("a")
	w.follow("a", 1<<30, 1<<30)
	if !w.views["a"].alive("b") {
		t.Error("b is dead after a minute in which nobody's heartbeats got through")
	}
	for range Beats {
		w.beat("a")
	}
	w.follow("a", 1<<30, 1<<30)
	if w.views["a"].alive("b") {
		t.Errorf("b is alive after %d heartbeats of a alone", Beats+1)
	}
}

// TestANewClaimHolds: claims are heard of before the members that made them.
func TestANewClaimHolds(t *testing.T) {
	w := &world{bucket: bucketOf{t: t, now: time.Unix(1e9, 0)}, views: make(map[string]*view), read: make(map[string]int), heard: make(map[string]int), beats: make(map[string]uint64), works: make(map[string]map[int]bool)}
	w.join("a")
	w.follow("a", 1<<30, 0)
	w.join("b")
	w.bucket.put(claimKey("s", 0), claim{Holder: "b"})
	w.follow("a", 0, 1<<30)
	if c := w.views["a"].balance("s", 1); len(c.take) > 0 {
		t.Error("a takes what b claimed before a has heard of b")
	}
	w.follow("a", 1<<30, 0)
	for range Beats {
		w.beat("a")
	}
	w.follow("a", 1<<30, 0)
	if c := w.views["a"].balance("s", 1); len(c.take) != 1 {
		t.Error("a does not take the piece of b, which is dead")
	}
}

// TestAClaimOfTheDead is in force until a heartbeat of our own was stored after
// it, and it is told when it is no longer.
func TestAClaimOfTheDead(t *testing.T) {
	b := &bucketOf{t: t, now: time.Unix(1e9, 0)}
	v := newView("a")
	v.claimed = true
	take := func() bool {
		changed, err := v.take(b.entries[len(b.entries)-1], every)
		if err != nil {
			t.Fatal(err)
		}
		return changed
	}
	me := presence{Member: Member{ID: "a"}, Shares: []string{"s"}, Beat: 1}
	b.put(memberKey("a"), me)
	take()
	b.put(claimKey("s", 0), claim{Holder: "ghost"})
	if !take() || len(v.balance("s", 1).take) != 0 {
		t.Error("a new claim is not in force")
	}
	me.Beat++
	b.put(memberKey("a"), me)
	if !take() || len(v.balance("s", 1).take) != 1 {
		t.Error("nobody is told that the holder of a claim is not there")
	}
	me.Beat++
	b.put(memberKey("a"), me)
	if take() {
		t.Error("a heartbeat changes something")
	}
}

// TestRhythm: a heartbeat that says nothing new is told by its bytes.
func TestRhythm(t *testing.T) {
	one, err := json.Marshal(presence{Member: Member{ID: "a", Name: `odd "beat":7}`}, Shares: []string{"s"}, Beat: 41})
	if err != nil {
		t.Fatal(err)
	}
	says, beat, ok := rhythm(one)
	if !ok || beat != 41 || len(says) < 20 {
		t.Errorf("%s is %q with count %d, %v", one, says, beat, ok)
	}
	for _, bad := range []string{"", "{}", `{"beat":1,"x":2}`, `{"beat":-1}`, `"beat":1`} {
		if _, _, ok := rhythm([]byte(bad)); ok {
			t.Errorf("%q passes for a heartbeat with its count at the end", bad)
		}
	}
}
