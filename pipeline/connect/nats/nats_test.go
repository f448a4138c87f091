package nats

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
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/wattwerk/wattwerk/internal/natstest"
	"github.com/wattwerk/wattwerk/manifest"
	"github.com/wattwerk/wattwerk/pipeline/connect"
	"github.com/wattwerk/wattwerk/pipeline/connect/connecttest"
)

var text = manifest.Kind{Format: "text"}

// somebody connects to the server as another program does.
func somebody(t *testing.T, n *natstest.Node, opts ...nats.Option) (*nats.Conn, jetstream.JetStream) {
	t.Helper()
	c, err := nats.Connect(n.URL(), append(opts, nats.MaxReconnects(-1))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	js, err := jetstream.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return c, js
}

func sorted(s []string) []string {
	slices.Sort(s)
	return s
}

func TestSubjects(t *testing.T) {
	for _, c := range []struct{ subject, is, want string }{{"a.b", "a.b", ""}, {"a.*.c", "a.7.c", "7"}, {"a.*.>", "a.b.c.d", "b.c.d"}, {">", "a.b", "a.b"}} {
		r, err := newReader(connecttest.End(t, Protocol(), connecttest.House(), text, "servers", "h", "subject", c.subject))
		if err != nil {
			t.Fatal(err)
		}
		if got := r.(*reader).key(c.is); got != c.want {
			t.Errorf("%s of %s: %q, want %q", c.is, c.subject, got, c.want)
		}
	}
	for _, values := range [][]string{
		{"servers", "h", "subject", ""}, {"servers", "h", "subject", "a..b"}, {"servers", "h", "subject", "a b"}, {"servers", "h", "subject", ">.a"}, {"servers", "h", "subject", "a*"},
		{"servers", "", "subject", "a"}, {"servers", "nats://h", "subject", "a"}, {"servers", "u:p@h", "subject", "a"}, {"servers", "h", "subject", "a", "consumer", "a.b"},
		{"servers", "h", "subject", "a", "password", "x"},
	} {
		if _, err := newReader(connecttest.End(t, Protocol(), connecttest.House(), text, values...)); err == nil {
			t.Errorf("%s is right", values)
		}
	}
	if _, err := newWriter(t.Context(), connecttest.End(t, Protocol(), connecttest.House(), text, "servers", "h", "subject", "a.*")); err == nil {
		t.Error("published to a.*")
	}
}

// TestNothingIsLostOrTwice ends the reader between storing and acknowledging,
// and the server while it reads.
func TestNothingIsLostOrTwice(t *testing.T) {
	n := natstest.Start(t, natstest.Options{}).Nodes[0]
	_, js := somebody(t, n)
	if _, err := js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "PLANT", Subjects: []string{"plant.>"}}); err != nil {
		t.Fatal(err)
	}
	var want []string
	publish := func(from, to int) {
		t.Helper()
		for i := from; i < to; i++ {
			for { // the server may only just be there again
				_, err := js.Publish(t.Context(), fmt.Sprintf("plant.%d.power", i%3), fmt.Append(nil, i), jetstream.WithMsgID(fmt.Sprint(i)))
				if err == nil {
					break
				}
				if t.Context().Err() != nil {
					t.Fatal(err)
				}
			}
			want = append(want, fmt.Sprintf("%d %d", i%3, i))
		}
	}
	var cut atomic.Bool
	var stop atomic.Value
	s := connecttest.Store{Fail: func(stored bool, _ []connect.Message) error {
		if stored && cut.Load() {
			stop.Load().(context.CancelFunc)()
			return errors.New("killed before it could say that it is stored")
		}
		return nil
	}}
	e := connecttest.End(t, Protocol(), connecttest.House(), text, "servers", n.Addr(), "subject", "plant.*.power")
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
	publish(0, 50)
	end := read()
	s.Pieces(t, 50)
	cut.Store(true)
	publish(50, 75)
	end()
	publish(75, 100)
	cut.Store(false)
	c, err := js.Consumer(t.Context(), "PLANT", "wattwerk-"+e.ID)
	if err != nil {
		t.Fatal(err)
	}
	wait := func(d time.Duration) {
		t.Helper()
		cfg := c.CachedInfo().Config
		cfg.AckWait = d
		if _, err := js.UpdateConsumer(t.Context(), "PLANT", cfg); err != nil {
			t.Fatal(err)
		}
	}
	wait(time.Hour)
	end = read()
	s.Pieces(t, 100) // what was not acknowledged comes again at once, however long the server would wait
	wait(100 * time.Millisecond)
	before := s.Statuses()
	n.Kill()
	s.Broken(t, before, "")
	n.Start()
	publish(100, 150)
	if d := cmp.Diff(sorted(want), sorted(s.Pieces(t, 150))); d != "" {
		t.Error(d)
	}
	s.Connected(t)
	for { // until all that was told again was acknowledged
		i, err := c.Info(t.Context())
		if err == nil && i.NumAckPending == 0 && i.NumPending == 0 {
			break
		}
		if t.Context().Err() != nil {
			t.Fatal(err)
		}
	}
	if s.Skipped() == 0 {
		t.Error("nothing was told again")
	}
	if got := s.Pieces(t, 150); len(got) != 150 {
		t.Errorf("%d pieces", len(got))
	}
	stop.Load().(context.CancelFunc)()
	end()
	// Another subject of the same source: it goes on with that.
	e.Values["subject"] = connect.Default("plant.*.energy")
	end = read()
	if _, err := js.Publish(t.Context(), "plant.9.energy", []byte("1")); err != nil {
		t.Fatal(err)
	}
	s.Pieces(t, 151)
	stop.Load().(context.CancelFunc)()
	end()
}

func TestReadsWithoutAStream(t *testing.T) {
	n := natstest.Start(t, natstest.Options{}).Nodes[0]
	var s connecttest.Store
	connecttest.Run(t, Protocol(), connecttest.End(t, Protocol(), connecttest.House(), text, "servers", n.Addr(), "subject", "free.*"), &s)
	s.Connected(t)
	c, _ := somebody(t, n)
	for i := range 10 {
		if err := c.Publish("free.a", fmt.Append(nil, i)); err != nil {
			t.Fatal(err)
		}
	}
	s.Pieces(t, 10)
	before := s.Statuses()
	n.Kill()
	s.Broken(t, before, "")
	n.Start()
	s.Until(t, "connected again", func(_ []connect.Piece, _ []connect.Bad, all []connect.Status) bool { return all[len(all)-1].Connected })
	for { // until our other client is connected again, too
		if c.Publish("free.a", []byte("10")) == nil && c.Flush() == nil {
			break
		}
	}
	s.Pieces(t, 11)
}

func TestWrites(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "password"), []byte("correct horse\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "wrong"), []byte("battery\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	n := natstest.Start(t, natstest.Options{Config: func(*natstest.Node) string {
		return "authorization { user: plant, password: \"correct horse\" }\n"
	}}).Nodes[0]
	c, js := somebody(t, n, nats.UserInfo("plant", "correct horse"))
	stream, err := js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "RESULTS", Subjects: []string{"results.>"}})
	if err != nil {
		t.Fatal(err)
	}
	house := connecttest.House()
	house.Secrets = dir
	w := connecttest.Write(t, Protocol(), connecttest.End(t, Protocol(), house, manifest.Kind{}, "servers", n.Addr(), "subject", "results.{key}", "user", "plant", "password", "password"))
	var results []connect.Written
	for i := range 2500 {
		results = append(results, connect.Written{Manifest: "m", Processor: "p", Key: fmt.Sprint("box", i%5), Time: 1_772_000_000_000 + 1, Value: float64(i)})
		results[i].Time += 1000 * 60
		results[i].Manifest = fmt.Sprint(i)
	}
	bad := []connect.Written{{Key: ""}, {Key: "a b"}, {Key: "a", Manifest: strings.Repeat("x", 9<<20)}}
	for range 2 { // told again, stored once
		err = w.Write(t.Context(), append(results, bad...))
		var refused *connect.Refused
		if !errors.As(err, &refused) || len(refused.Results) != len(bad) {
			t.Fatal(err)
		}
	}
	info, err := stream.Info(t.Context())
	if err != nil || info.State.Msgs != 2500 {
		t.Errorf("%v, %d messages", err, info.State.Msgs)
	}
	m, err := stream.GetMsg(t.Context(), 2500)
	if err != nil || m.Subject != "results.box4" || !strings.Contains(string(m.Data), `"value":2499`) {
		t.Error(err, m)
	}
	n.Kill()
	ctx, cancel := context.WithCancel(t.Context())
	go cancel()
	if err := w.Write(ctx, results[:1]); err == nil {
		t.Error("written to a server that is dead")
	}
	n.Start()
	for {
		if err := w.Write(t.Context(), results[:1]); err == nil {
			break
		}
		if t.Context().Err() != nil {
			t.Fatal(err)
		}
	}
	// Without a stream.
	sub, err := c.SubscribeSync("loose")
	for err != nil || c.Flush() != nil {
		sub, err = c.SubscribeSync("loose")
	}
	loose := connecttest.Write(t, Protocol(), connecttest.End(t, Protocol(), house, text, "servers", n.Addr(), "subject", "loose", "user", "plant", "password", "password"))
	if err := loose.Write(t.Context(), results[:1]); err != nil {
		t.Fatal(err)
	}
	if m, err := sub.NextMsg(natstest.Within); err != nil || string(m.Data) != "0" {
		t.Error(err)
	}
	wrong := connecttest.Write(t, Protocol(), connecttest.End(t, Protocol(), house, text, "servers", n.Addr(), "subject", "loose", "user", "plant", "password", "wrong"))
	if err := wrong.Write(t.Context(), results[:1]); !errors.Is(err, nats.ErrAuthorization) {
		t.Error(err)
	}
	shut := connecttest.Write(t, Protocol(), connecttest.End(t, Protocol(), &connect.House{}, text, "servers", n.Addr(), "subject", "loose"))
	if err := shut.Write(t.Context(), results[:1]); err == nil || !strings.Contains(err.Error(), connect.ErrReach.Error()) {
		t.Error(err)
	}
}
