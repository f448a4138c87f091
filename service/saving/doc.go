// Package saving says what a measure saved, and what measures are going to save
// (service S6), by the energy of a whole building: option C of the IPMVP.
//
// # Model
//
// Energy of days, in kWh, over the baseline period, by least squares:
//
//	E = b0 + b1·max(0, Th − T) + b2·max(0, T − Tc) + b3·(weekend or holiday)
//
// T is the mean outdoor temperature of the day; the change points Th from 8 to 22 °C and Tc
// from Th to 28 °C are those that fit best. Models without some of the terms are tried too, and the
// one with the smallest criterion of Schwarz, n·ln(SSE/n) + k·ln(n), is taken, where
// k counts change points. Without temperature there is the calendar alone.
//
// How good it is, over n days and p parameters:
//
//	CV(RMSE) = sqrt(Σ(E − Ê)² / (n − p)) / mean E        NMBE = Σ(E − Ê) / ((n − p)·mean E)        R²
//
// within the baseline, and again for days that the model was not fitted to: weeks in turn are
// left out. NMBE is 0 by construction within; that of days left out counts.
// ASHRAE Guideline 14-2014 allows CV(RMSE) of 15 % and NMBE of 5 % with
// data of months, and 30 % and 10 % with data of hours, and says nothing of days: the limits of
// hours are taken for days, unless others are given. R² is shown (0.75 is usually asked for), and refuses
// nothing. A model beyond the limits, or of fewer than 60 days, is refused with its numbers.
//
// # Saving
//
// With m days since the measure that are known, saving = Σ(Ê − E). Its uncertainty at 90 % is that
// of Guideline 14 for days that resemble the day before:
//
//	U = 1.26 · t · CV(RMSE) · Σ Ê · sqrt( (n/n') · (1 + 2/n') / m )        n' = n·(1 − ρ)/(1 + ρ)
//
// where ρ is the correlation of errors of one day and the next, and t the quantile of
// Student's distribution. A saving smaller than U is none that can be told from chance.
// Days that are hotter or colder than any of the baseline are counted and told.
//
// # Next year
//
// The baseline model at the temperatures of the last 365 days (nine tenths of which have to be known) says what a year
// takes without the measure; saved part and uncertainty are carried over.
//
// # Measures
//
// By the load profile. standby: a night's base is the quantile 10 % of its power,
// saved is what is above Keep, for the hours of the night; share: a part of what is
// used in the hours. Both by days that are known, with quantiles of them.
//
// Guarantees: a pure function of its input; no I/O beyond reading zones, no
// goroutines, no clock. Days of which some hour is missing are left out and counted.
// Package service imports it.
package saving
