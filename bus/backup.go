package bus

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/wattwerk/wattwerk/internal/run"
)

// Snapshot is what a stream was at one moment: its settings and state in the
// words of NATS. The content goes beside it, in chunks.
type Snapshot struct {
	Stream string          `json:"stream"`
	Config json.RawMessage `json:"config"`
	State  json.RawMessage `json:"state"`
}

// apiError is how JetStream answers what it cannot do.
type apiError struct {
	Error *struct {
		Description string `json:"description"`
	} `json:"error"`
}

func (e apiError) err() error {
	if e.Error == nil {
		return nil
	}
	return errors.New(e.Error.Description)
}

// ofOneLife are streams that a copy must not have: whoever is restored begins a
// new life, and what it says to its centre is not a repetition.
var ofOneLife = []string{"OBJ_uplink"}

// Streams lists all streams that are kept on disk, those behind buckets and
// objects too, by name. What is in memory only can be had again from them.
func (b *Bus) Streams(ctx context.Context) ([]string, error) {
	var names []string
	l := b.js.ListStreams(ctx)
	for info := range l.Info() {
		if info.Config.Storage == jetstream.FileStorage && !slices.Contains(ofOneLife, info.Config.Name) {
			names = append(names, info.Config.Name)
		}
	}
	slices.Sort(names)
	if err := l.Err(); err != nil && !errors.Is(err, jetstream.ErrEndOfData) {
		return nil, fmt.Errorf("list streams: %w", err)
	}
	return names, nil
}

// chunkBytes is how much of a snapshot travels in one message.
const chunkBytes = 512 << 10

// pieceWithin is how long the next piece of a snapshot may take. What is lost
// while the connection is made anew does not come any more.
const pieceWithin = time.Minute

// Snapshot makes a consistent copy of the stream: begin is told what it is,
// then chunk gets it piece by piece. Writers go on meanwhile; positions are
// kept. The bytes are valid until chunk returns.
func (b *Bus) Snapshot(ctx context.Context, stream string, begin func(Snapshot) error, chunk func([]byte) error) error {
	fail := func(err error) error { return fmt.Errorf("copy stream %s: %w", stream, err) }
	// On a cluster nobody answers for a stream that is not there.
	if _, err := b.js.Stream(ctx, stream); err != nil {
		return fail(err)
	}
	inbox := b.conn.NewRespInbox()
	sub, err := b.conn.SubscribeSync(inbox)
	if err != nil {
		return fail(err)
	}
	defer sub.Unsubscribe() //nolint:errcheck // the connection forgets it when it closes
	if err := sub.SetPendingLimits(-1, -1); err != nil {
		return fail(err)
	}
	request, err := json.Marshal(map[string]any{"deliver_subject": inbox, "chunk_size": chunkBytes})
	if err != nil {
		return fail(err)
	}
	answer, err := b.ask(ctx, "$JS.API.STREAM.SNAPSHOT."+stream, request)
	if err != nil {
		return fail(err)
	}
	var info struct {
		apiError
		Snapshot
	}
	if err := json.Unmarshal(answer.Data, &info); err != nil {
		return fail(err)
	}
	if err := info.err(); err != nil {
		return fail(err)
	}
	info.Stream = stream
	if err := begin(info.Snapshot); err != nil {
		return fail(err)
	}
	for {
		m, err := nextPiece(ctx, sub, pieceWithin)
		if err != nil {
			return fail(err)
		}
		if len(m.Data) == 0 {
			// The end carries a status: 204, or what went wrong.
			if s := m.Header.Get("Status"); s != "" && s != "204" {
				return fail(fmt.Errorf("%s %s", s, m.Header.Get("Description")))
			}
			return nil
		}
		if err := chunk(m.Data); err != nil {
			return fail(err)
		}
		if m.Reply != "" {
			if err := m.Respond(nil); err != nil {
				return fail(err)
			}
		}
	}
}

// nextPiece waits for a piece of a snapshot.
func nextPiece(ctx context.Context, sub *nats.Subscription, within time.Duration) (*nats.Msg, error) {
	waiting, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	m, err := sub.NextMsgWithContext(waiting)
	if err != nil && waiting.Err() != nil && ctx.Err() == nil {
		return nil, fmt.Errorf("nothing more of it came for %v", within)
	}
	return m, err
}

// Restore makes a stream from a copy, in place of one of that name. next gives
// the pieces in order, and nil after the last one.
func (b *Bus) Restore(ctx context.Context, s Snapshot, next func() ([]byte, error)) error {
	fail := func(err error) error { return fmt.Errorf("restore stream %s: %w", s.Stream, err) }
	config, err := s.replicated(b.opts.Replicas)
	if err != nil {
		return fail(err)
	}
	if err := b.js.DeleteStream(ctx, s.Stream); err != nil && !errors.Is(err, jetstream.ErrStreamNotFound) {
		return fail(err)
	}
	request, err := json.Marshal(map[string]any{"config": config, "state": s.State})
	if err != nil {
		return fail(err)
	}
	answer, err := b.ask(ctx, "$JS.API.STREAM.RESTORE."+s.Stream, request)
	if err != nil {
		return fail(err)
	}
	var to struct {
		Deliver string `json:"deliver_subject"`
	}
	if err := json.Unmarshal(answer.Data, &to); err != nil {
		return fail(err)
	}
	for {
		data, err := next()
		if err != nil {
			return fail(err)
		}
		// An empty message says that this was all, and is answered when the stream is there.
		if _, err := b.ask(ctx, to.Deliver, data); err != nil {
			return fail(err)
		}
		if len(data) == 0 {
			return nil
		}
	}
}

// replicated gives the settings of the stream with another number of copies;
// on which nodes those are is for the server to choose.
func (s Snapshot) replicated(n int) (map[string]json.RawMessage, error) {
	var config map[string]json.RawMessage
	if err := json.Unmarshal(s.Config, &config); err != nil {
		return nil, err
	}
	config["num_replicas"] = json.RawMessage(strconv.Itoa(n))
	delete(config, "placement")
	return config, nil
}

// Fresh tells whether nobody has stored anything on the bus yet.
func (b *Bus) Fresh(ctx context.Context) (bool, error) {
	l := b.js.ListStreams(ctx)
	fresh := true
	for info := range l.Info() {
		fresh = fresh && (info.State.Msgs == 0 || info.Config.Name == "KV_"+settingsKV)
	}
	if err := l.Err(); err != nil && !errors.Is(err, jetstream.ErrEndOfData) {
		return false, fmt.Errorf("list streams: %w", err)
	}
	return fresh, nil
}

// ask is a request whose answer may be empty or hold an error.
func (b *Bus) ask(ctx context.Context, subject string, data []byte) (*nats.Msg, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	m, err := b.conn.RequestWithContext(ctx, subject, data)
	for errors.Is(err, nats.ErrNoResponders) {
		// Nobody heard it, as while a cluster elects; so it may be said again.
		if !run.Pause(ctx, electPause) {
			return nil, err
		}
		m, err = b.conn.RequestWithContext(ctx, subject, data)
	}
	if err != nil {
		return nil, err
	}
	var e apiError
	if len(m.Data) > 0 {
		if err := json.Unmarshal(m.Data, &e); err != nil {
			return nil, err
		}
	}
	return m, e.err()
}
