// Package uplink brings the records of an edge to its centre, over a link
// that may be cut for hours.
//
// [Service] runs at the edge. It reads the edge's own records in the order in
// which they were stored, makes of them what is to be sent (all, some, or one
// record per sensor and interval), and sends it batch by batch over the
// account of the link. [Landing] runs at the centre, stores each batch on the
// central bus, and answers when it is stored.
//
// Guarantees: batches are stored in order, each once, whatever is cut, killed
// or repeated on either side; the centre keeps how far it is, atomically with
// what it is about to store, and the edge asks it. The edge keeps what is not
// stored at the centre. What is sent depends on what is stored at the edge
// alone: the same stream gives the same records, to the bit, also across
// restarts. Times of readings are never changed. One batch is under way at a
// time; a centre that is full or busy makes the edge wait.
//
// It imports record, model, bus and catalog; only app may import it.
package uplink
