package app

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/wattwerk/wattwerk/edge"
	"github.com/wattwerk/wattwerk/edge/bank"
	updating "github.com/wattwerk/wattwerk/edge/update"
	repository "github.com/wattwerk/wattwerk/survey/update"
)

// programsDir is where the programs of a device are.
func (c *Config) programsDir() bank.Dir { return bank.Dir(filepath.Join(c.Data, "programs")) }

// programPath is where the program of a bank is.
func (c *Config) programPath(n bank.Name) (string, error) {
	if n == bank.Installed {
		return os.Executable()
	}
	return filepath.Abs(c.programsDir().Path(n.Path()))
}

// judgedWithin is how long a program on trial has to prove itself: two measurements, and the time it
// takes to send them.
func (c *EdgeConfig) judgedWithin() time.Duration {
	return max(updating.DefaultWithin, 2*c.Interval.Std()+15*time.Minute)
}

// launchedMore is how much longer the launcher waits for a program on trial than that does itself.
const launchedMore = 15 * time.Minute

// platform is what releases for this machine are for.
const platform = runtime.GOOS + "/" + runtime.GOARCH

// updater makes what gets updates; nil: there are none for this process.
func (c *Config) updater(d *edge.Service, log *slog.Logger) (*updating.Updater, error) {
	e := &c.Edge
	if e.UpdateRootFile == "" || !c.isDevice() {
		return nil, nil
	}
	n, launched := bank.FromEnv(os.Getenv(bank.Env))
	if !launched {
		log.Warn("updates are not taken, because this program was not started by 'wattwerk edge launch'")
		return nil, nil
	}
	root, err := os.ReadFile(e.UpdateRootFile)
	if err != nil {
		return nil, fmt.Errorf("read edge.update_root_file: %w", err)
	}
	disk := c.programsDir()
	store, err := bank.Open(disk)
	if err != nil {
		return nil, err
	}
	now := c.pace.clock()
	started := now()
	o := updating.Options{
		Disk: disk, Store: store, Bank: n, Root: root, Source: d, Device: d.Device, Incident: d.UpdateIncident, Check: versionOf,
		Path: func(n bank.Name) string { return disk.Path(n.Path()) },
		Health: func() updating.Health {
			return healthOf(d.Status(), started, e.Interval.Std())
		},
		Version: Version(), Platform: platform, Every: e.UpdateEvery.Std(), Within: e.judgedWithin(), Now: now, Log: log,
	}
	if c.pace.updates > 0 {
		o.Every, o.Tick = c.pace.updates, c.pace.tick
	}
	return updating.New(o)
}

// healthOf says how a device does since it was started.
func healthOf(s edge.Status, started time.Time, interval time.Duration) updating.Health {
	h := updating.Health{Reached: s.Sender.Asked.After(started.Round(0)), Measuring: s.Sender.Measuring, Meters: make(map[string]updating.Meter)}
	for _, m := range s.Meters {
		// A slot that began before may have been measured by the program before.
		h.Meters[m.ID] = updating.Meter{Measured: !m.Slot.Add(-interval).Before(started.Round(0)), Problem: m.Problem}
	}
	return h
}

// versionOf starts a program, which says its version.
func versionOf(ctx context.Context, path string) (string, error) {
	cmd := exec.CommandContext(ctx, path, "version")
	cmd.WaitDelay = 10 * time.Second
	out, err := cmd.Output()
	if err != nil {
		return "", err
	}
	line, _, _ := strings.Cut(string(out), "\n")
	words := strings.Fields(line) // wattwerk 1.4.0 linux/arm64 go1.26.8
	if len(words) < 3 || words[0] != "wattwerk" {
		return "", errors.New("it is no wattwerk")
	}
	if words[2] != platform {
		return "", fmt.Errorf("it is for %.40s", words[2])
	}
	return words[1], nil
}

// updatesDir is where the service keeps releases.
func (c *Config) updatesDir() string { return filepath.Join(c.Data, "updates") }

// surveyUpdates are releases that may be begun while the service runs.
type surveyUpdates struct{ dir string }

func (u surveyUpdates) open() (*repository.Repository, error) {
	r, err := repository.Open(u.dir, nil)
	if errors.Is(err, repository.ErrNone) {
		err = fmt.Errorf("%w: %w", fs.ErrNotExist, err)
	}
	return r, err
}

// Metadata gives a file of metadata.
func (u surveyUpdates) Metadata(name string) ([]byte, error) {
	r, err := u.open()
	if err != nil {
		return nil, err
	}
	return r.Metadata(name)
}

// Program gives a part of a program.
func (u surveyUpdates) Program(name string, offset int64) ([]byte, error) {
	r, err := u.open()
	if err != nil {
		return nil, err
	}
	return r.Program(name, offset)
}

// Renew signs anew what is about to expire.
func (u surveyUpdates) Renew() (time.Duration, error) {
	r, err := u.open()
	if err != nil {
		return 0, err
	}
	return r.Renew()
}
