// Package faredge answers as the services of the FAR-EDGE project do: its model
// repository, device registry, edge analytics engine, open API and registry of
// consumers, all below /far-edge/api, with the same paths, bodies and codes. So
// what was made for those goes on with Wattwerk. docs/far-edge.md says what is
// the same, what is not, and why.
//
// It keeps nothing itself: models are those of package repository, and what runs
// is asked of a [Runtime] that it is handed. A [Service] does not change and is
// safe for concurrent use. Bodies are at most 100 KB.
package faredge
