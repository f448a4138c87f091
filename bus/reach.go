package bus

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/wattwerk/wattwerk/internal/run"
)

// How soon an external server that is gone without a word counts as gone: two
// pings without an answer. And how often it is looked for, for ever.
const (
	pingEvery   = 5 * time.Second
	pingsMissed = 2
	lookEvery   = 500 * time.Millisecond
	dialWithin  = 5 * time.Second
)

// defaultWait is how long Open waits for an external NATS.
const defaultWait = 2 * time.Minute

// payload is what a server must take in one message: ours, and its header.
const payload = MaxPayload + 4096

// external is how to reach an external NATS, but for who we are.
func (b *Bus) external() []nats.Option {
	opts := []nats.Option{
		nats.Name("wattwerk"), nats.Timeout(dialWithin),
		nats.MaxReconnects(-1), nats.ReconnectWait(lookEvery), nats.ReconnectJitter(lookEvery/2, lookEvery/2),
		// A node that is being set up anew may not know our account for a while.
		nats.IgnoreAuthErrorAbort(),
		nats.PingInterval(pingEvery), nats.MaxPingsOutstanding(pingsMissed),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) {
			if err != nil {
				b.opts.Log.Warn("the connection to NATS was lost", "error", err)
			}
		}),
		nats.ReconnectHandler(func(c *nats.Conn) { b.opts.Log.Info("connected to NATS again", "at", c.ConnectedUrlRedacted()) }),
		nats.ErrorHandler(b.troubled),
	}
	if b.opts.TLS.CA != "" {
		opts = append(opts, nats.RootCAs(b.opts.TLS.CA))
	}
	if b.opts.TLS.Cert != "" {
		opts = append(opts, nats.ClientCert(b.opts.TLS.Cert, b.opts.TLS.Key))
	}
	return opts
}

// troubled logs what happens to a connection behind everybody's back. A reader who
// is slow has room for the messages that it asked for, and not for what the server
// says beside them; should it lose one it notices by itself.
func (b *Bus) troubled(c *nats.Conn, s *nats.Subscription, err error) {
	subject, level := "", slog.LevelWarn
	if s != nil {
		subject = s.Subject
		if errors.Is(err, nats.ErrSlowConsumer) && strings.HasPrefix(subject, nats.InboxPrefix) {
			level = slog.LevelDebug
		}
	}
	b.opts.Log.Log(context.Background(), level, "nats", "error", err, "subject", subject, "connection", c.Opts.Name)
}

// reach connects to an external NATS, which may be a cluster. It waits while
// nobody is there yet.
func (b *Bus) reach(ctx context.Context) error {
	opts := b.external()
	if b.opts.Creds != "" {
		opts = append(opts, nats.UserCredentials(b.opts.Creds))
	}
	if l := b.opts.Login; l != (Login{}) {
		opts = append(opts, nats.UserInfo(l.User, l.Password))
	}
	at := redacted(b.opts.URL)
	return b.patiently(ctx, "reach NATS at "+at, func(context.Context) error {
		conn, err := nats.Connect(b.opts.URL, opts...)
		if err != nil {
			return err
		}
		if most := conn.MaxPayload(); most < payload {
			conn.Close()
			return fmt.Errorf("it takes messages of %d bytes at most, and readings and the model need %d: set 'max_payload: 8MB' in its configuration", most, payload)
		}
		b.conn = conn
		return nil
	})
}

// redacted gives a list of URLs without passwords.
func redacted(urls string) string {
	var out []string
	for s := range strings.SplitSeq(urls, ",") {
		u, err := url.Parse(strings.TrimSpace(s))
		if err != nil {
			return "the address in the settings, which is no URL"
		}
		out = append(out, u.Redacted())
	}
	return strings.Join(out, ",")
}

// patiently does what needs an external NATS that may not be there yet, or
// whose nodes have not found together. It says once what it waits for.
func (b *Bus) patiently(ctx context.Context, what string, do func(context.Context) error) error {
	return run.Await(ctx, b.opts.Wait, func(ctx context.Context) error {
		if err := do(ctx); err != nil {
			return fmt.Errorf("%s: %w", what, err)
		}
		return nil
	}, func(err error) bool {
		// What others are making at this moment may be there for one node of a
		// cluster and not yet for another.
		missing := errors.Is(err, jetstream.ErrStreamNotFound) || errors.Is(err, jetstream.ErrBucketNotFound)
		// Two that make the same at once get into one another's way.
		clash := code(err) == clashing && b.Shared()
		return clash || b.opts.URL != "" && (passing(err) || missing)
	}, func(err error) { b.opts.Log.Warn("waiting for NATS", "most", b.opts.Wait, "error", err) })
}

// checkLimits says in a sentence what an account on an external NATS lacks.
func (b *Bus) checkLimits(ctx context.Context) error {
	info, err := b.js.AccountInfo(ctx)
	if err != nil {
		return fmt.Errorf("ask for JetStream: %w", err)
	}
	need := b.opts.Partitions + ownStreams
	if most := info.Limits.MaxStreams; most >= 0 && most < need && info.Streams == 0 {
		return fmt.Errorf("the account on NATS may have %d streams, and %d are needed: raise its limit, or set fewer partitions", most, need)
	}
	if most := info.Limits.MaxStore; most >= 0 && most < leastStore {
		return fmt.Errorf("the account on NATS may store %d bytes, and %d is the least that is reasonable: raise its limit", most, int64(leastStore))
	}
	return nil
}

// What an account needs at least, beside the partitions: streams, buckets and
// objects of all services, and bytes.
const (
	ownStreams = 16
	leastStore = 4 << 30
)

// noRoom are the codes of JetStream for: there is no room for that.
var noRoom = map[jetstream.ErrorCode]bool{
	10002: true, // of the account
	10023: true, // resources
	10028: true, // memory
	10047: true, // storage
	10077: true, // storing failed, as at the limit of a stream, or of the disk
}

// notNow are the codes of JetStream for: ask again, when the nodes have found
// a leader, or one more is there.
var notNow = map[jetstream.ErrorCode]bool{
	10004: true, // incomplete results
	10005: true, // no suitable peers
	10007: true, // not assigned to this node
	10008: true, // temporarily unavailable
	10009: true, // not the leader
	10039: true, // no JetStream for the account: not yet, while a node starts
	10041: true, // of Raft
	10048: true, // assignment of a stream
	10076: true, // no JetStream: not yet, while a node starts
	10118: true, // stream offline
	10119: true, // consumer offline
	10158: true, // the same message is being stored
	10163: true, // position of the subject not yet known
	10194: true, // stream offline, with a reason
	10195: true, // consumer offline, with a reason
}

// clashing is what a single node says to one of two that create the same
// stream at the same moment, and to everybody whose disk does not let it.
const clashing = 10049

func code(err error) jetstream.ErrorCode {
	if api, ok := errors.AsType[*jetstream.APIError](err); ok {
		return api.ErrorCode
	}
	if js, ok := errors.AsType[jetstream.JetStreamError](err); ok && js.APIError() != nil {
		return js.APIError().ErrorCode
	}
	return 0
}

// passing tells whether trying again later may help, without anybody doing
// anything.
func passing(err error) bool {
	if notNow[code(err)] {
		return true
	}
	for _, e := range []error{
		nats.ErrNoServers, nats.ErrTimeout, nats.ErrNoResponders, nats.ErrDisconnected, nats.ErrConnectionReconnecting,
		nats.ErrReconnectBufExceeded, nats.ErrStaleConnection, context.DeadlineExceeded, jetstream.ErrNoStreamResponse,
		jetstream.ErrNoHeartbeat, jetstream.ErrConsumerDeleted, jetstream.ErrServerShutdown, jetstream.ErrConsumerLeadershipChanged,
		jetstream.ErrInvalidJSAck,
	} {
		if errors.Is(err, e) {
			return true
		}
	}
	_, network := errors.AsType[net.Error](err)
	return network
}

// Cause gives [ErrFull] or [ErrAway] when that is what an error of NATS or
// JetStream means, nil when it means something else.
func Cause(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, ErrFull), noRoom[code(err)]:
		return ErrFull
	case errors.Is(err, ErrAway), passing(err):
		return ErrAway
	}
	return nil
}

func (b *Bus) explain(subject string, err error) error {
	cause := Cause(err)
	if b.server != nil && !errors.Is(cause, ErrFull) {
		// In the same process nobody is away; what else is the disk?
		b.room.suspect.Store(true)
		if errors.Is(cause, ErrAway) {
			cause = ErrSlow
		}
	}
	if cause != nil && !errors.Is(err, cause) {
		return fmt.Errorf("%w (%s: %w)", cause, subject, err)
	}
	return fmt.Errorf("publish on %s: %w", subject, err)
}
