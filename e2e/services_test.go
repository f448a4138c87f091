package e2e

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/wattwerk/wattwerk/internal/natstest"
	"github.com/wattwerk/wattwerk/internal/pgtest"
)

// TestScenarioR2 kills one of two processes that run services, while fifty requests a
// second come in at the gateway: none fails but those that were on their way. Some have a
// service carried out, by the process that its plan names, whichever was asked; when that
// one is gone by the other one.
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
	face.call("PUT", "/api/v1/sensors/meter", `{"id":"meter","quantity":"energy","kind":"counter","interval":"1h"}`, nil)
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

	execute := func() (by string, err error) {
		var x struct{ Process, Instead string }
		err = face.try("POST", "/api/v1/services/S6/execute", `{"subject":"sensor/meter"}`, &x)
		if x.Instead != "" {
			t.Logf("%s: %s", x.Process, x.Instead)
		}
		return x.Process, err
	}
	carried := make(map[string]bool)
	eventually(t, 2*time.Minute, func() error {
		by, err := execute()
		if err != nil { // one that does not know the sensor yet has not seen what it said
			return errors.Join(err, face.try("POST", "/api/v1/ingest/json", `{"sensor":"meter","value":5}`, nil))
		}
		if carried[by] = true; !carried["service-1"] || !carried["service-2"] {
			return fmt.Errorf("carried out by %v alone", carried)
		}
		return nil
	})

	const rate, calls, killAt, executeEvery = 50, 750, 250, 25 // 15 s, killed after 5 s
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
			ask := discover
			if i%executeEvery == 0 {
				ask = func() error { _, err := execute(); return err }
			}
			if err := ask(); err != nil {
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
	for range 4 {
		if by, err := execute(); err != nil || by != "service-2" {
			t.Errorf("carried out by %q: %v", by, err)
		}
	}
}
