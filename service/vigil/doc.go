// Package vigil watches what objects measure for what cannot be right, and for what is
// not usual, and keeps what it finds.
//
// Every hour that is settled is shown to a detector of package forecast/anomaly, one
// for each object: first of what is forecast by itself, then of groups, then of sensors,
// up to [Most]. Detectors learn from the 60 days before; after that each hour costs four
// settled quarters to read and a few comparisons. Besides, groups with a meter of their
// own are compared with the sum of their other members, and counters are looked at as
// they count: one that shows less than before was reset, or exchanged.
//
// What is settled anew, because readings came late, were imported or corrected, or as
// older time is settled after newer, is judged anew: everything that was looked at is
// read again in turn, and from the first day on that is not what it was anomalies are
// added and taken back, within the last seven days.
//
// What is found is told of from when it was looked first, seven days back; a restart
// finds nothing twice. What may go on lasts; it ends three hours after its last value.
//
// Guarantees: work is bounded, by objects and by what is read between two times that
// something is stored; an end loses none of what was stored. What is not known is not
// judged. A value is never changed: it is only said what is thought of it.
//
// A [Watcher]'s Work is for one goroutine of one process at a time; everything else is
// safe for concurrent use. Times are ms since 1970 UTC, values as in package foresight.
package vigil
