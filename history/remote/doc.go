// Package remote keeps the history in a database that speaks Prometheus remote
// write and PromQL: VictoriaMetrics, one node or a cluster, one or several
// copies of it. It implements [history.Store].
//
// Guarantees: what Append took is seen by every read of the same store at
// once, and of other stores when the database shows it, mostly after a second.
// Flush returns nil only when every sample was read back from every replica,
// and the replica then wrote what it had to its disk. Until then the store holds the
// samples itself and writes again what a replica lost. Memory is bounded:
// Append refuses with [history.ErrAway] while too much is held.
//
// The first value stays, because what may be there already is looked up before
// it is written. Several stores may write to one database, each its own
// series; when two write the same series at the same time they must read the
// same stream, so that they come to the same decisions. When a
// store begins to write series, [Store.Forget] has it look again.
//
// The database rounds values to 12 significant digits at least; two values
// that agree to 9 are the same.
//
// It is safe for concurrent use. It imports history and record; only app
// imports it.
package remote
