// Package report makes reports of settled windows: what a group or a sensor
// used in a day, a week, a month or a year of its site's calendar, compared
// with the period before and a year ago, member by member, part by part, with
// its peak, with what people decided about its readings, and with indicators
// of energy performance.
//
// Guarantees: a report is a function of what is settled, the books and the
// trees that were in force when its period began; a change of the model's names
// or of its tree of today does not change the figures of an earlier period.
// Beside every amount stand its completeness, the part of it that is estimated
// and the part of the time that was not simply measured. Null is not zero:
// what is not known, or cannot be compared, is null, and says why. Amounts are
// whole millionths of the coherent unit (W·h) and add up: members, what is
// beside them and what is unaccounted are the total, where readings speak of all
// of the period; else unaccounted is of the part that can be compared.
//
// A [Builder] is safe for concurrent use; a [Report] is a value. Work is
// bounded by [MostMembers] and by the windows of a year. Nothing is written,
// except by who keeps a report; the only clock is the one that is handed in.
//
// It imports record, model, window, energy, settlement/ledger and
// settlement/report/indicator; settlement/report/form writes reports down,
// settlement/report/desk makes and keeps them.
package report
