// Package appliance finds the cycles of an appliance in its power and says what it
// is going to consume (service S2).
//
// # Cycles
//
// The level between off and on is that which parts the measured powers into two
// groups whose variances within are the smallest (Otsu, 1979, over the logarithm of the
// power), unless it is given; where the groups do not differ by a factor of three it does not switch, and
// there are no cycles. It runs from the first interval above the level to the last; a pause of
// at most MaxPause is within a cycle, and what is shorter than MinRun is none. A
// cycle that reaches into time that is not known, by more than MaxPause, is cut there
// and marked; it counts for nothing but the energy that was measured.
//
// # Prediction
//
// For each hour of the week h, over the weeks w in which it is known,
//
//	P(run begins in h) = (Σ_w run begins + 1/2 · p̄) / (number of weeks known + 1/2)
//
// where p̄ is the same of all hours: of two weeks little is believed, of ten most. The
// energy of a day is the mean of days of its kind (weekday, of which the last eight are
// taken; fewer than four: all workdays or all of the weekend), with quantiles of them.
//
// Standby is the median of powers when it is off; a year of it costs
// standby · 8,760 h · price, as it is there when the appliance runs, too.
//
// # Usual or not
//
// Today is compared with the same part of the days of its kind: its energy with the
// quantiles 5 and 95 % (of fewer than eight days the smallest and largest), a cycle
// that runs now with the longest, the time since the last cycle with the longest
// pause. What is unusual is said in a sentence.
//
// Guarantees: a pure function of its input; no I/O beyond reading zones, no
// goroutines, no clock. Null is not zero: what is not known is neither on nor off. Package
// service imports it.
package appliance
