package alert

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/wattwerk/wattwerk/alert/rule"
)

// meter is what is measured of alerts.
type meter struct {
	firing     *prometheus.GaugeVec
	deliveries *prometheus.CounterVec
	waiting    prometheus.Gauge
}

func newMeter() *meter {
	m := &meter{
		firing:     prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "wattwerk_alerts_firing", Help: "Alerts that are raised, in the process that works on them."}, []string{"severity"}),
		deliveries: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "wattwerk_alert_deliveries_total", Help: "Messages about alerts: sent, failed (and tried again), given_up, dropped."}, []string{"sink", "result"}),
		waiting:    prometheus.NewGauge(prometheus.GaugeOpts{Name: "wattwerk_alert_queue_length", Help: "Messages about alerts that wait to be delivered."}),
	}
	m.active(nil)
	m.delivery("", "dropped", 0)
	return m
}

// Describe is called by Prometheus.
func (m *meter) Describe(to chan<- *prometheus.Desc) {
	for _, c := range []prometheus.Collector{m.firing, m.deliveries, m.waiting} {
		c.Describe(to)
	}
}

// Collect is called by Prometheus.
func (m *meter) Collect(to chan<- prometheus.Metric) {
	for _, c := range []prometheus.Collector{m.firing, m.deliveries, m.waiting} {
		c.Collect(to)
	}
}

func (m *meter) active(all []rule.Active) {
	n := make(map[rule.Severity]float64)
	for _, a := range all {
		if a.Status == rule.Firing {
			n[a.Severity]++
		}
	}
	for _, s := range rule.Severities() {
		m.firing.WithLabelValues(string(s)).Set(n[s])
	}
}

func (m *meter) delivery(sink, result string, n int) {
	m.deliveries.WithLabelValues(sink, result).Add(float64(n))
}

func (m *meter) queue(n int) { m.waiting.Set(float64(n)) }
