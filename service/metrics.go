package service

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/wattwerk/wattwerk/object"
	"github.com/wattwerk/wattwerk/service/watch"
)

// meter measures the module.
type meter struct {
	objects *prometheus.GaugeVec
	flips   *prometheus.CounterVec
	waiting prometheus.Gauge
}

func newMeter() *meter {
	m := &meter{
		objects: prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "wattwerk_service_objects", Help: "Sensors and groups by how they are: live, late, stale, substituted, virtual, down."}, []string{"kind", "state"}),
		flips:   prometheus.NewCounterVec(prometheus.CounterOpts{Name: "wattwerk_service_flips_total", Help: "Changes of objects to a state, at the process that writes them down."}, []string{"state"}),
		waiting: prometheus.NewGauge(prometheus.GaugeOpts{Name: "wattwerk_service_unfitted", Help: "Objects that are away and for which nothing was looked for yet."}),
	}
	for _, s := range object.States() {
		m.flips.WithLabelValues(string(s))
		for _, kind := range []string{"sensor", "group"} {
			m.objects.WithLabelValues(kind, string(s))
		}
	}
	return m
}

// show tells how many objects are in each state.
func (m *meter) show(at *watch.Moment) {
	sensors, groups := at.Counts()
	for _, s := range object.States() {
		m.objects.WithLabelValues("sensor", string(s)).Set(float64(sensors[s]))
		m.objects.WithLabelValues("group", string(s)).Set(float64(groups[s]))
	}
}

func (m *meter) all() []prometheus.Collector {
	return []prometheus.Collector{m.objects, m.flips, m.waiting}
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
