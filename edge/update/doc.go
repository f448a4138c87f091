// Package update gets updates of the program of a measurement device: it asks the survey which
// releases there are, by The Update Framework (TUF), fetches one that is for this device into the idle bank
// (edge/bank), has it tried, and judges whether it does what the one before did.
//
// Guarantees: nothing is started that was not signed by the keys that the device was given,
// in the latest state that it knows of; nothing older than what it has seen is taken (rollback), nothing that has
// expired (freeze), nothing that does not belong together (mix and match), no more bytes than were signed (endless
// data), nothing for another platform, and no earlier version unless that is what was signed for. A program on trial
// that does not reach the survey or measure the meters that were measured before ends itself, and
// the one before is started. Answers are bounded. What is fetched is gone on with after a cut.
//
// An [Updater] is used by one goroutine; its Status may be called at the same time. The client of TUF, go-tuf, stays
// inside this package and survey/update. It imports edge/bank and survey/release.
package update
