package app

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"sync"
	"time"

	"github.com/wattwerk/wattwerk/access"
	"github.com/wattwerk/wattwerk/object"
	"github.com/wattwerk/wattwerk/service/execution"
	"github.com/wattwerk/wattwerk/service/keep"
	"github.com/wattwerk/wattwerk/settlement/ledger"
)

// serviceRevisions numbers changes of what energy services read, by the notes of what
// is settled and the count of changes of prices.
type serviceRevisions struct {
	source *serviceSource

	mu       sync.Mutex
	followed map[object.ID]int64 // points
	changed  map[int64]int64     // newest note of a point
	floor    int64               // of any point: notes up to there were removed before they were read
	now      keep.Revision
	began    bool
	running  *look
	next     *look
}

// look is one look at the database, which answers all who came before it began.
type look struct {
	done chan struct{}
	now  keep.Revision
	err  error
}

const (
	lookWithin  = 10 * time.Second
	notesAtOnce = 1000
)

func newServiceRevisions(s *serviceSource) *serviceRevisions {
	return &serviceRevisions{source: s, followed: make(map[object.ID]int64), changed: make(map[int64]int64)}
}

// Follow implements [keep.Revisions].
func (r *serviceRevisions) Follow(ctx context.Context, id object.ID) error {
	r.mu.Lock()
	_, ok := r.followed[id]
	r.mu.Unlock()
	if ok {
		return nil
	}
	points := []ledger.Point{settledPoint(r.source.model(), id)}
	if err := r.source.settled.Watch(ctx, points); err != nil {
		return err
	}
	ids, err := r.source.settled.IDs(ctx, points, false)
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.followed[id] = ids[0]
	return nil
}

// Changed implements [keep.Revisions].
func (r *serviceRevisions) Changed(id object.ID, after int64) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	point, ok := r.followed[id]
	return !ok || r.floor > after || r.changed[point] > after
}

// Now implements [keep.Revisions]. Many who ask at once are answered by few looks.
func (r *serviceRevisions) Now(ctx context.Context) (keep.Revision, error) {
	r.mu.Lock()
	if r.next == nil {
		r.next = &look{done: make(chan struct{})}
		if r.running == nil {
			r.begin()
		}
	}
	l := r.next
	if l == nil { // it has begun
		l = r.running
	}
	r.mu.Unlock()
	select {
	case <-l.done:
		return l.now, l.err
	case <-ctx.Done():
		return keep.Revision{}, ctx.Err()
	}
}

// begin looks for all who have come until now. The lock is held.
func (r *serviceRevisions) begin() {
	l := r.next
	r.running, r.next = l, nil
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), lookWithin)
		defer cancel()
		l.err = r.look(ctx)
		r.mu.Lock()
		l.now = r.now
		if r.running = nil; r.next != nil {
			r.begin()
		}
		r.mu.Unlock()
		close(l.done)
	}()
}

// look reads what has changed. One looks at a time.
func (r *serviceRevisions) look(ctx context.Context) error {
	prices, err := r.source.contracts.Changes(ctx)
	if err != nil {
		return err
	}
	r.mu.Lock()
	at, began := r.now.Settled, r.began
	r.mu.Unlock()
	if !began { // nothing is kept yet
		if at, _, err = r.source.settled.LastNote(ctx, math.MaxInt64, 0, 0); err != nil {
			return err
		}
	}
	for {
		notes, err := r.source.settled.Notes(ctx, at, notesAtOnce)
		if err != nil {
			return err
		}
		r.mu.Lock()
		for i, n := range notes {
			if i == 0 && n.Number > at+1 {
				r.floor = n.Number
			}
			r.changed[n.Point], at = n.Number, n.Number
		}
		r.now, r.began = keep.Revision{Settled: at, Prices: prices}, true
		r.mu.Unlock()
		if len(notes) < notesAtOnce {
			return nil
		}
	}
}

// mostAnswered bounds what another process answers.
const mostAnswered = 64 << 20

// askService asks another process for a service, in the name of whoever asks here.
func (p *process) askService() (execution.Elsewhere, error) {
	trust, err := p.config.Gateway.innerTLS()
	if err != nil {
		return nil, err
	}
	return askElsewhere(func() *access.Notary { return p.notary }, trust), nil
}

func askElsewhere(notary func() *access.Notary, trust *tls.Config) execution.Elsewhere {
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: trust, MaxIdleConnsPerHost: 32, IdleConnTimeout: time.Minute}}
	return func(ctx context.Context, m execution.Member, path string, body []byte) (int, http.Header, []byte, error) {
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, m.URL+path, bytes.NewReader(body))
		if err != nil {
			return 0, nil, nil, err
		}
		n := notary()
		if n == nil {
			return 0, nil, nil, errors.New("this process cannot say who asks")
		}
		who, _ := access.From(ctx)
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set(execution.HereHeader, m.ID)
		req.Header.Set(access.VoucherHeader, n.Vouch(who, req.Method, req.URL.RequestURI()))
		resp, err := client.Do(req)
		if err != nil {
			return 0, nil, nil, err
		}
		defer resp.Body.Close()
		text, err := io.ReadAll(io.LimitReader(resp.Body, mostAnswered+1))
		if err == nil && len(text) > mostAnswered {
			err = fmt.Errorf("the answer is longer than %d bytes", mostAnswered)
		}
		return resp.StatusCode, resp.Header, text, err
	}
}
