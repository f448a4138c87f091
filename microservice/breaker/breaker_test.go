package breaker_test

import (
	"math/rand/v2"
	"testing"

	"github.com/wattwerk/wattwerk/microservice/breaker"
	"github.com/wattwerk/wattwerk/record"
)

// TestScenarioR1: a source times out five times. The next call is not made at all, and
// the agent answers; after ten seconds one probe is made, and its end decides.
// That a refusal takes less than 1 ms follows: nothing is waited for.
func TestScenarioR1(t *testing.T) {
	b := breaker.New(breaker.Options{})
	now := record.Millis(1_000_000)
	up, calls, agent := false, 0, 0
	read := func() {
		if !b.Allow(now) {
			agent++
			return
		}
		calls++
		if !up {
			now += 2000 // the timeout
		}
		b.Done(now, up)
	}
	for range 5 {
		read()
	}
	if s, until := b.State(now); s != breaker.Open || until != now+10_000 {
		t.Fatalf("after 5 timeouts it is %s until %v", s, until)
	}
	opened := now
	read()
	if calls != 5 || agent != 1 || now != opened {
		t.Fatalf("%d calls, %d to the agent, %v later", calls, agent, now-opened)
	}
	now = opened + 9_999
	read()
	if calls != 5 {
		t.Fatal("called within ten seconds")
	}
	now = opened + 10_000
	if !b.Allow(now) || b.Allow(now) {
		t.Fatal("after ten seconds there is one probe, and one only")
	}
	if s, changed := b.Done(now+1, false); s != breaker.Open || !changed {
		t.Fatal("a probe that fails opens it again")
	}
	now += 10_001
	up = true
	read()
	if s, _ := b.State(now); s != breaker.Closed || calls != 6 {
		t.Fatalf("after a good probe it is %s with %d calls", s, calls)
	}
	read()
	if calls != 7 {
		t.Fatal("closed, and not called")
	}
}

func TestShare(t *testing.T) {
	b := breaker.New(breaker.Options{})
	for i := range 19 { // good and bad in turn: 9 of 19 have failed
		if _, changed := b.Done(record.Millis(1000+i), i%2 == 0); changed {
			t.Fatalf("opens at call %d", i+1)
		}
	}
	if s, changed := b.Done(1019, false); s != breaker.Open || !changed {
		t.Fatal("10 of 20 have failed, and it is closed")
	}

	b = breaker.New(breaker.Options{})
	for i := range 200 { // the same, but only 10 calls in ten seconds
		if _, changed := b.Done(record.Millis(1000*i), i%2 == 0); changed {
			t.Fatalf("opens at call %d, which came a second after the one before", i+1)
		}
	}
}

func TestProbeThatNobodyEnds(t *testing.T) {
	b := new(breaker.Breaker)
	for range 5 {
		b.Allow(0)
		b.Done(0, false)
	}
	if !b.Allow(10_000) || b.Allow(19_999) || !b.Allow(20_000) {
		t.Fatal("a lost probe is given up after as long as it was open")
	}
}

// TestAgainstNaive compares with a list of all calls, cut off at the tenth of the window.
func TestAgainstNaive(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for range 200 {
		b := breaker.New(breaker.Options{})
		type call struct {
			at record.Millis
			ok bool
		}
		var all []call
		now, openedAt, open := record.Millis(r.IntN(10_000)), record.Millis(0), false
		good := r.Float64()
		for range 400 {
			now += record.Millis(r.IntN(900))
			allowed := b.Allow(now)
			if want := !open || now >= openedAt+10_000; allowed != want {
				t.Fatalf("allowed is %v, want %v", allowed, want)
			}
			if !allowed {
				continue
			}
			ok := r.Float64() < good
			state, _ := b.Done(now, ok)
			if open { // the probe
				open, all = !ok, nil
				openedAt = now
			} else {
				all = append(all, call{now, ok})
				n, failed, row := 0, 0, 0
				for _, c := range all {
					if row++; c.ok {
						row = 0
					}
					if int64(now)/1000-int64(c.at)/1000 < 10 {
						n++
						if !c.ok {
							failed++
						}
					}
				}
				if row >= 5 || n >= 20 && 2*failed >= n && !ok {
					open, openedAt = true, now
				}
			}
			if (state == breaker.Open) != open {
				t.Fatalf("state is %s, open should be %v", state, open)
			}
		}
	}
}
