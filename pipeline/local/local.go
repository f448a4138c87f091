// Package local has the protocols of what manifests reach in their own
// installation: the stream of observations itself, records of sensors, and ticks
// of groups.
package local

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/wattwerk/wattwerk/bus"
	"github.com/wattwerk/wattwerk/internal/run"
	"github.com/wattwerk/wattwerk/manifest"
	"github.com/wattwerk/wattwerk/observation"
	"github.com/wattwerk/wattwerk/pipeline/connect"
	"github.com/wattwerk/wattwerk/record"
)

// Protocols are those of one installation, on its bus. pushed reads what is
// pushed to sources by HTTP.
func Protocols(b *bus.Bus, pushed connect.Protocol) []connect.Protocol {
	w := sync.OnceValue(b.NewWriter)
	return []connect.Protocol{
		{
			Name: manifest.Internal, Local: true,
			Summary:    "The stream of observations itself: manifests write to it and read from it, programs push to it by HTTP.",
			Parameters: pushed.Parameters, Reader: pushed.Reader,
			Writer: func(_ context.Context, e connect.End) (connect.Writer, error) { return newStream(b, e.ID), nil },
		},
		{
			Name: "records", Local: true,
			Summary: "Records of sensors: read as they are stored, written as if a bridge had taken them, so that results are in history, groups and pages like any sensor.",
			Details: "What is written to the same sensor and time again changes nothing: the first value stays. Results without a value are not written.",
			Parameters: []manifest.Parameter{
				{Name: "sensor", Description: "Of a source: the sensor, or with a * at the end all that begin so; the key is what stands for the *. Of a sink: the sensor, in which {key} stands for the key, {source} for the name of the sink.", Default: json.RawMessage(`"{source}"`)},
			},
			Reader: func(e connect.End) (connect.Reader, error) { return newRecords(b, e) },
			Writer: func(_ context.Context, e connect.End) (connect.Writer, error) { return &sensors{w(), e}, nil },
		},
		{
			Name: "aggregates", Local: true,
			Summary: "Ticks of the groups of a hierarchy, as they are computed.",
			Parameters: []manifest.Parameter{
				{Name: "hierarchy", Required: true, Description: "The hierarchy"},
				{Name: "group", Description: "The group; absent: all, the key is the group"},
				{Name: "value", Default: json.RawMessage(`"sum"`), OneOf: []string{"sum", "average", "minimum", "maximum", "count", "meter", "unaccounted"}, Description: "What of the tick"},
			},
			Reader: func(e connect.End) (connect.Reader, error) { return &ticks{bus: b, end: e}, nil },
		},
	}
}

// sensors writes results as records.
type sensors struct {
	writer *bus.Writer
	end    connect.End
}

// Write stores them as records.
func (s *sensors) Write(ctx context.Context, results []connect.Written) error {
	template := s.end.Text("sensor")
	if template == "" {
		template = "{source}"
	}
	var refused connect.Refused
	records := make([]record.Record, 0, len(results))
	for _, w := range results {
		if w.Marks&observation.Null != 0 || math.IsNaN(w.Value) {
			continue // null is no record
		}
		id := template
		if w.Key != "" && !strings.Contains(template, "{key}") {
			id += "/{key}"
		}
		r := record.Record{Sensor: record.SensorID(strings.NewReplacer("{key}", w.Key, "{source}", s.end.Name).Replace(id)), Time: w.Time, Value: w.Value}
		if err := r.Validate(); err != nil {
			refused.Add(w, err.Error())
			continue
		}
		records = append(records, r)
	}
	if err := s.writer.Write(ctx, records); err != nil {
		return err
	}
	return refused.Err()
}

// Close does nothing.
func (s *sensors) Close() error { return nil }

// records reads records of sensors.
type records struct {
	bus    *bus.Bus
	end    connect.End
	sensor record.SensorID
	prefix bool
}

func newRecords(b *bus.Bus, e connect.End) (connect.Reader, error) {
	name := strings.ReplaceAll(e.Text("sensor"), "{source}", e.Name)
	r := &records{bus: b, end: e}
	name, r.prefix = strings.CutSuffix(name, "*")
	r.sensor = record.SensorID(name)
	if !r.prefix {
		if err := r.sensor.Validate(); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// Read hands on the records of its sensors, partition by partition. The id of
// a message says how far each partition was read, so that reading goes on there.
func (r *records) Read(ctx context.Context, store connect.Store, status func(connect.Status)) error {
	at := make(map[int]uint64)
	m, ok, err := r.bus.LastObservations(ctx, r.end.ID)
	if err != nil {
		return err
	}
	if ok {
		for _, id := range m.ObservationsIDs() {
			at = positions(id)
		}
	}
	parts := []int{}
	if r.prefix {
		for p := range r.bus.Partitions() {
			parts = append(parts, p)
		}
	} else {
		parts = append(parts, record.Partition(r.sensor, r.bus.Partitions()))
	}
	for _, p := range parts {
		x, err := r.bus.RecordsExtent(ctx, p)
		if err != nil {
			return err
		}
		if at[p] == 0 || at[p] > x.Last { // it begins now
			at[p] = x.Last
		}
	}
	status(connect.Status{Connected: true, At: time.Now()})
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var mu sync.Mutex
	var group sync.WaitGroup
	for _, p := range parts {
		group.Go(func() {
			var batch record.Batch
			err := r.bus.ReadRecords(ctx, p, at[p]+1, func(m bus.Message) error {
				if err := batch.Decode(m.Data); err != nil {
					return nil //nolint:nilerr // whoever keeps records tells of it
				}
				batch.Sensors = batch.Names()
				pieces := r.pieces(&batch)
				mu.Lock()
				defer mu.Unlock()
				at[p] = m.Seq
				if len(pieces) == 0 {
					return nil
				}
				return patiently(ctx, func() error { return store(ctx, connect.Message{Pieces: pieces, ID: said(at), Fresh: true}) })
			})
			if err != nil && ctx.Err() == nil {
				cancel(err)
			}
		})
	}
	group.Wait()
	if err := context.Cause(ctx); err != nil && !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

// patiently tries again while there is no room.
func patiently(ctx context.Context, do func() error) error {
	for wait := 100 * time.Millisecond; ; wait = min(2*wait, 10*time.Second) {
		err := do()
		if err == nil || !errors.Is(err, connect.ErrBusy) && ctx.Err() != nil {
			return err
		}
		if !run.Pause(ctx, wait) {
			return ctx.Err()
		}
	}
}

func (r *records) pieces(b *record.Batch) []connect.Piece {
	key := make([]string, len(b.Sensors))
	want := make([]bool, len(b.Sensors))
	some := false
	for i, s := range b.Sensors {
		if r.prefix {
			key[i], want[i] = strings.CutPrefix(string(s), string(r.sensor))
		} else {
			want[i] = s == r.sensor
		}
		some = some || want[i]
	}
	if !some {
		return nil
	}
	var out []connect.Piece
	for i := range b.Len() {
		s := i
		if len(b.Index) > 0 {
			s = int(b.Index[i])
		}
		if want[s] {
			out = append(out, connect.Piece{Key: key[s], Time: b.Times[i], Value: b.Values[i]})
		}
	}
	return out
}

// said writes positions down, positions reads them.
func said(at map[int]uint64) string {
	var b strings.Builder
	for _, p := range slices.Sorted(maps.Keys(at)) {
		fmt.Fprintf(&b, "%d:%d ", p, at[p])
	}
	return strings.TrimSpace(b.String())
}

func positions(s string) map[int]uint64 {
	at := make(map[int]uint64)
	for f := range strings.FieldsSeq(s) {
		p, seq, _ := strings.Cut(f, ":")
		n, err := strconv.Atoi(p)
		v, err2 := strconv.ParseUint(seq, 10, 64)
		if err == nil && err2 == nil {
			at[n] = v
		}
	}
	return at
}

// ticks reads what is computed of groups.
type ticks struct {
	bus *bus.Bus
	end connect.End
}

// Read hands on the ticks of its groups. The id of a message is its position.
func (t *ticks) Read(ctx context.Context, store connect.Store, status func(connect.Status)) error {
	m, ok, err := t.bus.LastObservations(ctx, t.end.ID)
	if err != nil {
		return err
	}
	x, err := t.bus.AggregatesExtent(ctx)
	if err != nil {
		return err
	}
	from := x.Last + 1
	if ok {
		for _, id := range m.ObservationsIDs() {
			if n, err := strconv.ParseUint(id, 10, 64); err == nil && n <= x.Last {
				from = n + 1
			}
		}
	}
	status(connect.Status{Connected: true, At: time.Now()})
	hierarchy, group, value := t.end.Text("hierarchy"), t.end.Text("group"), t.end.Text("value")
	var all record.Ticks
	return t.bus.ReadAggregates(ctx, from, func(m bus.Message) error {
		if m.Subject != bus.AggregatesSubject(hierarchy) || all.Decode(m.Data) != nil || all.Hierarchy != hierarchy {
			return nil
		}
		var pieces []connect.Piece
		for i := range all.Ticks {
			for g, name := range all.Groups {
				if group != "" && group != name {
					continue
				}
				p := connect.Piece{Time: all.Ticks[i].Time, Value: of(&all.Ticks[i], g, value)}
				if group == "" {
					p.Key = name
				}
				if math.IsNaN(p.Value) {
					p.Value, p.Marks = 0, observation.Null
				} else if all.Ticks[i].Count[g] < all.Ticks[i].Total[g] {
					p.Marks = observation.Partial
				}
				pieces = append(pieces, p)
			}
		}
		if len(pieces) == 0 {
			return nil
		}
		return patiently(ctx, func() error {
			return store(ctx, connect.Message{Pieces: pieces, ID: strconv.FormatUint(m.Seq, 10)})
		})
	})
}

// of gives what of a tick is asked for; not a number for null.
func of(t *record.Tick, g int, value string) float64 {
	switch value {
	case "average":
		return t.Sum[g] / float64(t.Count[g])
	case "minimum":
		return t.Min[g]
	case "maximum":
		return t.Max[g]
	case "count":
		return float64(t.Count[g])
	case "meter":
		return t.Meter[g]
	case "unaccounted":
		return t.Unaccounted[g]
	}
	return t.Sum[g]
}
