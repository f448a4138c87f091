// Package registry knows which microservices there are, in which versions, and how
// their instances are.
//
// A [Snapshot] never changes: [Snapshot.Apply] gives the next one. Its epoch rises
// with everything that discovery can see: templates, instances, and their states; it
// does not when a check only confirms what is known.
//
// An instance that fails three checks in a row is taken for what they say, and one
// that passes two in a row for healthy again: of whether it lives, is ready, and has
// fresh data, each for itself. Data are fresh up to three intervals. What has not
// been checked is down; the first check decides at once. Whoever is quarantined stays
// it until it is released.
//
// Of several versions the highest healthy minor one of the asked major, and of it the
// highest patch, is picked; another major never.
//
// Guarantees: no I/O, no goroutines, no clock: times come with the changes, in ms
// since 1970 UTC. The same changes give the same snapshots. Logs of health are
// bounded. Snapshots may be used by everybody at once.
package registry
