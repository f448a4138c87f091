package fleet

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/wattwerk/wattwerk/bus"
)

// roll stores heartbeats of this process, and fetches those of all that were
// stored since it last did. The server keeps a consumer for it; when that is
// gone, as with a node of a cluster, another one is made, which gives the last
// heartbeat of everybody again. Nothing here waits for an answer: all of them
// come as mail, through one subscription, and [roll.open] reads them. One
// goroutine uses it.
type roll struct {
	bus    *bus.Bus
	within time.Duration // for making a consumer, and for each answer

	created  time.Time // when the bucket was made
	consumer string    // its name; empty: another one is to be made
	mail     chan *nats.Msg
	inbox    string // where mail goes, below it the number of what it answers
	number   uint64 // of the newest request

	put   uint64    // the heartbeat that is not answered yet, by number; 0: none is
	putAt time.Time // when it was sent
	get   uint64    // the fetch under way, by number; 0: none is
	getAt time.Time
	got   int  // messages of this fetch
	empty int  // fetches in a row that gave nothing, although a heartbeat of our own was there
	more  bool // fetch again after this one
}

const (
	rollBatch = 256              // heartbeats in one fetch
	rollEmpty = 4                // so many fetches without any, and the consumer is made anew
	rollKept  = 30 * time.Second // when the server forgets a consumer that nobody uses
	rollMail  = 4 * rollBatch    // messages that wait to be read
)

// errAnew says that the bucket is not the one that was followed.
var errAnew = errors.New("the bucket was made anew")

// begin takes a box for mail, and makes a consumer.
func (r *roll) begin(ctx context.Context) (end func(), err error) {
	conn := r.bus.Conn()
	r.inbox, r.mail = conn.NewInbox()+".", make(chan *nats.Msg, rollMail)
	sub, err := conn.ChanSubscribe(r.inbox+"*", r.mail)
	if err != nil {
		return nil, err
	}
	end = func() { _ = sub.Unsubscribe() } // it ends with the connection
	if err := r.renew(ctx); err != nil {
		end()
		return nil, err
	}
	return end, nil
}

// ask sends a request whose answers are mail, and gives its number.
func (r *roll) ask(subject string, data []byte) (uint64, error) {
	r.number++
	return r.number, r.bus.Conn().PublishRequest(subject, r.inbox+strconv.FormatUint(r.number, 10), data)
}

// beat stores a heartbeat. None must be under way.
func (r *roll) beat(id string, data []byte) error {
	var err error
	r.put, err = r.ask(keySubject+memberKey(id), data)
	r.putAt = time.Now()
	return err
}

// beating tells whether a heartbeat has not been answered yet; that it has not
// been for too long is an error.
func (r *roll) beating() (bool, error) {
	if r.put != 0 && time.Since(r.putAt) > r.within {
		return true, fmt.Errorf("heartbeat: no answer within %v", r.within)
	}
	return r.put != 0, nil
}

// fetch begins to fetch, or does so again after the fetch under way. Of errors
// it gives errAnew alone: the rest is left to the next time, and who hears
// nothing for long begins anew altogether.
func (r *roll) fetch(ctx context.Context) error {
	if r.get != 0 {
		if r.more = true; time.Since(r.getAt) < r.within {
			return nil
		}
		r.consumer = "" // its end was lost
	}
	r.get, r.more = 0, false
	if r.consumer == "" {
		if err := r.renew(ctx); err != nil {
			if errors.Is(err, errAnew) {
				return err
			}
			return nil
		}
	}
	n, err := r.ask("$JS.API.CONSUMER.MSG.NEXT.KV_"+bucket+"."+r.consumer, rollAsks)
	if err != nil {
		r.consumer = ""
		return nil
	}
	r.get, r.getAt, r.got = n, time.Now(), 0
	return nil
}

// rollAsks is what a fetch asks for: what there is, and no waiting for more
// (NATS ADR-13).
var rollAsks = []byte(fmt.Sprintf(`{"batch":%d,"no_wait":true}`, rollBatch))

// renew makes a consumer.
func (r *roll) renew(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, r.within)
	defer cancel()
	s, err := r.bus.JetStream().Stream(ctx, "KV_"+bucket)
	if err != nil {
		return err
	}
	at := s.CachedInfo().Created
	if r.created.IsZero() {
		r.created = at
	}
	if !r.created.Equal(at) {
		return errAnew
	}
	r.empty = 0
	c, err := s.CreateConsumer(ctx, jetstream.ConsumerConfig{
		DeliverPolicy: jetstream.DeliverLastPerSubjectPolicy, FilterSubject: memberSubject + ">",
		AckPolicy: jetstream.AckNonePolicy, MemoryStorage: true, Replicas: 1, InactiveThreshold: rollKept,
	})
	if err != nil {
		return err
	}
	r.consumer = c.CachedInfo().Name
	return nil
}

// letter is what came by mail.
type letter struct {
	entry  *entry // a heartbeat; nil: it is none
	stored uint64 // the revision of our own that was stored just now; 0: none was
}

// open reads mail.
func (r *roll) open(ctx context.Context, m *nats.Msg) (letter, error) {
	if strings.HasPrefix(m.Subject, memberSubject) {
		return r.heartbeat(ctx, m)
	}
	n, err := strconv.ParseUint(strings.TrimPrefix(m.Subject, r.inbox), 10, 64)
	switch {
	case err != nil:
		return letter{}, nil // of nobody
	case n == r.put:
		r.put = 0
		return r.answer(m)
	case n == r.get:
		return letter{}, r.end(ctx, m.Header.Get("Status"))
	}
	return letter{}, nil // it was given up
}

// heartbeat reads one of a fetch.
func (r *roll) heartbeat(ctx context.Context, m *nats.Msg) (letter, error) {
	meta, err := m.Metadata()
	if err != nil {
		return letter{}, fmt.Errorf("read a heartbeat: %w", err)
	}
	l := letter{entry: &entry{
		key: strings.TrimPrefix(m.Subject, keySubject), revision: meta.Sequence.Stream,
		gone: m.Header.Get(operation) != "", value: m.Data, stored: meta.Timestamp,
	}}
	if r.got++; r.got == rollBatch { // nothing more is said of the end, then
		return l, r.end(ctx, "")
	}
	return l, nil
}

// answer reads what the bus says to a heartbeat.
func (r *roll) answer(m *nats.Msg) (letter, error) {
	var ack jetstream.PubAck
	var no struct {
		Error *jetstream.APIError `json:"error"`
	}
	if m.Header.Get("Status") == noResponders {
		return letter{}, fmt.Errorf("heartbeat: %w", nats.ErrNoResponders)
	}
	err := errors.Join(json.Unmarshal(m.Data, &ack), json.Unmarshal(m.Data, &no))
	switch {
	case err != nil:
		return letter{}, fmt.Errorf("heartbeat: read the answer: %w", err)
	case no.Error != nil:
		return letter{}, fmt.Errorf("heartbeat: %w", no.Error)
	case ack.Sequence == 0:
		return letter{}, fmt.Errorf("heartbeat: the answer says nothing")
	}
	return letter{stored: ack.Sequence}, nil
}

// What the server says at the end of a fetch (NATS ADR-13): nothing was there, or
// nothing more is.
const (
	noMessages   = "404"
	noMore       = "408"
	noResponders = "503"
)

// end sees what came of a fetch.
func (r *roll) end(ctx context.Context, status string) error {
	full := r.got >= rollBatch
	r.get = 0
	if r.empty++; r.got > 0 {
		r.empty = 0
	}
	if status != "" && status != noMessages && status != noMore || r.empty >= rollEmpty {
		r.consumer = "" // another one is made at the next heartbeat
		return nil
	}
	if full || r.more {
		return r.fetch(ctx)
	}
	return nil
}

// How the bucket keeps its keys: their subjects, and the header of one that was
// removed (NATS ADR-8).
const (
	operation     = "KV-Operation"
	keySubject    = "$KV." + bucket + "."
	memberSubject = keySubject + memberPrefix
)
