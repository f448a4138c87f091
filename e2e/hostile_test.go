package e2e

import (
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// TestHostileManifests sends what manifests did to other engines, each kind to a
// process that works: the environment, files, commands, addresses within, endless
// loops, memory without bound. Each is refused with a problem, or does nothing but
// what it may; the process lives, goes on with what it had, and tells no secret.
func TestHostileManifests(t *testing.T) {
	var called atomic.Int64 // connections that came where no manifest may lead
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer inner.Close()
	go func() {
		for {
			c, err := inner.Accept()
			if err != nil {
				return
			}
			called.Add(1)
			_ = c.Close()
		}
	}()
	_, port, err := net.SplitHostPort(inner.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	const secret = "hunter2-of-the-environment"
	around := t.TempDir()
	dir, files := filepath.Join(around, "data"), filepath.Join(around, "files")
	if err := os.Mkdir(files, 0o700); err != nil {
		t.Fatal(err)
	}
	within := filepath.Join(around, "secret.json")
	if err := os.WriteFile(within, []byte(`{"secret":"`+secret+`"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	p := launch(t, dir, []string{"SECRET=" + secret, "WATTWERK_PIPELINE_FILES=" + files})
	p.ready()

	expression := func(text string) string {
		quoted, err := json.Marshal(text)
		if err != nil {
			t.Fatal(err)
		}
		return fmt.Sprintf(`{"name":"e","type":"expression","parameters":{"map":%s},"from":["in"],"to":"out"}`, quoted)
	}
	processor := func(kind, parameters string) string {
		return fmt.Sprintf(`{"name":"e","type":%q,"parameters":%s,"from":["in"],"to":"out"}`, kind, parameters)
	}
	const models = `"kinds":[{"name":"power","quantityKind":"power","unit":"W"}],
		"interfaces":[{"name":"pushed","protocol":"http"},{"name":"sensors","protocol":"records"},{"name":"asked","protocol":"poll"},{"name":"told","protocol":"webhook"},{"name":"kept","protocol":"parquet"}],
		"sourceDefinitions":[{"name":"pushed","interface":"pushed","kinds":["power"]},{"name":"sensors","interface":"sensors","kinds":["power"]},{"name":"asked","interface":"asked","kinds":["power"]},{"name":"told","interface":"told","kinds":["power"]},{"name":"kept","interface":"kept","kinds":["power"]}],
		"sources":[{"name":"in","definition":"pushed"},{"name":"out","definition":"sensors"}%s]`
	runs := func(processor string) string {
		return `{` + fmt.Sprintf(models, "") + `,"manifests":[{"name":"hostile","processors":[` + processor + `]}]}`
	}
	end := func(definition, parameters string) string {
		way := `"from":["in"],"to":"hostile"`
		if definition == "asked" {
			way = `"from":["hostile"],"to":"out"`
		}
		return `{` + fmt.Sprintf(models, `,{"name":"hostile","definition":"`+definition+`","parameters":`+parameters+`}`) +
			`,"manifests":[{"name":"hostile","processors":[{"name":"e","type":"echo",` + way + `}]}]}`
	}
	p.call("POST", "/api/v1/models/apply", `{`+fmt.Sprintf(models, "")+`,"manifests":[{"name":"good","processors":[{"name":"f","type":"filter","parameters":{"operator":"GT","threshold":10},"from":["in"],"to":"out"}]}]}`, nil)
	begin(t, p, "good")

	refused := map[string]string{
		"the environment by a dollar":                runs(expression(`${SECRET}`)),
		"the environment by a dollar, in an address": end("asked", `{"url":"${SECRET}"}`),
		"env()":                                    runs(expression(`env("SECRET")`)),
		"file()":                                   runs(expression(`file("` + within + `")`)),
		"hostname()":                               runs(expression(`hostname()`)),
		"from a path":                              runs(expression(`from "` + within + `"`)),
		"command":                                  runs(processor("command", `{"name":"sh","args_mapping":"[\"-c\",\"id\"]"}`)),
		"subprocess":                               runs(processor("subprocess", `{"name":"cat"}`)),
		"a command within a switch":                runs(processor("switch", `{"cases":[{"processors":[{"command":{"name":"id"}}]}]}`)),
		"a file that is read":                      end("asked", `{"url":"file://`+within+`"}`),
		"a file that is written elsewhere":         end("kept", `{"directory":"../../elsewhere"}`),
		"a file that is written from the top":      end("kept", `{"directory":"`+filepath.Join(around, "elsewhere")+`"}`),
		"awk":                                      runs(processor("awk", `{"codec":"none","program":"BEGIN { \"id\" | getline x; print x }"}`)),
		"a schema from a file":                     runs(processor("json_schema", `{"schema_path":"file://`+within+`"}`)),
		"http from within":                         runs(processor("http", `{"url":"http://127.0.0.1:`+port+`/"}`)),
		"sleep":                                    runs(processor("sleep", `{"duration":"1000h"}`)),
		"sleep in an expression":                   runs(expression(`sleep("1000h")`)),
		"while":                                    runs(processor("while", `{"check":"true","processors":[]}`)),
		"while in an expression":                   runs(expression(`while true {}`)),
		"patterns from a malformed file":           runs(processor("grok", `{"pattern_paths":["`+within+`"],"expressions":["%{X}"]}`)),
		"the environment by jq":                    runs(processor("jq", `{"query":"env"}`)),
		"a cache of the process":                   runs(expression(`cache_get("x")`)),
		"a counter of the process":                 runs(expression(`count("x")`)),
		"a section of the logger":                  strings.Replace(runs(processor("echo", `{}`)), `{`, `{"logger":{"file":{"path":"`+filepath.Join(around, "log")+`"}},`, 1),
		"a section of HTTP":                        strings.Replace(runs(processor("echo", `{}`)), `{`, `{"http":{"address":"0.0.0.0:4195","debug_endpoints":true},`, 1),
		"thirty million numbers":                   runs(expression(`len(0..30000000)`)),
		"a function that calls itself":             runs(expression(`let f = f(f); f(value)`)),
		"a function that calls itself, by nesting": runs(expression(strings.Repeat("-(", 5000) + "value" + strings.Repeat(")", 5000))),
		"an expression of a million letters":       runs(expression(strings.Repeat("1+", 500_000) + "1")),
		"ten thousand processors":                  runs(strings.TrimSuffix(strings.Repeat(processor("echo", `{}`)+",", 10_000), ",")),
		"a document that is nested a million deep": strings.Repeat("[", 1_000_000),
	}
	for _, name := range slices.Sorted(maps.Keys(refused)) {
		a, err := p.send("POST", "/api/v1/models/apply", nil, refused[name])
		switch {
		case err != nil:
			t.Fatalf("%s: %v\n%s", name, err, p.output())
		case a.status < 400 || a.status >= 500 || !strings.HasPrefix(a.header.Get("Content-Type"), "application/problem+json"):
			t.Errorf("%s: %d %.300s", name, a.status, a.body)
		case strings.Contains(string(a.body), secret) || len(a.body) > 20_000:
			t.Errorf("%s: %.300s", name, a.body)
		}
	}

	// These are well formed, and may run; they get nowhere.
	bounded := map[string]string{
		"division by nothing":                      runs(expression(`1/(value-value)`)),
		"what is no number":                        runs(expression(`sqrt(-1) + log(0)`)),
		"what is asked within":                     end("asked", `{"url":"http://127.0.0.1:`+port+`/","interval":"100ms"}`),
		"what is asked within, by a name":          end("asked", `{"url":"http://localhost:`+port+`/","interval":"100ms"}`),
		"what is asked within, in another writing": end("asked", `{"url":"http://[::ffff:127.0.0.1]:`+port+`/","interval":"100ms"}`),
		"what is told within":                      end("told", `{"url":"http://127.0.0.1:`+port+`/"}`),
	}
	at := int64(1_600_000_000_000)
	for _, name := range slices.Sorted(maps.Keys(bounded)) {
		a, err := p.send("POST", "/api/v1/models/apply", nil, bounded[name])
		if err != nil {
			t.Fatalf("%s: %v\n%s", name, err, p.output())
		}
		if a.status/100 != 2 {
			t.Errorf("%s: %d %s", name, a.status, a.body)
			continue
		}
		if a, err = p.send("POST", "/api/v1/manifests/hostile/start", nil, nil); err != nil || a.status >= 500 {
			t.Errorf("%s: %d %s %v", name, a.status, a.body, err)
		}
		at += 1000
		goesOn(t, p, at)
	}
	eventually(t, time.Minute, func() error {
		if log := p.output(); !strings.Contains(log, "do not allow to go there") {
			return fmt.Errorf("nothing says that it may not go there:\n%s", tail(log))
		}
		return nil
	})
	if n := called.Load(); n != 0 {
		t.Errorf("%d connections came to an address within", n)
	}
	if strings.Contains(p.output(), secret) {
		t.Error("the log tells a secret")
	}
	left, err := os.ReadDir(around)
	if err != nil {
		t.Fatal(err)
	}
	if len(left) != 3 {
		t.Errorf("there is more than data, files and secret.json: %v", left)
	}
	p.stop()
}

// goesOn pushes a value to the source "in", and waits until the manifest "good"
// has passed it on to the sensor "out".
func goesOn(t *testing.T, p *process, at int64) {
	t.Helper()
	var sources struct {
		Items []struct{ Model struct{ ID, Name string } }
	}
	p.call("GET", "/api/v1/models/sources", nil, &sources)
	for _, s := range sources.Items {
		if s.Model.Name == "in" {
			p.call("POST", "/api/v1/models/sources/"+s.Model.ID+"/push", fmt.Sprintf(`[{"time":%d,"value":%d}]`, at, at/1000%1000+11), nil)
		}
	}
	eventually(t, time.Minute, func() error {
		var got struct {
			T []int64 `json:"t"`
		}
		if err := p.try("GET", fmt.Sprintf("/api/v1/sensors/out/range?raw=true&from=%d&to=%d", at, at+1), nil, &got); err != nil {
			return err
		}
		if len(got.T) != 1 {
			return fmt.Errorf("of the value at %d came %v", at, got.T)
		}
		return nil
	})
}
