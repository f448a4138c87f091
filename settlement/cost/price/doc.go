// Package price prices settled windows by what people have assigned: the book of
// documents, series and assignments as it is now, the stretches of time in which
// each assignment holds, and bills, windows and running periods of them.
//
// Guarantees: what it gives is a function of settled windows and of the book, which
// it only reads. Costs up to now are carried on from what was priced before; what
// is not settled yet is in them as an estimate. Null is not zero: time of which
// nothing was measured, and amounts without a price, are told beside every sum.
//
// Times are UTC milliseconds, amounts millionths of the coherent unit, money
// millionths of the currency unit, emissions millionths of a gram. At most two
// requests price at the same time; others wait. What is exported is safe for
// concurrent use unless it says otherwise.
//
// It imports record, model, catalog, window, energy, tariff, settlement, its tree and
// ledger, and settlement/cost/contract; settlement/cost and app import it.
package price
