// Package anomaly finds values that cannot be right, and those that are not usual.
//
// A [Detector] follows one series. What is usual it takes from the same hour of the
// week in the last eight weeks (the median), moved by how far the last day was above
// that; how far away is unusual it takes from how far values were at that hour. The
// limit is set so that there is at most one false alarm a week. Values that are not
// believed are not learnt, unless they stay for a week.
//
// Beside that there are rules, which need no statistics: more than the fuse lets
// through, less than half of the base load, one value for six intervals and longer than
// ever in the last weeks (but for 0, which a load that is off shows as long as it
// likes). [Meter] sees counters that go backwards, and [Parts] parts that are more than their
// whole.
//
// A [Base] follows what the quietest quarter of each day takes, and adds up by how much
// that is off (CUSUM): what is a little too much for days.
//
// In homes the statistics of single hours find next to nothing, as an hour may be
// anything; the limit is higher there, and the rules and the base remain.
//
// Guarantees: pure values, no I/O, no goroutines, no clock. A verdict depends on the values
// before it alone. Values are given in the order of time; null (NaN) is not zero, and not
// judged. Memory is bounded: eight weeks of values, three times.
package anomaly
