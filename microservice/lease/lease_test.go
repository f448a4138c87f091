package lease_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/wattwerk/wattwerk/microservice"
	"github.com/wattwerk/wattwerk/microservice/lease"
	"github.com/wattwerk/wattwerk/object"
	"github.com/wattwerk/wattwerk/record"
)

const valve = object.ID("sensor/valve")

func ask(sid string, priority int) lease.Request {
	return lease.Request{SID: sid, Object: valve, Priority: priority, For: 60_000}
}

func conflict(t *testing.T, err error) *lease.Conflict {
	t.Helper()
	var c *lease.Conflict
	if !errors.As(err, &c) {
		t.Fatalf("%v is no conflict", err)
	}
	return c
}

// TestScenarioP1: a fire service and a thermostat want the same actuator. The fire
// service has it; the thermostat learns until when, and has it after it is released.
func TestScenarioP1(t *testing.T) {
	table := lease.New(lease.Options{}, 0)
	fire, _, err := table.Acquire(1000, ask("fire", 100))
	if err != nil {
		t.Fatal(err)
	}
	_, _, err = table.Acquire(2000, ask("thermostat", 10))
	if c := conflict(t, err); c.Holder != "fire" || c.Priority != 100 || c.Until != 61_000 || c.Waits {
		t.Fatalf("%+v", c)
	}
	if err := table.Release(3000, valve, fire.Token); err != nil {
		t.Fatal(err)
	}
	got, lost, err := table.Acquire(3001, ask("thermostat", 10))
	if err != nil || lost != nil || got.Token <= fire.Token {
		t.Fatalf("%+v, %v, %v", got, lost, err)
	}
}

// TestScenarioP2: the thermostat has the actuator when there is a fire. It loses it at
// once, and its token is refused from then on.
func TestScenarioP2(t *testing.T) {
	table := lease.New(lease.Options{}, 41)
	old, _, err := table.Acquire(1000, ask("thermostat", 10))
	if err != nil || old.Token != 42 || !table.Valid(1500, valve, old.Token) {
		t.Fatal(old, err)
	}
	fire, lost, err := table.Acquire(2000, ask("fire", 100))
	if err != nil || lost == nil || lost.SID != "thermostat" {
		t.Fatal(fire, lost, err)
	}
	if table.Valid(2000, valve, old.Token) || !table.Valid(2000, valve, fire.Token) {
		t.Fatal("the old token is still leave to write")
	}
	if err := table.Release(2001, valve, old.Token); !errors.Is(err, lease.ErrOld) {
		t.Fatal("the old token ends the new lease")
	}
	if table.Valid(fire.Until, valve, fire.Token) {
		t.Fatal("a token is leave to write after the lease has ended")
	}
}

// TestScenarioP3: with equal priorities the first has it, and keeps it.
func TestScenarioP3(t *testing.T) {
	table := lease.New(lease.Options{}, 0)
	first, _, _ := table.Acquire(1000, ask("a", 10))
	for range 100 {
		if _, _, err := table.Acquire(2000, ask("b", 10)); err == nil {
			t.Fatal("an equal priority has taken it away")
		}
	}
	if !table.Valid(2000, valve, first.Token) {
		t.Fatal("the first has lost it")
	}
}

// TestScenarioP4: the best object has room for two of three services, with the priorities
// 3, 2 and 1, whichever asks first.
func TestScenarioP4(t *testing.T) {
	requests := []lease.Request{{SID: "one", Priority: 1, Arrival: 1}, {SID: "two", Priority: 2, Arrival: 2}, {SID: "three", Priority: 3, Arrival: 3}}
	got := lease.Select(requests, []lease.Candidate{{Object: "best", Capacity: 2}, {Object: "next"}}, lease.DefaultAging)
	if want := []object.ID{"next", "best", "best"}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	got = lease.Select(requests, []lease.Candidate{{Object: "best", Capacity: 2, Used: 1}, {Object: "next", Capacity: 1}}, lease.DefaultAging)
	if want := []object.ID{"", "next", "best"}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}

	table := lease.New(lease.Options{}, 0)
	for i, sid := range []string{"three", "two", "three"} { // the third time it is the same lease
		if _, err := table.Share(1000, ask(sid, 3-i), 2); err != nil {
			t.Fatal(err)
		}
	}
	_, err := table.Share(1000, ask("one", 1), 2)
	if c := conflict(t, err); !c.Full || c.Until != 61_000 || table.Sharing(1000, valve) != 2 {
		t.Fatalf("%+v", c)
	}
	if _, err := table.Share(61_000, ask("one", 1), 2); err != nil {
		t.Fatal("the leases are over, and there is no room:", err)
	}
}

// TestScenarioP5: a service of priority 3 asks every second for what one of priority 7
// renews all the time. After (7-3+1)*5 refusals it counts 8, the other cannot renew, and
// at the end of its lease the first is let through. An emergency comes first nevertheless.
func TestScenarioP5(t *testing.T) {
	table := lease.New(lease.Options{}, 0)
	now := record.Millis(1000)
	if _, _, err := table.Acquire(now, ask("high", 7)); err != nil {
		t.Fatal(err)
	}
	refused := 0
	for ; ; refused++ {
		now += 1000
		if _, _, err := table.Acquire(now, ask("high", 7)); err != nil {
			if c := conflict(t, err); c.Holder != "low" || !c.Waits {
				t.Fatalf("%+v", c)
			}
		}
		if _, _, err := table.Acquire(now, ask("low", 3)); err == nil {
			break
		}
		if refused > 200 {
			t.Fatal("starved")
		}
	}
	if bound := 25 + 60; refused > bound { // seconds of refusals, and one lease
		t.Fatalf("let through after %d refusals, want %d at most", refused, bound)
	}
	if _, lost, err := table.Acquire(now+1, ask("fire", microservice.Emergency)); err != nil || lost == nil || lost.SID != "low" {
		t.Fatal("an emergency waits:", err)
	}
	if l := lease.Level(3, 1_000_000, 5); l != microservice.Emergency-1 {
		t.Fatalf("who has waited long counts %d", l)
	}

	// In turns, where the order decides: 20 turns behind, 5 refusals a level.
	low := lease.Request{SID: "low", Priority: 3}
	for turn := 1; ; turn++ {
		got := lease.Select([]lease.Request{{SID: "high", Priority: 7}, low, {SID: "fire", Priority: 100}}, []lease.Candidate{{Object: valve, Capacity: 2}}, 5)
		if got[2] == "" {
			t.Fatal("the emergency is not first")
		}
		if got[1] != "" {
			if turn != 26 {
				t.Fatalf("let through in turn %d, want 26", turn)
			}
			break
		}
		low.Refused++
	}
}

func TestInvalid(t *testing.T) {
	table := lease.New(lease.Options{}, 0)
	for _, r := range []lease.Request{{SID: "a", Object: valve}, {SID: "a", For: 1}, {Object: valve, For: 1}} {
		if _, _, err := table.Acquire(0, r); !errors.Is(err, lease.ErrInvalid) {
			t.Error(err)
		}
		if _, err := table.Share(0, r, 1); !errors.Is(err, lease.ErrInvalid) {
			t.Error(err)
		}
	}
	if err := table.Release(0, valve, 1); !errors.Is(err, lease.ErrOld) {
		t.Error(err)
	}
	r := ask("a", 1)
	r.For = (24 * time.Hour).Milliseconds()
	if l, _, _ := table.Acquire(0, r); l.Until != record.Millis(time.Hour.Milliseconds()) {
		t.Errorf("a lease lasts until %v", l.Until)
	}
	if _, err := table.Share(0, ask("b", 1), 5); err == nil {
		t.Error("shared while somebody has it alone")
	}
}

// naive keeps every lease that was ever given, and everybody who waits, in plain lists.
type naive struct {
	given   []lease.Lease // until is cut when one is released or lost
	waiting []lease.Request
	asked   map[string]record.Millis // by object and sid: when it asked last
}

func (n *naive) holder(now record.Millis, id object.ID) *lease.Lease {
	var h *lease.Lease
	for i := range n.given {
		if l := &n.given[i]; l.Object == id && now < l.Until {
			if h != nil {
				panic("two holders")
			}
			h = l
		}
	}
	return h
}

// decide tells whether a request is met.
func (n *naive) decide(now record.Millis, r lease.Request, wait int64) bool {
	var contend []lease.Request
	for _, w := range n.waiting {
		if w.Object == r.Object && w.SID != r.SID && int64(now-n.asked[string(w.Object)+w.SID]) < wait {
			contend = append(contend, w)
		}
	}
	h := n.holder(now, r.Object)
	if h != nil && h.SID == r.SID {
		for _, w := range contend {
			if lease.Level(w.Priority, w.Refused, lease.DefaultAging) > r.Priority {
				return false
			}
		}
		return true
	}
	if h != nil {
		if r.Priority <= h.Priority {
			return false
		}
		contend = slices.DeleteFunc(contend, func(w lease.Request) bool { return w.Priority <= h.Priority })
	}
	contend = append(contend, r)
	slices.SortFunc(contend, func(a, b lease.Request) int { return lease.Compare(&a, &b, lease.DefaultAging) })
	return contend[0].SID == r.SID
}

// TestAgainstNaive does random things to a table and to plain lists: never two holders
// of an actuator, tokens strictly rise, and who has it is the same.
func TestAgainstNaive(t *testing.T) {
	const wait = 30_000
	for seed := range uint64(40) {
		r := rand.New(rand.NewPCG(seed, 9))
		table := lease.New(lease.Options{}, 0)
		n := &naive{asked: make(map[string]record.Millis)}
		now, token := record.Millis(1), uint64(0)
		for step := range 1500 {
			now += record.Millis(r.IntN(4000))
			id := object.ID(fmt.Sprint("sensor/", r.IntN(2)))
			if r.IntN(6) == 0 {
				var old uint64
				if len(n.given) > 0 {
					old = n.given[len(n.given)-1-r.IntN(min(3, len(n.given)))].Token
				}
				h := n.holder(now, id)
				want := h != nil && h.Token == old
				if got := table.Release(now, id, old) == nil; got != want {
					t.Fatalf("seed %d, step %d: release is %v, want %v", seed, step, got, want)
				}
				if want {
					h.Until = now
				}
			} else {
				i := r.IntN(5)
				q := lease.Request{SID: fmt.Sprint("s", i), Object: id, Priority: []int{1, 3, 3, 10, 100}[i], For: int64(1 + r.IntN(20_000)), Arrival: now}
				if r.IntN(3) == 0 {
					q.Deadline = now + record.Millis(r.IntN(1000))
				}
				key := string(id) + q.SID
				at := slices.IndexFunc(n.waiting, func(w lease.Request) bool { return w.SID == q.SID && w.Object == id })
				if at >= 0 && int64(now-n.asked[key]) >= wait {
					n.waiting = slices.Delete(n.waiting, at, at+1)
					at = -1
				}
				if at >= 0 {
					q.Refused, q.Arrival = n.waiting[at].Refused, n.waiting[at].Arrival
				}
				want := n.decide(now, q, wait)
				h := n.holder(now, id)
				got, lost, err := table.Acquire(now, q)
				if (err == nil) != want {
					t.Fatalf("seed %d, step %d: %+v is met %v (%v), want %v", seed, step, q, err == nil, err, want)
				}
				if wantLost := want && h != nil && h.SID != q.SID; (lost != nil) != wantLost {
					t.Fatalf("seed %d, step %d: lost is %v, want %v", seed, step, lost, wantLost)
				}
				switch {
				case want:
					if got.Token <= token {
						t.Fatalf("token %d after %d", got.Token, token)
					}
					token = got.Token
					if h != nil {
						h.Until = now
					}
					n.given = append(n.given, got)
					if at >= 0 {
						n.waiting = slices.Delete(n.waiting, at, at+1)
					}
				case h == nil || h.SID != q.SID:
					q.Refused++
					n.asked[key] = now
					if at >= 0 {
						n.waiting[at] = q
					} else {
						n.waiting = append(n.waiting, q)
					}
				}
			}
			for _, id := range []object.ID{"sensor/0", "sensor/1"} {
				h := n.holder(now, id)
				got, ok := table.Holder(now, id)
				if ok != (h != nil) || ok && got.Token != h.Token {
					t.Fatalf("seed %d, step %d: holder of %s is %+v, want %+v", seed, step, id, got, h)
				}
				for _, l := range n.given {
					if valid := table.Valid(now, l.Object, l.Token); valid != (now < l.Until) {
						t.Fatalf("token %d is valid %v", l.Token, valid)
					}
				}
				n.given = slices.DeleteFunc(n.given, func(l lease.Lease) bool { return l.Until+100_000 < now })
			}
		}
	}
}
