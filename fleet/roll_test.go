package fleet

import (
	"testing"
	"time"

	"github.com/nats-io/nats.go"
)

// TestHeartbeatIsAnswered reads what the bus may say to a heartbeat.
func TestHeartbeatIsAnswered(t *testing.T) {
	gone := nats.Header{"Status": []string{noResponders}}
	for name, c := range map[string]struct {
		subject string
		header  nats.Header
		data    string
		stored  uint64
		fails   bool
		busy    bool
	}{
		"stored":            {subject: "in.7", data: `{"stream":"KV_fleet","seq":12}`, stored: 12},
		"refused":           {subject: "in.7", data: `{"error":{"code":503,"description":"no"}}`, fails: true},
		"no bucket":         {subject: "in.7", header: gone, fails: true},
		"nothing said":      {subject: "in.7", data: `{}`, fails: true},
		"nonsense":          {subject: "in.7", data: `x`, fails: true},
		"of one given up":   {subject: "in.6", data: `{"seq":11}`, busy: true},
		"of nobody":         {subject: "in.x", data: `{"seq":11}`, busy: true},
		"empty, of nobody":  {busy: true},
		"no heartbeat":      {subject: memberSubject + "a", fails: true, busy: true},
		"elsewhere, no box": {subject: "other.7", busy: true},
	} {
		t.Run(name, func(t *testing.T) {
			r := &roll{within: time.Minute, inbox: "in.", number: 7, put: 7, putAt: time.Now()}
			l, err := r.open(t.Context(), &nats.Msg{Subject: c.subject, Header: c.header, Data: []byte(c.data)})
			if l.stored != c.stored || l.entry != nil || (err != nil) != c.fails {
				t.Errorf("it is %+v, %v", l, err)
			}
			if busy, err := r.beating(); busy != c.busy || err != nil {
				t.Errorf("busy is %v, %v", busy, err)
			}
		})
	}
	r := &roll{within: time.Second, put: 7, putAt: time.Now().Add(-2 * time.Second)}
	if busy, err := r.beating(); !busy || err == nil {
		t.Error("a heartbeat that is not answered is no error")
	}
}

// TestRoll fetches more heartbeats than a fetch has, each once, and only those
// that are new after that; and goes on when its consumer is gone.
func TestRoll(t *testing.T) {
	x := newFixture(t)
	f, err := New(Options{Bus: x.bus, TTL: ttl})
	if err != nil {
		t.Fatal(err)
	}
	kv, err := f.open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	r := &roll{bus: x.bus, within: time.Minute}
	end, err := r.begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer end()
	came := make(map[string]uint64)
	read := func() {
		t.Helper()
		if err := r.fetch(t.Context()); err != nil {
			t.Fatal(err)
		}
		for r.get != 0 {
			l, err := r.open(t.Context(), <-r.mail)
			if err != nil {
				t.Fatal(err)
			}
			if l.entry != nil {
				if l.entry.revision <= came[l.entry.key] {
					t.Errorf("%s came again at %d", l.entry.key, l.entry.revision)
				}
				came[l.entry.key] = l.entry.revision
			}
		}
	}
	beat := func(id string) {
		t.Helper()
		if err := r.beat(id, []byte(`{"id":"`+id+`","beat":1}`)); err != nil {
			t.Fatal(err)
		}
		for r.put != 0 {
			if _, err := r.open(t.Context(), <-r.mail); err != nil {
				t.Fatal(err)
			}
		}
	}
	const most = 2*rollBatch + 1
	for i := range most {
		beat(string(rune('一' + i)))
	}
	read()
	if len(came) != most {
		t.Fatalf("%d of %d came", len(came), most)
	}
	beat("new")
	read()
	if came[memberKey("new")] != most+1 {
		t.Errorf("the new one is at %d", came[memberKey("new")])
	}
	stream, err := x.bus.JetStream().Stream(t.Context(), "KV_"+bucket)
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.DeleteConsumer(t.Context(), r.consumer); err != nil {
		t.Fatal(err)
	}
	clear(came)
	read() // says that it is gone
	read()
	if len(came) != most+1 {
		t.Errorf("%d of %d came after the consumer was made anew", len(came), most+1)
	}
	if err := kv.Purge(t.Context(), memberKey("new")); err != nil {
		t.Fatal(err)
	}
	if err := x.bus.JetStream().DeleteKeyValue(t.Context(), bucket); err != nil {
		t.Fatal(err)
	}
	if err := r.beat("new", []byte(`{}`)); err != nil {
		t.Fatal(err)
	}
	if _, err := r.open(t.Context(), <-r.mail); err == nil {
		t.Error("a heartbeat without a bucket is no error")
	}
}

// TestHeartbeatComesBackFirst: what was stored may be fetched before it is said
// that it was stored.
func TestHeartbeatComesBackFirst(t *testing.T) {
	f, err := New(Options{Alone: true})
	if err != nil {
		t.Fatal(err)
	}
	f.view.mine = 12
	for revision, anew := range map[uint64]bool{3: true, 11: true, 12: false, 13: false} {
		if err := f.stored(revision, false); (err != nil) != anew {
			t.Errorf("stored at %d after 12: %v", revision, err)
		}
	}
}
