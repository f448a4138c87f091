// Package catalog is the model as every service sees it: a live copy that is
// followed over the bus, and the one place that knows how revisions are kept.
//
// Guarantees: revisions are the positions of the stream MODEL, every catalog
// sees all of them in the same order, and each with the same effective time.
// A revision is effective at least a second after it was stored, so that every
// catalog has it before any clock reaches it; [Catalog.Known] says up to when
// that is certain. A revision that was committed is stored (see bus). Everything
// is safe for concurrent use. Times are UTC.
//
// It imports record, model and bus; services import it.
package catalog
