// Package settling measures what settling takes: days of readings, one a minute for
// each sensor, to windows of 15 minutes and days for all sensors and groups; then a
// day that comes late and one that is corrected, until everything above them is
// settled again. It fails when what came late is not settled in the end.
//
// A [Rig] is a bus, a catalog, a ledger and the service of package settlement,
// without clock: it is told the time.
//
// Only app and benchmarks import it.
package settling
