package foresight

import "github.com/prometheus/client_golang/prometheus"

// meter measures forecasts.
type meter struct {
	objects  *prometheus.GaugeVec
	made     prometheus.Counter
	compared prometheus.Counter
}

func newMeter() *meter {
	m := &meter{
		objects:  prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "wattwerk_service_forecast_objects", Help: "Objects that are forecast by themselves, at the process that does it: named in all, waiting to be forecast today, without enough history, and left out as there are too many."}, []string{"state"}),
		made:     prometheus.NewCounter(prometheus.CounterOpts{Name: "wattwerk_service_forecasts_total", Help: "Objects whose days were forecast by themselves."}),
		compared: prometheus.NewCounter(prometheus.CounterOpts{Name: "wattwerk_service_forecasts_compared_total", Help: "Forecasts of days that were compared with what was measured."}),
	}
	m.now(0, 0, 0, 0)
	return m
}

// now tells how far it is.
func (m *meter) now(named, waiting, without, left int) {
	for state, n := range map[string]int{"named": named, "waiting": waiting, "without": without, "left": left} {
		m.objects.WithLabelValues(state).Set(float64(n))
	}
}

// Describe describes all metrics.
func (m *meter) Describe(ch chan<- *prometheus.Desc) {
	m.objects.Describe(ch)
	m.made.Describe(ch)
	m.compared.Describe(ch)
}

// Collect gives all metrics.
func (m *meter) Collect(ch chan<- prometheus.Metric) {
	m.objects.Collect(ch)
	m.made.Collect(ch)
	m.compared.Collect(ch)
}
