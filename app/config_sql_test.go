package app

import "testing"

// TestConnectionsAreShared adds up what a process may take of a PostgreSQL.
func TestConnectionsAreShared(t *testing.T) {
	for _, modules := range [][]string{nil, {"gateway"}, {"gateway", "alert", "cir"}, {"cir"}, {"service"}, {"gateway", "alert"}, {"history", "settlement"}, {"history"}} {
		for n := leastConns; n <= 100; n++ {
			c := DefaultConfig()
			c.Modules, c.SQL.Conns, c.SQL.URL = modules, n, "postgres://db.example.org/wattwerk"
			sum, least := c.connsOfUsers(), c.connsOfUsers()
			if c.readsSettled() {
				sum, least = sum+c.connsOfSettled(), min(least, c.connsOfSettled())
			}
			if c.has("alert") {
				sum, least = sum+c.connsOfAlerts(), min(least, c.connsOfAlerts())
			}
			if c.has("pipeline") {
				sum, least = sum+c.connsOfPipeline(), min(least, c.connsOfPipeline())
			}
			if c.has("cir") {
				sum += connsOfCIR
			}
			if c.has("service") {
				sum += connsOfService
			}
			if sum != n || least < 2 {
				t.Errorf("%v with %d: %d, at least %d each", modules, n, sum, least)
			}
		}
	}
}
