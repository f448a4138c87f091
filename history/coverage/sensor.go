package coverage

import (
	"context"
	"fmt"
	"math"
	"strconv"

	"github.com/danielgtaylor/huma/v2"

	"github.com/wattwerk/wattwerk/history"
	"github.com/wattwerk/wattwerk/model"
	"github.com/wattwerk/wattwerk/record"
)

// Bounds of one answer.
const (
	mostRead = 30_000_000 // readings that are looked at
	mostGaps = 1000
)

// GapBody is a time in which no reading holds.
type GapBody struct {
	From   int64 `json:"from" doc:"When the last reading before stopped to hold, ms since 1970 UTC"`
	To     int64 `json:"to" doc:"Time of the next reading, or the end of the span"`
	Open   bool  `json:"open,omitempty" doc:"It lasts until the end of the span"`
	Length int64 `json:"length" doc:"How long it is, in ms"`
}

// GapsBody are the gaps of a sensor in a span.
type GapsBody struct {
	From         int64     `json:"from" doc:"Begin of the span, ms since 1970 UTC"`
	To           int64     `json:"to" doc:"Its end, which is never after now"`
	MaxAge       *float64  `json:"maxAge" doc:"Seconds a reading holds; null: until the next one, however late, so there is a gap only where there is none before"`
	Readings     uint64    `json:"readings" doc:"Readings in the span"`
	Expected     uint64    `json:"expected" doc:"Readings that the expected interval makes"`
	Completeness float64   `json:"completeness" doc:"Part of the span in which a reading holds, 0 to 1"`
	Longest      int64     `json:"longest" doc:"Length of the longest gap in ms; 0: there is none"`
	Total        int       `json:"total" doc:"How many gaps there are"`
	Gaps         []GapBody `json:"gaps" doc:"The newest of them, newest first, 1000 at most"`
}

type gapsInput struct {
	ID     record.SensorID `path:"id" doc:"Sensor" maxLength:"200"`
	From   string          `query:"from" doc:"Begin: RFC 3339, milliseconds since 1970 UTC, or like now-7d. Default: now-1d" example:"now-7d"`
	To     string          `query:"to" doc:"End. Default: now" example:"now"`
	Longer float64         `query:"longer" minimum:"0" maximum:"31536000" doc:"List only gaps longer than so many seconds" example:"3600"`
	Newest int             `query:"limit" minimum:"0" maximum:"1000" default:"100" doc:"How many gaps to list at most"`
}

func (f *face) gaps(ctx context.Context, in *gapsInput) (*struct{ Body GapsBody }, error) {
	series, _, err := f.history.SensorSeries(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	if in.From == "" {
		in.From = "now-1d"
	}
	from, to, err := f.history.Span(in.From, in.To)
	if err != nil {
		return nil, err
	}
	to = min(to, record.MillisOf(f.now()))
	if from >= to {
		return nil, huma.Error422UnprocessableEntity(fmt.Sprintf("from (%s) is not before now", from))
	}
	m := f.catalog.State().Model
	age, interval := 3*int64(model.DefaultInterval)/1_000_000, int64(model.DefaultInterval)/1_000_000
	if sn, ok := m.Sensor(in.ID); ok {
		age = history.Holds(m, sn)
		if sn.Interval > 0 {
			interval = int64(sn.Interval) / 1_000_000
		}
	}
	b := GapsBody{From: int64(from), To: int64(to), Expected: uint64(int64(to-from) / max(interval, 1))}
	holds := age
	if age >= 0 {
		b.MaxAge = new(float64(age) / 1000)
	} else {
		holds = math.MaxInt64 / 4
	}
	var missing int64
	add := func(begin, end int64, open bool) {
		if begin = max(begin, int64(from)); end <= begin {
			return
		}
		missing += end - begin
		b.Longest = max(b.Longest, end-begin)
		if end-begin <= int64(in.Longer*1000) {
			return
		}
		b.Total++
		b.Gaps = append(b.Gaps, GapBody{From: begin, To: end, Open: open, Length: end - begin})
		if len(b.Gaps) >= 2*mostGaps {
			b.Gaps = append(b.Gaps[:0], b.Gaps[len(b.Gaps)-mostGaps:]...)
		}
	}
	until := int64(from) // until when the reading before holds
	if age < 0 {
		newest, err := f.last(ctx, series, from)
		if err != nil {
			return nil, err
		}
		if newest {
			until = holds
		}
	}
	read := 0
	begin := from - record.Millis(max(0, age))
	err = f.history.Store().Scan(ctx, series, max(begin, record.MinTime), to-1, func(ts []int64, vs []float64) error {
		if read += len(ts); read > mostRead {
			return huma.Error422UnprocessableEntity(fmt.Sprintf("more than %d readings in this span; ask for a shorter time", mostRead))
		}
		for i, t := range ts {
			if vs[i] != vs[i] { // from here on it was known that there is no value
				until = min(until, t)
				continue
			}
			if t > until {
				add(until, t, false)
			}
			if until = t + holds; t >= int64(from) {
				b.Readings++
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	add(until, int64(to), true)
	b.Completeness = 1 - float64(missing)/float64(to-from)
	n := min(len(b.Gaps), in.Newest)
	newest := make([]GapBody, 0, n)
	for i := range n {
		newest = append(newest, b.Gaps[len(b.Gaps)-1-i])
	}
	b.Gaps = newest
	return &struct{ Body GapsBody }{b}, nil
}

// last tells whether there is a reading before a time.
func (f *face) last(ctx context.Context, series history.Series, before record.Millis) (bool, error) {
	page, err := f.page(ctx, series, before, 1)
	return len(page.T) > 0 && !math.IsNaN(page.Value[0]), err
}

// ReadingsBody is a page of readings, newest first.
type ReadingsBody struct {
	Unit  string         `json:"unit" doc:"Unit of the values; empty when unknown"`
	T     []int64        `json:"t" doc:"Time of each reading, ms since 1970 UTC"`
	Value history.Floats `json:"value" doc:"What it said; null where it is known that there is none"`
	Next  string         `json:"next,omitempty" doc:"What to ask for before, for the next page; absent on the last one"`
}

func (f *face) readings(ctx context.Context, in *struct {
	ID     record.SensorID `path:"id" doc:"Sensor" maxLength:"200"`
	Before string          `query:"before" doc:"Give what is older than this: RFC 3339, milliseconds since 1970 UTC, or like now-1d; for the next page, the next of the page before. Default: the newest"`
	Limit  int             `query:"limit" minimum:"1" maximum:"5000" default:"100" doc:"How many at most"`
}) (*struct{ Body ReadingsBody }, error) {
	series, unit, err := f.history.SensorSeries(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	before := record.MaxTime
	if in.Before != "" {
		if _, before, err = f.history.Span("0", in.Before); err != nil {
			return nil, err
		}
	}
	b, err := f.page(ctx, series, before, in.Limit)
	if err != nil {
		return nil, err
	}
	b.Unit = unit
	return &struct{ Body ReadingsBody }{b}, nil
}

// page reads backwards, in spans that become longer and longer.
func (f *face) page(ctx context.Context, series history.Series, before record.Millis, limit int) (ReadingsBody, error) {
	b := ReadingsBody{T: []int64{}, Value: history.Floats{}}
	store := f.history.Store()
	newest, err := store.Latest(ctx, nil, []history.Series{series})
	if err != nil {
		return b, err
	}
	oldest := store.Stats().Oldest
	before = min(before, newest[0].Time+1)
	for length := record.Millis(600_000); before > oldest && len(b.T) <= limit; length *= 4 {
		from := max(before-length, oldest)
		var ts []int64
		var vs []float64
		keep := limit + 1 - len(b.T)
		err := store.Scan(ctx, series, from, before-1, func(t []int64, v []float64) error {
			ts, vs = append(ts, t...), append(vs, v...)
			if n := len(ts) - keep; n > keep+4096 { // the oldest of them are of no use
				ts, vs = append(ts[:0], ts[n:]...), append(vs[:0], vs[n:]...)
			}
			return nil
		})
		if err != nil {
			return b, err
		}
		for i := len(ts) - 1; i >= 0 && len(b.T) <= limit; i-- {
			b.T, b.Value = append(b.T, ts[i]), append(b.Value, vs[i])
		}
		before = from
	}
	if len(b.T) > limit {
		b.T, b.Value = b.T[:limit], b.Value[:limit]
		b.Next = strconv.FormatInt(b.T[limit-1], 10)
	}
	return b, nil
}
