// Package vmtest starts VictoriaMetrics for tests: on a free address of this
// machine, in a directory that outlives it, so that it can be killed and
// started again. It is for tests only.
//
// The program is .tools/victoria-metrics-VERSION in the repository, which
// 'make needs' installs. A test without it fails and says so.
package vmtest

import (
	"context"
	"path/filepath"
	"strings"
	"testing"

	"github.com/wattwerk/wattwerk/internal/daemon"
)

// Version is the one that is tested with; scripts/needs.sh installs it.
const Version = "1.151.0"

// Flags are those that a server for wattwerk has, besides where it listens and
// where its data is. docs/scaling.md asks for the same.
var Flags = []string{
	"-retentionPeriod=100y",        // the default is a month
	"-dedup.minScrapeInterval=1ms", // one sample at one time
	"-search.latencyOffset=0s",     // what is stored is seen
}

// Options say how a server is started; the zero value will do.
type Options struct {
	Dir  string   // its data; default: a directory that goes with the test
	Addr string   // host and port; default: a free one on the loopback interface
	Args []string // more flags, after [Flags]; the last of two equal ones counts
	Wrap []string // a command that runs the server, as ip netns exec NAME
}

// Server is a VictoriaMetrics. It may be used by several goroutines.
type Server struct {
	*daemon.Daemon
	o Options
}

// Start starts a server and waits until it answers. It is killed at the end of
// the test at the latest.
func Start(t testing.TB, o Options) *Server {
	t.Helper()
	program, err := daemon.Program("victoria-metrics-"+Version, "make needs")
	if err != nil {
		t.Fatal(err)
	}
	if o.Dir == "" {
		o.Dir = t.TempDir()
	}
	for try := 0; ; try++ {
		s := &Server{o: o}
		if o.Addr == "" {
			s.o.Addr = daemon.Free(t)
		}
		args := append([]string{program, "-storageDataPath=" + filepath.Join(o.Dir, "data"), "-httpListenAddr=" + s.o.Addr}, Flags...)
		// Tests run beside one another: it is not to plan with the whole machine.
		args = append(args, "-memory.allowedBytes=256MiB", "-loggerLevel=WARN")
		args = append(append(o.Wrap[:len(o.Wrap):len(o.Wrap)], args...), o.Args...)
		s.Daemon = daemon.New(t, "VictoriaMetrics", filepath.Join(o.Dir, "log"), args, func(ctx context.Context) bool {
			flags, ok := daemon.Get(ctx, s.URL()+"/flags")
			return ok && strings.Contains(flags, o.Dir)
		})
		err := s.Start()
		if err == nil {
			return s
		}
		// Somebody else may have taken the address meanwhile.
		if o.Addr != "" || try == 3 {
			t.Fatalf("start VictoriaMetrics: %v", err)
		}
		s.Kill()
	}
}

// URL is the address of the server, as http://127.0.0.1:8428.
func (s *Server) URL() string { return "http://" + s.o.Addr }

// Addr is its host and port.
func (s *Server) Addr() string { return s.o.Addr }
