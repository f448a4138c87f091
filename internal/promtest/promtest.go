// Package promtest starts Prometheus for tests, as a database that takes remote
// write and answers remote read: on a free address of this machine, in a
// directory that outlives it, so that it can be killed and started again. It
// is for tests only.
//
// The program is .tools/prometheus-VERSION in the repository, which
// 'make needs' builds. A test without it fails and says so.
package promtest

import (
	"bytes"
	"context"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/klauspost/compress/snappy"
	"github.com/prometheus/prometheus/prompb"

	"github.com/wattwerk/wattwerk/internal/daemon"
)

// Version is the one that is tested with; scripts/needs.sh builds it.
const Version = "0.315.0"

// Flags are those that a server for wattwerk has, besides where it listens and
// where its data and its settings are. docs/history-database.md asks for the same.
var Flags = []string{
	"--web.enable-remote-write-receiver",
	"--storage.tsdb.retention.time=100y", // the default is 15 days
}

// Settings is the file of settings: as much of the past is taken as the
// suite of all stores goes back, which is three years in one go.
const Settings = `storage:
  tsdb:
    out_of_order_time_window: 10y
`

// Options say how a server is started; the zero value will do.
type Options struct {
	Dir      string // its data; default: a directory that goes with the test
	Settings string // the file of settings; default: [Settings]
}

// Server is a Prometheus. It may be used by several goroutines.
type Server struct {
	*daemon.Daemon
	addr   string
	starts atomic.Int64
}

// Start starts a server and waits until it answers. It is killed at the end of
// the test at the latest.
func Start(t testing.TB, o Options) *Server {
	t.Helper()
	program, err := daemon.Program("prometheus-"+Version, "make needs")
	if err != nil {
		t.Fatal(err)
	}
	if o.Dir == "" {
		o.Dir = t.TempDir()
	}
	if o.Settings == "" {
		o.Settings = Settings
	}
	settings := Write(t, o.Dir, o.Settings)
	for try := 0; ; try++ {
		s := &Server{addr: daemon.Free(t)}
		args := append([]string{program, "--config.file=" + settings, "--storage.tsdb.path=" + filepath.Join(o.Dir, "data"),
			"--web.listen-address=" + s.addr, "--log.level=warn"}, Flags...)
		s.Daemon = daemon.New(t, "Prometheus", filepath.Join(o.Dir, "log"), args, func(ctx context.Context) bool {
			if _, ok := daemon.Get(ctx, s.URL()+"/-/ready"); !ok {
				return false
			}
			flags, ok := daemon.Get(ctx, s.URL()+"/api/v1/status/flags")
			return ok && strings.Contains(flags, o.Dir) && s.first(ctx)
		})
		err := s.Start()
		if err == nil {
			return s
		}
		// Somebody else may have taken the address meanwhile.
		if try == 3 {
			t.Fatalf("start Prometheus: %v", err)
		}
		s.Kill()
	}
}

// URL is the address of the server, as http://127.0.0.1:9090.
func (s *Server) URL() string { return "http://" + s.addr }

// Write writes the file of settings of the server in dir, which it reads when it
// starts, and gives its name.
func Write(t testing.TB, dir, settings string) string {
	t.Helper()
	name := filepath.Join(dir, "prometheus.yml")
	if err := os.WriteFile(name, []byte(settings), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// first has the server write its first file of chunks, before anybody works
// with it, and tells whether it did. Prometheus tidies these files up as soon as
// it has taken samples that are hours apart, which the suites' first request
// can hold. When there is no file yet, and the first is made meanwhile, it counts
// them wrongly from then on (tsdb/chunks, ChunkDiskMapper.Truncate): it answers
// 500 to whoever reads the chunk, or closes the connection of whoever writes,
// until it is started again. The file that it writes to it never tidies up.
func (s *Server) first(ctx context.Context) bool {
	// A chunk of what came out of order is written when it has 32 samples. They
	// are older than those of the suites, and within the window of [Settings].
	at := time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC).UnixMilli() + s.starts.Add(1)*time.Minute.Milliseconds()
	samples := []prompb.Sample{{Timestamp: at}}
	for i := range int64(32 + 1) {
		samples = append(samples, prompb.Sample{Timestamp: at - 40 + i})
	}
	message, err := (&prompb.WriteRequest{Timeseries: []prompb.TimeSeries{{
		Labels:  []prompb.Label{{Name: "__name__", Value: "promtest_first"}},
		Samples: samples,
	}}}).Marshal()
	if err != nil {
		return false
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.URL()+"/api/v1/write", bytes.NewReader(snappy.Encode(nil, message)))
	if err != nil {
		return false
	}
	req.Header.Set("Content-Encoding", "snappy")
	req.Header.Set("Content-Type", "application/x-protobuf")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return false
	}
	return res.Body.Close() == nil && res.StatusCode/100 == 2
}
