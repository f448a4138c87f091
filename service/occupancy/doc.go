// Package occupancy finds energy that is used while nobody is there, and proposes
// schedules (service S5).
//
// # Who is there
//
// In every interval of the loads, a room is occupied when a source says so, empty when all
// sources say that nobody is there, and else unknown. A count says so by half a
// person or more, a movement by any, from then on for Hold; nobody has moved when a
// movement sensor was heard of for all of Hold, and saw none. A gap is unknown, never empty.
//
// # Waste
//
// What is taken while the room is empty above the level that is always there,
//
//	waste = Σ max(0, E − base)       base: the quantile 10 % of E while empty
//
// is waste, but for lead time: heating, ventilation and air conditioning are needed from
// Lead before somebody comes, and nothing is wasted in it, nor before time that is unknown.
// The base is not waste here: a schedule does not change it.
//
// # Schedule
//
// For each day of the week, over the days of which four fifths are known:
//
//	start = quantile 10 % of first arrivals − Lead       stop = quantile 90 % of last departures + Trail
//
// rounded outwards to the step. A day of the week on which nobody came on four of five
// such days is off. Covered is the part of the occupied time that the schedule holds.
//
// # Saving
//
// What is wasted outside of the schedule, by week: W_w. Of the days that are known by half, scaled to
// the week; of heating and cooling a part (Rebound) comes back when
// the room is brought to its temperature again, and is taken off.
//
//	saving of a year = 52.18 · mean W_w · (1 − Rebound), between quantiles of W_w
//
// A lower temperature in winter or another use of the room changes it; the band
// knows of what was seen alone.
//
// Guarantees: a pure function of its input; no I/O beyond reading zones, no
// goroutines, no clock. Null is not zero. Package service imports it.
package occupancy
