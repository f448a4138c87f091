// Package light enters the PIN of a meter through its optical interface: as a person
// does with a torch, by flashes of a lamp. A [Program] says for a model how long they are and what
// is between them; it is data, with where each of it is known from.
//
// Guarantees: a PIN is tried only on a meter that looks locked, at most twice in 24 hours, which
// is noted on the disk before the first flash; some meters lock the entry after wrong ones. Nothing
// holds the light long, which could delete what a meter keeps. A [PIN] never shows in a text.
package light
