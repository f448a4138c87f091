package e2e

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
)

// unpack puts a data directory of testdata/upgrade into dir.
func unpack(t *testing.T, file, dir string) {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := zstd.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, filepath.FromSlash(h.Name))
		if h.Typeflag == tar.TypeDir {
			if err := os.MkdirAll(path, 0o700); err != nil {
				t.Fatal(err)
			}
			continue
		}
		data, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// What testdata/upgrade/make.sh wrote: readings of four machines, one a second.
const (
	upgradeBegin    = int64(1795860000000)
	upgradeMachines = 4
	upgradeReadings = 1200
)

func upgradeValue(machine int, i int64) float64 { return float64(machine)*1000 + float64(i%97)/8 }

// trouble is a line of the log that says something of what was kept could not be used.
var trouble = regexp.MustCompile(`level=(WARN|ERROR) msg="[^"]*(checkpoint|position|missing)[^"]*" component=(aggregate|history)`)

// TestUpgrade starts this program on the data that every earlier format left,
// killed in the middle of its work: nothing is lost, and it goes on from there.
func TestUpgrade(t *testing.T) {
	files, err := filepath.Glob("testdata/upgrade/*.tar.zst")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".tar.zst"), func(t *testing.T) {
			dir := t.TempDir()
			unpack(t, file, dir)
			testUpgrade(t, dir)
		})
	}
}

func testUpgrade(t *testing.T, dir string) {
	p := start(t, dir)
	for m := range upgradeMachines {
		eventually(t, 2*time.Minute, func() error { return upgradeRecords(p, m) })
	}
	eventually(t, 2*time.Minute, func() error { return upgradeTicks(p) })

	var doc struct {
		Sensors []struct{ ID string }
		Groups  []struct {
			ID      string
			Members []struct{ Sensor string }
		}
		Hierarchies []struct{ ID, Root string }
	}
	p.call("GET", "/api/v1/model", nil, &doc)
	if len(doc.Sensors) != upgradeMachines || len(doc.Groups) != 1 || len(doc.Groups[0].Members) != upgradeMachines || len(doc.Hierarchies) != 1 {
		t.Errorf("the model is %+v", doc)
	}
	a, err := p.send("POST", "/api/v1/login", nil, `{"name":"ada","password":"correct horse battery"}`)
	if err != nil || a.status/100 != 2 {
		t.Errorf("ada signs in: %d %s %v", a.status, a.body, err)
	}
	var tokens struct{ Items []struct{ Name string } }
	p.call("GET", "/api/v1/tokens", nil, &tokens)
	if !slices.ContainsFunc(tokens.Items, func(k struct{ Name string }) bool { return k.Name == "meter" }) {
		t.Errorf("the tokens are %+v", tokens.Items)
	}
	var dead struct{ Count int }
	p.call("GET", "/api/v1/dead-letters", nil, &dead)
	if dead.Count == 0 {
		t.Error("the dead letter is gone")
	}

	// It goes on.
	began := time.Now().UnixMilli()
	eventually(t, time.Minute, func() error {
		now := time.Now().UnixMilli()
		p.call("POST", "/api/v1/ingest/json", fmt.Sprintf(`[{"sensor":"machine0","time":%d,"value":7},{"sensor":"machine1","time":%d,"value":8}]`, now, now), nil)
		var got struct{ Value []*float64 }
		if err := p.try("GET", fmt.Sprintf("/api/v1/groups/hall/range?raw=true&from=%d&to=%d", began, now), nil, &got); err != nil {
			return err
		}
		if !slices.ContainsFunc(got.Value, func(v *float64) bool { return v != nil && *v == 15 }) {
			return fmt.Errorf("of %d ticks none is 15", len(got.Value))
		}
		return nil
	})
	for line := range strings.Lines(p.output()) {
		if trouble.MatchString(line) {
			t.Errorf("it says %s", line)
		}
	}
}

func upgradeRecords(p *process, machine int) error {
	var got struct {
		T     []int64
		Value []*float64
	}
	path := fmt.Sprintf("/api/v1/sensors/machine%d/range?raw=true&from=%d&to=%d", machine, upgradeBegin, upgradeBegin+upgradeReadings*1000)
	if err := p.try("GET", path, nil, &got); err != nil {
		return err
	}
	if len(got.T) != upgradeReadings {
		return fmt.Errorf("machine %d has %d readings, want %d", machine, len(got.T), upgradeReadings)
	}
	for i := range int64(upgradeReadings) {
		if got.T[i] != upgradeBegin+i*1000 || got.Value[i] == nil || *got.Value[i] != upgradeValue(machine, i) {
			return fmt.Errorf("reading %d of machine %d is %v at %d", i, machine, show(got.Value[i]), got.T[i])
		}
	}
	return nil
}

func upgradeTicks(p *process) error {
	var got struct {
		T     []int64
		Value []*float64
	}
	const ticks = upgradeReadings - 5 // what comes later may not be closed yet
	path := fmt.Sprintf("/api/v1/groups/hall/range?raw=true&from=%d&to=%d", upgradeBegin, upgradeBegin+(ticks-1)*1000)
	if err := p.try("GET", path, nil, &got); err != nil {
		return err
	}
	if len(got.T) != ticks {
		return fmt.Errorf("there are %d ticks, want %d", len(got.T), ticks)
	}
	for i := range int64(ticks) {
		want := 0.0
		for m := range upgradeMachines {
			want += upgradeValue(m, i)
		}
		if got.Value[i] == nil || *got.Value[i] != want {
			return fmt.Errorf("tick %d is %v, want %v", i, show(got.Value[i]), want)
		}
	}
	return nil
}

func TestNewerDataIsRefused(t *testing.T) {
	dir := t.TempDir()
	start(t, dir).stop()
	mark := filepath.Join(dir, "format.json")
	if err := os.WriteFile(mark, []byte(`{"format":99,"program":"v9.0.0"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := command(t, "run", "--data", dir, "--addr", "127.0.0.1:0", "--mqtt", "off")
	if err == nil || !strings.Contains(err.Error(), "was written by wattwerk v9.0.0 in format 99, and this program reads formats up to 1; nothing was changed") {
		t.Errorf("got %v", err)
	}
	if data, err := os.ReadFile(mark); err != nil || !strings.Contains(string(data), "99") {
		t.Errorf("the mark is now %s, %v", data, err)
	}
}
