package survey

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/danielgtaylor/huma/v2"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/wattwerk/wattwerk/survey/household"
	"github.com/wattwerk/wattwerk/survey/register"
)

// metrics count what a survey does. No label holds a device, a meter or a household.
type metrics struct {
	batches, measurements, refusals *prometheus.CounterVec
	lapsed                          prometheus.Counter
	queued                          prometheus.GaugeFunc
	households, incidents           *prometheus.GaugeVec
	states, types                   map[string]int // their labels so far; of who looks
}

func newMetrics(r prometheus.Registerer, queue func() int) (*metrics, error) {
	counter := func(name, help, label string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, []string{label})
	}
	gauge := func(name, help, label string) *prometheus.GaugeVec {
		return prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: name, Help: help}, []string{label})
	}
	m := &metrics{
		batches:      counter("wattwerk_survey_batches_total", "Batches that devices sent: taken (now or before), refused for good, or to be sent again.", "result"),
		measurements: counter("wattwerk_survey_measurements_total", "Measurements of answered batches: accepted (now or before), refused for good.", "result"),
		refusals:     counter("wattwerk_survey_refusals_total", "Requests of devices, sources and staff that were refused, by code.", "code"),
		lapsed: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "wattwerk_survey_households_removed_total", Help: "Households that had not consented in survey.forget_after, and were removed.",
		}),
		queued: prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "wattwerk_survey_queue_length", Help: "Batches that wait to be stored.",
		}, func() float64 { return float64(queue()) }),
		households: gauge("wattwerk_survey_households", "Households by what they consented to, as counted a few minutes ago.", "consent"),
		incidents:  gauge("wattwerk_survey_incidents", "Incidents of meters that are not resolved, by type; heartbeat_missed are those of silent devices.", "type"),
		states:     make(map[string]int), types: make(map[string]int),
	}
	if r == nil {
		return m, nil
	}
	for _, c := range []prometheus.Collector{m.batches, m.measurements, m.refusals, m.lapsed, m.queued, m.households, m.incidents} {
		if err := r.Register(c); err != nil {
			return nil, err
		}
	}
	for _, x := range []string{"taken", "refused", "again"} {
		m.batches.WithLabelValues(x)
	}
	for _, x := range []string{"accepted", "refused"} {
		m.measurements.WithLabelValues(x)
	}
	return m, nil
}

// answered counts the answer to a batch.
func (m *metrics) answered(a household.Answer, err error) {
	m.measurements.WithLabelValues("accepted").Add(float64(a.Accepted))
	m.measurements.WithLabelValues("refused").Add(float64(a.Dropped))
	switch {
	case err == nil:
		m.batches.WithLabelValues("taken").Inc()
	case slices.ContainsFunc([]error{register.ErrNothing, register.ErrNoConsent, register.ErrGone, register.ErrSequence, register.ErrNotFound, register.ErrMany}, func(e error) bool { return errors.Is(err, e) }):
		m.batches.WithLabelValues("refused").Inc()
	default:
		m.batches.WithLabelValues("again").Inc()
	}
}

// transform counts refusals on their way out.
func (m *metrics) transform(_ huma.Context, _ string, v any) (any, error) {
	if p, ok := v.(*household.Problem); ok {
		m.refused(p)
	}
	return v, nil
}

// refused counts a refusal.
func (m *metrics) refused(p *household.Problem) { m.refusals.WithLabelValues(p.Code).Inc() }

// count tells how the households are.
func (m *metrics) count(ctx context.Context, s *register.Store) error {
	states, incidents, err := s.Census(ctx)
	if err != nil {
		return fmt.Errorf("count households: %w", err)
	}
	set := func(g *prometheus.GaugeVec, seen, counts map[string]int) {
		maps.Copy(seen, counts)
		for k := range seen { // what there is no more of is told as 0
			g.WithLabelValues(k).Set(float64(counts[k]))
		}
	}
	set(m.households, m.states, states)
	set(m.incidents, m.types, incidents)
	return nil
}
