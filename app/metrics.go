package app

import (
	"fmt"
	"runtime"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/wattwerk/wattwerk/bus"
	"github.com/wattwerk/wattwerk/internal/run"
)

// registerMetrics adds what is said of the process as a whole. Everything has
// been started by then.
func (p *process) registerMetrics() error {
	about := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "wattwerk_build_info", Help: "Always 1; the labels say which version of the program runs.",
		ConstLabels: prometheus.Labels{"version": Version(), "go_version": runtime.Version()},
	})
	about.Set(1)
	disk := func(name, help string, pick func(free, size int64) int64) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, func() float64 {
			free, size, err := bus.DiskBytes(p.dir.Path())
			if err != nil {
				return -1
			}
			return float64(pick(free, size))
		})
	}
	all := []prometheus.Collector{
		about,
		disk("wattwerk_disk_free_bytes", "What may still be written to the disk of the data directory; -1 when it cannot be told.", func(free, _ int64) int64 { return free }),
		disk("wattwerk_disk_bytes", "Size of that disk; -1 when it cannot be told.", func(_, size int64) int64 { return size }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "wattwerk_model_revision", Help: "The revision of the model this process works with."},
			func() float64 { return float64(p.catalog.State().Revision) }),
	}
	for _, name := range p.group.Order() {
		all = append(all, prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "wattwerk_module_running", Help: "1 while the module works in this process.", ConstLabels: prometheus.Labels{"module": name},
		}, func() float64 {
			if p.group.State(name) == run.Running {
				return 1
			}
			return 0
		}))
	}
	for _, c := range all {
		if err := p.metrics.Register(c); err != nil {
			return fmt.Errorf("register metrics: %w", err)
		}
	}
	return nil
}
