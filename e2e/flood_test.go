package e2e

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
)

// flood is many sensors that go through event time together, one second a
// round: a round is due at its time, and begins when all senders have everything of
// the one before acknowledged; what was held up is caught up with. Its time is
// yesterday's, as that of rounds, so nothing acknowledged is late.
type flood struct {
	t       *testing.T
	where   string    // begins the names of its sensors and groups
	callers []*caller // the senders
	begin   int64     // of round 0, ms; a full second
	senders int
	each    int // sensors of a sender
	pace    time.Duration

	mu   sync.Mutex
	done []time.Time // when each round was finished
	fail error
	stop chan struct{}
	end  chan struct{}
}

func newFlood(t *testing.T, where string, doors []door, senders, each int, pace time.Duration) *flood {
	f := &flood{
		t: t, where: where, begin: time.Now().Add(-24*time.Hour).UnixMilli() / 1000 * 1000, senders: senders, each: each, pace: pace,
		stop: make(chan struct{}), end: make(chan struct{}),
	}
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: senders}}
	for s := range senders {
		f.callers = append(f.callers, &caller{t, client, doors, s % len(doors)})
	}
	return f
}

const (
	floodLines = 5 // senders whose sensors are a hall
	floodAge   = "2s"
	floodHolds = 2000 // that, ms
)

func (f *flood) sensor(sender, k int) string {
	return fmt.Sprintf("%srack,no=%d.w%d", f.where, sender, k)
}

// floodPower has few enough digits that sums of it are exact, and that a
// database which keeps decimals keeps them.
func floodPower(sender, k int, t int64) float64 {
	h := (uint64(sender)<<32 + uint64(k) + uint64(t)<<8) * 0x9e3779b97f4a7c15
	h = (h ^ h>>29) * 0xbf58476d1ce4e5b9
	return float64((h^h>>32)%1_000_000) / 4
}

// at is when a sender measures in a round.
func (f *flood) at(sender, round int) int64 {
	return f.begin + int64(round)*1000 + int64(sender*333%1000)
}

func (f *flood) document() *document {
	d := &document{Hierarchies: []hierarchy{{f.where + "site", f.where + "site"}}}
	root := group{ID: f.where + "site"}
	var hall *group
	for s := range f.senders {
		if s%floodLines == 0 {
			if hall != nil {
				d.Groups = append(d.Groups, *hall)
			}
			hall = &group{ID: fmt.Sprintf("%shall %d", f.where, s/floodLines)}
			root.Members = append(root.Members, member{Group: hall.ID})
		}
		line := group{ID: fmt.Sprintf("%sline %d", f.where, s)}
		for k := range f.each {
			d.Sensors = append(d.Sensors, sensor{ID: f.sensor(s, k), Quantity: "active_power", MaxAge: floodAge})
			line.Members = append(line.Members, member{Sensor: f.sensor(s, k)})
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
		for round, due := 0, time.Now(); ; round++ {
			due = due.Add(f.pace)
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
				f.done = append(f.done, time.Now())
			}
			f.mu.Unlock()
			if failed {
				return
			}
			select {
			case <-f.stop:
				return
			case <-time.After(time.Until(due)):
			}
		}
	}()
}

// send offers what a sender has measured until it is acknowledged.
func (f *flood) send(s, round int) error {
	t := f.at(s, round)
	body := fmt.Appendf(make([]byte, 0, 32+20*f.each), "%srack,no=%d ", f.where, s)
	for k := range f.each {
		if k > 0 {
			body = append(body, ',')
		}
		body = append(strconv.AppendInt(append(body, 'w'), int64(k), 10), '=')
		body = strconv.AppendFloat(body, floodPower(s, k, t), 'f', -1, 64)
	}
	body = fmt.Appendf(body, " %d\n", t)
	if err := f.callers[s].insist(wish{method: "POST", path: "/write?precision=ms", body: body}); err != nil {
		return fmt.Errorf("sender %d, round %d: %w", s, round, err)
	}
	return nil
}

// so gives how many rounds are finished, and what went wrong.
func (f *flood) so() (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.done), f.fail
}

// best is the most records that were acknowledged in ten seconds on end, per
// second.
func (f *flood) best() float64 {
	const span = 10 * time.Second
	f.mu.Lock()
	defer f.mu.Unlock()
	most, from := 0, 0
	for i, at := range f.done {
		for at.Sub(f.done[from]) > span {
			from++
		}
		most = max(most, i-from)
	}
	return float64(most*f.senders*f.each) / span.Seconds()
}

// on waits until n more rounds are finished.
func (f *flood) on(n int, meanwhile func()) {
	f.t.Helper()
	from, _ := f.so()
	eventually(f.t, convergence, func() error {
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

// lines are the senders whose sensors are in a group.
func (f *flood) lines(group string) (all []int) {
	from, to := 0, f.senders
	group = strings.TrimPrefix(group, f.where)
	var n int
	if _, err := fmt.Sscanf(group, "line %d", &n); err == nil {
		from, to = n, n+1
	} else if _, err := fmt.Sscanf(group, "hall %d", &n); err == nil {
		from, to = n*floodLines, min(f.senders, (n+1)*floodLines)
	}
	for s := from; s < to; s++ {
		all = append(all, s)
	}
	return all
}

// leaves are the members of a group, as sender and number.
func (f *flood) leaves(group string) (all [][2]int) {
	for _, s := range f.lines(group) {
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
// there, and asks each of the processes for some. What is right is not looked at
// again.
func (f *flood) check(ps []*process, done int, right *sync.Map) error {
	return cmp.Or(f.stored(ps, done, right), f.summed(ps, done, right))
}

// stored says so of the records.
func (f *flood) stored(ps []*process, done int, right *sync.Map) error {
	all, enough := errgroup.WithContext(f.t.Context())
	all.SetLimit(4)
	for i := 0; i < f.senders*f.each && enough.Err() == nil; i++ {
		s, k := i/f.each, i%f.each
		id := f.sensor(s, k)
		if _, is := right.Load(id); is {
			continue
		}
		all.Go(func() error {
			if err := f.sameRecords(ps[i%len(ps)], s, k, done); err != nil {
				return err
			}
			right.Store(id, true)
			return nil
		})
	}
	return all.Wait()
}

// summed says so of the ticks.
func (f *flood) summed(ps []*process, done int, right *sync.Map) error {
	var all errgroup.Group
	all.SetLimit(4)
	last := f.begin + int64(done-4)*1000 // the watermark is 2 s behind
	for i, g := range f.document().Groups {
		if _, is := right.Load("group " + g.ID); is {
			continue
		}
		all.Go(func() error {
			leaves := f.leaves(g.ID)
			ticks := make(map[int64]evaluated, done)
			for t := f.begin; t <= last; t += 1000 {
				ticks[t] = f.tick(leaves, t)
			}
			if err := ps[i%len(ps)].sameTicks(g.ID, f.begin, last, func(t int64) (evaluated, bool) { return ticks[t], true }); err != nil {
				return err
			}
			right.Store("group "+g.ID, true)
			return nil
		})
	}
	return all.Wait()
}

// sameRecords compares what is stored of a sensor with what was acknowledged.
func (f *flood) sameRecords(p *process, s, k, done int) error {
	id := f.sensor(s, k)
	var got struct {
		T     []int64
		Value []float64
	}
	from, to := f.at(s, 0)-3600_000, f.at(s, done)+3600_000
	if err := p.try("GET", fmt.Sprintf("/api/v1/sensors/%s/range?raw=true&from=%d&to=%d", escaped(id), from, to), nil, &got); err != nil {
		return err
	}
	for i, t := range got.T {
		if i >= done {
			return fmt.Errorf("%s at %d is %v, and nobody sent that", id, t, got.Value[i])
		}
		at := f.at(s, i)
		if v := floodPower(s, k, at); t != at || got.Value[i] != v {
			return fmt.Errorf("%s at %d should come next, %v, and it is %v at %d; %d of %d are there", id, at, v, got.Value[i], t, len(got.T), done)
		}
	}
	if len(got.T) < done {
		return fmt.Errorf("%s ends after %d of %d", id, len(got.T), done)
	}
	if k%10 != 0 {
		return nil
	}
	var n struct{ Count int }
	if err := p.try("GET", "/api/v1/sensors/"+escaped(id)+"/count", nil, &n); err != nil {
		return err
	}
	if n.Count != done {
		return fmt.Errorf("%s has %d records, %d were acknowledged", id, n.Count, done)
	}
	return nil
}

// settled compares the settled windows of all sensors and groups with what so
// many rounds mean. What is right is not looked at again.
func (f *flood) settled(ps []*process, done int, right *sync.Map) error {
	const quarter = 900_000
	var left struct{ Marks int }
	if err := ps[0].try("GET", "/api/v1/settled/status", nil, &left); err != nil || left.Marks > 0 {
		return cmp.Or(err, fmt.Errorf("%d ranges are still to be settled again", left.Marks))
	}
	from := f.begin / quarter * quarter
	n := int((f.at(f.senders-1, done)+floodHolds-from)/quarter) + 1
	sums := make([][]account, f.senders) // of the sensors of each sender, and their sum at the end
	var all errgroup.Group
	all.SetLimit(4)
	for s := range f.senders {
		sum := make([]account, n)
		for k := range f.each {
			own := f.account(s, k, done, from, n)
			for i := range sum {
				sum[i].add(own[i])
			}
			all.Go(func() error { return ps[k%len(ps)].sameAccount("sensors", f.sensor(s, k), from, own, right) })
		}
		sums[s] = sum
	}
	for i, g := range f.document().Groups {
		sum := make([]account, n)
		for _, s := range f.lines(g.ID) {
			for i := range sum {
				sum[i].add(sums[s][i])
			}
		}
		all.Go(func() error { return ps[i%len(ps)].sameAccount("groups", g.ID, from, sum, right) })
	}
	return all.Wait()
}

// account is what a settled quarter of an hour must say.
type account struct {
	known    bool
	amount   int64 // 10^-6 W·h
	readings int
}

func (a *account) add(b account) {
	a.known, a.amount, a.readings = a.known || b.known, a.amount+b.amount, a.readings+b.readings
}

// account is the integral over the power of a sensor, which holds until the next
// reading, and no longer than floodHolds; rounded once, half to even.
func (f *flood) account(s, k, done int, from int64, n int) []account {
	const quarter = 900_000
	out := make([]account, n)
	fourfold := make([]int64, n) // 4 W·ms
	for i := range done {
		t := f.at(s, i)
		end := t + 1000
		if i == done-1 {
			end = t + floodHolds
		}
		out[(t-from)/quarter].readings++
		for at := t; at < end; {
			q := (at - from) / quarter
			until := min(end, from+(q+1)*quarter)
			fourfold[q] += int64(4*floodPower(s, k, t)) * (until - at)
			out[q].known = true
			at = until
		}
	}
	for i, x := range fourfold {
		const parts = 72 // 4·3,600,000 ms of an hour, of 5·10^-6
		whole, rest := x*5/parts, x*5%parts
		if 2*rest > parts || 2*rest == parts && whole%2 != 0 {
			whole++
		}
		out[i].amount = whole
	}
	return out
}

// sameAccount compares settled quarters of an hour with what they must be.
func (p *process) sameAccount(kind, id string, from int64, want []account, right *sync.Map) error {
	key := "settled " + kind + " " + id
	if _, is := right.Load(key); is {
		return nil
	}
	var got struct {
		Start    []int64
		Amount   []*float64
		Readings []int
	}
	to := from + int64(len(want))*900_000
	if err := p.try("GET", fmt.Sprintf("/api/v1/settled/%s/%s?size=15m&from=%d&to=%d", kind, escaped(id), from, to), nil, &got); err != nil {
		return err
	}
	if len(got.Start) != len(want) || len(got.Amount) != len(want) || len(got.Readings) != len(want) {
		return fmt.Errorf("%s has %d windows, %d amounts and counts of %d quarters", id, len(got.Start), len(got.Amount), len(want))
	}
	for i, a := range got.Amount {
		is := account{readings: got.Readings[i]}
		if a != nil {
			is.known, is.amount = true, int64(math.Round(*a*1e6))
		}
		if is != want[i] || got.Start[i] != from+int64(i)*900_000 {
			return fmt.Errorf("%s is settled in quarter %d as %+v, and must be %+v", id, i, is, want[i])
		}
	}
	right.Store(key, true)
	return nil
}
