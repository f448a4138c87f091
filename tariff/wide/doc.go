// Package wide calculates with whole numbers of 128 bits: sums of products of
// amounts and prices, which are rounded once, when they are divided.
//
// Guarantees: pure values; every operation is exact or says that its result does
// not fit, none wraps. It imports nothing of this project.
package wide
