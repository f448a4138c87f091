// Package forecasting measures how right forecasts are, on measured data that the
// program brings along (internal/replay): days ahead, whose bounds are counted too,
// gaps that are filled with and without a counter, events and a base load that are
// put into series to be found, and the CPU time of all that. Next to the errors stand
// those that were measured elsewhere, where the series is the same.
//
// All but the CPU times are the same in every run.
//
// Only app imports it.
package forecasting
