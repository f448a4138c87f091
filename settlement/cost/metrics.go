package cost

import (
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
)

// lag is how far the days of this process are, for metrics.
type lag struct {
	priced  atomic.Int64 // ms: all days that had passed then are priced
	changes atomic.Int64 // notes of settled windows that the days do not know of yet
	days    atomic.Int64 // were priced
	pass    atomic.Int64 // ns that the last look at all took
}

func (l *lag) collectors() []prometheus.Collector {
	gauge := func(name, help string, f func() float64) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, f)
	}
	return []prometheus.Collector{
		gauge("wattwerk_costs_priced_timestamp_seconds", "Days that were settled by then are priced; less than the frontier of settlement when pricing lags; 0: another process prices.", func() float64 { return float64(l.priced.Load()) / 1000 }),
		gauge("wattwerk_costs_changes", "Changes of settled windows that the costs of days do not contain yet.", func() float64 { return float64(l.changes.Load()) }),
		gauge("wattwerk_costs_pass_seconds", "How long it took to price all days that were due, the last time.", func() float64 { return float64(l.pass.Load()) / 1e9 }),
		prometheus.NewCounterFunc(prometheus.CounterOpts{Name: "wattwerk_costs_days_total", Help: "Days that were priced, again or for the first time."}, func() float64 { return float64(l.days.Load()) }),
	}
}
