package e2e

import (
	"fmt"
	"net"
	"testing"
	"time"
)

// freePort gives an address on which nothing listens at this moment.
func freePort(t *testing.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// TestSeveralProcesses runs the modules in three processes that meet on the
// bus of the first: what one takes in, another sums up, a third keeps.
func TestSeveralProcesses(t *testing.T) {
	bus := freePort(t)
	home := launch(t, t.TempDir(), []string{"WATTWERK_BUS_LISTEN=" + bus}, "--modules", "registry,history,gateway")
	home.ready()
	in := start(t, t.TempDir(), "--modules", "bridge", "--nats", "nats://"+bus)
	start(t, t.TempDir(), "--modules", "aggregate", "--nats", "nats://"+bus)

	home.call("PUT", "/api/v1/groups/hall", `{"id":"hall"}`, nil)
	home.call("PUT", "/api/v1/hierarchies/site", `{"id":"site","root":"hall"}`, nil)
	for s := range 3 {
		home.call("PUT", fmt.Sprintf("/api/v1/sensors/m%d", s), fmt.Sprintf(`{"id":"m%d","quantity":"active_power"}`, s), nil)
		home.call("POST", "/api/v1/assign", fmt.Sprintf(`{"sensor":"m%d","group":"hall"}`, s), nil)
	}
	if err := in.try("GET", "/api/v1/model", nil, nil); err == nil {
		t.Error("the process of the bridge answers for the registry")
	}
	for s := range 3 {
		to := in
		if s == 1 {
			to = home // hands it on
		}
		to.call("POST", "/api/v1/ingest/json", fmt.Sprintf(`{"sensor":"m%d","value":%d,"unit":"kW"}`, s, s+1), nil)
	}
	eventually(t, time.Minute, func() error {
		var got struct {
			Sum   *float64
			Count int
		}
		if err := home.try("GET", "/api/v1/groups/hall/latest", nil, &got); err != nil {
			return err
		}
		if got.Sum == nil || *got.Sum != 6000 || got.Count != 3 {
			return fmt.Errorf("the hall draws %v by %d meters", show(got.Sum), got.Count)
		}
		return nil
	})
}
