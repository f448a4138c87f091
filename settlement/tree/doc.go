// Package tree sums settled windows up: by the tree of a hierarchy that was in
// force ([Tree.Evaluate]), over longer windows ([Merge], [Outline.Longer]) and
// shorter ones ([Outline.Fine]), and in the order in which groups and virtual
// sensors follow from one another ([Outline]).
//
// Guarantees: amounts are integers, so sums are exact in any grouping. A tree
// holds for the quarter hours that begin at or after its Since, until the next
// one of its hierarchy does. Formulas are those of the model of now, for all the
// past, as are all other rules of sensors. A virtual sensor that would depend
// on itself by a tree of the past has no values while that tree holds.
//
// Everything but [Load] and [Keep] is pure. A Tree does not change and is safe
// for concurrent use; a Past is owned by one goroutine, or not changed any
// more. It imports record, formula, energy, window, model and settlement/ledger;
// packages of settlement import it.
package tree
