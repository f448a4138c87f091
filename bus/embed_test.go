package bus

import (
	"context"
	"errors"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"golang.org/x/sync/errgroup"

	"github.com/wattwerk/wattwerk/internal/mqtttest"
	"github.com/wattwerk/wattwerk/record"
)

func freeAddr(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func open(t *testing.T, o Options) *Bus {
	t.Helper()
	if o.Dir == "" {
		o.Dir = t.TempDir()
	}
	o.MinFree = 1
	if o.Partitions == 0 {
		o.Partitions = 1
	}
	b, err := Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	return b
}

// TestMQTTClientsAreApart publishes and subscribes to what is none of a
// sensor's business, and sees that nothing comes of it.
func TestMQTTClientsAreApart(t *testing.T) {
	addr := freeAddr(t)
	b := open(t, Options{MQTT: addr})
	kv, err := b.KV(t.Context(), "plans")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := kv.Put(t.Context(), "plan", []byte("ours")); err != nil {
		t.Fatal(err)
	}
	streams, err := b.Streams(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	b.AdmitMQTT()
	spy := mqtttest.Dial(t, addr)
	for _, qos := range []byte{0, 1} {
		if err := spy.Subscribe(qos, "#"); err != nil {
			t.Fatal(err)
		}
	}
	refused := 0
	for _, topic := range []string{"$JS/#", "$KV/#", "$O/#", "$SYS/#", "_INBOX/#", "$MQTT/rmsgs/#", "$MQTT/sess/#", "$MQTT/JSA/#", "$MQTT/#", "+/API/#"} {
		if err := spy.Subscribe(0, topic); errors.Is(err, mqtttest.ErrRefused) {
			refused++
		} else if err != nil {
			t.Fatal(err)
		}
	}
	if refused < 7 {
		t.Errorf("only %d of the subscriptions to the server's interfaces were refused", refused)
	}
	c := mqtttest.Dial(t, addr)
	for _, qos := range []byte{0, 1} {
		for _, s := range streams {
			c.MustPublish(qos, "$JS/API/STREAM/DELETE/"+s, "")
			c.MustPublish(qos, "$JS/API/STREAM/PURGE/"+s, "")
		}
		for _, topic := range []string{
			"records/0", "partials/0", "aggregates/1", "dead/x", "model/events", "seen/x",
			"$KV/plans/plan", "$JS/API/STREAM/DELETE/DEAD", "$O/aggregate/C/x", "$SYS/REQ/SERVER/PING", "_INBOX/x", "$MQTT/msgs/x", "$MQTT/sess/x",
		} {
			c.MustPublish(qos, topic, "not ours")
		}
	}
	// What we do ourselves is not seen by the spy.
	if _, err := b.PublishRecords(t.Context(), 0, []byte("ours")); err != nil {
		t.Fatal(err)
	}
	if err := b.Bury(t.Context(), DeadLetter{Source: "test", Reason: "because"}); err != nil {
		t.Fatal(err)
	}
	c.MustPublish(1, "end", "end")

	var heard []string
	for {
		m, err := spy.Next()
		if err != nil {
			t.Fatal(err)
		}
		if m.Topic == "end" {
			break
		}
		if m.Body != "not ours" || strings.HasPrefix(m.Topic, "$") || strings.HasPrefix(m.Topic, "_") {
			heard = append(heard, m.Topic+" "+m.Body)
		}
	}
	if heard != nil {
		t.Errorf("an MQTT client heard %q", heard)
	}
	after, err := b.Streams(t.Context())
	if err != nil || strings.Join(after, " ") != strings.Join(streams, " ") {
		t.Errorf("the streams were %v and are %v, %v", streams, after, err)
	}
	for stream, want := range map[string]uint64{recordsStream(0): 1, aggregatesStream: 0, partialsStream: 0, deadStream: 1, "KV_plans": 1} {
		if x, err := b.Extent(t.Context(), stream); err != nil || x.Last != want {
			t.Errorf("%s has %d messages, %d are ours, %v", stream, x.Last, want, err)
		}
	}
	if e, err := kv.Get(t.Context(), "plan"); err != nil || string(e.Value()) != "ours" {
		t.Errorf("the plan is %v, %v", e, err)
	}
}

// TestMQTTClientsTalkToOneAnother holds what MQTT itself needs, as home
// automation on the same broker does.
func TestMQTTClientsTalkToOneAnother(t *testing.T) {
	addr := freeAddr(t)
	b := open(t, Options{MQTT: addr})
	b.AdmitMQTT()
	for _, qos := range []byte{0, 1} {
		listener := mqtttest.Dial(t, addr)
		if err := listener.Subscribe(qos, "home/+/power"); err != nil {
			t.Fatal(err)
		}
		c, err := mqtttest.Connect(t, addr, mqtttest.Login{User: "DVES_USER", Password: "whatever"})
		if err != nil {
			t.Fatalf("a client that says a user and a password: %v", err)
		}
		c.MustPublish(qos, "home/desk/power", "42")
		if m, err := listener.Next(); err != nil || m != (mqtttest.Message{Topic: "home/desk/power", Body: "42"}) {
			t.Errorf("QoS %d: heard %v, %v", qos, m, err)
		}
	}
}

func TestMQTTClientsWaitUntilTheyAreAdmitted(t *testing.T) {
	addr := freeAddr(t)
	b := open(t, Options{MQTT: addr})
	b.door.admitWithin = time.Hour
	result := make(chan error, 1)
	go func() {
		_, err := mqtttest.Connect(t, addr, mqtttest.Login{})
		result <- err
	}()
	// It is there, as far as the server is concerned, and gets no further.
	deadline := time.Now().Add(mqtttest.Deadline)
	for b.server.NumClients() < 3 && time.Now().Before(deadline) {
		<-time.After(time.Millisecond)
	}
	select {
	case err := <-result:
		t.Fatalf("let in too soon: %v", err)
	default:
	}
	b.AdmitMQTT()
	if err := <-result; err != nil {
		t.Fatal(err)
	}
}

// TestClosingDoesNotWaitForClients has a client at the door when it is closed.
func TestClosingDoesNotWaitForClients(t *testing.T) {
	addr := freeAddr(t)
	b := open(t, Options{MQTT: addr})
	b.door.admitWithin = time.Hour
	result := make(chan error, 1)
	go func() {
		_, err := mqtttest.Connect(t, addr, mqtttest.Login{})
		result <- err
	}()
	deadline := time.Now().Add(mqtttest.Deadline)
	for b.server.NumClients() < 3 && time.Now().Before(deadline) {
		<-time.After(time.Millisecond)
	}
	b.Close()
	if err := <-result; err == nil {
		t.Error("it was let in")
	}
}

func TestOtherProcessesNeedALogin(t *testing.T) {
	login := Login{"plant", "s3cret"}
	b := open(t, Options{Listen: "127.0.0.1:0", Login: login, MQTT: freeAddr(t)})
	b.AdmitMQTT()
	at := "nats://" + b.ListenAddr()
	for name, o := range map[string][]nats.Option{
		"nothing":        nil,
		"wrong password": {nats.UserInfo("plant", "secret")},
		"wrong user":     {nats.UserInfo("services", "s3cret")},
		"no password":    {nats.UserInfo("plant", "")},
		"sensors":        {nats.UserInfo("sensors", "")},
		"token":          {nats.Token("s3cret")},
	} {
		if c, err := nats.Connect(at, o...); !errors.Is(err, nats.ErrAuthorization) {
			t.Errorf("%s: %v", name, err)
			c.Close()
		}
	}
	for name, o := range map[string]Options{
		"login":       {URL: at, Login: login},
		"in the URL":  {URL: "nats://plant:s3cret@" + b.ListenAddr()},
		"no login":    {URL: at},
		"wrong login": {URL: at, Login: Login{"plant", "x"}},
	} {
		o.Partitions = 1
		other, err := Open(t.Context(), o)
		if strings.Contains(name, "login") && name != "login" {
			if err == nil {
				other.Close()
				t.Errorf("%s: let in", name)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if err := other.Bury(t.Context(), DeadLetter{Source: "test", Reason: name}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		other.Close()
	}
	if n, err := b.DeadLetterCount(t.Context()); n != 2 || err != nil {
		t.Errorf("%d dead letters, %v", n, err)
	}
}

func TestListenWithoutLoginIsForLoopbackOnly(t *testing.T) {
	for _, addr := range []string{"0.0.0.0:0", ":0", "[::]:0", "192.0.2.1:4222", "example.org:4222"} {
		b, err := Open(t.Context(), Options{Dir: t.TempDir(), Partitions: 1, Listen: addr})
		if err == nil {
			b.Close()
		}
		if err == nil || !strings.Contains(err.Error(), "user and password") {
			t.Errorf("%s: %v", addr, err)
		}
	}
	b := open(t, Options{Listen: "127.0.0.1:0"})
	c, err := nats.Connect("nats://" + b.ListenAddr())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	js, err := jetstream.New(c)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), mqtttest.Deadline)
	defer cancel()
	if _, err := js.Stream(ctx, deadStream); err != nil {
		t.Error(err)
	}
}

// TestAllBeginAtOnce opens a bus for other processes and reaches it from many,
// all at the same moment: whoever makes a stream first, all find it.
func TestAllBeginAtOnce(t *testing.T) {
	for range 4 {
		addr := freeAddr(t)
		dir := t.TempDir()
		var g errgroup.Group
		buses := make([]*Bus, 6)
		for i := range buses {
			o := Options{URL: "nats://" + addr, Partitions: 4}
			if i == 0 {
				o = Options{Dir: dir, MinFree: 1, Listen: addr, Partitions: 4}
			}
			g.Go(func() (err error) {
				if buses[i], err = Open(t.Context(), o); err == nil {
					_, err = buses[i].KV(t.Context(), "plans")
				}
				return err
			})
		}
		if err := g.Wait(); err != nil {
			t.Error(err)
		}
		for _, b := range slices.Backward(buses) {
			if b != nil {
				b.Close()
			}
		}
	}
}

// TestOthersHearThatTheDiskIsFull has another process refuse what the disk of
// the bus has no room for, before it is sent.
func TestOthersHearThatTheDiskIsFull(t *testing.T) {
	b := open(t, Options{Listen: "127.0.0.1:0"})
	other, err := Open(t.Context(), Options{URL: "nats://" + b.ListenAddr(), Partitions: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	until := func(ok func() bool) {
		deadline := time.Now().Add(mqtttest.Deadline)
		for !ok() && time.Now().Before(deadline) {
			<-time.After(time.Millisecond)
		}
	}
	w := other.NewWriter()
	write := func(at record.Millis) error {
		return w.Write(t.Context(), []record.Record{{Sensor: "a", Time: at, Value: 1}})
	}
	if err := write(1); err != nil {
		t.Fatal(err)
	}
	for i, full := range []bool{true, false, true} {
		b.room.damaged.Store(full)
		until(func() bool { return other.Full() == full })
		if err := write(record.Millis(2 + i)); errors.Is(err, ErrFull) != full {
			t.Errorf("full is %v: %v", full, err)
		}
	}
	b.Close() // nobody tells any more: it is away, and not full
	until(func() bool { return !other.Full() })
	if other.Full() {
		t.Error("full, though nobody says so")
	}
}
