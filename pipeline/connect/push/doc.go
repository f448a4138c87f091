// Package push has the sources that are sent their values by HTTP, and the
// handler that takes them.
//
// A request is answered with 2xx only when all that could be read of it is
// stored; what could not be read is stored as bad, too, and counted in the
// answer. Bodies are at most 8 MiB, unpacked as well, and 64 MiB of them are
// worked on at a time. The same Idempotency-Key of a source is one message.
// [Doors] may be used at the same time. Who may send is not its business.
package push
