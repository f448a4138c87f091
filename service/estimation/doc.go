// Package estimation says what a home or a building is going to take and to make
// on a day, and what of it it uses itself (service S1).
//
// # Load
//
// The day is divided into the steps of the load, by the clock on the wall. Four
// models say what a step takes, from the days before:
//
//	mean        the mean of the 7 days before
//	weekday     the mean of the same day of the week in the 4 weeks before
//	profile     the mean of the 28 days before that are workdays (or not), as the day is,
//	            times the level of the last 7 days to that of the 28
//	blend       the mean of mean and profile
//
// Each is tried on up to 14 days before, with nothing but what was known before each of
// them; the one with the smallest sum of absolute errors says the day. Whoever has a
// larger model hands its forecast over, and it is used instead: package service/feed does,
// where package forecast/dayahead has forecast the day. Of a forecast by hours each step
// takes the share of its hour that the model here gives it.
//
// # Generation
//
// With irradiance of the past and of the day, each step makes
//
//	G = I(day) · Σ generation / Σ irradiance        over 30 days, at the same time of day
//
// Without, it is the mean of 7 or of 3 days, or that of the day before, chosen as for the load; without a meter, but with
// capacity and irradiance, capacity · I / (1000 W/m²) · 0.8. What was done
// stands among the reasons.
//
// # Bands, own use
//
// Errors of the days tried are kept as they were, load and generation of one day
// together. The band of a step is between quantiles of the errors at it and
// the two next to it, that of the day between quantiles of the sums. What is used in
// the home is the mean over those days d
//
//	own use = mean_d min(L + e_L(d), G + e_G(d))
//
// which is less than min(L, G), as sun and kettle do not meet. Autarky is own use / load,
// self-use own use / generation.
//
// Guarantees: a pure function of its input; no I/O beyond reading zones, no
// goroutines, no clock. Null is not zero: what is not known is left out of every
// mean. Package service imports it.
package estimation
