package remote

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/wattwerk/wattwerk/record"
)

// Flush makes everything durable that was appended before it began: it waits
// until every replica has taken it and written it to its disk, reads it back,
// and writes again what a replica lost meanwhile, because it was killed.
func (s *Store) Flush(ctx context.Context) error {
	if s.closed.Load() {
		return fmt.Errorf("flush history: %w", errClosed)
	}
	if err := s.flush(ctx); err != nil {
		return fmt.Errorf("flush history: %w", err)
	}
	return nil
}

// FlushSettled does the same: to write the newest samples costs no more.
func (s *Store) FlushSettled(ctx context.Context) (record.Millis, error) {
	if err := s.Flush(ctx); err != nil {
		return 0, err
	}
	return record.MaxTime, nil
}

const (
	patience   = time.Minute            // a flush gives up when a replica takes nothing for so long
	rounds     = 6                      // how often what a replica does not show is written again
	looks      = 4                      // for what a replica does not show, before it is written again
	showsAfter = 100 * time.Millisecond // until the second look; then twice as long, and so on
)

func (s *Store) flush(ctx context.Context) error {
	s.flushing.Lock()
	defer s.flushing.Unlock()
	s.mu.Lock()
	if s.held == 0 {
		s.mu.Unlock()
		return nil
	}
	s.mark()
	s.post()
	for _, p := range s.claims {
		s.sent = append(s.sent, p)
		for _, r := range s.replicas {
			// One node of a cluster may be all that has them, though it was to be two,
			// and nobody says. They are sent again, and two take them.
			if p.again && len(r.Storage) == 0 {
				s.postTo(r, p)
			}
		}
	}
	s.claims = nil
	batch := slices.Clone(s.sent)
	s.mu.Unlock()
	g, gctx := errgroup.WithContext(ctx)
	for _, r := range s.replicas {
		g.Go(func() error { return s.secure(gctx, r, batch) })
	}
	if err := g.Wait(); err != nil {
		return away(err)
	}
	// Nobody may be between a look into the database and a look at what is on
	// its way.
	s.gate.Lock()
	defer s.gate.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.letGo(batch)
	return nil
}

// letGo forgets what is durable. mu must be held, and gate.
func (s *Store) letGo(batch []*parcel) {
	count := make(map[*cell]int)
	for _, p := range batch {
		s.held -= uint64(len(p.entries))
		for _, e := range p.entries {
			count[e.cell]++
		}
	}
	for c, n := range count {
		// A flush takes all there is when it begins, so these came first.
		if n == len(c.pending) {
			c.pending = nil
			s.dirty--
			continue
		}
		c.pending = slices.Clone(c.pending[n:])
	}
	s.sent = slices.Delete(s.sent, 0, len(batch))
	s.notify()
}

// secure makes parcels durable in a replica. What a node shows is on its disk
// when it afterwards has nothing in memory, and is still the same process.
func (s *Store) secure(ctx context.Context, r *replica, batch []*parcel) error {
	if err := s.arrived(ctx, r); err != nil {
		return err
	}
	runs := wanted(batch)
	anew := slices.ContainsFunc(batch, func(p *parcel) bool { return p.indexed })
	for range rounds {
		for look := range looks {
			before, err := s.show(ctx, r)
			if err != nil {
				return err
			}
			if anew {
				r.askAnew()
			}
			anew = true
			if runs, err = s.missing(ctx, r, runs); err != nil {
				return err
			}
			if len(runs) == 0 {
				after, err := s.persist(ctx, r)
				if err != nil || slices.Equal(before, after) {
					return err
				}
				runs = wanted(batch) // what was there may have been in memory only
				continue
			}
			if len(r.Storage) == 0 && s.opts.Settle > 0 {
				break // it was waited for long enough
			}
			// A cluster takes samples before its storage nodes have them.
			if err := wait(ctx, showsAfter<<look); err != nil {
				return err
			}
		}
		if err := s.again(ctx, r, runs); err != nil {
			return err
		}
	}
	x := runs[0]
	return fmt.Errorf("%s takes %d samples and does not show them, the first is %s of %q: is that outside of its retention, or is the address to query (%s) that of another database?",
		r.Write, count(runs), record.Millis(x.want[0].t), x.cell.series.Name, r.Query)
}

func count(runs []*run) (n int) {
	for _, x := range runs {
		n += len(x.want)
	}
	return n
}

func wait(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// arrived waits until a replica has taken everything that is on its way now.
// It gives up when nothing arrives for long.
func (s *Store) arrived(ctx context.Context, r *replica) error {
	s.mu.Lock()
	var last *parcel
	if n := len(r.queue); n > 0 {
		last = r.queue[n-1]
	}
	left := len(r.queue)
	s.mu.Unlock()
	if last == nil {
		return nil
	}
	timer := time.NewTimer(patience)
	defer timer.Stop()
	for {
		s.mu.Lock()
		n, changed, fails := len(r.queue), s.changed, r.fails
		there := !slices.Contains(r.queue, last)
		s.mu.Unlock()
		if there {
			return nil
		}
		if n < left {
			left = n
			timer.Reset(patience)
		}
		select {
		case <-ctx.Done():
			s.mu.Lock()
			fails = r.fails // it may have failed since
			s.mu.Unlock()
			return errors.Join(ctx.Err(), fails)
		case <-timer.C:
			if fails == nil {
				fails = fmt.Errorf("%s does not answer", r.Write)
			}
			return fails
		case <-changed:
		}
	}
}

// show returns when a replica shows what it had taken, and tells since when its
// storage nodes run.
func (s *Store) show(ctx context.Context, r *replica) ([]string, error) {
	if len(r.Storage) == 0 {
		if s.opts.Settle > 0 {
			return nil, wait(ctx, s.opts.Settle)
		}
		return nil, nil
	}
	return s.nodes(ctx, r, func(ctx context.Context, address string) (string, error) {
		if err := s.client.show(ctx, address); err != nil {
			return "", err
		}
		started, _, err := s.client.state(ctx, address)
		return started, err
	})
}

// persist returns when what a replica shows is on its disk, and tells since when
// its storage nodes run.
func (s *Store) persist(ctx context.Context, r *replica) ([]string, error) {
	return s.nodes(ctx, r, func(ctx context.Context, address string) (string, error) {
		began := time.Now()
		for {
			if err := s.client.snapshot(ctx, address); err != nil {
				return "", err
			}
			// One that is never found empty, because others write all the while, has
			// by then written to its disk of its own accord.
			started, onDisk, err := s.client.state(ctx, address)
			if err != nil || onDisk || time.Since(began) > s.opts.Settle {
				return started, err
			}
			if err := wait(ctx, showsAfter); err != nil {
				return "", err
			}
		}
	})
}

// nodes asks all storage nodes of a replica at the same time.
func (s *Store) nodes(ctx context.Context, r *replica, ask func(ctx context.Context, address string) (string, error)) ([]string, error) {
	g, ctx := errgroup.WithContext(ctx)
	said := make([]string, len(r.Storage))
	for i, address := range r.Storage {
		g.Go(func() (err error) {
			ctx, cancel := context.WithTimeout(ctx, patience+s.opts.Settle)
			defer cancel()
			said[i], err = ask(ctx, address)
			return err
		})
	}
	return said, g.Wait()
}

// far is how long a series may be silent within one run: what others have
// stored there is read too.
const far = 6 * time.Hour

// wanted gives the samples of parcels by series.
func wanted(batch []*parcel) []*run {
	by := make(map[*cell][]sample)
	for _, p := range batch {
		for _, e := range p.entries {
			by[e.cell] = append(by[e.cell], sample{e.t, e.v})
		}
	}
	runs := make([]*run, 0, len(by))
	for c, xs := range by {
		slices.SortFunc(xs, byTime)
		runs = append(runs, cut(c, xs)...)
	}
	return runs
}

// cut puts the samples of a series, by time, into runs.
func cut(c *cell, xs []sample) (runs []*run) {
	from := 0
	for i := 1; i <= len(xs); i++ {
		if i == len(xs) || xs[i].t-xs[i-1].t > far.Milliseconds() {
			runs = append(runs, &run{cell: c, from: xs[from].t, to: xs[i-1].t, want: xs[from:i]})
			from = i
		}
	}
	return runs
}

// missing looks into a replica and gives what it lacks.
func (s *Store) missing(ctx context.Context, r *replica, runs []*run) ([]*run, error) {
	for _, x := range runs {
		x.got = nil
	}
	if err := s.lookUpIn(ctx, r, runs); err != nil {
		return runs, err
	}
	var out []*run
	for _, x := range runs {
		var lost []sample
		at := 0
		for _, w := range x.want {
			for at < len(x.got) && x.got[at].t < w.t {
				at++
			}
			if at == len(x.got) || x.got[at].t != w.t {
				lost = append(lost, w)
			}
		}
		if len(lost) > 0 {
			out = append(out, &run{cell: x.cell, from: lost[0].t, to: lost[len(lost)-1].t, want: lost})
		}
	}
	return out, nil
}

// again sends what a replica lacks once more.
func (s *Store) again(ctx context.Context, r *replica, runs []*run) error {
	s.log.Warn("history database has lost samples, writing them again", "address", r.Write, "samples", count(runs))
	s.mu.Lock()
	var all []*parcel
	p := &parcel{mixed: true}
	for _, x := range runs {
		for _, w := range x.want {
			p.entries = append(p.entries, entry{x.cell, w.t, w.v})
			if len(p.entries) == parcelSize {
				all = append(all, p)
				p = &parcel{mixed: true}
			}
		}
	}
	p.marks = s.marks()
	for _, p := range append(all, p) {
		s.postTo(r, p)
	}
	s.mu.Unlock()
	return s.arrived(ctx, r)
}

// lookUp asks one of the replicas what is stored.
func (s *Store) lookUp(ctx context.Context, runs []*run) error {
	return s.ask(ctx, func(r *replica) error {
		for _, x := range runs {
			x.got = nil
		}
		return s.lookUpIn(ctx, r, runs)
	})
}
