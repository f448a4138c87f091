// Package registry is the writer of the model: REST routes to read and change
// sites, sensors, groups and hierarchies, revisions with who and when, undo,
// and the sensors that were seen and stand in no model yet.
//
// Guarantees: every change is one revision, stored before it is answered;
// two registries cannot overwrite one another's changes; a change that names
// the revision it was made for (If-Match) is refused with 412 when the model
// has moved on. Bodies are bounded. Safe for concurrent use.
//
// It imports record, model, bus and catalog; only app imports it.
package registry
