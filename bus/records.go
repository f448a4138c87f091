package bus

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/wattwerk/wattwerk/internal/phrase"
	"github.com/wattwerk/wattwerk/record"
)

const (
	partialsStream   = "PARTIALS"
	aggregatesStream = "AGGREGATES"
	deadStream       = "DEAD"

	recordsPrefix = "RECORDS-"
)

func recordsStream(p int) string { return fmt.Sprintf("%s%04d", recordsPrefix, p) }

// RecordsSubject is where the batches of partition p are published.
func RecordsSubject(p int) string { return "records." + strconv.Itoa(p) }

// PartialsSubject is where combiner q reads.
func PartialsSubject(q int) string { return "partials." + strconv.Itoa(q) }

// AggregatesSubject is where the ticks of a hierarchy are written. Names may
// be any text, so the subject carries a hash of it.
func AggregatesSubject(hierarchy string) string { return "aggregates." + token(hierarchy) }

// PreviewsSubject is where previews of a hierarchy's ticks are told, live
// only: nothing of it is stored.
func PreviewsSubject(hierarchy string) string { return "previews." + token(hierarchy) }

// PreviewPartsSubject is where combiner q hears the partitions' parts of
// previews, live only too.
func PreviewPartsSubject(q int) string { return "previewparts." + strconv.Itoa(q) }

// CombiningSubject is where combiner q is asked what it still needs of the partial
// sums of a partition.
func CombiningSubject(q int) string { return "combining." + strconv.Itoa(q) }

// AggregationSubject is where those who aggregate are asked how far they are.
const AggregationSubject = "aggregation.status"

// IntakeSubject is where those who take readings in are asked what they took.
const IntakeSubject = "intake.status"

func token(name string) string {
	h := fnv.New64a()
	h.Write([]byte(name))
	return strconv.FormatUint(h.Sum64(), 16)
}

// Message is one stored message of a stream.
type Message struct {
	Subject string
	Seq     uint64    // position in the stream, from 1, without gaps per partition
	Stored  time.Time // when the server stored it; goes back in a stream only by what the clocks of a cluster's nodes differ
	Data    []byte    // valid until the handler returns
	Pending uint64    // how many more are stored behind this one

	header nats.Header // with the trace it belongs to; read when tracing is on
}

// PublishRecords stores an encoded batch in partition p and returns its
// position. nil means stored. Most callers want a [Writer].
func (b *Bus) PublishRecords(ctx context.Context, p int, batch []byte) (uint64, error) {
	return b.publish(ctx, RecordsSubject(p), batch)
}

// PublishPartials hands partial sums to combiner q. They are kept until they
// are trimmed; where nobody else can be on the bus in memory only, and are made
// again from the records after a restart: see [Bus.PartialsKept]. [ErrCrowded]
// when they have taken [Bus.PartialsLimit].
func (b *Bus) PublishPartials(ctx context.Context, q int, data []byte) (uint64, error) {
	seq, err := b.store(ctx, PartialsSubject(q), data)
	if code(err) == 10077 && !b.Full() {
		if x, asked := b.PartialsExtent(ctx); asked == nil && int64(x.Bytes)+int64(len(data))+PartialBeside > b.opts.Partials {
			return 0, ErrCrowded
		}
	}
	return seq, err
}

// PartialBeside is how many bytes NATS stores beside a partial sum, at most.
const PartialBeside = 192

// ErrOutrun says that somebody else stored something first.
var ErrOutrun = errors.New("somebody else was faster")

// PublishAggregates stores ticks of a hierarchy behind the message at position
// after, the newest of that hierarchy (0: there is none), and gives their own.
// When another message is the newest it stores nothing: [ErrOutrun].
func (b *Bus) PublishAggregates(ctx context.Context, hierarchy string, data []byte, after uint64) (uint64, error) {
	seq, err := b.publish(ctx, AggregatesSubject(hierarchy), data, jetstream.WithExpectLastSequencePerSubject(after))
	if outrun(err) {
		return 0, fmt.Errorf("%w: %w", ErrOutrun, err)
	}
	return seq, err
}

// outrun tells whether an expected sequence was not the one.
func outrun(err error) bool {
	var api *jetstream.APIError
	return errors.As(err, &api) &&
		(api.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequence || api.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequenceConstant)
}

// LastAggregates gives the newest stored message of a hierarchy, nil when
// there is none, and its position.
func (b *Bus) LastAggregates(ctx context.Context, hierarchy string) ([]byte, uint64, error) {
	s, err := b.js.Stream(ctx, aggregatesStream)
	if err != nil {
		return nil, 0, fmt.Errorf("read aggregates: %w", err)
	}
	m, err := s.GetLastMsgForSubject(ctx, AggregatesSubject(hierarchy))
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return nil, 0, nil
	}
	if err != nil {
		return nil, 0, fmt.Errorf("read aggregates: %w", err)
	}
	return m.Data, m.Sequence, nil
}

// TrimAggregates removes the ticks of a hierarchy up to position seq, but
// never the newest message, which says how far the hierarchy has come, and
// nothing during a [Bus.Hold].
func (b *Bus) TrimAggregates(ctx context.Context, hierarchy string, seq uint64) error {
	if _, held, err := b.held(ctx); held || err != nil {
		return err
	}
	_, last, err := b.LastAggregates(ctx, hierarchy)
	if err != nil {
		return err
	}
	return b.trim(ctx, aggregatesStream, AggregatesSubject(hierarchy), min(last, seq+1))
}

// RemovePartials removes the one at a position, wherever in the stream that is.
// That there is none any more is no error.
func (b *Bus) RemovePartials(ctx context.Context, seq uint64) error {
	s, err := b.js.Stream(ctx, partialsStream)
	if err == nil {
		err = s.DeleteMsg(ctx, seq)
	}
	if err != nil && !errors.Is(err, jetstream.ErrMsgDeleteUnsuccessful) && !errors.Is(err, jetstream.ErrMsgNotFound) {
		return fmt.Errorf("remove %d from %s: %w", seq, partialsStream, err)
	}
	return nil
}

// LastPartials is the position of the newest that is there for combiner q, 0 when
// there is none.
func (b *Bus) LastPartials(ctx context.Context, q int) (uint64, error) {
	s, err := b.js.Stream(ctx, partialsStream)
	var m *jetstream.RawStreamMsg
	if err == nil {
		m, err = s.GetLastMsgForSubject(ctx, PartialsSubject(q))
	}
	switch {
	case errors.Is(err, jetstream.ErrMsgNotFound):
		return 0, nil
	case err != nil:
		return 0, fmt.Errorf("ask %s: %w", partialsStream, err)
	}
	return m.Sequence, nil
}

// TrimPartials removes what combiner q has read up to position seq.
func (b *Bus) TrimPartials(ctx context.Context, q int, seq uint64) error {
	return b.trim(ctx, partialsStream, PartialsSubject(q), seq+1)
}

func (b *Bus) trim(ctx context.Context, stream, subject string, before uint64) error {
	if before <= 1 {
		return nil
	}
	s, err := b.js.Stream(ctx, stream)
	if err == nil {
		err = s.Purge(ctx, jetstream.WithPurgeSubject(subject), jetstream.WithPurgeSequence(before))
	}
	if err != nil {
		return fmt.Errorf("trim %s: %w", stream, err)
	}
	return nil
}

// ReadRecords hands every message of partition p from position from (0 or 1:
// the first there is) to handle, in order, until ctx ends or handle fails.
// A context that ended is not an error.
func (b *Bus) ReadRecords(ctx context.Context, p int, from uint64, handle func(Message) error) error {
	return b.read(ctx, recordsStream(p), "", from, handle)
}

// ReadPartials reads what [Bus.PublishPartials] stored for combiner q.
func (b *Bus) ReadPartials(ctx context.Context, q int, from uint64, handle func(Message) error) error {
	return b.read(ctx, partialsStream, PartialsSubject(q), from, handle)
}

// ReadAggregates reads what [Bus.PublishAggregates] stored, all combiners.
func (b *Bus) ReadAggregates(ctx context.Context, from uint64, handle func(Message) error) error {
	return b.read(ctx, aggregatesStream, "", from, handle)
}

// Read is the reader behind the others, for a stream of one service alone.
// An empty filter reads all subjects.
func (b *Bus) Read(ctx context.Context, stream, filter string, from uint64, handle func(Message) error) error {
	return b.read(ctx, stream, filter, from, handle)
}

// Extent is what a records stream holds.
type Extent struct {
	First, Last uint64    // positions; First > Last when empty
	FirstStored time.Time // when the first one was stored
	LastStored  time.Time // when the last one was stored
	Created     time.Time // when the stream was created
	Bytes       uint64
	// At is when this was so, by the server's clock. On a cluster a message may
	// be under way that was stamped before and is stored later, while nodes are
	// missing.
	At time.Time
}

// RecordsExtent asks what partition p holds at this moment.
func (b *Bus) RecordsExtent(ctx context.Context, p int) (Extent, error) {
	return b.Extent(ctx, recordsStream(p))
}

// PartialsExtent asks what partial sums there are at this moment.
func (b *Bus) PartialsExtent(ctx context.Context) (Extent, error) {
	return b.Extent(ctx, partialsStream)
}

// AggregatesExtent asks what the aggregates stream holds at this moment.
func (b *Bus) AggregatesExtent(ctx context.Context) (Extent, error) {
	return b.Extent(ctx, aggregatesStream)
}

// AggregatesBefore is the position of the newest ticks that were stored before a
// time, 0 when there are none.
func (b *Bus) AggregatesBefore(ctx context.Context, t time.Time) (uint64, error) {
	s, err := b.js.Stream(ctx, aggregatesStream)
	if err != nil {
		return 0, fmt.Errorf("ask %s: %w", aggregatesStream, err)
	}
	st := s.CachedInfo().State
	if st.Msgs == 0 || !st.FirstTime.Before(t) {
		return 0, nil
	}
	at, err := storedBefore(ctx, s, st.FirstSeq, st.LastSeq, t)
	if err != nil {
		return 0, fmt.Errorf("ask %s: %w", aggregatesStream, err)
	}
	return at, nil
}

// Extent asks what a stream holds at this moment.
func (b *Bus) Extent(ctx context.Context, stream string) (Extent, error) {
	s, err := b.js.Stream(ctx, stream)
	if err != nil {
		return Extent{}, fmt.Errorf("ask %s: %w", stream, err)
	}
	info := s.CachedInfo()
	return Extent{
		First: info.State.FirstSeq, Last: info.State.LastSeq, FirstStored: info.State.FirstTime, LastStored: info.State.LastTime,
		Created: info.Created, Bytes: info.State.Bytes, At: info.TimeStamp,
	}, nil
}

// TrimRecords removes from every partition what all the named readers have
// safely, no [Note] keeps, and is older than the MaxAge of the options.
func (b *Bus) TrimRecords(ctx context.Context, readers ...string) error {
	return b.trimRecords(ctx, time.Now(), readers)
}

func (b *Bus) trimRecords(ctx context.Context, now time.Time, readers []string) error {
	safe := make([]uint64, b.partitions)
	for p := range safe {
		least := uint64(1 << 63)
		for _, r := range readers {
			at, err := b.Position(ctx, r, p)
			if err != nil {
				return err
			}
			least = min(least, at)
		}
		safe[p] = least
	}
	// Asked after the positions: what a note is written for later is stored behind all of them.
	held, _, err := b.held(ctx)
	if err != nil {
		return err
	}
	for p, least := range safe {
		if at, ok := held[p]; ok {
			least = min(least, at)
		}
		if least == 0 || least == 1<<63 {
			continue
		}
		s, err := b.js.Stream(ctx, recordsStream(p))
		if err != nil {
			return fmt.Errorf("trim %s: %w", recordsStream(p), err)
		}
		st := s.CachedInfo().State
		if b.opts.MaxAge > 0 {
			if least, err = storedBefore(ctx, s, st.FirstSeq, least, now.Add(-b.opts.MaxAge)); err != nil {
				return fmt.Errorf("trim %s: %w", recordsStream(p), err)
			}
		}
		if st.FirstSeq > least {
			continue
		}
		if err := s.Purge(ctx, jetstream.WithPurgeSequence(least+1)); err != nil {
			return fmt.Errorf("trim %s: %w", recordsStream(p), err)
		}
	}
	return nil
}

// storedBefore is the newest of a stream's messages from one position to another
// that was stored before a time; the one before them when none was. What is old
// is at the beginning and usually little, so it is looked for from there.
func storedBefore(ctx context.Context, s jetstream.Stream, from, to uint64, t time.Time) (uint64, error) {
	before := from - 1 // it was; next was not, or is not looked at
	next := to + 1
	for step := uint64(1); before+1 < next; {
		at := before + step
		if at >= next {
			at = before + (next-before)/2
		}
		m, err := s.GetMsg(ctx, at)
		switch {
		case err == nil && !m.Time.Before(t):
			next, step = at, 1
		case err == nil || errors.Is(err, jetstream.ErrMsgNotFound): // trimmed meanwhile
			before, step = at, 2*step
		default:
			return 0, err
		}
	}
	return before, nil
}

// DeadLetter is something that was offered and could not be taken.
type DeadLetter struct {
	ID     uint64          `json:"id,omitempty" doc:"Its number; later ones have higher ones"`
	Source string          `json:"source" doc:"The bridge or service that refused it" example:"influx"`
	Reason string          `json:"reason" doc:"Why, in a sentence in English"`
	Code   phrase.Code     `json:"code,omitempty" doc:"Which sentence it is, for who says it in another language: one of docs/phrases.md. Absent: it has none" example:"time-ahead"`
	Params phrase.Params   `json:"params,omitempty" doc:"What the sentence has of the case"`
	Sensor record.SensorID `json:"sensor,omitempty" doc:"The sensor concerned, when known"`
	Time   record.Millis   `json:"time,omitempty" doc:"The time it claims, in ms since 1970 UTC"`
	Value  *float64        `json:"value,omitempty" doc:"The value it claims, when finite"`
	Sample string          `json:"sample,omitempty" doc:"The beginning of the offered bytes, at most 2000 characters"`
	At     record.Millis   `json:"at" doc:"When it was refused"`

	// Decoded letters say by sensor, time, value and unit all that was offered.
	Decoded bool   `json:"decoded,omitempty" doc:"Sensor, time, value and unit are all that was offered, so that it can be tried again"`
	Unit    string `json:"unit,omitempty" doc:"Unit of the value as it was offered; empty: the coherent one of the sensor"`
}

// Because gives the letter with why it was refused.
func (d DeadLetter) Because(err error) DeadLetter {
	says := phrase.Of(err)
	d.Reason, d.Code, d.Params = err.Error(), says.Code, says.Params
	return d
}

// MaxParam is how many bytes of a text a dead letter says of the case.
const MaxParam = 200

// MaxSample is how much of refused bytes a dead letter keeps.
const MaxSample = 2000

// Bury stores a dead letter. It fails only when the bus does.
func (b *Bus) Bury(ctx context.Context, d DeadLetter) error {
	if d.At == 0 {
		d.At = record.MillisOf(time.Now())
	}
	if len(d.Sample) > MaxSample {
		d.Sample = d.Sample[:MaxSample]
	}
	d.ID = 0 // the stream numbers it
	d.Params = d.Params.Cut(MaxParam)
	data, err := json.Marshal(d)
	if err != nil {
		return fmt.Errorf("bury: %w", err)
	}
	source := subjectToken(d.Source)
	if _, err = b.publish(ctx, "dead."+source, data); err == nil {
		b.meter.buried(source)
	}
	return err
}

// DeadLetters gives the newest n dead letters, newest first.
func (b *Bus) DeadLetters(ctx context.Context, n int) ([]DeadLetter, error) {
	var out []DeadLetter
	err := b.ScanDeadLetters(ctx, 0, func(d DeadLetter) bool {
		if len(out) < n {
			out = append(out, d)
		}
		return len(out) < n
	})
	return out, err
}

// ScanDeadLetters hands dead letters to f, newest first, from the one before a
// number on, or the newest when that is 0, until f gives false.
func (b *Bus) ScanDeadLetters(ctx context.Context, before uint64, f func(DeadLetter) bool) error {
	s, err := b.js.Stream(ctx, deadStream)
	if err != nil {
		return fmt.Errorf("read dead letters: %w", err)
	}
	st := s.CachedInfo().State
	seq := st.LastSeq
	if before > 0 {
		seq = min(seq, before-1)
	}
	for ; seq >= st.FirstSeq && seq > 0; seq-- {
		m, err := s.GetMsg(ctx, seq)
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			continue
		}
		if err != nil {
			return fmt.Errorf("read dead letters: %w", err)
		}
		var d DeadLetter
		if err := json.Unmarshal(m.Data, &d); err != nil {
			return fmt.Errorf("read dead letter %d: %w", seq, err)
		}
		if d.ID = seq; !f(d) {
			return nil
		}
	}
	return nil
}

// DeadLetter gives the one with a number; false when there is none any more.
func (b *Bus) DeadLetter(ctx context.Context, id uint64) (d DeadLetter, ok bool, err error) {
	err = b.ScanDeadLetters(ctx, id+1, func(x DeadLetter) bool {
		d, ok = x, x.ID == id
		return false
	})
	return d, ok, err
}

// DeadLetterCount is how many dead letters are kept.
func (b *Bus) DeadLetterCount(ctx context.Context) (uint64, error) {
	s, err := b.js.Stream(ctx, deadStream)
	if err != nil {
		return 0, fmt.Errorf("count dead letters: %w", err)
	}
	return s.CachedInfo().State.Msgs, nil
}

func subjectToken(s string) string {
	out := make([]byte, 0, len(s))
	for i := 0; i < len(s) && i < 40; i++ {
		c := s[i]
		if c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-' {
			out = append(out, c)
		} else {
			out = append(out, '-')
		}
	}
	if len(out) == 0 {
		return "-"
	}
	return string(out)
}
