package bus

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

const (
	observationsStream = "OBSERVATIONS"
	observationsPrefix = "observations."
	clockSubject       = "observationsclock"
	maxObserved        = 4 << 30 // bytes; see MakeObservations
)

// KnownFor is how long a batch with an identifier is known, so that it is not
// stored twice.
func (b *Bus) KnownFor() time.Duration {
	if b.opts.KnownFor > 0 {
		return b.opts.KnownFor
	}
	return 30 * time.Minute
}

// MakeObservations makes the stream of what data sources of manifests tell, or
// fits it. It is one stream, so that everything has one order, and the same is
// made of it whenever it is read again; of its messages the times of storage are
// the clock. It is full at 4 GiB, and refuses then; who reads it trims it.
func (b *Bus) MakeObservations(ctx context.Context) error {
	return b.Stream(ctx, jetstream.StreamConfig{
		Name: observationsStream, Subjects: []string{observationsPrefix + "*", clockSubject},
		MaxBytes: maxObserved, Discard: jetstream.DiscardNew, Duplicates: b.KnownFor(),
		Description: "What data sources of manifests tell, in the one order in which manifests see it.",
	})
}

// PublishObservations stores a batch of a source, whose name is letters, digits
// and hyphens, and returns its position. With an id, what was stored with the
// same within half an hour is not stored again, and no error.
func (b *Bus) PublishObservations(ctx context.Context, source string, batch []byte, id string) (uint64, error) {
	if id == "" {
		return b.publish(ctx, observationsPrefix+source, batch)
	}
	return b.publish(ctx, observationsPrefix+source, batch, jetstream.WithMsgID(source+"/"+id))
}

// PublishRead stores a batch of a source that was made of messages with these
// ids, and returns its position. once: what was stored with the very same ids
// within half an hour is not stored again. Who reads more surely asks
// [Message.ObservationsIDs].
func (b *Bus) PublishRead(ctx context.Context, source string, batch []byte, ids []string, once bool) (uint64, error) {
	if len(ids) == 0 {
		return b.publish(ctx, observationsPrefix+source, batch)
	}
	for i, id := range ids {
		ids[i] = strings.Map(func(r rune) rune {
			if r < ' ' {
				return -1 // they are lines of a header
			}
			return r
		}, id)
	}
	ctx = withHeader(ctx, idsHeader, strings.Join(ids, "\t"))
	if once {
		return b.publish(ctx, observationsPrefix+source, batch, jetstream.WithMsgID(source+"/"+strings.Join(ids, "\t")))
	}
	return b.publish(ctx, observationsPrefix+source, batch)
}

const idsHeader = "Wattwerk-Read"

// ObservationsIDs gives the ids of the messages that a batch was made of.
func (m Message) ObservationsIDs() []string {
	if s := m.header.Get(idsHeader); s != "" {
		return strings.Split(s, "\t")
	}
	return nil
}

// PublishClock stores nothing but the time, for those who wait for something
// that may never come.
func (b *Bus) PublishClock(ctx context.Context) (uint64, error) {
	return b.publish(ctx, clockSubject, nil)
}

// ObservationsOf gives the source of a message of the stream; empty: it is a
// clock.
func (m Message) ObservationsOf() string {
	s, _ := strings.CutPrefix(m.Subject, observationsPrefix)
	if m.Subject == clockSubject {
		return ""
	}
	return s
}

// ReadObservations hands every message from position from on to handle, in
// order, until ctx ends or handle fails.
func (b *Bus) ReadObservations(ctx context.Context, from uint64, handle func(Message) error) error {
	return b.read(ctx, observationsStream, "", from, handle)
}

// ReadObservationsOf reads those of one source.
func (b *Bus) ReadObservationsOf(ctx context.Context, source string, from uint64, handle func(Message) error) error {
	return b.read(ctx, observationsStream, observationsPrefix+source, from, handle)
}

// ObservationsExtent asks what the stream holds at this moment.
func (b *Bus) ObservationsExtent(ctx context.Context) (Extent, error) {
	return b.Extent(ctx, observationsStream)
}

// LastObservations gives the newest message of a source; ok is false when there
// is none.
func (b *Bus) LastObservations(ctx context.Context, source string) (m Message, ok bool, err error) {
	s, err := b.js.Stream(ctx, observationsStream)
	if err != nil {
		return Message{}, false, fmt.Errorf("read observations: %w", err)
	}
	raw, err := s.GetLastMsgForSubject(ctx, observationsPrefix+source)
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return Message{}, false, nil
	}
	if err != nil {
		return Message{}, false, fmt.Errorf("read observations: %w", err)
	}
	return Message{Subject: raw.Subject, Seq: raw.Sequence, Stored: raw.Time, Data: raw.Data, header: raw.Header}, true, nil
}

// TrimObservations removes what is stored before a position.
func (b *Bus) TrimObservations(ctx context.Context, before uint64) error {
	return b.trim(ctx, observationsStream, "", before)
}

// ObservationStored tells when the message at a position was stored, or the
// next one behind it that is there; ok is false when there is none.
func (b *Bus) ObservationStored(ctx context.Context, seq uint64) (at time.Time, ok bool, err error) {
	s, err := b.js.Stream(ctx, observationsStream)
	if err != nil {
		return time.Time{}, false, fmt.Errorf("read observations: %w", err)
	}
	st := s.CachedInfo().State
	for seq = max(seq, st.FirstSeq); seq <= st.LastSeq; seq++ {
		m, err := s.GetMsg(ctx, seq)
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			continue
		}
		if err != nil {
			return time.Time{}, false, fmt.Errorf("read observations: %w", err)
		}
		return m.Time, true, nil
	}
	return time.Time{}, false, nil
}

// ObservationsID gives the id that a message of the stream was stored with.
func (m Message) ObservationsID() string {
	return strings.TrimPrefix(m.header.Get(jetstream.MsgIDHeader), m.ObservationsOf()+"/")
}

// Watch hands the subjects of messages that are not stored to f, one at a time,
// until stop is called.
func (b *Bus) Watch(subject string, f func(subject string)) (stop func(), err error) {
	s, err := b.conn.Subscribe(subject, func(m *nats.Msg) { f(m.Subject) })
	if err != nil {
		return nil, fmt.Errorf("listen to %s: %w", subject, err)
	}
	return func() { _ = s.Unsubscribe() }, nil // it ends with the connection at the latest
}

// Show tells something to whoever listens now; nothing of it is stored.
func (b *Bus) Show(subject string, data []byte) {
	_ = b.conn.Publish(subject, data) // who looks misses something while the bus is away
}

// Look hands what is shown to f, one at a time, until stop is called. The data
// is f's.
func (b *Bus) Look(subject string, f func(data []byte)) (stop func(), err error) {
	s, err := b.conn.Subscribe(subject, func(m *nats.Msg) { f(m.Data) })
	if err != nil {
		return nil, fmt.Errorf("listen to %s: %w", subject, err)
	}
	return func() { _ = s.Unsubscribe() }, nil
}
