package kafka

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/wattwerk/wattwerk/pipeline/connect"
	"github.com/wattwerk/wattwerk/pipeline/connect/format"
	"github.com/wattwerk/wattwerk/record"
)

const (
	quiet   = 2 * time.Second  // without a record, after which the brokers are asked whether they are there
	renewal = 30 * time.Second // between looks for new partitions
	refresh = time.Hour        // between commits of a topic where nothing comes: brokers forget old ones
	answer  = 15 * time.Second // for an answer of the brokers
)

type reader struct {
	end    connect.End
	opts   []kgo.Opt
	format *format.Format
	topic  string
	group  string
}

func newReader(e connect.End) (connect.Reader, error) {
	r := &reader{end: e, topic: e.Text("topic"), group: e.Text("group")}
	if r.group == "" {
		r.group = "wattwerk-" + e.ID
	}
	var err error
	if r.opts, err = options(&r.end); err != nil {
		return nil, fmt.Errorf("open source %s: %w", e.Name, err)
	}
	if r.format, err = format.New(&r.end); err != nil {
		return nil, fmt.Errorf("open source %s: %w", e.Name, err)
	}
	r.opts = append(r.opts, kgo.FetchMaxBytes(2*connect.MaxBody), kgo.FetchMaxPartitionBytes(connect.MaxBody), kgo.FetchMaxWait(time.Second),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	return r, nil
}

func (r *reader) Read(ctx context.Context, store connect.Store, status func(connect.Status)) error {
	return r.end.Keep(ctx, status, func(ctx context.Context, up func()) error { return r.follow(ctx, store, status, up) })
}

// position is how far a partition is stored.
type position struct {
	next  int64
	epoch int32
}

// follow reads until something breaks.
func (r *reader) follow(ctx context.Context, store connect.Store, status func(connect.Status), up func()) error {
	client, err := kgo.NewClient(r.opts...)
	if err != nil {
		return connect.Forever(err)
	}
	defer client.Close()
	adm := kadm.NewClient(client)
	at := make(map[int32]position) // of every partition that is read
	if err := r.begin(ctx, client, adm, at); err != nil {
		return err
	}
	up()
	looked, committed := r.end.House.Time(), r.end.House.Time()
	messages := make([]connect.Message, connect.MaxBatch)
	for {
		poll, cancel := context.WithTimeout(ctx, quiet)
		fetches := client.PollRecords(poll, connect.MaxBatch)
		cancel()
		if ctx.Err() != nil {
			return nil
		}
		for _, f := range fetches.Errors() {
			var lost *kgo.ErrDataLoss
			switch {
			case errors.Is(f.Err, context.DeadlineExceeded), errors.Is(f.Err, context.Canceled):
			case errors.As(f.Err, &lost):
				// Nothing mends that; it goes on with what is there.
				r.end.Log.Warn("records of a data source were deleted before they were read", "end", r.end.ID, "partition", lost.Partition,
					"wanted", lost.ConsumedTo, "first", lost.ResetTo)
				status(connect.Status{Connected: true, At: r.end.House.Time(),
					Error: fmt.Sprintf("the brokers deleted records of partition %d before they were read: from %d to %d", lost.Partition, lost.ConsumedTo, lost.ResetTo)})
			default:
				return f.Err
			}
		}
		if n := fetches.NumRecords(); n > 0 {
			if !r.store(ctx, store, fetches.Records(), messages, at) {
				return nil
			}
			if err := r.commit(ctx, adm, at); err != nil {
				return err
			}
			committed = r.end.House.Time()
		} else if err := r.there(ctx, client); err != nil {
			return err
		}
		now := r.end.House.Time()
		if now.Sub(looked) >= renewal {
			looked = now
			if err := r.begin(ctx, client, adm, at); err != nil {
				return err
			}
		}
		if now.Sub(committed) >= refresh {
			committed = now
			if err := r.commit(ctx, adm, at); err != nil {
				return err
			}
		}
	}
}

// there asks whether some broker answers: the client itself would wait for ever.
func (r *reader) there(ctx context.Context, client *kgo.Client) error {
	ctx, cancel := context.WithTimeout(ctx, answer)
	defer cancel()
	return client.Ping(ctx)
}

// begin begins to read the partitions that are not read yet.
func (r *reader) begin(ctx context.Context, client *kgo.Client, adm *kadm.Client, at map[int32]position) error {
	ctx, cancel := context.WithTimeout(ctx, answer)
	defer cancel()
	topics, err := adm.ListTopics(ctx, r.topic)
	if err != nil {
		return err
	}
	topic := topics[r.topic]
	switch {
	case errors.Is(topic.Err, kerr.UnknownTopicOrPartition):
		return fmt.Errorf("there is no topic %s", r.topic)
	case topic.Err != nil:
		return topic.Err
	}
	var fresh []int32
	for p := range topic.Partitions {
		if _, ok := at[p]; !ok {
			fresh = append(fresh, p)
		}
	}
	if len(fresh) == 0 {
		return nil
	}
	done, err := adm.FetchOffsets(ctx, r.group)
	if err != nil && !errors.Is(err, kerr.GroupIDNotFound) {
		return err
	}
	first := len(at) == 0
	var ends kadm.ListedOffsets
	begin := make(map[int32]kgo.Offset)
	for _, p := range fresh {
		o, ok := done.Lookup(r.topic, p)
		switch {
		case ok && o.Err != nil:
			return o.Err
		case ok && o.At >= 0:
			at[p] = position{o.At, o.LeaderEpoch}
		case r.end.Text("from") == "latest" && first:
			if ends == nil {
				if ends, err = adm.ListEndOffsets(ctx, r.topic); err != nil {
					return err
				}
			}
			e, ok := ends.Lookup(r.topic, p)
			if !ok || e.Err != nil {
				return fmt.Errorf("the end of partition %d is not known: %w", p, errors.Join(e.Err))
			}
			at[p] = position{e.Offset, -1}
		default:
			// Of a partition that was made while we read, everything is new.
			begin[p] = kgo.NewOffset().AtStart()
			at[p] = position{-1, -1}
			continue
		}
		begin[p] = kgo.NewOffset().At(at[p].next)
	}
	// Where it begins is not to move when it is killed before anything came.
	if err := r.commit(ctx, adm, at); err != nil {
		return err
	}
	client.AddConsumePartitions(map[string]map[int32]kgo.Offset{r.topic: begin})
	return nil
}

// store stores records and notes how far they are; false when ctx ended.
func (r *reader) store(ctx context.Context, store connect.Store, records []*kgo.Record, messages []connect.Message, at map[int32]position) bool {
	arrival := record.MillisOf(r.end.House.Time())
	next := maps.Clone(at)
	for i, k := range records {
		m := &messages[i]
		*m = connect.Message{Pieces: m.Pieces[:0], Bad: m.Bad[:0]}
		m.ID = k.Topic + "/" + strconv.Itoa(int(k.Partition)) + "/" + strconv.FormatInt(k.Offset, 10)
		key := ""
		if utf8.Valid(k.Key) {
			key = string(k.Key)
		}
		r.format.Read(m, k.Value, key, arrival)
		if ms := record.MillisOf(k.Timestamp); ms > 0 && ms <= record.MaxTime {
			for j := range m.Pieces {
				if m.Pieces[j].Time == 0 {
					m.Pieces[j].Time = ms
				}
			}
		}
		next[k.Partition] = position{k.Offset + 1, k.LeaderEpoch}
	}
	if !r.end.Insist(ctx, store, messages[:len(records)]...) {
		return false
	}
	maps.Copy(at, next)
	return true
}

func (r *reader) commit(ctx context.Context, adm *kadm.Client, at map[int32]position) error {
	all := make(kadm.Offsets)
	for p, pos := range at {
		if pos.next >= 0 {
			all.AddOffset(r.topic, p, pos.next, pos.epoch)
		}
	}
	if len(all) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, answer)
	defer cancel()
	if err := adm.CommitAllOffsets(ctx, r.group, all); err != nil {
		return fmt.Errorf("commit how far it is read: %w", err)
	}
	return nil
}
