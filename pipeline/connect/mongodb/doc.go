// Package mongodb has the sinks that are collections of MongoDB, or of a server
// that speaks its protocol.
//
// A result is a document, known by its manifest, processor, key and time; written
// again it replaces itself. Write returns when a majority of the servers has it.
package mongodb
