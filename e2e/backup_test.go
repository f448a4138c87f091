package e2e

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// load sends readings of some sensors as fast as they are accepted. The value
// of every reading is a function of its time.
type load struct {
	name     string
	sensors  int
	begin    int64        // ms
	accepted atomic.Int64 // readings of each sensor that are accepted, in order of time
	stop     chan struct{}
	done     sync.WaitGroup
}

const (
	loadBatch = 50
	loadStep  = 100 // ms between two readings of a sensor
)

// newLoad begins a day ago, on a full second.
func newLoad(name string, sensors int) *load {
	return &load{name: name, sensors: sensors, begin: time.Now().Add(-24*time.Hour).Unix() * 1000}
}

func startLoad(p *process, name string, sensors int) *load {
	l := newLoad(name, sensors)
	l.run(p, true)
	return l
}

// run sends until end is called, or until the process is gone; a failure of
// sending is a failure of the test when the process is meant to stay.
func (l *load) run(p *process, stays bool) {
	l.stop = make(chan struct{})
	l.done.Go(func() {
		for {
			select {
			case <-l.stop:
				return
			default:
			}
			n := l.accepted.Load()
			var rows []string
			for i := n; i < n+loadBatch; i++ {
				for s := range l.sensors {
					rows = append(rows, fmt.Sprintf(`{"sensor":"%s%d","time":%d,"value":%v}`, l.name, s, l.time(i), l.value(s, i)))
				}
			}
			if err := p.try("POST", "/api/v1/ingest/json", "["+strings.Join(rows, ",")+"]", nil); err != nil {
				if stays {
					p.t.Errorf("send: %v", err)
				}
				return
			}
			l.accepted.Add(loadBatch)
		}
	})
}

func (l *load) time(i int64) int64           { return l.begin + i*loadStep }
func (l *load) value(s int, i int64) float64 { return float64(s)*1000 + float64(i%977)/8 }
func (l *load) end()                         { close(l.stop); l.done.Wait() }

// missing gives the first reading that should be there and is not.
func (l *load) missing(p *process, accepted int64) error {
	for s := range l.sensors {
		var got struct {
			T     []int64    `json:"t"`
			Value []*float64 `json:"value"`
		}
		path := fmt.Sprintf("/api/v1/sensors/%s%d/range?raw=true&from=%d&to=%d", l.name, s, l.begin, l.time(accepted-1))
		if err := p.try("GET", path, nil, &got); err != nil {
			return err
		}
		have, n := make(map[int64]float64), int64(0)
		for i, at := range got.T {
			if got.Value[i] != nil {
				have[at] = *got.Value[i]
				n++
			}
		}
		if n != accepted {
			return fmt.Errorf("sensor %d has %d readings, %d were accepted", s, n, accepted)
		}
		for i := range accepted {
			if v, ok := have[l.time(i)]; !ok || v != l.value(s, i) {
				return fmt.Errorf("reading %d of sensor %d is %v (%v), want %v", i, s, v, ok, l.value(s, i))
			}
		}
	}
	return nil
}

// eventually asks again until the answer is nil or the deadline has passed.
func eventually(t *testing.T, within time.Duration, ask func() error) {
	t.Helper()
	deadline := time.After(within)
	again := time.NewTicker(100 * time.Millisecond)
	defer again.Stop()
	for {
		err := ask()
		if err == nil {
			return
		}
		select {
		case <-deadline:
			t.Fatal(err)
		case <-again.C:
		}
	}
}

func TestBackupUnderLoadAndRestore(t *testing.T) {
	p := start(t, t.TempDir())
	p.call("PUT", "/api/v1/groups/all", `{"id":"all"}`, nil)
	l := startLoad(p, "before", 4)
	eventually(t, time.Minute, func() error {
		if n := l.accepted.Load(); n < 1000 {
			return fmt.Errorf("only %d readings were accepted", n)
		}
		return nil
	})
	before := l.accepted.Load()
	file := filepath.Join(t.TempDir(), "copy.tar.zst")
	p.run("backup", file)
	after := l.accepted.Load()
	if after == before {
		t.Error("nothing was accepted while the backup was made")
	}
	l.end()

	t.Run("into a directory that is in use", func(t *testing.T) {
		if _, err := command(t, "restore", file, "--data", p.dir); err == nil {
			t.Error("it was overwritten")
		}
	})
	dir := filepath.Join(t.TempDir(), "restored")
	if _, err := command(t, "restore", file, "--data", dir); err != nil {
		t.Fatal(err)
	}
	q := start(t, dir)
	eventually(t, time.Minute, func() error { return l.missing(q, before) })
	var doc struct{ Groups []struct{ ID string } }
	q.call("GET", "/api/v1/model", nil, &doc)
	if len(doc.Groups) != 1 || doc.Groups[0].ID != "all" {
		t.Errorf("the model has the groups %v", doc.Groups)
	}
	// It goes on from there.
	more := startLoad(q, "after", 1)
	eventually(t, time.Minute, func() error {
		if more.accepted.Load() == 0 {
			return errors.New("nothing is accepted")
		}
		return nil
	})
	more.end()
	eventually(t, time.Minute, func() error { return more.missing(q, more.accepted.Load()) })
}

func TestBackupOfADirectoryAtRest(t *testing.T) {
	p := start(t, t.TempDir())
	p.call("POST", "/api/v1/ingest/json", `{"sensor":"kettle","value":1800}`, nil)
	p.stop()
	file := filepath.Join(t.TempDir(), "copy.tar.zst")
	p.run("backup", file)
	dir := filepath.Join(t.TempDir(), "restored")
	if _, err := command(t, "restore", file, "--data", dir); err != nil {
		t.Fatal(err)
	}
	q := start(t, dir)
	eventually(t, time.Minute, func() error {
		var got struct{ Value *float64 }
		if err := q.try("GET", "/api/v1/sensors/kettle/latest", nil, &got); err != nil {
			return err
		}
		if got.Value == nil || *got.Value != 1800 {
			return fmt.Errorf("the kettle is at %v", show(got.Value))
		}
		return nil
	})
}
