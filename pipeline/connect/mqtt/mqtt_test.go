package mqtt

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/wattwerk/wattwerk/internal/certs"
	"github.com/wattwerk/wattwerk/internal/mqtttest"
	"github.com/wattwerk/wattwerk/manifest"
	"github.com/wattwerk/wattwerk/pipeline/connect"
	"github.com/wattwerk/wattwerk/pipeline/connect/connecttest"
)

var text = manifest.Kind{Format: "text"}

// at gives the values of a broker's address, and others.
func at(b *mqtttest.Broker, more ...string) []string {
	host, port, _ := strings.Cut(b.Addr, ":")
	return append([]string{"host", host, "port", port}, more...)
}

func TestTopics(t *testing.T) {
	for _, c := range []struct{ filter, level, topic, want string }{
		{"PhoenixIB/TotalRealPower", "", "PhoenixIB/TotalRealPower", ""},
		{"PhoenixIB/+/power", "", "PhoenixIB/7/power", "7"},
		{"a/+/+/#", "", "a/b/c/d/e", "b/c/d/e"},
		{"a/#", "", "a", ""},
		{"#", "", "x/y", "x/y"},
		{"a/+/b", "1", "a/x/b", "a"},
		{"a/#", "3", "a/x", ""},
		{"$share/group/a/+", "", "a/x", "x"},
	} {
		values := []string{"host", "h", "topic", c.filter}
		if c.level != "" {
			values = append(values, "keyLevel", c.level)
		}
		r, err := newReader(connecttest.End(t, Protocol(), connecttest.House(), text, values...))
		if err != nil {
			t.Fatal(err)
		}
		if got := r.(*reader).key(c.topic); got != c.want {
			t.Errorf("%s of %s: %q, want %q", c.topic, c.filter, got, c.want)
		}
	}
	for _, bad := range []string{"", "a/b+", "#/a", "a#", "a\x00"} {
		if _, err := newReader(connecttest.End(t, Protocol(), connecttest.House(), text, "host", "h", "topic", bad)); err == nil {
			t.Errorf("%q is subscribed to", bad)
		}
		if _, err := newWriter(t.Context(), connecttest.End(t, Protocol(), connecttest.House(), text, "host", "h", "topic", bad+"+")); err == nil {
			t.Errorf("%q is published to", bad+"+")
		}
	}
	for _, host := range []string{"", "user@h", "h/x"} {
		if _, err := newReader(connecttest.End(t, Protocol(), connecttest.House(), text, "host", host, "topic", "a")); err == nil {
			t.Errorf("%q is a host", host)
		}
	}
}

func TestReadsATopic(t *testing.T) {
	b := mqtttest.StartBroker(t, mqtttest.BrokerOptions{})
	var s connecttest.Store
	connecttest.Run(t, Protocol(), connecttest.End(t, Protocol(), connecttest.House(), text, at(b, "topic", "box/+/power")...), &s)
	s.Connected(t)
	c := mqtttest.Dial(t, b.Addr)
	c.MustPublish(1, "box/1/power", "5")
	c.MustPublish(1, "box/2/power", "warm")
	c.MustPublish(1, "box/2/energy", "7")
	c.MustPublish(0, "box/2/power", "6")
	if d := cmp.Diff([]string{"1 5", "2 6"}, s.Pieces(t, 2)); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]string{"the value is not a number: warm"}, s.Bad(t, 1)); d != "" {
		t.Error(d)
	}
}

// TestNothingIsLostOrTwice ends the reader between storing and acknowledging,
// and the broker at any time.
func TestNothingIsLostOrTwice(t *testing.T) {
	b := mqtttest.StartBroker(t, mqtttest.BrokerOptions{})
	e := connecttest.End(t, Protocol(), connecttest.House(), text, at(b, "topic", "n")...)
	const n = 600
	var cut atomic.Bool
	var stop atomic.Value
	s := connecttest.Store{Fail: func(stored bool, _ []connect.Message) error {
		if stored && cut.Load() {
			stop.Load().(context.CancelFunc)()
			return errors.New("killed before it could say that it is stored")
		}
		return nil
	}}
	read := func() (end func()) {
		r, err := newReader(e)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		stop.Store(cancel)
		done := make(chan error, 1)
		go func() { done <- r.Read(ctx, s.Store, s.Status) }()
		return func() {
			if err := <-done; err != nil {
				t.Error(err)
			}
		}
	}
	end := read()
	s.Connected(t)
	var want []string
	publish := func(from, to int) {
		c := mqtttest.Dial(t, b.Addr)
		for i := from; i < to; i++ {
			c.MustPublish(1, "n", fmt.Sprint(i))
			want = append(want, fmt.Sprint(i))
		}
	}
	publish(0, 100)
	s.Pieces(t, 100)
	for round := range 3 {
		cut.Store(true)
		publish(100+100*round, 150+100*round)
		end() // by what Fail does
		publish(150+100*round, 200+100*round)
		cut.Store(false)
		end = read()
		s.Pieces(t, 200+100*round)
	}
	if s.Skipped() == 0 {
		t.Error("nothing was told again")
	}
	// The broker is restarted, and then killed, while the reader goes on.
	before := s.Statuses()
	publish(400, 450)
	b.Stop()
	s.Broken(t, before, "broker")
	b.Start()
	publish(450, 500)
	s.Pieces(t, 500)
	s.Connected(t)
	before = s.Statuses()
	b.Kill()
	s.Broken(t, before, "broker")
	b.Start()
	s.Connected(t)
	publish(500, n)
	got := s.Pieces(t, n)
	slices.Sort(got)
	slices.Sort(want)
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	stop.Load().(context.CancelFunc)()
	end()
}

func TestHoldsOnWhileNothingCanBeStored(t *testing.T) {
	b := mqtttest.StartBroker(t, mqtttest.BrokerOptions{})
	var failed atomic.Int32
	s := connecttest.Store{Fail: func(stored bool, _ []connect.Message) error {
		if !stored && failed.Add(1) < 5 {
			return connect.ErrBusy
		}
		return nil
	}}
	connecttest.Run(t, Protocol(), connecttest.End(t, Protocol(), connecttest.House(), text, at(b, "topic", "n")...), &s)
	s.Connected(t)
	c := mqtttest.Dial(t, b.Addr)
	for i := range 10 {
		c.MustPublish(1, "n", fmt.Sprint(i))
	}
	if got := s.Pieces(t, 10); len(got) != 10 || failed.Load() < 5 {
		t.Error(got, failed.Load())
	}
}

func TestSecrets(t *testing.T) {
	dir := t.TempDir()
	ca, err := certs.Create(dir)
	if err != nil {
		t.Fatal(err)
	}
	authority, err := certs.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	server, err := authority.Server(dir, []string{"127.0.0.1"})
	if err != nil {
		t.Fatal(err)
	}
	for name, secret := range map[string]string{"good": "correct horse\n", "wrong": "battery"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(secret), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	b := mqtttest.StartBroker(t, mqtttest.BrokerOptions{User: "plant", Password: "correct horse", Cert: server.Cert, Key: server.Key})
	house := connecttest.House()
	house.Secrets = dir
	values := at(b, "topic", "n", "protocol", "mqtts", "user", "plant", "ca", filepath.Base(ca.Cert))
	var s, wrong, unsigned connecttest.Store
	connecttest.Run(t, Protocol(), connecttest.End(t, Protocol(), house, text, append(values, "password", "good")...), &s)
	s.Connected(t)
	connecttest.Run(t, Protocol(), connecttest.End(t, Protocol(), house, text, append(values, "password", "wrong", "client", "other")...), &wrong)
	wrong.Broken(t, 0, "not reached")
	connecttest.Run(t, Protocol(), connecttest.End(t, Protocol(), house, text, append(values[:len(values)-2:len(values)-2], "password", "good", "client", "third")...), &unsigned)
	unsigned.Broken(t, 0, "certificate")
	w := connecttest.Write(t, Protocol(), connecttest.End(t, Protocol(), house, text, append(values, "password", "good")...))
	if err := w.Write(t.Context(), []connect.Written{{Value: 4}}); err != nil {
		t.Fatal(err)
	}
	s.Pieces(t, 1)
	if _, err := newReader(connecttest.End(t, Protocol(), house, text, append(values, "password", "none")...)); err == nil || strings.Contains(err.Error(), dir) {
		t.Error(err)
	}
	strange := connecttest.House()
	strange.Private = false
	var s2 connecttest.Store
	connecttest.Run(t, Protocol(), connecttest.End(t, Protocol(), strange, text, at(b, "topic", "n")...), &s2)
	s2.Broken(t, 0, connect.ErrReach.Error())
}

func TestWrites(t *testing.T) {
	b := mqtttest.StartBroker(t, mqtttest.BrokerOptions{})
	house := connecttest.House()
	w := connecttest.Write(t, Protocol(), connecttest.End(t, Protocol(), house, manifest.Kind{}, at(b, "topic", "results/{key}")...))
	c := mqtttest.Dial(t, b.Addr)
	if err := c.Subscribe(1, "results/#"); err != nil {
		t.Fatal(err)
	}
	var results []connect.Written
	for i := range 500 {
		results = append(results, connect.Written{Manifest: "m", Processor: "p", Key: fmt.Sprint("box", i%5), Time: 1, Value: float64(i)})
	}
	bad := connect.Written{Key: "a+b"}
	err := w.Write(t.Context(), append(results, bad))
	var refused *connect.Refused
	if !errors.As(err, &refused) || len(refused.Results) != 1 || refused.Results[0].Result != bad {
		t.Fatal(err)
	}
	last := map[string]string{}
	for range results {
		m, err := c.Next()
		if err != nil {
			t.Fatal(err)
		}
		if n := len(m.Body); n < len(last[m.Topic]) || n == len(last[m.Topic]) && m.Body < last[m.Topic] {
			t.Errorf("%s after %s", m.Body, last[m.Topic])
		}
		last[m.Topic] = m.Body
	}
	if len(last) != 5 || !strings.Contains(last["results/box4"], `"value":499`) {
		t.Error(last)
	}
	// A broker that is away: an error, and then it is written again.
	b.Kill()
	ctx, cancel := context.WithCancel(t.Context())
	go cancel()
	if err := w.Write(ctx, results[:1]); err == nil {
		t.Error("written to a broker that is away")
	}
	b.Start()
	if err := w.Write(t.Context(), results[:10]); err != nil {
		t.Error(err)
	}
}
