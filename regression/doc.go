// Package regression fits linear models and measures how wrong they are: ridge
// regression by Cholesky's decomposition, and statistics that a few wild values
// do not move.
//
// NaN stands for what is not known. A row with an unknown value is not fitted,
// and a pair with one is not compared; of nothing known the answer is NaN, never
// 0. The result of [Gram] does not depend on how rows are grouped, but for
// rounding.
//
// Guarantees: pure values, no I/O, no goroutines, no clock; the same input gives the
// same output to the bit. Nothing that is passed in is changed. It imports nothing
// of the program, and every package may import it.
package regression
