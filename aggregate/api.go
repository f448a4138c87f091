package aggregate

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/wattwerk/wattwerk/record"
)

// Status is how far aggregation has come.
type Status struct {
	Partitions  []PartitionStatus `json:"partitions"`
	Hierarchies []HierarchyStatus `json:"hierarchies"`
}

// PartitionStatus is how far one partition has come.
type PartitionStatus struct {
	Partition int        `json:"partition"`
	Position  uint64     `json:"position" doc:"Newest message of the partition's stream that is in"`
	Closed    *time.Time `json:"closed" doc:"Newest tick that is closed; null before the first reading"`
	Live      bool       `json:"live" doc:"The newest readings were fresh when they were stored; false while a backlog is taken in"`
	Late      uint64     `json:"late" doc:"Records that came after their tick was closed, since the start of the process"`
	Refused   uint64     `json:"refused" doc:"Values in the stream that are no valid sample, since the start of the process"`
}

// HierarchyStatus is how far one hierarchy has come.
type HierarchyStatus struct {
	Hierarchy string     `json:"hierarchy"`
	Tick      *time.Time `json:"tick" doc:"Newest tick that is complete; null before the first"`
	Lag       *float64   `json:"lag_seconds" doc:"Age of that tick in seconds"`
}

// Status tells how far every partition and hierarchy is. Safe for concurrent use.
func (s *Service) Status() Status {
	var st Status
	for _, p := range s.parts {
		p.mu.Lock()
		x := PartitionStatus{Partition: p.number, Position: p.seq, Live: p.engine.Live(), Late: p.engine.Late(), Refused: p.engine.Refused()}
		if c := p.engine.Closed(); c > 0 {
			t := c.Time()
			x.Closed = &t
		}
		p.mu.Unlock()
		st.Partitions = append(st.Partitions, x)
	}
	for _, h := range s.opts.Catalog.State().Model.Hierarchies() {
		x := s.comb[combinerOf(h)]
		hs := HierarchyStatus{Hierarchy: string(h)}
		x.mu.Lock()
		at, ok := x.combiner.Emitted(h)
		x.mu.Unlock()
		if ok {
			t, lag := at.Time(), time.Since(at.Time()).Seconds()
			hs.Tick, hs.Lag = &t, &lag
		}
		st.Hierarchies = append(st.Hierarchies, hs)
	}
	return st
}

// Register adds the routes of the service.
func (s *Service) Register(api huma.API) {
	huma.Register(api, huma.Operation{
		OperationID: "aggregation-status", Method: http.MethodGet, Path: "/api/v1/aggregation",
		Summary: "How far aggregation has come", Tags: []string{"aggregation"},
		Security: []map[string][]string{{"wattwerk": {"read"}}},
	}, func(context.Context, *struct{}) (*struct{ Body Status }, error) {
		return &struct{ Body Status }{s.Status()}, nil
	})
}

var (
	descClosed = prometheus.NewDesc("wattwerk_aggregate_closed_timestamp_seconds", "Newest tick a partition has closed.", []string{"partition"}, nil)
	descSeq    = prometheus.NewDesc("wattwerk_aggregate_position", "Newest message of the partition's stream that is in.", []string{"partition"}, nil)
	descLate   = prometheus.NewDesc("wattwerk_aggregate_late_records_total", "Records that came after their tick was closed.", []string{"partition"}, nil)
	descTick   = prometheus.NewDesc("wattwerk_aggregate_tick_timestamp_seconds", "Newest complete tick of a hierarchy.", []string{"hierarchy"}, nil)
	descDelay  = prometheus.NewDesc("wattwerk_aggregate_tick_delay_seconds", "Age of the newest complete tick of a hierarchy: how far behind the clock its sums are.", []string{"hierarchy"}, nil)
	descSaved  = prometheus.NewDesc("wattwerk_aggregate_checkpoint_timestamp_seconds", "When a partition's state was last stored, or restored from what was; absent before.", []string{"partition"}, nil)
	descSize   = prometheus.NewDesc("wattwerk_aggregate_checkpoint_bytes", "Size of that state, packed.", []string{"partition"}, nil)
	descDrop   = prometheus.NewDesc("wattwerk_aggregate_dropped_partials_total", "Partial ticks that came after their tick was complete.", nil, nil)
	descPass   = prometheus.NewDesc("wattwerk_aggregate_passed_ticks_total", "Ticks completed without a silent partition.", nil, nil)
)

type collector struct{ s *Service }

func (c collector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{descClosed, descSeq, descLate, descTick, descDelay, descSaved, descSize, descDrop, descPass} {
		ch <- d
	}
}

func (c collector) Collect(ch chan<- prometheus.Metric) {
	seconds := func(m record.Millis) float64 { return float64(m) / 1000 }
	for _, p := range c.s.parts {
		n := strconv.Itoa(p.number)
		p.mu.Lock()
		closed, seq, late := p.engine.Closed(), p.seq, p.engine.Late()
		savedAt, savedBytes := p.savedAt, p.savedBytes
		p.mu.Unlock()
		if closed > 0 {
			ch <- prometheus.MustNewConstMetric(descClosed, prometheus.GaugeValue, seconds(closed), n)
		}
		ch <- prometheus.MustNewConstMetric(descSeq, prometheus.GaugeValue, float64(seq), n)
		ch <- prometheus.MustNewConstMetric(descLate, prometheus.CounterValue, float64(late), n)
		if !savedAt.IsZero() {
			ch <- prometheus.MustNewConstMetric(descSaved, prometheus.GaugeValue, float64(savedAt.UnixMilli())/1000, n)
			ch <- prometheus.MustNewConstMetric(descSize, prometheus.GaugeValue, float64(savedBytes), n)
		}
	}
	var dropped, passed uint64
	for _, h := range c.s.opts.Catalog.State().Model.Hierarchies() {
		x := c.s.comb[combinerOf(h)]
		x.mu.Lock()
		at, ok := x.combiner.Emitted(h)
		x.mu.Unlock()
		if ok {
			ch <- prometheus.MustNewConstMetric(descTick, prometheus.GaugeValue, seconds(at), string(h))
			ch <- prometheus.MustNewConstMetric(descDelay, prometheus.GaugeValue, time.Since(at.Time()).Seconds(), string(h))
		}
	}
	for _, x := range c.s.comb {
		x.mu.Lock()
		dropped, passed = dropped+x.combiner.Dropped(), passed+x.combiner.Waited()
		x.mu.Unlock()
	}
	ch <- prometheus.MustNewConstMetric(descDrop, prometheus.CounterValue, float64(dropped))
	ch <- prometheus.MustNewConstMetric(descPass, prometheus.CounterValue, float64(passed))
}
