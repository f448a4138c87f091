package execution

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/wattwerk/wattwerk/service/feed"
	"github.com/wattwerk/wattwerk/service/keep"
)

// meter measures services.
type meter struct {
	discovered *prometheus.CounterVec
	executed   *prometheus.CounterVec
	took       *prometheus.HistogramVec
	instances  *prometheus.CounterVec
	waiting    prometheus.Gauge
	open       prometheus.Gauge
	kept       *prometheus.CounterVec
}

func newMeter() *meter {
	m := &meter{
		discovered: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "wattwerk_service_discovered_total", Help: "Requests for a service by what came of them: full, partial, unavailable, refused."}, []string{"outcome"}),
		executed:   prometheus.NewCounterVec(prometheus.CounterOpts{Name: "wattwerk_service_executed_total", Help: "Services that were carried out, by computation and what came of it: done, refused, failed."}, []string{"computation", "outcome"}),
		took:       prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "wattwerk_service_execution_seconds", Help: "How long carrying a service out took, discovery included.", Buckets: []float64{.005, .02, .05, .1, .2, .5, 1, 2, 5, 15, 60}}, []string{"computation"}),
		instances:  prometheus.NewCounterVec(prometheus.CounterOpts{Name: "wattwerk_service_instance_changes_total", Help: "Instances of microservices that came to a state, as this process sees it."}, []string{"state"}),
		waiting:    prometheus.NewGauge(prometheus.GaugeOpts{Name: "wattwerk_service_waiting", Help: "Work that waits until its data are back, at the process that does it."}),
		open:       prometheus.NewGauge(prometheus.GaugeOpts{Name: "wattwerk_service_source_open", Help: "1 while nothing is read of settled windows, because reading failed again and again."}),
		kept:       prometheus.NewCounterVec(prometheus.CounterOpts{Name: "wattwerk_service_kept_total", Help: "Plans and results by how they were had: made, shared with who asked at the same time, kept from before, or stale because nothing better could be had."}, []string{"what", "how"}),
	}
	for _, o := range []string{"full", "partial", "unavailable", "refused"} {
		m.discovered.WithLabelValues(o)
	}
	for _, how := range []string{keep.Made, keep.Found} {
		m.kept.WithLabelValues("plan", how)
	}
	for _, how := range []string{keep.Made, keep.Shared, keep.Found, keep.Stale} {
		m.kept.WithLabelValues("result", how)
	}
	for _, c := range feed.Computations() {
		m.took.WithLabelValues(c)
		for _, o := range []string{"done", "refused", "failed"} {
			m.executed.WithLabelValues(c, o)
		}
	}
	return m
}

func (m *meter) all() []prometheus.Collector {
	return []prometheus.Collector{m.discovered, m.executed, m.took, m.instances, m.waiting, m.open, m.kept}
}

// Describe describes all metrics.
func (m *meter) Describe(ch chan<- *prometheus.Desc) {
	for _, c := range m.all() {
		c.Describe(ch)
	}
}

// Collect gives all metrics.
func (m *meter) Collect(ch chan<- prometheus.Metric) {
	for _, c := range m.all() {
		c.Collect(ch)
	}
}
