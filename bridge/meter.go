package bridge

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/wattwerk/wattwerk/bus"
)

var (
	descMessages = prometheus.NewDesc("wattwerk_intake_messages_total", "Deliveries received, by bridge.", []string{"bridge"}, nil)
	descBytes    = prometheus.NewDesc("wattwerk_intake_bytes_total", "Bytes of their bodies, unpacked.", []string{"bridge"}, nil)
	descRecords  = prometheus.NewDesc("wattwerk_intake_records_total", "Records stored.", []string{"bridge"}, nil)
	descRefused  = prometheus.NewDesc("wattwerk_intake_refused_total", "Readings that became dead letters.", []string{"bridge"}, nil)
	descFiltered = prometheus.NewDesc("wattwerk_intake_filtered_total", "Parts left out by declaration.", []string{"bridge"}, nil)
)

// turnedAway counts deliveries whose senders were told to try again.
func turnedAway() *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "wattwerk_intake_turned_away_total",
		Help: "Deliveries not taken, whose senders were told to try again: busy (too much at once), full (the disk), failed (the bus).",
	}, []string{"bridge", "reason"})
}

// why names the reason a delivery was not taken.
func why(err error) string {
	switch {
	case errors.Is(err, bus.ErrBusy):
		return "busy"
	case errors.Is(err, bus.ErrFull):
		return "full"
	}
	return "failed"
}

// collector tells the counters of every bridge. Bridges are declared, so there
// are as many as the settings name.
type collector struct{ s *Service }

// Describe implements prometheus.Collector.
func (c collector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{descMessages, descBytes, descRecords, descRefused, descFiltered} {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (c collector) Collect(ch chan<- prometheus.Metric) {
	for _, in := range c.s.Intakes() {
		for _, x := range []struct {
			desc *prometheus.Desc
			n    uint64
		}{{descMessages, in.Messages}, {descBytes, in.Bytes}, {descRecords, in.Accepted}, {descRefused, in.Refused}, {descFiltered, in.Filtered}} {
			ch <- prometheus.MustNewConstMetric(x.desc, prometheus.CounterValue, float64(x.n), in.Bridge)
		}
	}
}
