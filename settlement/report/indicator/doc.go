// Package indicator computes energy performance indicators: energy for a unit
// of production, and the energy that is to be expected of a production by a
// line fitted to a baseline, as
//
//	energy = base + slope · production [+ heating · degree days]
//
// The notions are those of ISO 50006 (baselines, indicators, relevant
// variables, normalisation) and ISO 50015 (measurement and verification):
// ratio and statistical model are two of its kinds of indicators. The line is
// that of ordinary least squares; docs/reports.md has the formulas.
//
// Guarantees: pure values, no I/O, no goroutines, no clock; safe for concurrent
// use. A step of which something is not known is left out on both sides, and
// counted. What does not follow from the data is null, and says why: a line
// through constant production, or through fewer steps than it needs, is none.
// Energies and productions are in the units that are handed in.
//
// It imports nothing of this project. Every package may import it.
package indicator
