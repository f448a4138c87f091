// Package paper reads and writes models as the papers about distributed data
// analytics (FAR-EDGE, PROPHESY) print them in their tables, and as the services of
// that project take and give them: data interfaces (DI), data kinds (DK), data
// source definitions (DSD) in both their forms, manifests of sources (DSM) and
// consumers (DCM), channel descriptors (DCD), live data sets, edge gateways,
// processor definitions (APD) and orchestrator manifests (AM) with their
// processors (APM).
//
// What is read and written again says the same, with three exceptions: dataType
// is written in one way (int for integer and long, float for double, boolean for
// bool), the values of sources as text, as that project keeps them, and times in
// RFC 3339. Processors are given a name where they have none, as there the name
// may be missing.
//
// Guarantees: pure functions without I/O and clock; readers take bytes from
// anywhere and never panic.
package paper
