// Package household holds the words of a survey: who takes part, in which
// household, with which meters, PV systems and measurement devices, what is
// measured, and what devices and the data service say to one another.
//
// Guarantees: pure values; what is taken from outside is checked by Validate, which
// says in a sentence what is wrong. A measurement keeps what the meter said: a whole
// number, a power of ten, a unit, the status, under the OBIS code in hexadecimal, in
// a quarter of an hour of the clock in UTC. Identifiers are random UUIDs and mean
// nothing.
//
// It imports record, survey/anonymise and survey/consent.
package household
