package runner

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/wattwerk/wattwerk/manifest"
	"github.com/wattwerk/wattwerk/pipeline/engine"
	"github.com/wattwerk/wattwerk/pipeline/processor"
)

type metrics struct {
	starts, updates, unreadable, lost prometheus.Counter
	dead                              prometheus.Counter
	saving                            prometheus.Histogram
}

func newMetrics() metrics {
	count := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
	}
	return metrics{
		starts:     count("wattwerk_manifest_starts_total", "Manifests that began or went on here."),
		updates:    count("wattwerk_manifest_updates_total", "Manifests that were changed while they ran."),
		unreadable: count("wattwerk_manifest_unreadable_messages_total", "Messages of the stream of observations that could not be read."),
		lost:       count("wattwerk_manifest_lost_messages_total", "Messages that were removed from the stream before manifests took them, at most."),
		dead:       count("wattwerk_manifest_dead_items_total", "Items that processors refused, and results that sinks refused."),
		saving:     prometheus.NewHistogram(prometheus.HistogramOpts{Name: "wattwerk_manifest_checkpoint_seconds", Help: "How long it took to store states.", Buckets: prometheus.ExponentialBuckets(.001, 4, 8)}),
	}
}

// register has the metrics told, with what the runner knows of its manifests.
func (m *metrics) register(to prometheus.Registerer, r *Runner) error {
	for _, c := range []prometheus.Collector{m.starts, m.updates, m.unreadable, m.lost, m.dead, m.saving, census{r}} {
		if err := to.Register(c); err != nil {
			return err
		}
	}
	return nil
}

// census tells how many manifests are in each state, and what they did.
type census struct{ r *Runner }

var (
	inState = prometheus.NewDesc("wattwerk_manifests", "Manifests, by what they do.", []string{"state"}, nil)
	waits   = prometheus.NewDesc("wattwerk_manifest_results_waiting", "Results that are not written yet.", nil, nil)
	handled = prometheus.NewDesc("wattwerk_manifest_items", "Items that processors of the running manifests took, and results they gave, since their states began.", []string{"direction"}, nil)
	worked  = prometheus.NewDesc("wattwerk_manifest_processor_items", "Items that the processors of a kind took in the running manifests, results they gave, and items they refused, since their states began. What each processor of a manifest did tells its status.", []string{"processor", "direction"}, nil)
)

// Describe implements prometheus.Collector.
func (c census) Describe(ch chan<- *prometheus.Desc) {
	ch <- inState
	ch <- waits
	ch <- handled
	ch <- worked
}

// Collect implements prometheus.Collector.
func (c census) Collect(ch chan<- prometheus.Metric) {
	states := map[manifest.Observed]int{}
	for _, s := range []manifest.Observed{manifest.IsCreated, manifest.IsRunning, manifest.IsPaused, manifest.IsStopped, manifest.IsFailed, manifest.IsDegraded} {
		states[s] = 0
	}
	var waiting, in, out int64
	kinds := map[string]engine.Count{}
	for _, k := range processor.Types() {
		kinds[k.Name] = engine.Count{}
	}
	for _, s := range c.r.Statuses() {
		states[s.State]++
		waiting += s.Waiting
		for _, n := range s.Nodes {
			in, out = in+n.In, out+n.Out
			k := kinds[n.kind]
			kinds[n.kind] = engine.Count{In: k.In + n.In, Out: k.Out + n.Out, Dead: k.Dead + n.Dead}
		}
	}
	for s, n := range states {
		ch <- prometheus.MustNewConstMetric(inState, prometheus.GaugeValue, float64(n), string(s))
	}
	ch <- prometheus.MustNewConstMetric(waits, prometheus.GaugeValue, float64(waiting))
	ch <- prometheus.MustNewConstMetric(handled, prometheus.GaugeValue, float64(in), "in")
	ch <- prometheus.MustNewConstMetric(handled, prometheus.GaugeValue, float64(out), "out")
	for kind, n := range kinds {
		if kind == "" {
			continue // of a manifest that ended: it is not known any more
		}
		ch <- prometheus.MustNewConstMetric(worked, prometheus.GaugeValue, float64(n.In), kind, "in")
		ch <- prometheus.MustNewConstMetric(worked, prometheus.GaugeValue, float64(n.Out), kind, "out")
		ch <- prometheus.MustNewConstMetric(worked, prometheus.GaugeValue, float64(n.Dead), kind, "dead")
	}
}
