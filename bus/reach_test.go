package bus

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/wattwerk/wattwerk/internal/certs"
	"github.com/wattwerk/wattwerk/internal/natstest"
)

// waits counts how often somebody says that he waits.
type waits struct{ n atomic.Int32 }

func (w *waits) Write(b []byte) (int, error) {
	if strings.Contains(string(b), "waiting for NATS") {
		w.n.Add(1)
	}
	return len(b), nil
}

func TestOpenWaitsForAClusterThatIsNotThereYet(t *testing.T) {
	c := natstest.Prepare(t, natstest.Options{Nodes: 3})
	said := &waits{}
	type opened struct {
		bus *Bus
		err error
	}
	result := make(chan opened, 1)
	go func() {
		b, err := Open(t.Context(), Options{URL: c.URL(), Replicas: 3, Partitions: 1, Log: slog.New(slog.NewTextHandler(said, nil))})
		result <- opened{b, err}
	}()
	still := func(when string) {
		t.Helper()
		select {
		case o := <-result:
			t.Fatalf("%s: opened: %v", when, o.err)
		default:
		}
	}
	until := func(n int32) {
		t.Helper()
		if err := c.Wait(t.Context(), func() error {
			if got := said.n.Load(); got < n {
				return fmt.Errorf("it was said %d times that NATS is waited for, not %d", got, n)
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	until(1)
	still("nobody is there")
	c.Nodes[0].Start() // alone it can decide nothing
	until(2)
	still("one of three is there")
	c.Nodes[1].Start()
	c.Nodes[2].Start()
	o := <-result
	if o.err != nil {
		t.Fatal(o.err)
	}
	defer o.bus.Close()
	if _, err := o.bus.PublishRecords(t.Context(), 0, []byte("x")); err != nil {
		t.Error(err)
	}
}

func TestOpenSaysWhatIsWrong(t *testing.T) {
	small := natstest.Start(t, natstest.Options{Config: func(*natstest.Node) string { return "max_payload: 1MB\n" }})
	few := natstest.Start(t, natstest.Options{Config: func(*natstest.Node) string {
		return `accounts { A { jetstream: { max_streams: 5 }, users: [ { user: a, password: a } ] }
  B { jetstream: { max_file: 1GB }, users: [ { user: b, password: b } ] } }
`
	}})
	for name, x := range map[string]struct {
		o    Options
		says []string
	}{
		"nobody":         {Options{URL: "nats://user:secret@" + freeAddr(t), Wait: time.Millisecond}, []string{"reach NATS at nats://user:xxxxx@", "after waiting"}},
		"small messages": {Options{URL: small.URL()}, []string{"1048576 bytes", "max_payload"}},
		"few streams":    {Options{URL: few.URL(), Login: Login{"a", "a"}}, []string{"5 streams"}},
		"little room":    {Options{URL: few.URL(), Login: Login{"b", "b"}}, []string{"raise its limit"}},
		"copies":         {Options{URL: natstest.Start(t, natstest.Options{}).URL(), Replicas: 3}, []string{"need a cluster"}},
		"wrong login":    {Options{URL: few.URL(), Login: Login{"a", "b"}}, []string{"Authorization"}},
	} {
		t.Run(name, func(t *testing.T) {
			b, err := Open(t.Context(), x.o)
			if err == nil {
				b.Close()
				t.Fatal("opened")
			}
			for _, s := range x.says {
				if !strings.Contains(err.Error(), s) {
					t.Errorf("%q is not in: %v", s, err)
				}
			}
			if strings.Contains(err.Error(), "secret") {
				t.Errorf("it tells the password: %v", err)
			}
		})
	}
}

// TestTLS meets a server that wants to see our certificate.
func TestTLS(t *testing.T) {
	dir := t.TempDir()
	ca, err := certs.Create(dir)
	if err != nil {
		t.Fatal(err)
	}
	authority, err := certs.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	host := natstest.Hosts(t, 1)
	server, err := authority.Server(dir, host)
	if err != nil {
		t.Fatal(err)
	}
	client, err := authority.Edge(dir, "plant")
	if err != nil {
		t.Fatal(err)
	}
	c := natstest.Start(t, natstest.Options{Hosts: host, Config: func(*natstest.Node) string {
		return fmt.Sprintf("tls { cert_file: %q, key_file: %q, ca_file: %q, verify: true }\n", server.Cert, server.Key, ca.Cert)
	}})
	b := open(t, Options{URL: c.URL(), TLS: TLS{CA: ca.Cert, Cert: client.Cert, Key: client.Key}})
	if _, err := b.PublishRecords(t.Context(), 0, []byte("x")); err != nil {
		t.Error(err)
	}
	for name, o := range map[string]TLS{"no certificate": {CA: ca.Cert}, "a stranger": {Cert: client.Cert, Key: client.Key}} {
		if b, err := Open(t.Context(), Options{URL: c.URL(), TLS: o, Wait: time.Millisecond}); err == nil {
			b.Close()
			t.Errorf("%s: opened", name)
		}
	}
}

func TestCopiesAreRaisedAndNotLowered(t *testing.T) {
	c := natstest.Start(t, natstest.Options{Nodes: 3})
	copies := func(b *Bus) (n int) {
		s, err := b.js.Stream(t.Context(), recordsStream(0))
		if err != nil {
			t.Fatal(err)
		}
		return s.CachedInfo().Config.Replicas
	}
	for i, x := range []struct{ replicas, want int }{{1, 1}, {3, 3}, {1, 3}} {
		b := open(t, Options{URL: c.URL(), Replicas: x.replicas})
		if got := copies(b); got != x.want {
			t.Errorf("%d: with %d there are %d copies, want %d", i, x.replicas, got, x.want)
		}
		if _, err := b.PublishRecords(t.Context(), 0, []byte("x")); err != nil {
			t.Error(err)
		}
	}
}

func TestCause(t *testing.T) {
	api := func(code int, c jetstream.ErrorCode) error {
		return fmt.Errorf("nats: %w", &jetstream.APIError{Code: code, ErrorCode: c})
	}
	for _, x := range []struct {
		err  error
		want error
	}{
		{nil, nil},
		{api(503, 10023), ErrFull},
		{api(500, 10047), ErrFull},
		{api(503, 10077), ErrFull},
		{api(503, 10008), ErrAway},
		{api(500, 10009), ErrAway},
		{api(409, 10158), ErrAway},
		{api(400, jetstream.JSErrCodeStreamWrongLastSequence), nil},
		{jetstream.ErrStreamNotFound, nil},
		{jetstream.ErrNoStreamResponse, ErrAway},
		{nats.ErrNoServers, ErrAway},
		{nats.ErrAuthorization, nil},
		{fmt.Errorf("x: %w", &net.OpError{Err: errors.New("refused")}), ErrAway},
		{errors.New("x"), nil},
	} {
		if got := Cause(x.err); !errors.Is(got, x.want) {
			t.Errorf("%v is because %v, not %v", x.err, got, x.want)
		}
	}
}

// TestTroubled: that a reader is slow is no trouble, as it notices what it loses;
// that one is who hears what nobody keeps, is, and whatever else there is.
func TestTroubled(t *testing.T) {
	for _, x := range []struct {
		sub  *nats.Subscription
		err  error
		told bool
	}{
		{&nats.Subscription{Subject: nats.NewInbox()}, nats.ErrSlowConsumer, false},
		{&nats.Subscription{Subject: nats.NewInbox()}, nats.ErrMaxPayload, true},
		{&nats.Subscription{Subject: "previews"}, nats.ErrSlowConsumer, true},
		{nil, nats.ErrStaleConnection, true},
	} {
		var log bytes.Buffer
		b := &Bus{opts: Options{Log: slog.New(slog.NewTextHandler(&log, nil))}}
		if b.troubled(new(nats.Conn), x.sub, x.err); strings.Contains(log.String(), x.err.Error()) != x.told {
			t.Errorf("%v of %v: %q", x.err, x.sub, &log)
		}
	}
}
