package vigil

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/wattwerk/wattwerk/forecast/anomaly"
)

// meter measures the watch.
type meter struct {
	objects *prometheus.GaugeVec
	found   *prometheus.CounterVec
}

func newMeter() *meter {
	m := &meter{
		objects: prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "wattwerk_service_watched_objects", Help: "Objects that are watched for anomalies, at the process that does it: watched in all, not looked at yet as far as is settled, and left out as there are too many."}, []string{"state"}),
		found:   prometheus.NewCounterVec(prometheus.CounterOpts{Name: "wattwerk_service_anomalies_total", Help: "Anomalies that were found."}, []string{"kind"}),
	}
	for _, k := range []anomaly.Kind{anomaly.Unusual, anomaly.Stuck, anomaly.Zero, anomaly.Backwards, anomaly.PartsExceed} {
		m.found.WithLabelValues(string(k))
	}
	m.now(0, 0, 0)
	return m
}

// now tells how far it is.
func (m *meter) now(watched, behind, left int) {
	for state, n := range map[string]int{"watched": watched, "behind": behind, "left": left} {
		m.objects.WithLabelValues(state).Set(float64(n))
	}
}

// Describe describes all metrics.
func (m *meter) Describe(ch chan<- *prometheus.Desc) {
	m.objects.Describe(ch)
	m.found.Describe(ch)
}

// Collect gives all metrics.
func (m *meter) Collect(ch chan<- prometheus.Metric) {
	m.objects.Collect(ch)
	m.found.Collect(ch)
}
