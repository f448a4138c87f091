// Package cost says what sensors and groups cost and emit: it prices settled
// windows by the tariffs and emission factors that people have assigned to
// them.
//
// Guarantees: what costs are is a function of the settled windows, the documents
// and series as they are now and the assignments in force; it is computed again
// whenever one of them changes. What was priced already changes only when
// somebody says that it was wrong, and why; every revision stays to be seen.
// Money is exact: bills are sums of whole millionths, each line rounded once (see
// package tariff). Null is not zero: time of which nothing was measured, and
// amounts without a price, are told beside every sum.
//
// Costs up to now contain what is not settled yet, as an estimate. They are
// carried on from what was priced before (package price).
//
// The costs of whole days are kept in SQL (package contract); one process of an
// installation computes them.
//
// Times are UTC milliseconds, amounts millionths of the coherent unit, money
// millionths of the currency unit, emissions millionths of a gram. What is
// exported is safe for concurrent use unless it says otherwise.
//
// It imports record, model, catalog, window, energy, tariff, settlement and what
// is below it; app alone imports it.
package cost
