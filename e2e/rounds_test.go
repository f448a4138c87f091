package e2e

import (
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"
)

// rounds is a plant whose senders go through event time together, one second a
// round, as fast as everything is acknowledged. Its time is yesterday's, so
// that no clock closes ticks: what is acknowledged cannot be late.
type rounds struct {
	t       *testing.T
	urls    []string // of faces; a sender that hears no takes the next one
	begin   int64    // of round 0, ms; a full second
	senders []*sender
	client  *http.Client

	mu   sync.Mutex
	done int // rounds that all have finished
	end  int // rounds to go through; -1: not known yet
	next *sync.Cond
	here int // senders that have finished round done
	fail error
	wg   sync.WaitGroup
}

type sender struct {
	door, number int
	sensors      []string
	again        int // what was acknowledged is sent again every so many rounds
}

const sensorsEach = 3

func newRounds(t *testing.T, urls []string, each int) *rounds {
	r := &rounds{
		t: t, urls: urls, begin: time.Now().Add(-24*time.Hour).UnixMilli() / 1000 * 1000, end: -1,
		client: &http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 64}},
	}
	r.next = sync.NewCond(&r.mu)
	for door := range doors {
		for n := range each {
			s := &sender{door: door, number: n, again: 5 + n}
			for k := range sensorsEach {
				s.sensors = append(s.sensors, doors[door].id(n, k))
			}
			r.senders = append(r.senders, s)
		}
	}
	return r
}

// offset is where within a second a sensor reports.
func offset(n int) int64 { return int64(n*333) % 1000 }

func (r *rounds) document() *document {
	d := &document{Hierarchies: []hierarchy{{"plant", "plant"}}}
	root := group{ID: "plant"}
	halls := make([]group, len(doors))
	for i := range doors {
		halls[i] = group{ID: "hall " + doors[i].name}
		root.Members = append(root.Members, member{Group: halls[i].ID})
	}
	for _, s := range r.senders {
		g := group{ID: fmt.Sprintf("%s line %d", doors[s.door].name, s.number)}
		for k, id := range s.sensors {
			d.Sensors = append(d.Sensors, sensor{ID: id, Quantity: "active_power"})
			m := member{Sensor: id}
			if k == 1 {
				m.Sign = -1
			}
			m.Meter = k == 2 && s.number == 0 // one line of each hall has a meter
			g.Members = append(g.Members, m)
		}
		d.Groups = append(d.Groups, g)
		halls[s.door].Members = append(halls[s.door].Members, member{Group: g.ID})
	}
	d.Groups = append(append(d.Groups, halls...), root)
	return d
}

func (r *rounds) run() {
	for _, s := range r.senders {
		r.wg.Go(func() {
			for round := 0; r.goOn(round); round++ {
				if err := r.round(s, round); err != nil {
					r.stop(err)
					return
				}
				if !r.meet() {
					return
				}
			}
		})
	}
}

func (r *rounds) goOn(round int) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.fail == nil && (r.end < 0 || round < r.end)
}

// meet waits until all have finished the round.
func (r *rounds) meet() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.here++
	if r.here == len(r.senders) {
		r.here = 0
		r.done++
		r.next.Broadcast()
		return r.fail == nil
	}
	for at := r.done; r.done == at && r.fail == nil; {
		r.next.Wait()
	}
	return r.fail == nil
}

func (r *rounds) stop(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.fail == nil {
		r.fail = err
	}
	r.next.Broadcast()
}

func (r *rounds) round(s *sender, round int) error {
	rs := make([]reading, len(s.sensors))
	for k, id := range s.sensors {
		at := r.begin + int64(round)*1000 + offset(k)
		rs[k] = reading{id, at, power(id, at)}
	}
	times := 1
	if round%s.again == 0 {
		times = 2
	}
	for try := s.number; times > 0; try++ {
		ok, err := offer(r.client, r.urls[try%len(r.urls)], s.door, s.number, rs)
		if err != nil {
			return err
		}
		if ok {
			times--
			continue
		}
		select {
		case <-time.After(20 * time.Millisecond): // as a sender does
		case <-r.t.Context().Done():
			return r.t.Context().Err()
		}
	}
	return nil
}

// so gives how many rounds are finished, and what went wrong.
func (r *rounds) so() (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.done, r.fail
}

// until waits for so many rounds.
func (r *rounds) until(n int, within time.Duration) {
	r.t.Helper()
	eventually(r.t, within, func() error {
		done, err := r.so()
		if err != nil {
			r.t.Fatal(err)
		}
		if done < n {
			return fmt.Errorf("%d rounds are finished, not %d", done, n)
		}
		return nil
	})
}

// finish ends after the rounds under way, and gives their number.
func (r *rounds) finish() int {
	r.t.Helper()
	r.mu.Lock()
	r.end = r.done + 1
	r.mu.Unlock()
	r.wg.Wait()
	done, err := r.so()
	if err != nil {
		r.t.Fatal(err)
	}
	return done
}

// oracle knows what every sensor last said.
func (r *rounds) oracle() oracle {
	at := make(map[string]int64)
	for _, s := range r.senders {
		for k, id := range s.sensors {
			at[id] = offset(k)
		}
	}
	return oracle{func(sensor string, t int64) (float64, bool) {
		last := t - t%1000 + at[sensor]
		if last > t {
			last -= 1000
		}
		return power(sensor, last), last >= r.begin
	}}
}

// check compares everything that was acknowledged in so many rounds, and all
// ticks that are due by it.
func (r *rounds) check(p *process, done int) error {
	for _, s := range r.senders {
		for k, id := range s.sensors {
			want := make(map[int64]float64, done)
			for i := range done {
				at := r.begin + int64(i)*1000 + offset(k)
				want[at] = power(id, at)
			}
			if err := p.sameRecords(id, want); err != nil {
				return err
			}
		}
	}
	o, d := r.oracle(), r.document()
	// The watermark is 2 s behind the newest reading, and that is not of a full second.
	last := r.begin + int64(done-4)*1000
	for _, g := range d.Groups {
		if err := p.sameTicks(g.ID, r.begin, last, func(t int64) (evaluated, bool) { return o.at(d, g.ID, t), true }); err != nil {
			return err
		}
	}
	return nil
}
