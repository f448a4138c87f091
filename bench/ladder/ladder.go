package ladder

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/wattwerk/wattwerk/internal/run"
)

// Plan is what to ask, and how.
type Plan struct {
	URLs    []string          `json:"urls"`   // asked in turn
	Bodies  []string          `json:"bodies"` // sent by POST, in turn with the URLs; none: GET
	Headers map[string]string `json:"headers,omitempty"`
	Clients int               `json:"clients"`          // that ask at once; in an open loop at most so many wait for an answer
	Rate    float64           `json:"rate,omitempty"`   // requests a second; 0: a closed loop
	Least   int               `json:"least,omitempty"`  // requests at least, of a closed loop; 0: so many as there are clients
	For     time.Duration     `json:"for"`              // ns; how long it is asked
	Timeout time.Duration     `json:"timeout,omitzero"` // ns, of one request; 0: 10 s
	Warm    int               `json:"warm,omitempty"`   // requests before, which do not count
}

// Result is what came of it. Times are in seconds.
type Result struct {
	Requests int         `json:"requests"` // that were answered or failed
	Seconds  float64     `json:"seconds"`  // from the first to the last answer
	Rate     float64     `json:"rate"`     // answers a second
	Mean     float64     `json:"mean"`
	P50      float64     `json:"p50"`
	P90      float64     `json:"p90"`
	P99      float64     `json:"p99"`
	Max      float64     `json:"max"`
	Statuses map[int]int `json:"statuses"`
	Timeouts int         `json:"timeouts"`
	Errors   int         `json:"errors"` // without an answer, timeouts aside
	Late     int         `json:"late"`   // requests of an open loop for which no client was free when they were due
	Error    string      `json:"error,omitempty"`
}

// Bounds of a plan.
const (
	mostClients = 20_000
	mostTimes   = 20_000_000
)

// Check says what is wrong with a plan.
func (p *Plan) Check() error {
	switch {
	case len(p.URLs) == 0:
		return errors.New("a plan needs an address")
	case p.Clients < 1 || p.Clients > mostClients:
		return fmt.Errorf("%d clients; between 1 and %d are possible", p.Clients, mostClients)
	case p.For <= 0 || p.Rate < 0 || p.Least < 0 || p.Warm < 0:
		return errors.New("a plan needs a time, and nothing in it is negative")
	case p.Rate*p.For.Seconds() > mostTimes || p.Least > mostTimes:
		return fmt.Errorf("more than %d requests", mostTimes)
	}
	return nil
}

// runner is a plan that runs.
type runner struct {
	plan     *Plan
	requests []request
	next     atomic.Int64
	mu       sync.Mutex
	out      Result
	times    []float64
}

// Run asks, until the time is over and everybody is answered.
func Run(ctx context.Context, p Plan) (*Result, error) {
	if err := p.Check(); err != nil {
		return nil, err
	}
	if p.Timeout == 0 {
		p.Timeout = 10 * time.Second
	}
	r := &runner{plan: &p, out: Result{Statuses: make(map[int]int)}}
	var err error
	if r.requests, err = requests(&p); err != nil {
		return nil, err
	}
	// Connections are made before it is measured, as those of a client that stays are.
	clients := make([]*client, p.Clients)
	r.all(p.Clients, func(i int) {
		clients[i] = &client{timeout: p.Timeout}
		if i >= max(p.Warm, 1) {
			return
		}
		for range (p.Warm + p.Clients - 1) / p.Clients {
			_, _, _ = r.ask(ctx, clients[i])
		}
	})
	defer func() {
		for _, c := range clients {
			c.close()
		}
	}()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	began := time.Now()
	if p.Rate > 0 {
		r.open(ctx, began, clients)
	} else {
		r.closed(ctx, began, clients)
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	r.sum(time.Since(began))
	return &r.out, nil
}

func (r *runner) all(n int, f func(i int)) {
	var g sync.WaitGroup
	for i := range n {
		g.Go(func() { f(i) })
	}
	g.Wait()
}

// closed has each client ask until the time is over and there are enough.
func (r *runner) closed(ctx context.Context, began time.Time, clients []*client) {
	var asked atomic.Int64
	least := int64(max(r.plan.Least, r.plan.Clients))
	r.all(r.plan.Clients, func(i int) {
		for ctx.Err() == nil {
			if n := asked.Add(1); n > least && time.Since(began) >= r.plan.For {
				return
			}
			at := time.Now()
			status, timeout, err := r.ask(ctx, clients[i])
			r.note(time.Since(at), status, timeout, err)
		}
	})
}

// open asks when it is time to, whoever was answered.
func (r *runner) open(ctx context.Context, began time.Time, clients []*client) {
	n := int(r.plan.Rate * r.plan.For.Seconds())
	var g sync.WaitGroup
	free := make(chan *client, len(clients))
	for _, c := range clients {
		free <- c
	}
	for i := range n {
		due := began.Add(time.Duration(float64(i) / r.plan.Rate * float64(time.Second)))
		if wait := time.Until(due); wait > 0 {
			run.Pause(ctx, wait)
		}
		var c *client
		select {
		case c = <-free:
		default:
			r.mu.Lock()
			r.out.Late++
			r.mu.Unlock()
			select {
			case c = <-free:
			case <-ctx.Done():
			}
		}
		if ctx.Err() != nil {
			break
		}
		g.Go(func() {
			status, timeout, err := r.ask(ctx, c)
			r.note(time.Since(due), status, timeout, err)
			free <- c
		})
	}
	g.Wait()
}

// ask sends the next request, and reads all of the answer.
func (r *runner) ask(ctx context.Context, c *client) (status int, timeout bool, err error) {
	q := &r.requests[int(r.next.Add(1)-1)%len(r.requests)]
	status, err = c.ask(ctx, q)
	var slow net.Error
	return status, errors.As(err, &slow) && slow.Timeout(), err
}

func (r *runner) note(d time.Duration, status int, timeout bool, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.out.Requests++
	switch {
	case timeout:
		r.out.Timeouts++
	case err != nil:
		r.out.Errors++
		if r.out.Error == "" {
			r.out.Error = err.Error()
		}
		return
	default:
		r.out.Statuses[status]++
	}
	if len(r.times) < mostTimes {
		r.times = append(r.times, d.Seconds())
	}
}

func (r *runner) sum(d time.Duration) {
	r.out.Seconds = d.Seconds()
	r.out.Rate = float64(r.out.Requests) / d.Seconds()
	if len(r.times) == 0 {
		return
	}
	slices.Sort(r.times)
	total := 0.0
	for _, t := range r.times {
		total += t
	}
	at := func(q float64) float64 { return r.times[min(len(r.times)-1, int(q*float64(len(r.times))))] }
	r.out.Mean, r.out.P50, r.out.P90, r.out.P99 = total/float64(len(r.times)), at(.5), at(.9), at(.99)
	r.out.Max = r.times[len(r.times)-1]
}
