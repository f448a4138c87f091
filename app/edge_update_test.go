package app

import (
	"encoding/json"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/wattwerk/wattwerk/edge"
	"github.com/wattwerk/wattwerk/edge/bank"
	"github.com/wattwerk/wattwerk/edge/sender"
)

// TestUpdateCommands: keys are made, a program is published, goes to more devices, and is
// withdrawn.
func TestUpdateCommands(t *testing.T) {
	data, stick := t.TempDir(), filepath.Join(t.TempDir(), "stick")
	program := filepath.Join(t.TempDir(), "program")
	if err := os.WriteFile(program, []byte("a program"), 0o600); err != nil {
		t.Fatal(err)
	}
	run := func(want int, args ...string) string {
		t.Helper()
		code, out, errs := wattwerk(t, append(append([]string{"survey", "update"}, args...), "--data", data)...)
		if code != want {
			t.Errorf("%v: exit code %d, want %d: %s%s", args, code, want, out, errs)
		}
		return out + errs
	}
	if out := run(ExitFailed, "status"); !strings.Contains(out, "'wattwerk survey update init' begins") {
		t.Error(out)
	}
	run(ExitUsage, "init", "--offline", filepath.Join(data, "updates"))
	if out := run(ExitOK, "init", "--offline", stick); !strings.Contains(out, filepath.Join(data, "updates", "1.root.json")) {
		t.Error(out)
	}
	run(ExitFailed, "init", "--offline", stick)
	publish := []string{"publish", program, "--release", "1.4.0", "--platform", "linux/arm64", "--offline"}
	run(ExitFailed, append(publish, t.TempDir())...)
	run(ExitUsage, "publish", program, "--release", "1.4.0", "--platform", "arm64", "--offline", stick)
	if out := run(ExitOK, append(publish, stick, "--device", "bench")...); out != "release 2: 1.4.0 for linux/arm64, ring 1, to 1 of 100 devices and 1 that are named\n" {
		t.Error(out)
	}
	for _, x := range [][2]string{{"promote", "ring 2, to 10 of 100 devices"}, {"3", "ring 3, to 100 of 100 devices"}, {"halt", "ring 0, to no device"}} {
		if out := run(ExitOK, "ring", "1.4.0", x[0], "--offline", stick); !strings.Contains(out, x[1]) {
			t.Error(out)
		}
	}
	run(ExitUsage, "ring", "1.4.0", "4", "--offline", stick)
	run(ExitFailed, "ring", "1.4.1", "promote", "--offline", stick)
	run(ExitOK, "root", "--rotate", "snapshot,timestamp", "--offline", stick)
	run(ExitOK, "sign", "--offline", stick)
	if out := run(ExitOK, "status"); !strings.Contains(out, "1.4.0") || !strings.Contains(out, "timestamp until ") {
		t.Error(out)
	}
	run(ExitOK, "withdraw", "1.4.0", "--offline", stick)

	code, out, errs := wattwerk(t, "edge", "programs", "--data", data)
	var s bank.State
	if err := json.Unmarshal([]byte(out), &s); code != ExitOK || err != nil || s.Current != bank.Installed || len(s.Programs) != 0 {
		t.Errorf("exit code %d, %v, %s%s", code, err, out, errs)
	}
}

func TestVersionOf(t *testing.T) {
	for text, want := range map[string]string{
		"echo wattwerk 1.4.0 " + platform + " go1.26":         "1.4.0",
		"echo wattwerk 1.4.0 plan9/mips go1.26":               "",
		"echo something else entirely":                        "",
		"true":                                                "",
		"echo wattwerk 1.4.0 " + platform + " go1.26; exit 1": "",
	} {
		path := filepath.Join(t.TempDir(), "program")
		if err := os.WriteFile(path, []byte("#!/bin/sh\n"+text+"\n"), 0o700); err != nil {
			t.Fatal(err)
		}
		if got, err := versionOf(t.Context(), path); got != want || (err == nil) != (want != "") {
			t.Errorf("%s: %q, %v", text, got, err)
		}
	}
	// What the program itself says is understood.
	code, out, _ := wattwerk(t, "version")
	if words := strings.Fields(out); code != ExitOK || len(words) < 3 || words[0] != "wattwerk" || words[1] != Version() || words[2] != runtime.GOOS+"/"+runtime.GOARCH {
		t.Errorf("%q", out)
	}
}

// TestHealthOf: what the program before did does not count.
func TestHealthOf(t *testing.T) {
	started := time.Date(2026, 3, 1, 12, 20, 0, 0, time.UTC)
	const interval = 15 * time.Minute
	s := edge.Status{Sender: sender.Status{Asked: started.Add(-time.Second), Measuring: true}, Meters: []edge.MeterStatus{
		{ID: "before", Slot: started.Add(10 * time.Minute)}, {ID: "after", Slot: started.Add(25 * time.Minute)}, {ID: "never", Problem: "no such device"},
	}}
	h := healthOf(s, started, interval)
	if h.Reached || !h.Measuring || h.Meters["before"].Measured || !h.Meters["after"].Measured || h.Meters["never"].Measured || h.Meters["never"].Problem != "no such device" {
		t.Errorf("%+v", h)
	}
	s.Sender.Asked = started.Add(time.Second)
	if !healthOf(s, started, interval).Reached {
		t.Error("it was reached")
	}
	c := EdgeConfig{}
	if c.Interval = 0; c.judgedWithin() != 45*time.Minute {
		t.Error(c.judgedWithin())
	}
}
