// Package replay has measured data for tests and benchmarks: what homes, two
// buildings, a household and a steel works took, at a steady interval.
// data/README.md says where it is from and under which licence.
//
// It gives the same values each time, as copies that belong to whoever asks. The
// clocks of the data never change. It panics if the program was built with
// other files than its own.
package replay
