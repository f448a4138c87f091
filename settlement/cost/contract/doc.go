// Package contract is the SQL database of what things cost: tariffs and emission
// factors with all their revisions, series of prices, and assignments, which
// say what prices which sensor or group from which day on; and of the costs of
// days that were computed by them.
//
// Guarantees: nothing that was said is lost. A change of a document is a new
// revision, an assignment can be undone and stays to be seen, and a price that
// was replaced stays with the number of what replaced it. Every change is made
// for a number of [Store.Changes] that was seen, and refused when it is another
// by then; what a call has stored is on the disk when it returns.
//
// Decisions are in the books, costs among the settled windows (package ledger):
// they can be computed again.
//
// Times are UTC milliseconds, days are those of a document's zone, prices
// millionths of a thousandth (10^-9). Everything is safe for concurrent use. It
// imports record, tariff, window and settlement/ledger; settlement/cost
// imports it.
package contract
