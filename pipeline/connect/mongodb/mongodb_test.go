package mongodb

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/wattwerk/wattwerk/internal/daemon"
	"github.com/wattwerk/wattwerk/manifest"
	"github.com/wattwerk/wattwerk/observation"
	"github.com/wattwerk/wattwerk/pipeline/connect"
	"github.com/wattwerk/wattwerk/pipeline/connect/connecttest"
)

// server is a FerretDB, which speaks the protocol of MongoDB: a process, or for
// the moment none. scripts/needs.sh installs it.
type server struct {
	t    *testing.T
	addr string
	dir  string
	cmd  *exec.Cmd
}

func start(t *testing.T) *server {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &server{t: t, addr: l.Addr().String(), dir: t.TempDir()}
	_ = l.Close()
	s.start()
	t.Cleanup(func() {
		s.kill()
		if log, err := os.ReadFile(filepath.Join(s.dir, "log")); err == nil && t.Failed() {
			t.Logf("FerretDB said:\n%s", log[max(0, len(log)-4000):])
		}
	})
	return s
}

func (s *server) start() {
	s.t.Helper()
	program, err := daemon.Program("ferretdb-1.24.2", "make needs")
	if err != nil {
		s.t.Fatal(err)
	}
	log, err := os.OpenFile(filepath.Join(s.dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		s.t.Fatal(err)
	}
	defer log.Close()
	s.cmd = exec.Command(program, s.addr, s.dir)
	s.cmd.Stdout, s.cmd.Stderr = log, log
	// A test that is killed takes its server with it.
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := s.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	for deadline := time.Now().Add(connecttest.Within); ; {
		conn, err := net.Dial("tcp", s.addr)
		if err == nil {
			_ = conn.Close()
			return
		}
		if time.Now().After(deadline) {
			said, _ := os.ReadFile(filepath.Join(s.dir, "log"))
			s.t.Fatalf("%v: %s", err, said)
		}
		<-time.After(10 * time.Millisecond) // the listener gives no other sign
	}
}

func (s *server) kill() {
	if s.cmd == nil {
		return
	}
	_ = s.cmd.Process.Kill() // it may have ended
	_ = s.cmd.Wait()         // it was killed
	s.cmd = nil
}

// documents reads a collection as another program does.
func (s *server) documents() (all []string) {
	s.t.Helper()
	c, err := mongo.Connect(options.Client().ApplyURI("mongodb://" + s.addr + "/?directConnection=true"))
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = c.Disconnect(context.Background()) }()
	cur, err := c.Database("plant").Collection("results").Find(s.t.Context(), bson.D{}, options.Find().SetSort(bson.D{{Key: "key", Value: 1}, {Key: "time", Value: 1}}))
	if err != nil {
		s.t.Fatal(err)
	}
	var docs []struct {
		Manifest, Key string
		Time          time.Time
		Value         *float64
		Marks         []string
	}
	if err := cur.All(s.t.Context(), &docs); err != nil {
		s.t.Fatal(err)
	}
	for _, d := range docs {
		v := "null"
		if d.Value != nil {
			v = fmt.Sprint(*d.Value)
		}
		all = append(all, fmt.Sprintf("%s %s %d %s %s", d.Manifest, d.Key, d.Time.UnixMilli(), v, strings.Join(d.Marks, ",")))
	}
	return all
}

func TestWrites(t *testing.T) {
	s := start(t)
	w := connecttest.Write(t, Protocol(), connecttest.End(t, Protocol(), connecttest.House(), manifest.Kind{}, "hosts", s.addr, "database", "plant"))
	results := []connect.Written{
		{Manifest: "m", Processor: "p", Key: "a", Time: 1, Value: 1.5},
		{Manifest: "m", Processor: "p", Key: "a", Time: 2, Marks: observation.Null},
		{Manifest: "m", Processor: "p", Key: "$b.c", Time: 1, Value: -2, Marks: observation.Partial | observation.Alarm},
		{Manifest: "m", Processor: "p", Key: "a", Time: 1, Value: 2.5}, // the same once more
		{Manifest: "m", Processor: "p", Key: "\xff", Time: 1},
	}
	want := []string{"m $b.c 1 -2 partial,alarm", "m a 1 2.5 ", "m a 2 null "}
	for range 2 {
		err := w.Write(t.Context(), results)
		var refused *connect.Refused
		if !errors.As(err, &refused) || len(refused.Results) != 1 {
			t.Fatal(err)
		}
		if d := cmp.Diff(want, s.documents()); d != "" {
			t.Error(d)
		}
	}
	if err := w.Write(t.Context(), nil); err != nil {
		t.Error(err)
	}
	// It dies, and is there again.
	s.kill()
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if err := w.Write(ctx, results[:1]); err == nil {
		t.Error("written to a server that is dead")
	}
	s.start()
	var many []connect.Written
	for i := range chunk + 20 {
		many = append(many, connect.Written{Manifest: "many", Key: "z", Time: 1_772_000_000_000, Value: float64(i)})
		many[i].Time += 60_000
		many[i].Processor = fmt.Sprint(i)
	}
	if err := w.Write(t.Context(), many); err != nil {
		t.Fatal(err)
	}
	if got := s.documents(); len(got) != len(many)+3 {
		t.Errorf("%d documents", len(got))
	}
}

func TestSaysWhatIsWrong(t *testing.T) {
	house := connecttest.House()
	house.Secrets = t.TempDir()
	for _, values := range [][]string{
		{"hosts", "", "database", "d"}, {"hosts", "mongodb://h", "database", "d"}, {"hosts", "u:p@h", "database", "d"}, {"hosts", strings.Repeat("h,", 51), "database", "d"},
		{"hosts", "h", "database", "a b"}, {"hosts", "h", "database", "d", "collection", "a$b"}, {"hosts", "h", "database", "d", "collection", "system.users"},
		{"hosts", "h", "database", "d", "user", "u", "password", "none"},
	} {
		if _, err := newWriter(t.Context(), connecttest.End(t, Protocol(), house, manifest.Kind{}, values...)); err == nil {
			t.Errorf("%s is right", values)
		}
	}
	s := start(t)
	w := connecttest.Write(t, Protocol(), connecttest.End(t, Protocol(), new(connect.House), manifest.Kind{}, "hosts", s.addr, "database", "plant"))
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if err := w.Write(ctx, []connect.Written{{Value: 1}}); err == nil || !strings.Contains(err.Error(), "settings do not allow") {
		t.Error(err)
	}
}
