package remote

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"net/http"
	"slices"
	"sync/atomic"
	"time"

	"github.com/klauspost/compress/snappy"
	"github.com/prometheus/prometheus/model/labels"
)

const (
	parcelSize = 50_000      // samples in one request
	linger     = time.Second // a parcel that is not full goes after so long
)

// parcel is samples that are sent, and held until they are durable, together.
type parcel struct {
	entries []entry
	marks   []byte // encoded series that go along
	mixed   bool   // a series may come more than once
	indexed bool   // the database makes entries of its index for some
	again   bool   // it was found, and is to be sent all the same
	waits   int    // replicas that have not taken it
}

type entry struct {
	cell *cell
	t    int64
	v    float64
}

// replica is a copy of the database.
type replica struct {
	Replica
	number int
	wake   chan struct{}
	asked  atomic.Int64 // see askAnew

	// Guarded by Store.mu.
	queue []*parcel
	fails error // why the last request failed; nil: it did not
}

// parcel gives the one that is open. mu must be held.
func (s *Store) parcel() *parcel {
	if s.open == nil {
		p := &parcel{}
		s.open = p
		time.AfterFunc(linger, func() {
			s.mu.Lock()
			defer s.mu.Unlock()
			if s.open == p {
				s.post()
			}
		})
	}
	return s.open
}

// claim notes a sample that the database shows. It may not be on its disk: who
// wrote it may be dead. So the next flush looks for it too, and writes it if it
// is gone; or, with again, in any case where nobody says that it is on the disk.
// mu must be held.
func (s *Store) claim(c *cell, t int64, v float64, again bool) {
	n := len(s.claims)
	if n == 0 || s.claims[n-1].again != again || len(s.claims[n-1].entries) >= parcelSize {
		s.claims = append(s.claims, &parcel{mixed: true, again: again})
		n++
	}
	s.note(s.claims[n-1], c, t, v)
}

// take puts a sample into the parcel that is open. mu must be held.
func (s *Store) take(c *cell, t int64, v float64) {
	p := s.parcel()
	p.mixed = p.mixed || len(c.pending) > 0
	if d := t / day.Milliseconds(); d != c.day {
		c.day, p.indexed = d, true
	}
	s.note(p, c, t, v)
	if len(p.entries) >= parcelSize {
		s.post()
	}
}

// note puts a sample into a parcel and to its series. mu must be held.
func (s *Store) note(p *parcel, c *cell, t int64, v float64) {
	if len(c.pending) == 0 {
		s.dirty++
	}
	c.pending = append(c.pending, sample{t, v})
	p.entries = append(p.entries, entry{c, t, v})
	s.held++
	s.extend(t, t)
}

// post sends the open parcel to every replica. mu must be held.
func (s *Store) post() {
	p := s.open
	if p == nil {
		return
	}
	s.open = nil
	s.sent = append(s.sent, p)
	for _, r := range s.replicas {
		s.postTo(r, p)
	}
}

// postTo sends a parcel to one replica. mu must be held.
func (s *Store) postTo(r *replica, p *parcel) {
	p.waits++
	r.queue = append(r.queue, p)
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// Between two tries after an error.
const (
	firstPause = 50 * time.Millisecond
	mostPause  = 5 * time.Second
)

// deliver sends parcels to a replica until the store is closed.
func (s *Store) deliver(r *replica) {
	pause := firstPause
	for {
		s.mu.Lock()
		var p *parcel
		if len(r.queue) > 0 {
			p = r.queue[0]
		}
		s.mu.Unlock()
		if p == nil {
			select {
			case <-s.stopped.Done():
				return
			case <-r.wake:
			}
			continue
		}
		err := s.send(s.stopped, r, p.entries, p.marks, p.mixed)
		if refused(err) {
			err = s.sendRest(s.stopped, r, p, err)
		}
		if s.stopped.Err() != nil {
			return
		}
		s.mu.Lock()
		if (r.fails == nil) != (err == nil) {
			if err != nil {
				s.log.Warn("history database takes nothing, trying again", "address", r.Write, "error", err)
			} else {
				s.log.Info("history database takes samples again", "address", r.Write)
			}
		}
		r.fails = err
		if err == nil {
			r.queue[0] = nil
			r.queue = r.queue[1:]
			p.waits--
		}
		s.notify()
		s.mu.Unlock()
		if err == nil {
			pause = firstPause
			continue
		}
		select {
		case <-s.stopped.Done():
			return
		case <-time.After(pause):
		}
		pause = min(2*pause, mostPause)
	}
}

// send writes samples to a replica. What is too large for it goes in halves.
func (s *Store) send(ctx context.Context, r *replica, entries []entry, marks []byte, mixed bool) error {
	ctx, cancel := context.WithTimeout(ctx, s.opts.Timeout)
	defer cancel()
	header := []string{"Content-Encoding", "snappy", "X-Prometheus-Remote-Write-Version", "0.1.0"}
	message := append(encode(entries, mixed), marks...)
	if s.opts.Zstd {
		header[1] = "zstd"
		message = s.zstd.EncodeAll(message, nil)
	} else {
		message = snappy.Encode(nil, message)
	}
	body, err := s.client.do(ctx, http.MethodPost, r.Write, "application/x-protobuf", message, header...)
	if err == nil {
		return body.Close()
	}
	var status *statusError
	if errors.As(err, &status) && status.status == http.StatusRequestEntityTooLarge && len(entries) > 1 {
		half := len(entries) / 2
		if err := s.send(ctx, r, entries[:half], marks, mixed); err != nil {
			return err
		}
		return s.send(ctx, r, entries[half:], nil, mixed)
	}
	return fmt.Errorf("write to %s: %w", r.Write, err)
}

// refused tells whether a database finds fault with what it was sent.
func refused(err error) bool {
	var status *statusError
	return errors.As(err, &status) && status.status == http.StatusBadRequest
}

// sendRest sends what a replica does not show of a parcel that it has refused.
// Prometheus refuses a whole request for one sample that it has with another
// value, which another store may have written meanwhile, and then the first one
// stays. The extent is sent with a new time: that, too, may have been another's.
func (s *Store) sendRest(ctx context.Context, r *replica, p *parcel, because error) error {
	lost, err := s.missing(ctx, r, wanted([]*parcel{p}))
	if err != nil {
		return errors.Join(because, err)
	}
	var rest []entry
	for _, x := range lost {
		for _, w := range x.want {
			rest = append(rest, entry{x.cell, w.t, w.v})
		}
	}
	if p.marks == nil && len(rest) == len(p.entries) {
		return because
	}
	var marks []byte
	if p.marks != nil {
		s.mu.Lock()
		marks = s.marks()
		s.mu.Unlock()
	}
	if len(rest) == 0 && marks == nil {
		return nil
	}
	return s.send(ctx, r, rest, marks, true)
}

// encode writes the samples as series of a WriteRequest of remote write 1.0.
// The samples of a series stand together, in the order they came.
func encode(entries []entry, mixed bool) []byte {
	order := make([]uint64, len(entries))
	for i, e := range entries {
		order[i] = uint64(e.cell.id)<<32 | uint64(i)
	}
	if mixed {
		slices.Sort(order)
	}
	dst := make([]byte, 0, len(entries)*100)
	var run []sample
	for i, o := range order {
		e := &entries[uint32(o)]
		run = append(run, sample{e.t, e.v})
		if i+1 < len(order) && order[i+1]>>32 == o>>32 {
			continue
		}
		slices.SortStableFunc(run, byTime)
		dst = appendSeries(dst, e.cell.wire, run)
		run = run[:0]
	}
	return dst
}

func byTime(a, b sample) int {
	switch {
	case a.t < b.t:
		return -1
	case a.t > b.t:
		return 1
	}
	return 0
}

// wireLabels encodes labels as fields of a TimeSeries.
func wireLabels(ls labels.Labels) []byte {
	var dst []byte
	ls.Range(func(l labels.Label) {
		if l.Value == "" {
			return
		}
		size := 2 + uvarintSize(uint64(len(l.Name))) + len(l.Name) + uvarintSize(uint64(len(l.Value))) + len(l.Value)
		dst = binary.AppendUvarint(append(dst, 1<<3|2), uint64(size))
		dst = append(binary.AppendUvarint(append(dst, 1<<3|2), uint64(len(l.Name))), l.Name...)
		dst = append(binary.AppendUvarint(append(dst, 2<<3|2), uint64(len(l.Value))), l.Value...)
	})
	return dst
}

// appendSeries encodes a series as a field of a WriteRequest.
func appendSeries(dst, wire []byte, xs []sample) []byte {
	size := len(wire)
	for _, x := range xs {
		size += 2 + 10 + uvarintSize(uint64(x.t)) // a sample is smaller than 128 bytes
	}
	dst = binary.AppendUvarint(append(dst, 1<<3|2), uint64(size))
	dst = append(dst, wire...)
	for _, x := range xs {
		dst = append(dst, 2<<3|2, byte(10+uvarintSize(uint64(x.t))), 1<<3|1)
		dst = binary.LittleEndian.AppendUint64(dst, math.Float64bits(x.v))
		dst = binary.AppendUvarint(append(dst, 2<<3), uint64(x.t))
	}
	return dst
}

func uvarintSize(v uint64) int {
	n := 1
	for v >= 1<<7 {
		v >>= 7
		n++
	}
	return n
}
