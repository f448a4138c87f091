// Package survey is the data service of a field survey: participants' measurement
// devices enrol, tell of consents, send measurements and report incidents; those who
// look after the survey register households and see how they are.
//
// Guarantees: it has a listener of its own, TLS 1.3, where devices show certificates
// of the survey's authority, other sources a signed token (JWT), staff a token of
// package access. Who asks is looked up for each request, so what was revoked is
// refused at once. A device sees its own household alone: the meter of another one
// is as unknown to it as one that does not exist.
//
// A batch is confirmed when its measurements are stored on the bus and in the books;
// the same batch is answered the same and stored once. Without a consent nothing is
// taken; the refusal says what the device is to do. Bodies are bounded.
//
// Measurements become records of sensors that are called by random names, in groups
// that are households, below the hierarchies survey and survey-energy. When a consent
// is revoked the group and its sensors leave the model.
//
// Logs name devices by their identifiers, never people or places. Everything is safe
// for concurrent use; no goroutine outlives Run. It imports record, model and what is
// below it; app alone imports it.
package survey
