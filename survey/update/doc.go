// Package update keeps the releases of the program that the measurement devices of a
// survey take, as a repository of The Update Framework (TUF 1.0, consistent snapshots): root and targets are
// signed by keys that are kept away from the service, snapshot and timestamp by keys that it has.
//
// Guarantees: who has the service, and all of its keys, can withhold releases for
// as long as the snapshot lasts that is signed, and no longer without being noticed; they cannot make one. Files are
// whole and on the disk before what names them is; a change that is cut is as if it had not begun.
// Changes take a lock, so commands and the service may work at the same time.
//
// A [Repository] is safe for concurrent use, also by several processes of one machine. The client of TUF, go-tuf, stays inside this
// package and edge/update. It imports survey/release.
package update
