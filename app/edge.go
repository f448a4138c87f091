package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"

	"github.com/wattwerk/wattwerk/edge"
	"github.com/wattwerk/wattwerk/edge/bank"
	"github.com/wattwerk/wattwerk/edge/buffer"
	"github.com/wattwerk/wattwerk/edge/metric"
	"github.com/wattwerk/wattwerk/edge/page"
	updating "github.com/wattwerk/wattwerk/edge/update"
	"github.com/wattwerk/wattwerk/internal/datadir"
	"github.com/wattwerk/wattwerk/internal/run"
	"github.com/wattwerk/wattwerk/meter"
	"github.com/wattwerk/wattwerk/meter/kind"
	"github.com/wattwerk/wattwerk/meter/light"
	"github.com/wattwerk/wattwerk/survey/household"
)

// device is a measurement device with its page.
type device struct {
	*edge.Service

	page    *page.Server      // nil: there is none
	updater *updating.Updater // nil: no updates are taken
	restart chan struct{}     // wanted from afar
}

// pace is by which clock a device lives, and how quickly; the zero value is that of one in a household. Tests set it, settings cannot.
type pace struct {
	now      func() time.Time // nil: the clock of the system
	collect  time.Duration    // for further codes of a slot
	tick     time.Duration    // between two looks at what is due
	look     time.Duration    // between two looks at whether something is to be sent
	updates  time.Duration    // between two times of asking for updates, from the start on
	restarts time.Duration    // between two starts on trial
	visits   time.Duration    // between two times of asking for grants
}

func (p *pace) clock() func() time.Time {
	if p.now != nil {
		return p.now
	}
	return time.Now
}

// openDevice opens the device of the settings.
func (c *Config) openDevice(log *slog.Logger) (*device, error) {
	e := &c.Edge
	roots, err := e.roots()
	if err != nil {
		return nil, err
	}
	password, err := e.password()
	if err != nil {
		return nil, err
	}
	slots, err := e.slots()
	if err != nil {
		return nil, err
	}
	if c.pace.collect > 0 {
		slots.Collect = c.pace.collect
	}
	o := edge.Options{
		Dir: c.deviceDir(), URL: e.URL, Roots: roots, Slots: slots, Every: e.Send.Std(), Version: Version(), Components: components(), Log: log,
		Now: c.pace.clock(), Tick: c.pace.tick, Look: c.pace.look, Visits: c.pace.visits,
		Buffer: buffer.Options{MaxBytes: int64(e.BufferSize), MaxAge: e.BufferAge.Std()},
	}
	for _, text := range e.Meters {
		m, err := parseMeter(text)
		if err != nil {
			return nil, err
		}
		x := edge.Meter{
			ID: m.id, Name: m.name, Asked: kind.Asked(m.Kind),
			Open: func() (meter.Reader, error) { return kind.NewReader(m.Settings) },
		}
		if m.model != "" {
			x.Unlocker = func(r meter.Reader) (meter.Unlocker, func() error, error) {
				pin, err := light.OpenPIN(keyBeside("", m.pin), m.pin)
				if err != nil {
					return nil, nil, err
				}
				return kind.NewUnlocker(kind.UnlockSettings{Model: m.model, PIN: pin, Lamp: m.lamp, Journal: filepath.Join(c.Data, triesFile)}, r)
			}
		}
		o.Meters = append(o.Meters, x)
	}
	d := &device{restart: make(chan struct{}, 1)}
	o.Updates = func() any {
		if d.updater == nil {
			return nil
		}
		return d.updater.Status()
	}
	if e.Access == accessDiagnose {
		said := new(lastLines)
		o.Log = slog.New(slog.NewMultiHandler(log.Handler(), slog.NewTextHandler(said, nil)))
		o.Visit = append(d.diagnoses(*e, said), d.acts(*e)...)
	}
	if d.Service, err = edge.New(o); err != nil {
		return nil, err
	}
	if d.updater, err = c.updater(d.Service, log); err != nil {
		return nil, err
	}
	if e.Page != "" {
		hosts := e.PageHosts
		if name, err := os.Hostname(); err == nil {
			hosts = append(slices.Clone(hosts), name, name+".local")
		}
		p := page.Options{Device: d.Service, Addr: e.Page, Hosts: hosts, Password: password, Anybody: e.Metrics == metricsPage, Log: log}
		if e.Metrics != metricsOff {
			if p.Metrics, err = metric.Handler(d.Status); err != nil {
				return nil, err
			}
		}
		if d.page, err = page.New(p); err != nil {
			return nil, err
		}
	}
	return d, nil
}

// components are what a device consists of beside the program that runs.
func components() []household.Component {
	list := []household.Component{{Name: "go", Version: runtime.Version()}}
	if n, ok := bank.FromEnv(os.Getenv(bank.Env)); ok {
		list = append(list, household.Component{Name: "bank", Version: string(n)})
	}
	if v := os.Getenv(bank.EnvLauncher); v != "" {
		list = append(list, household.Component{Name: "launcher", Version: v[:min(len(v), 100)]})
	}
	var u unix.Utsname
	if err := unix.Uname(&u); err == nil {
		list = append(list, household.Component{Name: "kernel", Version: unix.ByteSliceToString(u.Release[:])})
	}
	// What a system calls itself; not every one has it.
	if text, err := os.ReadFile("/etc/os-release"); err == nil && len(text) < 16<<10 {
		for line := range strings.Lines(string(text)) {
			if name, ok := strings.CutPrefix(line, "PRETTY_NAME="); ok {
				name = strings.Trim(strings.TrimSpace(name), `"`)
				list = append(list, household.Component{Name: "system", Version: name[:min(len(name), 100)]})
			}
		}
	}
	return list
}

// run works until ctx ends.
func (d *device) run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return d.Run(ctx) })
	if d.page != nil {
		g.Go(func() error { return d.page.Run(ctx) })
	}
	if d.updater != nil {
		g.Go(func() error { return d.updater.Run(ctx) })
	}
	g.Go(func() error {
		select {
		case <-ctx.Done():
			return nil
		case <-d.restart:
			run.Pause(ctx, restartAfter)
			return errRestarted
		}
	})
	return g.Wait()
}

func startEdge(_ context.Context, p *process) (running, error) {
	d, err := p.config.openDevice(p.logger(edgeModule))
	if err != nil {
		return running{}, err
	}
	if d.page != nil {
		p.logger(edgeModule).Info("the page of the measurement device listens", "addr", d.page.Addr())
	}
	return running{run: d.run}, nil
}

// isDevice tells whether the process is a measurement device and nothing else. It then has no
// bus, no books and no gateway.
func (c *Config) isDevice() bool {
	return len(c.Modules) == 1 && c.Modules[0] == edgeModule && !c.Demo
}

// runDevice runs a measurement device and nothing else.
func runDevice(ctx context.Context, c Config, log *slog.Logger, out io.Writer) error {
	if os.Getenv("GOGC") == "" && os.Getenv("GOMEMLIMIT") == "" {
		debug.SetGCPercent(50)
		debug.SetMemoryLimit(deviceMemory)
	}
	dir, err := datadir.Open(c.Data)
	if err != nil {
		return err
	}
	defer dir.Close()
	d, err := c.openDevice(log.With("component", edgeModule))
	if err != nil {
		return err
	}
	in := datadir.Instance{PID: os.Getpid(), Version: Version(), Started: time.Now()}
	fmt.Fprintf(out, "Wattwerk %s, a measurement device, data in %s\n", Version(), dir.Path()) //nolint:errcheck // nobody listens, then
	if d.page != nil {
		in.URL = "http://" + d.page.Addr()
		fmt.Fprintf(out, "  page  %s\n", in.URL) //nolint:errcheck // nobody listens, then
	}
	if err := dir.Announce(in); err != nil {
		return errors.Join(err, d.closePage())
	}
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return d.run(ctx) })
	g.Go(func() error {
		if err := giveMemoryBack(ctx); err != nil {
			log.Warn("more memory is used than needs be", "component", edgeModule, "error", err)
		}
		return nil
	})
	err = g.Wait()
	if errors.Is(err, errRestarted) {
		log.Info("this program starts anew, as was wanted from afar", "component", edgeModule)
		dir.Close()
		return again()
	}
	if errors.Is(err, updating.ErrRestart) { // orderly: what was measured is on the disk
		log.Info("this program ends, so that another one is started", "component", edgeModule)
		return nil
	}
	return err
}

// again has this program take its own place, as it was started.
func again() error {
	path, err := os.Executable()
	if err == nil {
		err = syscall.Exec(path, append([]string{path}, os.Args[1:]...), os.Environ())
	}
	return fmt.Errorf("start anew: %w", err)
}

func (d *device) closePage() error {
	if d.page == nil {
		return nil
	}
	return d.page.Close()
}
