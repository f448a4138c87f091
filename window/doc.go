// Package window cuts time into the spans that energy is settled for: 5, 15 and
// 30 minutes, hours, days, weeks, months and years, by the calendar of a zone.
//
// The quarter hour is the atom. Quarters, and the three 5 minutes in each, are
// counted in UTC since 1970 and are the same everywhere. All larger windows
// follow the local calendar and consist of whole quarters, so that what is
// known of the quarters can be added up to any of them: an hour, a day or a
// year is the sum of its quarters, in every zone and on the days the clock
// changes too. A local day has 96 quarters, 92 or 100 when the clock changes
// by an hour, 94 or 98 when it changes by half of one.
//
// For every size and zone the windows neither overlap nor leave a hole:
//
//   - Half hours and hours are those of the clock on the wall. An hour that is
//     repeated is two windows, one that is skipped is none. Where the clock changes
//     within one (Australia/Lord_Howe, by half an hour), it ends there and another
//     begins.
//   - A day begins when its date does, which is not always at midnight, and
//     for the last time if the clock is put back over midnight. A day that
//     was left out (Pacific/Apia, 30 December 2011) is no window.
//   - Weeks are those of ISO 8601, from Monday.
//   - Since 1972 midnight, and every full and half hour, begins a quarter in
//     every zone, as all offsets are multiples of 15 minutes; a few clocks changed at
//     one minute past midnight until 2011 (America/St_Johns). A bound that falls
//     within a quarter is moved to the quarter's end.
//
// Guarantees: pure values, no I/O beyond reading the zone in [Load], no
// goroutines, no clock. Everything is safe for concurrent use. Times are UTC
// milliseconds; they are right from 1970 to 2100, and for as long as the zone's
// rules stay what the program knows of them. Every package may import window; it
// imports record.
package window
