// Package foresight forecasts days before they begin, by itself, and keeps what it said
// beside what came of it.
//
// Not everything is forecast, but what somebody named: a setting, an energy service that
// needs it, somebody who asked, and the roots of hierarchies; the first [Most] of them in
// this order. After midnight, by the clock of each object's site and once the day before
// is settled, today and tomorrow are forecast by the model that was least wrong lately;
// tomorrow anew every six hours, with what is known by then. When a day is over and
// settled, its forecast is compared with what was measured.
//
// Guarantees: one forecast is fitted at a time in a process, and each is stored before
// the next is begun, so that whoever goes on after an end goes on there. A forecast
// never replaces one that knew more, and none is changed once it was compared. What is
// kept is bounded: 100 days of what is named. Null is not zero: what is not known is
// left out of every error.
//
// Everything is safe for concurrent use; [Keeper.Work] is for one process at a time.
// Times are ms since 1970 UTC, values in the unit of the object, of counters in that of
// how fast they rise.
package foresight
