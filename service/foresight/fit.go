package foresight

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"

	"github.com/wattwerk/wattwerk/forecast/dayahead"
	"github.com/wattwerk/wattwerk/object"
	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/service/book"
	"github.com/wattwerk/wattwerk/service/stand"
	"github.com/wattwerk/wattwerk/window"
)

// over is how much history a forecast is of.
const over = 400 * day

// silent says why nothing can be said of an object.
type silent struct{ error }

// isSilent tells whether an error says that nothing can be said.
func isSilent(err error) bool {
	var s silent
	return errors.As(err, &s)
}

// fitted is a model, and what it was made from.
type fitted struct {
	*dayahead.Model
	from  record.Millis // begin of the history
	hours int           // of it that were known
}

// Hours gives the hours of an object that are settled, from the first that is known.
func Hours(ctx context.Context, h stand.History, id object.ID, from, to record.Millis) (record.Millis, []float64, error) {
	settled, err := h.Settled(ctx)
	if err != nil {
		return 0, nil, err
	}
	from -= from % stand.Hour
	to = min(to, settled)
	to -= to % stand.Hour
	if to <= from {
		return from, nil, nil
	}
	all, err := h.Means(ctx, id, from, to)
	if err != nil {
		return 0, nil, err
	}
	values := stand.Hours(all)
	for len(values) > 0 && math.IsNaN(values[0]) {
		values, from = values[1:], from+stand.Hour
	}
	return from, values, nil
}

// fit chooses a model on what was known before a time, one at a time in this process.
func (k *Keeper) fit(ctx context.Context, id object.ID, c window.Calendar, now, until record.Millis) (*fitted, error) {
	from, values, err := Hours(ctx, k.o.History, id, now-over, min(now, until))
	if err != nil {
		return nil, err
	}
	select {
	case k.fitting <- struct{}{}:
		defer func() { <-k.fitting }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	model, err := dayahead.Choose(dayahead.Series{Start: from, Step: int64(stand.Hour), Values: values}, c)
	if err != nil {
		return nil, silent{err}
	}
	f := &fitted{Model: model, from: from}
	for _, v := range values {
		if v == v {
			f.hours++
		}
	}
	return f, nil
}

// kept is what is stored of a forecast.
type kept struct {
	Start  record.Millis   `json:"start"`
	Step   int64           `json:"step"`
	Values []*number       `json:"values"`
	Lower  []*number       `json:"lower,omitempty"`
	Upper  []*number       `json:"upper,omitempty"`
	Scores []ForecastScore `json:"scores"`
	From   record.Millis   `json:"from"`  // of the history
	Hours  int             `json:"hours"` // of it that were known
}

// number is written with six digits, which is more than any forecast is right by.
type number float64

// MarshalJSON writes it.
func (n *number) MarshalJSON() ([]byte, error) {
	return strconv.AppendFloat(nil, float64(*n), 'g', 6, 64), nil
}

func numbers(values []float64) []*number {
	out := make([]*number, len(values))
	for i, v := range values {
		if x := record.Finite(v); x != nil {
			out[i] = new(number(*x))
		}
	}
	return out
}

func floats(values []*number) []float64 {
	if values == nil {
		return nil
	}
	out := make([]float64, len(values))
	for i, v := range values {
		out[i] = math.NaN()
		if v != nil {
			out[i] = float64(*v)
		}
	}
	return out
}

// row is a day as it is stored.
func (f *fitted) row(id object.ID, zone, because string, span window.Span, now record.Millis) (book.Forecast, error) {
	d, err := f.Day(span.From)
	if err != nil {
		return book.Forecast{}, silent{err}
	}
	doc := kept{Start: d.Start, Step: d.Step, Values: numbers(d.Values), Scores: []ForecastScore{}, From: f.from, Hours: f.hours}
	if d.Lower != nil {
		doc.Lower, doc.Upper = numbers(d.Lower), numbers(d.Upper)
	}
	for _, x := range f.Scores() {
		if record.Finite(x.MAE+x.WAPE+x.MASE) != nil {
			doc.Scores = append(doc.Scores, ForecastScore{string(x.Kind), x.MAE, x.WAPE, x.MASE})
		}
	}
	row := book.Forecast{
		Object: string(id), Day: span.From, Ends: span.To, Zone: zone, Made: now, Known: d.Issued, Ahead: int64(d.Ahead), Model: string(d.Kind), Because: because,
	}
	if s, ok := f.Score(); ok {
		row.Expected = record.Finite(s.MAE)
	}
	text, err := json.Marshal(doc)
	row.Doc = string(text)
	return row, err
}

// read reads what is stored.
func read(row *book.Forecast) (*kept, error) {
	doc := new(kept)
	if err := json.Unmarshal([]byte(row.Doc), doc); err != nil {
		return nil, fmt.Errorf("read forecast of %q: %w", row.Object, err)
	}
	n := len(doc.Values)
	if doc.Step <= 0 || n == 0 || n > 1000 || doc.Lower != nil && (len(doc.Lower) != n || len(doc.Upper) != n) {
		return nil, fmt.Errorf("read forecast of %q: %d values of %d ms are no day", row.Object, n, doc.Step)
	}
	return doc, nil
}

// wrong is as which share of the values a model was wrong on days before.
func (d *kept) wrong(model string) *float64 {
	for _, s := range d.Scores {
		if s.Model == model {
			return record.Finite(s.WAPE)
		}
	}
	return nil
}

// forecast is what is stored in the words of forecasts.
func (d *kept) forecast(row *book.Forecast, span window.Span) *dayahead.Forecast {
	return &dayahead.Forecast{
		Kind: dayahead.Kind(row.Model), Issued: row.Known, Ahead: int(row.Ahead), Day: span, Start: d.Start, Step: d.Step,
		Values: floats(d.Values), Lower: floats(d.Lower), Upper: floats(d.Upper),
	}
}

// compare notes how far what was said is from what was measured.
func (d *kept) compare(row *book.Forecast, measured []float64) {
	var wrong, size float64
	row.Compared, row.Inside = 0, 0
	for i, v := range measured {
		if v != v || i >= len(d.Values) || d.Values[i] == nil {
			continue
		}
		row.Compared++
		n := float64(row.Compared)
		wrong += (math.Abs(float64(*d.Values[i])-v) - wrong) / n
		size += (math.Abs(v) - size) / n
		if d.Lower != nil && d.Lower[i] != nil && d.Upper[i] != nil && v >= float64(*d.Lower[i]) && v <= float64(*d.Upper[i]) {
			row.Inside++
		}
	}
	row.Seen, row.Size = nil, nil
	if row.Compared > 0 {
		row.Seen, row.Size = record.Finite(wrong), record.Finite(size)
	}
}
