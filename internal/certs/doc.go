// Package certs makes the certificates of the link between an edge and its
// centre: an authority of their own, a certificate for the centre's listener,
// and one for each edge.
//
// Guarantees: files that exist are never written over; keys can be read by
// their owner alone (0600); an edge's certificate cannot be used by a server,
// nor a server's by an edge. It knows nothing of the rest of the program.
package certs
