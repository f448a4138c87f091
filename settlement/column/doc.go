// Package column has the columns in which answers about settled windows are
// written down in JSON: amounts with every digit, numbers of which NaN is null,
// and qualities as words.
//
// The types are slices; their methods do not change them. It imports energy;
// packages of settlement import it.
package column
