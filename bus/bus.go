package bus

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/wattwerk/wattwerk/internal/trace"
)

// Errors of writing. All mean "not now": the sender should try again.
var (
	ErrFull = errors.New("the disk is nearly full, nothing more is taken until there is room")
	ErrBusy = errors.New("more is coming in than can be stored, try again in a moment")
	ErrAway = errors.New("the bus cannot be reached or has too few nodes, try again in a moment")
	// ErrSlow is an [ErrAway] of a bus in the same process.
	ErrSlow error = slow{}
)

type slow struct{}

func (slow) Error() string {
	return "the disk did not take it in time, and may have stored it all the same"
}

func (slow) Is(target error) bool { return target == ErrAway }

// ErrCrowded says that partial sums have taken all the room there is for them.
// Those who make them keep to their share of it, so that it does not happen; see
// package aggregate.
var ErrCrowded = errors.New("partial results fill their stream, because ticks are not completed; nothing more is told until some are")

// ErrBroken says that the bus has to be opened again; see [Bus.Broken].
var ErrBroken = errors.New("the disk was filled to the last byte while something was being stored, and the bus has to be opened again")

// MaxPayload is the largest message, in bytes.
const MaxPayload = 4 << 20

// Options say how to reach the bus. The zero value with Dir set is an embedded
// server that listens nowhere and syncs every write.
type Options struct {
	URL        string        // an external NATS, of a cluster several with commas between; empty: embed a server
	Wait       time.Duration // how long Open waits for an external NATS that is not there yet, or has no quorum; default 2 min
	Creds      string        // credentials file for an external NATS; or Login
	TLS        TLS           // for an external NATS
	Dir        string        // where the embedded server keeps its files
	Partitions int           // of the records when they are first created; default 16, 1 to 1024
	Replicas   int           // of every stream on an external cluster; default 1. A stream that has more keeps them
	Partials   int64         // bytes that partial sums may take until their ticks are stored; default 512 MiB
	NoSync     bool          // do not fsync each write (embedded only): a power cut may lose seconds
	MinFree    int64         // refuse writes below this many free bytes under Dir; default 256 MiB
	MaxAge     time.Duration // keep records this long even if read; default 0: trimmed as soon as every reader has them
	KnownFor   time.Duration // how long ids of observations are known, when their stream is made; default 30 min, 100 ms or more
	Listen     string        // HOST:PORT for NATS clients of other processes; empty: none
	Login      Login         // what other processes say at Listen; needed unless that is a loopback address, where nothing is asked without it
	MQTT       string        // HOST:PORT of the MQTT listener; empty: none. It answers when AdmitMQTT was called
	Version    string        // of the program, for the mark on the bus
	Leaf       Leaf          // the link between an edge and its centre, with the embedded server
	LinkLogin  Login         // who this process is in the account of the link, on an external NATS; zero: it has no part in it
	Log        *slog.Logger

	Registerer prometheus.Registerer // may be nil
	Tracer     *trace.Tracer         // nil: off
}

// Login is a user and a password.
type Login struct{ User, Password string }

// TLS are the files that an external NATS is met with: the certificates it is
// trusted by, and our own certificate with its key. NATS asks for TLS, or the
// URL begins with tls://; without CA those of the system are trusted.
type TLS struct{ CA, Cert, Key string }

// Bus is a connection to JetStream with all streams in place.
type Bus struct {
	opts       Options
	server     *server.Server
	door       *door // of the embedded server
	conn       *nats.Conn
	js         jetstream.JetStream
	mqtt       *nats.Conn // to the account of MQTT clients; nil without listener
	link       *nats.Conn // to the account where edges and centre meet; nil without
	partitions int
	partials   jetstream.StorageType
	room       room
	meter      *meter
	mu         sync.Mutex
	buckets    map[string]jetstream.KeyValue // that were opened
	stop       context.CancelFunc
	background sync.WaitGroup
}

// Open starts or reaches the server, creates what is missing and checks that
// what exists fits. The caller closes it.
func Open(ctx context.Context, o Options) (*Bus, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Partitions == 0 {
		o.Partitions = 16
	}
	if o.Partitions < 1 || o.Partitions > 1024 {
		return nil, fmt.Errorf("open bus: %d partitions, between 1 and 1024 are possible", o.Partitions)
	}
	if o.Replicas == 0 {
		o.Replicas = 1
	}
	if o.Partials == 0 {
		o.Partials = 512 << 20
	}
	if o.MinFree == 0 {
		o.MinFree = 256 << 20
	}
	if o.Wait == 0 {
		o.Wait = defaultWait
	}
	b := &Bus{opts: o, room: room{broken: make(chan struct{})}, buckets: make(map[string]jetstream.KeyValue)}
	b.meter = newMeter(b)
	if err := b.connect(ctx); err != nil {
		b.Close()
		return nil, fmt.Errorf("open bus: %w", err)
	}
	if err := b.patiently(ctx, "prepare the streams", b.createStreams); err != nil {
		b.Close()
		return nil, fmt.Errorf("open bus: %w", err)
	}
	if o.Registerer != nil {
		if err := b.meter.register(o.Registerer); err != nil {
			b.Close()
			return nil, fmt.Errorf("open bus: %w", err)
		}
	}
	bg, stop := context.WithCancel(context.Background())
	b.stop = stop
	if o.URL == "" {
		b.measure()
		b.background.Go(func() { b.watchRoom(bg) })
	} else if err := b.hearRoom(); err != nil {
		b.Close()
		return nil, fmt.Errorf("open bus: %w", err)
	}
	return b, nil
}

func (b *Bus) connect(ctx context.Context) error {
	if b.opts.URL != "" {
		if err := b.reach(ctx); err != nil {
			return err
		}
		if err := b.connectLink(append(b.external(), nats.Name("wattwerk link"))); err != nil {
			return err
		}
	} else {
		if err := b.embed(); err != nil {
			return err
		}
		var err error
		opts := []nats.Option{nats.Name("wattwerk"), nats.MaxReconnects(-1), nats.InProcessServer(b.server), nats.ErrorHandler(b.troubled)}
		if b.conn, err = nats.Connect("", append(opts, nats.UserInfo(b.door.own.User, b.door.own.Password))...); err != nil {
			return fmt.Errorf("reach the embedded NATS: %w", err)
		}
		if b.opts.MQTT != "" {
			if b.mqtt, err = nats.Connect("", append(opts, nats.UserInfo(b.door.mqtt.User, b.door.mqtt.Password))...); err != nil {
				return fmt.Errorf("reach the MQTT side of the embedded NATS: %w", err)
			}
		}
		if err := b.connectLink(opts); err != nil {
			return err
		}
	}
	o := []jetstream.JetStreamOpt{jetstream.WithPublishAsyncMaxPending(4096)}
	if b.server != nil {
		o = append(o, jetstream.WithDefaultTimeout(storeWithin)) // what is not answered at once waits for the disk
	}
	js, err := jetstream.New(b.conn, o...)
	if err != nil {
		return err
	}
	b.js = js
	return nil
}

// Close ends the connection and the embedded server. Nothing is read or
// written afterwards.
func (b *Bus) Close() {
	if b.stop != nil {
		b.stop()
	}
	b.background.Wait()
	for _, c := range []*nats.Conn{b.link, b.mqtt, b.conn} {
		if c != nil {
			c.Close()
		}
	}
	if b.door != nil {
		b.door.close()
	}
	if b.server != nil {
		b.server.Shutdown()
		b.server.WaitForShutdown()
	}
}

// Shared tells whether other processes can be on this bus.
func (b *Bus) Shared() bool { return b.opts.URL != "" || b.opts.Listen != "" }

// Tracer follows messages through the processes; nil when that is off. It may
// be asked of a nil Bus.
func (b *Bus) Tracer() *trace.Tracer {
	if b == nil {
		return nil
	}
	return b.opts.Tracer
}

// Partitions is how many records streams there are.
func (b *Bus) Partitions() int { return b.partitions }

// Conn is the NATS connection, for live subjects.
func (b *Bus) Conn() *nats.Conn { return b.conn }

// JetStream gives access to streams that belong to one service alone.
func (b *Bus) JetStream() jetstream.JetStream { return b.js }

// Replicas is the number of copies every stream has.
func (b *Bus) Replicas() int { return b.opts.Replicas }
