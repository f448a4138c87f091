// Package noise spoils what goes over a line, as cheap optical heads and long cables do: bytes are
// lost, bits are flipped, and now and then a burst takes many bytes.
//
// Guarantees: the same seed spoils the same bytes, however they are cut into pieces. A [Noise] is
// for one goroutine.
//
// Only simulated meters, app and tests import it.
package noise
