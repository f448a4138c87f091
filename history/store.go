package history

import (
	"context"
	"errors"
	"math"

	promodel "github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/value"
	"github.com/prometheus/prometheus/storage"

	"github.com/wattwerk/wattwerk/internal/phrase"
	"github.com/wattwerk/wattwerk/record"
)

// Metric says what the samples of a series are.
type Metric uint8

// The metrics. Record is raw; the others are columns of a group's ticks.
const (
	Record Metric = iota
	Sum
	Min
	Max
	Count
	Total
	Meter
	Unaccounted
	metrics // their number
)

var metricNames = [metrics]string{
	"wattwerk_record", "wattwerk_group_sum", "wattwerk_group_min", "wattwerk_group_max",
	"wattwerk_group_count", "wattwerk_group_total", "wattwerk_group_meter", "wattwerk_group_unaccounted",
}

// String is the name of the metric in PromQL.
func (m Metric) String() string { return metricNames[m] }

// Series names a row of samples: the records of a sensor, or one column of the
// ticks of a group.
type Series struct {
	Metric    Metric
	Hierarchy string // of the group; empty for Record
	Name      string // the sensor or the group
}

// Names of the labels.
const (
	labelSensor    = "sensor"
	labelGroup     = "group"
	labelHierarchy = "hierarchy"
)

// RecordsOf names the series of a sensor's records.
func RecordsOf(id record.SensorID) Series { return Series{Metric: Record, Name: string(id)} }

// Labels gives the labels the series has in PromQL.
func (s Series) Labels() labels.Labels {
	if s.Metric == Record {
		return labels.FromStrings(promodel.MetricNameLabel, s.Metric.String(), labelSensor, s.Name)
	}
	return labels.FromStrings(promodel.MetricNameLabel, s.Metric.String(), labelGroup, s.Name, labelHierarchy, s.Hierarchy)
}

// SeriesOf is the inverse of [Series.Labels]; false for labels of another kind.
func SeriesOf(ls labels.Labels) (Series, bool) {
	name := ls.Get(promodel.MetricNameLabel)
	for m, n := range metricNames {
		switch {
		case n != name:
		case Metric(m) == Record:
			return Series{Metric: Record, Name: ls.Get(labelSensor)}, true
		default:
			return Series{Metric: Metric(m), Hierarchy: ls.Get(labelHierarchy), Name: ls.Get(labelGroup)}, true
		}
	}
	return Series{}, false
}

// NameLabel is the label that tells the series of the metric apart.
func (m Metric) NameLabel() string {
	if m == Record {
		return labelSensor
	}
	return labelGroup
}

// Ref stands for a series in a store, from [Store.Refs] until it is closed.
type Ref uint32

// Sample is a value at a time. NaN is null: from here on there is no value.
type Sample struct {
	Time  record.Millis
	Value float64
}

// Null is the value that marks the begin of a gap in a stored series.
var Null = math.Float64frombits(value.StaleNaN)

// Reasons for a [Refusal].
var (
	ErrContradiction = phrase.Errorf(phrase.Contradiction, nil, "another value is stored for this sensor and time, and the first one stays")
	ErrTooOld        = phrase.Errorf(phrase.TooOld, nil, "too far behind the newest record; use `wattwerk import` for old data")
	ErrFuture        = phrase.Errorf(phrase.TooNew, nil, "the time is too far in the future")
	ErrExpired       = phrase.Errorf(phrase.Expired, nil, "older than the retention of this deployment")
)

// Refusal is a sample that was not stored, and why.
type Refusal struct {
	Index  int     // position in the columns that were offered
	Reason error   // ErrContradiction, ErrTooOld or ErrExpired
	Stored float64 // with ErrContradiction, the value that stays
}

// Store keeps series of samples.
//
// Samples that [Store.Append] took are seen by every read that begins later.
// They survive a crash only when a later [Store.Flush] returned nil.
type Store interface {
	// Refs appends a reference for every series to dst. Nothing is stored for
	// a series without samples.
	Refs(dst []Ref, series []Series) []Ref

	// Append stores samples as columns: sample i is of refs[index[i]], or of
	// refs[i] when index is nil, at times[i] with values[i]. The same sample
	// again is taken silently. Samples that are refused do not hold up the
	// others. Calls may run at the same time as long as they are about
	// different series.
	//
	// An error means that the store cannot go on now ([ErrNoRoom], [ErrAway]:
	// try again later) and that some of the samples may be stored; to offer them all
	// again is harmless.
	Append(ctx context.Context, refs []Ref, index []uint32, times []record.Millis, values []float64) ([]Refusal, error)

	// Latest appends the newest sample of every series to dst, null included;
	// a series without any gives the zero Sample with NaN.
	Latest(ctx context.Context, dst []Sample, series []Series) ([]Sample, error)

	// Scan hands the samples of a series from from to to, both inclusive, to f
	// in order of time, many at once. f may take its time; what it is handed
	// is valid until it returns. Null samples are NaN. An error of f ends the
	// scan and is returned.
	Scan(ctx context.Context, s Series, from, to record.Millis, f func(times []int64, values []float64) error) error

	// Forget is called when series will be appended to here that another store
	// may have appended to, in the same database: what it has flushed counts as
	// stored from now on. Two stores that append to one series at the same time
	// must offer the same samples in the same order.
	Forget()

	// Flush makes everything durable that was appended before it began.
	Flush(ctx context.Context) error

	// FlushSettled does so for what is not later than the time it returns, and
	// may leave the newest samples for the next flush: to write a moment in
	// which some series are there and others are still on their way can cost
	// a store a second round for those. Nothing is left when it returns
	// [record.MaxTime].
	FlushSettled(ctx context.Context) (record.Millis, error)

	// Backfill begins to store old samples, of any age.
	Backfill(ctx context.Context) (Backfill, error)

	// Queryable is what PromQL reads from.
	Queryable() storage.Queryable

	// Stats tells how much the store holds.
	Stats() Stats

	// Close flushes and ends the store.
	Close() error
}

// Why a store cannot go on.
var (
	ErrNoRoom = errors.New("the disk is nearly full")                      // try again later
	ErrAway   = errors.New("the database of the history does not keep up") // or does not answer; try again later
	ErrBroken = errors.New("the history broke and must be opened again")   // what was not flushed has to be appended again then
)

// Backfill stores old samples in bulk, beside what is appended meanwhile.
// One goroutine uses it.
type Backfill interface {
	// Add offers samples of a series, in any order. Refused ones are handed to
	// the function set by OnRefused, now or later.
	Add(s Series, times []record.Millis, values []float64) error
	// OnRefused sets who is told of refused samples; Index is -1 there.
	OnRefused(f func(s Series, sample Sample, r Refusal))
	// Commit makes everything durable and visible. Without it, what was added
	// may be stored or not; to import all again is harmless.
	Commit() (BackfillResult, error)
	// Abort forgets what is not yet stored. It does nothing after Commit.
	Abort()
}

// BackfillResult counts what a backfill did.
type BackfillResult struct {
	Stored     uint64 // samples that are new
	Duplicates uint64 // samples that were there already, or came twice
	Refused    uint64
}

// Stats is how much a store holds.
type Stats struct {
	Series    uint64        // with samples not yet flushed
	Unflushed uint64        // samples appended since the last flush
	Oldest    record.Millis // of all samples; 0 when empty
	Newest    record.Millis // of all samples; 0 when empty
	Bytes     int64         // on disk
	Blocks    int           // files or the like the data is spread over
}
