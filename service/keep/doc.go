// Package keep carries energy services out, and keeps what came of them until
// something that it was made of is otherwise.
//
// A result is kept with all that it depends on: the services, microservices and
// objects there are (their epoch), what was asked for (the key), of which objects
// settled quarters were read, and whether prices were. Whether any of these changed
// since is asked of [Revisions] for every request; what is late or corrected is in
// the next answer once its quarters are settled again. A result for which something
// stood in for what was missing is not kept; one for which something might have,
// only until an object changes its state.
//
// Of many that ask for the same at once one computes, and all are answered. When the
// source cannot be read, what was kept is given, and marked as stale.
//
// Guarantees: memory is bounded, in results and in the size of each. A result is
// written as JSON once. Everything is safe for concurrent use. Times are ms since
// 1970 UTC.
package keep
