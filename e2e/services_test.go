package e2e

import (
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/wattwerk/wattwerk/internal/natstest"
	"github.com/wattwerk/wattwerk/internal/pgtest"
)

// TestScenarioR2 kills one of two processes that run services, while fifty requests a
// second come in at the gateway: none fails but those that were on their way.
func TestScenarioR2(t *testing.T) {
	dir := t.TempDir()
	secret := filepath.Join(dir, "postgresql.url")
	if err := os.WriteFile(secret, []byte(pgtest.Start(t).Database(t)+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	hosts := natstest.Hosts(t, 3)
	d := &deployment{t: t}
	for i, m := range []struct{ name, modules string }{{"gateway", "registry,bridge,history,gateway"}, {"service-1", "service"}, {"service-2", "service"}} {
		own := []string{"WATTWERK_NAME=" + m.name, "WATTWERK_BUS_NATS=nats://" + hosts[0] + ":" + busPort, "WATTWERK_SQL_URL_FILE=" + secret, "WATTWERK_BUS_LOGIN_FILE=" + loginFile(t)}
		if i == 0 {
			own[1] = "WATTWERK_BUS_LISTEN=" + hosts[0] + ":" + busPort
		}
		addr := hosts[i] + ":" + partPort
		d.parts = append(d.parts, &part{name: m.name, addr: addr, dir: filepath.Join(dir, m.name), settings: own, args: []string{"--modules", m.modules, "--addr", addr}})
	}
	for _, s := range d.parts {
		s.start(t)
	}
	for _, s := range d.parts {
		s.process().ready()
	}
	defer d.says()
	face := d.face()
	face.call("PUT", "/api/v1/sensors/main", `{"id":"main","quantity":"active_power","interval":"1h"}`, nil)
	discover := func() error {
		return face.try("POST", "/api/v1/services/S1/discover", `{"subject":"sensor/main"}`, nil)
	}
	for range 8 { // both of them, in turn
		eventually(t, 2*time.Minute, func() error {
			if err := discover(); err != nil { // one that does not know the sensor yet has not seen what it said
				return errors.Join(err, face.try("POST", "/api/v1/ingest/json", `{"sensor":"main","value":5}`, nil))
			}
			return nil
		})
	}

	const rate, calls, killAt = 50, 750, 250 // 15 s, killed after 5 s
	type failure struct {
		began time.Time
		err   error
	}
	var (
		mu     sync.Mutex
		failed []failure
		all    sync.WaitGroup
		killed time.Time
	)
	tick := time.NewTicker(time.Second / rate)
	defer tick.Stop()
	for i := range calls {
		<-tick.C
		if i == killAt {
			killed = time.Now()
			d.called("service")[0].process().kill()
		}
		all.Go(func() {
			began := time.Now()
			if err := discover(); err != nil {
				mu.Lock()
				failed = append(failed, failure{began, err})
				mu.Unlock()
			}
		})
	}
	all.Wait()
	for _, f := range failed {
		if f.began.After(killed) {
			t.Errorf("%v after the end of the process: %v", f.began.Sub(killed), f.err)
		}
	}
	if len(failed) > rate/10 {
		t.Errorf("%d requests failed", len(failed))
	}
	t.Logf("of %d requests %d failed, that were on their way\n", calls, len(failed))
}
