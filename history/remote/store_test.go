package remote

import (
	"sync"
	"testing"

	"github.com/wattwerk/wattwerk/history"
	"github.com/wattwerk/wattwerk/history/historytest"
	"github.com/wattwerk/wattwerk/internal/vmtest"
)

// on names the server as the one replica.
func on(s *vmtest.Server) Replica {
	return Replica{Write: s.URL() + "/api/v1/write", Query: s.URL(), Storage: []string{s.URL()}}
}

// TestConformance runs the suite of all stores, with a server for each of its
// directories.
func TestConformance(t *testing.T) {
	var mu sync.Mutex
	servers := make(map[string]*vmtest.Server)
	historytest.Run(t, func(t testing.TB, dir string) history.Store {
		mu.Lock()
		defer mu.Unlock()
		if servers[dir] == nil {
			servers[dir] = vmtest.Start(t, vmtest.Options{Dir: dir})
		}
		s, err := Open(t.Context(), Options{Replicas: []Replica{on(servers[dir])}})
		if err != nil {
			t.Fatal(err)
		}
		return s
	})
}
