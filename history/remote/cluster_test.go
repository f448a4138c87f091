//go:build cluster

package remote

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/wattwerk/wattwerk/history"
	"github.com/wattwerk/wattwerk/history/historytest"
	"github.com/wattwerk/wattwerk/internal/cortextest"
	"github.com/wattwerk/wattwerk/record"
)

// onCortex names the cluster as the one replica, by its load balancer. What is
// taken is in the logs of two nodes at least.
func onCortex(c *cortextest.Cluster, tenant string) Options {
	return Options{Settle: -1, Timeout: 3 * time.Minute, Access: Access{Tenant: tenant}, Replicas: []Replica{{
		Write: c.URL() + "/api/v1/push", Query: c.URL() + "/prometheus", Read: c.URL() + "/prometheus/api/v1/read",
	}}}
}

// TestOnACluster keeps the history in a cluster of three nodes of Cortex, of
// which two are a quorum. Each part has a tenant of its own.
func TestOnACluster(t *testing.T) {
	c := cortextest.Start(t)
	t.Run("conformance", func(t *testing.T) { conformsOnACluster(t, c) })
	t.Run("contradiction", func(t *testing.T) { contradict(t, onCortex(c, "contradiction")) })
	t.Run("seen by one node", func(t *testing.T) { seenByOneNode(t, c) })
	t.Run("nodes are killed", func(t *testing.T) { nodesAreKilled(t, c) })
}

// conformsOnACluster runs the suite of all stores over remote write and remote read,
// with a tenant for each of its directories.
func conformsOnACluster(t *testing.T, c *cortextest.Cluster) {
	var mu sync.Mutex
	tenants := make(map[string]string)
	historytest.Run(t, func(t testing.TB, dir string) history.Store {
		mu.Lock()
		defer mu.Unlock()
		if tenants[dir] == "" {
			tenants[dir] = fmt.Sprint("conformance-", len(tenants))
		}
		s, err := Open(t.Context(), onCortex(c, tenants[dir]))
		if err != nil {
			t.Fatal(err)
		}
		return s
	})
}

// nodesAreKilled kills one node after the other while samples are appended and
// flushed. Each is away for a while, and the other two take everything. At the end
// every sample is there once, whichever node is away.
func nodesAreKilled(t *testing.T, c *cortextest.Cluster) {
	p := &plant{t: t, o: onCortex(c, "killed")}
	p.o.MaxPending = sensors * 400
	p.open()
	const end = 1200
	n := 0
	p.run(end, []int{70, 211, 403, 644, 802, 1033}, func(int) {
		if n%2 == 0 {
			c.Nodes[n/2].Kill()
		} else {
			c.Again()
		}
		n++
	})
	if err := p.store.Close(); err != nil {
		t.Fatal(err)
	}
	if n != 2*len(c.Nodes) {
		t.Errorf("%d kills and starts", n)
	}
	for _, node := range c.Nodes {
		node.Kill()
		p.open()
		p.check(p.store, end)
		if err := p.store.Close(); err != nil {
			t.Error(err)
		}
		c.Again()
	}
}

// seenByOneNode has a store write while two nodes are away, and die: one node
// has what it wrote, and nobody was told that it is stored. A store that is offered
// the same afterwards may find it there. Once that has flushed it must be there
// without that node too.
func seenByOneNode(t *testing.T, c *cortextest.Cluster) {
	o := onCortex(c, "one")
	s := mustOpen(t, o)
	put(t, s, t0, 0) // what is newer needs no look into the cluster, which will be away
	if err := s.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	c.Nodes[1].Kill()
	c.Nodes[2].Kill()
	for n := 1; n < 4; n++ {
		put(t, s, t0+record.Millis(n), float64(n))
	}
	s.mu.Lock()
	s.post()
	s.mu.Unlock()
	s.failing(t.Context(), s.replicas[0])
	(&plant{store: s}).abandon()
	c.Again()
	s = mustOpen(t, o)
	for n := range 4 {
		if rs := put(t, s, t0+record.Millis(n), float64(n)); len(rs) > 0 {
			t.Errorf("refused %v", rs)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	c.Nodes[0].Kill()
	s = mustOpen(t, o)
	if got := values(t, s); !slices.Equal(got, []float64{0, 1, 2, 3}) {
		t.Errorf("got %v", got)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	c.Again()
}
