package bus

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strconv"
	"sync"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"
)

// Errors of writing. Both mean "not now": the sender should try again.
var (
	ErrFull = errors.New("the disk is nearly full, nothing more is taken until there is room")
	ErrBusy = errors.New("more is coming in than can be stored, try again in a moment")
)

// ErrBroken says that the bus has to be opened again; see [Bus.Broken].
var ErrBroken = errors.New("the disk was filled to the last byte while something was being stored, and the bus has to be opened again")

// MaxPayload is the largest message, in bytes.
const MaxPayload = 4 << 20

// Options say how to reach the bus. The zero value with Dir set is an embedded
// server that listens nowhere and syncs every write.
type Options struct {
	URL        string        // an external NATS; empty: embed a server
	Creds      string        // credentials file for an external NATS; or Login
	Dir        string        // where the embedded server keeps its files
	Partitions int           // of the records when they are first created; default 16, 1 to 1024
	Replicas   int           // of every stream on an external cluster; default 1
	NoSync     bool          // do not fsync each write (embedded only): a power cut may lose seconds
	MinFree    int64         // refuse writes below this many free bytes under Dir; default 256 MiB
	MaxAge     time.Duration // keep records this long even if read; default 0: trimmed as soon as every reader has them
	Listen     string        // HOST:PORT for NATS clients of other processes; empty: none
	Login      Login         // what other processes say at Listen; needed unless that is a loopback address, where nothing is asked without it
	MQTT       string        // HOST:PORT of the MQTT listener; empty: none. It answers when AdmitMQTT was called
	Version    string        // of the program, for the mark on the bus
	Leaf       Leaf          // the link between an edge and its centre, with the embedded server
	LinkLogin  Login         // who this process is in the account of the link, on an external NATS; zero: it has no part in it
	Log        *slog.Logger

	Registerer prometheus.Registerer // may be nil
}

// Login is a user and a password.
type Login struct{ User, Password string }

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
	if o.MinFree == 0 {
		o.MinFree = 256 << 20
	}
	b := &Bus{opts: o, room: room{broken: make(chan struct{})}}
	b.meter = newMeter(b)
	if err := b.connect(); err != nil {
		b.Close()
		return nil, fmt.Errorf("open bus: %w", err)
	}
	if err := b.createStreams(ctx); err != nil {
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
	}
	return b, nil
}

func (b *Bus) connect() error {
	var opts []nats.Option
	opts = append(opts, nats.Name("wattwerk"), nats.MaxReconnects(-1), nats.RetryOnFailedConnect(false))
	if b.opts.URL != "" {
		if b.opts.Creds != "" {
			opts = append(opts, nats.UserCredentials(b.opts.Creds))
		}
		if l := b.opts.Login; l != (Login{}) {
			opts = append(opts, nats.UserInfo(l.User, l.Password))
		}
		conn, err := nats.Connect(b.opts.URL, opts...)
		if err != nil {
			u, perr := url.Parse(b.opts.URL)
			if perr == nil {
				return fmt.Errorf("reach NATS at %s: %w", u.Redacted(), err)
			}
			return fmt.Errorf("reach NATS: %w", err)
		}
		b.conn = conn
		link := []nats.Option{nats.Name("wattwerk link"), nats.MaxReconnects(-1)}
		if err := b.connectLink(link); err != nil {
			return err
		}
	} else {
		if err := b.embed(); err != nil {
			return err
		}
		var err error
		opts = append(opts, nats.InProcessServer(b.server))
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
	js, err := jetstream.New(b.conn, jetstream.WithPublishAsyncMaxPending(4096))
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

// Partitions is how many records streams there are.
func (b *Bus) Partitions() int { return b.partitions }

// Conn is the NATS connection, for live subjects.
func (b *Bus) Conn() *nats.Conn { return b.conn }

// JetStream gives access to streams that belong to one service alone.
func (b *Bus) JetStream() jetstream.JetStream { return b.js }

// Replicas is the number of copies every stream has.
func (b *Bus) Replicas() int { return b.opts.Replicas }

const (
	partitionsKey = "partitions"
	settingsKV    = "settings"
)

// createStreams makes what every service relies on. The number of partitions
// is fixed by whoever comes first.
func (b *Bus) createStreams(ctx context.Context) error {
	if err := b.checkFormat(ctx); err != nil {
		return err
	}
	kv, err := b.KV(ctx, settingsKV)
	if err != nil {
		return err
	}
	if err := b.mark(ctx, kv); err != nil {
		return err
	}
	if _, err := kv.Create(ctx, partitionsKey, []byte(strconv.Itoa(b.opts.Partitions))); err != nil && !errors.Is(err, jetstream.ErrKeyExists) {
		return fmt.Errorf("fix the number of partitions: %w", err)
	}
	entry, err := kv.Get(ctx, partitionsKey)
	if err != nil {
		return fmt.Errorf("read the number of partitions: %w", err)
	}
	if b.partitions, err = strconv.Atoi(string(entry.Value())); err != nil || b.partitions < 1 {
		return fmt.Errorf("the stored number of partitions is %q", entry.Value())
	}
	for p := range b.partitions {
		if err := b.stream(ctx, jetstream.StreamConfig{
			Name:        recordsStream(p),
			Description: "Records of partition " + strconv.Itoa(p) + ": the write-ahead log.",
			Subjects:    []string{RecordsSubject(p)},
			Discard:     jetstream.DiscardNew,
		}); err != nil {
			return err
		}
	}
	if b.partials, err = b.partialsStorage(ctx); err != nil {
		return err
	}
	for _, c := range []jetstream.StreamConfig{
		{
			Name: partialsStream, Subjects: []string{"partials.*"}, MaxBytes: 512 << 20, Discard: jetstream.DiscardNew,
			Storage:     b.partials,
			Description: "Partial sums per partition, hierarchy and tick, until their ticks are stored.",
		},
		{
			Name: aggregatesStream, Subjects: []string{"aggregates.*"}, Discard: jetstream.DiscardNew,
			Description: "Ticks of every hierarchy; trimmed when history has them.",
		},
		{
			Name: deadStream, Subjects: []string{"dead.*"}, MaxAge: 90 * 24 * time.Hour, MaxBytes: 1 << 30, Discard: jetstream.DiscardOld,
			Description: "What could not be taken, with the reason.",
		},
	} {
		if err := b.stream(ctx, c); err != nil {
			return err
		}
	}
	return nil
}

// partialsStorage is the disk when those who make partial sums and those who
// add them up may be in several processes: one that goes on must find what the
// other has told. A stream that is there stays where it is.
func (b *Bus) partialsStorage(ctx context.Context) (jetstream.StorageType, error) {
	s, err := b.js.Stream(ctx, partialsStream)
	switch {
	case err == nil && (s.CachedInfo().Config.Storage == jetstream.FileStorage || !b.Shared()):
		return s.CachedInfo().Config.Storage, nil
	case err == nil: // made before there were others; what is in it is made again from the records
		if err := b.js.DeleteStream(ctx, partialsStream); err != nil {
			return 0, fmt.Errorf("replace stream %s: %w", partialsStream, err)
		}
	case !errors.Is(err, jetstream.ErrStreamNotFound):
		return 0, fmt.Errorf("ask for stream %s: %w", partialsStream, err)
	}
	if b.Shared() {
		return jetstream.FileStorage, nil
	}
	return jetstream.MemoryStorage, nil
}

// PartialsKept tells whether partial sums outlive the processes that made them.
func (b *Bus) PartialsKept() bool { return b.partials == jetstream.FileStorage }

func (b *Bus) stream(ctx context.Context, c jetstream.StreamConfig) error {
	c.Replicas = b.opts.Replicas
	c.AllowDirect = true
	c.MaxMsgSize = MaxPayload
	if _, err := b.js.CreateOrUpdateStream(ctx, c); err != nil {
		return fmt.Errorf("create stream %s: %w", c.Name, err)
	}
	return nil
}

// KV opens the key-value bucket of that name, creating it when missing.
func (b *Bus) KV(ctx context.Context, name string) (jetstream.KeyValue, error) {
	kv, err := b.js.CreateOrUpdateKeyValue(ctx, jetstream.KeyValueConfig{Bucket: name, History: 1, Replicas: b.opts.Replicas})
	if err != nil {
		return nil, fmt.Errorf("open bucket %s: %w", name, err)
	}
	return kv, nil
}

// Objects opens the object bucket of that name, creating it when missing: for
// what is larger than a message, checkpoints and snapshots.
func (b *Bus) Objects(ctx context.Context, name string) (jetstream.ObjectStore, error) {
	obs, err := b.js.CreateOrUpdateObjectStore(ctx, jetstream.ObjectStoreConfig{Bucket: name, Replicas: b.opts.Replicas})
	if err != nil {
		return nil, fmt.Errorf("open objects %s: %w", name, err)
	}
	return obs, nil
}
