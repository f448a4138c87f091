// Package cortextest starts a cluster of Cortex for tests: three processes,
// each of which takes remote write, keeps every sample and answers queries, and
// which find one another by gossip. Any of them can be killed and started again;
// each keeps its address and its files meanwhile. It is for tests only.
//
// The program is .tools/cortex-VERSION in the repository, which
// 'make test-cluster' builds. A test without it fails and says so.
package cortextest

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/wattwerk/wattwerk/internal/daemon"
	"github.com/wattwerk/wattwerk/internal/natstest"
)

// Version is the one that is tested with; scripts/needs.sh builds it.
const Version = "1.21.1"

// nodes is how many there are. Every one has every sample, and two of them are
// enough to write and to read.
const nodes = 3

// The ports of every node; its address is its own.
const (
	httpPort   = 19009
	gossipPort = 17946
)

// settings are those of a node, by its host, its name, its directory, and the
// members of the cluster. A node keeps its blocks itself, ten years of them: there is
// no object storage. Blocks are of 90 days, for in ten years of a few samples most
// blocks of two hours would be empty, and made all the same. docs/history-database.md tells what matters.
const settings = `target: distributor,ingester,querier
auth_enabled: true
server:
  http_listen_address: %[1]s
  http_listen_port: 19009
  grpc_listen_address: %[1]s
  grpc_listen_port: 19095
  grpc_server_max_recv_msg_size: 104857600
  grpc_server_max_send_msg_size: 104857600
  log_level: warn
memberlist:
  node_name: %[2]s
  bind_addr: [%[1]s]
  bind_port: 17946
  advertise_addr: %[1]s
  advertise_port: 17946
  join_members: [%[4]s]
  abort_if_cluster_join_fails: false
  rejoin_interval: 5s
distributor:
  shard_by_all_labels: true
  remote_timeout: 20s
  ring: {kvstore: {store: inmemory}, instance_interface_names: [lo]}
ingester:
  lifecycler:
    address: %[1]s
    id: %[2]s
    interface_names: [lo]
    min_ready_duration: 0s
    final_sleep: 0s
    tokens_file_path: %[3]s/tokens
    ring: {kvstore: {store: memberlist}, replication_factor: 3}
querier:
  active_query_tracker_dir: %[3]s/queries
  store_gateway_addresses: %[1]s:19095
blocks_storage:
  backend: filesystem
  filesystem: {dir: %[3]s/blocks}
  tsdb: {dir: %[3]s/tsdb, retention_period: 87600h, ship_interval: 0s, block_ranges_period: [2160h]}
  bucket_store: {sync_dir: %[3]s/sync}
limits:
  out_of_order_time_window: 10y
  ingestion_rate: 1000000000
  ingestion_burst_size: 1000000000
  max_series_per_user: 0
  max_series_per_metric: 0
  max_fetched_chunks_per_query: 0
`

// Cluster is the processes of a test. Its methods may be used by several
// goroutines.
type Cluster struct {
	Nodes []*daemon.Daemon
	t     testing.TB
	hosts []string
	front *httptest.Server
	turn  atomic.Uint32
}

// Start starts a cluster and waits until its nodes have found one another. They
// are killed at the end of the test at the latest.
func Start(t testing.TB) *Cluster {
	t.Helper()
	program, err := daemon.Program("cortex-"+Version, "make test-cluster")
	if err != nil {
		t.Fatal(err)
	}
	c := &Cluster{t: t, hosts: natstest.Hosts(t, nodes)}
	var members []string
	for _, h := range c.hosts {
		members = append(members, fmt.Sprintf("%s:%d", h, gossipPort))
	}
	for i, h := range c.hosts {
		dir := t.TempDir()
		file := filepath.Join(dir, "cortex.yaml")
		text := fmt.Sprintf(settings, h, fmt.Sprint("cortex-", i), dir, strings.Join(members, ","))
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		c.Nodes = append(c.Nodes, daemon.New(t, fmt.Sprint("Cortex ", i), filepath.Join(dir, "log"), []string{program, "-config.file=" + file}, c.ready(i)))
	}
	c.Again()
	if t.Failed() {
		t.FailNow()
	}
	c.front = httptest.NewServer(http.HandlerFunc(c.forward))
	t.Cleanup(c.front.Close)
	return c
}

// Again starts the nodes that do not run, and waits until all of them have found one
// another.
func (c *Cluster) Again() {
	c.t.Helper()
	for _, n := range c.Nodes {
		if n.PID() == 0 {
			if _, err := n.Begin(); err != nil {
				c.t.Errorf("start Cortex: %v", err)
				return
			}
		}
	}
	for _, n := range c.Nodes {
		if err := n.Ready(); err != nil {
			c.t.Errorf("start Cortex: %v", err)
		}
	}
}

func (c *Cluster) address(i int) string { return fmt.Sprintf("http://%s:%d", c.hosts[i], httpPort) }

// ready tells whether a node answers, sees all the others, and is answered by them:
// it may wait for a second before it turns to one again that was away.
func (c *Cluster) ready(i int) func(ctx context.Context) bool {
	return func(ctx context.Context) bool {
		if _, ok := daemon.Get(ctx, c.address(i)+"/ready"); !ok {
			return false
		}
		metrics, ok := daemon.Get(ctx, c.address(i)+"/metrics")
		if !ok || !strings.Contains(metrics, fmt.Sprintf("cortex_ring_members{name=\"ingester\",state=\"ACTIVE\",zone=\"\"} %d\n", nodes)) {
			return false
		}
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.address(i)+"/prometheus/api/v1/query?query=nothing", nil)
		if err != nil {
			return false
		}
		req.Header.Set("X-Scope-OrgID", "nobody")
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			return false
		}
		_ = res.Body.Close() // of what is not read
		return res.StatusCode == http.StatusOK
	}
}

// URL is that of a load balancer before the nodes: it goes from one to the next,
// and past one that does not answer or has an error of its own, as long as it starts.
func (c *Cluster) URL() string { return c.front.URL }

func (c *Cluster) forward(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // nobody waits for an answer any more
	}
	first := c.turn.Add(1)
	for i := range uint32(nodes) {
		req, err := http.NewRequestWithContext(r.Context(), r.Method, c.address(int((first+i)%nodes))+r.URL.RequestURI(), bytes.NewReader(body))
		if err != nil {
			break
		}
		req.Header = r.Header
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			continue
		}
		answer, err := io.ReadAll(res.Body)
		if _ = res.Body.Close(); err != nil || res.StatusCode >= 500 && i+1 < nodes {
			continue
		}
		w.Header().Set("Content-Type", res.Header.Get("Content-Type"))
		w.WriteHeader(res.StatusCode)
		_, _ = w.Write(answer) // to whoever is still there
		return
	}
	http.Error(w, "no node answers", http.StatusBadGateway)
}
