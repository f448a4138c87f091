package estimation

import "github.com/wattwerk/wattwerk/forecast/dayahead"

// Of is a forecast of package dayahead, of amounts in Wh, to be handed over as that of the load or
// the generation. Without bounds the band is the value alone.
func Of(f dayahead.Forecast) *EstimationForecast {
	out := &EstimationForecast{Method: string(f.Kind), Start: f.Start, Step: f.Step}
	for i, v := range f.Values {
		b := EstimationBand{Low: v, Mean: v, High: v}
		if f.Lower != nil {
			b.Low, b.High = f.Lower[i], f.Upper[i]
		}
		out.Values = append(out.Values, b)
	}
	return out
}
