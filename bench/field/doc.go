// Package field measures how many devices of a field survey one machine can serve:
// devices that were registered, consented and enrolled send what they measured in an
// hour, each with a certificate of its own and over a connection of its own, by mutual
// TLS. What is answered is on the disk, on the bus and in the books; what is stored is
// counted in the end, and a lost or double slot is an error.
//
// Only app imports it.
package field
