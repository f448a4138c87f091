package kafka

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
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/wattwerk/wattwerk/internal/certs"
	"github.com/wattwerk/wattwerk/internal/kafkatest"
	"github.com/wattwerk/wattwerk/manifest"
	"github.com/wattwerk/wattwerk/pipeline/connect"
	"github.com/wattwerk/wattwerk/pipeline/connect/connecttest"
	"github.com/wattwerk/wattwerk/pipeline/connect/format"
)

func TestMain(m *testing.M) {
	os.Exit(kafkatest.Main(m, func(dir string) (ca, cert, key string, err error) {
		files, err := certs.Create(dir)
		if err != nil {
			return "", "", "", err
		}
		a, err := certs.Open(dir)
		if err != nil {
			return "", "", "", err
		}
		server, err := a.Server(dir, []string{"127.0.0.1"})
		return files.Cert, server.Cert, server.Key, err
	}))
}

var text = manifest.Kind{Format: "text"}

// client connects to the broker as somebody else.
func client(t *testing.T, b *kafkatest.Broker, topic string, partitions int32, more ...kgo.Opt) *kgo.Client {
	t.Helper()
	c, err := kgo.NewClient(append([]kgo.Opt{kgo.SeedBrokers(b.Addr), kgo.DefaultProduceTopic(topic), kgo.UnknownTopicRetries(20), kgo.MetadataMinAge(100 * time.Millisecond)}, more...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	if partitions > 0 {
		if _, err := kadm.NewClient(c).CreateTopic(t.Context(), partitions, 1, nil, topic); err != nil {
			t.Fatal(err)
		}
	}
	return c
}

func produce(t *testing.T, c *kgo.Client, from, to int) (want []string) {
	t.Helper()
	var records []*kgo.Record
	for i := from; i < to; i++ {
		records = append(records, &kgo.Record{Key: fmt.Appendf(nil, "box%d", i%7), Value: fmt.Append(nil, i), Timestamp: time.UnixMilli(1_772_000_000_000 + int64(i))})
		want = append(want, fmt.Sprintf("box%d %d", i%7, i))
	}
	if err := c.ProduceSync(t.Context(), records...).FirstErr(); err != nil {
		t.Fatal(err)
	}
	return want
}

func sorted(s []string) []string {
	slices.Sort(s)
	return s
}

func TestReadsATopic(t *testing.T) {
	b := kafkatest.Start(t)
	topic := b.Topic()
	c := client(t, b, topic, 3)
	want := produce(t, c, 0, 300)
	house := connecttest.House()
	// A clock on which every look at new partitions is due.
	var now atomic.Int64
	house.Now = func() time.Time { return time.UnixMilli(1_772_000_000_000 + now.Add(40_000)) }
	var s connecttest.Store
	e := connecttest.End(t, Protocol(), house, text, "brokers", b.Addr, "topic", topic)
	stop := connecttest.Run(t, Protocol(), e, &s)
	if d := cmp.Diff(sorted(want), sorted(s.Pieces(t, 300))); d != "" {
		t.Error(d)
	}
	s.Until(t, "times of records", func(all []connect.Piece, _ []connect.Bad, _ []connect.Status) bool {
		return !slices.ContainsFunc(all, func(p connect.Piece) bool { return float64(p.Time) != 1_772_000_000_000+p.Value })
	})
	if err := c.ProduceSync(t.Context(), &kgo.Record{Value: []byte("warm")}).FirstErr(); err != nil {
		t.Fatal(err)
	}
	s.Bad(t, 1)
	// A partition that is made meanwhile.
	if _, err := kadm.NewClient(c).CreatePartitions(t.Context(), 1, topic); err != nil {
		t.Fatal(err)
	}
	other := client(t, b, topic, 0, kgo.RecordPartitioner(kgo.ManualPartitioner()))
	for {
		err := other.ProduceSync(t.Context(), &kgo.Record{Partition: 3, Value: []byte("7")}).FirstErr()
		if err == nil {
			break
		}
		if t.Context().Err() != nil {
			t.Fatal(err)
		}
		other.ForceMetadataRefresh()
	}
	s.Pieces(t, 301)
	stop()
	// It goes on where it was.
	produce(t, c, 300, 310)
	connecttest.Run(t, Protocol(), e, &s)
	s.Pieces(t, 311)
	if s.Skipped() > 0 {
		t.Errorf("%d were read again", s.Skipped())
	}
}

// TestNothingIsLostOrTwice ends the reader between storing and committing, and
// the broker while it reads.
func TestNothingIsLostOrTwice(t *testing.T) {
	b := kafkatest.Start(t)
	topic := b.Topic()
	c := client(t, b, topic, 2)
	e := connecttest.End(t, Protocol(), connecttest.House(), text, "brokers", b.Addr, "topic", topic)
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
	want := produce(t, c, 0, 100)
	end := read()
	s.Pieces(t, 100)
	for round := 1; round < 3; round++ {
		cut.Store(true)
		want = append(want, produce(t, c, 100*round, 100*round+50)...)
		end()
		want = append(want, produce(t, c, 100*round+50, 100*round+100)...)
		cut.Store(false)
		end = read()
		s.Pieces(t, len(want))
	}
	if s.Skipped() == 0 {
		t.Error("nothing was read again")
	}
	before := s.Statuses()
	b.Kill()
	s.Broken(t, before, "")
	b.Start(t)
	want = append(want, produce(t, c, 300, 350)...)
	if d := cmp.Diff(sorted(want), sorted(s.Pieces(t, 350))); d != "" {
		t.Error(d)
	}
	s.Connected(t)
	stop.Load().(context.CancelFunc)()
	end()
}

func TestBeginsWithTheLatest(t *testing.T) {
	b := kafkatest.Start(t)
	topic := b.Topic()
	c := client(t, b, topic, 1)
	produce(t, c, 0, 10)
	var s connecttest.Store
	e := connecttest.End(t, Protocol(), connecttest.House(), text, "brokers", b.Addr, "topic", topic, "from", "latest")
	stop := connecttest.Run(t, Protocol(), e, &s)
	s.Connected(t)
	stop() // before anything came
	produce(t, c, 10, 12)
	connecttest.Run(t, Protocol(), e, &s)
	if d := cmp.Diff([]string{"box3 10", "box4 11"}, s.Pieces(t, 2)); d != "" {
		t.Error(d)
	}
}

func TestWrites(t *testing.T) {
	b := kafkatest.Start(t)
	topic := b.Topic()
	c := client(t, b, topic, 3, kgo.ConsumeTopics(topic))
	dir := filepath.Dir(b.CA)
	if err := os.WriteFile(filepath.Join(dir, "password"), []byte(kafkatest.Password+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	house := connecttest.House()
	house.Secrets = dir
	values := []string{"brokers", b.Secure, "topic", topic, "tls", "true", "ca", filepath.Base(b.CA), "sasl", "plain", "user", kafkatest.User, "password", "password"}
	w := connecttest.Write(t, Protocol(), connecttest.End(t, Protocol(), house, manifest.Kind{}, values...))
	var results []connect.Written
	for i := range 100 {
		results = append(results, connect.Written{Manifest: "m", Processor: "p", Key: fmt.Sprint("box", i%5), Time: 1_772_000_000_000, Value: float64(i)})
	}
	large := connect.Written{Manifest: strings.Repeat("x", 2<<20)}
	err := w.Write(t.Context(), append(results, large))
	var refused *connect.Refused
	if !errors.As(err, &refused) || len(refused.Results) != 1 {
		t.Fatal(err)
	}
	last, n := map[string]string{}, 0
	for n < 100 {
		fetches := c.PollFetches(t.Context())
		if err := fetches.Err(); err != nil {
			t.Fatal(err)
		}
		fetches.EachRecord(func(r *kgo.Record) {
			n++
			if string(r.Headers[0].Value) != format.ID(&results[0]) && string(r.Key) == "box0" {
				t.Errorf("id %s", r.Headers[0].Value)
			}
			if r.Timestamp.UnixMilli() != 1_772_000_000_000 {
				t.Error(r.Timestamp)
			}
			last[string(r.Key)] = string(r.Value)
		})
	}
	if len(last) != 5 || !strings.Contains(last["box4"], `"value":99`) {
		t.Error(last)
	}
	// The same, read by a source of ours.
	var s connecttest.Store
	connecttest.Run(t, Protocol(), connecttest.End(t, Protocol(), house, manifest.Kind{}, values...), &s)
	s.Pieces(t, 100)
	// The broker dies; what is written then fails, and is written again.
	b.Kill()
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if err := w.Write(ctx, results[:10]); err == nil {
		t.Error("written to a broker that is dead")
	}
	b.Start(t)
	for {
		if err = w.Write(t.Context(), results[:10]); err == nil {
			break
		}
		if t.Context().Err() != nil {
			t.Fatal(err)
		}
	}
	s.Pieces(t, 110)
}

func TestSaysWhatIsWrong(t *testing.T) {
	b := kafkatest.Start(t)
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "wrong"), []byte("battery"), 0o600); err != nil {
		t.Fatal(err)
	}
	ca, err := os.ReadFile(b.CA)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "ca"), ca, 0o600); err != nil {
		t.Fatal(err)
	}
	open := connecttest.House()
	open.Secrets = dir
	shut := &connect.House{Retry: open.Retry}
	for _, c := range []struct {
		house  *connect.House
		want   string
		values []string
	}{
		{open, "there is no topic", []string{"brokers", b.Addr, "topic", "none"}},
		{open, "SASL", []string{"brokers", b.Secure, "topic", "none", "tls", "true", "ca", "ca", "sasl", "plain", "user", kafkatest.User, "password", "wrong"}},
		{open, "certificate", []string{"brokers", b.Secure, "topic", "none", "tls", "true", "sasl", "plain", "user", kafkatest.User, "password", "wrong"}},
		{shut, "settings do not allow", []string{"brokers", b.Addr, "topic", "none"}},
	} {
		var s connecttest.Store
		stop := connecttest.Run(t, Protocol(), connecttest.End(t, Protocol(), c.house, text, c.values...), &s)
		s.Broken(t, 0, c.want)
		stop()
	}
	for _, values := range [][]string{
		{"topic", "a"}, {"topic", "a b", "host", "h"}, {"topic", "a", "brokers", "h"}, {"topic", "a", "host", "h", "sasl", "plain"},
		{"topic", "a", "host", "h", "sasl", "plain", "user", "u", "password", "../wrong"}, {"topic", "a", "host", "h", "sasl", "gssapi"},
		{"topic", "a", "brokers", strings.Repeat("h:1,", 101)},
	} {
		if _, err := newReader(connecttest.End(t, Protocol(), open, text, values...)); err == nil {
			t.Errorf("%s is right", values)
		}
	}
}

// TestLogins has a source and a sink log in by each mechanism of SASL over TLS, with
// the right password and a wrong one. What is said of the wrong one names the cause,
// and no password.
func TestLogins(t *testing.T) {
	b := kafkatest.Start(t)
	house := connecttest.House()
	house.Secrets = t.TempDir()
	ca, err := os.ReadFile(b.CA)
	if err != nil {
		t.Fatal(err)
	}
	for name, secret := range map[string]string{"ca": string(ca), "good": kafkatest.Password, "wrong": "battery staple"} {
		if err := os.WriteFile(filepath.Join(house.Secrets, name), []byte(secret+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, how := range []string{"plain", "scram-sha-256", "scram-sha-512"} {
		topic := b.Topic()
		client(t, b, topic, 1)
		values := []string{"brokers", b.Secure, "topic", topic, "tls", "true", "ca", "ca", "sasl", how, "user", kafkatest.User}
		with := func(password string) connect.End {
			return connecttest.End(t, Protocol(), house, manifest.Kind{}, append(values[:len(values):len(values)], "password", password)...)
		}
		var s, wrong connecttest.Store
		stop := connecttest.Run(t, Protocol(), with("good"), &s)
		w := connecttest.Write(t, Protocol(), with("good"))
		if err := w.Write(t.Context(), []connect.Written{{Key: how, Time: 1_772_000_000_000, Value: 7}}); err != nil {
			t.Errorf("%s: %v", how, err)
		}
		if got := s.Pieces(t, 1); got[0] != how+" 7" {
			t.Errorf("%s: %s", how, got)
		}
		stop()
		stop = connecttest.Run(t, Protocol(), with("wrong"), &wrong)
		err := connecttest.Write(t, Protocol(), with("wrong")).Write(t.Context(), []connect.Written{{Value: 7}})
		if err == nil || !strings.Contains(err.Error(), "SASL") || strings.Contains(err.Error(), "battery") {
			t.Errorf("%s: %v", how, err)
		}
		wrong.Broken(t, 0, "SASL")
		stop()
	}
}
