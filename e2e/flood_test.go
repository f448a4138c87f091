package e2e

import (
	"errors"
	"fmt"
	"hash/fnv"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

// flood is many sensors that go through event time together, one second a
// round: a round begins when all senders have everything of the one before
// acknowledged, and not sooner than its pace. Its time is yesterday's, as that
// of rounds, so nothing acknowledged is late.
type flood struct {
	t       *testing.T
	urls    []string // of bridges; a sender that hears no takes the next one
	begin   int64    // of round 0, ms; a full second
	senders int
	each    int // sensors of a sender
	pace    time.Duration
	client  *http.Client

	mu   sync.Mutex
	done int
	fail error
	stop chan struct{}
	end  chan struct{}
}

func newFlood(t *testing.T, urls []string, senders, each int, pace time.Duration) *flood {
	return &flood{
		t: t, urls: urls, begin: time.Now().Add(-24*time.Hour).UnixMilli() / 1000 * 1000, senders: senders, each: each, pace: pace,
		client: &http.Client{Timeout: 60 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: senders}},
		stop:   make(chan struct{}), end: make(chan struct{}),
	}
}

const floodLines = 5 // senders whose sensors are a hall

func floodSensor(sender, k int) string { return fmt.Sprintf("rack,no=%d.w%d", sender, k) }

// floodPower has few enough digits that sums of it are exact.
func floodPower(sender, k int, t int64) float64 {
	h := fnv.New64a()
	h.Write([]byte{byte(sender), byte(sender >> 8), byte(k), byte(k >> 8), byte(t), byte(t >> 8), byte(t >> 16), byte(t >> 24), byte(t >> 32), byte(t >> 40)})
	return float64(h.Sum64()%1_000_000_000) / 1024
}

// at is when a sender measures in a round.
func (f *flood) at(sender, round int) int64 {
	return f.begin + int64(round)*1000 + int64(sender*333%1000)
}

func (f *flood) document() *document {
	d := &document{Hierarchies: []hierarchy{{"site", "site"}}}
	root := group{ID: "site"}
	var hall *group
	for s := range f.senders {
		if s%floodLines == 0 {
			if hall != nil {
				d.Groups = append(d.Groups, *hall)
			}
			hall = &group{ID: fmt.Sprintf("hall %d", s/floodLines)}
			root.Members = append(root.Members, member{Group: hall.ID})
		}
		line := group{ID: fmt.Sprintf("line %d", s)}
		for k := range f.each {
			d.Sensors = append(d.Sensors, sensor{ID: floodSensor(s, k), Quantity: "active_power"})
			line.Members = append(line.Members, member{Sensor: floodSensor(s, k)})
		}
		hall.Members = append(hall.Members, member{Group: line.ID})
		d.Groups = append(d.Groups, line)
	}
	d.Groups = append(d.Groups, *hall, root)
	return d
}

// run sends until halt.
func (f *flood) run() {
	go func() {
		defer close(f.end)
		for round := 0; ; round++ {
			began := time.Now()
			var all sync.WaitGroup
			for s := range f.senders {
				all.Go(func() {
					if err := f.send(s, round); err != nil {
						f.mu.Lock()
						f.fail = errors.Join(f.fail, err)
						f.mu.Unlock()
					}
				})
			}
			all.Wait()
			f.mu.Lock()
			failed := f.fail != nil
			if !failed {
				f.done++
			}
			f.mu.Unlock()
			if failed {
				return
			}
			select {
			case <-f.stop:
				return
			case <-time.After(time.Until(began.Add(f.pace))):
			}
		}
	}()
}

// send offers what a sender has measured until it is acknowledged.
func (f *flood) send(s, round int) error {
	t := f.at(s, round)
	var b strings.Builder
	fmt.Fprintf(&b, "rack,no=%d ", s)
	for k := range f.each {
		if k > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, "w%d=%v", k, floodPower(s, k, t))
	}
	fmt.Fprintf(&b, " %d\n", t)
	for try := s; ; try++ {
		resp, err := f.client.Post(f.urls[try%len(f.urls)]+"/write?precision=ms", "text/plain", strings.NewReader(b.String()))
		if err == nil {
			_ = resp.Body.Close()
			switch resp.StatusCode {
			case http.StatusNoContent:
				return nil
			case http.StatusTooManyRequests, http.StatusServiceUnavailable, http.StatusRequestTimeout:
			default:
				return fmt.Errorf("sender %d, round %d: %s", s, round, resp.Status)
			}
		}
		select {
		case <-time.After(20 * time.Millisecond): // as a sender does
		case <-f.t.Context().Done():
			return f.t.Context().Err()
		}
	}
}

// so gives how many rounds are finished, and what went wrong.
func (f *flood) so() (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.done, f.fail
}

// on waits until n more rounds are finished.
func (f *flood) on(n int, within time.Duration, meanwhile func()) {
	f.t.Helper()
	from, _ := f.so()
	eventually(f.t, within, func() error {
		meanwhile()
		done, err := f.so()
		if err != nil {
			f.t.Fatal(err)
		}
		if done < from+n {
			return fmt.Errorf("%d rounds were finished, and then %d", from, done)
		}
		return nil
	})
}

// halt ends after the round under way and gives the number of all.
func (f *flood) halt() int {
	f.t.Helper()
	close(f.stop)
	<-f.end
	done, err := f.so()
	if err != nil {
		f.t.Fatal(err)
	}
	return done
}

// leaves are the members of a group, as sender and number.
func (f *flood) leaves(group string) (all [][2]int) {
	from, to := 0, f.senders
	var n int
	if _, err := fmt.Sscanf(group, "line %d", &n); err == nil {
		from, to = n, n+1
	} else if _, err := fmt.Sscanf(group, "hall %d", &n); err == nil {
		from, to = n*floodLines, min(f.senders, (n+1)*floodLines)
	}
	for s := from; s < to; s++ {
		for k := range f.each {
			all = append(all, [2]int{s, k})
		}
	}
	return all
}

// tick is what a group must be.
func (f *flood) tick(leaves [][2]int, t int64) evaluated {
	e := evaluated{total: len(leaves)}
	for _, l := range leaves {
		at := f.at(l[0], int((t-f.begin)/1000))
		if at > t {
			at -= 1000
		}
		if at < f.begin {
			continue
		}
		v := floodPower(l[0], l[1], at)
		if e.count == 0 {
			sum, low, high := v, v, v
			e.sum, e.min, e.max = &sum, &low, &high
		} else {
			*e.sum += v
			*e.min, *e.max = min(*e.min, v), max(*e.max, v)
		}
		e.count++
	}
	return e
}

// check compares all records and all ticks of so many rounds with what must be
// there. Groups that are right are not looked at again.
func (f *flood) check(p *process, done int, right map[string]bool) error {
	for s := range f.senders {
		for k := range f.each {
			id := floodSensor(s, k)
			if right[id] {
				continue
			}
			want := make(map[int64]float64, done)
			for round := range done {
				t := f.at(s, round)
				want[t] = floodPower(s, k, t)
			}
			if err := p.sameRecords(id, want); err != nil {
				return err
			}
			right[id] = true
		}
	}
	last := f.begin + int64(done-4)*1000 // the watermark is 2 s behind
	for _, g := range f.document().Groups {
		if right["group "+g.ID] {
			continue
		}
		leaves := f.leaves(g.ID)
		ticks := make(map[int64]evaluated)
		for t := f.begin; t <= last; t += 1000 {
			ticks[t] = f.tick(leaves, t)
		}
		if err := p.sameTicks(g.ID, f.begin, last, func(t int64) (evaluated, bool) { return ticks[t], true }); err != nil {
			return err
		}
		right["group "+g.ID] = true
	}
	return nil
}
