// Package manifest has the digital models of analytics that are declared, not
// programmed: interfaces, kinds, definitions and manifests of data sources,
// consumers and their channels, edge gateways, definitions of processors, and
// the manifest that joins processors to a graph. After "Configurable Distributed
// Data Analytics Infrastructure for the Industrial Internet of Things", tables 1
// to 7; package manifest/paper reads and writes their JSON.
//
// [Check] holds a manifest against what it refers to, and gives the graph that
// is run. The package has no I/O, no goroutines and no clock. Its values are
// plain documents; none is changed once it was handed on.
package manifest
