// Package fleet knows which processes of one installation live, and shares
// numbered pieces of work among them: partitions, combiners, anything that
// one process at a time should do.
//
// Every process puts a heartbeat into a bucket on the bus, and claims pieces
// in the same bucket by compare-and-swap. There is no coordinator: all follow
// the bucket, and each works out the same even shares from it. A process is
// taken for dead when [Beats] heartbeats of the observer itself have come back
// through the bucket since its last one, so a bus that stands still for a
// moment makes nobody dead.
//
// Guarantees: while the bus works and nobody comes or goes, every piece is
// held by exactly one process and the shares differ by at most one piece. A
// piece of a process that was killed is taken over after about [DefaultTTL];
// one that is given up by plan as soon as its work has ended. For a moment two
// processes may work on a piece, for instance when one was cut off: what they
// do must be harmless when done twice. When the bus forgets the bucket, which
// is in memory only, holders claim again what they work on.
//
// Everything is safe for concurrent use. It imports only bus, and uses the
// clock for nothing but the rhythm of its own heartbeats.
package fleet
