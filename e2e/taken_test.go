package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/wattwerk/wattwerk/internal/natstest"
	"github.com/wattwerk/wattwerk/internal/pgtest"
)

// TestManifestsAreTakenOver has two processes that could run manifests, on one
// PostgreSQL and one bus. The one that does is killed in the middle of an hour,
// later the other is frozen in the middle of another hour and comes back when it
// has been replaced. What was computed is what a trial of the same values gives,
// to the bit, and every value came through once.
func TestManifestsAreTakenOver(t *testing.T) {
	nats := natstest.Start(t, natstest.Options{}).URL()
	secret := filepath.Join(t.TempDir(), "postgresql.url")
	if err := os.WriteFile(secret, []byte(pgtest.Start(t).Database(t)+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	dirs := map[string]string{"one": t.TempDir(), "two": t.TempDir()}
	run := func(name string) *process {
		return launch(t, dirs[name], []string{"WATTWERK_NAME=" + name, "WATTWERK_SQL_URL_FILE=" + secret, "WATTWERK_PIPELINE_EVERY=200ms"},
			"--nats", nats, "--modules", "registry,gateway,pipeline")
	}
	all := map[string]*process{"one": run("one"), "two": run("two")}
	for _, p := range all {
		p.ready()
	}
	one := all["one"]
	const manifest = `{"name":"hourly","processors":[
		{"name":"average","type":"average","parameters":{"size":"1h"},"from":["in"],"to":"averages"},
		{"name":"copy","type":"echo","from":["in"],"to":"copies"}]}`
	one.call("POST", "/api/v1/models/apply", `{"kinds":[{"name":"power","quantityKind":"power","unit":"W"}],
		"interfaces":[{"name":"inside","protocol":"internal"}],
		"sourceDefinitions":[{"name":"inside","interface":"inside","kinds":["power"]}],
		"sources":[{"name":"in","definition":"inside"},{"name":"averages","definition":"inside"},{"name":"copies","definition":"inside"}],
		"manifests":[`+manifest+`]}`, nil)
	begin(t, one, "hourly")
	var source struct{ Model struct{ ID string } }
	one.call("GET", "/api/v1/models/sources/in", nil, &source)

	// runs waits until somebody else than was runs it, and names who does.
	runs := func(ask *process, was string) (name string) {
		t.Helper()
		eventually(t, 2*time.Minute, func() error {
			var st struct{ State, Reason, Process string }
			if err := ask.try("GET", "/api/v1/manifests/hourly/status", nil, &st); err != nil {
				return err
			}
			if name = st.Process; st.State != "RUNNING" || name == was {
				return fmt.Errorf("it is %s by %s: %s", st.State, st.Process, st.Reason)
			}
			return nil
		})
		return name
	}
	type sample struct {
		Source string  `json:"source"`
		Time   int64   `json:"time"`
		Value  float64 `json:"value"`
	}
	var samples []sample
	const start, step, hour = int64(1_600_002_000_000), int64(300_000), int64(3_600_000) // a full hour
	push := func(p *process, at int64) {
		t.Helper()
		n := (at - start) / step
		s := sample{"in", at, float64(n*7919%1000) / 7} // sums of them depend on how they are made
		samples = append(samples, s)
		header := map[string][]string{"Idempotency-Key": {fmt.Sprint("value ", at)}}
		eventually(t, time.Minute, func() error {
			a, err := p.send("POST", "/api/v1/models/sources/"+source.Model.ID+"/push", header, fmt.Sprintf(`[{"time":%d,"value":%v}]`, s.Time, s.Value))
			if err == nil && a.status != 200 {
				err = fmt.Errorf("%d: %s", a.status, a.body)
			}
			return err
		})
	}
	other := map[string]string{"one": "two", "two": "one"}
	const hours = 6
	ask := one
	for at := start; at <= start+hours*hour+step; at += step {
		push(ask, at)
		switch at - start {
		case hour + hour/2:
			was := runs(ask, "")
			all[was].kill()
			ask = all[other[was]]
			push(ask, at+1) // before anybody has taken over
			if now := runs(ask, was); now != other[was] {
				t.Fatalf("%q runs it", now)
			}
			all[was] = run(was)
			all[was].ready()
		case 3*hour + hour/2:
			was := runs(ask, "")
			frozen := all[was]
			if err := frozen.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
				t.Fatal(err)
			}
			ask = all[other[was]]
			push(ask, at+1)
			runs(ask, was)
			push(ask, at+2)
			if err := frozen.cmd.Process.Signal(syscall.SIGCONT); err != nil {
				t.Fatal(err)
			}
		}
	}

	type result struct {
		Time  int64
		Value float64
	}
	var trial struct {
		Processors []struct {
			Name    string
			Results []result
		}
	}
	ask.call("POST", "/api/v1/manifests/test", map[string]any{"manifest": json.RawMessage(manifest), "samples": samples}, &trial)
	want := make(map[string][]result)
	for _, p := range trial.Processors {
		if p.Name == "average" {
			want["averages"] = p.Results[:hours] // the last hour has not ended but in the trial
		}
	}
	for _, s := range samples {
		want["copies"] = append(want["copies"], result{s.Time, s.Value})
	}
	for sink, want := range want {
		eventually(t, time.Minute, func() error {
			var got struct{ Data []result }
			if err := ask.try("GET", "/api/v1/models/sources/"+sink+"/data?limit=10000", nil, &got); err != nil {
				return err
			}
			if d := cmp.Diff(want, got.Data); d != "" {
				return fmt.Errorf("%s: %s", sink, d)
			}
			return nil
		})
	}
	if len(want["averages"]) != hours || len(want["copies"]) != len(samples) {
		t.Errorf("%d averages, %d copies", len(want["averages"]), len(want["copies"]))
	}
}
