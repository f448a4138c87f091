package aggregate

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/wattwerk/wattwerk/aggregate/tick"
	"github.com/wattwerk/wattwerk/bus"
	"github.com/wattwerk/wattwerk/model"
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
	Waits     bool       `json:"waits" doc:"It tells nothing at this moment: others must catch up with it first, or the bus does not take it"`
	Refused   uint64     `json:"refused" doc:"Values in the stream that are no valid sample, since the start of the process"`
}

// HierarchyStatus is how far one hierarchy has come.
type HierarchyStatus struct {
	Hierarchy string     `json:"hierarchy"`
	Tick      *time.Time `json:"tick" doc:"Newest tick that is complete; null before the first"`
	Lag       *float64   `json:"lag_seconds" doc:"Age of that tick in seconds"`
}

// Status tells how far the partitions and hierarchies of this process are. Safe
// for concurrent use.
func (s *Service) Status() Status {
	st := Status{Partitions: []PartitionStatus{}, Hierarchies: []HierarchyStatus{}}
	for _, p := range s.ownedParts() {
		v := p.look()
		x := PartitionStatus{Partition: p.number, Position: v.seq, Live: v.live, Late: v.late, Waits: p.turn.waits(), Refused: v.refused}
		if v.closed > 0 {
			t := v.closed.Time()
			x.Closed = &t
		}
		st.Partitions = append(st.Partitions, x)
	}
	s.ticks(func(h model.HierarchyID, at record.Millis, ok bool) {
		hs := HierarchyStatus{Hierarchy: string(h)}
		if ok {
			t, lag := at.Time(), time.Since(at.Time()).Seconds()
			hs.Tick, hs.Lag = &t, &lag
		}
		st.Hierarchies = append(st.Hierarchies, hs)
	})
	return st
}

// ticks tells of each hierarchy whose combiner is here its newest tick.
func (s *Service) ticks(tell func(h model.HierarchyID, at record.Millis, ok bool)) {
	for _, h := range s.opts.Catalog.State().Model.Hierarchies() {
		s.mu.Lock()
		x := s.stages[tick.CombinerOf(h)]
		s.mu.Unlock()
		if x == nil {
			continue
		}
		x.mu.Lock()
		at, ok := x.combiner.Emitted(h)
		x.mu.Unlock()
		tell(h, at, ok)
	}
}

// statusWithin is how long the answers of all processes are waited for.
const statusWithin = time.Second

// answerStatus tells other processes how far this one is, until ctx ends.
func (s *Service) answerStatus(ctx context.Context) error {
	return s.opts.Bus.Answer(ctx, bus.AggregationSubject, func(context.Context) ([]byte, error) { return json.Marshal(s.Status()) })
}

// gather asks every process how far it is, until all partitions and hierarchies
// are told of or the time is up.
func (s *Service) gather(ctx context.Context) (Status, error) {
	ctx, cancel := context.WithTimeout(ctx, statusWithin)
	defer cancel()
	parts := make(map[int]PartitionStatus)
	hierarchies := make(map[string]HierarchyStatus)
	for _, h := range s.opts.Catalog.State().Model.Hierarchies() {
		hierarchies[string(h)] = HierarchyStatus{Hierarchy: string(h)}
	}
	told := make(map[string]bool)
	// What is not told of has no owner at this moment.
	err := s.opts.Bus.AskAll(ctx, bus.AggregationSubject, func(data []byte) bool {
		var st Status
		if err := json.Unmarshal(data, &st); err != nil {
			return false
		}
		for _, x := range st.Partitions {
			if was, there := parts[x.Partition]; !there || x.Position > was.Position {
				parts[x.Partition] = x
			}
		}
		for _, x := range st.Hierarchies {
			if _, there := hierarchies[x.Hierarchy]; there {
				hierarchies[x.Hierarchy], told[x.Hierarchy] = x, true
			}
		}
		return len(parts) == s.opts.Bus.Partitions() && len(told) == len(hierarchies)
	})
	if err != nil {
		return Status{}, fmt.Errorf("how far aggregation is: %w", err)
	}
	return Status{
		Partitions:  slices.SortedFunc(maps.Values(parts), func(a, b PartitionStatus) int { return a.Partition - b.Partition }),
		Hierarchies: slices.SortedFunc(maps.Values(hierarchies), func(a, b HierarchyStatus) int { return strings.Compare(a.Hierarchy, b.Hierarchy) }),
	}, nil
}

// Register adds the routes of the service.
func (s *Service) Register(api huma.API) {
	huma.Register(api, huma.Operation{
		OperationID: "aggregation-status", Method: http.MethodGet, Path: "/api/v1/aggregation",
		Summary: "How far aggregation has come", Tags: []string{"aggregation"},
		Security: []map[string][]string{{"wattwerk": {"read"}}},
	}, func(ctx context.Context, _ *struct{}) (*struct{ Body Status }, error) {
		st, err := s.gather(ctx)
		if err != nil {
			return nil, huma.Error503ServiceUnavailable(err.Error())
		}
		return &struct{ Body Status }{st}, nil
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
	for _, p := range c.s.ownedParts() {
		n := strconv.Itoa(p.number)
		v := p.look()
		p.mu.Lock()
		savedAt, savedBytes := p.savedAt, p.savedBytes
		p.mu.Unlock()
		if v.closed > 0 {
			ch <- prometheus.MustNewConstMetric(descClosed, prometheus.GaugeValue, seconds(v.closed), n)
		}
		ch <- prometheus.MustNewConstMetric(descSeq, prometheus.GaugeValue, float64(v.seq), n)
		ch <- prometheus.MustNewConstMetric(descLate, prometheus.CounterValue, float64(v.late), n)
		if !savedAt.IsZero() {
			ch <- prometheus.MustNewConstMetric(descSaved, prometheus.GaugeValue, float64(savedAt.UnixMilli())/1000, n)
			ch <- prometheus.MustNewConstMetric(descSize, prometheus.GaugeValue, float64(savedBytes), n)
		}
	}
	c.s.ticks(func(h model.HierarchyID, at record.Millis, ok bool) {
		if ok {
			ch <- prometheus.MustNewConstMetric(descTick, prometheus.GaugeValue, seconds(at), string(h))
			ch <- prometheus.MustNewConstMetric(descDelay, prometheus.GaugeValue, time.Since(at.Time()).Seconds(), string(h))
		}
	})
	dropped, passed := c.s.dropped.Load(), c.s.waited.Load()
	for _, x := range c.s.ownedStages() {
		x.mu.Lock()
		dropped, passed = dropped+x.combiner.Dropped(), passed+x.combiner.Waited()
		x.mu.Unlock()
	}
	ch <- prometheus.MustNewConstMetric(descDrop, prometheus.CounterValue, float64(dropped))
	ch <- prometheus.MustNewConstMetric(descPass, prometheus.CounterValue, float64(passed))
}
