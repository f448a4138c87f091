package app

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/wattwerk/wattwerk/edge"
	"github.com/wattwerk/wattwerk/survey/identity"
)

// said collects what a command writes while it runs.
type said struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *said) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *said) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// TestDevice: a measurement device needs no bus and no books, and says how it stands.
func TestDevice(t *testing.T) {
	dir := t.TempDir()
	if err := identity.Init(filepath.Join(dir, "offline"), filepath.Join(dir, "survey")); err != nil {
		t.Fatal(err)
	}
	settings := filepath.Join(dir, "device.yaml")
	text := "data: " + filepath.Join(dir, "data") + "\nedge:\n  url: https://127.0.0.1:9\n  root_file: " + filepath.Join(dir, "survey", identity.RootCert) +
		"\n  meters: ['sml tcp://127.0.0.1:9 name=house']\n  page: 127.0.0.1:0\n"
	if err := os.WriteFile(settings, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("GOGC", "100") // it does not set that of the tests
	if code, _, errs := wattwerk(t, "edge", "status", "--config", settings); code != ExitNotRunning {
		t.Errorf("exit code %d, %s", code, errs)
	}
	ctx, stop := context.WithCancel(t.Context())
	var out said
	done := make(chan int, 1)
	go func() {
		done <- Execute(ctx, []string{"run", "--config", settings, "--modules", "edge"}, IO{In: strings.NewReader(""), Out: &out, Err: &out})
	}()
	var code int
	var shown, errs string
	for deadline := time.Now().Add(time.Minute); ; <-time.After(20 * time.Millisecond) {
		if code, shown, errs = wattwerk(t, "edge", "status", "--config", settings, "--data", filepath.Join(dir, "data")); code == ExitOK || time.Now().After(deadline) {
			break
		}
	}
	var s edge.Status
	if err := json.Unmarshal([]byte(shown), &s); code != ExitOK || err != nil || s.Enrolled || len(s.Meters) != 1 || s.Meters[0].Name != "house" {
		t.Errorf("exit code %d, %v, %s\n%s\n%s", code, err, shown, errs, out.String())
	}
	// Nobody listens there: it says so, and what it made stays for the next try.
	token := filepath.Join(dir, "token")
	if err := os.WriteFile(token, []byte("enrol_AAAAAAAAAAAAAAAAAAAAAAAA\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if code, _, errs := wattwerk(t, "edge", "enrol", "--config", settings, "--token-file", token); code != ExitFailed || !strings.Contains(errs, "enrol") {
		t.Errorf("exit code %d, %s", code, errs)
	}
	stop()
	if code := <-done; code != ExitOK {
		t.Errorf("exit code %d, %s", code, out.String())
	}
	for _, name := range []string{"nats", "wattwerk.db", "history"} {
		if _, err := os.Stat(filepath.Join(dir, "data", name)); err == nil {
			t.Errorf("a measurement device has made %s", name)
		}
	}
}

func TestDeviceSettings(t *testing.T) {
	good := func() Config {
		c := DefaultConfig()
		c.Edge.URL, c.Edge.RootFile, c.Edge.Meters = "https://x:1", "root.crt", []string{"sml /dev/ttyUSB0"}
		return c
	}
	c := good()
	if err := c.Validate(); err != nil || !c.has(edgeModule) || c.isDevice() {
		t.Error(err)
	}
	c.Modules = []string{edgeModule}
	if err := c.Validate(); err != nil || !c.isDevice() || len(c.Warnings()) != 0 {
		t.Error(err, c.Warnings())
	}
	const one, two = "6f1d2c9a-0b6e-4c53-9f57-2f4f0c3e8a11", "6f1d2c9a-0b6e-4c53-9f57-2f4f0c3e8a12"
	c.Edge.Meters = []string{"sml /dev/ttyUSB0 model=EASY pin=pin.sealed id=" + one, "sunspec tcp://inverter:502 unit=3 name=roof id=" + two}
	if err := c.Validate(); err != nil {
		t.Error(err)
	}
	for _, spoil := range []func(*EdgeConfig){
		func(e *EdgeConfig) { e.RootFile = "" },
		func(e *EdgeConfig) { e.Meters = nil },
		func(e *EdgeConfig) { e.Meters = []string{"sml"} },
		func(e *EdgeConfig) { e.Meters = []string{"morse /dev/ttyUSB0"} },
		func(e *EdgeConfig) { e.Meters = []string{"sml ttyUSB0"} },
		func(e *EdgeConfig) { e.Meters = []string{"sml /dev/ttyUSB0 id=x"} },
		func(e *EdgeConfig) { e.Meters = []string{"sml /dev/ttyUSB0 unit=300"} },
		func(e *EdgeConfig) { e.Meters = []string{"sml /dev/ttyUSB0 colour=red"} },
		func(e *EdgeConfig) { e.Meters = []string{"sml /dev/ttyUSB0 model=EASY"} },
		func(e *EdgeConfig) { e.Meters = []string{"sml /dev/ttyUSB0 model=NONE pin=pin.sealed"} },
		func(e *EdgeConfig) { e.Meters = []string{"sml /dev/ttyUSB0 lamp=tcp://x:1"} },
		func(e *EdgeConfig) { e.Meters = []string{"sml /dev/ttyUSB0", "sml /dev/ttyUSB1"} },
		func(e *EdgeConfig) { e.Meters = []string{"sml /dev/ttyUSB0 id=" + one, "sml /dev/ttyUSB1 id=" + one} },
		func(e *EdgeConfig) { e.Codes = []string{"x"} },
		func(e *EdgeConfig) { e.Interval = 1 },
		func(e *EdgeConfig) { e.Send = 1 },
		func(e *EdgeConfig) { e.BufferSize = 1 },
		func(e *EdgeConfig) { e.BufferAge = 1 },
		func(e *EdgeConfig) { e.Access = "shell" },
		func(e *EdgeConfig) { e.Page = "x" },
		func(e *EdgeConfig) { e.Page = "0.0.0.0:80" },
	} {
		c := good()
		if spoil(&c.Edge); c.Validate() == nil {
			t.Errorf("%+v is taken", c.Edge)
		}
	}
}

// TestDeviceSample: the settings that docs show are fine.
func TestDeviceSample(t *testing.T) {
	c, err := LoadConfig("../deploy/samples/household/device.yaml", nil, map[string]any{"modules": []string{edgeModule}})
	if err != nil || !c.isDevice() || len(c.Warnings()) != 0 {
		t.Errorf("%v, %v", err, c.Warnings())
	}
}
