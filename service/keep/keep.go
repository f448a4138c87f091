package keep

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/wattwerk/wattwerk/microservice/plan"
	"github.com/wattwerk/wattwerk/object"
	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/service/feed"
	"github.com/wattwerk/wattwerk/window"
)

// Revision numbers the changes of what is read. Numbers only rise.
type Revision struct {
	Settled int64 // of settled quarters of the objects that are followed
	Prices  int64 // of tariffs, what they are assigned to, and series of prices
}

// Revisions tells what changed. It is safe for concurrent use.
type Revisions interface {
	// Follow has changes of an object's settled quarters be numbered: all that are
	// written after it has returned.
	Follow(ctx context.Context, id object.ID) error
	// Now gives the numbers as they are, changes included that were written before it
	// was called.
	Now(ctx context.Context) (Revision, error)
	// Changed tells whether an object changed after a number, or may have, as of the
	// newest Now.
	Changed(id object.ID, after int64) bool
}

// Bounds of what is kept.
const (
	Most     = 256
	MostText = 1 << 20 // bytes of one result
	fresh    = 15 * time.Minute
	onError  = time.Hour
)

// Options say what to work with.
type Options struct {
	Feed      *feed.Feed
	Revisions Revisions // nil: nothing is kept
}

// Results keeps results.
type Results struct {
	opts    Options
	cache   *plan.Cache[*kept]
	flights singleflight.Group
}

// New keeps nothing yet.
func New(o Options) *Results {
	return &Results{opts: o, cache: plan.NewCache[*kept](plan.CacheOptions{Fresh: fresh, Stale: 1, Error: onError, Most: Most})}
}

// Request is what is to be computed.
type Request struct {
	feed.Request

	SID, Domain string
	Epoch       uint64 // of services, microservices, objects and links
	States      uint64 // of the objects' states
	Anew        bool   // not from what is kept
}

// How a result came to be.
const (
	Made   = "made"   // for this request
	Shared = "shared" // for another one that came at the same time
	Found  = "kept"
	Stale  = "stale" // kept, and perhaps old: nothing better could be had
)

// Result is what came of it.
type Result struct {
	feed.Outcome // its Result is text where it is written already

	At  record.Millis // when it was computed
	How string
}

// kept is a result with what it depends on. It does not change.
type kept struct {
	outcome  feed.Outcome
	at       record.Millis
	revision Revision
	objects  []object.ID
	priced   bool
	states   uint64 // 0: any
	lasting  bool   // it may be kept
}

func (k *kept) result(how string) Result { return Result{k.outcome, k.at, how} }

// holds tells whether everything is as it was.
func (r *Results) holds(k *kept, states uint64, now Revision) bool {
	if k.states != 0 && k.states != states || k.priced && k.revision.Prices != now.Prices {
		return false
	}
	for _, id := range k.objects {
		if r.opts.Revisions.Changed(id, k.revision.Settled) {
			return false
		}
	}
	return true
}

// Run gives what was kept, or computes. An error that wraps [feed.ErrAsked] is for
// whoever asked; with any other one a stale result may be had from [Results.Stale].
func (r *Results) Run(ctx context.Context, q Request) (Result, error) {
	if r.opts.Revisions == nil || q.Anew || len(q.Previous) > 0 {
		out, err := r.opts.Feed.Run(ctx, q.Request)
		return Result{out, q.Now, Made}, err
	}
	now, err := r.opts.Revisions.Now(ctx)
	if err != nil {
		return Result{}, err
	}
	k := key(&q)
	if x, f, ok := r.cache.Get(k, q.Epoch, 0, q.Now); ok && f == plan.Fresh && r.holds(x, q.States, now) {
		return x.result(Found), nil
	}
	// Whoever began with the same numbers reads the same, or newer.
	flight := fmt.Sprintf("%d %d %d %d %d %q %q %q %s", q.Epoch, q.States, now.Settled, now.Prices, q.Now/record.Millis(window.QuarterLength), k.SID, k.Domain, k.Subject, k.More)
	deadline, limited := ctx.Deadline()
	done := r.flights.DoChan(flight, func() (any, error) {
		// Who came first may go away, and others wait.
		own, cancel := context.WithoutCancel(ctx), context.CancelFunc(func() {})
		if limited {
			own, cancel = context.WithDeadline(own, deadline)
		}
		defer cancel()
		return r.compute(own, &q, k, now)
	})
	select {
	case <-ctx.Done():
		return Result{}, ctx.Err()
	case x := <-done:
		if x.Err != nil {
			return Result{}, x.Err
		}
		how := Made
		if x.Shared {
			how = Shared
		}
		return x.Val.(*kept).result(how), nil
	}
}

// Stale gives what was kept of the same request, however old it may be within an
// hour, for when nothing can be read.
func (r *Results) Stale(q Request) (Result, bool) {
	if r.opts.Revisions == nil || q.Anew || len(q.Previous) > 0 {
		return Result{}, false
	}
	x, _, ok := r.cache.GetOnError(key(&q), q.Now)
	if !ok {
		return Result{}, false
	}
	return x.result(Stale), true
}

// Len is how many results are kept.
func (r *Results) Len() int { return r.cache.Len() }

// key is what was asked for. Without an end it is the quarter of an hour that began
// last.
func key(q *Request) plan.CacheKey {
	to := q.To
	if to == 0 || to > q.Now {
		to = q.Now - q.Now%record.Millis(window.QuarterLength)
	}
	return plan.CacheKey{SID: q.SID, Domain: q.Domain, Subject: q.Subject, More: fmt.Sprintf("%s %d %d %s", q.Computation, q.From, to, q.Parameters)}
}

func (r *Results) compute(ctx context.Context, q *Request, k plan.CacheKey, now Revision) (*kept, error) {
	s := &noting{Source: r.opts.Feed.Source, revisions: r.opts.Revisions, seen: make(map[object.ID]bool)}
	f := &feed.Feed{Source: s}
	if r.opts.Feed.StandIns != nil {
		f.StandIns = notingStandIns{r.opts.Feed.StandIns, s}
	}
	out, err := f.Run(ctx, q.Request)
	if err != nil {
		return nil, err
	}
	var text bytes.Buffer
	e := json.NewEncoder(&text)
	e.SetEscapeHTML(false)
	if err := e.Encode(out.Result); err != nil {
		return nil, err
	}
	out.Result = json.RawMessage(bytes.TrimSuffix(text.Bytes(), []byte("\n")))
	x := &kept{outcome: out, at: q.Now, revision: now, priced: s.priced, lasting: !s.stoodIn && text.Len() <= MostText}
	for id := range s.seen {
		x.objects = append(x.objects, id)
	}
	if s.asked {
		x.states = q.States
	}
	if x.lasting {
		r.cache.Put(k, q.Epoch, 0, q.Now, x)
	}
	return x, nil
}

// noting notes what one computation reads.
type noting struct {
	feed.Source

	revisions Revisions
	seen      map[object.ID]bool
	priced    bool
	asked     bool // for what stood in
	stoodIn   bool // and something did
}

func (s *noting) note(ctx context.Context, id object.ID) error {
	if s.seen[id] {
		return nil
	}
	s.seen[id] = true
	if err := s.revisions.Follow(ctx, id); err != nil {
		return fmt.Errorf("follow %s: %w", id, err)
	}
	return nil
}
