package mqtt

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/wattwerk/wattwerk/bus"
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

// publisher speaks just enough of MQTT 3.1.1 to publish: what a small sensor does.
type publisher struct {
	t    *testing.T
	conn net.Conn
	id   uint16
}

func dial(t *testing.T, addr string) *publisher {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for {
		conn, err := net.Dial("tcp", addr)
		if err == nil {
			t.Cleanup(func() { conn.Close() })
			p := &publisher{t: t, conn: conn}
			name := fmt.Sprintf("p%d", time.Now().UnixNano())
			p.send(0x10, append([]byte{0, 4, 'M', 'Q', 'T', 'T', 4, 2, 0, 60, 0, byte(len(name))}, name...))
			if got := p.receive(); got[0] != 0x20 || got[3] != 0 {
				t.Fatalf("%s answered % x", addr, got)
			}
			return p
		}
		if time.Now().After(deadline) {
			t.Fatalf("no connection to %s: %v", addr, err)
		}
		// The broker has just been started and gives no other sign.
		<-time.After(10 * time.Millisecond)
	}
}

func (p *publisher) send(kind byte, body []byte) {
	p.t.Helper()
	packet := []byte{kind}
	for n := len(body); ; {
		b := byte(n & 0x7f)
		if n >>= 7; n > 0 {
			b |= 0x80
		}
		packet = append(packet, b)
		if n == 0 {
			break
		}
	}
	if _, err := p.conn.Write(append(packet, body...)); err != nil {
		p.t.Fatal(err)
	}
}

func (p *publisher) receive() [4]byte {
	p.t.Helper()
	var b [4]byte
	if err := p.conn.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
		p.t.Fatal(err)
	}
	if _, err := io.ReadFull(p.conn, b[:]); err != nil {
		p.t.Fatal(err)
	}
	return b
}

// publish sends a message and returns when the broker acknowledged it.
func (p *publisher) publish(qos byte, topic, body string) {
	p.t.Helper()
	packet := append([]byte{byte(len(topic) >> 8), byte(len(topic))}, topic...)
	if qos > 0 {
		p.id++
		packet = append(packet, byte(p.id>>8), byte(p.id))
	}
	p.send(0x30|qos<<1, append(packet, body...))
	if qos > 0 {
		if got := p.receive(); got[0] != 0x40 || got[2] != byte(p.id>>8) || got[3] != byte(p.id) {
			p.t.Fatalf("acknowledged with % x", got)
		}
	}
}

// run runs the service until the function it gives is called.
func run(t *testing.T, o Options) (stop func()) {
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
	c := dial(t, addr)
	// Acknowledged while nobody is there.
	c.publish(1, "power/early", "1")
	c.publish(1, "tele/plug/SENSOR", `{"ENERGY":{"Power":2}}`)
	stop := run(t, o)
	if got := values(p.records(t, 0, 2)); !slices.Equal(got, []string{"early 1", "plug.power 2"}) {
		t.Fatal(got)
	}
	c.publish(1, "power/late", "3")
	c.publish(1, "x.y/dots", "4")
	c.publish(1, "power/more/levels", "5")
	c.publish(1, "unknown/topic", "6")
	c.publish(1, "power/late", "rubbish")
	if got := values(p.records(t, 2, 3)); !slices.Equal(got, []string{"dots 4", "late 3", "more.again 5"}) {
		t.Fatal(got)
	}
	// QoS 0 is taken once the subscription is there, and only once.
	c.publish(0, "power/zero", "7")
	c.publish(1, "power/end", "8")
	if got := values(p.records(t, 5, 2)); !slices.Equal(got, []string{"end 8", "zero 7"}) {
		t.Fatal(got)
	}
	stop()
	letters, err := p.bus.DeadLetters(t.Context(), 10)
	if err != nil || len(letters) != 1 || letters[0].Sample != "power/late rubbish" {
		t.Fatal(letters, err)
	}
	// Everything was acknowledged: nothing is left, and nothing comes twice.
	c.publish(1, "power/after", "9")
	run(t, o)
	if got := values(p.records(t, 7, 1)); !slices.Equal(got, []string{"after 9"}) {
		t.Fatal(got)
	}
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
		c := dial(t, addr)
		for i := range n {
			c.publish(1, "power/desk", fmt.Sprint(i))
		}
		p.bus.Close()
	}()
	p := newPlant(t, bus.Options{MQTT: addr, Dir: dir})
	run(t, Options{Bridge: p.bridge, Bus: p.bus, Listen: true, Config: DefaultConfig()})
	got := p.records(t, 0, n)
	for i := range n {
		if !strings.HasSuffix(got[i], fmt.Sprint(" ", i)) {
			t.Fatalf("record %d is %s", i, got[i])
		}
	}
}

// mosquitto starts the broker of Debian's package.
func mosquitto(t *testing.T) (addr string) {
	t.Helper()
	path := "/usr/sbin/mosquitto"
	if found, err := exec.LookPath("mosquitto"); err == nil {
		path = found
	}
	if _, err := os.Stat(path); err != nil {
		t.Fatal("mosquitto is missing; make test installs it")
	}
	addr = freeAddr(t)
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "mosquitto.conf")
	if err := os.WriteFile(file, []byte("listener "+port+" 127.0.0.1\nallow_anonymous true\npersistence false\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(path, "-c", file)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := cmd.Process.Kill(); err != nil {
			t.Error(err)
		}
		_ = cmd.Wait() // it was killed
	})
	return addr
}

func TestFollowsABrokerOfOthers(t *testing.T) {
	addr := mosquitto(t)
	p := newPlant(t, bus.Options{})
	config := DefaultConfig()
	config.Brokers = []Broker{{Name: "plant", URL: "mqtt://" + addr}}
	o := Options{Bridge: p.bridge, Config: config}
	c := dial(t, addr)
	stop := run(t, o)
	// The subscription is there when something comes; until then QoS 1 has no one to wait for.
	for i := 0; ; i++ {
		c.publish(1, "power/first", "0")
		if x, err := p.bus.RecordsExtent(t.Context(), 0); err != nil {
			t.Fatal(err)
		} else if x.Last > 0 {
			break
		}
		if i > 2000 {
			t.Fatal("nothing comes")
		}
		<-time.After(5 * time.Millisecond)
	}
	c.publish(1, "power/mark", "0")
	until(t, p, "mark 0")
	c.publish(1, "tele/plug/SENSOR", `{"Time":"2024-05-07T09:19:55","ENERGY":{"Power":2}}`)
	c.publish(1, "shelly-1/events/rpc", `{"method":"NotifyStatus","params":{"ts":1700000000,"switch:0":{"apower":3}}}`)
	c.publish(0, "power/zero", "4")
	until(t, p, "plug.power 2", "shelly-1.switch:0.power 3", "zero 4")
	stop()
	// The broker keeps what is published while we are away.
	for i := range 20 {
		c.publish(1, "power/away", fmt.Sprint(i))
	}
	run(t, o)
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

// until waits until all these are among the records.
func until(t *testing.T, p *plant, want ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	missing := map[string]bool{}
	for _, w := range want {
		missing[w] = true
	}
	done := errors.New("done")
	err := p.bus.ReadRecords(ctx, 0, 0, func(m bus.Message) error {
		var b record.Batch
		if err := b.Decode(m.Data); err != nil {
			return err
		}
		b.Names()
		for i := range b.Len() {
			delete(missing, fmt.Sprint(b.At(i).Sensor, " ", b.At(i).Value))
		}
		if len(missing) == 0 {
			return done
		}
		return nil
	})
	if !errors.Is(err, done) {
		t.Fatalf("still missing: %v, %v", missing, err)
	}
}
