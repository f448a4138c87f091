package mqtt

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/eclipse/paho.golang/packets"
	"github.com/eclipse/paho.golang/paho"
	sessionstate "github.com/eclipse/paho.golang/paho/session/state"

	"github.com/wattwerk/wattwerk/bus"
	"github.com/wattwerk/wattwerk/internal/mqtttest"
	"github.com/wattwerk/wattwerk/record"
)

// freeAddr gives an address nobody listens on.
func freeAddr(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// start runs the service until the function it gives is called.
func start(t *testing.T, o Options) (stop func()) {
	t.Helper()
	o.Retry = 20 * time.Millisecond
	s, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := s.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	stop = func() { cancel(); wg.Wait() }
	t.Cleanup(stop)
	return stop
}

func values(rs []string) []string {
	var out []string
	for _, r := range rs {
		f := strings.Fields(r)
		out = append(out, f[0]+" "+f[len(f)-1])
	}
	slices.Sort(out)
	return out
}

func TestListenerTakesWhatSensorsPublish(t *testing.T) {
	addr := freeAddr(t)
	p := newPlant(t, bus.Options{MQTT: addr})
	o := Options{Bridge: p.bridge, Bus: p.bus, Listen: true, Config: DefaultConfig()}
	// Overlapping patterns: a message is one all the same.
	o.Config.Topics = append(o.Config.Topics, Topic{Topic: "power/#", Format: "number", Sensor: "{topic.2}.again"}, Topic{Topic: "x.y/+", Format: "number", Sensor: "{topic.2}"})
	s, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Prepare(t.Context()); err != nil {
		t.Fatal(err)
	}
	c := mqtttest.Dial(t, addr)
	// Acknowledged while nobody is there.
	c.MustPublish(1, "power/early", "1")
	c.MustPublish(1, "tele/plug/SENSOR", `{"ENERGY":{"Power":2}}`)
	stop := start(t, o)
	if got := values(p.records(t, 0, 2)); !slices.Equal(got, []string{"early 1", "plug.power 2"}) {
		t.Fatal(got)
	}
	c.MustPublish(1, "power/late", "3")
	c.MustPublish(1, "x.y/dots", "4")
	c.MustPublish(1, "power/more/levels", "5")
	c.MustPublish(1, "unknown/topic", "6")
	c.MustPublish(1, "power/late", "rubbish")
	if got := values(p.records(t, 2, 3)); !slices.Equal(got, []string{"dots 4", "late 3", "more.again 5"}) {
		t.Fatal(got)
	}
	// QoS 0 is taken once the subscription is there, and only once.
	c.MustPublish(0, "power/zero", "7")
	c.MustPublish(1, "power/end", "8")
	if got := values(p.records(t, 5, 2)); !slices.Equal(got, []string{"end 8", "zero 7"}) {
		t.Fatal(got)
	}
	stop()
	letters, err := p.bus.DeadLetters(t.Context(), 10)
	if err != nil || len(letters) != 1 || letters[0].Sample != "power/late rubbish" {
		t.Fatal(letters, err)
	}
	// Everything was acknowledged: nothing is left, and nothing comes twice.
	c.MustPublish(1, "power/after", "9")
	start(t, o)
	if got := values(p.records(t, 7, 1)); !slices.Equal(got, []string{"after 9"}) {
		t.Fatal(got)
	}
}

// TestWhatIsHeldIsGivenBack ends a service that holds a message it cannot
// store: whoever is next gets it at once, not when [ackWait] is over.
func TestWhatIsHeldIsGivenBack(t *testing.T) {
	addr := freeAddr(t)
	p, gone := newPlant(t, bus.Options{MQTT: addr}), newPlant(t, bus.Options{})
	gone.bus.Close()
	held := make(chan struct{}, 100)
	o := Options{Bridge: gone.bridge, Bus: p.bus, Listen: true, Config: DefaultConfig(), Log: slog.New(slog.NewTextHandler(writer(func(line []byte) {
		if bytes.Contains(line, []byte("have to wait")) {
			select {
			case held <- struct{}{}:
			default:
			}
		}
	}), nil))}
	stop := start(t, o)
	c := mqtttest.Dial(t, addr)
	c.MustPublish(1, "power/desk", "1")
	<-held
	c.MustPublish(1, "power/lamp", "2") // waits behind it
	stop()
	start(t, Options{Bridge: p.bridge, Bus: p.bus, Listen: true, Config: DefaultConfig()})
	if got := values(p.records(t, 0, 2)); !slices.Equal(got, []string{"desk 1", "lamp 2"}) {
		t.Fatal(got)
	}
}

type writer func([]byte)

func (w writer) Write(b []byte) (int, error) {
	w(b)
	return len(b), nil
}

// TestNothingIsMissedOnAFreshDirectory has a sensor that is there before us.
func TestNothingIsMissedOnAFreshDirectory(t *testing.T) {
	addr := freeAddr(t)
	p := newPlant(t, bus.Options{MQTT: addr})
	published := make(chan error, 1)
	go func() {
		c, err := mqtttest.Connect(t, addr, mqtttest.Login{})
		if err == nil {
			err = c.Publish(1, "power/desk", "1")
		}
		published <- err
	}()
	s, err := New(Options{Bridge: p.bridge, Bus: p.bus, Listen: true, Config: DefaultConfig()})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Prepare(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-published; err != nil {
		t.Fatal(err)
	}
	start(t, Options{Bridge: p.bridge, Bus: p.bus, Listen: true, Config: DefaultConfig()})
	if got := values(p.records(t, 0, 1)); !slices.Equal(got, []string{"desk 1"}) {
		t.Fatal(got)
	}
}

// TestMQTTDoesNotFillTheDisk publishes more than may wait, while nobody takes it.
func TestMQTTDoesNotFillTheDisk(t *testing.T) {
	addr := freeAddr(t)
	p := newPlant(t, bus.Options{MQTT: addr})
	s, err := New(Options{Bridge: p.bridge, Bus: p.bus, Listen: true, Config: DefaultConfig()})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Prepare(t.Context()); err != nil {
		t.Fatal(err)
	}
	c := mqtttest.Dial(t, addr)
	body := strings.Repeat("x", 1<<20)
	n := 0
	for n < maxWaiting>>20+1 && c.Publish(1, "other/topic", body) == nil {
		n++
	}
	if n < maxWaiting>>21 || n >= maxWaiting>>20 {
		t.Errorf("%d MiB were acknowledged, %d may wait", n, maxWaiting>>20)
	}
	// It goes on when somebody takes it.
	start(t, Options{Bridge: p.bridge, Bus: p.bus, Listen: true, Config: DefaultConfig()})
	deadline := time.Now().Add(mqtttest.Deadline)
	for {
		c, err := mqtttest.Connect(t, addr, mqtttest.Login{})
		if err == nil {
			err = c.Publish(1, "power/desk", "1")
		}
		if err == nil {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
	until(t, p, "desk 1")
}

func TestListenerSurvivesARestart(t *testing.T) {
	addr, dir := freeAddr(t), t.TempDir()
	const n = 50
	func() {
		p := newPlant(t, bus.Options{MQTT: addr, Dir: dir})
		s, err := New(Options{Bridge: p.bridge, Bus: p.bus, Listen: true, Config: DefaultConfig()})
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Prepare(t.Context()); err != nil {
			t.Fatal(err)
		}
		c := mqtttest.Dial(t, addr)
		for i := range n {
			c.MustPublish(1, "power/desk", fmt.Sprint(i))
		}
		p.bus.Close()
	}()
	p := newPlant(t, bus.Options{MQTT: addr, Dir: dir})
	start(t, Options{Bridge: p.bridge, Bus: p.bus, Listen: true, Config: DefaultConfig()})
	got := p.records(t, 0, n)
	for i := range n {
		if !strings.HasSuffix(got[i], fmt.Sprint(" ", i)) {
			t.Fatalf("record %d is %s", i, got[i])
		}
	}
}

// subscribed publishes until something comes: before the subscription is there,
// QoS 1 has no one to wait for.
func subscribed(t *testing.T, p *plant, c *mqtttest.Client) {
	t.Helper()
	for i := 0; ; i++ {
		c.MustPublish(1, "power/first", "0")
		if x, err := p.bus.RecordsExtent(t.Context(), 0); err != nil {
			t.Fatal(err)
		} else if x.Last > 0 {
			return
		}
		if i > 20000 {
			t.Fatal("nothing comes")
		}
		<-time.After(5 * time.Millisecond)
	}
}

func TestFollowsABrokerOfOthers(t *testing.T) {
	addr := mqtttest.StartBroker(t, mqtttest.BrokerOptions{}).Addr
	p := newPlant(t, bus.Options{})
	config := DefaultConfig()
	config.Brokers = []Broker{{Name: "plant", URL: "mqtt://" + addr}}
	o := Options{Bridge: p.bridge, Config: config}
	c := mqtttest.Dial(t, addr)
	stop := start(t, o)
	subscribed(t, p, c)
	c.MustPublish(1, "power/mark", "0")
	until(t, p, "mark 0")
	c.MustPublish(1, "tele/plug/SENSOR", `{"Time":"2024-05-07T09:19:55","ENERGY":{"Power":2}}`)
	c.MustPublish(1, "shelly-1/events/rpc", `{"method":"NotifyStatus","params":{"ts":1700000000,"switch:0":{"apower":3}}}`)
	c.MustPublish(0, "power/zero", "4")
	until(t, p, "plug.power 2", "shelly-1.switch:0.power 3", "zero 4")
	stop()
	// The broker keeps what is published while we are away.
	for i := range 20 {
		c.MustPublish(1, "power/away", fmt.Sprint(i))
	}
	start(t, o)
	want := []string{}
	for i := range 20 {
		want = append(want, fmt.Sprintf("away %d", i))
	}
	until(t, p, want...)
	in := p.bridge.Intakes()
	if len(in) != 1 || in[0].Bridge != "mqtt-plant" || in[0].Refused != 0 {
		t.Errorf("%+v", in)
	}
}

// arrived gives how many different times the readings of each sensor have,
// once one of the sensor last is there.
func arrived(t *testing.T, p *plant, last string) map[string]int {
	t.Helper()
	seen, times := map[string]bool{}, map[string]int{}
	err := p.read(t, func(r record.Record) {
		if id := fmt.Sprint(r.Sensor, " ", r.Time); !seen[id] {
			seen[id] = true
			times[string(r.Sensor)]++
		}
	}, func() bool { return times[last] > 0 })
	if err != nil {
		t.Fatal(times, err)
	}
	return times
}

// TestStoppingTellsTheBroker stops with everything stored: none comes again.
func TestStoppingTellsTheBroker(t *testing.T) {
	addr := mqtttest.StartBroker(t, mqtttest.BrokerOptions{}).Addr
	p := newPlant(t, bus.Options{})
	config := DefaultConfig()
	config.Brokers = []Broker{{Name: "plant", URL: "mqtt://" + addr}}
	o := Options{Bridge: p.bridge, Config: config}
	stop := start(t, o)
	c := mqtttest.Dial(t, addr)
	subscribed(t, p, c)
	want := []string{}
	for i := range 30 {
		c.MustPublish(1, fmt.Sprint("power/desk", i), "1")
		want = append(want, fmt.Sprintf("desk%d 1", i))
	}
	until(t, p, want...)
	stop()
	start(t, o)
	c.MustPublish(1, "power/end", "1")
	times := arrived(t, p, "end")
	for i := range 30 {
		if n := times[fmt.Sprint("desk", i)]; n != 1 {
			t.Errorf("desk%d has %d readings", i, n)
		}
	}
}

// TestWhatComesAgainKeepsItsTime cuts the connection when readings are stored
// and the broker does not know.
func TestWhatComesAgainKeepsItsTime(t *testing.T) {
	wire := newWire(t, mqtttest.StartBroker(t, mqtttest.BrokerOptions{}).Addr)
	p := newPlant(t, bus.Options{})
	config := DefaultConfig()
	config.Brokers = []Broker{{Name: "plant", URL: "mqtt://" + wire.addr}}
	start(t, Options{Bridge: p.bridge, Config: config})
	c := mqtttest.Dial(t, wire.broker)
	subscribed(t, p, c)
	wire.mute.Store(true)
	want := []string{}
	for i := range 10 {
		c.MustPublish(1, fmt.Sprint("power/desk", i), "1")
		want = append(want, fmt.Sprintf("desk%d 1", i))
	}
	until(t, p, want...)
	wire.cut()
	c.MustPublish(1, "power/end", "1")
	times := arrived(t, p, "end")
	for i := range 10 {
		if n := times[fmt.Sprint("desk", i)]; n != 1 {
			t.Errorf("desk%d has %d readings", i, n)
		}
	}
	if n := p.bridge.Intakes()[0].Accepted; n < 22 {
		t.Errorf("%d readings came: nothing came again", n)
	}
}

// TestSubscribesAgain has a broker that takes no subscription at first.
func TestSubscribesAgain(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	taken := make(chan int, 1)
	go func() {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		for asked := 0; ; {
			p, err := packets.ReadPacket(conn)
			if err != nil {
				return
			}
			switch p := p.Content.(type) {
			case *packets.Connect:
				_, err = (&packets.Connack{Properties: &packets.Properties{}}).WriteTo(conn)
			case *packets.Subscribe:
				asked++
				a := &packets.Suback{PacketID: p.PacketID, Properties: &packets.Properties{}}
				for range p.Subscriptions {
					reason := byte(packets.SubackGrantedQoS1)
					if asked < 3 {
						reason = packets.SubackUnspecifiederror
					}
					a.Reasons = append(a.Reasons, reason)
				}
				if _, err = a.WriteTo(conn); asked == 3 {
					taken <- asked
				}
			}
			if err != nil {
				return
			}
		}
	}()
	config := DefaultConfig()
	config.Brokers = []Broker{{Name: "plant", URL: "mqtt://" + l.Addr().String()}}
	start(t, Options{Bridge: newPlant(t, bus.Options{}).bridge, Config: config})
	select {
	case <-taken:
	case <-time.After(time.Minute):
		t.Fatal("it does not subscribe again on the same connection")
	}
}

// TestAcknowledgementsOnTheirWay counts what was asked for and is not sent.
func TestAcknowledgementsOnTheirWay(t *testing.T) {
	var a acks
	a.SessionManager = sessionstate.NewInMemory()
	if a.waiting() {
		t.Error("it waits for nothing")
	}
	client := paho.NewClient(paho.ClientConfig{EnableManualAcknowledgment: true})
	if err := a.ask(paho.PublishReceived{Packet: &paho.Publish{PacketID: 1, QoS: 1}, Client: client}); err == nil {
		t.Error("a message that is not there was acknowledged")
	}
	if a.waiting() {
		t.Error("it waits for what was refused")
	}
	if err := a.ask(paho.PublishReceived{Packet: &paho.Publish{QoS: 0}, Client: client}); err != nil || a.waiting() {
		t.Errorf("it waits for what needs no acknowledgement, %v", err)
	}
	a.open = 1
	if !a.waiting() {
		t.Error("it does not wait")
	}
	if _ = a.Ack(&packets.Publish{PacketID: 1, QoS: 1}); a.waiting() {
		t.Error("it waits for what was sent")
	}
}

// wire passes on what clients and a broker say to each other.
type wire struct {
	broker, addr string
	mute         atomic.Bool // what clients say is lost

	mu    sync.Mutex
	conns []net.Conn
}

func newWire(t *testing.T, broker string) *wire {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &wire{broker: broker, addr: l.Addr().String()}
	t.Cleanup(func() { l.Close(); w.cut() })
	go func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			server, err := net.Dial("tcp", broker)
			if err != nil {
				client.Close()
				continue
			}
			w.mu.Lock()
			w.conns = append(w.conns, client, server)
			w.mu.Unlock()
			go pass(server, client, &w.mute)
			go pass(client, server, new(atomic.Bool))
		}
	}()
	return w
}

func pass(to, from net.Conn, mute *atomic.Bool) {
	defer to.Close()
	b := make([]byte, 1<<16)
	for {
		n, err := from.Read(b)
		if err != nil {
			return
		}
		if mute.Load() {
			continue
		}
		if _, err := to.Write(b[:n]); err != nil {
			return
		}
	}
}

// cut ends every connection; what follows is passed on again.
func (w *wire) cut() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, c := range w.conns {
		c.Close()
	}
	w.conns = nil
	w.mute.Store(false)
}

// TestOneOfTwoFollows has two bridges with the same broker in their settings:
// one is connected, and when it ends the other goes on where it was.
func TestOneOfTwoFollows(t *testing.T) {
	addr := mqtttest.StartBroker(t, mqtttest.BrokerOptions{}).Addr
	p := newPlant(t, bus.Options{})
	config := DefaultConfig()
	config.Brokers = []Broker{{Name: "plant", URL: "mqtt://" + addr}}
	turn := make(chan struct{}, 1) // holds what one at a time has
	turn <- struct{}{}
	working := make(chan int, 2)
	bridge := func(i int) (stop func()) {
		return start(t, Options{Bridge: p.bridge, Config: config, Exclusive: func(ctx context.Context, name string, work func(context.Context) error) error {
			if strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" || !strings.HasPrefix(name, "mqtt-plant-") {
				t.Errorf("the name is %q", name)
			}
			select {
			case <-turn:
			case <-ctx.Done():
				return nil
			}
			defer func() { turn <- struct{}{} }()
			working <- i
			return work(ctx)
		}})
	}
	stop := map[int]func(){0: bridge(0), 1: bridge(1)}
	first := <-working
	c := mqtttest.Dial(t, addr)
	subscribed(t, p, c)
	var want []string
	for i := range 60 {
		if i == 20 {
			stop[first]()
		}
		if i == 40 {
			if second := <-working; second == first {
				t.Errorf("%d works twice", first)
			}
		}
		c.MustPublish(1, "power/m", fmt.Sprint(i))
		want = append(want, fmt.Sprintf("m %d", i))
	}
	until(t, p, want...)
}

// until waits until all these are among the records.
func until(t *testing.T, p *plant, want ...string) {
	t.Helper()
	missing := map[string]bool{}
	for _, w := range want {
		missing[w] = true
	}
	err := p.read(t, func(r record.Record) { delete(missing, fmt.Sprint(r.Sensor, " ", r.Value)) }, func() bool { return len(missing) == 0 })
	if err != nil {
		t.Fatalf("still missing: %v, %v", missing, err)
	}
}
