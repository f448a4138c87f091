// Package formula computes the values of virtual sensors: expressions over
// sensors and groups, as group("it") / group("plant") or
// sensor("grid") - sensor("solar").
//
// [Parse] reads a text, [Expr.Check] holds it to what its operands measure and
// to what it is said to give, and the [Formula] that comes of it is evaluated
// in two readings: [Formula.Eval] at a moment, [Formula.Settle] over a window.
//
// Guarantees: pure values; no I/O, no goroutines, no clock. Texts come from
// anybody: their length, depth and number of operands are bounded, there are no
// loops, and evaluating takes time in proportion to the length. The same
// formula gives the same bits for the same values on every machine. What is
// unknown stays unknown: null in, null out, except by coalesce; a division by
// zero is null. Expr and Formula never change and are safe for concurrent use.
// Values are in coherent units, amounts in millionths of them. Errors are
// sentences that name the character, counted from 1, and the part concerned.
//
// It imports record and energy and nothing else of this project.
package formula
