// Package trial says what would be settled if there were other readings: the
// totals of a sensor before and after an import that has not been made yet.
//
// Guarantees: nothing is stored. What it says of the time after is what is settled
// when the readings have been stored, to the last digit, unless something else
// changes meanwhile; it goes by the same readings, decisions and rules. Windows that
// are not settled yet are not counted. Everything is safe for concurrent use.
//
// It imports record, model, window, energy and what is below settlement; app alone
// imports it.
package trial
