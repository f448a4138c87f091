// Package settlement keeps settled windows: energies, averages and extremes of
// every sensor and every group per quarter of an hour and per day, computed
// from the raw readings, in SQL.
//
// Guarantees: a settled window is what the readings that are stored, the
// corrections in force and the model say, whatever came when and however
// often: everything is computed again when a late reading, a correction or a
// change of the model touches it. Amounts are integers, rounded once for each
// sensor and quarter; every longer window and every group is a sum of those,
// exactly. Settling twice changes nothing. Null is not zero: what is not known
// has no amount, and how much of a window is covered by readings stands beside
// every amount.
//
// Virtual sensors are settled from the windows of what their formulas use, in
// order with the groups they are in and use. A virtual sensor whose formula
// gives nothing that adds up, as a ratio, is computed anew for every window
// from what its operands are in that window.
//
// ledger.Marks are told by the history what it has stored; [Service] settles what
// has passed and what is marked, and answers questions. One process of an
// installation settles at a time.
//
// Times are UTC milliseconds, amounts millionths of the coherent unit. What is
// exported is safe for concurrent use unless it says otherwise.
//
// It imports record, formula, model, catalog, window and energy; no other service may
// import it.
package settlement
