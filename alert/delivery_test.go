package alert

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/wattwerk/wattwerk/internal/pgtest"
	"github.com/wattwerk/wattwerk/internal/sqldb"
)

// sinkFunc is a sink.
type sinkFunc func(m Message) error

func (f sinkFunc) Send(_ context.Context, m Message) error { return f(m) }

// TestDeliveries has the history show what became of each message: sent, tried
// again, refused, and given up after two days.
func TestDeliveries(t *testing.T) {
	for name, where := range map[string]func(t *testing.T) sqldb.Options{
		"sqlite": func(t *testing.T) sqldb.Options {
			return sqldb.Options{File: filepath.Join(t.TempDir(), "x.db"), NoSync: true}
		},
		"postgres": func(t *testing.T) sqldb.Options { return sqldb.Options{URL: pgtest.Database(t)} },
	} {
		t.Run(name, func(t *testing.T) { deliveries(open(t, where(t))) })
	}
}

func deliveries(w *world) {
	t := w.t
	var store *Store
	w.more = func(o *Options) {
		store = o.Store
		o.Sinks["deaf"] = sinkFunc(func(Message) error { return fmt.Errorf("%w: 410 Gone", ErrRefused) })
		o.Sinks["slow"] = sinkFunc(func(Message) error { return errors.New("no route to host") })
	}
	stop := w.work()
	defer func() { stop() }()
	w.want(200, "PUT", "/rules/hook", `{"condition":{"kind":"external"}}`, "")
	w.want(204, "POST", "/rules/hook/signal", `{"firing":true}`, "")
	if m := w.box.next(t); m.Rule != "hook" {
		t.Fatalf("got %+v", m)
	}
	// The box takes it at the second try.
	w.await("/history", `"sink":"box","change":"fired","status":"sent","attempts":2,"at":"`)
	w.await("/history", `"sink":"deaf","change":"fired","status":"given_up","attempts":1,"error":"the receiver refuses it: 410 Gone"`)
	w.await("/history", `"sink":"slow","change":"fired","status":"waiting"`)
	w.await("/history", `"error":"no route to host"`)
	if said := w.want(200, "GET", "/history", "", ""); !strings.Contains(said, `"next":"`) {
		t.Error(said)
	}
	// Two days later it is tried for the last time.
	past := time.Now().Add(-giveUp - time.Minute).UnixMilli()
	if _, err := store.db.NewUpdate().Model((*queueRow)(nil)).Set("wanted = ?", past).Set("due = 0").Where("sink = 'slow'").Exec(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.await("/history", `"sink":"slow","change":"fired","status":"given_up"`)
	if n, err := store.queued(t.Context()); err != nil || n != 0 {
		t.Errorf("%d messages wait still, %v", n, err)
	}
}

// TestWait has tries follow at growing distances, until an hour.
func TestWait(t *testing.T) {
	for n, want := range map[int64]time.Duration{1: 5 * time.Second, 2: 10 * time.Second, 3: 20 * time.Second, 10: 2560 * time.Second, 11: time.Hour, 1000: time.Hour} {
		if got := wait(n); got != want {
			t.Errorf("after %d tries %v, not %v", n, got, want)
		}
	}
}
